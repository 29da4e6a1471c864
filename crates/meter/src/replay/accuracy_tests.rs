//! What the estimator is held to on the replay. The figures of all classes are the example's (`examples/sensors.rs`); here
//! are those that must not be lost, on fewer windows.

use super::classes;
use super::table::{Cell, Summary, cells, run};

fn judged(class: &str, loads: &str, length_s: u64, windows: usize) -> Summary {
    let class = classes::all().find(|known| known.name == class).expect("a class of that name");
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
