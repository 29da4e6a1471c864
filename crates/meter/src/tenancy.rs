//! Who computes on a device besides what is measured, and whether its limits were moved: what makes the joules of a
//! window not the load's own.

use std::fs;

use crate::read_error::ReadError;

/// Processes that one look names; of more it tells how many they are.
pub const MAX_PROCESSES: usize = 32;

/// One look at a device. `Copy`, so that it crosses from the sampler thread without an allocation.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    /// Position in the sampler's list of devices.
    pub device: usize,
    /// Monotonic time.
    pub at_ns: u64,
    /// Who computes on it.
    pub processes: Result<Processes, ReadError>,
    /// What the driver lets it do.
    pub limits: Limits,
}

/// Process ids as the driver gives them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Processes {
    /// How many there are. Where they are more than [`MAX_PROCESSES`], the driver names none of them.
    pub count: usize,
    /// The ids, `count` of them.
    pub pids: [u32; MAX_PROCESSES],
    /// The ids of GPU instance and compute instance of each, on a GPU that is cut into some (MIG).
    pub instances: [Option<(u32, u32)>; MAX_PROCESSES],
    /// Whether nobody is hidden: else there may be more than these.
    pub is_whole: bool,
}

impl Processes {
    fn named(&self) -> impl Iterator<Item = (u32, Option<(u32, u32)>)> {
        let count = if self.count > MAX_PROCESSES { 0 } else { self.count };
        self.pids.into_iter().zip(self.instances).take(count)
    }
}

/// What somebody may change while a load runs; `None` where the device does not tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// The power limit in force, milliwatts.
    pub power_mw: Option<u32>,
    /// The SM clock that applications are given, MHz.
    pub sm_clock_mhz: Option<u32>,
    /// The memory clock that applications are given, MHz.
    pub memory_clock_mhz: Option<u32>,
}

/// Whose process it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// This process or a descendant of it: the load.
    Own,
    /// Somebody else's.
    Foreign,
    /// There is no such process here, and in a container that says nothing: the driver may count on the host.
    Unknown,
}

impl Relation {
    /// Its name in results.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::Foreign => "foreign",
            Self::Unknown => "unknown",
        }
    }
}

/// A process that was seen on a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tenant {
    /// As the driver gives it.
    pub pid: u32,
    /// What the kernel calls it; `None` where it is not there any more or not to be seen.
    pub name: Option<String>,
    /// Whose it is.
    pub relation: Relation,
    /// The ids of GPU instance and compute instance in which it was seen.
    pub instance: Option<(u32, u32)>,
}

impl Tenant {
    /// Looks a process up. Reads `/proc`.
    pub fn of(pid: u32) -> Self {
        let comm = fs::read_to_string(format!("/proc/{pid}/comm")).ok();
        Self {
            pid,
            instance: None,
            relation: relation(pid, comm.is_some()),
            name: comm.map(|comm| comm.trim_end().to_owned()),
        }
    }
}

/// What the looks at one device say, from the last one before a window on.
#[derive(Clone, Debug, Default)]
pub struct Tenancy {
    /// Everybody who was seen computing on it.
    pub tenants: Vec<Tenant>,
    /// The most processes at a time; `None` where they could not be listed, or not all of them.
    pub most_processes: Option<usize>,
    /// The limits at first.
    pub limits: Limits,
    /// The limits as they were last seen to differ from the first ones, by quantity.
    pub changed_to: Limits,
    looks: u64,
}

/// Names are kept of so many; a machine on which more processes come and go is not one to measure on.
const MAX_TENANTS: usize = 64;

impl Tenancy {
    /// Takes a look. Reads `/proc` for ids that it does not know yet, so it may block.
    pub fn push(&mut self, look: &Look) {
        if let Ok(processes) = &look.processes {
            if processes.is_whole {
                self.most_processes = self.most_processes.max(Some(processes.count));
            }
            for (pid, instance) in processes.named() {
                let known = self.tenants.iter().any(|tenant| tenant.pid == pid);
                if !known && self.tenants.len() < MAX_TENANTS {
                    self.tenants.push(Tenant { instance, ..Tenant::of(pid) });
                }
            }
        }
        if self.looks == 0 {
            self.limits = look.limits;
        }
        self.looks += 1;
        let changed = |first: Option<u32>, now: Option<u32>, before: Option<u32>| {
            if first.is_some() && now.is_some() && now != first { now } else { before }
        };
        let (first, now, before) = (self.limits, look.limits, self.changed_to);
        self.changed_to = Limits {
            power_mw: changed(first.power_mw, now.power_mw, before.power_mw),
            sm_clock_mhz: changed(first.sm_clock_mhz, now.sm_clock_mhz, before.sm_clock_mhz),
            memory_clock_mhz: changed(first.memory_clock_mhz, now.memory_clock_mhz, before.memory_clock_mhz),
        };
    }
}

/// Whose process `pid` is. `present`: whether this machine has such a process.
fn relation(pid: u32, present: bool) -> Relation {
    if present {
        if descends_from(pid, std::process::id()) { Relation::Own } else { Relation::Foreign }
    } else if sees_all_processes() {
        Relation::Foreign
    } else {
        Relation::Unknown
    }
}

/// Follows the parents of a process up to `ancestor` or the first process.
fn descends_from(pid: u32, ancestor: u32) -> bool {
    let mut pid = pid;
    // A cycle is impossible, but a process may end and its id be taken while this reads.
    for _ in 0..256 {
        if pid == ancestor {
            return true;
        }
        match parent_of(pid) {
            Some(parent) if parent > 1 => pid = parent,
            _ => return false,
        }
    }
    false
}

fn parent_of(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything (man 5 proc_pid_stat); state and parent follow the last one.
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

/// Whether this is the first PID namespace, in which every process of the machine has its one id: the kernel gives
/// it a fixed inode number (PROC_PID_INIT_INO in include/linux/proc_ns.h).
pub(crate) fn sees_all_processes() -> bool {
    fs::read_link("/proc/self/ns/pid").is_ok_and(|link| link.as_os_str() == "pid:[4026531836]")
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    fn look(pids: &[u32], power_mw: Option<u32>) -> Look {
        let mut processes = Processes { count: pids.len(), is_whole: true, ..Processes::default() };
        processes.pids[..pids.len()].copy_from_slice(pids);
        let limits = Limits { power_mw, ..Limits::default() };
        Look { device: 0, at_ns: 0, processes: Ok(processes), limits }
    }

    #[test]
    fn a_child_of_a_child_is_our_own_and_the_first_process_is_not() {
        let mut child = Command::new("sh").args(["-c", "sleep 5 & wait"]).spawn().expect("a shell");
        std::thread::sleep(std::time::Duration::from_millis(200));
        let children = fs::read_to_string(format!("/proc/{0}/task/{0}/children", child.id()));
        let grandchild = children.ok().and_then(|pids| pids.split_whitespace().next()?.parse().ok());
        let mut tenancy = Tenancy::default();
        tenancy.push(&look(&[std::process::id(), child.id(), 1], None));
        if let Some(grandchild) = grandchild {
            assert_eq!(Tenant::of(grandchild).relation, Relation::Own);
            let _ = Command::new("kill").arg(grandchild.to_string()).status();
        }
        let _ = child.kill();
        let _ = child.wait();
        let relations: Vec<_> = tenancy.tenants.iter().map(|tenant| tenant.relation).collect();
        assert_eq!(relations, [Relation::Own, Relation::Own, Relation::Foreign]);
        assert_eq!(tenancy.tenants[1].name.as_deref(), Some("sh"));
        assert_eq!(tenancy.most_processes, Some(3));
    }

    #[test]
    fn an_id_that_is_not_here_is_foreign_only_where_all_processes_are_seen() {
        let tenant = Tenant::of(u32::MAX);
        let expected = if sees_all_processes() { Relation::Foreign } else { Relation::Unknown };
        assert_eq!((tenant.relation, tenant.name), (expected, None));
    }

    #[test]
    fn a_limit_that_moved_is_kept_even_when_it_moved_back() {
        let mut tenancy = Tenancy::default();
        for power_mw in [Some(700_000), None, Some(500_000), Some(700_000)] {
            tenancy.push(&look(&[], power_mw));
        }
        assert_eq!(tenancy.limits.power_mw, Some(700_000));
        assert_eq!(tenancy.changed_to.power_mw, Some(500_000));
    }

    #[test]
    fn processes_that_are_too_many_to_be_named_are_counted_and_not_all_called_0() {
        let mut tenancy = Tenancy::default();
        let crowd = Processes { count: MAX_PROCESSES + 1, is_whole: true, ..Processes::default() };
        tenancy.push(&Look { processes: Ok(crowd), ..look(&[], None) });
        assert_eq!((tenancy.most_processes, tenancy.tenants.len()), (Some(MAX_PROCESSES + 1), 0));
    }

    #[test]
    fn of_a_list_that_is_not_whole_those_on_it_are_known_and_not_how_many_there_are() {
        let mut tenancy = Tenancy::default();
        let Ok(listed) = look(&[1], None).processes else { panic!("a list") };
        tenancy.push(&Look { processes: Ok(Processes { is_whole: false, ..listed }), ..look(&[], None) });
        assert_eq!((tenancy.most_processes, tenancy.tenants.len()), (None, 1));
    }

    #[test]
    fn processes_that_cannot_be_listed_are_not_none() {
        let mut tenancy = Tenancy::default();
        tenancy.push(&Look { processes: Err(ReadError::NotSupported), ..look(&[], None) });
        assert_eq!((tenancy.most_processes, tenancy.tenants.len()), (None, 0));
    }
}
