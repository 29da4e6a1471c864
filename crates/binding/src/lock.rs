//! A file that one process at a time holds. The kernel lets go of it when the process ends, however it ends, so there
//! is no stale lock to judge.

use std::fs::{self, DirBuilder, File, Permissions, TryLockError};
use std::io::{Error, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

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

/// A claim on something that all users of this machine know by a name. Held by one, or by several who all know of it.
#[napi]
pub struct Claim {
    file: Option<File>,
    others: bool,
    /// When the file was touched last, as this claim began.
    touched: (i64, i64),
}

#[napi]
impl Claim {
    /// Whether somebody else held it when this one began.
    #[napi(getter)]
    pub fn others(&self) -> bool {
        self.others
    }

    /// Whether somebody has come to share it since.
    #[napi]
    pub fn was_shared(&self) -> bool {
        self.file
            .as_ref()
            .and_then(|file| file.metadata().ok())
            .is_some_and(|now| touched(&now) != self.touched)
    }

    /// Lets go of it; may be called again.
    #[napi]
    pub fn release(&mut self) {
        self.file = None;
    }
}

/// Claims `name` below `folder`, which is made for all users if need be; null where somebody else holds it and it is not to be
/// shared. Nothing is ever written to the file, and no link is followed. Throws `LOCK_FAILED`.
#[napi]
pub fn claim(folder: String, name: String, shares: bool) -> Result<Option<Claim>, CodedError> {
    let failed = |error: Error| CodedError::new("LOCK_FAILED".to_owned(), error.to_string());
    let file = claim_file(Path::new(&folder), &name).map_err(failed)?;
    let others = match file.try_lock() {
        Ok(()) => false,
        Err(TryLockError::WouldBlock) if shares => true,
        Err(TryLockError::WouldBlock) => return Ok(None),
        Err(TryLockError::Error(error)) => return Err(failed(error)),
    };
    // From here on it is shared by all who hold it, so that whoever wants it alone sees that there is somebody.
    match file.try_lock_shared() {
        Ok(()) => {}
        // Between the two somebody else took it alone, and is about to share it.
        Err(TryLockError::WouldBlock) => return if shares { claim(folder, name, shares) } else { Ok(None) },
        Err(TryLockError::Error(error)) => return Err(failed(error)),
    }
    if others {
        // Whoever holds it sees at its end that it was not alone.
        file.set_modified(std::time::SystemTime::now()).map_err(failed)?;
    }
    let touched = touched(&file.metadata().map_err(failed)?);
    Ok(Some(Claim { file: Some(file), others, touched }))
}

fn touched(metadata: &fs::Metadata) -> (i64, i64) {
    (metadata.mtime(), metadata.mtime_nsec())
}

fn claim_file(folder: &Path, name: &str) -> Result<File, Error> {
    match DirBuilder::new().mode(0o777).create(folder) {
        // As /tmp: everybody may add, and nobody takes away what is another's. The mask of this process has no say.
        Ok(()) => fs::set_permissions(folder, Permissions::from_mode(0o1777))?,
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error),
    }
    if !fs::symlink_metadata(folder)?.is_dir() {
        return Err(Error::new(ErrorKind::NotADirectory, format!("{} is no folder", folder.display())));
    }
    let path = folder.join(name);
    let mut options = File::options();
    options.read(true).write(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK);
    // One that is there is opened as it is: with O_CREAT Linux refuses another user's (fs.protected_regular).
    match options.open(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        opened => return opened,
    }
    match options.clone().create_new(true).mode(0o666).open(&path) {
        Ok(file) => {
            file.set_permissions(Permissions::from_mode(0o666))?;
            Ok(file)
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => options.open(&path),
        Err(error) => Err(error),
    }
}
