//! How well a board's own factor is known: as boards are specified, or as an external meter found it.

use super::budget::{Budget, Evaluation};
use super::calibrated::BoardGain;
use super::constants as known;
use super::headline::{Evidence, Method};
use crate::sensor::Origin;

/// What the gain of a board rests on, where one was beside it.
const EXTERNAL_METER: &str = "external meter";

impl Evidence {
    /// The share by which the board's factor may be off (k = 2), where joules are by this method.
    pub fn gain_share(&self, method: Method) -> f64 {
        self.metered(method).map_or_else(
            || self.specified().0,
            |gain| {
                let uncorrected = known::COVERAGE_FACTOR * known::APART_SHARE * (gain.ratio - 1.0);
                gain.uncertainty.hypot(uncorrected)
            },
        )
    }

    /// The share of a kind of board (k = 2), and what it rests on.
    pub(super) fn specified(&self) -> (f64, &'static str) {
        match self.origin {
            Origin::Nvml => (known::GAIN_SHARE, "nvml.h, arXiv 2312.02741"),
            Origin::Sysfs | Origin::SysfsUnitAssumed => {
                (known::UNTRIED_GAIN_SHARE, "assumption: no vendor states it")
            }
        }
    }

    fn metered(&self, method: Method) -> Option<BoardGain> {
        self.board_gain.filter(|gain| gain.method == method)
    }

    /// Adds what is the board's own: by an external meter, or else by what boards are specified to.
    pub(super) fn add_gain(&self, method: Method, joules: f64, budget: &mut Budget) {
        if let Some(gain) = self.metered(method) {
            let component = "gain of the board";
            let metered_j = gain.uncertainty / known::COVERAGE_FACTOR * joules;
            budget.add_of_board(component, EXTERNAL_METER, Evaluation::B, metered_j);
            // Joules are not multiplied with it, so that they are the sum of what was counted.
            let apart_j = known::APART_SHARE * (gain.ratio - 1.0).abs() * joules;
            budget.add_of_board("gain of the board, not corrected", EXTERNAL_METER, Evaluation::B, apart_j);
            return;
        }
        let (share, source) = self.specified();
        let specified_j = share / known::COVERAGE_FACTOR * joules;
        budget.add_of_board("gain of the board", source, Evaluation::B, specified_j);
        if let Some(gain) = self.gain_ratio {
            let apart_j = known::APART_SHARE * (gain.ratio - 1.0).abs() * joules;
            budget.add_of_board("sensor and counter, ratio", "steps of the counter", Evaluation::A, apart_j);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_board(gain: Option<BoardGain>, method: Method) -> (f64, f64) {
        let evidence = Evidence { board_gain: gain, ..Evidence::default() };
        let mut budget = Budget::default();
        evidence.add_gain(method, 1000.0, &mut budget);
        assert!(budget.components.iter().all(|component| component.is_of_board));
        (budget.absolute_uncertainty_j(), 1000.0 * evidence.gain_share(method))
    }

    #[test]
    fn a_meter_takes_the_place_of_the_specification_where_joules_are_by_the_same_method() {
        let metered = Some(BoardGain { ratio: 1.03, uncertainty: 0.008, method: Method::Counter });
        let close =
            |(a, b): (f64, f64), expected: f64| (a - expected).abs() < 1e-9 && (b - expected).abs() < 1e-9;
        assert!(close(of_board(None, Method::Counter), 50.0));
        assert!(close(of_board(metered, Method::Integral), 50.0));
        // The 30 J that the meter says more are within.
        assert!(close(of_board(metered, Method::Counter), 8.0_f64.hypot(33.0)));
        let right = metered.map(|gain| BoardGain { ratio: 1.0, ..gain });
        assert!(close(of_board(right, Method::Counter), 8.0));
    }

    #[test]
    fn nothing_that_was_measured_of_nvidias_boards_is_said_of_others() {
        let evidence = Evidence { origin: Origin::Sysfs, ..Evidence::default() };
        let mut budget = Budget::default();
        evidence.add_gain(Method::Counter, 1000.0, &mut budget);
        assert!((budget.absolute_uncertainty_j() - 100.0).abs() < 1e-9);
        assert_eq!(budget.components[0].source, "assumption: no vendor states it");
        assert!((evidence.gain_share(Method::Integral) - 0.1).abs() < 1e-12);
    }
}
