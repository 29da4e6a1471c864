//! The powers of a counter between looks, and steps that are none.

use std::collections::VecDeque;

use crate::clock::{NS_PER_MS, seconds};

/// A power is taken over so long at least: a counter that ticks within it has ticked more than once.
const SPAN_NS: u64 = 240 * NS_PER_MS;
/// How many are kept: some 8 s.
const KEPT: usize = 32;
/// No zone draws so much: a socket has some hundred watts, a whole machine of eight of them some thousand.
const MOST_W: f64 = 10_000.0;
/// Above this a power that stands alone is a step of the counter ...
const MUCH_W: f64 = 1_000.0;
/// ... where it is so many times what is drawn before and after.
const TIMES: f64 = 20.0;

/// What a counter said of its power lately.
#[derive(Default)]
pub(super) struct Powers {
    /// Where the span began that is not over: at a change of the counter, or where it was first read.
    since: Option<(u64, u64)>,
    /// The latter: so much of the first joules may be older that they are no power, only perhaps a step.
    is_first: bool,
    last_w: VecDeque<f64>,
    /// A power that only what comes after it can tell from a step.
    doubtful: Option<(f64, Step)>,
    /// The last step that no CPU can have drawn.
    step: Option<Step>,
}

/// More joules than were drawn.
#[derive(Clone, Debug)]
struct Step {
    at_ns: u64,
    reason: String,
}

impl Powers {
    /// A look: what the counter has counted, and whether it is more than at the look before.
    pub fn see(&mut self, at_ns: u64, total_uj: u64, has_moved: bool) {
        let Some((since_ns, since_uj)) = self.since else {
            self.since = Some((at_ns, total_uj));
            self.is_first = !has_moved;
            return;
        };
        if !has_moved || at_ns < since_ns + SPAN_NS {
            return;
        }
        self.since = Some((at_ns, total_uj));
        let (power_w, step) = step_of(at_ns, at_ns - since_ns, total_uj - since_uj);
        if let Some((doubtful_w, doubtful)) = self.doubtful.take() {
            if power_w * TIMES >= doubtful_w && power_w <= MOST_W {
                self.keep(doubtful_w);
            } else {
                self.step = Some(doubtful);
            }
        }
        let is_first = std::mem::take(&mut self.is_first);
        if power_w > MOST_W {
            self.step = Some(step);
        } else if is_first {
            // Its time is not known.
        } else if self.stands_out(power_w) {
            self.doubtful = Some((power_w, step));
        } else {
            self.keep(power_w);
        }
    }

    /// It could not be read, or was reset.
    pub fn lose(&mut self) {
        self.since = None;
    }

    /// The highest power of the last seconds.
    pub fn highest_w(&self) -> f64 {
        self.last_w.iter().copied().fold(0.0, f64::max)
    }

    /// Why a window from `start_ns` to now has more joules than were drawn.
    pub fn step_since(&self, start_ns: u64, now_ns: u64, total_uj: u64) -> Option<String> {
        let unfinished = self.since.and_then(|(since_ns, since_uj)| {
            let (power_w, step) = step_of(now_ns, now_ns.saturating_sub(since_ns), total_uj - since_uj);
            (power_w > MOST_W || self.stands_out(power_w)).then_some(step)
        });
        let doubtful = self.doubtful.as_ref().map(|(_, step)| step.clone());
        [self.step.clone(), doubtful, unfinished]
            .into_iter()
            .flatten()
            .find(|step| step.at_ns > start_ns)
            .map(|step| step.reason)
    }

    fn stands_out(&self, power_w: f64) -> bool {
        power_w > MUCH_W && !self.last_w.is_empty() && power_w > TIMES * self.highest_w()
    }

    fn keep(&mut self, power_w: f64) {
        if self.last_w.len() == KEPT {
            self.last_w.pop_front();
        }
        self.last_w.push_back(power_w);
    }
}

/// The power over a span, which is never taken to be short, and what it would be as a step.
fn step_of(at_ns: u64, span_ns: u64, moved_uj: u64) -> (f64, Step) {
    let (joules, lasted) = (moved_uj as f64 / 1e6, seconds(span_ns.max(SPAN_NS)));
    let reason = format!("the RAPL counter stepped by {joules:.0} J in {lasted:.2} s, which no CPU draws");
    (joules / lasted, Step { at_ns, reason })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Quarters of a second with these joules each -> why the window over all of them is unknown.
    fn step(joules: &[u64]) -> Option<String> {
        let mut powers = Powers::default();
        let (mut at_ns, mut total_uj) = (0, 0);
        powers.see(at_ns, total_uj, true);
        for joules in joules {
            at_ns += 250 * NS_PER_MS;
            total_uj += joules * 1_000_000;
            powers.see(at_ns, total_uj, true);
        }
        powers.step_since(0, at_ns, total_uj)
    }

    #[test]
    fn a_step_that_no_cpu_can_draw_is_one_whatever_is_around_it() {
        let reason = "the RAPL counter stepped by 5000 J in 0.25 s, which no CPU draws";
        assert_eq!(step(&[20, 20, 5000, 20, 20]).as_deref(), Some(reason));
        assert_eq!(step(&[5000, 20, 20]).as_deref(), Some(reason));
        assert_eq!(step(&[20, 20, 5000]).as_deref(), Some(reason));
    }

    #[test]
    fn a_high_power_that_stands_alone_is_a_step_and_one_that_stays_is_load() {
        assert!(step(&[20, 20, 500, 20, 20]).is_some());
        assert!(step(&[20, 20, 500]).is_some());
        assert_eq!(step(&[5, 5, 300, 300, 300]), None);
        assert_eq!(step(&[15, 75, 15, 75]), None);
    }

    #[test]
    fn a_window_after_a_step_has_its_joules() {
        let mut powers = Powers::default();
        for (quarter, total_j) in [0, 20, 5020, 5040, 5060].into_iter().enumerate() {
            powers.see(quarter as u64 * 250 * NS_PER_MS, total_j * 1_000_000, true);
        }
        let step_since = |ms: u64| powers.step_since(ms * NS_PER_MS, 1000 * NS_PER_MS, 5_060_000_000);
        assert!(step_since(300).is_some());
        assert_eq!(step_since(600), None);
    }
}
