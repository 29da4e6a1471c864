//! The energy of a window once more, from the samples in its file: through the same code, in the same order, with
//! what was known before the window taken from the file's metadata.

use std::io;
use std::path::Path;

use crate::clock::NS_PER_MS;
use crate::energy::{Belief, History, Pieces};
use crate::parquet::{FileFacts, SampleRows};
use crate::sampler::EDGE_INTERVAL_NS;
use crate::window::{EDGE_SPAN_NS, OpenWindow, WindowOptions, WindowReport};

/// Inside a window the counter is read twice a second, so an edge there is judged once it was read again.
const RARE_EDGE_SPAN_NS: u64 = 1200 * NS_PER_MS;

/// The report of the window that a `samples.parquet` holds. What is not in the file is missing in the report: the
/// throttle times, and the sampler's cost and lateness.
pub fn recompute(samples_path: &Path) -> io::Result<WindowReport> {
    let samples = SampleRows::open(samples_path)?;
    let part =
        Part { start_ns: samples.facts.start_ns, end_ns: samples.end.end_ns, edge_span_ns: EDGE_SPAN_NS };
    let first_updates = samples.end.first_updates.clone();
    let mut report = replay(samples, part)?;
    // They rest on changes from before the file, as the periods do.
    for (position, device) in report.devices.iter_mut().enumerate() {
        device.first_updates = first_updates.get(position).copied().unwrap_or_default();
    }
    Ok(report)
}

/// The report of a part of that window, as if a window had been opened and closed at its edges; only that around them
/// nothing was read more often than elsewhere. Where the counter's edges are uncertain for that reason and it confirms
/// the readings, their integral is quoted. Fails with `InvalidInput` where the part does not lie in the window.
pub fn recompute_between(samples_path: &Path, start_ns: u64, end_ns: u64) -> io::Result<WindowReport> {
    let samples = SampleRows::open(samples_path)?;
    check_within(&samples, &[start_ns, end_ns])?;
    replay(samples, Part { start_ns, end_ns, edge_span_ns: RARE_EDGE_SPAN_NS })
}

/// The integral of each device's power between neighbouring boundaries, which are in order and lie in the window of a
/// `samples.parquet`: by the same line over the same readings as the window's, so that from edge to edge the pieces add
/// up to its integral. Fails with `InvalidInput` for other boundaries.
pub fn pieces<'a>(samples_path: &Path, boundaries: &'a [u64]) -> io::Result<Vec<Pieces<'a>>> {
    let mut samples = SampleRows::open(samples_path)?;
    check_within(&samples, boundaries)?;
    let gap_cap_ns = samples.facts.power_gap_cap_ns;
    let lags_ns: Vec<u64> = histories_of(&samples).iter().map(|history| history.sensor().lag_ns()).collect();
    let mut pieces = vec![Pieces::new(boundaries, gap_cap_ns); lags_ns.len()];
    for sample in &mut samples {
        let sample = sample?;
        if let Some(power_w) = sample.power_w() {
            pieces[sample.device].push(sample.at_ns.saturating_sub(lags_ns[sample.device]), power_w);
        }
    }
    Ok(pieces)
}

fn check_within(samples: &SampleRows, moments: &[u64]) -> io::Result<()> {
    let within = samples.facts.start_ns..=samples.end.end_ns;
    if moments.is_sorted() && moments.iter().all(|moment_ns| within.contains(moment_ns)) {
        return Ok(());
    }
    Err(io::Error::new(io::ErrorKind::InvalidInput, "the moments are not in order or not all in its window"))
}

/// Empty histories that know what was known when the window opened: a rhythm rests on more of the past than the file
/// holds, so what was found of it is in the metadata.
fn histories_of(samples: &SampleRows) -> Vec<History> {
    let SampleRows { facts, end, .. } = samples;
    let interval_ns = facts.interval_ns.min(EDGE_INTERVAL_NS);
    let mut histories: Vec<History> =
        facts.sensors.iter().map(|sensor| History::new(facts.history_ns, interval_ns, *sensor)).collect();
    pin(&mut histories, &end.beliefs, OPENED);
    histories
}

/// The moments whose periods are in the metadata.
const OPENED: usize = 0;
const LEFT_EDGE: usize = 1;
const RIGHT_EDGE: usize = 2;

fn pin(histories: &mut [History], beliefs: &[[Belief; 3]], moment: usize) {
    for (history, beliefs) in histories.iter_mut().zip(beliefs) {
        history.pin(beliefs[moment]);
    }
}

/// The stretch of time to report on.
#[expect(clippy::struct_field_names, reason = "the unit is in every name")]
#[derive(Clone, Copy)]
struct Part {
    start_ns: u64,
    end_ns: u64,
    edge_span_ns: u64,
}

fn replay(
    mut samples: SampleRows,
    Part { start_ns, end_ns, edge_span_ns }: Part,
) -> io::Result<WindowReport> {
    let (whole, end) = (samples.facts.clone(), samples.end.clone());
    let mut histories = histories_of(&samples);
    let facts =
        FileFacts { start_ns, start_unix_ns: whole.start_unix_ns + (start_ns - whole.start_ns), ..whole };
    let nothing_before = vec![None; histories.len()];
    let options = WindowOptions::default();
    let mut window = OpenWindow::new(&options, &facts, &histories, &nothing_before, [].iter(), 0);
    window.look_on(edge_span_ns);
    window.close(end_ns);
    // Of a later left edge more was known, and by the end the most.
    pin(&mut histories, &end.beliefs, if start_ns == whole.start_ns { LEFT_EDGE } else { RIGHT_EDGE });
    for sample in &mut samples {
        let sample = sample?;
        let history = &mut histories[sample.device];
        history.push(&sample);
        window.push(&sample, history);
        // An edge in the middle is judged before the readings around it are forgotten.
        if end_ns < end.end_ns && window.is_settled(edge_span_ns) {
            break;
        }
    }
    pin(&mut histories, &end.beliefs, RIGHT_EDGE);
    Ok(window.finish(end_ns, &histories, 0))
}

#[cfg(test)]
mod tests {
    use std::thread;
    use std::time::Duration;

    use super::*;
    use crate::clock::monotonic_ns;
    use crate::energy::Sensor;
    use crate::window::DeviceReport;
    use crate::sample::{SlowSignals, ThrottleTimes};
    use crate::sampler::{DeviceOptions, Known};
    use crate::source::{PowerDomain, ReadError, Source};
    use crate::tenancy::{Limits, Processes};
    use crate::{Sampler, SamplerOptions};

    /// A restless load seen every 100 ms; what fails fails in the second quarter of each second.
    struct Restless {
        opened_ns: u64,
        fails: Option<ReadError>,
    }

    impl Restless {
        fn tick(&self) -> u64 {
            (monotonic_ns() - self.opened_ns) / (100 * NS_PER_MS)
        }
    }

    impl Source for Restless {
        fn device_count(&self) -> usize {
            2
        }

        fn power_domain(&self, _device: usize) -> PowerDomain {
            PowerDomain::Instant
        }

        fn sensor(&self, _device: usize) -> Sensor {
            Sensor::DATACENTER
        }

        fn power_mw(&mut self, device: usize) -> Result<u32, ReadError> {
            let tick = self.tick();
            match self.fails.filter(|_| device == 1 && tick % 10 / 3 == 1) {
                Some(error) => Err(error),
                None => Ok(u32::try_from(300_000 + tick * 7_919 % 200_123).expect("small")),
            }
        }

        fn counter_mj(&mut self, _device: usize) -> Result<u64, ReadError> {
            Ok((0..self.tick()).map(|tick| 30_000 + tick * 7_919 % 20_011).sum())
        }

        fn slow_signals(&mut self, _device: usize) -> SlowSignals {
            SlowSignals { temperature_c: Some(50), throttle_reasons: Some(4), ..SlowSignals::default() }
        }

        fn throttle_times(&mut self, _device: usize) -> ThrottleTimes {
            ThrottleTimes::default()
        }

        fn processes(&mut self, _device: usize) -> Result<Processes, ReadError> {
            Err(ReadError::NotSupported)
        }

        fn limits(&mut self, _device: usize) -> Limits {
            Limits::default()
        }

        fn calls(&self) -> u64 {
            0
        }
    }

    /// All that the samples tell, to the last bit.
    fn told(device: &DeviceReport) -> impl PartialEq + std::fmt::Debug {
        let energy = (device.headline.clone(), device.kind, device.integral_j, device.counter_j);
        let readings = (device.readings, device.missing, device.missing_reason.clone(), device.coverage);
        let beside = (device.counter_raw_j, device.gain_ratio, device.gap_s, device.mean_power_w);
        let signals = (device.temperature_start_c, device.temperature_max_c, device.throttle_reasons);
        (energy, readings, beside, signals, device.first_updates)
    }

    #[test]
    fn the_file_holds_every_bit_of_the_report() {
        let device = |index| DeviceOptions { uuid: format!("GPU-{index}"), index, known: Known::default() };
        for (fails, length_ms) in [(None, 1500), (Some(ReadError::GpuLost), 1100), (None, 250)] {
            let options = SamplerOptions {
                devices: [0, 3].map(device).to_vec(),
                interval_ms: 7.0,
                slow_interval_ms: 50.0,
                ..SamplerOptions::default()
            };
            let source = Restless { opened_ns: monotonic_ns(), fails };
            let sampler = Sampler::over(source, &options).expect("the sampler starts");
            thread::sleep(Duration::from_millis(900));
            let folder = tempfile::tempdir().expect("a folder");
            let path = folder.path().join("samples.parquet");
            let (id, _) =
                sampler.begin(WindowOptions { samples_path: Some(path.clone()), ..WindowOptions::default() });
            thread::sleep(Duration::from_millis(length_ms));
            let live = sampler.end(id).wait().expect("a report");
            let again = recompute(&path).expect("the samples");
            assert_eq!((again.start_ns, again.end_ns), (live.start_ns, live.end_ns));
            assert_eq!(again.start_unix_ns, live.start_unix_ns);
            assert_eq!(again.sampler.samples, live.sampler.samples);
            for (again, live) in again.devices.iter().zip(&live.devices) {
                assert!(live.counter_j.is_some() && live.integral_j.is_some());
                assert_eq!(told(again), told(live), "{fails:?} over {length_ms} ms");
            }
        }
    }

    fn close(a: Option<f64>, b: Option<f64>, tolerance: f64) -> bool {
        a.zip(b).is_some_and(|(a, b)| (a - b).abs() <= tolerance * b.abs())
    }

    #[test]
    fn a_part_is_what_a_window_there_was_and_the_pieces_are_the_integral() {
        let device = |index| DeviceOptions { uuid: format!("GPU-{index}"), index, known: Known::default() };
        let options = SamplerOptions {
            devices: [0, 1].map(device).to_vec(),
            interval_ms: 10.0,
            slow_interval_ms: 100.0,
            ..SamplerOptions::default()
        };
        let source = Restless { opened_ns: monotonic_ns(), fails: None };
        let sampler = Sampler::over(source, &options).expect("the sampler starts");
        thread::sleep(Duration::from_millis(1500));
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("samples.parquet");
        let (outer, _) =
            sampler.begin(WindowOptions { samples_path: Some(path.clone()), ..WindowOptions::default() });
        thread::sleep(Duration::from_millis(1600));
        let (inner, _) = sampler.begin(WindowOptions::default());
        thread::sleep(Duration::from_millis(2100));
        let inner = sampler.end(inner).wait().expect("a report");
        thread::sleep(Duration::from_millis(1300));
        let outer = sampler.end(outer).wait().expect("a report");

        let part = recompute_between(&path, inner.start_ns, inner.end_ns).expect("a part");
        assert_eq!((part.start_ns, part.end_ns), (inner.start_ns, inner.end_ns));
        assert!(part.start_unix_ns.abs_diff(inner.start_unix_ns) < NS_PER_MS);
        for (part, inner) in part.devices.iter().zip(&inner.devices) {
            assert!(close(part.integral_j, inner.integral_j, 1e-3), "{part:?} and {inner:?}");
            assert!(close(part.counter_j, inner.counter_j, 1e-2), "{part:?} and {inner:?}");
            assert!(close(part.headline.total_j, inner.headline.total_j, 0.05));
            assert!(part.uncertainty_j().is_some());
            assert_eq!((part.readings, part.coverage), (inner.readings, inner.coverage));
        }
        // From edge to edge it is the window itself, unless the readings are quoted.
        let whole = recompute_between(&path, outer.start_ns, outer.end_ns).expect("a part");
        for (whole, outer) in whole.devices.iter().zip(&outer.devices) {
            assert_eq!((whole.integral_j, whole.coverage), (outer.integral_j, outer.coverage));
        }

        let third_ns = (outer.end_ns - outer.start_ns) / 3;
        let boundaries =
            [outer.start_ns, outer.start_ns + third_ns, inner.start_ns, inner.end_ns, outer.end_ns];
        let mut boundaries = boundaries.to_vec();
        boundaries.sort_unstable();
        let found = pieces(&path, &boundaries).expect("pieces");
        for (position, pieces) in found.iter().enumerate() {
            let joules = pieces.joules();
            assert!(close(Some(joules.iter().sum()), outer.devices[position].integral_j, 1e-9));
            let inside = boundaries.iter().position(|at_ns| *at_ns == inner.start_ns).expect("there");
            let within: f64 = joules[inside..]
                .iter()
                .zip(&boundaries[inside..])
                .filter(|(_, from_ns)| **from_ns < inner.end_ns)
                .map(|(joules, _)| joules)
                .sum();
            assert!(close(Some(within), part.devices[position].integral_j, 1e-9));
        }
        let outside = [outer.start_ns - 1, outer.end_ns];
        assert_eq!(pieces(&path, &outside).expect_err("outside").kind(), io::ErrorKind::InvalidInput);
        let backwards = recompute_between(&path, inner.end_ns, inner.start_ns).expect_err("no part");
        assert_eq!(backwards.kind(), io::ErrorKind::InvalidInput);
    }
}
