//! What to sample and how often, and what follows from it.

use std::path::{Path, PathBuf};

use super::schedule::EDGE_INTERVAL_NS;
use crate::clock::{NS_PER_MS, NS_PER_S};
use crate::energy::{Calibrated, GainRatio, Kind, Sensor, Ways};
use crate::error::MeterError;
use crate::window::{EDGE_SPAN_NS, GapCaps};

/// A pause in the power readings up to this long is bridged: five update periods of current boards.
/// Longer ones are reported as lost coverage.
const GAP_CAP_NS: u64 = 500 * NS_PER_MS;
/// A pause in the slow signals up to this long is bridged.
const SLOW_GAP_CAP_NS: u64 = NS_PER_S;
/// Readings go on for this much longer after a window than one reading is the mean of, where that is long.
const AVERAGED_POST_ROLL_NS: u64 = 200 * NS_PER_MS;

/// What to sample and how often.
#[derive(Clone, Debug, Default)]
pub struct SamplerOptions {
    /// The management library; `None`: where the driver installs it.
    pub library_path: Option<String>,
    /// The devices.
    pub devices: Vec<DeviceOptions>,
    /// Power interval in milliseconds, 1 to 5000.
    pub interval_ms: f64,
    /// Interval of the slow signals in milliseconds, 1 to 5000.
    pub slow_interval_ms: f64,
    /// Once the sensor's ticks are known, read the power only around them, and the slow signals twice a second at
    /// most: the same energy from a third of the driver calls.
    pub tick_locked: bool,
    /// Where the CPU's counters, GPUs without NVML and other sensors are looked for; `None`: /sys.
    pub sysfs_root: Option<PathBuf>,
    /// Where processes are looked for that compute on GPUs without NVML; `None`: /proc.
    pub proc_root: Option<PathBuf>,
}

impl SamplerOptions {
    pub(super) fn sysfs_root(&self) -> &Path {
        self.sysfs_root.as_deref().unwrap_or(Path::new("/sys"))
    }
}

/// A device to sample.
#[derive(Clone, Debug)]
pub struct DeviceOptions {
    /// "GPU-...".
    pub uuid: String,
    /// The driver's index, for the files.
    pub index: u32,
    /// What earlier runs found out about it.
    pub known: Known,
}

/// What was found out about a device under this driver.
#[derive(Clone, Copy, Debug, Default)]
pub struct Known {
    /// Time between two values of its power sensor.
    pub update_period_ns: Option<u64>,
    /// The time that a value is the mean of.
    pub window_ns: Option<u64>,
    /// How old that time is when the value appears.
    pub delay_ns: Option<u64>,
    /// What its energy counter counts.
    pub kind: Kind,
    /// How its sensor is to be read.
    pub ways: Option<Ways>,
    /// Readings over counter.
    pub gain_ratio: Option<GainRatio>,
    /// What a calibration has measured.
    pub calibrated: Calibrated,
}

impl Known {
    /// How the sensor is to be read: what a calibration has measured of it is the usual way.
    pub(super) fn ways(&self) -> Ways {
        let delay_is_known = self.calibrated.sensor_delay_doubt_ns.is_some();
        self.ways.unwrap_or_default().narrowed(self.window_ns.is_some(), delay_is_known)
    }

    /// What is measured of a sensor stands before what is usual.
    pub(super) fn of_sensor(self, usual: Sensor) -> Sensor {
        Sensor {
            update_period_ns: self.update_period_ns.unwrap_or(usual.update_period_ns),
            window_ns: self.window_ns.unwrap_or(usual.window_ns),
            delay_ns: self.delay_ns.unwrap_or(usual.delay_ns),
            ..usual
        }
    }
}

/// What the recorder has to know of the sampler.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(super) uuids: Vec<String>,
    pub(super) gpu_indices: Vec<i32>,
    pub(super) interval_ns: u64,
    pub(super) slow_interval_ns: u64,
    /// What is known of each device's sensor beforehand.
    pub(super) sensors: Vec<Sensor>,
    /// What earlier runs found out.
    pub(super) known: Vec<Known>,
}

impl Setup {
    pub(super) fn gap_caps(&self) -> GapCaps {
        GapCaps {
            power_ns: GAP_CAP_NS.max(3 * self.interval_ns),
            slow_ns: SLOW_GAP_CAP_NS.max(3 * self.slow_interval_ns),
        }
    }

    /// How long readings must go on after a window. The interval does not count: near an edge it is not kept.
    pub(super) fn post_roll_ns(&self) -> u64 {
        let averaging_ns = self.sensors.iter().filter_map(Sensor::averaging_ns).max();
        let sensor_ns = averaging_ns.map_or(0, |averaging_ns| averaging_ns + AVERAGED_POST_ROLL_NS);
        sensor_ns.max(EDGE_SPAN_NS)
    }

    /// How long after an edge there are reads between the deadlines: to one after the post-roll, where the next deadline
    /// may be far.
    pub(super) fn dense_ns(&self) -> u64 {
        if self.interval_ns <= EDGE_SPAN_NS {
            EDGE_SPAN_NS
        } else {
            self.post_roll_ns() + 4 * EDGE_INTERVAL_NS
        }
    }

    /// How far back an edge looks: its own surroundings, once more for a late recorder.
    pub(super) fn history_ns(&self) -> u64 {
        2 * NS_PER_S + self.post_roll_ns() + 2 * self.interval_ns
    }
}

pub(super) fn validate(options: &SamplerOptions) -> Result<(), MeterError> {
    validate_pace(options)?;
    if options.devices.is_empty() {
        return Err(MeterError::InvalidOption("a sampler needs at least one device".to_owned()));
    }
    Ok(())
}

pub(super) fn validate_pace(options: &SamplerOptions) -> Result<(), MeterError> {
    for (name, value) in
        [("interval_ms", options.interval_ms), ("slow_interval_ms", options.slow_interval_ms)]
    {
        if !(1.0..=5000.0).contains(&value) {
            return Err(MeterError::InvalidOption(format!("{name} must be from 1 to 5000, got {value}")));
        }
    }
    Ok(())
}

/// Whole nanoseconds of a validated number of milliseconds.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "validated to lie in 1..=5000")]
pub(super) fn nanoseconds(milliseconds: f64) -> u64 {
    (milliseconds * NS_PER_MS as f64).round() as u64
}
