//! How long each call of the sampler takes. The calls follow one another without a pause, as they never do in the
//! sampler: this is their cost, not their effect on a workload.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::clock::{NS_PER_MS, NS_PER_S, monotonic_ns};
use crate::source::ReadError;
use crate::source::calls::{DriverCall, Lane, SingleCalls};

/// So many calls have a 99th percentile that ten of them lie beyond.
const CALLS: usize = 1000;
/// A slow call is asked less often, most of all one that the sampler makes seldom: lists of processes that take
/// milliseconds under a lock of the driver are not asked for a thousand times.
const OFTEN_LIMIT_NS: u64 = NS_PER_S;
const SELDOM_LIMIT_NS: u64 = 300 * NS_PER_MS;

/// The durations of one call.
#[derive(Clone, Debug)]
pub struct CallLatency {
    /// What was asked.
    pub call: DriverCall,
    /// How often it had an answer; those without one are not timed.
    pub calls: u64,
    /// `None` where it never had one.
    pub durations: Option<Durations>,
    /// Why the last one that had no answer had none; `None` where all had one.
    pub error: Option<ReadError>,
}

/// Of the calls that had an answer, microseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Durations {
    /// The median.
    pub p50_us: f64,
    /// The 99th percentile.
    pub p99_us: f64,
    /// The longest.
    pub max_us: f64,
}

/// Times each call on the first device; what had begun when `stop` was set is there.
pub(super) fn measure(source: &mut impl SingleCalls, stop: &AtomicBool) -> Vec<CallLatency> {
    DriverCall::ALL.into_iter().filter_map(|call| timed(call, &mut || source.make(0, call), stop)).collect()
}

fn timed(
    call: DriverCall,
    make: &mut dyn FnMut() -> Result<(), ReadError>,
    stop: &AtomicBool,
) -> Option<CallLatency> {
    if stop.load(Ordering::Relaxed) {
        return None;
    }
    // Not timed: the first call may have to wake something up.
    let mut error = make().err();
    let limit_ns = match call.lane() {
        Lane::Hot | Lane::Edges => OFTEN_LIMIT_NS,
        Lane::Slow | Lane::Rare => SELDOM_LIMIT_NS,
    };
    let give_up_ns = monotonic_ns() + limit_ns;
    let mut durations_ns = Vec::with_capacity(CALLS);
    for _ in 0..CALLS {
        let before_ns = monotonic_ns();
        // A board that does not have it will not get it.
        if error == Some(ReadError::NotSupported) || before_ns >= give_up_ns || stop.load(Ordering::Relaxed) {
            break;
        }
        match make() {
            Ok(()) => durations_ns.push(monotonic_ns() - before_ns),
            Err(reason) => error = Some(reason),
        }
    }
    // Stopped before it said anything.
    (!durations_ns.is_empty() || error.is_some()).then(|| CallLatency {
        call,
        calls: durations_ns.len() as u64,
        durations: durations_of(durations_ns),
        error,
    })
}

fn durations_of(mut durations_ns: Vec<u64>) -> Option<Durations> {
    durations_ns.sort_unstable();
    let last = durations_ns.len().checked_sub(1)?;
    let microseconds = |percent: usize| durations_ns[last * percent / 100] as f64 / 1e3;
    Some(Durations { p50_us: microseconds(50), p99_us: microseconds(99), max_us: microseconds(100) })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[expect(clippy::unnecessary_wraps, reason = "the shape of a call")]
    fn sleepy() -> Result<(), ReadError> {
        std::thread::sleep(Duration::from_millis(20));
        Ok(())
    }

    #[test]
    fn a_call_that_takes_long_is_asked_less_often_and_least_where_the_sampler_seldom_makes_it() {
        let never = AtomicBool::new(false);
        for (call, least, most) in [(DriverCall::Power, 10, 50), (DriverCall::Processes, 3, 15)] {
            let found = timed(call, &mut sleepy, &never).expect("it was made");
            assert!((least..=most).contains(&found.calls), "{found:?}");
            let Durations { p50_us, p99_us, max_us } = found.durations.expect("it answered");
            assert!(p50_us >= 20_000.0 && p50_us <= p99_us && p99_us <= max_us, "{found:?}");
            assert_eq!(found.error, None);
        }
    }

    #[test]
    fn a_call_that_the_board_does_not_have_is_made_once_and_has_a_reason_instead_of_durations() {
        let mut made = 0;
        let mut unsupported = || {
            made += 1;
            Err(ReadError::NotSupported)
        };
        let found = timed(DriverCall::MemoryTemperature, &mut unsupported, &AtomicBool::new(false));
        let found = found.expect("it was made");
        assert_eq!((found.calls, found.durations), (0, None));
        assert_eq!((found.error, made), (Some(ReadError::NotSupported), 1));
    }

    #[test]
    fn a_call_that_fails_at_times_is_timed_where_it_answers() {
        let mut made = 0;
        let mut flaky = || {
            made += 1;
            if made % 2 == 0 { Err(ReadError::Driver(999)) } else { Ok(()) }
        };
        let found = timed(DriverCall::Power, &mut flaky, &AtomicBool::new(false)).expect("it was made");
        assert_eq!((found.calls, found.error), (500, Some(ReadError::Driver(999))));
        assert!(found.durations.is_some());
    }

    #[test]
    fn nothing_is_said_of_a_call_that_was_stopped_before_it_began() {
        assert!(timed(DriverCall::Power, &mut || Ok(()), &AtomicBool::new(true)).is_none());
    }

    #[test]
    fn every_call_has_a_name_of_its_own() {
        let names: std::collections::BTreeSet<_> = DriverCall::ALL.map(DriverCall::as_str).into();
        assert_eq!(names.len(), DriverCall::ALL.len());
    }
}
