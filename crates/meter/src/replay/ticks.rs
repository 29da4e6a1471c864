//! When something publishes.

use super::random::Random;

/// A clock that ticks about every `period_ns`.
#[derive(Clone, Copy, Debug)]
pub struct Ticks {
    /// Time between two ticks.
    pub period_ns: u64,
    /// Each tick is off its grid by up to this share of the period, either way.
    pub jitter: f64,
    /// The period swings by this share, up and down in some seconds: a grid that drifts.
    pub drift: f64,
    /// Each interval is off by up to this share, and the next begins where it ended: no grid at all.
    pub stray: f64,
}

impl Ticks {
    /// On the dot.
    pub const fn every(period_ns: u64) -> Self {
        Self { period_ns, jitter: 0.0, drift: 0.0, stray: 0.0 }
    }

    /// The ticks from the clock's zero until a moment; `phase_ns`: the first.
    pub fn until(&self, until_ns: u64, phase_ns: u64, dice: &mut Random) -> Vec<u64> {
        let period = self.period_ns as f64;
        let drift_phase = dice.between(0.0, std::f64::consts::TAU);
        let mut ticks: Vec<u64> = Vec::new();
        let mut grid = phase_ns as f64;
        while grid < until_ns as f64 {
            let off = if self.jitter > 0.0 { dice.between(-self.jitter, self.jitter) * period } else { 0.0 };
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at least 0")]
            let tick_ns = (grid + off).max(0.0).round() as u64;
            // Ticks keep their order, whatever the dice say.
            ticks.push(tick_ns.max(ticks.last().map_or(0, |last_ns| last_ns + 1)));
            let swing = self.drift * (std::f64::consts::TAU * grid / 9e9 + drift_phase).sin();
            let stray = if self.stray > 0.0 { dice.between(-self.stray, self.stray) } else { 0.0 };
            grid += period * (1.0 + swing + stray);
        }
        ticks
    }
}

/// Values with the moment from which each stands.
#[derive(Clone, Debug, Default)]
pub struct Published<T> {
    at_ns: Vec<u64>,
    values: Vec<T>,
}

impl<T: Copy> Published<T> {
    /// A value stands from a moment on that is not before the last.
    pub fn push(&mut self, at_ns: u64, value: T) {
        self.at_ns.push(at_ns);
        self.values.push(value);
    }

    /// What stands at a moment; `None` before the first.
    pub fn at(&self, at_ns: u64) -> Option<T> {
        let after = self.at_ns.partition_point(|published_ns| *published_ns <= at_ns);
        after.checked_sub(1).map(|index| self.values[index])
    }

    /// All of them, in the order of their times.
    pub fn iter(&self) -> impl Iterator<Item = (u64, T)> {
        self.at_ns.iter().copied().zip(self.values.iter().copied())
    }
}
