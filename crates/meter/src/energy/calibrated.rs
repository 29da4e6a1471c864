//! What a calibration has measured of a board that no window can see by itself.

use super::headline::Method;
use crate::clock::seconds;

/// What was measured; `None` is what was not.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Calibrated {
    /// How far the delay of the power sensor may be off (k = 2), nanoseconds.
    pub sensor_delay_doubt_ns: Option<u64>,
    /// How old the energy is that the counter shows.
    pub counter_delay: Option<Delay>,
    /// The board's own factor.
    pub gain: Option<BoardGain>,
}

/// A delay and how far it may be off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delay {
    /// The delay, nanoseconds.
    pub ns: u64,
    /// How far it may be off (k = 2), nanoseconds.
    pub doubt_ns: u64,
}

/// What an external meter said over what one estimate said.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BoardGain {
    /// The ratio.
    pub ratio: f64,
    /// How far it may be off (k = 2).
    pub uncertainty: f64,
    /// The estimate; the other one has a gain of its own.
    pub method: Method,
}

impl Calibrated {
    /// How much earlier than it shows the counter's energy was used.
    pub fn counter_delay_ns(&self) -> u64 {
        self.counter_delay.map_or(0, |delay| delay.ns)
    }

    /// What the doubt about the counter's delay leaves unknown of a window (k = 1), joules: both edges move together, so
    /// that it is the difference of the powers there, which are within these, or where nothing was read within `possible_w`.
    pub fn counter_delay_j(&self, ranges_w: [Option<(f64, f64)>; 2], possible_w: (f64, f64)) -> f64 {
        let Some(delay) = self.counter_delay else { return 0.0 };
        let [a, b] = ranges_w.map(|range_w| range_w.unwrap_or(possible_w));
        seconds(delay.doubt_ns) / 2.0 * (a.1.max(b.1) - a.0.min(b.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::NS_PER_MS;

    #[test]
    fn a_delay_that_is_off_costs_what_the_powers_at_both_edges_differ() {
        let delay = Delay { ns: 40 * NS_PER_MS, doubt_ns: 2 * NS_PER_MS };
        let calibrated = Calibrated { counter_delay: Some(delay), ..Calibrated::default() };
        let possible_w = (70.0, 700.0);
        let off_j = calibrated.counter_delay_j([Some((80.0, 480.0)), Some((75.0, 300.0))], possible_w);
        assert!((off_j - 0.001 * 405.0).abs() < 1e-12, "{off_j}");
        let unread_j = calibrated.counter_delay_j([None, Some((300.0, 300.0))], possible_w);
        assert!((unread_j - 0.001 * 630.0).abs() < 1e-12, "{unread_j}");
        assert!(Calibrated::default().counter_delay_j([Some((80.0, 480.0)); 2], possible_w).abs() < 1e-12);
    }
}
