//! The truth of the loads against numeric integration, the cadence, the table, and the cases.

use super::adapter::judge;
use super::cases::{CASES, KNOWN_WRONG_TODAY};
use super::classes::{self, FAMILIES};
use super::driver::{Board, Calls, Driver, Faults, Latency};
use super::load::{Load, Shape};
use super::right::{ENOUGH, SEEDS, wrongs};
use super::scene::{Placement, Recording, Scene};
use super::sensor::Average;
use super::table::{Outcome, Summary, cells};
use super::{Observation, Random};
use crate::clock::{NS_PER_MS as MS, NS_PER_S as S};
use crate::source::ReadError;

fn close(found: f64, expected: f64, within: f64) -> bool {
    (found - expected).abs() <= within
}

fn recording(board: Board, seed: u64) -> Recording {
    let mut dice = Random::new(seed);
    Scene::random(board, Shape::Serving, Placement::Around, 3 * S, &mut dice).record(&mut dice)
}

#[test]
fn the_energy_of_every_load_is_the_numeric_integral_of_its_power_which_stays_in_range() {
    for family in FAMILIES {
        let mut dice = Random::new(11);
        for _ in 0..5 {
            let scene = Scene::random(Board::MODELLED, family.shape, family.placement, 2 * S, &mut dice);
            let (from_ns, step_ns) = (scene.start_ns - S / 4, 20_000);
            let steps = (scene.end_ns + S / 4 - from_ns) / step_ns;
            let mut numeric_j = 0.0;
            for step in 0..steps {
                let power_w = scene.load.power_w(from_ns + step * step_ns + step_ns / 2);
                let range_w = scene.range.idle_w - 1e-9..=scene.range.limit_w + 1e-9;
                assert!(range_w.contains(&power_w), "{}: {power_w} W", family.name);
                numeric_j += power_w * step_ns as f64 / 1e9;
            }
            let exact_j = scene.load.joules(from_ns + steps * step_ns) - scene.load.joules(from_ns);
            assert!(close(numeric_j, exact_j, 1e-3 * exact_j), "{}: {numeric_j} {exact_j}", family.name);
        }
    }
}

#[test]
fn a_load_that_fills_its_window_begins_and_ends_just_before_the_marks_and_another_up_to_90_ms_apart() {
    let mut dice = Random::new(3);
    for (placement, reach_ns) in [(Placement::Fills, 4 * MS), (Placement::Apart, 90 * MS)] {
        for _ in 0..50 {
            let scene = Scene::random(Board::MODELLED, Shape::Constant, placement, S, &mut dice);
            let idle_w = scene.range.idle_w;
            let idles = |at_ns: u64| scene.load.power_w(at_ns) < idle_w + 61.0;
            assert!(idles(scene.start_ns - reach_ns - MS), "{placement:?}");
            // It may rise for 40 ms.
            assert!(!idles(scene.start_ns + reach_ns + 40 * MS), "{placement:?}");
            assert!(
                !idles(scene.end_ns - reach_ns - MS) && idles(scene.end_ns + reach_ns + MS),
                "{placement:?}"
            );
        }
    }
}

#[test]
fn a_driver_fails_as_often_as_told_and_answers_nothing_in_an_outage() {
    let mut dice = Random::new(4);
    let faults = Faults {
        missed: 0.1,
        spikes: 0.1,
        zeros: 0.1,
        outage_ns: Some((2 * S, 3 * S)),
        ..Board::MODELLED.faults
    };
    let board = Board { faults, average: Average::True, ..Board::MODELLED };
    let mut driver = Driver::new(board, &Load::idle(75.0), 4 * S, &mut dice);
    let answers: Vec<_> = (0..4000).map(|_| driver.power_mw(S)).collect();
    let count = |answer: Result<u32, ReadError>| answers.iter().filter(|found| **found == answer).count();
    for (answer, least, most) in [
        (Ok(75_000), 2600, 3200),
        (Ok(31_000_000), 250, 420),
        (Err(ReadError::ZeroPower), 280, 450),
        (Err(ReadError::Driver(999)), 320, 480),
    ] {
        assert!((least..=most).contains(&count(answer)), "{answer:?}: {}", count(answer));
    }
    assert!(driver.power_mw(2 * S).is_err() && driver.counter_mj(2 * S).is_err());
    assert_eq!((driver.average_mw(2 * S), driver.average_mw(3 * S)), (None, Some(75_000)));
    assert!(driver.counter_mj(3 * S).is_ok());
}

#[test]
fn the_sampler_reads_on_time_and_densely_at_the_edges_and_reads_the_counter_there_with_each_power() {
    let recording = recording(Board::MODELLED, 8);
    let apart_ns = |pair: &[Observation]| pair[1].at_ns - pair[0].at_ns;
    let dense = |at_ns: u64, edge_ns: u64| (edge_ns..edge_ns + 350 * MS).contains(&at_ns);
    assert!(recording.observations.windows(2).all(|pair| apart_ns(pair) < 11 * MS));
    for edge_ns in [recording.start_ns, recording.end_ns] {
        let near: Vec<_> = recording.observations.iter().filter(|seen| dense(seen.at_ns, edge_ns)).collect();
        assert!(near[0].at_ns < edge_ns + MS && near[0].counter.is_some(), "the edge itself is read");
        assert!((60..=80).contains(&near.len()), "{} reads", near.len());
        assert!(near.iter().filter(|seen| seen.counter.is_some()).count() >= near.len() - 2);
    }
    let inside = |seen: &&Observation| {
        (recording.start_ns + 400 * MS..recording.end_ns).contains(&seen.at_ns) && seen.counter.is_some()
    };
    let counter_reads = recording.observations.iter().filter(inside).count();
    // In pairs, one every 0.22 s.
    assert!((22..=26).contains(&counter_reads), "{counter_reads} in 2.6 s");
}

#[test]
fn devices_that_are_read_one_after_the_other_are_read_as_rarely_as_their_calls_allow() {
    let calls = Calls { power: Latency::Steady(5 * MS), counter: Latency::Steady(5 * MS), devices: 8 };
    let recording = recording(Board { calls, ..Board::MODELLED }, 8);
    for pair in recording.observations.windows(2) {
        let apart_ns = pair[1].at_ns - pair[0].at_ns;
        assert!((40 * MS..=125 * MS).contains(&apart_ns), "{apart_ns}");
        assert_eq!(pair[0].read_ns, 5 * MS);
    }
}

#[test]
fn what_a_recording_says_is_true_is_the_energy_of_its_load_and_the_same_for_the_same_seed() {
    let mut dice = Random::new(21);
    let scene = Scene::random(Board::MODELLED, Shape::Walk, Placement::Mixed, 2 * S, &mut dice);
    let recording = scene.record(&mut dice);
    assert!(close(
        recording.true_j,
        scene.load.joules(scene.end_ns) - scene.load.joules(scene.start_ns),
        1e-9
    ));
    assert!(recording.parts.is_sorted_by(|a, b| a.0 <= b.0 && a.1 <= b.1));
    for (at_ns, energy_j) in &recording.parts {
        assert!(close(*energy_j, scene.load.joules(*at_ns) - scene.load.joules(scene.start_ns), 1e-9));
    }
    let cell = cells(&classes::NAMED[0], &[1], false)[0];
    let record = |seed: u64, window: usize| {
        let (scene, mut dice) = cell.scene(seed, window);
        scene.record(&mut dice).true_j.to_bits()
    };
    assert_eq!(record(1, 3), record(1, 3));
    assert_ne!(record(1, 3), record(2, 3));
    assert_ne!(record(1, 3), record(1, 3 + cell.families.len()));
}

#[test]
fn a_summary_counts_what_is_covered_null_exact_and_lost() {
    let outcome = |total_j: Option<f64>, uncertainty_j: Option<f64>| Outcome {
        true_j: 100.0,
        total_j,
        uncertainty_j,
        absolute_uncertainty_j: uncertainty_j,
        is_constant: false,
        panicked: false,
        cost_ns: 2_000_000,
    };
    let summary = Summary::of(&[
        outcome(Some(101.0), Some(2.0)),
        outcome(Some(97.0), Some(2.0)),
        outcome(Some(101.0), Some(0.0)),
        outcome(Some(101.0), None),
        outcome(None, None),
        Outcome { panicked: true, ..outcome(None, None) },
    ]);
    assert_eq!((summary.windows, summary.null, summary.panics, summary.zero_uncertainty), (6, 1, 1, 1));
    assert!(close(summary.covered, 0.25, 1e-9) && close(summary.bias_pct, 0.0, 1e-9), "{summary:?}");
    assert!(close(summary.error_p50_pct, 1.0, 1e-9) && close(summary.error_p95_pct, 3.0, 1e-9));
    // Errors of 1, 3, 1 and 1 %: their root mean square is the root of 3.
    assert!(close(summary.uncertainty_over_rms, 2.0 / 3.0_f64.sqrt(), 1e-9), "{summary:?}");
}

#[test]
fn names_are_unique_and_every_class_can_be_recorded() {
    let mut names: Vec<&str> = classes::all().map(|class| class.name).collect();
    names.extend(CASES.iter().map(|case| case.name));
    names.extend(FAMILIES.iter().map(|family| family.name));
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
    for class in classes::all() {
        let recording = recording(class.board, 1);
        let answers = recording.observations.iter().filter(|seen| seen.power_mw.is_ok()).count();
        assert!(answers > 20 && recording.true_j > 0.0, "{}: {answers}", class.name);
    }
}

#[test]
fn every_case_is_answered_rightly_but_those_that_are_known_to_be_wrong() {
    assert!(KNOWN_WRONG_TODAY.iter().all(|name| CASES.iter().any(|case| case.name == *name)));
    for case in &CASES {
        let wrongs = wrongs(case, judge);
        let is_right = SEEDS - wrongs.len() as u64 >= ENOUGH;
        if KNOWN_WRONG_TODAY.contains(&case.name) {
            assert!(!is_right, "{} is right now: take it off KNOWN_WRONG_TODAY", case.name);
        } else {
            assert!(is_right, "{}: {wrongs:#?}", case.name);
        }
    }
}
