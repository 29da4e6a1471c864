//! One GPU: what it is, and where the rest of its keys is read.

use super::calls::{read_faults, read_latency};
use super::counter::{CounterSpec, read_counter};
use super::power::read_power;
use super::sensor::{AverageSpec, SensorSpec, read_average, read_sensor};
use super::stretch::{
    LARGEST_MIB, MemoryStretch, Process, Xid, read_memory, read_process, read_throttle, read_xids,
};
use crate::architecture::{ARCHITECTURES, Architecture, OLDER_ARCHITECTURES};
use crate::fault::Fault;
use crate::json::{Object, Range};
use crate::latency::LatencySpec;
use crate::pci::PciAddress;
use crate::signal::{Mean, Segment, Shape, Signal};
use crate::throttle::Throttle;

/// One GPU of a scenario.
#[derive(Debug, Clone)]
pub struct DeviceSpec {
    /// Board name, as text; bytes that are none are replaced.
    pub name: String,
    /// Board name as the driver writes it, without the NUL.
    pub name_bytes: Vec<u8>,
    /// "GPU-" and a UUID.
    pub uuid: String,
    /// Where the board sits.
    pub pci: PciAddress,
    /// What `nvmlDeviceGetIndex` says; its place in the list is what `nvmlDeviceGetHandleByIndex` counts.
    pub index: Option<u32>,
    /// Its number under CUDA's own order. NVML does not know it; it is for whoever plays CUDA.
    pub cuda_index: Option<u64>,
    /// The generation.
    pub architecture: Architecture,
    /// Whether it answers at all.
    pub state: DeviceState,
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
    /// Its MIG instances.
    pub mig_instances: Vec<MigInstance>,
    /// Whether `nvmlDeviceGetPowerUsage` is the longer mean; else it is the sensor's reading.
    pub power_usage_is_average: bool,
    /// The true power.
    pub power: Signal,
    /// How readings are made of it.
    pub sensor: SensorSpec,
    /// How `POWER_AVERAGE` is made of it.
    pub average: AverageSpec,
    /// The energy counter.
    pub counter: CounterSpec,
    /// The module that the GPU is a part of.
    pub module: Option<ModuleSpec>,
    /// What a call costs.
    pub latency: LatencySpec,
    /// Temperature in degrees Celsius at 0 W, and what 100 W add.
    pub temperature_c: (f64, f64),
    /// Utilization.
    pub utilization: UtilizationSpec,
    /// Sorted by start.
    pub throttle: Vec<Throttle>,
    /// Compute processes.
    pub processes: Vec<Process>,
    /// In the order of the file.
    pub faults: Vec<Fault>,
    /// Sorted by time.
    pub xids: Vec<Xid>,
}

/// Whether a device answers, from the start and for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceState {
    /// It does.
    Ok,
    /// Every call on it says that it is lost.
    Lost,
    /// Every call on it is forbidden.
    NoPermission,
    /// It has neither power readings nor an energy counter.
    NoPowerSensor,
}

const STATES: [(&str, DeviceState); 4] = [
    ("ok", DeviceState::Ok),
    ("lost", DeviceState::Lost),
    ("no_permission", DeviceState::NoPermission),
    ("no_power_sensor", DeviceState::NoPowerSensor),
];

/// A MIG instance: one compute instance that fills its GPU instance.
#[derive(Debug, Clone)]
pub struct MigInstance {
    /// "MIG-" and a UUID.
    pub uuid: String,
    /// E.g. 1g.10gb: what its name ends with.
    pub profile: String,
    /// Its memory in MiB.
    pub memory_mib: u64,
    /// Id of its GPU instance.
    pub gpu_instance: u32,
    /// Id of its compute instance.
    pub compute_instance: u32,
}

/// What a module (scope 1) has besides its GPU.
#[derive(Debug, Clone)]
pub struct ModuleSpec {
    /// The true power of the rest.
    pub rest: Signal,
    /// How the sensor weighs the past of the rest, as of the GPU.
    pub mean: Mean,
    /// How `POWER_AVERAGE` does.
    pub average_mean: Mean,
    /// Power limit of the module in watts; `None` is not told.
    pub power_limit_w: Option<f64>,
}

/// How utilization follows from the power.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct UtilizationSpec {
    /// Below how many watts the device is idle.
    pub idle_below_w: f64,
    /// In percent.
    pub idle: u32,
    /// In percent.
    pub busy: u32,
    /// `None`: busy if the mean over the sensor's window reaches the limit. Else between the two by the share of the
    /// last so many nanoseconds in which the true power did.
    pub share_of_ns: Option<i64>,
}

const DEVICE_OF_FORMAT_2: [&str; 7] =
    ["name_bytes_hex", "index", "cuda_index", "state", "mig_instances", "power_usage", "module"];

pub fn read_device(position: usize, mut device: Object) -> DeviceSpec {
    device.since_format_2(&DEVICE_OF_FORMAT_2);
    let name_bytes = read_name(&mut device);
    let uuid = device.text("uuid", &format!("GPU-00000000-0000-0000-0000-{:012x}", position + 1));
    refuse_long(&device, "uuid", &uuid);
    let pci = read_pci(position, &mut device);
    let index = device.has("index").then(|| read_u32(&mut device, "index"));
    let cuda_index = device.has("cuda_index").then(|| device.whole("cuda_index", None, u64::from(u32::MAX)));
    let memory_total_mib = device.whole("memory_total_mib", 143_771, LARGEST_MIB);
    let memory_used_mib = device.whole("memory_used_mib", 1024.min(memory_total_mib), LARGEST_MIB);
    if memory_used_mib > memory_total_mib {
        device.refuse("memory_used_mib", "must not be more than memory_total_mib");
    }
    let architecture = read_architecture(&mut device);
    let instances = device.children("mig_instances").unwrap_or_default();
    let mig_instances: Vec<MigInstance> = instances
        .into_iter()
        .zip(1..)
        .map(|(instance, id)| read_instance(id, memory_total_mib, instance))
        .collect();
    let mig_mode = device.flag("mig_mode", !mig_instances.is_empty());
    if !mig_mode && !mig_instances.is_empty() {
        device.refuse("mig_mode", "must be true: there are mig_instances");
    }
    let power = read_power(device.child("power"));
    let sensor = read_sensor(device.child("sensor"), &power);
    let average = read_average(device.child("average"), &sensor, &power);
    let is_average = device.name_in("power_usage", &[("average", true), ("instant", false)]);
    let spec = DeviceSpec {
        name: String::from_utf8_lossy(&name_bytes).into_owned(),
        name_bytes,
        uuid,
        pci,
        index,
        cuda_index,
        architecture,
        state: device.name_in("state", &STATES).unwrap_or(DeviceState::Ok),
        memory_total_mib,
        memory_used_mib,
        memory: device
            .children("memory")
            .unwrap_or_default()
            .into_iter()
            .map(|stretch| read_memory(stretch, memory_total_mib))
            .collect(),
        power_limit_w: device.number("power_limit_w", 700.0, Range::Between(0.001, 1e6)),
        persistence_mode: device.flag("persistence_mode", true),
        mig_mode,
        power_usage_is_average: is_average.unwrap_or(architecture.power_usage_is_average()),
        counter: read_counter(device.child("counter"), &sensor, architecture.has_energy_counter()),
        module: read_module(&mut device, &sensor, &average),
        latency: read_latency(device.child("call_latency_us")),
        temperature_c: read_temperature(device.child("temperature_c")),
        utilization: read_utilization(device.child("utilization_pct")),
        throttle: read_throttle(device.children("throttle").unwrap_or_default()),
        processes: device
            .children("processes")
            .unwrap_or_default()
            .into_iter()
            .map(|process| read_process(process, mig_instances.len()))
            .collect(),
        faults: read_faults(&mut device),
        xids: read_xids(device.children("xids").unwrap_or_default()),
        mig_instances,
        power,
        sensor,
        average,
    };
    device.finish();
    spec
}

/// Clients hand over the buffers that nvml.h recommends, 96 bytes.
fn refuse_long(device: &Object, key: &str, text: &str) {
    if text.is_empty() || text.len() > 95 || text.contains('\0') {
        device.refuse(key, "must have 1 to 95 bytes");
    }
}

fn read_name(device: &mut Object) -> Vec<u8> {
    if !device.has("name_bytes_hex") {
        let name = device.text("name", "NVIDIA H200");
        refuse_long(device, "name", &name);
        return name.into_bytes();
    }
    if device.has("name") {
        device.refuse("name_bytes_hex", "stands in place of name; only one of them may be there");
    }
    let hex = device.text("name_bytes_hex", "");
    let byte =
        |pair: &[u8]| std::str::from_utf8(pair).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok());
    let bytes: Option<Vec<u8>> = hex.as_bytes().chunks(2).map(byte).collect();
    match bytes {
        Some(bytes)
            if hex.len().is_multiple_of(2) && (1..=95).contains(&bytes.len()) && !bytes.contains(&0) =>
        {
            bytes
        }
        _ => {
            device.refuse(
                "name_bytes_hex",
                "must be 1 to 95 bytes as two hexadecimal digits each, none of them 00",
            );
            b"?".to_vec()
        }
    }
}

fn read_pci(position: usize, device: &mut Object) -> PciAddress {
    let bus_id = device.text("pci_bus_id", &format!("00000000:{:02X}:00.0", (position + 1) % 256));
    bus_id.parse().unwrap_or_else(|()| {
        device.refuse("pci_bus_id", &format!("must look like 00000000:01:00.0, not {bus_id:?}"));
        // A place of its own, so that it is not another device's twin as well.
        PciAddress { domain: u32::MAX, bus: u32::try_from(position).unwrap_or_default(), device: 0 }
    })
}

fn read_u32<'a>(object: &mut Object<'a>, key: &'a str) -> u32 {
    u32::try_from(object.whole(key, None, u64::from(u32::MAX))).unwrap_or_default()
}

fn read_architecture(device: &mut Object) -> Architecture {
    let older =
        |name: &str| OLDER_ARCHITECTURES.iter().find(|(known, _)| *known == name).map(|(_, old)| *old);
    device
        .name_in_formats("architecture", &ARCHITECTURES, older, "pascal, maxwell, kepler")
        .unwrap_or(Architecture::Hopper)
}

fn read_instance(id: u32, total_mib: u64, mut instance: Object) -> MigInstance {
    if !instance.has("uuid") {
        instance.refuse("uuid", "is missing");
    }
    let uuid = instance.text("uuid", "MIG-");
    refuse_long(&instance, "uuid", &uuid);
    if !uuid.starts_with("MIG-") {
        instance.refuse("uuid", "must begin with MIG-");
    }
    let profile = instance.text("profile", "1g");
    refuse_long(&instance, "profile", &profile);
    let memory_mib = instance.whole("memory_mib", total_mib / 8, total_mib);
    let mut id_of = |key, default| u32::try_from(instance.whole(key, default, 1 << 16)).unwrap_or_default();
    let (gpu_instance, compute_instance) =
        (id_of("gpu_instance_id", u64::from(id)), id_of("compute_instance_id", 0));
    instance.finish();
    MigInstance { uuid, profile, memory_mib, gpu_instance, compute_instance }
}

fn read_module(device: &mut Object, sensor: &SensorSpec, average: &AverageSpec) -> Option<ModuleSpec> {
    let is_there = device.has("module");
    let mut module = device.child("module");
    if !is_there {
        return None;
    }
    if module.has("extra_w") == module.has("power") {
        module.refuse_whole("must have extra_w or power, for what it draws besides its GPU");
    }
    let rest = if module.has("power") {
        read_power(module.child("power"))
    } else {
        let w = module.number("extra_w", 0.0, Range::Between(0.0, 1e6));
        Signal::new(vec![Segment { for_s: 1.0, shape: Shape::Constant { w } }], true)
    };
    let mean = |of: &Mean, window_ns| Mean::new(matches!(of, Mean::Exponential(_)), window_ns, &rest);
    let spec = ModuleSpec {
        mean: mean(&sensor.mean, sensor.window_ns),
        average_mean: mean(&average.mean, average.window_ns),
        power_limit_w: module
            .has("power_limit_w")
            .then(|| module.number("power_limit_w", None, Range::Between(0.001, 1e6))),
        rest,
    };
    module.finish();
    Some(spec)
}

fn read_temperature(mut temperature: Object) -> (f64, f64) {
    let spec =
        (temperature.number("base", 35.0, Range::Any), temperature.number("per_100_w", 5.0, Range::Any));
    temperature.finish();
    spec
}

fn read_utilization(mut utilization: Object) -> UtilizationSpec {
    utilization.since_format_2(&["share_of_ms"]);
    let idle_below_w = utilization.number("idle_below_w", 100.0, Range::NonNegative);
    let mut percent = |key, default| u32::try_from(utilization.whole(key, default, 100)).unwrap_or_default();
    let (idle, busy) = (percent("idle", 0), percent("busy", 95));
    let share_of_ns = utilization.has("share_of_ms").then(|| {
        super::sensor::ns_from_ms(utilization.number("share_of_ms", None, super::sensor::PERIOD_MS))
    });
    utilization.finish();
    UtilizationSpec { idle_below_w, idle, busy, share_of_ns }
}
