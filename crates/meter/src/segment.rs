//! The straight line between two readings: the one shape that is ever integrated.

use crate::clock::seconds;

/// A line from `(start_ns, start)` to `(end_ns, end)`, the ordinate in any unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Segment {
    /// Time of the earlier reading.
    pub start_ns: u64,
    /// Time of the later reading, never before the earlier one.
    pub end_ns: u64,
    /// The earlier reading.
    pub start: f64,
    /// The later reading.
    pub end: f64,
}

impl Segment {
    /// The line's value at `at_ns`, which lies within it.
    pub fn value_at(&self, at_ns: u64) -> f64 {
        if self.end_ns == self.start_ns {
            return self.end;
        }
        let share = (at_ns - self.start_ns) as f64 / (self.end_ns - self.start_ns) as f64;
        self.start + (self.end - self.start) * share
    }

    /// The part of the line within `[from_ns, to_ns]`, its new ends interpolated; `None` where they do not meet.
    pub fn clip(&self, from_ns: u64, to_ns: u64) -> Option<Self> {
        let (start_ns, end_ns) = (self.start_ns.max(from_ns), self.end_ns.min(to_ns));
        (start_ns < end_ns).then(|| Self {
            start_ns,
            end_ns,
            start: self.value_at(start_ns),
            end: self.value_at(end_ns),
        })
    }

    /// The trapezoid below the line, in its unit times seconds (watts give joules).
    pub fn area(&self) -> f64 {
        f64::midpoint(self.start, self.end) * seconds(self.duration_ns())
    }

    /// The time that the line spans.
    pub fn duration_ns(&self) -> u64 {
        self.end_ns - self.start_ns
    }
}

/// Joins one signal's readings into segments; a pause longer than the cap breaks the line.
#[derive(Clone, Copy, Debug)]
pub struct Line {
    gap_cap_ns: u64,
    last: Option<(u64, f64)>,
}

impl Line {
    /// A line that bridges pauses up to `gap_cap_ns`.
    pub fn new(gap_cap_ns: u64) -> Self {
        Self { gap_cap_ns, last: None }
    }

    /// Takes the next reading; answers the segment that it closes, unless it is the first one, comes after too
    /// long a pause, or is not later than the one before.
    pub fn push(&mut self, at_ns: u64, value: f64) -> Option<Segment> {
        let previous = self.last;
        if previous.is_some_and(|(last_ns, _)| at_ns <= last_ns) {
            return None;
        }
        self.last = Some((at_ns, value));
        let (start_ns, start) = previous?;
        (at_ns - start_ns <= self.gap_cap_ns).then_some(Segment {
            start_ns,
            end_ns: at_ns,
            start,
            end: value,
        })
    }
}
