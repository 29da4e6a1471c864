//! The number to quote of one device over one window, how far it may be off and from what, and what a reader should know.
//! Counter and integral are always reported beside it.

use super::belief::{GainRatio, Kind};
use super::budget::{Budget, Evaluation};
use super::calibrated::BoardGain;
use super::constants as known;
use super::continuous::Bridge;
use super::edge::{Carried, Edge};
use super::finding::Finding;

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
    /// Readings that the board cannot have drawn.
    pub impossible: u64,
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
    /// Readings over counter.
    pub gain_ratio: Option<GainRatio>,
    /// Of the counter's delay (k = 1), joules.
    pub counter_delay_j: f64,
    /// What an external meter said of the board.
    pub board_gain: Option<BoardGain>,
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
const MIN_COVERAGE: f64 = 0.95;
/// The two estimates may differ by this much, or by what the sensor cannot see where that is more, percent.
const RESIDUAL_LIMIT_PCT: f64 = 3.0;

impl Evidence {
    /// Joules by the counter.
    pub fn counter_j(&self) -> Option<f64> {
        // Between two ticks the carried parts may cross by a hair on an idle device.
        self.edges.as_ref().map(|(start, end)| Edge::between(start, end).max(0.0))
    }

    fn counter(&self) -> Result<f64, String> {
        if self.counter_reads == 0 {
            return Err("the energy counter could not be read".to_owned());
        }
        self.counter_j()
            .ok_or_else(|| "the energy counter stands still, or was not read at both edges".to_owned())
    }

    fn integral(&self) -> Result<f64, String> {
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
        (headline.total_j, headline.method) = (Some(counter_j), Some(Method::Counter));
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
        budget.add("counter, delay", "calibration", Evaluation::A, self.counter_delay_j);
        for bridge in &self.bridges {
            budget.add(
                "counter, replaced step",
                "readings, or idle to limit",
                Evaluation::B,
                bridge.deviation_j,
            );
        }
        // A counter that adds up readings knows no more than they do.
        let blind_j = known::BLIND_FACTOR * self.blind_share.sqrt() * self.readings.between_j;
        budget.add("counter, unseen time", "differences of successive readings", Evaluation::A, blind_j);
        match (self.readings.in_step_j, self.kind) {
            (Some(in_step_j), Kind::SumOfReadings) => {
                budget.add("load in step with the sensor", "idle to limit", Evaluation::B, in_step_j);
                headline.findings.push(Finding::load_in_step());
            }
            (Some(_), Kind::Undecided) => headline.findings.push(Finding::load_in_step_undecided()),
            _ => {}
        }
        let confirmed = self.readings.joules.is_some() && self.readings.coverage >= MIN_COVERAGE;
        let doubt = if confirmed { "" } else { "; the readings have holes and cannot confirm it" };
        headline.reason = format!("the counter, carried to both edges{doubt}");
        self.compare(counter_j, headline);
        self.add_gain(Method::Counter, counter_j, &mut headline.budget);
    }

    /// Holds the readings against the counter: a factor that is the same at all levels is the board's, what the sensor
    /// cannot see explains some, and of the rest nothing decides, so that the interval holds both.
    fn compare(&self, counter_j: f64, headline: &mut Headline) {
        let Some(integral_j) = self.integral().ok() else { return };
        let gain = self.gain_ratio.map_or(1.0, |gain| gain.ratio);
        let difference_j = integral_j / gain - counter_j;
        let readings = self.readings;
        let seen_j = [readings.sampling_j.unwrap_or(0.0), readings.edges_j.unwrap_or(0.0), readings.gaps_j];
        let gain_j = if self.gain_ratio.is_some() { 0.0 } else { known::GAIN_SHARE / 2.0 * counter_j };
        let explained_j = super::budget::root_of_squares(seen_j.into_iter().chain([gain_j]));
        let explained_j = known::COVERAGE_FACTOR * explained_j.hypot(headline.budget.uncertainty_j() / 2.0);
        let limit_j = explained_j.max(RESIDUAL_LIMIT_PCT / 100.0 * counter_j);
        if let Some(ratio) = self.scope_ratio {
            headline.findings.push(Finding {
                code: "scope_differs",
                is_warning: true,
                text: format!(
                    "at the lowest power seen the readings are {ratio:.2} times the counter, more than a sensor is off: one \
                     of them may be of more than the GPU, or count wrong"
                ),
            });
            let apart_j = known::APART_SHARE * (integral_j - counter_j).abs();
            let apart_j = apart_j.hypot(readings.sampling_j.unwrap_or(0.0));
            headline.budget.add("counter and readings differ", "their difference", Evaluation::A, apart_j);
            "the counter, carried to both edges; the readings are of another scope"
                .clone_into(&mut headline.reason);
            return;
        }
        if difference_j.abs() <= limit_j {
            return;
        }
        let differ = format!(
            "the integral differs from the counter by {:+.1} %, more than {:.1} %",
            difference_j / counter_j * 100.0,
            limit_j / counter_j * 100.0
        );
        // Readings that are even and further from the counter than by a gain are those of a load in step with the sensor.
        let no_gain = (integral_j / gain / counter_j).ln().abs() > known::RATIO_PLAUSIBLE.ln_1p();
        if self.kind == Kind::Integral && readings.are_even && no_gain {
            headline.reason =
                format!("{differ}; the counter counts what the sensor does not see, as its steps have shown");
            headline.findings.push(Finding { code: "estimators_disagree", is_warning: false, text: differ });
            return;
        }
        headline.reason = format!("{differ}; nothing decides between them");
        headline.budget.add(
            "counter and readings differ",
            "half their difference",
            Evaluation::A,
            known::APART_SHARE * difference_j.abs(),
        );
        headline.findings.push(Finding { code: "estimators_disagree", is_warning: true, text: differ });
    }

    fn quote_integral(&self, integral_j: f64, headline: &mut Headline) {
        (headline.total_j, headline.method) = (Some(integral_j), Some(Method::Integral));
        let (readings, budget) = (self.readings, &mut headline.budget);
        let successive = "differences of successive readings";
        budget.add("unseen time", successive, Evaluation::A, readings.sampling_j.unwrap_or(0.0));
        let edges = "readings around the edges, age of a reading";
        budget.add("edges", edges, Evaluation::B, readings.edges_j.unwrap_or(0.0));
        budget.add("gaps", "time without readings at the highest power", Evaluation::B, readings.gaps_j);
        let floor_j = known::VALUE_NOISE_SHARE * integral_j;
        budget.add("resolution of a reading", "guess, 0.2 %", Evaluation::B, floor_j);
        if let Some(in_step_j) = readings.in_step_j {
            budget.add("load in step with the sensor", "idle to limit", Evaluation::B, in_step_j);
            headline.findings.push(Finding::load_in_step());
        }
        self.add_gain(Method::Integral, integral_j, &mut headline.budget);
    }

    fn tell_of_breaks(&self, findings: &mut Vec<Finding>) {
        findings.extend(self.bridges.iter().map(Finding::of_bridge));
        if self.readings.impossible > 0 {
            findings.push(Finding::impossible_readings(self.readings.impossible));
        }
    }
}
