//! Absolute deadlines: a late poll does not shift the grid, and what it ran over is counted and skipped.

/// The grid of deadlines of one sampler.
#[derive(Clone, Copy, Debug)]
pub(super) struct Schedule {
    interval_ns: u64,
    next_ns: u64,
    missed: u64,
}

impl Schedule {
    /// A grid whose first deadline is now.
    pub fn new(now_ns: u64, interval_ns: u64) -> Self {
        Self { interval_ns, next_ns: now_ns, missed: 0 }
    }

    /// The next deadline.
    pub fn next_ns(&self) -> u64 {
        self.next_ns
    }

    /// Deadlines skipped so far.
    pub fn missed(&self) -> u64 {
        self.missed
    }

    /// Leaves out the deadlines at which nothing is wanted; they are not missed.
    pub fn skip_while(&mut self, unwanted: impl Fn(u64) -> bool) {
        while unwanted(self.next_ns) {
            self.next_ns += self.interval_ns;
        }
    }

    /// Takes the deadline that was just served off the grid; those that `now_ns` has already passed are missed.
    pub fn advance(&mut self, now_ns: u64) {
        self.next_ns += self.interval_ns;
        if self.next_ns <= now_ns {
            let skipped = (now_ns - self.next_ns) / self.interval_ns + 1;
            self.missed += skipped;
            self.next_ns += skipped * self.interval_ns;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_punctual_poll_keeps_the_grid() {
        let mut schedule = Schedule::new(1000, 10);
        for k in 1..=100 {
            schedule.advance(schedule.next_ns() + 3);
            assert_eq!(schedule.next_ns(), 1000 + 10 * k);
        }
        assert_eq!(schedule.missed(), 0);
    }

    #[test]
    fn a_long_poll_skips_deadlines_and_counts_them_without_a_burst() {
        let mut schedule = Schedule::new(1000, 10);
        schedule.advance(1035);
        assert_eq!((schedule.next_ns(), schedule.missed()), (1040, 3));
    }

    #[test]
    fn deadlines_that_nobody_wants_keep_the_grid_and_are_not_missed() {
        let mut schedule = Schedule::new(1000, 10);
        schedule.advance(1003);
        schedule.skip_while(|deadline_ns| deadline_ns < 1035);
        assert_eq!((schedule.next_ns(), schedule.missed()), (1040, 0));
    }

    #[test]
    fn a_poll_that_ends_on_the_next_deadline_has_missed_it() {
        let mut schedule = Schedule::new(1000, 10);
        schedule.advance(1010);
        assert_eq!((schedule.next_ns(), schedule.missed()), (1020, 1));
    }
}
