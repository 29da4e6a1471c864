//! The one clock: `CLOCK_MONOTONIC` in nanoseconds, which Node's `process.hrtime` and Python's
//! `time.monotonic_ns` read too on the same Linux host. Wall time is only an anchor beside it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Nanoseconds in one second.
pub const NS_PER_S: u64 = 1_000_000_000;
/// Nanoseconds in one millisecond.
pub const NS_PER_MS: u64 = 1_000_000;

/// Now, in nanoseconds of `CLOCK_MONOTONIC`.
pub fn monotonic_ns() -> u64 {
    read(libc::CLOCK_MONOTONIC)
}

/// Now, in nanoseconds since the Unix epoch; 0 only on a machine whose clock stands before 1970.
pub fn unix_ns() -> u64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    u64::try_from(since_epoch.as_nanos()).unwrap_or(u64::MAX)
}

/// CPU time that the calling thread has used, in nanoseconds.
pub fn thread_cpu_ns() -> u64 {
    read(libc::CLOCK_THREAD_CPUTIME_ID)
}

/// How long the machine has slept since it booted, in nanoseconds: `CLOCK_MONOTONIC` stands still meanwhile.
pub fn slept_ns() -> u64 {
    // Monotonic first, so that the difference is never negative; what passes between the two reads is microseconds.
    let awake_ns = monotonic_ns();
    read(libc::CLOCK_BOOTTIME).saturating_sub(awake_ns)
}

/// Seconds in a span of nanoseconds.
pub fn seconds(span_ns: u64) -> f64 {
    span_ns as f64 / NS_PER_S as f64
}

fn read(clock: libc::clockid_t) -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a valid timespec to write to, and these clocks exist on every supported kernel, so the
    // call cannot fail.
    unsafe { libc::clock_gettime(clock, &raw mut time) };
    time.tv_sec.unsigned_abs() * NS_PER_S + time.tv_nsec.unsigned_abs()
}
