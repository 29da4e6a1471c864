//! What the three sides share: the caller marks windows, the sampler thread reads, the recorder thread accounts.

use std::sync::PoisonError;
#[cfg(not(all(test, feature = "loom")))]
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::Sender;
#[cfg(not(all(test, feature = "loom")))]
use std::sync::{Mutex, MutexGuard};

// Those with which loom tries every order in which the threads may meet.
#[cfg(all(test, feature = "loom"))]
use loom::sync::atomic::{AtomicBool, AtomicU64, Ordering};
#[cfg(all(test, feature = "loom"))]
use loom::sync::{Mutex, MutexGuard};

use super::Snapshot;
#[cfg(all(test, feature = "loom"))]
use super::loom_tests::{monotonic_ns, unix_ns};
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
    missed_deadlines: AtomicU64,
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

    /// Deadlines skipped so far.
    pub fn missed_deadlines(&self) -> u64 {
        self.missed_deadlines.load(Ordering::Relaxed)
    }

    pub fn count_missed(&self, so_far: u64) {
        self.missed_deadlines.store(so_far, Ordering::Relaxed);
    }

    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
    }

    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    /// What went wrong with the sampler as a whole.
    pub fn fail(&self, fault: String) {
        *lock(&self.fault) = Some(fault);
    }

    /// Nothing is read any more.
    pub fn end_sampler(&self) {
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
