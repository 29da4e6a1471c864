//! The scenario file: what it may say, what an absent key means, and everything that is wrong with it.
//!
//! text -> JSON -> [`Scenario`], or all problems at once, each with the place it stands at. `docs/simulator.md`
//! describes both formats.

mod calls;
mod counter;
mod device;
mod power;
mod sensor;
mod stretch;

use std::collections::HashSet;
use std::fmt;

use serde_json::Value;

pub use counter::{CounterMode, CounterSpec, Freeze};
pub use device::{DeviceSpec, DeviceState, MigInstance, ModuleSpec, UtilizationSpec};
pub(crate) use sensor::{AVERAGE_STREAM, MODULE_STREAM};
pub use sensor::{AverageMode, AverageSpec, SensorSpec, Stuck, ValueType};
pub use stretch::{MemoryStretch, Process, Stretch, Xid};

use crate::fault::Fault;
use crate::json::{Object, Problems};
use crate::latency::LatencySpec;

/// A whole scenario, with every default filled in.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// `CLOCK_MONOTONIC` nanoseconds of t = 0; `None` is the first `nvmlInit` of the process.
    pub epoch_monotonic_ns: Option<i64>,
    /// What `nvmlSystemGetDriverVersion` says; decides the ids of the cumulative throttle-time fields.
    pub driver_version: String,
    /// What `nvmlSystemGetCudaDriverVersion` says: 1000 times the major version plus 10 times the minor one.
    pub cuda_version: i32,
    /// The GPUs, in the order in which NVML counts them.
    pub devices: Vec<DeviceSpec>,
    /// What goes wrong with every device, and with the calls that are no device's.
    pub faults: Vec<Fault>,
    /// What the calls cost that are no device's.
    pub latency: LatencySpec,
    /// When other processes hold the driver's lock: calls wait for its end. Sorted, without overlap.
    pub locked: Vec<Stretch>,
    /// Functions that this driver does not have.
    pub absent_symbols: HashSet<&'static str>,
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

    /// What is wrong at the moment `t_ns` with the lock of the driver: when it is free again.
    pub fn locked_until_ns(&self, t_ns: i64) -> Option<i64> {
        self.locked.iter().find(|stretch| stretch.holds(t_ns)).map(|stretch| stretch.to_ns)
    }
}

fn read_scenario(value: &Value, problems: &Problems) -> Scenario {
    let mut top = Object::new(Some(value), String::new(), problems);
    let format = top.whole("version", 1, u64::MAX);
    if !(1..=2).contains(&format) {
        top.refuse("version", "must be 1 or 2");
    }
    problems.read_as_format(format);
    top.since_format_2(&["description", "faults", "call_latency_us", "locked", "absent_symbols"]);
    // For people, and for the list of the scenarios that llem knows by name.
    top.text("description", "");
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
        Some(children) => {
            children.into_iter().enumerate().map(|(i, child)| device::read_device(i, child)).collect()
        }
        None => vec![device::read_device(0, Object::new(None, "devices[0]".to_owned(), problems))],
    };
    let faults = calls::read_faults(&mut top);
    let latency = calls::read_system_latency(top.child("call_latency_us"));
    let locked = calls::read_locked(&mut top);
    let absent_symbols = calls::read_absent_symbols(&mut top);
    top.finish();
    refuse_twins(&devices, problems);
    refuse_half_an_order(&devices, problems);
    Scenario {
        epoch_monotonic_ns,
        driver_version,
        cuda_version,
        devices,
        faults,
        latency,
        locked,
        absent_symbols,
    }
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
        for (j, instance) in device.mig_instances.iter().enumerate() {
            if !uuids.insert(&instance.uuid) {
                problems
                    .add(format!("devices[{i}].mig_instances[{j}].uuid {} is another's too", instance.uuid));
            }
        }
    }
}

/// CUDA numbers all devices or none, and each number once.
fn refuse_half_an_order(devices: &[DeviceSpec], problems: &Problems) {
    let mut indices: Vec<u64> = devices.iter().filter_map(|device| device.cuda_index).collect();
    indices.sort_unstable();
    if !indices.is_empty() && indices.iter().copied().ne(0..devices.len() as u64) {
        problems.add(format!(
            "devices: cuda_index must be on every device and hold each number from 0 to {} once",
            devices.len() - 1
        ));
    }
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod format_2_tests;
