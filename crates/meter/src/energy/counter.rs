//! Joules by the driver's energy counter, both edges corrected.
//!
//! The counter is exact at its ticks and silent between them, so a plain difference is off by up to one tick's
//! energy at each edge. The tick interval `[u, u + T]` that holds an edge has a known energy as soon as the next
//! tick was read; the power before and after it tells where inside the power stepped, if it did.

use std::collections::VecDeque;

use crate::clock::{NS_PER_MS, seconds};

/// Two reads this close together that differ hold a tick whose time is known well enough to stand on.
const SHARP_NS: u64 = 30 * NS_PER_MS;
/// The averaging window of the sensor of current datacenter boards (25 ms, arXiv 2312.02741) with a margin:
/// a reading published this long after a tick knows nothing of the time before it.
const SENSOR_WINDOW_NS: u64 = 30 * NS_PER_MS;
/// The update period of the sensor of current datacenter boards (arXiv 2312.02741).
const USUAL_PERIOD_NS: u64 = 100 * NS_PER_MS;

/// Below this share of the power on the other side of an edge, a side is idle.
const IDLE_SHARE: f64 = 0.5;

/// How the energy between two ticks was shared out at an edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EdgeMethod {
    /// The ticks on both sides are known: one step of the power inside their interval, or an even share.
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
        let (method, corrected_j) = self
            .two_sided(&tick_reads, edge_ns)
            .map(|joules| (EdgeMethod::TwoSided, joules))
            .or_else(|| proportional(&tick_reads, edge_ns).map(|joules| (EdgeMethod::Proportional, joules)))
            .or_else(|| self.one_sided(&tick_reads, edge_ns).map(|joules| (EdgeMethod::OneSided, joules)))?;
        Some(CounterEdge { raw_j: joules(raw_mj), corrected_j, method })
    }

    /// Time between two values that the power sensor publishes, as seen in the last seconds; that of current boards
    /// where the power, or its reading, was too steady to show it.
    pub fn update_period_ns(&self) -> u64 {
        tick_period_ns(&ticks(&self.power, |power_w| power_w)).unwrap_or(USUAL_PERIOD_NS)
    }

    fn two_sided(&self, ticks: &[Tick], edge_ns: u64) -> Option<f64> {
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
        let before_edge_j = levels
            .and_then(|(before_w, after_w)| share_before_edge(energy_j, length_s, into_s, before_w, after_w))
            .unwrap_or(energy_j * into_s / length_s);
        Some(next.before + before_edge_j)
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

    fn one_sided(&self, ticks: &[Tick], edge_ns: u64) -> Option<f64> {
        let last = ticks.iter().rev().find(|tick| tick.at_ns <= edge_ns)?;
        let power_w = self.power.iter().rev().find(|(at_ns, _)| *at_ns <= edge_ns)?.1;
        Some(last.after + power_w * seconds(edge_ns - last.at_ns))
    }
}

/// How much of a tick interval's energy lies before the edge that is `into_s` inside it, told from the power on
/// both sides. `None` where that says nothing.
fn share_before_edge(energy_j: f64, length_s: f64, into_s: f64, before_w: f64, after_w: f64) -> Option<f64> {
    // One step from the one level to the other explains the energy where it falls inside the interval.
    let step_s = (energy_j - after_w * length_s) / (before_w - after_w);
    if (0.0..=length_s).contains(&step_s) {
        return Some(before_w * into_s.min(step_s) + after_w * (into_s - step_s).max(0.0));
    }
    // More energy than either level explains, and one of them is idle: a burst on the busy side of the edge. The
    // idle side is known, the rest belongs to the other.
    let (low_w, high_w) = (before_w.min(after_w), before_w.max(after_w));
    if energy_j < high_w * length_s || low_w > IDLE_SHARE * high_w {
        return None;
    }
    Some(if before_w < after_w { before_w * into_s } else { energy_j - after_w * (length_s - into_s) })
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
            sharp: after.0 - before.0 <= SHARP_NS,
            before: value(before.1),
            after: value(after.1),
        })
        .collect()
}

/// A change of what is published, between two reads.
struct Tick {
    at_ns: u64,
    sharp: bool,
    before: f64,
    after: f64,
}

/// The median distance of neighbouring sharp ticks.
fn tick_period_ns(ticks: &[Tick]) -> Option<u64> {
    let mut gaps: Vec<u64> = ticks
        .windows(2)
        .filter(|pair| pair[0].sharp && pair[1].sharp)
        .map(|pair| pair[1].at_ns - pair[0].at_ns)
        .collect();
    gaps.sort_unstable();
    gaps.get(gaps.len() / 2).copied()
}

fn proportional(ticks: &[Tick], edge_ns: u64) -> Option<f64> {
    let next = ticks.iter().position(|tick| tick.at_ns > edge_ns)?;
    let (before, after) = (ticks.get(next.checked_sub(1)?)?, &ticks[next]);
    let share = (edge_ns - before.at_ns) as f64 / (after.at_ns - before.at_ns) as f64;
    Some(before.after + (after.after - before.after) * share)
}

fn joules(energy_mj: u64) -> f64 {
    energy_mj as f64 / 1000.0
}

#[cfg(test)]
#[path = "counter_tests.rs"]
mod tests;
