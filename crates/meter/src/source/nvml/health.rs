//! Whether GPUs are well: what is in their memory and whose it is, what the driver reported of them, whether they are
//! there at all. Asked between two experiments, never while one is measured.

use std::ffi::c_ulonglong;
use std::mem;
use std::ptr;
use std::sync::Arc;

use nvml_wrapper::enum_wrappers::device::TemperatureSensor;
use nvml_wrapper::error::NvmlError;
use nvml_wrapper::{Device, Nvml};
use nvml_wrapper_sys::bindings::{
    nvmlDevice_t, nvmlEventData_t, nvmlEventSet_t, nvmlEventTypeXidCriticalError,
    nvmlReturn_enum_NVML_ERROR_GPU_NOT_FOUND as GPU_NOT_FOUND, nvmlReturn_enum_NVML_SUCCESS,
};

use super::library;
use super::machine;
use super::memory::memory_of;
use super::processes::{Entry, ProcessList, Slot};
use crate::asking;
use crate::error::MeterError;
use crate::source::ReadError;
use crate::tenancy::{MAX_PROCESSES, Tenant};

/// The driver reports its errors as events of this type.
const XID: c_ulonglong = nvmlEventTypeXidCriticalError as c_ulonglong;
/// Of one look; a GPU that reports more of them at once is no better known by the rest.
const MAX_EVENTS: usize = 256;

/// How a GPU answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// It answered something.
    Present,
    /// It has fallen off the bus, or the driver does not know it any more.
    Lost,
    /// The driver wants it to be reset first.
    ResetRequired,
    /// It answered nothing, for another reason.
    Unreadable,
}

impl Condition {
    /// Its name in records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Present => "present",
            Self::Lost => "lost",
            Self::ResetRequired => "reset_required",
            Self::Unreadable => "unreadable",
        }
    }
}

/// A process that computes on a GPU.
#[derive(Clone, Debug)]
pub struct GpuProcess {
    /// Who it is, and whose.
    pub tenant: Tenant,
    /// Its memory there; `None` where the driver does not tell, as inside of some containers.
    pub memory_used_bytes: Option<u64>,
}

/// One look at one GPU; `None` is what it did not tell.
#[derive(Clone, Debug)]
pub struct DeviceLook {
    /// How it answers.
    pub condition: Condition,
    /// Why it is not simply present.
    pub cause: Option<String>,
    /// Used device memory.
    pub memory_used_bytes: Option<u64>,
    /// All of it.
    pub memory_total_bytes: Option<u64>,
    /// Who computes on it.
    pub processes: Option<Vec<GpuProcess>>,
    /// Xid errors that the driver reported since the last look; `None` where it reports none to this process.
    pub xids: Option<Vec<u64>>,
}

/// Keeps the driver open and its errors coming in, and looks at a set of GPUs when asked.
pub struct HealthWatch {
    // Declared before `nvml`, which keeps the library loaded: handles and the set point into it.
    handles: Vec<nvmlDevice_t>,
    events: Events,
    processes: ProcessList,
    nvml: Arc<Nvml>,
}

// SAFETY: the raw handles are opaque tokens that NVML accepts from any thread (nvml.h: "NVML is thread-safe"), and the
// set of events is used through `&mut self` only.
unsafe impl Send for HealthWatch {}

impl HealthWatch {
    /// Loads the library (`None`: where the driver installs it) and finds the GPUs by UUID.
    pub fn open(library_path: Option<&str>, uuids: &[String]) -> Result<Self, MeterError> {
        let nvml = library::load(library_path)?;
        let handles = uuids
            .iter()
            // SAFETY: only passed back to NVML, while `nvml` keeps the library initialised.
            .map(|uuid| machine::find(&nvml, uuid).map(|device| unsafe { device.handle() }))
            .collect::<Result<Vec<_>, _>>()?;
        let events = Events::open(&nvml, &handles);
        Ok(Self { handles, events, processes: ProcessList::of(&nvml), nvml })
    }

    /// One look at each GPU, in the order in which they were named.
    pub fn look(&mut self) -> Vec<DeviceLook> {
        asking::calls(c"nvmlEventSetWait_v2");
        let reported = self.events.drain();
        self.handles
            .iter()
            .enumerate()
            .map(|(position, handle)| {
                // SAFETY: the handle came from this library, which `self.nvml` keeps initialised.
                let device = unsafe { Device::new(*handle, &self.nvml) };
                let xids = self.events.registered[position]
                    .then(|| reported.iter().filter(|(of, _)| of == handle).map(|(_, xid)| *xid).collect());
                look_at(&self.nvml, &device, self.processes_on(*handle), xids)
            })
            .collect()
    }

    fn processes_on(&self, device: nvmlDevice_t) -> Result<Vec<GpuProcess>, ReadError> {
        asking::calls(c"nvmlDeviceGetComputeRunningProcesses");
        let mut slots = vec![Slot::default(); MAX_PROCESSES];
        let mut count = self.processes.read(device, &mut slots)?;
        while count > slots.len() {
            // More may have come by the time that it is asked again.
            slots.resize(2 * count, Slot::default());
            count = self.processes.read(device, &mut slots)?;
        }
        let listed = self.processes.entries(&slots, count);
        let process = |Entry { pid, memory_bytes, .. }| GpuProcess {
            tenant: Tenant::of(pid),
            memory_used_bytes: memory_bytes,
        };
        Ok(listed.map(process).collect())
    }
}

fn look_at(
    nvml: &Nvml,
    device: &Device<'_>,
    processes: Result<Vec<GpuProcess>, ReadError>,
    xids: Option<Vec<u64>>,
) -> DeviceLook {
    let memory = memory_of(nvml, device);
    let processes = processes.map_err(|error| NvmlError::from(error.code()));
    asking::calls(c"nvmlDeviceGetTemperature");
    let temperature = device.temperature(TemperatureSensor::Gpu);
    let failures: Vec<&NvmlError> =
        [memory.as_ref().err(), processes.as_ref().err(), temperature.as_ref().err()]
            .into_iter()
            .flatten()
            .collect();
    let answered = memory.is_ok() || processes.is_ok() || temperature.is_ok();
    let (condition, cause) = condition_of(&failures, answered);
    DeviceLook {
        condition,
        cause,
        memory_used_bytes: memory.as_ref().ok().map(|memory| memory.used),
        memory_total_bytes: memory.as_ref().ok().map(|memory| memory.total),
        processes: processes.ok(),
        xids,
    }
}

/// A GPU that is lost answers everything with that; one failure of a single call says nothing of the GPU.
fn condition_of(failures: &[&NvmlError], answered: bool) -> (Condition, Option<String>) {
    let find = |wanted: fn(&NvmlError) -> bool| failures.iter().find(|failure| wanted(failure));
    let lost =
        find(|failure| matches!(failure, NvmlError::GpuLost | NvmlError::UnexpectedVariant(GPU_NOT_FOUND)));
    let reset = find(|failure| matches!(failure, NvmlError::ResetRequired));
    match (lost, reset, answered) {
        (Some(cause), ..) => (Condition::Lost, Some(cause.to_string())),
        (None, Some(cause), _) => (Condition::ResetRequired, Some(cause.to_string())),
        (None, None, true) => (Condition::Present, None),
        (None, None, false) => (Condition::Unreadable, failures.first().map(ToString::to_string)),
    }
}

impl Drop for HealthWatch {
    fn drop(&mut self) {
        self.events.close(&self.nvml);
    }
}

/// The errors that the driver reports from now on. Nobody waits for them: they are taken out at a look.
struct Events {
    set: nvmlEventSet_t,
    wait: Option<Wait>,
    /// By position; a device that cannot report is false.
    registered: Vec<bool>,
}

type Wait = unsafe extern "C" fn(nvmlEventSet_t, *mut nvmlEventData_t, u32) -> u32;

impl Events {
    fn open(nvml: &Nvml, handles: &[nvmlDevice_t]) -> Self {
        let lib = nvml.lib();
        let mut events = Self { set: ptr::null_mut(), wait: None, registered: vec![false; handles.len()] };
        let (Ok(create), Ok(register), Ok(wait)) = (
            lib.nvmlEventSetCreate.as_ref(),
            lib.nvmlDeviceRegisterEvents.as_ref(),
            lib.nvmlEventSetWait_v2.as_ref(),
        ) else {
            return events;
        };
        // SAFETY: the pointer is to a live handle.
        if unsafe { create(&raw mut events.set) } != nvmlReturn_enum_NVML_SUCCESS {
            events.set = ptr::null_mut();
            return events;
        }
        events.wait = Some(*wait);
        for (registered, handle) in events.registered.iter_mut().zip(handles) {
            // SAFETY: set and handle came from this library.
            *registered = unsafe { register(*handle, XID, events.set) } == nvmlReturn_enum_NVML_SUCCESS;
        }
        events
    }

    /// What has come in since the last time.
    fn drain(&mut self) -> Vec<(nvmlDevice_t, u64)> {
        let mut reported = Vec::new();
        let Some(wait) = self.wait else { return reported };
        while reported.len() < MAX_EVENTS {
            // SAFETY: an all-zero nvmlEventData_t is valid.
            let mut data: nvmlEventData_t = unsafe { mem::zeroed() };
            // SAFETY: the set came from this library and the pointer is to a live value.
            if unsafe { wait(self.set, &raw mut data, 0) } != nvmlReturn_enum_NVML_SUCCESS {
                break;
            }
            if data.eventType & XID != 0 {
                reported.push((data.device, data.eventData));
            }
        }
        reported
    }

    fn close(&mut self, nvml: &Nvml) {
        if let (false, Ok(free)) = (self.set.is_null(), nvml.lib().nvmlEventSetFree.as_ref()) {
            // SAFETY: the set came from this library and is freed once.
            unsafe { free(self.set) };
            self.set = ptr::null_mut();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_call_that_fails_is_no_lost_gpu_and_a_lost_one_is_told_from_one_to_be_reset() {
        let table: [(&[NvmlError], bool, Condition); 7] = [
            (&[], true, Condition::Present),
            (&[NvmlError::NotSupported], true, Condition::Present),
            (&[NvmlError::Unknown], false, Condition::Unreadable),
            (&[NvmlError::GpuLost], true, Condition::Lost),
            (&[NvmlError::Unknown, NvmlError::GpuLost], false, Condition::Lost),
            (&[NvmlError::ResetRequired], false, Condition::ResetRequired),
            (&[NvmlError::UnexpectedVariant(28)], false, Condition::Lost),
        ];
        for (failures, answered, expected) in table {
            let failures: Vec<_> = failures.iter().collect();
            let (condition, cause) = condition_of(&failures, answered);
            assert_eq!(condition, expected, "{failures:?}");
            assert_eq!(cause.is_some(), expected != Condition::Present);
        }
    }
}
