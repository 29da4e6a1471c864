//! A file that one process at a time holds. The kernel lets go of it when the process ends, however it ends, so there
//! is no stale lock to judge.

use std::fs::{File, TryLockError};

use napi_derive::napi;

use crate::CodedError;

/// A held lock; `release`, or the end of the process, lets go of it.
#[napi]
pub struct FileLock {
    file: Option<File>,
}

#[napi]
impl FileLock {
    /// Lets go of the file; may be called again.
    #[napi]
    pub fn release(&mut self) {
        self.file = None;
    }
}

/// Takes the lock of a file, which is made if need be and never removed; null where another process holds it. Throws
/// `LOCK_FAILED`.
#[napi]
pub fn take_lock(path: String) -> Result<Option<FileLock>, CodedError> {
    let failed = |error: std::io::Error| CodedError::new("LOCK_FAILED".to_owned(), error.to_string());
    let file =
        File::options().read(true).write(true).create(true).truncate(false).open(path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(FileLock { file: Some(file) })),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}
