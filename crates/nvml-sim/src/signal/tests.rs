use proptest::prelude::*;

use super::*;

const CONSTANT: Segment = Segment { for_s: 5.0, shape: Shape::Constant { w: 75.0 } };
const RAMP: Segment = Segment { for_s: 0.5, shape: Shape::Ramp { from_w: 75.0, to_w: 600.0 } };
const SINE: Segment =
    Segment { for_s: 1.01, shape: Shape::Sine { mean_w: 500.0, amplitude_w: 150.0, period_s: 0.05 } };
const SQUARE: Segment =
    Segment { for_s: 0.97, shape: Shape::Square { low_w: 100.0, high_w: 650.0, period_s: 0.1, duty: 0.3 } };

/// Midpoint sums of `power_w`: knows nothing of the closed forms.
fn quadrature_j(signal: &Signal, from: f64, to: f64) -> f64 {
    let steps = 400_000;
    let step = (to - from) / f64::from(steps);
    (0..steps).map(|i| signal.power_w(from + (f64::from(i) + 0.5) * step)).sum::<f64>() * step
}

fn assert_matches_quadrature(signal: &Signal, from: f64, to: f64) {
    let (exact, sum) = (signal.energy_j(from, to), quadrature_j(signal, from, to));
    assert!(
        (exact - sum).abs() < 2e-5 * sum.abs(),
        "{from}..{to} s: closed form {exact} J, quadrature {sum} J"
    );
}

#[test]
fn each_shape_integrates_like_a_fine_sum() {
    for segment in [CONSTANT, RAMP, SINE, SQUARE] {
        let signal = Signal::new(vec![segment], false);
        let end = segment.for_s;
        for (from, to) in
            [(0.0, end), (0.0, 0.37 * end), (0.21 * end, 0.83 * end), (-1.0, end), (0.5 * end, 2.0 * end)]
        {
            assert_matches_quadrature(&signal, from, to);
        }
    }
}

#[test]
fn a_repeated_signal_integrates_like_a_fine_sum() {
    let signal = Signal::new(vec![RAMP, SINE, SQUARE, CONSTANT], true);
    for (from, to) in [(0.0, 7.48), (0.3, 9.1), (-2.0, 20.0), (14.0, 15.0)] {
        assert_matches_quadrature(&signal, from, to);
    }
}

#[test]
fn whole_cycles_cost_the_sum_of_their_segments() {
    let signal = Signal::new(vec![CONSTANT, RAMP], true);
    let cycle_j = 5.0 * 75.0 + 0.5 * (75.0 + 600.0) / 2.0;
    assert!((signal.energy_j(0.0, 5.5) - cycle_j).abs() < 1e-9);
    assert!((signal.energy_j(5.5e6 + 1.25, 5.5e6 + 1.25 + 55.0) - 10.0 * cycle_j).abs() < 1e-6);
}

#[test]
fn the_last_value_holds_after_the_last_segment() {
    let cases = [
        ("constant", CONSTANT, 75.0),
        ("ramp", RAMP, 600.0),
        ("sine, a fifth into a period", SINE, 500.0 + 150.0 * (TAU * 0.2).sin()),
        ("square, in its low part", SQUARE, 100.0),
        ("square, whole periods end low", Segment { for_s: 0.7, ..SQUARE }, 100.0),
        ("square, at the end of its high part", Segment { for_s: 0.63, ..SQUARE }, 650.0),
    ];
    for (name, segment, expected_w) in cases {
        let signal = Signal::new(vec![segment], false);
        assert!((signal.power_w(segment.for_s + 0.001) - expected_w).abs() < 1e-6, "{name}");
        assert!((signal.energy_j(100.0, 102.0) - 2.0 * expected_w).abs() < 1e-6, "{name}");
    }
}

#[test]
fn the_first_value_holds_before_zero() {
    let signal = Signal::new(vec![RAMP, CONSTANT], true);
    assert!((signal.power_w(-3.0) - 75.0).abs() < 1e-12);
    assert!((signal.energy_j(-4.0, -2.0) - 150.0).abs() < 1e-12);
}

#[test]
fn a_square_is_high_first() {
    let signal = Signal::new(vec![SQUARE], true);
    assert!((signal.power_w(0.01) - 650.0).abs() < 1e-12);
    assert!((signal.power_w(0.05) - 100.0).abs() < 1e-12);
    // 0.025 s high, the rest of the 30 % is over at 0.03 s.
    assert!((signal.energy_j(0.0, 0.025) - 16.25).abs() < 1e-9);
    assert!((signal.energy_j(0.0, 0.1) - (0.03 * 650.0 + 0.07 * 100.0)).abs() < 1e-9);
}

fn any_segment() -> impl Strategy<Value = Segment> {
    let shape = prop_oneof![
        (0.0..800.0).prop_map(|w| Shape::Constant { w }),
        (0.0..800.0, 0.0..800.0).prop_map(|(from_w, to_w)| Shape::Ramp { from_w, to_w }),
        (0.0..800.0, 0.0..=1.0, 0.001..3.0).prop_map(|(mean_w, share, period_s)| Shape::Sine {
            mean_w,
            amplitude_w: mean_w * share,
            period_s
        }),
        (0.0..400.0, 0.0..800.0, 0.001..3.0, 0.0..=1.0)
            .prop_map(|(low_w, high_w, period_s, duty)| Shape::Square { low_w, high_w, period_s, duty }),
    ];
    (0.001..10.0, shape).prop_map(|(for_s, shape)| Segment { for_s, shape })
}

proptest! {
    #[test]
    fn energy_adds_up(
        segments in prop::collection::vec(any_segment(), 1..6), repeat: bool,
        a in -10.0..200.0, b in -10.0..200.0, c in -10.0..200.0,
    ) {
        let signal = Signal::new(segments, repeat);
        let parts = signal.energy_j(a, b) + signal.energy_j(b, c);
        prop_assert!((parts - signal.energy_j(a, c)).abs() < 1e-6, "{parts} J in parts");
    }

    #[test]
    fn energy_never_falls(
        segments in prop::collection::vec(any_segment(), 1..6), repeat: bool,
        from in -10.0..200.0, length in 0.0..50.0,
    ) {
        prop_assert!(Signal::new(segments, repeat).energy_j(from, from + length) > -1e-9);
    }
}
