//! How the energy between two ticks of the counter is shared out at an edge between them. The sum is known exactly;
//! where inside it lies is told by the power readings around the interval and the one that looked into it.

use super::steps::Steps;
use crate::clock::seconds;

/// The energy of a piece is known, so that the part before an edge reaches its least or most only where the load is at
/// one extreme before the edge and at the other one after it: a triangle of half width `d`, whose standard deviation
/// is `d / sqrt(6)`; twice that.
const TRIANGLE_TO_K2: f64 = 0.816;

/// How far the power may be from a reading next to it, on the mean over some ten milliseconds (k = 1): at most, where
/// the readings around do not tell, and at least.
const SPREAD: f64 = 0.05;
const LEAST_SPREAD: f64 = 0.02;
/// What goes on within the time of one reading cannot be seen in any: this share of its energy may lie on the other
/// side of an edge (k = 2), as with the rounds of a decode. Rounds of 8 to 45 ms that swing by 19 % about their mean come
/// to 0.05 to 0.14 of 25 ms ...
const WITHIN_READING: f64 = 0.12;
/// ... and a reading of more than this has seen several.
const LONGEST_ROUNDS_S: f64 = 0.06;
/// A reading is between two levels where it is this many times the lower one and the higher one is this many times it.
const BETWEEN: f64 = 1.08;
/// What the median of deviations is to be multiplied with for their standard deviation.
const MEDIAN_TO_K1: f64 = 1.48;
/// So many readings tell how steady a load is.
const TELLING_READINGS: usize = 2;
/// Readings within this factor of a level are of the same load.
const SAME_LOAD: f64 = 1.3;

/// The energy that the counter gave for the time between two of its ticks, and what the readings say of it.
#[derive(Clone, Debug)]
pub(super) struct TickInterval {
    pub start_ns: u64,
    pub end_ns: u64,
    pub energy_j: f64,
    /// The power before the interval and after it, where both were read.
    pub levels: Option<Levels>,
    /// What the sensor published around it, in order.
    pub readings: Vec<Seen>,
    /// How far their times may be off.
    pub reading_doubt_ns: u64,
    /// How far a tick of the sensor may seem to be from one of the counter although they are one.
    pub together_ns: u64,
    /// The lowest and the highest reading around the edge, widened to hold the mean of the interval.
    pub range_w: (f64, f64),
    /// The highest reading around the edge.
    pub highest_w: f64,
}

/// The power on both sides of an interval, watts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Levels {
    pub before_w: f64,
    pub after_w: f64,
}

/// A reading is the mean power over a part of the interval.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    pub start_ns: u64,
    pub end_ns: u64,
    pub power_w: f64,
}

/// What lies before the edge.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Share {
    pub before_j: f64,
    /// k = 2.
    pub uncertainty_j: f64,
    /// What a doubt about the time of the ticks is to be multiplied with.
    pub power_w: f64,
}

/// A part of the interval with an energy of its own, in which the power steps once or not at all.
#[derive(Clone, Copy)]
struct Piece {
    start_ns: u64,
    end_ns: u64,
    energy_j: f64,
    left_w: f64,
    right_w: f64,
}

impl TickInterval {
    /// Shares the energy out at `edge_ns`, which lies in the interval. `tick_doubt_ns`: how far its ends may be off.
    pub fn share_at(&self, edge_ns: u64, tick_doubt_ns: u64) -> Share {
        let edge_ns = edge_ns.clamp(self.start_ns, self.end_ns);
        let Some(levels) = self.levels else { return self.share_among(&[self.whole(None)], edge_ns) };
        Steps::of(self, edge_ns, tick_doubt_ns)
            .and_then(|steps| steps.share())
            .unwrap_or_else(|| self.share_among(&self.pieces(levels), edge_ns))
    }

    /// The share of the interval that lies after an edge.
    pub fn share_after(&self, edge_ns: u64) -> f64 {
        seconds(self.end_ns.saturating_sub(edge_ns.max(self.start_ns))) / self.length_s()
    }

    pub fn length_s(&self) -> f64 {
        seconds(self.end_ns - self.start_ns)
    }

    pub fn mean_w(&self) -> f64 {
        self.energy_j / self.length_s()
    }

    /// The readings that looked into the interval, perhaps beyond its ends too.
    fn seen(&self) -> impl Iterator<Item = &Seen> {
        self.readings.iter().filter(|seen| {
            seen.end_ns > self.start_ns + self.together_ns && seen.start_ns + self.together_ns < self.end_ns
        })
    }

    /// The last reading before the interval and the first one after it.
    pub fn beside(&self) -> Option<(usize, usize)> {
        let first = self.readings.iter().rposition(|seen| seen.end_ns <= self.start_ns + self.together_ns)?;
        let last = self.readings.iter().position(|seen| seen.start_ns + self.together_ns >= self.end_ns)?;
        Some((first, last))
    }

    /// How steady a load is, by the readings of it: the relative standard deviation about a level, from their median.
    fn spread_about(&self, level_w: f64) -> f64 {
        let mut deviations: Vec<f64> = self
            .readings
            .iter()
            .map(|seen| seen.power_w / level_w)
            .filter(|ratio| (1.0 / SAME_LOAD..SAME_LOAD).contains(ratio))
            .map(|ratio| (ratio - 1.0).abs())
            .collect();
        deviations.sort_by(f64::total_cmp);
        if deviations.len() < TELLING_READINGS {
            return SPREAD;
        }
        (MEDIAN_TO_K1 * deviations[deviations.len() / 2]).clamp(LEAST_SPREAD, SPREAD)
    }

    /// The time that a reading is the mean of.
    fn window_s(&self) -> f64 {
        self.readings.first().map_or_else(|| self.length_s(), |seen| seconds(seen.end_ns - seen.start_ns))
    }

    fn clipped(&self, seen: &Seen) -> Seen {
        Seen { start_ns: seen.start_ns.max(self.start_ns), end_ns: seen.end_ns.min(self.end_ns), ..*seen }
    }

    /// The interval as one piece.
    fn whole(&self, levels: Option<Levels>) -> Piece {
        let mean_w = self.mean_w();
        Piece {
            start_ns: self.start_ns,
            end_ns: self.end_ns,
            energy_j: self.energy_j,
            left_w: levels.map_or(mean_w, |levels| levels.before_w),
            right_w: levels.map_or(mean_w, |levels| levels.after_w),
        }
    }

    /// The parts before, during and after the reading that looked into the interval; the whole where none did or
    /// what it leaves for the rest is nonsense, as on a board whose sensor is slower than thought.
    fn pieces(&self, levels: Levels) -> Vec<Piece> {
        let whole = vec![self.whole(Some(levels))];
        // The one that looked at most of it, unless it sees half of the interval as one.
        if 2.0 * self.window_s() > self.length_s() {
            return whole;
        }
        let Some(seen) =
            self.seen().map(|seen| self.clipped(seen)).max_by_key(|seen| seen.end_ns - seen.start_ns)
        else {
            return whole;
        };
        if let Some(pieces) = self.stepped_in(&seen, levels) {
            return pieces;
        }
        let seen_j = seen.power_w * seconds(seen.end_ns - seen.start_ns);
        let mut rest = [
            (self.start_ns, seen.start_ns, levels.before_w, seen.power_w),
            (seen.end_ns, self.end_ns, seen.power_w, levels.after_w),
        ]
        .map(|(start_ns, end_ns, left_w, right_w)| {
            let energy_j = f64::midpoint(left_w, right_w) * seconds(end_ns - start_ns);
            Piece { start_ns, end_ns, energy_j, left_w, right_w }
        });
        let rest_s: f64 = rest.iter().map(Piece::length_s).sum();
        let over_j = self.energy_j - seen_j - rest.iter().map(|piece| piece.energy_j).sum::<f64>();
        let room_j: f64 = rest.iter().map(Piece::room_j).sum();
        if rest_s <= 0.0 || seen_j > self.energy_j {
            return whole;
        }
        for piece in &mut rest {
            // First the steps move, within the levels on both sides; what they cannot explain is spread evenly.
            let by_steps_j =
                if room_j > 0.0 { (over_j / room_j).clamp(-1.0, 1.0) * piece.room_j() } else { 0.0 };
            let evenly_j = over_j - over_j.clamp(-room_j, room_j);
            piece.energy_j += by_steps_j + evenly_j * piece.length_s() / rest_s;
        }
        let during = Piece {
            start_ns: seen.start_ns,
            end_ns: seen.end_ns,
            energy_j: seen_j,
            left_w: seen.power_w,
            right_w: seen.power_w,
        };
        vec![rest[0], during, rest[1]]
    }

    /// The same where the reading itself saw the power step from one level to the other: then it tells when, and the
    /// levels explain the energy of the rest.
    fn stepped_in(&self, seen: &Seen, levels: Levels) -> Option<Vec<Piece>> {
        let Levels { before_w, after_w } = levels;
        let (low_w, high_w) = (before_w.min(after_w), before_w.max(after_w));
        let rest_s = self.length_s() - seconds(seen.end_ns - seen.start_ns);
        if seen.power_w < BETWEEN * low_w || high_w < BETWEEN * seen.power_w || rest_s <= 0.0 {
            return None;
        }
        let pieces = |over_w: f64| {
            [
                (self.start_ns, seen.start_ns, before_w + over_w, before_w + over_w, before_w + over_w),
                (seen.start_ns, seen.end_ns, seen.power_w, before_w, after_w),
                (seen.end_ns, self.end_ns, after_w + over_w, after_w + over_w, after_w + over_w),
            ]
            .map(|(start_ns, end_ns, power_w, left_w, right_w)| {
                let energy_j = power_w * seconds(end_ns - start_ns);
                Piece { start_ns, end_ns, energy_j, left_w, right_w }
            })
        };
        let over_j = self.energy_j - pieces(0.0).iter().map(|piece| piece.energy_j).sum::<f64>();
        (over_j.abs() <= SPREAD * self.energy_j).then(|| pieces(over_j / rest_s).to_vec())
    }

    fn share_among(&self, pieces: &[Piece], edge_ns: u64) -> Share {
        let inside = pieces.iter().find(|piece| (piece.start_ns..=piece.end_ns).contains(&edge_ns));
        let inside_j = inside.map_or(0.0, |piece| match self.levels {
            Some(_) => piece.uncertainty_j(edge_ns, self.window_s(), |level_w| self.spread_about(level_w)),
            None => TRIANGLE_TO_K2 * piece.bound_j(edge_ns, self.range_w),
        });
        // Energy that lies before the reading and not after it, or the other way round.
        let exchange_j = match pieces {
            [first, _, last] => first.room_j().min(last.room_j()),
            _ => 0.0,
        };
        Share {
            before_j: pieces.iter().map(|piece| piece.before_j(edge_ns)).sum(),
            uncertainty_j: inside_j.hypot(TRIANGLE_TO_K2 * exchange_j),
            power_w: self.mean_w(),
        }
    }
}

impl Piece {
    fn length_s(&self) -> f64 {
        seconds(self.end_ns - self.start_ns)
    }

    /// By how much the energy may differ from that of a step in the middle.
    fn room_j(&self) -> f64 {
        (self.left_w - self.right_w).abs() / 2.0 * self.length_s()
    }

    /// The energy before the edge: one step where that explains the energy of the piece, else an even share.
    fn before_j(&self, edge_ns: u64) -> f64 {
        let into_s = seconds(edge_ns.clamp(self.start_ns, self.end_ns) - self.start_ns);
        let length_s = self.length_s();
        if into_s <= 0.0 || length_s <= 0.0 {
            return 0.0;
        }
        match self.step_s() {
            Some(step_s) => self.left_w * into_s.min(step_s) + self.right_w * (into_s - step_s).max(0.0),
            None => self.energy_j * into_s / length_s,
        }
    }

    /// Where one step of the power explains the energy, from the start of the piece.
    fn step_s(&self) -> Option<f64> {
        let length_s = self.length_s();
        let step_s = (self.energy_j - self.right_w * length_s) / (self.left_w - self.right_w);
        (0.0..=length_s).contains(&step_s).then_some(step_s)
    }

    /// How far the energy before the edge may be off (k = 2). `spread_about`: how steady the load
    /// is at a level. `window_s`: what one reading is the mean of.
    fn uncertainty_j(&self, edge_ns: u64, window_s: f64, spread_about: impl Fn(f64) -> f64) -> f64 {
        let length_s = self.length_s();
        if length_s <= 0.0 {
            return 0.0;
        }
        let into_s = seconds(edge_ns - self.start_ns);
        let rest_s = length_s - into_s;
        let window_s = window_s.min(LONGEST_ROUNDS_S);
        let within_s = |span_s: f64| WITHIN_READING * (span_s.min(window_s) * window_s).sqrt();
        if let Some(step_s) = self.step_s() {
            // From the edge to the end of the piece on the same side of the step the power is the reading's there.
            let (level_w, span_s) =
                if into_s < step_s { (self.left_w, into_s) } else { (self.right_w, rest_s) };
            return level_w * (2.0 * spread_about(level_w) * span_s).hypot(within_s(span_s));
        }
        // What both readings do not explain was a burst or a dip that none saw, on either side of the edge.
        let mean_w = self.energy_j / length_s;
        let (low_w, high_w) = (self.left_w.min(self.right_w), self.left_w.max(self.right_w));
        let hidden_j = (mean_w - mean_w.clamp(low_w, high_w)).abs() * length_s;
        let near_s = into_s.min(rest_s);
        let level_j = mean_w * (2.0 * spread_about(mean_w) * near_s).hypot(within_s(near_s));
        level_j.hypot(TRIANGLE_TO_K2 * hidden_j / 2.0)
    }

    /// How far the energy before the edge may be off if the power kept within the readings around it.
    fn bound_j(&self, edge_ns: u64, (low_w, high_w): (f64, f64)) -> f64 {
        let length_s = self.length_s();
        if length_s <= 0.0 {
            return 0.0;
        }
        let mean_w = self.energy_j / length_s;
        let (low_w, high_w) = (low_w.min(mean_w), high_w.max(mean_w));
        let into_s = seconds(edge_ns - self.start_ns);
        let rest_s = length_s - into_s;
        let least_j = (low_w * into_s).max(self.energy_j - high_w * rest_s);
        let most_j = (high_w * into_s).min(self.energy_j - low_w * rest_s);
        (most_j - least_j).max(0.0) / 2.0
    }
}
