//! Windows over the CPU's counters where no GPU is sampled: a thread of its own looks at them between the edges.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::{CpuReport, CpuZone, LOOK_NS, Rapl};
use crate::clock::monotonic_ns;
use crate::error::MeterError;

/// Looks until a window may open: which counters are one is known by then.
const FIRST_LOOKS: u64 = 2;

/// The CPU's counters, looked at until it is dropped.
pub struct CpuMeter {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    next_window: AtomicU64,
    opened_ns: u64,
}

struct Shared {
    rapl: Rapl,
    is_over: AtomicBool,
}

/// What was counted between two edges, in nanoseconds of `CLOCK_MONOTONIC`.
#[derive(Clone, Debug)]
pub struct CpuWindow {
    /// The right edge.
    pub end_ns: u64,
    /// What lies between the edges.
    pub report: CpuReport,
}

impl CpuMeter {
    /// Finds the counters below a root, normally /sys, and begins to look at them. That there are none is in the
    /// reports.
    pub fn open(sysfs_root: Option<&Path>) -> Result<Self, MeterError> {
        let rapl = Rapl::open(sysfs_root.unwrap_or(Path::new("/sys")));
        let shared = Arc::new(Shared { rapl, is_over: AtomicBool::new(false) });
        let of_thread = Arc::clone(&shared);
        let looking = thread::Builder::new().name("llem-cpu".to_owned()).spawn(move || of_thread.look_on());
        let opened_ns = monotonic_ns();
        let thread = Some(looking.map_err(MeterError::Thread)?);
        Ok(Self { shared, thread, next_window: AtomicU64::new(1), opened_ns })
    }

    /// What is there, each read now; or why nothing is.
    pub fn zones(&self) -> Result<Vec<CpuZone>, String> {
        self.shared.rapl.zones()
    }

    /// Nanoseconds until enough looks were taken.
    pub fn ready_in_ns(&self) -> u64 {
        (self.opened_ns + FIRST_LOOKS * LOOK_NS).saturating_sub(monotonic_ns())
    }

    /// Opens a window now. Answers its number and its left edge.
    pub fn begin(&self) -> (u64, u64) {
        let id = self.next_window.fetch_add(1, Ordering::Relaxed);
        (id, self.shared.rapl.begin(id, monotonic_ns))
    }

    /// Closes a window now.
    pub fn end(&self, id: u64) -> CpuWindow {
        let end_ns = monotonic_ns();
        CpuWindow { end_ns, report: self.shared.rapl.end(id, end_ns) }
    }

    /// Forgets a window.
    pub fn cancel(&self, id: u64) {
        self.shared.rapl.cancel(id);
    }
}

impl Shared {
    fn look_on(&self) {
        while !self.is_over.load(Ordering::Acquire) {
            self.rapl.keep_up(monotonic_ns());
            thread::park_timeout(Duration::from_nanos(LOOK_NS));
        }
    }
}

impl Drop for CpuMeter {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // A panic of the looking thread is no reason for one here.
            let _ = thread.join();
        }
    }
}
