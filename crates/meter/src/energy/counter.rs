//! Joules by the driver's energy counter, both edges corrected.
//!
//! The counter is exact at its ticks and silent between them, so a plain difference is off by up to one tick's
//! energy at each edge. The tick interval `[u, u + T]` that holds an edge has a known energy as soon as the next
//! tick was read; the power before and after it tells where inside the power stepped, if it did.

use std::collections::VecDeque;

use crate::clock::{NS_PER_MS, seconds};

/// Two reads this close together that differ hold a tick whose time is known well enough to stand on.
pub const SHARP_NS: u64 = 30 * NS_PER_MS;
/// The averaging window of the sensor of current datacenter boards (25 ms, arXiv 2312.02741) with a margin:
/// a reading published this long after a tick knows nothing of the time before it.
const SENSOR_WINDOW_NS: u64 = 30 * NS_PER_MS;
/// The update period of the sensor of current datacenter boards (arXiv 2312.02741).
const USUAL_PERIOD_NS: u64 = 100 * NS_PER_MS;

/// Below this share of the power on the other side of an edge, a side is idle.
const IDLE_SHARE: f64 = 0.5;
/// Between an idle edge and the next reading a load may draw this many times that reading: it begins with its
/// prefill. More is a load that goes on beyond the edge.
const BURST_FACTOR: f64 = 2.0;
/// Were one such edge in 64 inside the load after all, the standard deviation would be an eighth of what that
/// changes; twice that.
const BEYOND_EDGE_K2: f64 = 0.25;
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
    /// The bound.
    tick_j: f64,
}

/// The last seconds of one device's readings, in constant memory: what an edge needs to know of its surroundings.
#[derive(Debug)]
pub struct History {
    span_ns: u64,
    /// Not the queues' own capacity, which a clone of them does not keep.
    capacity: usize,
    power: VecDeque<(u64, f64)>,
    counter: VecDeque<(u64, u64)>,
}

impl History {
    /// Keeps `span_ns` of readings that come every `interval_ns`.
    pub fn new(span_ns: u64, interval_ns: u64) -> Self {
        // Twice the expected number: an edge adds reads of its own.
        let capacity = usize::try_from(2 * span_ns / interval_ns.max(1)).unwrap_or(usize::MAX).max(16) + 64;
        Self {
            span_ns,
            capacity,
            power: VecDeque::with_capacity(capacity),
            counter: VecDeque::with_capacity(capacity),
        }
    }

    /// Takes a power reading in watts.
    pub fn push_power(&mut self, at_ns: u64, power_w: f64) {
        push(&mut self.power, self.span_ns, self.capacity, at_ns, power_w);
    }

    /// Takes a counter reading in millijoules.
    pub fn push_counter(&mut self, at_ns: u64, energy_mj: u64) {
        push(&mut self.counter, self.span_ns, self.capacity, at_ns, energy_mj);
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
            tick_uncertainty_j: BOUND_TO_K2 * carried.tick_j,
        })
    }

    /// What the lag of the readings leaves unknown at an edge (k = 2), joules: a step there may be shown up to an
    /// update period and half a sensor's window late.
    pub fn power_edge_uncertainty_j(&self, edge_ns: u64) -> Option<f64> {
        let lag_ns = self.update_period_ns() + SENSOR_WINDOW_NS / 2;
        let (low_w, high_w) = self.range_w(edge_ns.saturating_sub(lag_ns), edge_ns + lag_ns)?;
        Some((high_w - low_w) * seconds(lag_ns))
    }

    /// The lowest and the highest reading from one moment to another.
    fn range_w(&self, from_ns: u64, to_ns: u64) -> Option<(f64, f64)> {
        let readings = self.power.iter().filter(|(at_ns, _)| (from_ns..=to_ns).contains(at_ns));
        readings.map(|(_, power_w)| (*power_w, *power_w)).reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
    }

    /// Time between two values that the power sensor publishes, as seen in the last seconds; that of current boards
    /// where the power, or its reading, was too steady to show it.
    pub fn update_period_ns(&self) -> u64 {
        tick_period_ns(&ticks(&self.power, |power_w| power_w)).unwrap_or(USUAL_PERIOD_NS)
    }

    /// Time between two changes of the counter, as seen in the last seconds; `None` where they were not seen.
    pub fn counter_period_ns(&self) -> Option<u64> {
        tick_period_ns(&ticks(&self.counter, joules))
    }

    fn two_sided(&self, ticks: &[Tick], edge_ns: u64) -> Option<Carried> {
        let period_ns = tick_period_ns(ticks)?;
        let next = ticks.iter().find(|tick| tick.sharp && tick.at_ns > edge_ns)?;
        let start_ns = next.at_ns.checked_sub(period_ns)?;
        // The tick before must lie before the edge; a hair of disagreement is the polling interval's.
        if start_ns > edge_ns + SHARP_NS / 2 {
            return None;
        }
        let energy_j = next.after - next.before;
        let length_s = seconds(period_ns);
        let into_s = seconds(edge_ns.saturating_sub(start_ns)).min(length_s);
        let levels = self.power_before(start_ns).zip(self.power_after(next.at_ns));
        let idle =
            levels.and_then(|(before_w, after_w)| idle_side(energy_j, length_s, into_s, before_w, after_w));
        let step =
            levels.and_then(|(before_w, after_w)| one_step(energy_j, length_s, into_s, before_w, after_w));
        if let Some((idle_w, before_edge_j)) = idle {
            return Some(Carried {
                method: EdgeMethod::TwoSided,
                joules: next.before + before_edge_j,
                share_j: BEYOND_EDGE_K2 * step.map_or(0.0, |step_j| (step_j - before_edge_j).abs()),
                tick_j: idle_w * seconds(next.doubt_ns),
            });
        }
        let before_edge_j = step.unwrap_or(energy_j * into_s / length_s);
        Some(Carried {
            method: EdgeMethod::TwoSided,
            joules: next.before + before_edge_j,
            share_j: self.share_bound_j(edge_ns, energy_j, length_s, into_s),
            tick_j: energy_j / length_s * seconds(next.doubt_ns),
        })
    }

    /// What is not known (k = 2) of the energy before the edge, if the power kept within the readings around it.
    fn share_bound_j(&self, edge_ns: u64, energy_j: f64, length_s: f64, into_s: f64) -> f64 {
        let around = self.range_w(edge_ns.saturating_sub(SURROUNDINGS_NS), edge_ns + SURROUNDINGS_NS);
        let mean_w = energy_j / length_s;
        let (low_w, high_w) = around.map_or((0.0, mean_w), |(low, high)| (low.min(mean_w), high.max(mean_w)));
        let rest_s = length_s - into_s;
        let least_j = (low_w * into_s).max(energy_j - high_w * rest_s);
        let most_j = (high_w * into_s).min(energy_j - low_w * rest_s);
        BOUND_TO_K2 * (most_j - least_j).max(0.0) / 2.0
    }

    /// The last reading whose averaging window ended before `at_ns`.
    fn power_before(&self, at_ns: u64) -> Option<f64> {
        let before = self.power.iter().rev().find(|(read_ns, _)| *read_ns <= at_ns);
        before.or(self.power.front()).map(|(_, power_w)| *power_w)
    }

    /// The first reading whose averaging window began after `at_ns`: the next new value once the window has
    /// passed, or the value that still stands when a new one is overdue.
    #[expect(clippy::float_cmp, reason = "a published value is repeated to the bit until the next one")]
    fn power_after(&self, at_ns: u64) -> Option<f64> {
        let (from_ns, overdue_ns) = (at_ns + SENSOR_WINDOW_NS, at_ns + SENSOR_WINDOW_NS + USUAL_PERIOD_NS);
        self.power
            .iter()
            .zip(self.power.iter().skip(1))
            .find(|(before, after)| after.0 >= overdue_ns || (after.0 >= from_ns && after.1 != before.1))
            .map(|(_, after)| *after)
            .or_else(|| self.power.back().copied())
            .filter(|(read_ns, _)| *read_ns > at_ns)
            .map(|(_, power_w)| power_w)
    }

    fn proportional(&self, ticks: &[Tick], edge_ns: u64) -> Option<Carried> {
        let next = ticks.iter().position(|tick| tick.at_ns > edge_ns)?;
        let (before, after) = (ticks.get(next.checked_sub(1)?)?, &ticks[next]);
        let (length_s, into_s) = (seconds(after.at_ns - before.at_ns), seconds(edge_ns - before.at_ns));
        let energy_j = after.after - before.after;
        Some(Carried {
            method: EdgeMethod::Proportional,
            joules: before.after + energy_j * into_s / length_s,
            share_j: self.share_bound_j(edge_ns, energy_j, length_s, into_s),
            tick_j: energy_j / length_s * seconds(before.doubt_ns.max(after.doubt_ns)),
        })
    }

    fn one_sided(&self, ticks: &[Tick], edge_ns: u64) -> Option<Carried> {
        let last = ticks.iter().rev().find(|tick| tick.at_ns <= edge_ns)?;
        let power_w = self.power.iter().rev().find(|(at_ns, _)| *at_ns <= edge_ns)?.1;
        let since_s = seconds(edge_ns - last.at_ns);
        let around = self.range_w(edge_ns.saturating_sub(SURROUNDINGS_NS), edge_ns + SURROUNDINGS_NS);
        Some(Carried {
            method: EdgeMethod::OneSided,
            joules: last.after + power_w * since_s,
            share_j: BOUND_TO_K2 * around.map_or(power_w, |(low_w, high_w)| high_w - low_w) * since_s,
            tick_j: power_w * seconds(last.doubt_ns),
        })
    }
}

/// The idle power, and how much of a tick interval's energy lies before the edge that is `into_s` inside it, where
/// one side of the edge is idle. Who marks an edge next to an idle stretch also starts or has ended the load, so the
/// idle side is idle up to the edge and the rest of the energy is the load's. `None` where no side is idle, or the
/// load would have to draw more than a burst: it goes on beyond the edge.
fn idle_side(energy_j: f64, length_s: f64, into_s: f64, before_w: f64, after_w: f64) -> Option<(f64, f64)> {
    let (idle_w, load_w) = (before_w.min(after_w), before_w.max(after_w));
    if idle_w > IDLE_SHARE * load_w {
        return None;
    }
    let idle_before = before_w < after_w;
    let idle_s = if idle_before { into_s } else { length_s - into_s };
    let (idle_j, load_s) = (idle_w * idle_s, length_s - idle_s);
    let load_j = energy_j - idle_j;
    (load_j >= 0.0 && load_j <= BURST_FACTOR * load_w * load_s)
        .then_some((idle_w, if idle_before { idle_j } else { load_j }))
}

/// The same where one step from the one level to the other explains the energy: it falls inside the interval.
fn one_step(energy_j: f64, length_s: f64, into_s: f64, before_w: f64, after_w: f64) -> Option<f64> {
    let step_s = (energy_j - after_w * length_s) / (before_w - after_w);
    (0.0..=length_s)
        .contains(&step_s)
        .then(|| before_w * into_s.min(step_s) + after_w * (into_s - step_s).max(0.0))
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
struct Tick {
    at_ns: u64,
    doubt_ns: u64,
    sharp: bool,
    before: f64,
    after: f64,
}

/// The mean distance of neighbouring sharp ticks, without those that are far from the median: a tick between two
/// reads is known to half their distance, and the mean over a run of ticks forgets all but its ends.
fn tick_period_ns(ticks: &[Tick]) -> Option<u64> {
    let pairs = ticks.windows(2).filter(|pair| pair[0].sharp && pair[1].sharp);
    let mut gaps: Vec<u64> = pairs.map(|pair| pair[1].at_ns - pair[0].at_ns).collect();
    gaps.sort_unstable();
    let median_ns = *gaps.get(gaps.len() / 2)?;
    gaps.retain(|gap_ns| gap_ns.abs_diff(median_ns) <= median_ns / 4);
    Some(gaps.iter().sum::<u64>() / gaps.len() as u64)
}

fn joules(energy_mj: u64) -> f64 {
    energy_mj as f64 / 1000.0
}

#[cfg(test)]
#[path = "counter_tests.rs"]
mod tests;
