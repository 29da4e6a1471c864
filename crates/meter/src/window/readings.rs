//! What the power readings say of a window, and what they leave unknown.

use super::device::DeviceWindow;
use super::edge::WindowEdge;
use crate::clock::seconds;
use crate::energy::constants as known;
use crate::energy::{Behind, Belief, History, Readings, SecondMean, root_of_squares};
use crate::sensor::Origin;

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
        // Where no limit is told, and none is known of the kind, nothing is taken to be hidden above what was seen.
        let belief = match (taken.origin, belief.limit_w) {
            (Origin::Sysfs | Origin::SysfsUnitAssumed, None) => Belief { limit_w: highest_w, ..belief },
            _ => belief,
        };
        // A mean over a second leaves each edge uncertain by half a second of the power.
        let averaging_j = sensor.averaging_ns().map_or(0.0, |span_ns| {
            seconds(span_ns) / known::COVERAGE_FACTOR * highest_w.unwrap_or(belief.limit_w())
        });
        let edges_j = start.readings_j.zip(end.readings_j).map(|(start_j, end_j)| {
            root_of_squares([start_j.max(slow_edge_j), end_j.max(slow_edge_j), averaging_j])
        });
        let (idle_w, limit_w) = (belief.idle_w(), belief.limit_w());
        // The ways to read the sensor are learned beside the counter. A blind one agrees with the readings whatever they miss,
        // so that of these the ways say nothing.
        let learned = belief.ways.unseen_share(sensor);
        let unseen_if_blind = learned.max(taken.unseen_share());
        let unseen = learned + belief.blind_share * (unseen_if_blind - learned);
        // Kernels that ran tell of a load that is seen only while it is low.
        let told_share = self.slow.busy_share(seconds(duration_ns));
        let busy_share = told_share.unwrap_or(0.0);
        // Where no kernel ran there is no load, in step or not, however much this board draws when it is idle: but not as
        // much as a load, for a driver may know of no kernel.
        let is_quiet = told_share.is_some_and(|share| share <= known::BUSY_SLACK)
            && highest_w.is_none_or(|watts| watts < known::QUIET_SHARE * limit_w);
        let is_busy = busy_share > known::BUSY_SHARE;
        let busy_s = if is_busy { (busy_share - known::BUSY_SLACK).max(0.0) * read_s } else { 0.0 };
        let behind = if is_quiet {
            Behind::default()
        } else {
            self.integral.evenness().behind(&belief, seconds(taken.update_period_ns), busy_s)
        };
        // A sensor that has not moved under a load may be stuck, and then sees nothing.
        let is_stuck = is_busy && self.integral.usual_step_w() <= 0.0;
        let unseen_in_step = if is_stuck { 1.0 } else { unseen_if_blind };
        let in_step_j = known::APART_SHARE * (unseen_in_step * behind.hidden_j + behind.low_j);
        // Of a sensor that nobody has tried, one that shows the same for long may have stopped: what was drawn meanwhile lies
        // anywhere between what is drawn without work and the most that was seen.
        let still = self.integral.longest_still();
        let may_have_stopped = taken.origin != Origin::Nvml
            && seconds(still.for_ns) >= known::STILL_PERIODS * seconds(taken.update_period_ns);
        let still_w = (still.at_w - idle_w).max(highest_w.unwrap_or(still.at_w) - still.at_w).max(0.0);
        let still_j = if may_have_stopped { still_w * seconds(still.for_ns) / 3.0_f64.sqrt() } else { 0.0 };
        let are_even = behind.length_s > known::EVEN_TIME * read_s;
        // Too few values to tell: each update period anything from idle to limit, by itself.
        let (length_s, period_s) = (seconds(duration_ns), seconds(taken.update_period_ns));
        let unknown_j = (limit_w - idle_w) * (unseen * length_s * period_s / 12.0).sqrt();
        let beyond = self.beyond.joules().map(|(joules, rest_s)| {
            let ranges_w = [start.range_w, end.range_w].map(|range_w| range_w.unwrap_or((idle_w, limit_w)));
            let edge_s = known::MEAN_EDGE_S.hypot(period_s / 12.0_f64.sqrt());
            // What the readings missed lies anywhere in an update period.
            let missed_j = joules / length_s * period_s / 6.0_f64.sqrt();
            let edges_j = ranges_w.map(|(low_w, high_w)| (high_w - low_w) * edge_s);
            let between_j = self.integral.sampling_deviation_j(taken, unseen).unwrap_or(unknown_j);
            let rest_j = between_j * (rest_s * (1.0 - rest_s).max(0.0) / length_s).sqrt();
            let resolution_j = known::DRIVER_RESOLUTION_W * length_s;
            let share_j = known::VALUE_NOISE_SHARE * self.integral.joules().unwrap_or(0.0);
            let deviation_j =
                root_of_squares([edges_j[0], edges_j[1], missed_j, rest_j, resolution_j, share_j]);
            SecondMean { beyond_j: joules, deviation_j, blind_share: belief.mean_blind_share }
        });
        Readings {
            mean: beyond,
            joules: self.integral.joules(),
            coverage: if duration_ns == 0 { 0.0 } else { covered_ns as f64 / duration_ns as f64 },
            longest_gap_s: self.integral.longest_gap_ns().map(seconds),
            between_j: self
                .integral
                .sampling_deviation_j(taken, unseen_if_blind)
                .map_or(unknown_j, |between_j| between_j.min(limit_w * read_s / known::COVERAGE_FACTOR)),
            sampling_j: if sensor == taken {
                self.integral.sampling_deviation_j(sensor, unseen)
            } else {
                self.integral.slow_deviation_j(sensor, unseen)
            }
            .map(|sampling_j| sampling_j.hypot(still_j)),
            edges_j,
            // The integral does not count them.
            gaps_j: open_s * highest_w.unwrap_or(limit_w),
            are_even,
            in_step_j: Some(in_step_j).filter(|joules| *joules > 0.0),
            impossible: self.impossible,
            longest_still: still,
        }
    }
}
