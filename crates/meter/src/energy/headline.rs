//! Which of the two estimates is the headline. Both are always reported beside it.

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
    /// The highest power reading.
    pub max_power_w: Option<f64>,
    /// What the sensor's blind time leaves unknown of the integral (k = 2), joules.
    pub sampling_uncertainty_j: Option<f64>,
    /// Joules by the counter, edges corrected.
    pub counter_j: Option<f64>,
    /// Answers of the counter in the window.
    pub counter_reads: u64,
    /// Changes of the counter seen in the window.
    pub counter_changes: u64,
}

impl Estimates {
    /// How far the integral may be off for what its readings cannot show, joules. A mean over a second leaves
    /// each edge of the window uncertain by half a second of the power.
    fn integral_uncertainty_j(&self) -> f64 {
        let averaging_j =
            self.averaging_s.zip(self.max_power_w).map_or(0.0, |(span_s, power_w)| span_s * power_w);
        self.sampling_uncertainty_j.unwrap_or(0.0) + averaging_j
    }
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
}

/// A window of fewer update periods of the sensor is shorter than anything here can resolve: the energy of one
/// period, which is all that is known, may lie inside it or beside it.
const MIN_PERIODS: f64 = 3.0;
/// The two estimates may differ by this much, or by what the sensor cannot see where that is more.
const RESIDUAL_LIMIT_PCT: f64 = 3.0;
/// Fewer changes than this say nothing of whether the counter counts.
const MIN_COUNTER_CHANGES: u64 = 8;
/// An integral with larger holes is not quoted.
const MIN_COVERAGE: f64 = 0.95;

/// The counter where it is alive and the readings do not contradict it, else the integral where it covers the
/// window, else nothing.
pub fn choose(estimates: &Estimates) -> Headline {
    let residual_pct = estimates
        .integral_j
        .zip(estimates.counter_j)
        .filter(|(_, counter_j)| *counter_j > 0.0 && estimates.coverage >= MIN_COVERAGE)
        .map(|(integral_j, counter_j)| (integral_j - counter_j) / counter_j * 100.0);
    let (total_j, method, reason) = match verdicts(estimates, residual_pct) {
        (Ok(why), _) => (estimates.counter_j, Some(Method::Counter), why),
        (Err(counter), Ok(())) => (estimates.integral_j, Some(Method::Integral), counter),
        (Err(counter), Err(integral)) if counter == integral => (None, None, counter),
        (Err(counter), Err(integral)) => (None, None, format!("{counter}; {integral}")),
    };
    Headline { total_j, method, reason, residual_pct }
}

type Verdicts = (Result<String, String>, Result<(), String>);

fn verdicts(estimates: &Estimates, residual_pct: Option<f64>) -> Verdicts {
    match long_enough(estimates.duration_s, estimates.update_period_s, "update periods of the sensor") {
        Ok(()) => (counter_verdict(estimates, residual_pct), integral_verdict(estimates)),
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

fn counter_verdict(estimates: &Estimates, residual_pct: Option<f64>) -> Result<String, String> {
    if estimates.counter_reads == 0 {
        return Err("the energy counter could not be read".to_owned());
    }
    if estimates.counter_changes < MIN_COUNTER_CHANGES {
        let seen = estimates.counter_changes;
        return Err(format!("the energy counter changed {seen} times, fewer than {MIN_COUNTER_CHANGES}"));
    }
    let Some(counter_j) = estimates.counter_j else {
        return Err("the energy counter could not be read at both edges, or fell".to_owned());
    };
    let unseen_pct = estimates.integral_uncertainty_j() / counter_j * 100.0;
    let limit_pct = RESIDUAL_LIMIT_PCT.max(unseen_pct);
    match residual_pct {
        None => Ok("the energy counter counts; the readings have holes and cannot confirm it".to_owned()),
        Some(residual_pct) if residual_pct.abs() <= limit_pct => {
            Ok("the counter and the readings agree".to_owned())
        }
        Some(residual_pct) => Err(format!(
            "the integral differs from the counter by {residual_pct:+.1} %, more than {limit_pct:.1} %"
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
        max_power_w: Some(40.0),
        sampling_uncertainty_j: None,
        counter_j: Some(100.0),
        counter_reads: 60,
        counter_changes: 30,
    };

    const NO_COUNTER: Estimates =
        Estimates { counter_j: None, counter_reads: 0, counter_changes: 0, ..SOUND };

    #[test]
    fn verdicts() {
        let table = [
            ("both agree", SOUND, Some(100.0), Some(Method::Counter)),
            ("no counter", NO_COUNTER, Some(101.0), Some(Method::Integral)),
            (
                "a stuck counter",
                Estimates { counter_changes: 0, ..SOUND },
                Some(101.0),
                Some(Method::Integral),
            ),
            (
                "they differ",
                Estimates { integral_j: Some(104.0), ..SOUND },
                Some(104.0),
                Some(Method::Integral),
            ),
            (
                "they differ by less than the sensor can tell",
                Estimates { integral_j: Some(104.0), sampling_uncertainty_j: Some(5.0), ..SOUND },
                Some(100.0),
                Some(Method::Counter),
            ),
            (
                "means over a second lose an edge and do not contradict the counter",
                Estimates { integral_j: Some(80.0), averaging_s: Some(1.0), ..SOUND },
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
    fn a_short_window_says_how_short_once() {
        let reason = choose(&Estimates { duration_s: 0.012, ..SOUND }).reason;
        assert_eq!(
            reason,
            "the window of 12 ms is shorter than 3 update periods of the sensor (100 ms each)"
        );
    }
}
