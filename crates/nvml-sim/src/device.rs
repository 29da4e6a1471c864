//! What a simulated GPU answers at one moment: readings, counter, and everything that follows from the power.
//!
//! Time comes in as nanoseconds since t = 0, so that nothing here depends on a clock.

use crate::clock::NS_PER_S;
use crate::fault::{Call, Verdict, verdict};
use crate::noise::gaussian;
use crate::scenario::{DeviceSpec, Process, Xid};
use crate::throttle;

/// One GPU: its spec and the index that NVML knows it by.
#[derive(Debug)]
pub struct Device {
    /// Everything the scenario says about it.
    pub spec: DeviceSpec,
    /// NVML index, from 0.
    pub index: u32,
}

impl Device {
    /// `POWER_INSTANT` in milliwatts: the mean over the sensor's window that ends at the last tick.
    pub fn power_instant_mw(&self, t_ns: i64) -> u32 {
        self.reading_mw(self.sensor_tick(t_ns), self.spec.sensor.window_ns)
    }

    /// `POWER_AVERAGE` in milliwatts: the same tick, sensor and noise with the longer window.
    pub fn power_average_mw(&self, t_ns: i64) -> u32 {
        self.reading_mw(self.sensor_tick(t_ns), self.spec.average_window_ns)
    }

    /// `nvmlDeviceGetPowerUsage` in milliwatts: an average or an instant reading, as the generation has it.
    pub fn power_usage_mw(&self, t_ns: i64) -> u32 {
        if self.spec.architecture.power_usage_is_average() {
            self.power_average_mw(t_ns)
        } else {
            self.power_instant_mw(t_ns)
        }
    }

    /// Time of the last sensor tick at or before `t_ns`, in nanoseconds since t = 0.
    pub fn sensor_tick_ns(&self, t_ns: i64) -> i64 {
        self.tick_ns(self.sensor_tick(t_ns))
    }

    /// The energy counter in millijoules: offset plus the true energy from t = 0 to its last tick, rounded
    /// down. Its ticks are at the sensor's phase plus multiples of its own period. `None` if the board has no
    /// counter.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // Not negative; 1e19 mJ is 317,000 GPU-years.
    pub fn total_energy_mj(&self, t_ns: i64) -> Option<u64> {
        let counter = &self.spec.counter;
        let phase_ns = self.spec.sensor.phase_ns;
        let ticks = (t_ns.saturating_sub(phase_ns)).div_euclid(counter.update_period_ns);
        let tick_ns = phase_ns.saturating_add(ticks.saturating_mul(counter.update_period_ns));
        let exact_mj = 1e3 * self.true_energy_j(0, tick_ns.max(0));
        // 0.1 s of 100 W are 10,000 mJ, not the 9,999 that a last-digit error of the product would leave.
        let rounding_mj = 1e-6 + 4.0 * f64::EPSILON * exact_mj;
        counter.supported.then(|| counter.offset_mj.saturating_add((exact_mj + rounding_mj) as u64))
    }

    /// True energy in joules between two moments in nanoseconds since t = 0.
    pub fn true_energy_j(&self, from_ns: i64, to_ns: i64) -> f64 {
        self.spec.power.energy_j(seconds(from_ns), seconds(to_ns))
    }

    /// Degrees Celsius: the base plus a share of the mean true power over the averaging window at the last
    /// tick.
    #[allow(clippy::cast_possible_truncation)] // A temperature in degrees; saturating is the right end of nonsense.
    pub fn temperature_c(&self, t_ns: i64) -> i32 {
        let (base, per_100_w) = self.spec.temperature_c;
        let mean_w = self.mean_before_w(self.sensor_tick_ns(t_ns), self.spec.average_window_ns);
        (base + per_100_w * mean_w / 100.0).round() as i32
    }

    /// Degrees Celsius of the memory, where it has a sensor: a little warmer than the core.
    pub fn memory_temperature_c(&self, t_ns: i64) -> Option<u32> {
        let warmer_c = self.temperature_c(t_ns).saturating_add(6).max(0).cast_unsigned();
        self.spec.architecture.has_memory_sensor().then_some(warmer_c)
    }

    /// Whether the mean true power over the sensor's window at the last tick reaches the idle limit.
    pub fn is_busy(&self, t_ns: i64) -> bool {
        self.mean_before_w(self.sensor_tick_ns(t_ns), self.spec.sensor.window_ns) >= self.spec.utilization.0
    }

    /// Utilization in percent.
    pub fn utilization_pct(&self, t_ns: i64) -> u32 {
        let (_, idle, busy) = self.spec.utilization;
        if self.is_busy(t_ns) { busy } else { idle }
    }

    /// The clock event (throttle) reasons at this moment.
    pub fn throttle_reasons(&self, t_ns: i64) -> u64 {
        throttle::reasons_at(&self.spec.throttle, t_ns)
    }

    /// Nanoseconds since t = 0 with at least one reason of `mask`.
    pub fn throttled_ns(&self, mask: u64, t_ns: i64) -> u64 {
        throttle::throttled_ns(&self.spec.throttle, mask, t_ns)
    }

    /// The compute processes of this moment.
    pub fn processes(&self, t_ns: i64) -> impl Iterator<Item = &Process> + Clone {
        self.spec.processes.iter().filter(move |process| (process.from_ns..process.to_ns).contains(&t_ns))
    }

    /// Used memory in bytes: of the first stretch that holds this moment.
    pub fn memory_used_bytes(&self, t_ns: i64) -> u64 {
        let stretch =
            self.spec.memory.iter().find(|stretch| (stretch.from_ns..stretch.to_ns).contains(&t_ns));
        stretch.map_or(self.spec.memory_used_mib, |stretch| stretch.used_mib) << 20
    }

    /// The first Xid after `after_ns` that has been reported by `t_ns`.
    pub fn xid_between(&self, after_ns: i64, t_ns: i64) -> Option<&Xid> {
        self.spec.xids.iter().find(|xid| xid.at_ns > after_ns && xid.at_ns <= t_ns)
    }

    /// Power limit in milliwatts.
    pub fn power_limit_mw(&self) -> u32 {
        milliwatts(self.spec.power_limit_w)
    }

    /// The lowest power limit the board takes in milliwatts: two sevenths of its own, as 200 W are of an
    /// H200's 700 W.
    pub fn power_limit_min_mw(&self) -> u32 {
        milliwatts(self.spec.power_limit_w * 2.0 / 7.0)
    }

    /// What the faults do to a call that arrives now.
    pub fn verdict(&self, call: Call, t_ns: i64) -> Verdict {
        verdict(&self.spec.faults, call, t_ns)
    }

    /// Nanoseconds that a call costs.
    pub fn latency_ns(&self, call: Call) -> i64 {
        let latency = &self.spec.latency_ns;
        match call {
            Call::Power => latency.power,
            Call::Fields => latency.fields,
            Call::Energy => latency.energy,
            Call::Other => latency.other,
        }
    }

    /// Index of the last sensor tick at or before `t_ns`; tick 0 is at the phase.
    fn sensor_tick(&self, t_ns: i64) -> i64 {
        t_ns.saturating_sub(self.spec.sensor.phase_ns).div_euclid(self.spec.sensor.update_period_ns)
    }

    fn tick_ns(&self, tick: i64) -> i64 {
        self.spec.sensor.phase_ns.saturating_add(tick.saturating_mul(self.spec.sensor.update_period_ns))
    }

    fn reading_mw(&self, tick: i64, window_ns: i64) -> u32 {
        let sensor = &self.spec.sensor;
        let noise_w = if sensor.noise_w > 0.0 { sensor.noise_w * gaussian(sensor.seed, tick) } else { 0.0 };
        milliwatts(self.mean_before_w(self.tick_ns(tick), window_ns) * sensor.gain + noise_w)
    }

    fn mean_before_w(&self, end_ns: i64, window_ns: i64) -> f64 {
        self.spec.power.mean_w(seconds(end_ns.saturating_sub(window_ns)), seconds(end_ns))
    }
}

fn seconds(ns: i64) -> f64 {
    ns as f64 / NS_PER_S
}

/// Watts as the whole milliwatts that NVML speaks; noise never makes them negative.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // Saturates at both ends.
fn milliwatts(w: f64) -> u32 {
    (w * 1e3).round() as u32
}

#[cfg(test)]
#[path = "device_tests.rs"]
mod tests;
