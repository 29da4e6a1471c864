//! What the scenes of the cases are put together from.

use super::counter::{EnergyCounter, Phase};
use super::driver::{Board, Faults};
use super::load::{Load, Range, Shape};
use super::random::Random;
use super::scene::Scene;
use super::sensor::{Average, PowerSensor};
use crate::clock::{NS_PER_MS as MS, NS_PER_S as S};

pub(super) const RANGE: Range = Range { idle_w: 75.0, limit_w: 700.0 };
pub(super) const OPENED_NS: u64 = 3 * S;
pub(super) const START_NS: u64 = 9 * S;
pub(super) const BASE: Board = Board { average: Average::None, ..Board::MODELLED };
pub(super) const NO_COUNTER: Board = Board { counter: None, ..BASE };
pub(super) const COUNTER: EnergyCounter =
    EnergyCounter { phase: Phase::Either, ..EnergyCounter::every_ms(100) };
pub(super) const FORGETFUL: EnergyCounter =
    EnergyCounter { freezes: 0.08, freeze_ns: 300 * MS, forgets: true, ..COUNTER };
pub(super) const SENSOR: PowerSensor = PowerSensor::boxcar_ms(100, 25);

/// A window of this length over a load, with six seconds before it.
pub(super) fn scene(board: Board, load: Load, length_ns: u64, dice: &mut Random) -> Scene {
    let start_ns = START_NS + dice.ns_below(100 * MS);
    let end_ns = start_ns + length_ns + dice.ns_below(100 * MS);
    let earlier_edges_ns = vec![OPENED_NS + S / 2, START_NS - S];
    Scene { load, board, range: RANGE, opened_ns: OPENED_NS, earlier_edges_ns, start_ns, end_ns }
}

/// A shape from one moment to another, idle beside it.
pub(super) fn load(shape: Shape, span_ns: (u64, u64), dice: &mut Random) -> Load {
    let mut load = Load::idle(RANGE.idle_w);
    shape.put(&mut load, RANGE, span_ns, 100 * MS, dice);
    load.step(span_ns.1, RANGE.idle_w);
    load
}

/// A server that is busy from two seconds before the window to after it.
pub(super) fn served(board: Board, length_ns: u64, dice: &mut Random) -> Scene {
    let load = load(Shape::Serving, (START_NS - 2 * S, START_NS + length_ns + 2 * S), dice);
    scene(board, load, length_ns, dice)
}

/// Steady power from one moment to another.
pub(super) fn steady(board: Board, power_w: f64, span_ns: (u64, u64), dice: &mut Random) -> Scene {
    let mut load = Load::idle(RANGE.idle_w);
    load.step(span_ns.0, power_w);
    load.step(span_ns.1, RANGE.idle_w);
    scene(board, load, 5 * S, dice)
}

/// Half of every 100 ms at 480 W.
pub(super) fn in_step(board: Board, span_ns: (u64, u64), dice: &mut Random) -> Scene {
    in_step_of(board, (span_ns, 100), dice)
}

/// Half of every so many milliseconds at 480 W.
pub(super) fn in_step_of(board: Board, (span_ns, period_ms): ((u64, u64), u64), dice: &mut Random) -> Scene {
    let mut load = Load::idle(RANGE.idle_w);
    let (mut at_ns, to_ns) = span_ns;
    while at_ns < to_ns {
        load.step(at_ns, 480.0);
        load.step(at_ns + period_ms * MS / 2, RANGE.idle_w);
        at_ns += period_ms * MS;
    }
    scene(board, load, 5 * S, dice)
}

pub(super) const fn counted_by(counter: EnergyCounter) -> Board {
    Board { counter: Some(counter), ..BASE }
}

pub(super) const fn sensed_by(sensor: PowerSensor) -> Board {
    Board { sensor, ..BASE }
}

pub(super) const fn failing(faults: Faults) -> Board {
    Board { faults, ..BASE }
}

/// From before the load of a window to after it.
pub(super) const BUSY_NS: (u64, u64) = (START_NS - 2 * S, START_NS + 8 * S);
pub(super) const INSIDE_NS: u64 = START_NS + 2 * S;
/// For as long as anything is recorded.
pub(super) const ALWAYS_NS: (u64, u64) = (0, 100 * S);
