//! A thread that reads devices, as the others see it.

use std::sync::Arc;
#[cfg(not(all(test, feature = "loom")))]
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

#[cfg(all(test, feature = "loom"))]
use loom::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use crate::asking::Asking;

/// Which device it asks, since when, and with which call.
#[derive(Default)]
pub(super) struct Reader {
    /// From 0; a later one has taken over from those before it.
    pub number: usize,
    /// The device that is being asked, from 1; 0: none.
    asked: AtomicUsize,
    asked_ns: AtomicU64,
    /// By its name in nvml.h.
    pub asking: Arc<Asking>,
}

/// A device that has not answered yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Waiting {
    pub device: usize,
    /// When it was asked, monotonic.
    pub since_ns: u64,
}

impl Reader {
    pub fn new(number: usize) -> Self {
        Self { number, ..Self::default() }
    }

    /// The driver is asked about a device from now on.
    pub fn ask(&self, device: usize, now_ns: u64) {
        self.asked_ns.store(now_ns, Ordering::Relaxed);
        self.asked.store(device + 1, Ordering::Release);
    }

    /// It has answered.
    pub fn answered(&self) {
        self.asked.store(0, Ordering::Release);
    }

    /// The device about which the driver has been asked for so long without an answer.
    pub fn waits_for(&self, now_ns: u64, patience_ns: u64) -> Option<Waiting> {
        let device = self.asked.load(Ordering::Acquire).checked_sub(1)?;
        let since_ns = self.asked_ns.load(Ordering::Relaxed);
        (now_ns.saturating_sub(since_ns) >= patience_ns).then_some(Waiting { device, since_ns })
    }
}
