//! Into which instances a GPU is cut (MIG), and what each has of it.

use nvml_wrapper::{Device, Nvml};
use nvml_wrapper_sys::bindings::{nvmlDevice_t, nvmlReturn_t};

use super::check;
use super::machine::asked;
use crate::asking;

type GetId = unsafe extern "C" fn(nvmlDevice_t, *mut u32) -> nvmlReturn_t;

/// A part of a GPU: a compute instance; `None` is what it does not tell.
#[derive(Clone, Debug)]
pub struct MigInstance {
    /// "MIG-...".
    pub uuid: String,
    /// Ids of its GPU instance and of itself in there.
    pub ids: Option<(u32, u32)>,
    /// Of how many slices of the GPU it is.
    pub slices: Option<u32>,
    /// How many SMs it has.
    pub multiprocessors: Option<u32>,
}

/// Of how many slices all instances together may be; 0 where there can be none.
pub(super) fn slices(device: &Device<'_>) -> u32 {
    asked(c"nvmlDeviceGetMaxMigDeviceCount", || device.mig_device_count()).unwrap_or(0)
}

/// Those that there are: their places may have holes.
pub(super) fn instances(nvml: &Nvml, device: &Device<'_>) -> Vec<MigInstance> {
    let most = slices(device);
    asking::calls(c"nvmlDeviceGetMigDeviceHandleByIndex");
    let lib = nvml.lib();
    let gpu_instance = lib.nvmlDeviceGetGpuInstanceId.as_ref().ok().copied();
    let compute_instance = lib.nvmlDeviceGetComputeInstanceId.as_ref().ok().copied();
    let instance = |index: u32| {
        let instance = device.mig_device_by_index(index).ok()?;
        let uuid = instance.uuid().ok()?;
        let attributes = asked(c"nvmlDeviceGetAttributes_v2", || instance.attributes()).ok();
        Some(MigInstance {
            uuid,
            ids: id_of(&instance, gpu_instance?).zip(id_of(&instance, compute_instance?)),
            slices: attributes.as_ref().map(|has| has.compute_instance_slice_count),
            multiprocessors: attributes.map(|has| has.multiprocessor_count),
        })
    };
    (0..most).filter_map(instance).collect()
}

fn id_of(instance: &Device<'_>, get: GetId) -> Option<u32> {
    let mut id = 0;
    // SAFETY: the handle is of the library that the function is from, and the pointer is to a live u32.
    check(unsafe { get(instance.handle(), &raw mut id) }).ok()?;
    Some(id)
}
