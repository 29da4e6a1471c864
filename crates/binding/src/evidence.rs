//! What an estimate rests on, in JavaScript: the budget of its uncertainty, what was found beside it, and what may be
//! remembered of a board.
//!
//! Filled from the parts of the first estimator; the shapes are those of the second.

use llem_meter::energy::{GAIN_PCT, Method, Uncertainty, Verdict, root_of_squares};
use llem_meter::window;
use napi_derive::napi;

/// What made the joules. A result names it, and is recomputed by no other.
pub const ESTIMATOR: &str = "llem-edges-1";

/// A part of an uncertainty (GUM): its standard uncertainty (k = 1).
#[napi(object)]
#[expect(clippy::struct_field_names, reason = "so it is called in results")]
pub struct Component {
    /// "edges", "counter quantum", "sampling", "gaps", "witnesses differ", "gain".
    pub component: String,
    /// What it rests on, in words.
    pub source: String,
    /// "A": seen in the readings; "B": known from elsewhere.
    pub evidence: String,
    pub standard_j: f64,
}

/// What a reader of the joules should know.
#[napi(object)]
pub struct Finding {
    pub code: String,
    /// "info" or "warning".
    pub severity: String,
    /// A sentence without the device's name.
    pub text: String,
}

/// The readings over the counter, at all levels of power alike.
#[napi(object)]
pub struct GainRatio {
    pub ratio: f64,
    /// k = 2.
    pub uncertainty: f64,
}

/// What may be remembered of a device under a driver; missing is what was not found out.
#[napi(object)]
pub struct KnownDevice {
    /// "integral", "sum_of_readings", "undecided" or "none".
    pub counter_kind: String,
    /// Time between two values of its power sensor.
    pub update_period_ms: Option<f64>,
    /// The time that a value is the mean of.
    pub window_ms: Option<f64>,
    /// How old that time is when the value appears.
    pub delay_ms: Option<f64>,
    /// How far the delay may be off (k = 2).
    pub delay_doubt_ms: Option<f64>,
    pub gain_ratio: Option<GainRatio>,
}

/// What makes the joules of this build.
#[napi(object)]
pub struct Estimator {
    pub name: String,
    /// Of the constants that it rests on, hexadecimal.
    pub constants_hash: String,
}

/// The estimator of this build, so that a result of another one is told apart before anything is recomputed.
#[napi]
pub fn estimator() -> Estimator {
    Estimator { name: ESTIMATOR.to_owned(), constants_hash: constants_hash() }
}

/// Of the constants that the estimator rests on, so that a result tells whether they were these.
pub fn constants_hash() -> String {
    format!("{:016x}", GAIN_PCT.to_bits())
}

/// The rounding of counter and readings, as a share of the energy: less than this nothing is known to.
const ROUNDING: f64 = 1e-5;
/// A steady load compares readings and counter to this (k = 2).
const RATIO_DOUBT: f64 = 0.02;

/// The budget of a device's headline, the gain apart; nothing where it is not known.
pub fn components_of(device: &window::DeviceReport) -> Vec<Component> {
    let headline = &device.headline;
    let (Some(total_j), Some(_)) = (headline.total_j, headline.uncertainty_j) else {
        return Vec::new();
    };
    let Uncertainty { sampling_j, edges_j, gaps_j, counter_tick_j, residual_j } = headline.uncertainty;
    let rounding_j = Some(2.0 * (ROUNDING * total_j).max(1e-3));
    let parts = [
        ("edges", "how the energy around the edges is shared with what is beside the window", "A", edges_j),
        ("counter ticks", "when the ticks of the counter around the edges fell", "A", counter_tick_j),
        ("sampling", "what happens while the sensor does not look", "A", sampling_j),
        ("gaps", "time that no reading covers", "B", gaps_j),
        ("witnesses differ", "readings and counter, where nothing says which is right", "B", residual_j),
        ("counter quantum", "what counter and readings are rounded to", "B", rounding_j),
    ];
    let known = parts.into_iter().filter_map(|(component, source, evidence, expanded_j)| {
        let standard_j = expanded_j? / 2.0;
        (standard_j > 0.0).then(|| Component::new(component, source, evidence, standard_j))
    });
    known.collect()
}

/// The board's own factor (k = 1).
pub fn gain_of(total_j: f64) -> Component {
    let source = "the board's own factor: nvml.h, arXiv 2312.02741";
    Component::new("gain", source, "B", total_j * GAIN_PCT / 100.0 / 2.0)
}

impl Component {
    fn new(component: &str, source: &str, evidence: &str, standard_j: f64) -> Self {
        let [component, source, evidence] = [component, source, evidence].map(str::to_owned);
        Self { component, source, evidence, standard_j }
    }
}

/// All parts together (k = 2), joules.
pub fn expanded_j(parts: &[Component]) -> Option<f64> {
    (!parts.is_empty()).then(|| 2.0 * root_of_squares(parts.iter().map(|part| part.standard_j)))
}

/// What was found about a device beside its joules.
pub fn findings_of(device: &window::DeviceReport) -> Vec<Finding> {
    let warning = |code: &str| Finding {
        code: code.to_owned(),
        severity: "warning".to_owned(),
        text: format!("{}.", device.headline.reason),
    };
    let mut findings = Vec::new();
    if device.counter_test.is_some_and(|test| !test.trusted) {
        findings.push(warning("counter_odd"));
    } else if device.headline.residual_flagged {
        findings.push(warning("estimators_disagree"));
    }
    findings
}

/// What the counter is, as far as it has shown.
pub fn counter_kind_of(device: &window::DeviceReport) -> String {
    let kind = match device.counter_test {
        _ if device.counter_raw_j.is_none() => "none",
        Some(Verdict { trusted: true, .. }) => "integral",
        _ => "undecided",
    };
    kind.to_owned()
}

pub fn gain_ratio_of(device: &window::DeviceReport) -> Option<GainRatio> {
    let test = device.counter_test.filter(|test| test.trusted)?;
    Some(GainRatio { ratio: 1.0 + test.residual_pct / 100.0, uncertainty: RATIO_DOUBT })
}

impl KnownDevice {
    /// What the first estimator can use of it.
    pub fn verdict(&self) -> Option<Verdict> {
        let ratio = self.gain_ratio.as_ref().map_or(1.0, |gain| gain.ratio);
        let residual_pct = (ratio - 1.0) * 100.0;
        (self.counter_kind == "integral").then_some(Verdict { trusted: true, residual_pct, agreed_w: None })
    }

    /// Nothing where nothing was found out.
    pub fn learned(device: &window::DeviceReport) -> Option<Self> {
        let update_period_ms = device.measured_update_period_ns.map(|period_ns| period_ns as f64 / 1e6);
        let learned = Self {
            counter_kind: counter_kind_of(device),
            update_period_ms,
            window_ms: None,
            delay_ms: None,
            delay_doubt_ms: None,
            gain_ratio: gain_ratio_of(device),
        };
        (update_period_ms.is_some() || learned.counter_kind == "integral").then_some(learned)
    }
}

/// Whether what was seen speaks against what is remembered of the board.
pub fn contradicts(device: &window::DeviceReport) -> bool {
    device.counter_test.is_some_and(|test| !test.trusted)
}

/// Its name in results.
pub fn method_of(method: Option<Method>) -> Option<String> {
    method.map(|method| method.as_str().to_owned())
}
