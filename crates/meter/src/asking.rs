//! What the driver is being asked by each thread, so that a call that hangs or crashes can be named.

use std::cell::Cell;
use std::ffi::{CStr, c_char};
use std::mem;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering::Relaxed};

thread_local! {
    static HERE: Cell<*const Asking> = const { Cell::new(ptr::null()) };
}

/// The driver call that a thread has made last, by its name in nvml.h, and how many it has made.
#[derive(Debug)]
pub struct Asking {
    call: AtomicPtr<c_char>,
    made: AtomicU64,
}

impl Default for Asking {
    fn default() -> Self {
        Self { call: AtomicPtr::new(ptr::null_mut()), made: AtomicU64::new(0) }
    }
}

impl Asking {
    /// Runs `work`, whose calls other threads may look at meanwhile.
    pub fn watch<T>(self: &Arc<Self>, work: impl FnOnce() -> T) -> T {
        with_own_stack(|| {
            let _forget = Forget(HERE.replace(Arc::as_ptr(self)));
            work()
        })
    }

    /// How many calls the thread has begun: a thread in which they go on is slow, and does not hang.
    pub fn made(&self) -> u64 {
        self.made.load(Relaxed)
    }

    /// E.g. "nvmlInit_v2"; `None` before the first.
    pub fn call(&self) -> Option<&'static str> {
        let name = self.call.load(Relaxed);
        // SAFETY: only names that live for ever are stored, each with a NUL at its end.
        (!name.is_null()).then(|| unsafe { CStr::from_ptr(name) }.to_str().unwrap_or("a driver call"))
    }
}

/// Also where `work` panics: what HERE points to may be gone afterwards.
struct Forget(*const Asking);

impl Drop for Forget {
    fn drop(&mut self) {
        HERE.set(self.0);
    }
}

/// This thread calls the driver now. Costs a nanosecond, and nothing where nobody watches.
pub fn calls(name: &'static CStr) {
    // SAFETY: whoever set it keeps it until it is set back.
    if let Some(asking) = unsafe { HERE.get().as_ref() } {
        asking.call.store(name.as_ptr().cast_mut(), Relaxed);
        // Of one thread alone.
        asking.made.store(asking.made.load(Relaxed) + 1, Relaxed);
    }
}

/// Whether this thread works for the driver, and its last call: for a handler of signals, which may do no more than this.
pub fn here() -> Option<*const c_char> {
    // SAFETY: as above.
    unsafe { HERE.get().as_ref() }.map(|asking| asking.call.load(Relaxed).cast_const())
}

/// Of a thread that works for the driver: where it overflowed its own, no room is left for a handler of signals.
const SIGNAL_STACK_BYTES: usize = 64 * 1024;

/// Runs `work` with a stack of its own for handlers of signals.
fn with_own_stack<T>(work: impl FnOnce() -> T) -> T {
    let mut memory = vec![0_u8; SIGNAL_STACK_BYTES];
    let own = libc::stack_t { ss_sp: memory.as_mut_ptr().cast(), ss_flags: 0, ss_size: memory.len() };
    // SAFETY: the memory lives until the stack was set back.
    unsafe {
        let mut before: libc::stack_t = mem::zeroed();
        let is_set = libc::sigaltstack(&raw const own, &raw mut before) == 0;
        let _back = Back(is_set.then_some(before));
        work()
    }
}

/// Also where `work` panics.
struct Back(Option<libc::stack_t>);

impl Drop for Back {
    fn drop(&mut self) {
        if let Some(before) = self.0 {
            // SAFETY: what the kernel handed out.
            unsafe { libc::sigaltstack(&raw const before, ptr::null_mut()) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_named_while_somebody_watches_and_not_afterwards() {
        let (outer, inner) = (Arc::new(Asking::default()), Arc::new(Asking::default()));
        calls(c"nobody watches");
        assert_eq!(here(), None);
        outer.watch(|| {
            assert_eq!(outer.call(), None);
            calls(c"nvmlInit_v2");
            inner.watch(|| calls(c"nvmlDeviceGetName"));
            calls(c"nvmlShutdown");
        });
        calls(c"nobody watches");
        assert_eq!((outer.call(), inner.call()), (Some("nvmlShutdown"), Some("nvmlDeviceGetName")));
    }
}
