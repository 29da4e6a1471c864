use super::super::load::Edge;
use super::*;
use crate::clock::NS_PER_MS;
use crate::replay::Random;

const MS: f64 = NS_PER_MS as f64;

/// Square waves of these periods for so long each, half of it on, as `python/pulses.py` makes them.
fn waves(periods_ms: &[f64], each_ms: f64) -> OnTime {
    let mut edges = Vec::new();
    let mut start_ms = 1000.0;
    for period_ms in periods_ms {
        let mut at_ms = start_ms;
        while at_ms < start_ms + each_ms {
            edges.push(Edge { at_ns: whole(at_ms), on: true });
            edges.push(Edge { at_ns: whole(at_ms + period_ms / 2.0), on: false });
            at_ms += period_ms;
        }
        start_ms = at_ms;
    }
    edges.push(Edge { at_ns: whole(start_ms), on: false });
    OnTime::new(edges)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive and small")]
fn whole(at_ms: f64) -> u64 {
    (at_ms * MS) as u64
}

struct Board {
    period_ms: f64,
    window_ms: f64,
    delay_ms: f64,
    noise_w: f64,
}

/// What such a board publishes while its load works at 450 W and rests at 80 W, seen with 1 ms polling.
fn readings(load: &OnTime, board: &Board) -> Vec<PowerTick> {
    let mut random = Random::new(7);
    let (_, to_ns) = load.known_ns().expect("edges");
    let mut tick_ms = 13.7;
    let mut ticks = Vec::new();
    while tick_ms * MS < to_ns as f64 {
        let end_ns = (tick_ms - board.delay_ms) * MS;
        let share = load.share(end_ns - board.window_ms * MS, end_ns);
        let seen_ms = tick_ms + random.between(-0.5, 0.5);
        let power_w = 80.0 + 370.0 * share + random.between(-1.7, 1.7) * board.noise_w;
        ticks.push(PowerTick { at_ns: whole(seen_ms), power_w });
        tick_ms += board.period_ms;
    }
    ticks
}

/// The periods that `llem calibrate` chooses for a sensor of 100 ms.
const SEVERAL: [f64; 7] = [67.0, 76.0, 81.0, 122.0, 127.0, 135.0, 730.0];

#[test]
fn window_and_delay_are_found_whatever_the_board() {
    let table = [
        ("an H100", Board { period_ms: 100.0, window_ms: 25.0, delay_ms: 0.0, noise_w: 0.0 }),
        ("a late one", Board { period_ms: 100.0, window_ms: 25.0, delay_ms: 97.0, noise_w: 3.0 }),
        ("a V100", Board { period_ms: 20.0, window_ms: 10.0, delay_ms: 5.0, noise_w: 2.0 }),
        ("one without gaps", Board { period_ms: 100.0, window_ms: 100.0, delay_ms: 30.0, noise_w: 2.0 }),
        ("one that averages", Board { period_ms: 100.0, window_ms: 1000.0, delay_ms: 0.0, noise_w: 1.0 }),
    ];
    for (name, board) in table {
        let periods_ms = SEVERAL.map(|period_ms| period_ms * board.period_ms / 100.0);
        let load = waves(&periods_ms, if board.window_ms > 500.0 { 4000.0 } else { 25.0 * board.period_ms });
        let found = fit_averaging_window(&load, &readings(&load, &board)).expect(name);
        let (window_ms, delay_ms) = (found.window_ns / MS, found.delay_ns / MS);
        let tolerance_ms = f64::max(1.0, 0.02 * board.window_ms);
        assert!((window_ms - board.window_ms).abs() < tolerance_ms, "{name}: {found:?}");
        assert!((delay_ms - board.delay_ms).abs() < tolerance_ms, "{name}: {found:?}");
        assert!(found.window_error_ns < 3.0 * tolerance_ms * MS, "{name}: {found:?}");
        assert!(found.explained > 0.9, "{name}: {found:?}");
    }
}

#[test]
fn what_one_period_cannot_tell_apart_is_not_told_apart() {
    let load = waves(&[127.0], 15_000.0);
    let board = Board { period_ms: 100.0, window_ms: 100.0, delay_ms: 10.0, noise_w: 0.0 };
    let reason = fit_averaging_window(&load, &readings(&load, &board)).expect_err("ambiguous");
    assert!(reason.contains("explain the readings equally well"), "{reason}");
}

#[test]
fn readings_that_the_load_does_not_move_have_no_window() {
    let load = waves(&SEVERAL, 2000.0);
    let mut random = Random::new(5);
    let noise: Vec<PowerTick> = (0..200)
        .map(|k| PowerTick { at_ns: k * 100 * NS_PER_MS, power_w: random.between(78.0, 82.0) })
        .collect();
    let reason = fit_averaging_window(&load, &noise).expect_err("nothing to see");
    assert!(reason.contains("it does not show in them"), "{reason}");
    let reason = fit_averaging_window(&load, &noise[..20]).expect_err("too few");
    assert!(reason.starts_with("the power reading changed 0 times"), "{reason}");
    let reason = fit_averaging_window(&OnTime::new(Vec::new()), &noise).expect_err("no edges");
    assert_eq!(reason, "the load told no edges");
}
