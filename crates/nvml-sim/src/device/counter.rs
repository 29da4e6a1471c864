//! The energy counter: what it adds up, and what happens to it.

use super::{Device, seconds};
use crate::scenario::{CounterMode, Freeze};

impl Device {
    /// The energy counter in millijoules: offset plus the energy from t = 0 to its last tick (less its delay), rounded
    /// down. `None` if the board has no counter.
    pub fn total_energy_mj(&self, t_ns: i64) -> Option<u64> {
        let counter = &self.spec.counter;
        if !counter.supported {
            return None;
        }
        let mut tick_ns = counter.ticks.time_ns(counter.ticks.last_at(t_ns));
        if let Some(freeze) = counter.freezes.iter().find(|freeze| freeze.stretch.holds(tick_ns)) {
            tick_ns = self.last_counted_ns(freeze);
        }
        let exact = self.counter_value(tick_ns);
        let mj = u64::try_from(exact.max(0)).unwrap_or(u64::MAX) / counter.quantum_mj * counter.quantum_mj;
        Some(counter.wrap_mj.map_or(mj, |wrap_mj| mj % wrap_mj))
    }

    /// The module's energy in millijoules, counted with the same ticks. `None` without a module or a counter.
    pub fn module_energy_mj(&self, t_ns: i64) -> Option<u64> {
        let (module, counter) = (self.spec.module.as_ref()?, &self.spec.counter);
        let tick_ns = counter.ticks.time_ns(counter.ticks.last_at(t_ns));
        let end_ns = tick_ns.saturating_sub(counter.delay_ns).max(0);
        let joules = self.true_energy_j(0, end_ns) + module.rest.energy_j(0.0, seconds(end_ns));
        counter.supported.then(|| u64::try_from(whole_mj(1e3 * joules * counter.gain)).unwrap_or(u64::MAX))
    }

    /// The counter as of a tick, in whole millijoules before quantum and wrap: what it started with, what it has counted
    /// since, and its jumps. It may be below zero after a step back.
    fn counter_value(&self, tick_ns: i64) -> i128 {
        let counter = &self.spec.counter;
        let reset = counter.resets.iter().rfind(|(at_ns, _)| *at_ns <= tick_ns);
        let (since_ns, start_mj) = reset.map_or((i64::MIN, counter.offset_mj), |reset| *reset);
        let missed_mj: f64 = counter
            .freezes
            .iter()
            .filter(|freeze| {
                !freeze.catches_up && freeze.stretch.to_ns <= tick_ns && freeze.stretch.to_ns > since_ns
            })
            .map(|freeze| {
                let from_ns = self.last_counted_ns(freeze).max(since_ns);
                self.counted_mj(freeze.stretch.to_ns) - self.counted_mj(from_ns)
            })
            .sum();
        let counted_mj = self.counted_mj(tick_ns) - self.counted_mj(since_ns) - missed_mj;
        let jumped_mj: i128 = counter
            .jumps
            .iter()
            .filter(|(at_ns, _)| *at_ns > since_ns && *at_ns <= tick_ns)
            .map(|(_, mj)| i128::from(*mj))
            .sum();
        i128::from(start_mj) + i128::from(whole_mj(counted_mj)) + jumped_mj
    }

    /// The tick whose value a freeze holds.
    fn last_counted_ns(&self, freeze: &Freeze) -> i64 {
        let ticks = &self.spec.counter.ticks;
        ticks.time_ns(ticks.last_at(freeze.stretch.from_ns.saturating_sub(1)))
    }

    /// What a counter that nothing happens to has added up by a tick, in millijoules.
    fn counted_mj(&self, tick_ns: i64) -> f64 {
        let counter = &self.spec.counter;
        let end_ns = tick_ns.saturating_sub(counter.delay_ns).max(0);
        let gpu_mj = match counter.mode {
            CounterMode::Integral => 1e3 * self.true_energy_j(0, end_ns),
            CounterMode::SumOfReadings => self.sum_of_readings_mj(end_ns),
        };
        counter.gain * (gpu_mj + 1e3 * counter.extra_w * seconds(end_ns))
    }

    /// The readings published after t = 0, up to `end_ns`, each times its update period.
    fn sum_of_readings_mj(&self, end_ns: i64) -> f64 {
        let ticks = &self.spec.sensor.ticks;
        let before_first = ticks.last_at(0);
        let count = ticks.last_at(end_ns) - before_first;
        let energy = |place: i64| {
            let tick = before_first + 1 + place;
            // Milliwatts times nanoseconds are whole picojoules.
            i128::from(self.reading_mw(tick)) * i128::from(ticks.period_ns(tick))
        };
        self.spec.counter.sums.of_first(count, energy) as f64 / 1e9
    }
}

/// Rounded down to whole millijoules.
#[allow(clippy::cast_possible_truncation)] // 9e18 mJ are 285,000 GPU-years.
fn whole_mj(exact_mj: f64) -> i64 {
    // 0.1 s of 100 W are 10,000 mJ, not the 9,999 that a last-digit error of the product would leave.
    let rounding_mj = 1e-6 + 4.0 * f64::EPSILON * exact_mj.abs();
    (exact_mj + rounding_mj).floor() as i64
}
