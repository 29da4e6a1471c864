//! Means over the recent past, in closed form: of a boxcar window, or with exponentially falling weight.

use super::{Segment, Shape, Signal};
use crate::clock::NS_PER_S;
use std::f64::consts::TAU;

/// How a sensor weighs the past.
#[derive(Debug, Clone)]
pub enum Mean {
    /// All of the last `window_ns` nanoseconds alike.
    Boxcar {
        /// Length in nanoseconds.
        window_ns: i64,
    },
    /// A moment `s` before with exp(-s / time constant), like a capacitor.
    Exponential(Exponential),
}

impl Mean {
    /// With a window of `window_ns`, or that time constant.
    pub fn new(is_exponential: bool, window_ns: i64, power: &Signal) -> Self {
        if is_exponential {
            Self::Exponential(Exponential::new(window_ns as f64 / NS_PER_S, power))
        } else {
            Self::Boxcar { window_ns }
        }
    }

    /// The mean power in watts before `end_ns`, in nanoseconds since t = 0.
    pub fn before_w(&self, power: &Signal, end_ns: i64) -> f64 {
        let end_s = end_ns as f64 / NS_PER_S;
        match self {
            Self::Boxcar { window_ns } => {
                power.mean_w(end_ns.saturating_sub(*window_ns) as f64 / NS_PER_S, end_s)
            }
            Self::Exponential(mean) => mean.before_w(power, end_s),
        }
    }
}

/// The answer F of dF/dt = (power - F) / time constant, which is linear: over any stretch F becomes
/// F times a decay plus what the power of the stretch adds.
#[derive(Debug, Clone)]
pub struct Exponential {
    constant_s: f64,
    /// F at the start of each segment of the first cycle, for F = 0 at t = 0.
    starts_w: Vec<f64>,
    /// What a whole cycle adds, for F = 0 at its start.
    cycle_w: f64,
}

impl Exponential {
    fn new(constant_s: f64, power: &Signal) -> Self {
        let mut sum_w = 0.0;
        let starts_w = power
            .segments
            .iter()
            .map(|segment| {
                let start_w = sum_w;
                sum_w =
                    sum_w * decay(segment.for_s, constant_s) + response_w(segment, segment.for_s, constant_s);
                start_w
            })
            .collect();
        Self { constant_s, starts_w, cycle_w: sum_w }
    }

    fn before_w(&self, power: &Signal, t: f64) -> f64 {
        // Before t = 0 there was the first value for ever.
        if t <= 0.0 {
            return power.first_w;
        }
        let (cycles, s) = power.fold(t);
        let cycle_decay = decay(cycles * power.cycle_s, self.constant_s);
        // The sum of a geometric series; both differences from 1 without the loss of digits near it.
        let share = (-cycles * power.cycle_s / self.constant_s).exp_m1()
            / (-power.cycle_s / self.constant_s).exp_m1();
        let at_cycle_w = power.first_w * cycle_decay + self.cycle_w * share;
        if s >= power.cycle_s && !power.repeat {
            let end_w = at_cycle_w * decay(power.cycle_s, self.constant_s) + self.cycle_w;
            let after = decay(s - power.cycle_s, self.constant_s);
            return end_w * after + power.hold_w * (1.0 - after);
        }
        let index = power.segment_at(s);
        let into_s = (s - power.starts[index].0).min(power.segments[index].for_s);
        let at_segment_w = at_cycle_w * decay(power.starts[index].0, self.constant_s) + self.starts_w[index];
        at_segment_w * decay(into_s, self.constant_s)
            + response_w(&power.segments[index], into_s, self.constant_s)
    }
}

fn decay(s: f64, constant_s: f64) -> f64 {
    (-s / constant_s).exp()
}

/// F at `s` seconds into a segment, for F = 0 at its start.
fn response_w(segment: &Segment, s: f64, constant_s: f64) -> f64 {
    let risen = -(-s / constant_s).exp_m1();
    match segment.shape {
        Shape::Constant { w } => w * risen,
        Shape::Ramp { from_w, to_w } => {
            from_w * risen + (to_w - from_w) / segment.for_s * (s - constant_s * risen)
        }
        Shape::Sine { mean_w, amplitude_w, period_s } => {
            let angle = TAU * (s / period_s).fract();
            let x = TAU * constant_s / period_s;
            let swing = angle.sin() - x * angle.cos() + x * decay(s, constant_s);
            mean_w * risen + amplitude_w * swing / (1.0 + x * x)
        }
        Shape::Square { low_w, high_w, period_s, duty } => {
            let high_s = duty * period_s;
            let periods = (s / period_s).floor();
            let rest_s = (s - periods * period_s).max(0.0);
            // One period from 0: high, then low. Whole periods add up to a geometric series.
            let part = |high_for_s: f64, low_for_s: f64| {
                let low = -(-low_for_s / constant_s).exp_m1();
                high_w * -(-high_for_s / constant_s).exp_m1() * (1.0 - low) + low_w * low
            };
            let series = (-periods * period_s / constant_s).exp_m1() / (-period_s / constant_s).exp_m1();
            part(high_s, period_s - high_s) * series * decay(rest_s, constant_s)
                + part(rest_s.min(high_s), (rest_s - high_s).max(0.0))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn every_shape(repeat: bool) -> Signal {
        let segments = vec![
            Segment { for_s: 0.7, shape: Shape::Constant { w: 75.0 } },
            Segment { for_s: 0.5, shape: Shape::Ramp { from_w: 75.0, to_w: 600.0 } },
            Segment { for_s: 1.0, shape: Shape::Sine { mean_w: 500.0, amplitude_w: 150.0, period_s: 0.07 } },
            Segment {
                for_s: 1.1,
                shape: Shape::Square { low_w: 100.0, high_w: 650.0, period_s: 0.13, duty: 0.3 },
            },
        ];
        Signal::new(segments, repeat)
    }

    /// By steps of 50 us, exact for the mean power of each.
    fn by_steps_w(power: &Signal, constant_s: f64, t: f64) -> f64 {
        let step_s = 5e-5;
        let factor = decay(step_s, constant_s);
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let steps = (t / step_s).round() as usize;
        (0..steps).fold(power.first_w, |w, i| {
            let from_s = i as f64 * step_s;
            w * factor + power.mean_w(from_s, from_s + step_s) * (1.0 - factor)
        })
    }

    #[test]
    fn the_exponential_mean_is_the_solution_of_its_equation() {
        for repeat in [true, false] {
            let power = every_shape(repeat);
            for constant_s in [0.002, 0.05, 0.8] {
                let mean = Mean::Exponential(Exponential::new(constant_s, &power));
                for t_ms in [0, 350, 1000, 1201, 1777, 2209, 2350, 3299, 3301, 4000, 7500] {
                    let found_w = mean.before_w(&power, t_ms * 1_000_000);
                    let expected_w = by_steps_w(&power, constant_s, t_ms as f64 / 1e3);
                    assert!(
                        (found_w - expected_w).abs() < 0.02,
                        "{t_ms} ms, {constant_s} s, repeat {repeat}: {found_w} instead of {expected_w}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_step_rises_by_63_percent_within_the_time_constant() {
        let power = Signal::new(
            vec![
                Segment { for_s: 1.0, shape: Shape::Constant { w: 100.0 } },
                Segment { for_s: 9.0, shape: Shape::Constant { w: 300.0 } },
            ],
            false,
        );
        let mean = Mean::new(true, 500_000_000, &power);
        let expected_w = 100.0 + 200.0 * (1.0 - (-1.0_f64).exp());
        assert!((mean.before_w(&power, 1_500_000_000) - expected_w).abs() < 1e-9);
        assert!((mean.before_w(&power, -1) - 100.0).abs() < 1e-9);
        assert!((mean.before_w(&power, 3_600_000_000_000) - 300.0).abs() < 1e-9);
    }

    #[test]
    fn thousands_of_cycles_lose_no_digits() {
        let power = every_shape(true);
        let mean = Exponential::new(0.05, &power);
        let late_s = 1e5 * power.cycle_s + 1.5;
        assert!(
            (mean.before_w(&power, late_s) - mean.before_w(&power, 20.0 * power.cycle_s + 1.5)).abs() < 1e-4
        );
    }
}
