//! What the driver's answers mean.

use nvml_wrapper::Device;
use nvml_wrapper::enum_wrappers::device::PerformanceState;
use nvml_wrapper_sys::bindings::{
    nvmlFieldValue_t, nvmlReturn_enum_NVML_ERROR_ARGUMENT_VERSION_MISMATCH,
    nvmlReturn_enum_NVML_ERROR_DEPRECATED, nvmlReturn_enum_NVML_ERROR_FUNCTION_NOT_FOUND,
    nvmlReturn_enum_NVML_ERROR_GPU_IS_LOST, nvmlReturn_enum_NVML_ERROR_INVALID_ARGUMENT,
    nvmlReturn_enum_NVML_ERROR_NO_PERMISSION, nvmlReturn_enum_NVML_ERROR_NOT_SUPPORTED,
    nvmlReturn_enum_NVML_SUCCESS, nvmlReturn_t, nvmlValueType_enum_NVML_VALUE_TYPE_SIGNED_INT,
    nvmlValueType_enum_NVML_VALUE_TYPE_SIGNED_LONG_LONG, nvmlValueType_enum_NVML_VALUE_TYPE_UNSIGNED_INT,
    nvmlValueType_enum_NVML_VALUE_TYPE_UNSIGNED_LONG, nvmlValueType_enum_NVML_VALUE_TYPE_UNSIGNED_LONG_LONG,
    nvmlValueType_enum_NVML_VALUE_TYPE_UNSIGNED_SHORT,
};

use super::NOT_AVAILABLE;
use crate::source::ReadError;

/// `None` where the driver has none or does not know it (`NVML_PSTATE_UNKNOWN`).
pub(super) fn performance_state(gpu: &Device<'_>) -> Option<u32> {
    let state = gpu.performance_state().ok().filter(|state| *state != PerformanceState::Unknown)?;
    Some(state.as_c())
}

/// Whether an answer will be the same the next time. nvml.h does not say what a driver answers that does not know a field
/// yet, as those before 530 do not know the instantaneous power: it may take its number for a wrong argument.
pub(super) fn is_refusal(error: ReadError) -> bool {
    let lasting = [
        nvmlReturn_enum_NVML_ERROR_INVALID_ARGUMENT,
        nvmlReturn_enum_NVML_ERROR_NO_PERMISSION,
        nvmlReturn_enum_NVML_ERROR_ARGUMENT_VERSION_MISMATCH,
        nvmlReturn_enum_NVML_ERROR_DEPRECATED,
    ];
    error == ReadError::NotSupported || lasting.map(ReadError::Driver).contains(&error)
}

/// A field's value, `None` where this field failed or is no whole number from 0 on.
#[allow(non_upper_case_globals)]
pub(super) fn field_value(field: &nvmlFieldValue_t) -> Option<u64> {
    check(field.nvmlReturn).ok()?;
    // SAFETY: `valueType` says which member of the union the driver wrote.
    let value = unsafe {
        match field.valueType {
            nvmlValueType_enum_NVML_VALUE_TYPE_UNSIGNED_INT => {
                Some(field.value.uiVal).filter(|value| *value != NOT_AVAILABLE).map(u64::from)
            }
            nvmlValueType_enum_NVML_VALUE_TYPE_UNSIGNED_LONG => Some(field.value.ulVal),
            nvmlValueType_enum_NVML_VALUE_TYPE_UNSIGNED_LONG_LONG => Some(field.value.ullVal),
            // Which type a field has differs between drivers.
            nvmlValueType_enum_NVML_VALUE_TYPE_SIGNED_INT => u64::try_from(field.value.siVal).ok(),
            nvmlValueType_enum_NVML_VALUE_TYPE_SIGNED_LONG_LONG => u64::try_from(field.value.sllVal).ok(),
            nvmlValueType_enum_NVML_VALUE_TYPE_UNSIGNED_SHORT => Some(u64::from(field.value.usVal)),
            _ => None,
        }
    };
    value.filter(|value| *value != u64::MAX)
}

#[allow(non_upper_case_globals)]
pub(super) fn check(code: nvmlReturn_t) -> Result<(), ReadError> {
    match code {
        nvmlReturn_enum_NVML_SUCCESS => Ok(()),
        nvmlReturn_enum_NVML_ERROR_NOT_SUPPORTED | nvmlReturn_enum_NVML_ERROR_FUNCTION_NOT_FOUND => {
            Err(ReadError::NotSupported)
        }
        nvmlReturn_enum_NVML_ERROR_GPU_IS_LOST => Err(ReadError::GpuLost),
        other => Err(ReadError::Driver(other)),
    }
}
