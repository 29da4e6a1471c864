//! The integral of a window cut at many moments at once: the energy between each boundary and the next.

use crate::segment::Line;

/// The energy of one device between neighbouring boundaries, built reading by reading. It grows with the boundaries,
/// never with the readings.
#[derive(Clone, Debug)]
pub struct Pieces<'a> {
    boundaries: &'a [u64],
    line: Line,
    /// The piece that the next reading may still add to; all before it are whole.
    current: usize,
    joules: Vec<f64>,
    covered_ns: Vec<u64>,
}

impl<'a> Pieces<'a> {
    /// `boundaries`: in order, each not before the one before it. A pause between readings up to `gap_cap_ns` is
    /// bridged, as by [`super::Integral`].
    pub fn new(boundaries: &'a [u64], gap_cap_ns: u64) -> Self {
        let count = boundaries.len().saturating_sub(1);
        Self {
            boundaries,
            line: Line::new(gap_cap_ns),
            current: 0,
            joules: vec![0.0; count],
            covered_ns: vec![0; count],
        }
    }

    /// Takes a reading in watts.
    pub fn push(&mut self, at_ns: u64, power_w: f64) {
        let Some(segment) = self.line.push(at_ns, power_w) else { return };
        while let Some([from_ns, to_ns]) = self.boundaries.get(self.current..self.current + 2) {
            if *to_ns <= segment.start_ns {
                self.current += 1;
                continue;
            }
            if let Some(part) = segment.clip(*from_ns, *to_ns) {
                self.joules[self.current] += part.area();
                self.covered_ns[self.current] += part.duration_ns();
            }
            if *to_ns > segment.end_ns {
                break;
            }
            self.current += 1;
        }
    }

    /// Joules of the covered part of each piece; NaN where nothing of it is covered.
    pub fn joules(&self) -> Vec<f64> {
        let known = |(joules, covered_ns): (&f64, &u64)| if *covered_ns > 0 { *joules } else { f64::NAN };
        self.joules.iter().zip(&self.covered_ns).map(known).collect()
    }

    /// How much of each piece lies between readings that could be joined, nanoseconds.
    pub fn covered_ns(&self) -> &[u64] {
        &self.covered_ns
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{NS_PER_MS as MS, NS_PER_S};
    use crate::energy::Integral;
    use proptest::prelude::*;

    const GAP_CAP_NS: u64 = 500 * MS;

    fn cut<'a>(readings: &[(u64, f64)], boundaries: &'a [u64]) -> Pieces<'a> {
        let mut pieces = Pieces::new(boundaries, GAP_CAP_NS);
        for (at_ns, power_w) in readings {
            pieces.push(*at_ns, *power_w);
        }
        pieces
    }

    #[test]
    fn a_step_is_shared_out_at_the_boundary() {
        let readings: Vec<_> =
            (0..=200).map(|k| (k * 10 * MS, if k < 100 { 400.0 } else { 250.0 })).collect();
        let pieces = cut(&readings, &[0, 500 * MS, 1000 * MS, 2000 * MS]);
        let joules = pieces.joules();
        // The ramp of 10 ms from the last high to the first low reading ends at the boundary.
        assert!((joules[0] - 200.0).abs() < 1e-9);
        assert!((joules[1] - (200.0 - 75.0 * 0.01)).abs() < 1e-9, "{joules:?}");
        assert!((joules[2] - 250.0).abs() < 1e-9);
        assert_eq!(pieces.covered_ns(), [500 * MS, 500 * MS, 1000 * MS]);
    }

    #[test]
    fn a_piece_in_a_gap_has_no_energy_rather_than_0_j_and_one_beside_it_says_how_much_is_covered() {
        let readings = [(0, 100.0), (400 * MS, 100.0), (2 * NS_PER_S, 100.0), (2400 * MS, 100.0)];
        let pieces = cut(&readings, &[0, 300 * MS, 900 * MS, 1500 * MS, 2400 * MS]);
        assert_eq!(pieces.covered_ns(), [300 * MS, 100 * MS, 0, 400 * MS]);
        let joules = pieces.joules();
        assert!(joules[2].is_nan());
        assert!((joules[1] - 10.0).abs() < 1e-9);
    }

    #[test]
    fn fewer_than_two_boundaries_have_nothing_between_them() {
        assert!(cut(&[(0, 1.0), (MS, 1.0)], &[]).joules().is_empty());
        assert!(cut(&[(0, 1.0), (MS, 1.0)], &[0]).joules().is_empty());
        assert!(cut(&[(0, 1.0), (MS, 1.0)], &[0, 0]).joules()[0].is_nan());
    }

    proptest! {
        #[test]
        fn the_pieces_add_up_to_the_integral(
            steps in prop::collection::vec((prop_oneof![9 => 1u64..40, 1 => 400u64..900], 1.0..1000.0f64), 2..200),
            cuts in prop::collection::vec(0.0..1.0f64, 0..60),
        ) {
            let mut at_ns = NS_PER_S;
            let readings: Vec<_> = steps.iter().map(|(step_ms, power_w)| {
                at_ns += step_ms * MS;
                (at_ns, *power_w)
            }).collect();
            // The window ends within the readings, as behind its post-roll; repeated boundaries are pieces of no time.
            let (start_ns, end_ns) = (NS_PER_S + 20 * MS, at_ns - (at_ns - NS_PER_S) / 7);
            prop_assume!(end_ns > start_ns);
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within the window")]
            let inside = |share: &f64| start_ns + (share * (end_ns - start_ns) as f64) as u64;
            let mut boundaries: Vec<_> = cuts.iter().map(inside).chain([start_ns, end_ns]).collect();
            boundaries.sort_unstable();

            let mut integral = Integral::new(start_ns, GAP_CAP_NS);
            integral.close(end_ns);
            for (at_ns, power_w) in &readings {
                integral.push(*at_ns, *power_w);
            }
            let pieces = cut(&readings, &boundaries);
            prop_assert_eq!(pieces.covered_ns().iter().sum::<u64>(), integral.covered_ns());
            let sum: f64 = pieces.joules().iter().filter(|joules| !joules.is_nan()).sum();
            let whole = integral.joules().unwrap_or(0.0);
            prop_assert!((sum - whole).abs() <= 1e-9 * whole, "{} and {}", sum, whole);
        }
    }
}
