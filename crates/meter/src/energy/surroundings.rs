//! What is known around a moment: cells of the counter and readings of the sensor, each the mean over a time of its own.
//! Times are seconds from the moment, energies joules.

use super::constants as known;

/// The mean over a time that something told of: a cell of the counter, or a reading.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Observed {
    /// Where its time begins.
    pub from_s: f64,
    /// Where it ends.
    pub to_s: f64,
    /// The energy of that time.
    pub energy_j: f64,
    /// What is not known of that energy (k = 1), whatever the load did.
    pub noise_j: f64,
    /// What all readings are off together because of the sensor's gain (k = 1).
    pub gain_j: f64,
}

/// One way to read the sensor: the time that a reading is the mean of, and how old that is when it is published.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reading {
    /// Length of that time, seconds.
    pub window_s: f64,
    /// Age of its end, seconds.
    pub delay_s: f64,
}

/// A value that the sensor published.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Value {
    /// When it was published.
    pub tick_s: f64,
    /// Its power, in the counter's watts.
    pub power_w: f64,
}

/// What is known around a moment.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// Up to three neighbouring cells of the counter, in order; the moment lies in one of them.
    pub cells: Vec<Observed>,
    /// The time that the stories are of: a cell more on both sides of the one that holds the moment.
    pub span_s: (f64, f64),
    /// What the sensor published, in order.
    pub values: Vec<Value>,
    /// Noise of a published value (k = 1), watts.
    pub value_noise_w: f64,
    /// By how much the sensor's watts may differ from the counter's (k = 1), as a share.
    pub gain_share: f64,
    /// How far the time of a value or of a cell may be off (k = 1), seconds.
    pub tick_doubt_s: f64,
    /// The lowest power that the device has, watts.
    pub idle_w: f64,
    /// The highest power that it may draw, watts.
    pub limit_w: f64,
    /// Whether a load is expected to begin (+1) or to end (-1) at the moment, or neither (0).
    pub step: f64,
}

/// The cells, and those readings whose time lies within them. With it the logarithm of what makes the evidence of two ways
/// comparable: each value is accounted for in both, in watts, a reading that is not used by a wide guess.
pub(super) fn observations(
    around: &Surroundings,
    reading: Option<Reading>,
    mean_w: f64,
) -> (Vec<Observed>, f64) {
    let (first_s, last_s) = around.span_s;
    let mut observed = around.cells.clone();
    let mut log_scale = 0.0;
    let slack_s = 2.0 * around.tick_doubt_s + 1e-3;
    let spread_w = (around.limit_w - around.idle_w).max(1.0) / 2.0;
    let powers = || {
        let of_cells = around.cells.iter().map(|cell| cell.energy_j / (cell.to_s - cell.from_s));
        of_cells.chain(around.values.iter().map(|value| value.power_w))
    };
    let range_w = powers().fold(f64::MIN, f64::max) - powers().fold(f64::MAX, f64::min);
    for value in &around.values {
        let time = reading.map(|reading| {
            let to_s = value.tick_s - reading.delay_s;
            (to_s - reading.window_s, to_s)
        });
        let Some((from_s, to_s)) =
            time.filter(|(from_s, to_s)| *from_s >= first_s - slack_s && *to_s <= last_s + slack_s)
        else {
            log_scale -= spread_w.ln() + 0.5 * ((value.power_w - mean_w) / spread_w).powi(2);
            continue;
        };
        let (from_s, to_s) = (from_s.max(first_s), to_s.min(last_s));
        let window_s = to_s - from_s;
        log_scale += window_s.ln();
        // A time that is off shows what is beside it.
        let shifted_j = around.tick_doubt_s * range_w;
        let noise_w = around.value_noise_w.hypot(known::MODEL_SHARE * range_w);
        let noise_j = (noise_w * window_s).hypot(shifted_j);
        let energy_j = value.power_w * window_s;
        observed.push(Observed { from_s, to_s, energy_j, noise_j, gain_j: around.gain_share * energy_j });
    }
    (observed, log_scale)
}
