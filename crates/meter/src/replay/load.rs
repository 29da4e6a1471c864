//! True power: pieces that are constant or rise evenly, with their exact energy.

use super::random::Random;
use crate::clock::NS_PER_MS as MS;
use crate::clock::seconds;

/// From `start_ns` to the next piece the power is `power_w + slope_w_per_s * t`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Piece {
    pub start_ns: u64,
    pub power_w: f64,
    pub slope_w_per_s: f64,
    /// Energy from the clock's zero to `start_ns`.
    pub joules: f64,
}

impl Piece {
    pub fn power_w(&self, at_ns: u64) -> f64 {
        self.power_w + self.slope_w_per_s * seconds(at_ns - self.start_ns)
    }

    fn joules_at(&self, at_ns: u64) -> f64 {
        let length_s = seconds(at_ns - self.start_ns);
        self.joules + (self.power_w + self.slope_w_per_s * length_s / 2.0) * length_s
    }
}

/// What a board can draw: between its idle power and its limit.
#[derive(Clone, Copy, Debug)]
pub struct Range {
    /// Power with nothing to do, watts.
    pub idle_w: f64,
    /// The most it draws, watts.
    pub limit_w: f64,
}

impl Range {
    fn clamp(self, power_w: f64) -> f64 {
        power_w.clamp(self.idle_w, self.limit_w)
    }
}

/// The true power of a board over time, from the clock's zero on.
#[derive(Clone, Debug)]
pub struct Load {
    pieces: Vec<Piece>,
}

impl Load {
    /// A board that idles.
    pub fn idle(idle_w: f64) -> Self {
        Self { pieces: vec![Piece { start_ns: 0, power_w: idle_w, slope_w_per_s: 0.0, joules: 0.0 }] }
    }

    /// From `at_ns` on it draws this much.
    pub fn step(&mut self, at_ns: u64, power_w: f64) {
        self.slope(at_ns, power_w, 0.0);
    }

    /// From `at_ns` on it draws this much, and more every second.
    pub fn slope(&mut self, at_ns: u64, power_w: f64, slope_w_per_s: f64) {
        let at_ns = at_ns.max(self.pieces.last().map_or(0, |piece| piece.start_ns));
        let joules = self.joules(at_ns);
        self.pieces.push(Piece { start_ns: at_ns, power_w, slope_w_per_s, joules });
    }

    /// Forgets what was planned from a moment on.
    pub fn cut(&mut self, at_ns: u64) {
        self.pieces.retain(|piece| piece.start_ns == 0 || piece.start_ns < at_ns);
    }

    /// Energy from the clock's zero to a moment, joules.
    pub fn joules(&self, at_ns: u64) -> f64 {
        self.piece_at(at_ns).joules_at(at_ns)
    }

    /// Power at a moment, watts.
    pub fn power_w(&self, at_ns: u64) -> f64 {
        self.piece_at(at_ns).power_w(at_ns)
    }

    /// Mean power between two moments; the power where they are one.
    pub fn mean_w(&self, from_ns: u64, to_ns: u64) -> f64 {
        if from_ns >= to_ns {
            return self.power_w(to_ns);
        }
        (self.joules(to_ns) - self.joules(from_ns)) / seconds(to_ns - from_ns)
    }

    pub(super) fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    fn piece_at(&self, at_ns: u64) -> &Piece {
        &self.pieces[self.pieces.partition_point(|piece| piece.start_ns <= at_ns).max(1) - 1]
    }
}

/// What a program does to its board.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A server: decode rounds that swing around a level that changes, prefill bursts, pauses without a request.
    Serving,
    /// Decode rounds that are all alike for a while, between prefill bursts.
    Rounds,
    /// The same between two fixed levels: the serving load of the live bench (`bench/accuracy/loads.mjs`).
    Bench,
    /// One level, which drifts by some percent as the chip warms up.
    Constant,
    /// Short bursts with idle between them, anywhere.
    Bursts,
    /// Evenly up and down between two levels.
    Ramp,
    /// Two levels in turn, each period as long as the sensor's or a whole part of it.
    Square,
    /// The same, up to 4 % off that period: the readings beat slowly, or hardly at all within a window.
    Beat,
    /// A level that wanders by small steps.
    Walk,
    /// A level with a texture of a millisecond.
    Texture,
}

impl Shape {
    /// Puts it on a load from one moment to another. `period_ns`: of the sensor, for what is in step with it.
    pub fn put(self, load: &mut Load, range: Range, span_ns: (u64, u64), period_ns: u64, dice: &mut Random) {
        let (from_ns, to_ns) = span_ns;
        match self {
            Self::Serving => serve(load, range, span_ns, dice),
            Self::Rounds => {
                let (high_w, low_w) = (dice.between(430.0, 620.0), dice.between(180.0, 400.0));
                decode_evenly(load, range, span_ns, (high_w, low_w), dice);
            }
            Self::Bench => decode_evenly(load, range, span_ns, (480.0, 330.0), dice),
            Self::Constant => warm_up(load, range, from_ns, dice),
            Self::Bursts => burst(load, range, span_ns, dice),
            Self::Ramp => rise_and_fall(load, range, span_ns, dice),
            Self::Square => swing_in_step(load, range, span_ns, period_ns, dice),
            Self::Beat => {
                let off = dice.between(0.002, 0.04) * dice.pick(&[-1.0, 1.0]);
                let period_ns = (period_ns as f64 * (1.0 + off)).round_ns();
                swing_in_step(load, range, span_ns, period_ns, dice);
            }
            Self::Walk => wander(load, range, span_ns, dice),
            Self::Texture => flicker(load, range, span_ns, dice),
        }
        load.cut(to_ns);
    }
}

fn serve(load: &mut Load, range: Range, (from_ns, to_ns): (u64, u64), dice: &mut Random) {
    let mut at_ns = from_ns;
    let mut next_burst_ns = at_ns + dice.ns_below(1300 * MS);
    let pauses = dice.chance(0.3);
    while at_ns < to_ns {
        // A batch that grows and shrinks: a level and a swing for some time.
        let level_w = dice.between(250.0, 600.0);
        let swing_w = dice.between(20.0, 220.0);
        let round_ns = dice.ns_between(8 * MS, 45 * MS);
        let share = dice.between(0.3, 0.7);
        let until_ns = (at_ns + dice.ns_between(200 * MS, 2500 * MS)).min(to_ns);
        while at_ns < until_ns {
            if at_ns >= next_burst_ns {
                load.step(at_ns, range.clamp(dice.between(600.0, 720.0)));
                at_ns += dice.ns_between(60 * MS, 260 * MS);
                next_burst_ns = at_ns + dice.exponential_ns(650 * MS, 3000 * MS);
                continue;
            }
            let this_ns = round_ns * 9 / 10 + dice.ns_below(round_ns / 5);
            let high_w = range.clamp(level_w + swing_w * (1.0 - share) + 8.0 * dice.normal());
            load.step(at_ns, high_w);
            load.step(at_ns + (this_ns as f64 * share).round_ns(), range.clamp(level_w - swing_w * share));
            at_ns += this_ns;
        }
        if pauses && dice.chance(0.4) {
            load.step(at_ns, range.idle_w + dice.between(0.0, 40.0));
            at_ns += dice.ns_between(30 * MS, 500 * MS);
        }
    }
}

fn decode_evenly(
    load: &mut Load,
    range: Range,
    (from_ns, to_ns): (u64, u64),
    (high_w, low_w): (f64, f64),
    dice: &mut Random,
) {
    let mut at_ns = from_ns;
    while at_ns < to_ns {
        let round_ns = dice.ns_between(8 * MS, 45 * MS);
        let high_ns = round_ns * 2 / 5 + dice.ns_below(round_ns / 5);
        let until_ns = at_ns + dice.ns_between(100 * MS, 1300 * MS);
        while at_ns < until_ns {
            load.step(at_ns, range.clamp(high_w));
            load.step(at_ns + high_ns, range.clamp(low_w));
            at_ns += round_ns;
        }
        load.step(at_ns, range.clamp(690.0));
        at_ns += 150 * MS;
    }
}

fn warm_up(load: &mut Load, range: Range, from_ns: u64, dice: &mut Random) {
    let level_w = dice.between(200.0, 650.0);
    let soft_ns = if dice.chance(0.5) { 0 } else { dice.ns_between(2 * MS, 40 * MS) };
    if soft_ns > 0 {
        load.slope(from_ns, range.idle_w, (level_w - range.idle_w) / seconds(soft_ns));
    }
    // Leakage: 1 % or so until the chip is warm.
    load.slope(from_ns + soft_ns, level_w, level_w * dice.between(0.0, 0.002));
}

fn burst(load: &mut Load, range: Range, (from_ns, to_ns): (u64, u64), dice: &mut Random) {
    let mut at_ns = from_ns + dice.ns_below(1500 * MS);
    while at_ns < to_ns {
        load.step(at_ns, range.clamp(dice.between(300.0, 700.0)));
        at_ns += dice.ns_between(20 * MS, 400 * MS);
        load.step(at_ns, range.idle_w);
        at_ns += dice.ns_between(40 * MS, 1500 * MS);
    }
}

fn rise_and_fall(load: &mut Load, range: Range, (from_ns, to_ns): (u64, u64), dice: &mut Random) {
    let (low_w, high_w) = (range.idle_w + dice.between(0.0, 100.0), dice.between(400.0, range.limit_w));
    let half_ns = dice.ns_between(300 * MS, 3000 * MS);
    let (mut at_ns, mut rises) = (from_ns, dice.chance(0.5));
    while at_ns < to_ns {
        let slope = (high_w - low_w) / seconds(half_ns);
        load.slope(at_ns, if rises { low_w } else { high_w }, if rises { slope } else { -slope });
        (at_ns, rises) = (at_ns + half_ns, !rises);
    }
}

fn swing_in_step(load: &mut Load, range: Range, span_ns: (u64, u64), period_ns: u64, dice: &mut Random) {
    let (from_ns, to_ns) = span_ns;
    let period_ns = period_ns / dice.pick(&[1, 1, 1, 2, 3]);
    let high_ns = (period_ns as f64 * dice.between(0.3, 0.7)).round_ns();
    let low_w = if dice.chance(0.6) { range.idle_w } else { dice.between(120.0, 300.0) };
    let high_w = dice.between(350.0, 690.0);
    let mut at_ns = from_ns;
    while at_ns < to_ns {
        load.step(at_ns, high_w);
        load.step(at_ns + high_ns, low_w);
        at_ns += period_ns;
    }
}

fn wander(load: &mut Load, range: Range, (from_ns, to_ns): (u64, u64), dice: &mut Random) {
    let mut level_w = dice.between(200.0, 600.0);
    let stride_w = dice.between(5.0, 40.0);
    let mut at_ns = from_ns;
    while at_ns < to_ns {
        load.step(at_ns, level_w);
        level_w = range.clamp(level_w + stride_w * dice.normal());
        at_ns += dice.ns_between(4 * MS, 30 * MS);
    }
}

fn flicker(load: &mut Load, range: Range, (from_ns, to_ns): (u64, u64), dice: &mut Random) {
    let (level_w, spread_w) = (dice.between(250.0, 550.0), dice.between(30.0, 150.0));
    let mut at_ns = from_ns;
    while at_ns < to_ns {
        load.step(at_ns, range.clamp(level_w + spread_w * dice.normal()));
        at_ns += dice.ns_between(MS / 3, 3 * MS);
    }
}

trait RoundNs {
    fn round_ns(self) -> u64;
}

impl RoundNs for f64 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive times")]
    fn round_ns(self) -> u64 {
        self.round() as u64
    }
}
