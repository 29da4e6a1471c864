//! The scenario file: what it may say, what an absent key means, and everything that is wrong with it.
//!
//! text -> JSON -> [`Scenario`], or all problems at once, each with the place it stands at.

use std::collections::HashSet;
use std::fmt;
use std::time::Duration;

use serde_json::Value;

use crate::architecture::{ARCHITECTURES, Architecture};
use crate::clock::ns_from_s;
use crate::fault::{ERRORS, FAULT_CALLS, Fault};
use crate::json::{Object, Problems, Range};
use crate::pci::PciAddress;
use crate::signal::{Segment, Shape, Signal};
use crate::throttle::{REASONS, Throttle};

/// A whole scenario, with every default filled in.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// `CLOCK_MONOTONIC` nanoseconds of t = 0; `None` is the first `nvmlInit` of the process.
    pub epoch_monotonic_ns: Option<i64>,
    /// What `nvmlSystemGetDriverVersion` says; decides the ids of the cumulative throttle-time fields.
    pub driver_version: String,
    /// What `nvmlSystemGetCudaDriverVersion` says: 1000 times the major version plus 10 times the minor one.
    pub cuda_version: i32,
    /// The GPUs, in index order.
    pub devices: Vec<DeviceSpec>,
}

/// One GPU of a scenario.
#[derive(Debug, Clone)]
pub struct DeviceSpec {
    /// Board name.
    pub name: String,
    /// "GPU-" and a UUID.
    pub uuid: String,
    /// Where the board sits.
    pub pci: PciAddress,
    /// The generation.
    pub architecture: Architecture,
    /// Installed memory in MiB.
    pub memory_total_mib: u64,
    /// Used memory in MiB, whatever the processes say, where no stretch says otherwise.
    pub memory_used_mib: u64,
    /// In the order of the file.
    pub memory: Vec<MemoryStretch>,
    /// Power limit in watts: default, current, enforced and highest.
    pub power_limit_w: f64,
    /// Whether persistence mode is on.
    pub persistence_mode: bool,
    /// Whether MIG mode is on.
    pub mig_mode: bool,
    /// The true power.
    pub power: Signal,
    /// How readings are made of it.
    pub sensor: SensorSpec,
    /// Averaging window of `POWER_AVERAGE` in nanoseconds.
    pub average_window_ns: i64,
    /// The energy counter.
    pub counter: CounterSpec,
    /// What a call costs, in nanoseconds of CPU time.
    pub latency_ns: LatencySpec,
    /// Temperature in degrees Celsius at 0 W, and what 100 W add.
    pub temperature_c: (f64, f64),
    /// Below how many watts the device is idle, and its utilization in percent when it is and when it is not.
    pub utilization: (f64, u32, u32),
    /// Sorted by start.
    pub throttle: Vec<Throttle>,
    /// Compute processes.
    pub processes: Vec<Process>,
    /// In the order of the file.
    pub faults: Vec<Fault>,
    /// Sorted by time.
    pub xids: Vec<Xid>,
}

/// Used memory from `from_ns` up to and without `to_ns`.
#[derive(Debug, Clone, Copy)]
pub struct MemoryStretch {
    /// Start in nanoseconds since t = 0.
    pub from_ns: i64,
    /// End in nanoseconds since t = 0.
    pub to_ns: i64,
    /// Used memory in MiB.
    pub used_mib: u64,
}

/// An error that the driver reports of a device, by its number in NVIDIA's list of Xid errors.
#[derive(Debug, Clone, Copy)]
pub struct Xid {
    /// In nanoseconds since t = 0.
    pub at_ns: i64,
    /// E.g. 79: the GPU has fallen off the bus.
    pub xid: u64,
}

/// How the power sensor works.
#[derive(Debug, Clone, Copy)]
pub struct SensorSpec {
    /// Distance of two ticks in nanoseconds.
    pub update_period_ns: i64,
    /// Length of the window before a tick that a reading is the mean of, in nanoseconds.
    pub window_ns: i64,
    /// Time of one tick in nanoseconds since t = 0.
    pub phase_ns: i64,
    /// What the mean is multiplied with.
    pub gain: f64,
    /// Standard deviation of the noise in watts.
    pub noise_w: f64,
    /// Seed of the noise.
    pub seed: u64,
}

/// How the energy counter works.
#[derive(Debug, Clone, Copy)]
pub struct CounterSpec {
    /// Distance of two ticks in nanoseconds.
    pub update_period_ns: i64,
    /// Value at t = 0 in millijoules.
    pub offset_mj: u64,
    /// Whether the board has one.
    pub supported: bool,
}

/// What a call costs, per kind of call, in nanoseconds.
#[derive(Debug, Clone, Copy)]
pub struct LatencySpec {
    /// See [`crate::fault::Call::Power`].
    pub power: i64,
    /// See [`crate::fault::Call::Fields`].
    pub fields: i64,
    /// See [`crate::fault::Call::Energy`].
    pub energy: i64,
    /// See [`crate::fault::Call::Other`].
    pub other: i64,
}

/// A compute process on a device, from `from_ns` up to and without `to_ns`.
#[derive(Debug, Clone, Copy)]
pub struct Process {
    /// Start in nanoseconds since t = 0.
    pub from_ns: i64,
    /// End in nanoseconds since t = 0.
    pub to_ns: i64,
    /// Process id.
    pub pid: u32,
    /// Its GPU memory in MiB.
    pub used_mib: u64,
}

/// Why a scenario is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// One sentence for each problem.
    pub problems: Vec<String>,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.problems.join("\n"))
    }
}

impl std::error::Error for Refusal {}

impl Scenario {
    /// Reads a scenario, or says everything that is wrong with it.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let value: Value = serde_json::from_str(text)
            .map_err(|error| Refusal { problems: vec![format!("not valid JSON: {error}")] })?;
        let problems = Problems::default();
        let scenario = read_scenario(&value, &problems);
        match problems.into_list() {
            list if list.is_empty() => Ok(scenario),
            problems => Err(Refusal { problems }),
        }
    }

    /// The scenario of a process that names none: every default, so one GPU.
    ///
    /// # Panics
    /// Never: a test reads it.
    pub fn built_in() -> Self {
        Self::parse("{}").expect("every key has a default")
    }
}

const LARGEST_MIB: u64 = 1 << 30;
/// The times a tick may be apart, in milliseconds: a clock of nanoseconds has room below and above.
const PERIOD_MS: Range = Range::Between(0.001, 1e9);

fn read_scenario(value: &Value, problems: &Problems) -> Scenario {
    let mut top = Object::new(Some(value), String::new(), problems);
    if top.whole("version", 1, u64::MAX) != 1 {
        top.refuse("version", "must be 1");
    }
    let epoch_monotonic_ns = top.has("epoch_monotonic_ns").then(|| {
        let ns = top.whole("epoch_monotonic_ns", None, i64::MAX.unsigned_abs());
        i64::try_from(ns).unwrap_or(i64::MAX)
    });
    let driver_version = top.text("driver_version", "580.95.05");
    if driver_version.len() > 64 || version_parts(&driver_version).is_none() {
        top.refuse("driver_version", "must be numbers with dots between them, such as 580.95.05");
    }
    let cuda_version = i32::try_from(top.whole("cuda_version", 13000, 999_999)).unwrap_or_default();
    let devices = match top.children("devices") {
        Some(children) => children.into_iter().enumerate().map(|(i, child)| read_device(i, child)).collect(),
        None => vec![read_device(0, Object::new(None, "devices[0]".to_owned(), problems))],
    };
    top.finish();
    refuse_twins(&devices, problems);
    Scenario { epoch_monotonic_ns, driver_version, cuda_version, devices }
}

/// The leading numbers of a driver version, major and minor.
pub fn version_parts(version: &str) -> Option<(u32, u32)> {
    let parts: Option<Vec<u32>> = version.split('.').map(|part| part.parse().ok()).collect();
    parts.map(|parts| (parts[0], parts.get(1).copied().unwrap_or(0)))
}

fn refuse_twins(devices: &[DeviceSpec], problems: &Problems) {
    let (mut uuids, mut slots) = (HashSet::new(), HashSet::new());
    for (i, device) in devices.iter().enumerate() {
        if !uuids.insert(&device.uuid) {
            problems.add(format!("devices[{i}].uuid {} is another device's too", device.uuid));
        }
        if !slots.insert(device.pci) {
            problems.add(format!("devices[{i}].pci_bus_id {} is another device's too", device.pci));
        }
    }
}

fn read_device(index: usize, mut device: Object) -> DeviceSpec {
    let name = device.text("name", "NVIDIA H200");
    let uuid = device.text("uuid", &format!("GPU-00000000-0000-0000-0000-{:012x}", index + 1));
    for (key, text) in [("name", &name), ("uuid", &uuid)] {
        // Clients hand over the buffers that nvml.h recommends, 96 bytes.
        if text.is_empty() || text.len() > 95 || text.contains('\0') {
            device.refuse(key, "must have 1 to 95 bytes");
        }
    }
    let bus_id = device.text("pci_bus_id", &format!("00000000:{:02X}:00.0", (index + 1) % 256));
    let pci = bus_id.parse().unwrap_or_else(|()| {
        device.refuse("pci_bus_id", &format!("must look like 00000000:01:00.0, not {bus_id:?}"));
        // A place of its own, so that it is not another device's twin as well.
        PciAddress { domain: u32::MAX, bus: u32::try_from(index).unwrap_or_default(), device: 0 }
    });
    let memory_total_mib = device.whole("memory_total_mib", 143_771, LARGEST_MIB);
    let memory_used_mib = device.whole("memory_used_mib", 1024.min(memory_total_mib), LARGEST_MIB);
    if memory_used_mib > memory_total_mib {
        device.refuse("memory_used_mib", "must not be more than memory_total_mib");
    }
    let read_stretch_of_memory = |stretch| read_memory(stretch, memory_total_mib);
    let spec = DeviceSpec {
        name,
        uuid,
        pci,
        architecture: device.name_in("architecture", &ARCHITECTURES).unwrap_or(Architecture::Hopper),
        memory_total_mib,
        memory_used_mib,
        memory: device
            .children("memory")
            .unwrap_or_default()
            .into_iter()
            .map(read_stretch_of_memory)
            .collect(),
        power_limit_w: device.number("power_limit_w", 700.0, Range::Between(0.001, 1e6)),
        persistence_mode: device.flag("persistence_mode", true),
        mig_mode: device.flag("mig_mode", false),
        power: read_power(device.child("power")),
        sensor: read_sensor(device.child("sensor")),
        average_window_ns: read_average(device.child("average")),
        counter: read_counter(device.child("counter")),
        latency_ns: read_latency(device.child("call_latency_us")),
        temperature_c: read_temperature(device.child("temperature_c")),
        utilization: read_utilization(device.child("utilization_pct")),
        throttle: read_throttle(device.children("throttle").unwrap_or_default()),
        processes: device.children("processes").unwrap_or_default().into_iter().map(read_process).collect(),
        faults: device.children("faults").unwrap_or_default().into_iter().map(read_fault).collect(),
        xids: read_xids(device.children("xids").unwrap_or_default()),
    };
    device.finish();
    spec
}

fn read_power(mut power: Object) -> Signal {
    let segments = match power.children("segments") {
        Some(children) => children.into_iter().map(read_segment).collect(),
        None => built_in_segments(),
    };
    let repeat = power.flag("repeat", true);
    if segments.is_empty() {
        power.refuse("segments", "must have at least one segment");
    }
    power.finish();
    Signal::new(if segments.is_empty() { built_in_segments() } else { segments }, repeat)
}

/// One of each shape: idle, a rise, a decode-like ripple, bursts.
fn built_in_segments() -> Vec<Segment> {
    vec![
        // Longer than the shortest baseline, so that one measured at once is idle to its end.
        Segment { for_s: 7.0, shape: Shape::Constant { w: 75.0 } },
        Segment { for_s: 0.5, shape: Shape::Ramp { from_w: 75.0, to_w: 600.0 } },
        // Periods that do not divide the sensor's 100 ms: a load in step with it shows polling nothing but the same part.
        Segment { for_s: 10.0, shape: Shape::Sine { mean_w: 500.0, amplitude_w: 150.0, period_s: 0.07 } },
        Segment {
            for_s: 10.0,
            shape: Shape::Square { low_w: 100.0, high_w: 650.0, period_s: 0.13, duty: 0.5 },
        },
    ]
}

fn read_segment(mut segment: Object) -> Segment {
    let for_s = segment.number("for_s", None, Range::Positive);
    let is_ramp = segment.has("from_w") | segment.has("to_w");
    let kinds = [segment.has("w"), is_ramp, segment.has("sine"), segment.has("square")];
    if kinds.iter().filter(|present| **present).count() != 1 {
        segment.refuse_whole("must have exactly one of w, from_w with to_w, sine, square");
        segment.finish();
        return Segment { for_s, shape: Shape::Constant { w: 0.0 } };
    }
    let shape = match kinds {
        [true, ..] => Shape::Constant { w: segment.number("w", None, Range::NonNegative) },
        [_, true, ..] => Shape::Ramp {
            from_w: segment.number("from_w", None, Range::NonNegative),
            to_w: segment.number("to_w", None, Range::NonNegative),
        },
        [_, _, true, _] => read_sine(segment.child("sine")),
        _ => read_square(segment.child("square")),
    };
    segment.finish();
    Segment { for_s, shape }
}

fn read_sine(mut sine: Object) -> Shape {
    let mean_w = sine.number("mean_w", None, Range::NonNegative);
    let amplitude_w = sine.number("amplitude_w", None, Range::NonNegative);
    if amplitude_w > mean_w {
        sine.refuse("amplitude_w", "must not be more than mean_w: power is never negative");
    }
    let period_s = sine.number("period_s", None, Range::Positive);
    sine.finish();
    Shape::Sine { mean_w, amplitude_w, period_s }
}

fn read_square(mut square: Object) -> Shape {
    let shape = Shape::Square {
        low_w: square.number("low_w", None, Range::NonNegative),
        high_w: square.number("high_w", None, Range::NonNegative),
        period_s: square.number("period_s", None, Range::Positive),
        duty: square.number("duty", 0.5, Range::Between(0.0, 1.0)),
    };
    square.finish();
    shape
}

fn read_sensor(mut sensor: Object) -> SensorSpec {
    let spec = SensorSpec {
        update_period_ns: ns_from_ms(sensor.number("update_period_ms", 100.0, PERIOD_MS)),
        window_ns: ns_from_ms(sensor.number("window_ms", 25.0, PERIOD_MS)),
        phase_ns: ns_from_ms(sensor.number("phase_ms", 0.0, Range::Between(-1e9, 1e9))),
        gain: sensor.number("gain", 1.0, Range::NonNegative),
        noise_w: sensor.number("noise_w", 0.0, Range::NonNegative),
        seed: sensor.whole("seed", 1, u64::MAX),
    };
    sensor.finish();
    spec
}

fn read_average(mut average: Object) -> i64 {
    let window_ns = ns_from_ms(average.number("window_ms", 1000.0, PERIOD_MS));
    average.finish();
    window_ns
}

fn read_counter(mut counter: Object) -> CounterSpec {
    let spec = CounterSpec {
        update_period_ns: ns_from_ms(counter.number("update_period_ms", 100.0, PERIOD_MS)),
        // Half of the range is left for what the signal adds.
        offset_mj: counter.whole("offset_mj", 0, u64::MAX / 2),
        supported: counter.flag("supported", true),
    };
    counter.finish();
    spec
}

fn read_latency(mut latency: Object) -> LatencySpec {
    let mut cost = |key, default_us| {
        let us: f64 = latency.number(key, default_us, Range::Between(0.0, 1e9));
        ns_from_s(us / 1e6)
    };
    let spec = LatencySpec {
        power: cost("power", 20.0),
        fields: cost("fields", 20.0),
        energy: cost("energy", 200.0),
        other: cost("other", 5.0),
    };
    latency.finish();
    spec
}

fn read_temperature(mut temperature: Object) -> (f64, f64) {
    let spec =
        (temperature.number("base", 35.0, Range::Any), temperature.number("per_100_w", 5.0, Range::Any));
    temperature.finish();
    spec
}

fn read_utilization(mut utilization: Object) -> (f64, u32, u32) {
    let idle_below_w = utilization.number("idle_below_w", 100.0, Range::NonNegative);
    let mut percent = |key, default| u32::try_from(utilization.whole(key, default, 100)).unwrap_or_default();
    let spec = (idle_below_w, percent("idle", 0), percent("busy", 95));
    utilization.finish();
    spec
}

fn read_throttle(children: Vec<Object>) -> Vec<Throttle> {
    let read = |mut throttle: Object| {
        let (from_ns, to_ns) = read_stretch(&mut throttle);
        let reasons = throttle.names_in("reasons", &REASONS).into_iter().fold(0, |mask, bit| mask | bit);
        throttle.finish();
        Throttle { from_ns, to_ns, reasons }
    };
    let mut list: Vec<Throttle> = children.into_iter().map(read).collect();
    list.sort_by_key(|throttle| throttle.from_ns);
    list
}

fn read_process(mut process: Object) -> Process {
    let (from_ns, to_ns) = read_stretch(&mut process);
    let pid = u32::try_from(process.whole("pid", None, u64::from(u32::MAX))).unwrap_or_default();
    let used_mib = process.whole("used_mib", 512, LARGEST_MIB);
    process.finish();
    Process { from_ns, to_ns, pid, used_mib }
}

fn read_memory(mut stretch: Object, total_mib: u64) -> MemoryStretch {
    let (from_ns, to_ns) = read_stretch(&mut stretch);
    let used_mib = stretch.whole("used_mib", None, LARGEST_MIB);
    if used_mib > total_mib {
        stretch.refuse("used_mib", "must not be more than memory_total_mib");
    }
    stretch.finish();
    MemoryStretch { from_ns, to_ns, used_mib }
}

fn read_xids(children: Vec<Object>) -> Vec<Xid> {
    let read = |mut xid: Object| {
        let at_ns = ns_from_s(xid.number("at_s", None, Range::Any));
        let number = xid.whole("xid", None, u64::from(u32::MAX));
        xid.finish();
        Xid { at_ns, xid: number }
    };
    let mut list: Vec<Xid> = children.into_iter().map(read).collect();
    list.sort_by_key(|xid| xid.at_ns);
    list
}

fn read_fault(mut fault: Object) -> Fault {
    let (from_ns, to_ns) = read_stretch(&mut fault);
    if !fault.has("call") {
        fault.refuse("call", "is missing");
    }
    let call = fault.name_in("call", &FAULT_CALLS).flatten();
    if !(fault.has("error") | fault.has("stall_ms")) {
        fault.refuse_whole("must have error, stall_ms or both");
    }
    let error = fault.name_in("error", &ERRORS);
    let stall_s = fault.number("stall_ms", 0.0, Range::Between(0.0, 1e9)) / 1e3;
    fault.finish();
    Fault { from_ns, to_ns, call, error, stall: Duration::from_secs_f64(stall_s) }
}

/// `from_s` and `to_s` in nanoseconds: from the start and for ever, unless they say otherwise.
fn read_stretch(object: &mut Object) -> (i64, i64) {
    let from_s = object.number("from_s", 0.0, Range::Any);
    let to_s = object.number("to_s", f64::MAX, Range::Any);
    if to_s <= from_s {
        object.refuse("to_s", "must be later than from_s");
    }
    (ns_from_s(from_s), ns_from_s(to_s))
}

fn ns_from_ms(ms: f64) -> i64 {
    ns_from_s(ms / 1e3)
}

#[cfg(test)]
#[path = "scenario_tests.rs"]
mod tests;
