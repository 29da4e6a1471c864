//! Absolute deadlines: a late poll does not shift the grid, and what it ran over is counted and skipped. Near an edge
//! there are reads between them.

use crate::clock::NS_PER_MS;

/// Near an edge the devices are read this often on the mean, however long the interval: the ticks of sensor and
/// counter have to be seen there.
pub(crate) const EDGE_INTERVAL_NS: u64 = 5 * NS_PER_MS;
/// Two reads closer than this tell no more than one.
pub(super) const LEAST_DISTANCE_NS: u64 = NS_PER_MS;
/// Where in its slot the read between two others lies, in `WHOLE`s of the slot: from here ...
const FIRST: u64 = 2_000;
/// ... over so much of it, ...
const REACH: u64 = 6_000;
/// ... a little later in each slot than in the one before. Every 5 ms on the dot, the reads would see a sensor of
/// 100 ms tick at the same place between the same two in every period, and a second of its ticks would tell no more than
/// one does. Ten slots later this has moved on by 0.382 of its way, the golden section, which divides best from the
/// first few ticks on; the slots of a faster sensor are nearly alike, so that its period is not lost.
const STEP: u64 = 382;
const WHOLE: u64 = 10_000;

/// The grid of deadlines of one sampler.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Schedule {
    interval_ns: u64,
    next_ns: u64,
    missed: u64,
}

impl Schedule {
    /// A grid whose first deadline is now.
    pub fn new(now_ns: u64, interval_ns: u64) -> Self {
        Self::after(now_ns, interval_ns, 0)
    }

    /// A grid that goes on with that deadline, after so many were missed.
    pub fn after(next_ns: u64, interval_ns: u64, missed: u64) -> Self {
        Self { interval_ns, next_ns, missed }
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

    /// When to read between two deadlines, if at all: near an edge. `polled_ns`: the last read.
    pub fn between_ns(&self, polled_ns: u64, dense_until_ns: u64) -> Option<u64> {
        if !reads_between(self.interval_ns) {
            return None;
        }
        // Each slot is read at its beginning, which is mostly a deadline, and once inside.
        let slot_ns =
            self.interval_ns / ((self.interval_ns + EDGE_INTERVAL_NS) / (2 * EDGE_INTERVAL_NS)).max(1);
        let from_ns = polled_ns + LEAST_DISTANCE_NS;
        let slots_left = self.next_ns.checked_sub(from_ns)?.div_ceil(slot_ns);
        let slot_start_ns = self.next_ns.saturating_sub(slots_left * slot_ns);
        let way = slot_start_ns / slot_ns % WHOLE * STEP % WHOLE;
        let inside_ns = slot_start_ns + slot_ns * (FIRST * WHOLE + REACH * way) / (WHOLE * WHOLE);
        let due_ns = if inside_ns >= from_ns { inside_ns } else { slot_start_ns + slot_ns };
        (due_ns < dense_until_ns && due_ns < self.next_ns).then_some(due_ns)
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

/// Whether deadlines are so far apart that there are reads between them near an edge.
pub(crate) fn reads_between(interval_ns: u64) -> bool {
    interval_ns > EDGE_INTERVAL_NS + EDGE_INTERVAL_NS / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The reads of a punctual sampler from one deadline on, near an edge.
    fn reads_ns(interval_ns: u64, until_ns: u64) -> Vec<u64> {
        let mut schedule = Schedule::new(3_700_123, interval_ns);
        let mut reads = Vec::new();
        while schedule.next_ns() < until_ns {
            reads.push(schedule.next_ns());
            schedule.advance(schedule.next_ns() + 1000);
            while let Some(due_ns) = schedule.between_ns(reads[reads.len() - 1], u64::MAX) {
                reads.push(due_ns);
            }
        }
        reads
    }

    #[test]
    fn near_an_edge_devices_are_read_every_5_ms_on_the_mean_and_never_more_than_10_ms_apart() {
        for interval_ms in [8, 10, 12, 20, 25, 100, 1000, 5000] {
            let until_ns = 20_000 * NS_PER_MS;
            let reads = reads_ns(interval_ms * NS_PER_MS, until_ns);
            let mean_ns = until_ns / reads.len() as u64;
            assert!((3_900_000..=6_100_000).contains(&mean_ns), "{interval_ms} ms: {mean_ns}");
            let apart = || reads.windows(2).map(|pair| pair[1] - pair[0]);
            assert!(apart().min() >= Some(LEAST_DISTANCE_NS), "{interval_ms} ms");
            assert!(apart().max() <= Some(10 * NS_PER_MS), "{interval_ms} ms: {:?}", apart().max());
        }
        assert_eq!(reads_ns(5 * NS_PER_MS, 1000 * NS_PER_MS).len(), 200, "those deadlines are dense enough");
    }

    #[test]
    fn the_ticks_of_a_sensor_that_is_a_multiple_of_the_interval_fall_at_another_place_between_the_reads_each_time()
     {
        let reads = reads_ns(10 * NS_PER_MS, 2000 * NS_PER_MS);
        for phase_ns in (0..100 * NS_PER_MS).step_by(1_700_000) {
            // Each tick lies between two reads; counted from the first one, all of them together leave so much.
            let (mut low_ns, mut high_ns) = (0, u64::MAX);
            for k in 1..5 {
                let tick_ns = 400 * NS_PER_MS + phase_ns + k * 100 * NS_PER_MS;
                let after = reads.partition_point(|read_ns| *read_ns < tick_ns);
                low_ns = low_ns.max(reads[after - 1] - k * 100 * NS_PER_MS);
                high_ns = high_ns.min(reads[after] - k * 100 * NS_PER_MS);
            }
            assert!(high_ns - low_ns <= 3_500_000, "{phase_ns}: {} ns", high_ns - low_ns);
        }
    }

    #[test]
    fn reads_between_deadlines_end_with_the_edge_and_keep_clear_of_the_last_read() {
        let schedule = Schedule::new(100 * NS_PER_MS, 10 * NS_PER_MS);
        let due_ns = schedule.between_ns(90 * NS_PER_MS, u64::MAX).expect("one");
        assert!((92 * NS_PER_MS..98 * NS_PER_MS).contains(&due_ns));
        assert_eq!(schedule.between_ns(90 * NS_PER_MS, due_ns), None);
        assert_eq!(schedule.between_ns(due_ns - LEAST_DISTANCE_NS / 2, u64::MAX), None);
    }

    #[test]
    fn deadlines_that_were_skipped_before_an_edge_came_are_read_after_all() {
        let mut schedule = Schedule::new(100 * NS_PER_MS, 10 * NS_PER_MS);
        schedule.skip_while(|deadline_ns| deadline_ns < 180 * NS_PER_MS);
        let mut polled_ns = 121 * NS_PER_MS;
        let mut reads = 0;
        while let Some(due_ns) = schedule.between_ns(polled_ns, u64::MAX) {
            (polled_ns, reads) = (due_ns, reads + 1);
        }
        assert!((10..=12).contains(&reads), "{reads} reads in 59 ms");
    }

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
