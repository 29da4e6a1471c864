//! One GPU, read as fast as is cheap while a load runs, or timed call by call.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use super::averaging_window::{AveragingWindow, PowerTick, fit_averaging_window};
use super::counter_cells::CounterTick;
use super::counter_fit::{CounterFit, Watched, fit_counter};
use super::latency::{self, CallLatency};
use super::load::{Edge, OnTime};
use super::quantum::Quantum;
use crate::clock::{NS_PER_MS, monotonic_ns};
use crate::energy::Rhythm;
use crate::source::Source;
use crate::source::calls::SingleCalls;

/// A tick is known to half of this.
const POLL_NS: u64 = NS_PER_MS;
/// The counter may take one part in so many of the time, because one read costs milliseconds on some drivers.
const COUNTER_SHARE: u64 = 4;

/// What listening has shown so far; `None` is what did not change often enough.
#[derive(Clone, Copy, Debug, Default)]
pub struct Listened {
    /// Time between two values of the power sensor.
    pub update_period_ns: Option<u64>,
    /// Time between two values of the energy counter.
    pub counter_period_ns: Option<u64>,
    /// The greatest step of which all increments of the counter are multiples, millijoules.
    pub counter_quantum_mj: Option<u64>,
}

/// What a load with known edges has told.
#[derive(Clone, Debug)]
pub struct LoadFit {
    /// The averaging window and the delay of the sensor, or why there are none.
    pub averaging_window: Result<AveragingWindow, String>,
    /// What there is of the counter.
    pub counter: CounterFit,
}

/// The first device of a source. While it lives, the driver stays loaded.
pub struct Probe<S> {
    source: S,
    power: Rhythm,
    counter: Rhythm,
    quantum: Quantum,
    ticks: Vec<PowerTick>,
    counter_ticks: Vec<CounterTick>,
}

impl<S: Source> Probe<S> {
    /// Reads nothing yet.
    pub fn new(source: S) -> Self {
        Self {
            source,
            power: Rhythm::default(),
            counter: Rhythm::default(),
            quantum: Quantum::default(),
            ticks: Vec::new(),
            counter_ticks: Vec::new(),
        }
    }

    /// Reads power and counter every millisecond for so long, or until `stop` is set. What earlier listening showed of
    /// the periods counts on; the readings are of this time alone.
    pub fn listen(&mut self, for_ns: u64, stop: &AtomicBool) -> Listened {
        self.ticks.clear();
        self.counter_ticks.clear();
        let end_ns = monotonic_ns() + for_ns;
        let (mut due_ns, mut counter_due_ns) = (monotonic_ns(), 0);
        while due_ns < end_ns && !stop.load(Ordering::Relaxed) {
            self.read_power();
            if monotonic_ns() >= counter_due_ns {
                counter_due_ns = self.read_counter();
            }
            // A deadline that was missed is not made up for.
            let now_ns = monotonic_ns();
            due_ns = (due_ns + POLL_NS).max(now_ns);
            thread::sleep(Duration::from_nanos(due_ns - now_ns));
        }
        self.listened()
    }

    /// What the edges of a load tell of the sensor and the counter as they were in the last listening.
    pub fn fit(&self, edges: Vec<Edge>) -> LoadFit {
        let load = OnTime::new(edges);
        let averaging_window = fit_averaging_window(&load, &self.ticks);
        let counter = fit_counter(&Watched {
            load: &load,
            power: &self.ticks,
            counter: &self.counter_ticks,
            update_period_ns: self.power.period_ns(),
            window: averaging_window.as_ref().ok().copied(),
        });
        LoadFit { averaging_window, counter }
    }

    fn read_power(&mut self) {
        let before_ns = monotonic_ns();
        // A read that fails leaves a hole, which the rhythm bridges.
        let Ok(power_mw) = self.source.power_mw(0) else { return };
        let at_ns = u64::midpoint(before_ns, monotonic_ns());
        if let Some(tick_ns) = self.power.push(at_ns, u64::from(power_mw)) {
            self.ticks.push(PowerTick { at_ns: tick_ns, power_w: f64::from(power_mw) / 1e3 });
        }
    }

    /// Answers when to read it next.
    fn read_counter(&mut self) -> u64 {
        let before_ns = monotonic_ns();
        let answer = self.source.counter_mj(0);
        let after_ns = monotonic_ns();
        if let Ok(energy_mj) = answer {
            let at_ns = u64::midpoint(before_ns, after_ns);
            if let Some(tick_ns) = self.counter.push(at_ns, energy_mj) {
                self.counter_ticks.push(CounterTick { at_ns: tick_ns, energy_mj });
            }
            self.quantum.push(energy_mj);
        }
        after_ns + COUNTER_SHARE * (after_ns - before_ns)
    }

    fn listened(&self) -> Listened {
        Listened {
            update_period_ns: self.power.period_ns(),
            counter_period_ns: self.counter.period_ns(),
            counter_quantum_mj: self.quantum.millijoules(),
        }
    }
}

impl<S: SingleCalls> Probe<S> {
    /// How long each of the sampler's calls takes; a fraction of a second for each.
    pub fn latencies(&mut self, stop: &AtomicBool) -> Vec<CallLatency> {
        latency::measure(&mut self.source, stop)
    }
}
