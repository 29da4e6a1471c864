//! The energy of a window once more, from the samples in its file: through the same code, in the same order, with
//! what was known before the window taken from the file's metadata.

use std::io;
use std::path::Path;

use crate::clock::NS_PER_MS;
use crate::energy::{Belief, Edge, History, Method, Pieces, Side};
use crate::parquet::{FileFacts, SampleRows};
use crate::sampler::EDGE_INTERVAL_NS;
use crate::window::{DeviceReport, EDGE_SPAN_NS, OpenWindow, WindowOptions, WindowReport};

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

/// The report of a part of that window: a piece of the same curve, so that parts add up to the whole. Fails with
/// `InvalidInput` where the part does not lie in the window.
pub fn recompute_between(samples_path: &Path, start_ns: u64, end_ns: u64) -> io::Result<WindowReport> {
    let samples = SampleRows::open(samples_path)?;
    check_within(&samples, &[start_ns, end_ns])?;
    let edge_span_ns = RARE_EDGE_SPAN_NS;
    let mut report = replay(samples, Part { start_ns, end_ns, edge_span_ns })?;
    for (device, part) in report.devices.iter_mut().zip(parts(samples_path, &[start_ns, end_ns])?) {
        if device.headline.method == Some(Method::Counter) {
            device.headline.total_j = part.joules.first().copied().filter(|joules| joules.is_finite());
        }
    }
    Ok(report)
}

/// The energy of one device between neighbouring boundaries.
#[derive(Clone, Debug)]
pub struct Parts {
    /// Joules of each part. From edge to edge of the window they add up to its headline; NaN where there is none and
    /// nothing was read.
    pub joules: Vec<f64>,
    /// How much of each part lies between readings that could be joined.
    pub covered_ns: Vec<u64>,
}

/// The energy of each device between neighbouring boundaries, which are in order and lie in the window of a
/// `samples.parquet`. Fails with `InvalidInput` for other boundaries.
pub fn parts(samples_path: &Path, boundaries: &[u64]) -> io::Result<Vec<Parts>> {
    let whole = recompute(samples_path)?;
    let read = pieces(samples_path, boundaries)?;
    let curves = curves(samples_path, boundaries, &whole)?;
    let duration_ns = whole.end_ns - whole.start_ns;
    let devices = whole.devices.iter().zip(read).zip(curves);
    Ok(devices
        .map(|((device, pieces), curve)| {
            let by_readings = scaled(device, &pieces, boundaries, duration_ns);
            let joules = match curve {
                Some(curve) if device.headline.method == Some(Method::Counter) => differences(&curve, &by_readings),
                _ => by_readings,
            };
            Parts { joules, covered_ns: pieces.covered_ns().to_vec() }
        })
        .collect())
}

/// The pieces of the integral as parts of the headline: what was read is scaled to its share of the total by time, the
/// rest is taken at the mean power.
fn scaled(device: &DeviceReport, pieces: &Pieces, boundaries: &[u64], duration_ns: u64) -> Vec<f64> {
    let mut joules = pieces.joules();
    let Some((total_j, integral_j)) = device.headline.total_j.zip(device.integral_j) else { return joules };
    let scale = if integral_j > 0.0 { total_j * device.coverage / integral_j } else { 0.0 };
    let lengths_ns = boundaries.windows(2).map(|pair| pair[1] - pair[0]);
    for ((joules, covered_ns), length_ns) in joules.iter_mut().zip(pieces.covered_ns()).zip(lengths_ns) {
        let read_j = if *covered_ns > 0 { *joules * scale } else { 0.0 };
        *joules = read_j + total_j * (length_ns - covered_ns) as f64 / duration_ns.max(1) as f64;
    }
    joules
}

/// Joules since the left edge of the window at each boundary, by the counter; `None` where it was not seen around one.
type Curve = Vec<Option<f64>>;

/// From a curve's values at the boundaries to what lies between them. Where the curve is not known it goes on as the
/// readings do; it never falls.
fn differences(curve: &Curve, by_readings: &[f64]) -> Vec<f64> {
    let mut at_j = Vec::with_capacity(curve.len());
    for (k, value) in curve.iter().enumerate() {
        let before_j = at_j.last().copied();
        let onward_j = before_j.unwrap_or(0.0) + if k == 0 { 0.0 } else { by_readings[k - 1].max(0.0) };
        at_j.push(value.unwrap_or(onward_j).max(before_j.unwrap_or(f64::NEG_INFINITY)));
    }
    // One that went beyond a later value that is known comes back to it.
    for k in (1..at_j.len()).rev() {
        at_j[k - 1] = at_j[k - 1].min(at_j[k]);
    }
    at_j.windows(2).map(|pair| pair[1] - pair[0]).collect()
}

fn curves(samples_path: &Path, boundaries: &[u64], whole: &WindowReport) -> io::Result<Vec<Option<Curve>>> {
    let mut samples = SampleRows::open(samples_path)?;
    let end = samples.end.clone();
    let mut histories = histories_of(&samples);
    pin(&mut histories, &end.beliefs, RIGHT_EDGE);
    let mut builders: Vec<Option<CurveBuilder>> = whole
        .devices
        .iter()
        .map(|device| {
            let (start, end) = device.edges.clone()?;
            Some(CurveBuilder { start, end, window_ns: (whole.start_ns, whole.end_ns), at_j: Vec::new() })
        })
        .collect();
    for sample in &mut samples {
        let sample = sample?;
        let history = &mut histories[sample.device];
        history.push(&sample);
        if let Some(builder) = &mut builders[sample.device] {
            builder.advance(history, boundaries, sample.at_ns.saturating_sub(RARE_EDGE_SPAN_NS));
        }
    }
    Ok(builders
        .into_iter()
        .zip(&histories)
        .map(|(builder, history)| {
            builder.map(|mut builder| {
                builder.advance(history, boundaries, u64::MAX);
                builder.at_j
            })
        })
        .collect())
}

/// The curve of one device between the edges of its window, boundary by boundary.
struct CurveBuilder {
    start: Edge,
    end: Edge,
    window_ns: (u64, u64),
    at_j: Curve,
}

impl CurveBuilder {
    /// Goes on with the boundaries before a moment: the readings around them are there.
    fn advance(&mut self, history: &History, boundaries: &[u64], before_ns: u64) {
        while let Some(at_ns) = boundaries.get(self.at_j.len()).filter(|at_ns| **at_ns < before_ns) {
            let value = self.value(history, *at_ns);
            self.at_j.push(value);
        }
    }

    fn value(&self, history: &History, at_ns: u64) -> Option<f64> {
        if at_ns <= self.window_ns.0 {
            return Some(0.0);
        }
        let total_j = Edge::between(&self.start, &self.end);
        if at_ns >= self.window_ns.1 {
            return Some(total_j);
        }
        let plain = history.edge_at(at_ns, Side::Inside)?;
        let since_j = Edge::between(&self.start, &plain);
        let (from_ns, to_ns) = plain.cell_ns?;
        // Within the cell of an edge the counter goes from what the stories say at the edge to its next tick.
        let fade = |edge: &Edge, edge_ns: u64, tick_ns: u64| {
            let plain_at_edge = history.edge_at(edge_ns, Side::Inside)?;
            let off_j = Edge::between(&plain_at_edge, edge);
            let way = at_ns.abs_diff(tick_ns) as f64 / edge_ns.abs_diff(tick_ns).max(1) as f64;
            Some(off_j * way.min(1.0))
        };
        let at_start = (from_ns < self.window_ns.0).then(|| fade(&self.start, self.window_ns.0, to_ns));
        let at_end = (to_ns > self.window_ns.1).then(|| fade(&self.end, self.window_ns.1, from_ns));
        let off_j = at_start.flatten().unwrap_or(0.0) + at_end.flatten().unwrap_or(0.0);
        Some((since_j + off_j).clamp(0.0, total_j.max(0.0)))
    }
}

/// The integral of each device's power between neighbouring boundaries: by the same line over the same readings as the
/// window's, so that from edge to edge the pieces add up to its integral.
fn pieces<'a>(samples_path: &Path, boundaries: &'a [u64]) -> io::Result<Vec<Pieces<'a>>> {
    let mut samples = SampleRows::open(samples_path)?;
    check_within(&samples, boundaries)?;
    let gap_cap_ns = samples.facts.power_gap_cap_ns;
    let histories = histories_of(&samples);
    let lags_ns: Vec<u64> = histories.iter().map(|history| history.sensor().lag_ns()).collect();
    let mut pieces = vec![Pieces::new(boundaries, gap_cap_ns); lags_ns.len()];
    for sample in &mut samples {
        let sample = sample?;
        if let Some(power_w) = histories[sample.device].possible_w(&sample) {
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
    let whole_ns = (whole.start_ns, end.end_ns);
    let mut histories = histories_of(&samples);
    let facts =
        FileFacts { start_ns, start_unix_ns: whole.start_unix_ns + (start_ns - whole.start_ns), ..whole };
    let nothing_before = vec![None; histories.len()];
    let options = WindowOptions::default();
    let mut window = OpenWindow::new(&options, &facts, &histories, &nothing_before, [].iter(), 0);
    let side = |is_edge: bool, side: Side| if is_edge { side } else { Side::Inside };
    let sides = [side(start_ns == whole_ns.0, Side::Start), side(end_ns == whole_ns.1, Side::End)];
    window.look_on(edge_span_ns, sides);
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
        // From edge to edge it is the window itself.
        let whole = recompute_between(&path, outer.start_ns, outer.end_ns).expect("a part");
        for (whole, outer) in whole.devices.iter().zip(&outer.devices) {
            assert_eq!((whole.integral_j, whole.coverage), (outer.integral_j, outer.coverage));
            assert!(close(whole.headline.total_j, outer.headline.total_j, 1e-12));
        }

        let third_ns = (outer.end_ns - outer.start_ns) / 3;
        let boundaries =
            [outer.start_ns, outer.start_ns + third_ns, inner.start_ns, inner.end_ns, outer.end_ns];
        let mut boundaries = boundaries.to_vec();
        boundaries.sort_unstable();
        let found = parts(&path, &boundaries).expect("parts");
        for (position, parts) in found.iter().enumerate() {
            let joules = &parts.joules;
            assert!(close(Some(joules.iter().sum()), outer.devices[position].headline.total_j, 1e-9));
            let inside = boundaries.iter().position(|at_ns| *at_ns == inner.start_ns).expect("there");
            let within: f64 = joules[inside..]
                .iter()
                .zip(&boundaries[inside..])
                .filter(|(_, from_ns)| **from_ns < inner.end_ns)
                .map(|(joules, _)| joules)
                .sum();
            assert!(close(Some(within), part.devices[position].headline.total_j, 1e-9));
        }
        let outside = [outer.start_ns - 1, outer.end_ns];
        assert_eq!(parts(&path, &outside).expect_err("outside").kind(), io::ErrorKind::InvalidInput);
        let backwards = recompute_between(&path, inner.end_ns, inner.start_ns).expect_err("no part");
        assert_eq!(backwards.kind(), io::ErrorKind::InvalidInput);
    }
}
