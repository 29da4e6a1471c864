//! What a simulated GPU answers at one moment: readings, counter, and everything that follows from the power.
//!
//! Time comes in as nanoseconds since t = 0, so that nothing here depends on a clock.

mod counter;
mod readings;

use crate::call::{Call, Group};
use crate::clock::NS_PER_S;
use crate::fault::{Verdict, verdict};
use crate::nvml_errors::{GPU_IS_LOST, NO_PERMISSION, NOT_SUPPORTED};
use crate::scenario::{DeviceSpec, DeviceState, MigInstance, Process, Xid};
use crate::throttle;

/// One GPU: its spec and the index that NVML knows it by.
#[derive(Debug)]
pub struct Device {
    /// Everything the scenario says about it.
    pub spec: DeviceSpec,
    /// Its place in the scenario, from 0: what `nvmlDeviceGetHandleByIndex` counts.
    pub index: u32,
}

impl Device {
    /// True energy in joules between two moments in nanoseconds since t = 0.
    pub fn true_energy_j(&self, from_ns: i64, to_ns: i64) -> f64 {
        self.spec.power.energy_j(seconds(from_ns), seconds(to_ns))
    }

    /// Degrees Celsius: the base plus a share of the mean true power over the averaging window at the last
    /// tick.
    #[allow(clippy::cast_possible_truncation)] // A temperature in degrees; saturating is the right end of nonsense.
    pub fn temperature_c(&self, t_ns: i64) -> i32 {
        let (base, per_100_w) = self.spec.temperature_c;
        let mean_w = self.mean_before_w(self.sensor_tick_ns(t_ns), self.spec.average.window_ns);
        (base + per_100_w * mean_w / 100.0).round() as i32
    }

    /// Degrees Celsius of the memory, where it has a sensor: a little warmer than the core.
    pub fn memory_temperature_c(&self, t_ns: i64) -> Option<u32> {
        let warmer_c = self.temperature_c(t_ns).saturating_add(6).max(0).cast_unsigned();
        self.spec.architecture.has_memory_sensor().then_some(warmer_c)
    }

    /// Whether the mean true power over the sensor's window at the last tick reaches the idle limit.
    pub fn is_busy(&self, t_ns: i64) -> bool {
        self.mean_before_w(self.sensor_tick_ns(t_ns), self.spec.sensor.window_ns)
            >= self.spec.utilization.idle_below_w
    }

    /// Utilization in percent, as of the last sensor tick.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // A number of percent.
    pub fn utilization_pct(&self, t_ns: i64) -> u32 {
        let utilization = &self.spec.utilization;
        let Some(window_ns) = utilization.share_of_ns else {
            return if self.is_busy(t_ns) { utilization.busy } else { utilization.idle };
        };
        let end_ns = self.sensor_tick_ns(t_ns);
        let (from_s, to_s) = (seconds(end_ns.saturating_sub(window_ns)), seconds(end_ns));
        let share = self.spec.power.share_above(from_s, to_s, utilization.idle_below_w);
        let (idle, busy) = (f64::from(utilization.idle), f64::from(utilization.busy));
        (idle + (busy - idle) * share).round() as u32
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

    /// Total and used memory of a MIG instance in bytes: used is what its processes do.
    pub fn instance_memory_bytes(&self, instance: &MigInstance, t_ns: i64) -> (u64, u64) {
        let is_here = |process: &&Process| {
            process.mig_instance.is_some_and(|place| self.spec.mig_instances[place].uuid == instance.uuid)
        };
        let used_mib: u64 = self.processes(t_ns).filter(is_here).map(|process| process.used_mib).sum();
        (instance.memory_mib << 20, used_mib.min(instance.memory_mib) << 20)
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

    /// What the device's state and its faults do to a call that arrives now.
    pub fn verdict(&self, call: Call, t_ns: i64) -> Verdict {
        let error = match self.spec.state {
            DeviceState::Ok => None,
            DeviceState::Lost => Some(GPU_IS_LOST),
            DeviceState::NoPermission => Some(NO_PERMISSION),
            DeviceState::NoPowerSensor => {
                matches!(call.group, Group::Power | Group::Energy).then_some(NOT_SUPPORTED)
            }
        };
        Verdict { error, ..Verdict::default() }.and(verdict(&self.spec.faults, call, t_ns))
    }

    /// Nanoseconds that a call costs, where `number` counts the calls on this device from 0.
    pub fn latency_ns(&self, call: Call, number: u64) -> i64 {
        self.spec.latency.draw_ns(call, self.index, number)
    }

    /// What `nvmlDeviceGetIndex` says.
    pub fn told_index(&self) -> u32 {
        self.spec.index.unwrap_or(self.index)
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
mod counter_tests;
#[cfg(test)]
mod readings_tests;
#[cfg(test)]
mod tests;
