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
    /// Joules by the integral.
    pub integral_j: Option<f64>,
    /// The share of the window that the integral covers, 0 to 1.
    pub coverage: f64,
    /// What the sensor's blind time leaves unknown of the integral (k = 2), joules.
    pub integral_uncertainty_j: Option<f64>,
    /// Joules by the counter, edges corrected.
    pub counter_j: Option<f64>,
    /// Changes of the counter seen in the window.
    pub counter_changes: u64,
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

/// The two estimates may differ by this much, or by what the sensor cannot see where that is more.
const RESIDUAL_LIMIT_PCT: f64 = 3.0;
/// Fewer changes than this say nothing of whether the counter counts.
const MIN_COUNTER_CHANGES: u64 = 8;
/// An integral with larger holes is not quoted.
const MIN_COVERAGE: f64 = 0.95;

/// The counter where it is alive and agrees with the readings, else the integral where it covers the window, else
/// nothing.
pub fn choose(estimates: &Estimates) -> Headline {
    let residual_pct = estimates
        .integral_j
        .zip(estimates.counter_j)
        .filter(|(_, counter_j)| *counter_j > 0.0 && estimates.coverage >= MIN_COVERAGE)
        .map(|(integral_j, counter_j)| (integral_j - counter_j) / counter_j * 100.0);
    let (total_j, method, reason) =
        match (counter_verdict(estimates, residual_pct), integral_verdict(estimates)) {
            (Ok(()), _) => {
                (estimates.counter_j, Some(Method::Counter), "the counter and the readings agree".to_owned())
            }
            (Err(counter), Ok(())) => (estimates.integral_j, Some(Method::Integral), counter),
            (Err(counter), Err(integral)) => (None, None, format!("{counter}; {integral}")),
        };
    Headline { total_j, method, reason, residual_pct }
}

fn counter_verdict(estimates: &Estimates, residual_pct: Option<f64>) -> Result<(), String> {
    let Some(counter_j) = estimates.counter_j else {
        return Err("no energy counter could be read at both edges".to_owned());
    };
    if estimates.counter_changes < MIN_COUNTER_CHANGES {
        let seen = estimates.counter_changes;
        return Err(format!("the energy counter changed {seen} times, fewer than {MIN_COUNTER_CHANGES}"));
    }
    let unseen_pct = estimates.integral_uncertainty_j.map_or(0.0, |joules| joules / counter_j * 100.0);
    let limit_pct = RESIDUAL_LIMIT_PCT.max(unseen_pct);
    match residual_pct {
        // Nothing contradicts the counter where the readings have holes.
        None => Ok(()),
        Some(residual_pct) if residual_pct.abs() <= limit_pct => Ok(()),
        Some(residual_pct) => Err(format!(
            "the integral differs from the counter by {residual_pct:+.1} %, more than {limit_pct:.1} %"
        )),
    }
}

fn integral_verdict(estimates: &Estimates) -> Result<(), String> {
    if estimates.integral_j.is_none() {
        return Err("no power reading in the window".to_owned());
    }
    if estimates.coverage < MIN_COVERAGE {
        return Err(format!(
            "power readings cover {:.1} % of the window, less than {:.0} %",
            estimates.coverage * 100.0,
            MIN_COVERAGE * 100.0
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOUND: Estimates = Estimates {
        integral_j: Some(101.0),
        coverage: 1.0,
        integral_uncertainty_j: None,
        counter_j: Some(100.0),
        counter_changes: 30,
    };

    #[test]
    fn verdicts() {
        let table = [
            ("both agree", SOUND, Some(100.0), Some(Method::Counter)),
            ("no counter", Estimates { counter_j: None, ..SOUND }, Some(101.0), Some(Method::Integral)),
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
                Estimates { integral_j: Some(104.0), integral_uncertainty_j: Some(5.0), ..SOUND },
                Some(100.0),
                Some(Method::Counter),
            ),
            ("readings with holes", Estimates { coverage: 0.5, ..SOUND }, Some(100.0), Some(Method::Counter)),
            ("nothing", Estimates { counter_j: None, integral_j: None, coverage: 0.0, ..SOUND }, None, None),
            ("holes and no counter", Estimates { counter_j: None, coverage: 0.9, ..SOUND }, None, None),
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
}
