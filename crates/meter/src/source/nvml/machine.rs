//! Loading the library, and what does not change while measuring: which GPUs there are and what they can do.

use std::ffi::{CString, OsStr};

use nvml_wrapper::enum_wrappers::device::TemperatureSensor;
use nvml_wrapper::enums::device::DeviceArchitecture;
use nvml_wrapper::error::NvmlError;
use nvml_wrapper::{Device, Nvml};

use super::NvmlSource;
use crate::error::MeterError;
use crate::sensor::Sensor;
use crate::source::{PowerDomain, Source};

/// Tried in this order; the second is where the Windows Subsystem for Linux keeps the library.
const DEFAULT_LIBRARIES: [&str; 2] = ["libnvidia-ml.so.1", "/usr/lib/wsl/lib/libnvidia-ml.so.1"];

/// Driver, CUDA and GPUs of this machine.
#[derive(Clone, Debug)]
pub struct MachineInfo {
    /// E.g. "580.95.05".
    pub driver_version: Option<String>,
    /// The CUDA version that the driver supports, e.g. "13.0".
    pub cuda_version: Option<String>,
    /// Every GPU that can be told apart, in the driver's order.
    pub devices: Vec<DeviceInfo>,
    /// Those that the driver counts and does not tell about, as one that fell off the bus.
    pub unreadable: Vec<UnreadableDevice>,
    /// Whether the library is the simulated one.
    pub simulated: bool,
}

/// A GPU of which no more is known than that the driver counts it.
#[derive(Clone, Debug)]
pub struct UnreadableDevice {
    /// The driver's index (PCI bus order).
    pub index: u32,
    /// What the driver said.
    pub reason: String,
}

/// One GPU; `None` is what it does not tell.
#[derive(Clone, Debug)]
pub struct DeviceInfo {
    /// The driver's index (PCI bus order).
    pub index: u32,
    /// "GPU-...".
    pub uuid: String,
    /// E.g. "NVIDIA H200".
    pub name: Option<String>,
    /// E.g. "00000000:01:00.0".
    pub pci_bus_id: Option<String>,
    /// E.g. "hopper".
    pub architecture: Option<String>,
    /// E.g. "9.0".
    pub compute_capability: Option<String>,
    /// Device memory, bytes.
    pub memory_total_bytes: Option<u64>,
    /// Current PCIe generation.
    pub pcie_generation: Option<u32>,
    /// Current PCIe lanes.
    pub pcie_width: Option<u32>,
    /// The limit in force, watts.
    pub power_limit_w: Option<f64>,
    /// The limit that the board came with, watts.
    pub power_limit_default_w: Option<f64>,
    /// Whether the driver stays loaded without clients.
    pub persistence_mode: Option<bool>,
    /// Whether the GPU is cut into MIG instances.
    pub mig_mode: Option<bool>,
    /// The UUIDs of the instances that it is cut into.
    pub mig_uuids: Vec<String>,
    /// Core temperature now, degrees Celsius.
    pub temperature_c: Option<u32>,
    /// E.g. "96.00.5E.00.01".
    pub vbios_version: Option<String>,
    /// Where its power comes from: "instant", "power_usage", "average_1s"; `None` where it has none.
    pub power_domain: Option<&'static str>,
    /// Power now, watts.
    pub power_w: Option<f64>,
    /// Whether it has an energy counter.
    pub energy_counter: bool,
    /// Why it cannot be measured; `None` where it can.
    pub problem: Option<String>,
}

/// Lists the GPUs. Fails when there is no library or it does not start; an empty list is a true answer.
pub fn list_devices(library_path: Option<&str>) -> Result<MachineInfo, MeterError> {
    let nvml = load(library_path)?;
    let count = nvml.device_count().map_err(|cause| query("the number of GPUs", &cause))?;
    let (mut devices, mut unreadable) = (Vec::new(), Vec::new());
    for index in 0..count {
        match describe(&nvml, library_path, index) {
            Ok(device) => devices.push(device),
            Err(cause) => unreadable.push(UnreadableDevice { index, reason: cause.to_string() }),
        }
    }
    Ok(MachineInfo {
        unreadable,
        driver_version: nvml.sys_driver_version().ok(),
        cuda_version: nvml
            .sys_cuda_driver_version()
            .ok()
            .map(|version| format!("{}.{}", version / 1000, version % 1000 / 10)),
        devices,
        simulated: is_simulated(library_path),
    })
}

/// Whether the loaded library is this project's simulation: it has a symbol that no driver has.
fn is_simulated(library_path: Option<&str>) -> bool {
    let candidates = library_path.map_or(DEFAULT_LIBRARIES.to_vec(), |path| vec![path]);
    candidates.into_iter().any(|path| {
        let Ok(path) = CString::new(path) else { return false };
        // SAFETY: both strings end in NUL, and with RTLD_NOLOAD nothing is run; the handle is given back at once.
        unsafe {
            let library = libc::dlopen(path.as_ptr(), libc::RTLD_LAZY | libc::RTLD_NOLOAD);
            if library.is_null() {
                return false;
            }
            let marker = libc::dlsym(library, c"llem_nvml_sim".as_ptr());
            libc::dlclose(library);
            !marker.is_null()
        }
    })
}

pub(super) fn load(library_path: Option<&str>) -> Result<Nvml, MeterError> {
    let candidates = library_path.map_or(DEFAULT_LIBRARIES.to_vec(), |path| vec![path]);
    let mut first_failure = None;
    for path in candidates {
        match Nvml::builder().lib_path(OsStr::new(path)).init() {
            Ok(nvml) => return Ok(nvml),
            Err(NvmlError::LibloadingError(cause)) => {
                first_failure.get_or_insert(MeterError::LibraryNotFound { cause: cause.to_string() });
            }
            Err(cause) => return Err(MeterError::InitFailed { cause: cause.to_string() }),
        }
    }
    Err(first_failure.unwrap_or(MeterError::LibraryNotFound { cause: "no path to try".to_owned() }))
}

pub(super) fn find<'nvml>(nvml: &'nvml Nvml, uuid: &str) -> Result<Device<'nvml>, MeterError> {
    nvml.device_by_uuid(uuid).map_err(|cause| {
        // A GPU that fell off the bus, or that this user may not see, is not a wrong UUID.
        if !matches!(cause, NvmlError::NotFound | NvmlError::InvalidArg) {
            return query(format!("the GPU {uuid}"), &cause);
        }
        let present: Vec<String> = (0..nvml.device_count().unwrap_or(0))
            .filter_map(|index| nvml.device_by_index(index).ok()?.uuid().ok())
            .collect();
        let present = if present.is_empty() { "none".to_owned() } else { present.join(", ") };
        MeterError::DeviceNotFound { uuid: uuid.to_owned(), present }
    })
}

fn query(what: impl Into<String>, cause: &NvmlError) -> MeterError {
    MeterError::Query { what: what.into(), cause: cause.to_string() }
}

/// Whether `nvmlDeviceGetPowerUsage` is a mean over one second here: on Ampere except GA100, and newer (nvml.h).
/// An unknown architecture is taken for a new one.
pub(super) fn power_usage_is_averaged(device: &Device<'_>) -> bool {
    use DeviceArchitecture::{Kepler, Maxwell, Pascal, Turing, Volta};
    match device.architecture() {
        Ok(Kepler | Maxwell | Pascal | Volta | Turing) => false,
        // GA100 is the only Ampere chip of compute capability 8.0.
        Ok(DeviceArchitecture::Ampere) => {
            !device.cuda_compute_capability().is_ok_and(|version| version.major == 8 && version.minor == 0)
        }
        _ => true,
    }
}

/// What was measured of the sensors of an architecture (arXiv 2312.02741); a newer one is taken for Hopper.
pub(super) fn usual_sensor(device: &Device<'_>) -> Sensor {
    use DeviceArchitecture::{Ada, Pascal, Turing, Volta};
    match device.architecture() {
        Ok(Pascal | Volta) => Sensor::FAST,
        Ok(Turing | Ada) => Sensor::GAPLESS,
        Ok(DeviceArchitecture::Ampere) if power_usage_is_averaged(device) => Sensor::GAPLESS,
        _ => Sensor::DATACENTER,
    }
}

fn describe(nvml: &Nvml, library_path: Option<&str>, index: u32) -> Result<DeviceInfo, NvmlError> {
    let device = nvml.device_by_index(index)?;
    // A GPU without a UUID cannot be told apart from another one, so it cannot be measured.
    let uuid = device.uuid()?;
    let watts = |milliwatts: u32| f64::from(milliwatts) / 1000.0;
    let (mut probe, problem) = match NvmlSource::open(library_path, std::slice::from_ref(&uuid)) {
        Ok(source) => (Some(source), None),
        Err(cause) => (None, Some(cause.to_string())),
    };
    let power_w = probe.as_mut().and_then(|source| source.power_mw(0).ok()).map(watts);
    let power_domain = probe.as_ref().map(|source| source.power_domain(0));
    Ok(DeviceInfo {
        index,
        name: device.name().ok(),
        pci_bus_id: device.pci_info().ok().map(|pci| pci.bus_id),
        architecture: device.architecture().ok().map(|architecture| architecture.to_string().to_lowercase()),
        compute_capability: device
            .cuda_compute_capability()
            .ok()
            .map(|version| format!("{}.{}", version.major, version.minor)),
        memory_total_bytes: device.memory_info().ok().map(|memory| memory.total),
        pcie_generation: device.current_pcie_link_gen().ok(),
        pcie_width: device.current_pcie_link_width().ok(),
        power_limit_w: device.enforced_power_limit().ok().map(watts),
        power_limit_default_w: device.power_management_limit_default().ok().map(watts),
        persistence_mode: device.is_in_persistent_mode().ok(),
        mig_mode: device.mig_mode().ok().map(|mode| mode.current == 1),
        mig_uuids: mig_uuids(&device),
        temperature_c: device.temperature(TemperatureSensor::Gpu).ok(),
        vbios_version: device.vbios_version().ok(),
        power_domain: power_w.and(power_domain).map(PowerDomain::as_str),
        power_w,
        energy_counter: probe.is_some_and(|mut source| source.counter_mj(0).is_ok()),
        problem,
        uuid,
    })
}

/// Of the instances that there are: their places may have holes.
fn mig_uuids(device: &Device<'_>) -> Vec<String> {
    let most = device.mig_device_count().unwrap_or(0);
    (0..most).filter_map(|index| device.mig_device_by_index(index).ok()?.uuid().ok()).collect()
}
