//! What happens at a deadline: each device's power first, then whatever slow readings are due. Runs on the
//! sampler thread, so nothing here allocates, logs or touches a file.

use rtrb::Producer;

use super::schedule::{LEAST_DISTANCE_NS, reads_between};
use super::shared::Shared;
use crate::clock::{NS_PER_MS, NS_PER_S, monotonic_ns, thread_cpu_ns};
use crate::energy::Rhythm;
use crate::sample::{CounterReading, PollStats, Sample};
use crate::source::{ReadError, Source};
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

/// Reads all devices of a source and hands the samples on.
pub(super) struct Poller<S: Source> {
    source: S,
    due: Vec<Due>,
    pace: Pace,
    /// When each device's sensor publishes; only listened to where the ticks are to be known.
    rhythms: Vec<Rhythm>,
    power: Vec<Option<PowerRead>>,
    driver_ns: u64,
    cpu_ns: u64,
    first_looks_left: usize,
    samples: Producer<Sample>,
    looks: Producer<Look>,
}

impl<S: Source> Poller<S> {
    pub fn new(source: S, pace: Pace, now_ns: u64, samples: Producer<Sample>, looks: Producer<Look>) -> Self {
        let count = source.device_count();
        // Staggered, so that eight devices do not spend their slow calls at one deadline.
        let due = (0..count)
            .map(|device| {
                let share = |interval_ns: u64| now_ns + interval_ns * device as u64 / count as u64;
                Due {
                    slow_ns: share(pace.slow_interval_ns),
                    counter_ns: share(COUNTER_DENSE_NS),
                    counter_is_second: false,
                    // The first look comes at once: who computes before a load starts is not the load.
                    look_ns: now_ns,
                    awaited: None,
                }
            })
            .collect();
        Self {
            source,
            due,
            pace,
            rhythms: vec![Rhythm::default(); count],
            power: Vec::with_capacity(count),
            driver_ns: 0,
            cpu_ns: 0,
            first_looks_left: count,
            samples,
            looks,
        }
    }

    /// Whether there is anything to read at a deadline.
    pub fn wants(&self, deadline_ns: u64, shared: &Shared) -> bool {
        (0..self.due.len()).any(|device| self.wants_device(device, deadline_ns, shared))
    }

    fn wants_device(&self, device: usize, at_ns: u64, shared: &Shared) -> bool {
        let due = self.due[device];
        !self.pace.tick_locked
            || at_ns < shared.dense_until_ns()
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
        let reach_ns = self.pace.interval_ns + self.pace.interval_ns / 2;
        rhythm
            .next_tick_ns(at_ns.saturating_sub(reach_ns))
            .is_none_or(|(tick_ns, doubt_ns)| tick_ns <= at_ns + self.pace.interval_ns + doubt_ns)
    }

    /// Reads what is due and pushes a sample for each device that was read.
    pub fn poll(&mut self, wake: Wake, missed_deadlines: u64, shared: &Shared) {
        self.power.clear();
        for device in 0..self.source.device_count() {
            let before_ns = monotonic_ns();
            let wanted =
                !matches!(wake, Wake::Deadline { .. }) || self.wants_device(device, before_ns, shared);
            self.power.push(wanted.then(|| {
                shared.ask(device, before_ns);
                let power_mw = self.source.power_mw(device);
                let after_ns = monotonic_ns();
                self.driver_ns += after_ns - before_ns;
                PowerRead { before_ns, after_ns, power_mw }
            }));
        }
        let mut is_first = true;
        for device in 0..self.power.len() {
            let Some(PowerRead { before_ns, after_ns, power_mw }) = self.power[device] else { continue };
            let at_ns = before_ns + (after_ns - before_ns) / 2;
            if let Ok(power_mw) = power_mw
                && self.pace.tick_locked
            {
                self.rhythms[device].push(at_ns, u64::from(power_mw));
            }
            shared.ask(device, after_ns);
            // What is due is judged by the time of the power read: reading the clock twice more for each device would
            // cost as much as all the rest.
            let counter = self.counter(device, wake, after_ns, shared);
            let (mut slow, mut throttle) = (None, None);
            if after_ns >= self.due[device].slow_ns || wake == Wake::Edge {
                let slow_start_ns = monotonic_ns();
                slow = (after_ns >= self.due[device].slow_ns).then(|| self.source.slow_signals(device));
                throttle = (wake == Wake::Edge).then(|| self.source.throttle_times(device));
                let now_ns = monotonic_ns();
                self.driver_ns += now_ns - slow_start_ns;
                // A system call of its own, unlike the other clock, so not at each deadline.
                self.cpu_ns = thread_cpu_ns();
                if slow.is_some() {
                    self.due[device].slow_ns =
                        next_due(self.due[device].slow_ns, self.pace.slow_interval_ns, now_ns);
                }
            }
            let poll = is_first.then(|| PollStats {
                lateness_ns: match wake {
                    Wake::Deadline { lateness_ns } => Some(lateness_ns),
                    Wake::Edge | Wake::NearEdge => None,
                },
                missed_deadlines,
                cpu_ns: self.cpu_ns,
                driver_ns: self.driver_ns,
                driver_calls: self.source.calls(),
            });
            is_first = false;
            let sample = Sample {
                device,
                scheduled: matches!(wake, Wake::Deadline { .. }),
                at_ns,
                read_ns: after_ns - before_ns,
                power_mw,
                counter,
                slow,
                throttle,
                poll,
            };
            if self.samples.push(sample).is_err() {
                shared.count_dropped();
            }
        }
        shared.answered();
    }

    /// Looks at one device at most, when nothing else is urgent: the list of processes takes milliseconds on some
    /// drivers.
    pub fn look(&mut self, shared: &Shared) {
        let at_ns = monotonic_ns();
        // Near an edge the ticks have to be seen, unless nobody has been looked at yet.
        let calm = self.first_looks_left > 0 || at_ns >= shared.dense_until_ns();
        let due = self.due.iter().position(|due| due.look_ns <= at_ns);
        let Some(device) = due.filter(|_| calm) else { return };
        shared.ask(device, at_ns);
        let (processes, limits) = (self.source.processes(device), self.source.limits(device));
        self.first_looks_left = self.first_looks_left.saturating_sub(1);
        shared.answered();
        self.driver_ns += monotonic_ns() - at_ns;
        self.due[device].look_ns = next_due(self.due[device].look_ns, LOOK_NS, at_ns);
        // A full ring only means that the recorder has enough to do; the next look is in a few seconds.
        let _ = self.looks.push(Look { device, at_ns, processes, limits });
    }

    fn counter(&mut self, device: usize, wake: Wake, now_ns: u64, shared: &Shared) -> Option<CounterReading> {
        if wake != Wake::Edge && now_ns < self.due[device].counter_ns {
            return None;
        }
        let before_ns = monotonic_ns();
        let energy_mj = self.source.counter_mj(device);
        let after_ns = monotonic_ns();
        let cost_ns = after_ns - before_ns;
        self.driver_ns += cost_ns;
        let awaited = &mut self.due[device].awaited;
        if let Ok(energy_mj) = energy_mj {
            if wake == Wake::Edge {
                *awaited = Some((after_ns + AWAITED_NS, energy_mj));
            }
            *awaited =
                awaited.filter(|(until_ns, before_mj)| after_ns < *until_ns && energy_mj == *before_mj);
        }
        let is_dense = awaited.is_some() || after_ns < shared.dense_until_ns();
        let interval_ns = match energy_mj {
            Err(ReadError::NotSupported) => COUNTER_RETRY_NS,
            _ => self.pace.counter_interval_ns(is_dense, self.due[device].counter_is_second),
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
        let soon_ns = now_ns + self.pace.counter_interval_ns(true, false);
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
