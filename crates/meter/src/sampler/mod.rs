//! The sampler: one thread that reads on time, one that accounts, and a handle to mark windows with.

mod devices;
#[cfg(all(test, feature = "loom"))]
mod loom_tests;
pub(crate) mod poller;
mod pre_roll;
mod reader;
mod reading;
mod recorder;
#[cfg(test)]
mod relief_tests;
pub(crate) mod schedule;
mod sensors;
mod setup;
mod shared;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use devices::Devices;
use poller::Pace;
pub use reading::be_punctual;
use reading::{Reading, join_until};
use recorder::Recorder;
pub(crate) use schedule::EDGE_INTERVAL_NS;
use sensors::{Modules, PendingSensors, SensorSampler, modules_of};
pub(crate) use setup::Setup;
pub use setup::{DeviceOptions, Known, SamplerOptions};
use setup::{nanoseconds, validate, validate_pace};
use shared::Shared;

use crate::clock::{NS_PER_MS, monotonic_ns};
use crate::error::MeterError;
use crate::rapl::{CpuReport, Rapl};
use crate::sample::SlowSignals;
use crate::source::nvml::NvmlSource;
use crate::source::sysfs::{self, SensorInfo, SysfsSource};
use crate::source::{PowerDomain, ReadError, Source};
use crate::window::{EDGE_SPAN_NS, WindowOptions, WindowReport};

/// So long after it opened everything is read as near an edge: the period of the counter, which little is known of
/// from the few ticks around one edge, then is known in each window, to a fifth of what it was. It costs two hundred
/// reads, once.
pub(crate) const OPENING_SPAN_NS: u64 = 1300 * NS_PER_MS;
/// Readings go on for so long before a window: two cells of a counter of 100 ms and what the sensor shows of them.
pub(crate) const PRE_ROLL_NS: u64 = 250 * NS_PER_MS;
/// The slow signals are most of the calls of a sampler that reads the power around the sensor's ticks only.
const TICK_LOCKED_SLOW_NS: u64 = 500 * NS_PER_MS;
/// How long `close` waits for a driver call that does not return.
const CLOSE_PATIENCE: Duration = Duration::from_secs(2);

/// The last readings, for a live display.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// Monotonic time of the newest sample; 0 before the first.
    pub at_ns: u64,
    /// One per device.
    pub devices: Vec<DeviceSnapshot>,
}

/// The last readings of one device.
#[derive(Clone, Debug, Default)]
pub struct DeviceSnapshot {
    /// Monotonic time of its newest sample; 0 before the first.
    pub at_ns: u64,
    /// Power now, watts.
    pub power_w: Option<f64>,
    /// Why there is no power, where the last reading failed.
    pub failure: Option<ReadError>,
    /// Energy since the sampler opened, by the integral.
    pub joules_since_open: Option<f64>,
    /// The slow signals.
    pub slow: SlowSignals,
}

/// A running sampler. Dropping it stops its threads.
pub struct Sampler {
    shared: Arc<Shared>,
    rapl: Rapl,
    /// The sensors that are of no GPU, read by threads of their own.
    beside: Option<Box<SensorSampler>>,
    /// Why there are none although there may be.
    beside_fault: Option<String>,
    /// What the devices are, where they are such sensors and no GPUs.
    sensors_alone: Option<Vec<SensorInfo>>,
    reading: Arc<Reading>,
    accounting: Option<JoinHandle<()>>,
    next_window: AtomicU64,
    setup: Setup,
    power_domains: Vec<PowerDomain>,
    opened_ns: u64,
}

impl Sampler {
    /// Opens GPUs through NVML and below /sys, and all other sensors there, and starts reading. On return the first deadline
    /// is due. Without devices it reads the other sensors alone, and fails where there are none.
    pub fn open(options: &SamplerOptions) -> Result<Self, MeterError> {
        let root = options.sysfs_root();
        validate_pace(options)?;
        if options.devices.is_empty() {
            return sensors::open_alone(root);
        }
        let (mut sampler, modules) = Self::over_gpus(options, root)?;
        match SensorSampler::open_in_time(root, modules) {
            Ok(beside) => sampler.beside = beside.map(Box::new),
            Err(why) => sampler.beside_fault = Some(why),
        }
        Ok(sampler)
    }

    /// Also the modules that the GPUs are a part of.
    fn over_gpus(options: &SamplerOptions, root: &Path) -> Result<(Self, Option<Modules>), MeterError> {
        let (sysfs, nvml): (Vec<_>, Vec<_>) =
            options.devices.iter().partition(|device| sysfs::is_of_sysfs(&device.uuid));
        let uuids = |devices: &[&DeviceOptions]| -> Vec<String> {
            devices.iter().map(|device| device.uuid.clone()).collect()
        };
        let open_sysfs = || {
            let proc_root = options.proc_root.as_deref().unwrap_or(Path::new("/proc"));
            let uuids = uuids(&sysfs);
            Ok::<_, MeterError>(SysfsSource::open(root, &uuids)?.listing_processes(root, proc_root, &uuids))
        };
        if nvml.is_empty() {
            return Ok((Self::over(open_sysfs()?, options)?, None));
        }
        let gpus = NvmlSource::open(options.library_path.as_deref(), &uuids(&nvml))?;
        let indices: Vec<u32> = nvml.iter().map(|device| device.index).collect();
        let modules = modules_of(&gpus, &indices);
        let mut gpus = gpus.apart().into_iter();
        let cards = if sysfs.is_empty() { Vec::new() } else { open_sysfs()?.apart() };
        let mut cards = cards.into_iter();
        let mut next = |device: &DeviceOptions| {
            if sysfs::is_of_sysfs(&device.uuid) { cards.next() } else { gpus.next() }
        };
        let sources = options.devices.iter().filter_map(&mut next).collect();
        Ok((Self::beside_cpu(sources, options, Rapl::open(root)?)?, modules))
    }

    /// Starts reading any source, whose devices are those of the options, in order.
    pub fn over<S: Source + 'static>(source: S, options: &SamplerOptions) -> Result<Self, MeterError> {
        Self::beside_cpu(source.apart(), options, Rapl::open(options.sysfs_root())?)
    }

    fn beside_cpu(
        sources: Vec<Box<dyn Source>>,
        options: &SamplerOptions,
        rapl: Rapl,
    ) -> Result<Self, MeterError> {
        validate(options)?;
        let devices = Devices::new(sources);
        let count = devices.count();
        let ask = |device| devices.ask(device, |source, at| (source.power_domain(at), source.sensor(at)));
        let (power_domains, sensors): (Vec<_>, Vec<_>) = (0..count).map(ask).unzip();
        let setup = Setup {
            uuids: options.devices.iter().map(|device| device.uuid.clone()).collect(),
            gpu_indices: options.devices.iter().map(|device| device.index.cast_signed()).collect(),
            interval_ns: nanoseconds(options.interval_ms),
            slow_interval_ns: match nanoseconds(options.slow_interval_ms) {
                slow_interval_ns if options.tick_locked => slow_interval_ns.max(TICK_LOCKED_SLOW_NS),
                slow_interval_ns => slow_interval_ns,
            },
            sensors: sensors
                .into_iter()
                .zip(&options.devices)
                .map(|(sensor, options)| options.known.of_sensor(sensor))
                .collect(),
            known: options.devices.iter().map(|device| device.known).collect(),
        };
        let shared = Arc::new(Shared::new(setup.dense_ns()));
        shared.publish(|snapshot| snapshot.devices = vec![DeviceSnapshot::default(); count]);
        let opened_ns = monotonic_ns();
        // Who reads around the ticks only wants few calls.
        let opening_ns = if options.tick_locked { EDGE_SPAN_NS } else { OPENING_SPAN_NS };
        shared.make_dense_until(opened_ns + opening_ns);
        let pace = Pace {
            interval_ns: setup.interval_ns,
            slow_interval_ns: setup.slow_interval_ns,
            tick_locked: options.tick_locked,
        };
        let reading = Arc::new(Reading::new(devices, pace, opened_ns, Arc::clone(&shared)));
        let ring = reading.start().inspect_err(|_| shared.stop()).map_err(MeterError::Thread)?;
        let recorder = Recorder::new(setup.clone(), Arc::clone(&reading), ring);
        let of_thread = Arc::clone(&shared);
        let accounting = thread::Builder::new()
            .name("llem-recorder".to_owned())
            .spawn(move || recorder.run(&of_thread))
            .inspect_err(|_| shared.stop())
            .map_err(MeterError::Thread)?;
        Ok(Self {
            shared,
            rapl,
            beside: None,
            beside_fault: None,
            sensors_alone: None,
            reading,
            accounting: Some(accounting),
            next_window: AtomicU64::new(1),
            setup,
            power_domains,
            opened_ns,
        })
    }

    /// Opens a window now. Answers its number and its left edge in monotonic nanoseconds.
    pub fn begin(&self, options: WindowOptions) -> (u64, u64) {
        let id = self.next_window.fetch_add(1, Ordering::Relaxed);
        self.begin_as(id, options)
    }

    fn begin_as(&self, id: u64, options: WindowOptions) -> (u64, u64) {
        // Files are of GPUs.
        let options = if self.sensors_alone.is_some() { WindowOptions::default() } else { options };
        let start_ns = self.rapl.begin(id, || {
            let start_ns = self.shared.begin(id, options);
            if let Some(beside) = &self.beside {
                beside.begin(id);
            }
            start_ns
        });
        self.reading.wake();
        wake(self.accounting.as_ref());
        (id, start_ns)
    }

    /// Closes a window now. The report comes after the post-roll; waiting for it is the caller's choice.
    pub fn end(&self, id: u64) -> PendingReport {
        let (reply, report) = channel();
        let end_ns = self.shared.end(id, reply);
        let sensors = self.beside.as_ref().map(|beside| beside.end(id));
        self.reading.wake();
        wake(self.accounting.as_ref());
        let post_roll = Duration::from_nanos(self.setup.post_roll_ns());
        PendingReport {
            report,
            cpu: self.rapl.end(id, end_ns),
            sensors,
            sensors_alone: self.sensors_alone.clone(),
            beside_fault: self.beside_fault.clone(),
            patience: post_roll + Duration::from_secs(10),
        }
    }

    /// Drops a window and what it wrote.
    pub fn cancel(&self, id: u64) {
        self.shared.cancel(id);
        self.rapl.cancel(id);
        if let Some(beside) = &self.beside {
            beside.cancel(id);
        }
    }

    /// The last readings.
    pub fn snapshot(&self) -> Snapshot {
        self.shared.snapshot()
    }

    /// Which power reading each device gives, in order.
    pub fn power_domains(&self) -> &[PowerDomain] {
        if self.sensors_alone.is_some() { &[] } else { &self.power_domains }
    }

    /// Nanoseconds until readings lie far enough back for a window that opens now, 0 when they do.
    pub fn pre_roll_left_ns(&self) -> u64 {
        (self.opened_ns + PRE_ROLL_NS).saturating_sub(monotonic_ns())
    }

    /// Stops both threads and waits for them, but not for ever: a driver call that hangs is left behind.
    pub fn close(&mut self) {
        self.shared.stop();
        self.reading.join(CLOSE_PATIENCE);
        if let Some(thread) = self.accounting.take() {
            join_until(thread, Instant::now() + CLOSE_PATIENCE);
        }
    }
}

impl Drop for Sampler {
    fn drop(&mut self) {
        self.close();
    }
}

/// A report that is on its way.
pub struct PendingReport {
    report: Receiver<WindowReport>,
    cpu: CpuReport,
    sensors: Option<PendingSensors>,
    sensors_alone: Option<Vec<SensorInfo>>,
    beside_fault: Option<String>,
    patience: Duration,
}

impl PendingReport {
    /// Waits for it. `None` when there will be none: the window is unknown, or the sampler was closed.
    pub fn wait(self) -> Option<WindowReport> {
        let report = self.report.recv_timeout(self.patience).ok()?;
        if let Some(infos) = self.sensors_alone {
            let sensors = sensors::reports(infos, report.devices);
            return Some(WindowReport { cpu: self.cpu, sensors, devices: Vec::new(), ..report });
        }
        let (sensors, faults) = self.sensors.map_or_else(Default::default, PendingSensors::wait);
        let mut report = WindowReport { cpu: self.cpu, sensors, ..report };
        // What befell the machine, both say.
        report.faults.extend(faults.into_iter().chain(self.beside_fault));
        report.faults.dedup();
        Some(report)
    }
}

fn wake(thread: Option<&JoinHandle<()>>) {
    if let Some(thread) = thread {
        thread.thread().unpark();
    }
}
