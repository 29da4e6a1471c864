//! The uncertainty of a window's joules as a list of components, in the manner of the GUM (JCGM 100:2008).

use super::constants as known;

/// How a component was found out (GUM 4.2 and 4.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evaluation {
    /// From what was observed.
    A,
    /// From other knowledge: a specification, a paper, a model.
    B,
}

impl Evaluation {
    /// "A" or "B".
    pub fn as_str(self) -> &'static str {
        match self {
            Self::A => "A",
            Self::B => "B",
        }
    }
}

/// One thing that is not known of an energy.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Component {
    /// What it is.
    pub component: &'static str,
    /// Where its size comes from.
    pub source: &'static str,
    /// How it was found out.
    pub evaluation: Evaluation,
    /// Standard uncertainty (k = 1), joules.
    pub standard_j: f64,
    /// Whether it is the same in every window of a board, so that it cancels in a comparison on one.
    pub is_of_board: bool,
}

/// Components that are independent of one another.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Budget {
    /// All of them that are not 0.
    pub components: Vec<Component>,
}

impl Budget {
    /// Adds a component of this window.
    pub fn add(
        &mut self,
        component: &'static str,
        source: &'static str,
        evaluation: Evaluation,
        standard_j: f64,
    ) {
        self.push(Component { component, source, evaluation, standard_j, is_of_board: false });
    }

    /// Adds a component that is the same in every window of the board.
    pub fn add_of_board(
        &mut self,
        component: &'static str,
        source: &'static str,
        evaluation: Evaluation,
        standard_j: f64,
    ) {
        self.push(Component { component, source, evaluation, standard_j, is_of_board: true });
    }

    fn push(&mut self, component: Component) {
        if component.standard_j > 0.0 {
            self.components.push(component);
        }
    }

    /// On this board (k = 2), joules.
    pub fn uncertainty_j(&self) -> f64 {
        self.combined(|component| !component.is_of_board)
    }

    /// With what is the board's own (k = 2), joules.
    pub fn absolute_uncertainty_j(&self) -> f64 {
        self.combined(|_| true)
    }

    fn combined(&self, wanted: impl Fn(&Component) -> bool) -> f64 {
        let wanted = self.components.iter().filter(|component| wanted(component));
        known::COVERAGE_FACTOR * root_of_squares(wanted.map(|component| component.standard_j))
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
    fn independent_components_add_up_as_squares_and_the_boards_own_only_in_the_absolute_one() {
        let mut budget = Budget::default();
        budget.add("left edge", "stories", Evaluation::B, 3.0);
        budget.add("right edge", "stories", Evaluation::B, 4.0);
        budget.add("gaps", "none", Evaluation::B, 0.0);
        budget.add_of_board("gain", "nvml.h", Evaluation::B, 12.0);
        assert_eq!(budget.components.len(), 3);
        assert_eq!((budget.uncertainty_j(), budget.absolute_uncertainty_j()), (10.0, 26.0));
    }
}
