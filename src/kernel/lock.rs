//! One writer at a time: operating-system file locks, released by the kernel when the process ends.

use crate::kernel::error::{Error, Kind, Result};
use crate::kernel::fs;
use std::fs::{File, TryLockError};
use std::path::Path;
use std::time::Duration;

/// A held lock; dropping it lets go.
#[derive(Debug)]
pub struct Lock {
    file: File,
}

/// Locks `<path>.lock`, made 0600 if missing, waiting at most `patience`.
///
/// Errors: `Contention` when somebody else still holds it, else the path's own problem.
pub fn hold(path: &Path, patience: Duration) -> Result<Lock> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let file = fs::open_private(Path::new(&name))?;
    lockfile(file, path, patience)
}

/// Locks an open file itself, waiting at most `patience`.
pub fn lockfile(file: File, path: &Path, patience: Duration) -> Result<Lock> {
    const PAUSE: Duration = Duration::from_millis(5);
    let mut waited = Duration::ZERO;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(Lock { file }),
            Err(TryLockError::WouldBlock) if waited < patience => {
                std::thread::sleep(PAUSE);
                waited += PAUSE;
            }
            Err(TryLockError::WouldBlock) => {
                let message = format!("{} is in use by another process", path.display());
                return Err(Error::new(Kind::Contention, message).hint("wait for the other process to end, then retry"));
            }
            Err(TryLockError::Error(error)) => return Err(Error::io("lock", path, error)),
        }
    }
}

impl Lock {
    /// The locked file.
    pub fn file(&self) -> &File {
        &self.file
    }
}
