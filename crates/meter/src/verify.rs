//! The energy of a window once more, from the samples in its file: through the same code, in the same order, with
//! what was known before the window taken from the file's metadata.

use std::io;
use std::path::Path;

use crate::energy::History;
use crate::parquet::SampleRows;
use crate::sampler::EDGE_INTERVAL_NS;
use crate::window::{OpenWindow, WindowOptions, WindowReport};

/// The report of the window that a `samples.parquet` holds. What is not in the file is missing in the report: the
/// throttle times, and the sampler's cost and lateness.
pub fn recompute(samples_path: &Path) -> io::Result<WindowReport> {
    let mut samples = SampleRows::open(samples_path)?;
    let (facts, end) = (samples.facts.clone(), samples.end.clone());
    let interval_ns = facts.interval_ns.min(EDGE_INTERVAL_NS);
    let mut histories: Vec<History> =
        facts.sensors.iter().map(|sensor| History::new(facts.history_ns, interval_ns, *sensor)).collect();
    // A rhythm rests on more of the past than the file holds, so what was found of it is in the metadata.
    let pin = |histories: &mut [History], moment: usize| {
        for (history, periods) in histories.iter_mut().zip(&end.periods) {
            history.pin(periods[moment]);
        }
    };
    pin(&mut histories, 0);
    let nothing_before = vec![None; histories.len()];
    let options = WindowOptions::default();
    let mut window = OpenWindow::new(&options, &facts, &histories, &nothing_before, [].iter(), 0);
    window.close(end.end_ns);
    pin(&mut histories, 1);
    for sample in &mut samples {
        let sample = sample?;
        let history = &mut histories[sample.device];
        history.push(&sample);
        window.push(&sample, history);
    }
    pin(&mut histories, 2);
    Ok(window.finish(end.end_ns, &histories, &end.counter_tests, 0))
}

#[cfg(test)]
mod tests {
    use std::thread;
    use std::time::Duration;

    use super::*;
    use crate::clock::{NS_PER_MS, monotonic_ns};
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

    /// All that the samples tell, to the last bit.
    fn told(device: &DeviceReport) -> impl PartialEq + std::fmt::Debug {
        let energy = (device.headline.clone(), device.counter_test, device.integral_j, device.counter_j);
        let readings = (device.readings, device.missing, device.missing_reason.clone(), device.coverage);
        let beside = (device.counter_raw_j, device.integral_uncertainty, device.gap_s, device.mean_power_w);
        let signals = (device.temperature_start_c, device.temperature_max_c, device.throttle_reasons);
        (energy, readings, beside, signals)
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
}
