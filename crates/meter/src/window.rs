//! One window over all devices: what was asked, what the recorder feeds it, and what it reports.
//! Everything in it has constant size, however long the window is.

use std::io;
use std::path::PathBuf;

use hdrhistogram::Histogram;

use crate::clock::{NS_PER_MS, seconds};
use crate::downsample::Downsampler;
use crate::energy::{CounterEdge, Estimates, Headline, History, Integral, Method, choose};
use crate::parquet::{FileFacts, SamplesFile, TimeseriesFile};
use crate::sample::{PollStats, Sample, ThrottleTimes};
use crate::source::ReadError;

/// How long after an edge readings may still say where inside its tick the power stepped.
pub(crate) const EDGE_SPAN_NS: u64 = 350 * NS_PER_MS;

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
    /// The sampler's own cost and punctuality over the window.
    pub sampler: SamplerReport,
    /// What went wrong beside the readings: a file that could not be written, a sampler that stopped.
    pub faults: Vec<String>,
}

/// One device over the window; `None` is what could not be known.
#[derive(Clone, Debug)]
pub struct DeviceReport {
    /// The number to quote, and why.
    pub headline: Headline,
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
    /// Mean watts over the covered part.
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
}

/// How the sampler itself did over a window.
#[derive(Clone, Debug, Default)]
pub struct SamplerReport {
    /// Samples at deadlines inside the window, all devices together.
    pub samples: u64,
    /// Deadlines that were skipped.
    pub missed_deadlines: u64,
    /// Samples lost because the recorder could not keep up.
    pub dropped: u64,
    /// Median lateness, microseconds.
    pub lateness_us_p50: Option<f64>,
    /// 99th percentile of the lateness, microseconds.
    pub lateness_us_p99: Option<f64>,
    /// CPU time of the sampler thread, seconds.
    pub cpu_s: f64,
    /// Time inside driver calls, seconds.
    pub driver_s: f64,
    /// Driver calls.
    pub driver_calls: u64,
}

/// A window that is being fed.
pub(crate) struct OpenWindow {
    start_ns: u64,
    start_unix_ns: u64,
    end_ns: Option<u64>,
    devices: Vec<DeviceWindow>,
    punctuality: Punctuality,
    timeseries: Option<TimeseriesFile>,
    samples: Option<SamplesFile>,
    faults: Vec<String>,
}

impl OpenWindow {
    pub fn new(options: &WindowOptions, facts: &FileFacts, caps: GapCaps, histories: &[History]) -> Self {
        let mut faults = Vec::new();
        let timeseries = options
            .timeseries_path
            .as_ref()
            .and_then(|path| keep(TimeseriesFile::create(path, facts), "timeseries.parquet", &mut faults));
        let samples = options
            .samples_path
            .as_ref()
            .and_then(|path| keep(SamplesFile::create(path, facts), "samples.parquet", &mut faults));
        let devices = histories
            .iter()
            .enumerate()
            .map(|(device, history)| DeviceWindow::new(device, facts.start_ns, caps, history))
            .collect();
        Self {
            start_ns: facts.start_ns,
            start_unix_ns: facts.start_unix_ns,
            end_ns: None,
            devices,
            punctuality: Punctuality::new(),
            timeseries,
            samples,
            faults,
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
        if let Some(poll) = sample.poll {
            self.punctuality.push(&poll, inside);
        }
        if inside && sample.poll.is_none_or(|poll| poll.lateness_ns.is_some()) {
            self.punctuality.samples += 1;
        }
        let device = &mut self.devices[sample.device];
        device.push(sample, inside, history);
        if let Some(file) = &mut self.timeseries {
            let mut written = Ok(());
            while written.is_ok()
                && let Some(row) = device.downsampler.next_row(sample.at_ns)
            {
                written = file.push(row);
            }
            give_up_on_error(
                &mut self.timeseries,
                written,
                "timeseries.parquet",
                &mut self.faults,
                TimeseriesFile::discard,
            );
        }
        if let Some(file) = &mut self.samples {
            let written = file.push(sample);
            give_up_on_error(
                &mut self.samples,
                written,
                "samples.parquet",
                &mut self.faults,
                SamplesFile::discard,
            );
        }
    }

    /// Whether every device was read `post_roll_ns` after the end.
    pub fn is_settled(&self, post_roll_ns: u64) -> bool {
        self.end_ns.is_some_and(|end_ns| {
            self.devices.iter().all(|device| device.last_sample_ns >= end_ns + post_roll_ns)
        })
    }

    /// The right edge, once it is set.
    pub fn end_ns(&self) -> Option<u64> {
        self.end_ns
    }

    /// Closes the files and reports. `end_ns` is the right edge.
    pub fn finish(mut self, end_ns: u64, histories: &[History], dropped: u64) -> WindowReport {
        let duration_ns = end_ns.saturating_sub(self.start_ns);
        if let Some(mut file) = self.timeseries.take() {
            let mut written = Ok(());
            for device in &mut self.devices {
                while written.is_ok()
                    && let Some(row) = device.downsampler.finish()
                {
                    written = file.push(row);
                }
            }
            let finished = match written {
                Ok(()) => file.finish(duration_ns),
                Err(error) => {
                    file.discard();
                    Err(error)
                }
            };
            keep(finished, "timeseries.parquet", &mut self.faults);
        }
        if let Some(file) = self.samples.take() {
            keep(file.finish(), "samples.parquet", &mut self.faults);
        }
        let devices = self
            .devices
            .into_iter()
            .zip(histories)
            .map(|(device, history)| device.report(duration_ns, history))
            .collect();
        let mut sampler = self.punctuality.report();
        sampler.dropped = dropped;
        WindowReport {
            start_ns: self.start_ns,
            end_ns,
            start_unix_ns: self.start_unix_ns,
            devices,
            sampler,
            faults: self.faults,
        }
    }

    /// Drops the window and its files.
    pub fn discard(self) {
        if let Some(file) = self.timeseries {
            file.discard();
        }
        if let Some(file) = self.samples {
            file.discard();
        }
    }
}

fn keep<T>(result: io::Result<T>, file: &str, faults: &mut Vec<String>) -> Option<T> {
    result.map_err(|error| faults.push(format!("{file} could not be written: {error}"))).ok()
}

/// A file that failed once is given up, so that a full disk costs the file and not the measurement.
fn give_up_on_error<T>(
    file: &mut Option<T>,
    written: io::Result<()>,
    name: &str,
    faults: &mut Vec<String>,
    discard: fn(T),
) {
    if keep(written, name, faults).is_none()
        && let Some(file) = file.take()
    {
        discard(file);
    }
}

/// The left edge is judged as soon as enough was read after it, while the history still reaches back to it.
enum StartEdge {
    Ahead,
    Judged(Option<CounterEdge>),
}

struct DeviceWindow {
    start_ns: u64,
    end_ns: u64,
    integral: Integral,
    downsampler: Downsampler,
    start_edge: StartEdge,
    counter: CounterTrack,
    last_sample_ns: u64,
    missing: u64,
    missing_reason: Option<ReadError>,
    temperature_start_c: Option<u32>,
    temperature_end_c: Option<u32>,
    temperature_max_c: Option<u32>,
    memory_used_max_bytes: Option<u64>,
    throttle_reasons: Option<u64>,
    throttle_first: Option<ThrottleTimes>,
    throttle_last: Option<ThrottleTimes>,
    throttle_complete: bool,
}

impl DeviceWindow {
    fn new(device: usize, start_ns: u64, caps: GapCaps, history: &History) -> Self {
        let mut integral = Integral::new(start_ns, caps.power_ns);
        // The last reading before the window is what its left edge is interpolated from.
        if let Some((at_ns, power_w)) = history.last_power() {
            integral.push(at_ns, power_w);
        }
        Self {
            start_ns,
            end_ns: u64::MAX,
            integral,
            downsampler: Downsampler::new(device, start_ns, caps.slow_ns, caps.slow_ns.max(caps.power_ns)),
            start_edge: StartEdge::Ahead,
            counter: CounterTrack::default(),
            last_sample_ns: 0,
            missing: 0,
            missing_reason: None,
            temperature_start_c: None,
            temperature_end_c: None,
            temperature_max_c: None,
            memory_used_max_bytes: None,
            throttle_reasons: None,
            throttle_first: None,
            throttle_last: None,
            throttle_complete: false,
        }
    }

    fn close(&mut self, end_ns: u64) {
        self.end_ns = end_ns;
        self.integral.close(end_ns);
        self.downsampler.close(end_ns);
    }

    fn push(&mut self, sample: &Sample, inside: bool, history: &History) {
        self.last_sample_ns = sample.at_ns;
        match sample.power_mw {
            Ok(power_mw) => {
                if let Some(piece) = self.integral.push(sample.at_ns, f64::from(power_mw) / 1000.0) {
                    self.downsampler.push_power(&piece);
                }
            }
            Err(reason) if inside => {
                self.missing += 1;
                self.missing_reason = Some(reason);
            }
            Err(_) => {}
        }
        if let Some(slow) = &sample.slow {
            self.downsampler.push_slow(sample.at_ns, slow);
            if inside {
                self.temperature_start_c = self.temperature_start_c.or(slow.temperature_c);
                self.temperature_end_c = slow.temperature_c.or(self.temperature_end_c);
                self.temperature_max_c = self.temperature_max_c.max(slow.temperature_c);
                self.memory_used_max_bytes = self.memory_used_max_bytes.max(slow.memory_used_bytes);
                if let Some(reasons) = slow.throttle_reasons {
                    self.throttle_reasons = Some(self.throttle_reasons.unwrap_or(0) | reasons);
                }
            }
        }
        if let Some(counter) = sample.counter
            && inside
        {
            self.counter.push(counter.energy_mj);
        }
        // Read at the edges of every window: the first one is this window's left edge, and the first one after
        // its end is its right edge.
        if let Some(throttle) = sample.throttle
            && !self.throttle_complete
        {
            self.throttle_first = self.throttle_first.or(Some(throttle));
            self.throttle_last = Some(throttle);
            self.throttle_complete = sample.at_ns >= self.end_ns;
        }
        if matches!(self.start_edge, StartEdge::Ahead) && sample.at_ns >= self.start_ns + EDGE_SPAN_NS {
            self.start_edge = StartEdge::Judged(history.counter_at(self.start_ns));
        }
    }

    fn report(self, duration_ns: u64, history: &History) -> DeviceReport {
        let start_edge = match self.start_edge {
            StartEdge::Judged(edge) => edge,
            StartEdge::Ahead => history.counter_at(self.start_ns),
        };
        let edges = start_edge.zip(history.counter_at(self.end_ns)).filter(|_| !self.counter.fell);
        let coverage =
            if duration_ns == 0 { 0.0 } else { self.integral.covered_ns() as f64 / duration_ns as f64 };
        let integral_j = self.integral.joules();
        // Between two ticks the correction may come out a hair below zero on an idle device.
        let counter_j = edges.map(|(start, end)| (end.corrected_j - start.corrected_j).max(0.0));
        let headline = choose(&Estimates {
            integral_j,
            coverage,
            integral_uncertainty_j: self.integral.sampling_uncertainty_j(),
            counter_j,
            counter_changes: self.counter.changes,
        });
        DeviceReport {
            headline,
            integral_j,
            counter_j,
            counter_raw_j: edges.map(|(start, end)| end.raw_j - start.raw_j),
            coverage,
            gap_s: seconds(duration_ns - self.integral.covered_ns().min(duration_ns)),
            readings: self.integral.readings(),
            missing: self.missing,
            missing_reason: self.missing_reason.map(|reason| reason.to_string()),
            mean_power_w: self.integral.mean_power_w(),
            max_power_w: self.integral.max_power_w(),
            temperature_start_c: self.temperature_start_c,
            temperature_end_c: self.temperature_end_c,
            temperature_max_c: self.temperature_max_c,
            memory_used_max_bytes: self.memory_used_max_bytes,
            throttle_reasons: self.throttle_reasons,
            throttled_ns: elapsed(self.throttle_first, self.throttle_last),
        }
    }
}

/// Whether the counter lives and only ever rises.
#[derive(Default)]
struct CounterTrack {
    last_mj: Option<u64>,
    changes: u64,
    fell: bool,
}

impl CounterTrack {
    fn push(&mut self, energy_mj: u64) {
        if let Some(last_mj) = self.last_mj {
            self.changes += u64::from(energy_mj != last_mj);
            self.fell |= energy_mj < last_mj;
        }
        self.last_mj = Some(energy_mj);
    }
}

fn elapsed(first: Option<ThrottleTimes>, last: Option<ThrottleTimes>) -> ThrottleTimes {
    let (first, last) = (first.unwrap_or_default(), last.unwrap_or_default());
    let between = |first: Option<u64>, last: Option<u64>| first.zip(last).and_then(|(a, b)| b.checked_sub(a));
    ThrottleTimes {
        power_cap_ns: between(first.power_cap_ns, last.power_cap_ns),
        sw_thermal_ns: between(first.sw_thermal_ns, last.sw_thermal_ns),
        hw_thermal_ns: between(first.hw_thermal_ns, last.hw_thermal_ns),
        power_brake_ns: between(first.power_brake_ns, last.power_brake_ns),
    }
}

struct Punctuality {
    samples: u64,
    lateness_us: Histogram<u32>,
    first: Option<PollStats>,
    last: PollStats,
}

impl Punctuality {
    fn new() -> Self {
        // 1 us to 60 s at two digits; later than that counts as 60 s.
        let lateness_us = Histogram::new_with_bounds(1, 60_000_000, 2).expect("the bounds are valid");
        Self { samples: 0, lateness_us, first: None, last: PollStats::default() }
    }

    fn push(&mut self, poll: &PollStats, inside: bool) {
        if !inside {
            return;
        }
        self.first.get_or_insert(*poll);
        self.last = *poll;
        if let Some(lateness_ns) = poll.lateness_ns {
            self.lateness_us.saturating_record(lateness_ns / 1000);
        }
    }

    fn report(&self) -> SamplerReport {
        let first = self.first.unwrap_or(self.last);
        let at = |quantile| {
            (!self.lateness_us.is_empty()).then(|| self.lateness_us.value_at_quantile(quantile) as f64)
        };
        SamplerReport {
            samples: self.samples,
            missed_deadlines: self.last.missed_deadlines - first.missed_deadlines,
            dropped: 0,
            lateness_us_p50: at(0.5),
            lateness_us_p99: at(0.99),
            cpu_s: seconds(self.last.cpu_ns - first.cpu_ns),
            driver_s: seconds(self.last.driver_ns - first.driver_ns),
            driver_calls: self.last.driver_calls - first.driver_calls,
        }
    }
}

impl WindowReport {
    /// The sum of what each device has, `None` as soon as one has nothing.
    pub fn total(&self, of: impl Fn(&DeviceReport) -> Option<f64>) -> Option<f64> {
        if self.devices.is_empty() {
            return None;
        }
        self.devices.iter().map(of).sum()
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
