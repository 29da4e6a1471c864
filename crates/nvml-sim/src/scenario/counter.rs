//! How the energy counter works: `counter` of a device.

use super::sensor::{
    COUNTER_JITTER_STREAM, PERIOD_MS, SensorSpec, ns_from_ms, read_delay, read_jitter, refuse_dense,
};
use super::stretch::{Stretch, read_bounds, read_moment};
use crate::json::{Object, Range};
use crate::noise::stream;
use crate::reading_sums::ReadingSums;
use crate::ticks::Ticks;

/// How the energy counter works.
#[derive(Debug, Clone)]
pub struct CounterSpec {
    /// Whether the board has one.
    pub supported: bool,
    /// When it is updated.
    pub ticks: Ticks,
    /// How old what it says is when it says it, in nanoseconds.
    pub delay_ns: i64,
    /// Value at t = 0 in millijoules.
    pub offset_mj: u64,
    /// What the energy is multiplied with.
    pub gain: f64,
    /// What it counts besides the GPU, in watts, before the gain.
    pub extra_w: f64,
    /// Its values are multiples of this many millijoules, rounded down.
    pub quantum_mj: u64,
    /// What it adds up.
    pub mode: CounterMode,
    /// When it starts over, in nanoseconds since t = 0, and with how many millijoules. Sorted.
    pub resets: Vec<(i64, u64)>,
    /// When it jumps, and by how many millijoules.
    pub jumps: Vec<(i64, i64)>,
    /// When it stands still. Sorted, without overlap.
    pub freezes: Vec<Freeze>,
    /// It starts at 0 again when it reaches this many millijoules.
    pub wrap_mj: Option<u64>,
    /// Sums of readings, for that mode.
    pub(crate) sums: ReadingSums,
}

/// What a counter adds up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CounterMode {
    /// The true power.
    Integral,
    /// Each reading of the sensor times its update period: what the sensor does not see is not counted.
    SumOfReadings,
}

const COUNTER_MODES: [(&str, CounterMode); 2] =
    [("integral", CounterMode::Integral), ("sum_of_readings", CounterMode::SumOfReadings)];

/// When a counter stands still.
#[derive(Debug, Clone, Copy)]
pub struct Freeze {
    /// When.
    pub stretch: Stretch,
    /// Whether it then jumps to where it would have been; else the energy is lost.
    pub catches_up: bool,
}

const COUNTER_OF_FORMAT_2: [&str; 11] = [
    "phase_ms",
    "delay_ms",
    "jitter_ms",
    "gain",
    "extra_w",
    "quantum_mj",
    "mode",
    "resets",
    "jumps",
    "freezes",
    "wrap_mj",
];

/// `has_counter`: whether boards of this generation have one.
pub fn read_counter(mut counter: Object, sensor: &SensorSpec, has_counter: bool) -> CounterSpec {
    counter.since_format_2(&COUNTER_OF_FORMAT_2);
    let period_ns = ns_from_ms(counter.number("update_period_ms", 100.0, PERIOD_MS));
    let phase_ns = if counter.has("phase_ms") {
        ns_from_ms(counter.number("phase_ms", None, Range::Between(-1e9, 1e9)))
    } else {
        sensor.phase_ns
    };
    let mut ticks = Ticks::even(phase_ns, period_ns);
    read_jitter(&mut counter, &mut ticks, stream(sensor.seed, COUNTER_JITTER_STREAM));
    let supported = counter.flag("supported", has_counter);
    if supported && !has_counter {
        counter.refuse("supported", "must be false: boards before volta have no energy counter");
    }
    let mode = counter.name_in("mode", &COUNTER_MODES).unwrap_or(CounterMode::Integral);
    if mode == CounterMode::SumOfReadings {
        refuse_dense(&counter, "mode", sensor);
    }
    let spec = CounterSpec {
        supported,
        ticks,
        delay_ns: read_delay(&mut counter, "delay_ms", 0),
        // Half of the range is left for what the signal adds.
        offset_mj: counter.whole("offset_mj", 0, u64::MAX / 2),
        gain: counter.number("gain", 1.0, Range::Between(0.0, 1e3)),
        extra_w: counter.number("extra_w", 0.0, Range::Between(0.0, 1e6)),
        quantum_mj: read_at_least_1(&mut counter, "quantum_mj").unwrap_or(1),
        mode,
        resets: read_resets(&mut counter),
        jumps: read_jumps(&mut counter),
        freezes: read_freezes(&mut counter),
        wrap_mj: read_at_least_1(&mut counter, "wrap_mj"),
        sums: ReadingSums::default(),
    };
    counter.finish();
    spec
}

fn read_at_least_1<'a>(counter: &mut Object<'a>, key: &'a str) -> Option<u64> {
    counter.has(key).then(|| {
        let mj = counter.whole(key, None, u64::MAX / 2);
        if mj == 0 {
            counter.refuse(key, "must be more than 0");
        }
        mj.max(1)
    })
}

fn read_resets(counter: &mut Object) -> Vec<(i64, u64)> {
    let read = |mut reset: Object| {
        let entry = (read_moment(&mut reset), reset.whole("to_mj", 0, u64::MAX / 2));
        reset.finish();
        entry
    };
    let mut list: Vec<_> = counter.children("resets").unwrap_or_default().into_iter().map(read).collect();
    list.sort_unstable();
    list
}

fn read_jumps(counter: &mut Object) -> Vec<(i64, i64)> {
    let read = |mut jump: Object| {
        let entry = (read_moment(&mut jump), jump.signed("mj", None));
        jump.finish();
        entry
    };
    counter.children("jumps").unwrap_or_default().into_iter().map(read).collect()
}

fn read_freezes(counter: &mut Object) -> Vec<Freeze> {
    let read = |mut freeze: Object| {
        let entry = Freeze { stretch: read_bounds(&mut freeze), catches_up: freeze.flag("catch_up", false) };
        freeze.finish();
        entry
    };
    let mut list: Vec<Freeze> =
        counter.children("freezes").unwrap_or_default().into_iter().map(read).collect();
    list.sort_by_key(|freeze| freeze.stretch.from_ns);
    if list.windows(2).any(|pair| pair[1].stretch.from_ns < pair[0].stretch.to_ns) {
        counter.refuse("freezes", "must not overlap");
    }
    list
}
