//! Squares of any period, height and share: loads that no sensor of 100 ms follows.

use super::adapter::judge;
use super::driver::Board;
use super::load::{Load, Range};
use super::random::Random;
use super::scene::Scene;
use super::sensor::Average;
use crate::clock::{NS_PER_MS as MS, NS_PER_S as S};

const PERIODS_MS: [u64; 15] = [40, 50, 65, 80, 90, 100, 110, 120, 130, 150, 180, 220, 270, 330, 400];
/// Low and high, watts, and the share of the time that is high.
const SQUARES: [(f64, f64, f64); 6] = [
    (75.0, 600.0, 0.5),
    (75.0, 600.0, 0.2),
    (75.0, 600.0, 0.8),
    (200.0, 500.0, 0.5),
    (75.0, 300.0, 0.4),
    (300.0, 690.0, 0.6),
];
const SEEDS: u64 = 2;

/// Windows inside, those outside without a warning, and by how much those are off in their uncertainty.
#[derive(Default, Debug)]
struct Found {
    windows: u32,
    inside: u32,
    silent: u32,
    worst: f64,
    off_j: f64,
    uncertainty_j: f64,
}

fn square(
    period_ms: u64,
    (low_w, high_w, share): (f64, f64, f64),
    length_ns: u64,
    seed: u64,
) -> (Scene, Random) {
    let mut dice = Random::new(
        seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ period_ms ^ (high_w + low_w + share).to_bits(),
    );
    let mut load = Load::idle(75.0);
    let start_ns = 9 * S + dice.ns_below(100 * MS);
    let end_ns = start_ns + length_ns + dice.ns_below(100 * MS);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a part of a period")]
    let high_ns = (period_ms as f64 * 1e6 * share) as u64;
    let mut at_ns = start_ns - S - dice.ns_below(400 * MS);
    while at_ns < end_ns + S {
        load.step(at_ns, high_w);
        load.step(at_ns + high_ns, low_w);
        at_ns += period_ms * MS;
    }
    load.step(at_ns, 75.0);
    let board = Board { average: Average::None, ..Board::MODELLED };
    let range = Range { idle_w: 75.0, limit_w: 700.0 };
    let earlier_edges_ns = vec![3 * S + S / 2, start_ns - 2 * S];
    (Scene { load, board, range, opened_ns: 3 * S, earlier_edges_ns, start_ns, end_ns }, dice)
}

#[test]
fn a_square_of_any_period_is_inside_its_uncertainty_or_said_to_be_doubtful() {
    for length_s in [1, 5] {
        let mut all = Found::default();
        for period_ms in PERIODS_MS {
            let mut found = Found::default();
            for (shape, seed) in
                SQUARES.into_iter().flat_map(|shape| (1..=SEEDS).map(move |seed| (shape, seed)))
            {
                let (scene, mut dice) = square(period_ms, shape, length_s * S, seed);
                let recording = scene.record(&mut dice);
                let report = judge(&recording);
                let (Some(total_j), Some(uncertainty_j)) = (report.headline.total_j, report.uncertainty_j())
                else {
                    continue;
                };
                let off_j = (total_j - recording.true_j).abs();
                let is_warned = report.headline.findings.iter().any(|finding| finding.is_warning);
                found.windows += 1;
                found.inside += u32::from(off_j <= uncertainty_j);
                found.silent += u32::from(off_j > uncertainty_j && !is_warned);
                found.worst = found.worst.max(off_j / uncertainty_j);
                found.off_j += off_j;
                found.uncertainty_j += uncertainty_j;
            }
            println!("{length_s} s, {period_ms} ms: {found:.2?}");
            assert!(f64::from(found.silent) <= 0.17 * f64::from(found.windows), "{period_ms} ms: {found:?}");
            all.windows += found.windows;
            all.inside += found.inside;
            all.worst = all.worst.max(found.worst);
        }
        println!("{length_s} s: {all:.2?}");
        assert!(f64::from(all.inside) >= 0.92 * f64::from(all.windows), "{length_s} s: {all:?}");
    }
}
