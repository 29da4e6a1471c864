//! The phase of what a device publishes: when it did so first in a window.

/// When something first appeared after the left edge of a window, and how far that may be off (k = 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FirstUpdate {
    /// Since the left edge: at least 0 and less than a period.
    pub after_ns: u64,
    /// How far it may be off.
    pub doubt_ns: u64,
}

/// Of the power sensor and the energy counter of a device; `None` where it is not known to a quarter of a period.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FirstUpdates {
    /// Of the power sensor.
    pub power: Option<FirstUpdate>,
    /// Of the energy counter.
    pub counter: Option<FirstUpdate>,
}

impl FirstUpdates {
    /// `ticks`: the first ones after the edge and how far each may be off, of the sensor and of the counter.
    pub(super) fn after(edge_ns: u64, ticks: [Option<(u64, u64)>; 2]) -> Self {
        let [power, counter] = ticks.map(|tick| {
            tick.map(|(tick_ns, doubt_ns)| FirstUpdate {
                after_ns: tick_ns.saturating_sub(edge_ns),
                doubt_ns,
            })
        });
        Self { power, counter }
    }

    /// What is known better of two looks at the same edge: near it the line through the changes has not strayed from
    /// them, later it rests on more of them.
    pub(super) fn or_better(self, other: Self) -> Self {
        let better = |one: Option<FirstUpdate>, other: Option<FirstUpdate>| {
            [one, other].into_iter().flatten().min_by_key(|update| update.doubt_ns)
        };
        Self { power: better(self.power, other.power), counter: better(self.counter, other.counter) }
    }

    /// Counted in the periods that are reported beside them, which by the end are known a little better than when the
    /// edge was judged; without a period there is no phase.
    pub(super) fn within(self, power_period_ns: Option<u64>, counter_period_ns: Option<u64>) -> Self {
        let within = |update: Option<FirstUpdate>, period_ns: Option<u64>| {
            let (update, period_ns) = update.zip(period_ns.filter(|period_ns| *period_ns > 0))?;
            Some(FirstUpdate { after_ns: update.after_ns % period_ns, ..update })
        };
        Self { power: within(self.power, power_period_ns), counter: within(self.counter, counter_period_ns) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::unnecessary_wraps, reason = "as it is told")]
    fn update(after_ns: u64, doubt_ns: u64) -> Option<FirstUpdate> {
        Some(FirstUpdate { after_ns, doubt_ns })
    }

    #[test]
    fn the_look_that_doubts_less_counts_for_each_of_the_two() {
        let early = FirstUpdates::after(1000, [Some((1030, 5)), None]);
        let late = FirstUpdates::after(1000, [Some((1020, 9)), Some((1007, 3))]);
        for best in [early.or_better(late), late.or_better(early)] {
            assert_eq!(best, FirstUpdates { power: update(30, 5), counter: update(7, 3) });
        }
    }

    #[test]
    fn a_first_update_is_less_than_a_period_after_the_edge_and_none_without_one() {
        let updates = FirstUpdates { power: update(101, 5), counter: update(7, 3) };
        assert_eq!(updates.within(Some(100), None), FirstUpdates { power: update(1, 5), counter: None });
        assert_eq!(updates.within(Some(0), Some(20)).power, None);
    }
}
