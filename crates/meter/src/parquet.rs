//! The two files: 1 Hz rows in the locked schema, and on request every sample. Both are streamed, written under
//! a name that ends in `.partial`, and renamed when they are complete.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::builder::{Float32Builder, Float64Builder, Int32Builder, Int64Builder};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, Schema};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};

use crate::clock::seconds;
use crate::downsample::Row;
use crate::sample::Sample;

/// The version of both schemas, in the files' metadata.
const SCHEMA_VERSION: &str = "1";
/// Rows that are gathered before they are encoded, and encoded before a row group is written.
const ROWS_PER_BATCH: usize = 4096;
const ROWS_PER_GROUP: usize = 16 * ROWS_PER_BATCH;

/// What both files say of themselves.
#[derive(Clone, Debug)]
pub struct FileFacts {
    /// The driver's index of each device, by position.
    pub gpu_indices: Vec<i32>,
    /// UUIDs, by position.
    pub uuids: Vec<String>,
    /// The power interval in nanoseconds.
    pub interval_ns: u64,
    /// Monotonic time of the start of the window.
    pub start_ns: u64,
    /// Wall time of the same moment, nanoseconds since the Unix epoch.
    pub start_unix_ns: u64,
}

impl FileFacts {
    fn metadata(&self) -> Vec<KeyValue> {
        [
            ("llem.schema_version", SCHEMA_VERSION.to_owned()),
            ("llem.device_uuids", self.uuids.join(",")),
            ("llem.sample_interval_ns", self.interval_ns.to_string()),
            ("llem.start_monotonic_ns", self.start_ns.to_string()),
            ("llem.start_unix_ns", self.start_unix_ns.to_string()),
        ]
        .map(|(key, value)| KeyValue::new(key.to_owned(), value))
        .to_vec()
    }
}

/// Rows on their way to a file that is not there before it is whole. Dropped before it is finished, it removes what
/// it wrote, so that giving up needs no code.
struct PartialFile {
    writer: ArrowWriter<File>,
    schema: Arc<Schema>,
    partial: Option<PathBuf>,
    path: PathBuf,
}

impl PartialFile {
    fn create(path: &Path, fields: Vec<Field>, facts: &FileFacts) -> io::Result<Self> {
        let mut partial = path.as_os_str().to_owned();
        partial.push(".partial");
        let partial = PathBuf::from(partial);
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            // The index of every page would be kept in memory until the end, and nobody seeks in these files.
            .set_statistics_enabled(EnabledStatistics::Chunk)
            .set_offset_index_disabled(true)
            .set_max_row_group_row_count(Some(ROWS_PER_GROUP))
            .set_key_value_metadata(Some(facts.metadata()))
            .build();
        let file = File::create(&partial)?;
        let schema = Arc::new(Schema::new(fields));
        let writer = ArrowWriter::try_new(file, Arc::clone(&schema), Some(properties))
            .map_err(io_error)
            .inspect_err(|_| remove(&partial))?;
        Ok(Self { writer, schema, partial: Some(partial), path: path.to_owned() })
    }

    fn write(&mut self, columns: Vec<ArrayRef>) -> io::Result<()> {
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), columns).map_err(io::Error::other)?;
        self.writer.write(&batch).map_err(io_error)
    }

    fn finish(mut self, metadata: Vec<KeyValue>) -> io::Result<()> {
        for entry in metadata {
            self.writer.append_key_value_metadata(entry);
        }
        self.writer.finish().map_err(io_error)?;
        self.writer.inner().sync_all()?;
        if let Some(partial) = &self.partial {
            std::fs::rename(partial, &self.path)?;
        }
        self.partial = None;
        Ok(())
    }
}

impl Drop for PartialFile {
    fn drop(&mut self) {
        if let Some(partial) = &self.partial {
            remove(partial);
        }
    }
}

fn remove(path: &Path) {
    // Nothing better can be done about a file that cannot even be removed; its name says that it is partial.
    let _ = std::fs::remove_file(path);
}

/// The cause itself where the operating system gave one: "no space left" rather than "underlying IO error".
fn io_error(error: ParquetError) -> io::Error {
    match error {
        ParquetError::External(inner) => {
            inner.downcast::<io::Error>().map_or_else(io::Error::other, |error| *error)
        }
        other => io::Error::other(other),
    }
}

#[allow(clippy::cast_possible_truncation)] // The locked schema stores means as f32.
fn narrow(value: Option<f64>) -> Option<f32> {
    value.map(|value| value as f32)
}

/// `timeseries.parquet`: one row per device and second. Dropped unfinished, it leaves nothing.
pub struct TimeseriesFile {
    file: PartialFile,
    gpu_indices: Vec<i32>,
    rows: Vec<Row>,
    /// `position:bucket=covered_ns` of buckets that the readings do not fill.
    holes: Vec<String>,
    throttle_known: bool,
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
            file: PartialFile::create(path, fields, facts)?,
            gpu_indices: facts.gpu_indices.clone(),
            rows: Vec::with_capacity(ROWS_PER_BATCH),
            holes: Vec::new(),
            throttle_known: true,
        })
    }

    /// Takes rows.
    pub fn push_all(&mut self, mut rows: impl Iterator<Item = Row>) -> io::Result<()> {
        rows.try_for_each(|row| self.push(row))
    }

    fn push(&mut self, row: Row) -> io::Result<()> {
        if row.covered_ns != row.span_ns {
            self.holes.push(format!("{}:{}={}", row.device, row.timestamp_s, row.covered_ns));
        }
        self.throttle_known &= row.throttle_reasons.is_some();
        self.rows.push(row);
        if self.rows.len() == ROWS_PER_BATCH { self.flush() } else { Ok(()) }
    }

    /// Completes the file and gives it its name. `duration_ns` is the window's.
    pub fn finish(mut self, duration_ns: u64) -> io::Result<()> {
        self.flush()?;
        let entry = |key: &str, value: String| KeyValue::new(key.to_owned(), value);
        self.file.finish(vec![
            // The last bucket weighs what is left of the window, a bucket with a hole what is listed.
            entry("llem.window_duration_ns", duration_ns.to_string()),
            entry("llem.partially_covered_ns", self.holes.join(",")),
            entry("llem.throttle_reasons_known", self.throttle_known.to_string()),
        ])
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

/// `samples.parquet`: every sample as it was read. Dropped unfinished, it leaves nothing.
pub struct SamplesFile {
    file: PartialFile,
    gpu_indices: Vec<i32>,
    start_ns: u64,
    samples: Vec<Sample>,
}

impl SamplesFile {
    /// Creates `<path>.partial`.
    pub fn create(path: &Path, facts: &FileFacts) -> io::Result<Self> {
        let fields = vec![
            Field::new("timestamp_s", DataType::Float64, false),
            Field::new("monotonic_ns", DataType::Int64, false),
            Field::new("gpu_index", DataType::Int32, false),
            Field::new("power_w", DataType::Float32, true),
            Field::new("read_us", DataType::Float32, false),
            Field::new("counter_monotonic_ns", DataType::Int64, true),
            Field::new("counter_mj", DataType::Int64, true),
            Field::new("temperature_c", DataType::Int32, true),
            Field::new("sm_utilisation_pct", DataType::Int32, true),
            Field::new("sm_clock_mhz", DataType::Int32, true),
            Field::new("memory_clock_mhz", DataType::Int32, true),
            Field::new("throttle_reasons", DataType::Int64, true),
        ];
        Ok(Self {
            file: PartialFile::create(path, fields, facts)?,
            gpu_indices: facts.gpu_indices.clone(),
            start_ns: facts.start_ns,
            samples: Vec::with_capacity(ROWS_PER_BATCH),
        })
    }

    /// Takes a sample.
    pub fn push(&mut self, sample: &Sample) -> io::Result<()> {
        self.samples.push(*sample);
        if self.samples.len() == ROWS_PER_BATCH { self.flush() } else { Ok(()) }
    }

    /// Completes the file and gives it its name.
    pub fn finish(mut self) -> io::Result<()> {
        self.flush()?;
        self.file.finish(Vec::new())
    }

    fn flush(&mut self) -> io::Result<()> {
        let count = self.samples.len();
        let mut timestamp_s = Float64Builder::with_capacity(count);
        let mut gpu_index = Int32Builder::with_capacity(count);
        let [mut power_w, mut read_us] = std::array::from_fn(|_| Float32Builder::with_capacity(count));
        let [mut at_ns, mut counter_ns, mut counter_mj, mut throttle] =
            std::array::from_fn(|_| Int64Builder::with_capacity(count));
        let mut slow_columns: [Int32Builder; 4] = std::array::from_fn(|_| Int32Builder::with_capacity(count));
        for sample in &self.samples {
            // The samples just before the window have a negative time: they are needed to interpolate its edge.
            let offset_s = if sample.at_ns >= self.start_ns {
                seconds(sample.at_ns - self.start_ns)
            } else {
                -seconds(self.start_ns - sample.at_ns)
            };
            timestamp_s.append_value(offset_s);
            at_ns.append_value(sample.at_ns.cast_signed());
            gpu_index.append_value(self.gpu_indices[sample.device]);
            power_w.append_option(narrow(sample.power_w()));
            read_us.append_value(narrow(Some(sample.read_ns as f64 / 1e3)).unwrap_or_default());
            counter_ns.append_option(sample.counter.map(|counter| counter.at_ns.cast_signed()));
            counter_mj.append_option(sample.counter.map(|counter| counter.energy_mj.cast_signed()));
            let slow = sample.slow.unwrap_or_default();
            let values =
                [slow.temperature_c, slow.sm_utilisation_pct, slow.sm_clock_mhz, slow.memory_clock_mhz];
            for (builder, value) in slow_columns.iter_mut().zip(values) {
                builder.append_option(value.map(u32::cast_signed));
            }
            throttle.append_option(slow.throttle_reasons.map(u64::cast_signed));
        }
        let mut columns: Vec<ArrayRef> = vec![
            Arc::new(timestamp_s.finish()),
            Arc::new(at_ns.finish()),
            Arc::new(gpu_index.finish()),
            Arc::new(power_w.finish()),
            Arc::new(read_us.finish()),
            Arc::new(counter_ns.finish()),
            Arc::new(counter_mj.finish()),
        ];
        columns.extend(slow_columns.iter_mut().map(|builder| Arc::new(builder.finish()) as ArrayRef));
        columns.push(Arc::new(throttle.finish()));
        self.samples.clear();
        self.file.write(columns)
    }
}
