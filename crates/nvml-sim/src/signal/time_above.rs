//! How long the power was at or above a level, in closed form.

use std::f64::consts::{PI, TAU};

use super::{Segment, Shape, Signal};

impl Signal {
    /// The share of the time between `from` and `to` seconds, `from` before `to`, in which the power reached `w`.
    pub fn share_above(&self, from: f64, to: f64, w: f64) -> f64 {
        ((self.above_s(to, w) - self.above_s(from, w)) / (to - from)).clamp(0.0, 1.0)
    }

    /// Seconds at or above `w` from second 0 to `t`; negative before 0 where the first value is.
    fn above_s(&self, t: f64, w: f64) -> f64 {
        if t < 0.0 {
            return if self.first_w >= w { t } else { 0.0 };
        }
        let (cycles, s) = self.fold(t);
        let within = |s: f64| -> f64 {
            let parts = self.segments.iter().zip(&self.starts);
            parts
                .map(|(segment, (start_s, _))| segment.above_s((s - start_s).clamp(0.0, segment.for_s), w))
                .sum()
        };
        let held_s = if self.repeat || self.hold_w < w { 0.0 } else { (s - self.cycle_s).max(0.0) };
        let whole_cycles_s = if cycles > 0.0 { cycles * within(self.cycle_s) } else { 0.0 };
        whole_cycles_s + within(s) + held_s
    }
}

impl Segment {
    /// Seconds at or above `w` from the segment's start to `s` seconds into it.
    fn above_s(&self, s: f64, w: f64) -> f64 {
        match self.shape {
            Shape::Constant { w: level_w } => {
                if level_w >= w {
                    s
                } else {
                    0.0
                }
            }
            Shape::Ramp { from_w, to_w } => {
                let crossing_s = (w - from_w) / (to_w - from_w) * self.for_s;
                if from_w >= w && to_w >= w {
                    s
                } else if from_w < w && to_w < w {
                    0.0
                } else if to_w >= w {
                    (s - crossing_s).max(0.0)
                } else {
                    s.min(crossing_s)
                }
            }
            Shape::Sine { mean_w, amplitude_w, period_s } => {
                let (periods, rest) = ((s / period_s).floor(), TAU * (s / period_s).fract());
                (periods * angle_above(TAU, mean_w, amplitude_w, w)
                    + angle_above(rest, mean_w, amplitude_w, w))
                    * period_s
                    / TAU
            }
            Shape::Square { low_w, high_w, period_s, duty } => {
                let above = |high_s: f64, low_s: f64| {
                    (if high_w >= w { high_s } else { 0.0 }) + (if low_w >= w { low_s } else { 0.0 })
                };
                let high_s = duty * period_s;
                let periods = (s / period_s).floor();
                let rest_s = (s - periods * period_s).max(0.0);
                periods * above(high_s, period_s - high_s)
                    + above(rest_s.min(high_s), (rest_s - high_s).max(0.0))
            }
        }
    }
}

/// The part of the angles from 0 to `angle`, at most a whole turn, where mean + amplitude * sin reaches `w`.
fn angle_above(angle: f64, mean_w: f64, amplitude_w: f64, w: f64) -> f64 {
    if mean_w - amplitude_w >= w {
        return angle;
    }
    if mean_w + amplitude_w < w {
        return 0.0;
    }
    let rises = ((w - mean_w) / amplitude_w).asin();
    let overlap = |from: f64, to: f64| (angle.min(to) - from.max(0.0)).max(0.0);
    // Above from where it rises to where it falls; the part beyond a turn is at its beginning.
    overlap(rises, PI - rises) + overlap(rises + TAU, PI - rises + TAU)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_above_a_level_is_what_counting_finds() {
        let segments = vec![
            Segment { for_s: 0.7, shape: Shape::Constant { w: 75.0 } },
            Segment { for_s: 0.5, shape: Shape::Ramp { from_w: 75.0, to_w: 600.0 } },
            Segment { for_s: 0.5, shape: Shape::Ramp { from_w: 600.0, to_w: 200.0 } },
            Segment { for_s: 1.0, shape: Shape::Sine { mean_w: 400.0, amplitude_w: 300.0, period_s: 0.07 } },
            Segment {
                for_s: 1.1,
                shape: Shape::Square { low_w: 100.0, high_w: 650.0, period_s: 0.13, duty: 0.3 },
            },
        ];
        for repeat in [true, false] {
            let power = Signal::new(segments.clone(), repeat);
            for w in [50.0, 90.0, 150.0, 300.0, 450.0, 640.0, 700.0] {
                for (from, to) in [(-1.0, 0.5), (0.2, 1.2), (1.5, 2.5), (2.5, 3.9), (3.0, 9.0)] {
                    let steps = 200_000;
                    let width = (to - from) / f64::from(steps);
                    let counted = (0..steps)
                        .filter(|i| power.power_w(from + (f64::from(*i) + 0.5) * width) >= w)
                        .count();
                    let expected = counted as f64 / f64::from(steps);
                    let found = power.share_above(from, to, w);
                    assert!((found - expected).abs() < 2e-4, "{w} W, {from} to {to}: {found} not {expected}");
                }
            }
        }
    }
}
