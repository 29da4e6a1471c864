//! The files read back.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::path::Path;
use std::vec;

use arrow_array::{Array, BooleanArray, Float32Array, Float64Array, Int32Array, Int64Array, RecordBatch};
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};

use super::metadata::{EndFacts, Entries, FileFacts, invalid};
use super::partial::{io_error, undamaged};
use super::samples;
use crate::clock::NS_PER_S;
use crate::sample::{CounterReading, Sample, SlowSignals};
use crate::source::ReadError;

/// The samples of a `samples.parquet` in the order in which they were recorded. The throttle times and the sampler's
/// bookkeeping are not in it.
pub struct SampleRows {
    /// Known when the window opened.
    pub facts: FileFacts,
    /// Known when it had ended.
    pub end: EndFacts,
    batches: ParquetRecordBatchReader,
    batch: vec::IntoIter<Sample>,
}

impl SampleRows {
    /// Opens the file. Fails with `InvalidData` where it is none of this version, or a recovered one, whose window
    /// has no end.
    pub fn open(path: &Path) -> io::Result<Self> {
        let (batches, entries) = open(path)?;
        let version = entries.text("llem.schema_version")?;
        if version != samples::SCHEMA_VERSION {
            return Err(invalid(&format!(
                "it has version {version} of the schema, not {}",
                samples::SCHEMA_VERSION
            )));
        }
        let (facts, end) = (FileFacts::read(&entries)?, EndFacts::read(&entries)?);
        let count = facts.gpu_indices.len();
        if [facts.sensors.len(), end.beliefs.len()] != [count; 2] {
            return Err(invalid("its metadata speak of different numbers of devices"));
        }
        Ok(Self { facts, end, batches, batch: Vec::new().into_iter() })
    }

    fn samples_of(&self, batch: &RecordBatch) -> io::Result<Vec<Sample>> {
        let whole = |name| column::<Int32Array>(batch, name);
        let long = |name| column::<Int64Array>(batch, name);
        let (at_ns, gpu_index, read_us) =
            (long("monotonic_ns")?, whole("gpu_index")?, column::<Float32Array>(batch, "read_us")?);
        let (power_mw, power_error) = (whole("power_mw")?, whole("power_error")?);
        let scheduled = column::<BooleanArray>(batch, "scheduled")?;
        let (counter_ns, counter_mj) = (long("counter_monotonic_ns")?, long("counter_mj")?);
        let (throttle, memory_used) = (long("throttle_reasons")?, long("memory_used_bytes")?);
        let slow = [
            whole("temperature_c")?,
            whole("sm_utilisation_pct")?,
            whole("sm_clock_mhz")?,
            whole("memory_clock_mhz")?,
            whole("memory_temperature_c")?,
            whole("performance_state")?,
        ];
        let average = whole("average_power_mw").ok();
        let sample = |row: usize| {
            let index = gpu_index.value(row);
            let device = self.facts.gpu_indices.iter().position(|known| *known == index)?;
            let [
                temperature_c,
                sm_utilisation_pct,
                sm_clock_mhz,
                memory_clock_mhz,
                memory_temperature_c,
                performance_state,
            ] = slow.map(|signal| at_32(signal, row));
            let slow = SlowSignals {
                temperature_c,
                memory_used_bytes: at_64(memory_used, row),
                memory_total_bytes: None,
                sm_utilisation_pct,
                throttle_reasons: at_64(throttle, row),
                sm_clock_mhz,
                memory_clock_mhz,
                memory_temperature_c,
                average_power_mw: average.and_then(|average| at_32(average, row)),
                performance_state,
            };
            let power_mw = match at_32(power_mw, row) {
                Some(power_mw) => Ok(power_mw),
                None => Err(ReadError::from_code(at_32(power_error, row)?)),
            };
            let counter = at_64(counter_ns, row).zip(at_64(counter_mj, row));
            Some(Sample {
                device,
                scheduled: scheduled.value(row),
                at_ns: at_ns.value(row).cast_unsigned(),
                read_ns: nanoseconds(read_us.value(row)),
                power_mw,
                counter: counter.map(|(at_ns, energy_mj)| CounterReading { at_ns, energy_mj }),
                slow: (slow != SlowSignals::default()).then_some(slow),
                throttle: None,
                poll: None,
            })
        };
        let samples: Option<Vec<Sample>> = (0..batch.num_rows()).map(sample).collect();
        samples
            .ok_or_else(|| invalid("a row has neither power nor why it is missing, or is of an unknown GPU"))
    }
}

impl Iterator for SampleRows {
    type Item = io::Result<Sample>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(sample) = self.batch.next() {
                return Some(Ok(sample));
            }
            let batch = undamaged(|| Ok(self.batches.next())).transpose()?;
            let batch = batch.and_then(|batch| batch.map_err(io::Error::other));
            match batch.and_then(|batch| self.samples_of(&batch)) {
                Ok(samples) => self.batch = samples.into_iter(),
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

/// The energy of each device in a `timeseries.parquet`: mean power times covered time, summed over its seconds. By
/// the driver's index, in the order of the devices; `None` where no second has a mean.
pub fn timeseries_joules(path: &Path) -> io::Result<Vec<(i32, Option<f64>)>> {
    undamaged(|| joules_of_seconds(path))
}

fn joules_of_seconds(path: &Path) -> io::Result<Vec<(i32, Option<f64>)>> {
    let (batches, entries) = open(path)?;
    let facts = FileFacts::read(&entries)?;
    let duration_ns: u64 = entries.value("llem.window_duration_ns")?;
    let holes = holes_of(entries.text("llem.partially_covered_ns")?)?;
    let covered_ns = |device: usize, timestamp_s: f64| {
        let rest_ns = duration_ns as f64 - timestamp_s * NS_PER_S as f64;
        holes
            .get(&(device, timestamp_s.to_bits()))
            .map_or(rest_ns.clamp(0.0, NS_PER_S as f64), |covered_ns| *covered_ns as f64)
    };
    let mut joules: Vec<(i32, Option<f64>)> = facts.gpu_indices.iter().map(|index| (*index, None)).collect();
    for batch in batches {
        let batch = batch.map_err(io::Error::other)?;
        let timestamp_s = column::<Float64Array>(&batch, "timestamp_s")?;
        let gpu_index = column::<Int32Array>(&batch, "gpu_index")?;
        let power_w = column::<Float32Array>(&batch, "power_w")?;
        for row in (0..batch.num_rows()).filter(|row| power_w.is_valid(*row)) {
            let index = gpu_index.value(row);
            let device = facts.gpu_indices.iter().position(|known| *known == index);
            let device = device.ok_or_else(|| invalid("a row is of an unknown GPU"))?;
            let span_s = covered_ns(device, timestamp_s.value(row)) / NS_PER_S as f64;
            let sum = joules[device].1.get_or_insert(0.0);
            *sum += f64::from(power_w.value(row)) * span_s;
        }
    }
    Ok(joules)
}

/// How much of a second is covered, by the position of its device and the bits of its time, where it is not all.
fn holes_of(text: &str) -> io::Result<HashMap<(usize, u64), u64>> {
    let hole = |text: &str| {
        let (place, covered_ns) = text.split_once('=')?;
        let (device, timestamp_s) = place.split_once(':')?;
        let timestamp_s: f64 = timestamp_s.parse().ok()?;
        Some(((device.parse().ok()?, timestamp_s.to_bits()), covered_ns.parse().ok()?))
    };
    let holes: Option<_> = text.split(',').filter(|text| !text.is_empty()).map(hole).collect();
    holes.ok_or_else(|| invalid("its list of holes is damaged"))
}

fn open(path: &Path) -> io::Result<(ParquetRecordBatchReader, Entries)> {
    undamaged(|| {
        let builder = ParquetRecordBatchReaderBuilder::try_new(File::open(path)?).map_err(io_error)?;
        let entries = Entries::of(builder.metadata().file_metadata().key_value_metadata());
        Ok((builder.build().map_err(io_error)?, entries))
    })
}

fn column<'a, T: 'static>(batch: &'a RecordBatch, name: &str) -> io::Result<&'a T> {
    let column = batch.column_by_name(name).and_then(|column| column.as_any().downcast_ref());
    column.ok_or_else(|| invalid(&format!("it has no column {name} of the right type")))
}

fn at_32(column: &Int32Array, row: usize) -> Option<u32> {
    column.is_valid(row).then(|| column.value(row).cast_unsigned())
}

fn at_64(column: &Int64Array, row: usize) -> Option<u64> {
    column.is_valid(row).then(|| column.value(row).cast_unsigned())
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "how long a call took")]
fn nanoseconds(microseconds: f32) -> u64 {
    (f64::from(microseconds) * 1e3).round() as u64
}
