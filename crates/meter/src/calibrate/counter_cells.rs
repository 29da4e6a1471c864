//! What an energy counter has counted between its ticks, and what the readings of the same time come to.

use super::averaging_window::PowerTick;
use super::load_fit::Seen;
use crate::clock::{NS_PER_S, seconds};

/// A value that the counter published, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CounterTick {
    /// The middle of the two reads that it first shows between.
    pub at_ns: u64,
    /// The value in millijoules.
    pub energy_mj: u64,
}

/// A longer time between two ticks is a stall.
const LONGEST_CELL_NS: u64 = 2 * NS_PER_S;
/// What was counted between two ticks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cell {
    pub from_ns: u64,
    pub to_ns: u64,
    pub power_w: f64,
}

impl Seen for Cell {
    fn at_ns(&self) -> u64 {
        self.to_ns
    }

    fn power_w(&self) -> f64 {
        self.power_w
    }
}

/// `None` where the counter fell or stood still for long.
pub(super) fn cell(before: CounterTick, after: CounterTick) -> Option<Cell> {
    let energy_mj = after.energy_mj.checked_sub(before.energy_mj)?;
    let length_ns = after.at_ns - before.at_ns;
    (length_ns <= LONGEST_CELL_NS).then(|| Cell {
        from_ns: before.at_ns,
        to_ns: after.at_ns,
        power_w: energy_mj as f64 / 1e3 / seconds(length_ns),
    })
}

/// The sensor's values with those that repeat, and the time from the one before.
pub(super) struct Readings {
    pub period_ns: u64,
    at: Vec<(u64, f64)>,
}

impl Readings {
    pub fn of(ticks: &[PowerTick], period_ns: u64) -> Self {
        let period_ns = period_ns.max(1);
        let mut at: Vec<(u64, f64)> = Vec::with_capacity(ticks.len());
        for tick in ticks {
            // What repeats was no change.
            while let Some((before_ns, before_w)) = at.last().copied()
                && before_ns + 3 * period_ns / 2 < tick.at_ns
            {
                at.push((before_ns + period_ns, before_w));
            }
            at.push((tick.at_ns, tick.power_w));
        }
        Self { period_ns, at }
    }

    /// What the readings of a cell come to, as a mean power.
    pub fn mean_w(&self, cell: &Cell, delay_ns: f64) -> f64 {
        let (from_ns, to_ns) = (cell.from_ns as f64 - delay_ns, cell.to_ns as f64 - delay_ns);
        let first = self.at.partition_point(|(at_ns, _)| *at_ns as f64 <= from_ns);
        let of_cell = self.at[first..].iter().take_while(|(at_ns, _)| *at_ns as f64 <= to_ns);
        let joules: f64 = of_cell.map(|(_, power_w)| power_w * seconds(self.period_ns)).sum();
        joules / seconds(cell.to_ns - cell.from_ns)
    }
}
