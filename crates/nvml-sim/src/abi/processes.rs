//! Who computes on a device. Each version of the function has its own struct, and the third had two: from driver 535.43
//! to 535.86 it wrote a longer one (XuehaiPan/nvitop pull requests 79 and 89).

use std::ffi::{c_char, c_uint};

use nvml_wrapper_sys::bindings::{
    nvmlProcessInfo_t, nvmlProcessInfo_v1_t, nvmlProcessInfo_v2_t,
    nvmlReturn_enum_NVML_ERROR_NOT_FOUND as NOT_FOUND, nvmlReturn_t,
};

use super::{Answer, Moment, device_calls, on_system, put_list, put_text};
use crate::device::Device;
use crate::scenario::{Process, version_parts};

/// "Not a MIG instance", for both of its ids.
const NO_INSTANCE: c_uint = c_uint::MAX;

fn v1(process: &Process) -> nvmlProcessInfo_v1_t {
    nvmlProcessInfo_v1_t { pid: process.pid, usedGpuMemory: process.used_mib << 20 }
}

fn v2(device: &Device, process: &Process) -> nvmlProcessInfo_v2_t {
    let instance = process.mig_instance.map(|place| &device.spec.mig_instances[place]);
    nvmlProcessInfo_v2_t {
        pid: process.pid,
        usedGpuMemory: process.used_mib << 20,
        gpuInstanceId: instance.map_or(NO_INSTANCE, |instance| instance.gpu_instance),
        computeInstanceId: instance.map_or(NO_INSTANCE, |instance| instance.compute_instance),
    }
}

/// The processes of this moment: all of a GPU, or those of one of its MIG instances.
fn processes(device: &'static Device, now: Moment) -> impl Iterator<Item = &'static Process> + Clone {
    device.processes(now.t_ns).filter(move |process| {
        now.instance.is_none_or(|asked| {
            process
                .mig_instance
                .is_some_and(|place| std::ptr::eq(&raw const device.spec.mig_instances[place], asked))
        })
    })
}

/// The struct of the third form in the first drivers of 535.
#[repr(C)]
struct LongProcessInfo {
    short: nvmlProcessInfo_t,
    protected_memory: u64,
}

fn long(device: &Device, process: &Process) -> LongProcessInfo {
    LongProcessInfo { short: v2(device, process), protected_memory: 0 }
}

/// # Safety
/// `count` is null or valid; `infos` is null or has room for `count` of the structs that this driver writes.
unsafe fn put_v3(
    count: *mut c_uint,
    infos: *mut nvmlProcessInfo_t,
    device: &'static Device,
    now: Moment,
) -> Answer {
    let processes = processes(device, now);
    let driver = version_parts(&now.simulation.scenario.driver_version);
    // SAFETY: the caller vouches for both pointers.
    unsafe {
        if driver.is_some_and(|version| ((535, 43)..(535, 98)).contains(&version)) {
            put_list(count, infos.cast(), processes.map(|process| long(device, process)))
        } else {
            put_list(count, infos, processes.map(|process| v2(device, process)))
        }
    }
}

device_calls! {
    /// The compute processes, first form of the struct.
    Other nvmlDeviceGetComputeRunningProcesses(count: *mut c_uint, infos: *mut nvmlProcessInfo_v1_t)
        |device, now| put_list(count, infos, processes(device, now).map(v1));

    /// The compute processes, second form of the struct.
    Other nvmlDeviceGetComputeRunningProcesses_v2(count: *mut c_uint, infos: *mut nvmlProcessInfo_v2_t)
        |device, now| put_list(count, infos, processes(device, now).map(|process| v2(device, process)));

    /// The compute processes; the struct of the third form is laid out like the second, but for some drivers.
    Other nvmlDeviceGetComputeRunningProcesses_v3(count: *mut c_uint, infos: *mut nvmlProcessInfo_t)
        |device, now| put_v3(count, infos, device, now);

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
    on_system("nvmlSystemGetProcessName", |simulation| {
        let mut processes = simulation.devices.iter().flat_map(|device| &device.spec.processes);
        if !processes.any(|process| process.pid == pid) {
            return Err(NOT_FOUND);
        }
        // SAFETY: nvml.h makes the caller vouch for `length` bytes.
        unsafe { put_text(name, length, format!("simulated-{pid}")) }
    })
}
