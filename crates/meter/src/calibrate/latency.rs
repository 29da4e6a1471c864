//! How long each call of a source takes. The calls follow one another without a pause, as they never do in the
//! sampler: this is their cost, not their effect on a workload.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::clock::{NS_PER_S, monotonic_ns};
use crate::source::{ReadError, Source};

/// So many calls have a 99th percentile that ten of them lie beyond.
const CALLS: usize = 1000;
/// A slow call is asked less often.
const LIMIT_NS: u64 = NS_PER_S;

/// The durations of one kind of call.
#[derive(Clone, Debug)]
pub struct CallLatency {
    /// What was read.
    pub call: &'static str,
    /// How often.
    pub calls: u64,
    /// The median, microseconds.
    pub p50_us: f64,
    /// The 99th percentile, microseconds.
    pub p99_us: f64,
    /// The longest, microseconds.
    pub max_us: f64,
    /// Why the last of them had no answer; `None` where it had one.
    pub error: Option<ReadError>,
}

/// Times each kind of call of the first device; what had begun when `stop` was set is there.
pub(super) fn measure(source: &mut impl Source, stop: &AtomicBool) -> Vec<CallLatency> {
    let mut found = Vec::new();
    let mut time =
        |call, read: &mut dyn FnMut() -> Result<(), ReadError>| found.extend(timed(call, read, stop));
    time("power", &mut || source.power_mw(0).map(drop));
    time("energy counter", &mut || source.counter_mj(0).map(drop));
    time("slow signals", &mut || {
        source.slow_signals(0);
        Ok(())
    });
    time("throttle times", &mut || {
        source.throttle_times(0);
        Ok(())
    });
    time("processes", &mut || source.processes(0).map(drop));
    time("limits", &mut || {
        source.limits(0);
        Ok(())
    });
    found
}

fn timed(
    call: &'static str,
    read: &mut dyn FnMut() -> Result<(), ReadError>,
    stop: &AtomicBool,
) -> Option<CallLatency> {
    // The first call may look a symbol up.
    let mut answer = read();
    let mut durations_ns = Vec::with_capacity(CALLS);
    let give_up_ns = monotonic_ns() + LIMIT_NS;
    while durations_ns.len() < CALLS && !stop.load(Ordering::Relaxed) {
        let before_ns = monotonic_ns();
        if before_ns >= give_up_ns {
            break;
        }
        answer = read();
        durations_ns.push(monotonic_ns() - before_ns);
    }
    durations_ns.sort_unstable();
    let microseconds = |percent: usize| durations_ns[(durations_ns.len() - 1) * percent / 100] as f64 / 1e3;
    (!durations_ns.is_empty()).then(|| CallLatency {
        call,
        calls: durations_ns.len() as u64,
        p50_us: microseconds(50),
        p99_us: microseconds(99),
        max_us: microseconds(100),
        error: answer.err(),
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_call_that_takes_long_is_asked_less_often_and_one_without_an_answer_is_named() {
        let never = AtomicBool::new(false);
        let mut sleep = || {
            std::thread::sleep(Duration::from_millis(20));
            Ok(())
        };
        let slow = timed("slow", &mut sleep, &never).expect("it was called");
        assert!((10..=50).contains(&slow.calls) && slow.p50_us >= 20_000.0, "{slow:?}");
        assert!(slow.p50_us <= slow.p99_us && slow.p99_us <= slow.max_us, "{slow:?}");
        let unsupported = timed("unsupported", &mut || Err(ReadError::NotSupported), &never);
        let unsupported = unsupported.expect("it was called");
        assert_eq!((unsupported.calls, unsupported.error), (1000, Some(ReadError::NotSupported)));
    }

    #[test]
    fn nothing_is_said_of_a_call_that_was_stopped_before_it_began() {
        assert!(timed("power", &mut || Ok(()), &AtomicBool::new(true)).is_none());
    }
}
