//! Event logs: one JSON object per line, appended under a lock, read back line by line.

use crate::kernel::error::{Error, Result};
use crate::kernel::host;
use crate::kernel::json::{encode, read as json};
use crate::kernel::{fs, lock};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::time::Duration;

/// Longest line that is read: 1 MiB.
pub const LINE_LIMIT: u64 = 1 << 20;
/// A log of this size is put aside as `<path>.1` before the next event: 16 MiB.
pub const ROTATE_AT: u64 = 16 << 20;

/// Where a command ran, in the spelling of the schema: `linux`, `darwin`, `windows`; `amd64`, `arm64`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Environment {
    pub os: String,
    pub arch: String,
}

impl Environment {
    /// This machine.
    pub fn here() -> Self {
        Self { os: host::os().to_owned(), arch: host::arch().to_owned() }
    }

    /// Both parts must be given.
    pub fn check(&self) -> Result<()> {
        let missing = self.os.trim().is_empty() || self.arch.trim().is_empty();
        if missing { Err(Error::invalid("environment needs os and arch")) } else { Ok(()) }
    }
}

/// Appends one event to the log at `path`, waiting at most `patience` for other writers. Nothing is synced.
///
/// Missing directories are made (0750), the file is 0600; a relative path that leaves the working directory is refused.
pub fn append<T: Serialize>(path: &str, event: &T, patience: Duration) -> Result<()> {
    let path = fs::output_path(path)?;
    let path = path.as_std_path();
    let mut line = encode::record(event)?;
    line.push('\n');
    fs::make_parent(path)?;
    let held = lock::lockfile(fs::open_private(path)?, path, patience)?;
    let write = |mut file: &File| file.write_all(line.as_bytes()).map_err(|error| Error::io("write", path, error));
    if !rotate(path) {
        return write(held.file());
    }
    let held = lock::lockfile(fs::open_private(path)?, path, patience)?;
    write(held.file())
}

/// Puts a log that has grown too large aside. The caller holds its lock; whoever waits for that lock now writes one
/// last event into the file put aside. A failure only means that the log grows on.
fn rotate(path: &Path) -> bool {
    let large = std::fs::metadata(path).is_ok_and(|data| data.is_file() && data.len() >= ROTATE_AT);
    let mut aside = path.as_os_str().to_owned();
    aside.push(".1");
    large && std::fs::rename(path, aside).is_ok()
}

/// What a log holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Log<T> {
    pub events: Vec<T>,
    /// Lines that hold no event: (1-based line number, what is wrong with it).
    pub bad: Vec<(usize, String)>,
}

/// Reads the log at `path`: at most [`fs::DOCUMENT_LIMIT`] bytes, lines of at most [`LINE_LIMIT`]; blank lines don't
/// count, lines that are no event are listed.
pub fn read<T: DeserializeOwned>(path: &Path, check: impl Fn(T) -> Result<T>) -> Result<Log<T>> {
    let failed = |error| Error::io("read", path, error);
    let file = File::open(path).map_err(failed)?;
    if file.metadata().map_err(failed)?.len() > fs::DOCUMENT_LIMIT {
        let limit = fs::DOCUMENT_LIMIT;
        return Err(Error::invalid(format!("{} is larger than {limit} bytes", path.display())));
    }
    let mut reader = BufReader::new(file.take(fs::DOCUMENT_LIMIT));
    let mut out = Log { events: Vec::new(), bad: Vec::new() };
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        if reader.by_ref().take(LINE_LIMIT + 1).read_until(b'\n', &mut line).map_err(failed)? == 0 {
            break;
        }
        if line.len() as u64 > LINE_LIMIT && !line.ends_with(b"\n") {
            reader.skip_until(b'\n').map_err(failed)?;
            out.bad.push((number, format!("longer than {LINE_LIMIT} bytes")));
        } else if !line.trim_ascii().is_empty() {
            match json::typed(line.trim_ascii()).and_then(&check) {
                Ok(event) => out.events.push(event),
                Err(error) => out.bad.push((number, error.to_string())),
            }
        }
    }
    Ok(out)
}
