//! The two clocks that a reading is stamped with, and the time that a call costs.

use std::sync::OnceLock;
use std::time::Duration;

/// Nanoseconds in a second.
pub const NS_PER_S: f64 = 1e9;

/// Nanoseconds of `seconds`, rounded; a time too far away to be an `i64` becomes the farthest one.
#[allow(clippy::cast_possible_truncation)] // Saturating is what "holds for ever" (1e9 s and more) means here.
pub fn ns_from_s(seconds: f64) -> i64 {
    (seconds * NS_PER_S).round() as i64
}

/// Nanoseconds on `CLOCK_MONOTONIC`, the clock that every process of one boot shares.
pub fn monotonic_ns() -> i64 {
    read(libc::CLOCK_MONOTONIC)
}

/// Microseconds since the Unix epoch of a moment given in `CLOCK_MONOTONIC` nanoseconds.
///
/// The distance between the two clocks is taken once per process: a tick keeps its stamp between two calls,
/// so that a client which asks for "newer than the last" never gets one sample twice.
pub fn unix_us(monotonic_ns: i64) -> i64 {
    static OFFSET_NS: OnceLock<i64> = OnceLock::new();
    let offset_ns = OFFSET_NS.get_or_init(|| read(libc::CLOCK_REALTIME) - self::monotonic_ns());
    monotonic_ns.saturating_add(*offset_ns).div_euclid(1000)
}

fn read(clock: libc::clockid_t) -> i64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `now` is a valid timespec that outlives the call.
    let failed = unsafe { libc::clock_gettime(clock, &raw mut now) };
    assert_eq!(failed, 0, "clock {clock} cannot be read");
    #[allow(clippy::unnecessary_cast, clippy::useless_conversion)]
    // The width of both fields depends on the target.
    let (seconds, nanoseconds) = (i64::from(now.tv_sec), i64::from(now.tv_nsec));
    seconds * 1_000_000_000 + nanoseconds
}

/// Sleeps like a driver call that hangs.
pub fn stall(time: Duration) {
    if !time.is_zero() {
        std::thread::sleep(time);
    }
}

/// Sleeps for ever, like a driver call that never returns.
pub fn hang() -> ! {
    loop {
        std::thread::sleep(Duration::from_secs(3600));
    }
}

/// Dies like a library with a mistake in it: by reading where there is nothing.
pub fn crash() -> ! {
    // SAFETY: a new page that nobody may read. That reading it ends the process, or stops this thread, is what is wanted.
    unsafe {
        let page = libc::mmap(
            std::ptr::null_mut(),
            1,
            libc::PROT_NONE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
            -1,
            0,
        );
        page.cast::<u8>().read_volatile();
    }
    hang()
}

/// The cost of one call, half before the answer is taken and half after it: spent on the CPU, but for what is so long
/// that a driver would wait for something.
///
/// The answer is thus as old as the middle of the call, which is where a client that stamps before and after
/// puts it.
pub struct Busy {
    until_ns: i64,
}

impl Busy {
    /// Spends the first half of `cost_ns` now; the rest goes when the value is dropped.
    pub fn first_half(cost_ns: i64) -> Self {
        if cost_ns <= 0 {
            return Self { until_ns: i64::MIN };
        }
        let start_ns = monotonic_ns();
        spend_until(start_ns + cost_ns / 2);
        Self { until_ns: start_ns + cost_ns }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        if self.until_ns != i64::MIN {
            spend_until(self.until_ns);
        }
    }
}

/// Longer than this is slept through: a driver that takes so long waits, and many of them would need all cores.
const LONGEST_SPIN_NS: i64 = 100_000;

fn spend_until(deadline_ns: i64) {
    let asleep_ns = deadline_ns - monotonic_ns() - LONGEST_SPIN_NS;
    stall(Duration::from_nanos(u64::try_from(asleep_ns).unwrap_or(0)));
    while monotonic_ns() < deadline_ns {
        std::hint::spin_loop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_call_lasts_at_least_its_cost() {
        let start_ns = monotonic_ns();
        drop(Busy::first_half(200_000));
        assert!(monotonic_ns() - start_ns >= 200_000);
    }

    #[test]
    fn a_long_call_sleeps_and_lasts_its_cost() {
        let (start_ns, cpu_before_ns) = (monotonic_ns(), read(libc::CLOCK_THREAD_CPUTIME_ID));
        drop(Busy::first_half(60_000_000));
        assert!(monotonic_ns() - start_ns >= 60_000_000);
        // Two halves, each with its short spin at the end.
        assert!(read(libc::CLOCK_THREAD_CPUTIME_ID) - cpu_before_ns < 10_000_000);
    }

    #[test]
    fn far_away_seconds_saturate() {
        assert_eq!(ns_from_s(1e12), i64::MAX);
        assert_eq!(ns_from_s(0.1), 100_000_000);
    }
}
