//! An edge by stories: the cells and values around it are gathered, and the share is asked for.

use super::belief::Ways;
use super::comb::{Change, Comb, Ticks, standing};
use super::constants as known;
use super::edge::{Carried, Edge, REACH_NS, Side, UNIFORM, placed};
use super::history::History;
use super::stories;
use super::surroundings::{Observed, Surroundings, Value};
use crate::clock::{NS_PER_MS, seconds};

impl History {
    /// By stories over the tick cells around.
    pub(super) fn by_stories(
        &self,
        changes: &[Change<i64>],
        comb: Option<Comb>,
        edge_ns: u64,
        side: Side,
    ) -> Option<Edge> {
        let belief = self.belief();
        let period_ns = belief.counter_ns?;
        let sensor_ns = self.update_period_ns().max(self.usual_period_ns());
        if side == Side::Inside || period_ns as f64 > known::INTEGRATES_UP_TO * sensor_ns as f64 {
            return None;
        }
        let ticks = Ticks::between(changes, comb, edge_ns.saturating_sub(REACH_NS), edge_ns + REACH_NS);
        let standing = standing(&self.counter, &ticks);
        let cells = cells_around(&standing, edge_ns, period_ns)?;
        let holder = cells.iter().rposition(|(at_ns, _)| *at_ns <= edge_ns)?;
        let (start_ns, tick_mj) = cells[holder];
        let first_ns = cells[0].0.min(start_ns.saturating_sub(period_ns));
        let last_ns = cells[cells.len() - 1].0.max(cells.get(holder + 1)?.0 + period_ns);
        let (values, value_doubt_ns) =
            self.values_between(first_ns.saturating_sub(20 * NS_PER_MS), last_ns + 130 * NS_PER_MS);
        let ratio = belief.gain_ratio.map_or(1.0, |gain| gain.ratio);
        let doubt_s = UNIFORM * seconds(ticks.doubt_ns.max(value_doubt_ns));
        let doubt_s = doubt_s.hypot(self.delay_deviation_s().unwrap_or(0.0));
        let told_ns = cells[cells.len() - 1].0 - cells[0].0;
        let typical_w = (cells[cells.len() - 1].1 - cells[0].1) as f64 / 1e3 / seconds(told_ns);
        let relative = |at_ns: u64, shift_s: f64| (at_ns as f64 - edge_ns as f64) / 1e9 + shift_s;
        let around = |shift_s: f64| Surroundings {
            span_s: (relative(first_ns, shift_s), relative(last_ns, shift_s)),
            cells: cells
                .windows(2)
                .map(|pair| Observed {
                    from_s: relative(pair[0].0, shift_s),
                    to_s: relative(pair[1].0, shift_s),
                    energy_j: (pair[1].1 - pair[0].1) as f64 / 1e3,
                    noise_j: known::COUNTER_QUANTUM_J,
                    gain_j: 0.0,
                })
                .collect(),
            values: values
                .iter()
                .map(|(at_ns, power_w)| Value { tick_s: relative(*at_ns, shift_s), power_w: power_w / ratio })
                .collect(),
            value_noise_w: belief.noise_w.hypot(known::VALUE_NOISE_SHARE * typical_w),
            gain_share: if belief.gain_ratio.is_some() { 0.002 } else { known::GAIN_SHARE / 2.0 },
            tick_doubt_s: doubt_s,
            idle_w: belief.idle_w(),
            limit_w: belief.limit_w(),
            step: match side {
                Side::Start => 1.0,
                Side::End => -1.0,
                Side::Inside => 0.0,
            },
        };
        let ways = Ways::readings(self.sensor());
        let logs = belief.ways.0;
        let weighed: Vec<_> = ways.iter().copied().zip(logs).collect();
        let share = stories::share(&around(0.0), &weighed, logs[logs.len() - 1])?;
        let in_step_j = self.hidden_w(changes, comb, (edge_ns, start_ns, cells[holder + 1].0), side)
            * seconds(period_ns)
            / 4.0
            * UNIFORM;
        // How much the share rests on the time of the ticks, by the likeliest way to read the sensor.
        let likeliest = weighed.iter().zip(&share.log_evidence).max_by(|a, b| a.1.total_cmp(b.1));
        let likeliest: Vec<_> = likeliest.map(|(way, _)| *way).into_iter().collect();
        let shifted =
            |shift_s: f64| stories::share(&around(shift_s), &likeliest, known::READING_DISBELIEF.ln());
        let counter_doubt_s = UNIFORM * seconds(ticks.doubt_ns);
        let timing_j = match (shifted(-counter_doubt_s), shifted(counter_doubt_s)) {
            (Some(early), Some(late)) => (early.before_j - late.before_j).abs() / 2.0,
            // The moment is so close to a tick that it would be in another cell.
            _ => typical_w * counter_doubt_s,
        };
        Some(Edge {
            raw_mj: tick_mj,
            tick_mj,
            since_j: share.before_j,
            carried: Carried::Stories,
            cell_ns: Some((start_ns, cells[holder + 1].0)),
            share_j: (known::MIXTURE_FACTOR * share.deviation_j).hypot(in_step_j),
            tick_j: timing_j,
            ways: Ways::learned(&share.log_evidence),
        })
    }

    /// What a load in step with the ticks may hide of a cell, watts. Where readings are alike on the load's side of a moment
    /// and the counter says another power, such a load is there; where both are alike none is excluded. How it lies within
    /// a cell is in no reading: a square wave about its mean is off by a triangle of a quarter of its period at most.
    fn hidden_w(
        &self,
        changes: &[Change<i64>],
        comb: Option<Comb>,
        (edge_ns, cell_start_ns, cell_end_ns): (u64, u64, u64),
        side: Side,
    ) -> f64 {
        let within = |at_ns: u64| match side {
            Side::End => at_ns <= cell_start_ns && at_ns + REACH_NS >= edge_ns,
            _ => at_ns >= cell_end_ns,
        };
        let mut ticks = placed(changes, comb).into_iter().map(|(at_ns, _, after_mj)| (at_ns, after_mj));
        let mut ticks_of_load = ticks.by_ref().filter(|(at_ns, _)| within(*at_ns));
        let Some(first) = ticks_of_load.next() else { return 0.0 };
        // Two readings that are alike may be so by chance.
        let least_ns = first.0 + 2 * self.update_period_ns() - self.update_period_ns() / 8;
        let Some(last) = ticks_of_load.last().filter(|last| last.0 > least_ns) else { return 0.0 };
        let counter_w = (last.1 - first.1) as f64 / 1e3 / seconds(last.0 - first.0);
        let lag_ns = self.sensor().lag_ns();
        let Some((low_w, high_w)) = self.range_w(first.0 + lag_ns, last.0 + lag_ns) else { return 0.0 };
        let belief = self.belief();
        if self.sensor().averaging_ns().is_some() {
            // Means over a second are even on any load; cells that are alike say as much.
            return self.even_cells_w(changes, comb, within);
        }
        let readings_w = f64::midpoint(low_w, high_w) / belief.gain_ratio.map_or(1.0, |gain| gain.ratio);
        if high_w - low_w > 0.1 * high_w + 6.0 * belief.noise_w {
            return self.swing_w((first.0 + lag_ns, last.0 + lag_ns), counter_w, changes, comb, within);
        }
        let apart_w = ((readings_w - counter_w).abs() - known::GAIN_SHARE * counter_w).max(0.0);
        let active_w = (counter_w - belief.idle_w()).max(0.0);
        let is_even = high_w - low_w < known::STEADY_SHARE * active_w + 6.0 * belief.noise_w;
        if is_even { apart_w.max(known::EVEN_SHARE * active_w) } else { apart_w }
    }

    /// What a load that swings about as fast as the ticks come may hide of a cell, watts: the readings
    /// differ from the cells by far more than those from one another.
    fn swing_w(
        &self,
        span_ns: (u64, u64),
        counter_w: f64,
        changes: &[Change<i64>],
        comb: Option<Comb>,
        within: impl Fn(u64) -> bool,
    ) -> f64 {
        let (low_w, high_w) = cell_range_w(changes, comb, within);
        let readings = self.power.iter().filter(|(at_ns, _)| (span_ns.0..=span_ns.1).contains(at_ns));
        let (sum, count) = readings.fold((0.0, 0.0), |(sum, count), (_, power_w)| {
            (sum + (power_w - counter_w).powi(2), count + 1.0)
        });
        let swing_w = (sum / f64::max(count, 1.0)).sqrt();
        let active_w = (counter_w - self.belief().idle_w()).max(0.0);
        let swings = swing_w > (known::SWING_SHARE * active_w).max(2.0 * (high_w - low_w));
        if swings { swing_w } else { 0.0 }
    }

    /// What cells of the counter that are alike may hide, watts.
    fn even_cells_w(&self, changes: &[Change<i64>], comb: Option<Comb>, within: impl Fn(u64) -> bool) -> f64 {
        let (low_w, high_w) = cell_range_w(changes, comb, within);
        let active_w = (high_w - self.belief().idle_w()).max(0.0);
        // The time of a tick is known to a few hundredths of a cell.
        if high_w - low_w < 0.1 * high_w { known::EVEN_SHARE * active_w } else { 0.0 }
    }
}

/// The lowest and the highest power of the cells within.
fn cell_range_w(changes: &[Change<i64>], comb: Option<Comb>, within: impl Fn(u64) -> bool) -> (f64, f64) {
    let ticks = placed(changes, comb);
    let cells =
        ticks.windows(2).filter(|pair| within(pair[0].0) && within(pair[1].0) && pair[1].0 > pair[0].0);
    let powers_w = cells.map(|pair| (pair[1].2 - pair[0].2) as f64 / 1e3 / seconds(pair[1].0 - pair[0].0));
    powers_w.fold((f64::MAX, 0.0_f64), |(low, high), w| (low.min(w), high.max(w)))
}

/// The ticks of the cell that holds a moment and of its neighbours, where they follow one another.
fn cells_around(ticks: &[(u64, i64)], edge_ns: u64, period_ns: u64) -> Option<Vec<(u64, i64)>> {
    let after = ticks.iter().position(|(at_ns, _)| *at_ns > edge_ns)?;
    let before = after.checked_sub(1)?;
    let follows = |a: usize, b: usize| {
        let pair = ticks.get(a).zip(ticks.get(b));
        pair.is_some_and(|(a, b)| b.0 - a.0 <= period_ns + period_ns / 2 && b.1 >= a.1)
    };
    if !follows(before, after) {
        return None;
    }
    let first = before.checked_sub(1).filter(|first| follows(*first, before)).unwrap_or(before);
    let last = if follows(after, after + 1) { after + 1 } else { after };
    Some(ticks[first..=last].to_vec())
}
