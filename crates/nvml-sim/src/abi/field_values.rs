//! `nvmlDeviceGetFieldValues`: many values in one call, each with its own return code.

use std::ffi::c_int;
use std::time::Duration;

use nvml_wrapper_sys::bindings::field_id;
use nvml_wrapper_sys::bindings::{
    nvmlDevice_t, nvmlFieldValue_t, nvmlReturn_enum_NVML_ERROR_INVALID_ARGUMENT as INVALID_ARGUMENT,
    nvmlReturn_enum_NVML_ERROR_NOT_SUPPORTED as NOT_SUPPORTED, nvmlReturn_enum_NVML_SUCCESS as SUCCESS,
    nvmlReturn_t, nvmlValue_t, nvmlValueType_enum_NVML_VALUE_TYPE_UNSIGNED_INT as UNSIGNED_INT,
    nvmlValueType_enum_NVML_VALUE_TYPE_UNSIGNED_LONG_LONG as UNSIGNED_LONG_LONG,
};

use super::{Answer, Moment, guarded};
use crate::clock::{Busy, monotonic_ns, stall, unix_us};
use crate::device::Device;
use crate::fault::{Call, Verdict};
use crate::scenario::version_parts;
use crate::simulation::{Simulation, current};
use crate::throttle;

/// The scope of the whole GPU; module (1) and memory (2) need a superchip.
const SCOPE_GPU: u32 = 0;

/// A value as it goes into the union.
enum Reading {
    Int(u32),
    Long(u64),
}

/// Reads `count` fields in one call. It costs what a fields call costs, and the counter's cost on top if an
/// energy field is among them.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetFieldValues(
    handle: nvmlDevice_t,
    count: c_int,
    values: *mut nvmlFieldValue_t,
) -> nvmlReturn_t {
    guarded(|| {
        let simulation = current()?;
        let device = simulation.device(handle).ok_or(INVALID_ARGUMENT)?;
        let count = usize::try_from(count).ok().filter(|count| *count > 0).ok_or(INVALID_ARGUMENT)?;
        if values.is_null() {
            return Err(INVALID_ARGUMENT);
        }
        // SAFETY: not null, and nvml.h makes the caller vouch for `count` structs.
        let fields = unsafe { std::slice::from_raw_parts_mut(values, count) };
        answer(simulation, device, fields)
    })
}

fn answer(simulation: &'static Simulation, device: &Device, fields: &mut [nvmlFieldValue_t]) -> Answer {
    let start_ns = monotonic_ns();
    let faults = Faults::of(device, fields, simulation.now_ns());
    stall(faults.stall());
    if let Some(error) = faults.whole.error {
        return Err(error);
    }
    let energy_ns = if faults.energy.is_some() { device.latency_ns(Call::Energy) } else { 0 };
    let busy = Busy::first_half(device.latency_ns(Call::Fields).saturating_add(energy_ns));
    let now = Moment { simulation, t_ns: simulation.now_ns() };
    let timestamp = unix_us(simulation.monotonic_ns(now.t_ns));
    for field in &mut *fields {
        let error = faults.error_of(field.fieldId);
        let reading = error.map_or_else(|| read(device, field.fieldId, field.scopeId, now), Err);
        field.timestamp = timestamp;
        fill(field, &reading);
    }
    drop(busy);
    let latency_us = (monotonic_ns() - start_ns) / 1000;
    for field in fields {
        field.latencyUsec = latency_us;
    }
    Ok(())
}

/// What goes wrong with one fields call: as a whole, and with the fields of a kind if it asks for any.
struct Faults {
    whole: Verdict,
    power: Option<Verdict>,
    energy: Option<Verdict>,
}

impl Faults {
    fn of(device: &Device, fields: &[nvmlFieldValue_t], t_ns: i64) -> Self {
        let of_kind = |call| {
            let asked_for = fields.iter().any(|field| class_of(field.fieldId) == call);
            asked_for.then(|| device.verdict(call, t_ns))
        };
        let whole = device.verdict(Call::Fields, t_ns);
        Self { whole, power: of_kind(Call::Power), energy: of_kind(Call::Energy) }
    }

    /// The longest, since one fault that hits several kinds hangs the call once.
    fn stall(&self) -> Duration {
        let of = |verdict: Option<Verdict>| verdict.map_or(Duration::ZERO, |verdict| verdict.stall);
        self.whole.stall.max(of(self.power)).max(of(self.energy))
    }

    fn error_of(&self, field: u32) -> Option<nvmlReturn_t> {
        match class_of(field) {
            Call::Power => self.power?.error,
            Call::Energy => self.energy?.error,
            _ => None,
        }
    }
}

/// Whose faults a field shares.
fn class_of(field: u32) -> Call {
    match field {
        field_id::NVML_FI_DEV_POWER_AVERAGE | field_id::NVML_FI_DEV_POWER_INSTANT => Call::Power,
        field_id::NVML_FI_DEV_TOTAL_ENERGY_CONSUMPTION | field_id::NVML_FI_DEV_ENERGY => Call::Energy,
        _ => Call::Other,
    }
}

fn read(device: &Device, field: u32, scope: u32, now: Moment) -> Result<Reading, nvmlReturn_t> {
    let is_scoped =
        (field_id::NVML_FI_DEV_POWER_AVERAGE..=field_id::NVML_FI_DEV_POWER_REQUESTED_LIMIT).contains(&field);
    if is_scoped && scope != SCOPE_GPU {
        return Err(NOT_SUPPORTED);
    }
    match field {
        field_id::NVML_FI_DEV_POWER_INSTANT => Ok(Reading::Int(device.power_instant_mw(now.t_ns))),
        field_id::NVML_FI_DEV_POWER_AVERAGE => Ok(Reading::Int(device.power_average_mw(now.t_ns))),
        field_id::NVML_FI_DEV_TOTAL_ENERGY_CONSUMPTION | field_id::NVML_FI_DEV_ENERGY => {
            device.total_energy_mj(now.t_ns).map(Reading::Long).ok_or(NOT_SUPPORTED)
        }
        field_id::NVML_FI_DEV_MEMORY_TEMP => {
            device.memory_temperature_c(now.t_ns).map(Reading::Int).ok_or(NOT_SUPPORTED)
        }
        field_id::NVML_FI_DEV_POWER_MIN_LIMIT => Ok(Reading::Int(device.power_limit_min_mw())),
        field_id::NVML_FI_DEV_POWER_MAX_LIMIT
        | field_id::NVML_FI_DEV_POWER_DEFAULT_LIMIT
        | field_id::NVML_FI_DEV_POWER_CURRENT_LIMIT
        | field_id::NVML_FI_DEV_POWER_REQUESTED_LIMIT => Ok(Reading::Int(device.power_limit_mw())),
        _ => {
            let mask =
                throttle_time_of(field, &now.simulation.scenario.driver_version).ok_or(NOT_SUPPORTED)?;
            Ok(Reading::Long(device.throttled_ns(mask, now.t_ns)))
        }
    }
}

/// The reason whose cumulative time in nanoseconds `field` is. Three of the ids moved with driver 580.82.
fn throttle_time_of(field: u32, driver_version: &str) -> Option<u64> {
    let moved = version_parts(driver_version).is_some_and(|version| version >= (580, 82));
    match (field, moved) {
        (74, _) => Some(throttle::SW_POWER_CAP),
        (76, _) => Some(throttle::SYNC_BOOST),
        (251, false) | (269, true) => Some(throttle::SW_THERMAL),
        (252, false) | (270, true) => Some(throttle::HW_THERMAL),
        (253, false) | (271, true) => Some(throttle::HW_POWER_BRAKE),
        _ => None,
    }
}

fn fill(field: &mut nvmlFieldValue_t, reading: &Result<Reading, nvmlReturn_t>) {
    // All eight bytes, whatever is written after: a client reads the member it likes.
    field.value = nvmlValue_t { ullVal: 0 };
    field.nvmlReturn = SUCCESS;
    match *reading {
        Ok(Reading::Int(value)) => {
            field.valueType = UNSIGNED_INT;
            field.value.uiVal = value;
        }
        Ok(Reading::Long(value)) => {
            field.valueType = UNSIGNED_LONG_LONG;
            field.value.ullVal = value;
        }
        Err(error) => field.nvmlReturn = error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_throttle_time_fields_moved_with_driver_580_82() {
        for (driver, moved) in
            [("570.172.08", false), ("580.65.06", false), ("580.82.07", true), ("590.1", true)]
        {
            assert_eq!(throttle_time_of(251, driver).is_some(), !moved, "{driver}");
            assert_eq!(throttle_time_of(269, driver), moved.then_some(throttle::SW_THERMAL), "{driver}");
            assert_eq!(throttle_time_of(74, driver), Some(throttle::SW_POWER_CAP), "{driver}");
        }
    }
}
