//! The two files: 1 Hz rows in the locked schema, and on request every sample. Both are streamed, written under
//! a name that ends in `.partial`, and renamed when they are complete; what a killed process leaves can be recovered.

mod metadata;
mod partial;
mod read;
mod recover;
mod samples;
mod timeseries;

pub use metadata::{EndFacts, FileFacts};
pub use read::{SampleRows, timeseries_joules};
pub use recover::{Recovered, recover};
pub use samples::SamplesFile;
pub use timeseries::TimeseriesFile;

/// Rows that are gathered before they are encoded.
const ROWS_PER_BATCH: usize = 4096;

#[allow(clippy::cast_possible_truncation)] // The locked schema stores means as f32.
fn narrow(value: Option<f64>) -> Option<f32> {
    value.map(|value| value as f32)
}
