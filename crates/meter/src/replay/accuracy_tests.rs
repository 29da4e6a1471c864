//! What the estimator is held to on the replay. The figures of all classes are the example's (`examples/sensors.rs`); here
//! are those that must not be lost, on fewer windows.

use super::classes::{self, Class};
use super::driver::Board;
use super::sensor::{Average, PowerSensor};
use super::table::{Cell, Summary, cells, run};

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
fn sensors_that_lie_are_inside_their_uncertainty() {
    for class in
        ["50-50", "100-100", "20-10", "late-60ms", "low-5pct", "no-counter", "counter-1s", "calls-5ms-8gpus"]
    {
        let found = judged(class, "ordinary", 5, 27);
        assert!(found.covered >= 0.9 && found.zero_uncertainty == 0 && found.null == 0, "{class}: {found:?}");
    }
}
