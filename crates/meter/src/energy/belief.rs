//! What is believed of a device at a moment, because the readings so far spoke for it: the part of an estimate that the
//! samples around an edge do not tell. It is stored beside the samples, so that an estimate can be computed again.

use super::constants as known;
use super::surroundings::Reading;
use crate::clock::{NS_PER_MS, seconds};
use crate::sensor::Sensor;

/// What the driver's energy counter counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// There is none, or it stands still.
    #[default]
    None,
    /// Nothing has decided yet.
    Undecided,
    /// All of the energy, also while the sensor does not look.
    Integral,
    /// The sensor's own readings times its period: no more than those say.
    SumOfReadings,
}

impl Kind {
    /// Its name in results.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Undecided => "undecided",
            Self::Integral => "integral",
            Self::SumOfReadings => "sum_of_readings",
        }
    }

    /// The kind with that name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::None, Self::Undecided, Self::Integral, Self::SumOfReadings]
            .into_iter()
            .find(|kind| kind.as_str() == name)
    }
}

/// Readings over counter, where both were seen at two levels of power.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GainRatio {
    /// The ratio.
    pub ratio: f64,
    /// How far it may be off (k = 2).
    pub uncertainty: f64,
}

/// Windows of a reading that are considered, as shares of the update period; the first is what is usual for the board.
const WINDOW_SHARES: [f64; 3] = [0.25, 0.5, 1.0];
/// Ages of a reading that are considered beside the usual one.
const DELAYS_NS: [u64; 5] = [0, 25 * NS_PER_MS, 50 * NS_PER_MS, 75 * NS_PER_MS, 100 * NS_PER_MS];
/// The usual window and the three shares, each at each age.
const WAYS: usize = (1 + WINDOW_SHARES.len()) * DELAYS_NS.len();
/// What speaks against a way counts up to this, so that it may come back.
const MOST_AGAINST: f64 = -12.0;

/// For each way to read the sensor, the logarithm of what speaks for it; the last one believes no reading.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ways(pub [f64; WAYS + 1]);

impl Default for Ways {
    fn default() -> Self {
        let mut log = [0.0; WAYS + 1];
        for (k, value) in log[..WAYS].iter_mut().enumerate() {
            let (window, delay) = (k / DELAYS_NS.len(), k % DELAYS_NS.len());
            let of_window: f64 = if window == 0 { 0.7 } else { 0.1 };
            let of_delay: f64 = if delay == 0 { 0.4 } else { 0.15 };
            *value = (of_window * of_delay).ln();
        }
        log[WAYS] = known::READING_DISBELIEF.ln();
        Self(log)
    }
}

impl Ways {
    /// The ways themselves. `usual`: the sensor as it is taken to be, its period as it was seen.
    pub fn readings(usual: Sensor) -> Vec<Reading> {
        let period_s = seconds(usual.update_period_ns);
        let windows =
            std::iter::once(seconds(usual.window_ns)).chain(WINDOW_SHARES.map(|share| share * period_s));
        windows
            .flat_map(|window_s| {
                DELAYS_NS.map(|delay_ns| Reading { window_s, delay_s: seconds(usual.delay_ns + delay_ns) })
            })
            .collect()
    }

    /// After an edge that found them so likely.
    pub fn learned(log_evidence: &[f64]) -> Option<Self> {
        let log: [f64; WAYS + 1] = log_evidence.try_into().ok()?;
        let best = log.into_iter().fold(f64::NEG_INFINITY, f64::max);
        best.is_finite().then(|| Self(log.map(|value| (value - best).max(MOST_AGAINST))))
    }

    /// What was measured of the usual way leaves no room for others, unless much speaks for them.
    #[must_use]
    pub fn narrowed(mut self, window_is_known: bool, delay_is_known: bool) -> Self {
        for (k, log) in self.0[..WAYS].iter_mut().enumerate() {
            let (window, delay) = (k / DELAYS_NS.len(), k % DELAYS_NS.len());
            if (window_is_known && window > 0) || (delay_is_known && delay > 0) {
                *log = log.min(MOST_AGAINST);
            }
        }
        self
    }

    /// The share of the time in which the sensor does not look, by the weights of the ways.
    pub fn unseen_share(&self, usual: Sensor) -> f64 {
        let period_s = seconds(usual.update_period_ns);
        let readings = Self::readings(usual);
        let weighed = readings.iter().zip(self.0).map(|(reading, log)| (reading, log.exp()));
        let (sum, total) = weighed.fold((0.0, 0.0), |(sum, total), (reading, weight)| {
            (sum + weight * (1.0 - reading.window_s / period_s).max(0.0), total + weight)
        });
        sum / total
    }

    /// By how much the readings are late beside the counter, where they are beyond doubt.
    pub fn late_ns(&self) -> Option<u64> {
        let (late_s, deviation_s) = self.delay_s();
        let is_late = late_s > known::LATE_S && late_s > known::COVERAGE_FACTOR * deviation_s;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most 0.1 s")]
        is_late.then(|| (late_s * 1e9).round() as u64)
    }

    /// The likeliest delay and how far it may be off (k = 1), by the weights of the ways.
    pub fn delay_s(&self) -> (f64, f64) {
        let weight = |k: usize| self.0[k].exp();
        let total: f64 = (0..WAYS).map(weight).sum();
        let delay_s = |k: usize| seconds(DELAYS_NS[k % DELAYS_NS.len()]);
        let mean: f64 = (0..WAYS).map(|k| weight(k) * delay_s(k)).sum::<f64>() / total;
        let square: f64 = (0..WAYS).map(|k| weight(k) * (delay_s(k) - mean).powi(2)).sum::<f64>() / total;
        (mean, square.sqrt())
    }
}

/// All that is believed at a moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Belief {
    /// Time between two values that the power sensor publishes; `None` where it was not seen.
    pub power_ns: Option<u64>,
    /// How far that may be off (k = 2).
    pub power_doubt_ns: Option<u64>,
    /// Time between two changes of the counter.
    pub counter_ns: Option<u64>,
    /// How far that may be off (k = 2).
    pub counter_doubt_ns: Option<u64>,
    /// Noise of a reading (k = 1), watts.
    pub noise_w: f64,
    /// The lowest reading so far, watts.
    pub lowest_w: Option<f64>,
    /// The power limit, watts, where the driver tells it.
    pub limit_w: Option<f64>,
    /// Readings over counter.
    pub gain_ratio: Option<GainRatio>,
    /// What the counter counts.
    pub kind: Kind,
    /// How likely it is no more than a sum of readings.
    pub blind_share: f64,
    /// Readings over counter at idle, where no gain explains it.
    pub scope_ratio: Option<f64>,
    /// Readings over counter under a load in step with the sensor.
    pub in_step_ratio: Option<f64>,
    /// How likely the mean over a second is one of the readings.
    pub mean_blind_share: f64,
    /// How the sensor is to be read.
    pub ways: Ways,
}

impl Default for Belief {
    fn default() -> Self {
        Self::new(Ways::default())
    }
}

impl Belief {
    /// Nothing but how the sensor is to be read.
    pub fn new(ways: Ways) -> Self {
        Self {
            power_ns: None,
            power_doubt_ns: None,
            counter_ns: None,
            counter_doubt_ns: None,
            noise_w: known::DRIVER_RESOLUTION_W,
            lowest_w: None,
            limit_w: None,
            gain_ratio: None,
            kind: Kind::None,
            blind_share: known::BLIND_PRIOR,
            scope_ratio: None,
            in_step_ratio: None,
            mean_blind_share: known::BLIND_PRIOR,
            ways,
        }
    }

    /// The power limit, or what no board exceeds.
    pub fn limit_w(&self) -> f64 {
        self.limit_w.unwrap_or(known::UNKNOWN_LIMIT_W)
    }

    /// No reading above it is possible.
    pub fn highest_w(&self) -> f64 {
        known::TRANSIENT_FACTOR * self.limit_w()
    }

    /// The lowest power that the device may have: a load that was there from the beginning has hidden it.
    pub fn idle_w(&self) -> f64 {
        let usual_w = known::USUAL_IDLE_SHARE * self.limit_w();
        self.lowest_w.map_or(usual_w, |lowest_w| lowest_w.min(usual_w))
    }
}
