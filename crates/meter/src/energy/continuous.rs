//! The energy counter made continuous: what it cannot have counted is taken out, and what it lost is put in from the
//! readings, with its doubt. Continuity is earned: after an outage, a fall or a standstill it is bounded, not assumed.

use super::constants as known;
use crate::clock::{NS_PER_MS, seconds};

/// A counter that is read has ticked so long ago at most, on the mean over usual periods.
const LATELY_NS: u64 = 50 * NS_PER_MS;

/// No counter that was seen ticks more rarely.
const RARE_NS: u64 = 1_200 * NS_PER_MS;
/// No counter counts further.
const MOST_MJ: i64 = 1 << 53;
/// What wild steps may add up to before sums of them overflow.
const MOST_OFFSET_MJ: i64 = 1 << 60;

/// Why a step of the counter is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Break {
    /// It fell: the driver was loaded anew, or it wrapped.
    Fell,
    /// It rose by more than the board can draw.
    Impossible,
    /// It lost energy while it stood still.
    Lost,
    /// Every call failed meanwhile, so it may be another counter.
    Outage,
}

/// A step that was replaced.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bridge {
    /// Why.
    pub cause: Break,
    /// From this moment, the change before.
    pub from_ns: u64,
    /// To this one.
    pub to_ns: u64,
    /// What the counter said, joules.
    pub said_j: f64,
    /// What is taken instead.
    pub taken_j: f64,
    /// How far that may be off (k = 1).
    pub deviation_j: f64,
}

/// What the readings say of the time of a step.
#[derive(Clone, Copy, Debug)]
pub struct Evidence {
    /// Joules of the part that they cover.
    pub joules: f64,
    /// That part, seconds.
    pub covered_s: f64,
}

/// Bounds of the power, watts.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// The lowest.
    pub low_w: f64,
    /// The highest that lasts.
    pub high_w: f64,
}

/// Makes reads of one counter continuous, in constant memory. Energies are whole millijoules, so that differences are the
/// same wherever one begins to count.
#[derive(Clone, Copy, Debug, Default)]
pub struct Continuous {
    last: Option<(u64, i64)>,
    /// The first read.
    first_ns: Option<u64>,
    /// The two reads between which it changed last.
    changed: Option<(u64, u64)>,
    /// The shortest time from one change to the next so far.
    shortest_ns: Option<u64>,
    offset_mj: i64,
    /// Since when every call failed.
    failing_since_ns: Option<u64>,
    outage_ns: u64,
}

impl Continuous {
    /// Every call failed at this moment.
    pub fn fail(&mut self, at_ns: u64) {
        let since_ns = *self.failing_since_ns.get_or_insert(at_ns);
        self.outage_ns = at_ns - since_ns;
    }

    /// A call other than the counter's answered.
    pub fn answered(&mut self, at_ns: u64) {
        if let Some(since_ns) = self.failing_since_ns.take() {
            self.outage_ns = self.outage_ns.max(at_ns.saturating_sub(since_ns));
        }
    }

    /// Takes a read. `readings`: what they say of a stretch of time. Answers the counter as if it had always been right,
    /// and the step that was replaced, if one was.
    #[expect(clippy::cast_possible_truncation, reason = "millijoules below 2^53")]
    pub fn push(
        &mut self,
        at_ns: u64,
        energy_mj: u64,
        bounds: Bounds,
        readings: impl Fn(u64, u64) -> Option<Evidence>,
    ) -> (i64, Option<Bridge>) {
        self.answered(at_ns);
        // 2^53 mJ are a board's consumption of 400 years: more is no energy, and less is exact in every arithmetic here.
        let energy_mj = i64::try_from(energy_mj).unwrap_or(MOST_MJ).min(MOST_MJ);
        let outage_ns = std::mem::take(&mut self.outage_ns);
        let first_ns = *self.first_ns.get_or_insert(at_ns);
        let Some((read_ns, last_mj)) = self.last.replace((at_ns, energy_mj)) else {
            return (energy_mj, None);
        };
        let mut bridge = None;
        if energy_mj != last_mj {
            // Of the first change nobody saw the one before, which on a slow counter was a second ago.
            let (before_ns, stood_from_ns) =
                self.changed.unwrap_or((first_ns.saturating_sub(RARE_NS), read_ns));
            let step_mj = energy_mj - last_mj;
            let since_s = seconds(at_ns - before_ns.min(at_ns));
            // Both ends of a step are as old: it ticked shortly before it was read, however long it had not been.
            let changed_ns =
                self.changed.map_or(read_ns, |(earlier_ns, later_ns)| self.ticked_ns(earlier_ns, later_ns));
            let now_ns = self.ticked_ns(read_ns, at_ns);
            let stood_s = seconds(read_ns.saturating_sub(stood_from_ns));
            let usual_s = self.shortest_ns.map_or(f64::INFINITY, seconds);
            let has_lost = || {
                stood_s >= known::STOOD_S.max(known::STOOD_PERIODS * usual_s)
                    && readings(changed_ns, now_ns).is_some_and(|evidence| {
                        let length_s = seconds(now_ns.saturating_sub(changed_ns));
                        evidence.covered_s > 0.9 * length_s
                            && step_mj as f64 / 1e3 < known::LOST_SHARE * evidence.joules
                    })
            };
            let cause = broken(step_mj as f64 / 1e3, since_s, seconds(outage_ns), bounds)
                .or_else(|| has_lost().then_some(Break::Lost));
            if let Some(cause) = cause {
                let taken = Bridge::over(cause, (changed_ns, now_ns), step_mj as f64 / 1e3, bounds, readings);
                let offset_mj = self.offset_mj + (taken.taken_j * 1e3).round() as i64 - step_mj;
                self.offset_mj = offset_mj.clamp(-MOST_OFFSET_MJ, MOST_OFFSET_MJ);
                bridge = Some(taken);
            }
            if let Some((before_ns, _)) = self.changed {
                let apart_ns = at_ns - before_ns;
                self.shortest_ns = Some(self.shortest_ns.map_or(apart_ns, |least_ns| least_ns.min(apart_ns)));
            }
            self.changed = Some((read_ns, at_ns));
        }
        (energy_mj + self.offset_mj, bridge)
    }

    /// When it ticked last, on the mean, of which two reads saw a change: no tick is older than its shortest period.
    fn ticked_ns(&self, earlier_ns: u64, later_ns: u64) -> u64 {
        let most_ns = self.shortest_ns.map_or(LATELY_NS, |shortest_ns| LATELY_NS.min(shortest_ns / 2));
        later_ns - ((later_ns - earlier_ns) / 2).min(most_ns)
    }
}

/// Why a step cannot be, if it cannot. `since_s`: since the change before, at least.
fn broken(step_j: f64, since_s: f64, outage_s: f64, bounds: Bounds) -> Option<Break> {
    if step_j < 0.0 {
        Some(Break::Fell)
    } else if step_j > known::STEP_FACTOR * bounds.high_w * (since_s + known::STEP_SLACK_S) {
        Some(Break::Impossible)
    } else if outage_s >= known::OUTAGE_S {
        Some(Break::Outage)
    } else if since_s >= known::STANDSTILL_S && step_j < known::LEAST_SHARE_OF_IDLE * bounds.low_w * since_s {
        Some(Break::Lost)
    } else {
        None
    }
}

impl Bridge {
    fn over(
        cause: Break,
        (from_ns, to_ns): (u64, u64),
        said_j: f64,
        bounds: Bounds,
        readings: impl Fn(u64, u64) -> Option<Evidence>,
    ) -> Self {
        let length_s = seconds(to_ns.saturating_sub(from_ns));
        let Evidence { joules, covered_s } =
            readings(from_ns, to_ns).unwrap_or(Evidence { joules: 0.0, covered_s: 0.0 });
        let open_s = (length_s - covered_s).max(0.0);
        // Anything from the lowest to the highest power may have been drawn where nothing was read.
        let open_deviation_j = (bounds.high_w - bounds.low_w) * open_s / 12.0_f64.sqrt();
        // As the rest of the step, where most of it was read: the last reading is a lag older than the counter.
        let open_w =
            if covered_s > open_s { joules / covered_s } else { f64::midpoint(bounds.low_w, bounds.high_w) };
        // What a counter says that came through an outage is the best guess, but not evidence.
        let is_possible = said_j >= bounds.low_w * length_s * known::LEAST_SHARE_OF_IDLE
            && said_j <= bounds.high_w * (length_s + known::STEP_SLACK_S);
        let taken_j = match cause {
            Break::Outage if is_possible => said_j,
            _ => joules + open_w * open_s,
        };
        let tick_j = bounds.high_w * known::BRIDGE_TICK_S;
        let readings_j = known::BRIDGE_SHARE * joules;
        let mut deviation_j = open_deviation_j.hypot(tick_j).hypot(readings_j);
        if cause == Break::Lost {
            // The readings may be those of a load in step with the sensor: the interval holds both.
            deviation_j = deviation_j.hypot(known::APART_SHARE * (taken_j - said_j));
        }
        Self { cause, from_ns, to_ns, said_j, taken_j, deviation_j }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = NS_PER_MS;

    /// Joules by which a bridge over a fall is off at a steady load, where the counter ticks every so many milliseconds and
    /// is read as the sampler does: densely at first, then in pairs.
    fn bridge_off_j(tick_ms: u64, fall_ms: u64) -> f64 {
        const LOAD_W: f64 = 500.0;
        let bounds = Bounds { low_w: 80.0, high_w: 700.0 };
        let steady = |from_ns: u64, to_ns: u64| {
            let covered_s = seconds(to_ns - from_ns);
            Some(Evidence { joules: LOAD_W * covered_s, covered_s })
        };
        let mut counter = Continuous::default();
        let mut bridged = None;
        let mut last = (0, 0);
        let dense = (0..60).map(|read| 5 * read);
        for read_ms in dense.chain((2..30).flat_map(|pair| [200 * pair + 7, 200 * pair + 27])) {
            let counted_mj = (read_ms / tick_ms * tick_ms) * 500 + 50_000_000;
            let told_mj = if read_ms < fall_ms { counted_mj } else { counted_mj - 49_000_000 };
            let (energy_mj, bridge) = counter.push(read_ms * MS, told_mj, bounds, steady);
            bridged = bridge.or(bridged);
            last = (counted_mj, energy_mj);
        }
        assert_eq!(bridged.map(|bridge| bridge.cause), Some(Break::Fell));
        (last.1 - i64::try_from(last.0).expect("small")) as f64 / 1e3
    }

    #[test]
    fn a_bridge_is_as_long_as_the_time_between_the_reads_around_it() {
        for tick_ms in [1, 4, 10, 20] {
            for fall_ms in [2_100, 2_210, 3_000, 3_215] {
                let off_j = bridge_off_j(tick_ms, fall_ms);
                // A tick at each end, and no time beside it: 40 ms were missing here, 20 J.
                let tick_j = 500.0 * (tick_ms as f64 / 1e3 + 0.001);
                assert!(off_j.abs() <= tick_j, "{tick_ms} ms, {fall_ms} ms: {off_j} J");
            }
        }
        for tick_ms in [50, 100] {
            let off_j: f64 = (0..8).map(|fall| bridge_off_j(tick_ms, 2_100 + 211 * fall)).sum::<f64>() / 8.0;
            assert!(off_j.abs() < 15.0, "{tick_ms} ms: {off_j} J");
        }
    }
}
