//! What a reader of a number should know.

use super::constants as known;
use super::continuous::{Break, Bridge};

/// What a reader of a number should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// For programs.
    pub code: &'static str,
    /// Whether the number may mislead without it.
    pub is_warning: bool,
    /// For people.
    pub text: String,
}

impl Finding {
    pub(super) fn warning(code: &'static str, text: String) -> Self {
        Self { code, is_warning: true, text }
    }

    pub(super) fn load_in_step() -> Self {
        let text = "the readings are so even that a load in step with the sensor would look the same, and no counter that \
                    sees more speaks against one";
        Self::warning("load_in_step_not_excluded", text.to_owned())
    }

    /// Most loads whose readings are even are constant, and most counters integrate.
    pub(super) fn load_in_step_undecided() -> Self {
        let text = "the readings are so even that a load in step with the sensor would look the same, and the counter has not \
                    shown yet that it sees more than they do: `llem calibrate` decides it, or any load that varies";
        Self { is_warning: false, ..Self::warning("load_in_step_not_excluded", text.to_owned()) }
    }

    /// A mistake of llem, and what it said.
    pub(crate) fn estimator_failed(panic: &str) -> Self {
        let text = format!(
            "a mistake in llem kept the counter from being carried to the edges, so that a plainer estimate is quoted; please \
             report it: {panic}"
        );
        Self::warning("estimator_failed", text)
    }

    pub(super) fn of_bridge(bridge: &Bridge) -> Self {
        let (code, why) = match bridge.cause {
            Break::Fell => ("continuity_lost", "is backwards: the driver was loaded anew, or it wrapped"),
            Break::Impossible => ("counter_step_impossible", "is more than the board can draw"),
            Break::Lost => ("continuity_lost", "is less than an idle board draws: it stood still meanwhile"),
            Break::Outage => {
                ("continuity_lost", "came after every call had failed: it may be another counter")
            }
        };
        let text = format!(
            "a step of {:.1} J of the energy counter {why}; {:.1} +- {:.2} J are taken instead",
            bridge.said_j,
            bridge.taken_j,
            known::COVERAGE_FACTOR * bridge.deviation_j
        );
        Self::warning(code, text)
    }

    pub(super) fn impossible_readings(count: u64) -> Self {
        let text = format!("{count} power readings are more than the board can draw and count as missing");
        Self::warning("readings_impossible", text)
    }
}
