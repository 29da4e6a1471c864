//! Whether something that tells energies, a counter or a mean over a second, is no more than a sum of the sensor's readings.

use super::constants as known;
use super::witness::Pair;
use crate::clock::seconds;

/// A counter that adds up readings may take the one published with its tick, the one before, or one between: so many
/// periods later than the counter's ticks stood what it added.
const SHIFTS: [f64; 3] = [1.0, 0.5, 0.0];
/// Or, at its own times, those that were published since its last tick.
const WAYS: usize = SHIFTS.len() + 1;

/// What one way of adding up readings has met.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Sum {
    counter_j: f64,
    readings_j: f64,
    /// What speaks for the counter being this sum, as the logarithm of the odds.
    log_odds: f64,
}

/// All ways of adding up readings.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Sums([Sum; WAYS]);

impl Sums {
    /// Holds an energy against each sum. `values`: what was published at each tick around it.
    pub fn weigh(&mut self, pair: &Pair, values: &[(u64, f64)], period_ns: u64) {
        let [shifted @ .., whole] = &mut self.0;
        for (sum, shift) in shifted.iter_mut().zip(SHIFTS) {
            sum.weigh(pair, shift, values, period_ns);
        }
        whole.weigh_whole(pair, values, period_ns);
    }

    /// What speaks for the likeliest of them, as the logarithm of the odds.
    pub fn log_odds(&self) -> f64 {
        self.0.iter().map(|sum| sum.log_odds).fold(f64::NEG_INFINITY, f64::max)
    }
}

impl Sum {
    fn weigh(&mut self, pair: &Pair, shift: f64, values: &[(u64, f64)], period_ns: u64) {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a part of a period")]
        let shift_ns = (shift * period_ns as f64) as u64;
        let (from_ns, to_ns) = (pair.from_ns + shift_ns, pair.to_ns + shift_ns);
        let (mut readings_j, mut covered_ns, mut bend_w, mut most_w) = (0.0, 0, 0.0_f64, 0.0_f64);
        for (k, (at_ns, power_w)) in values.iter().enumerate() {
            let next_ns =
                values.get(k + 1).map_or(at_ns + period_ns, |next| next.0.min(at_ns + 2 * period_ns));
            if next_ns > from_ns && *at_ns < to_ns {
                most_w = most_w.max(*power_w);
                if let (Some(before), Some(after)) =
                    (k.checked_sub(1).and_then(|k| values.get(k)), values.get(k + 1))
                {
                    bend_w = bend_w.max((before.1 - 2.0 * power_w + after.1).abs());
                }
            }
            let part_ns = next_ns.min(to_ns).saturating_sub((*at_ns).max(from_ns));
            readings_j += power_w * seconds(part_ns);
            covered_ns += part_ns;
        }
        if (covered_ns as f64) < 0.98 * (to_ns - from_ns) as f64 {
            return;
        }
        self.compare(pair, readings_j, bend_w, most_w);
    }

    /// Readings count whole, each where it was published.
    fn weigh_whole(&mut self, pair: &Pair, values: &[(u64, f64)], period_ns: u64) {
        let within = |at_ns: u64| at_ns > pair.from_ns && at_ns <= pair.to_ns;
        let (mut readings_j, mut bend_w, mut most_w) = (0.0, 0.0_f64, 0.0_f64);
        for (k, (at_ns, power_w)) in values.iter().enumerate().filter(|(_, (at_ns, _))| within(*at_ns)) {
            let Some(before) = k.checked_sub(1).and_then(|k| values.get(k)) else { return };
            let Some(after) = values.get(k + 1) else { return };
            readings_j += power_w * seconds((at_ns - before.0).min(2 * period_ns));
            most_w = most_w.max(*power_w);
            bend_w = bend_w.max((before.1 - 2.0 * power_w + after.1).abs());
        }
        if readings_j > 0.0 {
            self.compare(pair, readings_j, bend_w, most_w);
        }
    }

    fn compare(&mut self, pair: &Pair, readings_j: f64, bend_w: f64, most_w: f64) {
        self.counter_j += pair.energy_j;
        self.readings_j += readings_j;
        // On a load that changes evenly an integral and a sum of readings are alike.
        if bend_w < known::TELLING_SHARE * most_w {
            return;
        }
        let gain = self.counter_j / self.readings_j;
        let contradicts = (pair.energy_j / (gain * readings_j) - 1.0).abs() > known::DEVIATES_SHARE;
        self.log_odds += if contradicts { known::LOG_CONTRADICTED } else { known::LOG_CONFIRMED };
        self.log_odds = self.log_odds.clamp(-known::MOST_LOG_ODDS, known::MOST_LOG_ODDS);
    }
}
