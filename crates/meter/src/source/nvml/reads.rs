//! Calls of the raw function table that give one value, or why there is none.

use std::mem;

use nvml_wrapper_sys::bindings::{
    nvmlClockId_enum_NVML_CLOCK_ID_APP_CLOCK_TARGET, nvmlClockType_t, nvmlFieldValue_t,
};

use super::NvmlSource;
use super::answers::{check, field_value};
use crate::asking;
use crate::source::ReadError;

/// `NVML_POWER_SCOPE_GPU`.
const SCOPE_GPU: u32 = 0;

impl NvmlSource {
    pub(super) fn fields<const N: usize>(
        &mut self,
        device: usize,
        ids: [u32; N],
    ) -> Result<[Option<u64>; N], ReadError> {
        let get = self.get_field_values.ok_or(ReadError::NotSupported)?;
        asking::calls(c"nvmlDeviceGetFieldValues");
        self.calls += 1;
        // SAFETY: an all-zero nvmlFieldValue_t is valid, and must be zero before each call because the driver
        // merges into the bytes of the value union (NVIDIA/go-nvml issue 46).
        let mut values: [nvmlFieldValue_t; N] = unsafe { mem::zeroed() };
        for (value, id) in values.iter_mut().zip(ids) {
            value.fieldId = id;
            value.scopeId = SCOPE_GPU;
        }
        let count = i32::try_from(N).unwrap_or(i32::MAX);
        // SAFETY: the handle came from this library and `values` holds `count` elements.
        check(unsafe { get(self.gpus[device].handle, count, values.as_mut_ptr()) })?;
        Ok(values.map(|value| field_value(&value)))
    }

    /// One field, or why it is missing.
    pub(super) fn field(&mut self, device: usize, id: u32) -> Result<u32, ReadError> {
        let get = self.get_field_values.ok_or(ReadError::NotSupported)?;
        asking::calls(c"nvmlDeviceGetFieldValues");
        self.calls += 1;
        // SAFETY: as in `fields`.
        let mut value: nvmlFieldValue_t = unsafe { mem::zeroed() };
        value.fieldId = id;
        value.scopeId = SCOPE_GPU;
        // SAFETY: the handle came from this library and one element is passed.
        check(unsafe { get(self.gpus[device].handle, 1, &raw mut value) })?;
        check(value.nvmlReturn)?;
        let value = field_value(&value).ok_or(ReadError::NotSupported)?;
        u32::try_from(value).map_err(|_| ReadError::NotSupported)
    }

    pub(super) fn power_usage_mw(&mut self, device: usize) -> Result<u32, ReadError> {
        let get = self.get_power.ok_or(ReadError::NotSupported)?;
        asking::calls(c"nvmlDeviceGetPowerUsage");
        self.calls += 1;
        let mut power_mw = 0;
        // SAFETY: the handle came from this library and the pointer is to a live u32.
        check(unsafe { get(self.gpus[device].handle, &raw mut power_mw) })?;
        Ok(power_mw)
    }

    pub(super) fn power_limit_mw(&mut self, device: usize) -> Result<u32, ReadError> {
        let get = self.get_power_limit.ok_or(ReadError::NotSupported)?;
        asking::calls(c"nvmlDeviceGetEnforcedPowerLimit");
        self.calls += 1;
        let mut limit_mw = 0;
        // SAFETY: the handle came from this library and the pointer is to a live u32.
        check(unsafe { get(self.gpus[device].handle, &raw mut limit_mw) })?;
        Ok(limit_mw)
    }

    pub(super) fn throttle_reasons(&mut self, device: usize) -> Result<u64, ReadError> {
        let get = self.get_throttle_reasons.ok_or(ReadError::NotSupported)?;
        asking::calls(c"nvmlDeviceGetCurrentClocksEventReasons");
        self.calls += 1;
        let mut reasons = 0;
        // SAFETY: the handle came from this library and the pointer is to a live u64.
        check(unsafe { get(self.gpus[device].handle, &raw mut reasons) })?;
        Ok(reasons)
    }

    pub(super) fn application_clock_mhz(
        &mut self,
        device: usize,
        clock: nvmlClockType_t,
    ) -> Result<u32, ReadError> {
        let get = self.get_clock.ok_or(ReadError::NotSupported)?;
        asking::calls(c"nvmlDeviceGetClock");
        self.calls += 1;
        let (mut mhz, target) = (0, nvmlClockId_enum_NVML_CLOCK_ID_APP_CLOCK_TARGET);
        // SAFETY: the handle came from this library and the pointer is to a live u32.
        check(unsafe { get(self.gpus[device].handle, clock, target, &raw mut mhz) })?;
        Ok(mhz)
    }
}
