//! Readings of power: what the sensor makes of the truth, tick by tick.

use super::{Device, milliwatts};
use crate::noise::{gaussian, stream};
use crate::scenario::{AVERAGE_STREAM, AverageMode, MODULE_STREAM};

impl Device {
    /// `POWER_INSTANT` in milliwatts: the reading of the last tick.
    pub fn power_instant_mw(&self, t_ns: i64) -> u32 {
        self.reading_mw(self.sensor_tick(t_ns))
    }

    /// `POWER_AVERAGE` in milliwatts, published with the same ticks.
    pub fn power_average_mw(&self, t_ns: i64) -> u32 {
        let (sensor, average) = (&self.spec.sensor, &self.spec.average);
        let tick = self.sensor_tick(t_ns);
        let end_ns = self.tick_ns(tick).saturating_sub(average.delay_ns);
        let own_noise_w =
            average.noise_w.map(|noise_w| noise_w * gaussian(stream(sensor.seed, AVERAGE_STREAM), tick));
        let w = if average.mode == AverageMode::Blind {
            self.mean_reading_w(end_ns, average.window_ns) + own_noise_w.unwrap_or_default()
        } else {
            let mean_w = average.mean.before_w(&self.spec.power, end_ns);
            mean_w * sensor.gain + sensor.offset_w + own_noise_w.unwrap_or_else(|| self.noise_w(tick))
        };
        milliwatts(self.quantized_w(w))
    }

    /// `nvmlDeviceGetPowerUsage` in milliwatts: one of the two, as the generation has it.
    pub fn power_usage_mw(&self, t_ns: i64) -> u32 {
        if self.spec.power_usage_is_average {
            self.power_average_mw(t_ns)
        } else {
            self.power_instant_mw(t_ns)
        }
    }

    /// The module's `POWER_INSTANT` in milliwatts, or `None` without a module.
    pub fn module_instant_mw(&self, t_ns: i64) -> Option<u32> {
        let module = self.spec.module.as_ref()?;
        let end_ns = self.sensor_tick_ns(t_ns).saturating_sub(self.spec.sensor.delay_ns);
        let gpu_w = self.spec.sensor.mean.before_w(&self.spec.power, end_ns);
        Some(self.module_mw(gpu_w + module.mean.before_w(&module.rest, end_ns), t_ns))
    }

    /// The module's `POWER_AVERAGE` in milliwatts, always of the true power.
    pub fn module_average_mw(&self, t_ns: i64) -> Option<u32> {
        let (module, average) = (self.spec.module.as_ref()?, &self.spec.average);
        let end_ns = self.sensor_tick_ns(t_ns).saturating_sub(average.delay_ns);
        let gpu_w = average.mean.before_w(&self.spec.power, end_ns);
        Some(self.module_mw(gpu_w + module.average_mean.before_w(&module.rest, end_ns), t_ns))
    }

    /// The module's power limit in milliwatts, if it tells one.
    pub fn module_limit_mw(&self) -> Option<u32> {
        self.spec.module.as_ref()?.power_limit_w.map(milliwatts)
    }

    /// Number of the last sensor tick at or before `t_ns`; tick 0 is at the phase.
    pub fn sensor_tick(&self, t_ns: i64) -> i64 {
        self.spec.sensor.ticks.last_at(t_ns)
    }

    /// Time of the last sensor tick at or before `t_ns`, in nanoseconds since t = 0.
    pub fn sensor_tick_ns(&self, t_ns: i64) -> i64 {
        self.tick_ns(self.sensor_tick(t_ns))
    }

    /// Time of a sensor tick in nanoseconds since t = 0.
    pub fn tick_ns(&self, tick: i64) -> i64 {
        self.spec.sensor.ticks.time_ns(tick)
    }

    /// What the sensor publishes at a tick, in milliwatts. A spike is stronger than a stretch of zeros, and that than
    /// being stuck.
    pub fn reading_mw(&self, tick: i64) -> u32 {
        let sensor = &self.spec.sensor;
        if let Some((_, w)) = sensor.spikes.iter().find(|(spiked, _)| *spiked == tick) {
            return milliwatts(*w);
        }
        if let Some((readings, w)) = sensor.spike_every
            && tick.rem_euclid(readings) == readings / 2
        {
            return milliwatts(w);
        }
        let tick_ns = self.tick_ns(tick);
        if sensor.zero.iter().any(|stretch| stretch.holds(tick_ns)) {
            return 0;
        }
        if let Some(stuck) = sensor.stuck.iter().find(|stuck| stuck.stretch.holds(tick_ns)) {
            let last = || self.reading_mw(self.sensor_tick(stuck.stretch.from_ns.saturating_sub(1)));
            return stuck.w.map_or_else(last, milliwatts);
        }
        let mean_w = sensor.mean.before_w(&self.spec.power, tick_ns.saturating_sub(sensor.delay_ns));
        milliwatts(self.quantized_w(mean_w * sensor.gain + sensor.offset_w + self.noise_w(tick)))
    }

    /// The mean in watts of the readings that were published in the last `window_ns` before `end_ns`; at least one.
    fn mean_reading_w(&self, end_ns: i64, window_ns: i64) -> f64 {
        let last = self.sensor_tick(end_ns);
        let before_ns = end_ns.saturating_sub(window_ns);
        let (mut sum_mw, mut count) = (0.0, 0);
        while count == 0 || self.tick_ns(last - count) > before_ns {
            sum_mw += f64::from(self.reading_mw(last - count));
            count += 1;
        }
        sum_mw / count as f64 / 1e3
    }

    fn module_mw(&self, mean_w: f64, t_ns: i64) -> u32 {
        let sensor = &self.spec.sensor;
        let noise_w = sensor.noise_w * gaussian(stream(sensor.seed, MODULE_STREAM), self.sensor_tick(t_ns));
        milliwatts(self.quantized_w(mean_w * sensor.gain + sensor.offset_w + noise_w))
    }

    fn noise_w(&self, tick: i64) -> f64 {
        let sensor = &self.spec.sensor;
        if sensor.noise_w > 0.0 { sensor.noise_w * gaussian(sensor.seed, tick) } else { 0.0 }
    }

    fn quantized_w(&self, w: f64) -> f64 {
        let quantum_w = self.spec.sensor.quantum_w;
        if quantum_w > 0.0 { (w / quantum_w).round() * quantum_w } else { w }
    }
}
