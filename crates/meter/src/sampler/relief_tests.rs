//! A driver call that does not return: who is read meanwhile, and what the report says.

use super::tests::{POWER_MW, Script, ScriptedSource, device, rest_ms};
use super::*;
use crate::window::DeviceReport;

/// A sampler of devices that are asked one by one, as GPUs are, each with a script of its own.
fn sampler_of(scripts: Vec<Script>) -> Sampler {
    let count = u32::try_from(scripts.len()).expect("few");
    let options = SamplerOptions {
        devices: (0..count).map(device).collect(),
        interval_ms: 10.0,
        slow_interval_ms: 100.0,
        ..SamplerOptions::default()
    };
    let source = |script| -> Box<dyn Source> { Box::new(ScriptedSource::new(1, script)) };
    let sources = scripts.into_iter().map(source).collect();
    Sampler::beside_cpu(sources, &options, Rapl::none()).expect("the sampler starts")
}

fn steady() -> Script {
    Box::new(|_| Ok(POWER_MW))
}

/// From its read of that number on, each takes so long.
fn slow_from(first: u64, for_ms: u64) -> Script {
    Box::new(move |read| {
        if read >= first {
            rest_ms(for_ms);
        }
        Ok(POWER_MW)
    })
}

/// Opens a window of so long, half a second after the sampler.
fn measure(sampler: &Sampler, for_ms: u64) -> WindowReport {
    rest_ms(500);
    let (id, _) = sampler.begin(WindowOptions::default());
    rest_ms(for_ms);
    sampler.end(id).wait().expect("a report")
}

fn assert_100_w(report: &WindowReport, device: &DeviceReport) {
    let expected_j = 100.0 * (report.end_ns - report.start_ns) as f64 / 1e9;
    let total_j = device.headline.total_j.expect("joules");
    let told = format!("{total_j} J of {expected_j} J; {:?}", device.headline);
    assert!((total_j / expected_j - 1.0).abs() < 0.02, "{told}");
}

#[test]
fn a_device_that_hangs_costs_no_other_one_its_joules() {
    let mut sampler = sampler_of(vec![steady(), slow_from(150, 60_000), steady(), steady()]);
    let report = measure(&sampler, 3000);
    for other in [0, 2, 3] {
        let device = &report.devices[other];
        assert_100_w(&report, device);
        assert!(device.coverage > 0.8, "device {other} was read for {} of the window", device.coverage);
        assert!(device.headline.findings.iter().all(|finding| finding.code != "driver_silent"));
    }
    let silent = &report.devices[1].headline;
    assert_eq!(silent.total_j, None);
    assert!(silent.reason.starts_with("the driver has been asked for "), "{}", silent.reason);
    assert!(silent.findings.iter().any(|finding| finding.code == "driver_silent"));
    // The next window has them from its beginning to its end.
    let report = measure(&sampler, 1000);
    for other in [0, 2, 3] {
        assert_100_w(&report, &report.devices[other]);
        assert!(report.devices[other].coverage > 0.99);
    }
    assert_eq!(report.devices[1].headline.total_j, None);
    let asked = Instant::now();
    sampler.close();
    assert!(asked.elapsed() < CLOSE_PATIENCE, "{:?}", asked.elapsed());
}

#[test]
fn all_that_hang_one_after_the_other_are_left_behind() {
    let sampler =
        sampler_of(vec![slow_from(20, 60_000), slow_from(60, 60_000), slow_from(20, 60_000), steady()]);
    rest_ms(1500);
    let report = measure(&sampler, 1000);
    assert_100_w(&report, &report.devices[3]);
    assert!(report.devices[3].coverage > 0.99);
    for silent in 0..3 {
        assert_eq!(report.devices[silent].headline.total_j, None);
    }
}

#[test]
fn a_device_that_is_slow_for_ever_is_read_by_a_thread_of_its_own() {
    let sampler = sampler_of(vec![slow_from(20, 300), steady()]);
    rest_ms(1500);
    let report = measure(&sampler, 2000);
    assert_100_w(&report, &report.devices[1]);
    assert!(report.devices[1].coverage > 0.99);
    // It was held up once, before the window.
    let (read, missed) = (report.sampler.samples, report.sampler.missed_deadlines);
    assert!(missed < read / 4, "{missed} deadlines missed, {read} samples");
    assert!(report.devices[0].coverage > 0.5, "{}", report.devices[0].coverage);
}

#[test]
fn a_device_that_answers_again_is_read_again() {
    let once: Script = Box::new(|read| {
        if read == 30 {
            rest_ms(1500);
        }
        Ok(POWER_MW)
    });
    let sampler = sampler_of(vec![once, steady()]);
    rest_ms(2500);
    let report = measure(&sampler, 1000);
    for device in &report.devices {
        assert_100_w(&report, device);
        assert!(device.coverage > 0.99);
    }
    assert!(report.sampler.cpu_s >= 0.0 && report.sampler.driver_s >= 0.0);
}
