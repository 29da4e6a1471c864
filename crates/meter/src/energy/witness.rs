//! Readings and counter are witnesses of one power. Held against each other over the ticks of the counter they tell what
//! kind of counter it is, and by which factor they differ; neither is believed because it is one or the other.

use std::collections::VecDeque;

use super::belief::{GainRatio, Kind};
use super::constants as known;
use super::continuous::Evidence;
use crate::clock::{NS_PER_MS, seconds};

/// A shorter stretch between two ticks of the counter tells little.
const SHORTEST_NS: u64 = 90 * NS_PER_MS;
/// A longer one is remembered by the readings no more.
const LONGEST_NS: u64 = 1_200 * NS_PER_MS;
/// Readings tell of a moment so long after it.
const SETTLED_NS: u64 = 350 * NS_PER_MS;
/// A stretch whose ends may be off by more than this share of it tells nothing.
const SHARP_SHARE: f64 = 0.03;
/// Pairs that wait for their readings.
const WAITING: usize = 8;
/// A counter that adds up readings may take the one published with its tick, the one before, or one between: so many
/// periods later than the counter's ticks stood what it added.
const SHIFTS: [f64; 3] = [1.0, 0.5, 0.0];
/// Or, at its own times, those that were published since its last tick.
const WAYS: usize = SHIFTS.len() + 1;
/// Levels of power that are told apart: each is this many times the one below.
const LEVEL_FACTOR: f64 = 1.5;
const LOWEST_LEVEL_W: f64 = 5.0;
const LEVELS: usize = 15;
/// So many values make a block whose noise counts.
const NOISE_BLOCK: u32 = 8;
/// A reading that stands for so long has outlived several ticks of any sensor but the slowest.
const STANDING_NS: u64 = 800 * NS_PER_MS;

/// The counter's energy between two of its ticks.
#[derive(Clone, Copy, Debug)]
pub struct Pair {
    pub from_ns: u64,
    pub to_ns: u64,
    pub energy_j: f64,
}

/// Sums over the pairs at one level of power.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Level {
    count: f64,
    ratio: f64,
    squared_ratio: f64,
    power_w: f64,
}

impl Level {
    /// Mean ratio and how far it may be off (k = 1); `None` where too few pairs were seen.
    fn mean(&self) -> Option<(f64, f64)> {
        if self.count < 4.0 {
            return None;
        }
        let mean = self.ratio / self.count;
        let variance = (self.squared_ratio / self.count - mean * mean).max(1e-6) / self.count;
        Some((mean, variance.sqrt()))
    }
}

/// What one way of adding up readings has met.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Sum {
    counter_j: f64,
    readings_j: f64,
    /// What speaks for the counter being this sum, as the logarithm of the odds.
    log_odds: f64,
}

/// The evidence so far, in constant memory.
#[derive(Clone, Debug)]
pub struct Witness {
    last: Option<(u64, i64)>,
    read_mj: Option<i64>,
    waiting: VecDeque<Pair>,
    sums: [Sum; WAYS],
    levels: [Level; LEVELS],
    /// Pairs whose ratio no gain explains.
    implausible: f64,
    is_alive: bool,
    lowest_w: Option<f64>,
    last_w: Option<f64>,
    changed_ns: u64,
    block: (u32, f64),
    noise_w: Option<f64>,
    remembered: Kind,
    remembered_gain: Option<GainRatio>,
}

impl Default for Witness {
    fn default() -> Self {
        Self {
            last: None,
            read_mj: None,
            waiting: VecDeque::with_capacity(WAITING),
            sums: [Sum::default(); WAYS],
            levels: [Level::default(); LEVELS],
            implausible: 0.0,
            is_alive: false,
            lowest_w: None,
            last_w: None,
            changed_ns: 0,
            block: (0, 0.0),
            noise_w: None,
            remembered: Kind::None,
            remembered_gain: None,
        }
    }
}

impl Witness {
    /// What an earlier run of the board under this driver found its counter to be, and the readings over it.
    pub fn remembering(kind: Kind, gain: Option<GainRatio>) -> Self {
        Self { remembered: kind, remembered_gain: gain, ..Self::default() }
    }

    /// Takes a power reading in watts.
    pub fn push_power(&mut self, at_ns: u64, power_w: f64) {
        let Some(last_w) = self.last_w.replace(power_w) else {
            self.changed_ns = at_ns;
            return;
        };
        // A single low reading is no level.
        let level_w = power_w.max(last_w);
        self.lowest_w = Some(self.lowest_w.map_or(level_w, |lowest_w| lowest_w.min(level_w)));
        // The same bits: the driver has not published anew.
        if power_w.to_bits() == last_w.to_bits() {
            // A value that stands through many ticks has no noise.
            if at_ns.saturating_sub(self.changed_ns) > STANDING_NS {
                self.noise_w = Some(0.0);
            }
            return;
        }
        self.changed_ns = at_ns;
        let (count, squares) = &mut self.block;
        (*count, *squares) = (*count + 1, *squares + (power_w - last_w).powi(2));
        if *count == NOISE_BLOCK {
            let noise_w = (*squares / f64::from(2 * NOISE_BLOCK)).sqrt();
            self.noise_w = Some(self.noise_w.map_or(noise_w, |least_w| least_w.min(noise_w)));
            self.block = (0, 0.0);
        }
    }

    /// Takes a read of the counter, made continuous, and its last tick before that, where it is beyond doubt. Answers a
    /// pair whose readings are all there by now.
    pub fn push_counter(&mut self, at_ns: u64, energy_mj: i64, tick: Option<(u64, u64)>) -> Option<Pair> {
        self.is_alive |= self.read_mj.replace(energy_mj).is_some_and(|read_mj| read_mj != energy_mj);
        if let Some((tick_ns, doubt_ns)) = tick {
            match self.last {
                Some((from_ns, from_mj)) if tick_ns < from_ns + LONGEST_NS => {
                    let length_ns = tick_ns.saturating_sub(from_ns);
                    if length_ns >= SHORTEST_NS && doubt_ns as f64 <= SHARP_SHARE * length_ns as f64 {
                        if self.waiting.len() == WAITING {
                            self.waiting.pop_front();
                        }
                        let joules = (energy_mj - from_mj) as f64 / 1e3;
                        self.waiting.push_back(Pair { from_ns, to_ns: tick_ns, energy_j: joules });
                        self.last = Some((tick_ns, energy_mj));
                    }
                }
                _ => self.last = Some((tick_ns, energy_mj)),
            }
        }
        let is_ready = |pair: &Pair| pair.to_ns + SETTLED_NS <= at_ns;
        if self.waiting.front().is_some_and(is_ready) { self.waiting.pop_front() } else { None }
    }

    /// The counter was not itself: pairs begin anew.
    pub fn interrupt(&mut self) {
        self.last = None;
        self.waiting.clear();
    }

    /// Weighs a pair. `line`: the readings' joules of the same time; `values`: what was published at each tick around it.
    pub fn weigh(&mut self, pair: &Pair, line: Evidence, values: &[(u64, f64)], period_ns: u64) {
        let length_s = seconds(pair.to_ns - pair.from_ns);
        if line.covered_s < 0.98 * length_s || line.joules <= 0.0 || pair.energy_j <= 0.0 {
            return;
        }
        let ratio = line.joules / pair.energy_j;
        if ratio.ln().abs() > known::RATIO_PLAUSIBLE.ln_1p() {
            self.implausible += 1.0;
        }
        let level_w = line.joules / length_s;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small whole number")]
        let index = ((level_w / LOWEST_LEVEL_W).max(1.0).ln() / LEVEL_FACTOR.ln()) as usize;
        let level = &mut self.levels[index.min(LEVELS - 1)];
        level.count += 1.0;
        level.ratio += ratio;
        level.squared_ratio += ratio * ratio;
        level.power_w += level_w;
        for (sum, shift) in self.sums.iter_mut().zip(SHIFTS) {
            sum.weigh(pair, shift, values, period_ns);
        }
        self.sums[SHIFTS.len()].weigh_whole(pair, values, period_ns);
    }

    /// How likely the counter is no more than a sum of readings.
    pub fn blind_share(&self) -> f64 {
        let prior = match self.remembered {
            Kind::Integral => known::REMEMBERED_DOUBT,
            Kind::SumOfReadings => 1.0 - known::REMEMBERED_DOUBT,
            Kind::None | Kind::Undecided => known::BLIND_PRIOR,
        };
        let best = self.sums.iter().map(|sum| sum.log_odds).fold(f64::NEG_INFINITY, f64::max);
        // A ratio that no gain explains, and not the same everywhere: the readings miss what the counter has.
        let is_gain = self.seen_gain_ratio().is_some();
        let contradictions = if is_gain { 0.0 } else { self.implausible.min(known::MOST_CONTRADICTIONS) };
        let log_odds = (prior / (1.0 - prior)).ln() + best + contradictions * known::LOG_CONTRADICTED;
        1.0 / (1.0 + (-log_odds).exp())
    }

    /// What the counter counts.
    pub fn kind(&self) -> Kind {
        if !self.is_alive {
            return Kind::None;
        }
        match self.blind_share() {
            share if share < known::DECIDED => Kind::Integral,
            share if share > 1.0 - known::DECIDED => Kind::SumOfReadings,
            _ => Kind::Undecided,
        }
    }

    /// Whether what was seen has decided against what was remembered.
    pub fn contradicts_memory(&self) -> bool {
        matches!(
            (self.remembered, self.kind()),
            (Kind::Integral, Kind::SumOfReadings) | (Kind::SumOfReadings, Kind::Integral)
        )
    }

    /// Readings over counter at the lowest level of power, where they differ by more than a gain explains: at idle nothing
    /// is hidden between the readings, so one of the two is of something else than the GPU.
    pub fn scope_ratio(&self) -> Option<f64> {
        let lowest = self.levels.iter().find(|level| level.count >= 4.0)?;
        let (mean, deviation) = lowest.mean()?;
        let is_plain = deviation < known::RATIO_AGREES / 2.0;
        (is_plain && mean.ln().abs() > known::RATIO_PLAUSIBLE.ln_1p()).then_some(mean)
    }

    /// Readings over counter, as was seen or else as was remembered.
    pub fn gain_ratio(&self) -> Option<GainRatio> {
        self.seen_gain_ratio().or(self.remembered_gain)
    }

    /// Readings over counter, where levels of power that can be told apart agree on it.
    fn seen_gain_ratio(&self) -> Option<GainRatio> {
        let (mut weight, mut sum, mut least, mut most, mut levels) = (0.0, 0.0, f64::MAX, f64::MIN, 0);
        for level in &self.levels {
            let Some((mean, deviation)) = level.mean() else { continue };
            if deviation > known::RATIO_AGREES / 2.0 {
                continue;
            }
            let variance = deviation * deviation;
            (least, most, levels) = (least.min(mean), most.max(mean), levels + 1);
            (weight, sum) = (weight + 1.0 / variance, sum + mean / variance);
        }
        (levels >= 2 && most - least <= known::RATIO_AGREES)
            .then(|| GainRatio { ratio: sum / weight, uncertainty: 2.0 / weight.sqrt() })
    }

    /// Noise of a reading (k = 1), watts: of the quietest stretch.
    pub fn noise_w(&self) -> f64 {
        self.noise_w.unwrap_or(0.0).clamp(known::DRIVER_RESOLUTION_W, known::MOST_NOISE_W)
    }

    /// The lowest power that two readings in a row have shown, watts.
    pub fn lowest_w(&self) -> Option<f64> {
        self.lowest_w
    }
}

impl Sum {
    fn weigh(&mut self, pair: &Pair, shift: f64, values: &[(u64, f64)], period_ns: u64) {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a part of a period")]
        let shift_ns = (shift * period_ns as f64) as u64;
        let (from_ns, to_ns) = (pair.from_ns + shift_ns, pair.to_ns + shift_ns);
        let (mut readings_j, mut covered_ns, mut bend_w, mut most_w) = (0.0, 0, 0.0_f64, 0.0_f64);
        for (k, (at_ns, power_w)) in values.iter().enumerate() {
            let next_ns =
                values.get(k + 1).map_or(at_ns + period_ns, |next| next.0.min(at_ns + 2 * period_ns));
            if next_ns > from_ns && *at_ns < to_ns {
                most_w = most_w.max(*power_w);
                if let (Some(before), Some(after)) =
                    (k.checked_sub(1).and_then(|k| values.get(k)), values.get(k + 1))
                {
                    bend_w = bend_w.max((before.1 - 2.0 * power_w + after.1).abs());
                }
            }
            let part_ns = next_ns.min(to_ns).saturating_sub((*at_ns).max(from_ns));
            readings_j += power_w * seconds(part_ns);
            covered_ns += part_ns;
        }
        if (covered_ns as f64) < 0.98 * (to_ns - from_ns) as f64 {
            return;
        }
        self.compare(pair, readings_j, bend_w, most_w);
    }

    /// Readings count whole, each where it was published.
    fn weigh_whole(&mut self, pair: &Pair, values: &[(u64, f64)], period_ns: u64) {
        let within = |at_ns: u64| at_ns > pair.from_ns && at_ns <= pair.to_ns;
        let (mut readings_j, mut bend_w, mut most_w) = (0.0, 0.0_f64, 0.0_f64);
        for (k, (at_ns, power_w)) in values.iter().enumerate().filter(|(_, (at_ns, _))| within(*at_ns)) {
            let Some(before) = k.checked_sub(1).and_then(|k| values.get(k)) else { return };
            let Some(after) = values.get(k + 1) else { return };
            readings_j += power_w * seconds((at_ns - before.0).min(2 * period_ns));
            most_w = most_w.max(*power_w);
            bend_w = bend_w.max((before.1 - 2.0 * power_w + after.1).abs());
        }
        if readings_j > 0.0 {
            self.compare(pair, readings_j, bend_w, most_w);
        }
    }

    fn compare(&mut self, pair: &Pair, readings_j: f64, bend_w: f64, most_w: f64) {
        self.counter_j += pair.energy_j;
        self.readings_j += readings_j;
        // On a load that changes evenly an integral and a sum of readings are alike.
        if bend_w < known::TELLING_SHARE * most_w {
            return;
        }
        let gain = self.counter_j / self.readings_j;
        let contradicts = (pair.energy_j / (gain * readings_j) - 1.0).abs() > known::DEVIATES_SHARE;
        self.log_odds += if contradicts { known::LOG_CONTRADICTED } else { known::LOG_CONFIRMED };
        self.log_odds = self.log_odds.clamp(-known::MOST_LOG_ODDS, known::MOST_LOG_ODDS);
    }
}
