//! A file that is not there before it is whole, and of which little is lost when its writer is killed.
//!
//! Rows go to `<path>.partial`, row group by row group. A Parquet file is readable by its footer, which comes last,
//! so after each row group the footer of what there is by then is put beside it, as `<path>.footer.partial`: the
//! length up to which the partial file is valid (8 bytes, little endian), and the bytes that belong there.
//! [`super::recover`] joins the two.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{Field, Schema};
use parquet::arrow::{ArrowSchemaConverter, ArrowWriter};
use parquet::basic::Compression;
use parquet::basic::Encoding::{BYTE_STREAM_SPLIT, DELTA_BINARY_PACKED};
use parquet::errors::ParquetError;
use parquet::file::metadata::{
    FileMetaData, KeyValue, ParquetMetaData, ParquetMetaDataWriter, RowGroupMetaData,
};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::{ColumnPath, SchemaDescPtr};

use super::metadata::{entry, invalid};
use crate::clock::NS_PER_S;

/// Rows that are encoded before a row group is written, however little time has passed.
const MAX_ROWS_PER_GROUP: usize = 65_536;
/// What a kill may cost: the last 5 s, or the last fiftieth of a longer window. Each row group stays in memory until
/// the end as up to 25 kB of metadata, and each footer is written whole, so their number may grow only with the
/// logarithm of the time: 185 in an hour, 345 in a day.
const MIN_GROUP_NS: u64 = 5 * NS_PER_S;
const GROUPS_PER_AGE: u64 = 50;
/// Columns whose values hardly repeat. A dictionary of them would only be held in memory until the row group ends.
const RESTLESS: [&str; 6] =
    ["timestamp_s", "monotonic_ns", "read_us", "power_mw", "counter_monotonic_ns", "counter_mj"];
/// The version of the Parquet format that the footer names, the one that the writer has by default.
const FORMAT_VERSION: i32 = 1;

/// Where a file is until it is whole.
pub(super) struct Paths {
    pub whole: PathBuf,
    pub partial: PathBuf,
    pub footer: PathBuf,
    /// The next footer until it is whole.
    pub draft: PathBuf,
}

impl Paths {
    pub fn of(path: &Path) -> Self {
        Self {
            whole: path.to_owned(),
            partial: with_suffix(path, ".partial"),
            footer: with_suffix(path, ".footer.partial"),
            draft: with_suffix(path, ".footer.new.partial"),
        }
    }

    /// Removes what only a partial file needs.
    pub fn remove_footers(&self) {
        remove(&self.footer);
        remove(&self.draft);
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Rows on their way to a file. Dropped before it is finished, it removes what it wrote, so that giving up needs no
/// code.
pub(super) struct PartialFile {
    writer: ArrowWriter<File>,
    schema: Arc<Schema>,
    columns: SchemaDescPtr,
    metadata: Vec<KeyValue>,
    paths: Paths,
    is_finished: bool,
    /// The age of the window when the last row group was written.
    checkpoint_ns: u64,
}

impl PartialFile {
    pub fn create(path: &Path, fields: Vec<Field>, metadata: Vec<KeyValue>) -> io::Result<Self> {
        let paths = Paths::of(path);
        let mut properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            // The index of every page would be kept in memory until the end, and nobody seeks in these files.
            .set_statistics_enabled(EnabledStatistics::Chunk)
            .set_offset_index_disabled(true)
            .set_max_row_group_row_count(Some(MAX_ROWS_PER_GROUP))
            .set_key_value_metadata(Some(metadata.clone()));
        for field in fields.iter().filter(|field| RESTLESS.contains(&field.name().as_str())) {
            let path = ColumnPath::from(field.name().as_str());
            let encoding =
                if field.data_type().is_floating() { BYTE_STREAM_SPLIT } else { DELTA_BINARY_PACKED };
            properties = properties
                .set_column_dictionary_enabled(path.clone(), false)
                .set_column_encoding(path, encoding);
        }
        let properties = properties.build();
        let schema = Arc::new(Schema::new(fields));
        let columns = Arc::new(ArrowSchemaConverter::new().convert(&schema).map_err(io_error)?);
        // Not truncated before it is locked: it may be another writer's.
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(&paths.partial)?;
        lock(&file)?;
        let truncated = file.set_len(0);
        let writer = truncated
            .and_then(|()| {
                ArrowWriter::try_new(file, Arc::clone(&schema), Some(properties)).map_err(io_error)
            })
            .inspect_err(|_| remove(&paths.partial))?;
        let mut created =
            Self { writer, schema, columns, metadata, paths, is_finished: false, checkpoint_ns: 0 };
        created.checkpoint(0, vec![entry("llem.window_duration_ns", 0)])?;
        Ok(created)
    }

    pub fn write(&mut self, columns: Vec<ArrayRef>) -> io::Result<()> {
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), columns).map_err(io::Error::other)?;
        self.writer.write(&batch).map_err(io_error)
    }

    /// Whether a window that is `age_ns` old has rows that it is time to secure.
    pub fn is_checkpoint_due(&self, age_ns: u64) -> bool {
        let rest_ns = MIN_GROUP_NS.max(self.checkpoint_ns / GROUPS_PER_AGE);
        age_ns.saturating_sub(self.checkpoint_ns) >= rest_ns
    }

    /// Makes what was written so far recoverable. `metadata`: what its footer says besides.
    pub fn checkpoint(&mut self, age_ns: u64, metadata: Vec<KeyValue>) -> io::Result<()> {
        self.checkpoint_ns = age_ns;
        self.writer.flush().map_err(io_error)?;
        self.writer.sync()?;
        let mut content = (self.writer.bytes_written() as u64).to_le_bytes().to_vec();
        self.write_footer(&mut content, metadata)?;
        // No fsync: what was written outlives the process, and a machine that loses its power loses the window.
        std::fs::write(&self.paths.draft, content)?;
        std::fs::rename(&self.paths.draft, &self.paths.footer)
    }

    fn write_footer(&self, content: &mut Vec<u8>, metadata: Vec<KeyValue>) -> io::Result<()> {
        let row_groups = self.writer.flushed_row_groups().to_vec();
        let rows = row_groups.iter().map(RowGroupMetaData::num_rows).sum();
        let recovered = entry("llem.recovered", true);
        let all = self.metadata.iter().cloned().chain(metadata).chain([recovered]).collect();
        let columns = Arc::clone(&self.columns);
        let file = FileMetaData::new(FORMAT_VERSION, rows, None, Some(all), columns, None);
        let footer = ParquetMetaData::new(file, row_groups);
        ParquetMetaDataWriter::new(content, &footer).finish().map_err(io_error)
    }

    /// Completes the file and gives it its name. `metadata`: what is known of it only now.
    pub fn finish(mut self, metadata: Vec<KeyValue>) -> io::Result<()> {
        for entry in metadata {
            self.writer.append_key_value_metadata(entry);
        }
        self.writer.finish().map_err(io_error)?;
        self.writer.inner().sync_all()?;
        // Before the name is given, so that no footer is ever left beside a file that needs none.
        self.paths.remove_footers();
        std::fs::rename(&self.paths.partial, &self.paths.whole)?;
        self.is_finished = true;
        Ok(())
    }
}

impl Drop for PartialFile {
    fn drop(&mut self) {
        if !self.is_finished {
            remove(&self.paths.partial);
            self.paths.remove_footers();
        }
    }
}

/// Takes the file for this process until it is closed, by itself or by the end of the process, however that comes.
/// Fails with `WouldBlock` where another one has it.
pub(super) fn lock(file: &File) -> io::Result<()> {
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => Err(TryLockError::WouldBlock.into()),
        // A file system without locks is no reason not to measure.
        Ok(()) | Err(TryLockError::Error(_)) => Ok(()),
    }
}

pub(super) fn remove(path: &Path) {
    // Nothing better can be done about a file that cannot even be removed; its name says that it is partial.
    let _ = std::fs::remove_file(path);
}

/// What reading answers. The crate `parquet` panics over some damaged files, such as one whose columns have a negative length.
pub(super) fn undamaged<T>(read: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| Err(invalid("its pages are damaged")))
}

/// The cause itself where the operating system gave one: "no space left" rather than "underlying IO error".
pub(super) fn io_error(error: ParquetError) -> io::Error {
    match error {
        ParquetError::External(inner) => {
            inner.downcast::<io::Error>().map_or_else(io::Error::other, |error| *error)
        }
        other => io::Error::other(other),
    }
}
