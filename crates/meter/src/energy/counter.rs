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
#[derive(Clone, Debug)]
pub struct History {
    span_ns: u64,
    power: VecDeque<(u64, f64)>,
    counter: VecDeque<(u64, u64)>,
}

impl History {
    /// Keeps `span_ns` of readings that come every `interval_ns`.
    pub fn new(span_ns: u64, interval_ns: u64) -> Self {
        // Twice the expected number: an edge adds reads of its own.
        let capacity = usize::try_from(2 * span_ns / interval_ns.max(1)).unwrap_or(usize::MAX).max(16) + 64;
        Self { span_ns, power: VecDeque::with_capacity(capacity), counter: VecDeque::with_capacity(capacity) }
    }

    /// Takes a power reading in watts.
    pub fn push_power(&mut self, at_ns: u64, power_w: f64) {
        Self::push(&mut self.power, self.span_ns, at_ns, power_w);
    }

    /// Takes a counter reading in millijoules.
    pub fn push_counter(&mut self, at_ns: u64, energy_mj: u64) {
        Self::push(&mut self.counter, self.span_ns, at_ns, energy_mj);
    }

    /// The last power reading.
    pub fn last_power(&self) -> Option<(u64, f64)> {
        self.power.back().copied()
    }

    fn push<T>(queue: &mut VecDeque<(u64, T)>, span_ns: u64, at_ns: u64, value: T) {
        // The last two always stay, however slow the readings come.
        while queue.len() > 2 && (queue[0].0 + span_ns < at_ns || queue.len() == queue.capacity()) {
            queue.pop_front();
        }
        queue.push_back((at_ns, value));
    }

    /// The counter at `edge_ns`; `None` where it was not read on both sides of the edge, or fell in between.
    pub fn counter_at(&self, edge_ns: u64) -> Option<CounterEdge> {
        let reads = &self.counter;
        let raw_mj = reads.iter().find(|(at_ns, _)| *at_ns >= edge_ns)?.1;
        let tick_reads = self.ticks();
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

    fn ticks(&self) -> Vec<Tick> {
        self.counter
            .iter()
            .zip(self.counter.iter().skip(1))
            .filter(|(before, after)| before.1 != after.1)
            .map(|(before, after)| Tick {
                at_ns: before.0 + (after.0 - before.0) / 2,
                sharp: after.0 - before.0 <= SHARP_NS,
                before_j: joules(before.1),
                after_j: joules(after.1),
            })
            .collect()
    }

    fn two_sided(&self, ticks: &[Tick], edge_ns: u64) -> Option<f64> {
        let period_ns = tick_period_ns(ticks)?;
        let next = ticks.iter().find(|tick| tick.sharp && tick.at_ns > edge_ns)?;
        let start_ns = next.at_ns.checked_sub(period_ns)?;
        // The tick before must lie before the edge; a hair of disagreement is the polling interval's.
        if start_ns > edge_ns + SHARP_NS / 2 {
            return None;
        }
        let energy_j = next.after_j - next.before_j;
        let length_s = seconds(period_ns);
        let into_s = seconds(edge_ns.saturating_sub(start_ns)).min(length_s);
        let step_j =
            self.power_before(start_ns).zip(self.power_after(next.at_ns)).and_then(|(before_w, after_w)| {
                let step_s = (energy_j - after_w * length_s) / (before_w - after_w);
                (0.0..=length_s)
                    .contains(&step_s)
                    .then(|| before_w * into_s.min(step_s) + after_w * (into_s - step_s).max(0.0))
            });
        Some(next.before_j + step_j.unwrap_or(energy_j * into_s / length_s))
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
        let (from_ns, overdue_ns) = (at_ns + SENSOR_WINDOW_NS, at_ns + SENSOR_WINDOW_NS + 100 * NS_PER_MS);
        self.power
            .iter()
            .zip(self.power.iter().skip(1))
            .find(|(before, after)| after.0 >= overdue_ns || (after.0 >= from_ns && after.1 != before.1))
            .map(|(_, after)| *after)
            .or_else(|| self.last_power())
            .filter(|(read_ns, _)| *read_ns > at_ns)
            .map(|(_, power_w)| power_w)
    }

    fn one_sided(&self, ticks: &[Tick], edge_ns: u64) -> Option<f64> {
        let last = ticks.iter().rev().find(|tick| tick.at_ns <= edge_ns)?;
        let power_w = self.power.iter().rev().find(|(at_ns, _)| *at_ns <= edge_ns)?.1;
        Some(last.after_j + power_w * seconds(edge_ns - last.at_ns))
    }
}

/// A change of the counter between two reads.
struct Tick {
    at_ns: u64,
    sharp: bool,
    before_j: f64,
    after_j: f64,
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
    Some(
        before.after_j + (after.before_j - before.after_j) * share + (after.after_j - after.before_j) * share,
    )
}

fn joules(energy_mj: u64) -> f64 {
    energy_mj as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::NS_PER_S;

    const MS: u64 = NS_PER_MS;

    /// A device whose true power is `before` watts until `step_ms` and `after` watts from then on, seen through a
    /// sensor (25 ms every 100 ms) and a counter that tick together at `phase_ms + k * 100 ms`.
    fn stepped(before: f64, after: f64, step_ms: u64, phase_ms: u64) -> History {
        let energy_j = |t_ms: f64| {
            before * t_ms.min(step_ms as f64) / 1e3 + after * (t_ms - step_ms as f64).max(0.0) / 1e3
        };
        let mut history = History::new(3 * NS_PER_S, 10 * MS);
        for k in 0..200u64 {
            let t_ms = 3 + k * 10;
            let Some(since) = t_ms.checked_sub(phase_ms) else { continue };
            let tick_ms = (phase_ms + since / 100 * 100) as f64;
            let reading_w = (energy_j(tick_ms) - energy_j((tick_ms - 25.0).max(0.0))) / 0.025;
            history.push_power(t_ms * MS, reading_w);
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            history.push_counter(t_ms * MS, (energy_j(tick_ms) * 1e3) as u64);
        }
        history
    }

    #[test]
    fn a_step_at_the_edge_is_found_inside_the_tick_at_any_phase() {
        for phase_ms in [30, 37, 51, 64, 88] {
            let edge =
                stepped(75.0, 500.0, 1000, phase_ms).counter_at(1000 * MS).expect("the counter was read");
            assert_eq!(edge.method, EdgeMethod::TwoSided);
            // 5 ms of doubt about the tick's time at 500 W are 2.5 J; the raw counter is off by up to 50 J.
            assert!((edge.corrected_j - 75.0).abs() < 2.6, "phase {phase_ms}: {}", edge.corrected_j);
        }
    }

    #[test]
    fn a_steady_load_is_shared_evenly() {
        for edge_ms in [700, 733, 766, 799] {
            let edge = stepped(400.0, 400.0, 0, 40).counter_at(edge_ms * MS).expect("the counter was read");
            let expected = 0.4 * edge_ms as f64;
            assert!((edge.corrected_j - expected).abs() < 2.1, "{edge_ms} ms: {}", edge.corrected_j);
        }
    }

    #[test]
    fn the_power_carries_the_counter_on_when_no_later_tick_came() {
        let mut history = stepped(400.0, 400.0, 0, 40);
        history.counter.retain(|(at_ns, _)| *at_ns <= 1010 * MS);
        history.push_counter(1033 * MS, history.counter.back().expect("reads").1);
        let edge = history.counter_at(1020 * MS).expect("the counter was read");
        assert_eq!(edge.method, EdgeMethod::OneSided);
        assert!((edge.corrected_j - 408.0).abs() < 4.1, "{}", edge.corrected_j);
    }

    #[test]
    fn a_counter_that_fell_has_no_value_at_an_edge() {
        let mut history = stepped(400.0, 400.0, 0, 40);
        history.push_counter(2100 * MS, 5);
        assert_eq!(history.counter_at(1000 * MS), None);
    }

    #[test]
    fn a_counter_that_was_not_read_before_the_edge_has_no_value_there() {
        assert_eq!(stepped(400.0, 400.0, 0, 40).counter_at(MS), None);
        assert_eq!(History::new(NS_PER_S, MS).counter_at(MS), None);
    }

    #[test]
    fn the_history_forgets_what_is_older_than_its_span() {
        let mut history = History::new(NS_PER_S, 10 * MS);
        let capacity = history.power.capacity();
        for k in 0..10_000 {
            history.push_power(k * 10 * MS, 1.0);
        }
        assert!(history.power.len() <= 102);
        assert_eq!(history.power.capacity(), capacity);
    }
}
