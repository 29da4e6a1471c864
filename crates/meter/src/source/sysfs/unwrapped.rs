//! A counter of 32 bits made one of 64.

const RANGE: u64 = 1 << 32;
/// A counter that falls from the last part of its range into the first one has wrapped; what falls otherwise began anew.
const PART: u64 = RANGE / 16;

/// Follows a counter through wraparounds.
#[derive(Debug, Default)]
pub(super) struct Unwrapped {
    last: Option<u64>,
    added: u64,
}

impl Unwrapped {
    /// Takes a value and answers what the counter would say if it were longer.
    pub fn advance(&mut self, value: u64) -> u64 {
        let last = self.last.replace(value);
        if last.is_some_and(|last| (RANGE - PART..RANGE).contains(&last) && value < PART) {
            self.added += RANGE;
        }
        value.saturating_add(self.added)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wraparound_goes_on_and_a_reset_falls() {
        let mut counter = Unwrapped::default();
        assert_eq!(counter.advance(RANGE - 10), RANGE - 10);
        assert_eq!(counter.advance(5), RANGE + 5);
        assert_eq!(counter.advance(RANGE - 1), 2 * RANGE - 1);
        assert_eq!(counter.advance(0), 2 * RANGE);
        assert_eq!(counter.advance(RANGE / 2), 2 * RANGE + RANGE / 2);
        assert_eq!(counter.advance(7), 2 * RANGE + 7, "half a range is no wraparound");
        assert_eq!(Unwrapped::default().advance(u64::MAX), u64::MAX);
    }

    #[test]
    fn a_longer_counter_never_wraps() {
        let mut counter = Unwrapped::default();
        counter.advance(RANGE + 5);
        assert_eq!(counter.advance(3), 3);
    }
}
