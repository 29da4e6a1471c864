use std::f64::consts::PI;

use super::*;
use crate::scenario::Scenario;

pub const MS: i64 = 1_000_000;
pub const S: i64 = 1_000 * MS;

fn device(json: &str) -> Device {
    let mut scenario =
        Scenario::parse(&format!(r#"{{"devices":[{json}]}}"#)).unwrap_or_else(|e| panic!("{e}"));
    Device { spec: scenario.devices.remove(0), index: 0 }
}

/// A device of one segment, with the default sensor: ticks every 100 ms, windows of 25 ms and 1 s.
fn one_segment(segment: &str) -> Device {
    device(&format!(r#"{{"power":{{"segments":[{segment}],"repeat":false}}}}"#))
}

#[test]
fn readings_are_the_hand_computed_window_means() {
    let constant = one_segment(r#"{"for_s":1,"w":300}"#);
    let ramp = one_segment(r#"{"for_s":10,"from_w":0,"to_w":1000}"#);
    let square =
        one_segment(r#"{"for_s":10,"square":{"low_w":100,"high_w":650,"period_s":0.11,"duty":0.5}}"#);
    let sine = one_segment(r#"{"for_s":10,"sine":{"mean_w":500,"amplitude_w":150,"period_s":0.1}}"#);
    // A quarter of the sine before a whole period: the mean of its last quarter is -2/pi of the amplitude.
    let sine_mw = 1e3 * (500.0 - 150.0 * 2.0 / PI);
    let cases = [
        ("constant", &constant, 5 * S, 300_000.0, 300_000.0),
        ("ramp at 2.0 s: its value 12.5 ms and 0.5 s before", &ramp, 2 * S, 198_750.0, 150_000.0),
        ("ramp, held until the next tick", &ramp, 2 * S + 99 * MS, 198_750.0, 150_000.0),
        ("ramp, next tick", &ramp, 2 * S + 100 * MS, 208_750.0, 160_000.0),
        // 75..100 ms of a square that falls at 55 ms; ten ticks later the second is 9 periods (0.99 s) and 10
        // ms high.
        ("square in its low", &square, 100 * MS, 100_000.0, 1e3 * (100.0 * 0.045 + 650.0 * 0.955)),
        ("square, 1 s", &square, S, 650_000.0 * 0.4 + 100_000.0 * 0.6, 1e3 * (0.99 * 375.0 + 0.01 * 650.0)),
        ("sine", &sine, S, sine_mw, 500_000.0),
        ("after the end the last value holds", &ramp, 20 * S, 1_000_000.0, 1_000_000.0),
        ("before the start the first value held", &ramp, -S, 0.0, 0.0),
    ];
    for (name, device, t_ns, instant_mw, average_mw) in cases {
        assert!((f64::from(device.power_instant_mw(t_ns)) - instant_mw).abs() <= 0.5, "{name}: instant");
        assert!((f64::from(device.power_average_mw(t_ns)) - average_mw).abs() <= 0.5, "{name}: average");
    }
}

#[test]
fn ticks_stand_at_phase_plus_multiples_of_the_period() {
    let device = device(
        r#"{"sensor":{"update_period_ms":20,"phase_ms":7.5,"window_ms":10},
            "power":{"segments":[{"for_s":100,"from_w":0,"to_w":1000}],"repeat":false}}"#,
    );
    for (t_ms, tick_us) in
        [(0, -12_500), (7, -12_500), (8, 7_500), (27, 7_500), (28, 27_500), (1000, 987_500)]
    {
        assert_eq!(device.sensor_tick_ns(t_ms * MS), tick_us * 1000, "{t_ms} ms");
    }
    // 10 W per second, the mean of the 10 ms before 987.5 ms.
    assert_eq!(device.power_instant_mw(S), 9_825);
}

#[test]
fn the_architecture_decides_what_power_usage_means() {
    for (architecture, is_average) in [
        ("volta", false),
        ("turing", false),
        ("ga100", false),
        ("ampere", true),
        ("ada", true),
        ("hopper", true),
        ("blackwell", true),
    ] {
        let device = device(&format!(
            r#"{{"architecture":"{architecture}","power":{{"segments":[{{"for_s":10,"from_w":0,"to_w":1000}}]}}}}"#
        ));
        assert_eq!(
            device.power_usage_mw(2 * S),
            if is_average { 150_000 } else { 198_750 },
            "{architecture}"
        );
    }
}

#[test]
fn gain_and_noise_are_the_sensors_and_not_the_counters() {
    let signal = r#""power":{"segments":[{"for_s":1,"w":400}]}"#;
    let gained = device(&format!(r#"{{{signal},"sensor":{{"gain":1.05}}}}"#));
    assert_eq!((gained.power_instant_mw(S), gained.total_energy_mj(S)), (420_000, Some(400_000)));
    let noisy = device(&format!(r#"{{{signal},"sensor":{{"noise_w":5,"seed":3}}}}"#));
    let readings: Vec<u32> = (0..1000).map(|tick| noisy.power_instant_mw(tick * 100 * MS)).collect();
    let mean_mw = readings.iter().map(|mw| f64::from(*mw)).sum::<f64>() / 1000.0;
    assert!((mean_mw - 400_000.0).abs() < 1000.0, "{mean_mw}");
    assert_eq!(readings[7], noisy.power_instant_mw(799 * MS), "a reading is held until the next tick");
    assert_eq!(noisy.total_energy_mj(S), Some(400_000));
    let drowned = device(&format!(r#"{{{signal},"sensor":{{"noise_w":1e5}}}}"#));
    assert!((0..100).any(|tick| drowned.power_instant_mw(tick * 100 * MS) == 0), "never below zero");
}

#[test]
fn the_counter_is_the_floored_truth_at_its_last_tick() {
    let json = r#"{"counter":{"update_period_ms":20,"offset_mj":1000},
        "power":{"segments":[{"for_s":1,"w":333.3337},{"for_s":2,"sine":{"mean_w":200,"amplitude_w":200,"period_s":0.3}}]}}"#;
    let device = device(json);
    let mut last_mj = 0;
    for t_ms in 0..20_000 {
        let tick_ns = t_ms / 20 * 20 * MS;
        let counter_mj = device.total_energy_mj(t_ms * MS).unwrap();
        let truth_mj = 1000.0 + 1e3 * device.true_energy_j(0, tick_ns);
        let below_mj = truth_mj - counter_mj as f64;
        assert!((-1e-3..1.0).contains(&below_mj), "{t_ms} ms: {counter_mj} of {truth_mj}");
        assert!(counter_mj >= last_mj, "fell at {t_ms} ms");
        last_mj = counter_mj;
    }
    assert_eq!(device.total_energy_mj(-S), Some(1000), "nothing is counted before t = 0");
}

#[test]
fn the_counter_has_every_millijoule_of_a_round_signal() {
    let device = one_segment(r#"{"for_s":1,"w":100}"#);
    for tick in 0..100_000 {
        assert_eq!(device.total_energy_mj(tick * 100 * MS), Some(tick.unsigned_abs() * 10_000));
    }
}

#[test]
fn counter_and_sensor_tick_together_when_their_periods_are_equal() {
    let device = device(r#"{"sensor":{"phase_ms":30},"power":{"segments":[{"for_s":1,"w":100}]}}"#);
    assert_eq!(device.total_energy_mj(29 * MS), Some(0));
    assert_eq!(device.total_energy_mj(30 * MS), Some(3000));
    assert_eq!(device.total_energy_mj(129 * MS), Some(3000));
    assert_eq!(device.total_energy_mj(130 * MS), Some(13_000));
}

#[test]
fn a_board_without_a_counter_has_none() {
    assert_eq!(device(r#"{"counter":{"supported":false}}"#).total_energy_mj(S), None);
}

#[test]
fn the_rest_follows_from_power_and_time() {
    let device = device(
        r#"{"power":{"segments":[{"for_s":5,"w":75},{"for_s":5,"w":500}]},
            "processes":[{"from_s":1,"to_s":2,"pid":7,"used_mib":3}],
            "throttle":[{"from_s":6,"to_s":8,"reasons":["sw_power_cap"]}]}"#,
    );
    assert_eq!((device.utilization_pct(3 * S), device.utilization_pct(8 * S)), (0, 95));
    assert_eq!((device.temperature_c(3 * S), device.temperature_c(8 * S)), (39, 60));
    assert_eq!(device.processes(S).map(|process| process.pid).collect::<Vec<_>>(), [7]);
    assert_eq!(device.processes(2 * S).count(), 0);
    assert_eq!((device.throttle_reasons(7 * S), device.throttle_reasons(8 * S)), (4, 0));
    assert_eq!(device.throttled_ns(throttle::SW_POWER_CAP, 7 * S), S.unsigned_abs());
    assert_eq!((device.power_limit_mw(), device.power_limit_min_mw()), (700_000, 200_000));
}
