//! The number to quote of one device over one window, how far it may be off and from what, and what a reader should know.
//! Counter and integral are always reported beside it.

use super::belief::{GainRatio, Kind};
use super::budget::{Budget, Evaluation};
use super::calibrated::BoardGain;
use super::constants as known;
use super::continuous::Bridge;
use super::edge::{Carried, Edge};
use super::finding::Finding;
use super::integral::Still;
use crate::clock::seconds;
use crate::sensor::Origin;

/// The estimate that a headline rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// The energy counter, carried to both edges.
    Counter,
    /// The integral of the power.
    Integral,
}

impl Method {
    /// The one with that name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Counter, Self::Integral].into_iter().find(|method| method.as_str() == name)
    }

    /// Its name in results.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Integral => "integral",
        }
    }
}

/// What the readings say of a window.
#[derive(Clone, Copy, Debug, Default)]
pub struct Readings {
    /// Joules by the integral.
    pub joules: Option<f64>,
    /// The share of the window that it covers, 0 to 1.
    pub coverage: f64,
    /// The longest pause between readings that was too long to be bridged, seconds.
    pub longest_gap_s: Option<f64>,
    /// Of what happens while the sensor does not look (k = 1), joules; `None` where too little was seen to tell.
    pub sampling_j: Option<f64>,
    /// Of how the readings lie around the edges (k = 1), joules.
    pub edges_j: Option<f64>,
    /// What a counter that adds up readings misses between them, were it blind (k = 1), joules.
    pub between_j: f64,
    /// Of time without readings (k = 1), joules.
    pub gaps_j: f64,
    /// The readings are even, as those of a constant load, or of one that is in step with the sensor.
    pub are_even: bool,
    /// The readings are so even that a load in step with the sensor would look alike; what it may hide (k = 1), joules.
    pub in_step_j: Option<f64>,
    /// What the mean over a second says, where there is one.
    pub mean: Option<SecondMean>,
    /// Readings that the board cannot have drawn.
    pub impossible: u64,
    /// The longest stretch in which all of them were the same.
    pub longest_still: Still,
}

/// What the mean over a second says of a window.
#[derive(Clone, Copy, Debug)]
pub struct SecondMean {
    /// Joules that it has and the readings have not.
    pub beyond_j: f64,
    /// How far that may be off, were the mean one of all of the time (k = 1), joules.
    pub deviation_j: f64,
    /// How likely it is one of the readings.
    pub blind_share: f64,
}

/// What is known of one device over one window.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    /// Length of the window, seconds.
    pub duration_s: f64,
    /// Time between two values that the power sensor publishes, seconds.
    pub update_period_s: f64,
    /// The time that each reading is the mean of, where it is longer than an update period, seconds.
    pub averaging_s: Option<f64>,
    /// The readings.
    pub readings: Readings,
    /// The counter at both edges.
    pub edges: Option<(Edge, Edge)>,
    /// Answers of the counter in the window.
    pub counter_reads: u64,
    /// Steps of the counter in the window that were replaced.
    pub bridges: Vec<Bridge>,
    /// What the counter counts.
    pub kind: Kind,
    /// How likely it is no more than a sum of readings.
    pub blind_share: f64,
    /// Readings over counter at idle, where no gain explains it.
    pub scope_ratio: Option<f64>,
    /// Readings over counter under a load in step with the sensor, where such a load was seen.
    pub in_step_ratio: Option<f64>,
    /// Readings over counter.
    pub gain_ratio: Option<GainRatio>,
    /// Of the counter's delay (k = 1), joules.
    pub counter_delay_j: f64,
    /// Nobody has measured that delay, and the readings are late.
    pub delay_is_unknown: bool,
    /// What an external meter said of the board.
    pub board_gain: Option<BoardGain>,
    /// Whose sensor it is.
    pub origin: Origin,
}

/// The number to quote, or why there is none.
#[derive(Clone, Debug, PartialEq)]
pub struct Headline {
    /// Joules; `None` where neither estimate can be quoted.
    pub total_j: Option<f64>,
    /// Where it comes from.
    pub method: Option<Method>,
    /// Why this one, in words.
    pub reason: String,
    /// `(integral - counter) / counter` in percent, where both are known.
    pub residual_pct: Option<f64>,
    /// What is not known of `total_j`.
    pub budget: Budget,
    /// What a reader should know.
    pub findings: Vec<Finding>,
}

/// A window of fewer update periods of the sensor is shorter than anything here can resolve: the energy of one
/// period, which is all that is known, may lie inside it or beside it.
const MIN_PERIODS: f64 = 3.0;
/// An integral with larger holes is not quoted.
pub(super) const MIN_COVERAGE: f64 = 0.95;

impl Evidence {
    /// Joules by the counter.
    pub fn counter_j(&self) -> Option<f64> {
        // Between two ticks the carried parts may cross by a hair on an idle device.
        self.edges.as_ref().map(|(start, end)| Edge::between(start, end).max(0.0))
    }

    fn counter(&self) -> Result<f64, String> {
        if self.counter_reads == 0 {
            let why = match self.origin {
                Origin::Nvml => "the energy counter could not be read",
                Origin::Sysfs | Origin::SysfsUnitAssumed => "there is no energy counter that answers",
            };
            return Err(why.to_owned());
        }
        let counter_j = self
            .counter_j()
            .ok_or_else(|| "the energy counter stands still, or was not read at both edges".to_owned())?;
        self.confirm_unit(counter_j).map(|()| counter_j)
    }

    /// A counter whose unit nobody states is believed where the readings say the same as far as a gain explains.
    fn confirm_unit(&self, counter_j: f64) -> Result<(), String> {
        if self.origin != Origin::SysfsUnitAssumed {
            return Ok(());
        }
        let unconfirmed = |why: &str| {
            format!("the unit of the energy counter is assumed, and no readings confirm it: {why}")
        };
        let ratio = self.integral().map_err(|why| unconfirmed(&why))? / counter_j;
        let is_plausible = ratio.ln().abs() <= known::RATIO_PLAUSIBLE.ln_1p();
        if is_plausible {
            Ok(())
        } else {
            Err(unconfirmed(&format!("they are {ratio:.2} times the counter")))
        }
    }

    pub(super) fn integral(&self) -> Result<f64, String> {
        let readings = self.readings;
        let joules = readings.joules.ok_or("there are no power readings that could be joined")?;
        if readings.coverage < MIN_COVERAGE {
            return Err(format!(
                "power readings cover {:.1} % of the window, less than {:.0} %",
                readings.coverage * 100.0,
                MIN_COVERAGE * 100.0
            ));
        }
        if let Some(gap_s) = readings.longest_gap_s {
            return Err(format!("there are no power readings for {gap_s:.1} s, which is too long to bridge"));
        }
        let Still { at_w, for_ns } = readings.longest_still;
        if self.origin != Origin::Nvml && seconds(for_ns) >= known::STANDS_STILL_S {
            return Err(format!(
                "all power readings of {:.1} s are {at_w:.1} W: the sensor is stuck, or too coarse to show what is drawn",
                seconds(for_ns)
            ));
        }
        if readings.sampling_j.is_none() || readings.edges_j.is_none() {
            return Err("there are too few power readings".to_owned());
        }
        self.averaging_s
            .map_or(Ok(()), |span_s| self.long_enough(span_s, "spans that a power reading averages"))
            .map(|()| joules)
    }

    fn long_enough(&self, span_s: f64, what: &str) -> Result<(), String> {
        if self.duration_s >= MIN_PERIODS * span_s {
            return Ok(());
        }
        Err(format!(
            "the window of {:.0} ms is shorter than {MIN_PERIODS} {what} ({:.0} ms each)",
            self.duration_s * 1e3,
            span_s * 1e3
        ))
    }

    /// The number to quote: the counter where it can be carried to both edges, else the integral where it covers the
    /// window, else nothing.
    pub fn judge(&self) -> Headline {
        let counter = self.counter();
        let integral = self.integral();
        let residual_pct =
            counter.as_ref().ok().zip(self.readings.joules).and_then(|(counter_j, integral_j)| {
                (*counter_j > 0.0 && self.readings.coverage >= MIN_COVERAGE)
                    .then(|| (integral_j / counter_j - 1.0) * 100.0)
            });
        let mut headline = Headline {
            total_j: None,
            method: None,
            reason: String::new(),
            residual_pct,
            budget: Budget::default(),
            findings: Vec::new(),
        };
        self.tell_of_breaks(&mut headline.findings);
        let long_enough = self.long_enough(self.update_period_s, "update periods of the sensor");
        match (long_enough, counter, integral) {
            (Err(short), ..) => headline.reason = short,
            (Ok(()), Ok(counter_j), _) => self.quote_counter(counter_j, &mut headline),
            (Ok(()), Err(counter), Ok(integral_j)) => {
                headline.reason = counter;
                self.quote_integral(integral_j, &mut headline);
            }
            (Ok(()), Err(counter), Err(integral)) => headline.reason = format!("{counter}; {integral}"),
        }
        headline
    }

    fn quote_counter(&self, counter_j: f64, headline: &mut Headline) {
        let Some((start, end)) = &self.edges else { return };
        headline.method = Some(Method::Counter);
        let budget = &mut headline.budget;
        for (edge, share, tick) in [
            (start, "start, share of the tick cell", "start, time of the tick"),
            (end, "end, share of the tick cell", "end, time of the tick"),
        ] {
            let source = match edge.carried {
                Carried::Stories => "mixture of stories over three ticks of the counter",
                Carried::Readings => "readings between two ticks of the counter",
                Carried::OneSided => "readings since the last tick of the counter",
            };
            budget.add(share, source, Evaluation::B, edge.share_j);
            budget.add(tick, "reads around the ticks of the counter", Evaluation::A, edge.tick_j);
        }
        let floor_j = known::COUNTER_QUANTUM_J.hypot(known::RELATIVE_FLOOR * counter_j);
        budget.add("counter, quantum and clock", "millijoules, 1e-5", Evaluation::B, floor_j);
        let (delay, evaluation) = if self.delay_is_unknown {
            ("as late as the readings, or not", Evaluation::B)
        } else {
            ("calibration", Evaluation::A)
        };
        budget.add("counter, delay", delay, evaluation, self.counter_delay_j);
        if self.delay_is_unknown && self.counter_delay_j > known::TOLD_SHARE * counter_j / 4.0 {
            headline.findings.push(Finding::delay_unknown());
        }
        for bridge in &self.bridges {
            budget.add(
                "counter, replaced step",
                "readings, or idle to limit",
                Evaluation::B,
                bridge.deviation_j,
            );
        }
        let counter_j = self.add_unseen(counter_j, headline);
        headline.total_j = Some(counter_j);
        let confirmed = self.readings.joules.is_some() && self.readings.coverage >= MIN_COVERAGE;
        let doubt = if confirmed { "" } else { "; the readings have holes and cannot confirm it" };
        headline.reason = format!("the counter, carried to both edges{doubt}");
        self.compare(counter_j, headline);
        self.add_gain(Method::Counter, counter_j, &mut headline.budget);
    }

    fn quote_integral(&self, integral_j: f64, headline: &mut Headline) {
        let readings = self.readings;
        let (sampling_j, in_step_j) = (readings.sampling_j.unwrap_or(0.0), readings.in_step_j.unwrap_or(0.0));
        let (total_j, unseen_j) = self.with_mean(integral_j, (sampling_j.hypot(in_step_j), 0.0), headline);
        (headline.total_j, headline.method) = (Some(total_j), Some(Method::Integral));
        let budget = &mut headline.budget;
        if readings.mean.is_some() {
            budget.add("unseen time", "readings and their mean over a second", Evaluation::A, unseen_j);
        } else {
            budget.add("unseen time", "differences of successive readings", Evaluation::A, sampling_j);
            budget.add("load in step with the sensor", "idle to limit", Evaluation::B, in_step_j);
        }
        let edges = "readings around the edges, age of a reading";
        budget.add("edges", edges, Evaluation::B, readings.edges_j.unwrap_or(0.0));
        budget.add("gaps", "time without readings at the highest power", Evaluation::B, readings.gaps_j);
        let floor_j = known::VALUE_NOISE_SHARE * integral_j;
        budget.add("resolution of a reading", "guess, 0.2 %", Evaluation::B, floor_j);
        if in_step_j > known::TOLD_SHARE * integral_j && unseen_j > in_step_j / 2.0 {
            headline.findings.push(Finding::load_in_step());
        }
        self.add_gain(Method::Integral, total_j, &mut headline.budget);
    }

    fn tell_of_breaks(&self, findings: &mut Vec<Finding>) {
        findings.extend(self.bridges.iter().map(Finding::of_bridge));
        if self.readings.impossible > 0 {
            findings.push(Finding::impossible_readings(self.readings.impossible));
        }
    }
}
