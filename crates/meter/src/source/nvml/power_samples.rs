//! The driver's buffer of power readings, for boards that answer no call for one: the newest of them is the reading.
//!
//! Each has a time stamp of the driver's own, microseconds of the wall clock, which somebody may set. It only says which
//! reading is newer and whether there are new ones; a sample of ours has the time of the call, as with every other source.

use std::mem;

use nvml_wrapper::Nvml;
use nvml_wrapper_sys::bindings::{
    nvmlDevice_t, nvmlReturn_enum_NVML_ERROR_NOT_FOUND as NOT_FOUND, nvmlReturn_t, nvmlSample_t,
    nvmlSamplingType_enum_NVML_TOTAL_POWER_SAMPLES as TOTAL_POWER_SAMPLES, nvmlSamplingType_t, nvmlValue_t,
    nvmlValueType_enum_NVML_VALUE_TYPE_DOUBLE as DOUBLE,
    nvmlValueType_enum_NVML_VALUE_TYPE_UNSIGNED_INT as UNSIGNED_INT,
    nvmlValueType_enum_NVML_VALUE_TYPE_UNSIGNED_LONG as UNSIGNED_LONG,
    nvmlValueType_enum_NVML_VALUE_TYPE_UNSIGNED_LONG_LONG as UNSIGNED_LONG_LONG, nvmlValueType_t,
};

use super::check;
use crate::asking;
use crate::clock::{NS_PER_MS, monotonic_ns};
use crate::source::ReadError;

type GetSamples = unsafe extern "C" fn(
    nvmlDevice_t,
    nvmlSamplingType_t,
    u64,
    *mut nvmlValueType_t,
    *mut u32,
    *mut nvmlSample_t,
) -> nvmlReturn_t;

/// `nvidia-smi -q` shows 119 samples of a buffer.
const ROOM: u32 = 128;
/// So many times as much as there is room for is taken at once; a buffer that holds more is not one.
const MOST_CALLS: usize = 64;
/// Stamps that are closer than this are of one sample, stamped anew.
const LEAST_APART_US: u64 = 1000;
/// A buffer without a new sample for so long has stopped, or the wall clock was set back.
const STANDSTILL_NS: u64 = 1_500 * NS_PER_MS;

/// The function; `None` where the library lacks it.
#[derive(Clone, Copy)]
pub(super) struct PowerSamples {
    get: Option<GetSamples>,
}

/// What was read of one device's buffer.
#[derive(Clone, Copy, Default)]
pub(super) struct Newest {
    /// The driver's stamp of the newest sample, microseconds; 0: none was read.
    stamp_us: u64,
    /// Its value, milliwatts.
    power_mw: u32,
    /// When it came, on our clock.
    came_ns: u64,
}

impl PowerSamples {
    pub fn of(nvml: &Nvml) -> Self {
        Self { get: nvml.lib().nvmlDeviceGetSamples.as_ref().ok().copied() }
    }

    /// The newest value in milliwatts, which stands until there is a newer one. Without an allocation.
    pub fn power_mw(
        self,
        device: nvmlDevice_t,
        newest: &mut Newest,
        calls: &mut u64,
    ) -> Result<u32, ReadError> {
        let now_ns = monotonic_ns();
        if let Some(read) = self.newest_since(device, newest.stamp_us, calls)? {
            *newest = Newest { came_ns: now_ns, ..read };
        } else if newest.stamp_us == 0 || now_ns - newest.came_ns >= STANDSTILL_NS {
            // From the beginning: behind a clock that was set back the newest sample has a lower stamp.
            let read = self.newest_since(device, 0, calls)?.ok_or(ReadError::NotSupported)?;
            if read.stamp_us.abs_diff(newest.stamp_us) < LEAST_APART_US {
                return Err(ReadError::Driver(NOT_FOUND));
            }
            *newest = Newest { came_ns: now_ns, ..read };
        }
        Ok(newest.power_mw)
    }

    /// The newest sample after a stamp; `None` where there is none.
    fn newest_since(
        self,
        device: nvmlDevice_t,
        since_us: u64,
        calls: &mut u64,
    ) -> Result<Option<Newest>, ReadError> {
        let get = self.get.ok_or(ReadError::NotSupported)?;
        let mut newest = None;
        let mut since_us = since_us;
        for _ in 0..MOST_CALLS {
            asking::calls(c"nvmlDeviceGetSamples");
            *calls += 1;
            // SAFETY: all-zero samples are valid.
            let mut samples: [nvmlSample_t; ROOM as usize] = unsafe { mem::zeroed() };
            let (mut kind, mut count) = (UNSIGNED_INT, ROOM);
            // SAFETY: the handle came from this library, and `samples` has room for `count`.
            let code = unsafe {
                get(
                    device,
                    TOTAL_POWER_SAMPLES,
                    since_us,
                    &raw mut kind,
                    &raw mut count,
                    samples.as_mut_ptr(),
                )
            };
            if code == NOT_FOUND {
                break;
            }
            check(code)?;
            let read = &samples[..ROOM.min(count) as usize];
            // Which comes first nvml.h does not say.
            let Some(last) = read.iter().max_by_key(|sample| sample.timeStamp) else { break };
            if last.timeStamp < since_us.saturating_add(LEAST_APART_US) {
                break;
            }
            since_us = last.timeStamp;
            let power_mw = milliwatts(kind, last.sampleValue).ok_or(ReadError::NotANumber)?;
            newest = Some(Newest { stamp_us: since_us, power_mw, came_ns: 0 });
            if count < ROOM {
                break;
            }
        }
        Ok(newest)
    }
}

/// A value of that type; `None` of a type in which no power is told, and of what is none.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it lies within the type")]
fn milliwatts(kind: nvmlValueType_t, value: nvmlValue_t) -> Option<u32> {
    // SAFETY: the kind says which member was written.
    unsafe {
        match kind {
            UNSIGNED_INT => Some(value.uiVal),
            UNSIGNED_LONG => u32::try_from(value.ulVal).ok(),
            UNSIGNED_LONG_LONG => u32::try_from(value.ullVal).ok(),
            DOUBLE => Some(value.dVal)
                .filter(|value| (0.0..=f64::from(u32::MAX)).contains(value))
                .map(|value| value.round() as u32),
            _ => None,
        }
    }
}
