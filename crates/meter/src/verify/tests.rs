use std::thread;
use std::time::Duration;

use super::*;
use crate::clock::monotonic_ns;
use crate::energy::Sensor;
use crate::sample::{SlowSignals, ThrottleTimes};
use crate::sampler::{DeviceOptions, Known};
use crate::source::{PowerDomain, ReadError, Source};
use crate::tenancy::{Limits, Processes};
use crate::window::DeviceReport;
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

/// Records a window so long over that load.
pub(crate) fn recorded(path: &Path, length: Duration) {
    let device = |index| DeviceOptions { uuid: format!("GPU-{index}"), index, known: Known::default() };
    let options = SamplerOptions {
        devices: [0, 1].map(device).to_vec(),
        interval_ms: 10.0,
        slow_interval_ms: 100.0,
        ..SamplerOptions::default()
    };
    let source = Restless { opened_ns: monotonic_ns(), fails: Some(ReadError::GpuLost) };
    let sampler = Sampler::over(source, &options).expect("the sampler starts");
    let samples_path = Some(path.to_path_buf());
    let (id, _) = sampler.begin(WindowOptions { samples_path, ..WindowOptions::default() });
    thread::sleep(length);
    sampler.end(id).wait().expect("a report");
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
    let boundaries = [outer.start_ns, outer.start_ns + third_ns, inner.start_ns, inner.end_ns, outer.end_ns];
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
