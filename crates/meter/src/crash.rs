//! A driver's library that crashes costs the measurement, and not the process that measures: whoever runs a command must
//! still see it end. A thread that works for the driver ([`crate::asking`]) and gets a signal of a crash is stopped for good,
//! with all that it holds. Any other crash takes its usual way.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::mem;
use std::ptr;
use std::sync::Once;
use std::sync::atomic::{AtomicI32, AtomicPtr, AtomicUsize, Ordering::SeqCst};

use crate::asking;

/// What a mistake in a library ends in.
const SIGNALS: [(c_int, &CStr); 5] = [
    (libc::SIGSEGV, c"SIGSEGV"),
    (libc::SIGBUS, c"SIGBUS"),
    (libc::SIGILL, c"SIGILL"),
    (libc::SIGFPE, c"SIGFPE"),
    (libc::SIGABRT, c"SIGABRT"),
];

static INSTALL: Once = Once::new();
/// The signal of the first crash; 0: none yet.
static SIGNAL: AtomicI32 = AtomicI32::new(0);
static CALL: AtomicPtr<c_char> = AtomicPtr::new(ptr::null_mut());
/// What stood there before, by the place in `SIGNALS`: addresses of handlers that take three arguments, or 0.
static BEFORE: [AtomicUsize; SIGNALS.len()] = [const { AtomicUsize::new(0) }; SIGNALS.len()];

/// A crash of the driver's library in this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crash {
    /// E.g. "SIGSEGV".
    pub signal: &'static str,
    /// The call in which it happened.
    pub call: &'static str,
}

/// The first crash of the driver's library, after which nothing that it says is to be believed.
pub fn seen() -> Option<Crash> {
    let number = SIGNAL.load(SeqCst);
    let (_, signal) = SIGNALS.iter().find(|(signal, _)| *signal == number)?;
    let call = CALL.load(SeqCst);
    // SAFETY: `asking` stores only names that live for ever, each with a NUL at its end.
    let call = if call.is_null() { c"a driver call" } else { unsafe { CStr::from_ptr(call) } };
    let (signal, call) = (signal.to_str().unwrap_or_default(), call.to_str().unwrap_or_default());
    Some(Crash { signal, call })
}

/// From now on such a crash stops its thread alone. For a process of ours: a library has no business with the signals of
/// somebody else's.
pub fn contain() {
    INSTALL.call_once(|| {
        for (place, (signal, _)) in SIGNALS.into_iter().enumerate() {
            // SAFETY: both structs are whole, and zeroed ones are valid.
            unsafe {
                let mut action: libc::sigaction = mem::zeroed();
                let mut before: libc::sigaction = mem::zeroed();
                action.sa_sigaction = on_crash as *const () as usize;
                action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
                if libc::sigaction(signal, &raw const action, &raw mut before) == 0
                    && before.sa_flags & libc::SA_SIGINFO != 0
                {
                    BEFORE[place].store(before.sa_sigaction, SeqCst);
                }
            }
        }
    });
}

/// Only what may be done in a handler of signals: atomics, `write`, `pause`, `sigaction`.
extern "C" fn on_crash(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: the kernel hands over a whole struct. What another process sent (`kill -SEGV`) is no crash.
    let was_sent = unsafe { (*info).si_code } == libc::SI_USER;
    match asking::here() {
        Some(call) if !was_sent => stop_here(signal, call),
        _ => go_on(signal, was_sent, info, context),
    }
}

fn stop_here(signal: c_int, call: *const c_char) -> ! {
    CALL.store(call.cast_mut(), SeqCst);
    let _ = SIGNAL.compare_exchange(0, signal, SeqCst, SeqCst);
    let name = SIGNALS.iter().find(|(number, _)| *number == signal).map_or(c"a signal", |(_, name)| name);
    // SAFETY: `call` lives for ever where it is not null.
    let call = if call.is_null() { c"a call" } else { unsafe { CStr::from_ptr(call) } };
    for part in [
        c"llem: The GPU driver's library crashed in ",
        call,
        c" (",
        name,
        c"). Nothing is measured from now on.\n",
    ] {
        // SAFETY: the part lives through the call.
        unsafe { libc::write(2, part.as_ptr().cast(), part.count_bytes()) };
    }
    loop {
        // SAFETY: no arguments. Other signals may still be served by this thread.
        unsafe { libc::pause() };
    }
}

/// As if this handler had never been there.
fn go_on(signal: c_int, was_sent: bool, info: *mut libc::siginfo_t, context: *mut c_void) {
    let place = SIGNALS.iter().position(|(number, _)| *number == signal).unwrap_or(0);
    let before = BEFORE[place].load(SeqCst);
    // SAFETY: either the handler that stood there with SA_SIGINFO, which takes these; or the usual end, to which the
    // instruction that failed leads once more, and a signal that was sent is sent once more.
    unsafe {
        if before != 0 {
            let handler =
                mem::transmute::<usize, extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void)>(before);
            return handler(signal, info, context);
        }
        let usual: libc::sigaction = mem::zeroed();
        libc::sigaction(signal, &raw const usual, ptr::null_mut());
        if was_sent {
            libc::raise(signal);
        }
    }
}
