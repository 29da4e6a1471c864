use super::super::averaging_window::fit_averaging_window;
use super::super::load::Edge;
use super::*;
use crate::clock::NS_PER_MS;
use crate::replay::Random;

const MS: f64 = NS_PER_MS as f64;
const LOW_W: f64 = 80.0;
const HIGH_W: f64 = 450.0;
/// The periods that `llem calibrate` chooses for a sensor of 100 ms.
const SEVERAL: [f64; 7] = [67.0, 76.0, 81.0, 122.0, 127.0, 135.0, 730.0];

/// Square waves of these periods for four seconds each, half of it on.
fn waves(periods_ms: &[f64]) -> OnTime {
    let (mut edges, mut at_ms) = (Vec::new(), 1000.0);
    for period_ms in periods_ms {
        let end_ms = at_ms + 4000.0;
        while at_ms < end_ms {
            edges.push(Edge { at_ns: whole(at_ms), on: true });
            edges.push(Edge { at_ns: whole(at_ms + period_ms / 2.0), on: false });
            at_ms += period_ms;
        }
    }
    edges.push(Edge { at_ns: whole(at_ms), on: false });
    OnTime::new(edges)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive and small")]
fn whole(at_ms: f64) -> u64 {
    (at_ms * MS) as u64
}

#[derive(Clone, Copy)]
struct Board {
    window_ms: f64,
    delay_ms: f64,
    gain: f64,
    offset_w: f64,
    noise_w: f64,
    counter_ms: f64,
    counter_delay_ms: f64,
    counter_phase_ms: f64,
    adds_up: bool,
}

const BOARD: Board = Board {
    window_ms: 25.0,
    delay_ms: 0.0,
    gain: 1.0,
    offset_w: 0.0,
    noise_w: 0.0,
    counter_ms: 100.0,
    counter_delay_ms: 0.0,
    counter_phase_ms: 0.0,
    adds_up: false,
};

const PERIOD_MS: f64 = 100.0;

/// What such a board has published while the load ran, seen with 1 ms polling.
fn fit(load: &OnTime, board: Board) -> CounterFit {
    let mut random = Random::new(11);
    let end_ms = load.known_ns().expect("edges").1 as f64 / MS;
    let mean_w = |from_ms: f64, to_ms: f64| LOW_W + (HIGH_W - LOW_W) * load.share(from_ms * MS, to_ms * MS);
    let ticks = |period_ms: f64, phase_ms: f64| {
        (0..).map(move |k| phase_ms + f64::from(k) * period_ms).take_while(move |at_ms| *at_ms < end_ms)
    };
    let readings: Vec<(f64, f64)> = ticks(PERIOD_MS, 413.7)
        .map(|at_ms| {
            let to_ms = at_ms - board.delay_ms;
            let noise_w = random.between(-1.7, 1.7) * board.noise_w;
            (at_ms, board.gain * mean_w(to_ms - board.window_ms, to_ms) + board.offset_w + noise_w)
        })
        .collect();
    let counted_j = |until_ms: f64| {
        if board.adds_up {
            let before = readings.iter().take_while(|(at_ms, _)| *at_ms <= until_ms);
            before.map(|(_, power_w)| power_w / board.gain * PERIOD_MS / 1e3).sum::<f64>()
        } else {
            mean_w(0.0, until_ms) * until_ms / 1e3
        }
    };
    let mut seen_ms = |at_ms: f64| whole(at_ms + random.between(-0.5, 0.5));
    let counter: Vec<CounterTick> = ticks(board.counter_ms, 413.7 + board.counter_phase_ms)
        .map(|at_ms| CounterTick {
            at_ns: seen_ms(at_ms),
            energy_mj: whole(counted_j(at_ms - board.counter_delay_ms) * 1e3 / MS),
        })
        .collect();
    let mut power: Vec<PowerTick> = Vec::new();
    for (at_ms, power_w) in readings {
        // Only what changes is seen.
        if power.last().is_none_or(|last| last.power_w.to_bits() != power_w.to_bits()) {
            power.push(PowerTick { at_ns: seen_ms(at_ms), power_w });
        }
    }
    fit_counter(&Watched {
        load,
        power: &power,
        counter: &counter,
        update_period_ns: Some(whole(PERIOD_MS)),
        window: fit_averaging_window(load, &power).ok(),
    })
}

#[test]
fn an_integral_is_told_from_a_sum_of_readings_with_its_delay_and_the_readings_gain() {
    let load = waves(&SEVERAL);
    for (name, board) in [
        ("an H100", BOARD),
        ("half the time seen", Board { window_ms: 50.0, ..BOARD }),
        ("low readings", Board { gain: 0.95, noise_w: 3.0, ..BOARD }),
        ("a late counter", Board { counter_delay_ms: 40.0, ..BOARD }),
        ("both late", Board { delay_ms: 60.0, counter_delay_ms: 60.0, counter_phase_ms: 37.0, ..BOARD }),
        ("a fast counter", Board { counter_ms: 20.0, counter_delay_ms: 10.0, ..BOARD }),
        ("a slow counter", Board { counter_ms: 250.0, counter_delay_ms: 70.0, ..BOARD }),
    ] {
        let found = fit(&load, board);
        assert_eq!(found.kind, Ok(Kind::Integral), "{name}");
        let delay = found.delay_ns.expect(name);
        assert!((delay.value / MS - board.counter_delay_ms).abs() < 1.0, "{name}: {delay:?}");
        assert!((1.0..4.0).contains(&(delay.error / MS)), "{name}: {delay:?}");
        let gain = found.gain_ratio.expect(name);
        assert!((gain.ratio - board.gain).abs() < gain.uncertainty.max(0.004), "{name}: {gain:?}");
        assert!(gain.uncertainty < 0.02, "{name}: {gain:?}");
    }
}

#[test]
fn a_counter_that_adds_up_readings_is_found_and_has_no_delay_of_its_own() {
    let load = waves(&SEVERAL);
    for (name, board) in [
        ("in step", Board { adds_up: true, ..BOARD }),
        ("of its own phase", Board { adds_up: true, counter_phase_ms: 17.0, noise_w: 2.0, ..BOARD }),
        ("late", Board { adds_up: true, delay_ms: 60.0, counter_delay_ms: 30.0, ..BOARD }),
        ("of readings that are low", Board { adds_up: true, gain: 0.95, window_ms: 50.0, ..BOARD }),
    ] {
        let found = fit(&load, board);
        assert_eq!(found.kind, Ok(Kind::SumOfReadings), "{name}");
        let reason = found.delay_ns.expect_err(name);
        assert!(reason.contains("as late as they are"), "{name}: {reason}");
        let gain = found.gain_ratio.expect(name);
        assert!((gain.ratio - board.gain).abs() < 0.004, "{name}: {gain:?}");
    }
}

#[test]
fn what_the_load_cannot_tell_has_a_reason() {
    let load = waves(&SEVERAL);
    let sees_all = fit(&load, Board { window_ms: 100.0, counter_delay_ms: 25.0, ..BOARD });
    assert!(sees_all.kind.expect_err("open").contains("sees all of the time"));
    let delay = sees_all.delay_ns.expect("it is late by the load's own edges");
    assert!((delay.value / MS - 25.0).abs() < 1.0, "{delay:?}");

    let offset = fit(&load, Board { offset_w: 12.0, ..BOARD });
    let reason = offset.gain_ratio.expect_err("at rest another one than at work");
    assert!(reason.contains("no single factor"), "{reason}");

    let one_period = waves(&[200.0]);
    let reason = fit(&one_period, Board { counter_delay_ms: 20.0, ..BOARD }).delay_ns.expect_err("in step");
    assert!(!reason.is_empty());
    let none =
        fit_counter(&Watched { load: &load, power: &[], counter: &[], update_period_ns: None, window: None });
    let reason = none.kind.expect_err("no counter");
    assert_eq!(reason, "the energy counter ticked 0 times while the load ran, fewer than 24");
    assert!(none.delay_ns.is_err() && none.gain_ratio.is_err());
}
