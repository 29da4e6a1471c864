//! Driver and GPUs, as plain objects. A missing property is what the driver does not tell.

use std::path::PathBuf;
use std::time::Duration;

use llem_meter::MeterError;
use llem_meter::source::{nvml, sysfs};
use napi_derive::napi;

use crate::patience::{answered, answered_unless_silent, patience_of};
use crate::{CodedError, coded};

/// Driver, CUDA and GPUs of this machine.
#[napi(object)]
pub struct Machine {
    /// E.g. "580.95.05".
    pub driver_version: Option<String>,
    /// The CUDA version that the driver supports, e.g. "13.0".
    pub cuda_version: Option<String>,
    /// Every GPU that can be told apart: NVIDIA's in the driver's (PCI bus) order, then the kernel's others in its order.
    pub devices: Vec<Device>,
    /// Those that the driver counts and does not tell about; missing where there is none.
    pub unreadable: Option<Vec<UnreadableDevice>>,
    /// Whether the library is the simulated one.
    pub simulated: bool,
    /// Why NVIDIA's driver told nothing, where there are other GPUs.
    pub nvml_problem: Option<String>,
}

/// A GPU that fell off the bus, or may not be seen.
#[napi(object)]
pub struct UnreadableDevice {
    pub index: u32,
    /// What the driver said.
    pub reason: String,
}

/// One GPU.
#[napi(object)]
pub struct Device {
    pub index: u32,
    /// "nvidia", "amd" or "intel".
    pub vendor: Option<String>,
    /// "GPU-..." of NVIDIA's; "AMD-..." or "PCI-..." of one whose sensors are files below /sys.
    pub uuid: String,
    pub name: Option<String>,
    pub pci_bus_id: Option<String>,
    pub architecture: Option<String>,
    pub compute_capability: Option<String>,
    pub memory_total_bytes: Option<f64>,
    pub pcie_generation: Option<u32>,
    pub pcie_width: Option<u32>,
    pub power_limit_w: Option<f64>,
    pub power_limit_default_w: Option<f64>,
    pub persistence_mode: Option<bool>,
    pub mig_mode: Option<bool>,
    /// The UUIDs of the instances that it is cut into; missing where there is none.
    pub mig_uuids: Option<Vec<String>>,
    /// The same with what each has; missing where there is none.
    pub mig_instances: Option<Vec<MigInstance>>,
    /// Of how many slices all instances together may be; missing where there can be none.
    pub mig_slices: Option<u32>,
    /// Whether it is part of a processor; missing where nobody looked.
    pub integrated: Option<bool>,
    /// Whether it is a partition of a GPU, with a card of its own.
    pub partition: Option<bool>,
    pub temperature_c: Option<u32>,
    pub vbios_version: Option<String>,
    /// Where its power comes from: "instant", "power_usage", "average_1s", or a file such as "hwmon power1_input".
    pub power_domain: Option<String>,
    pub power_w: Option<f64>,
    pub energy_counter: bool,
    /// Why it cannot be measured; missing where it can.
    pub problem: Option<String>,
}

/// Lists the GPUs through the library at `libraryPath`, by default the driver's own, which may take `patienceMs`, by default
/// 30 s, and those that have files below `sysfsRoot`; without it, none of these. Throws `NVML_NOT_FOUND`, `NVML_INIT_FAILED`,
/// `NVML_QUERY_FAILED`, `NVML_SILENT` or `NVML_CRASHED`; the first one only where there is no other GPU, the second where none can be
/// measured.
#[napi]
pub fn list_devices(
    library_path: Option<String>,
    patience_ms: Option<u32>,
    sysfs_root: Option<String>,
) -> Result<Machine, CodedError> {
    let patience = patience_of(patience_ms);
    // What is left where the driver has started in time is enough for a GPU that stays silent.
    let ask = move || nvml::list_devices(library_path.as_deref(), patience / 2);
    let told = answered("the list of the GPUs", patience, ask);
    let root = sysfs_root.map(PathBuf::from);
    let ask = move || Ok(root.map_or_else(Vec::new, |root| sysfs::list_gpus(&root, patience / 4)));
    // What hangs there is no reason to know nothing of the others.
    let others = answered_unless_silent("the GPUs below /sys", patience / 3, ask).unwrap_or_default();
    let can_measure = || others.iter().any(|gpu| gpu.problem.is_none() && !gpu.is_integrated);
    let mut machine = match told {
        Ok(machine) => Machine::from(machine),
        Err(MeterError::LibraryNotFound { .. }) if !others.is_empty() => Machine::without_nvml(None),
        Err(error @ MeterError::InitFailed { .. }) if can_measure() => {
            Machine::without_nvml(Some(error.to_string()))
        }
        Err(error) => return Err(coded(&error)),
    };
    let indices = machine.devices.iter().map(|device| device.index);
    let unreadable = machine.unreadable.iter().flatten().map(|device| device.index);
    let first = indices.chain(unreadable).max().map_or(0, |last| last + 1);
    machine.devices.extend((first..).zip(others).map(|(index, gpu)| Device::of_sysfs(index, gpu)));
    Ok(machine)
}

/// A sensor below /sys that is of no GPU.
#[napi(object)]
pub struct SensorPlace {
    /// "Module Power Socket 0", "VDD_CPU_CV".
    pub sensor: String,
    pub kind: String,
    /// Its files, by their name.
    pub source: String,
}

/// The sensors below `sysfsRoot` that are of no GPU; none where they do not answer within 2 s.
#[napi]
pub fn list_sensors(sysfs_root: String) -> Vec<SensorPlace> {
    let ask =
        move || Ok(sysfs::SysfsSource::of_sensors(&PathBuf::from(sysfs_root)).map(|(_, sensors)| sensors));
    let found = answered_unless_silent("the sensors below /sys", Duration::from_secs(2), ask).ok().flatten();
    let place = |sensor: sysfs::SensorInfo| SensorPlace {
        sensor: sensor.name,
        kind: sensor.kind.as_str().to_owned(),
        source: sensor.source.to_owned(),
    };
    found.into_iter().flatten().map(place).collect()
}

impl Machine {
    fn without_nvml(nvml_problem: Option<String>) -> Self {
        Self {
            driver_version: None,
            cuda_version: None,
            devices: Vec::new(),
            unreadable: None,
            simulated: false,
            nvml_problem,
        }
    }
}

impl From<nvml::MachineInfo> for Machine {
    fn from(machine: nvml::MachineInfo) -> Self {
        let unreadable: Vec<_> = machine
            .unreadable
            .into_iter()
            .map(|device| UnreadableDevice { index: device.index, reason: device.reason })
            .collect();
        Self {
            driver_version: machine.driver_version,
            cuda_version: machine.cuda_version,
            devices: machine.devices.into_iter().map(Device::from).collect(),
            unreadable: (!unreadable.is_empty()).then_some(unreadable),
            simulated: machine.simulated,
            nvml_problem: None,
        }
    }
}

impl Device {
    fn of_sysfs(index: u32, gpu: sysfs::GpuInfo) -> Self {
        Self {
            index,
            vendor: Some(gpu.vendor.as_str().to_owned()),
            uuid: gpu.uuid,
            name: gpu.name,
            pci_bus_id: gpu.pci_bus_id,
            architecture: None,
            compute_capability: None,
            memory_total_bytes: gpu.memory_total_bytes.map(|bytes| bytes as f64),
            pcie_generation: gpu.pcie_generation,
            pcie_width: gpu.pcie_width,
            power_limit_w: gpu.power_limit_w,
            power_limit_default_w: gpu.power_limit_default_w,
            persistence_mode: None,
            mig_mode: None,
            mig_uuids: None,
            mig_instances: None,
            mig_slices: None,
            integrated: Some(gpu.is_integrated),
            partition: Some(gpu.is_partition),
            temperature_c: gpu.temperature_c,
            vbios_version: gpu.vbios_version,
            power_domain: gpu.power_domain.map(str::to_owned),
            power_w: gpu.power_w,
            energy_counter: gpu.energy_counter,
            problem: gpu.problem,
        }
    }
}

/// A part of a GPU (MIG); a missing property is what it did not tell.
#[napi(object)]
pub struct MigInstance {
    /// "MIG-...".
    pub uuid: String,
    pub gpu_instance_id: Option<u32>,
    pub compute_instance_id: Option<u32>,
    /// Of how many slices of the GPU it is.
    pub slices: Option<u32>,
    pub multiprocessors: Option<u32>,
}

impl From<nvml::MigInstance> for MigInstance {
    fn from(instance: nvml::MigInstance) -> Self {
        let (gpu_instance_id, compute_instance_id) = instance.ids.unzip();
        Self {
            uuid: instance.uuid,
            gpu_instance_id,
            compute_instance_id,
            slices: instance.slices,
            multiprocessors: instance.multiprocessors,
        }
    }
}

impl From<nvml::DeviceInfo> for Device {
    fn from(device: nvml::DeviceInfo) -> Self {
        let instances: Vec<_> = device.mig_instances.into_iter().map(MigInstance::from).collect();
        Self {
            index: device.index,
            vendor: Some("nvidia".to_owned()),
            uuid: device.uuid,
            name: device.name,
            pci_bus_id: device.pci_bus_id,
            architecture: device.architecture,
            compute_capability: device.compute_capability,
            memory_total_bytes: device.memory_total_bytes.map(|bytes| bytes as f64),
            pcie_generation: device.pcie_generation,
            pcie_width: device.pcie_width,
            power_limit_w: device.power_limit_w,
            power_limit_default_w: device.power_limit_default_w,
            persistence_mode: device.persistence_mode,
            mig_mode: device.mig_mode,
            integrated: None,
            partition: None,
            mig_uuids: (!instances.is_empty())
                .then(|| instances.iter().map(|instance| instance.uuid.clone()).collect()),
            mig_slices: (device.mig_slices > 0).then_some(device.mig_slices),
            mig_instances: (!instances.is_empty()).then_some(instances),
            temperature_c: device.temperature_c,
            vbios_version: device.vbios_version,
            power_domain: device.power_domain.map(str::to_owned),
            power_w: device.power_w,
            energy_counter: device.energy_counter,
            problem: device.problem,
        }
    }
}
