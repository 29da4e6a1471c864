//! Finding a device, and what it is.

use std::ffi::{CStr, c_char, c_int, c_uint};

use nvml_wrapper_sys::bindings::{
    nvmlBrandType_enum_NVML_BRAND_NVIDIA as BRAND_NVIDIA, nvmlBrandType_t, nvmlDevice_t,
    nvmlDeviceArchitecture_t, nvmlPciInfo_t, nvmlReturn_enum_NVML_ERROR_INVALID_ARGUMENT as INVALID_ARGUMENT,
    nvmlReturn_enum_NVML_ERROR_NOT_FOUND as NOT_FOUND, nvmlReturn_t,
};

use super::{Answer, device_calls, guarded, put, put_text, visit};
use crate::call::{Call, Group};
use crate::device::Device;
use crate::pci::PciAddress;
use crate::scenario::MigInstance;
use crate::simulation::{Simulation, current};

/// How much of [`nvmlPciInfo_t`] the older forms of the struct have, in bytes: up to `pciDeviceId`, and one
/// word more.
const PCI_INFO_V1_BYTES: usize = 32;
const PCI_INFO_V2_BYTES: usize = 36;

/// What a search finds: a device, and the MIG instance on it if that was looked for.
type Found = (&'static Device, Option<&'static MigInstance>);

/// Writes the handle of the device that `search` finds. A lost GPU is not found without its error.
fn find(
    name: &'static str,
    handle: *mut nvmlDevice_t,
    missing: nvmlReturn_t,
    search: impl FnOnce(&'static [Device]) -> Result<Option<Found>, nvmlReturn_t>,
) -> nvmlReturn_t {
    guarded(|| {
        let simulation = current()?;
        simulation.admit(name)?;
        let (device, instance) = search(&simulation.devices)?.ok_or(missing)?;
        let found = instance.map_or_else(|| Simulation::handle(device), Simulation::instance_handle);
        let call = Call { group: Group::Other, name };
        // SAFETY: nvml.h makes the caller vouch for the pointer.
        visit(simulation, Some(device), call, |_now| unsafe { put(handle, found) })
    })
}

/// Devices are counted by their place in the scenario.
fn find_by_index(name: &'static str, index: c_uint, handle: *mut nvmlDevice_t) -> nvmlReturn_t {
    find(name, handle, INVALID_ARGUMENT, |devices| {
        Ok(devices.get(index as usize).map(|device| (device, None)))
    })
}

/// # Safety
/// `text` is null or a NUL-terminated string.
unsafe fn text_of<'a>(text: *const c_char) -> Result<&'a str, nvmlReturn_t> {
    if text.is_null() {
        return Err(INVALID_ARGUMENT);
    }
    // SAFETY: not null, and the caller vouches for the NUL.
    unsafe { CStr::from_ptr(text) }.to_str().map_err(|_| INVALID_ARGUMENT)
}

/// The device at an index.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetHandleByIndex_v2(
    index: c_uint,
    handle: *mut nvmlDevice_t,
) -> nvmlReturn_t {
    find_by_index("nvmlDeviceGetHandleByIndex_v2", index, handle)
}

/// The device at an index, first form.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetHandleByIndex(
    index: c_uint,
    handle: *mut nvmlDevice_t,
) -> nvmlReturn_t {
    find_by_index("nvmlDeviceGetHandleByIndex", index, handle)
}

/// The device, or the MIG instance, of a UUID.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetHandleByUUID(
    uuid: *const c_char,
    handle: *mut nvmlDevice_t,
) -> nvmlReturn_t {
    find("nvmlDeviceGetHandleByUUID", handle, NOT_FOUND, |devices| {
        // SAFETY: nvml.h makes the caller vouch for the string.
        let uuid = unsafe { text_of(uuid)? };
        let device = devices.iter().find(|device| device.spec.uuid == uuid).map(|device| (device, None));
        Ok(device.or_else(|| {
            let instances =
                devices.iter().flat_map(|device| device.spec.mig_instances.iter().map(move |i| (device, i)));
            instances.into_iter().find(|(_, i)| i.uuid == uuid).map(|(device, i)| (device, Some(i)))
        }))
    })
}

fn find_by_bus_id(name: &'static str, bus_id: *const c_char, handle: *mut nvmlDevice_t) -> nvmlReturn_t {
    find(name, handle, NOT_FOUND, |devices| {
        // SAFETY: nvml.h makes the caller vouch for the string.
        let place: PciAddress = unsafe { text_of(bus_id)? }.parse().map_err(|()| INVALID_ARGUMENT)?;
        Ok(devices.iter().find(|device| device.spec.pci == place).map(|device| (device, None)))
    })
}

/// The device at a place on the PCI bus.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetHandleByPciBusId_v2(
    bus_id: *const c_char,
    handle: *mut nvmlDevice_t,
) -> nvmlReturn_t {
    find_by_bus_id("nvmlDeviceGetHandleByPciBusId_v2", bus_id, handle)
}

/// The device at a place on the PCI bus, first form.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetHandleByPciBusId(
    bus_id: *const c_char,
    handle: *mut nvmlDevice_t,
) -> nvmlReturn_t {
    find_by_bus_id("nvmlDeviceGetHandleByPciBusId", bus_id, handle)
}

fn pci_info(device: &Device) -> nvmlPciInfo_t {
    let PciAddress { domain, bus, device: slot } = device.spec.pci;
    let device_id = device.spec.architecture.pci_device_id();
    nvmlPciInfo_t {
        busIdLegacy: padded(&device.spec.pci.legacy()),
        domain,
        bus,
        device: slot,
        pciDeviceId: device_id,
        // The vendor of the card is the vendor of the chip.
        pciSubSystemId: device_id,
        busId: padded(&device.spec.pci.to_string()),
    }
}

fn padded<const N: usize>(text: &str) -> [c_char; N] {
    let mut buffer = [0; N];
    // The last byte stays NUL.
    for (byte, letter) in buffer.iter_mut().take(N - 1).zip(text.bytes()) {
        *byte = letter.cast_signed() as c_char;
    }
    buffer
}

/// Writes the first `bytes` of the PCI info: a caller of an older form has room for no more.
///
/// # Safety
/// `out` is null or valid for writing `bytes` bytes.
unsafe fn put_pci_info(out: *mut nvmlPciInfo_t, bytes: usize, device: &Device) -> Answer {
    if out.is_null() {
        return Err(INVALID_ARGUMENT);
    }
    let info = pci_info(device);
    // SAFETY: `bytes` is at most the size of the struct, and the caller vouches for the target.
    unsafe { out.cast::<u8>().copy_from_nonoverlapping((&raw const info).cast(), bytes) };
    Ok(())
}

device_calls! {
    /// The NVML index.
    Other nvmlDeviceGetIndex(index: *mut c_uint) |device, _now| put(index, device.told_index());

    /// The minor number of the device file.
    Other nvmlDeviceGetMinorNumber(minor: *mut c_uint) |device, _now| put(minor, device.index);

    /// The board's name, and the profile of a MIG instance.
    Other nvmlDeviceGetName(name: *mut c_char, length: c_uint) |device, now| match now.instance {
        None => put_text(name, length, &device.spec.name_bytes),
        Some(instance) => put_text(name, length, format!("{} MIG {}", device.spec.name, instance.profile)),
    };

    /// The UUID, with "GPU-" or "MIG-" in front.
    Other nvmlDeviceGetUUID(uuid: *mut c_char, length: c_uint) |device, now|
        put_text(uuid, length, now.instance.map_or(&device.spec.uuid, |instance| &instance.uuid));

    /// A serial number made of the index.
    Other nvmlDeviceGetSerial(serial: *mut c_char, length: c_uint) |device, _now|
        put_text(serial, length, format!("16500000{:05}", device.index + 1));

    /// A VBIOS version.
    Other nvmlDeviceGetVbiosVersion(version: *mut c_char, length: c_uint) |_device, _now|
        put_text(version, length, "96.00.A5.00.01");

    /// The place on the PCI bus.
    Other nvmlDeviceGetPciInfo_v3(out: *mut nvmlPciInfo_t) |device, _now|
        put_pci_info(out, size_of::<nvmlPciInfo_t>(), device);

    /// The place on the PCI bus, second form.
    Other nvmlDeviceGetPciInfo_v2(out: *mut nvmlPciInfo_t) |device, _now| put_pci_info(out, PCI_INFO_V2_BYTES, device);

    /// The place on the PCI bus, first form.
    Other nvmlDeviceGetPciInfo(out: *mut nvmlPciInfo_t) |device, _now| put_pci_info(out, PCI_INFO_V1_BYTES, device);

    /// The generation.
    Other nvmlDeviceGetArchitecture(out: *mut nvmlDeviceArchitecture_t) |device, _now|
        put(out, device.spec.architecture.nvml_id());

    /// The brand, as current data-centre boards have it.
    Other nvmlDeviceGetBrand(brand: *mut nvmlBrandType_t) |_device, _now| put(brand, BRAND_NVIDIA);

    /// The CUDA compute capability.
    Other nvmlDeviceGetCudaComputeCapability(major: *mut c_int, minor: *mut c_int) |device, _now| {
        let (x, y) = device.spec.architecture.compute_capability();
        put(major, x).and(put(minor, y))
    };

    /// The number of CUDA cores.
    Other nvmlDeviceGetNumGpuCores(cores: *mut c_uint) |device, _now|
        put(cores, device.spec.architecture.cuda_cores());
}
