//! Opening and closing the library, and what concerns no single device.

use std::ffi::{CStr, c_char, c_int, c_uint};

use nvml_wrapper_sys::bindings::nvmlReturn_t;

use super::{guarded, on_system, put, put_text, visit};
use crate::call::{Call, Group};
use crate::fault::ERRORS;
use crate::simulation::{Simulation, close, open};

/// The functions here that a scenario can make slow or wrong.
pub const SYSTEM_FUNCTIONS: &[&str] = &[
    "nvmlInit",
    "nvmlInit_v2",
    "nvmlInitWithFlags",
    "nvmlDeviceGetCount",
    "nvmlDeviceGetCount_v2",
    "nvmlSystemGetDriverVersion",
    "nvmlSystemGetNVMLVersion",
    "nvmlSystemGetCudaDriverVersion",
    "nvmlSystemGetCudaDriverVersion_v2",
];

/// Opens the library: a start may be slow or fail, too, but only once the scenario was read that says so.
fn init(name: &'static str) -> nvmlReturn_t {
    let call = Call { group: Group::System, name };
    guarded(|| open(|simulation| visit(simulation, None, call, |_now| Ok(()))))
}

/// Opens the library: the first call reads the scenario, the others count.
#[unsafe(no_mangle)]
pub extern "C" fn nvmlInit_v2() -> nvmlReturn_t {
    init("nvmlInit_v2")
}

/// Opens the library, first form.
#[unsafe(no_mangle)]
pub extern "C" fn nvmlInit() -> nvmlReturn_t {
    init("nvmlInit")
}

/// Opens the library; the flags (no GPUs, no attach) make no difference here.
#[unsafe(no_mangle)]
pub extern "C" fn nvmlInitWithFlags(_flags: c_uint) -> nvmlReturn_t {
    init("nvmlInitWithFlags")
}

/// Closes the library once it was called as often as the init functions.
#[unsafe(no_mangle)]
pub extern "C" fn nvmlShutdown() -> nvmlReturn_t {
    guarded(close)
}

fn put_count(name: &'static str, count: *mut c_uint) -> nvmlReturn_t {
    on_system(name, |simulation| {
        let devices = simulation.devices.len();
        // SAFETY: nvml.h makes the caller vouch for the pointer.
        unsafe { put(count, c_uint::try_from(devices).unwrap_or(c_uint::MAX)) }
    })
}

/// How many devices there are.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetCount_v2(count: *mut c_uint) -> nvmlReturn_t {
    put_count("nvmlDeviceGetCount_v2", count)
}

/// How many devices there are, first form.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetCount(count: *mut c_uint) -> nvmlReturn_t {
    put_count("nvmlDeviceGetCount", count)
}

/// The driver's version.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlSystemGetDriverVersion(version: *mut c_char, length: c_uint) -> nvmlReturn_t {
    on_system("nvmlSystemGetDriverVersion", |simulation| {
        // SAFETY: nvml.h makes the caller vouch for `length` bytes.
        unsafe { put_text(version, length, &simulation.scenario.driver_version) }
    })
}

/// The library's version: the CUDA major version and the driver's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlSystemGetNVMLVersion(version: *mut c_char, length: c_uint) -> nvmlReturn_t {
    on_system("nvmlSystemGetNVMLVersion", |simulation| {
        let scenario = &simulation.scenario;
        let text = format!("{}.{}", scenario.cuda_version / 1000, scenario.driver_version);
        // SAFETY: nvml.h makes the caller vouch for `length` bytes.
        unsafe { put_text(version, length, &text) }
    })
}

fn put_cuda_version(name: &'static str, version: *mut c_int) -> nvmlReturn_t {
    let cuda_version = |simulation: &Simulation| simulation.scenario.cuda_version;
    // SAFETY: nvml.h makes the caller vouch for the pointer.
    on_system(name, |simulation| unsafe { put(version, cuda_version(simulation)) })
}

/// The CUDA version: 1000 times major plus 10 times minor.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlSystemGetCudaDriverVersion(version: *mut c_int) -> nvmlReturn_t {
    put_cuda_version("nvmlSystemGetCudaDriverVersion", version)
}

/// The CUDA version, second form.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlSystemGetCudaDriverVersion_v2(version: *mut c_int) -> nvmlReturn_t {
    put_cuda_version("nvmlSystemGetCudaDriverVersion_v2", version)
}

/// An error in words; needs no open library.
#[unsafe(no_mangle)]
pub extern "C" fn nvmlErrorString(code: nvmlReturn_t) -> *const c_char {
    error_text(code).as_ptr()
}

fn error_text(code: nvmlReturn_t) -> &'static CStr {
    let name = ERRORS.iter().find(|(_, known)| *known == code).map_or("", |(name, _)| *name);
    match name {
        "" if code == 0 => c"The operation was successful",
        "uninitialized" => c"Uninitialized",
        "invalid_argument" => c"Invalid Argument",
        "not_supported" => c"Not Supported",
        "no_permission" => c"Insufficient Permissions",
        "not_found" => c"Not Found",
        "insufficient_size" => c"Insufficient Size",
        "insufficient_power" => c"Insufficient External Power",
        "driver_not_loaded" => c"Driver Not Loaded",
        "timeout" => c"Timeout",
        "irq_issue" => c"Interrupt Request Issue",
        "library_not_found" => c"NVML Shared Library Not Found",
        "function_not_found" => c"Function Not Found",
        "corrupted_inforom" => c"Corrupted infoROM",
        "gpu_is_lost" => c"GPU is lost",
        "reset_required" => c"GPU requires reset",
        "operating_system" => c"GPU access blocked by the operating system",
        "lib_rm_version_mismatch" => c"Driver/library version mismatch",
        "in_use" => c"In use by another client",
        "memory" => c"Insufficient Memory",
        "no_data" => c"No data",
        "insufficient_resources" => c"Insufficient Resources",
        "freq_not_supported" => c"Requested frequency is not supported",
        "argument_version_mismatch" => c"Argument version mismatch",
        "deprecated" => c"Deprecated",
        "not_ready" => c"Not Ready",
        "gpu_not_found" => c"GPU not found",
        "invalid_state" => c"Invalid state",
        _ => c"Unknown Error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_a_scenario_can_name_has_words_of_its_own() {
        let mut texts: Vec<&CStr> = ERRORS.iter().map(|(_, code)| error_text(*code)).collect();
        texts.push(error_text(0));
        texts.sort_unstable();
        texts.dedup();
        assert_eq!(texts.len(), ERRORS.len() + 1);
    }
}
