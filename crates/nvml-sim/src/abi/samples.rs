//! `nvmlDeviceGetSamples`: the readings of the last ticks, each with its own time stamp.

use std::ffi::{c_uint, c_ulonglong};

use nvml_wrapper_sys::bindings::{
    nvmlReturn_enum_NVML_ERROR_INVALID_ARGUMENT as INVALID_ARGUMENT,
    nvmlReturn_enum_NVML_ERROR_NOT_FOUND as NOT_FOUND,
    nvmlReturn_enum_NVML_ERROR_NOT_SUPPORTED as NOT_SUPPORTED, nvmlSample_t,
    nvmlSamplingType_enum_NVML_TOTAL_POWER_SAMPLES as TOTAL_POWER_SAMPLES, nvmlSamplingType_t, nvmlValue_t,
    nvmlValueType_enum_NVML_VALUE_TYPE_UNSIGNED_INT as UNSIGNED_INT, nvmlValueType_t,
};

use super::{Answer, Moment, device_calls, put};
use crate::clock::unix_us;
use crate::device::Device;

/// How many readings the buffer keeps; `nvidia-smi -q` shows this number on real boards.
const BUFFERED: u32 = 119;

device_calls! {
    /// The instant power readings newer than `last_seen_us` (Unix microseconds), oldest first, in milliwatts.
    /// Without an array it says how many the buffer holds.
    Power nvmlDeviceGetSamples(
        kind: nvmlSamplingType_t, last_seen_us: c_ulonglong,
        value_type: *mut nvmlValueType_t, count: *mut c_uint, samples: *mut nvmlSample_t
    ) |device, now| {
        if kind != TOTAL_POWER_SAMPLES {
            return Err(NOT_SUPPORTED);
        }
        put(value_type, UNSIGNED_INT)?;
        if samples.is_null() {
            return put(count, BUFFERED);
        }
        drain(device, now, last_seen_us, count, samples)
    };
}

/// # Safety
/// `count` is null or valid; `samples` is valid for writing as many samples as `count` says.
unsafe fn drain(
    device: &Device,
    now: Moment,
    last_seen_us: u64,
    count: *mut c_uint,
    samples: *mut nvmlSample_t,
) -> Answer {
    // SAFETY: the caller vouches for `count` unless it is null.
    let room = unsafe { count.as_ref() }.copied().filter(|room| *room > 0).ok_or(INVALID_ARGUMENT)?;
    let last_tick = device.sensor_tick(now.t_ns);
    let newer = (0..BUFFERED).rev().filter_map(|ago| {
        let tick = last_tick.saturating_sub(i64::from(ago));
        let stamp_us = u64::try_from(unix_us(now.simulation.monotonic_ns(device.tick_ns(tick)))).ok()?;
        (stamp_us > last_seen_us).then_some((stamp_us, tick))
    });
    let mut written: c_uint = 0;
    // Where the room is short, the oldest come first: the next call, from the last stamp on, loses none.
    for (stamp_us, tick) in newer.take(room as usize) {
        let mut value = nvmlValue_t { ullVal: 0 };
        value.uiVal = device.reading_mw(tick);
        let sample = nvmlSample_t { timeStamp: stamp_us, sampleValue: value };
        // SAFETY: `written` is below the room that the caller vouches for.
        unsafe { samples.add(written as usize).write(sample) };
        written += 1;
    }
    // SAFETY: `count` was read above.
    unsafe { put(count, written)? };
    if written == 0 { Err(NOT_FOUND) } else { Ok(()) }
}
