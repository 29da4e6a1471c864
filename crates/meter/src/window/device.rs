//! One device of a window, in constant size however long the window is.

use super::first_update::FirstUpdates;
use super::report::DeviceReport;
use super::{EDGE_SPAN_NS, GapCaps};
use crate::clock::seconds;
use crate::downsample::Downsampler;
use crate::energy::{
    CounterEdge, Estimates, GAIN_PCT, History, Integral, Periods, SHARP_NS, Uncertainty, Verdict, choose,
    root_of_squares,
};
use crate::sample::{Sample, ThrottleTimes};
use crate::source::ReadError;
use crate::tenancy::Tenancy;

/// The left edge is judged as soon as enough was read after it, while the history still reaches back to it.
enum StartEdge {
    Ahead,
    Judged(Edge),
}

/// What the last seconds of readings say of an edge.
#[derive(Clone, Copy)]
struct Edge {
    counter: Option<CounterEdge>,
    integral_uncertainty_j: Option<f64>,
    /// What was known of the rhythms by then.
    periods: Periods,
    first_updates: FirstUpdates,
}

impl Edge {
    fn of(history: &History, edge_ns: u64) -> Self {
        Self {
            counter: history.counter_at(edge_ns),
            integral_uncertainty_j: history.power_edge_uncertainty_j(edge_ns),
            periods: history.periods(),
            first_updates: FirstUpdates::after(edge_ns, history.next_updates(edge_ns)),
        }
    }
}

/// What one device adds to a window.
pub(crate) struct DeviceWindow {
    start_ns: u64,
    end_ns: u64,
    /// How long after its left edge that is judged.
    edge_span_ns: u64,
    /// By how much later than the power the readings are: subtracted from the time of each.
    lag_ns: u64,
    /// What was known of the rhythms when it opened.
    opened_with: Periods,
    integral: Integral,
    pub downsampler: Downsampler,
    start_edge: StartEdge,
    counter: CounterTrack,
    pub tenancy: Tenancy,
    pub last_sample_ns: u64,
    missing: u64,
    missing_reason: Option<ReadError>,
    temperature_start_c: Option<u32>,
    temperature_end_c: Option<u32>,
    temperature_max_c: Option<u32>,
    memory_used_max_bytes: Option<u64>,
    throttle_reasons: Option<u64>,
    throttle_first: Option<ThrottleTimes>,
    throttle_last: Option<ThrottleTimes>,
    throttle_complete: bool,
}

impl DeviceWindow {
    /// `history`: the device's last seconds. `before`: its last sample with a power reading.
    pub fn new(
        device: usize,
        start_ns: u64,
        caps: GapCaps,
        history: &History,
        before: Option<&Sample>,
    ) -> Self {
        let lag_ns = history.sensor().lag_ns();
        let mut integral = Integral::new(start_ns, caps.power_ns);
        if let Some((at_ns, power_w)) = before.and_then(|sample| Some((sample.at_ns, sample.power_w()?))) {
            integral.push(at_ns.saturating_sub(lag_ns), power_w);
        }
        Self {
            start_ns,
            end_ns: u64::MAX,
            edge_span_ns: EDGE_SPAN_NS,
            lag_ns,
            opened_with: history.periods(),
            integral,
            // A power reading is of the time before it.
            downsampler: Downsampler::new(
                device,
                start_ns,
                caps.slow_ns,
                caps.slow_ns.max(caps.power_ns + lag_ns),
            ),
            start_edge: StartEdge::Ahead,
            counter: CounterTrack::default(),
            tenancy: Tenancy::default(),
            last_sample_ns: 0,
            missing: 0,
            missing_reason: None,
            temperature_start_c: None,
            temperature_end_c: None,
            temperature_max_c: None,
            memory_used_max_bytes: None,
            throttle_reasons: None,
            throttle_first: None,
            throttle_last: None,
            throttle_complete: false,
        }
    }

    pub fn close(&mut self, end_ns: u64) {
        self.end_ns = end_ns;
        self.integral.close(end_ns);
        self.downsampler.close(end_ns);
    }

    /// Judges the left edge only so long after it.
    pub fn look_on(&mut self, edge_span_ns: u64) {
        self.edge_span_ns = edge_span_ns;
    }

    pub fn push(&mut self, sample: &Sample, inside: bool, history: &History) {
        self.last_sample_ns = sample.at_ns;
        match sample.power_mw {
            Ok(power_mw) => {
                let at_ns = sample.at_ns.saturating_sub(self.lag_ns);
                if let Some(piece) = self.integral.push(at_ns, f64::from(power_mw) / 1000.0) {
                    self.downsampler.push_power(&piece);
                }
            }
            Err(reason) if inside => {
                self.missing += 1;
                self.missing_reason = Some(reason);
            }
            Err(_) => {}
        }
        if let Some(slow) = &sample.slow {
            self.downsampler.push_slow(sample.at_ns, slow);
            if inside {
                self.temperature_start_c = self.temperature_start_c.or(slow.temperature_c);
                self.temperature_end_c = slow.temperature_c.or(self.temperature_end_c);
                self.temperature_max_c = self.temperature_max_c.max(slow.temperature_c);
                self.memory_used_max_bytes = self.memory_used_max_bytes.max(slow.memory_used_bytes);
                if let Some(reasons) = slow.throttle_reasons {
                    self.throttle_reasons = Some(self.throttle_reasons.unwrap_or(0) | reasons);
                }
            }
        }
        // Up to the first read after the right edge, which ends the last gap.
        if let Some(counter) = sample.counter
            && sample.at_ns >= self.start_ns
            && self.counter.last.is_none_or(|(last_ns, _)| last_ns < self.end_ns)
        {
            self.counter.push(counter.at_ns, counter.energy_mj);
        }
        // Read at the edges of every window: the first one from its start on is this window's left edge, and the first
        // one after its end is its right edge.
        if let Some(throttle) = sample.throttle
            && sample.at_ns >= self.start_ns
            && !self.throttle_complete
        {
            self.throttle_first = self.throttle_first.or(Some(throttle));
            self.throttle_last = Some(throttle);
            self.throttle_complete = sample.at_ns >= self.end_ns;
        }
        if matches!(self.start_edge, StartEdge::Ahead) && sample.at_ns >= self.start_ns + self.edge_span_ns {
            self.start_edge = StartEdge::Judged(Edge::of(history, self.start_ns));
        }
    }

    /// What was known of the rhythms when the window opened, when its left edge was judged and now, when its right
    /// edge is.
    pub fn periods(&self, history: &History) -> [Periods; 3] {
        let start = match &self.start_edge {
            StartEdge::Judged(edge) => edge.periods,
            StartEdge::Ahead => history.periods(),
        };
        [self.opened_with, start, history.periods()]
    }

    /// When sensor and counter first published in the window, as far as that is known by now.
    pub fn first_updates(&self, history: &History) -> FirstUpdates {
        let now = FirstUpdates::after(self.start_ns, history.next_updates(self.start_ns));
        let best = match &self.start_edge {
            StartEdge::Judged(edge) => now.or_better(edge.first_updates),
            StartEdge::Ahead => now,
        };
        best.within(history.measured_update_period_ns(), history.counter_period_ns())
    }

    /// `counter_test`: what the counter's test on a steady load said.
    pub fn report(self, duration_ns: u64, history: &History, counter_test: Option<Verdict>) -> DeviceReport {
        let first_updates = self.first_updates(history);
        let sensor = history.sensor();
        let averaging_ns = sensor.averaging_ns();
        let start = match self.start_edge {
            StartEdge::Judged(edge) => edge,
            StartEdge::Ahead => Edge::of(history, self.start_ns),
        };
        let end = Edge::of(history, self.end_ns);
        let counter_edges = start.counter.zip(end.counter).filter(|_| !self.counter.fell);
        let coverage =
            if duration_ns == 0 { 0.0 } else { self.integral.covered_ns() as f64 / duration_ns as f64 };
        let gap_s = seconds(duration_ns - self.integral.covered_ns().min(duration_ns));
        let update_period_s = seconds(sensor.update_period_ns);
        let integral_j = self.integral.joules();
        // Between two ticks the correction may come out a hair below zero on an idle device.
        let counter_j = counter_edges.map(|(start, end)| (end.corrected_j - start.corrected_j).max(0.0));
        let integral_uncertainty = Uncertainty {
            sampling_j: self.integral.sampling_uncertainty_j(sensor),
            edges_j: self.integral_edges_j(start, end, averaging_ns),
            // The integral does not count them.
            gaps_j: self.integral.max_power_w().map(|power_w| gap_s * power_w),
            ..Uncertainty::default()
        };
        let counter_uncertainty =
            counter_edges.map_or_else(Uncertainty::default, |(start, end)| Uncertainty {
                edges_j: Some(root_of_squares([start.share_uncertainty_j, end.share_uncertainty_j])),
                counter_tick_j: Some(root_of_squares([start.tick_uncertainty_j, end.tick_uncertainty_j])),
                ..Uncertainty::default()
            });
        let headline = choose(&Estimates {
            duration_s: seconds(duration_ns),
            update_period_s,
            averaging_s: averaging_ns.map(seconds),
            integral_j,
            coverage,
            longest_gap_s: self.integral.longest_gap_ns().map(seconds),
            integral_parts: integral_uncertainty,
            counter_j,
            counter_reads: self.counter.reads,
            counter_ticks: self.counter.ticks(history.counter_period_ns()),
            counter_parts: counter_uncertainty,
            counter_test,
        });
        let headline_w = headline.total_j.map(|joules| joules / seconds(duration_ns));
        DeviceReport {
            gain_pct: headline.total_j.map(|_| GAIN_PCT),
            headline,
            counter_test,
            integral_j,
            integral_uncertainty,
            counter_j,
            counter_uncertainty,
            counter_raw_j: counter_edges.map(|(start, end)| end.raw_j - start.raw_j),
            coverage,
            gap_s,
            readings: self.integral.readings(),
            missing: self.missing,
            missing_reason: self.missing_reason.map(|reason| reason.to_string()),
            mean_power_w: headline_w.or(self.integral.mean_power_w()),
            max_power_w: self.integral.max_power_w(),
            temperature_start_c: self.temperature_start_c,
            temperature_end_c: self.temperature_end_c,
            temperature_max_c: self.temperature_max_c,
            memory_used_max_bytes: self.memory_used_max_bytes,
            throttle_reasons: self.throttle_reasons,
            throttled_ns: elapsed(self.throttle_first, self.throttle_last),
            tenancy: self.tenancy,
            sensor,
            lag_ns: self.lag_ns,
            counter_period_ns: history.counter_period_ns(),
            measured_update_period_ns: history.measured_update_period_ns(),
            first_updates,
        }
    }

    /// What the readings leave unknown at the two edges (k = 2), joules. A mean over a second leaves each edge
    /// uncertain by half a second of the power.
    fn integral_edges_j(&self, start: Edge, end: Edge, averaging_ns: Option<u64>) -> Option<f64> {
        let averaging_j = match averaging_ns {
            Some(span_ns) => seconds(span_ns) * self.integral.max_power_w()?,
            None => 0.0,
        };
        let (start_j, end_j) = start.integral_uncertainty_j.zip(end.integral_uncertainty_j)?;
        Some(root_of_squares([start_j, end_j, averaging_j]))
    }
}

/// Whether the counter lives and only ever rises.
#[derive(Default)]
struct CounterTrack {
    last: Option<(u64, u64)>,
    reads: u64,
    changes: u64,
    /// The time between reads that differ, where it may hold more than one tick.
    sparse_ns: u64,
    sparse_changes: u64,
    fell: bool,
}

impl CounterTrack {
    fn push(&mut self, at_ns: u64, energy_mj: u64) {
        self.reads += 1;
        if let Some((last_ns, last_mj)) = self.last
            && energy_mj != last_mj
        {
            let gap_ns = at_ns - last_ns;
            self.changes += 1;
            if gap_ns > SHARP_NS {
                self.sparse_changes += 1;
                self.sparse_ns += gap_ns;
            }
            self.fell |= energy_mj < last_mj;
        }
        self.last = Some((at_ns, energy_mj));
    }

    /// How often the counter ticked: each change is a tick, and one over a long gap as many as fit into it.
    fn ticks(&self, period_ns: Option<u64>) -> u64 {
        let in_gaps = period_ns.map_or(0, |period_ns| self.sparse_ns / period_ns.max(1));
        self.changes - self.sparse_changes + self.sparse_changes.max(in_gaps)
    }
}

fn elapsed(first: Option<ThrottleTimes>, last: Option<ThrottleTimes>) -> ThrottleTimes {
    let (first, last) = (first.unwrap_or_default(), last.unwrap_or_default());
    let between = |first: Option<u64>, last: Option<u64>| first.zip(last).and_then(|(a, b)| b.checked_sub(a));
    ThrottleTimes {
        power_cap_ns: between(first.power_cap_ns, last.power_cap_ns),
        sw_thermal_ns: between(first.sw_thermal_ns, last.sw_thermal_ns),
        hw_thermal_ns: between(first.hw_thermal_ns, last.hw_thermal_ns),
        power_brake_ns: between(first.power_brake_ns, last.power_brake_ns),
    }
}
