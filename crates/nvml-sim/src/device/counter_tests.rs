//! The keys of format 2 that are the energy counter's.

use super::Device;
use super::readings_tests::{IN_STEP, RAMP, device_2};
use super::tests::{MS, S};

/// 100 W for ever: 100 mJ each millisecond.
const EVEN: &str = r#""power":{"segments":[{"for_s":1,"w":100}]}"#;

fn counter(keys: &str, power: &str) -> Device {
    device_2(&format!(r#""counter":{{{keys}}},{power}"#))
}

/// What it says at so many milliseconds.
fn says(device: &Device, t_ms: i64) -> u64 {
    device.total_energy_mj(t_ms * MS).expect("a counter")
}

#[test]
fn gain_extra_and_quantum_make_its_value() {
    let device = counter(r#""gain":1.25,"extra_w":60,"quantum_mj":1000"#, EVEN);
    // (100 + 60) * 1.25 = 200 W
    assert_eq!((says(&device, 1000), says(&device, 1100)), (200_000, 220_000));
    let coarse = counter(r#""quantum_mj":15000"#, EVEN);
    assert_eq!((says(&coarse, 1000), says(&coarse, 1100)), (90_000, 105_000), "rounded down");
}

#[test]
fn delay_phase_and_period_are_its_own() {
    let late = counter(r#""delay_ms":60"#, EVEN);
    assert_eq!((says(&late, 1000), says(&late, 0)), (94_000, 0));
    let slow = counter(r#""update_period_ms":1000,"phase_ms":300"#, EVEN);
    assert_eq!((says(&slow, 1299), says(&slow, 1300), says(&slow, 2299)), (30_000, 130_000, 130_000));
    let with_sensor = device_2(&format!(r#""sensor":{{"phase_ms":30}},"counter":{{}},{EVEN}"#));
    assert_eq!(says(&with_sensor, 129), 3000, "the sensor's phase unless it says otherwise");
}

#[test]
fn its_jitter_is_in_when_it_counts_and_not_in_what() {
    let device = counter(r#""jitter_ms":30"#, EVEN);
    let values: Vec<u64> = (0..=10_000).map(|t_ms| says(&device, t_ms)).collect();
    assert!(values.windows(2).all(|pair| pair[1] >= pair[0]));
    let mut steps: Vec<u64> = values.windows(2).map(|pair| pair[1] - pair[0]).filter(|mj| *mj > 0).collect();
    steps.sort_unstable();
    // 100 ms and twice up to 30 ms more or less, at 100 mJ each.
    assert!(steps[0] >= 4000 && steps[steps.len() - 1] <= 16_000 && steps[0] < 8000, "{steps:?}");
    let last_mj = *values.last().unwrap();
    assert!((987_000..=1_000_000).contains(&last_mj), "{last_mj}");
}

#[test]
fn a_sum_of_readings_is_as_blind_as_they_are() {
    let integral = counter(r#""mode":"integral""#, IN_STEP);
    let sum = counter(r#""mode":"sum_of_readings""#, IN_STEP);
    assert_eq!((says(&integral, 10_000), says(&sum, 10_000)), (3_500_000, 1_000_000));
    let device = device_2(&format!(
        r#""sensor":{{"noise_w":20,"gain":0.9,"update_period_ms":20,"spike_every":{{"readings":50,"w":9000}},
            "period_changes":[{{"at_s":3,"update_period_ms":50}}]}},
           "counter":{{"mode":"sum_of_readings","gain":2,"update_period_ms":40}},{RAMP}"#
    ));
    for t_ms in [7990, 40, 3000, 3060, 8000] {
        let tick_ns = t_ms / 40 * 40 * MS;
        let (mut expected_pj, mut tick) = (0, 1);
        while device.tick_ns(tick) <= tick_ns {
            let period_ns = device.tick_ns(tick) - device.tick_ns(tick - 1);
            expected_pj += i64::from(device.reading_mw(tick)) * period_ns;
            tick += 1;
        }
        assert_eq!(says(&device, t_ms), (2 * expected_pj / 1_000_000_000).unsigned_abs(), "{t_ms} ms");
    }
}

#[test]
fn a_reset_starts_over() {
    let device = counter(r#""offset_mj":5000,"resets":[{"at_s":5},{"at_s":2.05,"to_mj":700}]"#, EVEN);
    let expected =
        [(2000, 205_000), (2099, 205_000), (2100, 700 + 5_000), (4999, 285_700), (5000, 0), (6000, 100_000)];
    for (t_ms, mj) in expected {
        assert_eq!(says(&device, t_ms), mj, "{t_ms} ms");
    }
}

#[test]
fn a_jump_goes_up_or_down_and_stays() {
    let device = counter(
        r#""jumps":[{"at_s":2,"mj":5000000},{"at_s":3,"mj":-5100000},{"at_s":4,"mj":-900000}]"#,
        EVEN,
    );
    let expected = [
        (1999, 190_000),
        (2000, 5_200_000),
        (3000, 200_000),
        (3999, 290_000),
        (4000, 0),
        (9000, 0),
        (11_000, 100_000),
    ];
    for (t_ms, mj) in expected {
        assert_eq!(says(&device, t_ms), mj, "{t_ms} ms");
    }
}

#[test]
fn a_frozen_counter_catches_up_or_has_lost_the_time() {
    let expected_lost = [(1899, 180_000), (1900, 190_000), (2500, 190_000), (3000, 190_000), (3100, 200_000)];
    let lost = counter(r#""freezes":[{"from_s":2,"to_s":3}]"#, EVEN);
    let caught = counter(r#""freezes":[{"from_s":2,"to_s":3,"catch_up":true}]"#, EVEN);
    for (t_ms, mj) in expected_lost {
        assert_eq!(says(&lost, t_ms), mj, "{t_ms} ms");
    }
    assert_eq!((says(&caught, 2999), says(&caught, 3000)), (190_000, 300_000));
    let for_ever = counter(r#""freezes":[{"from_s":2}]"#, EVEN);
    assert_eq!(says(&for_ever, 1_000_000), 190_000);
    let with_reset = counter(r#""freezes":[{"from_s":2,"to_s":4}],"resets":[{"at_s":3}]"#, EVEN);
    assert_eq!(
        (says(&with_reset, 3999), says(&with_reset, 4000), says(&with_reset, 5000)),
        (190_000, 0, 100_000)
    );
}

#[test]
fn a_short_counter_wraps() {
    let device = counter(r#""wrap_mj":65536"#, EVEN);
    assert_eq!((says(&device, 600), says(&device, 700), says(&device, 1400)), (60_000, 4464, 8928));
}

#[test]
fn the_truth_stays_the_truth_whatever_the_counter_says() {
    let device =
        counter(r#""gain":3,"jumps":[{"at_s":1,"mj":77}],"resets":[{"at_s":1.5}],"extra_w":10"#, EVEN);
    assert!((device.true_energy_j(0, 2 * S) - 200.0).abs() < 1e-9);
}
