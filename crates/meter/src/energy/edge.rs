//! The curve of a device's energy at a moment: the counter carried to it. A window is the difference of two such moments,
//! and so is every part of one, which is why parts add up.

use super::belief::Ways;
use super::comb::{Change, Comb, Ticks, changes, standing};
use super::constants as known;
use super::history::History;
use super::stories::{self, Observed, Surroundings, Value};
use crate::clock::{NS_PER_MS, seconds};

/// Cells around a moment lie within this.
const REACH_NS: u64 = 900 * NS_PER_MS;
/// A quantity that lies anywhere within `+-d` has a standard deviation of `d / sqrt(3)`.
const UNIFORM: f64 = 0.577_350_269_189_625_8;

/// How the counter was carried to a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carried {
    /// By stories over the tick cells around.
    Stories,
    /// By the readings between the counter's last tick before and its first one after.
    Readings,
    /// By the readings since its last tick: no later one came.
    OneSided,
}

/// The counter at a moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Edge {
    /// What a plain read at the moment answers, made continuous.
    pub raw_mj: i64,
    /// Its value at the last tick before.
    pub tick_mj: i64,
    /// What was drawn since that tick, joules.
    pub since_j: f64,
    /// How.
    pub carried: Carried,
    /// What sharing the cell leaves unknown (k = 1), joules.
    pub share_j: f64,
    /// What the time of the tick leaves unknown (k = 1), joules.
    pub tick_j: f64,
    /// The ticks beside it, where both were seen.
    pub cell_ns: Option<(u64, u64)>,
    /// What the edge has taught of the sensor.
    pub ways: Option<Ways>,
}

impl Edge {
    /// Joules from one moment to a later one.
    pub fn between(start: &Self, end: &Self) -> f64 {
        (end.tick_mj - start.tick_mj) as f64 / 1e3 + (end.since_j - start.since_j)
    }
}

/// Which side of a load a moment is expected to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// A load may begin at it.
    Start,
    /// A load may end at it.
    End,
    /// Neither.
    Inside,
}

impl History {
    /// The counter at a moment; `None` where it was not read on both sides of it.
    pub fn edge_at(&self, edge_ns: u64, side: Side) -> Option<Edge> {
        let reads = &self.counter;
        let raw_mj = reads.iter().find(|(at_ns, _)| *at_ns >= edge_ns)?.1;
        if reads.front()?.0 > edge_ns {
            return None;
        }
        let belief = self.belief();
        let changes = changes(reads);
        let comb = belief.counter_ns.and_then(|period_ns| {
            Comb::through(&changes, edge_ns, period_ns, belief.counter_doubt_ns.unwrap_or(0))
        });
        let mut edge = self
            .by_stories(&changes, comb, edge_ns, side)
            .or_else(|| self.by_readings(&changes, comb, edge_ns))
            .or_else(|| self.until_next(&changes, comb, edge_ns))
            .or_else(|| self.since_last(&changes, comb, edge_ns))?;
        edge.raw_mj = raw_mj;
        Some(edge)
    }

    fn by_stories(
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
                .map(|(at_ns, power_w)| Value {
                    tick_s: relative(*at_ns, shift_s),
                    power_w: power_w / ratio,
                })
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
        let shifted = |shift_s: f64| stories::share(&around(shift_s), &likeliest, known::READING_DISBELIEF.ln());
        let counter_doubt_s = UNIFORM * seconds(ticks.doubt_ns);
        let tick_j = match (shifted(-counter_doubt_s), shifted(counter_doubt_s)) {
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
            tick_j,
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
        let mut ticks = changes.iter().map(|change| (place_of(change, comb).0, change.after));
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
            return 0.0;
        }
        let apart_w = ((readings_w - counter_w).abs() - known::GAIN_SHARE * counter_w).max(0.0);
        let active_w = (counter_w - belief.idle_w()).max(0.0);
        let is_even = high_w - low_w < known::STEADY_SHARE * active_w + 6.0 * belief.noise_w;
        if is_even { apart_w.max(known::EVEN_SHARE * active_w) } else { apart_w }
    }

    /// What cells of the counter that are alike may hide, watts.
    fn even_cells_w(
        &self,
        changes: &[Change<i64>],
        comb: Option<Comb>,
        within: impl Fn(u64) -> bool,
    ) -> f64 {
        let ticks: Vec<_> = changes.iter().map(|change| (place_of(change, comb).0, change.after)).collect();
        let cells = ticks.windows(2).filter(|pair| within(pair[0].0) && within(pair[1].0) && pair[1].0 > pair[0].0);
        let powers_w = cells.map(|pair| (pair[1].1 - pair[0].1) as f64 / 1e3 / seconds(pair[1].0 - pair[0].0));
        let (low_w, high_w) = powers_w.fold((f64::MAX, 0.0_f64), |(low, high), w| (low.min(w), high.max(w)));
        let active_w = (high_w - self.belief().idle_w()).max(0.0);
        // The time of a tick is known to a few hundredths of a cell.
        if high_w - low_w < 0.1 * high_w { known::EVEN_SHARE * active_w } else { 0.0 }
    }

    /// Between the tick before and the tick after, as the readings between them lie.
    fn by_readings(&self, changes: &[Change<i64>], comb: Option<Comb>, edge_ns: u64) -> Option<Edge> {
        let place = |change: &Change<i64>| place_of(change, comb);
        let next = changes.iter().position(|change| place(change).0 > edge_ns)?;
        let (before, after) = (changes.get(next.checked_sub(1)?)?, &changes[next]);
        let ((from_ns, from_doubt_ns), (to_ns, to_doubt_ns)) = (place(before), place(after));
        let energy_j = (after.after - before.after) as f64 / 1e3;
        let length_s = seconds(to_ns.saturating_sub(from_ns));
        if length_s <= 0.0 {
            return None;
        }
        let way = seconds(edge_ns.saturating_sub(from_ns)) / length_s;
        let inner = self.readings_between(from_ns, edge_ns);
        let whole = self.readings_between(from_ns, to_ns);
        let share = match (inner, whole) {
            (Some(inner), Some(whole)) if whole.joules > 0.0 && whole.covered_s > 0.9 * length_s => {
                (inner.joules / whole.joules).clamp(0.0, 1.0)
            }
            _ => way,
        };
        let (spread_w, period_s) = (self.spread_w(from_ns, to_ns), seconds(self.update_period_ns()));
        // What the sensor does not see is shared evenly, as a bridge between two ends that are known.
        let unseen_j = self.unseen_w() * (length_s * way * (1.0 - way) * period_s).sqrt();
        let position_j = spread_w * period_s / 12.0_f64.sqrt();
        let doubt_s = UNIFORM * seconds(from_doubt_ns).hypot(seconds(to_doubt_ns));
        Some(Edge {
            raw_mj: before.after,
            tick_mj: before.after,
            since_j: energy_j * share,
            carried: Carried::Readings,
            share_j: unseen_j.hypot(position_j),
            tick_j: energy_j / length_s * doubt_s,
            cell_ns: Some((from_ns, to_ns)),
            ways: None,
        })
    }

    /// Back from the next tick, as the readings until then lie: the one before was not seen.
    fn until_next(&self, changes: &[Change<i64>], comb: Option<Comb>, edge_ns: u64) -> Option<Edge> {
        let places = || changes.iter().map(|change| (place_of(change, comb), change.after));
        let ((to_ns, doubt_ns), after_mj) = places().find(|((at_ns, _), _)| *at_ns > edge_ns)?;
        let (since_j, share_j, tick_j) = self.one_sided(edge_ns, to_ns, doubt_ns)?;
        let carried = Carried::OneSided;
        Some(Edge { raw_mj: after_mj, tick_mj: after_mj, since_j: -since_j, carried, share_j, tick_j, cell_ns: None, ways: None })
    }

    /// From the last tick on, as the readings since lie: no later one came.
    fn since_last(&self, changes: &[Change<i64>], comb: Option<Comb>, edge_ns: u64) -> Option<Edge> {
        let places = || changes.iter().map(|change| (place_of(change, comb), change.after));
        let ((from_ns, doubt_ns), after_mj) = places().rfind(|((at_ns, _), _)| *at_ns <= edge_ns)?;
        // What has not ticked for so long stands still.
        let usual_s = self.belief().counter_ns.map_or(known::STANDSTILL_S, |period_ns| 3.0 * seconds(period_ns));
        if seconds(edge_ns - from_ns) > usual_s.max(known::STEP_SLACK_S) {
            return None;
        }
        let (since_j, share_j, tick_j) = self.one_sided(from_ns, edge_ns, doubt_ns)?;
        let carried = Carried::OneSided;
        Some(Edge { raw_mj: after_mj, tick_mj: after_mj, since_j, carried, share_j, tick_j, cell_ns: None, ways: None })
    }

    /// Joules by the readings alone, and what the share and the time of the tick leave unknown (k = 1).
    fn one_sided(&self, from_ns: u64, to_ns: u64, doubt_ns: u64) -> Option<(f64, f64, f64)> {
        let length_s = seconds(to_ns - from_ns);
        let readings = self.readings_between(from_ns, to_ns)?;
        let gain = self.belief().gain_ratio.map_or(1.0, |gain| gain.ratio);
        let mean_w = readings.joules / readings.covered_s / gain;
        let spread_w = self.spread_w(from_ns, to_ns);
        let open_s = (length_s - readings.covered_s).max(0.0);
        let period_s = seconds(self.update_period_ns());
        let unseen_j = self.unseen_w() * (length_s * period_s).sqrt();
        let position_j = spread_w * (period_s / 12.0_f64.sqrt() + UNIFORM * open_s);
        let gain_j = known::GAIN_SHARE / known::COVERAGE_FACTOR * mean_w * length_s;
        let share_j = unseen_j.hypot(position_j).hypot(gain_j);
        Some((mean_w * length_s, share_j, mean_w * UNIFORM * seconds(doubt_ns)))
    }

    /// How far the power of an update period may be from what its reading says (k = 1), watts: from the differences of
    /// successive readings of the last seconds.
    fn unseen_w(&self) -> f64 {
        let changes = changes(&self.power);
        let steps = changes.windows(2).map(|pair| (pair[1].after - pair[0].after).powi(2));
        let count = changes.len().saturating_sub(1).max(1) as f64;
        let deviation_w = (steps.sum::<f64>() / (2.0 * count)).sqrt();
        deviation_w * self.belief().ways.unseen_share(self.sensor()).sqrt()
    }

    /// How far the power around a stretch lies apart, watts: at least as far as two readings differ by noise.
    fn spread_w(&self, from_ns: u64, to_ns: u64) -> f64 {
        let beside_ns = 2 * self.update_period_ns() + self.sensor().lag_ns();
        let range = self.range_w(from_ns.saturating_sub(beside_ns), to_ns + beside_ns);
        let (low_w, high_w) = range.unwrap_or((0.0, self.belief().limit_w()));
        (high_w - low_w).max(self.belief().noise_w).max(known::TEXTURE_SHARE * high_w)
    }
}

/// When a change was: at the tick of the comb that lies between the two reads, else between them.
fn place_of(change: &Change<i64>, comb: Option<Comb>) -> (u64, u64) {
    let on_comb = comb.and_then(|comb| {
        // Of several ticks between two reads the last one has made the value.
        let next_ns = comb.from_on(change.at_ns + change.doubt_ns);
        let tick_ns = next_ns.checked_sub(comb.period_ns)?;
        (tick_ns + comb.doubt_ns >= change.at_ns.saturating_sub(change.doubt_ns))
            .then_some((tick_ns, comb.doubt_ns))
    });
    on_comb.unwrap_or((change.at_ns, change.doubt_ns))
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
