//! The second thread: takes samples off the ring and feeds the open windows. It may allocate, block on a file
//! and be late; the sampler thread never waits for it.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::thread;
use std::time::Duration;

use super::pre_roll::PreRoll;
use super::reader::Waiting;
use super::reading::{Reading, Ring};
use super::shared::{Mark, Shared};
use super::{EDGE_INTERVAL_NS, Setup, Snapshot};
use crate::clock::{NS_PER_S, monotonic_ns};
use crate::contain::contained;
use crate::energy::{History, Integral, Witness};
use crate::parquet::FileFacts;
use crate::sample::Sample;
use crate::tenancy::Look;
use crate::window::{OpenWindow, WindowReport};

/// How long the recorder rests between two looks at the ring: each wakes a core, which costs more than what is then done,
/// and nobody looks at a snapshot more often than five times a second.
const REST: Duration = Duration::from_millis(100);
/// The same while somebody waits for a report.
const REST_WHILE_CLOSING: Duration = Duration::from_millis(5);
/// How long after its post-roll a window waits for a device that no longer answers.
const PATIENCE_NS: u64 = NS_PER_S;

pub(super) struct Recorder {
    setup: Setup,
    reading: Arc<Reading>,
    /// One of each thread that has read.
    rings: Vec<Ring>,
    /// What has kept the newest thread waiting at the last look.
    held_up: Option<Waiting>,
    histories: Vec<History>,
    since_open: Vec<Integral>,
    /// Each device's last sample with a power reading.
    latest: Vec<Option<Sample>>,
    pre_roll: PreRoll,
    latest_looks: Vec<Option<Look>>,
    windows: HashMap<u64, OpenWindow>,
    closing: Vec<(u64, Sender<WindowReport>)>,
    marks: Vec<Mark>,
}

impl Recorder {
    pub fn new(setup: Setup, reading: Arc<Reading>, ring: Ring) -> Self {
        let count = setup.uuids.len();
        // Near an edge readings come more often than the interval says.
        let interval_ns = setup.interval_ns.min(EDGE_INTERVAL_NS);
        let history_ns = setup.history_ns();
        let histories = (0..count).map(|device| fresh_history(&setup, device)).collect();
        Self {
            reading,
            rings: vec![ring],
            held_up: None,
            histories,
            since_open: vec![Integral::new(0, setup.gap_caps().power_ns); count],
            latest: vec![None; count],
            pre_roll: PreRoll::new(history_ns, interval_ns, count),
            latest_looks: vec![None; count],
            windows: HashMap::new(),
            closing: Vec::new(),
            marks: Vec::new(),
            setup,
        }
    }

    /// Works until the sampler ended and everything that it read is accounted for.
    pub fn run(mut self, shared: &Shared) {
        loop {
            // Read before the ring is drained: nothing is pushed once it is true.
            let ended = shared.sampler_ended();
            self.step(shared, ended);
            // After a fault it goes on: windows that are still open are owed a report.
            if ended && shared.is_stopping() {
                break;
            }
            thread::park_timeout(if self.closing.is_empty() { REST } else { REST_WHILE_CLOSING });
        }
    }

    fn step(&mut self, shared: &Shared, ended: bool) {
        let horizon_ns = shared.take_marks(&mut self.marks);
        for mark in std::mem::take(&mut self.marks) {
            self.apply(mark, shared);
        }
        while let Some(sample) = self.next_sample(horizon_ns) {
            self.account(&sample);
            shared.publish(|snapshot| snapshot.update(&sample, &self.since_open));
        }
        let looks = self.rings.iter_mut().flat_map(|ring| std::iter::from_fn(|| ring.looks.pop().ok()));
        for look in looks {
            self.histories[look.device].limit(look.limits.power_mw.map(|power_mw| f64::from(power_mw) / 1e3));
            self.latest_looks[look.device] = Some(look);
            for window in self.windows.values_mut() {
                window.look(&look);
            }
        }
        self.relieve();
        self.settle(shared, ended);
    }

    /// The oldest one of all threads, up to a time.
    fn next_sample(&mut self, until_ns: u64) -> Option<Sample> {
        loop {
            let first = |ring: &mut Ring| ring.samples.peek().ok().map(|sample| sample.at_ns);
            let oldest = self.rings.iter_mut().filter_map(|ring| Some((first(ring)?, ring)));
            let (at_ns, ring) = oldest.min_by_key(|(at_ns, _)| *at_ns)?;
            if at_ns > until_ns {
                return None;
            }
            let sample = ring.samples.pop().ok()?;
            // Of a thread that was relieved of the device meanwhile.
            if self.reading.devices.is_read_by(sample.device, ring.reader.number) {
                return Some(sample);
            }
        }
    }

    /// Where one call, seen at two looks, keeps the others waiting, they are read by another thread from now on.
    fn relieve(&mut self) {
        let held_up = self.reading.held_up();
        if let Some(waiting) = held_up.filter(|_| self.held_up == held_up) {
            self.rings.extend(self.reading.relieve(waiting));
        }
        self.held_up = held_up;
    }

    fn apply(&mut self, mark: Mark, shared: &Shared) {
        match mark {
            Mark::Begin { id, start_ns, start_unix_ns, options } => {
                let facts = FileFacts {
                    gpu_indices: self.setup.gpu_indices.clone(),
                    uuids: self.setup.uuids.clone(),
                    interval_ns: self.setup.interval_ns,
                    start_ns,
                    start_unix_ns,
                    power_gap_cap_ns: self.setup.gap_caps().power_ns,
                    slow_gap_cap_ns: self.setup.gap_caps().slow_ns,
                    history_ns: self.setup.history_ns(),
                    sensors: self.setup.sensors.clone(),
                    calibrated: self.setup.known.iter().map(|known| known.calibrated).collect(),
                };
                let (histories, latest) = (&self.histories, &self.latest);
                let earlier = self.pre_roll.samples(latest);
                let mut window =
                    OpenWindow::new(&options, &facts, histories, latest, earlier, shared.dropped());
                self.latest_looks.iter().flatten().for_each(|look| window.look(look));
                self.windows.insert(id, window);
            }
            Mark::End { id, end_ns, reply } => {
                // Without such a window the reply is dropped, and whoever waits for it learns that.
                if let Some(window) = self.windows.get_mut(&id) {
                    window.close(end_ns);
                    self.closing.push((id, reply));
                }
            }
            Mark::Cancel { id } => {
                self.windows.remove(&id);
            }
        }
    }

    fn account(&mut self, sample: &Sample) {
        self.pre_roll.push(sample);
        let history = &mut self.histories[sample.device];
        if let Err(panic) = contained(|| history.push(sample)) {
            // What was found out of this device so far is lost, and nothing else.
            *history = fresh_history(&self.setup, sample.device);
            let gpu = self.setup.gpu_indices[sample.device];
            let fault = format!(
                "GPU {gpu}: a mistake in llem lost what was known of its sensor; please report it: {panic}"
            );
            self.windows.values_mut().for_each(|window| window.fail(&fault));
        }
        if let Some(power_w) = history.possible_w(sample) {
            self.since_open[sample.device].push(sample.at_ns, power_w);
            self.latest[sample.device] = Some(*sample);
        }
        for window in self.windows.values_mut() {
            window.push(sample, history);
        }
        // Only now: a window whose file is read again believes what it did when it was judged.
        let taught = self.windows.values_mut().filter_map(|window| window.take_taught(sample.device));
        taught.for_each(|ways| history.learn(ways));
    }

    /// Reports the windows whose end is covered, or will not be any more.
    fn settle(&mut self, shared: &Shared, ended: bool) {
        let (now_ns, post_roll_ns) = (monotonic_ns(), self.setup.post_roll_ns());
        let windows = &mut self.windows;
        let histories = &mut self.histories;
        self.closing.retain(|(id, reply)| {
            let Some(window) = windows.get(id) else { return false };
            let Some(end_ns) = window.end_ns() else { return true };
            let overdue = now_ns > end_ns + post_roll_ns + PATIENCE_NS;
            if !(window.is_settled(post_roll_ns) || overdue || ended) {
                return true;
            }
            if let Some(window) = windows.remove(id) {
                let mut report = window.finish(end_ns, histories, shared.dropped());
                report.faults.extend(shared.fault());
                report.blame(&self.reading.faults(), &self.setup.gpu_indices);
                for (history, device) in histories.iter_mut().zip(&report.devices) {
                    device.taught.into_iter().for_each(|ways| history.learn(ways));
                }
                // Nobody waits any more: the report is not needed.
                let _ = reply.send(report);
            }
            false
        });
    }
}

fn fresh_history(setup: &Setup, device: usize) -> History {
    // Near an edge readings come more often than the interval says.
    let interval_ns = setup.interval_ns.min(EDGE_INTERVAL_NS);
    let known = &setup.known[device];
    let mut history = History::new(setup.history_ns(), interval_ns, setup.sensors[device]);
    history.remember(Witness::remembering(known.kind, known.gain_ratio));
    history.learn(known.ways());
    history.calibrate(known.calibrated);
    history
}

impl Snapshot {
    fn update(&mut self, sample: &Sample, since_open: &[Integral]) {
        let Some(device) = self.devices.get_mut(sample.device) else { return };
        self.at_ns = self.at_ns.max(sample.at_ns);
        device.at_ns = sample.at_ns;
        device.power_w = sample.power_w();
        device.failure = sample.power_mw.err();
        device.joules_since_open = since_open[sample.device].joules();
        if let Some(slow) = sample.slow {
            device.slow = slow;
        }
    }
}
