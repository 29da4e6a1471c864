//! The moments at which a story may change the power, and how likely each is before anything was seen.

use super::constants as known;
use super::surroundings::{Observed, Surroundings};

/// Distances from the moment at which a change is considered beside the grids, milliseconds.
const NEAR_MS: [f64; 11] = [0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 7.0];
const COARSE_STEPS: usize = whole(known::COARSE_STEPS);
const FINE_STEPS: usize = whole(known::FINE_STEPS);

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a small whole number of the table"
)]
const fn whole(count: f64) -> usize {
    count as usize
}

/// The moments at which the power may have changed.
pub(super) struct Steps {
    /// A coarse grid over all cells, the moment itself first, then a finer one of the cell that holds it.
    pub at_s: Vec<f64>,
    /// So many of them, from the beginning, are considered in pairs.
    pub coarse: usize,
    /// The prior of one change there: anywhere alike ...
    pub anywhere: Vec<f64>,
    /// ... or, where the change is the beginning or the end of a load, near the moment.
    pub near: Vec<f64>,
}

impl Steps {
    /// Whether it is one of the finer grid.
    pub fn is_fine(&self, step: usize) -> bool {
        (self.coarse..self.coarse + FINE_STEPS).contains(&step)
    }

    /// For the stories of a span and the cell that holds the moment.
    pub fn over(around: &Surroundings, cell: &Observed) -> Self {
        let (first_s, last_s) = around.span_s;
        let evenly = |from_s: f64, to_s: f64, count: usize| {
            (0..count).map(move |k| from_s + (to_s - from_s) * (k as f64 + 0.5) / count as f64)
        };
        let close = NEAR_MS.into_iter().flat_map(|ms| [-ms, ms]).map(|ms| ms * 1e-3);
        let at_s: Vec<f64> = std::iter::once(0.0)
            .chain(evenly(first_s, last_s, COARSE_STEPS))
            .chain(evenly(cell.from_s, cell.to_s, FINE_STEPS))
            .chain(close.filter(|at_s| (first_s..last_s).contains(at_s)))
            .collect();
        let mut order: Vec<usize> = (0..at_s.len()).collect();
        order.sort_by(|a, b| at_s[*a].total_cmp(&at_s[*b]));
        let (mut anywhere, mut near) = (vec![0.0; at_s.len()], vec![0.0; at_s.len()]);
        for (k, step) in order.iter().enumerate() {
            let left_s = if k == 0 { first_s } else { f64::midpoint(at_s[order[k - 1]], at_s[*step]) };
            let right_s = order.get(k + 1).map_or(last_s, |next| f64::midpoint(at_s[*step], at_s[*next]));
            anywhere[*step] = (right_s - left_s) / (last_s - first_s);
            near[*step] = (right_s - left_s) * (-at_s[*step].abs() / known::MARK_SPREAD_S).exp();
        }
        let total: f64 = near.iter().sum();
        for mass in &mut near {
            *mass /= total.max(f64::MIN_POSITIVE);
        }
        Self { at_s, coarse: 1 + COARSE_STEPS, anywhere, near }
    }
}
