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
    let devices = verify::parts(Path::new(&samples_path), &boundaries).map_err(|error| coded(&error))?;
    let parts = devices.into_iter().map(|parts| DevicePieces {
        joules: Float64Array::new(parts.joules),
        covered_ns: Float64Array::new(parts.covered_ns.iter().map(|ns| *ns as f64).collect()),
    });
    Ok(parts.collect())
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
