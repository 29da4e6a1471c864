//! The last seconds of one device's readings, in constant memory: what an edge needs to know of its surroundings, and
//! what the readings so far have made believed.

use std::collections::VecDeque;

use super::belief::{Belief, Ways};
use super::calibrated::Calibrated;
use super::comb::Comb;
use super::constants as known;
use super::continuous::{Bounds, Bridge, Continuous};
use super::rhythm::Rhythm;
use super::second_mean::{Beside, SecondMean};
use super::sums::Told;
use super::witness::{Pair, Witness};
use crate::sample::Sample;
use crate::sensor::{Origin, Sensor};

/// So many readings in a row, 0.3 s of them and more, are no single value of a sensor of 100 ms.
const BEYOND_READS: u32 = 40;
/// A counter that ticks more often than this is read as if it were continuous.
const FAST_NS: u64 = 25_000_000;

/// One device's last seconds.
#[derive(Debug)]
pub struct History {
    span_ns: u64,
    /// Not the queues' own capacity, which a clone of them does not keep.
    capacity: usize,
    pub(super) power: VecDeque<(u64, f64)>,
    /// Millijoules, made continuous.
    pub(super) counter: VecDeque<(u64, i64)>,
    continuous: Continuous,
    bridge: Option<Bridge>,
    sensor: Sensor,
    calibrated: Calibrated,
    power_rhythm: Rhythm,
    counter_rhythm: Rhythm,
    witness: Witness,
    pub(super) mean: SecondMean,
    pub(super) beside: Option<Beside>,
    ways: Ways,
    limit_w: Option<f64>,
    /// The power limit by which readings are possible, where they are read again: that of the window's end.
    replayed_limit_w: Option<f64>,
    /// Readings in a row that the limit makes impossible, and the highest power that came of so many.
    beyond: u32,
    seen_w: f64,
    pinned: Option<Belief>,
    /// A mistake of ours, made on purpose.
    #[cfg(test)]
    pub(crate) breaks_at_edges: bool,
}

impl History {
    /// Keeps `span_ns` of readings that come every `interval_ns`. `sensor`: what is known of it beforehand.
    pub fn new(span_ns: u64, interval_ns: u64, sensor: Sensor) -> Self {
        // Twice the expected number: an edge adds reads of its own.
        let capacity = usize::try_from(2 * span_ns / interval_ns.max(1)).unwrap_or(usize::MAX).max(16) + 64;
        Self {
            span_ns,
            capacity,
            power: VecDeque::with_capacity(capacity),
            counter: VecDeque::with_capacity(capacity),
            continuous: Continuous::default(),
            bridge: None,
            sensor,
            calibrated: Calibrated::default(),
            power_rhythm: Rhythm::default(),
            counter_rhythm: Rhythm::default(),
            witness: Witness::default(),
            mean: SecondMean::default(),
            beside: None,
            ways: Ways::default(),
            limit_w: None,
            replayed_limit_w: None,
            beyond: 0,
            seen_w: 0.0,
            pinned: None,
            #[cfg(test)]
            breaks_at_edges: false,
        }
    }

    /// Takes what earlier runs or the end of a window found out.
    pub fn learn(&mut self, ways: Ways) {
        self.ways = ways;
    }

    /// Takes what an earlier run of this board under this driver believed of its counter.
    pub fn remember(&mut self, witness: Witness) {
        self.witness = witness;
    }

    /// Takes what a calibration measured; before the first reading.
    pub fn calibrate(&mut self, calibrated: Calibrated) {
        self.calibrated = calibrated;
    }

    /// What a calibration measured.
    pub fn calibrated(&self) -> Calibrated {
        self.calibrated
    }

    /// Takes the power limit that the driver tells.
    pub fn limit(&mut self, limit_w: Option<f64>) {
        let told_w = limit_w.filter(|limit_w| (1.0..=known::MOST_LIMIT_W).contains(limit_w));
        // What the board was seen to draw for a while stands above what the driver says that it may; one that is lowered is
        // of the load from then on, and says nothing of what the board can draw.
        self.limit_w = told_w
            .map_or(self.limit_w, |told_w| Some(told_w.max(self.seen_w).max(self.limit_w.unwrap_or(0.0))));
    }

    /// The power of a sample in watts, unless the board cannot draw so much.
    pub fn possible_w(&self, sample: &Sample) -> Option<f64> {
        let unknown_w = match self.sensor.origin {
            Origin::Nvml => known::UNKNOWN_LIMIT_W,
            Origin::Sysfs | Origin::SysfsUnitAssumed => known::UNTRIED_LIMIT_W,
        };
        let highest_w = known::TRANSIENT_FACTOR * self.limit_w().unwrap_or(unknown_w);
        sample.power_w().filter(|power_w| *power_w <= highest_w)
    }

    /// Takes what a sample has of power and counter.
    pub fn push(&mut self, sample: &Sample) {
        self.bridge = None;
        match (self.possible_w(sample), sample.power_w()) {
            (Some(power_w), _) => {
                self.beyond = 0;
                self.push_power(sample.at_ns, power_w);
            }
            (None, Some(power_w)) => self.beyond_limit(power_w),
            (None, None) => {}
        }
        self.push_mean(sample);
        match sample.counter {
            Some(counter) => self.push_counter(counter.at_ns, counter.energy_mj),
            None if sample.power_mw.is_err() => self.continuous.fail(sample.at_ns),
            None => self.continuous.answered(sample.at_ns),
        }
    }

    /// A reading that the limit makes impossible. One is a fault; many in a row, through several ticks of a sensor, say that
    /// the limit is wrong.
    fn beyond_limit(&mut self, power_w: f64) {
        self.beyond += 1;
        if self.beyond >= BEYOND_READS && power_w <= known::MOST_LIMIT_W {
            self.seen_w = self.seen_w.max(power_w);
            self.limit_w = self.limit_w.map(|limit_w| limit_w.max(power_w));
        }
    }

    /// Takes a power reading in watts.
    pub fn push_power(&mut self, at_ns: u64, power_w: f64) {
        push(&mut self.power, self.span_ns, self.capacity, at_ns, power_w);
        self.power_rhythm.push(at_ns, power_w.to_bits());
        self.witness.push_power(at_ns, power_w);
    }

    /// Takes a counter reading in millijoules. Its time is that of the energy, which is as old as the counter is late.
    pub fn push_counter(&mut self, read_ns: u64, energy_mj: u64) {
        let at_ns = read_ns.saturating_sub(self.calibrated.counter_delay_ns());
        let bounds = self.bounds();
        // As old as is usual, not as was seen, for the same reason.
        let lag_ns = self.sensor.lag_ns();
        let mut continuous = self.continuous;
        let (energy_mj, bridge) = continuous
            .push(at_ns, energy_mj, bounds, |from_ns, to_ns| self.readings_of(from_ns, to_ns, lag_ns));
        (self.continuous, self.bridge) = (continuous, bridge);
        push(&mut self.counter, self.span_ns, self.capacity, at_ns, energy_mj);
        self.counter_rhythm.push(at_ns, energy_mj.cast_unsigned());
        if bridge.is_some() {
            self.witness.interrupt();
        } else if let Some(pair) =
            self.witness.push_counter(at_ns, energy_mj, self.counter_tick_before(at_ns))
        {
            self.weigh(&pair);
        }
    }

    /// Bounds of the power that lasts: by the limit alone, so that a step is judged the same whenever it is.
    fn bounds(&self) -> Bounds {
        let limit_w = self.limit_w().unwrap_or(known::UNKNOWN_LIMIT_W);
        Bounds { low_w: known::USUAL_IDLE_SHARE * limit_w, high_w: limit_w }
    }

    /// No more than that is idle, before it was seen.
    fn idle_w(&self) -> f64 {
        self.bounds().low_w
    }

    fn limit_w(&self) -> Option<f64> {
        self.pinned.map_or(self.limit_w, |pinned| self.replayed_limit_w.or(pinned.limit_w))
    }

    /// The step of the counter that the last sample's read replaced.
    pub fn bridge(&self) -> Option<Bridge> {
        self.bridge
    }

    /// What is known of the sensor: its period as it was seen.
    pub fn sensor(&self) -> Sensor {
        let update_period_ns = self.update_period_ns();
        let window_ns = match self.sensor.origin {
            Origin::Nvml => self.sensor.window_ns,
            // Of which nobody has measured the window: taken to see all of the time.
            Origin::Sysfs | Origin::SysfsUnitAssumed => update_period_ns,
        };
        Sensor { update_period_ns, window_ns, ..self.sensor }
    }

    /// Time between two values that the power sensor publishes; what was known beforehand where the power, or its
    /// reading, was too steady to show it.
    pub fn update_period_ns(&self) -> u64 {
        self.measured_update_period_ns().unwrap_or(self.sensor.update_period_ns)
    }

    /// The share of the time that sensors of the board's kind do not see, and one in ten of those that see all of it.
    pub(super) fn usual_unseen_share(&self) -> f64 {
        self.sensor().unseen_share().max(known::LEAST_UNSEEN)
    }

    /// How likely the sensor sees all of the time, before anything was seen but its period.
    fn gapless(&self) -> f64 {
        let usual_ns = self.sensor.update_period_ns;
        let period_ns = self.power_rhythm.period_ns().unwrap_or(usual_ns);
        let is_usual = period_ns.abs_diff(usual_ns) < usual_ns / 20;
        match (is_usual, self.sensor.unseen_share() > 0.0) {
            (true, true) => known::GAPLESS_UNUSUAL,
            (true, false) => known::GAPLESS_USUAL,
            (false, _) => known::GAPLESS_UNKNOWN,
        }
    }

    /// Of a sensor of which nothing is known, and whose changes are in no rhythm that reads could tell: as often as it was
    /// seen to change, where that is more often than it is taken to. One that publishes with each read, or more often, is so.
    fn untried_period_ns(&self) -> Option<u64> {
        let gap_ns = self.power_rhythm.usual_gap_ns()?;
        let is_untried = self.sensor.origin != Origin::Nvml;
        (is_untried && gap_ns < self.sensor.update_period_ns).then_some(gap_ns)
    }

    /// What is usual for the board.
    pub(super) fn usual_period_ns(&self) -> u64 {
        self.sensor.update_period_ns
    }

    /// The same as it was seen; `None` where it was not.
    pub fn measured_update_period_ns(&self) -> Option<u64> {
        self.belief().power_ns
    }

    /// Time between two changes of the counter; `None` where they were not seen.
    pub fn counter_period_ns(&self) -> Option<u64> {
        self.belief().counter_ns
    }

    /// What is believed now.
    pub fn belief(&self) -> Belief {
        if let Some(pinned) = self.pinned {
            return pinned;
        }
        Belief {
            power_ns: self.power_rhythm.period_ns().or_else(|| self.untried_period_ns()),
            power_doubt_ns: self.power_rhythm.period_doubt_ns(),
            counter_ns: self.counter_rhythm.period_ns(),
            counter_doubt_ns: self.counter_rhythm.period_doubt_ns(),
            noise_w: self.witness.noise_w(),
            lowest_w: self.witness.lowest_w(),
            limit_w: self.limit_w,
            gain_ratio: self.witness.gain_ratio(),
            kind: self.witness.kind(self.gapless()),
            blind_share: self.witness.blind_share(self.gapless()),
            scope_ratio: self.witness.scope_ratio(self.idle_w()),
            in_step_ratio: self.witness.in_step_ratio(),
            mean_blind_share: self.mean.blind_share(),
            ways: self.ways,
        }
    }

    /// The first tick of the sensor and of the counter after a moment, by the lines through their changes, and how far
    /// each may be off.
    pub fn next_updates(&self, after_ns: u64) -> [Option<(u64, u64)>; 2] {
        let delay_ns = self.calibrated.counter_delay_ns();
        let of_counter = self.counter_rhythm.next_tick_ns(after_ns.saturating_sub(delay_ns));
        let published = of_counter.map(|(at_ns, doubt_ns)| (at_ns + delay_ns, doubt_ns));
        [self.power_rhythm.next_tick_ns(after_ns), published]
    }

    /// From now on believes this, whatever the readings say: it was found from more of the past.
    pub fn pin(&mut self, belief: Belief) {
        self.pinned = Some(belief);
    }

    /// Takes readings for possible by this limit, whatever was believed: by the end of their window the most was known.
    pub fn pin_limit(&mut self, limit_w: Option<f64>) {
        self.replayed_limit_w = limit_w;
    }

    #[cfg(test)]
    pub(super) fn break_on_purpose(&self) {
        assert!(!self.breaks_at_edges, "broken on purpose");
    }

    /// The ticks around a moment inside a window: as the line through all that were seen has them.
    pub(super) fn comb_inside(&self, at_ns: u64) -> Option<Comb> {
        let (tick_ns, doubt_ns) = self.counter_rhythm.next_tick_ns(at_ns)?;
        Some(Comb::at(tick_ns, doubt_ns, self.counter_rhythm.period_ns()?))
    }

    /// What may be remembered of the board.
    pub fn witness(&self) -> &Witness {
        &self.witness
    }

    /// The counter's last tick before a moment and how far its time may be off, where that is beyond doubt.
    fn counter_tick_before(&self, at_ns: u64) -> Option<(u64, u64)> {
        let period_ns = self.counter_rhythm.period_ns()?;
        if period_ns < FAST_NS {
            return Some((at_ns - period_ns / 2, period_ns / 2));
        }
        let (next_ns, doubt_ns) = self.counter_rhythm.next_tick_ns(at_ns)?;
        let tick_ns = next_ns.checked_sub(period_ns)?;
        (at_ns > tick_ns + doubt_ns && next_ns > at_ns + doubt_ns).then_some((tick_ns, doubt_ns))
    }

    fn weigh(&mut self, pair: &Pair) {
        let period_ns = self.update_period_ns();
        let Some(line) = self.readings_between(pair.from_ns, pair.to_ns) else { return };
        let (values, doubt_ns) =
            self.values_between(pair.from_ns.saturating_sub(2 * period_ns), pair.to_ns + 2 * period_ns);
        let Some(range_w) = self.range_w(pair.from_ns, pair.to_ns + self.sensor().lag_ns()) else { return };
        let unseen_share = self.usual_unseen_share();
        self.witness.weigh(pair, line, Told { values: &values, doubt_ns, period_ns, range_w, unseen_share });
    }
}

fn push<T>(queue: &mut VecDeque<(u64, T)>, span_ns: u64, capacity: usize, at_ns: u64, value: T) {
    // The last two always stay, however slow the readings come.
    while queue.len() > 2 && (queue[0].0 + span_ns < at_ns || queue.len() >= capacity) {
        queue.pop_front();
    }
    queue.push_back((at_ns, value));
}
