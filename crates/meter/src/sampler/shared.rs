//! What the three sides share: the caller marks windows, the sampler thread reads, the recorder thread accounts.

#[cfg(not(all(test, feature = "loom")))]
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, PoisonError};
#[cfg(not(all(test, feature = "loom")))]
use std::sync::{Mutex, MutexGuard};

// Those with which loom tries every order in which the threads may meet.
#[cfg(all(test, feature = "loom"))]
use loom::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
#[cfg(all(test, feature = "loom"))]
use loom::sync::{Mutex, MutexGuard};

use super::Snapshot;
#[cfg(all(test, feature = "loom"))]
use super::loom_tests::{monotonic_ns, unix_ns};
use crate::asking::Asking;
#[cfg(not(all(test, feature = "loom")))]
use crate::clock::{monotonic_ns, unix_ns};
use crate::window::{WindowOptions, WindowReport};

/// Something that the caller said about a window.
pub(super) enum Mark {
    Begin { id: u64, start_ns: u64, start_unix_ns: u64, options: WindowOptions },
    End { id: u64, end_ns: u64, reply: Sender<WindowReport> },
    Cancel { id: u64 },
}

#[derive(Default)]
pub(super) struct Shared {
    /// How long after an edge everything is read densely.
    dense_ns: u64,
    marks: Mutex<Vec<Mark>>,
    /// Counts edges; the sampler thread reads everything at once when it changes.
    edges: AtomicU64,
    dense_until_ns: AtomicU64,
    dropped: AtomicU64,
    /// The device that is being asked, from 1; 0: none. And since when.
    asked: AtomicUsize,
    asked_ns: AtomicU64,
    /// By its name in nvml.h.
    asking: Arc<Asking>,
    stopping: AtomicBool,
    sampler_ended: AtomicBool,
    fault: Mutex<Option<String>>,
    snapshot: Mutex<Snapshot>,
}

/// A panic elsewhere must not turn into one here: what the lock guards stays valid at every step.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    pub fn new(dense_ns: u64) -> Self {
        Self { dense_ns, ..Self::default() }
    }

    /// Records the left edge, which is now.
    pub fn begin(&self, id: u64, options: WindowOptions) -> u64 {
        // The clock is read under the lock that `take_marks` holds, so the recorder never passes a mark that it
        // does not know yet.
        let mut marks = lock(&self.marks);
        let (start_ns, start_unix_ns) = (monotonic_ns(), unix_ns());
        marks.push(Mark::Begin { id, start_ns, start_unix_ns, options });
        self.edge(start_ns);
        start_ns
    }

    /// Records the right edge, which is now.
    pub fn end(&self, id: u64, reply: Sender<WindowReport>) -> u64 {
        let mut marks = lock(&self.marks);
        let end_ns = monotonic_ns();
        marks.push(Mark::End { id, end_ns, reply });
        self.edge(end_ns);
        end_ns
    }

    pub fn cancel(&self, id: u64) {
        lock(&self.marks).push(Mark::Cancel { id });
    }

    fn edge(&self, at_ns: u64) {
        self.make_dense_until(at_ns + self.dense_ns);
        self.edges.fetch_add(1, Ordering::Release);
    }

    /// From now on everything is read densely until then.
    pub fn make_dense_until(&self, until_ns: u64) {
        self.dense_until_ns.fetch_max(until_ns, Ordering::Relaxed);
    }

    /// Takes the marks; samples up to the time that comes with them may now be accounted.
    pub fn take_marks(&self, into: &mut Vec<Mark>) -> u64 {
        let mut marks = lock(&self.marks);
        into.append(&mut marks);
        monotonic_ns()
    }

    pub fn edges(&self) -> u64 {
        self.edges.load(Ordering::Acquire)
    }

    pub fn dense_until_ns(&self) -> u64 {
        self.dense_until_ns.load(Ordering::Relaxed)
    }

    pub fn count_dropped(&self) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
    }

    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
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
    pub fn waits_for(&self, now_ns: u64, patience_ns: u64) -> Option<(usize, u64)> {
        let device = self.asked.load(Ordering::Acquire).checked_sub(1)?;
        let since_ns = now_ns.saturating_sub(self.asked_ns.load(Ordering::Relaxed));
        (since_ns >= patience_ns).then_some((device, since_ns))
    }

    /// What the sampler thread calls.
    pub fn asking(&self) -> &Arc<Asking> {
        &self.asking
    }

    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
    }

    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    /// The sampler thread is over, by itself or by a panic.
    pub fn end_sampler(&self, fault: Option<String>) {
        *lock(&self.fault) = fault;
        self.sampler_ended.store(true, Ordering::Release);
    }

    pub fn sampler_ended(&self) -> bool {
        self.sampler_ended.load(Ordering::Acquire)
    }

    pub fn fault(&self) -> Option<String> {
        lock(&self.fault).clone()
    }

    pub fn snapshot(&self) -> Snapshot {
        lock(&self.snapshot).clone()
    }

    pub fn publish(&self, update: impl FnOnce(&mut Snapshot)) {
        update(&mut lock(&self.snapshot));
    }
}
