//! When a value is published: the period and the phase of its changes, by least squares.

use crate::clock::NS_PER_MS;

/// Two reads this close together that differ hold a tick whose time is known well enough to stand on.
pub const SHARP_NS: u64 = 30 * NS_PER_MS;
/// Changes that the first guess of the period rests on, at most and at least.
const GUESS_CHANGES: usize = 8;
const MIN_GUESS_CHANGES: usize = 3;
/// No driver publishes more rarely (1 s is the longest interval of RUSD, nvrm_registry.h of the open kernel modules),
/// so a longer gap is a value that stood still.
const MAX_GAP_NS: u64 = 1_500 * NS_PER_MS;
/// A gap between two changes is taken for up to this many periods: values may repeat.
const MAX_MULTIPLE: u32 = 5;
/// So many of the gaps have to be whole multiples of a period.
const FITTING_SHARE: f64 = 0.8;
/// A gap that may be off by more than this share of a period, being so many of them, would fit any.
const TELLING: f64 = 1.0 / 3.0;
/// What a sum of doubts comes to, the ticks being anywhere between two reads, in 95 of 100 cases.
const TYPICAL: f64 = 0.8;
/// The sensors of all boards that were looked at publish at least this often (arXiv 2312.02741). A longer period is
/// believed only where nearly all of this many gaps are one period: the rare changes of a load that is idle between
/// bursts are whole multiples of too many periods.
const USUAL_MAX_NS: f64 = 150.0 * NS_PER_MS as f64;
const SLOW_GAPS: usize = 6;
/// A change may be this share of a period off its tick, besides the distance of two reads.
const TOLERANCE: f64 = 0.05;
/// Each change that does not fit counts two, each that does takes one off; beyond this the period is guessed anew.
const MAX_MISFIT: u32 = 8;
/// The number of a change is known as long as its time is known to this share of a period.
const COUNTABLE: f64 = 0.4;
/// What a tick weighs less with each later one: about as many count as are in half a minute of a sensor of 100 ms,
/// in which its clock and this one do not drift apart by a millisecond.
const MEMORY: f64 = 1.0 - 1.0 / 300.0;

/// Finds the period and the phase of what a device publishes from the times at which reads of it differ. A change is
/// known to half the distance of two reads; its number is the nearest whole multiple of the period, so that values
/// that repeat do no harm. Needs at least three reads in a period. Constant size.
#[derive(Clone, Debug, Default)]
pub struct Rhythm {
    last_read: Option<(u64, u64)>,
    /// The last changes, and how far each may be off.
    recent: [(u64, u64); GUESS_CHANGES],
    recent_count: usize,
    fit: Option<Fit>,
    misfit: u32,
}

impl Rhythm {
    /// Takes a read of the value; answers when it changed, where it did and that is known.
    pub fn push(&mut self, at_ns: u64, value: u64) -> Option<u64> {
        let (before_ns, before) = self.last_read.replace((at_ns, value))?;
        let sharp = before != value && at_ns > before_ns && at_ns - before_ns <= SHARP_NS;
        if before != value && !sharp {
            // Gaps across what was not seen come from when it was read: a period is guessed without them.
            self.recent_count = 0;
        }
        sharp.then(|| {
            let changed_ns = before_ns + (at_ns - before_ns) / 2;
            self.push_change(changed_ns, (at_ns - before_ns) / 2);
            changed_ns
        })
    }

    /// The time between two ticks; `None` before three changes were seen close together.
    pub fn period_ns(&self) -> Option<u64> {
        self.fit.as_ref().map(|fit| rounded(fit.period_ns()))
    }

    /// How far the period may be off (k = 2).
    pub fn period_doubt_ns(&self) -> Option<u64> {
        self.fit.as_ref().map(|fit| rounded(fit.slope_doubt_ns()))
    }

    /// The first tick after `after_ns`, which may be long past, as the line through the changes has it, and how far that may be off;
    /// `None` where it is not known to a quarter of the period.
    pub fn next_tick_ns(&self, after_ns: u64) -> Option<(u64, u64)> {
        let fit = self.fit.as_ref()?;
        let period_ns = fit.period_ns();
        let since = (after_ns as f64 - fit.last_tick_ns()) / period_ns;
        let number = since.floor() + 1.0;
        let doubt_ns = fit.doubt_ns(number);
        (doubt_ns < period_ns / 4.0)
            .then(|| (rounded(fit.last_tick_ns() + number * period_ns), rounded(doubt_ns)))
    }

    /// The median of the times between the last changes, in whatever rhythm; `None` before so many were seen.
    pub fn usual_gap_ns(&self) -> Option<u64> {
        if self.recent_count < GUESS_CHANGES {
            return None;
        }
        let mut gaps_ns = [0; GUESS_CHANGES - 1];
        for (gap_ns, pair) in gaps_ns.iter_mut().zip(self.recent.windows(2)) {
            *gap_ns = pair[1].0 - pair[0].0;
        }
        gaps_ns.sort_unstable();
        Some(gaps_ns[gaps_ns.len() / 2])
    }

    /// How many changes the fit rests on.
    pub fn changes(&self) -> u64 {
        self.fit.as_ref().map_or(0, |fit| fit.changes)
    }

    fn push_change(&mut self, at_ns: u64, doubt_ns: u64) {
        if self.recent_count > 0 && at_ns - self.recent[GUESS_CHANGES - 1].0 > MAX_GAP_NS {
            self.recent_count = 0;
        }
        self.recent.rotate_left(1);
        self.recent[GUESS_CHANGES - 1] = (at_ns, doubt_ns);
        self.recent_count = (self.recent_count + 1).min(GUESS_CHANGES);
        if let Some(fit) = &mut self.fit {
            let fits = fit.push(at_ns, doubt_ns);
            self.misfit = if fits { self.misfit.saturating_sub(1) } else { self.misfit + 2 };
        }
        let guess_ns = self.guess_ns();
        // A divisor of the period fits as well: what once changed twice in a period must not halve it for ever.
        let too_short = self.period_ns().zip(guess_ns).is_some_and(|(found_ns, guess_ns)| {
            self.recent_count == GUESS_CHANGES && guess_ns > 1.5 * found_ns as f64
        });
        if self.fit.is_none() || self.misfit >= MAX_MISFIT || too_short {
            self.misfit = 0;
            self.fit = guess_ns.map(|period_ns| Fit::through(self.recent(), period_ns));
        }
    }

    fn recent(&self) -> &[(u64, u64)] {
        &self.recent[GUESS_CHANGES - self.recent_count..]
    }

    /// The longest period of which nearly all recent gaps are whole multiples, and one gap a single one: every divisor of it
    /// would fit too, and gaps that jitter fit many that nobody saw.
    fn guess_ns(&self) -> Option<f64> {
        if self.recent_count < MIN_GUESS_CHANGES {
            return None;
        }
        // The length of each gap, and how far it may be off.
        let gaps = || {
            let pairs = self.recent().windows(2);
            pairs.map(|pair| ((pair[1].0 - pair[0].0) as f64, (pair[0].1 + pair[1].1) as f64))
        };
        let count = gaps().count();
        let fits = |(period_ns, period_doubt_ns): (f64, f64)| {
            let is_slow = period_ns > USUAL_MAX_NS;
            let (mut telling, mut fitting, mut was_seen) = (0.0, 0.0, false);
            for (gap_ns, doubt_ns) in gaps() {
                let multiple = (gap_ns / period_ns).round();
                let doubt_ns = TYPICAL * doubt_ns.hypot(multiple * period_doubt_ns);
                if doubt_ns > TELLING * period_ns {
                    continue;
                }
                let off_ns = (gap_ns - multiple * period_ns).abs();
                let fits = multiple >= 1.0
                    && (multiple < 2.0 || !is_slow)
                    && off_ns <= (doubt_ns + TOLERANCE * period_ns).min(period_ns / 4.0);
                telling += 1.0;
                fitting += f64::from(u8::from(fits));
                was_seen |= fits && multiple < 2.0;
            }
            was_seen
                && telling >= (MIN_GUESS_CHANGES - 1) as f64
                && fitting >= FITTING_SHARE * telling
                && (!is_slow || count >= SLOW_GAPS)
        };
        gaps()
            .flat_map(|(gap_ns, doubt_ns)| {
                (1..=MAX_MULTIPLE).map(move |k| (gap_ns / f64::from(k), doubt_ns / f64::from(k)))
            })
            .filter(|candidate| fits(*candidate))
            .map(|(period_ns, _)| period_ns)
            .max_by(f64::total_cmp)
    }
}

/// The least-squares line of change times over their numbers. The line restarts where a pause was so long that the
/// number of a change is in doubt; its slope, the period, is common to all stretches.
#[derive(Clone, Debug)]
struct Fit {
    guess_ns: f64,
    /// Centred sums over earlier stretches: of squared numbers, and of numbers times times.
    past: (f64, f64),
    /// Sums of this stretch: weight, number, its square, time, number times time. Numbers and times count from the
    /// last change, so that they stay small.
    weight: f64,
    number: f64,
    number_squared: f64,
    time_ns: f64,
    number_time: f64,
    last_change_ns: u64,
    read_doubt_ns: f64,
    /// Sum of the squares of how far the changes of this stretch may be off.
    doubt_squared: f64,
    /// The ticks from the first change of this stretch to the last one.
    span: f64,
    /// How far the period may be off by the best of the earlier stretches.
    past_doubt_ns: f64,
    changes: u64,
}

impl Fit {
    fn new(guess_ns: f64, at_ns: u64, doubt_ns: u64) -> Self {
        Self {
            guess_ns,
            past: (0.0, 0.0),
            weight: 1.0,
            number: 0.0,
            number_squared: 0.0,
            time_ns: 0.0,
            number_time: 0.0,
            last_change_ns: at_ns,
            read_doubt_ns: doubt_ns as f64,
            doubt_squared: (doubt_ns as f64).powi(2),
            span: 0.0,
            past_doubt_ns: f64::INFINITY,
            changes: 1,
        }
    }

    /// The line through changes, of which those that do not fit are left out.
    fn through(changes: &[(u64, u64)], guess_ns: f64) -> Self {
        let [(first_ns, doubt_ns), later @ ..] = changes else { unreachable!("a guess rests on changes") };
        let mut fit = Self::new(guess_ns, *first_ns, *doubt_ns);
        for (at_ns, doubt_ns) in later {
            fit.push(*at_ns, *doubt_ns);
        }
        fit
    }

    /// Whether the change is where a tick was expected.
    fn push(&mut self, at_ns: u64, doubt_ns: u64) -> bool {
        let period_ns = self.period_ns();
        let since_ns = at_ns as f64 - self.last_tick_ns();
        let number = (since_ns / period_ns).round();
        if number > 2.0 && self.slope_doubt_ns() * number > COUNTABLE * period_ns {
            self.restart(at_ns, doubt_ns);
            return true;
        }
        let misfit_ns = (since_ns - number * period_ns).abs();
        let reach_ns = doubt_ns as f64 + self.doubt_ns(number) + TOLERANCE * period_ns;
        if number < 1.0 || misfit_ns > reach_ns.min(COUNTABLE * period_ns) {
            return false;
        }
        let shift_ns = (at_ns - self.last_change_ns) as f64;
        self.shift(number, shift_ns);
        self.weight += 1.0;
        self.last_change_ns = at_ns;
        self.read_doubt_ns = doubt_ns as f64;
        self.doubt_squared += self.read_doubt_ns.powi(2);
        self.span += number;
        self.changes += 1;
        true
    }

    /// Counts numbers and times from a later change, and lets the earlier ones weigh less.
    fn shift(&mut self, number: f64, time_ns: f64) {
        self.number_time += -time_ns * self.number - number * self.time_ns + number * time_ns * self.weight;
        self.number_squared += -2.0 * number * self.number + number * number * self.weight;
        self.number -= number * self.weight;
        self.time_ns -= time_ns * self.weight;
        for sum in [
            &mut self.weight,
            &mut self.number,
            &mut self.number_squared,
            &mut self.time_ns,
            &mut self.number_time,
            &mut self.doubt_squared,
            &mut self.past.0,
            &mut self.past.1,
        ] {
            *sum *= MEMORY;
        }
    }

    fn restart(&mut self, at_ns: u64, doubt_ns: u64) {
        let (squares, products) = self.centred();
        let (guess_ns, past_doubt_ns) = (self.period_ns(), self.slope_doubt_ns());
        *self = Self {
            past_doubt_ns,
            past: (self.past.0 + squares, self.past.1 + products),
            changes: self.changes + 1,
            ..Self::new(guess_ns, at_ns, doubt_ns)
        };
    }

    fn centred(&self) -> (f64, f64) {
        (
            self.number_squared - self.number * self.number / self.weight,
            self.number_time - self.number * self.time_ns / self.weight,
        )
    }

    /// The slope.
    fn period_ns(&self) -> f64 {
        let (squares, products) = self.centred();
        let squares = squares + self.past.0;
        if squares < 0.5 { self.guess_ns } else { (products + self.past.1) / squares }
    }

    /// The line at the last change.
    fn last_tick_ns(&self) -> f64 {
        self.last_change_ns as f64 + (self.time_ns - self.period_ns() * self.number) / self.weight
    }

    /// How far a tick may be from the line, so many ticks after the last change or before it: half the distance of two
    /// reads, and what the slope is off.
    fn doubt_ns(&self, number: f64) -> f64 {
        self.read_doubt_ns + self.slope_doubt_ns() * number.abs()
    }

    /// The reads come in a rhythm of their own, so that each change may be seen a little later than the one before,
    /// all along a stretch and likewise in each stretch: more of them do not average that out, a longer one does.
    fn slope_doubt_ns(&self) -> f64 {
        let span = self.span.min(1.0 / (1.0 - MEMORY));
        let here_ns = 2.0 * (self.doubt_squared / self.weight).sqrt() / span.max(1.0);
        here_ns.min(self.past_doubt_ns)
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "times are positive and below 2^53"
)]
fn rounded(time_ns: f64) -> u64 {
    time_ns.round() as u64
}

#[cfg(test)]
#[path = "rhythm_tests.rs"]
mod tests;
