//! Entries of an untrusted archive, each read once, within limits.

use crate::kernel::archive::layout::{self, Entry};
use crate::kernel::archive::source::Source;
use crate::kernel::error::{Error, Result};
use flate2::{Decompress, FlushDecompress, Status};
use std::cell::Cell;
use std::io::{self, BufRead, BufReader, Read, Take};
use std::path::Path;

/// What a reader of archives accepts. All sizes in bytes, uncompressed.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Largest single entry: 1 GiB.
    pub entry: u64,
    /// All entries together: 4 GiB.
    pub total: u64,
    /// Above 64 MiB neither an entry nor all of them may be compressed better than this: 1,000 to 1.
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
        let (mut total, mut packed) = (0u64, 0u64);
        for entry in &layout.entries {
            total = total.saturating_add(entry.size);
            packed = packed.saturating_add(entry.compressed);
            let tight = |size: u64, from: u64| size > RATIO_FROM && size / limits.ratio.max(1) > from;
            let bomb = tight(entry.size, entry.compressed) || tight(total, packed);
            if entry.size > limits.entry || total > limits.total || bomb {
                return Err(Error::invalid(format!(
                    "entry {:?} of {} bytes (from {} compressed) is beyond the limits",
                    entry.name, entry.size, entry.compressed
                )));
            }
        }
        Ok(Self { source, entries: layout.entries })
    }

    /// The entries in directory order.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The archive's bytes.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// The entry `name`.
    pub fn entry(&self, name: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.name == name)
    }

    /// Reads entry `name` of at most `limit` bytes whole; `None` if there is no such entry.
    pub fn bytes(&self, name: &str, limit: u64) -> Result<Option<Vec<u8>>> {
        let Some(size) = self.entry(name).map(|entry| entry.size) else { return Ok(None) };
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

    /// Streams entry `name` chunk by chunk. Errors: as [`Archive::stream_entry`], or there is no such entry.
    pub fn stream(&self, name: &str, take: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let missing = || Error::verification(format!("the archive has no entry {name:?}"));
        self.stream_entry(self.entry(name).ok_or_else(missing)?, take)
    }

    /// Streams an entry of this archive chunk by chunk. Errors: damaged data, sizes or a checksum that do not hold.
    pub fn stream_entry(&self, entry: &Entry, mut take: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let damaged = |why: &dyn std::fmt::Display| {
            Error::verification(format!("entry {:?} is damaged: {why}", entry.name)).code("entry_damaged")
        };
        let mut body = Body::new(&self.source, entry);
        let mut buffer = vec![0u8; (entry.size as usize + 1).min(CHUNK)];
        let mut left = entry.size;
        let mut crc = crc32fast::Hasher::new();
        loop {
            let got = body.read(&mut buffer).map_err(|e| damaged(&e))?;
            if got == 0 {
                break;
            }
            left = left.checked_sub(got as u64).ok_or_else(|| damaged(&"more data than its size says"))?;
            crc.update(&buffer[..got]);
            take(&buffer[..got])?;
        }
        if left > 0 {
            return Err(damaged(&"less data than its size says"));
        }
        if !body.spent(entry) {
            return Err(damaged(&"bytes behind the end of its data"));
        }
        if crc.finalize() != entry.crc {
            return Err(damaged(&"its checksum is another"));
        }
        body.leave();
        Ok(())
    }
}

/// Bytes read at a time: small enough to stay in the cache while it is hashed and scanned.
const CHUNK: usize = 256 << 10;
/// Compressed bytes read at a time.
const PACKED_CHUNK: usize = 64 << 10;

thread_local! {
    /// Making the state of a decompression is most of the work for a small entry, so each thread keeps one.
    static SPARE: Cell<Option<Box<Decompress>>> = const { Cell::new(None) };
}

fn fresh(mut state: Box<Decompress>) -> Box<Decompress> {
    state.reset(false);
    state
}

/// The data of one entry on its way out. Unlike the usual readers this one knows where the data ends: a deflate
/// stream that is cut off, or that ends before the entry does, is damage.
enum Body {
    Stored(Take<Source>),
    Deflated { packed: BufReader<Take<Source>>, state: Box<Decompress>, ended: bool },
}

impl Body {
    fn new(source: &Source, entry: &Entry) -> Self {
        let packed = source.range(entry.data_at, entry.compressed);
        if !entry.deflated {
            return Self::Stored(packed);
        }
        let capacity = PACKED_CHUNK.min(entry.compressed as usize + 1);
        Self::Deflated {
            packed: BufReader::with_capacity(capacity, packed),
            state: SPARE.take().map_or_else(|| Box::new(Decompress::new(false)), fresh),
            ended: false,
        }
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let (packed, state, ended) = match self {
            Self::Stored(data) => return data.read(buffer),
            Self::Deflated { packed, state, ended } => (packed, state, ended),
        };
        while !*ended {
            let input = packed.fill_buf()?;
            let (taken, made) = (state.total_in(), state.total_out());
            let status = state.decompress(input, buffer, FlushDecompress::None)?;
            let (taken, made) = ((state.total_in() - taken) as usize, (state.total_out() - made) as usize);
            packed.consume(taken);
            *ended = status == Status::StreamEnd;
            if made > 0 {
                return Ok(made);
            }
            if taken == 0 && !*ended {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the compressed data is cut off"));
            }
        }
        Ok(0)
    }

    /// Leaves what the next entry can use.
    fn leave(self) {
        if let Self::Deflated { state, .. } = self {
            SPARE.set(Some(state));
        }
    }

    /// Whether the data filled all of its entry.
    fn spent(&self, entry: &Entry) -> bool {
        match self {
            Self::Stored(rest) => rest.limit() == 0,
            Self::Deflated { state, .. } => state.total_in() == entry.compressed,
        }
    }
}
