//! Whether something that tells energies, a counter or a mean over a second, is no more than a sum of the sensor's readings.

use super::constants as known;
use super::witness::Pair;
use crate::clock::seconds;

/// A counter that adds up readings may take the one published with its tick or the one before: so many periods later
/// than the counter's ticks stood what it added.
const SHIFTS: [f64; 2] = [1.0, 0.0];
/// Or, at its own times, the one that stands then; or those that were published since its last tick.
const WAYS: usize = SHIFTS.len() + 2;

/// What the comparison rests on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Told<'a> {
    /// What was published at each tick around the time of an energy.
    pub values: &'a [(u64, f64)],
    /// How far the time of a tick may be off.
    pub doubt_ns: u64,
    /// The sensor's period.
    pub period_ns: u64,
    /// The lowest and the highest reading of the time of an energy, watts.
    pub range_w: (f64, f64),
    /// The share of the time that it does not see, as is usual for its kind.
    pub unseen_share: f64,
}

/// What speaks for the counter being one sum, as the logarithm of the odds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Sum(f64);

/// All ways of adding up readings.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Sums([Sum; WAYS]);

impl Sums {
    /// Holds an energy against each sum.
    pub fn weigh(&mut self, pair: &Pair, told: Told) {
        let [shifted @ .., standing, whole] = &mut self.0;
        for (sum, shift) in shifted.iter_mut().zip(SHIFTS) {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a part of a period"
            )]
            sum.weigh(pair, (shift * told.period_ns as f64) as u64, told);
        }
        if let Some((at_ns, _)) = told.values.iter().rfind(|(at_ns, _)| *at_ns <= pair.to_ns) {
            standing.weigh(pair, told.period_ns.saturating_sub(pair.to_ns - at_ns), told);
        }
        whole.weigh_whole(pair, told);
    }

    /// What speaks for the likeliest of them, as the logarithm of the odds.
    pub fn log_odds(&self) -> f64 {
        self.0.iter().map(|sum| sum.0).fold(f64::NEG_INFINITY, f64::max)
    }
}

impl Sum {
    fn weigh(&mut self, pair: &Pair, shift_ns: u64, told: Told) {
        let Told { values, period_ns, .. } = told;
        let (from_ns, to_ns) = (pair.from_ns + shift_ns, pair.to_ns + shift_ns);
        let (mut readings_j, mut covered_ns, mut bends) = (0.0, 0, Bends::default());
        for (k, (at_ns, power_w)) in values.iter().enumerate() {
            let next_ns =
                values.get(k + 1).map_or(at_ns + period_ns, |next| next.0.min(at_ns + 2 * period_ns));
            if next_ns > from_ns && *at_ns < to_ns {
                bends.push(values, k);
            }
            let part_ns = next_ns.min(to_ns).saturating_sub((*at_ns).max(from_ns));
            readings_j += power_w * seconds(part_ns);
            covered_ns += part_ns;
        }
        if (covered_ns as f64) < 0.98 * (to_ns - from_ns) as f64 {
            return;
        }
        self.compare(pair, readings_j, bends, told);
    }

    /// Readings count whole, each where it was published.
    fn weigh_whole(&mut self, pair: &Pair, told: Told) {
        let Told { values, period_ns, .. } = told;
        let within = |at_ns: u64| at_ns > pair.from_ns && at_ns <= pair.to_ns;
        let (mut readings_j, mut bends) = (0.0, Bends::default());
        for (k, (at_ns, power_w)) in values.iter().enumerate().filter(|(_, (at_ns, _))| within(*at_ns)) {
            let Some(before) = k.checked_sub(1).and_then(|k| values.get(k)) else { return };
            if k + 1 == values.len() {
                return;
            }
            readings_j += power_w * seconds((at_ns - before.0).min(2 * period_ns));
            bends.push(values, k);
        }
        if readings_j > 0.0 {
            self.compare(pair, readings_j, bends, told);
        }
    }

    /// An integral agrees with a sum of readings as often as the time between those holds no more than the two may differ by
    /// because of ticks; a sum does nearly always.
    fn compare(&mut self, pair: &Pair, readings_j: f64, bends: Bends, told: Told) {
        // A sum has the gain of what it adds up.
        let off_j = (pair.energy_j - readings_j).abs();
        // A tick that is off makes the time longer or shorter, and shows what is beside it.
        let level_w = readings_j / seconds(pair.to_ns - pair.from_ns);
        let ticks_j = (level_w / 2.0 + bends.most_w) * seconds(told.doubt_ns.max(pair.doubt_ns));
        let within_j = known::DEVIATES_SHARE * readings_j + ticks_j;
        // As readings differ, so does what lies between them.
        let periods = seconds(pair.to_ns - pair.from_ns) / seconds(told.period_ns);
        let between_j =
            bends.deviation_w() * seconds(told.period_ns) * (told.unseen_share * periods.max(1.0)).sqrt();
        // A load that is smooth at the time of a reading holds less between them.
        let deviations = within_j / between_j.max(f64::MIN_POSITIVE);
        let agrees = f64::midpoint(share_within(deviations), share_within(known::SMOOTHER * deviations));
        let barely = known::BARELY_CONTRADICTED;
        self.0 += if off_j > within_j {
            // Where readings are even, only a load in step with them differs.
            (barely.ln() - (1.0 - agrees).max(known::IN_STEP_DIFFERS).ln()).max(known::MOST_LOG_CONTRADICTED)
        } else {
            ((1.0 - barely).ln() - agrees.max(1e-9).ln()).clamp(0.0, known::MOST_LOG_CONFIRMED)
        };
        self.0 = self.0.clamp(-known::MOST_LOG_ODDS, known::MOST_LOG_ODDS);
    }
}

/// How readings bend, from their second differences.
#[derive(Clone, Copy, Debug, Default)]
struct Bends {
    squares: f64,
    count: f64,
    most_w: f64,
}

impl Bends {
    fn push(&mut self, values: &[(u64, f64)], k: usize) {
        let (Some(before), Some(after)) = (k.checked_sub(1).and_then(|k| values.get(k)), values.get(k + 1))
        else {
            return;
        };
        let bend_w = before.1 - 2.0 * values[k].1 + after.1;
        self.squares += bend_w * bend_w;
        self.count += 1.0;
        self.most_w = self.most_w.max(bend_w.abs());
    }

    /// How readings differ by themselves (k = 1), watts.
    fn deviation_w(&self) -> f64 {
        (self.squares / self.count.max(1.0) / 6.0).sqrt()
    }
}

/// The share of a Gaussian within so many deviations (Abramowitz and Stegun 7.1.27, within 0.0005).
fn share_within(deviations: f64) -> f64 {
    let x = (deviations / std::f64::consts::SQRT_2).min(10.0);
    let sum = 1.0 + x * (0.278_393 + x * (0.230_389 + x * (0.000_972 + x * 0.078_108)));
    1.0 - sum.powi(-4)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::NS_PER_MS as MS;

    /// Weighs cells of 200 ms of a counter beside readings of every 100 ms.
    fn log_odds(energy_j: impl Fn(u64) -> f64, power_w: impl Fn(u64) -> f64, unseen_share: f64) -> f64 {
        let mut sums = Sums::default();
        for cell in 1..20 {
            let values: Vec<_> = (2 * cell - 2..2 * cell + 5).map(|k| (k * 100 * MS, power_w(k))).collect();
            let (from_ns, to_ns) = (2 * cell * 100 * MS, (2 * cell + 2) * 100 * MS);
            let pair =
                Pair { from_ns, to_ns, energy_j: energy_j(2 * cell) + energy_j(2 * cell + 1), doubt_ns: MS };
            let told = Told {
                values: &values,
                doubt_ns: MS,
                period_ns: 100 * MS,
                range_w: (0.0, 700.0),
                unseen_share,
            };
            sums.weigh(&pair, told);
        }
        sums.log_odds()
    }

    fn restless_w(k: u64) -> f64 {
        300.0 + ((k * 7919) % 97) as f64 * 2.0
    }

    #[test]
    fn a_sum_of_readings_is_told_from_an_integral_of_a_restless_load() {
        // Each adds the reading that is published with its tick, or the power that nobody read.
        let sum = log_odds(|k| 0.1 * restless_w(k + 1), restless_w, 0.75);
        let integral = log_odds(|k| 0.025 * restless_w(k + 1) + 0.075 * restless_w(k + 40), restless_w, 0.75);
        assert!(sum > 4.0, "{sum}");
        assert!(integral < -4.0, "{integral}");
    }

    #[test]
    fn a_constant_load_and_a_sensor_that_sees_all_decide_nothing() {
        assert!(log_odds(|_| 40.0, |_| 400.0, 0.75).abs() < 0.5);
        let gapless = log_odds(|k| 0.1 * restless_w(k + 1), restless_w, 0.0);
        assert!(gapless.abs() < 0.5, "{gapless}");
    }

    #[test]
    fn the_share_within_deviations_is_the_gaussian_one() {
        for (deviations, share) in [(0.0, 0.0), (1.0, 0.6827), (2.0, 0.9545), (3.0, 0.9973), (1e9, 1.0)] {
            assert!((share_within(deviations) - share).abs() < 1e-3, "{deviations}");
        }
    }
}
