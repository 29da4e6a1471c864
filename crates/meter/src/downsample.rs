//! 1 Hz rows whose mean power times covered time add up to the integral, exactly.

use crate::clock::{NS_PER_S, seconds};
use crate::sample::SlowSignals;
use crate::segment::{Line, Segment};

/// One second of one device. Means are weighted by time and know nothing of missing readings.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Row {
    /// Position in the sampler's list of devices.
    pub device: usize,
    /// Seconds from the start of the window to the start of the bucket.
    pub timestamp_s: f64,
    /// How much of the bucket the power readings cover, nanoseconds.
    pub covered_ns: u64,
    /// How much of the bucket lies in the window, nanoseconds: less than a second in the last one.
    pub span_ns: u64,
    /// Mean power over the covered time, watts.
    pub power_w: Option<f64>,
    /// Mean temperature, degrees Celsius.
    pub temperature_c: Option<f64>,
    /// Mean memory in use, MiB.
    pub memory_used_mb: Option<f64>,
    /// Mean memory, MiB.
    pub memory_total_mb: Option<f64>,
    /// Mean SM utilisation, percent.
    pub sm_utilisation_pct: Option<f64>,
    /// All throttle reasons seen, ORed; `None` where they could not be read.
    pub throttle_reasons: Option<u64>,
}

impl Row {
    /// The energy that the row stands for, joules.
    pub fn joules(&self) -> Option<f64> {
        self.power_w.map(|power_w| power_w * seconds(self.covered_ns))
    }
}

const MIB: f64 = 1024.0 * 1024.0;

/// An area below a line and the time that it spans.
#[derive(Clone, Copy, Debug, Default)]
struct Weighted {
    area: f64,
    covered_ns: u64,
}

impl Weighted {
    fn add(&mut self, piece: &Segment) {
        self.area += piece.area();
        self.covered_ns += piece.duration_ns();
    }

    fn mean(&self) -> Option<f64> {
        (self.covered_ns > 0).then(|| self.area / seconds(self.covered_ns))
    }
}

/// The signals with a mean, in the order of `Bucket::means`.
const POWER: usize = 0;
const TEMPERATURE: usize = 1;
const MEMORY_USED: usize = 2;
const MEMORY_TOTAL: usize = 3;
const UTILISATION: usize = 4;

#[derive(Clone, Copy, Debug, Default)]
struct Bucket {
    means: [Weighted; 5],
    throttle_reasons: Option<u64>,
}

/// Turns one device's readings into rows, holding only the buckets that may still change.
#[derive(Clone, Debug)]
pub struct Downsampler {
    device: usize,
    start_ns: u64,
    end_ns: u64,
    slow_lines: [Line; 4],
    /// Buckets from number `first` on; a slow signal may lag a few behind the power.
    open: std::collections::VecDeque<Bucket>,
    first: u64,
    settle_ns: u64,
}

impl Downsampler {
    /// Rows from `start_ns` on. A pause in the slow signals of more than `slow_gap_ns` is not bridged; a bucket is
    /// settled once every signal's longest bridged pause has passed, which is `settle_ns`.
    pub fn new(device: usize, start_ns: u64, slow_gap_ns: u64, settle_ns: u64) -> Self {
        Self {
            device,
            start_ns,
            end_ns: u64::MAX,
            slow_lines: [Line::new(slow_gap_ns); 4],
            open: std::collections::VecDeque::with_capacity(8),
            first: 0,
            settle_ns,
        }
    }

    /// Sets the right edge.
    pub fn close(&mut self, end_ns: u64) {
        self.end_ns = end_ns;
    }

    /// Takes a piece of the power line that lies within the window.
    pub fn push_power(&mut self, piece: &Segment) {
        self.spread(piece, POWER);
    }

    /// Takes a reading of the slow signals.
    pub fn push_slow(&mut self, at_ns: u64, slow: &SlowSignals) {
        let values = [
            (TEMPERATURE, slow.temperature_c.map(f64::from)),
            (MEMORY_USED, slow.memory_used_bytes.map(|bytes| bytes as f64 / MIB)),
            (MEMORY_TOTAL, slow.memory_total_bytes.map(|bytes| bytes as f64 / MIB)),
            (UTILISATION, slow.sm_utilisation_pct.map(f64::from)),
        ];
        for (signal, value) in values {
            let Some(value) = value else { continue };
            let Some(line) = self.slow_lines[signal - 1].push(at_ns, value) else { continue };
            if let Some(piece) = line.clip(self.start_ns, self.end_ns) {
                self.spread(&piece, signal);
            }
        }
        if let Some(reasons) = slow.throttle_reasons
            && (self.start_ns..=self.end_ns).contains(&at_ns)
            && let Some(bucket) = self.bucket((at_ns - self.start_ns) / NS_PER_S)
        {
            bucket.throttle_reasons = Some(bucket.throttle_reasons.unwrap_or(0) | reasons);
        }
    }

    /// The next row that no reading after `now_ns` can change.
    pub fn next_row(&mut self, now_ns: u64) -> Option<Row> {
        let settled_ns = self.start_ns + (self.first + 1) * NS_PER_S + self.settle_ns;
        (now_ns > settled_ns).then(|| self.finish()).flatten()
    }

    /// The remaining rows of a closed window, one by one.
    pub fn finish(&mut self) -> Option<Row> {
        let start_ns = self.start_ns + self.first * NS_PER_S;
        if start_ns >= self.end_ns {
            return None;
        }
        let bucket = self.open.pop_front().unwrap_or_default();
        let row = Row {
            device: self.device,
            timestamp_s: self.first as f64,
            covered_ns: bucket.means[POWER].covered_ns,
            span_ns: (self.end_ns - start_ns).min(NS_PER_S),
            power_w: bucket.means[POWER].mean(),
            temperature_c: bucket.means[TEMPERATURE].mean(),
            memory_used_mb: bucket.means[MEMORY_USED].mean(),
            memory_total_mb: bucket.means[MEMORY_TOTAL].mean(),
            sm_utilisation_pct: bucket.means[UTILISATION].mean(),
            throttle_reasons: bucket.throttle_reasons,
        };
        self.first += 1;
        Some(row)
    }

    /// How many seconds it holds.
    #[cfg(test)]
    pub fn seconds_held(&self) -> usize {
        self.open.len()
    }

    fn spread(&mut self, piece: &Segment, signal: usize) {
        let mut number = (piece.start_ns - self.start_ns) / NS_PER_S;
        loop {
            let bucket_ns = self.start_ns + number * NS_PER_S;
            let Some(part) = piece.clip(bucket_ns, bucket_ns + NS_PER_S) else { return };
            if let Some(bucket) = self.bucket(number) {
                bucket.means[signal].add(&part);
            }
            number += 1;
        }
    }

    /// The open bucket of that number; `None` where its row was already handed out.
    fn bucket(&mut self, number: u64) -> Option<&mut Bucket> {
        let offset = usize::try_from(number.checked_sub(self.first)?).ok()?;
        while self.open.len() <= offset {
            self.open.push_back(Bucket::default());
        }
        self.open.get_mut(offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::NS_PER_MS;
    use crate::energy::Integral;
    use proptest::prelude::*;

    /// Feeds readings through integral and downsampler as a window does.
    fn rows(readings: &[(u64, f64)], start_ns: u64, end_ns: u64) -> (Integral, Vec<Row>) {
        let mut integral = Integral::new(start_ns, 500 * NS_PER_MS);
        let mut downsampler = Downsampler::new(0, start_ns, NS_PER_S, NS_PER_S);
        integral.close(end_ns);
        downsampler.close(end_ns);
        for (at_ns, power_w) in readings {
            if let Some(piece) = integral.push(*at_ns, *power_w) {
                downsampler.push_power(&piece);
            }
        }
        let rows = std::iter::from_fn(|| downsampler.finish()).collect();
        (integral, rows)
    }

    proptest! {
        #[test]
        fn the_rows_hold_exactly_the_energy_of_the_integral(
            steps in prop::collection::vec((1u64..700, 1.0..1000.0f64), 5..80),
            start_ms in 0u64..900,
            length_ms in 1u64..9000,
        ) {
            let mut at_ns = 0;
            let readings: Vec<_> = steps
                .iter()
                .map(|(step_ms, power_w)| {
                    at_ns += step_ms * NS_PER_MS;
                    (at_ns, *power_w)
                })
                .collect();
            let (start_ns, end_ns) = (start_ms * NS_PER_MS, (start_ms + length_ms) * NS_PER_MS);
            let (integral, rows) = rows(&readings, start_ns, end_ns);
            let sum: f64 = rows.iter().filter_map(Row::joules).sum();
            let expected = integral.joules().unwrap_or(0.0);
            prop_assert!((sum - expected).abs() <= 1e-9 * expected.max(1.0));
            prop_assert_eq!(rows.iter().map(|row| row.covered_ns).sum::<u64>(), integral.covered_ns());
            prop_assert_eq!(rows.iter().map(|row| row.span_ns).sum::<u64>(), end_ns - start_ns);
        }
    }

    #[test]
    fn a_second_without_readings_is_a_row_without_a_mean() {
        let readings =
            [(0, 100.0), (400 * NS_PER_MS, 100.0), (2500 * NS_PER_MS, 100.0), (2900 * NS_PER_MS, 100.0)];
        let (_, rows) = rows(&readings, 0, 3 * NS_PER_S);
        let means: Vec<_> = rows.iter().map(|row| row.power_w).collect();
        assert_eq!(means, [Some(100.0), None, Some(100.0)]);
    }

    #[test]
    fn throttle_reasons_are_ored_and_unknown_ones_stay_unknown() {
        let mut downsampler = Downsampler::new(0, 0, NS_PER_S, NS_PER_S);
        for (at_ms, reasons) in [(100, Some(0x4)), (200, Some(0x20)), (300, None), (1100, None)] {
            let slow = SlowSignals { throttle_reasons: reasons, ..SlowSignals::default() };
            downsampler.push_slow(at_ms * NS_PER_MS, &slow);
        }
        downsampler.close(2 * NS_PER_S);
        let reasons: Vec<_> =
            std::iter::from_fn(|| downsampler.finish()).map(|row| row.throttle_reasons).collect();
        assert_eq!(reasons, [Some(0x24), None]);
    }

    #[test]
    fn rows_are_handed_out_while_the_window_is_open() {
        let mut downsampler = Downsampler::new(0, 0, 100 * NS_PER_MS, 100 * NS_PER_MS);
        let piece = Segment { start_ns: 0, end_ns: NS_PER_S, start: 50.0, end: 50.0 };
        downsampler.push_power(&piece);
        assert_eq!(downsampler.next_row(NS_PER_S), None);
        let row = downsampler.next_row(1200 * NS_PER_MS).expect("the first second is settled");
        assert_eq!(row.joules(), Some(50.0));
        assert_eq!(downsampler.next_row(1200 * NS_PER_MS), None);
    }
}
