//! What is known of a device's power sensor: how often it publishes, and over which time a reading is the mean.

use crate::clock::NS_PER_MS;

/// A power sensor that publishes every `update_period_ns` the mean power over the last `window_ns`, and holds it
/// until the next time (arXiv 2312.02741).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sensor {
    /// Time between two published values.
    pub update_period_ns: u64,
    /// The time that a value is the mean of.
    pub window_ns: u64,
}

impl Sensor {
    /// Current datacenter boards: GA100 and Hopper (arXiv 2312.02741).
    pub const DATACENTER: Self = Self { update_period_ns: 100 * NS_PER_MS, window_ns: 25 * NS_PER_MS };
    /// Pascal and Volta (arXiv 2312.02741).
    pub const FAST: Self = Self { update_period_ns: 20 * NS_PER_MS, window_ns: 10 * NS_PER_MS };
    /// Turing, and the instantaneous reading of GA10x and Ada (arXiv 2312.02741).
    pub const GAPLESS: Self = Self { update_period_ns: 100 * NS_PER_MS, window_ns: 100 * NS_PER_MS };
    /// The mean over one second, the only power reading of some boards (nvml.h).
    pub const AVERAGED: Self = Self { update_period_ns: 100 * NS_PER_MS, window_ns: 1000 * NS_PER_MS };

    /// How old the power is that a reading shows, on average: the middle of its window, and half an update period
    /// that the value has been standing.
    pub fn lag_ns(&self) -> u64 {
        u64::midpoint(self.update_period_ns, self.window_ns)
    }

    /// The time that a value is the mean of, where one reading is older than an update period: such readings lose
    /// the edges of a window.
    pub fn averaging_ns(&self) -> Option<u64> {
        (self.window_ns > self.update_period_ns).then_some(self.window_ns)
    }
}
