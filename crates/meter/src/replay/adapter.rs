//! The one place where the replay meets the estimator: a recording in, a report out.

use super::poll::Observation;
use super::scene::Recording;
use crate::clock::{NS_PER_MS, NS_PER_S};
use crate::energy::{History, Ways};
use crate::sample::{Sample, SlowSignals};
use crate::sampler::EDGE_INTERVAL_NS;
use crate::window::device::DeviceWindow;
use crate::window::{DeviceReport, EDGE_SPAN_NS, GapCaps};

/// As `sampler::Setup` has them.
const CAPS: GapCaps = GapCaps { power_ns: NS_PER_S / 2, slow_ns: NS_PER_S };
/// What the driver tells of the board.
const LIMIT_W: f64 = 700.0;
const AVERAGED_POST_ROLL_NS: u64 = 200 * NS_PER_MS;

/// What the meter says of a window: fed as the recorder feeds it, until the window is settled.
pub fn judge(recording: &Recording) -> DeviceReport {
    judge_with_history(recording).0
}

/// The same, and what it has learned by then.
pub(super) fn judge_with_history(recording: &Recording) -> (DeviceReport, History) {
    let (start_ns, end_ns) = (recording.start_ns, recording.end_ns);
    let post_roll_ns = post_roll_ns(recording);
    let mut history = fresh_history(recording);
    let mut window: Option<DeviceWindow> = None;
    let mut closed = false;
    let mut latest: Option<Sample> = None;
    for observation in &recording.observations {
        let sample = sample_of(observation);
        // Marks are taken before the samples that follow them.
        if window.is_none() && sample.at_ns >= start_ns {
            window = Some(DeviceWindow::new(0, start_ns, CAPS, &history, latest.as_ref()));
        }
        if let Some(window) = window.as_mut().filter(|_| !closed && sample.at_ns >= end_ns) {
            window.close(end_ns);
            closed = true;
        }
        history.push(&sample);
        if history.possible_w(&sample).is_some() {
            latest = Some(sample);
        }
        if let Some(window) = &mut window {
            window.push(&sample, (start_ns..=end_ns).contains(&sample.at_ns), &history);
            while window.downsampler.next_row(sample.at_ns).is_some() {}
            window.take_taught().into_iter().for_each(|ways| history.learn(ways));
        }
        if closed && window.as_ref().is_some_and(|window| window.is_settled(post_roll_ns)) {
            break;
        }
    }
    let mut window =
        window.unwrap_or_else(|| DeviceWindow::new(0, start_ns, CAPS, &history, latest.as_ref()));
    if !closed {
        window.close(end_ns);
    }
    (window.report(end_ns - start_ns, &history), history)
}

/// What the driver answered at one moment.
pub(super) fn sample_of(observation: &Observation) -> Sample {
    Sample {
        device: 0,
        scheduled: observation.scheduled,
        at_ns: observation.at_ns,
        read_ns: observation.read_ns,
        power_mw: observation.power_mw,
        counter: observation.counter,
        slow: observation.slow.then(|| SlowSignals {
            average_power_mw: observation.average_mw,
            sm_utilisation_pct: Some(observation.busy_pct),
            ..SlowSignals::default()
        }),
        throttle: None,
        poll: None,
    }
}

/// Nothing is known but what is usual for the board and what its driver tells.
pub(super) fn fresh_history(recording: &Recording) -> History {
    let interval_ns = recording.interval_ns;
    let history_ns = 2 * NS_PER_S + post_roll_ns(recording) + 2 * interval_ns;
    let mut history = History::new(history_ns, interval_ns.min(EDGE_INTERVAL_NS), recording.prior);
    history.limit(Some(LIMIT_W));
    history.calibrate(recording.calibrated);
    let is_measured = recording.calibrated.sensor_delay_doubt_ns.is_some();
    history.learn(Ways::default().narrowed(is_measured, is_measured));
    history
}

fn post_roll_ns(recording: &Recording) -> u64 {
    let averaging_ns = recording.prior.averaging_ns().map_or(0, |span_ns| span_ns + AVERAGED_POST_ROLL_NS);
    averaging_ns.max(EDGE_SPAN_NS)
}
