//! For how long the readings of a window lay in line: what a constant load shows, and just as well one that is in step with
//! the sensor. Kept by power and by how far they were out of line, so that what counts is judged when the most is known.

use std::collections::VecDeque;

use super::belief::Belief;
use super::constants as known;
use crate::clock::seconds;

const POWERS: usize = 24;
const LOWEST_W: f64 = 20.0;
const POWER_FACTOR: f64 = 1.25;
const BENDS: usize = 8;
/// Out of line by up to this, watts, and twice as much in each class above.
const LEAST_BEND_W: f64 = 1.4;
const STANDS: usize = 8;
/// A value that stood for less, and twice as long in each class above.
const SHORTEST_S: f64 = 0.016_25;
/// A value that stands through two ticks of the sensor and more of the next has been published three times.
const STANDING_PERIODS: f64 = 2.5;

/// What lies in line for less than this is no load in step with the sensor: a beat of the two goes round meanwhile.
const LEAST_RUN_S: f64 = 0.19;
/// Values of such a time that are kept.
const MOST_VALUES: usize = 24;

/// A value that was published, for how long it stood, and how far it was out of line with the ones beside it and with
/// those before them.
#[derive(Clone, Copy, Debug)]
struct Value {
    power_w: f64,
    stood_s: f64,
    bend_w: f64,
    before_w: f64,
}

/// What readings in line say of a load that is in step with the sensor.
#[derive(Clone, Copy, Debug, Default)]
pub struct Behind {
    /// What it may hide, joules, were none of the time between the readings seen.
    pub hidden_j: f64,
    /// What it may have used while kernels ran and the readings looked idle, joules.
    pub low_j: f64,
    /// Of so many seconds with a load.
    pub length_s: f64,
}

/// Seconds of each kind of reading, in constant size.
#[derive(Clone, Debug)]
pub struct Evenness {
    seconds: Box<[[[f32; STANDS]; BENDS]; POWERS]>,
    current: Option<(u64, f64)>,
    step_w: Option<f64>,
    /// The last values, of which those that follow are not all known.
    last: VecDeque<Value>,
    /// The ones before them.
    before: VecDeque<Value>,
}

impl Default for Evenness {
    fn default() -> Self {
        let seconds = Box::new([[[0.0; STANDS]; BENDS]; POWERS]);
        let kept = || VecDeque::with_capacity(MOST_VALUES + 1);
        Self { seconds, current: None, step_w: None, last: kept(), before: kept() }
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small whole number")]
fn class(value: f64, least: f64, factor: f64, count: usize) -> usize {
    ((value / least).max(1.0).log(factor).ceil() as usize).min(count - 1)
}

/// How far values are out of line, the nearest first, as far as a load in step would be; `None` where they are too few.
fn bend_of<'a>(values: impl Iterator<Item = &'a Value>) -> Option<f64> {
    let (mut most_w, mut length_s) = (0.0_f64, 0.0);
    for value in values {
        (most_w, length_s) = (most_w.max(value.bend_w), length_s + value.stood_s);
        if length_s >= LEAST_RUN_S {
            return Some(most_w);
        }
    }
    None
}

impl Evenness {
    /// Takes a reading.
    pub fn push(&mut self, at_ns: u64, power_w: f64) {
        let Some((since_ns, before_w)) = self.current else {
            self.current = Some((at_ns, power_w));
            return;
        };
        if power_w.to_bits() == before_w.to_bits() {
            return;
        }
        self.current = Some((at_ns, power_w));
        let step_w = power_w - before_w;
        let bend_w = self.step_w.replace(step_w).map_or(f64::INFINITY, |last_w| (step_w - last_w).abs());
        self.finish(before_w, seconds(at_ns.saturating_sub(since_ns)), bend_w);
    }

    /// A value is in line if those before it are, or those after it, and it with them.
    fn finish(&mut self, power_w: f64, stood_s: f64, bend_w: f64) {
        let before_w = bend_w.max(bend_of(self.before.iter().rev()).unwrap_or(f64::INFINITY));
        let value = Value { power_w, stood_s, bend_w, before_w };
        for values in [&mut self.before, &mut self.last] {
            values.push_back(value);
        }
        if self.before.len() > MOST_VALUES {
            self.before.pop_front();
        }
        while let Some(after_w) = bend_of(self.last.iter().skip(1)) {
            self.count_first(after_w);
        }
        if self.last.len() > MOST_VALUES {
            self.count_first(f64::INFINITY);
        }
    }

    fn count_first(&mut self, after_w: f64) {
        if let Some(value) = self.last.pop_front() {
            self.count(Value { bend_w: value.before_w.min(value.bend_w.max(after_w)), ..value });
        }
    }

    fn count(&mut self, value: Value) {
        let power = class(value.power_w, LOWEST_W, POWER_FACTOR, POWERS);
        let bend = class(value.bend_w, LEAST_BEND_W, 2.0, BENDS);
        // Rounded down: it stood for at least so long.
        let stand = class(value.stood_s / 2.0 + f64::EPSILON, SHORTEST_S, 2.0, STANDS);
        #[expect(clippy::cast_possible_truncation, reason = "seconds of a window")]
        let stood_s = value.stood_s as f32;
        self.seconds[power][bend][stand] += stood_s;
    }

    /// All until a moment.
    #[must_use]
    pub fn until(&self, end_ns: u64) -> Self {
        let mut whole = self.clone();
        if let Some((since_ns, power_w)) = whole.current.take() {
            let stood_s = seconds(end_ns.saturating_sub(since_ns));
            let bend_w = whole.last.back().map_or(f64::INFINITY, |value| value.bend_w);
            whole.finish(power_w, stood_s, bend_w);
            while !whole.last.is_empty() {
                whole.count_first(f64::INFINITY);
            }
        }
        whole
    }

    /// What lies behind the readings that are in line. `busy_s`: for how long kernels ran.
    pub fn behind(&self, belief: &Belief, period_s: f64, busy_s: f64) -> Behind {
        let (idle_w, limit_w) = (belief.idle_w(), belief.limit_w());
        // A load that was never quiet has not shown the noise.
        let is_known = belief.noise_w < known::MOST_NOISE_W;
        let noise_w = if is_known { belief.noise_w } else { known::DRIVER_RESOLUTION_W };
        let noise_w = known::NOISE_BENDS * 6.0_f64.sqrt() * noise_w;
        let (mut hidden_j, mut even_s, mut active_s, mut quiet_s, mut quiet_j) = (0.0, 0.0, 0.0, 0.0, 0.0);
        for (power, bends) in self.seconds.iter().enumerate() {
            let power_w = LOWEST_W * POWER_FACTOR.powf(power as f64 - 0.5);
            let is_active = power_w > idle_w * (1.0 + known::LOAD_SHARE);
            let most_w = noise_w.max(known::STEADY_SHARE * (power_w - idle_w));
            for (bend, stands) in bends.iter().enumerate() {
                let in_line = bend + 1 < BENDS && LEAST_BEND_W * 2.0_f64.powf(bend as f64 - 0.5) <= most_w;
                for (stand, sum_s) in stands.iter().enumerate() {
                    let sum_s = f64::from(*sum_s);
                    active_s += if is_active { sum_s } else { 0.0 };
                    let stood_s = SHORTEST_S * 2.0_f64.powf(stand as f64);
                    let stands = stood_s >= LEAST_RUN_S.max(STANDING_PERIODS * period_s);
                    if !in_line && !stands {
                        continue;
                    }
                    if is_active {
                        even_s += sum_s;
                        hidden_j += sum_s * (limit_w - power_w).max(power_w - idle_w).max(0.0);
                    } else {
                        (quiet_s, quiet_j) = (quiet_s + sum_s, quiet_j + sum_s * power_w);
                    }
                }
            }
        }
        // A load that is seen only while it is low looks idle, but for the time in which kernels ran.
        let unseen_s = (busy_s - active_s).clamp(0.0, quiet_s);
        let low_j = if quiet_s > 0.0 { unseen_s * (limit_w - quiet_j / quiet_s).max(0.0) } else { 0.0 };
        Behind { hidden_j, low_j, length_s: even_s + unseen_s }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::NS_PER_MS;

    /// Behind readings of a sensor of 100 ms, read every 10 ms.
    fn behind(watts: impl Fn(u64) -> f64, busy_s: f64) -> Behind {
        let mut evenness = Evenness::default();
        for read in 0..500 {
            evenness.push(read * 10 * NS_PER_MS, watts(read / 10));
        }
        let belief = Belief { lowest_w: Some(75.0), limit_w: Some(700.0), ..Belief::default() };
        evenness.until(5000 * NS_PER_MS).behind(&belief, 0.1, busy_s)
    }

    #[test]
    fn readings_in_line_hide_what_the_board_could_draw_beside_them_and_those_that_are_not_hide_nothing() {
        let restless = behind(|k| if k % 3 == 0 { 300.0 } else { 480.0 - 7.0 * (k % 7) as f64 }, 5.0);
        assert!(restless.hidden_j < 1.0 && restless.length_s < 0.1, "{restless:?}");
        let constant = behind(|_| 400.0, 5.0);
        assert!((constant.hidden_j / (325.0 * 5.0) - 1.0).abs() < 0.15, "{constant:?}");
        // A beat: as slow as that, it is in line but for its corners.
        let beat = behind(|k| 200.0 + 20.0 * (k % 50).min(50 - k % 50) as f64, 5.0);
        assert!(beat.length_s > 4.0, "{beat:?}");
        // Half of it: what is not in line is left out.
        let half = behind(|k| if k < 25 { 400.0 } else { 300.0 + 50.0 * (k % 3) as f64 }, 5.0);
        assert!((half.hidden_j / (325.0 * 2.5) - 1.0).abs() < 0.2, "{half:?}");
    }

    #[test]
    fn idle_readings_hide_nothing_unless_kernels_ran() {
        assert!(behind(|_| 75.0, 0.0).low_j < 1e-9);
        let low = behind(|_| 75.0, 2.0);
        assert!((low.low_j / (625.0 * 2.0) - 1.0).abs() < 0.05 && low.hidden_j < 1e-9, "{low:?}");
    }
}
