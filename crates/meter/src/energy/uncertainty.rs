//! How far a headline may be off (k = 2: about 95 of 100 windows lie within), and from what.

/// What NVIDIA states for the sensor (nvml.h), and about what external meters found: one factor per board, from
/// 0.95 to 1.06 (arXiv 2312.02741). It stands apart, because it is the same in every window of a board.
pub const GAIN_PCT: f64 = 5.0;

/// The parts of an uncertainty in joules; `None` where a part does not apply or is not known.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Uncertainty {
    /// What happens while the sensor does not look; integral only.
    pub sampling_j: Option<f64>,
    /// How the energy around the two edges is shared between the window and what is beside it.
    pub edges_j: Option<f64>,
    /// Time that no reading covers; integral only.
    pub gaps_j: Option<f64>,
    /// When the ticks of the counter around the edges fell; counter only.
    pub counter_tick_j: Option<f64>,
    /// By how much integral and counter differ where that is flagged and the one not quoted was not found wrong.
    pub residual_j: Option<f64>,
}

impl Uncertainty {
    /// Of an integral, all of whose parts have to be known.
    pub fn integral_j(&self) -> Option<f64> {
        Some(root_of_squares([self.sampling_j?, self.edges_j?, self.gaps_j?, self.residual_j.unwrap_or(0.0)]))
    }

    /// Of a counter.
    pub fn counter_j(&self) -> Option<f64> {
        Some(root_of_squares([self.edges_j?, self.counter_tick_j?, self.residual_j.unwrap_or(0.0)]))
    }
}

/// Independent uncertainties together.
pub fn root_of_squares(parts: impl IntoIterator<Item = f64>) -> f64 {
    parts.into_iter().map(|part| part * part).sum::<f64>().sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_a_method_add_up_as_squares_and_one_unknown_part_makes_the_whole_unknown() {
        let parts = Uncertainty {
            sampling_j: Some(2.0),
            edges_j: Some(3.0),
            gaps_j: Some(6.0),
            counter_tick_j: Some(4.0),
            residual_j: None,
        };
        assert_eq!(parts.integral_j(), Some(7.0));
        assert_eq!(parts.counter_j(), Some(5.0));
        assert_eq!(Uncertainty { sampling_j: None, ..parts }.integral_j(), None);
        assert_eq!(Uncertainty { counter_tick_j: None, ..parts }.counter_j(), None);
        assert_eq!(Uncertainty { residual_j: Some(12.0), ..parts }.counter_j(), Some(13.0));
    }
}
