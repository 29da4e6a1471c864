//! What an estimate rests on, in JavaScript: the budget of its uncertainty, what was found beside it, and what may be
//! remembered of a board.

use llem_meter::clock::NS_PER_MS;
use llem_meter::energy::{self, Calibrated, Delay, ESTIMATOR, Kind, Method, constants};
use llem_meter::sampler::Known;
use llem_meter::window;
use napi_derive::napi;

/// A part of an uncertainty (GUM): its standard uncertainty (k = 1).
#[napi(object)]
#[expect(clippy::struct_field_names, reason = "the word of the GUM, and of results")]
pub struct Component {
    /// "start, share of the tick cell", "unseen time", "gain of the board".
    pub component: String,
    /// What it rests on, in words.
    pub source: String,
    /// "A": seen in the readings; "B": known from elsewhere.
    pub evidence: String,
    pub standard_j: f64,
    /// Whether it is the board's own, and so in the absolute uncertainty alone.
    pub is_of_board: bool,
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

/// What an external meter said over what one estimate of the energy said.
#[napi(object)]
pub struct BoardGain {
    pub ratio: f64,
    /// k = 2.
    pub uncertainty: f64,
    /// The estimate: "counter" or "integral".
    pub method: String,
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
    /// How old the energy is that its counter shows; only a calibration finds it.
    pub counter_delay_ms: Option<f64>,
    /// How far that may be off (k = 2).
    pub counter_delay_doubt_ms: Option<f64>,
    /// Only a calibration beside an external meter finds it.
    pub board_gain: Option<BoardGain>,
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
    format!("{:016x}", constants::hash())
}

impl From<&energy::Component> for Component {
    fn from(part: &energy::Component) -> Self {
        Self {
            component: part.component.to_owned(),
            source: part.source.to_owned(),
            evidence: part.evaluation.as_str().to_owned(),
            standard_j: part.standard_j,
            is_of_board: part.is_of_board,
        }
    }
}

impl From<energy::Finding> for Finding {
    fn from(finding: energy::Finding) -> Self {
        Self {
            code: finding.code.to_owned(),
            severity: if finding.is_warning { "warning" } else { "info" }.to_owned(),
            text: finding.text,
        }
    }
}

impl From<energy::GainRatio> for GainRatio {
    fn from(gain: energy::GainRatio) -> Self {
        Self { ratio: gain.ratio, uncertainty: gain.uncertainty }
    }
}

impl From<energy::BoardGain> for BoardGain {
    fn from(gain: energy::BoardGain) -> Self {
        Self { ratio: gain.ratio, uncertainty: gain.uncertainty, method: gain.method.as_str().to_owned() }
    }
}

impl KnownDevice {
    /// What a sampler begins with.
    pub fn known(&self) -> Known {
        Known {
            update_period_ns: self.update_period_ms.and_then(nanoseconds),
            window_ns: self.window_ms.and_then(nanoseconds),
            delay_ns: self.delay_ms.and_then(nanoseconds),
            kind: Kind::from_name(&self.counter_kind).unwrap_or_default(),
            ways: None,
            gain_ratio: self
                .gain_ratio
                .as_ref()
                .map(|gain| energy::GainRatio { ratio: gain.ratio, uncertainty: gain.uncertainty }),
            calibrated: self.calibrated(),
        }
    }

    fn calibrated(&self) -> Calibrated {
        let counter_delay = self.counter_delay_ms.zip(self.counter_delay_doubt_ms);
        Calibrated {
            sensor_delay_doubt_ns: self.delay_doubt_ms.and_then(nanoseconds),
            counter_delay: counter_delay.and_then(|(delay_ms, doubt_ms)| {
                Some(Delay { ns: nanoseconds(delay_ms)?, doubt_ns: nanoseconds(doubt_ms)? })
            }),
            gain: self.board_gain.as_ref().and_then(|gain| {
                let method = Method::from_name(&gain.method)?;
                Some(energy::BoardGain { ratio: gain.ratio, uncertainty: gain.uncertainty, method })
            }),
        }
    }

    /// Nothing where nothing was found out.
    pub fn learned(device: &window::DeviceReport) -> Option<Self> {
        let update_period_ms = device.measured_update_period_ns.map(milliseconds);
        let is_decided = matches!(device.kind, Kind::Integral | Kind::SumOfReadings);
        (update_period_ms.is_some() || is_decided).then(|| Self {
            counter_kind: device.kind.as_str().to_owned(),
            update_period_ms,
            window_ms: None,
            delay_ms: None,
            delay_doubt_ms: None,
            gain_ratio: device.gain_ratio.map(GainRatio::from),
            counter_delay_ms: None,
            counter_delay_doubt_ms: None,
            board_gain: None,
        })
    }
}

/// `None` for what is no time of a sensor.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to lie in 0..=10000")]
fn nanoseconds(milliseconds: f64) -> Option<u64> {
    (0.0..=10_000.0).contains(&milliseconds).then(|| (milliseconds * NS_PER_MS as f64).round() as u64)
}

fn milliseconds(span_ns: u64) -> f64 {
    span_ns as f64 / NS_PER_MS as f64
}
