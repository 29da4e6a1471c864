//! When the thread looks at the counters next.

use super::State;
use crate::clock::{NS_PER_MS, NS_PER_S};

/// Far less than the minute in which a counter may wrap (Intel SDM, volume 3, `MSR_PKG_ENERGY_STATUS`), and a part of
/// the second after which one that stands still is out of order.
pub(super) const LOOK_NS: u64 = 250 * NS_PER_MS;
/// How closely the thread looks for the tick at first; then a part of the time that it has looked, so that the tick is
/// known to within a part of itself.
const CLOSEST_NS: u64 = NS_PER_MS / 5;
const CLOSE_PART: u64 = 20;
const FARTHEST_NS: u64 = 50 * NS_PER_MS;
/// Values that have to come and go.
const ENOUGH_TICKS: u64 = 3;
/// For how long it looks closely at most, and how long after that again.
const CLOSELY_NS: u64 = 4 * NS_PER_S;
const AGAIN_NS: u64 = 5 * NS_PER_S;

/// Closely until it has seen every counter tick, then rarely.
pub(super) struct Closely {
    since_ns: u64,
    /// How many ticks it had seen of each when it began to.
    complete: Vec<u64>,
    is_over: bool,
}

impl Closely {
    pub fn from(state: &State, now_ns: u64) -> Self {
        let complete = state.zones.iter().map(|zone| zone.ticks.complete).collect();
        Self { since_ns: now_ns, complete, is_over: false }
    }

    pub fn rest_ns(&mut self, state: &State, now_ns: u64) -> u64 {
        if self.is_over && now_ns >= self.since_ns + AGAIN_NS {
            *self = Self::from(state, now_ns);
        }
        let looked_ns = now_ns.saturating_sub(self.since_ns);
        self.is_over |= looked_ns >= CLOSELY_NS || self.has_enough(state);
        if self.is_over {
            return LOOK_NS;
        }
        (looked_ns / CLOSE_PART).clamp(CLOSEST_NS, FARTHEST_NS)
    }

    /// Cores and graphics may rest, and are waited for no longer than for what does not.
    fn has_enough(&self, state: &State) -> bool {
        let mut zones = state.zones.iter().zip(&self.complete).filter(|(zone, _)| zone.kind.never_rests());
        zones.all(|(zone, complete)| zone.ticks.complete >= complete + ENOUGH_TICKS)
    }
}
