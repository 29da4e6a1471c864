//! Random serving loads, seen through a power sensor and an energy counter that tick: what the estimates are
//! tested on, thousands of windows in a second. Decode rounds of 25 ms at 480 and 330 W, prefill bursts of 150 ms at
//! 690 W.

use super::{History, Integral};
use crate::clock::{NS_PER_MS, NS_PER_S};
use crate::window::EDGE_SPAN_NS;

const IDLE_W: f64 = 75.0;
const BURST_W: f64 = 690.0;
const BURST_NS: u64 = 150 * NS_PER_MS;
const ROUND_NS: u64 = 25 * NS_PER_MS;
/// Where every window starts, give or take a tick.
const LEAD_IN_NS: u64 = 2 * NS_PER_S;

/// How the window, the sensor and the counter of a trial lie.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    pub length_ns: u64,
    /// The load fills the window exactly, idle on both sides; otherwise it goes on for a second around it.
    pub fills_window: bool,
    pub counter_period_ns: u64,
}

/// Errors of the corrected counter, the plain counter and the integral, in percent of the true energy.
#[derive(Clone, Copy, Debug)]
pub struct Errors {
    pub corrected: f64,
    pub raw: f64,
    pub integral: f64,
}

/// SplitMix64 (Steele et al. 2014): the same numbers in every build.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Uniform in `[low, high)`.
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        low + (high - low) * ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small positive times")]
    pub fn ns_below(&mut self, limit_ns: u64) -> u64 {
        self.between(0.0, limit_ns as f64) as u64
    }
}

/// Piecewise constant power with its energy up to each step.
struct Load {
    steps: Vec<(u64, f64, f64)>,
}

impl Load {
    fn serving(random: &mut Random, from_ns: u64, to_ns: u64) -> Self {
        let mut load = Self { steps: vec![(0, IDLE_W, 0.0)] };
        let mut at_ns = from_ns;
        let mut next_burst_ns = at_ns + random.ns_below(1300 * NS_PER_MS);
        while at_ns < to_ns {
            if at_ns >= next_burst_ns {
                load.step(at_ns, BURST_W);
                at_ns += BURST_NS;
                next_burst_ns = at_ns + random.ns_below(1300 * NS_PER_MS);
            } else {
                load.step(at_ns, 480.0);
                let high_ns = ROUND_NS * 2 / 5 + random.ns_below(ROUND_NS / 5);
                if at_ns + high_ns < to_ns {
                    load.step(at_ns + high_ns, 330.0);
                }
                at_ns += ROUND_NS;
            }
        }
        load.step(to_ns, IDLE_W);
        load
    }

    fn step(&mut self, at_ns: u64, power_w: f64) {
        let joules = self.joules(at_ns);
        self.steps.push((at_ns, power_w, joules));
    }

    fn joules(&self, at_ns: u64) -> f64 {
        let index = self.steps.partition_point(|(start_ns, _, _)| *start_ns <= at_ns) - 1;
        let (start_ns, power_w, joules) = self.steps[index];
        joules + power_w * (at_ns - start_ns) as f64 / 1e9
    }
}

/// The errors of one random window: what the sampler's polling makes of a load, without its threads.
pub fn trial(random: &mut Random, setting: Setting) -> Errors {
    let (period_ns, sensor_window_ns) = (100 * NS_PER_MS, 25 * NS_PER_MS);
    let phase_ns = random.ns_below(period_ns);
    let start_ns = LEAD_IN_NS + random.ns_below(period_ns);
    let end_ns = start_ns + setting.length_ns;
    let margin_ns = if setting.fills_window { 0 } else { NS_PER_S };
    let load = Load::serving(random, start_ns - margin_ns, end_ns + margin_ns);
    let tick = |at_ns: u64, period_ns: u64| phase_ns + at_ns.saturating_sub(phase_ns) / period_ns * period_ns;
    let power_w = |at_ns: u64| {
        let tick_ns = tick(at_ns, period_ns);
        (load.joules(tick_ns) - load.joules(tick_ns.saturating_sub(sensor_window_ns))) / 0.025
    };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "millijoules of seconds")]
    let counter_mj = |at_ns: u64| (load.joules(tick(at_ns, setting.counter_period_ns)) * 1e3) as u64;
    let is_dense = |at_ns: u64| {
        [start_ns, end_ns].iter().any(|edge_ns| (*edge_ns..*edge_ns + EDGE_SPAN_NS).contains(&at_ns))
    };

    let mut history = History::new(3 * NS_PER_S, 10 * NS_PER_MS);
    let mut integral = Integral::new(start_ns, NS_PER_S);
    integral.close(end_ns);
    let mut start_edge = None;
    let mut deadline_ns = NS_PER_S + random.ns_below(10 * NS_PER_MS);
    let mut counter_due_ns = 0;
    let mut edges = [start_ns, end_ns].into_iter().peekable();
    while deadline_ns < end_ns + EDGE_SPAN_NS {
        let edge_ns = edges.next_if(|next_ns| *next_ns < deadline_ns);
        let now_ns = edge_ns.unwrap_or(deadline_ns) + random.ns_below(80_000);
        history.push_power(now_ns, power_w(now_ns));
        integral.push(now_ns, power_w(now_ns));
        if edge_ns.is_some() || now_ns >= counter_due_ns {
            let read_ns = now_ns + 100_000;
            history.push_counter(read_ns, counter_mj(read_ns));
            let step_ns = if is_dense(now_ns) { 10 } else { 100 } * NS_PER_MS;
            counter_due_ns = (now_ns / step_ns + 1) * step_ns;
        }
        if edge_ns.is_none() {
            deadline_ns += 10 * NS_PER_MS;
        }
        if start_edge.is_none() && now_ns >= start_ns + EDGE_SPAN_NS {
            start_edge = history.counter_at(start_ns);
        }
    }
    let start = start_edge.expect("the counter was read at the left edge");
    let end = history.counter_at(end_ns).expect("the counter was read at the right edge");
    let true_j = load.joules(end_ns) - load.joules(start_ns);
    let error_pct = |joules: f64| 100.0 * (joules / true_j - 1.0);
    Errors {
        corrected: error_pct(end.corrected_j - start.corrected_j),
        raw: error_pct(end.raw_j - start.raw_j),
        integral: error_pct(integral.joules().expect("readings")),
    }
}
