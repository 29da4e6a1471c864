//! Ctrl-C at every moment. Node looks at signals in its event loop, and a call that does not return, as into a driver
//! that hangs, keeps it from that for ever. So this stands before Node's own handler: where the loop does not say that it
//! has seen a signal, a thread ends the process by it, and a second signal does so at once. What was recorded is on the
//! disk by then as it is for `kill -9`.

use std::sync::Once;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

use napi_derive::napi;

/// How often the thread looks.
const LOOK: Duration = Duration::from_millis(100);
const WATCHED: [i32; 3] = [libc::SIGINT, libc::SIGTERM, libc::SIGHUP];
const TOLD: &[u8] =
    b"llem: A call into the system or the GPU driver does not return, so llem is ended at once. What was \
    recorded until then can be made readable: llem recover. [HELD]\n";

static IS_WATCHING: AtomicBool = AtomicBool::new(false);
/// The signal that the loop has not seen yet; 0 for none.
static UNSEEN: AtomicI32 = AtomicI32::new(0);
/// When it came.
static SINCE_NS: AtomicU64 = AtomicU64::new(0);
static LIMIT_NS: AtomicU64 = AtomicU64::new(0);
/// What stood there before, by the place in `WATCHED`: an address of a handler, or 0.
static NODES: [AtomicUsize; 3] = [const { AtomicUsize::new(0) }; 3];
static THREAD: Once = Once::new();

/// From now on signals end the process where the event loop does not say within this time that it has seen them. To be
/// called whenever Node has been told to listen to them.
#[napi]
pub fn watch_signals(limit_ms: u32) {
    LIMIT_NS.store(u64::from(limit_ms) * 1_000_000, SeqCst);
    UNSEEN.store(0, SeqCst);
    for (place, signal) in WATCHED.into_iter().enumerate() {
        stand_before(place, signal);
    }
    IS_WATCHING.store(true, SeqCst);
    // Where there can be no thread, a second signal still ends the process.
    THREAD.call_once(|| drop(thread::Builder::new().name("llem-signals".to_owned()).spawn(look)));
}

/// From now on a crash of the driver's library costs the measurement and not this process.
#[napi]
pub fn contain_crashes() {
    llem_meter::crash::contain();
}

/// The event loop has seen the latest signal.
#[napi]
pub fn signal_seen() {
    UNSEEN.store(0, SeqCst);
}

/// Nobody listens any more.
#[napi]
pub fn unwatch_signals() {
    IS_WATCHING.store(false, SeqCst);
    UNSEEN.store(0, SeqCst);
}

fn stand_before(place: usize, signal: i32) {
    // SAFETY: both structs are whole, zeroed ones are valid, and the kernel only reads the one and writes the other.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        if libc::sigaction(signal, std::ptr::null(), &raw mut action) != 0
            || action.sa_sigaction == on_signal as *const () as usize
            || action.sa_flags & libc::SA_SIGINFO != 0
        {
            return;
        }
        NODES[place].store(action.sa_sigaction, SeqCst);
        action.sa_sigaction = on_signal as *const () as usize;
        libc::sigaction(signal, &raw const action, std::ptr::null_mut());
    }
}

/// Only what may be done in a handler of signals: atomics, the clock, `sigaction`, `kill`, `write`.
extern "C" fn on_signal(signal: i32) {
    if IS_WATCHING.load(SeqCst) && UNSEEN.swap(signal, SeqCst) != 0 {
        return end_by(signal);
    }
    SINCE_NS.store(llem_meter::clock::monotonic_ns(), SeqCst);
    let node =
        WATCHED.iter().position(|watched| *watched == signal).map_or(0, |place| NODES[place].load(SeqCst));
    if node != libc::SIG_DFL && node != libc::SIG_IGN {
        // SAFETY: it is the handler that stood there without SA_SIGINFO, which takes a number.
        let handler = unsafe { std::mem::transmute::<usize, extern "C" fn(i32)>(node) };
        handler(signal);
    }
}

fn look() {
    loop {
        thread::sleep(LOOK);
        let signal = UNSEEN.load(SeqCst);
        let since_ns = llem_meter::clock::monotonic_ns().saturating_sub(SINCE_NS.load(SeqCst));
        if IS_WATCHING.load(SeqCst) && signal != 0 && since_ns > LIMIT_NS.load(SeqCst) {
            end_by(signal);
        }
    }
}

/// Ends this process as if it had never listened to the signal.
fn end_by(signal: i32) {
    // SAFETY: the text lives for ever, and the rest takes numbers or a whole struct, of which a zeroed one says SIG_DFL.
    unsafe {
        libc::write(2, TOLD.as_ptr().cast(), TOLD.len());
        let action: libc::sigaction = std::mem::zeroed();
        libc::sigaction(signal, &raw const action, std::ptr::null_mut());
        libc::kill(libc::getpid(), signal);
    }
}
