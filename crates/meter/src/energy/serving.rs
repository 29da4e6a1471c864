//! Random loads, seen through a power sensor and an energy counter that tick, read when the sampler would: what the
//! estimates are tested on, hundreds of windows in a second. The serving load has decode rounds of 25 ms at 480 and
//! 330 W and prefill bursts of 150 ms at 690 W.

use super::{History, Sensor};
use crate::clock::{NS_PER_MS, NS_PER_S, seconds};
use crate::sample::{CounterReading, Sample};
use crate::sampler::OPENING_SPAN_NS;
use crate::sampler::poller::{Pace, next_due};
use crate::sampler::schedule::Schedule;
use crate::window::device::DeviceWindow;
use crate::window::{DeviceReport, EDGE_SPAN_NS, GapCaps};

const IDLE_W: f64 = 75.0;
const BURST_W: f64 = 690.0;
const BURST_NS: u64 = 150 * NS_PER_MS;
const ROUND_NS: u64 = 25 * NS_PER_MS;
const SQUARE_NS: u64 = 100 * NS_PER_MS;
/// Idle before the load.
const LEAD_IN_NS: u64 = 7 * NS_PER_S;
/// Where a baseline ends that is measured first, as an experiment does: an edge like any other.
const BASELINE_END_NS: u64 = 5 * NS_PER_S;
const PACE: Pace =
    Pace { interval_ns: 10 * NS_PER_MS, slow_interval_ns: 100 * NS_PER_MS, tick_locked: false };
const CAPS: GapCaps = GapCaps { power_ns: NS_PER_S / 2, slow_ns: NS_PER_S };

/// What the device does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    Serving,
    /// Decode rounds of 8 to 45 ms at 480 and 330 W, alike for a while, between prefill bursts.
    Rounds,
    /// In step with the sensor: half of every update period at full power.
    Square,
    Constant,
    /// Bursts of 50 to 400 ms with idle between them, that begin and end wherever the window does.
    Bursts,
    /// Slowly up and down between idle and full power.
    Ramp,
}

/// How the load, the window, the sensor and the counter of a trial lie.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    pub shape: Shape,
    pub length_ns: u64,
    /// The load fills the window exactly, idle on both sides; otherwise it goes on for a second around it.
    pub fills_window: bool,
    pub sensor: Sensor,
    pub counter_period_ns: u64,
    /// The counter ticks at a moment of its own, and not with the sensor.
    pub apart: bool,
    /// From the first reading to the window, at least.
    pub lead_in_ns: u64,
}

/// What the meter says of a window, and the truth.
pub struct Trial {
    pub report: DeviceReport,
    pub true_j: f64,
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
    fn of(shape: Shape, random: &mut Random, from_ns: u64, to_ns: u64) -> Self {
        let mut load = Self { steps: vec![(0, IDLE_W, 0.0)] };
        match shape {
            Shape::Serving => load.serve(random, from_ns, to_ns),
            Shape::Rounds => load.decode(random, from_ns, to_ns),
            Shape::Constant => load.step(from_ns, 480.0),
            Shape::Bursts => load.burst(random, from_ns, to_ns),
            Shape::Ramp => load.ramp(random, from_ns, to_ns),
            Shape::Square => {
                for at_ns in (from_ns..to_ns).step_by(usize::try_from(SQUARE_NS).unwrap_or(usize::MAX)) {
                    load.step(at_ns, 480.0);
                    load.step((at_ns + SQUARE_NS / 2).min(to_ns), IDLE_W);
                }
            }
        }
        load.step(to_ns, IDLE_W);
        load
    }

    fn burst(&mut self, random: &mut Random, from_ns: u64, to_ns: u64) {
        let mut at_ns = from_ns + random.ns_below(1500 * NS_PER_MS);
        while at_ns < to_ns {
            self.step(at_ns, BURST_W);
            at_ns += 50 * NS_PER_MS + random.ns_below(350 * NS_PER_MS);
            self.step(at_ns, IDLE_W);
            at_ns += 100 * NS_PER_MS + random.ns_below(1400 * NS_PER_MS);
        }
        self.steps.retain(|(step_ns, _, _)| *step_ns < to_ns);
    }

    fn decode(&mut self, random: &mut Random, from_ns: u64, to_ns: u64) {
        let mut at_ns = from_ns;
        while at_ns < to_ns {
            let round_ns = 8 * NS_PER_MS + random.ns_below(37 * NS_PER_MS);
            let high_ns = round_ns * 2 / 5 + random.ns_below(round_ns / 5);
            let until_ns = at_ns + 100 * NS_PER_MS + random.ns_below(1200 * NS_PER_MS);
            while at_ns < until_ns {
                self.step(at_ns, 480.0);
                self.step(at_ns + high_ns, 330.0);
                at_ns += round_ns;
            }
            self.step(at_ns, BURST_W);
            at_ns += BURST_NS;
        }
        self.steps.retain(|(step_ns, _, _)| *step_ns < to_ns);
    }

    fn ramp(&mut self, random: &mut Random, from_ns: u64, to_ns: u64) {
        let phase_s = random.between(0.0, 4.0);
        for at_ns in (from_ns..to_ns).step_by(1_000_000) {
            let share = ((at_ns - from_ns) as f64 / 1e9 + phase_s) % 4.0 / 2.0;
            self.step(at_ns, 100.0 + 550.0 * share.min(2.0 - share));
        }
    }

    fn serve(&mut self, random: &mut Random, from_ns: u64, to_ns: u64) {
        let load = self;
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
        // The last round or burst may reach beyond the end.
        load.steps.retain(|(step_ns, _, _)| *step_ns < to_ns);
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

/// How late a mark is: exponential, 0.7 ms on the mean, as those of a program that shares two cores with others.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few milliseconds")]
fn late_ns(random: &mut Random) -> u64 {
    (-0.7e6 * random.between(f64::MIN_POSITIVE, 1.0).ln()).min(4e6) as u64
}

/// One random window: what the sampler's polling makes of a load, without its threads.
pub fn trial(random: &mut Random, setting: Setting) -> Trial {
    let (period_ns, sensor_window_ns) = (setting.sensor.update_period_ns, setting.sensor.window_ns);
    let phase_ns = random.ns_below(period_ns);
    let counter_phase_ns = if setting.apart { random.ns_below(setting.counter_period_ns) } else { phase_ns };
    let start_ns = LEAD_IN_NS + random.ns_below(period_ns);
    // A little longer, so that the errors of the two edges do not cancel as they do over whole update periods.
    let length_ns = setting.length_ns + random.ns_below(period_ns);
    let end_ns = start_ns + length_ns;
    // Not whole rounds, so that the edge is at any place in one.
    let margin_ns = if setting.fills_window { 0 } else { NS_PER_S + random.ns_below(period_ns) };
    let load = Load::of(setting.shape, random, start_ns - margin_ns, end_ns + margin_ns);
    // The load is there first, as where a program marks what it has begun.
    let (start_ns, end_ns) = (start_ns + late_ns(random), end_ns + late_ns(random));
    let tick = |at_ns: u64, phase_ns: u64, period_ns: u64| {
        phase_ns + at_ns.saturating_sub(phase_ns) / period_ns * period_ns
    };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few hundred watts")]
    let power_mw = |at_ns: u64| {
        let tick_ns = tick(at_ns, phase_ns, period_ns);
        let seen_j = load.joules(tick_ns) - load.joules(tick_ns.saturating_sub(sensor_window_ns));
        (seen_j / seconds(sensor_window_ns) * 1e3).round() as u32
    };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "millijoules of seconds")]
    let energy_mj =
        |at_ns: u64| (load.joules(tick(at_ns, counter_phase_ns, setting.counter_period_ns)) * 1e3) as u64;

    let mut history = History::new(3 * NS_PER_S, 10 * NS_PER_MS, setting.sensor);
    history.limit(Some(700.0));
    let mut window: Option<DeviceWindow> = None;
    let mut latest = None;
    let opened_ns = start_ns - setting.lead_in_ns - random.ns_below(PACE.interval_ns);
    let baseline_ns = (setting.lead_in_ns > 4 * NS_PER_S).then_some(BASELINE_END_NS);
    let mut schedule = Schedule::new(opened_ns, PACE.interval_ns);
    let mut counter_due_ns = opened_ns;
    let mut edges = baseline_ns.into_iter().chain([start_ns, end_ns]).peekable();
    let mut dense_until_ns = opened_ns + OPENING_SPAN_NS;
    let mut polled_ns = opened_ns;
    while schedule.next_ns() < end_ns + EDGE_SPAN_NS {
        let between_ns = schedule.between_ns(polled_ns, dense_until_ns);
        let due_ns = between_ns.unwrap_or(schedule.next_ns());
        let edge_ns = edges.next_if(|next_ns| *next_ns < due_ns);
        if let Some(edge_ns) = edge_ns {
            dense_until_ns = dense_until_ns.max(edge_ns + EDGE_SPAN_NS);
            counter_due_ns = edge_ns;
        }
        let at_ns = edge_ns.unwrap_or(due_ns) + random.ns_below(80_000);
        polled_ns = at_ns;
        let counter = (edge_ns.is_some() || at_ns >= counter_due_ns).then(|| {
            let interval_ns = PACE.counter_interval_ns(at_ns < dense_until_ns);
            counter_due_ns = next_due(counter_due_ns, interval_ns, at_ns);
            let at_ns = at_ns + 100_000;
            CounterReading { at_ns, energy_mj: energy_mj(at_ns) }
        });
        if edge_ns.is_none() && due_ns == schedule.next_ns() {
            schedule.advance(at_ns);
        }
        let sample = Sample {
            device: 0,
            scheduled: edge_ns.is_none() && between_ns != Some(due_ns),
            at_ns,
            read_ns: 0,
            power_mw: Ok(power_mw(at_ns)),
            counter,
            slow: None,
            throttle: None,
            poll: None,
        };
        if edge_ns == Some(start_ns) {
            window = Some(DeviceWindow::new(0, start_ns, CAPS, &history, latest.as_ref()));
        }
        if let Some(window) = window.as_mut().filter(|_| edge_ns == Some(end_ns)) {
            window.close(end_ns);
        }
        let watts = sample.power_w().expect("it was read");
        let _ = watts;
        history.push(&sample);
        if let Some(window) = &mut window {
            window.push(&sample, (start_ns..=end_ns).contains(&at_ns), &history);
            while window.downsampler.next_row(at_ns).is_some() {}
            window.take_taught().into_iter().for_each(|ways| history.learn(ways));
        }
        latest = Some(sample);
    }
    let window = window.expect("the window was opened");
    Trial {
        report: window.report(end_ns - start_ns, &history),
        true_j: load.joules(end_ns) - load.joules(start_ns),
    }
}
