//! State that decisions share: one file, changed by one process at a time.

use crate::kernel::error::{Error, Kind, Result};
use crate::kernel::fs::{self, DOCUMENT_LIMIT};
use crate::kernel::json::{encode, read};
use crate::kernel::lock;
use camino::{Utf8Path, Utf8PathBuf};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io::ErrorKind;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(3);

/// A kind of state file.
pub trait State: Default + Serialize + DeserializeOwned {
    /// What a person may do about a file that cannot be read.
    const BROKEN: &'static str;
    /// The code of the error when another process keeps the file.
    const BUSY: &'static str;

    /// Whether the file says it is of this kind.
    fn is_known(&self) -> bool;
}

/// Reads the state at `path`; none is an empty one.
///
/// Errors: `InvalidInput` for a broken file and for one with hard links.
pub fn read<S: State>(path: &Utf8Path) -> Result<S> {
    real(path)?.map_or_else(|| Ok(S::default()), |path| read_real(&path))
}

fn read_real<S: State>(path: &Utf8Path) -> Result<S> {
    let bytes = fs::read(path, DOCUMENT_LIMIT)?;
    let state: S = read::typed(&bytes).map_err(|error| error.at(path).hint(S::BROKEN))?;
    let foreign = || Error::invalid(format!("{path} is a file of another kind or version")).hint(S::BROKEN);
    state.is_known().then_some(state).ok_or_else(foreign)
}

/// The file that `path` leads to, none if there is none: a link is not replaced by a copy of its own, which would leave two
/// states where one is meant.
fn real(path: &Utf8Path) -> Result<Option<Utf8PathBuf>> {
    let found = match path.symlink_metadata() {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        found => found.and_then(|_| path.metadata()).map_err(|error| Error::io("read", path, error))?,
    };
    if found.is_file() && has_names(&found) {
        return Err(Error::invalid(format!("{path} has hard links: under its other names it would be another state"))
            .hint("remove them, or name a file of its own"));
    }
    path.canonicalize_utf8().map(Some).map_err(|error| Error::io("read", path, error))
}

/// Whether there are hard links, of which a replaced file is none.
#[cfg(unix)]
fn has_names(found: &std::fs::Metadata) -> bool {
    std::os::unix::fs::MetadataExt::nlink(found) > 1
}

#[cfg(not(unix))]
fn has_names(_: &std::fs::Metadata) -> bool {
    false
}

/// Changes the state at `path`, which is written whole or not at all, and only when `change` says so.
///
/// Errors: as of [`read`], and `Contention` when another process keeps the state for 3 seconds.
pub fn change<S: State, T>(path: &Utf8Path, change: impl FnOnce(&mut S) -> (T, bool)) -> Result<T> {
    fs::make_parent(path)?;
    let path = &real(path)?.unwrap_or_else(|| path.to_owned());
    let lock = lock::hold_named(path.as_std_path(), PATIENCE).map_err(|error| match error.kind() {
        Kind::Contention => error.code(S::BUSY),
        _ => error,
    })?;
    let mut state = read(path)?;
    let (answer, changed) = change(&mut state);
    if changed {
        fs::write(path, encode::document(&state)?.as_bytes())?;
    }
    drop(lock);
    Ok(answer)
}
