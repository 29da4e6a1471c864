//! The mean over a second that many boards publish beside their power (field 185): a witness of what the sensor does not see
//! between its readings, unless it is a mean of the same readings.

use std::collections::VecDeque;

use super::constants as known;
use super::continuous::Evidence;
use super::history::History;
use super::sums::{Sums, Told};
use super::witness::Pair;
use crate::clock::{NS_PER_MS, NS_PER_S, seconds};
use crate::sample::Sample;

/// So long after a mean was read, the readings of its time are all there.
const SETTLED_NS: u64 = 120 * NS_PER_MS;
/// Means that wait for their readings.
const WAITING: usize = 8;
/// Two means further apart are not joined.
const APART_NS: u64 = 600 * NS_PER_MS;

/// How far the mean over the second before a moment is from the readings of the same second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Beside {
    /// When the mean was read.
    pub at_ns: u64,
    /// Mean less readings, watts.
    pub difference_w: f64,
}

/// The evidence so far about a board's mean, in constant memory.
#[derive(Clone, Debug)]
pub(super) struct SecondMean {
    waiting: VecDeque<(u64, f64)>,
    sums: Sums,
    /// Means that differ from readings that are all alike by more than a gain.
    contradictions: f64,
    weighed_ns: u64,
}

impl Default for SecondMean {
    fn default() -> Self {
        let waiting = VecDeque::with_capacity(WAITING);
        Self { waiting, sums: Sums::default(), contradictions: 0.0, weighed_ns: 0 }
    }
}

impl SecondMean {
    /// Takes a mean in watts.
    pub fn push(&mut self, at_ns: u64, mean_w: f64) {
        if self.waiting.len() == WAITING {
            self.waiting.pop_front();
        }
        self.waiting.push_back((at_ns, mean_w));
    }

    /// A mean whose readings are all there by now.
    pub fn settled(&mut self, now_ns: u64) -> Option<(u64, f64)> {
        let is_settled = |(at_ns, _): &(u64, f64)| at_ns + SETTLED_NS <= now_ns;
        if self.waiting.front().is_some_and(is_settled) { self.waiting.pop_front() } else { None }
    }

    /// Whether the second before a moment was not weighed yet.
    pub fn is_due(&self, at_ns: u64) -> bool {
        at_ns >= self.weighed_ns + NS_PER_S
    }

    /// Weighs a mean. `line`: the readings' joules of the same second;
    pub fn weigh(&mut self, (at_ns, mean_w): (u64, f64), line: Evidence, told: Told) {
        self.weighed_ns = at_ns;
        let pair = Pair {
            from_ns: at_ns.saturating_sub(NS_PER_S),
            to_ns: at_ns,
            energy_j: mean_w,
            doubt_ns: told.period_ns / 2,
        };
        self.sums.weigh(&pair, told);
        let range_w = told.range_w;
        let are_alike = range_w.1 - range_w.0 < known::ALIKE_SHARE * range_w.1;
        let differs = (mean_w / (line.joules / line.covered_s)).ln().abs() > known::RATIO_PLAUSIBLE.ln_1p();
        if are_alike && differs {
            self.contradictions = (self.contradictions + 1.0).min(known::MOST_CONTRADICTIONS);
        }
    }

    /// How likely the mean is one of the readings themselves.
    pub fn blind_share(&self) -> f64 {
        let prior = (known::BLIND_PRIOR / (1.0 - known::BLIND_PRIOR)).ln();
        let log_odds = prior + self.sums.log_odds() + self.contradictions * known::LOG_CONTRADICTED;
        1.0 / (1.0 + (-log_odds).exp())
    }
}

/// What the mean has seen of a window beyond its readings: the seconds from the left edge on, and the last one before the
/// right edge.
#[derive(Clone, Copy, Debug)]
pub struct Beyond {
    /// By how much later than its time a mean tells of it.
    lag_ns: u64,
    start_ns: u64,
    /// Nothing is taken from beyond it.
    end_ns: u64,
    before: Option<Beside>,
    seconds: u64,
    joules: f64,
    last_w: Option<f64>,
    is_broken: bool,
}

impl Beyond {
    /// Of a window that begins at a moment. `lag_ns`: by how much later than its time a mean tells of it.
    pub fn from(start_ns: u64, lag_ns: u64) -> Self {
        let start_ns = start_ns + lag_ns;
        Self {
            lag_ns,
            start_ns,
            end_ns: u64::MAX,
            before: None,
            seconds: 0,
            joules: 0.0,
            last_w: None,
            is_broken: false,
        }
    }

    /// The window ends at a moment.
    pub fn close(&mut self, end_ns: u64) {
        self.end_ns = end_ns + self.lag_ns;
    }

    /// Takes a difference.
    pub fn push(&mut self, beside: Beside) {
        let before = self.before.replace(beside).filter(|before| beside.at_ns - before.at_ns <= APART_NS);
        let at = |moment_ns: u64| {
            let before = before.filter(|before| before.at_ns <= moment_ns)?;
            let way = (moment_ns - before.at_ns) as f64 / (beside.at_ns - before.at_ns).max(1) as f64;
            Some(before.difference_w + way * (beside.difference_w - before.difference_w))
        };
        loop {
            let next_ns = self.start_ns + (self.seconds + 1) * NS_PER_S;
            if next_ns > beside.at_ns.min(self.end_ns) {
                break;
            }
            self.seconds += 1;
            match at(next_ns) {
                Some(difference_w) => self.joules += difference_w,
                None => self.is_broken = true,
            }
        }
        if self.last_w.is_none() && beside.at_ns >= self.end_ns {
            self.last_w = at(self.end_ns);
        }
    }

    /// Joules that the mean has and the readings have not, and the part of a second, in seconds, of which that is only
    /// known from the second around it; `None` below a second and where a mean is missing.
    pub fn joules(&self) -> Option<(f64, f64)> {
        let last_w = self.last_w.filter(|_| self.seconds > 0 && !self.is_broken)?;
        let rest_s = seconds(self.end_ns - self.start_ns) - self.seconds as f64;
        Some((self.joules + rest_s * last_w, rest_s))
    }
}

impl History {
    /// Takes what a sample has of the mean, and settles one whose readings are all there by now.
    pub(super) fn push_mean(&mut self, sample: &Sample) {
        if let Some(average_mw) = sample.slow.and_then(|slow| slow.average_power_mw) {
            self.mean.push(sample.at_ns, f64::from(average_mw) / 1e3);
        }
        self.beside = self.mean.settled(sample.at_ns).and_then(|mean| self.settle(mean));
    }

    fn settle(&mut self, (at_ns, mean_w): (u64, f64)) -> Option<Beside> {
        let line = self.line_of_mean(at_ns)?;
        if self.mean.is_due(at_ns) {
            let period_ns = self.update_period_ns();
            let range_w = self.range_w(at_ns.saturating_sub(NS_PER_S + period_ns), at_ns)?;
            let (values, doubt_ns) =
                self.values_between((at_ns - NS_PER_S).saturating_sub(2 * period_ns), at_ns + 2 * period_ns);
            let unseen_share = self.usual_unseen_share();
            self.mean.weigh(
                (at_ns, mean_w),
                line,
                Told { values: &values, doubt_ns, period_ns, range_w, unseen_share },
            );
        }
        Some(Beside { at_ns, difference_w: mean_w - line.joules / line.covered_s })
    }

    /// The readings' joules of the time of a mean: it was published half an update period before it was read, on average.
    fn line_of_mean(&self, at_ns: u64) -> Option<Evidence> {
        let to_ns = at_ns.saturating_sub(self.mean_lag_ns());
        let line = self.readings_between(to_ns.saturating_sub(NS_PER_S), to_ns);
        line.filter(|line| line.covered_s > 0.98)
    }

    /// The means that are not settled yet, as well as the readings so far tell of their time.
    pub fn unsettled(&self) -> impl Iterator<Item = Beside> + '_ {
        self.mean.waiting.iter().filter_map(|(at_ns, mean_w)| {
            let line = self.line_of_mean(*at_ns)?;
            Some(Beside { at_ns: *at_ns, difference_w: mean_w - line.joules / line.covered_s })
        })
    }

    /// How far the mean over a second is from the readings, where the last sample has settled that.
    pub fn beside(&self) -> Option<Beside> {
        self.beside
    }

    /// How old the end of a mean's second is when it is read, on average.
    pub fn mean_lag_ns(&self) -> u64 {
        let sensor = self.sensor();
        sensor.delay_ns + sensor.update_period_ns / 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_seconds_are_added_up_and_the_rest_is_taken_from_the_last_one() {
        let mut beyond = Beyond::from(NS_PER_S, 50 * NS_PER_MS);
        let push = |beyond: &mut Beyond, at_ms: u64, difference_w: f64| {
            beyond.push(Beside { at_ns: at_ms * NS_PER_MS, difference_w });
        };
        for at_ms in (1000..4500).step_by(100) {
            // A mark is taken before what was read after it.
            if at_ms == 3700 {
                beyond.close(3700 * NS_PER_MS);
            }
            // 100 W from 2 s on.
            push(&mut beyond, at_ms, ((at_ms as f64 - 2000.0) / 10.0).clamp(0.0, 100.0));
        }
        let (joules, rest_s) = beyond.joules().expect("two seconds and a half");
        assert!((rest_s - 0.7).abs() < 1e-9, "{rest_s}");
        assert!((joules - (5.0 + 100.0 + 0.7 * 100.0)).abs() < 1e-6, "{joules}");
    }

    #[test]
    fn less_than_a_second_and_means_with_a_hole_say_nothing() {
        let mut short = Beyond::from(0, 0);
        short.close(900 * NS_PER_MS);
        let mut holed = Beyond::from(0, 0);
        holed.close(2500 * NS_PER_MS);
        for at_ms in (0..3000).step_by(100) {
            let beside = Beside { at_ns: at_ms * NS_PER_MS, difference_w: 10.0 };
            short.push(beside);
            if !(800..1700).contains(&at_ms) {
                holed.push(beside);
            }
        }
        assert_eq!((short.joules(), holed.joules()), (None, None));
    }
}
