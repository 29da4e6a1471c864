//! Joules by the driver's energy counter, both edges corrected.
//!
//! The counter is exact at its ticks and silent between them, so a plain difference is off by up to one tick's
//! energy at each edge. The tick interval `[u, u + T]` that holds an edge has a known energy as soon as the next
//! tick was read; the power before and after it tells where inside the power stepped, if it did.

use std::collections::VecDeque;

use super::published::{Comb, Published};
use super::rhythm::{Rhythm, SHARP_NS};
use super::sensor::Sensor;
use super::sharing::{Levels, Seen, TickInterval};
use crate::clock::{NS_PER_MS, seconds};
use crate::sample::Sample;

/// Readings this close to an edge tell how much the power varies there.
const SURROUNDINGS_NS: u64 = 500 * NS_PER_MS;
/// A quantity that is known within `+-d` and no better has a standard deviation of `d / sqrt(3)`; twice that.
const BOUND_TO_K2: f64 = 1.155;

/// How the energy between two ticks was shared out at an edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EdgeMethod {
    /// The ticks on both sides are known: an idle side, one step of the power inside their interval, or an even
    /// share.
    TwoSided,
    /// The ticks are known roughly: a straight line between the counter's values.
    Proportional,
    /// No later tick came: the last value and the power since.
    OneSided,
}

/// The counter at an edge, in joules since the driver was loaded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CounterEdge {
    /// What a plain read at the edge answers.
    pub raw_j: f64,
    /// The same, carried from the last tick to the edge.
    pub corrected_j: f64,
    /// How it was carried.
    pub method: EdgeMethod,
    /// What the sharing of the tick interval's energy leaves unknown (k = 2), joules.
    pub share_uncertainty_j: f64,
    /// What the time of the tick leaves unknown (k = 2), joules.
    pub tick_uncertainty_j: f64,
}

/// A counter's value carried to an edge.
#[derive(Clone, Copy, Debug)]
struct Carried {
    method: EdgeMethod,
    joules: f64,
    /// k = 2.
    share_j: f64,
    /// k = 2.
    tick_j: f64,
}

/// What was found of the rhythms of a device's power sensor and energy counter, nanoseconds; `None` where it was not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Periods {
    /// Time between two values that the power sensor publishes.
    pub power_ns: Option<u64>,
    /// How far that may be off (k = 2).
    pub power_doubt_ns: Option<u64>,
    /// Time between two changes of the counter.
    pub counter_ns: Option<u64>,
    /// How far that may be off (k = 2).
    pub counter_doubt_ns: Option<u64>,
}

/// The last seconds of one device's readings, in constant memory: what an edge needs to know of its surroundings.
#[derive(Debug)]
pub struct History {
    span_ns: u64,
    /// Not the queues' own capacity, which a clone of them does not keep.
    capacity: usize,
    power: VecDeque<(u64, f64)>,
    counter: VecDeque<(u64, u64)>,
    sensor: Sensor,
    power_rhythm: Rhythm,
    counter_rhythm: Rhythm,
    pinned: Option<Periods>,
}

impl History {
    /// Keeps `span_ns` of readings that come every `interval_ns`. `sensor`: what is known of it beforehand.
    pub fn new(span_ns: u64, interval_ns: u64, sensor: Sensor) -> Self {
        // Twice the expected number: an edge adds reads of its own.
        let capacity = usize::try_from(2 * span_ns / interval_ns.max(1)).unwrap_or(usize::MAX).max(16) + 64;
        Self {
            span_ns,
            capacity,
            power: VecDeque::with_capacity(capacity),
            counter: VecDeque::with_capacity(capacity),
            sensor,
            power_rhythm: Rhythm::default(),
            counter_rhythm: Rhythm::default(),
            pinned: None,
        }
    }

    /// Takes what a sample has of power and counter.
    pub fn push(&mut self, sample: &Sample) {
        if let Some(power_w) = sample.power_w() {
            self.push_power(sample.at_ns, power_w);
        }
        if let Some(counter) = sample.counter {
            self.push_counter(counter.at_ns, counter.energy_mj);
        }
    }

    /// Takes a power reading in watts.
    pub fn push_power(&mut self, at_ns: u64, power_w: f64) {
        push(&mut self.power, self.span_ns, self.capacity, at_ns, power_w);
        self.power_rhythm.push(at_ns, power_w.to_bits());
    }

    /// Takes a counter reading in millijoules.
    pub fn push_counter(&mut self, at_ns: u64, energy_mj: u64) {
        push(&mut self.counter, self.span_ns, self.capacity, at_ns, energy_mj);
        self.counter_rhythm.push(at_ns, energy_mj);
    }

    /// The counter at `edge_ns`; `None` where it was not read on both sides of the edge, or fell in between.
    pub fn counter_at(&self, edge_ns: u64) -> Option<CounterEdge> {
        let reads = &self.counter;
        let raw_mj = reads.iter().find(|(at_ns, _)| *at_ns >= edge_ns)?.1;
        let tick_reads = ticks(reads, joules);
        let in_order = reads.iter().zip(reads.iter().skip(1)).all(|(a, b)| a.1 <= b.1);
        if !in_order || reads.front()?.0 > edge_ns {
            return None;
        }
        let carried = self
            .two_sided(&tick_reads, edge_ns)
            .or_else(|| self.proportional(&tick_reads, edge_ns))
            .or_else(|| self.one_sided(&tick_reads, edge_ns))?;
        Some(CounterEdge {
            raw_j: joules(raw_mj),
            corrected_j: carried.joules,
            method: carried.method,
            share_uncertainty_j: carried.share_j,
            tick_uncertainty_j: carried.tick_j,
        })
    }

    /// What the readings leave unknown at an edge (k = 2), joules. They are taken to show the power half an update
    /// period and half a window late, which is right on average; a step at the edge may be shown half an update
    /// period earlier or later.
    pub fn power_edge_uncertainty_j(&self, edge_ns: u64) -> Option<f64> {
        let span_ns = self.sensor.delay_ns + self.update_period_ns() + self.sensor.window_ns;
        let (low_w, high_w) = self.range_w(edge_ns.saturating_sub(span_ns), edge_ns + span_ns)?;
        Some(BOUND_TO_K2 * (high_w - low_w) * seconds(self.update_period_ns()) / 2.0)
    }

    /// The lowest and the highest reading from one moment to another.
    fn range_w(&self, from_ns: u64, to_ns: u64) -> Option<(f64, f64)> {
        let readings = self.power.iter().filter(|(at_ns, _)| (from_ns..=to_ns).contains(at_ns));
        readings.map(|(_, power_w)| (*power_w, *power_w)).reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
    }

    /// What is known of the sensor.
    pub fn sensor(&self) -> Sensor {
        Sensor { update_period_ns: self.update_period_ns(), ..self.sensor }
    }

    /// Time between two values that the power sensor publishes; what was known beforehand where the power, or its
    /// reading, was too steady to show it.
    pub fn update_period_ns(&self) -> u64 {
        self.measured_update_period_ns().unwrap_or(self.sensor.update_period_ns)
    }

    /// The same as it was seen; `None` where it was not.
    pub fn measured_update_period_ns(&self) -> Option<u64> {
        self.periods().power_ns
    }

    /// Time between two changes of the counter; `None` where they were not seen.
    pub fn counter_period_ns(&self) -> Option<u64> {
        self.periods().counter_ns
    }

    /// What is known of the rhythms now.
    pub fn periods(&self) -> Periods {
        let found = || Periods {
            power_ns: self.power_rhythm.period_ns(),
            power_doubt_ns: self.power_rhythm.period_doubt_ns(),
            counter_ns: self.counter_rhythm.period_ns(),
            counter_doubt_ns: self.counter_rhythm.period_doubt_ns(),
        };
        self.pinned.unwrap_or_else(found)
    }

    /// The first tick of the sensor and of the counter after a moment, by the lines through their changes, and how far
    /// each may be off.
    pub fn next_updates(&self, after_ns: u64) -> [Option<(u64, u64)>; 2] {
        [&self.power_rhythm, &self.counter_rhythm].map(|rhythm| rhythm.next_tick_ns(after_ns))
    }

    /// From now on takes the periods for these, whatever the readings say: they were found from more of the past.
    pub fn pin(&mut self, periods: Periods) {
        self.pinned = Some(periods);
    }

    fn two_sided(&self, ticks: &[Tick], edge_ns: u64) -> Option<Carried> {
        let (interval, doubt_ns, start_j) = self.tick_interval(ticks, edge_ns)?;
        let share = interval.share_at(edge_ns, doubt_ns);
        // The tick before was perhaps not seen; where it fell is known as well as the period, which counts the less
        // the closer the edge is to the tick that was.
        let to_end = interval.share_after(edge_ns);
        let start_doubt_s = to_end * seconds(self.periods().counter_doubt_ns.unwrap_or(0));
        Some(Carried {
            method: EdgeMethod::TwoSided,
            joules: start_j + share.before_j,
            share_j: share.uncertainty_j,
            tick_j: BOUND_TO_K2 * share.power_w * seconds(doubt_ns).hypot(start_doubt_s),
        })
    }

    /// The tick interval that holds an edge, how far its end may be off, and the counter at its start in joules.
    fn tick_interval(&self, counter_ticks: &[Tick], edge_ns: u64) -> Option<(TickInterval, u64, f64)> {
        let period_ns = self.counter_period_ns()?;
        let next = counter_ticks.iter().find(|tick| tick.sharp && tick.at_ns > edge_ns)?;
        let period_doubt_ns = self.periods().counter_doubt_ns.unwrap_or(0);
        // All ticks around tell the time of one better than the two reads beside it.
        let comb = Comb::through(counter_ticks, edge_ns, period_ns, period_doubt_ns)
            .filter(|comb| comb.nearest(next.at_ns).abs_diff(next.at_ns) <= next.doubt_ns);
        let end_ns = comb.map_or(next.at_ns, |comb| comb.nearest(next.at_ns));
        let end_doubt_ns = comb.map_or(next.doubt_ns, |comb| comb.doubt_ns.min(next.doubt_ns));
        let start_ns = end_ns.checked_sub(period_ns)?;
        // The tick before must lie before the edge; a hair of disagreement is the polling interval's.
        if start_ns > edge_ns + SHARP_NS / 2 {
            return None;
        }
        let sensor = self.sensor();
        let published = Published::around(
            edge_ns,
            &self.power,
            &ticks(&self.power, |power_w| power_w),
            sensor,
            self.periods().power_doubt_ns.unwrap_or(0),
        );
        // A tick of the sensor that may be one of the counter is one.
        let together_ns = published.doubt_ns + end_doubt_ns;
        let before_w = published.before(start_ns + together_ns);
        let after_w = published.after(end_ns.saturating_sub(together_ns));
        let first_w = self.power.front().map(|(_, power_w)| *power_w);
        let last_w = self.power.back().filter(|(read_ns, _)| *read_ns > end_ns).map(|(_, power_w)| *power_w);
        let levels = before_w.or(first_w).zip(after_w.or(last_w));
        // A mean over more than the interval tells nothing of a part of it, but of the power beside it it does.
        let readings = if sensor.window_ns <= period_ns {
            published.values
        } else {
            levels.map_or_else(Vec::new, |(before_w, after_w)| {
                vec![
                    Seen {
                        start_ns: start_ns.saturating_sub(period_ns / 2),
                        end_ns: start_ns,
                        power_w: before_w,
                    },
                    Seen { start_ns: end_ns, end_ns: end_ns + period_ns / 2, power_w: after_w },
                ]
            })
        };
        let energy_j = next.after - next.before;
        let interval = TickInterval {
            start_ns,
            end_ns,
            energy_j,
            levels: levels.map(|(before_w, after_w)| Levels { before_w, after_w }),
            readings,
            reading_doubt_ns: published.doubt_ns,
            together_ns,
            range_w: self.surroundings_w(edge_ns, energy_j / seconds(period_ns)),
            highest_w: self.surroundings_w(edge_ns, 0.0).1,
        };
        Some((interval, end_doubt_ns, next.before))
    }

    /// The lowest and the highest reading around an edge, and what they are widened to hold.
    fn surroundings_w(&self, edge_ns: u64, mean_w: f64) -> (f64, f64) {
        let around = self.range_w(edge_ns.saturating_sub(SURROUNDINGS_NS), edge_ns + SURROUNDINGS_NS);
        around.map_or((0.0, mean_w), |(low_w, high_w)| (low_w.min(mean_w), high_w.max(mean_w)))
    }

    fn proportional(&self, ticks: &[Tick], edge_ns: u64) -> Option<Carried> {
        let next = ticks.iter().position(|tick| tick.at_ns > edge_ns)?;
        let (before, after) = (ticks.get(next.checked_sub(1)?)?, &ticks[next]);
        let energy_j = after.after - before.after;
        let share = TickInterval {
            start_ns: before.at_ns,
            end_ns: after.at_ns,
            energy_j,
            levels: None,
            readings: Vec::new(),
            reading_doubt_ns: 0,
            together_ns: 0,
            highest_w: 0.0,
            range_w: self.surroundings_w(edge_ns, energy_j / seconds(after.at_ns - before.at_ns)),
        }
        .share_at(edge_ns, before.doubt_ns.max(after.doubt_ns));
        Some(Carried {
            method: EdgeMethod::Proportional,
            joules: before.after + share.before_j,
            share_j: share.uncertainty_j,
            tick_j: BOUND_TO_K2 * share.power_w * seconds(before.doubt_ns.max(after.doubt_ns)),
        })
    }

    fn one_sided(&self, ticks: &[Tick], edge_ns: u64) -> Option<Carried> {
        let last = ticks.iter().rev().find(|tick| tick.at_ns <= edge_ns)?;
        let power_w = self.power.iter().rev().find(|(at_ns, _)| *at_ns <= edge_ns)?.1;
        let since_s = seconds(edge_ns - last.at_ns);
        let (low_w, high_w) = self.surroundings_w(edge_ns, power_w);
        Some(Carried {
            method: EdgeMethod::OneSided,
            joules: last.after + power_w * since_s,
            share_j: BOUND_TO_K2 * (high_w - low_w) * since_s,
            tick_j: BOUND_TO_K2 * power_w * seconds(last.doubt_ns),
        })
    }
}

fn push<T>(queue: &mut VecDeque<(u64, T)>, span_ns: u64, capacity: usize, at_ns: u64, value: T) {
    // The last two always stay, however slow the readings come.
    while queue.len() > 2 && (queue[0].0 + span_ns < at_ns || queue.len() >= capacity) {
        queue.pop_front();
    }
    queue.push_back((at_ns, value));
}

/// The changes between neighbouring reads.
fn ticks<T: Copy + PartialEq>(reads: &VecDeque<(u64, T)>, value: impl Fn(T) -> f64) -> Vec<Tick> {
    reads
        .iter()
        .zip(reads.iter().skip(1))
        .filter(|(before, after)| before.1 != after.1)
        .map(|(before, after)| Tick {
            at_ns: before.0 + (after.0 - before.0) / 2,
            doubt_ns: (after.0 - before.0) / 2,
            sharp: after.0 - before.0 <= SHARP_NS,
            before: value(before.1),
            after: value(after.1),
        })
        .collect()
}

/// A change of what is published, between two reads.
pub(super) struct Tick {
    pub at_ns: u64,
    pub doubt_ns: u64,
    pub sharp: bool,
    pub before: f64,
    pub after: f64,
}

fn joules(energy_mj: u64) -> f64 {
    energy_mj as f64 / 1000.0
}

#[cfg(test)]
#[path = "counter_tests.rs"]
mod tests;
