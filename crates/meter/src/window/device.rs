//! One device of a window, in constant size however long the window is.

use super::edge::WindowEdge;
use super::first_update::FirstUpdates;
use super::report::DeviceReport;
use super::slow::SlowSeen;
use super::{EDGE_SPAN_NS, GapCaps};
use crate::clock::{NS_PER_MS, seconds};
use crate::downsample::Downsampler;
use crate::energy::constants as known;
use crate::energy::{
    Belief, Beyond, Bridge, Calibrated, Delay, Evidence, Finding, History, Integral, Side, Ways,
};
use crate::sample::{Sample, ThrottleTimes};
use crate::source::ReadError;
use crate::tenancy::Tenancy;

/// Two cells of a counter of 100 ms, and what the sensor shows of them.
const SETTLED_NS: u64 = 200 * NS_PER_MS;
/// No counter that was seen ticks more rarely than once a second.
const RARE_TICK_NS: u64 = 1_200 * NS_PER_MS;

/// Steps of the counter that are told one by one.
const MOST_BRIDGES: usize = 8;

/// The left edge is judged as soon as enough was read after it, while the history still reaches back to it.
enum StartEdge {
    Ahead,
    Judged(Box<WindowEdge>),
}

/// What one device adds to a window.
pub(crate) struct DeviceWindow {
    start_ns: u64,
    end_ns: u64,
    /// How long after its left edge that is judged.
    edge_span_ns: u64,
    /// On which side of a load the edges are expected to be.
    sides: [Side; 2],
    /// By how much later than the power the readings are: subtracted from the time of each.
    lag_ns: u64,
    /// What was believed when it opened.
    opened_with: Belief,
    /// What the left edge has taught, until somebody takes it.
    taught: Option<Ways>,
    pub(super) integral: Integral,
    pub downsampler: Downsampler,
    start_edge: StartEdge,
    counter_reads: u64,
    /// The counter's last value, and how often it has changed since the right edge.
    counter_last_mj: Option<u64>,
    ticks_after_end: u32,
    bridges: Vec<Bridge>,
    more_bridges: u64,
    pub(super) impossible: u64,
    pub tenancy: Tenancy,
    pub last_sample_ns: u64,
    missing: u64,
    missing_reason: Option<ReadError>,
    pub(super) slow: SlowSeen,
    /// What the mean over a second has seen beyond the readings.
    pub(super) beyond: Beyond,
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
        if let Some((at_ns, power_w)) =
            before.and_then(|sample| Some((sample.at_ns, history.possible_w(sample)?)))
        {
            integral.push(at_ns.saturating_sub(lag_ns), power_w);
        }
        Self {
            start_ns,
            end_ns: u64::MAX,
            edge_span_ns: EDGE_SPAN_NS,
            sides: [Side::Start, Side::End],
            lag_ns,
            opened_with: history.belief(),
            taught: None,
            integral,
            // A power reading is of the time before it.
            downsampler: Downsampler::new(
                device,
                start_ns,
                caps.slow_ns,
                caps.slow_ns.max(caps.power_ns + lag_ns),
            ),
            start_edge: StartEdge::Ahead,
            counter_reads: 0,
            counter_last_mj: None,
            ticks_after_end: 0,
            bridges: Vec::new(),
            more_bridges: 0,
            impossible: 0,
            tenancy: Tenancy::default(),
            last_sample_ns: 0,
            missing: 0,
            missing_reason: None,
            slow: SlowSeen::default(),
            beyond: Beyond::from(start_ns, history.mean_lag_ns()),
            throttle_first: None,
            throttle_last: None,
            throttle_complete: false,
        }
    }

    pub fn close(&mut self, end_ns: u64) {
        self.end_ns = end_ns;
        self.beyond.close(end_ns);
        self.integral.close(end_ns);
        self.downsampler.close(end_ns);
    }

    /// Judges the left edge only so long after it, and both as these.
    pub fn look_on(&mut self, edge_span_ns: u64, sides: [Side; 2]) {
        (self.edge_span_ns, self.sides) = (edge_span_ns, sides);
    }

    pub fn push(&mut self, sample: &Sample, inside: bool, history: &History) {
        self.last_sample_ns = sample.at_ns;
        match (history.possible_w(sample), sample.power_mw) {
            (Some(power_w), _) => {
                let at_ns = sample.at_ns.saturating_sub(self.lag_ns);
                if let Some(piece) = self.integral.push(at_ns, power_w) {
                    self.downsampler.push_power(&piece);
                }
            }
            (None, Ok(_)) => {
                self.impossible += u64::from(inside);
                self.missing += u64::from(inside);
            }
            (None, Err(reason)) if inside => {
                self.missing += 1;
                self.missing_reason = Some(reason);
            }
            (None, Err(_)) => {}
        }
        if let Some(slow) = &sample.slow {
            self.downsampler.push_slow(sample.at_ns, slow);
            if inside {
                self.slow.push(slow);
            }
        }
        if let Some(beside) = history.beside() {
            self.beyond.push(beside);
        }
        if let Some(counter) = sample.counter {
            self.counter_reads += u64::from(inside);
            let before_mj = self.counter_last_mj.replace(counter.energy_mj);
            let ticked = before_mj.is_some_and(|before_mj| before_mj != counter.energy_mj);
            let counted_ns = counter.at_ns.saturating_sub(history.calibrated().counter_delay_ns());
            self.ticks_after_end += u32::from(ticked && counted_ns > self.end_ns);
        }
        // One that reaches into the window is in its joules.
        if let Some(bridge) =
            history.bridge().filter(|bridge| sample.at_ns >= self.start_ns && bridge.from_ns < self.end_ns)
        {
            self.keep(bridge);
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
            let edge = WindowEdge::of(history, self.start_ns, self.sides[0]);
            self.taught = edge.counter.as_ref().and_then(|counter| counter.ways);
            self.start_edge = StartEdge::Judged(Box::new(edge));
        }
    }

    /// What the left edge has taught of the sensor, once.
    pub fn take_taught(&mut self) -> Option<Ways> {
        self.taught.take()
    }

    /// So many are told one by one; a counter that breaks all the time is told by what they come to.
    fn keep(&mut self, bridge: Bridge) {
        if self.bridges.len() < MOST_BRIDGES {
            self.bridges.push(bridge);
        } else if let Some(last) = self.bridges.last_mut() {
            self.more_bridges += 1;
            last.to_ns = bridge.to_ns;
            last.said_j += bridge.said_j;
            last.taken_j += bridge.taken_j;
            last.deviation_j = last.deviation_j.hypot(bridge.deviation_j);
        }
    }

    /// Whether all that the right edge needs has been read: the counter's two ticks after it and what the sensor showed of
    /// their time; at least a tick where it is rare; and not more than `post_roll_ns` where there is none.
    pub fn is_settled(&self, post_roll_ns: u64) -> bool {
        let since_ns = self.last_sample_ns.saturating_sub(self.end_ns);
        let is_over = since_ns >= post_roll_ns;
        match self.ticks_after_end {
            2.. => is_over || since_ns >= SETTLED_NS,
            1 => is_over,
            0 => is_over && (self.counter_reads == 0 || since_ns >= RARE_TICK_NS.max(post_roll_ns)),
        }
    }

    /// What was believed when the window opened, when its left edge was judged and now, when its right edge is.
    pub fn beliefs(&self, history: &History) -> [Belief; 3] {
        let start = match &self.start_edge {
            StartEdge::Judged(edge) => edge.belief,
            StartEdge::Ahead => history.belief(),
        };
        [self.opened_with, start, history.belief()]
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

    /// Judges the right edge and reports.
    pub fn report(mut self, duration_ns: u64, history: &History) -> DeviceReport {
        history.unsettled().for_each(|beside| self.beyond.push(beside));
        let first_updates = self.first_updates(history);
        let belief = history.belief();
        let sensor = history.sensor();
        let start = match &self.start_edge {
            StartEdge::Judged(edge) => WindowEdge::clone(edge),
            StartEdge::Ahead => WindowEdge::of(history, self.start_ns, self.sides[0]),
        };
        let end = WindowEdge::of(history, self.end_ns, self.sides[1]);
        let taught = end.counter.as_ref().and_then(|counter| counter.ways);
        let readings = self.readings(duration_ns, &start, &end, history);
        let coverage = readings.coverage;
        let gap_s = seconds(duration_ns - self.integral.covered_ns().min(duration_ns));
        // Where the readings are late beside the counter, it may be late itself.
        let late_ns = belief.ways.late_ns().filter(|_| history.calibrated().counter_delay.is_none());
        let late = late_ns.map(|late_ns| Delay { ns: 0, doubt_ns: late_ns });
        let counter_delay = history.calibrated().counter_delay.or(late);
        let evidence = Evidence {
            duration_s: seconds(duration_ns),
            update_period_s: seconds(sensor.update_period_ns),
            averaging_s: sensor.averaging_ns().map(seconds),
            readings,
            edges: start.counter.zip(end.counter),
            counter_reads: self.counter_reads,
            bridges: self.bridges,
            kind: belief.kind,
            blind_share: belief.blind_share,
            scope_ratio: belief.scope_ratio,
            in_step_ratio: belief.in_step_ratio,
            gain_ratio: belief.gain_ratio,
            counter_delay_j: Calibrated { counter_delay, ..history.calibrated() }
                .counter_delay_j([start.range_w, end.range_w], (belief.idle_w(), belief.limit_w())),
            delay_is_unknown: late_ns.is_some(),
            board_gain: history.calibrated().gain,
            origin: sensor.origin,
        };
        let mut headline = evidence.judge();
        if let Some(panic) = start.failed.or(end.failed) {
            headline.findings.push(Finding::estimator_failed(&panic));
        }
        if let Some(failed) = self.missing_reason.filter(|_| headline.total_j.is_none()) {
            // Before what follows from it.
            headline.reason =
                format!("{failed}, said the last power reading that failed; {}", headline.reason);
        }
        let integral_j = readings.joules;
        let highest_w = self.integral.max_power_w();
        let headline_w = headline.total_j.map(|joules| joules / seconds(duration_ns));
        let mean_w = headline_w.or(self.integral.mean_power_w());
        // Below the mean it is of a sensor that does not see the load.
        let max_power_w = highest_w.and_then(|highest_w| peak_w(highest_w, mean_w));
        if let (None, Some(mean_w)) = (max_power_w, headline_w) {
            headline.findings.push(Finding::no_peak(highest_w, mean_w));
        }
        DeviceReport {
            gain_pct: headline.method.map(|method| 100.0 * evidence.gain_share(method)),
            board_gain: evidence.board_gain,
            headline,
            kind: belief.kind,
            contradicted: history.witness().contradicts_memory(belief.kind),
            gain_ratio: belief.gain_ratio,
            taught,
            edges: evidence.edges.clone(),
            integral_j,
            counter_j: evidence.counter_j(),
            counter_raw_j: evidence
                .edges
                .as_ref()
                .map(|(start, end)| (end.raw_mj - start.raw_mj) as f64 / 1e3),
            coverage,
            gap_s,
            readings: self.integral.readings(),
            missing: self.missing,
            missing_reason: self.missing_reason.map(|reason| reason.to_string()),
            mean_power_w: mean_w,
            max_power_w,
            temperature_start_c: self.slow.temperature_start_c,
            temperature_end_c: self.slow.temperature_end_c,
            temperature_max_c: self.slow.temperature_max_c,
            memory_used_max_bytes: self.slow.memory_used_max_bytes,
            throttle_reasons: self.slow.throttle_reasons,
            throttled_ns: elapsed(self.throttle_first, self.throttle_last),
            tenancy: self.tenancy,
            sensor,
            lag_ns: self.lag_ns,
            counter_period_ns: history.counter_period_ns(),
            measured_update_period_ns: history.measured_update_period_ns(),
            first_updates,
        }
    }
}

/// The highest power: the highest reading, or the mean where that is a hair above it. A reading far below the mean is of a sensor
/// that does not see the load.
fn peak_w(highest_w: f64, mean_w: Option<f64>) -> Option<f64> {
    let peak_w = highest_w.max(mean_w.unwrap_or(highest_w));
    (peak_w <= highest_w * known::PEAK_SLACK).then_some(peak_w)
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
