//! Sums of a sensor's readings from t = 0 on, without adding them all up at every call.

use std::sync::{Mutex, PoisonError};

/// A sum is kept for every so many readings, and for the last that was asked for.
const KEPT_EVERY: i64 = 256;

/// Remembers sums. Whole numbers, so that the order of the questions makes no difference. A clone remembers nothing,
/// since whoever clones a device means to change it.
#[derive(Debug)]
pub struct ReadingSums(Mutex<Kept>);

#[derive(Debug)]
struct Kept {
    /// Of the first 0, 256, 512, ... readings.
    every: Vec<i128>,
    /// How many were added up last, and their sum.
    last: (i64, i128),
}

impl Default for ReadingSums {
    fn default() -> Self {
        Self(Mutex::new(Kept { every: vec![0], last: (0, 0) }))
    }
}

impl Clone for ReadingSums {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl ReadingSums {
    /// The sum of the first `count` readings, where `reading` says the one at a place, from 0.
    pub fn of_first(&self, count: i64, reading: impl Fn(i64) -> i128) -> i128 {
        if count <= 0 {
            // Every counter asks for what it began with, too: that must not push out what was asked for last.
            return 0;
        }
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let place = usize::try_from(count / KEPT_EVERY).unwrap_or(0).min(kept.every.len() - 1);
        let (mut place, mut sum) = (i64::try_from(place).unwrap_or(0) * KEPT_EVERY, kept.every[place]);
        if (place..=count).contains(&kept.last.0) {
            (place, sum) = kept.last;
        }
        while place < count {
            sum += reading(place);
            place += 1;
            let next_kept = i64::try_from(kept.every.len()).unwrap_or(i64::MAX).saturating_mul(KEPT_EVERY);
            if place == next_kept {
                kept.every.push(sum);
            }
        }
        kept.last = (place, sum);
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[test]
    fn sums_are_right_in_any_order_and_cheap_once_known() {
        let sums = ReadingSums::default();
        let asked = Cell::new(0);
        let square = |place: i64| {
            asked.set(asked.get() + 1);
            i128::from(place * place)
        };
        for count in [1000, 999, 0, 5, 256, 255, 257, 3000, 2999, 512, 513] {
            let expected = (0..i128::from(count)).map(|x| x * x).sum::<i128>();
            assert_eq!(sums.of_first(count, square), expected, "{count}");
        }
        asked.set(0);
        sums.of_first(2999, square);
        assert!(asked.get() < KEPT_EVERY, "{}", asked.get());
        asked.set(0);
        sums.of_first(0, square);
        sums.of_first(3000, square);
        assert_eq!(asked.get(), 1);
    }
}
