//! `nvmlDeviceGetFieldValues`: many values in one call, each with its own return code.

use std::ffi::c_int;

use nvml_wrapper_sys::bindings::field_id;
use nvml_wrapper_sys::bindings::{
    nvmlDevice_t, nvmlFieldValue_t, nvmlReturn_enum_NVML_ERROR_INVALID_ARGUMENT as INVALID_ARGUMENT,
    nvmlReturn_enum_NVML_ERROR_NOT_SUPPORTED as NOT_SUPPORTED, nvmlReturn_enum_NVML_SUCCESS as SUCCESS,
    nvmlReturn_t, nvmlValue_t, nvmlValueType_enum_NVML_VALUE_TYPE_DOUBLE as DOUBLE,
    nvmlValueType_enum_NVML_VALUE_TYPE_SIGNED_INT as SIGNED_INT,
    nvmlValueType_enum_NVML_VALUE_TYPE_SIGNED_LONG_LONG as SIGNED_LONG_LONG,
    nvmlValueType_enum_NVML_VALUE_TYPE_UNSIGNED_INT as UNSIGNED_INT,
    nvmlValueType_enum_NVML_VALUE_TYPE_UNSIGNED_LONG as UNSIGNED_LONG,
    nvmlValueType_enum_NVML_VALUE_TYPE_UNSIGNED_LONG_LONG as UNSIGNED_LONG_LONG,
};

use super::{Answer, Moment, endure, guarded};
use crate::call::{AVERAGE, Call, ENERGY_FIELD, FIELDS, INSTANT};
use crate::clock::{Busy, monotonic_ns, unix_us};
use crate::device::Device;
use crate::fault::Verdict;
use crate::scenario::{ValueType, version_parts};
use crate::simulation::{Simulation, current};
use crate::throttle;

/// The scope of the whole GPU.
const SCOPE_GPU: u32 = 0;
/// The scope of a superchip's module. Memory (2) is never told.
const SCOPE_MODULE: u32 = 1;

/// A value as it goes into the union.
enum Reading {
    Int(u32),
    Long(u64),
    /// An int that comes as something else than nvml.h says.
    Mistyped(u32, ValueType),
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
        let (device, _instance) = simulation.device(handle).ok_or(INVALID_ARGUMENT)?;
        simulation.admit(FIELDS.name)?;
        let count = usize::try_from(count).ok().filter(|count| *count > 0).ok_or(INVALID_ARGUMENT)?;
        if values.is_null() {
            return Err(INVALID_ARGUMENT);
        }
        // SAFETY: not null, and nvml.h makes the caller vouch for `count` structs.
        let fields = unsafe { std::slice::from_raw_parts_mut(values, count) };
        answer(simulation, device, fields)
    })
}

fn answer(
    simulation: &'static Simulation,
    device: &'static Device,
    fields: &mut [nvmlFieldValue_t],
) -> Answer {
    let start_ns = monotonic_ns();
    let faults = Faults::of(simulation, device, fields);
    endure(simulation, faults.of_the_call())?;
    let asks_for_energy = fields.iter().any(|field| call_of(field.fieldId) == Some(ENERGY_FIELD));
    let energy_ns = if asks_for_energy { simulation.latency_ns(Some(device), ENERGY_FIELD) } else { 0 };
    let busy = Busy::first_half(simulation.latency_ns(Some(device), FIELDS).saturating_add(energy_ns));
    let now = Moment { simulation, t_ns: simulation.now_ns(), instance: None };
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
    fields: Vec<(Call, Verdict)>,
}

impl Faults {
    fn of(simulation: &Simulation, device: &Device, fields: &[nvmlFieldValue_t]) -> Self {
        let asked_for = |call: &Call| fields.iter().any(|field| call_of(field.fieldId) == Some(*call));
        let of = |call: Call| (call, simulation.verdict(Some(device), call));
        let kinds = [INSTANT, AVERAGE, ENERGY_FIELD].into_iter();
        Self { whole: of(FIELDS).1, fields: kinds.filter(asked_for).map(of).collect() }
    }

    /// Its own error; and the longest stall, since one fault that hits several kinds hangs the call once.
    fn of_the_call(&self) -> Verdict {
        let all = self.fields.iter().fold(self.whole, |all, (_, verdict)| all.and(*verdict));
        Verdict { error: self.whole.error, ..all }
    }

    fn error_of(&self, field: u32) -> Option<nvmlReturn_t> {
        let call = call_of(field)?;
        self.fields.iter().find(|(kind, _)| *kind == call)?.1.error
    }
}

/// Whose faults a field shares; `None` is only those of the whole call.
fn call_of(field: u32) -> Option<Call> {
    match field {
        field_id::NVML_FI_DEV_POWER_INSTANT => Some(INSTANT),
        field_id::NVML_FI_DEV_POWER_AVERAGE => Some(AVERAGE),
        field_id::NVML_FI_DEV_TOTAL_ENERGY_CONSUMPTION | field_id::NVML_FI_DEV_ENERGY => Some(ENERGY_FIELD),
        _ => None,
    }
}

fn read(device: &Device, field: u32, scope: u32, now: Moment) -> Result<Reading, nvmlReturn_t> {
    let is_scoped =
        (field_id::NVML_FI_DEV_POWER_AVERAGE..=field_id::NVML_FI_DEV_POWER_REQUESTED_LIMIT).contains(&field);
    if is_scoped && scope != SCOPE_GPU {
        let module = if scope == SCOPE_MODULE { read_module(device, field, now.t_ns) } else { None };
        return module.ok_or(NOT_SUPPORTED);
    }
    match field {
        field_id::NVML_FI_DEV_POWER_INSTANT => Ok(power(device, device.power_instant_mw(now.t_ns))),
        field_id::NVML_FI_DEV_POWER_AVERAGE => Ok(power(device, device.power_average_mw(now.t_ns))),
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

/// A reading in the type that the sensor's values come in.
fn power(device: &Device, mw: u32) -> Reading {
    device.spec.sensor.wrong_type.map_or(Reading::Int(mw), |wrong| Reading::Mistyped(mw, wrong))
}

/// A field of the module's scope; `None` without a module, and for a limit that it does not tell.
fn read_module(device: &Device, field: u32, t_ns: i64) -> Option<Reading> {
    match field {
        field_id::NVML_FI_DEV_POWER_INSTANT => device.module_instant_mw(t_ns).map(|mw| power(device, mw)),
        field_id::NVML_FI_DEV_POWER_AVERAGE => device.module_average_mw(t_ns).map(|mw| power(device, mw)),
        field_id::NVML_FI_DEV_ENERGY => device.module_energy_mj(t_ns).map(Reading::Long),
        _ => device.module_limit_mw().map(Reading::Int),
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
        Ok(Reading::Mistyped(value, wrong)) => fill_wrong(field, value, wrong),
        Err(error) => field.nvmlReturn = error,
    }
}

fn fill_wrong(field: &mut nvmlFieldValue_t, value: u32, wrong: ValueType) {
    match wrong {
        ValueType::Double => (field.valueType, field.value.dVal) = (DOUBLE, f64::from(value)),
        ValueType::UnsignedLong => (field.valueType, field.value.ulVal) = (UNSIGNED_LONG, value.into()),
        ValueType::UnsignedLongLong => {
            (field.valueType, field.value.ullVal) = (UNSIGNED_LONG_LONG, value.into());
        }
        ValueType::SignedLongLong => (field.valueType, field.value.sllVal) = (SIGNED_LONG_LONG, value.into()),
        ValueType::SignedInt => (field.valueType, field.value.siVal) = (SIGNED_INT, value.cast_signed()),
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
