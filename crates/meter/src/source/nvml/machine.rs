//! What does not change while measuring: which GPUs there are and what they can do.

use std::ffi::CStr;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use nvml_wrapper::enum_wrappers::device::TemperatureSensor;
use nvml_wrapper::enums::device::DeviceArchitecture;
use nvml_wrapper::error::NvmlError;
use nvml_wrapper::{Device, Nvml};

use super::NvmlSource;
use super::library::{is_simulated, load};
use super::memory::memory_of;
use super::mig::{self, MigInstance};
use crate::asking::{self, Asking};
use crate::crash::{self, Crash};
use crate::error::MeterError;
use crate::sensor::Sensor;
use crate::source::{PowerDomain, Source};

/// What the other GPUs get once the driver's library has crashed at one.
const AFTER_CRASH: Duration = Duration::from_secs(1);
/// How often somebody who waits looks whether the driver crashed.
const LOOK: Duration = Duration::from_millis(50);

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
    /// The instances that it is cut into.
    pub mig_instances: Vec<MigInstance>,
    /// Of how many slices all instances together may be; 0 where there can be none.
    pub mig_slices: u32,
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

/// Lists the GPUs. Fails when there is no library or it does not start; an empty list is a true answer. Each GPU is asked by
/// a thread of its own, and one that stays silent for `patience` after the last of the others has answered is unreadable: its
/// thread is left behind.
pub fn list_devices(library_path: Option<&str>, patience: Duration) -> Result<MachineInfo, MeterError> {
    let nvml = load(library_path)?;
    asking::calls(c"nvmlDeviceGetCount_v2");
    let count = nvml.device_count().map_err(|cause| query("the number of GPUs", &cause))?;
    let (mut devices, mut unreadable) = (Vec::new(), Vec::new());
    for (index, described) in (0..count).zip(describe_all(&nvml, library_path, count, patience)?) {
        match described {
            Ok(device) => devices.push(device),
            Err(reason) => unreadable.push(UnreadableDevice { index, reason }),
        }
    }
    asking::calls(c"nvmlSystemGetDriverVersion");
    let driver_version = nvml.sys_driver_version().ok();
    asking::calls(c"nvmlSystemGetCudaDriverVersion_v2");
    let cuda_version = nvml
        .sys_cuda_driver_version()
        .ok()
        .map(|version| format!("{}.{}", version / 1000, version % 1000 / 10));
    Ok(MachineInfo {
        driver_version,
        cuda_version,
        devices,
        unreadable,
        simulated: is_simulated(library_path),
    })
}

/// By index: what each GPU tells, or why it is unreadable.
fn describe_all(
    nvml: &Arc<Nvml>,
    library_path: Option<&str>,
    count: u32,
    patience: Duration,
) -> Result<Vec<Result<DeviceInfo, String>>, MeterError> {
    let (answers, answered) = channel();
    let asked: Vec<Arc<Asking>> = (0..count)
        .map(|index| ask(Arc::clone(nvml), library_path.map(str::to_owned), index, answers.clone()))
        .collect::<Result<_, _>>()
        .map_err(MeterError::Thread)?;
    drop(answers);
    let mut described: Vec<Option<Result<DeviceInfo, String>>> = vec![None; asked.len()];
    // A driver that is slow gets three times as long as one that has hung at a call.
    let give_up = Instant::now() + 3 * patience / 2;
    let begun = Instant::now();
    let (mut made, mut since, mut crashed) = (0, Instant::now(), None);
    while described.iter().any(Option::is_none)
        && since.elapsed() < if crashed.is_some() { AFTER_CRASH } else { patience }
        && Instant::now() < give_up
    {
        if crashed.is_none() {
            crashed = crash::seen();
        }
        match answered.recv_timeout(LOOK) {
            Ok((index, answer)) => described[index] = Some(answer),
            Err(RecvTimeoutError::Timeout) => {}
            // Whoever panicked has said so on stderr.
            Err(RecvTimeoutError::Disconnected) => break,
        }
        let now_made = asked.iter().map(|asking| asking.made()).sum();
        if now_made != made {
            (made, since) = (now_made, Instant::now());
        }
    }
    if count > 0 && described.iter().all(Option::is_none) {
        let call = asked.iter().find_map(|asking| asking.call());
        return Err(crashed.map_or(
            MeterError::Silent {
                what: "the list of the GPUs",
                call,
                waited_s: begun.elapsed().as_secs_f64(),
            },
            |Crash { call, signal }| MeterError::Crashed { call, signal },
        ));
    }
    let silent = |asking: &Asking| {
        let call = asking.call().unwrap_or("a driver call");
        crashed.map_or_else(
            || format!("the driver did not answer within {} s, {call} last", patience.as_secs_f64()),
            |Crash { signal, .. }| {
                format!("the driver's library crashed ({signal}); its last call was {call}")
            },
        )
    };
    Ok(described
        .into_iter()
        .zip(&asked)
        .map(|(answer, asking)| answer.unwrap_or_else(|| Err(silent(asking))))
        .collect())
}

type Described = (usize, Result<DeviceInfo, String>);

fn ask(
    nvml: Arc<Nvml>,
    library_path: Option<String>,
    index: u32,
    answers: Sender<Described>,
) -> std::io::Result<Arc<Asking>> {
    let asking = Arc::new(Asking::default());
    let of_thread = Arc::clone(&asking);
    let asks = move || {
        let answer = of_thread.watch(|| describe(&nvml, library_path.as_deref(), index));
        // Nobody may wait any more.
        let _ = answers.send((index as usize, answer.map_err(|cause| cause.to_string())));
    };
    thread::Builder::new().name("llem-asks-gpu".to_owned()).spawn(asks)?;
    Ok(asking)
}

pub(super) fn find<'nvml>(nvml: &'nvml Nvml, uuid: &str) -> Result<Device<'nvml>, MeterError> {
    asking::calls(c"nvmlDeviceGetHandleByUUID");
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
    match asked(c"nvmlDeviceGetArchitecture", || device.architecture()) {
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
    match asked(c"nvmlDeviceGetArchitecture", || device.architecture()) {
        Ok(Pascal | Volta) => Sensor::FAST,
        Ok(Turing | Ada) => Sensor::GAPLESS,
        Ok(DeviceArchitecture::Ampere) if power_usage_is_averaged(device) => Sensor::GAPLESS,
        _ => Sensor::DATACENTER,
    }
}

fn describe(nvml: &Nvml, library_path: Option<&str>, index: u32) -> Result<DeviceInfo, NvmlError> {
    asking::calls(c"nvmlDeviceGetHandleByIndex_v2");
    let device = nvml.device_by_index(index)?;
    asking::calls(c"nvmlDeviceGetUUID");
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
        name: asked(c"nvmlDeviceGetName", || device.name()).ok(),
        pci_bus_id: asked(c"nvmlDeviceGetPciInfo_v3", || device.pci_info()).ok().map(|pci| pci.bus_id),
        architecture: asked(c"nvmlDeviceGetArchitecture", || device.architecture())
            .ok()
            .map(|architecture| architecture.to_string().to_lowercase()),
        compute_capability: asked(c"nvmlDeviceGetCudaComputeCapability", || device.cuda_compute_capability())
            .ok()
            .map(|version| format!("{}.{}", version.major, version.minor)),
        memory_total_bytes: memory_of(nvml, &device).ok().map(|memory| memory.total),
        pcie_generation: asked(c"nvmlDeviceGetCurrPcieLinkGeneration", || device.current_pcie_link_gen())
            .ok(),
        pcie_width: asked(c"nvmlDeviceGetCurrPcieLinkWidth", || device.current_pcie_link_width()).ok(),
        power_limit_w: asked(c"nvmlDeviceGetEnforcedPowerLimit", || device.enforced_power_limit())
            .ok()
            .map(watts),
        power_limit_default_w: asked(c"nvmlDeviceGetPowerManagementDefaultLimit", || {
            device.power_management_limit_default()
        })
        .ok()
        .map(watts),
        persistence_mode: asked(c"nvmlDeviceGetPersistenceMode", || device.is_in_persistent_mode()).ok(),
        mig_mode: asked(c"nvmlDeviceGetMigMode", || device.mig_mode()).ok().map(|mode| mode.current == 1),
        mig_instances: mig::instances(nvml, &device),
        mig_slices: mig::slices(&device),
        temperature_c: asked(c"nvmlDeviceGetTemperature", || device.temperature(TemperatureSensor::Gpu)).ok(),
        vbios_version: asked(c"nvmlDeviceGetVbiosVersion", || device.vbios_version()).ok(),
        power_domain: power_w.and(power_domain).map(PowerDomain::as_str),
        power_w,
        energy_counter: probe.is_some_and(|mut source| source.counter_mj(0).is_ok()),
        problem,
        uuid,
    })
}

/// The answer to a call that is named meanwhile.
pub(super) fn asked<T>(call: &'static CStr, ask: impl FnOnce() -> T) -> T {
    asking::calls(call);
    ask()
}
