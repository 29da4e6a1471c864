//! The sampler: one thread that reads on time, one that accounts, and a handle to mark windows with.

#[cfg(all(test, feature = "loom"))]
mod loom_tests;
pub(crate) mod poller;
mod pre_roll;
mod recorder;
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

use poller::{Pace, Poller, Wake};
use recorder::Recorder;
use rtrb::RingBuffer;
pub(crate) use schedule::EDGE_INTERVAL_NS;
use schedule::Schedule;
use sensors::{Modules, PendingSensors, SensorSampler, modules_of};
pub(crate) use setup::Setup;
pub use setup::{DeviceOptions, Known, SamplerOptions};
use setup::{nanoseconds, validate, validate_pace};
use shared::Shared;

use crate::clock::{NS_PER_MS, NS_PER_S, monotonic_ns};
use crate::contain::contained;
use crate::error::MeterError;
use crate::rapl::{CpuReport, Rapl};
use crate::sample::SlowSignals;
use crate::source::joined::JoinedSource;
use crate::source::nvml::NvmlSource;
use crate::source::sysfs::{self, SensorInfo, SysfsSource};
use crate::source::{PowerDomain, ReadError, Source};
use crate::window::{EDGE_SPAN_NS, WindowOptions, WindowReport};

/// So long after it opened everything is read as near an edge: the period of the counter, which little is known of
/// from the few ticks around one edge, then is known in each window, to a fifth of what it was. It costs two hundred
/// reads, once.
pub(crate) const OPENING_SPAN_NS: u64 = 1300 * NS_PER_MS;
/// Readings go on for so long before a window: two cells of a counter of 100 ms and what the sensor shows of them.
const PRE_ROLL_NS: u64 = 250 * NS_PER_MS;
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
    reading: Option<JoinHandle<()>>,
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
        if sysfs.is_empty() {
            return Ok((Self::over(gpus, options)?, modules));
        }
        let sources: Vec<Box<dyn Source>> = vec![Box::new(gpus), Box::new(open_sysfs()?)];
        let of = options.devices.iter().map(|device| usize::from(sysfs::is_of_sysfs(&device.uuid)));
        Ok((Self::over(JoinedSource::new(sources, of), options)?, modules))
    }

    /// Starts reading any source, whose devices are those of the options, in order.
    pub fn over<S: Source + 'static>(source: S, options: &SamplerOptions) -> Result<Self, MeterError> {
        Self::beside_cpu(source, options, Rapl::open(options.sysfs_root())?)
    }

    fn beside_cpu<S: Source + 'static>(
        source: S,
        options: &SamplerOptions,
        rapl: Rapl,
    ) -> Result<Self, MeterError> {
        validate(options)?;
        let count = source.device_count();
        let power_domains: Vec<_> = (0..count).map(|device| source.power_domain(device)).collect();
        let setup = Setup {
            uuids: options.devices.iter().map(|device| device.uuid.clone()).collect(),
            gpu_indices: options.devices.iter().map(|device| device.index.cast_signed()).collect(),
            interval_ns: nanoseconds(options.interval_ms),
            slow_interval_ns: match nanoseconds(options.slow_interval_ms) {
                slow_interval_ns if options.tick_locked => slow_interval_ns.max(TICK_LOCKED_SLOW_NS),
                slow_interval_ns => slow_interval_ns,
            },
            sensors: (0..count)
                .zip(&options.devices)
                .map(|(device, options)| options.known.of_sensor(source.sensor(device)))
                .collect(),
            known: options.devices.iter().map(|device| device.known).collect(),
        };
        let shared = Arc::new(Shared::new(setup.dense_ns()));
        shared.publish(|snapshot| snapshot.devices = vec![DeviceSnapshot::default(); count]);
        let opened_ns = monotonic_ns();
        // Who reads around the ticks only wants few calls.
        let opening_ns = if options.tick_locked { EDGE_SPAN_NS } else { OPENING_SPAN_NS };
        shared.make_dense_until(opened_ns + opening_ns);
        // Four seconds of samples: longer than any file system should stall the recorder. Near an edge a slow sampler
        // reads more.
        let capacity =
            count * usize::try_from(4 * NS_PER_S / setup.interval_ns).unwrap_or(usize::MAX).max(256);
        let (producer, consumer) = RingBuffer::new(capacity);
        let (looks, looked) = RingBuffer::new(4 * count);
        let pace = Pace {
            interval_ns: setup.interval_ns,
            slow_interval_ns: setup.slow_interval_ns,
            tick_locked: options.tick_locked,
        };
        let poller = Poller::new(source, pace, opened_ns, producer, looks);
        let schedule = Schedule::new(opened_ns, setup.interval_ns);
        let recorder = Recorder::new(setup.clone(), consumer, looked);
        let reading = spawn("llem-sampler", &shared, move |shared| {
            let run = contained(|| shared.asking().watch(|| sample_until_stopped(poller, schedule, shared)));
            shared.end_sampler(run.err().map(|panic| format!("the sampler stopped: {panic}")));
        })?;
        let accounting = spawn("llem-recorder", &shared, move |shared| recorder.run(shared))?;
        Ok(Self {
            shared,
            rapl,
            beside: None,
            beside_fault: None,
            sensors_alone: None,
            reading: Some(reading),
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
        wake(self.reading.as_ref());
        wake(self.accounting.as_ref());
        (id, start_ns)
    }

    /// Closes a window now. The report comes after the post-roll; waiting for it is the caller's choice.
    pub fn end(&self, id: u64) -> PendingReport {
        let (reply, report) = channel();
        let end_ns = self.shared.end(id, reply);
        let sensors = self.beside.as_ref().map(|beside| beside.end(id));
        wake(self.reading.as_ref());
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
        // One that has not answered for so long will not do so now.
        let is_silent = self.shared.waits_for(monotonic_ns(), NS_PER_S).is_some();
        let give_up = Instant::now() + if is_silent { Duration::ZERO } else { CLOSE_PATIENCE };
        if !self.reading.take().is_none_or(|thread| join_until(thread, give_up)) {
            self.shared.end_sampler(Some("a driver call did not return".to_owned()));
        }
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

fn spawn(
    name: &str,
    shared: &Arc<Shared>,
    run: impl FnOnce(&Shared) + Send + 'static,
) -> Result<JoinHandle<()>, MeterError> {
    let of_thread = Arc::clone(shared);
    thread::Builder::new()
        .name(name.to_owned())
        .spawn(move || run(&of_thread))
        .inspect_err(|_| shared.stop())
        .map_err(MeterError::Thread)
}

/// Whether the thread ended in time.
fn join_until(thread: JoinHandle<()>, give_up: Instant) -> bool {
    thread.thread().unpark();
    while !thread.is_finished() {
        if Instant::now() >= give_up {
            return false;
        }
        thread::sleep(Duration::from_millis(1));
    }
    // A panic was already turned into a fault.
    let _ = thread.join();
    true
}

fn wake(thread: Option<&JoinHandle<()>>) {
    if let Some(thread) = thread {
        thread.thread().unpark();
    }
}

fn sample_until_stopped<S: Source>(mut poller: Poller<S>, mut schedule: Schedule, shared: &Shared) {
    be_punctual();
    let mut edges_served = shared.edges();
    let mut polled_ns = monotonic_ns();
    while !shared.is_stopping() {
        let now_ns = monotonic_ns();
        let edges = shared.edges();
        let between_ns = schedule.between_ns(polled_ns, shared.dense_until_ns());
        if edges != edges_served {
            edges_served = edges;
            poller.hasten(now_ns);
            poller.poll(Wake::Edge, schedule.missed(), shared);
        } else if now_ns >= schedule.next_ns() {
            let lateness_ns = now_ns - schedule.next_ns();
            poller.poll(Wake::Deadline { lateness_ns }, schedule.missed(), shared);
            poller.look(shared);
            schedule.advance(monotonic_ns());
            schedule.skip_while(|deadline_ns| !poller.wants(deadline_ns, shared));
        } else if between_ns.is_some_and(|due_ns| now_ns >= due_ns) {
            poller.poll(Wake::NearEdge, schedule.missed(), shared);
        } else {
            let next_ns = between_ns.unwrap_or(u64::MAX).min(schedule.next_ns());
            thread::park_timeout(Duration::from_nanos(next_ns - now_ns));
            continue;
        }
        polled_ns = now_ns;
    }
}

/// Asks the kernel to wake this thread on time. Public for the bench, which measures what waking up costs by itself.
pub fn be_punctual() {
    // The default slack lets the kernel be 50 us late on purpose (man 2 prctl).
    // SAFETY: PR_SET_TIMERSLACK takes one integer and changes this thread only.
    unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, 1) };
    // On a host whose cores are all busy a normal thread waits for milliseconds: its p99 fell from 2.5 ms to 0.1 ms
    // with the lowest real-time priority. Without the right to it (root, or `ulimit -r`) all stays as it was.
    // musl's struct has more fields, which this policy does not read; its call answers ENOSYS, and all stays as it was.
    // SAFETY: integers only, of which each may be 0.
    let mut lowest: libc::sched_param = unsafe { std::mem::zeroed() };
    lowest.sched_priority = 1;
    // SAFETY: 0 is this thread, and `lowest` lives through the call.
    unsafe { libc::sched_setscheduler(0, libc::SCHED_FIFO | libc::SCHED_RESET_ON_FORK, &raw const lowest) };
}
