//! What a power sensor publishes of a load, and a mean over a second beside it.

use super::load::Load;
use super::random::Random;
use super::ticks::{Published, Ticks};
use crate::clock::{NS_PER_MS, NS_PER_S, seconds};

/// Which past a reading is the mean of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mean {
    /// An even mean over this time.
    Boxcar(u64),
    /// A low pass with this time constant, as of a capacitor.
    Exponential(u64),
}

/// A power sensor: at each tick it publishes `gain * mean + offset`, with noise, in whole quanta.
#[derive(Clone, Copy, Debug)]
pub struct PowerSensor {
    /// When it publishes.
    pub ticks: Ticks,
    /// What a value is the mean of.
    pub mean: Mean,
    /// How old that is when the value appears.
    pub delay_ns: u64,
    /// Reading per true watt.
    pub gain: f64,
    /// Watts that are added.
    pub offset_w: f64,
    /// Standard deviation of what each value is off by, watts.
    pub noise_w: f64,
    /// Values are whole multiples of this, watts.
    pub quantum_w: f64,
    /// The share of ticks at which nothing new appears.
    pub skips: f64,
    /// From the first moment to the second it repeats its last value.
    pub stuck_ns: Option<(u64, u64)>,
}

impl PowerSensor {
    /// The mean of the last `window_ms` every `period_ms`, right to the milliwatt.
    pub const fn boxcar_ms(period_ms: u64, window_ms: u64) -> Self {
        Self {
            ticks: Ticks::every(period_ms * NS_PER_MS),
            mean: Mean::Boxcar(window_ms * NS_PER_MS),
            delay_ns: 0,
            gain: 1.0,
            offset_w: 0.0,
            noise_w: 0.0,
            quantum_w: 0.001,
            skips: 0.0,
            stuck_ns: None,
        }
    }

    /// What it publishes at these ticks, watts.
    pub fn publish(&self, load: &Load, ticks_ns: &[u64], dice: &mut Random) -> Published<f64> {
        let mut published = Published::default();
        let mut low_pass = LowPass::new(load);
        for tick_ns in ticks_ns.iter().copied() {
            let seen_ns = tick_ns.saturating_sub(self.delay_ns);
            let true_w = match self.mean {
                Mean::Boxcar(window_ns) => load.mean_w(seen_ns.saturating_sub(window_ns), seen_ns),
                Mean::Exponential(constant_ns) => low_pass.at(seen_ns, seconds(constant_ns)),
            };
            let noise_w = if self.noise_w > 0.0 { self.noise_w * dice.normal() } else { 0.0 };
            let power_w = (self.gain * true_w + self.offset_w + noise_w).max(0.0);
            let is_stuck = self.stuck_ns.is_some_and(|(from, to)| (from..to).contains(&tick_ns));
            let skips = self.skips > 0.0 && dice.chance(self.skips);
            if !is_stuck && !skips {
                published.push(tick_ns, (power_w / self.quantum_w).round() * self.quantum_w);
            }
        }
        published
    }
}

/// A low pass over a load, exact over each of its pieces.
struct LowPass<'a> {
    load: &'a Load,
    at_ns: u64,
    power_w: f64,
    piece: usize,
}

impl<'a> LowPass<'a> {
    fn new(load: &'a Load) -> Self {
        Self { load, at_ns: 0, power_w: load.power_w(0), piece: 0 }
    }

    /// Its output at a moment that is not before the last one asked for. Over a piece `p = a + b t` the output is
    /// `p - b c + (y0 - a + b c) exp(-t / c)` for the time constant `c`.
    fn at(&mut self, at_ns: u64, constant_s: f64) -> f64 {
        let pieces = self.load.pieces();
        while self.at_ns < at_ns {
            let piece = pieces[self.piece];
            let end_ns = pieces.get(self.piece + 1).map_or(u64::MAX, |next| next.start_ns);
            let to_ns = end_ns.min(at_ns);
            let lag_w = piece.slope_w_per_s * constant_s;
            let decay = (-seconds(to_ns - self.at_ns) / constant_s).exp();
            self.power_w =
                piece.power_w(to_ns) - lag_w + (self.power_w - piece.power_w(self.at_ns) + lag_w) * decay;
            self.at_ns = to_ns;
            if to_ns == end_ns {
                self.piece += 1;
            }
        }
        self.power_w
    }
}

/// The mean over a second beside the sensor (field 185), where a board has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Average {
    /// There is none.
    None,
    /// The mean of all of the last second.
    True,
    /// The mean of what the sensor published in the last second: as blind as it.
    Blind,
    /// One of these, whichever comes.
    Any,
}

impl Average {
    /// What it publishes at the sensor's ticks, watts.
    pub fn publish(self, sensor: &PowerSensor, load: &Load, readings: &Published<f64>) -> Published<f64> {
        let mut published = Published::default();
        let values: Vec<(u64, f64)> = readings.iter().collect();
        let mut first = 0;
        for (index, (tick_ns, _)) in values.iter().copied().enumerate() {
            match self {
                Self::None | Self::Any => {}
                Self::True => {
                    let end_ns = tick_ns.saturating_sub(sensor.delay_ns);
                    let true_w = load.mean_w(end_ns.saturating_sub(NS_PER_S), end_ns);
                    published.push(tick_ns, (sensor.gain * true_w + sensor.offset_w).max(0.0));
                }
                Self::Blind => {
                    while values[first].0 + NS_PER_S <= tick_ns {
                        first += 1;
                    }
                    let last_second = &values[first..=index];
                    let sum_w: f64 = last_second.iter().map(|(_, power_w)| power_w).sum();
                    published.push(tick_ns, sum_w / last_second.len() as f64);
                }
            }
        }
        published
    }
}
