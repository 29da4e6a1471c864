//! One edge of a window, as it was judged.

use super::first_update::FirstUpdates;
use crate::contain::contained;
use crate::energy::{Belief, Edge, History, Side};

/// What the last seconds of readings say of an edge.
#[derive(Clone)]
pub(super) struct WindowEdge {
    pub counter: Option<Edge>,
    /// Why carrying the counter to it failed, where that was our mistake.
    pub failed: Option<String>,
    /// What the readings leave unknown (k = 1), joules.
    pub readings_j: Option<f64>,
    /// The lowest and the highest power around it, watts.
    pub range_w: Option<(f64, f64)>,
    /// What was believed by then.
    pub belief: Belief,
    pub first_updates: FirstUpdates,
}

impl WindowEdge {
    pub fn of(history: &History, edge_ns: u64, side: Side) -> Self {
        let (counter, failed) = match contained(|| history.edge_at(edge_ns, side)) {
            Ok(counter) => (counter, None),
            Err(panic) => (None, Some(panic)),
        };
        Self {
            counter,
            failed,
            readings_j: history.readings_edge_j(edge_ns),
            range_w: history.range_around_w(edge_ns),
            belief: history.belief(),
            first_updates: FirstUpdates::after(edge_ns, history.next_updates(edge_ns)),
        }
    }
}
