//! What the estimator is held to on the replay. The figures of all classes are the example's (`examples/sensors.rs`); here
//! are those that must not be lost, on fewer windows.

use super::adapter::{fresh_history, judge_with_history, sample_of};
use super::classes::{self, Class};
use super::driver::Board;
use super::scene::Recording;
use super::sensor::{Average, PowerSensor};
use super::table::{Cell, Summary, cells, run};
use crate::clock::NS_PER_S;
use crate::verify::{CurveBuilder, RARE_EDGE_SPAN_NS};

fn judged(class: &str, loads: &str, length_s: u64, windows: usize) -> Summary {
    let class = classes::all().find(|known| known.name == class).expect("a class of that name");
    summary(class, loads, length_s, windows)
}

fn summary(class: &'static Class, loads: &str, length_s: u64, windows: usize) -> Summary {
    let by_family = !["ordinary", "in step"].contains(&loads);
    let cells: Vec<Cell> =
        cells(class, &[length_s], by_family).into_iter().filter(|cell| cell.loads == loads).collect();
    let summary = run(&cells, windows, 1, 2, |_, _| {}).remove(0);
    println!("{} {loads} {length_s} s: {summary:.3?}", class.name);
    summary
}

#[test]
fn on_the_sensor_that_boards_were_seen_to_have_the_counter_is_sharp_and_no_window_outside_its_uncertainty() {
    for (loads, length_s, most_p95_pct) in
        [("serving", 1, 0.9), ("serving", 5, 0.15), ("fills", 1, 1.1), ("fills", 5, 0.25)]
    {
        let found = judged("modelled", loads, length_s, 40);
        assert!(found.error_p95_pct <= most_p95_pct, "{loads} {length_s} s: {found:?}");
        assert!(
            found.covered >= 0.95 && found.zero_uncertainty == 0 && found.null == 0,
            "{loads} {length_s} s: {found:?}"
        );
    }
}

#[test]
fn a_load_in_step_with_the_sensor_is_inside_its_uncertainty() {
    let found = judged("modelled", "in step", 5, 40);
    assert!(found.covered >= 0.9 && found.error_p95_pct <= 1.1, "{found:?}");
}

#[test]
fn a_counter_that_adds_up_readings_is_found_out_by_the_mean_over_a_second() {
    let found = judged("counter-sums-true-mean", "in step", 5, 40);
    assert!(found.covered >= 0.6 && found.error_p50_pct <= 1.0, "{found:?}");
}

#[test]
fn a_slow_sensor_without_a_counter_holds_what_it_does_not_see() {
    for (name, period_ms) in [("sensor-700ms", 700), ("sensor-900ms", 900), ("sensor-1300ms", 1300)] {
        let sensor = PowerSensor::boxcar_ms(period_ms, 25);
        let board = Board { sensor, counter: None, average: Average::None, ..Board::MODELLED };
        // It lives as long as the test's process.
        let class = Box::leak(Box::new(Class { name, about: "no counter", board }));
        for length_s in [5, 20] {
            let found = summary(class, "ordinary", length_s, 90);
            assert!(found.covered >= 0.9 && found.zero_uncertainty == 0, "{name} {length_s} s: {found:?}");
        }
    }
}

#[test]
fn delays_that_a_calibration_has_measured_cost_little() {
    let found = judged("both-late-calibrated", "ordinary", 5, 27);
    assert!(found.covered >= 0.9 && found.error_p95_pct <= 0.4, "{found:?}");
}

#[test]
fn sensors_that_lie_are_inside_their_uncertainty() {
    for class in
        ["50-50", "100-100", "20-10", "late-60ms", "low-5pct", "no-counter", "counter-1s", "calls-5ms-8gpus"]
    {
        let found = judged(class, "ordinary", 5, 27);
        assert!(found.covered >= 0.9 && found.zero_uncertainty == 0 && found.null == 0, "{class}: {found:?}");
    }
}

/// What each part of at least 5 s of a window is off by, percent, with its sign.
fn parts_off_pct(recording: &Recording) -> Vec<f64> {
    let (report, learned) = judge_with_history(recording);
    let (start, end) = report.edges.expect("a counter at both edges");
    let moments_ns: Vec<u64> = recording.parts.iter().map(|(at_ns, _)| *at_ns).collect();
    let mut history = fresh_history(recording);
    history.pin(learned.belief());
    let mut curve = CurveBuilder::new(start, end, (recording.start_ns, recording.end_ns));
    for observation in &recording.observations {
        let sample = sample_of(observation);
        history.push(&sample);
        curve.advance(&history, &moments_ns, sample.at_ns.saturating_sub(RARE_EDGE_SPAN_NS));
    }
    curve.advance(&history, &moments_ns, u64::MAX);
    let at = |k: usize| (recording.parts[k], curve.curve()[k]);
    let pairs = (0..moments_ns.len()).flat_map(|from| (from + 1..moments_ns.len()).map(move |to| (from, to)));
    pairs
        .filter_map(|(from, to)| {
            let (((from_ns, from_true_j), from_j), ((to_ns, to_true_j), to_j)) = (at(from), at(to));
            let (joules, true_j) = (to_j? - from_j?, to_true_j - from_true_j);
            (to_ns - from_ns >= 5 * NS_PER_S).then(|| 100.0 * (joules / true_j - 1.0))
        })
        .collect()
}

#[test]
fn parts_of_5_s_and_more_of_a_serving_load_are_within_3_in_1000_and_none_the_others_excess() {
    let class = classes::all().find(|known| known.name == "modelled").expect("a class of that name");
    for loads in ["bench", "serving", "server"] {
        let all = cells(class, &[20], true);
        let cell = all.iter().find(|cell| cell.loads == loads).expect("a load of that name");
        let recordings = (0..30).map(|window| {
            let (scene, mut dice) = cell.scene(1, window);
            scene.record(&mut dice)
        });
        let mut off_pct: Vec<f64> = recordings.flat_map(|recording| parts_off_pct(&recording)).collect();
        let bias_pct = off_pct.iter().sum::<f64>() / off_pct.len() as f64;
        off_pct.sort_by(|a, b| a.abs().total_cmp(&b.abs()));
        let p95_pct = off_pct[off_pct.len() * 95 / 100].abs();
        println!("{loads}: {} parts, p95 {p95_pct:.3} %, bias {bias_pct:+.4} %", off_pct.len());
        assert!(
            off_pct.len() > 200 && p95_pct <= 0.3 && bias_pct.abs() <= 0.05,
            "{} parts, p95 {p95_pct} %, bias {bias_pct} %",
            off_pct.len()
        );
    }
}
