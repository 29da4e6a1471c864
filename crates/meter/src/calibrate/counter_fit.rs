//! What an energy counter counts, how late it is, and by which factor the readings differ from it, from a load whose edges
//! are known. Between two ticks it has counted the time that ended `delay` before, if it integrates: the load says which
//! share of that was work. If it adds up readings, the readings of that time say what it counted. One of the two leaves
//! far less unexplained, unless the sensor sees all of the time.

use super::averaging_window::{
    AveragingWindow, DELAY_STEP_NS, DELAYS, FINER, LEAST_DELAY_NS, PowerTick, shares_of,
};
use super::counter_cells::{Cell, CounterTick, Readings, cell};
use super::load::OnTime;
use super::load_fit::{
    AS_GOOD, Estimate, MIN_EXPLAINED, MIN_SEEN, delay_error_ns, explained, jackknife_errors, misfit,
    powers_w, range_of, settled,
};
use crate::energy::constants as known;
use crate::energy::{GainRatio, Kind};

/// What the load has told of a counter; each is missing with a reason.
#[derive(Clone, Debug)]
pub struct CounterFit {
    /// What it counts.
    pub kind: Result<Kind, String>,
    /// How old the energy is that it shows, nanoseconds.
    pub delay_ns: Result<Estimate, String>,
    /// Readings over counter, alike at rest and at work.
    pub gain_ratio: Result<GainRatio, String>,
}

/// A sensor that looks at so much of its period sees all of it.
const SEES_ALL: f64 = 0.9;
/// Of the two kinds the one is decided that leaves at most this share of what the other leaves: of a hundred steps with
/// Gaussian noise less than one in a million does so by chance.
const DECIDES: f64 = 0.5;
/// The kind that is decided explains at least so much.
const WELL_EXPLAINED: f64 = 0.8;
/// Two delays that are further apart are not the same one, nanoseconds.
const DELAYS_APART_NS: f64 = 20e6;
/// A ratio at one level is known no better than this (k = 2): the load's levels are not quite level.
const RATIO_FLOOR: f64 = 0.002;

/// A ratio is of two levels if the load worked in the one for so much more of the time than in the other.
const LEAST_APART: f64 = 0.2;
const ONE_LEVEL: &str = "the load has no two levels of power that could be told apart";

/// What is fitted: the load, what was seen of sensor and counter while it ran, and what is known of the sensor by now.
pub struct Watched<'a> {
    /// The load.
    pub load: &'a OnTime,
    /// The values of the sensor.
    pub power: &'a [PowerTick],
    /// The values of the counter.
    pub counter: &'a [CounterTick],
    /// Time between two values of the sensor.
    pub update_period_ns: Option<u64>,
    /// What its readings are the mean of.
    pub window: Option<AveragingWindow>,
}

/// Decides what the load shows of the counter.
pub fn fit_counter(watched: &Watched<'_>) -> CounterFit {
    match cells_of(watched) {
        Ok(cells) => Fit::new(watched, cells).decide(),
        Err(reason) => {
            CounterFit { kind: Err(reason.clone()), delay_ns: Err(reason.clone()), gain_ratio: Err(reason) }
        }
    }
}

fn cells_of(watched: &Watched<'_>) -> Result<Vec<Cell>, String> {
    let Some(known_ns) = watched.load.known_ns() else { return Err("the load told no edges".to_owned()) };
    let cells: Vec<Cell> = watched.counter.windows(2).filter_map(|pair| cell(pair[0], pair[1])).collect();
    // The readings that belong to a cell may be published after it.
    let last_ns = watched.power.last().map_or(0, |tick| tick.at_ns);
    let read_ns = last_ns.saturating_sub(watched.update_period_ns.unwrap_or(0));
    let cells = settled(&cells, (known_ns.0, known_ns.1.min(read_ns)));
    if cells.len() < MIN_SEEN {
        let ticks = cells.len();
        return Err(format!(
            "the energy counter ticked {ticks} times while the load ran, fewer than {MIN_SEEN}"
        ));
    }
    Ok(cells)
}

/// A delay and what it leaves unexplained.
#[derive(Clone, Copy, Debug)]
struct Best {
    delay_ns: f64,
    left: f64,
    explained: f64,
}

struct Fit<'a> {
    watched: &'a Watched<'a>,
    cells: Vec<Cell>,
    sums: Option<Readings>,
    integral: Best,
    sum: Option<Best>,
}

impl<'a> Fit<'a> {
    fn new(watched: &'a Watched<'a>, cells: Vec<Cell>) -> Self {
        let integral =
            best(&cells, delays_of_integral(), |cell, delay_ns| worked(watched.load, cell, delay_ns));
        let sums = watched.update_period_ns.map(|period_ns| Readings::of(watched.power, period_ns));
        let sum = sums.as_ref().map(|sums| {
            best(&cells, delays_of_sum(sums.period_ns), |cell, delay_ns| sums.mean_w(cell, delay_ns))
        });
        Self { watched, cells, sums, integral, sum }
    }

    fn decide(&self) -> CounterFit {
        let kind = self.kind();
        CounterFit { delay_ns: self.delay_ns(&kind), gain_ratio: self.gain_ratio(&kind), kind }
    }

    fn kind(&self) -> Result<Kind, String> {
        let Some((window, period_ns)) = self.watched.window.as_ref().zip(self.watched.update_period_ns)
        else {
            return Err("over which time a reading is the mean was not found".to_owned());
        };
        if window.window_ns >= SEES_ALL * period_ns as f64 {
            return Err(
                "the sensor sees all of the time, so that a sum of its readings is an integral".to_owned()
            );
        }
        let Some(sum) = self.sum else { return Err("the sensor's update period was not seen".to_owned()) };
        let (best, other, kind) = if self.integral.left <= sum.left {
            (self.integral, sum, Kind::Integral)
        } else {
            (sum, self.integral, Kind::SumOfReadings)
        };
        if best.explained < WELL_EXPLAINED {
            return Err(format!(
                "neither the load nor the readings explain more than {:.0} % of what it counted",
                100.0 * best.explained.max(0.0)
            ));
        }
        if best.left > DECIDES * other.left {
            return Err("the load and the readings explain equally well what it counted".to_owned());
        }
        Ok(kind)
    }

    fn delay_ns(&self, kind: &Result<Kind, String>) -> Result<Estimate, String> {
        if matches!(kind, Ok(Kind::SumOfReadings)) {
            return Err("it adds up readings, and is as late as they are".to_owned());
        }
        if self.integral.explained < MIN_EXPLAINED {
            return Err(format!(
                "the load explains {:.0} % of what it counted, so it does not show in it",
                100.0 * self.integral.explained.max(0.0)
            ));
        }
        let load = self.watched.load;
        let left = |delay_ns: f64| misfit(&self.cells, |cell| worked(load, cell, delay_ns));
        let rival = delays_of_integral().find(|delay_ns| {
            (delay_ns - self.integral.delay_ns).abs() > DELAYS_APART_NS
                && left(*delay_ns) <= AS_GOOD * self.integral.left
        });
        if let Some(rival_ns) = rival {
            return Err(format!(
                "delays of {:.0} ms and of {:.0} ms explain equally well what it counted; a load with several periods \
                 would tell",
                self.integral.delay_ns / 1e6,
                rival_ns / 1e6
            ));
        }
        let [error_ns] = jackknife_errors(&self.cells, |others| {
            [refined(others, self.integral.delay_ns, &|cell, delay_ns| worked(load, cell, delay_ns)).0]
        });
        Ok(Estimate { value: self.integral.delay_ns, error: delay_error_ns(error_ns) })
    }

    fn gain_ratio(&self, kind: &Result<Kind, String>) -> Result<GainRatio, String> {
        let ratios =
            if matches!(kind, Ok(Kind::SumOfReadings)) { self.of_sum() } else { self.of_integral() }?;
        let [(low, low_error), (high, high_error)] = ratios;
        let apart = (low - high).abs();
        if apart > known::RATIO_AGREES.max(low_error.hypot(high_error)) {
            return Err(format!(
                "the readings are {low:.3} times the counter at rest and {high:.3} times at work, which is no single factor"
            ));
        }
        let weights = [low_error.hypot(RATIO_FLOOR).powi(-2), high_error.hypot(RATIO_FLOOR).powi(-2)];
        let ratio = (weights[0] * low + weights[1] * high) / (weights[0] + weights[1]);
        let uncertainty = (weights[0] + weights[1]).sqrt().recip().hypot(apart / 2.0);
        Ok(GainRatio { ratio, uncertainty })
    }

    /// Readings over counter at rest and at work, each with its error: both are lines of the time in which the load worked.
    fn of_integral(&self) -> Result<[(f64, f64); 2], String> {
        if self.integral.explained < MIN_EXPLAINED {
            return Err("the load does not show in what the counter counted".to_owned());
        }
        let Some(window) = self.watched.window.as_ref() else {
            return Err("over which time a reading is the mean was not found".to_owned());
        };
        let load = self.watched.load;
        let Some(known_ns) = load.known_ns() else { return Err("the load told no edges".to_owned()) };
        let power = settled(self.watched.power, known_ns);
        let of_cell = |cell: &Cell| worked(load, cell, self.integral.delay_ns);
        // Beyond what was seen a line says little.
        let shares = range_of(&self.cells, of_cell);
        if shares[1] - shares[0] < LEAST_APART {
            return Err(ONE_LEVEL.to_owned());
        }
        let power_w = |ticks: &[PowerTick]| {
            powers_w(ticks, shares_of(load, window.window_ns, window.delay_ns), shares)
                .unwrap_or([f64::NAN; 2])
        };
        let counter_w = |cells: &[Cell]| powers_w(cells, of_cell, shares).unwrap_or([f64::NAN; 2]);
        let (of_readings_w, of_counter_w) =
            (jackknife_errors(&power, power_w), jackknife_errors(&self.cells, counter_w));
        let (readings_w, counter_w) = (power_w(&power), counter_w(&self.cells));
        ratios(readings_w, of_readings_w, counter_w, of_counter_w)
    }

    /// The same where the counter adds up readings: a line of their sum, at its lowest and at its highest.
    fn of_sum(&self) -> Result<[(f64, f64); 2], String> {
        let Some((sums, sum)) = self.sums.as_ref().zip(self.sum) else {
            return Err("the sensor's update period was not seen".to_owned());
        };
        let mean_w = |cell: &Cell| sums.mean_w(cell, sum.delay_ns);
        let sums_w = range_of(&self.cells, mean_w);
        let counter_w = |cells: &[Cell]| powers_w(cells, mean_w, sums_w).unwrap_or([f64::NAN; 2]);
        let errors_w = jackknife_errors(&self.cells, counter_w);
        ratios(sums_w, [0.0; 2], counter_w(&self.cells), errors_w)
    }
}

/// Of two levels, with what the errors of both come to.
fn ratios(
    readings_w: [f64; 2],
    of_readings_w: [f64; 2],
    counter_w: [f64; 2],
    of_counter_w: [f64; 2],
) -> Result<[(f64, f64); 2], String> {
    let at = |k: usize| {
        let ratio = readings_w[k] / counter_w[k];
        let error = ratio * (of_readings_w[k] / readings_w[k]).hypot(of_counter_w[k] / counter_w[k]);
        (ratio, error)
    };
    let both = [at(0), at(1)];
    let are_powers = both.iter().all(|(ratio, error)| *ratio > 0.0 && ratio.is_finite() && error.is_finite());
    if are_powers { Ok(both) } else { Err(ONE_LEVEL.to_owned()) }
}

/// The share of a cell in which the load worked, if the counter is so late.
fn worked(load: &OnTime, cell: &Cell, delay_ns: f64) -> f64 {
    load.share(cell.from_ns as f64 - delay_ns, cell.to_ns as f64 - delay_ns)
}

fn delays_of_integral() -> impl Iterator<Item = f64> {
    (0..DELAYS).map(|step| f64::from(step) * DELAY_STEP_NS)
}

/// A counter may take the reading that is published with its tick or an earlier one.
fn delays_of_sum(period_ns: u64) -> impl Iterator<Item = f64> {
    let step_ns = period_ns as f64 / 4.0;
    let most_ns = f64::from(DELAYS) * DELAY_STEP_NS + period_ns as f64;
    (-2..).map(move |step| f64::from(step) * step_ns).take_while(move |delay_ns| *delay_ns <= most_ns)
}

fn best(cells: &[Cell], delays: impl Iterator<Item = f64>, of: impl Fn(&Cell, f64) -> f64) -> Best {
    let left = |delay_ns: f64| misfit(cells, |cell| of(cell, delay_ns));
    let coarse = delays.min_by(|a, b| left(*a).total_cmp(&left(*b))).unwrap_or(0.0);
    let (delay_ns, left) = refined(cells, coarse, &of);
    Best { delay_ns, left, explained: explained(cells, left) }
}

/// The best delay near one, by steps that get finer.
fn refined(cells: &[Cell], from_ns: f64, of: &impl Fn(&Cell, f64) -> f64) -> (f64, f64) {
    let left = |delay_ns: f64| misfit(cells, |cell| of(cell, delay_ns));
    let (mut best, mut step_ns) = ((from_ns, left(from_ns)), DELAY_STEP_NS);
    for _ in 0..FINER {
        step_ns /= 3.0;
        let center_ns = best.0;
        for step in -3..=3 {
            let delay_ns = (center_ns + f64::from(step) * step_ns).max(LEAST_DELAY_NS);
            let left = left(delay_ns);
            if left < best.1 {
                best = (delay_ns, left);
            }
        }
    }
    best
}

#[cfg(test)]
#[path = "counter_fit_tests.rs"]
mod tests;
