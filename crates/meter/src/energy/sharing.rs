//! How the energy between two ticks of the counter is shared out at an edge between them. The sum is known exactly;
//! where inside it lies is told by the power readings around the interval and the one that looked into it.

use crate::clock::seconds;

/// Below this share of the power on the other side of an edge, a side is idle.
const IDLE_SHARE: f64 = 0.5;
/// How often an edge next to an idle stretch is where the load begins or ends, before the energy is looked at: who
/// marks a window mostly marks the load itself.
const MARKED: f64 = 0.95;
/// Neither story is surer than this variance of the choice between them: both simplify.
const LEAST_DOUBT: f64 = 0.03;
/// How far the level of a load right beside the edge may be from the reading nearest to it (k = 1).
const LEVEL_SPREAD: f64 = 0.2;
/// The energy of a piece is known, so that the part before an edge reaches its least or most only where the load is at
/// one extreme before the edge and at the other one after it: a triangle of half width `d`, whose standard deviation
/// is `d / sqrt(6)`; twice that.
const TRIANGLE_TO_K2: f64 = 0.816;

/// The energy that the counter gave for the time between two of its ticks, and what the readings say of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct TickInterval {
    pub start_ns: u64,
    pub end_ns: u64,
    pub energy_j: f64,
    /// The power before the interval and after it, where both were read.
    pub levels: Option<Levels>,
    /// The reading that looked into the interval, where one did.
    pub seen: Option<Seen>,
    /// The lowest and the highest reading around the edge.
    pub range_w: (f64, f64),
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

/// The edge is where the load begins or ends.
struct StepAtEdge {
    before_j: f64,
    idle_w: f64,
    probability: f64,
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
        let anywhere = self.share_among(&self.pieces(levels), edge_ns);
        let Some(at_edge) = self.step_at_edge(levels, edge_ns, tick_doubt_ns) else { return anywhere };
        // Both stories, each weighed by how well it explains the energy (Bayes).
        let (marked, elsewhere) = (at_edge.probability, 1.0 - at_edge.probability);
        let spread = (marked * elsewhere).max(LEAST_DOUBT).sqrt();
        let between_j = 2.0 * spread * (at_edge.before_j - anywhere.before_j).abs();
        Share {
            before_j: marked * at_edge.before_j + elsewhere * anywhere.before_j,
            uncertainty_j: between_j.hypot(elsewhere * anywhere.uncertainty_j),
            power_w: marked * at_edge.idle_w + elsewhere * anywhere.power_w,
        }
    }

    fn length_s(&self) -> f64 {
        seconds(self.end_ns - self.start_ns)
    }

    fn mean_w(&self) -> f64 {
        self.energy_j / self.length_s()
    }

    /// The story of a load that begins or ends at the edge: the idle side is idle up to the edge, and the rest of the
    /// energy is the load's. `None` where no side is idle.
    fn step_at_edge(&self, levels: Levels, edge_ns: u64, tick_doubt_ns: u64) -> Option<StepAtEdge> {
        let Levels { before_w, after_w } = levels;
        let (idle_w, load_w) = (before_w.min(after_w), before_w.max(after_w));
        if idle_w > IDLE_SHARE * load_w {
            return None;
        }
        let (before_s, after_s) = (seconds(edge_ns - self.start_ns), seconds(self.end_ns - edge_ns));
        let idle_before = before_w < after_w;
        let (idle_s, load_s) = if idle_before { (before_s, after_s) } else { (after_s, before_s) };
        let (idle_j, load_j) = (idle_w * idle_s, self.energy_j - idle_w * idle_s);
        // The reading that looked at the load's side of the interval knows its level there best.
        let on_load_side =
            |seen: &Seen| if idle_before { seen.start_ns >= edge_ns } else { seen.end_ns <= edge_ns };
        let near_w = self.seen.filter(on_load_side).map_or(load_w, |seen| seen.power_w);
        let off_j = load_j - near_w * load_s;
        let spread_j = LEVEL_SPREAD * load_w * load_s + (load_w - idle_w) * seconds(tick_doubt_ns);
        let room_j = (near_w.max(load_w) - idle_w) * self.length_s();
        // A step anywhere in the interval makes every energy between all idle and all load equally likely.
        let at_edge =
            MARKED * (-0.5 * (off_j / spread_j).powi(2)).exp() / (spread_j * std::f64::consts::TAU.sqrt());
        let anywhere = (1.0 - MARKED) / room_j;
        let probability = at_edge / (at_edge + anywhere);
        (load_j >= 0.0 && probability.is_finite()).then_some(StepAtEdge {
            before_j: if idle_before { idle_j } else { load_j },
            idle_w,
            probability,
        })
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
        let Some(seen) = self.seen else { return whole };
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

    fn share_among(&self, pieces: &[Piece], edge_ns: u64) -> Share {
        let inside = pieces.iter().find(|piece| (piece.start_ns..=piece.end_ns).contains(&edge_ns));
        let bound_j = inside.map_or(0.0, |piece| piece.bound_j(edge_ns, self.range_w));
        // Energy that lies before the reading and not after it, or the other way round.
        let exchange_j = match pieces {
            [first, _, last] => first.room_j().min(last.room_j()),
            _ => 0.0,
        };
        Share {
            before_j: pieces.iter().map(|piece| piece.before_j(edge_ns)).sum(),
            uncertainty_j: TRIANGLE_TO_K2 * bound_j.hypot(exchange_j),
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
        let step_s = (self.energy_j - self.right_w * length_s) / (self.left_w - self.right_w);
        if (0.0..=length_s).contains(&step_s) {
            self.left_w * into_s.min(step_s) + self.right_w * (into_s - step_s).max(0.0)
        } else {
            self.energy_j * into_s / length_s
        }
    }

    /// How far the energy before the edge may be off if the power kept within the readings around it.
    fn bound_j(&self, edge_ns: u64, (low_w, high_w): (f64, f64)) -> f64 {
        let length_s = self.length_s();
        if length_s <= 0.0 {
            return 0.0;
        }
        let mean_w = self.energy_j / length_s;
        // Between two low readings that hold much energy the load was high for a while that no reading saw, at twice
        // its excess at least; likewise a dip between two high ones.
        let high_w =
            if mean_w > self.left_w.max(self.right_w) { high_w.max(2.0 * mean_w - low_w) } else { high_w };
        let low_w = if mean_w < self.left_w.min(self.right_w) {
            low_w.min(2.0 * mean_w - high_w).max(0.0)
        } else {
            low_w
        };
        let (low_w, high_w) = (low_w.min(mean_w), high_w.max(mean_w));
        let into_s = seconds(edge_ns - self.start_ns);
        let rest_s = length_s - into_s;
        let least_j = (low_w * into_s).max(self.energy_j - high_w * rest_s);
        let most_j = (high_w * into_s).min(self.energy_j - low_w * rest_s);
        (most_j - least_j).max(0.0) / 2.0
    }
}
