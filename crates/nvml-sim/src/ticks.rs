//! When something publishes: evenly, with jitter, at a period that may change.

use crate::noise::symmetric;

/// The ticks of a sensor or a counter, numbered through; tick 0 is at the phase.
#[derive(Debug, Clone)]
pub struct Ticks {
    /// Sorted by time and by number. The first holds from the beginning of time.
    stretches: Vec<Stretch>,
    /// A tick is at most this many nanoseconds early or late.
    jitter_ns: i64,
    /// Seed of the jitter.
    seed: u64,
}

/// Ticks at one period.
#[derive(Debug, Clone, Copy)]
struct Stretch {
    /// Time of its first tick in nanoseconds since t = 0; the very first stretch has ticks before it, too.
    start_ns: i64,
    /// Number of that tick.
    first: i64,
    /// Distance of two ticks in nanoseconds.
    period_ns: i64,
}

impl Ticks {
    /// Even ticks at `phase_ns` plus multiples of `period_ns`.
    pub fn even(phase_ns: i64, period_ns: i64) -> Self {
        Self { stretches: vec![Stretch { start_ns: phase_ns, first: 0, period_ns }], jitter_ns: 0, seed: 0 }
    }

    /// From `at_ns` on, where there is a tick, they are `period_ns` apart. Changes are added in the order of time.
    pub fn change(&mut self, at_ns: i64, period_ns: i64) {
        let first = self.nominal_at(at_ns.saturating_sub(1)) + 1;
        self.stretches.push(Stretch { start_ns: at_ns, first, period_ns });
    }

    /// Moves each tick by up to `jitter_ns` either way, uniformly.
    pub fn shake(&mut self, jitter_ns: i64, seed: u64) {
        (self.jitter_ns, self.seed) = (jitter_ns, seed);
    }

    /// The shortest distance of two ticks before jitter, in nanoseconds.
    pub fn shortest_period_ns(&self) -> i64 {
        self.stretches.iter().map(|stretch| stretch.period_ns).min().unwrap_or(i64::MAX)
    }

    /// Number of the last tick at or before `t_ns`.
    pub fn last_at(&self, t_ns: i64) -> i64 {
        let mut tick = self.nominal_at(t_ns.saturating_add(self.jitter_ns));
        while self.time_ns(tick) > t_ns && tick > i64::MIN {
            tick -= 1;
        }
        tick
    }

    /// Where a tick would be without jitter, in nanoseconds since t = 0.
    pub fn time_ns_without_jitter(&self, tick: i64) -> i64 {
        let stretch = self.stretch_of(tick);
        stretch.start_ns.saturating_add((tick - stretch.first).saturating_mul(stretch.period_ns))
    }

    /// Time of a tick in nanoseconds since t = 0.
    pub fn time_ns(&self, tick: i64) -> i64 {
        let even_ns = self.time_ns_without_jitter(tick);
        if self.jitter_ns == 0 {
            return even_ns;
        }
        #[allow(clippy::cast_possible_truncation)] // Not more than the jitter.
        let moved_ns = (self.jitter_ns as f64 * symmetric(self.seed, tick)).round() as i64;
        even_ns.saturating_add(moved_ns)
    }

    /// Distance of a tick to the one before it, before jitter, in nanoseconds.
    pub fn period_ns(&self, tick: i64) -> i64 {
        self.time_ns_without_jitter(tick).saturating_sub(self.time_ns_without_jitter(tick - 1))
    }

    fn stretch_of(&self, tick: i64) -> Stretch {
        let after = self.stretches.partition_point(|stretch| stretch.first <= tick);
        self.stretches[after.saturating_sub(1)]
    }

    /// As [`Ticks::last_at`] without jitter.
    fn nominal_at(&self, t_ns: i64) -> i64 {
        let after = self.stretches.partition_point(|stretch| stretch.start_ns <= t_ns);
        let stretch = self.stretches[after.saturating_sub(1)];
        stretch.first.saturating_add(t_ns.saturating_sub(stretch.start_ns).div_euclid(stretch.period_ns))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_of_period_starts_with_a_tick_and_numbers_go_on() {
        let mut ticks = Ticks::even(5, 10);
        ticks.change(31, 7);
        ticks.change(45, 100);
        let times: Vec<i64> = (-1..8).map(|tick| ticks.time_ns(tick)).collect();
        assert_eq!(times, [-5, 5, 15, 25, 31, 38, 45, 145, 245]);
        for (t_ns, tick) in [(-5, -1), (4, -1), (30, 2), (31, 3), (44, 4), (45, 5), (144, 5), (145, 6)] {
            assert_eq!(ticks.last_at(t_ns), tick, "at {t_ns}");
        }
        assert_eq!((ticks.period_ns(2), ticks.period_ns(3), ticks.period_ns(6)), (10, 6, 100));
        assert_eq!(ticks.shortest_period_ns(), 7);
    }

    #[test]
    fn a_change_on_a_tick_is_that_tick() {
        let mut ticks = Ticks::even(0, 10);
        ticks.change(30, 5);
        assert_eq!((2..6).map(|tick| ticks.time_ns(tick)).collect::<Vec<_>>(), [20, 30, 35, 40]);
    }

    #[test]
    fn jitter_is_uniform_within_its_bounds_and_keeps_the_order() {
        let mut ticks = Ticks::even(0, 1000);
        ticks.shake(450, 7);
        let offsets: Vec<i64> = (0..10_000).map(|tick| ticks.time_ns(tick) - 1000 * tick).collect();
        assert!(offsets.iter().all(|ns| ns.abs() <= 450));
        let mean = offsets.iter().sum::<i64>() as f64 / 1e4;
        let variance = offsets.iter().map(|ns| (ns * ns) as f64).sum::<f64>() / 1e4;
        // A uniform distribution of half width h has the variance h^2 / 3.
        assert!(mean.abs() < 10.0 && (variance / (450.0_f64.powi(2) / 3.0) - 1.0).abs() < 0.05, "{variance}");
        for t_ns in 0..50_000 {
            let tick = ticks.last_at(t_ns);
            assert!(ticks.time_ns(tick) <= t_ns && ticks.time_ns(tick + 1) > t_ns, "at {t_ns}");
        }
    }
}
