//! What the slow signals of a window come to.

use crate::sample::SlowSignals;

/// The slow signals of a window, in constant size.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct SlowSeen {
    pub temperature_start_c: Option<u32>,
    pub temperature_end_c: Option<u32>,
    pub temperature_max_c: Option<u32>,
    pub memory_used_max_bytes: Option<u64>,
    pub throttle_reasons: Option<u64>,
    utilisation: (f64, f64),
    last_utilisation: f64,
}

impl SlowSeen {
    pub fn push(&mut self, slow: &SlowSignals) {
        self.temperature_start_c = self.temperature_start_c.or(slow.temperature_c);
        self.temperature_end_c = slow.temperature_c.or(self.temperature_end_c);
        self.temperature_max_c = self.temperature_max_c.max(slow.temperature_c);
        self.memory_used_max_bytes = self.memory_used_max_bytes.max(slow.memory_used_bytes);
        if let Some(reasons) = slow.throttle_reasons {
            self.throttle_reasons = Some(self.throttle_reasons.unwrap_or(0) | reasons);
        }
        if let Some(percent) = slow.sm_utilisation_pct {
            self.last_utilisation = f64::from(percent.min(100)) / 100.0;
            self.utilisation.0 += self.last_utilisation;
            self.utilisation.1 += 1.0;
        }
    }

    /// The share of the window in which a kernel ran; `None` where the driver tells none. It tells of the last second, so that
    /// the last one is of the window where the first are of what was before it.
    pub fn busy_share(&self, length_s: f64) -> Option<f64> {
        let last_second = self.last_utilisation / length_s.max(1.0);
        (self.utilisation.1 > 0.0).then(|| (self.utilisation.0 / self.utilisation.1).max(last_second))
    }
}
