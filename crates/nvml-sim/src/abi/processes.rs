//! Who computes on a device. Each version of the function has its own struct.

use std::ffi::{c_char, c_uint};

use nvml_wrapper_sys::bindings::{
    nvmlProcessInfo_t, nvmlProcessInfo_v1_t, nvmlProcessInfo_v2_t,
    nvmlReturn_enum_NVML_ERROR_NOT_FOUND as NOT_FOUND, nvmlReturn_t,
};

use super::{device_calls, guarded, put_list, put_text};
use crate::scenario::Process;
use crate::simulation::current;

/// "Not a MIG instance", for both of its ids.
const NO_INSTANCE: c_uint = c_uint::MAX;

fn v1(process: &Process) -> nvmlProcessInfo_v1_t {
    nvmlProcessInfo_v1_t { pid: process.pid, usedGpuMemory: process.used_mib << 20 }
}

fn v2(process: &Process) -> nvmlProcessInfo_v2_t {
    nvmlProcessInfo_v2_t {
        pid: process.pid,
        usedGpuMemory: process.used_mib << 20,
        gpuInstanceId: NO_INSTANCE,
        computeInstanceId: NO_INSTANCE,
    }
}

device_calls! {
    /// The compute processes, first form of the struct.
    Other nvmlDeviceGetComputeRunningProcesses(count: *mut c_uint, infos: *mut nvmlProcessInfo_v1_t)
        |device, now| put_list(count, infos, device.processes(now.t_ns).map(v1));

    /// The compute processes, second form of the struct.
    Other nvmlDeviceGetComputeRunningProcesses_v2(count: *mut c_uint, infos: *mut nvmlProcessInfo_v2_t)
        |device, now| put_list(count, infos, device.processes(now.t_ns).map(v2));

    /// The compute processes; the struct of the third form is laid out like the second.
    Other nvmlDeviceGetComputeRunningProcesses_v3(count: *mut c_uint, infos: *mut nvmlProcessInfo_t)
        |device, now| put_list(count, infos, device.processes(now.t_ns).map(v2));

    /// The graphics processes: none.
    Other nvmlDeviceGetGraphicsRunningProcesses(count: *mut c_uint, infos: *mut nvmlProcessInfo_v1_t)
        |_device, _now| put_list(count, infos, std::iter::empty());

    /// The graphics processes: none.
    Other nvmlDeviceGetGraphicsRunningProcesses_v2(count: *mut c_uint, infos: *mut nvmlProcessInfo_v2_t)
        |_device, _now| put_list(count, infos, std::iter::empty());

    /// The graphics processes: none.
    Other nvmlDeviceGetGraphicsRunningProcesses_v3(count: *mut c_uint, infos: *mut nvmlProcessInfo_t)
        |_device, _now| put_list(count, infos, std::iter::empty());
}

/// The name of a process that the scenario has on some device, at any time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlSystemGetProcessName(
    pid: c_uint,
    name: *mut c_char,
    length: c_uint,
) -> nvmlReturn_t {
    guarded(|| {
        let mut processes = current()?.devices.iter().flat_map(|device| &device.spec.processes);
        if !processes.any(|process| process.pid == pid) {
            return Err(NOT_FOUND);
        }
        // SAFETY: nvml.h makes the caller vouch for `length` bytes.
        unsafe { put_text(name, length, &format!("simulated-{pid}")) }
    })
}
