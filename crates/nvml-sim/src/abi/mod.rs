//! The C functions of nvml.h. This file is what they share: finding the device, faults, cost, and never a
//! panic.
//!
//! The struct layouts are the ones of nvml.h 13, from `nvml-wrapper-sys`.
#![allow(non_snake_case, non_upper_case_globals)] // The names are NVIDIA's.

mod events;
mod field_values;
mod identity;
mod mig;
mod power;
mod processes;
mod samples;
mod status;
mod system;
mod unsupported;

use std::ffi::{c_char, c_uint};
use std::panic::{AssertUnwindSafe, catch_unwind};

use nvml_wrapper_sys::bindings::{
    nvmlDevice_t, nvmlReturn_enum_NVML_ERROR_INSUFFICIENT_SIZE as INSUFFICIENT_SIZE,
    nvmlReturn_enum_NVML_ERROR_INVALID_ARGUMENT as INVALID_ARGUMENT,
    nvmlReturn_enum_NVML_ERROR_UNKNOWN as UNKNOWN, nvmlReturn_enum_NVML_SUCCESS as SUCCESS, nvmlReturn_t,
};

use crate::call::{Call, Group};
use crate::clock::{Busy, crash, hang, stall};
use crate::device::Device;
use crate::fault::Verdict;
use crate::scenario::MigInstance;
use crate::simulation::{Simulation, current};

/// How a program tells this library from a driver's: no driver has the symbol.
#[unsafe(no_mangle)]
pub static llem_nvml_sim: c_uint = 1;

/// Success, or an NVML error code.
type Answer = Result<(), nvmlReturn_t>;

/// Turns an answer into a return code, and a panic into `UNKNOWN`: none may cross into C.
fn guarded(answer: impl FnOnce() -> Answer) -> nvmlReturn_t {
    match catch_unwind(AssertUnwindSafe(answer)) {
        Ok(Ok(())) => SUCCESS,
        Ok(Err(code)) => code,
        Err(_) => UNKNOWN,
    }
}

/// Answers for the device of `handle`, after its faults had their say and while the cost of the call is
/// spent. A MIG instance is answered for like its GPU; where it is not, the moment says which it is.
fn on_device(
    handle: nvmlDevice_t,
    call: Call,
    answer: impl FnOnce(&'static Device, Moment) -> Answer,
) -> nvmlReturn_t {
    guarded(|| {
        let simulation = current()?;
        let (device, instance) = simulation.device(handle).ok_or(INVALID_ARGUMENT)?;
        visit(simulation, Some(device), call, |now| answer(device, Moment { instance, ..now }))
    })
}

/// Answers a call that is no device's.
fn on_system(name: &'static str, answer: impl FnOnce(&'static Simulation) -> Answer) -> nvmlReturn_t {
    let call = Call { group: Group::System, name };
    guarded(|| visit(current()?, None, call, |now| answer(now.simulation)))
}

/// When a call is answered, in which simulation, and for which part of the device.
#[derive(Clone, Copy)]
struct Moment {
    simulation: &'static Simulation,
    /// Nanoseconds since t = 0.
    t_ns: i64,
    /// `None` is the whole GPU.
    instance: Option<&'static MigInstance>,
}

/// One call: wait, fail or answer. A fault counts if it is there when the call arrives.
fn visit(
    simulation: &'static Simulation,
    device: Option<&'static Device>,
    call: Call,
    answer: impl FnOnce(Moment) -> Answer,
) -> Answer {
    simulation.admit(call.name)?;
    endure(simulation, simulation.verdict(device, call))?;
    let _busy = Busy::first_half(simulation.latency_ns(device, call));
    answer(Moment { simulation, t_ns: simulation.now_ns(), instance: None })
}

/// Crashes, hangs, waits for whoever holds the driver's lock, stalls, fails: in this order.
fn endure(simulation: &Simulation, verdict: Verdict) -> Answer {
    if verdict.crashes {
        crash();
    }
    if verdict.hangs {
        hang();
    }
    simulation.wait_for_lock();
    stall(verdict.stall);
    verdict.error.map_or(Ok(()), Err)
}

/// The functions that answer, by the file they are in.
const SIMULATED: [&[&str]; 9] = [
    events::DEVICE_FUNCTIONS,
    identity::DEVICE_FUNCTIONS,
    mig::DEVICE_FUNCTIONS,
    power::DEVICE_FUNCTIONS,
    processes::DEVICE_FUNCTIONS,
    samples::DEVICE_FUNCTIONS,
    status::DEVICE_FUNCTIONS,
    system::SYSTEM_FUNCTIONS,
    OTHER_FUNCTIONS,
];

/// What is not in a table of [`device_calls`].
const OTHER_FUNCTIONS: &[&str] = &[
    "nvmlDeviceGetFieldValues",
    "nvmlDeviceGetHandleByIndex",
    "nvmlDeviceGetHandleByIndex_v2",
    "nvmlDeviceGetHandleByPciBusId",
    "nvmlDeviceGetHandleByPciBusId_v2",
    "nvmlDeviceGetHandleByUUID",
    "nvmlEventSetCreate",
    "nvmlEventSetWait",
    "nvmlEventSetWait_v2",
    "nvmlSystemGetProcessName",
];

/// A function that answers, by its name: one that a scenario can make slow or wrong.
pub fn simulated_function(name: &str) -> Option<&'static &'static str> {
    SIMULATED.into_iter().flatten().find(|function| **function == name)
}

/// Any function of the library but those that must be there for it to be one: shutdown and the words for errors.
pub fn exported_function(name: &str) -> Option<&'static str> {
    let unsupported = || unsupported::FUNCTIONS.iter().find(|function| **function == name);
    simulated_function(name).or_else(unsupported).copied()
}

/// Writes one result through a pointer from C.
///
/// # Safety
/// `out` is null or valid for writing a `T`.
unsafe fn put<T>(out: *mut T, value: T) -> Answer {
    if out.is_null() {
        return Err(INVALID_ARGUMENT);
    }
    // SAFETY: not null, and the caller vouches for the rest.
    unsafe { out.write(value) };
    Ok(())
}

/// Writes a NUL-terminated string into a buffer of `length` bytes.
///
/// # Safety
/// `out` is null or valid for writing `length` bytes.
unsafe fn put_text(out: *mut c_char, length: c_uint, text: impl AsRef<[u8]>) -> Answer {
    let text = text.as_ref();
    if out.is_null() {
        return Err(INVALID_ARGUMENT);
    }
    if text.len() >= length as usize {
        return Err(INSUFFICIENT_SIZE);
    }
    // SAFETY: the text and its NUL fit into the buffer that the caller vouches for.
    unsafe {
        out.copy_from_nonoverlapping(text.as_ptr().cast(), text.len());
        out.add(text.len()).write(0);
    }
    Ok(())
}

/// Writes a list by the protocol of nvml.h: `count` says how much room there is and gets how much there is;
/// too little room (a count of 0 to begin with, usually) is `INSUFFICIENT_SIZE`.
///
/// # Safety
/// `count` is null or valid; `out` is null or valid for writing as many `T` as `count` says.
unsafe fn put_list<T>(count: *mut c_uint, out: *mut T, items: impl Iterator<Item = T> + Clone) -> Answer {
    if count.is_null() {
        return Err(INVALID_ARGUMENT);
    }
    let there_are = c_uint::try_from(items.clone().count()).unwrap_or(c_uint::MAX);
    // SAFETY: `count` is not null and the caller vouches for it.
    let room = unsafe { count.replace(there_are) };
    if there_are > room {
        return Err(INSUFFICIENT_SIZE);
    }
    if there_are > 0 && out.is_null() {
        return Err(INVALID_ARGUMENT);
    }
    for (i, item) in items.enumerate() {
        // SAFETY: `i` is below the room that the caller vouches for.
        unsafe { out.add(i).write(item) };
    }
    Ok(())
}

/// A table of C functions on one device: the kind of call, the signature, the answer.
macro_rules! device_calls {
    ($(
        $(#[$doc:meta])+
        $group:ident $name:ident($($arg:ident: $type:ty),*) |$device:ident, $now:ident| $answer:expr;
    )*) => {
        /// The names of the functions below.
        pub const DEVICE_FUNCTIONS: &[&str] = &[$(stringify!($name)),*];
    $(
        $(#[$doc])+
        #[unsafe(no_mangle)]
        #[allow(unused_unsafe)]
        pub unsafe extern "C" fn $name(
            handle: nvml_wrapper_sys::bindings::nvmlDevice_t, $($arg: $type),*
        ) -> nvml_wrapper_sys::bindings::nvmlReturn_t {
            const CALL: crate::call::Call =
                crate::call::Call { group: crate::call::Group::$group, name: stringify!($name) };
            // SAFETY: nvml.h makes the caller vouch for every pointer; null is checked where it is written.
            super::on_device(handle, CALL, |$device, $now| unsafe { $answer })
        }
    )*};
}
use device_calls;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scenario_can_name_every_function_that_answers() {
        let sources = [
            include_str!("events.rs"),
            include_str!("field_values.rs"),
            include_str!("identity.rs"),
            include_str!("processes.rs"),
            include_str!("system.rs"),
        ];
        let defined = sources.iter().flat_map(|source| source.split("extern \"C\" fn ").skip(1));
        let names: Vec<&str> = defined.map(|rest| rest.split('(').next().unwrap_or_default()).collect();
        assert!(names.len() > 15, "{names:?}");
        // A scenario cannot take away what the library needs to be one.
        let needed = ["nvmlShutdown", "nvmlErrorString", "nvmlEventSetFree"];
        let missing =
            names.iter().filter(|name| !needed.contains(name) && simulated_function(name).is_none());
        assert_eq!(missing.collect::<Vec<_>>(), Vec::<&&str>::new());
        assert!(simulated_function("nvmlDeviceGetPowerUsage").is_some());
        assert_eq!(exported_function("nvmlDeviceGetFanSpeed"), Some("nvmlDeviceGetFanSpeed"));
    }
}
