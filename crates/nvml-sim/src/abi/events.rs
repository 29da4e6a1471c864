//! Sets of events. The only event there is is an Xid error; a set delivers those that come after its registration.

use std::ffi::{c_uint, c_ulonglong};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use nvml_wrapper_sys::bindings::{
    nvmlDevice_t, nvmlEventData_t, nvmlEventSet_t, nvmlEventTypeXidCriticalError,
    nvmlReturn_enum_NVML_ERROR_INVALID_ARGUMENT as INVALID_ARGUMENT,
    nvmlReturn_enum_NVML_ERROR_NOT_SUPPORTED as NOT_SUPPORTED, nvmlReturn_enum_NVML_ERROR_TIMEOUT as TIMEOUT,
    nvmlReturn_t,
};

use super::{Answer, device_calls, guarded, on_system, put};
use crate::call::{Call, Group};
use crate::clock::stall;
use crate::device::Device;
use crate::simulation::Simulation;

const XID: c_ulonglong = nvmlEventTypeXidCriticalError as c_ulonglong;
/// Not a MIG instance, for both of its ids.
const NO_INSTANCE: c_uint = c_uint::MAX;
/// What a lost device says of waiting for it.
const WAIT: Call = Call { group: Group::Other, name: "nvmlEventSetWait" };
/// How often a waiting call looks.
const LOOK: Duration = Duration::from_millis(1);

/// A device of a set, and up to when its errors are delivered.
struct Registered {
    device: &'static Device,
    delivered_to_ns: i64,
}

/// What a handle of a set points to.
struct EventSet(Mutex<Vec<Registered>>);

device_calls! {
    /// Xid errors.
    Other nvmlDeviceGetSupportedEventTypes(types: *mut c_ulonglong) |_device, _now| put(types, XID);

    /// Adds the Xid errors of a device to a set.
    Other nvmlDeviceRegisterEvents(types: c_ulonglong, set: nvmlEventSet_t) |device, now| {
        let set = set.cast::<EventSet>().as_ref().ok_or(INVALID_ARGUMENT)?;
        if types & !XID != 0 {
            return Err(NOT_SUPPORTED);
        }
        let registered = Registered { device, delivered_to_ns: now.t_ns };
        set.0.lock().unwrap_or_else(PoisonError::into_inner).push(registered);
        Ok(())
    };
}

/// A new, empty set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlEventSetCreate(set: *mut nvmlEventSet_t) -> nvmlReturn_t {
    on_system("nvmlEventSetCreate", |_simulation| {
        let new = Box::into_raw(Box::new(EventSet(Mutex::new(Vec::new()))));
        // SAFETY: nvml.h makes the caller vouch for the pointer; null is checked.
        unsafe { put(set, new.cast()) }
    })
}

/// Frees a set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlEventSetFree(set: nvmlEventSet_t) -> nvmlReturn_t {
    guarded(|| {
        if set.is_null() {
            return Err(INVALID_ARGUMENT);
        }
        // SAFETY: nvml.h makes the caller vouch that the set came from `nvmlEventSetCreate` and is freed once.
        drop(unsafe { Box::from_raw(set.cast::<EventSet>()) });
        Ok(())
    })
}

/// The next event, or `TIMEOUT` after so many milliseconds without one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlEventSetWait(
    set: nvmlEventSet_t,
    data: *mut nvmlEventData_t,
    timeout_ms: c_uint,
) -> nvmlReturn_t {
    // SAFETY: as below.
    on_system("nvmlEventSetWait", |simulation| unsafe { wait(simulation, set, data, timeout_ms) })
}

/// The same; the second form differs in what it says of MIG instances.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlEventSetWait_v2(
    set: nvmlEventSet_t,
    data: *mut nvmlEventData_t,
    timeout_ms: c_uint,
) -> nvmlReturn_t {
    // SAFETY: nvml.h makes the caller vouch for both pointers; null is checked.
    on_system("nvmlEventSetWait_v2", |simulation| unsafe { wait(simulation, set, data, timeout_ms) })
}

/// # Safety
/// `set` is null or came from `nvmlEventSetCreate`; `data` is null or valid for writing.
unsafe fn wait(
    simulation: &'static Simulation,
    set: nvmlEventSet_t,
    data: *mut nvmlEventData_t,
    timeout_ms: c_uint,
) -> Answer {
    // SAFETY: the caller vouches for `set` unless it is null.
    let set = unsafe { set.cast::<EventSet>().as_ref() }.ok_or(INVALID_ARGUMENT)?;
    let start = Instant::now();
    loop {
        if let Some(event) = next(simulation, set)? {
            // SAFETY: the caller vouches for `data` unless it is null.
            return unsafe { put(data, event) };
        }
        if start.elapsed() >= Duration::from_millis(u64::from(timeout_ms)) {
            return Err(TIMEOUT);
        }
        stall(LOOK);
    }
}

fn next(simulation: &'static Simulation, set: &EventSet) -> Result<Option<nvmlEventData_t>, nvmlReturn_t> {
    let mut registered = set.0.lock().unwrap_or_else(PoisonError::into_inner);
    let now_ns = simulation.now_ns();
    for Registered { device, delivered_to_ns } in registered.iter_mut() {
        let Some(xid) = device.xid_between(*delivered_to_ns, now_ns) else { continue };
        *delivered_to_ns = xid.at_ns;
        return Ok(Some(nvmlEventData_t {
            device: handle(device),
            eventType: XID,
            eventData: xid.xid,
            gpuInstanceId: NO_INSTANCE,
            computeInstanceId: NO_INSTANCE,
        }));
    }
    // Errors first: a GPU that has fallen off the bus said so before it was gone.
    match registered.iter().find_map(|each| each.device.verdict(WAIT, now_ns).error) {
        Some(error) => Err(error),
        None => Ok(None),
    }
}

fn handle(device: &'static Device) -> nvmlDevice_t {
    Simulation::handle(device)
}
