//! Counter, readings and the mean over a second held against one another.

use super::belief::Kind;
use super::budget::{Budget, Evaluation, root_of_squares};
use super::constants as known;
use super::finding::Finding;
use super::headline::{Evidence, Headline};

/// The two estimates may differ by this much, or by what the sensor cannot see where that is more, percent.
const RESIDUAL_LIMIT_PCT: f64 = 3.0;
/// A mean that differs from the readings by so many of its deviations has seen what they did not.
const TELLING_DEVIATIONS: f64 = 3.0;

impl Evidence {
    /// Holds the readings against the counter: a factor that is the same at all levels is the board's, what the sensor
    /// cannot see explains some, and of the rest nothing decides, so that the interval holds both.
    pub(super) fn compare(&self, counter_j: f64, headline: &mut Headline) {
        let Some(integral_j) = self.integral().ok() else { return };
        let gain = self.gain_ratio.map_or(1.0, |gain| gain.ratio);
        let difference_j = integral_j / gain - counter_j;
        let readings = self.readings;
        let seen_j = [readings.sampling_j.unwrap_or(0.0), readings.edges_j.unwrap_or(0.0), readings.gaps_j];
        let gain_j = if self.gain_ratio.is_some() { 0.0 } else { self.specified().0 / 2.0 * counter_j };
        let explained_j = root_of_squares(seen_j.into_iter().chain([gain_j]));
        let explained_j = known::COVERAGE_FACTOR * explained_j.hypot(headline.budget.uncertainty_j() / 2.0);
        let limit_j = explained_j.max(RESIDUAL_LIMIT_PCT / 100.0 * counter_j);
        if let Some(ratio) = self.scope_ratio {
            headline.findings.push(Finding {
                code: "scope_differs",
                is_warning: true,
                text: format!(
                    "at the lowest power seen the readings are {ratio:.2} times the counter, more than a sensor is off: one \
                     of them may be of more than the GPU, or count wrong, or the load is in step with the sensor"
                ),
            });
            // The factor at idle may be one of all of the counter.
            let apart_j = (integral_j - counter_j).abs().max((1.0 - ratio.min(1.0 / ratio)) * counter_j);
            let apart_j = known::APART_SHARE * apart_j;
            let apart_j = apart_j.hypot(readings.sampling_j.unwrap_or(0.0));
            headline.budget.add("counter and readings differ", "their difference", Evaluation::A, apart_j);
            "the counter, carried to both edges; the readings are of another scope"
                .clone_into(&mut headline.reason);
            return;
        }
        if difference_j.abs() <= limit_j {
            self.add_untold_gain(difference_j, root_of_squares(seen_j), &mut headline.budget);
            return;
        }
        let differ = format!(
            "the integral differs from the counter by {:+.1} %, more than {:.1} %",
            difference_j / counter_j * 100.0,
            limit_j / counter_j * 100.0
        );
        // Readings that are even and further from the counter than by a gain are those of a load in step with the sensor,
        // if the two agreed before and the counter's steps are alike; or a third witness says so.
        let no_gain = (integral_j / gain / counter_j).ln().abs() > known::RATIO_PLAUSIBLE.ln_1p();
        let in_step =
            self.kind == Kind::Integral && readings.are_even && no_gain && self.in_step_ratio.is_some();
        let decided = if self.is_confirmed_by_mean(integral_j, counter_j) {
            Some("the mean over a second is with the counter")
        } else {
            in_step.then_some("the counter counts what the sensor does not see, as its steps have shown")
        };
        if let Some(why) = decided {
            headline.reason = format!("{differ}; {why}");
            headline.findings.push(Finding { code: "estimators_disagree", is_warning: false, text: differ });
            return;
        }
        headline.reason = format!("{differ}; nothing decides between them");
        headline.budget.add(
            "counter and readings differ",
            "half their difference",
            Evaluation::A,
            root_of_squares(seen_j.into_iter().chain([known::APART_SHARE * difference_j])),
        );
        headline.findings.push(Finding { code: "estimators_disagree", is_warning: true, text: differ });
    }

    /// What the sensor does not see may explain a difference, and a scope or a gain of one of the two may: the interval of the
    /// board holds as much of it as the first leaves. `seen_j`: of what the sensor does not see (k = 1).
    fn add_untold_gain(&self, difference_j: f64, seen_j: f64, budget: &mut Budget) {
        if self.gain_ratio.is_none() {
            let squares = (difference_j.powi(2), seen_j.powi(2));
            let left = squares.0 / (squares.0 + squares.1).max(f64::MIN_POSITIVE);
            let apart_j = known::APART_SHARE * left.sqrt() * difference_j.abs();
            budget.add_of_board("sensor and counter differ", "their difference", Evaluation::A, apart_j);
        }
    }

    /// Adds what a counter that only adds up readings does not see, as likely as it is one; answers the joules to quote.
    pub(super) fn add_unseen(&self, counter_j: f64, headline: &mut Headline) -> f64 {
        let (readings, source) = (self.readings, "differences of successive readings");
        // What speaks against a blind counter counts against both.
        let doubt = (self.blind_share / known::BLIND_PRIOR).min(1.0);
        let blind_j = known::BLIND_FACTOR
            * self.blind_share.max(known::BLIND_PRIOR).sqrt()
            * doubt
            * readings.between_j;
        let is_blind = self.kind == Kind::SumOfReadings
            || (self.kind == Kind::Undecided && self.is_contradicted_by_mean(counter_j));
        // Most loads whose readings are even are constant, and most counters integrate: it takes a blind one to hide a load in step.
        let hidden_j = doubt * readings.in_step_j.unwrap_or(0.0);
        let in_step_j = if is_blind { hidden_j } else { 0.0 };
        let (unseen_j, edges_j) = (blind_j.hypot(in_step_j), readings.edges_j.unwrap_or(0.0));
        let mut followed = Headline { findings: Vec::new(), ..headline.clone() };
        let (total_j, known_j) = self.with_mean(counter_j, (unseen_j, edges_j), &mut followed);
        // A counter that most likely sees all is not moved by a mean that is known worse.
        let (total_j, known_j) = if is_blind {
            headline.findings.append(&mut followed.findings);
            (total_j, known_j)
        } else {
            (counter_j, known_j.hypot(total_j - counter_j).min(unseen_j))
        };
        let in_step_j = if unseen_j > 0.0 { known_j * in_step_j / unseen_j } else { 0.0 };
        let random_j = if unseen_j > 0.0 { known_j * blind_j / unseen_j } else { 0.0 };
        headline.budget.add("counter, unseen time", source, Evaluation::A, random_j);
        headline.budget.add("load in step with the sensor", "idle to limit", Evaluation::B, in_step_j);
        if in_step_j > known::TOLD_SHARE * counter_j {
            headline.findings.push(Finding::load_in_step());
        } else if self.kind == Kind::Undecided
            && readings.are_even
            && hidden_j > known::TOLD_SHARE * counter_j
        {
            headline.findings.push(Finding::load_in_step_undecided());
        }
        total_j
    }

    /// An energy of which `unseen_j` (k = 1) is not known because the readings do not see all of the time, and the same
    /// after what the mean over a second says of it: followed as far as it is known better, and as likely as it is none of
    /// the same readings. `edges_j`: what the edges of the readings leave unknown, where the energy is not theirs (k = 1).
    pub(super) fn with_mean(
        &self,
        base_j: f64,
        (unseen_j, edges_j): (f64, f64),
        headline: &mut Headline,
    ) -> (f64, f64) {
        let Some((mean, integral_j)) = self.readings.mean.zip(self.readings.joules) else {
            return (base_j, unseen_j);
        };
        let difference_j = integral_j + mean.beyond_j - base_j;
        let deviation_j = mean.deviation_j.hypot(edges_j);
        let tells = difference_j.abs() > TELLING_DEVIATIONS * deviation_j;
        let unseen_j = if tells { unseen_j.max(difference_j.abs()) } else { unseen_j };
        let (unseen, known) = (unseen_j.powi(2), deviation_j.powi(2));
        let sum = (unseen + known).max(f64::MIN_POSITIVE);
        let shift_j = unseen / sum * difference_j;
        let (blind, sees) = (mean.blind_share, 1.0 - mean.blind_share);
        if tells && shift_j.abs() > RESIDUAL_LIMIT_PCT / 100.0 * base_j {
            headline.findings.push(Finding::second_mean_differs(difference_j, base_j));
        }
        let variance = blind * unseen + sees * unseen * known / sum + blind * sees * shift_j.powi(2);
        (base_j + sees * shift_j, variance.sqrt())
    }

    /// Whether the counter says what the readings say, and the mean over a second something else: it has seen what neither has.
    fn is_contradicted_by_mean(&self, counter_j: f64) -> bool {
        let Some((mean, integral_j)) = self.readings.mean.zip(self.readings.joules) else { return false };
        let difference_j = integral_j + mean.beyond_j - counter_j;
        let deviation_j = mean.deviation_j.hypot(self.readings.edges_j.unwrap_or(0.0));
        let is_far = difference_j.abs() > RESIDUAL_LIMIT_PCT / 100.0 * counter_j;
        is_far
            && difference_j.abs() > TELLING_DEVIATIONS * deviation_j
            && (integral_j - counter_j).abs() < difference_j.abs() / 2.0
    }

    /// Whether the mean over a second sees all of the time and says the same as the counter.
    fn is_confirmed_by_mean(&self, integral_j: f64, counter_j: f64) -> bool {
        self.readings.mean.is_some_and(|mean| {
            let off_j = (integral_j + mean.beyond_j - counter_j).abs();
            let doubt_j =
                known::COVERAGE_FACTOR * mean.deviation_j.hypot(self.readings.edges_j.unwrap_or(0.0));
            let most_j = doubt_j.max(RESIDUAL_LIMIT_PCT / 100.0 * counter_j);
            mean.blind_share < known::DECIDED && off_j <= most_j && most_j < mean.beyond_j.abs() / 2.0
        })
    }
}
