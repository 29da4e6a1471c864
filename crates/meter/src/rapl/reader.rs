//! Reads the counters on a thread that may be left behind: a file can block its reader for ever, as a FIFO or a file
//! of a network does.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crate::clock::{monotonic_ns, seconds};

/// No file here is longer; one without an end must not fill the memory.
const LONGEST_FILE: u64 = 4096;
/// How often one that is empty is read again.
const EMPTY_READS: usize = 5;

/// The file that the thread is waiting for, and since when.
#[derive(Default)]
pub(super) struct Awaited(Mutex<Option<(u64, PathBuf)>>);

impl Awaited {
    /// The text of a file.
    pub fn text(&self, path: &Path) -> io::Result<String> {
        *self.lock() = Some((monotonic_ns(), path.to_owned()));
        let mut text = String::new();
        let read = File::open(path).and_then(|file| file.take(LONGEST_FILE).read_to_string(&mut text));
        *self.lock() = None;
        read.map(|_| text)
    }

    /// The number in a file.
    pub fn number(&self, path: &Path) -> io::Result<u64> {
        let mut text = self.text(path)?;
        for _ in 0..EMPTY_READS {
            if !text.is_empty() {
                break;
            }
            // No file of sysfs is empty; one of a tree that somebody else writes may be, for a moment.
            thread::sleep(Duration::from_micros(200));
            text = self.text(path)?;
        }
        text.trim().parse().map_err(|_| io::Error::other(format!("{:?} is no number", text.trim())))
    }

    /// For how long it has been waiting.
    pub fn waits_ns(&self) -> u64 {
        self.lock().as_ref().map_or(0, |(since_ns, _)| monotonic_ns().saturating_sub(*since_ns))
    }

    /// What a limit that is over says of the file.
    pub fn reason(&self) -> String {
        match &*self.lock() {
            Some((since_ns, path)) => format!(
                "{} has not answered for {:.1} s",
                path.display(),
                seconds(monotonic_ns().saturating_sub(*since_ns))
            ),
            None => "the thread that reads the RAPL counters has not answered".to_owned(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<(u64, PathBuf)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
