//! What an energy counter publishes of a load.

use super::load::Load;
use super::random::Random;
use super::ticks::{Published, Ticks};
use crate::clock::{NS_PER_MS, seconds};

/// What a counter adds up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// All of the power.
    Integral,
    /// At each of its ticks the sensor's reading, times the time since the tick before.
    SumOfReadings,
}

/// How a counter's ticks lie to the sensor's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// They are the sensor's, whatever period the counter has.
    InStep,
    /// At moments of its own.
    Own,
    /// One of the two, whichever comes; only for a counter with the sensor's period.
    Either,
}

/// An energy counter.
#[derive(Clone, Copy, Debug)]
pub struct EnergyCounter {
    /// When it publishes.
    pub ticks: Ticks,
    /// How that lies to the sensor's ticks.
    pub phase: Phase,
    /// What it adds up.
    pub kind: Kind,
    /// How old its sum is when it appears.
    pub delay_ns: u64,
    /// Joules counted per true joule.
    pub gain: f64,
    /// Watts of a larger scope that it counts too: of a CPU on the same module, of memory.
    pub extra_w: f64,
    /// It counts in whole multiples of this, millijoules.
    pub quantum_mj: f64,
    /// The share of ticks at which it stops for `freeze_ns`, and catches up after.
    pub freezes: f64,
    /// How long it stops.
    pub freeze_ns: u64,
    /// What was used while it stopped is never counted.
    pub forgets: bool,
    /// At a moment so many joules are added that nobody used.
    pub jump: Option<(u64, f64)>,
    /// At a moment it begins again at 0, as after a reset of the board.
    pub reset_ns: Option<u64>,
    /// From the first moment on to the second it stands still, and what was used meanwhile is never counted.
    pub lost_ns: Option<(u64, u64)>,
}

impl EnergyCounter {
    /// A right one that ticks every `period_ms`, at moments of its own.
    pub const fn every_ms(period_ms: u64) -> Self {
        Self {
            ticks: Ticks::every(period_ms * NS_PER_MS),
            phase: Phase::Own,
            kind: Kind::Integral,
            delay_ns: 0,
            gain: 1.0,
            extra_w: 0.0,
            quantum_mj: 1.0,
            freezes: 0.0,
            freeze_ns: 0,
            forgets: false,
            jump: None,
            reset_ns: None,
            lost_ns: None,
        }
    }

    /// What it publishes at these ticks, millijoules. `readings`: what the sensor publishes.
    pub fn publish(
        &self,
        load: &Load,
        ticks_ns: &[u64],
        readings: &Published<f64>,
        dice: &mut Random,
    ) -> Published<u64> {
        let mut published = Published::default();
        // A driver that has been loaded for hours.
        let mut joules = dice.between(1e3, 1e6);
        let mut counted_ns = 0;
        let mut frozen_until_ns = 0;
        let (mut jump, mut reset_ns) = (self.jump, self.reset_ns);
        for tick_ns in ticks_ns.iter().copied() {
            let seen_ns = tick_ns.saturating_sub(self.delay_ns);
            let is_lost = self.lost_ns.is_some_and(|(from, to)| (from..to).contains(&seen_ns));
            let is_forgotten = self.forgets && tick_ns < frozen_until_ns;
            if !is_lost && !is_forgotten {
                let used_j = match self.kind {
                    Kind::Integral => load.joules(seen_ns) - load.joules(counted_ns),
                    Kind::SumOfReadings => {
                        readings.at(seen_ns).unwrap_or(0.0) * seconds(seen_ns - counted_ns)
                    }
                };
                joules += self.gain * used_j + self.extra_w * seconds(seen_ns - counted_ns);
            }
            counted_ns = seen_ns;
            joules += jump.take_if(|(at_ns, _)| *at_ns <= tick_ns).map_or(0.0, |(_, jump_j)| jump_j);
            if reset_ns.take_if(|at_ns| *at_ns <= tick_ns).is_some() {
                joules = 0.0;
            }
            if self.freezes > 0.0 && tick_ns >= frozen_until_ns && dice.chance(self.freezes) {
                frozen_until_ns = tick_ns + self.freeze_ns;
            }
            if tick_ns >= frozen_until_ns {
                let quanta = (joules.max(0.0) * 1e3 / self.quantum_mj).floor();
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at least 0")]
                published.push(tick_ns, (quanta * self.quantum_mj) as u64);
            }
        }
        published
    }
}
