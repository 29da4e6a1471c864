//! Who computes on a GPU. One function answered it with two structs: NVIDIA made `nvmlProcessInfo_t` longer with driver
//! 535.43 without a new name for the function, took the function away in 535.98 and brought it back with the struct as
//! it was in 535.104 (XuehaiPan/nvitop pull requests 79, 89 and 94). A client that knows one of the two reads other
//! processes than there are, and the longer one is written past the end of its room.

use nvml_wrapper::Nvml;
use nvml_wrapper_sys::bindings::{
    nvmlDevice_t, nvmlProcessInfo_t, nvmlReturn_enum_NVML_ERROR_INSUFFICIENT_SIZE, nvmlReturn_t,
};

use super::check;
use crate::source::ReadError;

type GetProcesses = unsafe extern "C" fn(nvmlDevice_t, *mut u32, *mut nvmlProcessInfo_t) -> nvmlReturn_t;

/// Room for one process in either layout: pid, memory, ids of its MIG instance, and protected memory in the longer one.
pub(super) type Slot = [u64; 4];

/// What the driver says of the memory of a process whose memory it does not know (`NVML_VALUE_NOT_AVAILABLE`).
const NOT_AVAILABLE: u64 = u64::MAX;

/// The id of an instance of what is in none.
const NO_INSTANCE: u32 = u32::MAX;

/// A process as the driver lists it.
pub(super) struct Entry {
    pub pid: u32,
    /// Its memory, where it is known.
    pub memory_bytes: Option<u64>,
    /// The ids of GPU instance and compute instance in which it is.
    pub instance: Option<(u32, u32)>,
}

/// Two numbers of 32 bits that stand one behind the other.
fn halves(word: u64) -> [u32; 2] {
    let bytes = word.to_ne_bytes();
    [0, 4].map(|at| u32::from_ne_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]))
}

/// Lists the processes of a GPU without allocating.
#[derive(Clone, Copy)]
pub(super) struct ProcessList {
    get: Option<GetProcesses>,
    /// How far apart the driver writes two of them.
    words_apart: usize,
}

impl ProcessList {
    /// By what the library has and which driver it is.
    pub fn of(nvml: &Nvml) -> Self {
        let lib = nvml.lib();
        let v3 = lib.nvmlDeviceGetComputeRunningProcesses_v3.as_ref().ok().copied();
        let v2 = lib.nvmlDeviceGetComputeRunningProcesses_v2.as_ref().ok().copied();
        let is_long =
            v3.is_some() && nvml.sys_driver_version().is_ok_and(|version| writes_long_structs(&version));
        // Drivers before 510 and 535.98 have the second form only, whose struct is the short one.
        Self { get: v3.or(v2), words_apart: if is_long { 4 } else { 3 } }
    }

    /// How many there are. Where they are more than `slots`, none is written there.
    pub fn read(&self, device: nvmlDevice_t, slots: &mut [Slot]) -> Result<usize, ReadError> {
        let get = self.get.ok_or(ReadError::NotSupported)?;
        let mut count = u32::try_from(slots.len()).unwrap_or(u32::MAX);
        // SAFETY: the handle came from this library; a slot is aligned like the structs and no shorter than either, and
        // there are `count` of them.
        let code = unsafe { get(device, &raw mut count, slots.as_mut_ptr().cast()) };
        let count = count as usize;
        // How many is told, who is not; a driver that asks for no more room than there is said nothing.
        if code != nvmlReturn_enum_NVML_ERROR_INSUFFICIENT_SIZE || count <= slots.len() {
            check(code)?;
        }
        Ok(count)
    }

    /// The first `count` processes in slots that were filled.
    pub fn entries(&self, slots: &[Slot], count: usize) -> impl Iterator<Item = Entry> {
        slots.as_flattened().chunks_exact(self.words_apart).take(count).map(|words| {
            let [pid, _] = halves(words[0]);
            let [gpu_instance, compute_instance] = halves(words[2]);
            Entry {
                pid,
                memory_bytes: Some(words[1]).filter(|bytes| *bytes != NOT_AVAILABLE),
                instance: (gpu_instance != NO_INSTANCE).then_some((gpu_instance, compute_instance)),
            }
        })
    }
}

/// Whether `nvmlDeviceGetComputeRunningProcesses_v3` of that driver writes the longer struct.
fn writes_long_structs(driver_version: &str) -> bool {
    let mut parts = driver_version.split('.').map(|part| part.parse::<u32>().ok());
    matches!((parts.next().flatten(), parts.next().flatten()), (Some(535), Some(43..98)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_drivers_of_535_write_longer_structs() {
        for (version, is_long) in [
            ("530.41.03", false),
            ("535.43.02", true),
            ("535.86.05", true),
            ("535.98", false),
            ("535.104.05", false),
            ("580.95.05", false),
            ("nonsense", false),
        ] {
            assert_eq!(writes_long_structs(version), is_long, "{version}");
        }
    }
}
