//! MIG: whether a GPU is split, into what, and back from an instance to its GPU.

use std::ffi::c_uint;

use nvml_wrapper_sys::bindings::{
    nvmlDevice_t, nvmlDeviceAttributes_t, nvmlReturn_enum_NVML_ERROR_INVALID_ARGUMENT as INVALID_ARGUMENT,
    nvmlReturn_enum_NVML_ERROR_NOT_FOUND as NOT_FOUND,
    nvmlReturn_enum_NVML_ERROR_NOT_SUPPORTED as NOT_SUPPORTED,
};

use super::{Answer, device_calls, put};
use crate::device::Device;
use crate::scenario::MigInstance;
use crate::simulation::Simulation;

/// Into how many instances the hardware can be split.
const MOST_INSTANCES: usize = 7;

/// SMs of a slice, as on H100 and A100 boards.
const SMS_OF_SLICE: c_uint = 16;

/// Of how many slices an instance is: its profile says it, as in 3g.40gb.
fn slices(instance: &MigInstance) -> c_uint {
    instance.profile.split('g').next().and_then(|slices| slices.parse().ok()).unwrap_or(1)
}

fn mig_only(device: &Device) -> Answer {
    if device.spec.architecture.has_mig() || device.spec.mig_mode { Ok(()) } else { Err(NOT_SUPPORTED) }
}

device_calls! {
    /// Whether the board is in MIG mode, and will be after a reset.
    Other nvmlDeviceGetMigMode(now_mode: *mut c_uint, next_mode: *mut c_uint) |device, _now| {
        mig_only(device)?;
        let mode = c_uint::from(device.spec.mig_mode);
        put(now_mode, mode).and(put(next_mode, mode))
    };

    /// How many MIG instances the board can have.
    Other nvmlDeviceGetMaxMigDeviceCount(count: *mut c_uint) |device, _now| {
        let most = MOST_INSTANCES.max(device.spec.mig_instances.len());
        put(count, if mig_only(device).is_ok() { c_uint::try_from(most).unwrap_or(c_uint::MAX) } else { 0 })
    };

    /// The MIG instance at an index, from 0.
    Other nvmlDeviceGetMigDeviceHandleByIndex(index: c_uint, handle: *mut nvmlDevice_t) |device, _now| {
        if !device.spec.mig_mode {
            return Err(NOT_SUPPORTED);
        }
        let instance = device.spec.mig_instances.get(index as usize).ok_or(NOT_FOUND)?;
        put(handle, Simulation::instance_handle(instance))
    };

    /// What an instance has of its GPU.
    Other nvmlDeviceGetAttributes_v2(attributes: *mut nvmlDeviceAttributes_t) |_device, now| {
        let instance = now.instance.ok_or(NOT_SUPPORTED)?;
        let slices = slices(instance);
        put(attributes, nvmlDeviceAttributes_t {
            multiprocessorCount: SMS_OF_SLICE * slices,
            sharedCopyEngineCount: slices,
            sharedDecoderCount: 0,
            sharedEncoderCount: 0,
            sharedJpegCount: 0,
            sharedOfaCount: 0,
            gpuInstanceSliceCount: slices,
            computeInstanceSliceCount: slices,
            memorySizeMB: instance.memory_mib,
        })
    };

    /// The GPU of a MIG instance.
    Other nvmlDeviceGetDeviceHandleFromMigDeviceHandle(handle: *mut nvmlDevice_t) |device, now| {
        now.instance.ok_or(INVALID_ARGUMENT)?;
        put(handle, Simulation::handle(device))
    };

    /// Whether the handle is one of a MIG instance.
    Other nvmlDeviceIsMigDeviceHandle(is_mig: *mut c_uint) |_device, now|
        put(is_mig, c_uint::from(now.instance.is_some()));

    /// The id of the GPU instance.
    Other nvmlDeviceGetGpuInstanceId(id: *mut c_uint) |_device, now|
        put(id, now.instance.ok_or(NOT_SUPPORTED)?.gpu_instance);

    /// The id of the compute instance.
    Other nvmlDeviceGetComputeInstanceId(id: *mut c_uint) |_device, now|
        put(id, now.instance.ok_or(NOT_SUPPORTED)?.compute_instance);
}
