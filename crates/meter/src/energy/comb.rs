//! When a sensor or a counter ticks near a moment, by all of its changes around.

use std::collections::VecDeque;

use super::rhythm::SHARP_NS;
use crate::clock::NS_PER_MS;

/// Changes this far from a moment tell the phase of the ticks there: over it, a period that is a thousandth off shifts
/// a tick by a millisecond.
const REACH_NS: u64 = 1_000 * NS_PER_MS;
/// By how much a change may contradict the others and still be one of the same ticks.
const SLACK_NS: i64 = 1_000_000;
/// Nothing says that a driver ticks more evenly than this.
const LEAST_DOUBT_NS: u64 = NS_PER_MS / 2;
/// Where fewer of the changes agree, the ticks jitter and have no common phase.
const AGREEING_SHARE: f64 = 0.75;

/// A change of what is published, between two reads.
#[derive(Clone, Copy, Debug)]
pub(super) struct Change<T> {
    /// The middle of the two reads.
    pub at_ns: u64,
    /// Half their distance.
    pub doubt_ns: u64,
    pub after: T,
}

impl<T> Change<T> {
    pub fn is_sharp(&self) -> bool {
        2 * self.doubt_ns <= SHARP_NS
    }
}

/// The changes between neighbouring reads.
pub(super) fn changes<T: Copy + PartialEq>(reads: &VecDeque<(u64, T)>) -> Vec<Change<T>> {
    let pairs = reads.iter().zip(reads.iter().skip(1));
    pairs
        .filter(|(before, after)| before.1 != after.1)
        .map(|(before, after)| Change {
            at_ns: before.0 + (after.0 - before.0) / 2,
            doubt_ns: (after.0 - before.0) / 2,
            after: after.1,
        })
        .collect()
}

/// Evenly spaced ticks: each change confines them to the time between two reads, all together to less.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_field_names, reason = "the unit is in every name")]
pub(super) struct Comb {
    tick_ns: u64,
    pub doubt_ns: u64,
    pub period_ns: u64,
}

impl Comb {
    /// The ticks before and after one that is known so well.
    pub fn at(tick_ns: u64, doubt_ns: u64, period_ns: u64) -> Self {
        Self { tick_ns, doubt_ns: doubt_ns.max(LEAST_DOUBT_NS), period_ns }
    }

    /// The ticks that most of the changes around a moment agree on; `None` without changes, or where too few agree.
    /// `period_doubt_ns`: how far the period may be off.
    pub fn through<T>(
        changes: &[Change<T>],
        around_ns: u64,
        period_ns: u64,
        period_doubt_ns: u64,
    ) -> Option<Self> {
        let near: Vec<(u64, u64)> = changes
            .iter()
            .filter(|change| change.is_sharp() && change.at_ns.abs_diff(around_ns) <= REACH_NS)
            // Counted from the moment, each period in between adds its doubt.
            .map(|change| {
                let periods = change.at_ns.abs_diff(around_ns) / period_ns;
                (change.at_ns, change.doubt_ns + periods * period_doubt_ns)
            })
            .collect();
        let combs = near.iter().map(|first| Self::from(*first, &near, period_ns));
        let (comb, agreeing) = combs.max_by_key(|(_, agreeing)| *agreeing)?;
        (agreeing as f64 >= AGREEING_SHARE * near.len() as f64).then_some(comb)
    }

    /// The ticks in step with one change, confined by those changes that agree with it, and how many do.
    #[expect(clippy::cast_possible_wrap, clippy::cast_sign_loss, reason = "times are far below 2^63")]
    fn from(first: (u64, u64), near: &[(u64, u64)], period_ns: u64) -> (Self, usize) {
        let (at_ns, doubt_ns, period) = (first.0 as i64, first.1 as i64, period_ns as i64);
        let (mut low_ns, mut high_ns) = (at_ns - doubt_ns, at_ns + doubt_ns);
        let mut agreeing = 0;
        for (tick_ns, doubt_ns) in near {
            let since_ns = *tick_ns as i64 - at_ns;
            let numbers = (since_ns + since_ns.signum() * period / 2) / period;
            let (tick_ns, doubt_ns) = (*tick_ns as i64 - numbers * period, *doubt_ns as i64);
            let (low, high) = (low_ns.max(tick_ns - doubt_ns), high_ns.min(tick_ns + doubt_ns));
            if low <= high + SLACK_NS {
                (low_ns, high_ns) = (low.min(high), high.max(low));
                agreeing += 1;
            }
        }
        let half_ns = (high_ns - low_ns) / 2;
        let doubt_ns = (half_ns as u64).max(LEAST_DOUBT_NS);
        (Self { tick_ns: (low_ns + half_ns) as u64, doubt_ns, period_ns }, agreeing)
    }

    /// The first tick from a moment on.
    pub fn first_from(self, at_ns: u64) -> u64 {
        if self.tick_ns >= at_ns {
            self.tick_ns - (self.tick_ns - at_ns) / self.period_ns * self.period_ns
        } else {
            self.tick_ns + (at_ns - self.tick_ns).div_ceil(self.period_ns) * self.period_ns
        }
    }
}

/// Moments at which something was published, in order, and how far each may be off (a bound).
#[derive(Clone, Debug, Default)]
pub(super) struct Ticks {
    pub at_ns: Vec<u64>,
    pub doubt_ns: u64,
}

impl Ticks {
    /// Between two moments: even ones where the changes agree on them, else the changes themselves.
    pub fn between<T>(changes: &[Change<T>], comb: Option<Comb>, from_ns: u64, to_ns: u64) -> Self {
        if let Some(comb) = comb {
            let first_ns = comb.first_from(from_ns);
            let step = usize::try_from(comb.period_ns).unwrap_or(usize::MAX);
            return Self { at_ns: (first_ns..=to_ns).step_by(step).collect(), doubt_ns: comb.doubt_ns };
        }
        let sharp = || {
            let within = |change: &&Change<T>| (from_ns..=to_ns).contains(&change.at_ns);
            changes.iter().filter(|change| change.is_sharp()).filter(within)
        };
        let doubt_ns = sharp().map(|change| change.doubt_ns).max().unwrap_or(0).max(LEAST_DOUBT_NS);
        Self { at_ns: sharp().map(|change| change.at_ns).collect(), doubt_ns }
    }
}

/// What stood after each tick, where it was read before the next one and beyond the doubt about both.
pub(super) fn standing<T: Copy>(reads: &VecDeque<(u64, T)>, ticks: &Ticks) -> Vec<(u64, T)> {
    let value_after = |(k, tick_ns): (usize, &u64)| {
        let next_ns = ticks.at_ns.get(k + 1).copied().unwrap_or(u64::MAX);
        let first = reads.partition_point(|(read_ns, _)| *read_ns < tick_ns + ticks.doubt_ns);
        let (read_ns, value) = reads.get(first)?;
        (read_ns.saturating_add(ticks.doubt_ns) < next_ns).then_some((*tick_ns, *value))
    };
    ticks.at_ns.iter().enumerate().filter_map(value_after).collect()
}
