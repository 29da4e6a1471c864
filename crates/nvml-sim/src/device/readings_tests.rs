//! The keys of format 2 that are the sensor's, the mean's, the module's and the utilization's.

use super::Device;
use super::tests::{MS, S};
use crate::scenario::Scenario;

/// 100 W more each second, from 0.
pub const RAMP: &str = r#""power":{"segments":[{"for_s":1000,"from_w":0,"to_w":100000}],"repeat":false}"#;
/// 100 W for 5 s, then 500 W.
pub const STEP: &str = r#""power":{"segments":[{"for_s":5,"w":100},{"for_s":5,"w":500}],"repeat":false}"#;
/// In step with a sensor of 100 ms: it sees the low half alone.
pub const IN_STEP: &str = r#""power":{"segments":[{"for_s":100,"square":
    {"low_w":100,"high_w":600,"period_s":0.1,"duty":0.5}}]}"#;

/// The first device of a file of format 2.
pub fn device_2(keys: &str) -> Device {
    let text = format!(r#"{{"version":2,"devices":[{{{keys}}}]}}"#);
    let mut scenario = Scenario::parse(&text).unwrap_or_else(|refusal| panic!("{text}: {refusal}"));
    Device { spec: scenario.devices.remove(0), index: 0 }
}

fn sensor(keys: &str, power: &str) -> Device {
    device_2(&format!(r#""sensor":{{{keys}}},{power}"#))
}

#[test]
fn a_late_sensor_says_what_was_so_long_ago() {
    let late = sensor(r#""delay_ms":60"#, RAMP);
    // The middle of the 25 ms that ended at 1.94 s.
    assert_eq!(late.power_instant_mw(2 * S), 192_750);
    assert_eq!(late.power_average_mw(2 * S), 144_000, "the longer mean is as late unless it says otherwise");
    let apart = device_2(&format!(r#""sensor":{{"delay_ms":60}},"average":{{"delay_ms":0}},{RAMP}"#));
    assert_eq!(apart.power_average_mw(2 * S), 150_000);
}

#[test]
fn jitter_moves_the_ticks_and_their_windows_with_them() {
    let device = sensor(r#""jitter_ms":20,"seed":5"#, RAMP);
    let offsets_ns: Vec<i64> = (10..1000).map(|tick| device.tick_ns(tick) - 100 * MS * tick).collect();
    assert!(offsets_ns.iter().all(|ns| ns.abs() <= 20 * MS));
    assert!(offsets_ns.iter().max().unwrap() - offsets_ns.iter().min().unwrap() > 38 * MS);
    for tick in 10..100 {
        let expected_mw = (device.tick_ns(tick) - 12_500_000) as f64 / 1e9 * 1e5;
        assert!((f64::from(device.reading_mw(tick)) - expected_mw).abs() <= 0.51, "tick {tick}");
        let before_ns = device.tick_ns(tick) - 1;
        assert_eq!(device.power_instant_mw(before_ns), device.reading_mw(tick - 1), "before tick {tick}");
    }
}

#[test]
fn quantum_and_offset_come_after_the_gain() {
    let device =
        sensor(r#""gain":0.5,"offset_w":-7,"quantum_w":5"#, r#""power":{"segments":[{"for_s":1,"w":333}]}"#);
    // 333 * 0.5 - 7 = 159.5
    assert_eq!((device.power_instant_mw(S), device.power_average_mw(S)), (160_000, 160_000));
    let drowned = sensor(r#""offset_w":-1000"#, STEP);
    assert_eq!(drowned.power_instant_mw(S), 0, "never below zero");
}

#[test]
fn an_exponential_sensor_rises_like_a_capacitor() {
    let device = sensor(r#""shape":"exponential","window_ms":500"#, STEP);
    let expected_mw = 1e3 * (100.0 + 400.0 * (1.0 - (-1.0_f64).exp()));
    assert!((f64::from(device.power_instant_mw(5500 * MS)) - expected_mw).abs() <= 0.51);
    assert_eq!(device.power_instant_mw(4 * S), 100_000);
}

#[test]
fn a_stuck_sensor_repeats_its_last_reading_or_says_what_it_was_told() {
    let last = sensor(r#""stuck":[{"from_s":3,"to_s":7}]"#, RAMP);
    let before_mw = last.power_instant_mw(2999 * MS);
    assert_eq!(before_mw, 288_750);
    assert!((30..70).all(|tick| last.reading_mw(tick) == before_mw));
    assert_eq!(last.power_instant_mw(7 * S), 698_750);
    let told = sensor(r#""stuck":[{"from_s":3,"w":75}]"#, RAMP);
    assert_eq!((told.power_instant_mw(2999 * MS), told.power_instant_mw(99 * S)), (288_750, 75_000));
}

#[test]
fn a_spike_is_one_reading() {
    let single = sensor(r#""spikes":[{"at_s":3.05,"w":31000}]"#, STEP);
    let readings = |device: &Device| (1..=45).map(|tick| device.reading_mw(tick)).collect::<Vec<_>>();
    let mut expected = vec![100_000; 45];
    expected[29] = 31_000_000;
    assert_eq!(readings(&single), expected);
    assert_eq!(single.power_instant_mw(3099 * MS), 31_000_000);
    let every = sensor(r#""spike_every":{"readings":10,"w":31000}"#, STEP);
    let spiked: Vec<usize> =
        readings(&every).iter().enumerate().filter(|(_, mw)| **mw > 100_000).map(|(i, _)| i + 1).collect();
    assert_eq!(spiked, [5, 15, 25, 35, 45]);
    assert_eq!(every.power_average_mw(4 * S), 100_000, "a true mean knows nothing of the sensor's spikes");
}

#[test]
fn zeros_are_the_instant_readings_alone() {
    let device = sensor(r#""zero":[{"from_s":1,"to_s":2}]"#, STEP);
    assert_eq!((device.power_instant_mw(1500 * MS), device.power_usage_mw(1500 * MS)), (0, 100_000));
    assert_eq!(device.power_instant_mw(2 * S), 100_000);
}

#[test]
fn a_period_that_changes_changes_the_ticks_from_then_on() {
    let device = sensor(r#""period_changes":[{"at_s":1.05,"update_period_ms":500}]"#, RAMP);
    for (t_ms, tick_ms) in [(1000, 1000), (1049, 1000), (1050, 1050), (1549, 1050), (1550, 1550)] {
        assert_eq!(device.sensor_tick_ns(t_ms * MS), tick_ms * MS, "{t_ms} ms");
    }
}

#[test]
fn the_longer_mean_is_true_or_blind_or_exponential() {
    let average = |keys: &str| device_2(&format!(r#""average":{{{keys}}},{IN_STEP}"#));
    let (truth, blind) = (average(r#""mode":"true""#), average(r#""mode":"blind""#));
    assert_eq!((truth.power_average_mw(5 * S), blind.power_average_mw(5 * S)), (350_000, 100_000));
    // Ten readings of 100 W each second, half of them after a step.
    let step = device_2(&format!(r#""average":{{"mode":"blind"}},{STEP}"#));
    assert_eq!(step.power_average_mw(5500 * MS), 300_000);
    let slow = device_2(&format!(r#""average":{{"mode":"exponential","window_ms":500}},{STEP}"#));
    let expected_mw = 1e3 * (100.0 + 400.0 * (1.0 - (-1.0_f64).exp()));
    assert!((f64::from(slow.power_average_mw(5500 * MS)) - expected_mw).abs() <= 0.51);
}

#[test]
fn the_longer_mean_has_noise_of_its_own() {
    let device = device_2(&format!(r#""average":{{"noise_w":5}},{STEP}"#));
    let readings: Vec<f64> =
        (1..=45).map(|tick| f64::from(device.power_average_mw(tick * 100 * MS)) / 1e3).collect();
    let variance = readings.iter().map(|w| (w - 100.0).powi(2)).sum::<f64>() / 45.0;
    assert!((8.0..60.0).contains(&variance), "{variance}");
    assert_eq!(device.power_instant_mw(S), 100_000, "the sensor has none");
}

#[test]
fn what_power_usage_means_can_be_said() {
    for (key, expected_mw) in [("average", 150_000), ("instant", 198_750)] {
        let device = device_2(&format!(r#""power_usage":"{key}",{RAMP}"#));
        assert_eq!(device.power_usage_mw(2 * S), expected_mw, "{key}");
    }
    let old = device_2(&format!(r#""architecture":"pascal",{RAMP}"#));
    assert_eq!((old.power_usage_mw(2 * S), old.total_energy_mj(S)), (198_750, None));
}

#[test]
fn a_module_is_the_gpu_and_the_rest() {
    let constant = device_2(&format!(r#""module":{{"extra_w":150}},{RAMP}"#));
    assert_eq!(constant.module_instant_mw(2 * S), Some(348_750));
    assert_eq!(constant.module_average_mw(2 * S), Some(300_000));
    // 100 * 2^2 / 2 and 150 * 2 joules.
    assert_eq!(constant.module_energy_mj(2 * S), Some(500_000));
    assert_eq!(constant.total_energy_mj(2 * S), Some(200_000));
    let own = device_2(&format!(
        r#""module":{{"power":{{"segments":[{{"for_s":1,"w":10}},{{"for_s":9,"w":30}}]}},"power_limit_w":1000}},{STEP}"#
    ));
    assert_eq!((own.module_instant_mw(2 * S), own.module_energy_mj(2 * S)), (Some(130_000), Some(240_000)));
    assert_eq!((own.module_limit_mw(), constant.module_limit_mw()), (Some(1_000_000), None));
    assert_eq!(device_2(STEP).module_instant_mw(S), None);
}

#[test]
fn utilization_can_be_the_share_of_the_last_second() {
    let device = device_2(&format!(
        r#""utilization_pct":{{"idle_below_w":200,"busy":100,"share_of_ms":1000}},{STEP}"#
    ));
    for (t_ms, percent) in [(5000, 0), (5300, 30), (5390, 30), (5700, 70), (6000, 100), (9000, 100)] {
        assert_eq!(device.utilization_pct(t_ms * MS), percent, "{t_ms} ms");
    }
}
