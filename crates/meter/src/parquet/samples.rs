//! `samples.parquet`: every sample as it was read, from before the window on, so that all that was computed from them
//! can be computed again.

use std::io;
use std::path::Path;
use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_array::builder::{BooleanBuilder, Float32Builder, Float64Builder, Int32Builder, Int64Builder};
use arrow_schema::{DataType, Field};

use super::metadata::{EndFacts, FileFacts, entry};
use super::partial::PartialFile;
use super::{ROWS_PER_BATCH, narrow};
use crate::clock::seconds;
use crate::sample::Sample;

/// The version of the schema, in the file's metadata. 2: whole milliwatts, why a reading is missing, and the samples
/// from before the window.
pub(super) const SCHEMA_VERSION: &str = "2";

/// Every sample. Dropped unfinished, it leaves nothing.
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
            // Since version 2.
            Field::new("power_mw", DataType::Int32, true),
            Field::new("power_error", DataType::Int32, true),
            Field::new("scheduled", DataType::Boolean, false),
            Field::new("memory_temperature_c", DataType::Int32, true),
            Field::new("memory_used_bytes", DataType::Int64, true),
            Field::new("performance_state", DataType::Int32, true),
            // Later still: older files of version 2 lack it.
            Field::new("average_power_mw", DataType::Int32, true),
        ];
        Ok(Self {
            file: PartialFile::create(path, fields, facts.metadata(SCHEMA_VERSION))?,
            gpu_indices: facts.gpu_indices.clone(),
            start_ns: facts.start_ns,
            samples: Vec::with_capacity(ROWS_PER_BATCH),
        })
    }

    /// Takes a sample.
    pub fn push(&mut self, sample: &Sample) -> io::Result<()> {
        self.samples.push(*sample);
        if self.samples.len() == ROWS_PER_BATCH {
            self.flush()?;
        }
        let age_ns = sample.at_ns.saturating_sub(self.start_ns);
        if self.file.is_checkpoint_due(age_ns) {
            self.flush()?;
            self.file.checkpoint(age_ns, vec![entry("llem.window_duration_ns", age_ns)])?;
        }
        Ok(())
    }

    /// Completes the file and gives it its name.
    pub fn finish(mut self, end: &EndFacts) -> io::Result<()> {
        self.flush()?;
        let mut metadata = end.metadata();
        metadata.push(entry("llem.window_duration_ns", end.end_ns.saturating_sub(self.start_ns)));
        self.file.finish(metadata)
    }

    fn flush(&mut self) -> io::Result<()> {
        let count = self.samples.len();
        let mut timestamp_s = Float64Builder::with_capacity(count);
        let [mut gpu_index, mut power_mw, mut power_error] =
            std::array::from_fn(|_| Int32Builder::with_capacity(count));
        let [mut watts, mut read_us] = std::array::from_fn(|_| Float32Builder::with_capacity(count));
        let [mut at_ns, mut counter_ns, mut counter_mj, mut throttle, mut memory_used] =
            std::array::from_fn(|_| Int64Builder::with_capacity(count));
        let mut scheduled = BooleanBuilder::with_capacity(count);
        let mut slow_columns: [Int32Builder; 7] = std::array::from_fn(|_| Int32Builder::with_capacity(count));
        for sample in &self.samples {
            // The samples just before the window have a negative time: its left edge looks back to them.
            let offset_s = if sample.at_ns >= self.start_ns {
                seconds(sample.at_ns - self.start_ns)
            } else {
                -seconds(self.start_ns - sample.at_ns)
            };
            timestamp_s.append_value(offset_s);
            at_ns.append_value(sample.at_ns.cast_signed());
            gpu_index.append_value(self.gpu_indices[sample.device]);
            watts.append_option(narrow(sample.power_w()));
            power_mw.append_option(sample.power_mw.ok().map(u32::cast_signed));
            power_error.append_option(sample.power_mw.err().map(|error| error.code().cast_signed()));
            read_us.append_value(narrow(Some(sample.read_ns as f64 / 1e3)).unwrap_or_default());
            scheduled.append_value(sample.scheduled);
            counter_ns.append_option(sample.counter.map(|counter| counter.at_ns.cast_signed()));
            counter_mj.append_option(sample.counter.map(|counter| counter.energy_mj.cast_signed()));
            let slow = sample.slow.unwrap_or_default();
            let values = [
                slow.temperature_c,
                slow.sm_utilisation_pct,
                slow.sm_clock_mhz,
                slow.memory_clock_mhz,
                slow.memory_temperature_c,
                slow.performance_state,
                slow.average_power_mw,
            ];
            for (builder, value) in slow_columns.iter_mut().zip(values) {
                builder.append_option(value.map(u32::cast_signed));
            }
            throttle.append_option(slow.throttle_reasons.map(u64::cast_signed));
            memory_used.append_option(slow.memory_used_bytes.map(u64::cast_signed));
        }
        let [
            temperature,
            utilisation,
            sm_clock,
            memory_clock,
            memory_temperature,
            performance_state,
            average,
        ] = slow_columns.map(|mut builder| Arc::new(builder.finish()) as ArrayRef);
        self.samples.clear();
        self.file.write(vec![
            Arc::new(timestamp_s.finish()),
            Arc::new(at_ns.finish()),
            Arc::new(gpu_index.finish()),
            Arc::new(watts.finish()),
            Arc::new(read_us.finish()),
            Arc::new(counter_ns.finish()),
            Arc::new(counter_mj.finish()),
            temperature,
            utilisation,
            sm_clock,
            memory_clock,
            Arc::new(throttle.finish()),
            Arc::new(power_mw.finish()),
            Arc::new(power_error.finish()),
            Arc::new(scheduled.finish()),
            memory_temperature,
            Arc::new(memory_used.finish()),
            performance_state,
            average,
        ])
    }
}
