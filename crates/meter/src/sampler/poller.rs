//! What happens at a deadline: each device's power first, then whatever slow readings are due. Runs on the
//! sampler thread, so nothing here allocates, logs or touches a file.

use std::sync::Arc;

use rtrb::Producer;

use super::reader::Reader;
use super::reading::Reading;
use super::schedule::{LEAST_DISTANCE_NS, reads_between};
use crate::clock::{NS_PER_MS, NS_PER_S, monotonic_ns, thread_cpu_ns};
use crate::energy::Rhythm;
use crate::sample::{CounterReading, PollStats, Sample};
use crate::source::ReadError;
use crate::tenancy::Look;

/// How often the counter is read inside a window: what the readings miss between two of these reads is spread evenly over
/// its parts, and what kind of counter it is shows in its steps.
const COUNTER_CRUISE_NS: u64 = 200 * NS_PER_MS;
/// Each time twice, so close together that a tick between the two is known to be there: about one pair in five holds one,
/// and keeps the comb of the ticks in step however long the window is.
const COUNTER_PAIR_NS: u64 = 20 * NS_PER_MS;
/// How often near an edge, where its ticks have to be seen, unless the power is read more rarely.
pub(crate) const COUNTER_DENSE_NS: u64 = 5 * NS_PER_MS;
/// How soon a counter that is not supported is asked again.
pub(crate) const COUNTER_RETRY_NS: u64 = NS_PER_S;
/// The counter may take this share of the time, however often it would be due: one read costs milliseconds on
/// some drivers (see docs/decisions/sampler.md).
pub(crate) const COUNTER_SHARE: u64 = 4;

/// How often to read what.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    pub interval_ns: u64,
    pub slow_interval_ns: u64,
    /// Whether to read the power around the sensor's ticks only, once they are known.
    pub tick_locked: bool,
}

impl Pace {
    /// How long after a read of the counter the next one is due. `is_dense`: near an edge. `is_second`: the other one of its
    /// pair was read.
    pub fn counter_interval_ns(&self, is_dense: bool, is_second: bool) -> u64 {
        if !is_dense {
            if is_second { COUNTER_CRUISE_NS } else { COUNTER_PAIR_NS }
        } else if reads_between(self.interval_ns) {
            // With each reading of the power: the reads between deadlines are not evenly apart.
            LEAST_DISTANCE_NS
        } else {
            COUNTER_DENSE_NS
        }
    }
}

/// So many changes of the power tell its rhythm well enough to look away between two ticks.
const LOCK_CHANGES: u64 = 8;

/// Why the sampler thread woke up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wake {
    /// A deadline, and how late it is served.
    Deadline { lateness_ns: u64 },
    /// A window was opened or closed just now.
    Edge,
    /// A window was opened or closed a moment ago and the next deadline is far.
    NearEdge,
}

/// How often it is looked at who computes on a device.
const LOOK_NS: u64 = 5 * NS_PER_S;

/// After an edge the counter is read densely until it has ticked, but not for longer than this.
const AWAITED_NS: u64 = 1_200 * NS_PER_MS;

/// When a device is to be asked next.
#[derive(Clone, Copy, Default)]
struct Due {
    slow_ns: u64,
    counter_ns: u64,
    counter_is_second: bool,
    look_ns: u64,
    /// Until when a tick of the counter is awaited, and its value before.
    awaited: Option<(u64, u64)>,
}

/// When a power read began and ended, and its answer.
#[derive(Clone, Copy)]
struct PowerRead {
    before_ns: u64,
    after_ns: u64,
    power_mw: Result<u32, ReadError>,
}

/// Reads the devices of one thread and hands the samples on.
pub(super) struct Poller {
    reading: Arc<Reading>,
    pub reader: Arc<Reader>,
    due: Vec<Due>,
    /// When each device's sensor publishes; only listened to where the ticks are to be known.
    rhythms: Vec<Rhythm>,
    power: Vec<Option<PowerRead>>,
    cpu_ns: u64,
    first_looks_left: usize,
    samples: Producer<Sample>,
    looks: Producer<Look>,
}

impl Poller {
    pub fn new(
        reading: Arc<Reading>,
        reader: Arc<Reader>,
        samples: Producer<Sample>,
        looks: Producer<Look>,
    ) -> Self {
        let (count, now_ns) = (reading.devices.count(), monotonic_ns());
        // Staggered, so that eight devices do not spend their slow calls at one deadline.
        let due = (0..count)
            .map(|device| {
                let share = |interval_ns: u64| now_ns + interval_ns * device as u64 / count as u64;
                Due {
                    slow_ns: share(reading.pace().slow_interval_ns),
                    counter_ns: share(COUNTER_DENSE_NS),
                    counter_is_second: false,
                    // The first look comes at once: who computes before a load starts is not the load.
                    look_ns: now_ns,
                    awaited: None,
                }
            })
            .collect();
        Self {
            reading,
            reader,
            due,
            rhythms: vec![Rhythm::default(); count],
            power: Vec::with_capacity(count),
            cpu_ns: 0,
            first_looks_left: count,
            samples,
            looks,
        }
    }

    /// Whether there is anything to read at a deadline.
    pub fn wants(&self, deadline_ns: u64) -> bool {
        (0..self.due.len()).any(|device| self.is_mine(device) && self.wants_device(device, deadline_ns))
    }

    /// Another thread may have taken over while the driver was asked.
    fn is_mine(&self, device: usize) -> bool {
        self.reading.devices.is_read_by(device, self.reader.number)
    }

    fn wants_device(&self, device: usize, at_ns: u64) -> bool {
        let due = self.due[device];
        !self.reading.pace().tick_locked
            || at_ns < self.reading.shared().dense_until_ns()
            || at_ns >= due.slow_ns.min(due.counter_ns)
            || self.is_near_tick(device, at_ns)
    }

    /// Whether a tick may come within an interval before or after, or its time is not known. Two reads on each side
    /// of a tick keep the plateaus of the power flat, as reading all the time would.
    fn is_near_tick(&self, device: usize, at_ns: u64) -> bool {
        let rhythm = &self.rhythms[device];
        if rhythm.changes() < LOCK_CHANGES {
            return true;
        }
        let interval_ns = self.reading.pace().interval_ns;
        let reach_ns = interval_ns + interval_ns / 2;
        rhythm
            .next_tick_ns(at_ns.saturating_sub(reach_ns))
            .is_none_or(|(tick_ns, doubt_ns)| tick_ns <= at_ns + interval_ns + doubt_ns)
    }

    /// Reads what is due and pushes a sample for each device that was read.
    pub fn poll(&mut self, wake: Wake, missed_deadlines: u64) {
        self.power.clear();
        let mut driver_ns = 0;
        for device in 0..self.due.len() {
            let before_ns = monotonic_ns();
            let wanted = self.is_mine(device)
                && (!matches!(wake, Wake::Deadline { .. }) || self.wants_device(device, before_ns));
            self.power.push(wanted.then(|| {
                self.reader.ask(device, before_ns);
                let power_mw = self.reading.devices.ask(device, |source, at| source.power_mw(at));
                let after_ns = monotonic_ns();
                driver_ns += after_ns - before_ns;
                PowerRead { before_ns, after_ns, power_mw }
            }));
        }
        self.reading.devices.spend(driver_ns, 0);
        let mut is_first = true;
        for device in 0..self.power.len() {
            let Some(read) = self.power[device] else { continue };
            // What was read before another thread took over is older than what that one has read.
            if !self.is_mine(device) {
                continue;
            }
            let sample = self.complete(device, read, wake, is_first.then_some(missed_deadlines));
            is_first = false;
            if self.samples.push(sample).is_err() {
                self.reading.shared().count_dropped();
            }
        }
        self.reader.answered();
    }

    /// The sample of a power reading, with what else is due. `missed_deadlines`: with the first device of a poll.
    fn complete(
        &mut self,
        device: usize,
        PowerRead { before_ns, after_ns, power_mw }: PowerRead,
        wake: Wake,
        missed_deadlines: Option<u64>,
    ) -> Sample {
        let at_ns = before_ns + (after_ns - before_ns) / 2;
        if let Ok(power_mw) = power_mw
            && self.reading.pace().tick_locked
        {
            self.rhythms[device].push(at_ns, u64::from(power_mw));
        }
        self.reader.ask(device, after_ns);
        // What is due is judged by the time of the power read: reading the clock twice more for each device would
        // cost as much as all the rest.
        let counter = self.counter(device, wake, after_ns);
        let (mut slow, mut throttle) = (None, None);
        let is_due = after_ns >= self.due[device].slow_ns;
        if is_due || wake == Wake::Edge {
            let slow_start_ns = monotonic_ns();
            (slow, throttle) = self.reading.devices.ask(device, |source, at| {
                let slow = is_due.then(|| source.slow_signals(at));
                (slow, (wake == Wake::Edge).then(|| source.throttle_times(at)))
            });
            let now_ns = monotonic_ns();
            // A system call of its own, unlike the other clock, so not at each deadline.
            let cpu_ns = thread_cpu_ns();
            self.reading.devices.spend(now_ns - slow_start_ns, cpu_ns - self.cpu_ns);
            self.cpu_ns = cpu_ns;
            if is_due {
                let interval_ns = self.reading.pace().slow_interval_ns;
                self.due[device].slow_ns = next_due(self.due[device].slow_ns, interval_ns, now_ns);
            }
        }
        Sample {
            device,
            scheduled: matches!(wake, Wake::Deadline { .. }),
            at_ns,
            read_ns: after_ns - before_ns,
            power_mw,
            counter,
            slow,
            throttle,
            poll: missed_deadlines.and_then(|missed| self.stats(wake, missed)),
        }
    }

    /// Where the sampler's deadlines are this thread's.
    fn stats(&self, wake: Wake, missed_deadlines: u64) -> Option<PollStats> {
        let devices = &self.reading.devices;
        self.reading.is_main(&self.reader).then(|| {
            self.reading.shared().count_missed(missed_deadlines);
            PollStats {
                lateness_ns: match wake {
                    Wake::Deadline { lateness_ns } => Some(lateness_ns),
                    Wake::Edge | Wake::NearEdge => None,
                },
                missed_deadlines,
                cpu_ns: devices.cpu_ns(),
                driver_ns: devices.driver_ns(),
                driver_calls: devices.calls(),
            }
        })
    }

    /// Looks at one device at most, when nothing else is urgent: the list of processes takes milliseconds on some
    /// drivers.
    pub fn look(&mut self) {
        let at_ns = monotonic_ns();
        // Near an edge the ticks have to be seen, unless nobody has been looked at yet.
        let calm = self.first_looks_left > 0 || at_ns >= self.reading.shared().dense_until_ns();
        let is_due = |device: &usize| self.due[*device].look_ns <= at_ns && self.is_mine(*device);
        let Some(device) = (0..self.due.len()).find(is_due).filter(|_| calm) else { return };
        self.reader.ask(device, at_ns);
        let (processes, limits) =
            self.reading.devices.ask(device, |source, at| (source.processes(at), source.limits(at)));
        self.first_looks_left = self.first_looks_left.saturating_sub(1);
        self.reader.answered();
        self.reading.devices.spend(monotonic_ns() - at_ns, 0);
        self.due[device].look_ns = next_due(self.due[device].look_ns, LOOK_NS, at_ns);
        // A full ring only means that the recorder has enough to do; the next look is in a few seconds.
        let _ = self.looks.push(Look { device, at_ns, processes, limits });
    }

    fn counter(&mut self, device: usize, wake: Wake, now_ns: u64) -> Option<CounterReading> {
        if wake != Wake::Edge && now_ns < self.due[device].counter_ns {
            return None;
        }
        let before_ns = monotonic_ns();
        let energy_mj = self.reading.devices.ask(device, |source, at| source.counter_mj(at));
        let after_ns = monotonic_ns();
        let cost_ns = after_ns - before_ns;
        self.reading.devices.spend(cost_ns, 0);
        let awaited = &mut self.due[device].awaited;
        if let Ok(energy_mj) = energy_mj {
            if wake == Wake::Edge {
                *awaited = Some((after_ns + AWAITED_NS, energy_mj));
            }
            *awaited =
                awaited.filter(|(until_ns, before_mj)| after_ns < *until_ns && energy_mj == *before_mj);
        }
        let is_dense = awaited.is_some() || after_ns < self.reading.shared().dense_until_ns();
        let interval_ns = match energy_mj {
            Err(ReadError::NotSupported) => COUNTER_RETRY_NS,
            _ => self.reading.pace().counter_interval_ns(is_dense, self.due[device].counter_is_second),
        };
        self.due[device].counter_is_second = !self.due[device].counter_is_second;
        let affordable_ns = cost_ns * COUNTER_SHARE * self.power.len() as u64;
        self.due[device].counter_ns =
            next_due(self.due[device].counter_ns, interval_ns.max(affordable_ns), after_ns);
        let at_ns = before_ns + cost_ns / 2;
        energy_mj.ok().map(|energy_mj| CounterReading { at_ns, energy_mj })
    }

    /// Called when a window's edge came: from now on the counter is read densely, and once that is over it is looked
    /// at who computes.
    pub fn hasten(&mut self, now_ns: u64) {
        let soon_ns = now_ns + self.reading.pace().counter_interval_ns(true, false);
        for due in &mut self.due {
            due.counter_ns = due.counter_ns.min(soon_ns);
            due.look_ns = due.look_ns.min(soon_ns);
        }
    }
}

/// The grid point after `now_ns`, so that a slow reading that ran over several is not made up for.
pub(crate) fn next_due(due_ns: u64, interval_ns: u64, now_ns: u64) -> u64 {
    if due_ns > now_ns { due_ns } else { due_ns + ((now_ns - due_ns) / interval_ns + 1) * interval_ns }
}
