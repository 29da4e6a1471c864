//! Where readings come from. The sampler knows this trait only; [`nvml`] talks to NVIDIA's driver, [`sysfs`] reads files of
//! the kernel.

pub mod calls;
pub mod nvml;
pub mod sysfs;

pub use crate::read_error::ReadError;
use crate::sample::{SlowSignals, ThrottleTimes};
use crate::sensor::Sensor;
use crate::tenancy::{Limits, Processes};

/// Which power reading a device gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PowerDomain {
    /// Field 186, the instantaneous power.
    Instant,
    /// `nvmlDeviceGetPowerUsage` on a board where it is instantaneous.
    PowerUsage,
    /// `nvmlDeviceGetPowerUsage` on Ampere (except GA100) and newer: the mean over one second (nvml.h).
    PowerUsageAveraged,
    /// Field 185, the mean over one second, where nothing else answers.
    AverageField,
    /// The newest of `nvmlDeviceGetSamples`, where only the driver's buffer of readings answers.
    SamplesBuffer,
    /// None: the energy counter is all that the device tells.
    CounterAlone,
    /// A file of the kernel, by its name.
    Sysfs(&'static str),
}

impl PowerDomain {
    /// Its name in results.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Instant => "instant",
            Self::PowerUsage => "power_usage",
            Self::PowerUsageAveraged => "average_1s",
            Self::AverageField => "average_field",
            Self::SamplesBuffer => "samples_buffer",
            Self::CounterAlone => "counter_alone",
            Self::Sysfs(name) => name,
        }
    }
}

/// A set of devices that can be read again and again without allocating. Each quantity fails alone.
pub trait Source: Send {
    /// How many devices there are; they are addressed by position, from 0.
    fn device_count(&self) -> usize;
    /// Which power reading the device gives.
    fn power_domain(&self, device: usize) -> PowerDomain;
    /// What is known of the device's power sensor before it was watched.
    fn sensor(&self, device: usize) -> Sensor;
    /// Board power in milliwatts, never 0.
    fn power_mw(&mut self, device: usize) -> Result<u32, ReadError>;
    /// The energy counter in millijoules since the driver was loaded.
    fn counter_mj(&mut self, device: usize) -> Result<u64, ReadError>;
    /// Temperature, memory, utilisation, clocks and throttle reasons.
    fn slow_signals(&mut self, device: usize) -> SlowSignals;
    /// The cumulative throttle times.
    fn throttle_times(&mut self, device: usize) -> ThrottleTimes;
    /// Who computes on the device. One of the dearest calls: 4.5 ms under a lock of the driver on some boards
    /// (flightlessmango/MangoHud pull request 2104).
    fn processes(&mut self, device: usize) -> Result<Processes, ReadError>;
    /// What the driver lets the device do.
    fn limits(&mut self, device: usize) -> Limits;
    /// How many driver calls were made so far.
    fn calls(&self) -> u64;
    /// Sources of one device each, in order, where each may be asked by a thread of its own; else itself.
    fn apart(self) -> Vec<Box<dyn Source>>
    where
        Self: Sized + 'static,
    {
        vec![Box::new(self)]
    }
}
