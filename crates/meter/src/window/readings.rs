//! What the power readings say of a window, and what they leave unknown.

use super::device::{DeviceWindow, WindowEdge};
use crate::clock::seconds;
use crate::energy::constants as known;
use crate::energy::{History, Readings, root_of_squares};

impl DeviceWindow {
    /// What the readings say of the window.
    pub(super) fn readings(
        &self,
        duration_ns: u64,
        start: &WindowEdge,
        end: &WindowEdge,
        history: &History,
    ) -> Readings {
        let (taken, belief) = (history.sensor(), history.belief());
        let sensor = self.integral.seen_sensor(taken, belief.power_ns.is_some());
        // One value stands around each edge for as long as a slow sensor takes to the next.
        let slow_edge_j = if sensor == taken {
            0.0
        } else {
            self.integral.usual_step_w() * seconds(sensor.update_period_ns) / 12.0_f64.sqrt()
        };
        let covered_ns = self.integral.covered_ns().min(duration_ns);
        let (read_s, open_s) = (seconds(covered_ns), seconds(duration_ns - covered_ns));
        let highest_w = self.integral.max_power_w();
        // A mean over a second leaves each edge uncertain by half a second of the power.
        let averaging_j = sensor.averaging_ns().map_or(0.0, |span_ns| {
            seconds(span_ns) / known::COVERAGE_FACTOR * highest_w.unwrap_or(belief.limit_w())
        });
        let edges_j = start.readings_j.zip(end.readings_j).map(|(start_j, end_j)| {
            root_of_squares([start_j.max(slow_edge_j), end_j.max(slow_edge_j), averaging_j])
        });
        let (idle_w, limit_w) = (belief.idle_w(), belief.limit_w());
        let unseen = belief.ways.unseen_share(sensor);
        let mean_w = self.integral.mean_power_w();
        let active_w = mean_w.map_or(0.0, |mean_w| mean_w - idle_w);
        let noise_w = 3.0 * 6.0_f64.sqrt() * belief.noise_w;
        let are_even = self
            .integral
            .unevenness_w(sensor)
            .is_some_and(|unevenness_w| unevenness_w < noise_w.max(known::STEADY_SHARE * active_w));
        let in_step_j = mean_w.and_then(|mean_w| {
            let hidden_w = (limit_w - mean_w).max(active_w) * unseen;
            let is_load = active_w > known::LOAD_SHARE * idle_w;
            (are_even && is_load && hidden_w > 0.0).then(|| hidden_w * read_s / known::COVERAGE_FACTOR)
        });
        Readings {
            joules: self.integral.joules(),
            coverage: if duration_ns == 0 { 0.0 } else { covered_ns as f64 / duration_ns as f64 },
            longest_gap_s: self.integral.longest_gap_ns().map(seconds),
            between_j: self
                .integral
                .sampling_deviation_j(taken, unseen)
                .map_or(0.0, |between_j| between_j.min(limit_w * read_s / known::COVERAGE_FACTOR)),
            sampling_j: if sensor == taken {
                self.integral.sampling_deviation_j(sensor, unseen)
            } else {
                self.integral.slow_deviation_j(sensor, unseen)
            },
            edges_j,
            // The integral does not count them.
            gaps_j: open_s * highest_w.unwrap_or(limit_w),
            are_even,
            in_step_j,
            impossible: self.impossible,
        }
    }
}
