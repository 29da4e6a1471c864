//! What a device is doing: utilization, clocks, temperature, memory, throttling, modes.

use std::ffi::{c_int, c_uint, c_ulonglong};

use nvml_wrapper_sys::bindings::{
    nvmlClockId_enum_NVML_CLOCK_ID_COUNT as CLOCK_ID_COUNT,
    nvmlClockId_enum_NVML_CLOCK_ID_CURRENT as CLOCK_NOW, nvmlClockId_t,
    nvmlClockType_enum_NVML_CLOCK_GRAPHICS as GRAPHICS, nvmlClockType_enum_NVML_CLOCK_MEM as MEM,
    nvmlClockType_enum_NVML_CLOCK_SM as SM, nvmlClockType_enum_NVML_CLOCK_VIDEO as VIDEO, nvmlClockType_t,
    nvmlComputeMode_enum_NVML_COMPUTEMODE_DEFAULT as COMPUTE_SHARED, nvmlComputeMode_t,
    nvmlEnableState_enum_NVML_FEATURE_ENABLED as ENABLED, nvmlEnableState_t, nvmlMemory_t, nvmlMemory_v2_t,
    nvmlPStates_enum_NVML_PSTATE_0 as P0,
    nvmlPerfPolicyType_enum_NVML_PERF_POLICY_BOARD_LIMIT as BOARD_LIMIT_POLICY,
    nvmlPerfPolicyType_enum_NVML_PERF_POLICY_COUNT as POLICY_COUNT,
    nvmlPerfPolicyType_enum_NVML_PERF_POLICY_POWER as POWER_POLICY,
    nvmlPerfPolicyType_enum_NVML_PERF_POLICY_SYNC_BOOST as SYNC_BOOST_POLICY,
    nvmlPerfPolicyType_enum_NVML_PERF_POLICY_THERMAL as THERMAL_POLICY, nvmlPerfPolicyType_t, nvmlPstates_t,
    nvmlReturn_enum_NVML_ERROR_ARGUMENT_VERSION_MISMATCH as ARGUMENT_VERSION_MISMATCH,
    nvmlReturn_enum_NVML_ERROR_INVALID_ARGUMENT as INVALID_ARGUMENT,
    nvmlReturn_enum_NVML_ERROR_NOT_FOUND as NOT_FOUND,
    nvmlReturn_enum_NVML_ERROR_NOT_SUPPORTED as NOT_SUPPORTED, nvmlReturn_t, nvmlTemperature_t,
    nvmlTemperatureSensors_enum_NVML_TEMPERATURE_GPU as GPU_SENSOR, nvmlTemperatureSensors_t,
    nvmlUtilization_t, nvmlViolationTime_t,
};

use super::{Answer, Moment, device_calls, put, put_list};
use crate::device::Device;
use crate::throttle;

/// SM and graphics clocks in MHz, idle and busy; video and memory. Those of an H100.
const SM_IDLE_MHZ: u32 = 345;
const SM_BUSY_MHZ: u32 = 1980;
const VIDEO_BUSY_MHZ: u32 = 1545;
const MEMORY_MHZ: u32 = 2619;
/// Distance of two clocks that the SM can be set to, in MHz.
const SM_STEP_MHZ: usize = 15;

fn clock_mhz(clock: nvmlClockType_t, busy: bool) -> Result<c_uint, nvmlReturn_t> {
    match clock {
        MEM => Ok(MEMORY_MHZ),
        GRAPHICS | SM | VIDEO if !busy => Ok(SM_IDLE_MHZ),
        GRAPHICS | SM => Ok(SM_BUSY_MHZ),
        VIDEO => Ok(VIDEO_BUSY_MHZ),
        _ => Err(INVALID_ARGUMENT),
    }
}

/// The version word of a struct: its size and its number.
const fn version_of<T>(number: u32) -> u32 {
    #[allow(clippy::cast_possible_truncation)] // A struct of a few dozen bytes.
    let size = size_of::<T>() as u32;
    size | number << 24
}

fn policy_mask(policy: nvmlPerfPolicyType_t) -> Result<u64, nvmlReturn_t> {
    match policy {
        POWER_POLICY => Ok(throttle::SW_POWER_CAP),
        THERMAL_POLICY => Ok(throttle::SW_THERMAL | throttle::HW_THERMAL),
        SYNC_BOOST_POLICY => Ok(throttle::SYNC_BOOST),
        BOARD_LIMIT_POLICY => Ok(throttle::HW_POWER_BRAKE),
        other if other < POLICY_COUNT => Ok(0),
        _ => Err(INVALID_ARGUMENT),
    }
}

fn sensor_only(sensor: nvmlTemperatureSensors_t) -> Answer {
    if sensor == GPU_SENSOR { Ok(()) } else { Err(INVALID_ARGUMENT) }
}

/// Total and used bytes, of a GPU or of one of its MIG instances.
fn memory_bytes(device: &Device, now: Moment) -> (u64, u64) {
    match now.instance {
        Some(instance) => device.instance_memory_bytes(instance, now.t_ns),
        None => (device.spec.memory_total_mib << 20, device.memory_used_bytes(now.t_ns)),
    }
}

/// # Safety
/// `memory` is null or valid for reading and writing.
unsafe fn put_memory_v2(memory: *mut nvmlMemory_v2_t, device: &Device, now: Moment) -> Answer {
    // SAFETY: the caller vouches for `memory` unless it is null.
    let memory = unsafe { memory.as_mut() }.ok_or(INVALID_ARGUMENT)?;
    if memory.version != version_of::<nvmlMemory_v2_t>(2) {
        return Err(ARGUMENT_VERSION_MISMATCH);
    }
    let (total, used) = memory_bytes(device, now);
    *memory = nvmlMemory_v2_t { version: memory.version, total, reserved: 0, free: total - used, used };
    Ok(())
}

/// # Safety
/// `temperature` is null or valid for reading and writing.
unsafe fn put_temperature_v(temperature: *mut nvmlTemperature_t, degrees: c_int) -> Answer {
    // SAFETY: the caller vouches for `temperature` unless it is null.
    let temperature = unsafe { temperature.as_mut() }.ok_or(INVALID_ARGUMENT)?;
    if temperature.version != version_of::<nvmlTemperature_t>(1) {
        return Err(ARGUMENT_VERSION_MISMATCH);
    }
    sensor_only(temperature.sensorType)?;
    temperature.temperature = degrees;
    Ok(())
}

device_calls! {
    /// Utilization in percent; the memory's is the GPU's. nvml.h has none where a GPU is split.
    Other nvmlDeviceGetUtilizationRates(out: *mut nvmlUtilization_t) |device, now| {
        if !device.spec.mig_instances.is_empty() {
            return Err(NOT_SUPPORTED);
        }
        let percent = device.utilization_pct(now.t_ns);
        put(out, nvmlUtilization_t { gpu: percent, memory: percent })
    };

    /// Temperature in degrees Celsius.
    Other nvmlDeviceGetTemperature(sensor: nvmlTemperatureSensors_t, degrees: *mut c_uint) |device, now| {
        sensor_only(sensor)?;
        put(degrees, device.temperature_c(now.t_ns).max(0).cast_unsigned())
    };

    /// Temperature in degrees Celsius, versioned form.
    Other nvmlDeviceGetTemperatureV(out: *mut nvmlTemperature_t) |device, now|
        put_temperature_v(out, device.temperature_c(now.t_ns));

    /// Memory in bytes.
    Other nvmlDeviceGetMemoryInfo(out: *mut nvmlMemory_t) |device, now| {
        let (total, used) = memory_bytes(device, now);
        put(out, nvmlMemory_t { total, free: total - used, used })
    };

    /// Memory in bytes, versioned form.
    Other nvmlDeviceGetMemoryInfo_v2(out: *mut nvmlMemory_v2_t) |device, now|
        put_memory_v2(out, device, now);

    /// A clock in MHz.
    Other nvmlDeviceGetClockInfo(clock: nvmlClockType_t, mhz: *mut c_uint) |device, now|
        put(mhz, clock_mhz(clock, device.is_busy(now.t_ns))?);

    /// A clock in MHz, as it is, as it was asked for, or as high as it goes.
    Other nvmlDeviceGetClock(clock: nvmlClockType_t, which: nvmlClockId_t, mhz: *mut c_uint) |device, now| {
        if which >= CLOCK_ID_COUNT {
            return Err(INVALID_ARGUMENT);
        }
        put(mhz, clock_mhz(clock, which != CLOCK_NOW || device.is_busy(now.t_ns))?)
    };

    /// The highest clock in MHz.
    Other nvmlDeviceGetMaxClockInfo(clock: nvmlClockType_t, mhz: *mut c_uint) |_device, _now|
        put(mhz, clock_mhz(clock, true)?);

    /// The highest clock a customer can set, in MHz.
    Other nvmlDeviceGetMaxCustomerBoostClock(clock: nvmlClockType_t, mhz: *mut c_uint) |_device, _now|
        put(mhz, clock_mhz(clock, true)?);

    /// The clock that applications run at, in MHz.
    Other nvmlDeviceGetApplicationsClock(clock: nvmlClockType_t, mhz: *mut c_uint) |_device, _now|
        put(mhz, clock_mhz(clock, true)?);

    /// The clock that applications run at by default, in MHz.
    Other nvmlDeviceGetDefaultApplicationsClock(clock: nvmlClockType_t, mhz: *mut c_uint) |_device, _now|
        put(mhz, clock_mhz(clock, true)?);

    /// The memory clocks that can be set, in MHz.
    Other nvmlDeviceGetSupportedMemoryClocks(count: *mut c_uint, mhz: *mut c_uint) |_device, _now|
        put_list(count, mhz, std::iter::once(MEMORY_MHZ));

    /// The graphics clocks that can be set at a memory clock, in MHz, highest first.
    Other nvmlDeviceGetSupportedGraphicsClocks(memory_mhz: c_uint, count: *mut c_uint, mhz: *mut c_uint)
    |_device, _now| {
        if memory_mhz != MEMORY_MHZ {
            return Err(NOT_FOUND);
        }
        put_list(count, mhz, (SM_IDLE_MHZ..=SM_BUSY_MHZ).rev().step_by(SM_STEP_MHZ))
    };

    /// Why the clocks are held down, by the old name.
    Other nvmlDeviceGetCurrentClocksThrottleReasons(mask: *mut c_ulonglong) |device, now|
        put(mask, device.throttle_reasons(now.t_ns));

    /// Why the clocks are held down.
    Other nvmlDeviceGetCurrentClocksEventReasons(mask: *mut c_ulonglong) |device, now|
        put(mask, device.throttle_reasons(now.t_ns));

    /// The reasons there are, by the old name.
    Other nvmlDeviceGetSupportedClocksThrottleReasons(mask: *mut c_ulonglong) |_device, _now|
        put(mask, throttle::all_reasons());

    /// The reasons there are.
    Other nvmlDeviceGetSupportedClocksEventReasons(mask: *mut c_ulonglong) |_device, _now|
        put(mask, throttle::all_reasons());

    /// How long a policy has held the clocks down, in nanoseconds, as of a time in microseconds.
    Other nvmlDeviceGetViolationStatus(policy: nvmlPerfPolicyType_t, out: *mut nvmlViolationTime_t) |device, now| {
        let violation_ns = device.throttled_ns(policy_mask(policy)?, now.t_ns);
        let reference_us = now.t_ns.max(0).cast_unsigned() / 1000;
        put(out, nvmlViolationTime_t { referenceTime: reference_us, violationTime: violation_ns })
    };

    /// The performance state: a data-centre board stays in the highest.
    Other nvmlDeviceGetPerformanceState(state: *mut nvmlPstates_t) |_device, _now| put(state, P0);

    /// The performance state by its older name.
    Other nvmlDeviceGetPowerState(state: *mut nvmlPstates_t) |_device, _now| put(state, P0);

    /// Whether the driver stays loaded without a client.
    Other nvmlDeviceGetPersistenceMode(mode: *mut nvmlEnableState_t) |device, _now|
        put(mode, nvmlEnableState_t::from(device.spec.persistence_mode));

    /// Whether memory errors are corrected, and will be after a reset.
    Other nvmlDeviceGetEccMode(now_mode: *mut nvmlEnableState_t, next_mode: *mut nvmlEnableState_t) |_device, _now|
        put(now_mode, ENABLED).and(put(next_mode, ENABLED));

    /// Who may compute: everybody.
    Other nvmlDeviceGetComputeMode(mode: *mut nvmlComputeMode_t) |_device, _now| put(mode, COMPUTE_SHARED);

    /// Whether the board holds several GPUs.
    Other nvmlDeviceGetMultiGpuBoard(multi: *mut c_uint) |_device, _now| put(multi, 0);

    /// The generation of the PCI Express link.
    Other nvmlDeviceGetCurrPcieLinkGeneration(generation: *mut c_uint) |device, _now|
        put(generation, device.spec.architecture.pcie_generation());

    /// The highest generation of the PCI Express link.
    Other nvmlDeviceGetMaxPcieLinkGeneration(generation: *mut c_uint) |device, _now|
        put(generation, device.spec.architecture.pcie_generation());

    /// The lanes of the PCI Express link.
    Other nvmlDeviceGetCurrPcieLinkWidth(lanes: *mut c_uint) |_device, _now| put(lanes, 16);

    /// The most lanes of the PCI Express link.
    Other nvmlDeviceGetMaxPcieLinkWidth(lanes: *mut c_uint) |_device, _now| put(lanes, 16);
}
