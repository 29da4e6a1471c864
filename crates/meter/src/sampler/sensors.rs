//! Sensors that are of no GPU, over the same windows: by a sampler of their own, because a read over I2C or through ACPI may
//! take milliseconds, for which no GPU should wait.

use std::path::Path;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use super::{DeviceOptions, Known, PendingReport, Sampler, SamplerOptions};
use crate::error::MeterError;
use crate::rapl::Rapl;
use crate::source::Source;
use crate::source::nvml::{ModuleSource, NvmlSource};
use crate::source::sysfs::{SensorInfo, SensorKind, SysfsSource};
use crate::window::{DeviceReport, SensorReport, WindowOptions};

/// Often enough to see when a sensor of 50 ms publishes, and rarely enough for one that takes milliseconds.
const INTERVAL_MS: f64 = 20.0;
/// They have no slow signals.
const SLOW_INTERVAL_MS: f64 = 5000.0;

/// How long the sensors may take to be opened.
const PATIENCE: Duration = Duration::from_secs(2);

/// The sampler and what its devices are.
pub(super) struct SensorSampler {
    sampler: Sampler,
    sensors: Vec<SensorInfo>,
}

/// Their part of a report that is on its way.
pub(super) struct PendingSensors {
    pending: Box<PendingReport>,
    sensors: Vec<SensorInfo>,
}

/// Reads them alone, with the CPU, on a machine without GPUs.
pub(super) fn open_alone(root: &Path) -> Result<Sampler, MeterError> {
    let nothing = || MeterError::InvalidOption("a sampler needs at least one device".to_owned());
    let (source, sensors) = SysfsSource::of_sensors(root).ok_or_else(nothing)?;
    let mut sampler = Sampler::beside_cpu(source.apart(), &options_of(&sensors), Rapl::open(root)?)?;
    sampler.sensors_alone = Some(sensors);
    Ok(sampler)
}

/// What each has measured.
pub(super) fn reports(sensors: Vec<SensorInfo>, devices: Vec<DeviceReport>) -> Vec<SensorReport> {
    let pairs = sensors.into_iter().zip(devices);
    pairs.map(|(sensor, device)| SensorReport { sensor, device }).collect()
}

/// Modules that GPUs are a part of, and what each is called.
pub(super) type Modules = (Vec<Box<dyn Source>>, Vec<SensorInfo>);

/// Those of the GPUs of a source. `indices`: the driver's, in the order of the source.
pub(super) fn modules_of(gpus: &NvmlSource, indices: &[u32]) -> Option<Modules> {
    let (source, with) = ModuleSource::of(gpus)?;
    let info = |position: usize| SensorInfo {
        name: format!("module of GPU {}", indices[position]),
        kind: SensorKind::Module,
        source: "NVML, scope module",
    };
    Some((source.apart(), with.into_iter().map(info).collect()))
}

fn options_of(sensors: &[SensorInfo]) -> SamplerOptions {
    let device = |(index, sensor): (u32, &SensorInfo)| DeviceOptions {
        uuid: sensor.name.clone(),
        index,
        known: Known::default(),
    };
    SamplerOptions {
        devices: (0..).zip(sensors).map(device).collect(),
        interval_ms: INTERVAL_MS,
        slow_interval_ms: SLOW_INTERVAL_MS,
        ..SamplerOptions::default()
    }
}

impl SensorSampler {
    /// The same, for as long as nobody has to wait for it: what hangs there must not cost the GPUs theirs.
    pub fn open_in_time(root: &Path, modules: Option<Modules>) -> Result<Option<Self>, String> {
        let (opened, root) = (channel(), root.to_path_buf());
        let (answers, answer) = opened;
        let opens = move || drop(answers.send(Self::open(&root, modules)));
        thread::Builder::new()
            .name("llem-opens".to_owned())
            .spawn(opens)
            .map_err(|error| format!("the sensors of no GPU were not opened: {error}"))?;
        match answer.recv_timeout(PATIENCE) {
            Ok(opened) => opened.map_err(|error| format!("the sensors of no GPU were not opened: {error}")),
            Err(_) => {
                Err(format!("the sensors of no GPU have not answered for {} s", PATIENCE.as_secs_f64()))
            }
        }
    }

    /// Those of this machine, and the modules of its GPUs; `None` where there are none.
    pub fn open(root: &Path, modules: Option<Modules>) -> Result<Option<Self>, MeterError> {
        let below_sys = SysfsSource::of_sensors(root).map(|(source, sensors)| (source.apart(), sensors));
        let (sources, infos): (Vec<_>, Vec<_>) = below_sys.into_iter().chain(modules).unzip();
        let (sources, sensors) = (sources.into_iter().flatten().collect(), infos.concat());
        if sensors.is_empty() {
            return Ok(None);
        }
        let sampler = Sampler::beside_cpu(sources, &options_of(&sensors), Rapl::none())?;
        Ok(Some(Self { sampler, sensors }))
    }

    /// Opens the window of this number, microseconds after that of the GPUs.
    pub fn begin(&self, id: u64) {
        self.sampler.begin_as(id, WindowOptions::default());
    }

    /// Closes it.
    pub fn end(&self, id: u64) -> PendingSensors {
        PendingSensors { pending: Box::new(self.sampler.end(id)), sensors: self.sensors.clone() }
    }

    pub fn cancel(&self, id: u64) {
        self.sampler.cancel(id);
    }
}

impl PendingSensors {
    /// What each has measured, and what went wrong.
    pub fn wait(self) -> (Vec<SensorReport>, Vec<String>) {
        match self.pending.wait() {
            Some(report) => (reports(self.sensors, report.devices), report.faults),
            None => (Vec::new(), vec!["the sensors below /sys gave no report".to_owned()]),
        }
    }
}
