//! Which of the two estimates is the headline, and how far it may be off. Both are always reported beside it.

use super::trust::Verdict;
use super::uncertainty::Uncertainty;

/// The estimate that a headline rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// The energy counter, edges corrected.
    Counter,
    /// The integral of the power.
    Integral,
}

impl Method {
    /// Its name in results.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Integral => "integral",
        }
    }
}

/// What is known of one device over one window.
#[derive(Clone, Copy, Debug, Default)]
pub struct Estimates {
    /// Length of the window.
    pub duration_s: f64,
    /// Time between two values that the power sensor publishes.
    pub update_period_s: f64,
    /// The span that each power reading is the mean of, where it is longer than an update period.
    pub averaging_s: Option<f64>,
    /// Joules by the integral.
    pub integral_j: Option<f64>,
    /// The share of the window that the integral covers, 0 to 1.
    pub coverage: f64,
    /// The longest pause between readings that was too long to be bridged.
    pub longest_gap_s: Option<f64>,
    /// What is not known of the integral.
    pub integral_parts: Uncertainty,
    /// Joules by the counter, edges corrected.
    pub counter_j: Option<f64>,
    /// Answers of the counter in the window.
    pub counter_reads: u64,
    /// How often the counter ticked in the window.
    pub counter_ticks: u64,
    /// What is not known of the counter.
    pub counter_parts: Uncertainty,
    /// What the counter's test on a steady load said; `None` where there was none.
    pub counter_test: Option<Verdict>,
}

/// The number to quote, or why there is none.
#[derive(Clone, Debug, PartialEq)]
pub struct Headline {
    /// Joules; `None` where neither estimate can be trusted.
    pub total_j: Option<f64>,
    /// Where it comes from.
    pub method: Option<Method>,
    /// Why this one, in words.
    pub reason: String,
    /// `(integral - counter) / counter` in percent, where both are known.
    pub residual_pct: Option<f64>,
    /// Whether the two differ by more than the sensor's blind time explains.
    pub residual_flagged: bool,
    /// How far `total_j` may be off (k = 2, without the board's gain), joules.
    pub uncertainty_j: Option<f64>,
    /// Its parts.
    pub uncertainty: Uncertainty,
}

/// A window of fewer update periods of the sensor is shorter than anything here can resolve: the energy of one
/// period, which is all that is known, may lie inside it or beside it.
const MIN_PERIODS: f64 = 3.0;
/// The two estimates may differ by this much, or by what the sensor cannot see where that is more.
const RESIDUAL_LIMIT_PCT: f64 = 3.0;
/// Fewer ticks than this say nothing of whether the counter counts.
const MIN_COUNTER_TICKS: u64 = 8;
/// An integral with larger holes is not quoted.
const MIN_COVERAGE: f64 = 0.95;

/// The counter where it is alive and either agrees with the readings of this window or did so on a steady load, else
/// the integral where it covers the window, else nothing.
pub fn choose(estimates: &Estimates) -> Headline {
    let residual = Residual::of(estimates);
    let (total_j, method, reason) = match verdicts(estimates, residual) {
        (Ok(why), _) => (estimates.counter_j, Some(Method::Counter), why),
        (Err(counter), Ok(())) => (estimates.integral_j, Some(Method::Integral), counter),
        (Err(counter), Err(integral)) if counter == integral => (None, None, counter),
        (Err(counter), Err(integral)) => (None, None, format!("{counter}; {integral}")),
    };
    let residual_flagged = residual.is_some_and(|residual| residual.is_too_large());
    let (uncertainty_j, uncertainty) = match method {
        Some(Method::Counter) => {
            let residual_j = residual.filter(|_| residual_flagged).map(|residual| residual.joules.abs());
            let parts = Uncertainty { residual_j, ..estimates.counter_parts };
            (parts.counter_j(), parts)
        }
        Some(Method::Integral) => {
            // A counter that was found wrong says nothing; one that could not be checked may be the one that is right.
            let is_open = estimates.counter_test.is_none() && estimates.counter_ticks >= MIN_COUNTER_TICKS;
            let residual_j =
                residual.filter(|_| residual_flagged && is_open).map(|residual| residual.joules.abs());
            let parts = Uncertainty { residual_j, ..estimates.integral_parts };
            (parts.integral_j(), parts)
        }
        None => (None, Uncertainty::default()),
    };
    let residual_pct = residual.map(|residual| residual.pct);
    Headline { total_j, method, reason, residual_pct, residual_flagged, uncertainty_j, uncertainty }
}

/// The integral less the counter.
#[derive(Clone, Copy)]
struct Residual {
    joules: f64,
    pct: f64,
    limit_pct: f64,
}

impl Residual {
    /// `None` where the readings have holes or there is no counter.
    fn of(estimates: &Estimates) -> Option<Self> {
        let counter_j = estimates.counter_j.filter(|counter_j| *counter_j > 0.0)?;
        let joules = estimates.integral_j.filter(|_| estimates.coverage >= MIN_COVERAGE)? - counter_j;
        let unseen_pct = estimates.integral_parts.integral_j().unwrap_or(0.0) / counter_j * 100.0;
        Some(Self { joules, pct: joules / counter_j * 100.0, limit_pct: RESIDUAL_LIMIT_PCT.max(unseen_pct) })
    }

    fn is_too_large(&self) -> bool {
        self.pct.abs() > self.limit_pct
    }
}

type Verdicts = (Result<String, String>, Result<(), String>);

fn verdicts(estimates: &Estimates, residual: Option<Residual>) -> Verdicts {
    match long_enough(estimates.duration_s, estimates.update_period_s, "update periods of the sensor") {
        Ok(()) => (counter_verdict(estimates, residual), integral_verdict(estimates)),
        Err(short) => (Err(short.clone()), Err(short)),
    }
}

fn long_enough(duration_s: f64, span_s: f64, what: &str) -> Result<(), String> {
    if duration_s >= MIN_PERIODS * span_s {
        return Ok(());
    }
    Err(format!(
        "the window of {:.0} ms is shorter than {MIN_PERIODS} {what} ({:.0} ms each)",
        duration_s * 1e3,
        span_s * 1e3
    ))
}

fn counter_verdict(estimates: &Estimates, residual: Option<Residual>) -> Result<String, String> {
    if estimates.counter_reads == 0 {
        return Err("the energy counter could not be read".to_owned());
    }
    if estimates.counter_ticks < MIN_COUNTER_TICKS {
        let seen = estimates.counter_ticks;
        return Err(format!("the energy counter ticked {seen} times, fewer than {MIN_COUNTER_TICKS}"));
    }
    let Some(counter_j) = estimates.counter_j else {
        return Err("the energy counter could not be read at both edges, or fell".to_owned());
    };
    if let Some(Verdict { trusted: false, residual_pct, .. }) = estimates.counter_test {
        return Err(format!(
            "on a steady load the readings differed from the counter by {residual_pct:+.1} %, so it is not trusted"
        ));
    }
    let Some(residual) = residual else {
        return Ok("the energy counter counts; the readings have holes and cannot confirm it".to_owned());
    };
    if !residual.is_too_large() {
        return Ok("the counter and the readings agree".to_owned());
    }
    let Residual { pct, limit_pct, .. } = residual;
    let differ = format!("the integral differs from the counter by {pct:+.1} %, more than {limit_pct:.1} %");
    match estimates.counter_test {
        Some(test) => Ok(format!(
            "{differ}; the counter was right within {:.1} % on a steady load, where the readings cannot be fooled \
             by a load in step with the sensor",
            test.residual_pct.abs()
        )),
        None => Err(format!(
            "{differ}; the counter ({counter_j:.1} J) could not be checked, for no steady load was seen"
        )),
    }
}

fn integral_verdict(estimates: &Estimates) -> Result<(), String> {
    if estimates.integral_j.is_none() {
        return Err("there are no power readings that could be joined".to_owned());
    }
    if estimates.coverage < MIN_COVERAGE {
        return Err(format!(
            "power readings cover {:.1} % of the window, less than {:.0} %",
            estimates.coverage * 100.0,
            MIN_COVERAGE * 100.0
        ));
    }
    if let Some(gap_s) = estimates.longest_gap_s {
        return Err(format!("there are no power readings for {gap_s:.1} s, which is too long to bridge"));
    }
    estimates.averaging_s.map_or(Ok(()), |span_s| {
        long_enough(estimates.duration_s, span_s, "spans that a power reading averages")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOUND: Estimates = Estimates {
        duration_s: 3.0,
        update_period_s: 0.1,
        averaging_s: None,
        integral_j: Some(101.0),
        coverage: 1.0,
        longest_gap_s: None,
        integral_parts: EXACT,
        counter_j: Some(100.0),
        counter_reads: 60,
        counter_ticks: 30,
        counter_parts: Uncertainty {
            sampling_j: None,
            edges_j: Some(0.3),
            gaps_j: None,
            counter_tick_j: Some(0.4),
            residual_j: None,
        },
        counter_test: None,
    };

    const EXACT: Uncertainty = Uncertainty {
        sampling_j: Some(0.0),
        edges_j: Some(0.0),
        gaps_j: Some(0.0),
        counter_tick_j: None,
        residual_j: None,
    };

    const TRUSTED: Option<Verdict> =
        Some(Verdict { trusted: true, residual_pct: -0.5, agreed_w: Some(75.0) });
    const DISTRUSTED: Option<Verdict> = Some(Verdict { trusted: false, residual_pct: 12.0, agreed_w: None });

    const NO_COUNTER: Estimates = Estimates { counter_j: None, counter_reads: 0, counter_ticks: 0, ..SOUND };

    #[test]
    fn verdicts() {
        let table = [
            ("both agree", SOUND, Some(100.0), Some(Method::Counter)),
            ("no counter", NO_COUNTER, Some(101.0), Some(Method::Integral)),
            ("a stuck counter", Estimates { counter_ticks: 0, ..SOUND }, Some(101.0), Some(Method::Integral)),
            (
                "they differ",
                Estimates { integral_j: Some(104.0), ..SOUND },
                Some(104.0),
                Some(Method::Integral),
            ),
            (
                "they differ and the counter was right on a steady load",
                Estimates { integral_j: Some(30.0), counter_test: TRUSTED, ..SOUND },
                Some(100.0),
                Some(Method::Counter),
            ),
            (
                "they agree and the counter was wrong on a steady load",
                Estimates { counter_test: DISTRUSTED, ..SOUND },
                Some(101.0),
                Some(Method::Integral),
            ),
            (
                "they differ by less than the sensor can tell",
                Estimates {
                    integral_j: Some(104.0),
                    integral_parts: Uncertainty { sampling_j: Some(5.0), ..EXACT },
                    ..SOUND
                },
                Some(100.0),
                Some(Method::Counter),
            ),
            (
                "means over a second lose an edge and do not contradict the counter",
                Estimates {
                    integral_j: Some(80.0),
                    averaging_s: Some(1.0),
                    integral_parts: Uncertainty { edges_j: Some(40.0), ..EXACT },
                    ..SOUND
                },
                Some(100.0),
                Some(Method::Counter),
            ),
            (
                "means over a second alone say little of two seconds",
                Estimates { duration_s: 2.0, averaging_s: Some(1.0), ..NO_COUNTER },
                None,
                None,
            ),
            ("readings with holes", Estimates { coverage: 0.5, ..SOUND }, Some(100.0), Some(Method::Counter)),
            ("nothing", Estimates { integral_j: None, coverage: 0.0, ..NO_COUNTER }, None, None),
            ("holes and no counter", Estimates { coverage: 0.9, ..NO_COUNTER }, None, None),
            (
                "a gap too long to bridge in a long window, and no counter",
                Estimates { coverage: 0.99, longest_gap_s: Some(0.8), ..NO_COUNTER },
                None,
                None,
            ),
            ("less than three update periods", Estimates { duration_s: 0.29, ..SOUND }, None, None),
            (
                "less than three update periods of a fast sensor",
                Estimates { duration_s: 0.29, update_period_s: 0.02, ..SOUND },
                Some(100.0),
                Some(Method::Counter),
            ),
        ];
        for (sentence, estimates, total_j, method) in table {
            let headline = choose(&estimates);
            assert_eq!(
                (headline.total_j, headline.method),
                (total_j, method),
                "{sentence}: {}",
                headline.reason
            );
        }
    }

    #[test]
    fn a_residual_that_a_trusted_counter_stands_against_is_flagged_explained_and_part_of_the_uncertainty() {
        let headline = choose(&Estimates { integral_j: Some(30.0), counter_test: TRUSTED, ..SOUND });
        assert!(headline.residual_flagged);
        assert_eq!(headline.uncertainty.residual_j, Some(70.0));
        assert!(headline.uncertainty_j.expect("known") >= 70.0);
        assert!(
            headline.reason.starts_with("the integral differs from the counter by -70.0 %, more than 3.0 %;"),
            "{}",
            headline.reason
        );
    }

    #[test]
    fn an_unchecked_counter_that_differs_is_named_with_its_value_and_its_difference_is_part_of_the_uncertainty()
     {
        let headline = choose(&Estimates { integral_j: Some(30.0), ..SOUND });
        assert!(headline.residual_flagged && headline.reason.contains("(100.0 J)"), "{}", headline.reason);
        assert_eq!(headline.method, Some(Method::Integral));
        assert_eq!((headline.uncertainty_j, headline.uncertainty.residual_j), (Some(70.0), Some(70.0)));
    }

    #[test]
    fn a_counter_that_was_found_wrong_or_stands_still_makes_the_readings_no_less_certain() {
        for estimates in [
            Estimates { integral_j: Some(30.0), counter_test: DISTRUSTED, ..SOUND },
            Estimates { integral_j: Some(30.0), counter_ticks: 2, ..SOUND },
        ] {
            let headline = choose(&estimates);
            assert_eq!(headline.method, Some(Method::Integral));
            assert_eq!((headline.uncertainty_j, headline.uncertainty), (Some(0.0), EXACT));
        }
    }

    #[test]
    fn estimates_that_agree_have_the_uncertainty_of_the_counter_alone() {
        let headline = choose(&SOUND);
        assert_eq!((headline.residual_flagged, headline.uncertainty_j), (false, Some(0.5)));
    }

    #[test]
    fn a_short_window_says_how_short_once() {
        let reason = choose(&Estimates { duration_s: 0.012, ..SOUND }).reason;
        assert_eq!(
            reason,
            "the window of 12 ms is shorter than 3 update periods of the sensor (100 ms each)"
        );
    }
}
