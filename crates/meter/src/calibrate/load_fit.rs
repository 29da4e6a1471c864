//! How well a load with known edges explains what was seen: powers as a line of the share of their time in which it
//! worked, by least squares.

use crate::clock::{NS_PER_MS, NS_PER_S};

/// A power that was seen.
pub(super) trait Seen {
    /// When, on CLOCK_MONOTONIC.
    fn at_ns(&self) -> u64;
    /// In watts.
    fn power_w(&self) -> f64;
}

/// Clocks rise when a load begins, and before it nobody knows what went on: longer than any window and delay.
pub(super) const SETTLE_NS: u64 = 1_500 * NS_PER_MS;
/// Each stretch of this length has its own power when on and off, since a board draws more when it is warm.
const STRETCH_NS: u64 = 4 * NS_PER_S;
/// The fits have up to four unknowns.
pub(super) const MIN_SEEN: usize = 24;
/// Below this the load does not show.
pub(super) const MIN_EXPLAINED: f64 = 0.5;
/// One point that leaves so much more unexplained is as likely: with a hundred readings and Gaussian noise, beyond it lies one
/// in a thousand.
pub(super) const AS_GOOD: f64 = 1.1;
/// Parts of what was seen, each of which is left out once for the error (jackknife).
const BLOCKS: usize = 8;
/// An edge is told, and a tick is seen, half a millisecond early or late, all of them alike (k = 2).
const MARK_ERROR_NS: f64 = 1e6;

/// A number and how far it may be off (k = 2).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// The number.
    pub value: f64,
    /// How far it may be off (k = 2).
    pub error: f64,
}

/// What was seen while it is known what the load did.
pub(super) fn settled<T: Seen + Copy>(seen: &[T], (from_ns, to_ns): (u64, u64)) -> Vec<T> {
    let known_ns = from_ns + SETTLE_NS..=to_ns;
    seen.iter().copied().filter(|one| known_ns.contains(&one.at_ns())).collect()
}

/// The sum of squares, in W^2, that is left when the powers of each stretch are a line of a share: two unknown powers, by
/// linear least squares.
pub(super) fn misfit<T: Seen>(seen: &[T], share: impl Fn(&T) -> f64) -> f64 {
    seen.chunk_by(|a, b| a.at_ns() / STRETCH_NS == b.at_ns() / STRETCH_NS)
        .map(|stretch| {
            let (spread, shared, total) = Sums::of(stretch, &share).centred();
            // Work takes power: a line that falls with it explains nothing. Without this, half a period later is as
            // good as the truth.
            if shared > 0.0 && spread > 1e-9 { (total - shared * shared / spread).max(0.0) } else { total }
        })
        .sum()
}

/// The powers at these shares, by the line through all that was seen; `None` where its shares are alike.
pub(super) fn powers_w<T: Seen, const N: usize>(
    seen: &[T],
    share: impl Fn(&T) -> f64,
    at: [f64; N],
) -> Option<[f64; N]> {
    let sums = Sums::of(seen, &share);
    let (spread, shared, _) = sums.centred();
    let step_w = (spread > 1e-9).then(|| shared / spread)?;
    let middle_w = (sums.y - step_w * sums.x) / sums.n;
    Some(at.map(|share| middle_w + step_w * share))
}

/// The lowest and the highest share.
pub(super) fn range_of<T>(seen: &[T], share: impl Fn(&T) -> f64) -> [f64; 2] {
    let shares = seen.iter().map(share);
    shares.fold([f64::INFINITY, f64::NEG_INFINITY], |[low, high], share| [low.min(share), high.max(share)])
}

#[derive(Default)]
struct Sums {
    n: f64,
    x: f64,
    y: f64,
    xx: f64,
    xy: f64,
    yy: f64,
}

impl Sums {
    fn of<T: Seen>(seen: &[T], share: &impl Fn(&T) -> f64) -> Self {
        let mut sums = Self { n: seen.len() as f64, ..Self::default() };
        for one in seen {
            let (x, y) = (share(one), one.power_w());
            (sums.x, sums.y) = (sums.x + x, sums.y + y);
            (sums.xx, sums.xy, sums.yy) = (sums.xx + x * x, sums.xy + x * y, sums.yy + y * y);
        }
        sums
    }

    /// The sums of squares of x, of x times y and of y, about their means.
    fn centred(&self) -> (f64, f64, f64) {
        let Self { n, x, y, .. } = *self;
        (self.xx - x * x / n, self.xy - x * y / n, self.yy - y * y / n)
    }
}

/// The share of the powers' variance that is explained where so much is left.
pub(super) fn explained<T: Seen>(seen: &[T], left: f64) -> f64 {
    let share = 1.0 - left / misfit(seen, |_| 0.0);
    if share.is_nan() { 0.0 } else { share }
}

/// How far estimates may be off (k = 2): by those without each eighth of what was seen.
pub(super) fn jackknife_errors<T: Copy, const N: usize>(
    seen: &[T],
    mut estimate: impl FnMut(&[T]) -> [f64; N],
) -> [f64; N] {
    let estimates: Vec<[f64; N]> = (0..BLOCKS)
        .map(|block| {
            let kept = (0..seen.len()).filter(|position| position * BLOCKS / seen.len() != block);
            estimate(&kept.map(|position| seen[position]).collect::<Vec<T>>())
        })
        .collect();
    let n = BLOCKS as f64;
    std::array::from_fn(|k| {
        let mean = estimates.iter().map(|estimate| estimate[k]).sum::<f64>() / n;
        let squares: f64 = estimates.iter().map(|estimate| (estimate[k] - mean).powi(2)).sum();
        2.0 * ((n - 1.0) / n * squares).sqrt()
    })
}

/// The error of a delay: what the readings leave open, and what marks and ticks are all off together.
pub(super) fn delay_error_ns(jackknife_ns: f64) -> f64 {
    jackknife_ns.hypot(MARK_ERROR_NS)
}
