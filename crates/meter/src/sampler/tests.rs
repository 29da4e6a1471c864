//! The sampler over a scripted source: real threads and a real clock, no driver.

use crate::energy::Sensor;
use std::sync::atomic::AtomicU64;

use rtrb::RingBuffer;

use super::poller::{Poller, Wake};
use super::*;
use crate::sample::ThrottleTimes;
use crate::source::ReadError;
use crate::tenancy::{Limits, Processes};
use crate::window::DeviceReport;

/// Milliwatts that the scripted devices draw.
pub(super) const POWER_MW: u32 = 100_000;
/// The scripted counter ticks this often, as those of current boards do.
const TICK_NS: u64 = 100 * NS_PER_MS;

/// What a power read does, by its number.
pub(super) type Script = Box<dyn FnMut(u64) -> Result<u32, ReadError> + Send>;

pub(super) struct ScriptedSource {
    devices: usize,
    domain: PowerDomain,
    script: Script,
    reads: u64,
    opened_ns: u64,
}

impl ScriptedSource {
    pub fn new(devices: usize, script: Script) -> Self {
        Self { devices, domain: PowerDomain::Instant, script, reads: 0, opened_ns: monotonic_ns() }
    }
}

impl Source for ScriptedSource {
    fn device_count(&self) -> usize {
        self.devices
    }

    fn power_domain(&self, _device: usize) -> PowerDomain {
        self.domain
    }

    fn sensor(&self, _device: usize) -> Sensor {
        match self.domain {
            PowerDomain::PowerUsageAveraged => Sensor::AVERAGED,
            _ => Sensor::DATACENTER,
        }
    }

    fn power_mw(&mut self, _device: usize) -> Result<u32, ReadError> {
        self.reads += 1;
        (self.script)(self.reads)
    }

    fn counter_mj(&mut self, _device: usize) -> Result<u64, ReadError> {
        let ticks = (monotonic_ns() - self.opened_ns) / TICK_NS;
        Ok(ticks * TICK_NS / NS_PER_MS * u64::from(POWER_MW) / 1000)
    }

    fn slow_signals(&mut self, _device: usize) -> SlowSignals {
        SlowSignals { temperature_c: Some(40), ..SlowSignals::default() }
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
        self.reads
    }
}

fn sampler_of(
    devices: u32,
    interval_ms: f64,
    script: impl FnMut(u64) -> Result<u32, ReadError> + Send + 'static,
) -> Sampler {
    let source = ScriptedSource::new(devices as usize, Box::new(script));
    let devices = (0..devices).map(device).collect();
    let options =
        SamplerOptions { devices, interval_ms, slow_interval_ms: 100.0, ..SamplerOptions::default() };
    Sampler::over(source, &options).expect("the sampler starts")
}

pub(super) fn device(index: u32) -> DeviceOptions {
    DeviceOptions { uuid: format!("GPU-{index}"), index, known: Known::default() }
}

#[expect(clippy::unnecessary_wraps, reason = "the shape of a script")]
fn steady(_read: u64) -> Result<u32, ReadError> {
    Ok(POWER_MW)
}

pub(super) fn rest_ms(milliseconds: u64) {
    thread::sleep(Duration::from_millis(milliseconds));
}

fn assert_100_w(device: &DeviceReport, report: &WindowReport) {
    let seconds = (report.end_ns - report.start_ns) as f64 / 1e9;
    let integral_j = device.integral_j.expect("readings");
    assert!((integral_j / (100.0 * seconds) - 1.0).abs() < 1e-9, "{integral_j} J in {seconds} s");
    assert!((device.coverage - 1.0).abs() < 1e-12, "coverage {}", device.coverage);
    assert_eq!(device.missing, 0);
}

#[test]
fn windows_lose_nothing_at_their_edges_wherever_these_fall() {
    let sampler = sampler_of(2, 10.0, steady);
    rest_ms(30);
    let mut open = Vec::new();
    for step_ms in [3, 7, 11, 2, 19] {
        let (id, _) = sampler.begin(WindowOptions::default());
        rest_ms(40 + step_ms);
        open.push(sampler.end(id));
    }
    for pending in open {
        let report = pending.wait().expect("a report");
        for device in &report.devices {
            assert_100_w(device, &report);
        }
    }
}

#[test]
fn windows_overlap_without_knowing_of_each_other() {
    let sampler = sampler_of(1, 5.0, steady);
    rest_ms(30);
    let (outer, outer_start_ns) = sampler.begin(WindowOptions::default());
    rest_ms(100);
    let (inner, inner_start_ns) = sampler.begin(WindowOptions::default());
    rest_ms(100);
    let inner = sampler.end(inner).wait().expect("a report");
    let outer = sampler.end(outer).wait().expect("a report");
    assert_eq!((outer.start_ns, inner.start_ns), (outer_start_ns, inner_start_ns));
    assert_100_w(&inner.devices[0], &inner);
    assert_100_w(&outer.devices[0], &outer);
}

#[test]
fn a_panic_in_the_source_is_a_fault_of_the_report() {
    let sampler = sampler_of(1, 1.0, |read| {
        assert!(read < 100, "the driver went mad");
        Ok(POWER_MW)
    });
    let (id, _) = sampler.begin(WindowOptions::default());
    rest_ms(200);
    let asked = Instant::now();
    let report = sampler.end(id).wait().expect("a report");
    assert!(asked.elapsed() < Duration::from_millis(200), "{:?}", asked.elapsed());
    assert_eq!(report.faults, ["the sampler stopped: the driver went mad"]);
    let device = &report.devices[0];
    // The readings of its last 62 ms tell of the time before them.
    assert!(device.coverage > 0.1 && device.coverage < 0.8, "{}", device.coverage);
    assert_eq!(device.headline.total_j, None);
    // A window of a dead sampler is answered too.
    let (id, _) = sampler.begin(WindowOptions::default());
    let report = sampler.end(id).wait().expect("a report");
    assert_eq!((report.devices[0].integral_j, report.faults.len()), (None, 1));
}

#[test]
fn a_hanging_driver_call_holds_neither_a_report_nor_close_for_ever() {
    let mut sampler = sampler_of(1, 1.0, |read| {
        if read == 50 {
            thread::sleep(Duration::from_secs(60));
        }
        Ok(POWER_MW)
    });
    let (id, _) = sampler.begin(WindowOptions::default());
    rest_ms(150);
    let asked = Instant::now();
    let report = sampler.end(id).wait().expect("a report");
    assert!(asked.elapsed() < Duration::from_secs(3), "{:?}", asked.elapsed());
    assert!(report.devices[0].coverage < 0.8);
    let asked = Instant::now();
    sampler.close();
    assert!(asked.elapsed() < CLOSE_PATIENCE + Duration::from_millis(500), "{:?}", asked.elapsed());
}

#[test]
fn closing_answers_a_window_that_waits_for_its_post_roll() {
    let mut sampler = sampler_of(1, 1.0, steady);
    let (id, _) = sampler.begin(WindowOptions::default());
    rest_ms(50);
    let pending = sampler.end(id);
    sampler.close();
    assert!(pending.wait().is_some());
}

#[test]
fn a_window_that_nobody_knows_is_no_report_at_once() {
    let sampler = sampler_of(1, 1.0, steady);
    let asked = Instant::now();
    assert!(sampler.end(77).wait().is_none());
    assert!(asked.elapsed() < Duration::from_secs(1));
}

#[test]
fn a_cancelled_or_forgotten_window_leaves_no_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let options = |name: &str| WindowOptions {
        timeseries_path: Some(folder.path().join(format!("{name}.parquet"))),
        samples_path: Some(folder.path().join(format!("{name}-samples.parquet"))),
    };
    let sampler = sampler_of(1, 1.0, steady);
    let (cancelled, _) = sampler.begin(options("cancelled"));
    sampler.begin(options("forgotten"));
    rest_ms(100);
    assert_eq!(std::fs::read_dir(folder.path()).expect("the folder").count(), 8);
    sampler.cancel(cancelled);
    drop(sampler);
    assert_eq!(std::fs::read_dir(folder.path()).expect("the folder").count(), 0);
}

#[test]
fn failed_reads_are_counted_with_their_reason_and_bridged_when_few() {
    let sampler =
        sampler_of(
            1,
            10.0,
            |read| {
                if (20..30).contains(&read) { Err(ReadError::ZeroPower) } else { Ok(POWER_MW) }
            },
        );
    rest_ms(50);
    let (id, _) = sampler.begin(WindowOptions::default());
    rest_ms(600);
    let report = sampler.end(id).wait().expect("a report");
    let device = &report.devices[0];
    assert_eq!(device.missing, 10);
    assert_eq!(device.missing_reason.as_deref(), Some("the driver answered 0 mW"));
    assert!((device.coverage - 1.0).abs() < 1e-12);
}

#[test]
fn a_slow_interval_still_sees_the_ticks_of_the_counter_at_the_edges() {
    let sampler = sampler_of(1, 1000.0, steady);
    rest_ms(400);
    let (id, _) = sampler.begin(WindowOptions::default());
    rest_ms(1500);
    let report = sampler.end(id).wait().expect("a report");
    let device = &report.devices[0];
    let expected_j = 100.0 * (report.end_ns - report.start_ns) as f64 / 1e9;
    let counter_j = device.counter_j.expect("a counter");
    assert!((counter_j / expected_j - 1.0).abs() < 0.02, "{counter_j} J of {expected_j} J");
    assert!(report.sampler.samples <= 2, "only deadlines are samples: {}", report.sampler.samples);
}

#[test]
fn every_device_has_its_counter_corrected_at_both_edges() {
    let sampler = sampler_of(8, 10.0, steady);
    rest_ms(400);
    let (id, _) = sampler.begin(WindowOptions::default());
    rest_ms(1200);
    let report = sampler.end(id).wait().expect("a report");
    let expected_j = 100.0 * (report.end_ns - report.start_ns) as f64 / 1e9;
    for device in &report.devices {
        let counter_j = device.counter_j.expect("a counter");
        assert!((counter_j / expected_j - 1.0).abs() < 0.02, "{counter_j} J of {expected_j} J");
    }
}

#[test]
fn the_mean_power_belongs_to_the_headline() {
    let sampler = sampler_of(1, 10.0, |_| Ok(101_000));
    rest_ms(400);
    let (id, _) = sampler.begin(WindowOptions::default());
    rest_ms(1200);
    let report = sampler.end(id).wait().expect("a report");
    let device = &report.devices[0];
    let duration_s = (report.end_ns - report.start_ns) as f64 / 1e9;
    let total_j = device.headline.total_j.expect("a headline");
    assert_eq!(device.mean_power_w, Some(total_j / duration_s));
}

#[test]
fn a_full_ring_counts_what_it_loses_and_goes_on() {
    let source = ScriptedSource::new(1, Box::new(steady));
    let pace = Pace { interval_ns: 10 * NS_PER_MS, slow_interval_ns: 1000 * NS_PER_MS, tick_locked: false };
    let (producer, mut consumer) = RingBuffer::new(2);
    let shared = Arc::new(Shared::default());
    let reading =
        Arc::new(Reading::new(Devices::new(source.apart()), pace, monotonic_ns(), Arc::clone(&shared)));
    let mut poller = Poller::new(reading, Arc::default(), producer, RingBuffer::new(4).0);
    for _ in 0..5 {
        poller.poll(Wake::Deadline { lateness_ns: 0 }, 0);
    }
    assert_eq!(shared.dropped(), 3);
    assert!(consumer.pop().is_ok());
    poller.poll(Wake::Deadline { lateness_ns: 0 }, 0);
    assert_eq!(shared.dropped(), 3);
}

#[test]
fn no_window_is_reported_before_its_post_roll() {
    let reads = Arc::new(AtomicU64::new(0));
    let seen = Arc::clone(&reads);
    let mut sampler = sampler_of(1, 1.0, move |read| {
        seen.store(read, Ordering::Relaxed);
        Ok(POWER_MW)
    });
    let (id, _) = sampler.begin(WindowOptions::default());
    rest_ms(20);
    let at_end = reads.load(Ordering::Relaxed);
    sampler.end(id).wait().expect("a report");
    sampler.close();
    let after_end = reads.load(Ordering::Relaxed) - at_end;
    // One each millisecond, where the machine is not busy.
    assert!(after_end > 120, "{after_end} reads of 200 after the end");
}

#[test]
fn options_outside_their_range_start_nothing() {
    for (interval_ms, slow_interval_ms) in [(0.5, 100.0), (5001.0, 100.0), (10.0, 0.0), (f64::NAN, 100.0)] {
        let options = SamplerOptions {
            devices: vec![device(0)],
            interval_ms,
            slow_interval_ms,
            ..SamplerOptions::default()
        };
        let error = Sampler::open(&options).err().expect("refused");
        assert_eq!(error.code(), "SAMPLER_OPTION_INVALID");
    }
}
