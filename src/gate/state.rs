//! State that decisions share: one file, changed by one process at a time.

use crate::kernel::error::{Kind, Result};
use crate::kernel::fs::{self, SETTINGS_LIMIT};
use crate::kernel::json::{encode, read};
use crate::kernel::lock;
use camino::Utf8Path;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(3);

/// A kind of state file.
pub trait State: Default + Serialize + DeserializeOwned {
    /// What a person may do about a file that cannot be read.
    const BROKEN: &'static str;
    /// The code of the error when another process keeps the file.
    const BUSY: &'static str;
}

/// Reads the state at `path`; none is an empty one.
///
/// Errors: `InvalidInput` for a broken file.
pub fn read<S: State>(path: &Utf8Path) -> Result<S> {
    if !path.exists() {
        return Ok(S::default());
    }
    let bytes = fs::read(path, SETTINGS_LIMIT)?;
    read::typed(&bytes).map_err(|error| error.at(path).hint(S::BROKEN))
}

/// Changes the state at `path`, which is written whole or not at all, and only when `change` says so.
///
/// Errors: as of [`read`], and `Contention` when another process keeps the state for 3 seconds.
pub fn change<S: State, T>(path: &Utf8Path, change: impl FnOnce(&mut S) -> (T, bool)) -> Result<T> {
    fs::make_parent(path)?;
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
