//! The C functions of nvml.h. This file is what they share: finding the device, faults, cost, and never a
//! panic.
//!
//! The struct layouts are the ones of nvml.h 13, from `nvml-wrapper-sys`.
#![allow(non_snake_case, non_upper_case_globals)] // The names are NVIDIA's.

mod events;
mod field_values;
mod identity;
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

use crate::clock::{Busy, stall};
use crate::device::Device;
use crate::fault::Call;
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
/// spent.
fn on_device(
    handle: nvmlDevice_t,
    call: Call,
    answer: impl FnOnce(&'static Device, Moment) -> Answer,
) -> nvmlReturn_t {
    guarded(|| {
        let simulation = current()?;
        let device = simulation.device(handle).ok_or(INVALID_ARGUMENT)?;
        visit(simulation, device, call, |now| answer(device, now))
    })
}

/// When a call is answered, and in which simulation.
#[derive(Clone, Copy)]
struct Moment {
    simulation: &'static Simulation,
    /// Nanoseconds since t = 0.
    t_ns: i64,
}

/// One call on a device: stall, fail or answer. A fault counts if it is there when the call arrives.
fn visit(
    simulation: &'static Simulation,
    device: &'static Device,
    call: Call,
    answer: impl FnOnce(Moment) -> Answer,
) -> Answer {
    let verdict = device.verdict(call, simulation.now_ns());
    stall(verdict.stall);
    if let Some(error) = verdict.error {
        return Err(error);
    }
    let _busy = Busy::first_half(device.latency_ns(call));
    answer(Moment { simulation, t_ns: simulation.now_ns() })
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
unsafe fn put_text(out: *mut c_char, length: c_uint, text: &str) -> Answer {
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
        $call:ident $name:ident($($arg:ident: $type:ty),*) |$device:ident, $now:ident| $answer:expr;
    )*) => {$(
        $(#[$doc])+
        #[unsafe(no_mangle)]
        #[allow(unused_unsafe)]
        pub unsafe extern "C" fn $name(
            handle: nvml_wrapper_sys::bindings::nvmlDevice_t, $($arg: $type),*
        ) -> nvml_wrapper_sys::bindings::nvmlReturn_t {
            // SAFETY: nvml.h makes the caller vouch for every pointer; null is checked where it is written.
            super::on_device(handle, crate::fault::Call::$call, |$device, $now| unsafe { $answer })
        }
    )*};
}
use device_calls;
