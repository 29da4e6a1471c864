//! What a window and a snapshot look like in JavaScript: joules, watts and seconds as numbers, a missing property
//! where the meter does not know.

use llem_meter::clock::seconds;
use llem_meter::energy::ESTIMATOR;
use llem_meter::rapl;
use llem_meter::sampler;
use llem_meter::tenancy;
use llem_meter::window;
use napi_derive::napi;

use crate::evidence::{BoardGain, Component, Finding, GainRatio, KnownDevice, constants_hash};

/// The end of a window: its report, or why there is none.
#[napi(object)]
pub struct WindowEnd {
    pub report: Option<WindowReport>,
    pub fault: Option<String>,
}

/// What the meter found out about a window.
#[napi(object)]
pub struct WindowReport {
    pub start_ns: f64,
    pub end_ns: f64,
    /// Wall time of the left edge, milliseconds since the Unix epoch.
    pub start_unix_ms: f64,
    /// What made the joules.
    pub estimator: String,
    /// Of the constants that it rests on, hexadecimal.
    pub constants_hash: String,
    /// "counter", "integral" or "readings_and_mean" where all devices agree.
    pub method: Option<String>,
    /// The sum over the devices, missing as soon as one is.
    pub total_j: Option<f64>,
    pub integral_j: Option<f64>,
    pub counter_j: Option<f64>,
    pub counter_raw_j: Option<f64>,
    /// How far the total may be off (k = 2) on these boards.
    pub uncertainty_j: Option<f64>,
    /// The same with the boards' gain, which is each one's own.
    pub absolute_uncertainty_j: Option<f64>,
    /// Of the device that is covered least, 0 to 1.
    pub coverage: f64,
    pub devices: Vec<DeviceReport>,
    pub cpu: CpuReport,
    /// Sensors of neither; empty where there are none.
    pub sensors: Vec<SensorReport>,
    pub sampler: SamplerReport,
    /// Files that could not be written, a sampler that stopped.
    pub faults: Vec<String>,
}

/// One device over a window.
#[napi(object)]
pub struct DeviceReport {
    pub total_j: Option<f64>,
    pub method: Option<String>,
    pub reason: String,
    pub residual_pct: Option<f64>,
    /// How far the total may be off (k = 2) on this board; never 0.
    pub uncertainty_j: Option<f64>,
    /// The same with the board's gain.
    pub absolute_uncertainty_j: Option<f64>,
    /// What both are made of; "gain" is in the second alone.
    pub components: Vec<Component>,
    /// The board's own factor, known no better than this.
    pub gain_pct: Option<f64>,
    /// What an external meter said of it.
    pub board_gain: Option<BoardGain>,
    /// "integral", "sum_of_readings", "undecided" or "none".
    pub counter_kind: String,
    /// The readings over the counter.
    pub gain_ratio: Option<GainRatio>,
    pub findings: Vec<Finding>,
    /// What later runs may begin with.
    pub learned: Option<KnownDevice>,
    /// What was seen speaks against what was remembered of the board, which is to be forgotten.
    pub contradicted: bool,
    pub sensor: Sensor,
    pub integral_j: Option<f64>,
    pub counter_j: Option<f64>,
    pub counter_raw_j: Option<f64>,
    pub coverage: f64,
    pub gap_s: f64,
    pub readings: u32,
    pub missing: u32,
    pub missing_reason: Option<String>,
    pub mean_power_w: Option<f64>,
    pub max_power_w: Option<f64>,
    pub temperature_start_c: Option<u32>,
    pub temperature_end_c: Option<u32>,
    pub temperature_max_c: Option<u32>,
    pub memory_used_max_bytes: Option<f64>,
    /// The bits of nvml.h, ORed over the window.
    pub throttle_reasons: Option<f64>,
    pub power_cap_s: Option<f64>,
    pub sw_thermal_s: Option<f64>,
    pub hw_thermal_s: Option<f64>,
    pub power_brake_s: Option<f64>,
    pub tenancy: Tenancy,
}

/// When the power sensor and the counter publish.
#[napi(object)]
#[expect(clippy::struct_field_names, reason = "the unit is in every name")]
pub struct Sensor {
    /// Time between two values of the power sensor, as seen since the sampler opened.
    pub update_period_ms: Option<f64>,
    /// The time that a value is taken to be the mean of.
    pub window_ms: f64,
    /// By how much the readings were taken to be late.
    pub lag_ms: f64,
    /// Time between two changes of the energy counter.
    pub counter_period_ms: Option<f64>,
    /// When, after the left edge, the power sensor first published.
    pub first_update_ms: Option<f64>,
    /// How far that may be off.
    pub first_update_doubt_ms: Option<f64>,
    /// When, after the left edge, the energy counter first changed.
    pub counter_first_update_ms: Option<f64>,
    /// How far that may be off.
    pub counter_first_update_doubt_ms: Option<f64>,
}

/// Who computed on the device, and what became of its limits.
#[napi(object)]
pub struct Tenancy {
    pub tenants: Vec<Tenant>,
    /// The most processes at a time; missing where they could not be listed.
    pub most_processes: Option<u32>,
    pub limits: Limits,
    /// Where a limit was seen to differ from what it was at first: what it became.
    pub changed_to: Limits,
}

/// A process that was seen on the device.
#[napi(object)]
pub struct Tenant {
    pub pid: u32,
    pub name: Option<String>,
    /// "own", "foreign" or "unknown".
    pub relation: String,
    /// Where it was seen, on a GPU that is cut into instances (MIG).
    pub gpu_instance_id: Option<u32>,
    pub compute_instance_id: Option<u32>,
}

/// What the driver lets a device do.
#[napi(object)]
pub struct Limits {
    pub power_w: Option<f64>,
    pub sm_clock_mhz: Option<u32>,
    pub memory_clock_mhz: Option<u32>,
}

/// The CPU and its memory over a window, by RAPL. Domains overlap and are no part of the devices.
#[napi(object)]
pub struct CpuReport {
    pub domains: Vec<CpuDomain>,
    /// Why there are none.
    pub reason: Option<String>,
}

/// One domain of the CPU over a window.
#[napi(object)]
pub struct CpuDomain {
    /// "package-0", "package-0/dram".
    pub name: String,
    /// "package", "core", "uncore", "dram", "psys" or "other".
    pub kind: String,
    pub energy_j: Option<f64>,
    /// How far they may be off.
    pub uncertainty_j: Option<f64>,
    /// Why they are missing.
    pub reason: Option<String>,
    /// The domain whose counter this one shows once more; its joules stand there alone.
    pub mirrors: Option<String>,
}

/// A sensor that is of no GPU, over a window. It may overlap with the CPU, with GPUs and with other sensors.
#[napi(object)]
pub struct SensorReport {
    /// "Module Power Socket 0", "VDD_CPU_CV".
    pub sensor: String,
    /// "module", "cpu", "gpu", "soc", "io", "input" or "other".
    pub kind: String,
    /// The files, by their name.
    pub source: String,
    pub energy_j: Option<f64>,
    /// How far they may be off (k = 2), with the sensor's gain.
    pub uncertainty_j: Option<f64>,
    pub mean_power_w: Option<f64>,
    /// Time between two values, as seen since the sampler opened.
    pub update_period_ms: Option<f64>,
    /// Why this number, or why there is none.
    pub reason: String,
}

/// The sampler's own punctuality and cost.
#[napi(object)]
pub struct SamplerReport {
    pub samples: f64,
    pub missed_deadlines: f64,
    pub dropped: f64,
    pub lateness_us_p50: Option<f64>,
    pub lateness_us_p99: Option<f64>,
    /// Time that one read of a device's power took.
    pub read_us_p50: Option<f64>,
    pub read_us_p99: Option<f64>,
    pub cpu_s: f64,
    pub driver_s: f64,
    pub driver_calls: f64,
}

/// The last readings.
#[napi(object)]
pub struct Snapshot {
    /// Monotonic time of the newest sample; missing before the first.
    pub at_ns: Option<f64>,
    pub devices: Vec<DeviceSnapshot>,
}

/// The last readings of one device.
#[napi(object)]
pub struct DeviceSnapshot {
    /// Monotonic time of its newest sample; absent before the first.
    pub at_ns: Option<f64>,
    pub power_w: Option<f64>,
    /// Why there is no power, where the last reading failed.
    pub failure: Option<String>,
    /// Energy since the sampler opened, by the integral.
    pub joules_since_open: Option<f64>,
    pub temperature_c: Option<u32>,
    pub memory_used_bytes: Option<f64>,
    pub memory_total_bytes: Option<f64>,
    pub sm_utilisation_pct: Option<u32>,
    pub sm_clock_mhz: Option<u32>,
    pub memory_clock_mhz: Option<u32>,
    pub throttle_reasons: Option<f64>,
}

impl From<Option<window::WindowReport>> for WindowEnd {
    fn from(report: Option<window::WindowReport>) -> Self {
        let fault =
            report.is_none().then(|| "the sampler was closed or does not know this window".to_owned());
        Self { report: report.map(WindowReport::from), fault }
    }
}

impl From<window::WindowReport> for WindowReport {
    fn from(report: window::WindowReport) -> Self {
        let [integral_j, counter_j, counter_raw_j] = [
            report.total(|device| device.integral_j),
            report.total(|device| device.counter_j),
            report.total(|device| device.counter_raw_j),
        ];
        let (method, total_j) = (report.method(), report.total(|device| device.headline.total_j));
        let coverage = report.coverage();
        let (uncertainty_j, absolute_uncertainty_j) =
            (report.uncertainty_j(), report.absolute_uncertainty_j());
        let devices: Vec<_> = report.devices.into_iter().map(DeviceReport::from).collect();
        Self {
            start_ns: report.start_ns as f64,
            end_ns: report.end_ns as f64,
            start_unix_ms: report.start_unix_ns as f64 / 1e6,
            estimator: ESTIMATOR.to_owned(),
            constants_hash: constants_hash(),
            method: method.map(|method| method.as_str().to_owned()),
            total_j,
            integral_j,
            counter_j,
            counter_raw_j,
            uncertainty_j,
            absolute_uncertainty_j,
            coverage,
            devices,
            cpu: report.cpu.into(),
            sensors: report.sensors.into_iter().map(SensorReport::from).collect(),
            sampler: report.sampler.into(),
            faults: report.faults,
        }
    }
}

impl From<window::DeviceReport> for DeviceReport {
    fn from(device: window::DeviceReport) -> Self {
        let count = |value: u64| u32::try_from(value).unwrap_or(u32::MAX);
        let window::FirstUpdates { power, counter } = device.first_updates;
        let learned = KnownDevice::learned(&device);
        Self {
            uncertainty_j: device.uncertainty_j(),
            absolute_uncertainty_j: device.absolute_uncertainty_j(),
            components: device.headline.budget.components.iter().map(Component::from).collect(),
            counter_kind: device.kind.as_str().to_owned(),
            gain_ratio: device.gain_ratio.map(GainRatio::from),
            findings: device.headline.findings.into_iter().map(Finding::from).collect(),
            learned,
            contradicted: device.contradicted,
            total_j: device.headline.total_j,
            method: device.headline.method.map(|method| method.as_str().to_owned()),
            reason: device.headline.reason,
            residual_pct: device.headline.residual_pct,
            gain_pct: device.gain_pct,
            board_gain: device.board_gain.map(BoardGain::from),
            sensor: Sensor {
                update_period_ms: device.measured_update_period_ns.map(milliseconds),
                window_ms: milliseconds(device.sensor.window_ns),
                lag_ms: milliseconds(device.lag_ns),
                counter_period_ms: device.counter_period_ns.map(milliseconds),
                first_update_ms: power.map(|update| milliseconds(update.after_ns)),
                first_update_doubt_ms: power.map(|update| milliseconds(update.doubt_ns)),
                counter_first_update_ms: counter.map(|update| milliseconds(update.after_ns)),
                counter_first_update_doubt_ms: counter.map(|update| milliseconds(update.doubt_ns)),
            },
            integral_j: device.integral_j,
            counter_j: device.counter_j,
            counter_raw_j: device.counter_raw_j,
            coverage: device.coverage,
            gap_s: device.gap_s,
            readings: count(device.readings),
            missing: count(device.missing),
            missing_reason: device.missing_reason,
            mean_power_w: device.mean_power_w,
            max_power_w: device.max_power_w,
            temperature_start_c: device.temperature_start_c,
            temperature_end_c: device.temperature_end_c,
            temperature_max_c: device.temperature_max_c,
            memory_used_max_bytes: device.memory_used_max_bytes.map(|bytes| bytes as f64),
            throttle_reasons: device.throttle_reasons.map(|reasons| reasons as f64),
            power_cap_s: device.throttled_ns.power_cap_ns.map(seconds),
            sw_thermal_s: device.throttled_ns.sw_thermal_ns.map(seconds),
            hw_thermal_s: device.throttled_ns.hw_thermal_ns.map(seconds),
            power_brake_s: device.throttled_ns.power_brake_ns.map(seconds),
            tenancy: device.tenancy.into(),
        }
    }
}

impl From<tenancy::Tenancy> for Tenancy {
    fn from(tenancy: tenancy::Tenancy) -> Self {
        Self {
            tenants: tenancy.tenants.into_iter().map(Tenant::from).collect(),
            most_processes: tenancy.most_processes.map(|count| u32::try_from(count).unwrap_or(u32::MAX)),
            limits: tenancy.limits.into(),
            changed_to: tenancy.changed_to.into(),
        }
    }
}

impl From<tenancy::Tenant> for Tenant {
    fn from(tenant: tenancy::Tenant) -> Self {
        let (gpu_instance_id, compute_instance_id) = tenant.instance.unzip();
        Self {
            pid: tenant.pid,
            name: tenant.name,
            relation: tenant.relation.as_str().to_owned(),
            gpu_instance_id,
            compute_instance_id,
        }
    }
}

impl From<tenancy::Limits> for Limits {
    fn from(limits: tenancy::Limits) -> Self {
        Self {
            power_w: limits.power_mw.map(|power_mw| f64::from(power_mw) / 1000.0),
            sm_clock_mhz: limits.sm_clock_mhz,
            memory_clock_mhz: limits.memory_clock_mhz,
        }
    }
}

impl From<rapl::CpuReport> for CpuReport {
    fn from(report: rapl::CpuReport) -> Self {
        Self { domains: report.domains.into_iter().map(CpuDomain::from).collect(), reason: report.reason }
    }
}

impl From<rapl::CpuDomain> for CpuDomain {
    fn from(domain: rapl::CpuDomain) -> Self {
        Self {
            name: domain.name,
            kind: domain.kind.as_str().to_owned(),
            energy_j: domain.energy_j,
            uncertainty_j: domain.uncertainty_j,
            reason: domain.reason,
            mirrors: domain.mirrors,
        }
    }
}

impl From<window::SensorReport> for SensorReport {
    fn from(window::SensorReport { sensor, device }: window::SensorReport) -> Self {
        let total_j = device.headline.total_j;
        Self {
            sensor: sensor.name,
            kind: sensor.kind.as_str().to_owned(),
            source: sensor.source.to_owned(),
            energy_j: total_j,
            uncertainty_j: device.absolute_uncertainty_j(),
            // Without joules it is one of a part of the window.
            mean_power_w: device.mean_power_w.filter(|_| total_j.is_some()),
            update_period_ms: device.measured_update_period_ns.map(milliseconds),
            reason: device.headline.reason,
        }
    }
}

impl From<window::SamplerReport> for SamplerReport {
    fn from(report: window::SamplerReport) -> Self {
        Self {
            samples: report.samples as f64,
            missed_deadlines: report.missed_deadlines as f64,
            dropped: report.dropped as f64,
            lateness_us_p50: report.lateness_us_p50,
            lateness_us_p99: report.lateness_us_p99,
            read_us_p50: report.read_us_p50,
            read_us_p99: report.read_us_p99,
            cpu_s: report.cpu_s,
            driver_s: report.driver_s,
            driver_calls: report.driver_calls as f64,
        }
    }
}

impl From<sampler::Snapshot> for Snapshot {
    fn from(snapshot: sampler::Snapshot) -> Self {
        Self {
            at_ns: (snapshot.at_ns > 0).then_some(snapshot.at_ns as f64),
            devices: snapshot.devices.into_iter().map(DeviceSnapshot::from).collect(),
        }
    }
}

impl From<sampler::DeviceSnapshot> for DeviceSnapshot {
    fn from(device: sampler::DeviceSnapshot) -> Self {
        Self {
            at_ns: (device.at_ns > 0).then_some(device.at_ns as f64),
            power_w: device.power_w,
            failure: device.failure.map(|failure| failure.to_string()),
            joules_since_open: device.joules_since_open,
            temperature_c: device.slow.temperature_c,
            memory_used_bytes: device.slow.memory_used_bytes.map(|bytes| bytes as f64),
            memory_total_bytes: device.slow.memory_total_bytes.map(|bytes| bytes as f64),
            sm_utilisation_pct: device.slow.sm_utilisation_pct,
            sm_clock_mhz: device.slow.sm_clock_mhz,
            memory_clock_mhz: device.slow.memory_clock_mhz,
            throttle_reasons: device.slow.throttle_reasons.map(|reasons| reasons as f64),
        }
    }
}

fn milliseconds(span_ns: u64) -> f64 {
    span_ns as f64 / 1e6
}
