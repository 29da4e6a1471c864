//! The threads that read the devices: one, and another one whenever a driver call keeps it waiting, which then reads all
//! devices but that one. The one that waited keeps the device that it waited for, so that a driver that is slow for one
//! device delays no other one twice.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rtrb::{Consumer, RingBuffer};

use super::devices::Devices;
use super::poller::{Pace, Poller, Wake};
use super::reader::{Reader, Waiting};
use super::schedule::Schedule;
use super::shared::Shared;
use crate::clock::{NS_PER_MS, NS_PER_S, monotonic_ns};
use crate::contain::contained;
use crate::crash;
use crate::sample::Sample;
use crate::tenancy::Look;
use crate::window::DriverFault;

/// The other devices are given to another thread once a call has taken so long. With the recorder's rest they are not read for
/// less time than the integral bridges; calls that return take milliseconds.
const RELIEF_NS: u64 = 200 * NS_PER_MS;
/// From here on it is looked whether it is still the same call: a machine that stood still has kept everybody waiting.
const HELD_UP_NS: u64 = 100 * NS_PER_MS;
/// A ring holds the samples of so long a time: longer than any file system should stall the recorder.
const RING_NS: u64 = 4 * NS_PER_S;

/// What one thread has read.
pub(super) struct Ring {
    pub reader: Arc<Reader>,
    pub samples: Consumer<Sample>,
    pub looks: Consumer<Look>,
}

pub(super) struct Reading {
    pub devices: Devices,
    pace: Pace,
    opened_ns: u64,
    shared: Arc<Shared>,
    threads: Mutex<Vec<Running>>,
    /// How many threads have not ended.
    running: AtomicUsize,
    /// The newest thread, which the sampler's deadlines are counted by.
    main: AtomicUsize,
}

struct Running {
    reader: Arc<Reader>,
    thread: JoinHandle<()>,
}

impl Reading {
    /// Reads nothing before it is started.
    pub fn new(devices: Devices, pace: Pace, opened_ns: u64, shared: Arc<Shared>) -> Self {
        Self {
            devices,
            pace,
            opened_ns,
            shared,
            threads: Mutex::default(),
            running: AtomicUsize::new(0),
            main: AtomicUsize::new(0),
        }
    }

    /// Starts the first thread.
    pub fn start(self: &Arc<Self>) -> std::io::Result<Ring> {
        self.spawn(Reader::new(0), Schedule::new(self.opened_ns, self.pace.interval_ns))
    }

    fn spawn(self: &Arc<Self>, reader: Reader, schedule: Schedule) -> std::io::Result<Ring> {
        let reader = Arc::new(reader);
        let count = self.devices.count();
        // Near an edge a slow sampler reads more.
        let of_each = usize::try_from(RING_NS / self.pace.interval_ns).unwrap_or(usize::MAX).max(256);
        let (producer, samples) = RingBuffer::new(count * of_each);
        let (lookout, looks) = RingBuffer::new(4 * count);
        let poller = Poller::new(Arc::clone(self), Arc::clone(&reader), producer, lookout);
        let name = if reader.number == 0 {
            "llem-sampler".to_owned()
        } else {
            format!("llem-sampler-{}", reader.number)
        };
        let reading = Arc::clone(self);
        self.running.fetch_add(1, Ordering::AcqRel);
        let spawned = thread::Builder::new().name(name).spawn(move || reading.run(poller, schedule));
        let thread = spawned.inspect_err(|_| self.count_end())?;
        self.threads().push(Running { reader: Arc::clone(&reader), thread });
        Ok(Ring { reader, samples, looks })
    }

    fn run(&self, poller: Poller, schedule: Schedule) {
        let asking = Arc::clone(&poller.reader.asking);
        if let Err(panic) = contained(|| asking.watch(|| read_until_stopped(poller, schedule, &self.shared)))
        {
            self.shared.fail(format!("the sampler stopped: {panic}"));
        }
        self.count_end();
    }

    fn count_end(&self) {
        if self.running.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.shared.end_sampler();
        }
    }

    /// Whether the sampler's deadlines are counted by that thread.
    pub fn is_main(&self, reader: &Reader) -> bool {
        self.main.load(Ordering::Relaxed) == reader.number
    }

    /// What keeps the newest thread waiting for longer than calls take.
    pub fn held_up(&self) -> Option<Waiting> {
        let threads = self.threads();
        threads.last()?.reader.waits_for(monotonic_ns(), HELD_UP_NS)
    }

    /// Starts a thread for all devices of the newest one but that for which it waits, once it has waited long enough. `None`
    /// where it has no other, or where the driver's library has crashed, which is not called again.
    pub fn relieve(self: &Arc<Self>, waiting: Waiting) -> Option<Ring> {
        let now_ns = monotonic_ns();
        if now_ns - waiting.since_ns < RELIEF_NS || crash::seen().is_some() {
            return None;
        }
        let from = self.main.load(Ordering::Relaxed);
        let to = from + 1;
        if !self.devices.hand_over(from, waiting.device, to) {
            return None;
        }
        self.main.store(to, Ordering::Relaxed);
        let interval_ns = self.pace.interval_ns;
        let next_ns = self.opened_ns + (now_ns - self.opened_ns).next_multiple_of(interval_ns);
        let missed = self.shared.missed_deadlines() + (now_ns - waiting.since_ns) / interval_ns;
        let schedule = Schedule::after(next_ns, interval_ns, missed);
        self.spawn(Reader::new(to), schedule)
            .inspect_err(|error| self.shared.fail(format!("no thread could be started: {error}")))
            .ok()
    }

    /// The devices that do not answer, each with what befell it.
    pub fn faults(&self) -> Vec<(usize, DriverFault)> {
        let now_ns = monotonic_ns();
        let fault = |Running { reader, .. }: &Running| {
            let Waiting { device, since_ns } = reader.waits_for(now_ns, RELIEF_NS)?;
            let silent = DriverFault::Silent { call: reader.asking.call(), for_ns: now_ns - since_ns };
            Some((device, crash::seen().map_or(silent, DriverFault::Crashed)))
        };
        self.threads().iter().filter_map(fault).collect()
    }

    /// An edge has come.
    pub fn wake(&self) {
        self.threads().iter().for_each(|Running { thread, .. }| thread.thread().unpark());
    }

    /// Waits for all threads, which were told to stop, but not for ever: a driver call that hangs is left behind.
    pub fn join(&self, patience: Duration) {
        let threads = std::mem::take(&mut *self.threads());
        let give_up = Instant::now() + patience;
        let mut is_left = false;
        for Running { reader, thread } in threads {
            // One that has not answered for so long will not do so now.
            let is_silent = reader.waits_for(monotonic_ns(), NS_PER_S).is_some();
            is_left |= !join_until(thread, if is_silent { Instant::now() } else { give_up });
        }
        if is_left {
            self.shared.fail("a driver call did not return".to_owned());
            self.shared.end_sampler();
        }
    }

    pub fn pace(&self) -> Pace {
        self.pace
    }

    pub fn shared(&self) -> &Shared {
        &self.shared
    }

    fn threads(&self) -> MutexGuard<'_, Vec<Running>> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether the thread ended in time.
pub(super) fn join_until(thread: JoinHandle<()>, give_up: Instant) -> bool {
    thread.thread().unpark();
    while !thread.is_finished() {
        if Instant::now() >= give_up {
            return false;
        }
        thread::sleep(Duration::from_millis(1));
    }
    // A panic was already turned into a fault.
    let _ = thread.join();
    true
}

fn read_until_stopped(mut poller: Poller, mut schedule: Schedule, shared: &Shared) {
    be_punctual();
    let mut edges_served = shared.edges();
    let mut polled_ns = monotonic_ns();
    while !shared.is_stopping() {
        let now_ns = monotonic_ns();
        let edges = shared.edges();
        let between_ns = schedule.between_ns(polled_ns, shared.dense_until_ns());
        if edges != edges_served {
            edges_served = edges;
            poller.hasten(now_ns);
            poller.poll(Wake::Edge, schedule.missed());
        } else if now_ns >= schedule.next_ns() {
            let lateness_ns = now_ns - schedule.next_ns();
            poller.poll(Wake::Deadline { lateness_ns }, schedule.missed());
            poller.look();
            schedule.advance(monotonic_ns());
            schedule.skip_while(|deadline_ns| !poller.wants(deadline_ns));
        } else if between_ns.is_some_and(|due_ns| now_ns >= due_ns) {
            poller.poll(Wake::NearEdge, schedule.missed());
        } else {
            let next_ns = between_ns.unwrap_or(u64::MAX).min(schedule.next_ns());
            thread::park_timeout(Duration::from_nanos(next_ns - now_ns));
            continue;
        }
        polled_ns = now_ns;
    }
}

/// Asks the kernel to wake this thread on time. Public for the bench, which measures what waking up costs by itself.
pub fn be_punctual() {
    // The default slack lets the kernel be 50 us late on purpose (man 2 prctl).
    // SAFETY: PR_SET_TIMERSLACK takes one integer and changes this thread only.
    unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, 1) };
    // On a host whose cores are all busy a normal thread waits for milliseconds: its p99 fell from 2.5 ms to 0.1 ms
    // with the lowest real-time priority. Without the right to it (root, or `ulimit -r`) all stays as it was.
    // musl's struct has more fields, which this policy does not read; its call answers ENOSYS, and all stays as it was.
    // SAFETY: integers only, of which each may be 0.
    let mut lowest: libc::sched_param = unsafe { std::mem::zeroed() };
    lowest.sched_priority = 1;
    // SAFETY: 0 is this thread, and `lowest` lives through the call.
    unsafe { libc::sched_setscheduler(0, libc::SCHED_FIFO | libc::SCHED_RESET_ON_FORK, &raw const lowest) };
}
