//! How well the sampler kept its deadlines over a window, and what it cost.

use hdrhistogram::Histogram;

use super::report::SamplerReport;
use crate::clock::seconds;
use crate::sample::{PollStats, Sample};

pub(super) struct Punctuality {
    samples: u64,
    dropped_before: u64,
    lateness_us: Histogram<u32>,
    read_us: Histogram<u32>,
    first: Option<PollStats>,
    last: PollStats,
}

impl Punctuality {
    /// `dropped`: samples lost before the window.
    pub fn new(dropped: u64) -> Self {
        // 1 us to 60 s at two digits; later than that counts as 60 s.
        let histogram = || Histogram::new_with_bounds(1, 60_000_000, 2).expect("the bounds are valid");
        Self {
            samples: 0,
            dropped_before: dropped,
            lateness_us: histogram(),
            read_us: histogram(),
            first: None,
            last: PollStats::default(),
        }
    }

    /// Takes a sample that lies within the window.
    pub fn push(&mut self, sample: &Sample) {
        self.samples += u64::from(sample.scheduled);
        self.read_us.saturating_record(sample.read_ns / 1000);
        let Some(poll) = sample.poll else { return };
        self.first.get_or_insert(poll);
        self.last = poll;
        if let Some(lateness_ns) = poll.lateness_ns {
            self.lateness_us.saturating_record(lateness_ns / 1000);
        }
    }

    /// `dropped`: samples lost so far.
    pub fn report(&self, dropped: u64) -> SamplerReport {
        let first = self.first.unwrap_or(self.last);
        let at =
            |of: &Histogram<u32>, quantile| (!of.is_empty()).then(|| of.value_at_quantile(quantile) as f64);
        SamplerReport {
            samples: self.samples,
            missed_deadlines: self.last.missed_deadlines - first.missed_deadlines,
            dropped: dropped - self.dropped_before,
            lateness_us_p50: at(&self.lateness_us, 0.5),
            lateness_us_p99: at(&self.lateness_us, 0.99),
            read_us_p50: at(&self.read_us, 0.5),
            read_us_p99: at(&self.read_us, 0.99),
            cpu_s: seconds(self.last.cpu_ns - first.cpu_ns),
            driver_s: seconds(self.last.driver_ns - first.driver_ns),
            driver_calls: self.last.driver_calls - first.driver_calls,
        }
    }
}
