//! The files of a window after it: recovered where their writer was killed, and read to recompute its energy.

use std::io::{Error, ErrorKind};
use std::path::Path;

use llem_meter::clock::seconds;
use llem_meter::{parquet, verify};
use napi::bindgen_prelude::Float64Array;
use napi_derive::napi;

use crate::CodedError;
use crate::report::WindowReport;

/// What was recovered of a file.
#[napi(object)]
pub struct RecoveredFile {
    pub rows: f64,
    /// How much of the window they span.
    pub duration_s: f64,
}

/// The energy of one device by the 1 Hz rows.
#[napi(object)]
pub struct TimeseriesEnergy {
    /// The driver's index.
    pub gpu_index: i32,
    /// Missing where no second has a mean power.
    pub joules: Option<f64>,
}

/// The energy of one device between neighbouring boundaries: one number fewer than there are boundaries.
#[napi(object)]
pub struct DevicePieces {
    /// Pieces of one curve: over the whole window they add up to the headline. Where there is no headline, of the covered
    /// part by the integral, and NaN where nothing is covered.
    pub joules: Float64Array,
    /// How much of each piece lies between readings that could be joined, nanoseconds.
    pub covered_ns: Float64Array,
}

/// Makes `path` from the partial file that a killed process left. Throws `FILE_WHOLE`, `FILE_MISSING`,
/// `FILE_IN_USE`, `FILE_DAMAGED` or `FILE_FAILED`.
#[napi]
pub fn recover_file(path: String) -> Result<RecoveredFile, CodedError> {
    let recovered = parquet::recover(Path::new(&path)).map_err(|error| coded(&error))?;
    Ok(RecoveredFile { rows: recovered.rows as f64, duration_s: seconds(recovered.duration_ns) })
}

/// The report of a window once more, from its `samples.parquet`. Throws `FILE_MISSING`, `FILE_DAMAGED` or
/// `FILE_FAILED`.
#[napi]
pub fn recompute_window(samples_path: String) -> Result<WindowReport, CodedError> {
    verify::recompute(Path::new(&samples_path)).map(WindowReport::from).map_err(|error| coded(&error))
}

/// The report of a part of a window, from its `samples.parquet`. Throws `PART_OUTSIDE`, `FILE_MISSING`,
/// `FILE_DAMAGED` or `FILE_FAILED`.
#[napi]
pub fn recompute_part(samples_path: String, start_ns: f64, end_ns: f64) -> Result<WindowReport, CodedError> {
    verify::recompute_between(Path::new(&samples_path), nanoseconds(start_ns), nanoseconds(end_ns))
        .map(WindowReport::from)
        .map_err(|error| coded(&error))
}

/// The energy of each device between neighbouring boundaries (monotonic nanoseconds, in order, within the window of a
/// `samples.parquet`). Throws `PART_OUTSIDE`, `FILE_MISSING`, `FILE_DAMAGED` or `FILE_FAILED`.
#[napi]
pub fn integral_pieces(samples_path: String, boundaries_ns: &[f64]) -> Result<Vec<DevicePieces>, CodedError> {
    let boundaries: Vec<u64> = boundaries_ns.iter().copied().map(nanoseconds).collect();
    let path = Path::new(&samples_path);
    let devices = verify::pieces(path, &boundaries).map_err(|error| coded(&error))?;
    let whole = verify::recompute(path).map_err(|error| coded(&error))?;
    let window_ns = (whole.end_ns - whole.start_ns) as f64;
    let pieces = devices.into_iter().zip(&whole.devices).map(|(pieces, device)| {
        let covered_ns: Vec<f64> = pieces.covered_ns().iter().map(|ns| *ns as f64).collect();
        let lengths_ns = boundaries.windows(2).map(|edges| (edges[1] - edges[0]) as f64);
        let mut joules = pieces.joules();
        if let Some((total_j, integral_j)) = device.headline.total_j.zip(device.integral_j) {
            // What was read is scaled to its share of the total by time; the rest is taken at the mean power.
            let scale = total_j * device.coverage / integral_j;
            let mean_j_per_ns = total_j / window_ns;
            for ((joules, covered_ns), length_ns) in joules.iter_mut().zip(&covered_ns).zip(lengths_ns) {
                let read_j = if *covered_ns > 0.0 && integral_j > 0.0 { *joules * scale } else { 0.0 };
                *joules = read_j + mean_j_per_ns * (length_ns - covered_ns);
            }
        }
        DevicePieces { joules: Float64Array::new(joules), covered_ns: Float64Array::new(covered_ns) }
    });
    Ok(pieces.collect())
}

/// The energy in a `timeseries.parquet`, by device. Throws `FILE_MISSING`, `FILE_DAMAGED` or `FILE_FAILED`.
#[napi]
pub fn timeseries_energy(path: String) -> Result<Vec<TimeseriesEnergy>, CodedError> {
    let devices = parquet::timeseries_joules(Path::new(&path)).map_err(|error| coded(&error))?;
    Ok(devices.into_iter().map(|(gpu_index, joules)| TimeseriesEnergy { gpu_index, joules }).collect())
}

/// A moment of CLOCK_MONOTONIC. What is no moment becomes 0, which lies in no window.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a cast of this kind saturates")]
fn nanoseconds(ns: f64) -> u64 {
    ns.round() as u64
}

fn coded(error: &Error) -> CodedError {
    let code = match error.kind() {
        ErrorKind::AlreadyExists => "FILE_WHOLE",
        ErrorKind::NotFound => "FILE_MISSING",
        ErrorKind::WouldBlock => "FILE_IN_USE",
        ErrorKind::InvalidData => "FILE_DAMAGED",
        ErrorKind::InvalidInput => "PART_OUTSIDE",
        _ => "FILE_FAILED",
    };
    CodedError::new(code.to_owned(), error.to_string())
}
