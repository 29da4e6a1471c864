//! Driver and GPUs, as plain objects. A missing property is what the driver does not tell.

use napi_derive::napi;

use crate::patience::{answered, patience_of};
use crate::{CodedError, coded};

/// Driver, CUDA and GPUs of this machine.
#[napi(object)]
pub struct Machine {
    /// E.g. "580.95.05".
    pub driver_version: Option<String>,
    /// The CUDA version that the driver supports, e.g. "13.0".
    pub cuda_version: Option<String>,
    /// Every GPU that can be told apart, in the driver's (PCI bus) order.
    pub devices: Vec<Device>,
    /// Those that the driver counts and does not tell about; missing where there is none.
    pub unreadable: Option<Vec<UnreadableDevice>>,
    /// Whether the library is the simulated one.
    pub simulated: bool,
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
    pub temperature_c: Option<u32>,
    pub vbios_version: Option<String>,
    /// Where its power comes from: "instant", "power_usage" or "average_1s".
    pub power_domain: Option<String>,
    pub power_w: Option<f64>,
    pub energy_counter: bool,
    /// Why it cannot be measured; missing where it can.
    pub problem: Option<String>,
}

/// Lists the GPUs through the library at `libraryPath`, by default the driver's own, which may take `patienceMs`, by default
/// 30 s. Throws `NVML_NOT_FOUND`, `NVML_INIT_FAILED`, `NVML_QUERY_FAILED`, `NVML_SILENT` or `NVML_CRASHED`.
#[napi]
pub fn list_devices(library_path: Option<String>, patience_ms: Option<u32>) -> Result<Machine, CodedError> {
    let patience = patience_of(patience_ms);
    // What is left where the driver has started in time is enough for a GPU that stays silent.
    let ask = move || llem_meter::source::nvml::list_devices(library_path.as_deref(), patience / 2);
    let machine = answered("the list of the GPUs", patience, ask).map_err(|error| coded(&error))?;
    let unreadable: Vec<_> = machine
        .unreadable
        .into_iter()
        .map(|device| UnreadableDevice { index: device.index, reason: device.reason })
        .collect();
    Ok(Machine {
        driver_version: machine.driver_version,
        cuda_version: machine.cuda_version,
        devices: machine.devices.into_iter().map(Device::from).collect(),
        unreadable: (!unreadable.is_empty()).then_some(unreadable),
        simulated: machine.simulated,
    })
}

impl From<llem_meter::source::nvml::DeviceInfo> for Device {
    fn from(device: llem_meter::source::nvml::DeviceInfo) -> Self {
        Self {
            index: device.index,
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
            mig_uuids: (!device.mig_uuids.is_empty()).then_some(device.mig_uuids),
            temperature_c: device.temperature_c,
            vbios_version: device.vbios_version,
            power_domain: device.power_domain.map(str::to_owned),
            power_w: device.power_w,
            energy_counter: device.energy_counter,
            problem: device.problem,
        }
    }
}
