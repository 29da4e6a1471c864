//! How long a counter shows one value: what it says at an edge may be so old.
//!
//! Documented is a millisecond for Intel's registers; a counter somebody else serves may take any time. A change that
//! is seen lies between two looks, so a value was shown at most from the look before it came to the look at which it
//! was gone, and at least from the first to the last look at it.

use crate::clock::{NS_PER_MS, NS_PER_S};

/// "This MSR is updated every ~1msec" (Intel SDM, volume 3, `MSR_PKG_ENERGY_STATUS`): no tick is taken to be shorter.
const SHORTEST_NS: u64 = NS_PER_MS;
/// After so long what was seen goes, when as much was seen anew.
const KEPT_NS: u64 = 10 * NS_PER_S;

/// The changes of one counter.
#[derive(Default)]
pub(super) struct Ticks {
    shown: Option<Shown>,
    seen: Seen,
    seen_before: Seen,
    seen_since_ns: u64,
    /// Values that were seen to come and to go.
    pub complete: u64,
}

/// The value that a counter shows.
struct Shown {
    uj: u64,
    /// The last look at the value before.
    before_ns: Option<u64>,
    first_ns: u64,
    last_ns: u64,
}

#[derive(Clone, Copy, Default)]
struct Seen {
    /// The shortest of the times within which a value both came and went.
    at_most_ns: Option<u64>,
    /// The longest time between two looks at one value.
    at_least_ns: u64,
}

impl Ticks {
    /// A look at the counter.
    pub fn see(&mut self, at_ns: u64, uj: u64) {
        if at_ns > self.seen_since_ns + KEPT_NS && self.seen.at_most_ns.is_some() {
            self.seen_before = std::mem::take(&mut self.seen);
            self.seen_since_ns = at_ns;
        }
        let before_ns = match &mut self.shown {
            Some(shown) if shown.uj == uj => {
                shown.last_ns = at_ns;
                return;
            }
            Some(shown) => {
                // The first value may be that of a counter which nobody had moved yet.
                if let Some(before_ns) = shown.before_ns {
                    self.seen.at_least_ns = self.seen.at_least_ns.max(shown.last_ns - shown.first_ns);
                    let within_ns = at_ns - before_ns;
                    let at_most_ns = self.seen.at_most_ns.map_or(within_ns, |ns| ns.min(within_ns));
                    self.seen.at_most_ns = Some(at_most_ns);
                    self.complete += 1;
                }
                Some(shown.last_ns)
            }
            None => None,
        };
        self.shown = Some(Shown { uj, before_ns, first_ns: at_ns, last_ns: at_ns });
    }

    /// It could not be read.
    pub fn lose(&mut self) {
        self.shown = None;
    }

    /// What is the longest that it shows one value; `None` as long as too few changes were seen. `rests`: it may count
    /// nothing for a while, so that a long time without a change is no tick.
    pub fn longest_ns(&self, rests: bool) -> Option<u64> {
        let at_most_ns = [self.seen, self.seen_before].iter().filter_map(|seen| seen.at_most_ns).min()?;
        let now_ns = self.shown.as_ref().map_or(0, |shown| shown.last_ns - shown.first_ns);
        let at_least_ns =
            if rests { 0 } else { self.seen.at_least_ns.max(self.seen_before.at_least_ns).max(now_ns) };
        Some(at_most_ns.max(at_least_ns).max(SHORTEST_NS))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Looks at a counter that ticks, so many microseconds apart, for 5 s.
    fn longest_us(tick_us: u64, apart_us: u64) -> Option<u64> {
        let mut ticks = Ticks::default();
        for at_us in (300..5_000_000).step_by(usize::try_from(apart_us).expect("a step")) {
            ticks.see(at_us * 1000, at_us / tick_us);
        }
        ticks.longest_ns(false).map(|ns| ns / 1000)
    }

    #[test]
    fn the_tick_is_at_most_what_was_seen_and_two_looks_more() {
        for (tick_us, apart_us) in [(1000, 200), (10_000, 500), (100_000, 5000), (1_000_000, 50_000)] {
            let longest_us = longest_us(tick_us, apart_us).expect("a tick");
            assert!((tick_us..=tick_us + 2 * apart_us).contains(&longest_us), "{longest_us} us");
        }
    }

    #[test]
    fn looks_that_each_see_a_change_know_no_better_than_their_distance() {
        assert_eq!(longest_us(1000, 250_000), Some(500_000));
    }

    #[test]
    fn one_change_is_no_tick() {
        assert_eq!(longest_us(3_000_000, 50_000), None);
    }

    #[test]
    fn what_may_rest_does_not_tick_slowly_for_that() {
        let mut ticks = Ticks::default();
        for (at_ms, uj) in [(0, 1), (1, 2), (2, 3), (3, 4), (2000, 4)] {
            ticks.see(at_ms * NS_PER_MS, uj);
        }
        assert_eq!(ticks.longest_ns(true), Some(2 * NS_PER_MS));
        assert_eq!(ticks.longest_ns(false), Some(1997 * NS_PER_MS));
    }
}
