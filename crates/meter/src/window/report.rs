//! What a window says in the end. `None` is what could not be known.

use std::fmt::{self, Display, Formatter};

use super::first_update::FirstUpdates;
use crate::clock::seconds;
use crate::crash::Crash;
use crate::energy::{
    BoardGain, Edge, Finding, GainRatio, Headline, Kind, Method, Sensor, Ways, root_of_squares,
};
use crate::rapl::CpuReport;
use crate::sample::ThrottleTimes;
use crate::source::sysfs::SensorInfo;
use crate::tenancy::Tenancy;

/// What the meter found out about a window.
#[derive(Clone, Debug)]
pub struct WindowReport {
    /// Left edge, monotonic.
    pub start_ns: u64,
    /// Right edge, monotonic.
    pub end_ns: u64,
    /// Wall time of the left edge, nanoseconds since the Unix epoch.
    pub start_unix_ns: u64,
    /// One report per device, in the sampler's order.
    pub devices: Vec<DeviceReport>,
    /// The CPU and its memory, which are no part of any device.
    pub cpu: CpuReport,
    /// Sensors of neither, which overlap with both and with one another.
    pub sensors: Vec<SensorReport>,
    /// The sampler's own cost and punctuality over the window.
    pub sampler: SamplerReport,
    /// What went wrong beside the readings: a file that could not be written, a sampler that stopped.
    pub faults: Vec<String>,
}

/// A sensor that is of no GPU, over the window.
#[derive(Clone, Debug)]
pub struct SensorReport {
    /// Which one.
    pub sensor: SensorInfo,
    /// What it measured.
    pub device: DeviceReport,
}

/// One device over the window.
#[derive(Clone, Debug)]
pub struct DeviceReport {
    /// The number to quote, and why.
    pub headline: Headline,
    /// The board's own factor, percent (k = 2): known no better than this, and not part of the headline's uncertainty.
    pub gain_pct: Option<f64>,
    /// What an external meter said of the board.
    pub board_gain: Option<BoardGain>,
    /// What the counter counts, as far as that was found out by the end of the window.
    pub kind: Kind,
    /// Whether that is not what was remembered of it.
    pub contradicted: bool,
    /// Readings over counter, where both were seen at two levels of power.
    pub gain_ratio: Option<GainRatio>,
    /// What the right edge has taught of the sensor.
    pub taught: Option<Ways>,
    /// The counter at both edges.
    pub edges: Option<(Edge, Edge)>,
    /// Joules by the trapezoid rule over the covered part.
    pub integral_j: Option<f64>,
    /// Joules by the counter, edges corrected.
    pub counter_j: Option<f64>,
    /// Joules by the plain difference of the counter.
    pub counter_raw_j: Option<f64>,
    /// Share of the window between readings that could be joined, 0 to 1.
    pub coverage: f64,
    /// Seconds of the window that are not covered.
    pub gap_s: f64,
    /// Power readings inside the window.
    pub readings: u64,
    /// Power reads that failed inside the window.
    pub missing: u64,
    /// Why the last of them failed.
    pub missing_reason: Option<String>,
    /// Mean watts over the window by the headline, or over the covered part by the integral where there is none.
    pub mean_power_w: Option<f64>,
    /// Highest reading.
    pub max_power_w: Option<f64>,
    /// First, last and highest temperature, degrees Celsius.
    pub temperature_start_c: Option<u32>,
    /// Last temperature in the window.
    pub temperature_end_c: Option<u32>,
    /// Highest temperature in the window.
    pub temperature_max_c: Option<u32>,
    /// Highest memory in use, bytes.
    pub memory_used_max_bytes: Option<u64>,
    /// All throttle reasons seen, ORed.
    pub throttle_reasons: Option<u64>,
    /// Time throttled, by cause, from the driver's cumulative counters.
    pub throttled_ns: ThrottleTimes,
    /// Who computed on the device, and what became of its limits.
    pub tenancy: Tenancy,
    /// What is known of its power sensor by now.
    pub sensor: Sensor,
    /// By how much the readings were taken to be late in this window.
    pub lag_ns: u64,
    /// Time between two changes of the energy counter; `None` where they were not seen.
    pub counter_period_ns: Option<u64>,
    /// Time between two values of the power sensor as seen since the sampler opened; `None` where they were not.
    pub measured_update_period_ns: Option<u64>,
    /// When sensor and counter first published in the window.
    pub first_updates: FirstUpdates,
}

/// How the sampler itself did over a window.
#[derive(Clone, Debug, Default)]
pub struct SamplerReport {
    /// Samples at deadlines inside the window, all devices together.
    pub samples: u64,
    /// Deadlines that were skipped.
    pub missed_deadlines: u64,
    /// Samples lost in the window because the recorder could not keep up.
    pub dropped: u64,
    /// Median lateness, microseconds.
    pub lateness_us_p50: Option<f64>,
    /// 99th percentile of the lateness, microseconds.
    pub lateness_us_p99: Option<f64>,
    /// Median time that one read of a device's power took, microseconds.
    pub read_us_p50: Option<f64>,
    /// 99th percentile of the same.
    pub read_us_p99: Option<f64>,
    /// CPU time of the sampler thread, seconds.
    pub cpu_s: f64,
    /// Time inside driver calls, seconds.
    pub driver_s: f64,
    /// Driver calls.
    pub driver_calls: u64,
}

impl WindowReport {
    /// Says of every device without a number why nobody was asked: the driver has not answered for it, or for another one
    /// that was asked by the same thread. `faults`: with positions. `indices`: the driver's, of all devices.
    pub fn blame(&mut self, faults: &[(usize, DriverFault)], indices: &[i32]) {
        for (device, report) in self.devices.iter_mut().enumerate() {
            let own = faults.iter().find(|(position, _)| *position == device);
            let Some((position, fault)) = own.or(faults.first()) else { return };
            if report.headline.total_j.is_some() {
                continue;
            }
            let why = if *position == device {
                fault.to_string()
            } else {
                format!("at GPU {} {fault}, so that nobody was asked", indices[*position])
            };
            report.headline.reason = format!("{why}; {}", report.headline.reason);
            report.headline.findings.push(fault.finding(format!("{why}.")));
        }
    }

    /// The sum of what each device has, `None` as soon as one has nothing.
    pub fn total(&self, of: impl Fn(&DeviceReport) -> Option<f64>) -> Option<f64> {
        if self.devices.is_empty() {
            return None;
        }
        self.devices.iter().map(of).sum()
    }

    /// How far the total may be off (k = 2, without the boards' gain): the devices are independent.
    pub fn uncertainty_j(&self) -> Option<f64> {
        self.combined(DeviceReport::uncertainty_j)
    }

    /// The same with the boards' gains, which are the boards' own and so independent too.
    pub fn absolute_uncertainty_j(&self) -> Option<f64> {
        self.combined(DeviceReport::absolute_uncertainty_j)
    }

    fn combined(&self, of: impl Fn(&DeviceReport) -> Option<f64>) -> Option<f64> {
        let parts: Option<Vec<f64>> = self.devices.iter().map(of).collect();
        parts.filter(|parts| !parts.is_empty()).map(root_of_squares)
    }

    /// The one method that all devices share.
    pub fn method(&self) -> Option<Method> {
        let first = self.devices.first()?.headline.method?;
        self.devices.iter().all(|device| device.headline.method == Some(first)).then_some(first)
    }

    /// The coverage of the device that is covered least.
    pub fn coverage(&self) -> f64 {
        self.devices.iter().map(|device| device.coverage).reduce(f64::min).unwrap_or(0.0)
    }
}

impl DeviceReport {
    /// How far the headline may be off on this board (k = 2).
    pub fn uncertainty_j(&self) -> Option<f64> {
        self.headline.total_j.map(|_| self.headline.budget.uncertainty_j())
    }

    /// The same with the board's gain.
    pub fn absolute_uncertainty_j(&self) -> Option<f64> {
        self.headline.total_j.map(|_| self.headline.budget.absolute_uncertainty_j())
    }
}

/// Why a driver answers no more.
#[derive(Clone, Copy, Debug)]
pub enum DriverFault {
    /// A call has not returned.
    Silent {
        /// By its name in nvml.h, where that is known.
        call: Option<&'static str>,
        /// For so long.
        for_ns: u64,
    },
    /// Its library crashed.
    Crashed(Crash),
}

impl DriverFault {
    fn finding(&self, text: String) -> Finding {
        match self {
            Self::Silent { .. } => Finding { code: "driver_silent", is_warning: true, text },
            Self::Crashed(_) => Finding { code: "driver_crashed", is_warning: true, text },
        }
    }
}

impl Display for DriverFault {
    fn fmt(&self, to: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Silent { call: Some(call), for_ns } => {
                write!(
                    to,
                    "the driver has been asked for {:.1} s without an end, {call} last",
                    seconds(*for_ns)
                )
            }
            Self::Silent { call: None, for_ns } => {
                write!(to, "the driver has been asked for {:.1} s without an end", seconds(*for_ns))
            }
            Self::Crashed(Crash { call, signal }) => {
                write!(to, "the driver's library crashed in {call} ({signal})")
            }
        }
    }
}
