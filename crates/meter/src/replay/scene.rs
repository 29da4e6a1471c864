//! One window over one load on one board, and what the sampler saw of it.

use super::driver::{Board, Driver};
use super::load::{Load, Range, Shape};
use super::poll::{Observation, Session, observe};
use super::random::Random;
use crate::clock::{NS_PER_MS as MS, NS_PER_S};
use crate::energy::{Calibrated, Sensor};
use crate::sampler::PRE_ROLL_NS;

/// What the sampler goes on for after the window; a meter stops listening when it likes.
const POST_ROLL_NS: u64 = 1500 * MS;
/// How many moments inside a window are told with their true energy.
const PARTS: usize = 8;
/// Before the sampler opens: its sensors have been running for long.
const BEFORE_OPENING_NS: u64 = 3 * NS_PER_S;
/// The earliest that a window may begin after the sampler opened, as of `llem exec`.
const LEAST_LEAD_IN_NS: u64 = PRE_ROLL_NS;

/// What a meter may know of a window, and the truth, which it may not.
#[derive(Clone, Debug)]
pub struct Recording {
    /// In the order of their times; from the opening of the sampler to `POST_ROLL_NS` after the window.
    pub observations: Vec<Observation>,
    /// When the sampler opened.
    pub opened_ns: u64,
    /// Left edge.
    pub start_ns: u64,
    /// Right edge.
    pub end_ns: u64,
    /// What is usual for the board's architecture.
    pub prior: Sensor,
    /// What a calibration has measured of the board.
    pub calibrated: Calibrated,
    /// The power limit that the driver tells.
    pub limit_w: f64,
    /// How often the sampler was told to read.
    pub interval_ns: u64,
    /// The truth: energy of the window, joules.
    pub true_j: f64,
    /// The truth: moments inside the window, in order, and the energy from its left edge to each, joules.
    pub parts: Vec<(u64, f64)>,
}

/// Where a load begins and ends, beside the marks of the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// It runs from before the window to after it.
    Around,
    /// It fills the window: the marks come a moment late, as those of a program do.
    Fills,
    /// It begins 10 to 90 ms after the left mark and ends as far before or after the right one.
    Apart,
    /// Each edge any of these.
    Mixed,
    /// It runs before the sampler opens, and on after the window: nobody ever sees the board idle.
    Always,
}

/// All that a recording comes from.
#[derive(Clone, Debug)]
pub struct Scene {
    /// The true power.
    pub load: Load,
    /// The board.
    pub board: Board,
    /// What the board can draw.
    pub range: Range,
    /// When the sampler opens.
    pub opened_ns: u64,
    /// Edges of windows before this one.
    pub earlier_edges_ns: Vec<u64>,
    /// Left edge.
    pub start_ns: u64,
    /// Right edge.
    pub end_ns: u64,
}

impl Scene {
    /// A random one of its kind.
    pub fn random(
        board: Board,
        shape: Shape,
        placement: Placement,
        length_ns: u64,
        dice: &mut Random,
    ) -> Self {
        let opened_ns = BEFORE_OPENING_NS + dice.ns_below(NS_PER_S);
        let lead_in_ns = match dice.ns_below(4) {
            0 => dice.ns_between(LEAST_LEAD_IN_NS, 900 * MS),
            1 => dice.ns_between(NS_PER_S, 3 * NS_PER_S),
            _ => dice.ns_between(5 * NS_PER_S, 7 * NS_PER_S),
        };
        let start_ns = opened_ns + lead_in_ns;
        // Not whole update periods, over which the errors of the two edges cancel.
        let end_ns = start_ns + length_ns + dice.ns_below(100 * MS);
        // A baseline, as an experiment measures it.
        let earlier_edges_ns = if lead_in_ns > 5 * NS_PER_S {
            let baseline_end_ns = start_ns - dice.ns_between(300 * MS, 2 * NS_PER_S);
            vec![opened_ns + LEAST_LEAD_IN_NS, baseline_end_ns]
        } else {
            Vec::new()
        };
        let range = Range { idle_w: dice.between(45.0, 120.0), limit_w: 700.0 };
        let from_ns = begins_ns(placement, start_ns, dice);
        let to_ns = ends_ns(placement, end_ns, dice);
        let mut load = Load::idle(range.idle_w);
        shape.put(&mut load, range, (from_ns, to_ns), board.sensor.ticks.period_ns, dice);
        cool_down(&mut load, range, to_ns, dice);
        Self { load, board, range, opened_ns, earlier_edges_ns, start_ns, end_ns }
    }

    /// What the sampler sees of it.
    pub fn record(&self, dice: &mut Random) -> Recording {
        let until_ns = self.end_ns + POST_ROLL_NS;
        let mut edges_ns = self.earlier_edges_ns.clone();
        edges_ns.extend([self.start_ns, self.end_ns]);
        let session = Session { opened_ns: self.opened_ns, edges_ns, until_ns };
        // A call may go on after the end.
        let mut driver = Driver::new(self.board, &self.load, until_ns + NS_PER_S, dice);
        let observations = observe(&self.board, &mut driver, &session, dice);
        let energy_j = |at_ns: u64| self.load.joules(at_ns) - self.load.joules(self.start_ns);
        let mut moments_ns: Vec<u64> =
            (0..PARTS).map(|_| dice.ns_between(self.start_ns, self.end_ns)).collect();
        moments_ns.sort_unstable();
        Recording {
            observations,
            opened_ns: self.opened_ns,
            start_ns: self.start_ns,
            end_ns: self.end_ns,
            prior: self.board.prior,
            calibrated: self.board.calibrated,
            limit_w: self.range.limit_w,
            interval_ns: self.board.interval_ns,
            true_j: energy_j(self.end_ns),
            parts: moments_ns.into_iter().map(|at_ns| (at_ns, energy_j(at_ns))).collect(),
        }
    }
}

/// A program marks what it has just begun or ended, 0.7 ms late on the mean on a busy machine.
fn late_ns(dice: &mut Random) -> u64 {
    dice.exponential_ns(700_000, 4 * MS)
}

fn begins_ns(placement: Placement, start_ns: u64, dice: &mut Random) -> u64 {
    match placement {
        Placement::Around => start_ns - dice.ns_between(200 * MS, 2000 * MS),
        Placement::Fills => start_ns - late_ns(dice),
        Placement::Apart => start_ns + dice.ns_between(10 * MS, 90 * MS),
        Placement::Always => dice.ns_between(MS, 200 * MS),
        Placement::Mixed => {
            let any = dice.pick(&[Placement::Around, Placement::Fills, Placement::Apart]);
            begins_ns(any, start_ns, dice)
        }
    }
}

fn ends_ns(placement: Placement, end_ns: u64, dice: &mut Random) -> u64 {
    match placement {
        Placement::Around | Placement::Always => end_ns + dice.ns_between(200 * MS, 2000 * MS),
        Placement::Fills => end_ns - late_ns(dice),
        Placement::Apart if dice.chance(0.5) => end_ns - dice.ns_between(10 * MS, 90 * MS),
        Placement::Apart => end_ns + dice.ns_between(10 * MS, 90 * MS),
        Placement::Mixed => {
            let any = dice.pick(&[Placement::Around, Placement::Fills, Placement::Apart]);
            ends_ns(any, end_ns, dice)
        }
    }
}

/// Idle again; the clocks of some boards stay up for a while first.
fn cool_down(load: &mut Load, range: Range, at_ns: u64, dice: &mut Random) {
    if dice.chance(0.3) {
        load.step(at_ns, range.idle_w + dice.between(10.0, 60.0));
        load.step(at_ns + dice.ns_between(100 * MS, 3000 * MS), range.idle_w);
    } else {
        load.step(at_ns, range.idle_w);
    }
}
