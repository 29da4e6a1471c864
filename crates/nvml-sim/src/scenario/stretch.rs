//! What holds for a stretch of time, or happens at a moment.

use crate::clock::ns_from_s;
use crate::json::{Object, Range};
use crate::throttle::{REASONS, Throttle};

pub const LARGEST_MIB: u64 = 1 << 30;

/// From `from_ns` up to and without `to_ns`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch {
    /// Start in nanoseconds since t = 0.
    pub from_ns: i64,
    /// End in nanoseconds since t = 0.
    pub to_ns: i64,
}

impl Stretch {
    /// Whether `t_ns` is in it.
    pub fn holds(&self, t_ns: i64) -> bool {
        (self.from_ns..self.to_ns).contains(&t_ns)
    }
}

/// Used memory from `from_ns` up to and without `to_ns`.
#[derive(Debug, Clone, Copy)]
pub struct MemoryStretch {
    /// Start in nanoseconds since t = 0.
    pub from_ns: i64,
    /// End in nanoseconds since t = 0.
    pub to_ns: i64,
    /// Used memory in MiB.
    pub used_mib: u64,
}

/// An error that the driver reports of a device, by its number in NVIDIA's list of Xid errors.
#[derive(Debug, Clone, Copy)]
pub struct Xid {
    /// In nanoseconds since t = 0.
    pub at_ns: i64,
    /// E.g. 79: the GPU has fallen off the bus.
    pub xid: u64,
}

/// A compute process on a device, from `from_ns` up to and without `to_ns`.
#[derive(Debug, Clone, Copy)]
pub struct Process {
    /// Start in nanoseconds since t = 0.
    pub from_ns: i64,
    /// End in nanoseconds since t = 0.
    pub to_ns: i64,
    /// Process id.
    pub pid: u32,
    /// Its GPU memory in MiB.
    pub used_mib: u64,
    /// The MIG instance that it runs on, by its place in the list; `None` is the whole GPU.
    pub mig_instance: Option<usize>,
}

/// `from_s` and `to_s` in nanoseconds: from the start and for ever, unless they say otherwise.
pub fn read_bounds(object: &mut Object) -> Stretch {
    let from_s = object.number("from_s", 0.0, Range::Any);
    let to_s = object.number("to_s", f64::MAX, Range::Any);
    if to_s <= from_s {
        object.refuse("to_s", "must be later than from_s");
    }
    Stretch { from_ns: ns_from_s(from_s), to_ns: ns_from_s(to_s) }
}

/// Stretches that say nothing else, in the order of the file.
pub fn read_stretches<'a>(object: &mut Object<'a>, key: &'a str) -> Vec<Stretch> {
    let read = |mut stretch: Object| {
        let bounds = read_bounds(&mut stretch);
        stretch.finish();
        bounds
    };
    object.children(key).unwrap_or_default().into_iter().map(read).collect()
}

/// `at_s` in nanoseconds, required.
pub fn read_moment(object: &mut Object) -> i64 {
    ns_from_s(object.number("at_s", None, Range::Any))
}

pub fn read_throttle(children: Vec<Object>) -> Vec<Throttle> {
    let read = |mut throttle: Object| {
        let Stretch { from_ns, to_ns } = read_bounds(&mut throttle);
        let reasons = throttle.names_in("reasons", &REASONS).into_iter().fold(0, |mask, bit| mask | bit);
        throttle.finish();
        Throttle { from_ns, to_ns, reasons }
    };
    let mut list: Vec<Throttle> = children.into_iter().map(read).collect();
    list.sort_by_key(|throttle| throttle.from_ns);
    list
}

pub fn read_process(mut process: Object, mig_instances: usize) -> Process {
    process.since_format_2(&["mig_instance"]);
    let Stretch { from_ns, to_ns } = read_bounds(&mut process);
    let pid = u32::try_from(process.whole("pid", None, u64::from(u32::MAX))).unwrap_or_default();
    let used_mib = process.whole("used_mib", 512, LARGEST_MIB);
    let mig_instance = process.has("mig_instance").then(|| {
        let place = usize::try_from(process.whole("mig_instance", None, u64::MAX)).unwrap_or(usize::MAX);
        if place >= mig_instances {
            process.refuse("mig_instance", "must be the place of one of mig_instances, from 0");
        }
        place
    });
    process.finish();
    Process { from_ns, to_ns, pid, used_mib, mig_instance }
}

pub fn read_memory(mut stretch: Object, total_mib: u64) -> MemoryStretch {
    let Stretch { from_ns, to_ns } = read_bounds(&mut stretch);
    let used_mib = stretch.whole("used_mib", None, LARGEST_MIB);
    if used_mib > total_mib {
        stretch.refuse("used_mib", "must not be more than memory_total_mib");
    }
    stretch.finish();
    MemoryStretch { from_ns, to_ns, used_mib }
}

pub fn read_xids(children: Vec<Object>) -> Vec<Xid> {
    let read = |mut xid: Object| {
        let at_ns = read_moment(&mut xid);
        let number = xid.whole("xid", None, u64::from(u32::MAX));
        xid.finish();
        Xid { at_ns, xid: number }
    };
    let mut list: Vec<Xid> = children.into_iter().map(read).collect();
    list.sort_by_key(|xid| xid.at_ns);
    list
}
