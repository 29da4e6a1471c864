//! The true power of a device as a function of time, and its exact integral.
//!
//! Every segment has a closed-form integral and the segments have prefix sums, so the energy between any two
//! moments costs two binary searches and no error but rounding.

mod mean;
mod time_above;

use std::f64::consts::TAU;

pub use mean::Mean;

/// The course of the power inside one segment, in watts over seconds since the segment began.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Shape {
    /// One value.
    Constant {
        /// Power in watts.
        w: f64,
    },
    /// A straight line over the whole segment.
    Ramp {
        /// Power at the start in watts.
        from_w: f64,
        /// Power at the end in watts.
        to_w: f64,
    },
    /// A sine that starts at its mean and rises.
    Sine {
        /// Mean power in watts.
        mean_w: f64,
        /// Half the distance between crest and trough, in watts.
        amplitude_w: f64,
        /// Length of one oscillation in seconds.
        period_s: f64,
    },
    /// Two levels, the high one first.
    Square {
        /// Power of the second part of a period in watts.
        low_w: f64,
        /// Power of the first part of a period in watts.
        high_w: f64,
        /// Length of high and low together in seconds.
        period_s: f64,
        /// Share of the period that is high, 0 to 1.
        duty: f64,
    },
}

/// One stretch of the signal.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Segment {
    /// Length in seconds.
    pub for_s: f64,
    /// What the power does meanwhile.
    pub shape: Shape,
}

impl Segment {
    /// Power in watts at `s` seconds into the segment.
    fn power_w(&self, s: f64) -> f64 {
        match self.shape {
            Shape::Constant { w } => w,
            Shape::Ramp { from_w, to_w } => from_w + (to_w - from_w) * (s / self.for_s),
            Shape::Sine { mean_w, amplitude_w, period_s } => {
                mean_w + amplitude_w * (TAU * (s / period_s).fract()).sin()
            }
            Shape::Square { low_w, high_w, period_s, duty } => {
                if (s / period_s).fract() < duty {
                    high_w
                } else {
                    low_w
                }
            }
        }
    }

    /// Power in watts just before the segment ends: what holds for ever after the last one.
    fn last_power_w(&self) -> f64 {
        match self.shape {
            Shape::Square { low_w, high_w, period_s, duty } => {
                // The limit from the left. 10 s of 0.1 s periods end in a low, whatever side of 100.0 the
                // quotient falls on; hence the tolerance, in periods.
                let tolerance = 1e-9;
                let into = (self.for_s / period_s).fract();
                let into = if into < tolerance { 1.0 } else { into };
                if into <= duty + tolerance { high_w } else { low_w }
            }
            _ => self.power_w(self.for_s),
        }
    }

    /// Joules from the segment's start to `s` seconds into it.
    fn energy_j(&self, s: f64) -> f64 {
        match self.shape {
            Shape::Constant { w } => w * s,
            Shape::Ramp { from_w, to_w } => s * (from_w + 0.5 * (to_w - from_w) * (s / self.for_s)),
            Shape::Sine { mean_w, amplitude_w, period_s } => {
                let angle = TAU * (s / period_s).fract();
                mean_w * s + amplitude_w * period_s / TAU * (1.0 - angle.cos())
            }
            Shape::Square { low_w, high_w, period_s, duty } => {
                let periods = (s / period_s).floor();
                let rest_s = (s - periods * period_s).max(0.0);
                let high_s = duty * period_s;
                let period_j = period_s * (duty * high_w + (1.0 - duty) * low_w);
                periods * period_j + high_w * rest_s.min(high_s) + low_w * (rest_s - high_s).max(0.0)
            }
        }
    }
}

/// The whole course of the power: segments, and what comes after the last one.
#[derive(Debug, Clone)]
pub struct Signal {
    segments: Vec<Segment>,
    /// Start of each segment in seconds, and the joules before it.
    starts: Vec<(f64, f64)>,
    cycle_s: f64,
    cycle_j: f64,
    repeat: bool,
    first_w: f64,
    hold_w: f64,
}

impl Signal {
    /// Joins `segments`; `repeat` starts over after the last, else its last value holds for ever.
    ///
    /// # Panics
    /// Without a segment: a scenario with none was refused before it got here.
    pub fn new(segments: Vec<Segment>, repeat: bool) -> Self {
        let (first, last) = (segments[0], segments[segments.len() - 1]);
        let (mut cycle_s, mut cycle_j) = (0.0, 0.0);
        let starts = segments
            .iter()
            .map(|segment| {
                let start = (cycle_s, cycle_j);
                cycle_s += segment.for_s;
                cycle_j += segment.energy_j(segment.for_s);
                start
            })
            .collect();
        let (first_w, hold_w) = (first.power_w(0.0), last.last_power_w());
        Self { segments, starts, cycle_s, cycle_j, repeat, first_w, hold_w }
    }

    /// True power in watts at `t` seconds; before 0 it is the first value of the first segment.
    pub fn power_w(&self, t: f64) -> f64 {
        if t < 0.0 {
            return self.first_w;
        }
        let (_, s) = self.fold(t);
        if s >= self.cycle_s && !self.repeat {
            return self.hold_w;
        }
        let index = self.segment_at(s);
        self.segments[index].power_w(s - self.starts[index].0)
    }

    /// True energy in joules between `from` and `to` seconds; negative if `to` is the earlier one.
    pub fn energy_j(&self, from: f64, to: f64) -> f64 {
        let ((cycles_a, a), (cycles_b, b)) = (self.fold(from), self.fold(to));
        // Whole cycles apart from the rest: the difference of two totals after a day would lose digits.
        (cycles_b - cycles_a) * self.cycle_j + (self.energy_in_cycle_j(b) - self.energy_in_cycle_j(a))
    }

    /// Mean true power in watts between `from` and `to` seconds, `from` before `to`.
    pub fn mean_w(&self, from: f64, to: f64) -> f64 {
        self.energy_j(from, to) / (to - from)
    }

    /// Whole cycles before `t`, and the seconds since the last of them.
    fn fold(&self, t: f64) -> (f64, f64) {
        if !self.repeat || t < 0.0 {
            return (0.0, t);
        }
        let cycles = (t / self.cycle_s).floor();
        // Fused, so that the remainder of a large `t` has the digits of `t` and not those of the product.
        let rest = (-cycles).mul_add(self.cycle_s, t);
        if rest < 0.0 { (cycles - 1.0, rest + self.cycle_s) } else { (cycles, rest) }
    }

    /// Joules from second 0 to `s`, where `s` was folded.
    fn energy_in_cycle_j(&self, s: f64) -> f64 {
        if s < 0.0 {
            return self.first_w * s;
        }
        if s >= self.cycle_s {
            return self.cycle_j + self.hold_w * if self.repeat { 0.0 } else { s - self.cycle_s };
        }
        let index = self.segment_at(s);
        let (start_s, before_j) = self.starts[index];
        before_j + self.segments[index].energy_j((s - start_s).min(self.segments[index].for_s))
    }

    fn segment_at(&self, s: f64) -> usize {
        self.starts.partition_point(|(start_s, _)| *start_s <= s).saturating_sub(1)
    }
}

#[cfg(test)]
mod tests;
