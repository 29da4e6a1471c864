//! Over which time a power reading is the mean, and how late it is, from a load whose edges are known: the reading
//! that appears at tick `u` is taken to be the mean power over `[u - delay - window, u - delay]` (the method of
//! arXiv 2312.02741).

use std::iter::successors;

use super::load::OnTime;
use super::load_fit::{
    AS_GOOD, MIN_EXPLAINED, MIN_SEEN, SETTLE_NS, Seen, delay_error_ns, explained, jackknife_errors, misfit,
    settled,
};

/// A value that the power sensor published, and when.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PowerTick {
    /// The middle of the two reads that it first shows between.
    pub at_ns: u64,
    /// The value in watts.
    pub power_w: f64,
}

impl Seen for PowerTick {
    fn at_ns(&self) -> u64 {
        self.at_ns
    }

    fn power_w(&self) -> f64 {
        self.power_w
    }
}

/// What explains the readings best.
#[derive(Clone, Copy, Debug)]
pub struct AveragingWindow {
    /// The time that a reading is the mean of.
    pub window_ns: f64,
    /// How far it may be off (k = 2).
    pub window_error_ns: f64,
    /// How long after the end of that time the reading appears.
    pub delay_ns: f64,
    /// How far it may be off (k = 2).
    pub delay_error_ns: f64,
    /// Root mean square of what is left of the readings.
    pub unexplained_w: f64,
    /// The share of the readings' variance that the load explains, 0 to 1.
    pub explained: f64,
    /// How many readings there were.
    pub readings: usize,
}

/// The windows that are looked for: up to beyond the one-second mean of nvml.h.
const SHORTEST_NS: f64 = 4e6;
const LONGEST_NS: f64 = 1.6e9;
/// From one window of the grid to the next by this factor, and by no more than that many nanoseconds: a long window
/// holds many periods of the load, and the misfit goes up and down with each.
const FACTOR: f64 = 1.25;
const MAX_STEP_NS: f64 = 15e6;
/// Delays of up to 97 ms were published, once 311 ms (arXiv 2312.02741).
pub(super) const DELAY_STEP_NS: f64 = 5e6;
pub(super) const DELAYS: i32 = 65;
/// The time of a tick is known to half a millisecond: a delay that may not fall below 0 would bend the window.
pub(super) const LEAST_DELAY_NS: f64 = -2e6;
/// How often the grid is made three times finer around its best point.
pub(super) const FINER: i32 = 6;
/// Two windows that differ by more than this factor are not the same one.
const APART: f64 = 1.3;

/// A window and a delay, in nanoseconds.
#[derive(Clone, Copy, Debug)]
struct Point {
    window_ns: f64,
    delay_ns: f64,
}

/// The window and the delay that explain the readings best by least squares, or why there are none.
pub fn fit_averaging_window(load: &OnTime, ticks: &[PowerTick]) -> Result<AveragingWindow, String> {
    let Some(known_ns) = load.known_ns() else { return Err("the load told no edges".to_owned()) };
    let ticks = settled(ticks, known_ns);
    if ticks.len() < MIN_SEEN {
        return Err(format!(
            "the power reading changed {} times while the load ran (after its first {:.1} s), fewer than \
             {MIN_SEEN}",
            ticks.len(),
            SETTLE_NS as f64 / 1e9
        ));
    }
    let left = |point: Point| misfit(&ticks, shares(load, point));
    let minima = minima(left);
    let (unexplained, best) = lowest(&minima);
    let explained = explained(&ticks, unexplained);
    if explained < MIN_EXPLAINED {
        return Err(format!(
            "the load explains {:.0} % of what the readings do, so it does not show in them",
            100.0 * explained.max(0.0)
        ));
    }
    let rival = minima.iter().find(|(left, point)| {
        let factor = point.window_ns / best.window_ns;
        !(1.0 / APART..=APART).contains(&factor) && *left <= AS_GOOD * unexplained
    });
    if let Some((_, rival)) = rival {
        return Err(format!(
            "windows of {:.0} ms and of {:.0} ms explain the readings equally well; a load with several periods \
             would tell",
            best.window_ns / 1e6,
            rival.window_ns / 1e6
        ));
    }
    let [window_error_ns, delay_error] = jackknife_errors(&ticks, |others| {
        let (_, point) = refined(best, |point| misfit(others, shares(load, point)));
        [point.window_ns, point.delay_ns]
    });
    Ok(AveragingWindow {
        window_ns: best.window_ns,
        window_error_ns,
        delay_ns: best.delay_ns,
        delay_error_ns: delay_error_ns(delay_error),
        unexplained_w: (unexplained / ticks.len() as f64).sqrt(),
        explained,
        readings: ticks.len(),
    })
}

/// The best delay for each window of a grid; of those, each that is better than its neighbours, made precise.
fn minima(left: impl Fn(Point) -> f64) -> Vec<(f64, Point)> {
    let coarse: Vec<(f64, Point)> =
        successors(Some(SHORTEST_NS), |window_ns| Some(window_ns + step_ns(*window_ns)))
            .take_while(|window_ns| *window_ns <= LONGEST_NS)
            .map(|window_ns| {
                let delays =
                    (0..DELAYS).map(|step| Point { window_ns, delay_ns: f64::from(step) * DELAY_STEP_NS });
                lowest(&delays.map(|point| (left(point), point)).collect::<Vec<_>>())
            })
            .collect();
    let at = |position: Option<usize>| position.and_then(|position| coarse.get(position));
    let is_minimum = |position: usize| {
        let neighbours = [at(position.checked_sub(1)), at(position.checked_add(1))];
        neighbours.iter().flatten().all(|neighbour| coarse[position].0 <= neighbour.0)
    };
    (0..coarse.len()).filter(|position| is_minimum(*position)).map(|i| refined(coarse[i].1, &left)).collect()
}

fn step_ns(window_ns: f64) -> f64 {
    f64::min((FACTOR - 1.0) * window_ns, MAX_STEP_NS)
}

/// The best point near one, by a grid that gets finer.
fn refined(from: Point, left: impl Fn(Point) -> f64) -> (f64, Point) {
    let mut best = (left(from), from);
    let (mut window_step_ns, mut delay_step_ns) = (step_ns(from.window_ns), DELAY_STEP_NS);
    for _ in 0..FINER {
        (window_step_ns, delay_step_ns) = (window_step_ns / 3.0, delay_step_ns / 3.0);
        let center = best.1;
        for (across, down) in (-3..=3).flat_map(|across| (-3..=3).map(move |down| (across, down))) {
            // A wider window keeps its middle, which is what the readings show best: the two would have to be
            // changed together otherwise, and a grid gets stuck in such a valley.
            let widened_ns = f64::from(across) * window_step_ns;
            let delayed_ns = f64::from(down) * delay_step_ns - widened_ns / 2.0;
            let point = Point {
                window_ns: (center.window_ns + widened_ns).max(5e5),
                delay_ns: (center.delay_ns + delayed_ns).max(LEAST_DELAY_NS),
            };
            let left = left(point);
            if left < best.0 {
                best = (left, point);
            }
        }
    }
    best
}

/// The first of the lowest: of windows that a periodic load cannot tell apart, the shortest.
fn lowest(points: &[(f64, Point)]) -> (f64, Point) {
    *points.iter().min_by(|a, b| a.0.total_cmp(&b.0)).expect("there are points")
}

/// The share of a reading's window in which the load worked.
pub(super) fn shares_of(load: &OnTime, window_ns: f64, delay_ns: f64) -> impl Fn(&PowerTick) -> f64 {
    move |tick| {
        let end_ns = tick.at_ns as f64 - delay_ns;
        load.share(end_ns - window_ns, end_ns)
    }
}

fn shares(load: &OnTime, Point { window_ns, delay_ns }: Point) -> impl Fn(&PowerTick) -> f64 {
    shares_of(load, window_ns, delay_ns)
}

#[cfg(test)]
#[path = "averaging_window_tests.rs"]
mod tests;
