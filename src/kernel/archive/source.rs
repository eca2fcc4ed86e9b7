//! Where an archive's bytes are: in memory, or in a file read by position.

use crate::kernel::error::{Error, Kind, Result};
use crate::kernel::fs;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Take};
use std::path::Path;
use std::sync::Arc;

/// Archives up to this size are read into memory at once; larger ones are read as needed.
const IN_MEMORY: u64 = 1 << 20;

/// How much of a file is read ahead.
const AHEAD: usize = 64 << 10;

/// The bytes of an archive. Cheap to clone; each clone has its own position.
#[derive(Debug)]
pub struct Source {
    inner: Inner,
    len: u64,
    at: u64,
    /// What was read ahead of a file, and where it starts.
    ahead: Vec<u8>,
    ahead_at: u64,
}

impl Clone for Source {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), len: self.len, at: self.at, ahead: Vec::new(), ahead_at: 0 }
    }
}

#[derive(Debug, Clone)]
enum Inner {
    Memory(Arc<[u8]>),
    File(Arc<File>),
}

impl Source {
    /// Opens a regular file.
    pub fn open(path: &Path) -> Result<Self> {
        // Asked before opening: opening a pipe waits for whoever writes it.
        let metadata = std::fs::metadata(path).map_err(|e| Error::io("read", path, e))?;
        if !metadata.is_file() {
            return Err(Error::invalid(format!("{} is not a file", path.display())));
        }
        let file = File::open(path).map_err(|e| Error::io("read", path, e))?;
        let metadata = file.metadata().map_err(|e| Error::io("read", path, e))?;
        if metadata.len() <= IN_MEMORY {
            return Ok(Self::from_bytes(fs::read_sized(&file, path, metadata.len(), IN_MEMORY)?));
        }
        Ok(Self { inner: Inner::File(Arc::new(file)), len: metadata.len(), at: 0, ahead: Vec::new(), ahead_at: 0 })
    }

    /// Bytes in memory.
    pub fn from_bytes(bytes: Vec<u8>) -> Self {
        Self { len: bytes.len() as u64, inner: Inner::Memory(bytes.into()), at: 0, ahead: Vec::new(), ahead_at: 0 }
    }

    /// Length in bytes.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Exactly `count` bytes from `offset`; `None` where the archive has fewer or cannot be read.
    pub fn slice(&self, offset: u64, count: usize) -> Option<Vec<u8>> {
        let end = offset.checked_add(count as u64)?;
        if end > self.len {
            return None;
        }
        let mut bytes = vec![0; count];
        let mut reader = self.clone();
        reader.at = offset;
        reader.read_exact(&mut bytes).ok()?;
        Some(bytes)
    }

    /// Whether another archive is the same, byte for byte.
    pub fn same_bytes(&self, other: &Self) -> Result<bool> {
        if self.len != other.len {
            return Ok(false);
        }
        let (mut a, mut b) = (self.clone(), other.clone());
        (a.at, b.at) = (0, 0);
        let mut buffers = (vec![0; AHEAD], vec![0; AHEAD]);
        let mut left = self.len;
        while left > 0 {
            let size = left.min(AHEAD as u64) as usize;
            let (x, y) = (&mut buffers.0[..size], &mut buffers.1[..size]);
            let read = a.read_exact(x).and_then(|()| b.read_exact(y));
            read.map_err(|e| Error::new(Kind::Io, format!("cannot read the archives: {e}")))?;
            if x != y {
                return Ok(false);
            }
            left -= size as u64;
        }
        Ok(true)
    }

    /// A reader of `count` bytes from `offset`.
    pub fn range(&self, offset: u64, count: u64) -> Take<Self> {
        let mut reader = self.clone();
        reader.at = offset;
        reader.take(count)
    }

    /// All bytes, at most `limit` of them.
    pub fn to_vec(&self, limit: u64) -> Result<Vec<u8>> {
        if self.len > limit {
            return Err(Error::invalid(format!("the archive is larger than {limit} bytes")));
        }
        self.slice(0, self.len as usize).ok_or_else(|| Error::invalid("the archive changed while it was read"))
    }
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.len.saturating_sub(self.at);
        let want = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let got = match &self.inner {
            Inner::Memory(bytes) => {
                let from = self.at.min(self.len) as usize;
                buffer[..want].copy_from_slice(&bytes[from..from + want]);
                want
            }
            // A large reader needs no reading ahead.
            Inner::File(file) if want >= AHEAD => read_at(file, &mut buffer[..want], self.at)?,
            Inner::File(file) => {
                let ahead_end = self.ahead_at + self.ahead.len() as u64;
                if !(self.ahead_at..ahead_end).contains(&self.at) && want > 0 {
                    self.ahead.resize(AHEAD.min(left as usize), 0);
                    let got = read_at(file, &mut self.ahead, self.at)?;
                    self.ahead.truncate(got);
                    self.ahead_at = self.at;
                }
                let from = (self.at - self.ahead_at) as usize;
                let got = want.min(self.ahead.len() - from);
                buffer[..got].copy_from_slice(&self.ahead[from..from + got]);
                got
            }
        };
        self.at += got as u64;
        Ok(got)
    }
}

impl Seek for Source {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = match to {
            SeekFrom::Start(offset) => Some(offset),
            SeekFrom::End(delta) => self.len.checked_add_signed(delta),
            SeekFrom::Current(delta) => self.at.checked_add_signed(delta),
        };
        self.at = target.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        Ok(self.at)
    }
}

#[cfg(unix)]
fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buffer, offset)
}

#[cfg(windows)]
fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, buffer, offset)
}
