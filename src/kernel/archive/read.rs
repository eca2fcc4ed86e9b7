//! Entries of an untrusted archive, each read once, within limits.

use crate::kernel::archive::layout::{self, Entry};
use crate::kernel::archive::source::Source;
use crate::kernel::error::{Error, Result};
use std::io::Read;
use std::path::Path;

/// What a reader of archives accepts. All sizes in bytes, uncompressed.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Largest single entry: 1 GiB.
    pub entry: u64,
    /// All entries together: 4 GiB.
    pub total: u64,
    /// An entry above 64 MiB may not be compressed better than this: 1,000 to 1.
    pub ratio: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { entry: 1 << 30, total: 4 << 30, ratio: 1000 }
    }
}

const RATIO_FROM: u64 = 64 << 20;

/// A surveyed archive: unambiguous, within limits, its entries not yet read.
#[derive(Debug, Clone)]
pub struct Archive {
    zip: zip::ZipArchive<Source>,
    source: Source,
    entries: Vec<Entry>,
}

impl Archive {
    /// Opens and surveys the archive at `path`.
    pub fn open(path: &Path, limits: Limits) -> Result<Self> {
        Self::new(Source::open(path)?, limits)
    }

    /// Surveys an archive. `InvalidInput`: no zip at all, or larger than the limits.
    /// `VerificationFailed` with code `archive_ambiguous`: two readers could see different content.
    pub fn new(source: Source, limits: Limits) -> Result<Self> {
        let layout = layout::survey(&source)?;
        if !layout.faults.is_empty() {
            let message = format!("the archive cannot be trusted: {}", layout.faults.join("; "));
            return Err(Error::verification(message).code("archive_ambiguous"));
        }
        let mut total = 0u64;
        for entry in &layout.entries {
            total += entry.size;
            let packed_tight = entry.size > RATIO_FROM && entry.size / limits.ratio > entry.compressed;
            if entry.size > limits.entry || total > limits.total || packed_tight {
                return Err(Error::invalid(format!(
                    "entry {:?} of {} bytes (from {} compressed) is beyond the limits",
                    entry.name, entry.size, entry.compressed
                )));
            }
        }
        let zip = zip::ZipArchive::new(source.clone())
            .map_err(|e| Error::invalid(format!("not a readable zip archive: {e}")))?;
        Ok(Self { zip, source, entries: layout.entries })
    }

    /// The entries in directory order.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The archive's bytes.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// Reads entry `name` of at most `limit` bytes whole; `None` if there is no such entry.
    pub fn bytes(&mut self, name: &str, limit: u64) -> Result<Option<Vec<u8>>> {
        let Some(size) = self.entries.iter().find(|e| e.name == name).map(|e| e.size) else { return Ok(None) };
        if size > limit {
            return Err(Error::invalid(format!("entry {name:?} is larger than {limit} bytes")));
        }
        let mut bytes = Vec::with_capacity(size as usize + 1);
        self.stream(name, |chunk| {
            bytes.extend_from_slice(chunk);
            Ok(())
        })?;
        Ok(Some(bytes))
    }

    /// Streams entry `name` chunk by chunk. Errors: damaged data, or a size that does not hold.
    pub fn stream(&mut self, name: &str, mut take: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let damaged = |why: &dyn std::fmt::Display| {
            Error::verification(format!("entry {name:?} is damaged: {why}")).code("entry_damaged")
        };
        let mut entry = self.zip.by_name(name).map_err(|e| damaged(&e))?;
        let size = entry.size();
        let mut buffer = vec![0u8; (size as usize + 1).min(CHUNK)];
        let mut left = size;
        loop {
            let got = entry.read(&mut buffer).map_err(|e| damaged(&e))?;
            if got == 0 {
                break;
            }
            left = left.checked_sub(got as u64).ok_or_else(|| damaged(&"more data than its size says"))?;
            take(&buffer[..got])?;
        }
        if left > 0 {
            return Err(damaged(&"less data than its size says"));
        }
        Ok(())
    }
}

/// Bytes read at a time: small enough to stay in the cache while it is hashed and scanned.
const CHUNK: usize = 256 << 10;
