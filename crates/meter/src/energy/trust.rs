//! Whether a device's energy counter may be believed against its power readings.
//!
//! Over a window the two may differ because either is wrong: a load in step with the sensor fools the readings at
//! any polling rate (arXiv 2312.02741), a counter may count badly. On a steady load the readings cannot be fooled
//! for lack of change, so there they test the counter. What the test cannot tell: whether the counter integrates
//! the time that the sensor does not see; only a pulsed load on the hardware itself shows that.

use crate::clock::{NS_PER_MS, NS_PER_S, seconds};

/// Readings that stay this close to their mean are steady, percent.
const STEADY_PCT: f64 = 5.0;
/// A shorter piece of a steady stretch, or one with fewer changes of the counter, tests nothing.
const MIN_PIECE_NS: u64 = NS_PER_S;
const MIN_CHANGES: u64 = 8;
/// A longer pause between readings could hide anything.
const MAX_PAUSE_NS: u64 = 6 * NS_PER_S;
/// Counter and readings agree within this, percent.
const AGREEMENT_PCT: f64 = 3.0;
/// The doubt about the time of the two ticks that a piece lies between may be this share of it, percent.
const MAX_DOUBT_PCT: f64 = 2.0;
/// How long the readings may hide a step that the counter already counts: an update period, the sensor's window
/// and its delay of up to 97 ms (arXiv 2312.02741), with a margin.
const LAG_NS: u64 = 300 * NS_PER_MS;
/// Up to this many times the power at which the counter agreed, the load is taken for the same.
const SAME_LEVEL: f64 = 1.5;

/// What a steady stretch said of the counter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Verdict {
    /// Whether the counter agreed with the readings.
    pub trusted: bool,
    /// `(readings - counter) / counter` in percent over the stretch.
    pub residual_pct: f64,
    /// The lowest power at which the counter agreed; `None` where it did not.
    pub agreed_w: Option<f64>,
}

/// The running test of one device's counter, in constant memory.
#[derive(Clone, Copy, Debug)]
pub struct SelfTest {
    lag_ns: u64,
    stretch: Option<Stretch>,
    last_read: Option<(u64, u64)>,
    verdict: Option<Verdict>,
    /// Whether the last piece spoke against the counter.
    accused: bool,
}

/// Readings that are steady so far, and the ticks of the counter among them.
#[derive(Clone, Copy, Debug)]
struct Stretch {
    start_ns: u64,
    last_ns: u64,
    last_w: f64,
    joules: f64,
    min_w: f64,
    max_w: f64,
    changes: u64,
    first: Option<Tick>,
    /// Not believed before the readings stayed steady for a lag after it.
    waiting: Option<Tick>,
}

/// A change of the counter, and what the readings came to by then.
#[derive(Clone, Copy, Debug)]
struct Tick {
    at_ns: u64,
    doubt_ns: u64,
    energy_mj: u64,
    changes: u64,
    read_ns: u64,
    read_j: f64,
}

impl SelfTest {
    /// `averaging_ns`: the span that each power reading is the mean of, where it is longer than an update period.
    /// `verdict`: what an earlier test of this device said.
    pub fn new(averaging_ns: Option<u64>, verdict: Option<Verdict>) -> Self {
        let lag_ns = LAG_NS + averaging_ns.unwrap_or(0);
        Self { lag_ns, stretch: None, last_read: None, verdict, accused: false }
    }

    /// The latest verdict; `None` before the first steady stretch.
    pub fn verdict(&self) -> Option<Verdict> {
        self.verdict
    }

    /// Takes a power reading in watts.
    pub fn push_power(&mut self, at_ns: u64, power_w: f64) {
        if !self.stretch.as_mut().is_some_and(|stretch| stretch.extend(at_ns, power_w)) {
            self.stretch = Some(Stretch::new(at_ns, power_w));
        }
        let settled = self.stretch.as_mut().and_then(|stretch| stretch.settled(at_ns, self.lag_ns));
        if let Some((first, last)) = settled {
            self.judge(first, last);
        }
    }

    /// Takes a counter reading in millijoules.
    pub fn push_counter(&mut self, at_ns: u64, energy_mj: u64) {
        let Some((before_ns, before_mj)) = self.last_read.replace((at_ns, energy_mj)) else { return };
        if energy_mj < before_mj {
            // The driver was loaded anew, or the counter is broken: what was known of it is about another one.
            *self = Self { last_read: self.last_read, ..Self::new(Some(self.lag_ns - LAG_NS), None) };
        } else if energy_mj > before_mj
            && let Some(stretch) = self.stretch.as_mut().filter(|stretch| stretch.start_ns <= before_ns)
        {
            stretch.push_tick(before_ns, at_ns, energy_mj);
        }
    }

    fn agreed_w(&self) -> Option<f64> {
        self.verdict.and_then(|verdict| verdict.agreed_w)
    }

    /// Judges the piece between two ticks, unless it is too short to tell.
    fn judge(&mut self, first: Tick, last: Tick) {
        let length_ns = last.at_ns - first.at_ns;
        let doubt_pct = doubt_pct(first, last);
        if last.changes - first.changes < MIN_CHANGES || doubt_pct > MAX_DOUBT_PCT {
            return;
        }
        let counter_w = (last.energy_mj - first.energy_mj) as f64 / 1e3 / seconds(length_ns);
        let readings_w = (last.read_j - first.read_j) / seconds(last.read_ns - first.read_ns);
        let residual_pct = (readings_w / counter_w - 1.0) * 100.0;
        if residual_pct.abs() <= AGREEMENT_PCT {
            let agreed_w = self.agreed_w().map_or(readings_w, |agreed_w| agreed_w.min(readings_w));
            self.verdict = Some(Verdict { trusted: true, residual_pct, agreed_w: Some(agreed_w) });
            self.accused = false;
        } else if residual_pct.abs() <= AGREEMENT_PCT + doubt_pct {
            // A longer piece will tell.
            return;
        } else if self.agreed_w().is_some_and(|agreed_w| readings_w.max(counter_w) > SAME_LEVEL * agreed_w) {
            // A load in step with the sensor has steady readings too, so a counter that agreed at idle is not
            // convicted by what may be one.
            self.accused = false;
        } else if self.accused {
            self.verdict = Some(Verdict { trusted: false, residual_pct, agreed_w: None });
        } else {
            // Once is not enough: such a load may have begun in the middle of the piece.
            self.accused = true;
        }
        if let Some(stretch) = &mut self.stretch {
            stretch.first = Some(last);
        }
    }
}

impl Stretch {
    fn new(at_ns: u64, power_w: f64) -> Self {
        Self {
            start_ns: at_ns,
            last_ns: at_ns,
            last_w: power_w,
            joules: 0.0,
            min_w: power_w,
            max_w: power_w,
            changes: 0,
            first: None,
            waiting: None,
        }
    }

    /// Whether the reading belongs to the stretch; if not, the stretch is over.
    fn extend(&mut self, at_ns: u64, power_w: f64) -> bool {
        if at_ns <= self.last_ns || at_ns - self.last_ns > MAX_PAUSE_NS {
            return false;
        }
        self.joules += f64::midpoint(self.last_w, power_w) * seconds(at_ns - self.last_ns);
        (self.last_ns, self.last_w) = (at_ns, power_w);
        (self.min_w, self.max_w) = (self.min_w.min(power_w), self.max_w.max(power_w));
        let mean_w = self.joules / seconds(at_ns - self.start_ns);
        let steady_w = mean_w * STEADY_PCT / 100.0;
        self.max_w - mean_w <= steady_w && mean_w - self.min_w <= steady_w
    }

    /// The first tick and a later one that the readings have stayed steady after, once for each such tick.
    fn settled(&mut self, now_ns: u64, lag_ns: u64) -> Option<(Tick, Tick)> {
        let last = self.waiting.take_if(|tick| tick.at_ns + lag_ns <= now_ns)?;
        Some((self.first?, last))
    }

    fn push_tick(&mut self, before_ns: u64, at_ns: u64, energy_mj: u64) {
        let doubt_ns = (at_ns - before_ns) / 2;
        let tick = Tick {
            at_ns: before_ns + doubt_ns,
            doubt_ns,
            energy_mj,
            changes: self.changes,
            read_ns: self.last_ns,
            read_j: self.joules,
        };
        self.changes += 1;
        let Some(first) = self.first else {
            self.first = Some(tick);
            return;
        };
        // Between two edges the counter is read twice a second, which tells little of when it ticked.
        let is_sharper = |than: Tick| 4 * tick.doubt_ns < than.doubt_ns;
        if is_sharper(first) && doubt_pct(first, tick) > MAX_DOUBT_PCT {
            (self.first, self.waiting) = (Some(tick), None);
        } else if tick.at_ns - first.at_ns >= MIN_PIECE_NS && self.waiting.is_none_or(is_sharper) {
            self.waiting = Some(tick);
        }
    }
}

/// How far the times of two ticks may be off, of the time between them.
fn doubt_pct(first: Tick, last: Tick) -> f64 {
    100.0 * (first.doubt_ns + last.doubt_ns) as f64 / (last.at_ns - first.at_ns) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Readings every 10 ms and counter reads every `counter_ms` of a counter that ticks every 100 ms.
    struct Device {
        test: SelfTest,
        now_ms: u64,
        energy_mj: f64,
        published_mj: u64,
    }

    impl Device {
        fn new() -> Self {
            Self { test: SelfTest::new(None, None), now_ms: 0, energy_mj: 0.0, published_mj: 0 }
        }

        /// `true_w` counts at `gain`, while the sensor shows `shown_w`.
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "small positive energies"
        )]
        fn run(&mut self, for_ms: u64, shown_w: f64, counted_w: f64, counter_ms: u64) -> Option<bool> {
            for _ in 0..for_ms {
                self.now_ms += 1;
                self.energy_mj += counted_w;
                if self.now_ms.is_multiple_of(100) {
                    self.published_mj = self.energy_mj as u64;
                }
                if self.now_ms.is_multiple_of(10) {
                    self.test.push_power(self.now_ms * NS_PER_MS, shown_w);
                }
                if self.now_ms % counter_ms == 3 {
                    self.test.push_counter(self.now_ms * NS_PER_MS, self.published_mj);
                }
            }
            self.test.verdict().map(|verdict| verdict.trusted)
        }
    }

    #[test]
    fn a_second_and_a_half_of_idle_read_densely_is_enough_to_trust() {
        let mut device = Device::new();
        assert_eq!(device.run(1000, 75.0, 75.0, 10), None);
        assert_eq!(device.run(700, 75.0, 75.0, 10), Some(true));
        assert!(device.test.verdict().expect("a verdict").residual_pct.abs() < 0.1);
    }

    #[test]
    fn sparse_reads_of_the_counter_take_longer() {
        let mut device = Device::new();
        assert_eq!(device.run(3000, 75.0, 75.0, 100), None);
        assert_eq!(device.run(4000, 75.0, 75.0, 100), Some(true));
    }

    #[test]
    fn a_counter_that_counts_a_tenth_too_much_is_distrusted() {
        let mut device = Device::new();
        assert_eq!(device.run(1700, 75.0, 82.5, 10), None);
        assert_eq!(device.run(1300, 75.0, 82.5, 10), Some(false));
        let residual_pct = device.test.verdict().expect("a verdict").residual_pct;
        assert!((residual_pct + 9.09).abs() < 0.2, "{residual_pct}");
    }

    #[test]
    fn a_counter_within_the_doubt_about_its_ticks_is_neither() {
        let mut device = Device::new();
        assert_eq!(device.run(1500, 75.0, 75.0 * 1.037, 10), None);
    }

    #[test]
    fn a_step_that_the_readings_show_late_does_not_convict_the_counter() {
        let mut device = Device::new();
        device.run(1950, 75.0, 75.0, 10);
        // The sensor shows the step 250 ms after the counter counted it.
        device.run(250, 75.0, 500.0, 10);
        assert_eq!(device.run(100, 500.0, 500.0, 10), Some(true));
        assert!(device.test.verdict().expect("a verdict").residual_pct.abs() < 0.1);
    }

    #[test]
    fn a_load_in_step_with_the_sensor_does_not_convict_a_counter_that_agreed_at_idle() {
        for shown_w in [75.0, 500.0] {
            let mut device = Device::new();
            device.run(2000, 75.0, 75.0, 10);
            for _ in 0..50 {
                assert_eq!(device.run(100, shown_w, 287.5, 10), Some(true), "{shown_w} W shown");
            }
        }
    }

    #[test]
    fn what_an_earlier_test_said_holds_until_a_steady_load_says_otherwise() {
        let known = Some(Verdict { trusted: true, residual_pct: 0.1, agreed_w: Some(75.0) });
        let mut device = Device { test: SelfTest::new(None, known), ..Device::new() };
        // In step with the sensor from the first reading on.
        assert_eq!(device.run(4000, 500.0, 287.5, 10), Some(true));
        assert_eq!(device.run(4000, 75.0, 60.0, 10), Some(false));
    }

    #[test]
    fn the_latest_verdict_counts() {
        let mut device = Device::new();
        assert_eq!(device.run(2000, 75.0, 75.0, 10), Some(true));
        assert_eq!(device.run(4000, 75.0, 60.0, 10), Some(false));
        assert_eq!(device.run(2000, 75.0, 75.0, 10), Some(true));
    }

    #[test]
    fn restless_readings_and_a_stuck_counter_say_nothing() {
        let mut device = Device::new();
        for _ in 0..50 {
            device.run(100, 400.0, 400.0, 10);
            device.run(100, 500.0, 500.0, 10);
        }
        assert_eq!(device.test.verdict(), None);
        assert_eq!(Device::new().run(5000, 75.0, 0.0, 10), None);
    }

    #[test]
    fn a_counter_that_fell_is_unknown_again() {
        let mut device = Device::new();
        device.run(2000, 75.0, 75.0, 10);
        device.energy_mj = 0.0;
        assert_eq!(device.run(110, 75.0, 75.0, 10), None);
    }
}
