//! The sampler's cadence on a virtual clock: `sampler::sample_until_stopped` and `Poller::poll`, by the same schedule
//! and the same constants, without their threads. What a call costs moves the clock on.

use super::driver::{Board, Driver};
use super::random::Random;
use crate::clock::NS_PER_MS;
use crate::sample::CounterReading;
use crate::sampler::OPENING_SPAN_NS;
use crate::sampler::poller::{COUNTER_DENSE_NS, COUNTER_RETRY_NS, COUNTER_SHARE, Pace, next_due};
use crate::sampler::schedule::Schedule;
use crate::source::ReadError;
use crate::window::EDGE_SPAN_NS;

/// How often the slow signals are read, the mean over a second (field 185) among them, and what that costs: most of them are answered from memory.
const SLOW_INTERVAL_NS: u64 = 100 * NS_PER_MS;
const SLOW_COST_NS: u64 = 50_000;
/// A punctual thread wakes up this late at most.
const LATENESS_NS: u64 = 80_000;

/// What one look at the board yields. `None` is what was not due, is not there or failed.
#[derive(Clone, Copy, Debug)]
pub struct Observation {
    /// Middle of the power read.
    pub at_ns: u64,
    /// How long it took.
    pub read_ns: u64,
    /// Power in milliwatts, or why it is missing.
    pub power_mw: Result<u32, ReadError>,
    /// The energy counter, with the middle of its own read.
    pub counter: Option<CounterReading>,
    /// Whether the slow signals were read too.
    pub slow: bool,
    /// The mean over a second (field 185), milliwatts.
    pub average_mw: Option<u32>,
    /// The share of the last second in which a kernel ran, percent.
    pub busy_pct: u32,
    /// Whether it was made at a deadline, and not because the edge of a window is near.
    pub scheduled: bool,
}

/// When the sampler runs and which edges it is told of.
#[derive(Clone, Debug)]
#[expect(clippy::struct_field_names, reason = "the unit is in every name")]
pub(super) struct Session {
    pub opened_ns: u64,
    /// In order; of the window and of those before it.
    pub edges_ns: Vec<u64>,
    pub until_ns: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Wake {
    Deadline,
    Edge,
    NearEdge,
}

/// Polls a board through a session.
pub(super) fn observe(
    board: &Board,
    driver: &mut Driver,
    session: &Session,
    dice: &mut Random,
) -> Vec<Observation> {
    let mut poller = Poller::new(board, session, dice);
    let mut schedule = Schedule::new(session.opened_ns, board.interval_ns);
    let mut edges_served = 0;
    let mut polled_ns = session.opened_ns;
    while poller.now_ns < session.until_ns {
        let edges = session.edges_ns.partition_point(|edge_ns| *edge_ns <= poller.now_ns);
        let now_ns = poller.now_ns;
        let between_ns = schedule.between_ns(polled_ns, poller.dense_until_ns());
        if edges != edges_served {
            edges_served = edges;
            poller.hasten();
            poller.poll(Wake::Edge, driver);
        } else if now_ns >= schedule.next_ns() {
            poller.poll(Wake::Deadline, driver);
            schedule.advance(poller.now_ns);
        } else if between_ns.is_some_and(|due_ns| now_ns >= due_ns) {
            poller.poll(Wake::NearEdge, driver);
        } else {
            let next_ns = between_ns.unwrap_or(u64::MAX).min(schedule.next_ns());
            let edge_ns = session.edges_ns.get(edges).copied().unwrap_or(u64::MAX);
            poller.now_ns = next_ns.min(edge_ns) + dice.ns_below(LATENESS_NS);
            poller.now_ns += driver.stall_ns(poller.now_ns);
            continue;
        }
        polled_ns = now_ns;
    }
    poller.observations
}

struct Poller<'a> {
    session: &'a Session,
    pace: Pace,
    now_ns: u64,
    /// The device that is judged, among those that are read one after the other.
    judged: usize,
    counter_due_ns: Vec<u64>,
    counter_is_second: Vec<bool>,
    slow_due_ns: Vec<u64>,
    observations: Vec<Observation>,
}

impl<'a> Poller<'a> {
    fn new(board: &Board, session: &'a Session, dice: &mut Random) -> Self {
        let devices = board.calls.devices;
        let staggered = |interval_ns: u64| {
            (0..devices).map(|device| session.opened_ns + interval_ns * device / devices).collect()
        };
        let pace =
            Pace { interval_ns: board.interval_ns, slow_interval_ns: SLOW_INTERVAL_NS, tick_locked: false };
        Self {
            session,
            pace,
            now_ns: session.opened_ns,
            judged: usize::try_from(dice.ns_below(devices)).unwrap_or(0),
            counter_due_ns: staggered(COUNTER_DENSE_NS),
            counter_is_second: vec![false; usize::try_from(devices).unwrap_or(0)],
            slow_due_ns: staggered(SLOW_INTERVAL_NS),
            observations: Vec::new(),
        }
    }

    /// Whoever marks an edge says so at once, also while the sampler waits for a call.
    fn dense_until_ns(&self) -> u64 {
        let marked = self.session.edges_ns.partition_point(|edge_ns| *edge_ns <= self.now_ns);
        let opening_ns = self.session.opened_ns + OPENING_SPAN_NS;
        let edge_ns = self.session.edges_ns[..marked].last().map_or(0, |edge_ns| edge_ns + EDGE_SPAN_NS);
        opening_ns.max(edge_ns)
    }

    fn hasten(&mut self) {
        let soon_ns = self.now_ns + self.pace.counter_interval_ns(true, false);
        for due_ns in &mut self.counter_due_ns {
            *due_ns = (*due_ns).min(soon_ns);
        }
    }

    fn poll(&mut self, wake: Wake, driver: &mut Driver) {
        let mut read_until_ns = Vec::with_capacity(self.counter_due_ns.len());
        for device in 0..self.counter_due_ns.len() {
            let (before_ns, cost_ns) = (self.now_ns, driver.power_cost_ns());
            self.now_ns += cost_ns;
            read_until_ns.push(self.now_ns);
            if device == self.judged {
                let looks_ns = driver.looks_ns(before_ns, cost_ns);
                self.observations.push(Observation {
                    at_ns: before_ns + cost_ns / 2,
                    read_ns: cost_ns,
                    power_mw: driver.power_mw(looks_ns),
                    counter: None,
                    slow: false,
                    average_mw: None,
                    busy_pct: 0,
                    scheduled: wake == Wake::Deadline,
                });
            }
        }
        for (device, after_ns) in read_until_ns.into_iter().enumerate() {
            if wake == Wake::Edge || after_ns >= self.counter_due_ns[device] {
                self.read_counter(device, driver);
            }
            if after_ns >= self.slow_due_ns[device] {
                if device == self.judged
                    && let Some(observation) = self.observations.last_mut()
                {
                    let (average_mw, busy_pct) =
                        (driver.average_mw(self.now_ns), driver.busy_pct(self.now_ns));
                    *observation = Observation { slow: true, average_mw, busy_pct, ..*observation };
                }
                self.now_ns += SLOW_COST_NS;
                self.slow_due_ns[device] =
                    next_due(self.slow_due_ns[device], self.pace.slow_interval_ns, self.now_ns);
            }
        }
    }

    fn read_counter(&mut self, device: usize, driver: &mut Driver) {
        let (before_ns, cost_ns) = (self.now_ns, driver.counter_cost_ns());
        self.now_ns += cost_ns;
        let looks_ns = driver.looks_ns(before_ns, cost_ns);
        let energy_mj = driver.counter_mj(looks_ns);
        let is_dense = self.now_ns < self.dense_until_ns();
        let interval_ns = match energy_mj {
            Err(ReadError::NotSupported) => COUNTER_RETRY_NS,
            _ => self.pace.counter_interval_ns(is_dense, self.counter_is_second[device]),
        };
        self.counter_is_second[device] = !self.counter_is_second[device];
        let affordable_ns = cost_ns * COUNTER_SHARE * self.counter_due_ns.len() as u64;
        self.counter_due_ns[device] =
            next_due(self.counter_due_ns[device], interval_ns.max(affordable_ns), self.now_ns);
        if device == self.judged
            && let Some(observation) = self.observations.last_mut()
        {
            let at_ns = before_ns + cost_ns / 2;
            observation.counter = energy_mj.ok().map(|energy_mj| CounterReading { at_ns, energy_mj });
        }
    }
}
