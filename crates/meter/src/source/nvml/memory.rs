//! How much memory a GPU has and how much of it is used.

use nvml_wrapper::error::NvmlError;
use nvml_wrapper::{Device, Nvml};
use nvml_wrapper_sys::bindings::{
    nvmlMemory_t, nvmlReturn_enum_NVML_ERROR_ARGUMENT_VERSION_MISMATCH as VERSION_MISMATCH,
    nvmlReturn_enum_NVML_SUCCESS,
};

use crate::asking;

/// Bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Memory {
    pub used: u64,
    pub total: u64,
}

/// By the second form of the call, which counts what the driver keeps for itself apart (nvml.h); drivers before 510 have the
/// first one only, in which that is a part of what is used.
pub(super) fn memory_of(nvml: &Nvml, device: &Device<'_>) -> Result<Memory, NvmlError> {
    asking::calls(c"nvmlDeviceGetMemoryInfo_v2");
    let missing = match device.memory_info() {
        Ok(memory) => return Ok(Memory { used: memory.used, total: memory.total }),
        // A driver that does not know this form.
        Err(
            missing @ (NvmlError::FailedToLoadSymbol(_)
            | NvmlError::FunctionNotFound
            | NvmlError::NotSupported
            | NvmlError::UnexpectedVariant(VERSION_MISMATCH)),
        ) => missing,
        Err(failure) => return Err(failure),
    };
    let Ok(get) = nvml.lib().nvmlDeviceGetMemoryInfo.as_ref() else { return Err(missing) };
    asking::calls(c"nvmlDeviceGetMemoryInfo");
    let mut memory = nvmlMemory_t { total: 0, free: 0, used: 0 };
    // SAFETY: the handle came from this library and the pointer is to a live struct.
    let code = unsafe { get(device.handle(), &raw mut memory) };
    if code == nvmlReturn_enum_NVML_SUCCESS {
        Ok(Memory { used: memory.used, total: memory.total })
    } else {
        Err(NvmlError::from(code))
    }
}
