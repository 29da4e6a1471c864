//! What is known of a device's power sensor: how often it publishes, and over which time a reading is the mean.

use crate::clock::NS_PER_MS;

/// Whose sensor it is, which says how well a kind of sensor is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Origin {
    /// NVIDIA's driver: measured by others on 70 boards (arXiv 2312.02741).
    #[default]
    Nvml,
    /// A file of the kernel below /sys: no vendor says how far such a sensor may be off, and none was tried here.
    Sysfs,
    /// The same beside an energy counter whose unit no document of its driver states.
    SysfsUnitAssumed,
}

impl Origin {
    /// Its name beside stored samples; nothing of NVIDIA's.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Nvml => "",
            Self::Sysfs => ":sysfs",
            Self::SysfsUnitAssumed => ":sysfs-unit",
        }
    }
}

/// A power sensor that publishes every `update_period_ns` the mean power over `window_ns` that ended `delay_ns` before,
/// and holds it until the next time (arXiv 2312.02741).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sensor {
    /// Time between two published values.
    pub update_period_ns: u64,
    /// The time that a value is the mean of.
    pub window_ns: u64,
    /// How old that time is when the value appears: 0 until a calibration finds it.
    pub delay_ns: u64,
    /// Whose it is.
    pub origin: Origin,
}

impl Sensor {
    /// Current datacenter boards: GA100 and Hopper (arXiv 2312.02741).
    pub const DATACENTER: Self = Self::of_ms(100, 25);
    /// Pascal and Volta (arXiv 2312.02741).
    pub const FAST: Self = Self::of_ms(20, 10);
    /// Turing, and the instantaneous reading of GA10x and Ada (arXiv 2312.02741).
    pub const GAPLESS: Self = Self::of_ms(100, 100);
    /// The mean over one second, the only power reading of some boards (nvml.h).
    pub const AVERAGED: Self = Self::of_ms(100, 1000);

    /// Of one below /sys nobody knows anything: it is taken to see all of the time, however often it is
    /// seen to publish.
    pub const UNTRIED: Self = Self { origin: Origin::Sysfs, ..Self::of_ms(100, 100) };

    const fn of_ms(update_period_ms: u64, window_ms: u64) -> Self {
        Self {
            update_period_ns: update_period_ms * NS_PER_MS,
            window_ns: window_ms * NS_PER_MS,
            delay_ns: 0,
            origin: Origin::Nvml,
        }
    }

    /// The share of the time that is in no value.
    pub fn unseen_share(&self) -> f64 {
        (1.0 - self.window_ns as f64 / self.update_period_ns as f64).max(0.0)
    }

    /// How old the power is that a reading shows, on average: the delay, half the window, and half an update period
    /// that the value has been standing.
    pub fn lag_ns(&self) -> u64 {
        self.delay_ns + u64::midpoint(self.update_period_ns, self.window_ns)
    }

    /// The time that a value is the mean of, where one reading is older than an update period: such readings lose
    /// the edges of a window.
    pub fn averaging_ns(&self) -> Option<u64> {
        (self.window_ns > self.update_period_ns).then_some(self.window_ns)
    }
}
