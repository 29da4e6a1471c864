//! Windows over the CPU's counters where no GPU is sampled.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{CpuReport, CpuZone, LOOK_NS, Rapl};
use crate::clock::monotonic_ns;
use crate::error::MeterError;

/// Looks until a window may open: which counters are one is known by then.
const FIRST_LOOKS: u64 = 2;

/// The CPU's counters, looked at until it is dropped.
pub struct CpuMeter {
    pub(super) rapl: Rapl,
    next_window: AtomicU64,
    opened_ns: u64,
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
        let rapl = Rapl::open(sysfs_root.unwrap_or(Path::new("/sys")))?;
        Ok(Self { rapl, next_window: AtomicU64::new(1), opened_ns: monotonic_ns() })
    }

    /// What is there, each read now; or why nothing is.
    pub fn zones(&self) -> Result<Vec<CpuZone>, String> {
        self.rapl.zones()
    }

    /// Nanoseconds until enough looks were taken.
    pub fn ready_in_ns(&self) -> u64 {
        (self.opened_ns + FIRST_LOOKS * LOOK_NS).saturating_sub(monotonic_ns())
    }

    /// Opens a window now. Answers its number and its left edge.
    pub fn begin(&self) -> (u64, u64) {
        let id = self.next_window.fetch_add(1, Ordering::Relaxed);
        (id, self.rapl.begin(id, monotonic_ns))
    }

    /// Closes a window now.
    pub fn end(&self, id: u64) -> CpuWindow {
        let end_ns = monotonic_ns();
        CpuWindow { end_ns, report: self.rapl.end(id, end_ns) }
    }

    /// Forgets a window.
    pub fn cancel(&self, id: u64) {
        self.rapl.cancel(id);
    }
}
