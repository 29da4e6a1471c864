//! The samples that the left edge of a window looks back to.

use std::collections::VecDeque;

use crate::clock::NS_PER_S;
use crate::sample::Sample;

/// The counter is read more rarely than the power, and its queue reaches back from its own last read.
const MARGIN_NS: u64 = 2 * NS_PER_S;

/// The last seconds of all devices as they were read, so that a window's file can begin with them.
pub(super) struct PreRoll {
    span_ns: u64,
    capacity: usize,
    samples: VecDeque<Sample>,
}

impl PreRoll {
    /// Keeps what an edge looks back to, which is `history_ns`, of `devices` that are read every `interval_ns`.
    pub fn new(history_ns: u64, interval_ns: u64, devices: usize) -> Self {
        let span_ns = history_ns + MARGIN_NS;
        // Twice the expected number: an edge adds reads of its own.
        let reads = usize::try_from(2 * span_ns / interval_ns.max(1)).unwrap_or(usize::MAX).max(64);
        Self { span_ns, capacity: reads * devices, samples: VecDeque::new() }
    }

    pub fn push(&mut self, sample: &Sample) {
        let is_old = |first: &Sample| first.at_ns + self.span_ns < sample.at_ns;
        while self.samples.front().is_some_and(is_old) || self.samples.len() >= self.capacity {
            self.samples.pop_front();
        }
        self.samples.push_back(*sample);
    }

    /// All of them, after those of `latest` that are older still: the last power reading of a device that has not
    /// answered since.
    pub fn samples<'a>(&'a self, latest: &'a [Option<Sample>]) -> impl Iterator<Item = &'a Sample> {
        let first_ns = self.samples.front().map_or(u64::MAX, |first| first.at_ns);
        latest.iter().flatten().filter(move |sample| sample.at_ns < first_ns).chain(&self.samples)
    }
}
