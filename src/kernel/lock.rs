//! One writer at a time: operating-system file locks, released by the kernel when the process ends.

use crate::kernel::clock::Stopwatch;
use crate::kernel::error::{Error, Kind, Result};
use crate::kernel::fs;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
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

/// A held lock whose file is gone when nobody holds it. The kernel releases it however the process ends; a file left
/// behind then means nothing.
#[derive(Debug)]
pub struct Named {
    path: PathBuf,
    lock: Lock,
}

/// As [`hold`], with the file removed again when the lock is let go.
pub fn hold_named(path: &Path, patience: Duration) -> Result<Named> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let watch = Stopwatch::start();
    loop {
        let lock = hold(path, patience.saturating_sub(watch.elapsed()))?;
        let named = Named { path: PathBuf::from(&name), lock };
        if named.is_current() {
            return Ok(named);
        }
        // The holder before removed the file while this process waited on it.
    }
}

impl Named {
    /// The locked file, to say in it who holds it.
    pub fn file(&self) -> &File {
        self.lock.file()
    }

    /// Whether the locked file is the one that stands at the path.
    #[cfg(unix)]
    fn is_current(&self) -> bool {
        use std::os::unix::fs::MetadataExt as _;
        let place = |data: std::fs::Metadata| (data.dev(), data.ino());
        let (held, there) = (self.lock.file().metadata(), std::fs::metadata(&self.path));
        matches!((held.map(place), there.map(place)), (Ok(held), Ok(there)) if held == there)
    }

    #[cfg(not(unix))]
    fn is_current(&self) -> bool {
        true
    }
}

impl Drop for Named {
    /// Removes the file while it is still locked; where that is impossible it stays, unlocked.
    fn drop(&mut self) {
        if self.is_current() && cfg!(unix) {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}
