//! Boards that nobody thought of: periods, delays, jitters, windows, kinds and faults by the dice. The estimator must answer
//! for each of them, with a number that can be, or with none.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::adapter::judge;
use super::classes::FAMILIES;
use super::counter::{EnergyCounter, Kind, Phase};
use super::driver::{Board, Calls, Faults, Latency};
use super::random::Random;
use super::scene::Scene;
use super::sensor::{Average, Mean, PowerSensor};
use super::ticks::Ticks;
use crate::clock::{NS_PER_MS as MS, NS_PER_S};
use crate::energy::{Calibrated, Delay, Sensor};
use crate::window::DeviceReport;

/// What is wrong with the answer to the scene of a seed, if anything.
pub fn wrong(seed: u64) -> Option<String> {
    let mut dice = Random::new(seed);
    let board = any_board(&mut dice);
    let family = dice.pick(&FAMILIES);
    let length_ns = dice.ns_between(5 * MS, 2 * NS_PER_S);
    let scene = Scene::random(board, family.shape, family.placement, length_ns, &mut dice);
    let recording = scene.record(&mut dice);
    let Ok(report) = catch_unwind(AssertUnwindSafe(|| judge(&recording))) else {
        return Some(format!("seed {seed}: panic on {board:?}"));
    };
    impossible(&report).map(|what| format!("seed {seed}: {what} on {board:?}: {:?}", report.headline))
}

fn impossible(report: &DeviceReport) -> Option<&'static str> {
    let headline = &report.headline;
    let (uncertainty_j, absolute_j) = (report.uncertainty_j(), report.absolute_uncertainty_j());
    let is_energy = |joules: f64| joules.is_finite() && joules >= 0.0;
    if headline.total_j.is_some() != headline.method.is_some() || headline.reason.is_empty() {
        return Some("a number without its origin, or none without a reason");
    }
    if !headline.total_j.is_none_or(is_energy) {
        return Some("an energy that cannot be");
    }
    if headline.total_j.is_some() && !uncertainty_j.is_some_and(|joules| joules.is_finite() && joules > 0.0) {
        return Some("a number that claims to be exact");
    }
    if absolute_j < uncertainty_j {
        return Some("an absolute uncertainty below that of the board");
    }
    if report.mean_power_w.zip(report.max_power_w).is_some_and(|(mean_w, max_w)| mean_w > max_w) {
        return Some("a mean above the peak");
    }
    if headline.findings.iter().any(|finding| finding.code == "estimator_failed") {
        return Some("a panic at an edge");
    }
    None
}

fn any_board(dice: &mut Random) -> Board {
    let sensor = any_sensor(dice);
    let sometimes =
        |dice: &mut Random, most: f64| if dice.chance(0.2) { dice.between(0.0, most) } else { 0.0 };
    let counter = dice.chance(0.8).then(|| any_counter(sensor, dice));
    // A board that is read too slowly for anything is seldom.
    let latency = |dice: &mut Random| {
        if dice.chance(0.7) {
            let most_ns = dice.pick(&[100_000, 500_000, 8 * MS]);
            return Latency::Steady(dice.ns_between(1_000, most_ns));
        }
        let (share, most_ns) = (dice.between(0.0, 0.3), dice.ns_between(5 * MS, 600 * MS));
        Latency::HeavyTail { usual_ns: 300_000, share, least_ns: 3 * MS, most_ns }
    };
    let outage = |dice: &mut Random| {
        let from_ns = dice.ns_between(4 * NS_PER_S, 10 * NS_PER_S);
        (from_ns, from_ns + dice.ns_below(3 * NS_PER_S))
    };
    Board {
        sensor,
        counter,
        average: dice.pick(&[Average::None, Average::True, Average::Blind, Average::Any]),
        calls: Calls { power: latency(dice), counter: latency(dice), devices: dice.pick(&[1, 1, 1, 2, 8]) },
        faults: Faults {
            missed: sometimes(dice, 0.9),
            spikes: sometimes(dice, 0.3),
            spike_w: dice.between(1.0, 5e6),
            zeros: sometimes(dice, 0.5),
            outage_ns: dice.chance(0.2).then(|| outage(dice)),
            stalls: sometimes(dice, 0.2),
            stall_ns: dice.ns_below(700 * MS),
            ..Board::MODELLED.faults
        },
        prior: dice.pick(&[Sensor::DATACENTER, Sensor::FAST, Sensor::GAPLESS, Sensor::AVERAGED]),
        interval_ns: dice.pick(&[1, 2, 5, 10, 10, 10, 10, 20, 100, 500]) * MS,
        calibrated: any_calibration(dice),
    }
}

/// Mostly none, and else one that may be wrong.
fn any_calibration(dice: &mut Random) -> Calibrated {
    if dice.chance(0.7) {
        return Calibrated::default();
    }
    Calibrated {
        sensor_delay_doubt_ns: dice.chance(0.7).then(|| dice.ns_below(20 * MS)),
        counter_delay: dice
            .chance(0.7)
            .then(|| Delay { ns: dice.ns_below(300 * MS), doubt_ns: dice.ns_below(20 * MS) }),
        gain: None,
    }
}

fn any_sensor(dice: &mut Random) -> PowerSensor {
    let span_ns = dice.ns_between(MS, 700 * MS);
    let longest_ns = dice.pick(&[120, 120, 800]) * MS;
    let stuck_from_ns = dice.ns_below(10 * NS_PER_S);
    PowerSensor {
        ticks: any_ticks(dice, longest_ns),
        mean: if dice.chance(0.8) { Mean::Boxcar(span_ns) } else { Mean::Exponential(span_ns) },
        delay_ns: if dice.chance(0.5) { 0 } else { dice.ns_below(300 * MS) },
        gain: if dice.chance(0.5) { 1.0 } else { dice.between(0.2, 2.0) },
        offset_w: if dice.chance(0.5) { 0.0 } else { dice.between(-60.0, 60.0) },
        noise_w: if dice.chance(0.5) { 0.0 } else { dice.between(0.0, 40.0) },
        quantum_w: dice.pick(&[0.001, 0.001, 1.0, 12.0, 100.0]),
        skips: if dice.chance(0.8) { 0.0 } else { dice.between(0.0, 0.9) },
        stuck_ns: dice.chance(0.1).then(|| (stuck_from_ns, stuck_from_ns + dice.ns_below(5 * NS_PER_S))),
    }
}

fn any_counter(sensor: PowerSensor, dice: &mut Random) -> EnergyCounter {
    let phase = dice.pick(&[Phase::InStep, Phase::Own]);
    let ticks =
        if phase == Phase::InStep { sensor.ticks } else { any_ticks(dice, 2 * sensor.ticks.period_ns) };
    let lost_from_ns = dice.ns_below(10 * NS_PER_S);
    EnergyCounter {
        ticks,
        phase,
        kind: dice.pick(&[Kind::Integral, Kind::Integral, Kind::SumOfReadings]),
        delay_ns: if dice.chance(0.6) { 0 } else { dice.ns_below(200 * MS) },
        gain: if dice.chance(0.6) { 1.0 } else { dice.between(0.0, 3.0) },
        extra_w: if dice.chance(0.8) { 0.0 } else { dice.between(0.0, 400.0) },
        quantum_mj: dice.pick(&[1.0, 1.0, 1000.0, 50_000.0]),
        freezes: if dice.chance(0.8) { 0.0 } else { dice.between(0.0, 0.3) },
        freeze_ns: dice.ns_below(2 * NS_PER_S),
        forgets: dice.chance(0.3),
        jump: dice.chance(0.2).then(|| (dice.ns_below(10 * NS_PER_S), dice.between(-5e4, 5e6))),
        reset_ns: dice.chance(0.1).then(|| dice.ns_below(10 * NS_PER_S)),
        lost_ns: dice.chance(0.1).then(|| (lost_from_ns, lost_from_ns + dice.ns_below(5 * NS_PER_S))),
    }
}

fn any_ticks(dice: &mut Random, longest_ns: u64) -> Ticks {
    let share = |dice: &mut Random, most: f64| if dice.chance(0.85) { 0.0 } else { dice.between(0.0, most) };
    Ticks {
        period_ns: dice.ns_between(3 * MS, longest_ns),
        jitter: share(dice, 0.5),
        drift: share(dice, 0.2),
        stray: share(dice, 0.5),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Some, here; a million with `--example sensors -- --fuzz 1000000`.
    #[test]
    fn no_board_brings_the_estimator_down_or_to_a_number_that_cannot_be() {
        let first = 1_000_000_000;
        let wrongs: Vec<String> = (first..first + 1000).filter_map(wrong).collect();
        assert!(wrongs.is_empty(), "{} of 1000 wrong, the first: {}", wrongs.len(), wrongs[0]);
    }
}
