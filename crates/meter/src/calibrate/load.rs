//! When a load worked and when it rested.

/// The moment at which a load began to work, or to rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edge {
    /// On CLOCK_MONOTONIC.
    pub at_ns: u64,
    /// Whether it works from now on.
    pub on: bool,
}

/// How long a load has worked by any moment; before its first edge it rested.
#[derive(Clone, Debug)]
pub struct OnTime {
    /// Each edge with the nanoseconds that the load had worked by then.
    edges: Vec<(Edge, u64)>,
}

impl OnTime {
    /// `edges` in any order.
    pub fn new(mut edges: Vec<Edge>) -> Self {
        edges.sort_by_key(|edge| edge.at_ns);
        let mut on_ns = 0;
        let mut before: Option<Edge> = None;
        let edges = edges
            .into_iter()
            .map(|edge| {
                on_ns += before.filter(|before| before.on).map_or(0, |before| edge.at_ns - before.at_ns);
                before = Some(edge);
                (edge, on_ns)
            })
            .collect();
        Self { edges }
    }

    /// From the first edge to the last: only in between is it known what the load did. `None` without edges.
    pub fn known_ns(&self) -> Option<(u64, u64)> {
        Some((self.edges.first()?.0.at_ns, self.edges.last()?.0.at_ns))
    }

    /// The share of the nanoseconds between two moments in which the load worked, 0 to 1.
    pub fn share(&self, from_ns: f64, to_ns: f64) -> f64 {
        (self.until(to_ns) - self.until(from_ns)) / (to_ns - from_ns)
    }

    fn until(&self, at_ns: f64) -> f64 {
        let passed = self.edges.partition_point(|(edge, _)| edge.at_ns as f64 <= at_ns);
        let Some((edge, on_ns)) = passed.checked_sub(1).map(|last| self.edges[last]) else { return 0.0 };
        on_ns as f64 + if edge.on { at_ns - edge.at_ns as f64 } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_of_a_span_counts_the_time_between_on_and_off() {
        let edge = |at_ns, on| Edge { at_ns, on };
        let load = OnTime::new(vec![edge(300, false), edge(100, true), edge(400, true), edge(500, false)]);
        for (from_ns, to_ns, share) in
            [(0.0, 100.0, 0.0), (100.0, 300.0, 1.0), (200.0, 400.0, 0.5), (0.0, 600.0, 0.5)]
        {
            assert!((load.share(from_ns, to_ns) - share).abs() < 1e-12, "{from_ns} to {to_ns}");
        }
        assert_eq!(load.known_ns(), Some((100, 500)));
        assert_eq!(OnTime::new(Vec::new()).known_ns(), None);
    }
}
