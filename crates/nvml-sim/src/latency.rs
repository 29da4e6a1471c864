//! What a call costs: a fixed time, or one drawn from a distribution with a heavy tail.

use crate::call::{Call, Group, Target};
use crate::noise::{stream, uniform};

/// The cost of one kind of call.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Latency {
    /// Always so many nanoseconds.
    Fixed(i64),
    /// A Pareto law through its median and its 99th percentile, cut at the longest.
    Tail {
        /// Half of the calls are faster, in nanoseconds.
        p50_ns: f64,
        /// One in a hundred is slower, in nanoseconds.
        p99_ns: f64,
        /// None is slower, in nanoseconds.
        max_ns: f64,
    },
}

impl Latency {
    /// The cost in nanoseconds of the call that `v` from (0, 1] was drawn for:
    /// min(max, p50 * (0.5 / v) ^ a) with a = ln(p99 / p50) / ln 50.
    #[allow(clippy::cast_possible_truncation)] // At most the second that a scenario may say.
    fn at_ns(self, v: f64) -> i64 {
        match self {
            Self::Fixed(ns) => ns,
            Self::Tail { p50_ns, p99_ns, max_ns } => {
                let exponent = (p99_ns / p50_ns).ln() / 50.0_f64.ln();
                (p50_ns * (0.5 / v).powf(exponent)).min(max_ns).round() as i64
            }
        }
    }
}

/// What the calls on one device cost, or those that are no device's.
#[derive(Debug, Clone, PartialEq)]
pub struct LatencySpec {
    /// See [`Group::Power`].
    pub power: Latency,
    /// See [`Group::Fields`].
    pub fields: Latency,
    /// See [`Group::Energy`].
    pub energy: Latency,
    /// See [`Group::Other`].
    pub other: Latency,
    /// Calls that have a cost of their own; the first that hits counts.
    pub named: Vec<(Target, Latency)>,
    /// Seed of what is drawn.
    pub seed: u64,
}

impl LatencySpec {
    /// Every call costs nothing.
    pub fn free() -> Self {
        let free = Latency::Fixed(0);
        Self { power: free, fields: free, energy: free, other: free, named: Vec::new(), seed: 1 }
    }

    /// What the call with this number, counted per process and device from 0, costs in nanoseconds.
    pub fn draw_ns(&self, call: Call, device: u32, number: u64) -> i64 {
        let named = self.named.iter().find(|(target, _)| target.hits(call)).map(|(_, latency)| *latency);
        let latency = named.unwrap_or(match call.group {
            Group::Power => self.power,
            Group::Fields => self.fields,
            Group::Energy => self.energy,
            Group::Other => self.other,
            Group::System => Latency::Fixed(0),
        });
        latency.at_ns(1.0 - uniform(stream(self.seed, u64::from(device)), number.cast_signed()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALL: Call = Call { group: Group::Power, name: "nvmlDeviceGetPowerUsage" };

    #[test]
    fn a_tail_has_the_percentiles_it_is_named_by() {
        let power = Latency::Tail { p50_ns: 20e3, p99_ns: 2e6, max_ns: 50e6 };
        let spec = LatencySpec { power, ..LatencySpec::free() };
        let mut draws: Vec<i64> = (0..100_000).map(|number| spec.draw_ns(CALL, 0, number)).collect();
        draws.sort_unstable();
        let near = |found: i64, expected: f64| (found as f64 / expected - 1.0).abs() < 0.1;
        assert!(near(draws[50_000], 20e3) && near(draws[99_000], 2e6), "{} {}", draws[50_000], draws[99_000]);
        assert_eq!(draws[99_999], 50_000_000, "the tail reaches the cut");
        // The fastest: v = 1.
        assert!(near(draws[0], 20e3 * 0.5_f64.powf(100.0_f64.ln() / 50.0_f64.ln())), "{}", draws[0]);
    }

    #[test]
    fn a_draw_belongs_to_its_number_and_its_device() {
        let power = Latency::Tail { p50_ns: 20e3, p99_ns: 2e6, max_ns: 50e6 };
        let spec = LatencySpec { power, ..LatencySpec::free() };
        assert_eq!(spec.draw_ns(CALL, 0, 7), spec.draw_ns(CALL, 0, 7));
        assert_ne!(spec.draw_ns(CALL, 0, 7), spec.draw_ns(CALL, 1, 7));
        assert_ne!(spec.draw_ns(CALL, 0, 7), LatencySpec { seed: 2, ..spec.clone() }.draw_ns(CALL, 0, 7));
    }
}
