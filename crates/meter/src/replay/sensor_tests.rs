//! Sensors and counters against closed forms.

use super::counter::{EnergyCounter, Kind};
use super::load::Load;
use super::sensor::{Average, Mean, PowerSensor};
use super::{Published, Random, Ticks};
use crate::clock::{NS_PER_MS as MS, NS_PER_S as S};

fn grid_ns(period_ns: u64, count: u64) -> Vec<u64> {
    (1..=count).map(|tick| tick * period_ns).collect()
}

fn close(found: f64, expected: f64, within: f64) -> bool {
    (found - expected).abs() <= within
}

/// 75 W, then 475 W from one second on.
fn one_step() -> Load {
    let mut load = Load::idle(75.0);
    load.step(S, 475.0);
    load
}

#[test]
fn a_boxcar_that_holds_a_step_reads_the_share_of_it_that_its_window_holds() {
    let load = one_step();
    let sensor = PowerSensor { delay_ns: 10 * MS, ..PowerSensor::boxcar_ms(100, 25) };
    // 5, 15 and 35 ms after the step, of which 10 ms are the delay.
    let ticks_ns = [S + 5 * MS, S + 15 * MS, S + 35 * MS];
    let published: Vec<f64> =
        sensor.publish(&load, &ticks_ns, &mut Random::new(1)).iter().map(|(_, power_w)| power_w).collect();
    assert_eq!(published, [75.0, 155.0, 475.0]);
}

#[test]
fn a_low_pass_answers_a_step_and_a_ramp_as_the_differential_equation_says() {
    let sensor =
        PowerSensor { mean: Mean::Exponential(60 * MS), quantum_w: 1e-9, ..PowerSensor::boxcar_ms(20, 20) };
    let ticks_ns = grid_ns(20 * MS, 80);
    let step = sensor.publish(&one_step(), &ticks_ns, &mut Random::new(1));
    for (at_ns, power_w) in step.iter().filter(|(at_ns, _)| *at_ns >= S) {
        let expected_w = 475.0 - 400.0 * (-((at_ns - S) as f64) / 60e6).exp();
        assert!(close(power_w, expected_w, 1e-6), "{power_w} {expected_w}");
    }
    let mut ramp = Load::idle(75.0);
    ramp.slope(S, 75.0, 200.0);
    let (at_ns, power_w) = sensor.publish(&ramp, &ticks_ns, &mut Random::new(1)).iter().last().expect("one");
    // Long after its beginning a low pass follows a ramp by its time constant.
    let expected_w = 75.0 + 200.0 * ((at_ns - S) as f64 / 1e9 - 0.06 + 0.06 * (-(600.0 / 60.0_f64)).exp());
    assert!(close(power_w, expected_w, 1e-6), "{power_w} {expected_w}");
}

#[test]
fn gain_offset_and_quantum_are_those_of_a_constant_and_noise_has_its_spread() {
    let load = Load::idle(400.0);
    let odd = PowerSensor { gain: 1.06, offset_w: 3.0, quantum_w: 12.0, ..PowerSensor::boxcar_ms(10, 10) };
    let ticks_ns = grid_ns(10 * MS, 4000);
    assert!(
        odd.publish(&load, &ticks_ns, &mut Random::new(1))
            .iter()
            .all(|(_, power_w)| close(power_w, 432.0, 1e-9))
    );
    let noisy = PowerSensor { noise_w: 5.0, ..PowerSensor::boxcar_ms(10, 10) };
    let off_w: Vec<f64> = noisy
        .publish(&load, &ticks_ns, &mut Random::new(1))
        .iter()
        .map(|(_, power_w)| power_w - 400.0)
        .collect();
    let mean_w = off_w.iter().sum::<f64>() / off_w.len() as f64;
    let spread_w = (off_w.iter().map(|off_w| off_w.powi(2)).sum::<f64>() / off_w.len() as f64).sqrt();
    assert!(close(mean_w, 0.0, 0.3) && close(spread_w, 5.0, 0.3), "{mean_w} {spread_w}");
}

#[test]
fn a_sensor_that_is_stuck_or_skips_publishes_nothing_meanwhile() {
    let ticks_ns = grid_ns(100 * MS, 1000);
    let stuck = PowerSensor { stuck_ns: Some((S, 2 * S)), ..PowerSensor::boxcar_ms(100, 25) };
    let published = stuck.publish(&one_step(), &ticks_ns, &mut Random::new(1));
    assert_eq!((published.iter().count(), published.at(2 * S - 1)), (990, Some(75.0)));
    let skipping = PowerSensor { skips: 0.1, ..PowerSensor::boxcar_ms(100, 25) };
    let count = skipping.publish(&one_step(), &ticks_ns, &mut Random::new(1)).iter().count();
    assert!((860..=940).contains(&count), "{count}");
}

#[test]
fn ticks_are_off_their_grid_by_their_jitter_at_most_and_without_a_grid_they_wander() {
    let far_off_ns = |ticks: Ticks| {
        let ticks_ns = ticks.until(200 * S, 0, &mut Random::new(5));
        assert!(ticks_ns.is_sorted_by(|a, b| a < b));
        let off = |(index, tick_ns): (usize, &u64)| tick_ns.abs_diff(index as u64 * 100 * MS);
        ticks_ns.iter().enumerate().map(off).max().expect("some")
    };
    assert_eq!(far_off_ns(Ticks::every(100 * MS)), 0);
    let jitter_ns = far_off_ns(Ticks { jitter: 0.2, ..Ticks::every(100 * MS) });
    assert!((15 * MS..=20 * MS).contains(&jitter_ns), "{jitter_ns}");
    assert!(far_off_ns(Ticks { stray: 0.2, ..Ticks::every(100 * MS) }) > 100 * MS);
    assert!(far_off_ns(Ticks { drift: 0.03, ..Ticks::every(100 * MS) }) > 20 * MS);
}

#[test]
fn a_true_mean_over_a_second_is_that_of_the_load_and_a_blind_one_that_of_the_readings() {
    let mut load = Load::idle(75.0);
    // 10 ms of 475 W at each tick but out of the sensor's sight.
    for tick in 10..40 {
        load.step(tick * 100 * MS + 20 * MS, 475.0);
        load.step(tick * 100 * MS + 30 * MS, 75.0);
    }
    let sensor = PowerSensor::boxcar_ms(100, 25);
    let readings = sensor.publish(&load, &grid_ns(100 * MS, 40), &mut Random::new(1));
    let last = |average: Average| average.publish(&sensor, &load, &readings).at(4 * S).expect("one");
    assert!(close(last(Average::True), 115.0, 1e-9));
    assert!(close(last(Average::Blind), 75.0, 1e-9));
    assert_eq!(Average::None.publish(&sensor, &load, &readings).iter().count(), 0);
}

fn counted_j(counter: EnergyCounter, load: &Load, readings: &Published<f64>, to_ns: u64) -> f64 {
    let published = counter.publish(load, &grid_ns(100 * MS, 40), readings, &mut Random::new(1));
    let at = |at_ns: u64| published.at(at_ns).expect("one") as f64 / 1e3;
    at(to_ns) - at(S / 2)
}

#[test]
fn a_counter_counts_the_load_to_its_last_tick_in_its_own_joules() {
    let (load, none) = (one_step(), Published::default());
    let counter = EnergyCounter::every_ms(100);
    // Half a second at 75 W, a second at 475 W, and 50 ms that no tick has shown yet.
    let true_j = 0.5 * 75.0 + 475.0;
    assert!(close(counted_j(counter, &load, &none, 2 * S + 50 * MS), true_j, 0.002));
    let module = EnergyCounter { gain: 1.25, extra_w: 40.0, ..counter };
    assert!(close(counted_j(module, &load, &none, 2 * S), 1.25 * true_j + 40.0 * 1.5, 0.002));
    let late = EnergyCounter { delay_ns: 40 * MS, ..counter };
    assert!(close(counted_j(late, &load, &none, 2 * S), true_j - 0.04 * 400.0, 0.002));
    let coarse = EnergyCounter { quantum_mj: 1000.0, ..counter };
    let coarse_j = counted_j(coarse, &load, &none, 2 * S);
    assert!(close(coarse_j, true_j, 1.0) && close(coarse_j.fract(), 0.0, 1e-9), "{coarse_j}");
}

#[test]
fn a_counter_that_sums_readings_is_as_blind_as_they_are_and_right_where_they_see_everything() {
    let mut load = Load::idle(75.0);
    load.step(S + 10 * MS, 475.0);
    load.step(S + 60 * MS, 75.0);
    let ticks_ns = grid_ns(100 * MS, 40);
    for (window_ms, seen_j) in [(25, 75.0 * 1.5), (100, 75.0 * 1.5 + 400.0 * 0.05)] {
        let readings = PowerSensor::boxcar_ms(100, window_ms).publish(&load, &ticks_ns, &mut Random::new(1));
        let counter = EnergyCounter { kind: Kind::SumOfReadings, ..EnergyCounter::every_ms(100) };
        assert!(close(counted_j(counter, &load, &readings, 2 * S), seen_j, 0.002), "{window_ms}");
    }
}

#[test]
fn a_counter_jumps_restarts_stands_still_and_freezes_as_told() {
    let (load, none) = (one_step(), Published::default());
    let counter = EnergyCounter::every_ms(100);
    let true_j = 0.5 * 75.0 + 475.0;
    let jumping = EnergyCounter { jump: Some((S, 5000.0)), ..counter };
    assert!(close(counted_j(jumping, &load, &none, 2 * S), true_j + 5000.0, 0.002));
    let lost = EnergyCounter { lost_ns: Some((S + 1, 2 * S)), ..counter };
    assert!(close(counted_j(lost, &load, &none, 2 * S), true_j - 0.9 * 475.0, 0.002));
    let ticks_ns = grid_ns(100 * MS, 40);
    let restarting = EnergyCounter { reset_ns: Some(S), ..counter };
    let published = restarting.publish(&load, &ticks_ns, &none, &mut Random::new(1));
    assert_eq!((published.at(S), published.at(2 * S)), (Some(0), Some(475_000)));
    let freezing = EnergyCounter { freezes: 0.3, freeze_ns: 300 * MS, ..counter };
    let (still, moving) = (
        freezing.publish(&load, &ticks_ns, &none, &mut Random::new(9)),
        counter.publish(&load, &ticks_ns, &none, &mut Random::new(9)),
    );
    assert!(still.iter().count() < moving.iter().count());
    assert!(still.iter().all(|(at_ns, energy_mj)| moving.at(at_ns) == Some(energy_mj)), "it catches up");
}
