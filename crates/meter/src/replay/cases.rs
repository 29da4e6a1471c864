//! Single scenes, each of which has fooled a meter or might, and what is right of each.

use super::counter::{EnergyCounter, Kind, Phase};
use super::driver::{Board, Faults};
use super::right::{Case, HONEST, quoted};
use super::scenes::{
    ALWAYS_NS, BASE, BUSY_NS, COUNTER, FORGETFUL, INSIDE_NS, NO_COUNTER, RANGE, SENSOR, START_NS, counted_by,
    failing, in_step, in_step_of, sensed_by, served, steady,
};
use super::sensor::{Average, PowerSensor};
use crate::clock::{NS_PER_MS as MS, NS_PER_S as S};
use crate::energy::Sensor;

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
