//! The kinds of boards and of loads that the estimator is judged on, by name.

use super::counter::{EnergyCounter, Kind, Phase};
use super::driver::{Board, Calls, Faults, Latency};
use super::load::Shape;
use super::scene::Placement;
use super::sensor::{Average, Mean, PowerSensor};
use super::ticks::Ticks;
use crate::clock::NS_PER_MS as MS;
use crate::energy::{Calibrated, Delay, Sensor};

/// A kind of load, and where it lies to the window.
#[derive(Clone, Copy, Debug)]
pub struct Family {
    /// Its name in the table.
    pub name: &'static str,
    /// What the program does.
    pub shape: Shape,
    /// Where it begins and ends.
    pub placement: Placement,
    /// Whether it is in step with the sensor, so that readings alone cannot be right.
    pub in_step: bool,
}

impl Family {
    const fn ordinary(name: &'static str, shape: Shape, placement: Placement) -> Self {
        Self { name, shape, placement, in_step: false }
    }

    const fn in_step(name: &'static str, shape: Shape, placement: Placement) -> Self {
        Self { name, shape, placement, in_step: true }
    }
}

/// All kinds of loads, those in step with the sensor last.
pub const FAMILIES: [Family; 16] = [
    Family::ordinary("serving", Shape::Serving, Placement::Around),
    Family::ordinary("fills", Shape::Serving, Placement::Fills),
    Family::ordinary("apart", Shape::Serving, Placement::Apart),
    Family::ordinary("server", Shape::Serving, Placement::Always),
    Family::ordinary("rounds", Shape::Rounds, Placement::Mixed),
    Family::ordinary("bench", Shape::Bench, Placement::Around),
    Family::ordinary("bench-fills", Shape::Bench, Placement::Fills),
    Family::ordinary("constant", Shape::Constant, Placement::Mixed),
    Family::ordinary("bursts", Shape::Bursts, Placement::Mixed),
    Family::ordinary("ramp", Shape::Ramp, Placement::Mixed),
    Family::ordinary("walk", Shape::Walk, Placement::Mixed),
    Family::ordinary("texture", Shape::Texture, Placement::Mixed),
    Family::in_step("square", Shape::Square, Placement::Around),
    Family::in_step("square-fills", Shape::Square, Placement::Fills),
    Family::in_step("square-always", Shape::Square, Placement::Always),
    Family::in_step("beat", Shape::Beat, Placement::Mixed),
];

/// A kind of board.
#[derive(Clone, Copy, Debug)]
pub struct Class {
    /// Its name in the table.
    pub name: &'static str,
    /// What is about it.
    pub about: &'static str,
    /// The board.
    pub board: Board,
}

const BASE: Board = Board::MODELLED;
const COUNTER: EnergyCounter = EnergyCounter { phase: Phase::Either, ..EnergyCounter::every_ms(100) };
/// A counter that adds up the sensor's readings as they are published.
const SUM: EnergyCounter =
    EnergyCounter { kind: Kind::SumOfReadings, phase: Phase::InStep, ..EnergyCounter::every_ms(100) };

const fn with_sensor(sensor: PowerSensor, prior: Sensor) -> Board {
    Board { sensor, prior, ..BASE }
}

const fn with_counter(counter: EnergyCounter) -> Board {
    Board { counter: Some(counter), ..BASE }
}

/// With no counter or a useless one, what the mean over a second is decides.
const fn with_average(counter: Option<EnergyCounter>, average: Average) -> Board {
    Board { counter, average, ..BASE }
}

const fn with_faults(faults: Faults) -> Board {
    Board { faults, ..BASE }
}

const fn with_calls(power: Latency, counter: Latency, devices: u64) -> Board {
    Board { calls: Calls { power, counter, devices }, ..BASE }
}

const fn class(name: &'static str, about: &'static str, board: Board) -> Class {
    Class { name, about, board }
}

/// The kinds that were seen to fool the meter.
pub const NAMED: [Class; 20] = [
    class("modelled", "25 ms mean every 100 ms, counter right", BASE),
    class("50-50", "50 ms mean every 50 ms", with_sensor(PowerSensor::boxcar_ms(50, 50), Sensor::DATACENTER)),
    class(
        "100-100",
        "100 ms mean every 100 ms",
        with_sensor(PowerSensor::boxcar_ms(100, 100), Sensor::GAPLESS),
    ),
    class(
        "mean-1s-only",
        "the only reading is the mean over 1 s; counter right",
        Board { average: Average::None, ..with_sensor(PowerSensor::boxcar_ms(100, 1000), Sensor::AVERAGED) },
    ),
    class("20-10", "10 ms mean every 20 ms", with_sensor(PowerSensor::boxcar_ms(20, 10), Sensor::FAST)),
    class("10-10", "10 ms mean every 10 ms", with_sensor(PowerSensor::boxcar_ms(10, 10), Sensor::DATACENTER)),
    class(
        "late-60ms",
        "readings 60 ms late",
        with_sensor(PowerSensor { delay_ns: 60 * MS, ..PowerSensor::boxcar_ms(100, 25) }, Sensor::DATACENTER),
    ),
    class(
        "low-5pct",
        "readings 5 % low, 5 W noise, 1 W steps; counter right",
        with_sensor(
            PowerSensor { gain: 0.95, noise_w: 5.0, quantum_w: 1.0, ..PowerSensor::boxcar_ms(100, 25) },
            Sensor::DATACENTER,
        ),
    ),
    class("no-counter-true-mean", "no counter, a true mean over 1 s", with_average(None, Average::True)),
    class("no-counter-blind-mean", "no counter, a mean of the readings", with_average(None, Average::Blind)),
    class("no-counter", "no counter, no mean over 1 s", with_average(None, Average::None)),
    class(
        "counter-1s-true-mean",
        "counter ticks once a second, a true mean over 1 s",
        with_average(Some(EnergyCounter::every_ms(1000)), Average::True),
    ),
    class(
        "counter-1s",
        "counter ticks once a second, no mean",
        with_average(Some(EnergyCounter::every_ms(1000)), Average::None),
    ),
    class(
        "calls-5ms-8gpus",
        "8 GPUs, each call takes 5 ms",
        with_calls(Latency::Steady(5 * MS), Latency::Steady(5 * MS), 8),
    ),
    class("calls-heavy-tail", "3 % of calls wait for 3 to 250 ms", with_calls(TAIL, TAIL, 1)),
    class(
        "calls-heavier-tail-4gpus",
        "4 GPUs, 20 % of calls wait for 5 to 400 ms",
        with_calls(HEAVIER_TAIL, HEAVIER_TAIL, 4),
    ),
    class(
        "counter-sums-true-mean",
        "counter sums the readings, a true mean over 1 s",
        with_average(Some(SUM), Average::True),
    ),
    class(
        "counter-sums-blind-mean",
        "counter sums the readings, so does the mean",
        with_average(Some(SUM), Average::Blind),
    ),
    class(
        "counter-module",
        "counter of a module: 1.25 x",
        with_counter(EnergyCounter { gain: 1.25, ..COUNTER }),
    ),
    class(
        "sensor-500ms",
        "25 ms mean every 500 ms",
        with_sensor(PowerSensor::boxcar_ms(500, 25), Sensor::DATACENTER),
    ),
];

const TAIL: Latency =
    Latency::HeavyTail { usual_ns: 300_000, share: 0.03, least_ns: 3 * MS, most_ns: 250 * MS };

const HEAVIER_TAIL: Latency =
    Latency::HeavyTail { usual_ns: 300_000, share: 0.2, least_ns: 5 * MS, most_ns: 400 * MS };

/// Kinds that nobody has named, as different as boards may be.
pub const OTHERS: [Class; 24] = [
    class(
        "jitter-101-25",
        "every 101 ms, each tick up to 20 % early or late",
        with_sensor(
            PowerSensor {
                ticks: Ticks { jitter: 0.2, ..Ticks::every(101 * MS) },
                ..PowerSensor::boxcar_ms(101, 25)
            },
            Sensor::DATACENTER,
        ),
    ),
    class(
        "every-16.7ms",
        "16.7 ms mean every 16.7 ms",
        with_sensor(
            PowerSensor {
                ticks: Ticks::every(16_700_000),
                mean: Mean::Boxcar(16_700_000),
                ..PowerSensor::boxcar_ms(17, 17)
            },
            Sensor::DATACENTER,
        ),
    ),
    class(
        "period-drifts",
        "the sensor's period swings by 3 %",
        with_sensor(
            PowerSensor {
                ticks: Ticks { drift: 0.03, ..Ticks::every(100 * MS) },
                ..PowerSensor::boxcar_ms(100, 25)
            },
            Sensor::DATACENTER,
        ),
    ),
    class(
        "no-grid",
        "each interval of the sensor 80 to 120 ms, of the counter 90 to 110",
        Board {
            sensor: PowerSensor {
                ticks: Ticks { stray: 0.2, ..Ticks::every(100 * MS) },
                ..PowerSensor::boxcar_ms(100, 25)
            },
            counter: Some(EnergyCounter {
                ticks: Ticks { stray: 0.1, ..Ticks::every(100 * MS) },
                ..EnergyCounter::every_ms(100)
            }),
            ..BASE
        },
    ),
    class(
        "both-late",
        "counter 40 ms late, sensor 100 ms",
        Board {
            sensor: PowerSensor { delay_ns: 100 * MS, ..PowerSensor::boxcar_ms(100, 25) },
            counter: Some(EnergyCounter { delay_ns: 40 * MS, ..COUNTER }),
            ..BASE
        },
    ),
    class(
        "both-late-calibrated",
        "the same, measured to 2 ms by a calibration",
        Board {
            sensor: PowerSensor { delay_ns: 100 * MS, ..PowerSensor::boxcar_ms(100, 25) },
            counter: Some(EnergyCounter { delay_ns: 40 * MS, ..COUNTER }),
            // Off by half of what it may be off.
            prior: Sensor { delay_ns: 101 * MS, ..Sensor::DATACENTER },
            calibrated: Calibrated {
                sensor_delay_doubt_ns: Some(2 * MS),
                counter_delay: Some(Delay { ns: 39 * MS, doubt_ns: 2 * MS }),
                gain: None,
            },
            ..BASE
        },
    ),
    class(
        "counter-1J",
        "counter in whole joules",
        with_counter(EnergyCounter { quantum_mj: 1000.0, ..COUNTER }),
    ),
    class(
        "low-pass-60ms",
        "every 20 ms, a low pass of 60 ms",
        with_sensor(
            PowerSensor { mean: Mean::Exponential(60 * MS), ..PowerSensor::boxcar_ms(20, 20) },
            Sensor::DATACENTER,
        ),
    ),
    class(
        "low-pass-250ms",
        "every 15 ms, a low pass of 250 ms",
        with_sensor(
            PowerSensor { mean: Mean::Exponential(250 * MS), ..PowerSensor::boxcar_ms(15, 15) },
            Sensor::DATACENTER,
        ),
    ),
    class(
        "high-6pct-3W",
        "readings 6 % and 3 W high; counter right",
        with_sensor(
            PowerSensor { gain: 1.06, offset_w: 3.0, ..PowerSensor::boxcar_ms(100, 25) },
            Sensor::DATACENTER,
        ),
    ),
    class(
        "counter-freezes",
        "1 % of its ticks the counter stops for 300 ms and catches up",
        with_counter(EnergyCounter { freezes: 0.01, freeze_ns: 300 * MS, ..COUNTER }),
    ),
    class("missed-2pct", "1 in 50 power reads fails", with_faults(Faults { missed: 0.02, ..BASE.faults })),
    class("zeros-1pct", "1 in 100 power reads says 0 W", with_faults(Faults { zeros: 0.01, ..BASE.faults })),
    class(
        "spikes-1pct",
        "1 in 100 power reads says 31 kW",
        with_faults(Faults { spikes: 0.01, ..BASE.faults }),
    ),
    class("counter-47ms", "counter ticks every 47 ms", with_counter(EnergyCounter::every_ms(47))),
    class(
        "quantum-12W",
        "readings in steps of 12 W",
        with_sensor(PowerSensor { quantum_w: 12.0, ..PowerSensor::boxcar_ms(100, 25) }, Sensor::DATACENTER),
    ),
    class(
        "overlap-100-250",
        "250 ms mean every 100 ms",
        with_sensor(PowerSensor::boxcar_ms(100, 250), Sensor::DATACENTER),
    ),
    class(
        "skips-10pct",
        "at 1 tick in 10 nothing new appears",
        with_sensor(PowerSensor { skips: 0.1, ..PowerSensor::boxcar_ms(100, 25) }, Sensor::DATACENTER),
    ),
    class(
        "counter-plus-40W",
        "counter of a module: 40 W more",
        with_counter(EnergyCounter { extra_w: 40.0, ..COUNTER }),
    ),
    class(
        "stalls",
        "1 % of polls come up to 120 ms late",
        with_faults(Faults { stalls: 0.01, stall_ns: 120 * MS, ..BASE.faults }),
    ),
    class(
        "mean-1s-no-counter",
        "the only reading is the mean over 1 s, no counter",
        Board {
            counter: None,
            average: Average::None,
            ..with_sensor(PowerSensor::boxcar_ms(100, 1000), Sensor::AVERAGED)
        },
    ),
    class(
        "counter-200ms-late",
        "counter ticks every 200 ms, 60 ms late",
        with_counter(EnergyCounter { delay_ns: 60 * MS, ..EnergyCounter::every_ms(200) }),
    ),
    class("sampler-100ms", "read every 100 ms", Board { interval_ns: 100 * MS, ..BASE }),
    class(
        "100-20-counter-10ms",
        "20 ms mean every 100 ms, counter ticks every 10 ms",
        Board { sensor: PowerSensor::boxcar_ms(100, 20), counter: Some(EnergyCounter::every_ms(10)), ..BASE },
    ),
];

/// All kinds of boards.
pub fn all() -> impl Iterator<Item = &'static Class> {
    NAMED.iter().chain(&OTHERS)
}
