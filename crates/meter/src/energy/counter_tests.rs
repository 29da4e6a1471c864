//! Edges of known loads.

use super::*;
use crate::clock::NS_PER_S;

const MS: u64 = NS_PER_MS;

/// A device whose true power is `before` watts until `step_ms` and `after` watts from then on, seen through a
/// sensor (25 ms every 100 ms) and a counter that tick together at `phase_ms + k * 100 ms`.
fn stepped(before: f64, after: f64, step_ms: u64, phase_ms: u64) -> History {
    let energy_j =
        |t_ms: f64| before * t_ms.min(step_ms as f64) / 1e3 + after * (t_ms - step_ms as f64).max(0.0) / 1e3;
    let mut history = History::new(3 * NS_PER_S, 10 * MS, Sensor::DATACENTER);
    for k in 0..200u64 {
        let t_ms = 3 + k * 10;
        let Some(since) = t_ms.checked_sub(phase_ms) else { continue };
        let tick_ms = (phase_ms + since / 100 * 100) as f64;
        let reading_w = (energy_j(tick_ms) - energy_j((tick_ms - 25.0).max(0.0))) / 0.025;
        history.push_power(t_ms * MS, reading_w);
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        history.push_counter(t_ms * MS, (energy_j(tick_ms) * 1e3) as u64);
    }
    history
}

#[test]
fn a_step_at_the_edge_is_found_inside_the_tick_at_any_phase() {
    for phase_ms in [30, 37, 51, 64, 88] {
        let edge = stepped(75.0, 500.0, 1000, phase_ms).counter_at(1000 * MS).expect("the counter was read");
        assert_eq!(edge.method, EdgeMethod::TwoSided);
        // 5 ms of doubt about the tick's time at 500 W are 2.5 J; the raw counter is off by up to 50 J.
        assert!((edge.corrected_j - 75.0).abs() < 2.6, "phase {phase_ms}: {}", edge.corrected_j);
    }
}

#[test]
fn a_steady_load_is_shared_evenly() {
    for edge_ms in [700, 733, 766, 799] {
        let edge = stepped(400.0, 400.0, 0, 40).counter_at(edge_ms * MS).expect("the counter was read");
        let expected = 0.4 * edge_ms as f64;
        assert!((edge.corrected_j - expected).abs() < 2.1, "{edge_ms} ms: {}", edge.corrected_j);
    }
}

#[test]
fn the_power_carries_the_counter_on_when_no_later_tick_came() {
    let mut history = stepped(400.0, 400.0, 0, 40);
    history.counter.retain(|(at_ns, _)| *at_ns <= 1010 * MS);
    history.push_counter(1033 * MS, history.counter.back().expect("reads").1);
    let edge = history.counter_at(1020 * MS).expect("the counter was read");
    assert_eq!(edge.method, EdgeMethod::OneSided);
    assert!((edge.corrected_j - 408.0).abs() < 4.1, "{}", edge.corrected_j);
}

#[test]
fn a_counter_that_fell_has_no_value_at_an_edge() {
    let mut history = stepped(400.0, 400.0, 0, 40);
    history.push_counter(2100 * MS, 5);
    assert_eq!(history.counter_at(1000 * MS), None);
}

#[test]
fn a_counter_that_was_not_read_before_the_edge_has_no_value_there() {
    assert_eq!(stepped(400.0, 400.0, 0, 40).counter_at(MS), None);
    assert_eq!(History::new(NS_PER_S, MS, Sensor::DATACENTER).counter_at(MS), None);
}

#[test]
fn the_history_forgets_what_is_older_than_its_span() {
    let mut history = History::new(NS_PER_S, 10 * MS, Sensor::DATACENTER);
    let capacity = history.power.capacity();
    for k in 0..10_000 {
        history.push_power(k * 10 * MS, 1.0);
    }
    assert!(history.power.len() <= 102);
    assert_eq!(history.power.capacity(), capacity);
}

#[test]
fn a_load_that_goes_on_beyond_the_edge_is_not_taken_for_a_burst_at_it() {
    // Idle until 1000 ms, asked for at 1080 ms: 80 ms of the load lie before the edge.
    let edge = stepped(75.0, 500.0, 1000, 99).counter_at(1080 * MS).expect("the counter was read");
    assert!((edge.corrected_j - 115.0).abs() < 3.0, "{}", edge.corrected_j);
}

#[test]
fn the_uncertainty_of_an_edge_covers_what_is_not_known_of_it() {
    let steady = stepped(400.0, 400.0, 0, 40).counter_at(766 * MS).expect("the counter was read");
    // Rounds shorter than a reading would show in none: a tenth of the energy of one.
    assert!((0.5..1.3).contains(&steady.share_uncertainty_j), "{steady:?}");
    // 5 ms between the reads around the tick, and a little about the period.
    assert!((1.155 * 2.0..1.155 * 2.2).contains(&steady.tick_uncertainty_j), "{steady:?}");
    let idle = stepped(75.0, 500.0, 1000, 64).counter_at(1000 * MS).expect("the counter was read");
    assert!(idle.tick_uncertainty_j < 0.6 && idle.share_uncertainty_j < 1.5, "{idle:?}");
}
