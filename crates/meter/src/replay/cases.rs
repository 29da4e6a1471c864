//! Single scenes, each of which has fooled a meter or might, and what is right of each.

use super::counter::{EnergyCounter, Kind, Phase};
use super::driver::{Board, Faults};
use super::load::{Load, Range, Shape};
use super::random::Random;
use super::right::{Case, HONEST, quoted};
use super::scene::Scene;
use super::sensor::{Average, PowerSensor};
use crate::clock::{NS_PER_MS as MS, NS_PER_S as S};
use crate::energy::Sensor;

const RANGE: Range = Range { idle_w: 75.0, limit_w: 700.0 };
const OPENED_NS: u64 = 3 * S;
const START_NS: u64 = 9 * S;
const BASE: Board = Board { average: Average::None, ..Board::MODELLED };
const NO_COUNTER: Board = Board { counter: None, ..BASE };
const COUNTER: EnergyCounter = EnergyCounter { phase: Phase::Either, ..EnergyCounter::every_ms(100) };
const FORGETFUL: EnergyCounter =
    EnergyCounter { freezes: 0.08, freeze_ns: 300 * MS, forgets: true, ..COUNTER };
const SENSOR: PowerSensor = PowerSensor::boxcar_ms(100, 25);

/// A window of this length over a load, with six seconds before it.
fn scene(board: Board, load: Load, length_ns: u64, dice: &mut Random) -> Scene {
    let start_ns = START_NS + dice.ns_below(100 * MS);
    let end_ns = start_ns + length_ns + dice.ns_below(100 * MS);
    let earlier_edges_ns = vec![OPENED_NS + S / 2, START_NS - S];
    Scene { load, board, range: RANGE, opened_ns: OPENED_NS, earlier_edges_ns, start_ns, end_ns }
}

/// A shape from one moment to another, idle beside it.
fn load(shape: Shape, span_ns: (u64, u64), dice: &mut Random) -> Load {
    let mut load = Load::idle(RANGE.idle_w);
    shape.put(&mut load, RANGE, span_ns, 100 * MS, dice);
    load.step(span_ns.1, RANGE.idle_w);
    load
}

/// A server that is busy from two seconds before the window to after it.
fn served(board: Board, length_ns: u64, dice: &mut Random) -> Scene {
    let load = load(Shape::Serving, (START_NS - 2 * S, START_NS + length_ns + 2 * S), dice);
    scene(board, load, length_ns, dice)
}

/// Steady power from one moment to another.
fn steady(board: Board, power_w: f64, span_ns: (u64, u64), dice: &mut Random) -> Scene {
    let mut load = Load::idle(RANGE.idle_w);
    load.step(span_ns.0, power_w);
    load.step(span_ns.1, RANGE.idle_w);
    scene(board, load, 5 * S, dice)
}

/// Half of every 100 ms at 480 W.
fn in_step(board: Board, span_ns: (u64, u64), dice: &mut Random) -> Scene {
    in_step_of(board, (span_ns, 100), dice)
}

/// Half of every so many milliseconds at 480 W.
fn in_step_of(board: Board, (span_ns, period_ms): ((u64, u64), u64), dice: &mut Random) -> Scene {
    let mut load = Load::idle(RANGE.idle_w);
    let (mut at_ns, to_ns) = span_ns;
    while at_ns < to_ns {
        load.step(at_ns, 480.0);
        load.step(at_ns + period_ms * MS / 2, RANGE.idle_w);
        at_ns += period_ms * MS;
    }
    scene(board, load, 5 * S, dice)
}

const fn counted_by(counter: EnergyCounter) -> Board {
    Board { counter: Some(counter), ..BASE }
}

const fn sensed_by(sensor: PowerSensor) -> Board {
    Board { sensor, ..BASE }
}

const fn failing(faults: Faults) -> Board {
    Board { faults, ..BASE }
}

/// From before the load of a window to after it.
const BUSY_NS: (u64, u64) = (START_NS - 2 * S, START_NS + 8 * S);
const INSIDE_NS: u64 = START_NS + 2 * S;
/// For as long as anything is recorded.
const ALWAYS_NS: (u64, u64) = (0, 100 * S);

/// All of them.
pub const CASES: [Case; 42] = [
    Case {
        name: "a constant 400 W, readings 5 % low, counter right",
        right: quoted(1.0),
        scene: |dice| steady(sensed_by(PowerSensor { gain: 0.95, ..SENSOR }), 400.0, BUSY_NS, dice),
    },
    Case {
        name: "a constant 400 W from before the sampler opens, readings 5 % low, counter right",
        right: quoted(6.0),
        scene: |dice| steady(sensed_by(PowerSensor { gain: 0.95, ..SENSOR }), 400.0, ALWAYS_NS, dice),
    },
    Case {
        name: "in step with the sensor, idle seen before, counter right",
        right: HONEST,
        scene: |dice| in_step(BASE, BUSY_NS, dice),
    },
    Case {
        name: "in step with the sensor from before the sampler opens, counter right",
        right: HONEST,
        scene: |dice| in_step(BASE, ALWAYS_NS, dice),
    },
    Case {
        name: "in step with the sensor, no counter",
        right: HONEST,
        scene: |dice| in_step(NO_COUNTER, BUSY_NS, dice),
    },
    Case {
        name: "in step with the sensor, no counter, and the driver knows of no kernel",
        right: HONEST,
        scene: |dice| {
            in_step(Board { faults: Faults { no_kernels: true, ..BASE.faults }, ..NO_COUNTER }, BUSY_NS, dice)
        },
    },
    Case {
        name: "in step with the sensor, no counter, a true mean over 1 s",
        right: HONEST,
        scene: |dice| in_step(Board { average: Average::True, ..NO_COUNTER }, BUSY_NS, dice),
    },
    Case {
        name: "a sensor stuck at 75 W under 520 W, counter right",
        right: HONEST,
        scene: |dice| {
            let sensor = PowerSensor { stuck_ns: Some((BUSY_NS.0 - S, 100 * S)), ..SENSOR };
            steady(sensed_by(sensor), 520.0, BUSY_NS, dice)
        },
    },
    Case {
        name: "a sensor stuck at 75 W under 520 W from before the sampler opens, counter right",
        right: HONEST,
        scene: |dice| {
            let mut scene =
                steady(sensed_by(PowerSensor { stuck_ns: Some((S, 100 * S)), ..SENSOR }), 75.0, (0, S), dice);
            scene.load.step(2 * S, 520.0);
            scene
        },
    },
    Case {
        name: "a sensor stuck for a second inside the window, counter right",
        right: quoted(20.0),
        scene: |dice| {
            let sensor = PowerSensor { stuck_ns: Some((INSIDE_NS, INSIDE_NS + S)), ..SENSOR };
            served(sensed_by(sensor), 5 * S, dice)
        },
    },
    Case {
        name: "a counter that jumps by 5000 J",
        right: quoted(30.0),
        scene: |dice| {
            served(counted_by(EnergyCounter { jump: Some((INSIDE_NS, 5000.0)), ..COUNTER }), 5 * S, dice)
        },
    },
    Case {
        name: "a counter that jumps by 100 J",
        right: quoted(30.0),
        scene: |dice| {
            served(counted_by(EnergyCounter { jump: Some((INSIDE_NS, 100.0)), ..COUNTER }), 5 * S, dice)
        },
    },
    Case {
        name: "a counter that falls by 1000 J",
        right: quoted(30.0),
        scene: |dice| {
            served(counted_by(EnergyCounter { jump: Some((INSIDE_NS, -1000.0)), ..COUNTER }), 5 * S, dice)
        },
    },
    Case {
        name: "a counter that begins again at 0",
        right: quoted(30.0),
        scene: |dice| served(counted_by(EnergyCounter { reset_ns: Some(INSIDE_NS), ..COUNTER }), 5 * S, dice),
    },
    Case {
        name: "a counter that never moves",
        right: quoted(30.0),
        scene: |dice| served(counted_by(EnergyCounter { lost_ns: Some(ALWAYS_NS), ..COUNTER }), 5 * S, dice),
    },
    Case {
        name: "a counter that stops inside the window",
        right: quoted(60.0),
        scene: |dice| {
            served(counted_by(EnergyCounter { lost_ns: Some((INSIDE_NS, 100 * S)), ..COUNTER }), 5 * S, dice)
        },
    },
    Case {
        name: "a counter that loses a second and goes on",
        right: quoted(30.0),
        scene: |dice| {
            let lost_ns = Some((INSIDE_NS, INSIDE_NS + S));
            served(counted_by(EnergyCounter { lost_ns, ..COUNTER }), 5 * S, dice)
        },
    },
    Case {
        name: "one reading of 31 kW in 100, no counter",
        right: quoted(25.0),
        scene: |dice| {
            let faults = Faults { spikes: 0.01, ..BASE.faults };
            served(Board { faults, ..NO_COUNTER }, 5 * S, dice)
        },
    },
    Case {
        name: "one reading of 820 W in 100 beside a limit of 700 W, no counter",
        right: quoted(25.0),
        scene: |dice| {
            let faults = Faults { spikes: 0.01, spike_w: 820.0, ..BASE.faults };
            served(Board { faults, ..NO_COUNTER }, 5 * S, dice)
        },
    },
    Case {
        name: "every call fails for 2.6 s and the counter restarts meanwhile",
        right: HONEST,
        scene: |dice| {
            let outage_ns = Some((INSIDE_NS, INSIDE_NS + 2600 * MS));
            let counter = EnergyCounter { reset_ns: Some(INSIDE_NS + S), ..COUNTER };
            served(
                Board { counter: Some(counter), ..failing(Faults { outage_ns, ..BASE.faults }) },
                5 * S,
                dice,
            )
        },
    },
    Case {
        name: "every call fails for 2.6 s and the counter misses half of it",
        right: HONEST,
        scene: |dice| {
            let outage_ns = Some((INSIDE_NS, INSIDE_NS + 2600 * MS));
            let counter = EnergyCounter { lost_ns: Some((INSIDE_NS, INSIDE_NS + 1300 * MS)), ..COUNTER };
            served(
                Board { counter: Some(counter), ..failing(Faults { outage_ns, ..BASE.faults }) },
                5 * S,
                dice,
            )
        },
    },
    Case {
        name: "every call fails for 2.6 s, the counter goes on",
        right: HONEST,
        scene: |dice| {
            let outage_ns = Some((INSIDE_NS, INSIDE_NS + 2600 * MS));
            served(failing(Faults { outage_ns, ..BASE.faults }), 5 * S, dice)
        },
    },
    Case {
        name: "the device is lost in the window and stays so",
        right: HONEST,
        scene: |dice| {
            served(failing(Faults { outage_ns: Some((INSIDE_NS, 100 * S)), ..BASE.faults }), 5 * S, dice)
        },
    },
    Case {
        name: "a counter of the whole module, 1.25 x",
        right: HONEST,
        scene: |dice| served(counted_by(EnergyCounter { gain: 1.25, ..COUNTER }), 5 * S, dice),
    },
    Case {
        name: "a counter that forgets 300 ms now and then, steady load",
        right: HONEST,
        scene: |dice| steady(counted_by(FORGETFUL), 440.0, BUSY_NS, dice),
    },
    Case {
        name: "a counter that forgets 300 ms now and then, served",
        right: HONEST,
        scene: |dice| served(counted_by(FORGETFUL), 5 * S, dice),
    },
    Case {
        name: "a counter 1.25 x with 40 W more, steady load",
        right: HONEST,
        scene: |dice| {
            steady(counted_by(EnergyCounter { gain: 1.25, extra_w: 40.0, ..COUNTER }), 440.0, BUSY_NS, dice)
        },
    },
    Case {
        name: "a counter 1.25 x with 40 W more, steady load from before the sampler opens",
        right: HONEST,
        scene: |dice| {
            steady(counted_by(EnergyCounter { gain: 1.25, extra_w: 40.0, ..COUNTER }), 440.0, ALWAYS_NS, dice)
        },
    },
    Case {
        name: "a counter 0.8 x, served",
        right: HONEST,
        scene: |dice| served(counted_by(EnergyCounter { gain: 0.8, ..COUNTER }), 5 * S, dice),
    },
    Case {
        name: "a counter 0.8 x, steady load from before the sampler opens",
        right: HONEST,
        scene: |dice| steady(counted_by(EnergyCounter { gain: 0.8, ..COUNTER }), 440.0, ALWAYS_NS, dice),
    },
    Case {
        name: "a counter with 40 W more, steady load",
        right: HONEST,
        scene: |dice| steady(counted_by(EnergyCounter { extra_w: 40.0, ..COUNTER }), 300.0, BUSY_NS, dice),
    },
    Case {
        name: "a counter with 40 W more, served",
        right: HONEST,
        scene: |dice| served(counted_by(EnergyCounter { extra_w: 40.0, ..COUNTER }), 5 * S, dice),
    },
    Case {
        name: "in step with a sensor of 500 ms, no counter",
        right: HONEST,
        scene: |dice| {
            in_step_of(Board { sensor: PowerSensor::boxcar_ms(500, 25), ..NO_COUNTER }, (BUSY_NS, 500), dice)
        },
    },
    Case {
        name: "in step with a sensor of 500 ms, no counter, a true mean over 1 s",
        right: HONEST,
        scene: |dice| {
            let sensor = PowerSensor::boxcar_ms(500, 25);
            in_step_of(Board { sensor, average: Average::True, ..NO_COUNTER }, (BUSY_NS, 500), dice)
        },
    },
    Case {
        name: "a sensor stuck at 75 W under 520 W from before the sampler opens, no counter",
        right: HONEST,
        scene: |dice| {
            let sensor = PowerSensor { stuck_ns: Some((S, 100 * S)), ..SENSOR };
            let mut scene = steady(Board { sensor, ..NO_COUNTER }, 75.0, (0, S), dice);
            scene.load.step(2 * S, 520.0);
            scene
        },
    },
    Case {
        name: "a counter that sums blind samples, a true mean over 1 s",
        right: quoted(25.0),
        scene: |dice| {
            let counter = EnergyCounter { kind: Kind::SumOfReadings, phase: Phase::InStep, ..COUNTER };
            served(Board { average: Average::True, ..counted_by(counter) }, 5 * S, dice)
        },
    },
    Case {
        name: "a missed deadline at idle",
        right: quoted(1.0),
        scene: |dice| {
            let stall_at_ns = Some((START_NS - 4 * S, 35 * MS));
            served(failing(Faults { stall_at_ns, ..BASE.faults }), 5 * S, dice)
        },
    },
    Case {
        name: "a counter 16 % high, a missed deadline at idle",
        right: HONEST,
        scene: |dice| {
            let counter = EnergyCounter { gain: 1.158, ..COUNTER };
            let stall_at_ns = Some((START_NS - 4 * S, 35 * MS));
            let faults = Faults { stall_at_ns, ..BASE.faults };
            served(Board { faults, ..counted_by(counter) }, 5 * S, dice)
        },
    },
    Case {
        name: "the sampler stands still for 400 ms inside the window",
        right: quoted(3.0),
        scene: |dice| {
            served(failing(Faults { stall_at_ns: Some((INSIDE_NS, 400 * MS)), ..BASE.faults }), 5 * S, dice)
        },
    },
    Case {
        name: "a second under a sensor of 500 ms, no counter",
        right: HONEST,
        scene: |dice| {
            let sensor = PowerSensor::boxcar_ms(500, 25);
            served(Board { sensor, ..NO_COUNTER }, S, dice)
        },
    },
    Case {
        name: "the only reading is the mean over 1 s, no counter",
        right: HONEST,
        scene: |dice| {
            let sensor = PowerSensor::boxcar_ms(100, 1000);
            served(Board { sensor, prior: Sensor::AVERAGED, ..NO_COUNTER }, 5 * S, dice)
        },
    },
    Case {
        name: "idle throughout, everything right",
        right: quoted(1.0),
        scene: |dice| steady(BASE, RANGE.idle_w, ALWAYS_NS, dice),
    },
];

/// Cases that today's estimator gets wrong. One that it gets right has to leave the list.
///
/// Where the only sensor sees nothing but idle and the driver says that nothing runs, nothing is left to doubt it.
pub const KNOWN_WRONG_TODAY: &[&str] = &[
    "a counter that jumps by 100 J",
    "in step with the sensor, no counter, and the driver knows of no kernel",
];
