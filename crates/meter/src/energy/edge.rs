//! The curve of a device's energy at a moment: the counter carried to it. A window is the difference of two such moments,
//! and so is every part of one, which is why parts add up.

use super::belief::Ways;
use super::comb::{Change, Comb, changes};
use super::constants as known;
use super::history::History;
use crate::clock::{NS_PER_MS, seconds};

/// Cells around a moment lie within this.
pub(super) const REACH_NS: u64 = 900 * NS_PER_MS;
/// A quantity that lies anywhere within `+-d` has a standard deviation of `d / sqrt(3)`.
pub(super) const UNIFORM: f64 = 0.577_350_269_189_625_8;

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
        #[cfg(test)]
        self.break_on_purpose();
        let reads = &self.counter;
        let delay_ns = self.calibrated().counter_delay_ns();
        let raw_mj = reads.iter().find(|(at_ns, _)| at_ns + delay_ns >= edge_ns)?.1;
        if reads.front()?.0 > edge_ns {
            return None;
        }
        let belief = self.belief();
        let changes = changes(reads);
        let shown = belief.counter_ns.and_then(|period_ns| {
            Comb::through(&changes, edge_ns, period_ns, belief.counter_doubt_ns.unwrap_or(0))
        });
        let comb = shown.or_else(|| if side == Side::Inside { self.comb_inside(edge_ns) } else { None });
        let mut edge = self
            .by_stories(&changes, comb, edge_ns, side)
            .or_else(|| self.by_readings(&changes, comb, edge_ns))
            .or_else(|| self.until_next(&changes, comb, edge_ns))
            .or_else(|| self.since_last(&changes, comb, edge_ns))?;
        edge.raw_mj = raw_mj;
        Some(edge)
    }

    /// Between the tick before and the tick after, as the readings between them lie.
    fn by_readings(&self, changes: &[Change<i64>], comb: Option<Comb>, edge_ns: u64) -> Option<Edge> {
        let placed = placed(changes, comb);
        let next = placed.iter().position(|(at_ns, ..)| *at_ns > edge_ns)?;
        let (from_ns, from_doubt_ns, before_mj) = *placed.get(next.checked_sub(1)?)?;
        let (to_ns, to_doubt_ns, after_mj) = placed[next];
        let energy_j = (after_mj - before_mj) as f64 / 1e3;
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
            raw_mj: before_mj,
            tick_mj: before_mj,
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
        let (to_ns, doubt_ns, after_mj) =
            placed(changes, comb).into_iter().find(|(at_ns, ..)| *at_ns > edge_ns)?;
        let (since_j, share_j, tick_j) = self.one_sided(edge_ns, to_ns, doubt_ns)?;
        let carried = Carried::OneSided;
        Some(Edge {
            raw_mj: after_mj,
            tick_mj: after_mj,
            since_j: -since_j,
            carried,
            share_j,
            tick_j,
            cell_ns: None,
            ways: None,
        })
    }

    /// From the last tick on, as the readings since lie: no later one came.
    fn since_last(&self, changes: &[Change<i64>], comb: Option<Comb>, edge_ns: u64) -> Option<Edge> {
        let (from_ns, doubt_ns, after_mj) =
            placed(changes, comb).into_iter().rfind(|(at_ns, ..)| *at_ns <= edge_ns)?;
        // What has not ticked for so long stands still.
        let usual_s =
            self.belief().counter_ns.map_or(known::STANDSTILL_S, |period_ns| 3.0 * seconds(period_ns));
        if seconds(edge_ns - from_ns) > usual_s.max(known::STEP_SLACK_S) {
            return None;
        }
        let (since_j, share_j, tick_j) = self.one_sided(from_ns, edge_ns, doubt_ns)?;
        let carried = Carried::OneSided;
        Some(Edge {
            raw_mj: after_mj,
            tick_mj: after_mj,
            since_j,
            carried,
            share_j,
            tick_j,
            cell_ns: None,
            ways: None,
        })
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

/// The changes whose tick is known, each with the time of that tick, how far it may be off, and the value that it made.
pub(super) fn placed(changes: &[Change<i64>], comb: Option<Comb>) -> Vec<(u64, u64, i64)> {
    let place = |change: &Change<i64>| {
        let (at_ns, doubt_ns) = place_of(change, comb)?;
        Some((at_ns, doubt_ns, change.after))
    };
    changes.iter().filter_map(place).collect()
}

/// When a change was: at the tick of the comb that lies between the two reads, else between them. `None` where the second read
/// may have seen one tick more: it was as close to it as its time is known, and another one lies between the two reads.
fn place_of(change: &Change<i64>, comb: Option<Comb>) -> Option<(u64, u64)> {
    let Some(comb) = comb else { return Some((change.at_ns, change.doubt_ns)) };
    let (before_ns, after_ns) =
        (change.at_ns.saturating_sub(change.doubt_ns), change.at_ns + change.doubt_ns);
    let is_between = |tick_ns: u64| tick_ns + comb.doubt_ns >= before_ns;
    // Of several ticks between two reads the last one has made the value.
    let last_ns = comb.first_from(after_ns.saturating_sub(comb.doubt_ns));
    let earlier_ns = last_ns.saturating_sub(comb.period_ns);
    if last_ns <= after_ns + comb.doubt_ns {
        return (!is_between(earlier_ns)).then_some((last_ns, comb.doubt_ns));
    }
    Some(if is_between(earlier_ns) { (earlier_ns, comb.doubt_ns) } else { (change.at_ns, change.doubt_ns) })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TICK_NS: u64 = 1_006_797_000;
    const PERIOD_NS: u64 = 100 * NS_PER_MS;

    /// Between two reads at these times, beside ticks that are known to half a millisecond.
    fn place(before_ns: u64, after_ns: u64) -> Option<u64> {
        let doubt_ns = (after_ns - before_ns) / 2;
        let change = Change { at_ns: before_ns + doubt_ns, doubt_ns, after: 1_360_000 };
        let comb = Comb::at(TICK_NS, NS_PER_MS / 2, PERIOD_NS);
        place_of(&change, Some(comb)).map(|(at_ns, _)| at_ns)
    }

    #[test]
    fn a_read_beside_a_tick_tells_not_which_of_two_ticks_it_has_seen() {
        let before_ns = TICK_NS - 196 * NS_PER_MS;
        // A driver may answer with what it looked up after the middle of the call.
        assert_eq!(place(before_ns, TICK_NS - 52_000), None);
        assert_eq!(place(before_ns, TICK_NS + 52_000), None);
        assert_eq!(place(before_ns, TICK_NS - 2 * NS_PER_MS), Some(TICK_NS - PERIOD_NS));
        assert_eq!(place(before_ns, TICK_NS + 2 * NS_PER_MS), Some(TICK_NS));
        // Where only one lies between the two reads it was that one.
        assert_eq!(place(TICK_NS - 5 * NS_PER_MS, TICK_NS - 52_000), Some(TICK_NS));
    }
}
