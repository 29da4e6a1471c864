//! What a killed process left behind, made readable.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use parquet::file::metadata::ParquetMetaDataReader;

use super::metadata::{Entries, invalid};
use super::partial::{Paths, io_error, lock, undamaged};

/// What was recovered of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recovered {
    /// Its rows.
    pub rows: u64,
    /// How much of the window they span, nanoseconds.
    pub duration_ns: u64,
}

/// Makes the file `path` from the partial one that a killed process left. It may be called again after it was killed
/// itself.
///
/// Fails with `AlreadyExists` where the file is whole, `NotFound` where there is no partial one, `WouldBlock` where
/// the process that writes it is alive, and `InvalidData` where it is damaged.
pub fn recover(path: &Path) -> io::Result<Recovered> {
    let paths = Paths::of(path);
    if paths.whole.try_exists()? {
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, "the file is there and whole"));
    }
    let mut file = OpenOptions::new().read(true).write(true).open(&paths.partial)?;
    lock(&file)?;
    // Killed between its last byte and its name, it needs no other footer.
    let recovered = facts_of(&file).or_else(|_| {
        append_footer(&mut file, &paths.footer)?;
        facts_of(&file)
    })?;
    file.sync_all()?;
    paths.remove_footers();
    std::fs::rename(&paths.partial, &paths.whole)?;
    Ok(recovered)
}

fn append_footer(file: &mut File, footer: &Path) -> io::Result<()> {
    let mut footer = File::open(footer)?;
    let (mut length, mut bytes) = ([0; 8], Vec::new());
    footer.read_exact(&mut length)?;
    footer.read_to_end(&mut bytes)?;
    let length = u64::from_le_bytes(length);
    if file.metadata()?.len() < length {
        return Err(invalid("it is shorter than its footer says"));
    }
    file.set_len(length)?;
    file.seek(SeekFrom::Start(length))?;
    file.write_all(&bytes)
}

fn facts_of(file: &File) -> io::Result<Recovered> {
    let metadata = undamaged(|| ParquetMetaDataReader::new().parse_and_finish(file).map_err(io_error))?;
    let metadata = metadata.file_metadata();
    let duration_ns = Entries::of(metadata.key_value_metadata()).value("llem.window_duration_ns")?;
    Ok(Recovered { rows: metadata.num_rows().unsigned_abs(), duration_ns })
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::super::partial::remove;
    use super::*;
    use crate::clock::{NS_PER_MS, NS_PER_S};
    use crate::energy::Sensor;
    use crate::parquet::{FileFacts, SamplesFile};
    use crate::sample::Sample;

    const START_NS: u64 = 100 * NS_PER_S;

    fn written(path: &Path, seconds: u64) -> SamplesFile {
        let facts = FileFacts {
            gpu_indices: vec![0],
            uuids: vec!["GPU-0".to_owned()],
            interval_ns: 10 * NS_PER_MS,
            start_ns: START_NS,
            start_unix_ns: 0,
            power_gap_cap_ns: NS_PER_S,
            slow_gap_cap_ns: NS_PER_S,
            history_ns: NS_PER_S,
            sensors: vec![Sensor::DATACENTER],
            calibrated: Vec::new(),
        };
        let mut file = SamplesFile::create(path, &facts).expect("a file");
        for k in 0..seconds * 100 {
            let sample = Sample {
                device: 0,
                scheduled: true,
                at_ns: START_NS + k * 10 * NS_PER_MS,
                read_ns: 1000,
                power_mw: Ok(100_000),
                counter: None,
                slow: None,
                throttle: None,
                poll: None,
            };
            file.push(&sample).expect("a row");
        }
        file
    }

    /// What is on the disk at this moment, as a kill would leave it, in a folder of its own.
    fn killed(path: &Path, name: &str) -> PathBuf {
        let (from, to) = (Paths::of(path), Paths::of(&path.with_file_name(name)));
        std::fs::copy(from.partial, to.partial).expect("a partial file");
        std::fs::copy(from.footer, to.footer).expect("its footer");
        std::fs::write(to.draft, "half of the next footer").expect("a file");
        to.whole
    }

    #[test]
    fn a_killed_file_keeps_all_but_its_last_five_seconds() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("samples.parquet");
        for (seconds, rows) in [(0, 0), (4, 0), (6, 501), (12, 1001), (17, 1501)] {
            let file = written(&path, seconds);
            let left = killed(&path, &format!("killed-{seconds}"));
            drop(file);
            let recovered = recover(&left).expect("rows");
            assert_eq!(recovered.rows, rows, "{seconds} s");
            assert_eq!(recovered.duration_ns, rows.saturating_sub(1) * 10 * NS_PER_MS);
            let Paths { whole, partial, footer, draft } = Paths::of(&left);
            assert_eq!(
                [whole, partial, footer, draft].map(|path| path.exists()),
                [true, false, false, false]
            );
        }
    }

    #[test]
    fn a_recovery_that_was_killed_itself_is_done_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("samples.parquet");
        let file = written(&path, 6);
        for torn in [false, true] {
            let left = killed(&path, "killed");
            let mut partial =
                OpenOptions::new().read(true).write(true).open(Paths::of(&left).partial).expect("a file");
            append_footer(&mut partial, &Paths::of(&left).footer).expect("a footer");
            if torn {
                partial.set_len(partial.metadata().expect("a file").len() - 9).expect("a shorter file");
            } else {
                remove(&Paths::of(&left).footer);
            }
            drop(partial);
            assert_eq!(recover(&left).expect("rows").rows, 501);
            remove(&left);
        }
        drop(file);
    }

    #[test]
    fn what_cannot_be_recovered_says_why() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("samples.parquet");
        let kind = |path: &Path| recover(path).expect_err("nothing").kind();
        assert_eq!(kind(&path), io::ErrorKind::NotFound);
        let file = written(&path, 6);
        assert_eq!(kind(&path), io::ErrorKind::WouldBlock);
        let left = killed(&path, "cut");
        std::fs::write(Paths::of(&left).partial, "PAR1").expect("a file");
        assert_eq!(kind(&left), io::ErrorKind::InvalidData);
        std::fs::write(&path, "whole").expect("a file");
        assert_eq!(kind(&path), io::ErrorKind::AlreadyExists);
        drop(file);
    }

    #[test]
    fn a_reader_that_panics_has_met_a_damaged_file() {
        let error = undamaged::<()>(|| panic!("column start and length should not be negative"));
        assert_eq!(error.expect_err("damaged").kind(), io::ErrorKind::InvalidData);
        assert_eq!(undamaged(|| Ok(1)).expect("whole"), 1);
    }
}
