//! Joules by the trapezoid rule over raw readings, both edges of the window interpolated.

use super::constants as known;
use super::evenness::Evenness;
use crate::clock::seconds;
use crate::segment::{Line, Segment};
use crate::sensor::Sensor;

/// Student's t for 95 % with 1, 2, ... degrees of freedom.
const STUDENT_T: [f64; 12] = [12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23, 2.20, 2.18];

/// A stretch in which all readings were the same.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Still {
    /// Watts.
    pub at_w: f64,
    /// From the first to the last of these readings.
    pub for_ns: u64,
}

/// The energy of one device over a window, built reading by reading in constant memory.
#[derive(Clone, Debug)]
pub struct Integral {
    start_ns: u64,
    end_ns: u64,
    line: Line,
    gap_cap_ns: u64,
    last_ns: Option<u64>,
    longest_gap_ns: Option<u64>,
    joules: f64,
    covered_ns: u64,
    max_power_w: Option<f64>,
    readings: u64,
    last_w: Option<f64>,
    /// Since when the readings inside the window have been `last_w`.
    still_since_ns: u64,
    longest_still: Still,
    changes: u64,
    last_change_ns: Option<u64>,
    /// The shortest time between two changes of the readings inside the window.
    least_gap_ns: Option<u64>,
    squared_steps: f64,
    evenness: Evenness,
}

impl Integral {
    /// A window that is open to the right until [`Integral::close`]. A pause between readings up to `gap_cap_ns` is
    /// bridged; a longer one is not counted and lowers the coverage.
    pub fn new(start_ns: u64, gap_cap_ns: u64) -> Self {
        Self {
            start_ns,
            end_ns: u64::MAX,
            line: Line::new(gap_cap_ns),
            gap_cap_ns,
            last_ns: None,
            longest_gap_ns: None,
            joules: 0.0,
            covered_ns: 0,
            max_power_w: None,
            readings: 0,
            last_w: None,
            still_since_ns: start_ns,
            longest_still: Still::default(),
            changes: 0,
            last_change_ns: None,
            least_gap_ns: None,
            squared_steps: 0.0,
            evenness: Evenness::default(),
        }
    }

    /// Sets the right edge. Readings after it may still come: the first one closes the last trapezoid.
    pub fn close(&mut self, end_ns: u64) {
        self.end_ns = end_ns;
    }

    /// Takes a reading in watts. Answers the piece of the power line that it adds within the window.
    pub fn push(&mut self, at_ns: u64, power_w: f64) -> Option<Segment> {
        if (self.start_ns..=self.end_ns).contains(&at_ns) {
            self.readings += 1;
            self.max_power_w = Some(self.max_power_w.map_or(power_w, |max| max.max(power_w)));
            if let Some(step) = self.last_w.map(|last| power_w - last).filter(|step| *step != 0.0) {
                self.changes += 1;
                let before_ns = self.last_change_ns.replace(at_ns);
                let gap_ns = before_ns.map(|before_ns| at_ns.saturating_sub(before_ns));
                self.least_gap_ns = gap_ns.into_iter().chain(self.least_gap_ns).min();
                self.squared_steps += step * step;
            }
            let is_same = self.last_w == Some(power_w);
            if !is_same {
                self.still_since_ns = at_ns;
            } else if at_ns - self.still_since_ns > self.longest_still.for_ns {
                self.longest_still = Still { at_w: power_w, for_ns: at_ns - self.still_since_ns };
            }
            self.last_w = Some(power_w);
        }
        if at_ns <= self.end_ns {
            self.evenness.push(at_ns.max(self.start_ns), power_w);
        }
        let before_ns = self.last_ns.replace(at_ns).unwrap_or(at_ns);
        if at_ns.saturating_sub(before_ns) > self.gap_cap_ns
            && at_ns > self.start_ns
            && before_ns < self.end_ns
        {
            self.longest_gap_ns = self.longest_gap_ns.max(Some(at_ns - before_ns));
        }
        let piece = self.line.push(at_ns, power_w)?.clip(self.start_ns, self.end_ns)?;
        self.joules += piece.area();
        self.covered_ns += piece.duration_ns();
        Some(piece)
    }

    /// Joules of the covered part; `None` where nothing was covered.
    pub fn joules(&self) -> Option<f64> {
        (self.covered_ns > 0).then_some(self.joules)
    }

    /// Mean watts over the covered part.
    pub fn mean_power_w(&self) -> Option<f64> {
        self.joules().map(|joules| joules / seconds(self.covered_ns))
    }

    /// The highest reading inside the window.
    pub fn max_power_w(&self) -> Option<f64> {
        self.max_power_w
    }

    /// Readings inside the window.
    pub fn readings(&self) -> u64 {
        self.readings
    }

    /// Time of the window that lies between readings that could be joined.
    pub fn covered_ns(&self) -> u64 {
        self.covered_ns
    }

    /// The longest pause between readings in the window that was too long to be bridged.
    pub fn longest_gap_ns(&self) -> Option<u64> {
        self.longest_gap_ns
    }

    /// The sensor as it is taken to be, unless its readings never changed twice in one and a half of its periods: nothing
    /// then says that it publishes so often, and what it does not see is that much more.
    /// `period_is_seen`: earlier readings have shown how often it publishes, so that a single change says nothing.
    pub fn seen_sensor(&self, sensor: Sensor, period_is_seen: bool) -> Sensor {
        let stood_ns =
            self.last_change_ns.filter(|_| self.changes == 1 && !period_is_seen).map(|change_ns| {
                change_ns.saturating_sub(self.start_ns).max(self.end_ns.saturating_sub(change_ns))
            });
        let gap_ns = self.least_gap_ns.or(stood_ns);
        let slow_ns = gap_ns.filter(|gap_ns| 2 * gap_ns >= 3 * sensor.update_period_ns);
        Sensor { update_period_ns: slow_ns.unwrap_or(sensor.update_period_ns), ..sensor }
    }

    /// The longest stretch of the window in which the readings did not change.
    pub fn longest_still(&self) -> Still {
        self.longest_still
    }

    /// How often two readings in a row differ.
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// The root mean square of the changes between readings, watts.
    pub fn usual_step_w(&self) -> f64 {
        (self.squared_steps / self.changes.max(1) as f64).sqrt()
    }

    /// What the sensor's blind time leaves unknown (k = 1), joules: `s / sqrt(n) x sqrt(u) x L` for a sensor that does not
    /// look for a share `u` of each update period, with `s` from successive differences of the published values
    /// (Neumann et al. 1941, robust to drift) and `n` of them, at least one per update period: a value that repeats
    /// was published too. `None` below three values.
    pub fn sampling_deviation_j(&self, sensor: Sensor, unseen_share: f64) -> Option<f64> {
        self.values(sensor).map(|values| self.deviation_j(values, unseen_share))
    }

    /// The same of a sensor that is slow: two values do, and so few know their own spread badly.
    pub fn slow_deviation_j(&self, sensor: Sensor, unseen_share: f64) -> Option<f64> {
        let values = self.values(sensor).unwrap_or(2.0);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small count")]
        let student = STUDENT_T.get(values as usize - 2).copied().unwrap_or(known::COVERAGE_FACTOR);
        self.last_w?;
        Some(student / known::COVERAGE_FACTOR * self.deviation_j(values, unseen_share))
    }

    fn deviation_j(&self, values: f64, unseen_share: f64) -> f64 {
        let deviation_w = (self.squared_steps / (2.0 * (values - 1.0))).sqrt();
        deviation_w / values.sqrt() * unseen_share.sqrt() * seconds(self.covered_ns)
    }

    /// For how long the published values lay in line.
    pub fn evenness(&self) -> Evenness {
        self.evenness.until(self.end_ns.min(self.last_ns.unwrap_or(self.start_ns)))
    }

    fn values(&self, sensor: Sensor) -> Option<f64> {
        let (length_s, update_period_s) = (seconds(self.covered_ns), seconds(sensor.update_period_ns));
        let values = (self.changes as f64 + 1.0).max((length_s / update_period_s).floor());
        (values >= 3.0 && self.last_w.is_some()).then_some(values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{NS_PER_MS as MS, NS_PER_S};
    use proptest::prelude::*;

    const GAP_CAP_NS: u64 = 500 * MS;

    fn integrate(readings: &[(u64, f64)], start_ns: u64, end_ns: u64) -> Integral {
        let mut integral = Integral::new(start_ns, GAP_CAP_NS);
        integral.close(end_ns);
        for (at_ns, power_w) in readings {
            integral.push(*at_ns, *power_w);
        }
        integral
    }

    fn joules(readings: &[(u64, f64)], start_ns: u64, end_ns: u64) -> f64 {
        integrate(readings, start_ns, end_ns).joules().expect("the window is covered")
    }

    #[test]
    fn three_samples_of_100_w_over_200_ms_are_20_j() {
        let readings = [(0, 100.0), (100 * MS, 100.0), (200 * MS, 100.0)];
        assert!((joules(&readings, 0, 200 * MS) - 20.0).abs() < 1e-12);
    }

    #[test]
    fn a_line_is_integrated_exactly_between_edges_that_fall_between_readings() {
        // P(t) = 100 + 50 t over [0.033 s, 0.777 s] has a closed form.
        let readings: Vec<_> = (0..=100).map(|k| (k * 10 * MS, 100.0 + 0.5 * k as f64)).collect();
        let (a, b) = (0.033, 0.777);
        let expected = 100.0 * (b - a) + 25.0 * (b * b - a * a);
        assert!((joules(&readings, 33 * MS, 777 * MS) - expected).abs() < 1e-9);
    }

    #[test]
    fn the_longest_stretch_without_a_change_is_told() {
        let readings =
            [(0, 100.0), (MS, 100.0), (2 * MS, 200.0), (3 * MS, 300.0), (7 * MS, 300.0), (8 * MS, 300.0)];
        assert_eq!(integrate(&readings, 0, 8 * MS).longest_still(), Still { at_w: 300.0, for_ns: 5 * MS });
        assert_eq!(integrate(&readings[1..4], 0, 8 * MS).longest_still(), Still::default());
    }

    #[test]
    fn one_missing_reading_costs_nothing_on_a_steady_load() {
        let readings = [(0, 100.0), (100 * MS, 100.0), (300 * MS, 100.0)];
        assert!((joules(&readings, 0, 300 * MS) - 30.0).abs() < 1e-12);
    }

    #[test]
    fn a_long_gap_is_reported_and_not_counted() {
        let readings = [(0, 100.0), (NS_PER_S, 100.0), (31 * NS_PER_S, 900.0), (32 * NS_PER_S, 900.0)];
        let mut integral = Integral::new(0, 2 * NS_PER_S);
        integral.close(32 * NS_PER_S);
        for (at_ns, power_w) in readings {
            integral.push(at_ns, power_w);
        }
        assert_eq!(integral.covered_ns(), 2 * NS_PER_S);
        assert_eq!(integral.longest_gap_ns(), Some(30 * NS_PER_S));
        assert_eq!(integral.joules(), Some(1000.0));
    }

    #[test]
    fn no_reading_is_no_energy_rather_than_0_j() {
        assert_eq!(Integral::new(0, GAP_CAP_NS).joules(), None);
        assert_eq!(Integral::new(0, GAP_CAP_NS).mean_power_w(), None);
    }

    #[test]
    fn the_blind_time_of_a_steady_load_hides_nothing_and_that_of_a_restless_one_two_deviations_of_its_mean() {
        let steady: Vec<_> = (0..=100).map(|k| (k * 10 * MS, 400.0)).collect();
        assert_eq!(
            integrate(&steady, 0, 1000 * MS).sampling_deviation_j(Sensor::DATACENTER, 0.75),
            Some(0.0)
        );
        assert_eq!(integrate(&steady, 0, 200 * MS).sampling_deviation_j(Sensor::DATACENTER, 0.75), None);
        // Ten values of 300 and 500 W in turn: nine steps of 200 W.
        let restless: Vec<_> =
            (0..100).map(|k| (k * 10 * MS, if k / 10 % 2 == 0 { 300.0 } else { 500.0 })).collect();
        let found_j = integrate(&restless, 0, 990 * MS)
            .sampling_deviation_j(Sensor::DATACENTER, 0.75)
            .expect("ten values");
        let deviation_w = (9.0 * 200.0_f64.powi(2) / (2.0 * 9.0)).sqrt();
        assert!((found_j - deviation_w / 10.0_f64.sqrt() * 0.75_f64.sqrt() * 0.99).abs() < 1e-9, "{found_j}");
    }

    #[test]
    fn equal_readings_keep_their_plateau() {
        // A step that only shows in the last reading must not become a ramp from the first one.
        let mut readings: Vec<_> = (0..=100).map(|k| (k * 10 * MS, 600.0)).collect();
        readings.push((1010 * MS, 0.1));
        assert!((joules(&readings, 0, 1000 * MS) - 600.0).abs() < 1e-9);
    }

    proptest! {
        #[test]
        fn energy_is_additive_over_a_cut(
            watts in prop::collection::vec(1.0..1000.0f64, 20..60),
            cut_ms in 1u64..190,
        ) {
            let readings: Vec<_> = watts.iter().enumerate().map(|(k, w)| (k as u64 * 10 * MS, *w)).collect();
            let (end, cut) = (190 * MS, cut_ms * MS);
            let whole = joules(&readings, 0, end);
            let parts = joules(&readings, 0, cut)
                + integrate(&readings, cut, end).joules().unwrap_or(0.0);
            prop_assert!((whole - parts).abs() < 1e-9 * whole);
        }

        #[test]
        fn a_reading_on_the_line_changes_nothing(
            watts in prop::collection::vec(1.0..1000.0f64, 2..30),
        ) {
            let coarse: Vec<_> = watts.iter().enumerate().map(|(k, w)| (k as u64 * 20 * MS, *w)).collect();
            let mut fine = Vec::new();
            for pair in coarse.windows(2) {
                fine.push(pair[0]);
                fine.push((pair[0].0 + 10 * MS, f64::midpoint(pair[0].1, pair[1].1)));
            }
            fine.extend(coarse.last());
            let end = (watts.len() as u64 - 1) * 20 * MS;
            let (a, b) = (joules(&coarse, 0, end), joules(&fine, 0, end));
            prop_assert!((a - b).abs() < 1e-9 * a);
        }
    }
}
