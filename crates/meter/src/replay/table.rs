//! How often and how far the estimator is right, by kind of board, kind of load and length.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use super::adapter::judge;
use super::classes::{Class, FAMILIES, Family};
use super::load::Shape;
use super::random::Random;
use super::scene::Scene;
use crate::clock::{NS_PER_S, thread_cpu_ns};
use crate::window::DeviceReport;

/// What the estimator said of one window, beside the truth.
#[derive(Clone, Copy, Debug)]
pub struct Outcome {
    /// The truth, joules.
    pub true_j: f64,
    /// What was quoted, if anything.
    pub total_j: Option<f64>,
    /// How far that may be off.
    pub uncertainty_j: Option<f64>,
    /// The same with the board's gain.
    pub absolute_uncertainty_j: Option<f64>,
    /// Whether the estimator panicked, so that the window was lost.
    pub panicked: bool,
    /// CPU time of the estimator, nanoseconds.
    pub cost_ns: u64,
    /// Whether the load was constant, so that its error says nothing of the usual one.
    pub is_constant: bool,
}

/// Many windows of one kind.
#[derive(Clone, Copy, Debug, Default)]
pub struct Summary {
    /// All windows.
    pub windows: usize,
    /// Those without a number.
    pub null: usize,
    /// Those in which the estimator panicked; they are no part of `null`.
    pub panics: usize,
    /// Median and 95th percentile of the absolute error, percent of the truth.
    pub error_p50_pct: f64,
    /// The 95th percentile of the same.
    pub error_p95_pct: f64,
    /// Mean of the error with its sign, percent of the truth.
    pub bias_pct: f64,
    /// The share of the windows with a number whose truth is within its uncertainty; without one it is not.
    pub covered: f64,
    /// The same within the uncertainty that holds the board's gain, by which classes of a gain are judged.
    pub covered_absolutely: f64,
    /// Median uncertainty over the root mean square of the error, both in percent of the truth; constant loads apart.
    pub uncertainty_over_rms: f64,
    /// Median uncertainty, percent of the truth.
    pub uncertainty_p50_pct: f64,
    /// Numbers that claim to be exact.
    pub zero_uncertainty: usize,
    /// Mean CPU time of the estimator for a window, milliseconds.
    pub cost_ms: f64,
}

impl Summary {
    /// Sums up.
    pub fn of(outcomes: &[Outcome]) -> Self {
        let pct = |outcome: &Outcome, joules: f64| 100.0 * joules / outcome.true_j;
        let quoted: Vec<(f64, Option<f64>)> = outcomes
            .iter()
            .filter_map(|outcome| {
                let error_pct = pct(outcome, outcome.total_j? - outcome.true_j);
                Some((error_pct, outcome.uncertainty_j.map(|joules| pct(outcome, joules))))
            })
            .collect();
        let count = quoted.len().max(1) as f64;
        let errors_pct = sorted(quoted.iter().map(|(error_pct, _)| error_pct.abs()));
        let uncertainties_pct = sorted(quoted.iter().filter_map(|(_, uncertainty_pct)| *uncertainty_pct));
        let covers = |(error_pct, uncertainty_pct): &&(f64, Option<f64>)| {
            uncertainty_pct.is_some_and(|uncertainty_pct| error_pct.abs() <= uncertainty_pct)
        };
        let panics = outcomes.iter().filter(|outcome| outcome.panicked).count();
        Self {
            windows: outcomes.len(),
            null: outcomes.len() - quoted.len() - panics,
            panics,
            error_p50_pct: quantile(&errors_pct, 0.5),
            error_p95_pct: quantile(&errors_pct, 0.95),
            bias_pct: quoted.iter().map(|(error_pct, _)| error_pct).sum::<f64>() / count,
            covered_absolutely: outcomes.iter().filter(|outcome| is_covered_absolutely(outcome)).count()
                as f64
                / count,
            covered: quoted.iter().filter(covers).count() as f64 / count,
            uncertainty_over_rms: uncertainty_over_rms(outcomes),
            uncertainty_p50_pct: quantile(&uncertainties_pct, 0.5),
            zero_uncertainty: uncertainties_pct.iter().filter(|pct| **pct <= 0.0).count(),
            cost_ms: outcomes.iter().map(|outcome| outcome.cost_ns as f64).sum::<f64>()
                / outcomes.len().max(1) as f64
                / 1e6,
        }
    }
}

fn is_covered_absolutely(outcome: &Outcome) -> bool {
    let quoted = outcome.total_j.zip(outcome.absolute_uncertainty_j);
    quoted.is_some_and(|(total_j, uncertainty_j)| (total_j - outcome.true_j).abs() <= uncertainty_j)
}

fn uncertainty_over_rms(outcomes: &[Outcome]) -> f64 {
    let (mut squares, mut uncertainties) = (Vec::new(), Vec::new());
    for outcome in outcomes.iter().filter(|outcome| !outcome.is_constant) {
        let Some(total_j) = outcome.total_j else { continue };
        squares.push((total_j / outcome.true_j - 1.0).powi(2));
        uncertainties.extend(outcome.uncertainty_j.map(|uncertainty_j| uncertainty_j / outcome.true_j));
    }
    let rms = (squares.iter().sum::<f64>() / squares.len().max(1) as f64).sqrt();
    quantile(&sorted(uncertainties.into_iter()), 0.5) / rms
}

fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut sorted: Vec<f64> = values.collect();
    sorted.sort_by(f64::total_cmp);
    sorted
}

fn quantile(sorted: &[f64], share: f64) -> f64 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index")]
    let index = (sorted.len() as f64 * share) as usize;
    sorted.get(index.min(sorted.len().saturating_sub(1))).copied().unwrap_or(f64::NAN)
}

/// What to count together.
#[derive(Clone, Copy, Debug)]
pub struct Cell {
    /// The board.
    pub class: &'static Class,
    /// The length of the windows, seconds.
    pub length_s: u64,
    /// What the row is called.
    pub loads: &'static str,
    /// The loads, in turn.
    pub families: &'static [Family],
}

/// The cells of a class: for each length the ordinary loads together and those in step together, or each apart.
pub fn cells(class: &'static Class, lengths_s: &[u64], each_family: bool) -> Vec<Cell> {
    const ALL: &[Family] = &FAMILIES;
    // Those in step with the sensor come last.
    let (ordinary, in_step) = ALL.split_at(ALL.partition_point(|family| !family.in_step));
    let groups: Vec<(&str, &[Family])> = if each_family {
        ALL.iter().map(|family| (family.name, std::slice::from_ref(family))).collect()
    } else {
        vec![("ordinary", ordinary), ("in step", in_step)]
    };
    let of_length =
        |length_s| groups.iter().map(move |(loads, families)| Cell { class, length_s, loads, families });
    lengths_s.iter().copied().flat_map(of_length).collect()
}

impl Cell {
    /// The scene of one window and the dice to record it with; the same whatever else is in the table.
    pub fn scene(&self, seed: u64, window: usize) -> (Scene, Random) {
        let family = self.families[window % self.families.len()];
        let number = window as u64 / self.families.len() as u64;
        let mut hash = seed ^ number.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ (self.length_s << 56);
        for byte in self.class.name.bytes().chain(family.name.bytes()) {
            // FNV-1a.
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3);
        }
        let mut dice = Random::new(hash);
        let length_ns = self.length_s * NS_PER_S;
        (Scene::random(self.class.board, family.shape, family.placement, length_ns, &mut dice), dice)
    }

    /// What is told of one window, for whoever looks for why it is wrong.
    pub fn tell(&self, seed: u64, window: usize) -> String {
        let (scene, mut dice) = self.scene(seed, window);
        let recording = scene.record(&mut dice);
        let report = judge(&recording);
        let parts: Vec<_> =
            report.headline.budget.components.iter().map(|part| (part.component, part.standard_j)).collect();
        format!(
            "true {:.2} off {:+.2?} U {:.2?} {:?}, ticks {:?} and {:?} ns apart, {:?} {parts:.2?} {:?}",
            recording.true_j,
            report.headline.total_j.map(|joules| joules - recording.true_j),
            report.uncertainty_j(),
            report.kind,
            report.measured_update_period_ns,
            report.counter_period_ns,
            report.headline.reason,
            report.headline.findings.iter().map(|finding| finding.code).collect::<Vec<_>>(),
        )
    }

    /// Records and judges one window.
    pub fn outcome(&self, seed: u64, window: usize) -> Outcome {
        let (scene, mut dice) = self.scene(seed, window);
        let recording = scene.record(&mut dice);
        let before_ns = thread_cpu_ns();
        let report = catch_unwind(AssertUnwindSafe(|| judge(&recording)));
        let cost_ns = thread_cpu_ns() - before_ns;
        let headline = report.as_ref().ok().map(|report| &report.headline);
        Outcome {
            true_j: recording.true_j,
            total_j: headline.and_then(|headline| headline.total_j),
            uncertainty_j: report.as_ref().ok().and_then(DeviceReport::uncertainty_j),
            absolute_uncertainty_j: report.as_ref().ok().and_then(DeviceReport::absolute_uncertainty_j),
            panicked: report.is_err(),
            cost_ns,
            is_constant: self.families[window % self.families.len()].shape == Shape::Constant,
        }
    }
}

/// Judges `windows` windows of each cell, on `threads` threads; `done` hears of each cell as it is finished.
pub fn run(
    cells: &[Cell],
    windows: usize,
    seed: u64,
    threads: usize,
    done: impl Fn(&Cell, &Summary) + Sync,
) -> Vec<Summary> {
    let summaries = Mutex::new(vec![Summary::default(); cells.len()]);
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some((index, cell)) = Some(next.fetch_add(1, Ordering::Relaxed))
                    .and_then(|index| Some((index, cells.get(index)?)))
                {
                    let outcomes: Vec<Outcome> =
                        (0..windows).map(|window| cell.outcome(seed, window)).collect();
                    let summary = Summary::of(&outcomes);
                    done(cell, &summary);
                    summaries.lock().unwrap_or_else(PoisonError::into_inner)[index] = summary;
                }
            });
        }
    });
    summaries.into_inner().unwrap_or_else(PoisonError::into_inner)
}
