//! What a power sensor published around an edge: each value with the time that it is the mean of.

use std::collections::VecDeque;

use super::counter::Tick;
use super::sensor::Sensor;
use super::sharing::Seen;
use crate::clock::NS_PER_MS;

/// Changes this far from an edge tell the phase of the ticks there: over it, a period that is a thousandth off shifts
/// a tick by a millisecond.
const PHASE_REACH_NS: u64 = 1_000 * NS_PER_MS;
/// By how much a change may contradict the others and still be one of the same ticks.
const SLACK_NS: i64 = 1_000_000;

/// Nothing says that a driver ticks more evenly than this.
const LEAST_DOUBT_NS: u64 = NS_PER_MS / 2;

/// The ticks of a sensor or a counter near an edge: each change confines them to the time between two reads, all together to less.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_field_names, reason = "the unit is in every name")]
pub(super) struct Comb {
    tick_ns: u64,
    pub doubt_ns: u64,
    period_ns: u64,
}

/// The values that a sensor published around an edge, in the order of their times.
#[derive(Clone, Debug, Default)]
pub(super) struct Published {
    pub values: Vec<Seen>,
    /// How far the times may be off.
    pub doubt_ns: u64,
}

impl Published {
    /// `reads`: the power as it was read. `ticks`: its changes. `period_ns`: between two published values.
    pub fn around(
        edge_ns: u64,
        reads: &VecDeque<(u64, f64)>,
        ticks: &[Tick],
        sensor: Sensor,
        period_doubt_ns: u64,
    ) -> Self {
        let Some(first_ns) = reads.front().map(|(at_ns, _)| *at_ns) else { return Self::default() };
        // Readings that never changed are the same at any phase.
        let comb = Comb::through(ticks, edge_ns, sensor.update_period_ns, period_doubt_ns).unwrap_or(Comb {
            tick_ns: first_ns,
            doubt_ns: 0,
            period_ns: sensor.update_period_ns,
        });
        let span_ns = sensor.window_ns + sensor.delay_ns;
        let mut values = Vec::new();
        let mut reads = reads.iter();
        let mut tick_ns = comb.after(first_ns.max(edge_ns.saturating_sub(PHASE_REACH_NS + span_ns)));
        // Half a period after a tick it is beyond doubt which value stands.
        let half_ns = comb.period_ns / 2;
        while let Some((read_ns, power_w)) = reads.find(|(at_ns, _)| *at_ns >= tick_ns + half_ns) {
            tick_ns += (read_ns - tick_ns - half_ns) / comb.period_ns * comb.period_ns;
            if *read_ns < tick_ns + comb.period_ns {
                let end_ns = tick_ns.saturating_sub(sensor.delay_ns);
                values.push(Seen {
                    start_ns: end_ns.saturating_sub(sensor.window_ns),
                    end_ns,
                    power_w: *power_w,
                });
            }
            tick_ns += comb.period_ns;
        }
        Self { values, doubt_ns: comb.doubt_ns }
    }

    /// The last value whose time ended before a moment.
    pub fn before(&self, at_ns: u64) -> Option<f64> {
        self.values.iter().rev().find(|seen| seen.end_ns <= at_ns).map(|seen| seen.power_w)
    }

    /// The first value whose time began after a moment.
    pub fn after(&self, at_ns: u64) -> Option<f64> {
        self.values.iter().find(|seen| seen.start_ns >= at_ns).map(|seen| seen.power_w)
    }
}

impl Comb {
    /// The ticks that most of the changes around an edge agree on. `period_doubt_ns`: how far the period may be off.
    pub fn through(ticks: &[Tick], edge_ns: u64, period_ns: u64, period_doubt_ns: u64) -> Option<Self> {
        let near: Vec<(u64, u64)> = ticks
            .iter()
            .filter(|tick| tick.sharp && tick.at_ns.abs_diff(edge_ns) <= PHASE_REACH_NS)
            // Counted from the edge, each period in between adds its doubt.
            .map(|tick| {
                let periods = tick.at_ns.abs_diff(edge_ns) / period_ns;
                (tick.at_ns, tick.doubt_ns + periods * period_doubt_ns)
            })
            .collect();
        let combs = near.iter().map(|first| Self::from(*first, &near, period_ns));
        combs.max_by_key(|(_, agreeing)| *agreeing).map(|(comb, _)| comb)
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

    /// The tick nearest to a moment.
    pub fn nearest(self, at_ns: u64) -> u64 {
        self.after(at_ns.saturating_sub(self.period_ns / 2))
    }

    /// The first tick from a moment on.
    fn after(self, at_ns: u64) -> u64 {
        if self.tick_ns >= at_ns {
            self.tick_ns - (self.tick_ns - at_ns) / self.period_ns * self.period_ns
        } else {
            self.tick_ns + (at_ns - self.tick_ns).div_ceil(self.period_ns) * self.period_ns
        }
    }
}
