//! Parts of a window: pieces of one curve, so that they add up to the whole.

use std::io;
use std::path::Path;

use super::{RARE_EDGE_SPAN_NS, RIGHT_EDGE, check_within, histories_of, pin, recompute};
use crate::energy::{Edge, History, Method, Pieces, Side};
use crate::parquet::SampleRows;
use crate::window::{DeviceReport, WindowReport};

/// The energy of one device between neighbouring boundaries.
#[derive(Clone, Debug)]
pub struct Parts {
    /// Joules of each part. From edge to edge of the window they add up to its headline; NaN where there is none and
    /// nothing was read.
    pub joules: Vec<f64>,
    /// How much of each part lies between readings that could be joined.
    pub covered_ns: Vec<u64>,
}

/// The energy of each device between neighbouring boundaries, which are in order and lie in the window of a
/// `samples.parquet`. Fails with `InvalidInput` for other boundaries.
pub fn parts(samples_path: &Path, boundaries: &[u64]) -> io::Result<Vec<Parts>> {
    let whole = recompute(samples_path)?;
    let read = pieces(samples_path, boundaries)?;
    let curves = curves(samples_path, boundaries, &whole)?;
    let duration_ns = whole.end_ns - whole.start_ns;
    let devices = whole.devices.iter().zip(read).zip(curves);
    Ok(devices
        .map(|((device, pieces), curve)| {
            let by_readings = scaled(device, &pieces, boundaries, duration_ns);
            let joules = match curve {
                Some(curve) if device.headline.method == Some(Method::Counter) => {
                    with_mean(device, differences(&curve, &by_readings))
                }
                _ => by_readings,
            };
            Parts { joules, covered_ns: pieces.covered_ns().to_vec() }
        })
        .collect())
}

/// The pieces of the counter as parts of the headline: what the mean over a second has seen beyond a blind counter is known
/// of the window alone, and shared out in proportion.
fn with_mean(device: &DeviceReport, mut joules: Vec<f64>) -> Vec<f64> {
    let whole = device.headline.total_j.zip(device.counter_j.filter(|counter_j| *counter_j > 0.0));
    if let Some((total_j, counter_j)) = whole {
        for part_j in &mut joules {
            *part_j *= total_j / counter_j;
        }
    }
    joules
}

/// The pieces of the integral as parts of the headline: what was read is scaled to its share of the total by time, the
/// rest is taken at the mean power.
fn scaled(device: &DeviceReport, pieces: &Pieces, boundaries: &[u64], duration_ns: u64) -> Vec<f64> {
    let mut joules = pieces.joules();
    let Some((total_j, integral_j)) = device.headline.total_j.zip(device.integral_j) else { return joules };
    let scale = if integral_j > 0.0 { total_j * device.coverage / integral_j } else { 0.0 };
    let lengths_ns = boundaries.windows(2).map(|pair| pair[1] - pair[0]);
    for ((joules, covered_ns), length_ns) in joules.iter_mut().zip(pieces.covered_ns()).zip(lengths_ns) {
        let read_j = if *covered_ns > 0 { *joules * scale } else { 0.0 };
        *joules = read_j + total_j * (length_ns - covered_ns) as f64 / duration_ns.max(1) as f64;
    }
    joules
}

/// Joules since the left edge of the window at each boundary, by the counter; `None` where it was not seen around one.
pub(crate) type Curve = Vec<Option<f64>>;

/// From a curve's values at the boundaries to what lies between them. Where the curve is not known it goes on as the
/// readings do; it never falls.
fn differences(curve: &Curve, by_readings: &[f64]) -> Vec<f64> {
    let mut at_j = Vec::with_capacity(curve.len());
    for (k, value) in curve.iter().enumerate() {
        let before_j = at_j.last().copied();
        let onward_j = before_j.unwrap_or(0.0) + if k == 0 { 0.0 } else { by_readings[k - 1].max(0.0) };
        at_j.push(value.unwrap_or(onward_j).max(before_j.unwrap_or(f64::NEG_INFINITY)));
    }
    // One that went beyond a later value that is known comes back to it.
    for k in (1..at_j.len()).rev() {
        at_j[k - 1] = at_j[k - 1].min(at_j[k]);
    }
    at_j.windows(2).map(|pair| pair[1] - pair[0]).collect()
}

fn curves(samples_path: &Path, boundaries: &[u64], whole: &WindowReport) -> io::Result<Vec<Option<Curve>>> {
    let mut samples = SampleRows::open(samples_path)?;
    let end = samples.end.clone();
    let mut histories = histories_of(&samples);
    pin(&mut histories, &end.beliefs, RIGHT_EDGE);
    let mut builders: Vec<Option<CurveBuilder>> = whole
        .devices
        .iter()
        .map(|device| {
            let (start, end) = device.edges.clone()?;
            Some(CurveBuilder::new(start, end, (whole.start_ns, whole.end_ns)))
        })
        .collect();
    for sample in &mut samples {
        let sample = sample?;
        let history = &mut histories[sample.device];
        history.push(&sample);
        if let Some(builder) = &mut builders[sample.device] {
            builder.advance(history, boundaries, sample.at_ns.saturating_sub(RARE_EDGE_SPAN_NS));
        }
    }
    Ok(builders
        .into_iter()
        .zip(&histories)
        .map(|(builder, history)| {
            builder.map(|mut builder| {
                builder.advance(history, boundaries, u64::MAX);
                builder.at_j
            })
        })
        .collect())
}

/// The curve of one device between the edges of its window, boundary by boundary.
pub(crate) struct CurveBuilder {
    start: Edge,
    end: Edge,
    window_ns: (u64, u64),
    at_j: Curve,
}

impl CurveBuilder {
    pub(crate) fn new(start: Edge, end: Edge, window_ns: (u64, u64)) -> Self {
        Self { start, end, window_ns, at_j: Vec::new() }
    }

    /// What there is by now.
    #[cfg(test)]
    pub(crate) fn curve(&self) -> &Curve {
        &self.at_j
    }

    /// Goes on with the boundaries before a moment: the readings around them are there.
    pub(crate) fn advance(&mut self, history: &History, boundaries: &[u64], before_ns: u64) {
        while let Some(at_ns) = boundaries.get(self.at_j.len()).filter(|at_ns| **at_ns < before_ns) {
            let value = self.value(history, *at_ns);
            self.at_j.push(value);
        }
    }

    fn value(&self, history: &History, at_ns: u64) -> Option<f64> {
        if at_ns <= self.window_ns.0 {
            return Some(0.0);
        }
        let total_j = Edge::between(&self.start, &self.end);
        if at_ns >= self.window_ns.1 {
            return Some(total_j);
        }
        let plain = history.edge_at(at_ns, Side::Inside)?;
        let since_j = Edge::between(&self.start, &plain);
        let (from_ns, to_ns) = plain.cell_ns?;
        // Within the cell of an edge the counter goes from what the stories say at the edge to its next tick.
        let fade = |edge: &Edge, edge_ns: u64, tick_ns: u64| {
            let plain_at_edge = history.edge_at(edge_ns, Side::Inside)?;
            let off_j = Edge::between(&plain_at_edge, edge);
            let way = at_ns.abs_diff(tick_ns) as f64 / edge_ns.abs_diff(tick_ns).max(1) as f64;
            Some(off_j * way.min(1.0))
        };
        let at_start = (from_ns < self.window_ns.0).then(|| fade(&self.start, self.window_ns.0, to_ns));
        let at_end = (to_ns > self.window_ns.1).then(|| fade(&self.end, self.window_ns.1, from_ns));
        let off_j = at_start.flatten().unwrap_or(0.0) + at_end.flatten().unwrap_or(0.0);
        Some((since_j + off_j).clamp(0.0, total_j.max(0.0)))
    }
}

/// The integral of each device's power between neighbouring boundaries: by the same line over the same readings as the
/// window's, so that from edge to edge the pieces add up to its integral.
fn pieces<'a>(samples_path: &Path, boundaries: &'a [u64]) -> io::Result<Vec<Pieces<'a>>> {
    let mut samples = SampleRows::open(samples_path)?;
    check_within(&samples, boundaries)?;
    let gap_cap_ns = samples.facts.power_gap_cap_ns;
    let histories = histories_of(&samples);
    let lags_ns: Vec<u64> = histories.iter().map(|history| history.sensor().lag_ns()).collect();
    let mut pieces = vec![Pieces::new(boundaries, gap_cap_ns); lags_ns.len()];
    for sample in &mut samples {
        let sample = sample?;
        if let Some(power_w) = histories[sample.device].possible_w(&sample) {
            pieces[sample.device].push(sample.at_ns.saturating_sub(lags_ns[sample.device]), power_w);
        }
    }
    Ok(pieces)
}
