//! What one look at one device yields. Everything is `Copy`, so that a sample crosses between threads without
//! an allocation.

use crate::read_error::ReadError;

/// All readings of one device at one deadline. `None` is a reading that failed or was not due.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// Position in the sampler's list of devices (not the driver's index).
    pub device: usize,
    /// Whether it was read at a deadline, and not because the edge of a window is near.
    pub scheduled: bool,
    /// Monotonic midpoint of the power read.
    pub at_ns: u64,
    /// How long the power read took.
    pub read_ns: u64,
    /// Power in milliwatts, or why it is missing.
    pub power_mw: Result<u32, ReadError>,
    /// The energy counter, when it was due.
    pub counter: Option<CounterReading>,
    /// The slow signals, when they were due.
    pub slow: Option<SlowSignals>,
    /// Cumulative throttle times, read at the edges of a window only.
    pub throttle: Option<ThrottleTimes>,
    /// The sampler's own bookkeeping at this deadline; on the first device read only.
    pub poll: Option<PollStats>,
}

impl Sample {
    /// Power in watts, `None` where the read failed.
    pub fn power_w(&self) -> Option<f64> {
        self.power_mw.ok().map(|power_mw| f64::from(power_mw) / 1000.0)
    }
}

/// The energy counter, stamped apart from the power because its call can take milliseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CounterReading {
    /// Monotonic midpoint of the read.
    pub at_ns: u64,
    /// Millijoules since the driver was loaded.
    pub energy_mj: u64,
}

/// Signals that change slowly; each is `None` where its read failed.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SlowSignals {
    /// Core temperature in degrees Celsius.
    pub temperature_c: Option<u32>,
    /// Device memory in use, bytes.
    pub memory_used_bytes: Option<u64>,
    /// Device memory, bytes.
    pub memory_total_bytes: Option<u64>,
    /// Share of the driver's last period in which a kernel ran, percent.
    pub sm_utilisation_pct: Option<u32>,
    /// Clock event (throttle) reasons, the bits of nvml.h.
    pub throttle_reasons: Option<u64>,
    /// SM clock in MHz.
    pub sm_clock_mhz: Option<u32>,
    /// Memory clock in MHz.
    pub memory_clock_mhz: Option<u32>,
    /// Memory temperature in degrees Celsius.
    pub memory_temperature_c: Option<u32>,
    /// Mean power over the last second (field 185) where the board has it beside its power, milliwatts.
    pub average_power_mw: Option<u32>,
    /// Performance state, 0 (highest clocks) to 15.
    pub performance_state: Option<u32>,
}

/// Time spent throttled since the driver was loaded, nanoseconds, by cause.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ThrottleTimes {
    /// Held at the power limit: normal under load, not a fault.
    pub power_cap_ns: Option<u64>,
    /// Slowed by software because of temperature.
    pub sw_thermal_ns: Option<u64>,
    /// Slowed by hardware because of temperature.
    pub hw_thermal_ns: Option<u64>,
    /// Slowed by the external power brake.
    pub power_brake_ns: Option<u64>,
}

/// The sampler's bookkeeping at one deadline; cumulative since it opened, except the lateness.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PollStats {
    /// How long after its deadline this poll began; `None` for one that the edge of a window asked for.
    pub lateness_ns: Option<u64>,
    /// Deadlines skipped because an earlier poll ran over them.
    pub missed_deadlines: u64,
    /// CPU time of the sampler thread.
    pub cpu_ns: u64,
    /// Time inside driver calls.
    pub driver_ns: u64,
    /// Number of driver calls.
    pub driver_calls: u64,
}
