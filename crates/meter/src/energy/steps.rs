//! An edge next to an idle stretch: when did the load begin or end? Every moment between the readings around is a
//! story; each is weighed by how well it explains the energy and the readings (Bayes), and the edge of the window
//! itself, where who marks a window mostly begins or ends the load, counts more than any other moment.

use super::sharing::{Seen, Share, TickInterval};
use crate::clock::seconds;

/// Below this share of the power of a load, a level is idle.
const IDLE_SHARE: f64 = 0.5;
/// How often an edge next to an idle stretch is where the load begins or ends, before anything is looked at.
const MARKED: f64 = 0.85;
/// A load that a program marks the beginning of may have begun a little before the mark came: by so many seconds, and how
/// often. As late as those of a program that shares two cores with others (`start_ns` of the windows in
/// `bench/accuracy`: median 0.5 ms, 90 of 100 below 2 ms).
const MARKED_LATE: [(f64, f64); 4] = [(0.0002, 0.5), (0.0008, 0.3), (0.0018, 0.15), (0.003, 0.05)];
/// The same where the load is a burst that is over before the next reading.
const BURST_MARKED: f64 = 0.5;
/// A load of more than so many times what any reading within half a second showed ...
const HIGHER: f64 = 1.1;
/// ... is so much less likely than one that was seen: a burst that ended a little after the edge would else be one of
/// half as much power again that ended at it.
const UNSEEN_HIGHER: f64 = 0.2;
/// How far the power of a load may be from a reading of it (k = 1), relative: a load that does something else for a
/// while, such as a prefill among decodes ...
const SPREAD: f64 = 0.25;
/// ... and at least, for a load that goes on as it was.
const STEADY_SPREAD: f64 = 0.02;
/// How often it does.
const STEADY: f64 = 0.5;
/// How many readings tell how steady a load is.
const STEADY_READINGS: usize = 3;
/// The time from one story to the next, and where a story has two moments.
const STEP_S: f64 = 0.002;
const BURST_STEP_S: f64 = 0.005;
/// Where no reading around shows this share of the mean power of an interval, none saw its load.
const UNSEEN: f64 = 0.9;
/// Less than this share of what a burst could add is none.
const LEAST_BURST: f64 = 0.03;
/// A load that lasted less in the interval has no power of its own.
const LEAST_LOAD_S: f64 = 0.001;

/// The load runs from one moment to another, seconds from the start of the interval.
#[derive(Clone, Copy, Debug)]
struct Story {
    from_s: f64,
    to_s: f64,
    /// How likely it is before anything is looked at.
    prior: f64,
}

/// A reading, seconds from the start of the interval.
#[derive(Clone, Copy, Debug)]
struct Reading {
    start_s: f64,
    end_s: f64,
    power_w: f64,
}

/// What is known of an interval, one side of which is idle or both.
#[derive(Debug)]
pub(super) struct Steps {
    length_s: f64,
    energy_j: f64,
    edge_s: f64,
    tick_doubt_s: f64,
    reading_doubt_s: f64,
    /// From the last one before the interval to the first one after it.
    readings: Vec<Reading>,
    /// The power of an idle side.
    idle_before_w: Option<f64>,
    idle_after_w: Option<f64>,
    load_w: f64,
    /// The highest reading around.
    highest_w: f64,
    steady_spread: f64,
}

impl Steps {
    /// `None` where the interval is not between idle and a load, or holds no load.
    pub fn of(interval: &TickInterval, edge_ns: u64, tick_doubt_ns: u64) -> Option<Self> {
        let readings = &interval.readings;
        let (first, last) = interval.beside()?;
        let (before_w, after_w) = (readings[first].power_w, readings[last].power_w);
        let (low_w, high_w) = (before_w.min(after_w), before_w.max(after_w));
        let seen_w = readings[first..=last].iter().map(|seen| seen.power_w).fold(0.0, f64::max);
        let is_step = low_w <= IDLE_SHARE * high_w;
        // A burst that no reading saw whole is as high as the highest reading around.
        let mean_w = interval.mean_w();
        let around_w = seen_w.max(interval.highest_w);
        let load_w = if is_step { high_w } else { around_w.max(mean_w) };
        let is_burst = !is_step
            && around_w > UNSEEN * mean_w
            && high_w <= IDLE_SHARE * load_w
            && mean_w - high_w > LEAST_BURST * (load_w - high_w);
        if !is_step && !is_burst {
            return None;
        }
        // A reading beside the interval may have seen a little of the load, the next one farther off did not.
        let idle = |near: usize, far: Option<usize>| {
            let near_w = readings[near].power_w;
            let far_w = far.and_then(|far| readings.get(far)).map_or(near_w, |seen| seen.power_w);
            (near_w <= IDLE_SHARE * load_w).then(|| near_w.min(far_w))
        };
        let loads =
            || readings.iter().map(|seen| seen.power_w).filter(|power_w| *power_w > IDLE_SHARE * load_w);
        let mut deviations: Vec<f64> = loads().map(|power_w| (power_w / load_w - 1.0).abs()).collect();
        deviations.sort_by(f64::total_cmp);
        let steady_spread = if deviations.len() < STEADY_READINGS {
            SPREAD
        } else {
            deviations[deviations.len() / 2].clamp(STEADY_SPREAD, SPREAD)
        };
        let since = |at_ns: u64| {
            if at_ns >= interval.start_ns {
                seconds(at_ns - interval.start_ns)
            } else {
                -seconds(interval.start_ns - at_ns)
            }
        };
        let reading = |seen: &Seen| Reading {
            start_s: since(seen.start_ns),
            end_s: since(seen.end_ns),
            power_w: seen.power_w,
        };
        Some(Self {
            length_s: interval.length_s(),
            energy_j: interval.energy_j,
            edge_s: since(edge_ns),
            tick_doubt_s: seconds(tick_doubt_ns),
            reading_doubt_s: seconds(interval.reading_doubt_ns),
            readings: readings[first..=last].iter().map(reading).collect(),
            idle_before_w: idle(first, first.checked_sub(1)),
            idle_after_w: idle(last, Some(last + 1)),
            load_w,
            highest_w: around_w.max(load_w),
            steady_spread,
        })
    }

    /// The share by all stories together; `None` where no story explains what was seen.
    pub fn share(&self) -> Option<Share> {
        let told: Vec<(f64, f64, f64)> = self.stories().into_iter().map(|story| self.told(story)).collect();
        let surest = told.iter().map(|(log, _, _)| *log).fold(f64::NEG_INFINITY, f64::max);
        let (mut weights, mut joules, mut squares, mut power_w) = (0.0, 0.0, 0.0, 0.0);
        for (log, before_j, at_edge_w) in told {
            let weight = (log - surest).exp();
            weights += weight;
            joules += weight * before_j;
            squares += weight * before_j * before_j;
            power_w += weight * at_edge_w;
        }
        let before_j = joules / weights;
        let variance = (squares / weights - before_j * before_j).max(0.0);
        (surest.is_finite() && before_j.is_finite()).then(|| Share {
            before_j,
            uncertainty_j: 2.0 * variance.sqrt(),
            power_w: power_w / weights,
        })
    }

    fn stories(&self) -> Vec<Story> {
        let first_s = self.readings.first().map_or(0.0, |seen| seen.start_s.min(0.0));
        let last_s = self.readings.last().map_or(self.length_s, |seen| seen.end_s.max(self.length_s));
        let (always, never) = (f64::NEG_INFINITY, f64::INFINITY);
        let moments = |step_s: f64| {
            let count = ((last_s - first_s) / step_s).ceil().max(1.0);
            let step_s = (last_s - first_s) / count;
            (0..).map(move |k| first_s + (f64::from(k) + 0.5) * step_s).take_while(move |at_s| *at_s < last_s)
        };
        let mut stories = Vec::new();
        match (self.idle_before_w, self.idle_after_w) {
            (Some(_), Some(_)) => {
                let count = moments(BURST_STEP_S).count() as f64;
                let (marked, elsewhere) =
                    (BURST_MARKED / count, (1.0 - BURST_MARKED) * 2.0 / (count * (count + 1.0)));
                for from_s in moments(BURST_STEP_S) {
                    let (low_s, high_s) = (from_s.min(self.edge_s), from_s.max(self.edge_s));
                    stories.push(Story { from_s: low_s, to_s: high_s, prior: marked });
                    let later = moments(BURST_STEP_S).filter(|to_s| *to_s >= from_s);
                    stories.extend(later.map(|to_s| Story { from_s, to_s, prior: elsewhere }));
                }
            }
            (idle_before, _) => {
                let at = |at_s: f64, prior: f64| {
                    let (from_s, to_s) = if idle_before.is_some() { (at_s, never) } else { (always, at_s) };
                    Story { from_s, to_s, prior }
                };
                let elsewhere = (1.0 - MARKED) / moments(STEP_S).count() as f64;
                match idle_before {
                    Some(_) => stories
                        .extend(MARKED_LATE.map(|(late_s, share)| at(self.edge_s - late_s, MARKED * share))),
                    // What ended before its mark came did so in the window.
                    None => stories.push(at(self.edge_s, MARKED)),
                }
                stories.extend(moments(STEP_S).map(|at_s| at(at_s, elsewhere)));
            }
        }
        stories
    }

    /// The logarithm of how likely a story is with what was seen, the energy before the edge and the power at the edge
    /// in it.
    fn told(&self, story: Story) -> (f64, f64, f64) {
        let [before_s, load_s, after_s] = story.within(0.0, self.length_s);
        let (idle_before_w, idle_after_w) =
            (self.idle_before_w.unwrap_or(0.0), self.idle_after_w.unwrap_or(0.0));
        let load_j = self.energy_j - idle_before_w * before_s - idle_after_w * after_s;
        let near_w = self.reading_in(story).unwrap_or(self.load_w);
        let has_load = load_s > LEAST_LOAD_S;
        let power_w = if has_load { (load_j / load_s).max(0.0) } else { near_w };
        // What a doubt about its ends makes of the energy of the interval.
        let at = |at_s: f64| story.power_at(at_s, idle_before_w, near_w, idle_after_w);
        let blur_j = (at(self.length_s) - at(0.0)).abs() * self.tick_doubt_s
            + 0.005 * self.energy_j.abs()
            + near_w * LEAST_LOAD_S;
        let off_j = load_j - near_w * load_s;
        let was_seen = !has_load || power_w <= HIGHER * self.highest_w;
        let prior = if was_seen { story.prior } else { UNSEEN_HIGHER * story.prior };
        let mut log = prior.ln() + self.log_of(off_j, near_w * load_s, blur_j);
        for seen in &self.readings {
            let [before_s, load_s, after_s] = story.within(seen.start_s, seen.end_s);
            let window_s = seen.end_s - seen.start_s;
            let level_w = if load_s > window_s - 1e-6 { self.load_w } else { power_w };
            let expected_w =
                (idle_before_w * before_s + level_w * load_s + idle_after_w * after_s) / window_s;
            // A step in or near the window shows earlier or later.
            let shift_s = f64::midpoint(self.reading_doubt_s, self.tick_doubt_s);
            let at = |at_s: f64| story.power_at(at_s, idle_before_w, level_w, idle_after_w);
            let changes_w = (at(seen.start_s - shift_s) - at(seen.start_s + shift_s)).abs()
                + (at(seen.end_s - shift_s) - at(seen.end_s + shift_s)).abs();
            let steps_w = (at(seen.end_s) - at(seen.start_s)).abs();
            let blur_w = changes_w.max(steps_w) * (shift_s / window_s).min(1.0) + 0.01 * self.load_w;
            log += self.log_of(seen.power_w - expected_w, level_w * load_s / window_s, blur_w);
        }
        let [idle_s, loaded_s, later_s] = story.within(0.0, self.edge_s);
        let mut before_j = idle_before_w * idle_s + power_w * loaded_s + idle_after_w * later_s;
        if !has_load {
            before_j = self.energy_j * self.edge_s / self.length_s;
        }
        // A load that began with its mark, or a little before it, is as far from the tick as the mark is.
        let [.., (latest_s, _)] = MARKED_LATE;
        let began_with_mark = (0.0..=latest_s).contains(&(self.edge_s - story.from_s));
        let at_s = if began_with_mark { story.from_s } else { self.edge_s };
        (log, before_j, story.power_at(at_s, idle_before_w, power_w, idle_after_w))
    }

    /// The logarithm of how likely a deviation is from what is expected of a load, beside a blur.
    fn log_of(&self, off: f64, of_load: f64, blur: f64) -> f64 {
        let normal = |spread: f64| {
            let sigma = (spread * of_load).hypot(blur);
            (-0.5 * (off / sigma).powi(2)).exp() / sigma
        };
        (STEADY * normal(self.steady_spread) + (1.0 - STEADY) * normal(SPREAD)).max(f64::MIN_POSITIVE).ln()
    }

    /// A reading of nothing but the load, as near as there is.
    fn reading_in(&self, story: Story) -> Option<f64> {
        let inside = |seen: &&Reading| {
            seen.start_s >= story.from_s
                && seen.end_s <= story.to_s
                && seen.end_s > 0.0
                && seen.start_s < self.length_s
        };
        self.readings.iter().find(inside).map(|seen| seen.power_w)
    }
}

impl Story {
    /// How much of a time is before the load, in it and after it.
    fn within(self, start_s: f64, end_s: f64) -> [f64; 3] {
        let length = |from_s: f64, to_s: f64| (to_s.min(end_s) - from_s.max(start_s)).max(0.0);
        [length(start_s, self.from_s), length(self.from_s, self.to_s), length(self.to_s, end_s)]
    }

    fn power_at(self, at_s: f64, idle_before_w: f64, load_w: f64, idle_after_w: f64) -> f64 {
        // Exactly at the edge it is the idle side that a shifted tick would take from or give to.
        if at_s <= self.from_s {
            idle_before_w
        } else if at_s < self.to_s {
            load_w
        } else {
            idle_after_w
        }
    }
}
