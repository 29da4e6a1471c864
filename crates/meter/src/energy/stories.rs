//! How the energy of a counter's tick cell is shared out at a moment inside it.
//!
//! Three cells of the counter around the moment are known exactly, and each power reading is the mean over a time of its
//! own. What the load did meanwhile is not known, so the share is the mean over a mixture of *stories*: the power
//! stayed, changed once, changed twice, or changed exactly at the moment. Between its changes the load has a texture,
//! white at a millisecond and bounded at the rounds of a decode. Within one story everything is linear and Gaussian, so
//! its evidence and its answer are closed forms (Bayesian linear regression). `docs/estimator.md` derives them.
//!
//! Times are seconds from the moment, so the moment is 0; energies are joules.

use super::constants as known;
use super::linear::{cholesky, dot, forward, small_backward, small_cholesky, small_forward};
use super::steps::Steps;
use super::surroundings::{Observed, Reading, Surroundings, observations};

/// The share before the moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Share {
    /// Energy of the cell before the moment.
    pub before_j: f64,
    /// Its standard deviation.
    pub deviation_j: f64,
    /// How well each way to read the sensor explains what was seen, as the logarithm of its evidence; in the order of the
    /// ways, and last the one that believes no reading.
    pub log_evidence: Vec<f64>,
}

/// What a load may do between its changes: white, by rounds, which are remembered for so long, how smooth the energy of a
/// round is, and how likely all that is. Rounds of decode are of many kernels; a swing between two levels is of few, whose
/// power is bounded, so that its energy has a slope everywhere.
const TEXTURES: [(f64, f64, f64, f64, f64); 4] = [
    (known::WEAK_WHITE, known::WEAK_ROUND, known::ROUND_S, 0.0, 1.0),
    (known::USUAL_WHITE, known::USUAL_ROUND, known::ROUND_S, 0.0, 1.0),
    (known::STRONG_WHITE, known::STRONG_ROUND, known::ROUND_S, 0.0, 1.0),
    (known::USUAL_WHITE, known::SWING_ROUND, known::SWING_S, 1.0, known::SWING_PRIOR),
];

/// What the load does between its changes.
#[derive(Clone, Copy)]
struct Texture {
    /// Variance of the energy for each second, J^2/s.
    white: f64,
    /// Variance of what a round of the load holds on one side of a moment, J^2.
    round: f64,
    /// How long a round is remembered, seconds.
    memory_s: f64,
    /// 0: exponential (Ornstein-Uhlenbeck); 1: Matern of order 3/2.
    smoothness: f64,
}

impl Texture {
    /// Covariance of the energies of two times.
    fn covariance(&self, a: (f64, f64), b: (f64, f64)) -> f64 {
        let overlap_s = (a.1.min(b.1) - a.0.max(b.0)).max(0.0);
        let near = |x: f64, y: f64| {
            let apart = (x - y).abs() / self.memory_s;
            (1.0 + self.smoothness * apart) * (-apart).exp()
        };
        let rounds = near(a.0, b.0) + near(a.1, b.1) - near(a.0, b.1) - near(a.1, b.0);
        self.white * overlap_s + self.round * rounds
    }
}

/// The energy of `[from, to]` that a step of 1 W at `at` adds.
fn after_step(from_s: f64, to_s: f64, at_s: f64) -> f64 {
    (to_s - from_s.max(at_s)).max(0.0)
}

/// Shares the cell out. `ways`: how the sensor may be read, each with the logarithm of what spoke for it before. Answers
/// `None` where no cell holds the moment.
pub fn share(around: &Surroundings, ways: &[(Reading, f64)], log_prior_none: f64) -> Option<Share> {
    let cell = around.cells.iter().find(|cell| cell.from_s <= 0.0 && cell.to_s >= 0.0)?;
    let target = (cell.from_s, 0.0);
    let told_s: f64 = around.cells.iter().map(|cell| cell.to_s - cell.from_s).sum();
    let mean_w = around.cells.iter().map(|cell| cell.energy_j).sum::<f64>() / told_s;
    let active_w = (mean_w - around.idle_w).max(known::LEAST_ACTIVE_W);
    let steps = Steps::over(around, cell);
    let mut mixture = Mixture::default();
    let all = ways.iter().map(|(reading, prior)| (Some(*reading), *prior)).chain([(None, log_prior_none)]);
    let mut models = Vec::with_capacity(TEXTURES.len() * (ways.len() + 1));
    for (way, (reading, log_prior)) in all.enumerate() {
        let (observed, log_scale) = observations(around, reading, mean_w);
        for (share, round, memory_s, smoothness, prior) in TEXTURES {
            let deviation_j = share * active_w * known::TEXTURE_S;
            let texture = Texture {
                white: deviation_j * deviation_j / known::TEXTURE_S,
                round: (round * active_w * known::TEXTURE_S).powi(2),
                memory_s,
                smoothness,
            };
            if let Some(model) = Model::new(&observed, target, texture, mean_w) {
                let model = model.with(way, log_prior + log_scale + prior.ln());
                let outlook = model.tell_briefly(around, &steps, &mut mixture);
                models.push((outlook, model));
            }
        }
    }
    // What explains nothing with one change explains nothing with two that another would not explain better.
    let best = models.iter().map(|(outlook, _)| *outlook).fold(f64::NEG_INFINITY, f64::max);
    for (outlook, model) in &models {
        if *outlook > best - known::OUTLOOK {
            model.tell(around, &steps, &mut mixture);
        }
    }
    let (before_j, deviation_j, log_evidence) = mixture.moments(ways.len() + 1)?;
    // Nothing is drawn from a device: the share lies between nothing and all.
    let idle_j = 0.5 * around.idle_w * -cell.from_s;
    let most_j = (cell.energy_j - 0.5 * around.idle_w * cell.to_s).max(idle_j);
    Some(Share { before_j: before_j.clamp(idle_j.min(cell.energy_j), most_j), deviation_j, log_evidence })
}

/// One texture and one way to read the sensor: all that its stories have in common.
struct Model {
    way: usize,
    log_prior: f64,
    observed: Vec<(f64, f64)>,
    lower: Vec<f64>,
    /// The observations, whitened.
    seen: Vec<f64>,
    /// Their covariance with the target, whitened.
    target_seen: Vec<f64>,
    target: (f64, f64),
    /// Logarithm of the evidence's part that is the same in every story.
    log_common: f64,
    /// What the texture alone says of the target.
    texture_j: f64,
    texture_variance: f64,
    mean_w: f64,
    level: Column,
}

/// A level or a step of 1 W, as the whitened observations show it.
#[derive(Clone, Default)]
struct Column {
    white: Vec<f64>,
    /// Its inner product with the whitened observations.
    seen: f64,
    /// What it adds to the target, less what the texture would take it for.
    target: f64,
}

impl Model {
    fn new(observed: &[Observed], target: (f64, f64), texture: Texture, mean_w: f64) -> Option<Self> {
        let n = observed.len();
        let time = |k: usize| (observed[k].from_s, observed[k].to_s);
        let mut lower = vec![0.0; n * n];
        for i in 0..n {
            for j in 0..=i {
                let noise = if i == j { observed[i].noise_j.powi(2) + 1e-12 } else { 0.0 };
                lower[i * n + j] =
                    texture.covariance(time(i), time(j)) + observed[i].gain_j * observed[j].gain_j + noise;
            }
        }
        cholesky(&mut lower, n)?;
        let mut seen = observed.iter().map(|o| o.energy_j - mean_w * (o.to_s - o.from_s)).collect::<Vec<_>>();
        forward(&lower, n, &mut seen);
        let mut target_seen = (0..n).map(|k| texture.covariance(target, time(k))).collect::<Vec<_>>();
        forward(&lower, n, &mut target_seen);
        let log_determinant: f64 = (0..n).map(|k| lower[k * n + k].ln()).sum();
        let mut model = Self {
            way: 0,
            log_prior: 0.0,
            observed: (0..n).map(time).collect(),
            log_common: -0.5 * dot(&seen, &seen) - log_determinant,
            texture_j: dot(&target_seen, &seen),
            texture_variance: (texture.covariance(target, target) - dot(&target_seen, &target_seen)).max(0.0),
            lower,
            seen,
            target_seen,
            target,
            mean_w,
            level: Column::default(),
        };
        model.level = model.column(|from_s, to_s| to_s - from_s);
        Some(model)
    }

    fn with(self, way: usize, log_prior: f64) -> Self {
        Self { way, log_prior, ..self }
    }

    fn column(&self, of: impl Fn(f64, f64) -> f64) -> Column {
        let mut white: Vec<f64> = self.observed.iter().map(|(from_s, to_s)| of(*from_s, *to_s)).collect();
        forward(&self.lower, white.len(), &mut white);
        Column {
            seen: dot(&white, &self.seen),
            target: of(self.target.0, self.target.1) - dot(&white, &self.target_seen),
            white,
        }
    }

    fn step(&self, at_s: f64) -> Column {
        self.column(|from_s, to_s| after_step(from_s, to_s, at_s))
    }

    /// Adds the stories of no change and of one on the coarse grid and near the mark; answers their evidence.
    fn tell_briefly(&self, around: &Surroundings, steps: &Steps, mixture: &mut Mixture) -> f64 {
        let mut best = mixture.add(self, self.story(&[], around), known::NO_CHANGE);
        for step in (0..steps.at_s.len()).filter(|step| !steps.is_fine(*step)) {
            best = best.max(self.tell_once(around, steps, step, mixture));
        }
        best
    }

    fn tell_once(&self, around: &Surroundings, steps: &Steps, step: usize, mixture: &mut Mixture) -> f64 {
        let column = self.step(steps.at_s[step]);
        let story = self.story(&[&column], around);
        let near = if story.is_expected { known::CHANGE_NEAR_MARK * steps.near[step] } else { 0.0 };
        mixture.add(self, story, known::ONE_CHANGE * steps.anywhere[step] + near)
    }

    /// Adds the other stories.
    fn tell(&self, around: &Surroundings, steps: &Steps, mixture: &mut Mixture) {
        for step in (0..steps.at_s.len()).filter(|step| steps.is_fine(*step)) {
            self.tell_once(around, steps, step, mixture);
        }
        let columns: Vec<Column> = steps.at_s[..steps.coarse].iter().map(|at_s| self.step(*at_s)).collect();
        let pairs = steps.coarse * (steps.coarse - 1) / 2;
        for first in 0..steps.coarse {
            for second in first + 1..steps.coarse {
                let in_order = steps.at_s[first] <= steps.at_s[second];
                let (first, second) = if in_order { (first, second) } else { (second, first) };
                let story = self.story(&[&columns[first], &columns[second]], around);
                mixture.add(self, story, known::TWO_CHANGES / pairs as f64);
            }
        }
        self.tell_beside_mark(around, steps, &columns, mixture);
    }

    /// The load begins or ends at the mark, and changes once more while it is there: a burst of prefill in the last cell.
    fn tell_beside_mark(
        &self,
        around: &Surroundings,
        steps: &Steps,
        coarse: &[Column],
        mixture: &mut Mixture,
    ) {
        let beyond = |at_s: f64, mark_s: f64| around.step * (at_s - mark_s) > 0.0;
        for (mark, near) in steps.near.iter().enumerate().filter(|(_, near)| **near > known::NEAR_ENOUGH) {
            let (at_mark, mark_s) = (self.step(steps.at_s[mark]), steps.at_s[mark]);
            for other in (1..steps.coarse).filter(|other| beyond(steps.at_s[*other], mark_s)) {
                let changes =
                    if around.step > 0.0 { [&at_mark, &coarse[other]] } else { [&coarse[other], &at_mark] };
                let story = self.story(&changes, around);
                if story.is_expected {
                    let prior = known::CHANGE_BESIDE_MARK * near * steps.anywhere[other];
                    mixture.add(self, story, prior);
                }
            }
        }
    }

    /// The closed form of one story: changes at these steps.
    fn story(&self, changes: &[&Column], around: &Surroundings) -> Story {
        let m = changes.len() + 1;
        let spread_w = known::LEVEL_SPREAD * (around.limit_w - around.idle_w).max(1.0);
        let precision = 1.0 / (spread_w * spread_w);
        let column = |k: usize| if k == 0 { &self.level } else { changes[k - 1] };
        let mut a = [[0.0; 3]; 3];
        let mut c = [0.0; 3];
        let mut t = [0.0; 3];
        for i in 0..m {
            for (j, entry) in a[i].iter_mut().enumerate().take(i + 1) {
                *entry = dot(&column(i).white, &column(j).white) + if i == j { precision } else { 0.0 };
            }
            (c[i], t[i]) = (column(i).seen, column(i).target);
        }
        let log_root = small_cholesky(&mut a, m);
        // a = L L'; what is asked for is c' a^-1 c, t' a^-1 t and t' a^-1 c.
        let (whitened_c, whitened_t) = (small_forward(&a, m, c), small_forward(&a, m, t));
        let inner = |x: &[f64; 3], y: &[f64; 3]| (0..m).map(|k| x[k] * y[k]).sum::<f64>();
        let steps_w = small_backward(&a, m, whitened_c);
        let mut level_w = self.mean_w;
        let mut log_plausible = 0.0;
        for step_w in &steps_w[..m] {
            level_w += step_w;
            let beyond_w = (around.idle_w - level_w).max(level_w - around.limit_w).max(0.0);
            log_plausible -= 0.5 * (beyond_w / known::BEYOND_W).powi(2);
        }
        // The load begins with the first change, or ends with the last.
        let (unloaded_w, jump_w) = if around.step > 0.0 {
            (self.mean_w + steps_w[0], steps_w[1])
        } else {
            (level_w, steps_w[m - 1])
        };
        let fits_step =
            around.step * jump_w > 0.0 && unloaded_w < around.idle_w + known::IDLE_SHARE * jump_w.abs();
        Story {
            log_evidence: self.log_common + 0.5 * inner(&whitened_c, &whitened_c) - log_root
                + 0.5 * m as f64 * precision.ln()
                + log_plausible,
            is_expected: m > 1 && fits_step,
            mean_j: self.mean_w * (self.target.1 - self.target.0)
                + self.texture_j
                + inner(&whitened_t, &whitened_c),
            variance: self.texture_variance + inner(&whitened_t, &whitened_t),
        }
    }
}

/// What a story answers.
#[derive(Clone, Copy)]
struct Story {
    log_evidence: f64,
    /// Whether its first or last step is one between idle and load, in the expected direction.
    is_expected: bool,
    mean_j: f64,
    variance: f64,
}

/// The stories so far. Weights are kept relative to the best one, so that none of them underflows.
#[derive(Default)]
struct Mixture {
    stories: Vec<(usize, f64, f64, f64)>,
}

impl Mixture {
    /// Adds a story; answers the logarithm of its weight.
    fn add(&mut self, model: &Model, story: Story, prior: f64) -> f64 {
        let log_weight = story.log_evidence + model.log_prior + prior.ln();
        if log_weight.is_finite() && story.mean_j.is_finite() {
            self.stories.push((model.way, log_weight, story.mean_j, story.variance.max(0.0)));
            log_weight
        } else {
            f64::NEG_INFINITY
        }
    }

    /// Mean and standard deviation of the mixture, and each way's evidence.
    fn moments(&self, ways: usize) -> Option<(f64, f64, Vec<f64>)> {
        let best = self.stories.iter().map(|story| story.1).reduce(f64::max)?;
        let (mut sum, mut first, mut second) = (0.0, 0.0, 0.0);
        let mut evidence = vec![0.0; ways];
        for (way, log_weight, mean_j, variance) in &self.stories {
            let weight = (log_weight - best).exp();
            sum += weight;
            first += weight * mean_j;
            second += weight * (variance + mean_j * mean_j);
            evidence[*way] += weight;
        }
        let mean_j = first / sum;
        let variance = (second / sum - mean_j * mean_j).max(0.0);
        let log_evidence = evidence.iter().map(|weight| weight.max(f64::MIN_POSITIVE).ln() + best).collect();
        Some((mean_j, variance.sqrt(), log_evidence))
    }
}
