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
        let text = "the readings are so even that a load in step with the sensor would look the same, or the sensor is stuck, \
                    and nothing that sees more speaks against it";
        Self::warning("load_in_step_not_excluded", text.to_owned())
    }

    pub(super) fn load_in_step_undecided() -> Self {
        let text = "the readings are so even that a load in step with the sensor would look the same, and the counter has not \
                    shown yet that it sees more than they do: `llem calibrate` decides it, or any load that varies";
        Self { is_warning: false, ..Self::warning("load_in_step_not_excluded", text.to_owned()) }
    }

    /// The readings are late beside the counter.
    pub(super) fn delay_unknown() -> Self {
        let text = "the readings are late, and so may be the counter, which no window shows: `llem calibrate` measures it";
        Self { is_warning: false, ..Self::warning("counter_delay_unknown", text.to_owned()) }
    }

    /// Why there is no highest power beside a mean.
    pub(crate) fn no_peak(highest_w: Option<f64>, mean_w: f64) -> Self {
        let text = highest_w.map_or_else(
            || "there is no highest power, because no power was read in the window".to_owned(),
            |highest_w| {
                format!(
                    "there is no highest power: the highest reading is {highest_w:.1} W, below the mean of {mean_w:.1} W, so that \
                     the sensor has not seen the load"
                )
            },
        );
        Self { is_warning: false, ..Self::warning("peak_unknown", text) }
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
            Break::Lost => ("continuity_lost", "is less than an idle board draws in that time"),
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

    pub(super) fn second_mean_differs(difference_j: f64, base_j: f64) -> Self {
        let text = format!(
            "the mean over a second says {:+.1} % of what the readings add up to: the load is in step with the sensor, or has \
             bursts between its readings; it is followed as far as it is believed",
            100.0 * difference_j / base_j
        );
        Self::warning("second_mean_differs", text)
    }

    pub(super) fn impossible_readings(count: u64) -> Self {
        let text = format!("{count} power readings are more than the board can draw and count as missing");
        Self::warning("readings_impossible", text)
    }
}
