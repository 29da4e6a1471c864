//! A board and its driver: what it answers to each call at a virtual moment, how long the call takes, and when it fails.

use super::counter::{EnergyCounter, Phase};
use super::load::Load;
use super::random::Random;
use super::sensor::{Average, PowerSensor};
use super::ticks::Published;
use crate::clock::NS_PER_MS;
use crate::energy::{Calibrated, Sensor};
use crate::source::ReadError;

/// How long a call takes.
#[derive(Clone, Copy, Debug)]
pub enum Latency {
    /// Always this long.
    Steady(u64),
    /// This long mostly; a share of the calls waits for a lock, for at least and at most so long (Pareto, exponent 1.3).
    HeavyTail {
        /// Mostly.
        usual_ns: u64,
        /// The share of calls that wait.
        share: f64,
        /// The shortest wait.
        least_ns: u64,
        /// The longest wait.
        most_ns: u64,
    },
}

impl Latency {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bounded by `most_ns`")]
    fn draw(self, dice: &mut Random) -> u64 {
        match self {
            Self::Steady(ns) => ns,
            Self::HeavyTail { usual_ns, share, least_ns, most_ns } => {
                if !dice.chance(share) {
                    return usual_ns;
                }
                let wait_ns = least_ns as f64 * dice.between(f64::MIN_POSITIVE, 1.0).powf(-1.0 / 1.3);
                wait_ns.min(most_ns as f64) as u64
            }
        }
    }
}

/// What calls cost, and how many devices are read one after the other.
#[derive(Clone, Copy, Debug)]
pub struct Calls {
    /// One power read.
    pub power: Latency,
    /// One read of the counter.
    pub counter: Latency,
    /// All devices that the sampler reads; the judged one is any of them.
    pub devices: u64,
}

/// What goes wrong with calls.
#[derive(Clone, Copy, Debug, Default)]
pub struct Faults {
    /// The share of power reads that fail.
    pub missed: f64,
    /// The share of power reads that answer `spike_w`.
    pub spikes: f64,
    /// What they answer, watts.
    pub spike_w: f64,
    /// The share of power reads that answer 0 with success.
    pub zeros: f64,
    /// From the first moment to the second every call fails.
    pub outage_ns: Option<(u64, u64)>,
    /// The share of polls before which the sampler's thread is kept from running for up to `stall_ns`.
    pub stalls: f64,
    /// How long at most.
    pub stall_ns: u64,
    /// At a moment the sampler's thread is kept from running for so long.
    pub stall_at_ns: Option<(u64, u64)>,
    /// The driver says that no kernel runs, whatever runs.
    pub no_kernels: bool,
}

/// Everything about a board but its load.
#[derive(Clone, Copy, Debug)]
pub struct Board {
    /// Its power reading.
    pub sensor: PowerSensor,
    /// Its energy counter, if it has one.
    pub counter: Option<EnergyCounter>,
    /// Its mean over a second, beside the power reading.
    pub average: Average,
    /// What its driver's calls cost.
    pub calls: Calls,
    /// What goes wrong with them.
    pub faults: Faults,
    /// What llem takes its sensor for before it has seen anything: usual for the architecture, and perhaps wrong.
    pub prior: Sensor,
    /// What a calibration has measured of it, of which `prior` then has the window and the delay.
    pub calibrated: Calibrated,
    /// How often the sampler was told to read.
    pub interval_ns: u64,
}

impl Board {
    /// The board that the first simulator models: the mean of 25 ms every 100 ms, and a counter that is right.
    pub const MODELLED: Self = Self {
        sensor: PowerSensor::boxcar_ms(100, 25),
        counter: Some(EnergyCounter { phase: Phase::Either, ..EnergyCounter::every_ms(100) }),
        average: Average::Any,
        calls: Calls { power: Latency::Steady(20_000), counter: Latency::Steady(100_000), devices: 1 },
        faults: Faults {
            missed: 0.0,
            spikes: 0.0,
            spike_w: 31_000.0,
            zeros: 0.0,
            outage_ns: None,
            stalls: 0.0,
            stall_ns: 0,
            stall_at_ns: None,
            no_kernels: false,
        },
        prior: Sensor::DATACENTER,
        calibrated: Calibrated { sensor_delay_doubt_ns: None, counter_delay: None, gain: None },
        interval_ns: 10 * NS_PER_MS,
    };
}

/// A board that draws so much more than at first is at work: clocks that stay up draw less.
const WORKING_W: f64 = 65.0;

/// How busy it was in each last second, five times a second.
fn busy(load: &Load, until_ns: u64) -> Published<u32> {
    let mut published = Published::default();
    let least_w = load.power_w(0) + WORKING_W;
    let mut works = std::collections::VecDeque::with_capacity(500);
    for step in 0..until_ns / (2 * NS_PER_MS) {
        let at_ns = step * 2 * NS_PER_MS;
        if works.len() == 500 {
            works.pop_front();
        }
        works.push_back(load.power_w(at_ns) > least_w);
        if step % 100 == 0 {
            let count = works.iter().filter(|works| **works).count();
            published.push(at_ns, u32::try_from(count / 5).unwrap_or(100));
        }
    }
    published
}

/// A board over a load, on a virtual clock.
pub(super) struct Driver {
    board: Board,
    power_w: Published<f64>,
    counter_mj: Option<Published<u64>>,
    average_w: Published<f64>,
    busy_pct: Published<u32>,
    dice: Random,
}

impl Driver {
    /// Everything that it will publish until a moment.
    pub fn new(board: Board, load: &Load, until_ns: u64, dice: &mut Random) -> Self {
        let sensor = board.sensor;
        let ticks_ns = sensor.ticks.until(until_ns, dice.ns_below(sensor.ticks.period_ns), dice);
        let power_w = sensor.publish(load, &ticks_ns, dice);
        let counter_mj = board.counter.map(|counter| {
            let in_step = match counter.phase {
                Phase::InStep => true,
                Phase::Own => false,
                Phase::Either => dice.chance(0.5),
            };
            let ticks_ns = if in_step {
                ticks_ns.clone()
            } else {
                counter.ticks.until(until_ns, dice.ns_below(counter.ticks.period_ns), dice)
            };
            counter.publish(load, &ticks_ns, &power_w, dice)
        });
        let average = match board.average {
            Average::Any => dice.pick(&[Average::None, Average::True, Average::Blind]),
            average => average,
        };
        let average_w = average.publish(&sensor, load, &power_w);
        let busy_pct = busy(load, until_ns);
        Self { board, power_w, counter_mj, average_w, busy_pct, dice: Random::new(dice.bits()) }
    }

    /// How long the next power read takes.
    pub fn power_cost_ns(&mut self) -> u64 {
        self.board.calls.power.draw(&mut self.dice)
    }

    /// How long the next read of the counter takes.
    pub fn counter_cost_ns(&mut self) -> u64 {
        self.board.calls.counter.draw(&mut self.dice)
    }

    /// How long the sampler's thread is kept from running before its next poll.
    pub fn stall_ns(&mut self, now_ns: u64) -> u64 {
        let faults = &mut self.board.faults;
        if let Some((_, length_ns)) = faults.stall_at_ns.take_if(|(at_ns, _)| *at_ns <= now_ns) {
            return length_ns;
        }
        let stalls = faults.stalls > 0.0 && self.dice.chance(faults.stalls);
        if stalls { self.dice.ns_below(faults.stall_ns) } else { 0 }
    }

    /// Somewhere in a call the driver looks.
    pub fn looks_ns(&mut self, before_ns: u64, cost_ns: u64) -> u64 {
        before_ns + self.dice.ns_below(cost_ns.max(1))
    }

    /// The power in milliwatts.
    pub fn power_mw(&mut self, at_ns: u64) -> Result<u32, ReadError> {
        let faults = self.board.faults;
        if self.is_out(at_ns) || (faults.missed > 0.0 && self.dice.chance(faults.missed)) {
            return Err(UNKNOWN_ERROR);
        }
        if faults.zeros > 0.0 && self.dice.chance(faults.zeros) {
            return Err(ReadError::ZeroPower);
        }
        if faults.spikes > 0.0 && self.dice.chance(faults.spikes) {
            return Ok(milliwatts(faults.spike_w));
        }
        match self.power_w.at(at_ns).map(milliwatts) {
            Some(0) => Err(ReadError::ZeroPower),
            Some(power_mw) => Ok(power_mw),
            None => Err(UNKNOWN_ERROR),
        }
    }

    /// The counter in millijoules.
    pub fn counter_mj(&mut self, at_ns: u64) -> Result<u64, ReadError> {
        let Some(counter) = &self.counter_mj else { return Err(ReadError::NotSupported) };
        if self.is_out(at_ns) { Err(UNKNOWN_ERROR) } else { counter.at(at_ns).ok_or(UNKNOWN_ERROR) }
    }

    /// The mean over a second in milliwatts.
    pub fn average_mw(&self, at_ns: u64) -> Option<u32> {
        if self.is_out(at_ns) { None } else { self.average_w.at(at_ns).map(milliwatts) }
    }

    /// The share of the last second in which a kernel ran, percent.
    pub fn busy_pct(&self, at_ns: u64) -> u32 {
        if self.board.faults.no_kernels { 0 } else { self.busy_pct.at(at_ns).unwrap_or(0) }
    }

    fn is_out(&self, at_ns: u64) -> bool {
        self.board.faults.outage_ns.is_some_and(|(from, to)| (from..to).contains(&at_ns))
    }
}

/// NVML_ERROR_UNKNOWN of nvml.h.
const UNKNOWN_ERROR: ReadError = ReadError::Driver(999);

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at least 0, below a megawatt")]
fn milliwatts(power_w: f64) -> u32 {
    (power_w * 1e3).round() as u32
}
