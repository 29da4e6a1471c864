//! Readings and counter are witnesses of one power. Held against each other over the ticks of the counter they tell what
//! kind of counter it is, and by which factor they differ; neither is believed because it is one or the other.

use std::collections::VecDeque;

use super::belief::{GainRatio, Kind};
use super::constants as known;
use super::continuous::Evidence;
use super::sums::{Sums, Told};
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
/// Levels of power that are told apart: each is this many times the one below.
const LEVEL_FACTOR: f64 = 1.5;
const LOWEST_LEVEL_W: f64 = 5.0;
const LEVELS: usize = 15;
/// Pairs that make a level known.
const ENOUGH: f64 = 4.0;
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
    /// How far the time of its ticks may be off.
    pub doubt_ns: u64,
}

/// Sums over the pairs at one level of power. A share is counter over readings: one that stood still is 0.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Level {
    count: f64,
    share: f64,
    squared_share: f64,
    /// By the readings, watts.
    power_w: f64,
}

impl Level {
    fn push(&mut self, share: f64, power_w: f64) {
        self.count += 1.0;
        self.share += share;
        self.squared_share += share * share;
        self.power_w += power_w;
    }

    /// Readings over counter and how far that may be off (k = 1); `None` where too few pairs were seen.
    fn ratio(&self, least_count: f64) -> Option<(f64, f64)> {
        let (share, deviation) = self.mean(least_count)?;
        Some((1.0 / share, deviation / self.count.sqrt() / (share * share)))
    }

    /// Mean share and how the pairs differ in it (k = 1).
    fn mean(&self, least_count: f64) -> Option<(f64, f64)> {
        let mean = self.share / self.count.max(1.0);
        let is_enough = self.count >= least_count && mean > 0.0;
        is_enough.then(|| (mean, (self.squared_share / self.count - mean * mean).max(1e-6).sqrt()))
    }
}

/// Whether a sensor's gain may explain the ratio.
fn is_plausible(ratio: f64) -> bool {
    ratio.ln().abs() <= known::RATIO_PLAUSIBLE.ln_1p()
}

/// The evidence so far, in constant memory.
#[derive(Clone, Debug)]
pub struct Witness {
    last: Option<(u64, i64)>,
    read_mj: Option<i64>,
    waiting: VecDeque<Pair>,
    sums: Sums,
    levels: [Level; LEVELS],
    /// The same of those whose readings are even.
    even: [Level; LEVELS],
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
            sums: Sums::default(),
            levels: [Level::default(); LEVELS],
            even: [Level::default(); LEVELS],
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
                        self.waiting.push_back(Pair { from_ns, to_ns: tick_ns, energy_j: joules, doubt_ns });
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

    /// Weighs a pair. `line`: the readings' joules of the same time; `told`: what the sensor published around it.
    pub(super) fn weigh(&mut self, pair: &Pair, line: Evidence, told: Told) {
        let length_s = seconds(pair.to_ns - pair.from_ns);
        if line.covered_s < 0.98 * length_s || line.joules <= 0.0 || pair.energy_j < 0.0 {
            return;
        }
        let share = pair.energy_j / line.joules;
        // By the higher of the two: a load that the readings miss is not idle.
        let level_w = line.joules.max(pair.energy_j) / length_s;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small whole number")]
        let index = ((level_w / LOWEST_LEVEL_W).max(1.0).ln() / LEVEL_FACTOR.ln()) as usize;
        let (index, power_w) = (index.min(LEVELS - 1), line.joules / length_s);
        self.levels[index].push(share, power_w);
        if told.range_w.1 - told.range_w.0 < known::ALIKE_SHARE / 2.0 * told.range_w.1 {
            self.even[index].push(share, power_w);
        }
        if share <= 0.0 {
            return;
        }
        self.sums.weigh(pair, told);
    }

    /// What speaks for a counter that adds up readings, for one that integrates beside a sensor that sees all of the time, so
    /// that the two are alike, and for one that integrates what the sensor does not see: shares of 1. `gapless`: how likely the
    /// sensor sees all of the time.
    fn shares(&self, gapless: f64) -> [f64; 3] {
        let blind = match self.remembered {
            Kind::Integral => known::REMEMBERED_DOUBT,
            Kind::SumOfReadings => 1.0 - known::REMEMBERED_DOUBT,
            Kind::None | Kind::Undecided => known::BLIND_PRIOR,
        };
        let other_gain = if self.has_gain_of_its_own() { known::LOG_OTHER_GAIN } else { 0.0 };
        let alike = self.sums.log_odds();
        let logs = [
            blind.ln() + alike + other_gain,
            ((1.0 - blind) * gapless).ln() + alike,
            ((1.0 - blind) * (1.0 - gapless)).ln(),
        ];
        let most = logs.into_iter().fold(f64::NEG_INFINITY, f64::max);
        let weights = logs.map(|log| (log - most).exp());
        weights.map(|weight| weight / weights.iter().sum::<f64>())
    }

    /// Whether the counter differs from the readings by a factor, and by the same each time.
    fn has_gain_of_its_own(&self) -> bool {
        let differs = |level: &Level| {
            let apart = level.mean(ENOUGH).map(|(share, deviation)| (share - 1.0, share, deviation));
            apart.is_some_and(|(apart, share, deviation)| {
                deviation < known::ALIKE_SHARE / 2.0 * share
                    && apart.abs() > known::OTHER_GAIN.max(4.0 * deviation / level.count.sqrt())
            })
        };
        self.even.iter().any(differs)
    }

    /// How likely the counter misses what the sensor does not see.
    pub fn blind_share(&self, gapless: f64) -> f64 {
        self.shares(gapless)[0] * (1.0 - gapless)
    }

    /// What the counter counts.
    pub fn kind(&self, gapless: f64) -> Kind {
        let [blind, alike, sees] = self.shares(gapless);
        if !self.is_alive {
            Kind::None
        } else if blind < known::DECIDED {
            Kind::Integral
        } else if sees < known::DECIDED * blind && alike < blind / 4.0 {
            Kind::SumOfReadings
        } else {
            Kind::Undecided
        }
    }

    /// Whether what was seen has decided against what was remembered.
    pub fn contradicts_memory(&self, kind: Kind) -> bool {
        matches!(
            (self.remembered, kind),
            (Kind::Integral, Kind::SumOfReadings) | (Kind::SumOfReadings, Kind::Integral)
        )
    }

    /// Readings over counter at the lowest level of power, where they differ by more than a gain explains: at idle nothing
    /// is hidden between the readings, so one of the two is of something else than the GPU. `idle_w`: no level above it, and
    /// half of it more, is idle.
    pub fn scope_ratio(&self, idle_w: f64) -> Option<f64> {
        let lowest = self.even.iter().find(|level| level.count >= 3.0)?;
        let (ratio, deviation) = lowest.ratio(3.0)?;
        let is_plain = deviation < known::RATIO_AGREES;
        (is_plain && lowest.power_w / lowest.count <= 1.5 * idle_w && !is_plausible(ratio)).then_some(ratio)
    }

    /// Readings over counter under a load in step with the sensor: at a lower level the two agree, and at this one they
    /// differ by more than a gain, and by the same in all of its time. A counter that loses energy loses it now and then.
    pub fn in_step_ratio(&self) -> Option<f64> {
        let agrees = |level: &Level| level.ratio(ENOUGH).is_some_and(|(ratio, _)| is_plausible(ratio));
        let lowest = self
            .levels
            .iter()
            .position(|level| level.count >= ENOUGH)
            .filter(|k| agrees(&self.levels[*k]))?;
        let in_step = |level: &Level| {
            let (share, deviation) = level.mean(ENOUGH)?;
            (!is_plausible(share) && deviation <= known::ALIKE_SHARE * share).then_some(1.0 / share)
        };
        self.levels[lowest..].iter().filter_map(in_step).next_back()
    }

    /// Readings over counter, as was seen or else as was remembered.
    pub fn gain_ratio(&self) -> Option<GainRatio> {
        self.common_ratio().or(self.remembered_gain).filter(|gain| is_plausible(gain.ratio))
    }

    /// Readings over counter, where levels of power that can be told apart agree on it.
    fn common_ratio(&self) -> Option<GainRatio> {
        let (mut weight, mut sum, mut least, mut most, mut levels) = (0.0, 0.0, f64::MAX, f64::MIN, 0);
        for level in &self.levels {
            let Some((ratio, deviation)) = level.ratio(ENOUGH) else { continue };
            if deviation > known::RATIO_AGREES / 2.0 {
                continue;
            }
            let variance = deviation * deviation;
            (least, most, levels) = (least.min(ratio), most.max(ratio), levels + 1);
            (weight, sum) = (weight + 1.0 / variance, sum + ratio / variance);
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
