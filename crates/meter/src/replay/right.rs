//! What is right of a single scene, and whether a report says it.

use super::random::Random;
use super::scene::{Recording, Scene};
use crate::clock::seconds;
use crate::window::DeviceReport;

/// What a report has to say to be right.
#[derive(Clone, Copy, Debug)]
pub struct Right {
    /// There is enough evidence for a number, so that null is wrong.
    pub quotes: bool,
    /// An uncertainty above this share of the truth is worth nothing, percent.
    pub most_uncertain_pct: f64,
}

/// The evidence suffices for a number this good, percent.
pub(super) const fn quoted(most_uncertain_pct: f64) -> Right {
    Right { quotes: true, most_uncertain_pct }
}

/// Nobody can know: null, or an interval that holds the truth, however wide.
pub(super) const HONEST: Right = Right { quotes: false, most_uncertain_pct: f64::INFINITY };

impl Right {
    /// What is wrong with a report, if anything.
    pub fn check(self, report: &DeviceReport, recording: &Recording) -> Result<(), String> {
        let (headline, true_j) = (&report.headline, recording.true_j);
        let Some(total_j) = headline.total_j else {
            return if self.quotes { Err(format!("null of {true_j:.1} J")) } else { Ok(()) };
        };
        let Some(uncertainty_j) = report.uncertainty_j() else {
            return Err(format!("{total_j:.1} J of {true_j:.1} J without an uncertainty"));
        };
        let said = format!("{total_j:.1} +- {uncertainty_j:.2} J of {true_j:.1} J");
        let most_j = recording.limit_w * seconds(recording.end_ns - recording.start_ns);
        if total_j < 0.0 || total_j > most_j {
            return Err(format!("{said}: beyond what the board can draw, {most_j:.1} J"));
        }
        if uncertainty_j <= 0.0 {
            return Err(format!("{said}: claims to be exact"));
        }
        if (total_j - true_j).abs() > uncertainty_j {
            return Err(format!("{said}: the truth is outside"));
        }
        if uncertainty_j > self.most_uncertain_pct / 100.0 * true_j {
            return Err(format!("{said}: says less than is known"));
        }
        Ok(())
    }
}

/// A scene with its name and its right answer.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// What happens in it.
    pub name: &'static str,
    /// What is right.
    pub right: Right,
    /// All that it comes from, but for its dice.
    pub(super) scene: fn(&mut Random) -> Scene,
}

impl Case {
    /// What the sampler sees of it.
    pub fn record(&self, seed: u64) -> Recording {
        let mut dice = Random::new(seed);
        (self.scene)(&mut dice).record(&mut dice)
    }
}

/// Each case is judged so often, with other dice.
pub const SEEDS: u64 = 10;
/// As many of them have to be right: nine of ten, as for windows of any kind.
pub const ENOUGH: u64 = 9;

/// What was wrong with each of `SEEDS` recordings of a case.
pub fn wrongs(case: &Case, judge: impl Fn(&Recording) -> DeviceReport) -> Vec<String> {
    let wrong = |seed: u64| {
        let recording = case.record(seed);
        let judged = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| judge(&recording)));
        match judged {
            Ok(report) => case.right.check(&report, &recording).err(),
            Err(_) => Some("panicked".to_owned()),
        }
    };
    (1..=SEEDS).filter_map(wrong).collect()
}
