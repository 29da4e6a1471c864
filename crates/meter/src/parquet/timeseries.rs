//! `timeseries.parquet`: one row per device and second, in the locked schema.

use std::io;
use std::path::Path;
use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_array::builder::{Float32Builder, Float64Builder, Int32Builder, Int64Builder};
use arrow_schema::{DataType, Field};
use parquet::file::metadata::KeyValue;

use super::metadata::{FileFacts, entry};
use super::partial::PartialFile;
use super::{ROWS_PER_BATCH, narrow};
use crate::clock::NS_PER_S;
use crate::downsample::Row;

/// The version of the schema, in the file's metadata.
const SCHEMA_VERSION: &str = "1";

/// The 1 Hz rows. Dropped unfinished, it leaves nothing.
pub struct TimeseriesFile {
    file: PartialFile,
    gpu_indices: Vec<i32>,
    rows: Vec<Row>,
    /// `position:bucket=covered_ns` of buckets that have a mean and that the readings do not fill.
    holes: Vec<String>,
    throttle_known: bool,
    /// The end of the last second that has a row.
    end_ns: u64,
}

impl TimeseriesFile {
    /// Creates `<path>.partial`.
    pub fn create(path: &Path, facts: &FileFacts) -> io::Result<Self> {
        let means = ["power_w", "temperature_c", "memory_used_mb", "memory_total_mb", "sm_utilisation_pct"];
        let mut fields = vec![
            Field::new("timestamp_s", DataType::Float64, false),
            Field::new("gpu_index", DataType::Int32, false),
        ];
        fields.extend(means.map(|name| Field::new(name, DataType::Float32, true)));
        fields.push(Field::new("throttle_reasons", DataType::Int64, false));
        Ok(Self {
            file: PartialFile::create(path, fields, facts.metadata(SCHEMA_VERSION))?,
            gpu_indices: facts.gpu_indices.clone(),
            rows: Vec::with_capacity(ROWS_PER_BATCH),
            holes: Vec::new(),
            throttle_known: true,
            end_ns: 0,
        })
    }

    /// Takes rows.
    pub fn push_all(&mut self, mut rows: impl Iterator<Item = Row>) -> io::Result<()> {
        rows.try_for_each(|row| self.push(row))
    }

    fn push(&mut self, row: Row) -> io::Result<()> {
        // A second without a mean stands for no energy, and there may be a day of them.
        if row.power_w.is_some() && row.covered_ns != row.span_ns {
            self.holes.push(format!("{}:{}={}", row.device, row.timestamp_s, row.covered_ns));
        }
        self.throttle_known &= row.throttle_reasons.is_some();
        self.end_ns = self.end_ns.max(whole_seconds(row.timestamp_s) * NS_PER_S + row.span_ns);
        self.rows.push(row);
        if self.rows.len() == ROWS_PER_BATCH {
            self.flush()?;
        }
        if self.file.is_checkpoint_due(self.end_ns) {
            self.flush()?;
            self.file.checkpoint(self.end_ns, self.metadata(self.end_ns))?;
        }
        Ok(())
    }

    /// Completes the file and gives it its name. `duration_ns` is the window's.
    pub fn finish(mut self, duration_ns: u64) -> io::Result<()> {
        self.flush()?;
        let metadata = self.metadata(duration_ns);
        self.file.finish(metadata)
    }

    fn metadata(&self, duration_ns: u64) -> Vec<KeyValue> {
        vec![
            // The last bucket weighs what is left of the window, a bucket with a hole what is listed.
            entry("llem.window_duration_ns", duration_ns),
            entry("llem.partially_covered_ns", self.holes.join(",")),
            entry("llem.throttle_reasons_known", self.throttle_known),
        ]
    }

    fn flush(&mut self) -> io::Result<()> {
        let rows = std::mem::take(&mut self.rows);
        let count = rows.len();
        let mut timestamp_s = Float64Builder::with_capacity(count);
        let mut gpu_index = Int32Builder::with_capacity(count);
        let mut throttle_reasons = Int64Builder::with_capacity(count);
        let mut means: [Float32Builder; 5] = std::array::from_fn(|_| Float32Builder::with_capacity(count));
        for row in &rows {
            timestamp_s.append_value(row.timestamp_s);
            gpu_index.append_value(self.gpu_indices[row.device]);
            let values = [
                row.power_w,
                row.temperature_c,
                row.memory_used_mb,
                row.memory_total_mb,
                row.sm_utilisation_pct,
            ];
            for (builder, value) in means.iter_mut().zip(values) {
                builder.append_option(narrow(value));
            }
            throttle_reasons.append_value(row.throttle_reasons.unwrap_or(0).cast_signed());
        }
        let mut columns: Vec<ArrayRef> = vec![Arc::new(timestamp_s.finish()), Arc::new(gpu_index.finish())];
        columns.extend(means.iter_mut().map(|builder| Arc::new(builder.finish()) as ArrayRef));
        columns.push(Arc::new(throttle_reasons.finish()));
        self.file.write(columns)?;
        self.rows = rows;
        self.rows.clear();
        Ok(())
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the number of a bucket")]
fn whole_seconds(timestamp_s: f64) -> u64 {
    timestamp_s as u64
}
