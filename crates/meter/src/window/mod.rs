//! One window over all devices: what was asked, what the recorder feeds it, and what it reports.
//! Everything in it has constant size, however long the window is.

pub(crate) mod device;
mod edge;
mod first_update;
#[cfg(test)]
mod fuzz_tests;
mod punctuality;
mod readings;
mod report;
mod slow;
#[cfg(test)]
mod tests;

use std::io;
use std::panic::resume_unwind;
use std::path::PathBuf;
use std::thread::{self, ScopedJoinHandle};

use device::DeviceWindow;
pub use first_update::{FirstUpdate, FirstUpdates};
use punctuality::Punctuality;
pub use report::{DeviceReport, DriverFault, SamplerReport, SensorReport, WindowReport};

use crate::clock::{NS_PER_MS, seconds, slept_ns};
use crate::downsample::Row;
use crate::energy::{History, Side, Ways};
use crate::parquet::{EndFacts, FileFacts, SamplesFile, TimeseriesFile};
use crate::rapl::CpuReport;
use crate::sample::Sample;
use crate::tenancy::Look;

/// How long after an edge readings may still say where inside its tick the power stepped.
pub(crate) const EDGE_SPAN_NS: u64 = 350 * NS_PER_MS;

/// A machine takes longer to fall asleep and wake up.
const SHORTEST_SLEEP_NS: u64 = 500 * NS_PER_MS;

const TIMESERIES: &str = "timeseries.parquet";
const SAMPLES: &str = "samples.parquet";

/// Which files a window leaves behind.
#[derive(Clone, Debug, Default)]
pub struct WindowOptions {
    /// Where the 1 Hz rows go.
    pub timeseries_path: Option<PathBuf>,
    /// Where every sample goes.
    pub samples_path: Option<PathBuf>,
}

/// The pauses that are bridged.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GapCaps {
    pub power_ns: u64,
    pub slow_ns: u64,
}

/// A window that is being fed. Dropped before it is finished, it leaves no file.
pub(crate) struct OpenWindow {
    start_ns: u64,
    start_unix_ns: u64,
    /// How long the machine had slept when it opened.
    slept_before_ns: u64,
    end_ns: Option<u64>,
    devices: Vec<DeviceWindow>,
    punctuality: Punctuality,
    timeseries: Option<TimeseriesFile>,
    samples: Option<SamplesFile>,
    faults: Vec<String>,
}

impl OpenWindow {
    /// `histories`: each device's last seconds. `before`: its last sample with a power reading. `earlier`: all the
    /// samples that the left edge looks back to. `dropped`: samples lost so far.
    pub fn new<'a>(
        options: &WindowOptions,
        facts: &FileFacts,
        histories: &[History],
        before: &[Option<Sample>],
        mut earlier: impl Iterator<Item = &'a Sample>,
        dropped: u64,
    ) -> Self {
        let caps = GapCaps { power_ns: facts.power_gap_cap_ns, slow_ns: facts.slow_gap_cap_ns };
        let mut faults = Vec::new();
        let timeseries = options
            .timeseries_path
            .as_ref()
            .and_then(|path| keep(TimeseriesFile::create(path, facts), TIMESERIES, &mut faults));
        let samples = options.samples_path.as_ref().and_then(|path| {
            let file = SamplesFile::create(path, facts).and_then(|mut file| {
                earlier.try_for_each(|sample| file.push(sample))?;
                Ok(file)
            });
            keep(file, SAMPLES, &mut faults)
        });
        let devices = histories
            .iter()
            .zip(before)
            .enumerate()
            .map(|(device, (history, before))| {
                DeviceWindow::new(device, facts.start_ns, caps, history, before.as_ref())
            })
            .collect();
        Self {
            start_ns: facts.start_ns,
            start_unix_ns: facts.start_unix_ns,
            slept_before_ns: slept_ns(),
            end_ns: None,
            devices,
            punctuality: Punctuality::new(dropped),
            timeseries,
            samples,
            faults,
        }
    }

    /// Judges the left edge only so long after it, where readings around it are rare, and both edges as these.
    pub fn look_on(&mut self, edge_span_ns: u64, sides: [Side; 2]) {
        for device in &mut self.devices {
            device.look_on(edge_span_ns, sides);
        }
    }

    /// Sets the right edge; the window goes on being fed until its end is covered.
    pub fn close(&mut self, end_ns: u64) {
        self.end_ns = Some(end_ns);
        for device in &mut self.devices {
            device.close(end_ns);
        }
    }

    /// Takes a sample; `history` already holds it.
    pub fn push(&mut self, sample: &Sample, history: &History) {
        let end_ns = self.end_ns.unwrap_or(u64::MAX);
        let inside = (self.start_ns..=end_ns).contains(&sample.at_ns);
        if inside {
            self.punctuality.push(sample);
        }
        let device = &mut self.devices[sample.device];
        device.push(sample, inside, history);
        // Taken out also where nobody wants them: what is left inside would grow with the window.
        let mut settled = std::iter::from_fn(|| device.downsampler.next_row(sample.at_ns));
        if let Some(file) = &mut self.timeseries {
            let written = file.push_all(&mut settled);
            give_up_on_error(&mut self.timeseries, written, TIMESERIES, &mut self.faults);
        } else {
            settled.for_each(drop);
        }
        if let Some(file) = &mut self.samples {
            let written = file.push(sample);
            give_up_on_error(&mut self.samples, written, SAMPLES, &mut self.faults);
        }
    }

    /// What the left edge of a device has taught of its sensor, once.
    pub fn take_taught(&mut self, device: usize) -> Option<Ways> {
        self.devices[device].take_taught()
    }

    /// Takes a look at who computes; one from after the right edge is not this window's.
    pub fn look(&mut self, look: &Look) {
        if self.end_ns.is_none_or(|end_ns| look.at_ns <= end_ns) {
            self.devices[look.device].tenancy.push(look);
        }
    }

    /// Tells of a fault, once.
    pub fn fail(&mut self, fault: &str) {
        if !self.faults.iter().any(|told| told == fault) {
            self.faults.push(fault.to_owned());
        }
    }

    /// Whether all that the right edges need has been read; `post_roll_ns` after the end, where the counter does not say
    /// otherwise.
    pub fn is_settled(&self, post_roll_ns: u64) -> bool {
        self.end_ns.is_some() && self.devices.iter().all(|device| device.is_settled(post_roll_ns))
    }

    /// The right edge, once it is set.
    pub fn end_ns(&self) -> Option<u64> {
        self.end_ns
    }

    /// Closes the files and reports. `end_ns` is the right edge; the histories are the devices'.
    pub fn finish(mut self, end_ns: u64, histories: &[History], dropped: u64) -> WindowReport {
        let duration_ns = end_ns.saturating_sub(self.start_ns);
        if let Some(mut file) = self.timeseries.take() {
            let mut rows: Vec<Row> = self
                .devices
                .iter_mut()
                .flat_map(|device| std::iter::from_fn(|| device.downsampler.finish()))
                .collect();
            rows.sort_by(|a, b| a.timestamp_s.total_cmp(&b.timestamp_s));
            let finished = file.push_all(rows.into_iter()).and_then(|()| file.finish(duration_ns));
            keep(finished, TIMESERIES, &mut self.faults);
        }
        if let Some(file) = self.samples.take() {
            let devices = || self.devices.iter().zip(histories);
            let end = EndFacts {
                end_ns,
                beliefs: devices().map(|(device, history)| device.beliefs(history)).collect(),
                first_updates: devices().map(|(device, history)| device.first_updates(history)).collect(),
            };
            keep(file.finish(&end), SAMPLES, &mut self.faults);
        }
        self.faults.extend(sleep_between(self.slept_before_ns, slept_ns()));
        let devices = reports(self.devices, histories, duration_ns);
        WindowReport {
            start_ns: self.start_ns,
            end_ns,
            start_unix_ns: self.start_unix_ns,
            devices,
            // Not the recorder's: it was read on the caller's thread, at the edges.
            cpu: CpuReport::default(),
            sensors: Vec::new(),
            sampler: self.punctuality.report(dropped),
            faults: self.faults,
        }
    }
}

/// Judges the right edges side by side: somebody waits, and each takes milliseconds of arithmetic.
fn reports(devices: Vec<DeviceWindow>, histories: &[History], duration_ns: u64) -> Vec<DeviceReport> {
    thread::scope(|scope| {
        let judged: Vec<_> = devices
            .into_iter()
            .zip(histories)
            .map(|(device, history)| scope.spawn(move || device.report(duration_ns, history)))
            .collect();
        let report = |thread: ScopedJoinHandle<'_, DeviceReport>| {
            thread.join().unwrap_or_else(|panic| resume_unwind(panic))
        };
        judged.into_iter().map(report).collect()
    })
}

/// That the machine slept meanwhile, if it did: its clock stood still, its GPUs lost their state, and what they used is in
/// no reading.
fn sleep_between(before_ns: u64, after_ns: u64) -> Option<String> {
    let slept_ns = after_ns.saturating_sub(before_ns);
    // The two clocks are read one after the other, and a busy machine may pause a thread in between.
    (slept_ns > SHORTEST_SLEEP_NS).then(|| {
        format!(
            "the machine slept for {:.0} s during the window, which neither its time nor its energy hold",
            seconds(slept_ns)
        )
    })
}

fn keep<T>(result: io::Result<T>, file: &str, faults: &mut Vec<String>) -> Option<T> {
    result.map_err(|error| faults.push(format!("{file} could not be written: {error}"))).ok()
}

/// A file that failed once is given up, so that a full disk costs the file and not the measurement.
fn give_up_on_error<T>(file: &mut Option<T>, written: io::Result<()>, name: &str, faults: &mut Vec<String>) {
    if keep(written, name, faults).is_none() {
        *file = None;
    }
}
