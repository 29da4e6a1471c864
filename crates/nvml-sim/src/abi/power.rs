//! Power, its limits, and the energy counter.

use std::ffi::{c_uint, c_ulonglong};

use nvml_wrapper_sys::bindings::{
    nvmlEnableState_enum_NVML_FEATURE_ENABLED as ENABLED, nvmlEnableState_t,
    nvmlReturn_enum_NVML_ERROR_NOT_SUPPORTED as NOT_SUPPORTED,
};

use super::{device_calls, put};

device_calls! {
    /// Power in milliwatts: an average over a second, or an instant reading on volta, turing and ga100.
    Power nvmlDeviceGetPowerUsage(mw: *mut c_uint) |device, now| put(mw, device.power_usage_mw(now.t_ns));

    /// Energy since the driver was loaded, in millijoules.
    Energy nvmlDeviceGetTotalEnergyConsumption(mj: *mut c_ulonglong) |device, now|
        put(mj, device.total_energy_mj(now.t_ns).ok_or(NOT_SUPPORTED)?);

    /// The power limit in milliwatts.
    Other nvmlDeviceGetPowerManagementLimit(mw: *mut c_uint) |device, _now| put(mw, device.power_limit_mw());

    /// The default power limit in milliwatts.
    Other nvmlDeviceGetPowerManagementDefaultLimit(mw: *mut c_uint) |device, _now| put(mw, device.power_limit_mw());

    /// The lowest of all power limits in milliwatts.
    Other nvmlDeviceGetEnforcedPowerLimit(mw: *mut c_uint) |device, _now| put(mw, device.power_limit_mw());

    /// The power limits the board takes, in milliwatts.
    Other nvmlDeviceGetPowerManagementLimitConstraints(min_mw: *mut c_uint, max_mw: *mut c_uint) |device, _now|
        put(min_mw, device.power_limit_min_mw()).and(put(max_mw, device.power_limit_mw()));

    /// Whether the board manages its power: always.
    Other nvmlDeviceGetPowerManagementMode(mode: *mut nvmlEnableState_t) |_device, _now| put(mode, ENABLED);
}
