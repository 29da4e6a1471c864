//! How readings are made of the true power: `sensor` and `average` of a device.

use super::stretch::{Stretch, read_bounds, read_moment, read_stretches};
use crate::clock::ns_from_s;
use crate::json::{Object, Range};
use crate::noise::stream;
use crate::signal::{Mean, Signal};
use crate::ticks::Ticks;

/// The times a tick may be apart, in milliseconds: a clock of nanoseconds has room below and above.
pub const PERIOD_MS: Range = Range::Between(0.001, 1e9);
/// Names of the streams of chance that differ from the sensor's own noise.
pub const JITTER_STREAM: u64 = 1;
pub const AVERAGE_STREAM: u64 = 2;
pub const COUNTER_JITTER_STREAM: u64 = 3;
pub const MODULE_STREAM: u64 = 4;

/// How the power sensor works.
#[derive(Debug, Clone)]
pub struct SensorSpec {
    /// When it publishes.
    pub ticks: Ticks,
    /// Time of one tick in nanoseconds since t = 0, before jitter and changes of the period.
    pub phase_ns: i64,
    /// Length of the window that a reading is the mean of, or the time constant, in nanoseconds.
    pub window_ns: i64,
    /// How it weighs the past.
    pub mean: Mean,
    /// How old the end of the window is when the reading is published, in nanoseconds.
    pub delay_ns: i64,
    /// What the mean is multiplied with.
    pub gain: f64,
    /// What is added after that, in watts.
    pub offset_w: f64,
    /// Standard deviation of the noise in watts.
    pub noise_w: f64,
    /// Readings are multiples of this many watts; 0 is any.
    pub quantum_w: f64,
    /// Seed of the noise and the jitter.
    pub seed: u64,
    /// When it repeats a reading.
    pub stuck: Vec<Stuck>,
    /// When it says 0 with success.
    pub zero: Vec<Stretch>,
    /// Single readings that say something else: number of the tick, and watts.
    pub spikes: Vec<(i64, f64)>,
    /// One reading in so many says so many watts.
    pub spike_every: Option<(i64, f64)>,
    /// The type that fields 185 and 186 come in, instead of an unsigned int.
    pub wrong_type: Option<ValueType>,
}

/// When the sensor says one thing: `w` watts, or its last reading before.
#[derive(Debug, Clone, Copy)]
pub struct Stuck {
    /// When.
    pub stretch: Stretch,
    /// What in watts; `None` is what it said last.
    pub w: Option<f64>,
}

/// `nvmlValueType_t` but for the right one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueType {
    /// `dVal`.
    Double,
    /// `ulVal`.
    UnsignedLong,
    /// `ullVal`.
    UnsignedLongLong,
    /// `sllVal`.
    SignedLongLong,
    /// `siVal`.
    SignedInt,
}

const VALUE_TYPES: [(&str, ValueType); 5] = [
    ("double", ValueType::Double),
    ("unsigned_long", ValueType::UnsignedLong),
    ("unsigned_long_long", ValueType::UnsignedLongLong),
    ("signed_long_long", ValueType::SignedLongLong),
    ("signed_int", ValueType::SignedInt),
];

/// What the longer mean (`POWER_AVERAGE`) is a mean of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AverageMode {
    /// The true power over the window.
    True,
    /// The sensor's own readings of the window.
    Blind,
    /// The true power with exponential weight; the window is the time constant.
    Exponential,
}

const AVERAGE_MODES: [(&str, AverageMode); 3] =
    [("true", AverageMode::True), ("blind", AverageMode::Blind), ("exponential", AverageMode::Exponential)];

/// How `POWER_AVERAGE` works. It is published with the sensor's ticks.
#[derive(Debug, Clone)]
pub struct AverageSpec {
    /// What it is a mean of.
    pub mode: AverageMode,
    /// Length of the window, or the time constant, in nanoseconds.
    pub window_ns: i64,
    /// How it weighs the past, unless it is blind.
    pub mean: Mean,
    /// As [`SensorSpec::delay_ns`].
    pub delay_ns: i64,
    /// Standard deviation of its own noise in watts; `None` has the sensor's noise where that fits.
    pub noise_w: Option<f64>,
}

pub fn ns_from_ms(ms: f64) -> i64 {
    ns_from_s(ms / 1e3)
}

/// A time that may be 0, in nanoseconds.
pub fn read_delay<'a>(object: &mut Object<'a>, key: &'a str, default_ns: i64) -> i64 {
    if object.has(key) { ns_from_ms(object.number(key, None, Range::Between(0.0, 1e6))) } else { default_ns }
}

/// `jitter_ms` of ticks: less than half a period, so that no tick passes another.
pub fn read_jitter(object: &mut Object, ticks: &mut Ticks, seed: u64) {
    let jitter_ns = read_delay(object, "jitter_ms", 0);
    if jitter_ns > 0 && jitter_ns >= (ticks.shortest_period_ns() + 1) / 2 {
        object.refuse("jitter_ms", "must be less than half of the (shortest) update period");
    } else {
        ticks.shake(jitter_ns, seed);
    }
}

const SENSOR_OF_FORMAT_2: [&str; 11] = [
    "delay_ms",
    "jitter_ms",
    "quantum_w",
    "offset_w",
    "shape",
    "stuck",
    "zero",
    "spikes",
    "spike_every",
    "wrong_type",
    "period_changes",
];

pub fn read_sensor(mut sensor: Object, power: &Signal) -> SensorSpec {
    sensor.since_format_2(&SENSOR_OF_FORMAT_2);
    let period_ns = ns_from_ms(sensor.number("update_period_ms", 100.0, PERIOD_MS));
    let window_ns = ns_from_ms(sensor.number("window_ms", 25.0, PERIOD_MS));
    let phase_ns = ns_from_ms(sensor.number("phase_ms", 0.0, Range::Between(-1e9, 1e9)));
    let seed = sensor.whole("seed", 1, u64::MAX);
    let is_exponential =
        sensor.name_in("shape", &[("boxcar", false), ("exponential", true)]).unwrap_or_default();
    let mut ticks = Ticks::even(phase_ns, period_ns);
    read_period_changes(&mut sensor, &mut ticks);
    read_jitter(&mut sensor, &mut ticks, stream(seed, JITTER_STREAM));
    let spec = SensorSpec {
        phase_ns,
        window_ns,
        mean: Mean::new(is_exponential, window_ns, power),
        delay_ns: read_delay(&mut sensor, "delay_ms", 0),
        gain: sensor.number("gain", 1.0, Range::NonNegative),
        offset_w: sensor.number("offset_w", 0.0, Range::Between(-1e6, 1e6)),
        noise_w: sensor.number("noise_w", 0.0, Range::NonNegative),
        quantum_w: sensor.number("quantum_w", 0.0, Range::Between(0.0, 1e6)),
        seed,
        stuck: sensor.children("stuck").unwrap_or_default().into_iter().map(read_stuck).collect(),
        zero: read_stretches(&mut sensor, "zero"),
        spikes: read_spikes(&mut sensor, &ticks),
        spike_every: read_spike_every(&mut sensor),
        wrong_type: sensor.name_in("wrong_type", &VALUE_TYPES),
        ticks,
    };
    sensor.finish();
    spec
}

fn read_period_changes(sensor: &mut Object, ticks: &mut Ticks) {
    let mut last_ns = i64::MIN;
    for mut change in sensor.children("period_changes").unwrap_or_default() {
        let at_ns = read_moment(&mut change);
        let period_ns = ns_from_ms(change.number("update_period_ms", None, PERIOD_MS));
        if at_ns <= last_ns {
            change.refuse("at_s", "must be later than the change before it");
        } else {
            ticks.change(at_ns, period_ns);
        }
        last_ns = at_ns;
        change.finish();
    }
}

fn read_stuck(mut stuck: Object) -> Stuck {
    let stretch = read_bounds(&mut stuck);
    let w = stuck.has("w").then(|| stuck.number("w", None, Range::NonNegative));
    stuck.finish();
    Stuck { stretch, w }
}

fn read_spikes(sensor: &mut Object, ticks: &Ticks) -> Vec<(i64, f64)> {
    let read = |mut spike: Object| {
        let at_ns = read_moment(&mut spike);
        let w = spike.number("w", None, Range::NonNegative);
        spike.finish();
        (ticks.last_at(at_ns), w)
    };
    sensor.children("spikes").unwrap_or_default().into_iter().map(read).collect()
}

fn read_spike_every(sensor: &mut Object) -> Option<(i64, f64)> {
    let is_there = sensor.has("spike_every");
    let mut every = sensor.child("spike_every");
    if !is_there {
        return None;
    }
    let readings = i64::try_from(every.whole("readings", None, 1 << 40)).unwrap_or(i64::MAX);
    if readings == 0 {
        every.refuse("readings", "must be more than 0");
    }
    let w = every.number("w", None, Range::NonNegative);
    every.finish();
    Some((readings.max(1), w))
}

pub fn read_average(mut average: Object, sensor: &SensorSpec, power: &Signal) -> AverageSpec {
    average.since_format_2(&["mode", "noise_w", "delay_ms"]);
    let window_ns = ns_from_ms(average.number("window_ms", 1000.0, PERIOD_MS));
    let mode = average.name_in("mode", &AVERAGE_MODES).unwrap_or(AverageMode::True);
    if mode == AverageMode::Blind {
        refuse_dense(&average, "mode", sensor);
    }
    let spec = AverageSpec {
        mode,
        window_ns,
        mean: Mean::new(mode == AverageMode::Exponential, window_ns, power),
        delay_ns: read_delay(&mut average, "delay_ms", sensor.delay_ns),
        noise_w: average.has("noise_w").then(|| average.number("noise_w", None, Range::NonNegative)),
    };
    average.finish();
    spec
}

/// What adds up readings one by one must not have millions of them in a second.
pub fn refuse_dense(object: &Object, key: &str, sensor: &SensorSpec) {
    if sensor.ticks.shortest_period_ns() < 1_000_000 {
        object
            .refuse(key, "adds up the sensor's readings, whose update_period_ms must be at least 1 for that");
    }
}
