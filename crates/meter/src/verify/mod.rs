//! The energy of a window once more, from the samples in its file: through the same code, in the same order, with
//! what was known before the window taken from the file's metadata.

mod parts;

use std::io;
use std::path::Path;

#[cfg(test)]
pub(crate) use parts::CurveBuilder;
pub use parts::{Parts, parts};

use crate::clock::NS_PER_MS;
use crate::energy::{Belief, History, Side};
use crate::parquet::{FileFacts, SampleRows};
use crate::sampler::EDGE_INTERVAL_NS;
use crate::window::{EDGE_SPAN_NS, OpenWindow, WindowOptions, WindowReport};

/// Inside a window the counter is read twice a second, so an edge there is judged once it was read again.
pub(crate) const RARE_EDGE_SPAN_NS: u64 = 1200 * NS_PER_MS;

/// The report of the window that a `samples.parquet` holds. What is not in the file is missing in the report: the
/// throttle times, and the sampler's cost and lateness.
pub fn recompute(samples_path: &Path) -> io::Result<WindowReport> {
    let samples = SampleRows::open(samples_path)?;
    let part =
        Part { start_ns: samples.facts.start_ns, end_ns: samples.end.end_ns, edge_span_ns: EDGE_SPAN_NS };
    let first_updates = samples.end.first_updates.clone();
    let mut report = replay(samples, part)?;
    // They rest on changes from before the file, as the periods do.
    for (position, device) in report.devices.iter_mut().enumerate() {
        device.first_updates = first_updates.get(position).copied().unwrap_or_default();
    }
    Ok(report)
}

/// The report of a part of that window: a piece of the same curve, so that parts add up to the whole. Fails with
/// `InvalidInput` where the part does not lie in the window.
pub fn recompute_between(samples_path: &Path, start_ns: u64, end_ns: u64) -> io::Result<WindowReport> {
    let samples = SampleRows::open(samples_path)?;
    check_within(&samples, &[start_ns, end_ns])?;
    let edge_span_ns = RARE_EDGE_SPAN_NS;
    let mut report = replay(samples, Part { start_ns, end_ns, edge_span_ns })?;
    for (device, part) in report.devices.iter_mut().zip(parts(samples_path, &[start_ns, end_ns])?) {
        if device.headline.method.is_some() {
            device.headline.total_j = part.joules.first().copied().filter(|joules| joules.is_finite());
        }
    }
    Ok(report)
}

fn check_within(samples: &SampleRows, moments: &[u64]) -> io::Result<()> {
    let within = samples.facts.start_ns..=samples.end.end_ns;
    if moments.is_sorted() && moments.iter().all(|moment_ns| within.contains(moment_ns)) {
        return Ok(());
    }
    Err(io::Error::new(io::ErrorKind::InvalidInput, "the moments are not in order or not all in its window"))
}

/// Empty histories that know what was known when the window opened: a rhythm rests on more of the past than the file
/// holds, so what was found of it is in the metadata.
fn histories_of(samples: &SampleRows) -> Vec<History> {
    let SampleRows { facts, end, .. } = samples;
    let interval_ns = facts.interval_ns.min(EDGE_INTERVAL_NS);
    let mut histories: Vec<History> =
        facts.sensors.iter().map(|sensor| History::new(facts.history_ns, interval_ns, *sensor)).collect();
    for (history, calibrated) in histories.iter_mut().zip(&facts.calibrated) {
        history.calibrate(*calibrated);
    }
    pin(&mut histories, &end.beliefs, OPENED);
    for (history, beliefs) in histories.iter_mut().zip(&end.beliefs) {
        history.pin_limit(beliefs[RIGHT_EDGE].limit_w);
    }
    histories
}

/// The moments whose periods are in the metadata.
const OPENED: usize = 0;
const LEFT_EDGE: usize = 1;
const RIGHT_EDGE: usize = 2;

fn pin(histories: &mut [History], beliefs: &[[Belief; 3]], moment: usize) {
    for (history, beliefs) in histories.iter_mut().zip(beliefs) {
        history.pin(beliefs[moment]);
    }
}

/// The stretch of time to report on.
#[expect(clippy::struct_field_names, reason = "the unit is in every name")]
#[derive(Clone, Copy)]
struct Part {
    start_ns: u64,
    end_ns: u64,
    edge_span_ns: u64,
}

fn replay(
    mut samples: SampleRows,
    Part { start_ns, end_ns, edge_span_ns }: Part,
) -> io::Result<WindowReport> {
    let (whole, end) = (samples.facts.clone(), samples.end.clone());
    let whole_ns = (whole.start_ns, end.end_ns);
    let mut histories = histories_of(&samples);
    let facts =
        FileFacts { start_ns, start_unix_ns: whole.start_unix_ns + (start_ns - whole.start_ns), ..whole };
    let nothing_before = vec![None; histories.len()];
    let options = WindowOptions::default();
    let mut window = OpenWindow::new(&options, &facts, &histories, &nothing_before, [].iter(), 0);
    let side = |is_edge: bool, side: Side| if is_edge { side } else { Side::Inside };
    let sides = [side(start_ns == whole_ns.0, Side::Start), side(end_ns == whole_ns.1, Side::End)];
    window.look_on(edge_span_ns, sides);
    window.close(end_ns);
    // Of a later left edge more was known, and by the end the most.
    pin(&mut histories, &end.beliefs, if start_ns == whole.start_ns { LEFT_EDGE } else { RIGHT_EDGE });
    for sample in &mut samples {
        let sample = sample?;
        let history = &mut histories[sample.device];
        history.push(&sample);
        window.push(&sample, history);
        // An edge in the middle is judged before the readings around it are forgotten.
        if end_ns < end.end_ns && window.is_settled(edge_span_ns) {
            break;
        }
    }
    pin(&mut histories, &end.beliefs, RIGHT_EDGE);
    Ok(window.finish(end_ns, &histories, 0))
}

#[cfg(test)]
pub(crate) mod tests;
