//! The files of a window after it: recovered where their writer was killed, and read to recompute its energy.

use std::io::{Error, ErrorKind};
use std::path::Path;

use llem_meter::clock::seconds;
use llem_meter::{parquet, verify};
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

/// The energy in a `timeseries.parquet`, by device. Throws `FILE_MISSING`, `FILE_DAMAGED` or `FILE_FAILED`.
#[napi]
pub fn timeseries_energy(path: String) -> Result<Vec<TimeseriesEnergy>, CodedError> {
    let devices = parquet::timeseries_joules(Path::new(&path)).map_err(|error| coded(&error))?;
    Ok(devices.into_iter().map(|(gpu_index, joules)| TimeseriesEnergy { gpu_index, joules }).collect())
}

fn coded(error: &Error) -> CodedError {
    let code = match error.kind() {
        ErrorKind::AlreadyExists => "FILE_WHOLE",
        ErrorKind::NotFound => "FILE_MISSING",
        ErrorKind::WouldBlock => "FILE_IN_USE",
        ErrorKind::InvalidData => "FILE_DAMAGED",
        _ => "FILE_FAILED",
    };
    CodedError::new(code.to_owned(), error.to_string())
}
