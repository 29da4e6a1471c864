//! What the readings of the last seconds say of a moment, and of the time between two.

use super::comb::{Comb, Ticks, changes, standing};
use super::constants as known;
use super::continuous::Evidence;
use super::history::History;
use crate::clock::{NS_PER_S, seconds};
use crate::segment::Line;

/// A pause in the readings up to this long is bridged where they stand in for the counter.
const BRIDGED_NS: u64 = NS_PER_S / 2;

impl History {
    /// What the readings leave unknown at an edge (k = 1), joules. They are taken to show the power half an update
    /// period and half a window late, which is right on average; a step at the edge may be shown half an update period
    /// earlier or later, and how old a reading is is known as well as it was measured, if it was.
    pub fn readings_edge_j(&self, edge_ns: u64) -> Option<f64> {
        let sensor = self.sensor();
        let span_ns = sensor.delay_ns + sensor.update_period_ns + sensor.window_ns;
        let (low_w, high_w) = self.range_w(edge_ns.saturating_sub(span_ns), edge_ns + span_ns)?;
        let period_s = seconds(sensor.update_period_ns) / 12.0_f64.sqrt();
        Some((high_w - low_w) * period_s.hypot(self.delay_deviation_s().unwrap_or(known::DELAY_DEVIATION_S)))
    }

    /// How far the age of a reading may be from what is taken for it (k = 1), where it was measured.
    pub(super) fn delay_deviation_s(&self) -> Option<f64> {
        self.calibrated().sensor_delay_doubt_ns.map(|doubt_ns| seconds(doubt_ns) / known::COVERAGE_FACTOR)
    }

    /// The lowest and the highest reading around a moment: what the power may have been at it.
    pub fn range_around_w(&self, at_ns: u64) -> Option<(f64, f64)> {
        let lag_ns = self.sensor().lag_ns();
        let beside_ns = self.update_period_ns();
        self.range_w((at_ns + lag_ns).saturating_sub(beside_ns), at_ns + lag_ns + beside_ns)
    }

    /// The lowest and the highest reading from one moment to another.
    pub fn range_w(&self, from_ns: u64, to_ns: u64) -> Option<(f64, f64)> {
        let first = self.power.partition_point(|(at_ns, _)| *at_ns < from_ns);
        let readings = self.power.range(first..).take_while(|(at_ns, _)| *at_ns <= to_ns);
        readings.map(|(_, power_w)| (*power_w, *power_w)).reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
    }

    /// Joules of the readings between two moments, by the line through them, as old as they usually are.
    pub fn readings_between(&self, from_ns: u64, to_ns: u64) -> Option<Evidence> {
        self.readings_of(from_ns, to_ns, self.sensor().lag_ns())
    }

    pub(super) fn readings_of(&self, from_ns: u64, to_ns: u64, lag_ns: u64) -> Option<Evidence> {
        let first = self.power.partition_point(|(at_ns, _)| *at_ns < from_ns + lag_ns).saturating_sub(1);
        let mut line = Line::new(BRIDGED_NS);
        let (mut joules, mut covered_ns) = (0.0, 0);
        for (at_ns, power_w) in self.power.range(first..) {
            let piece = line.push(at_ns.saturating_sub(lag_ns), *power_w);
            if let Some(part) = piece.and_then(|piece| piece.clip(from_ns, to_ns)) {
                joules += part.area();
                covered_ns += part.duration_ns();
            }
            if at_ns.saturating_sub(lag_ns) > to_ns {
                break;
            }
        }
        (covered_ns > 0).then_some(Evidence { joules, covered_s: seconds(covered_ns) })
    }

    /// The ticks of the sensor between two moments, and what it published at each.
    pub(super) fn values_between(&self, from_ns: u64, to_ns: u64) -> (Vec<(u64, f64)>, u64) {
        let belief = self.belief();
        let changes = changes(&self.power);
        let around_ns = u64::midpoint(from_ns, to_ns);
        let comb =
            Comb::through(&changes, around_ns, self.update_period_ns(), belief.power_doubt_ns.unwrap_or(0));
        let ticks = Ticks::between(&changes, comb, from_ns, to_ns);
        (standing(&self.power, &ticks), ticks.doubt_ns)
    }
}
