//! Zips that are the same bytes for the same content: fixed order, fixed times, fixed modes.

use crate::kernel::error::{Error, Kind, Result};
use std::io::{Seek, Write};
use zip::write::SimpleFileOptions;

/// How hard to compress. Level 1 of zlib: incident packs are written once and mostly text.
const LEVEL: i64 = 1;

/// Writes entries one after the other; the caller gives them in byte order of their names.
pub struct Writer<W: Write + Seek> {
    zip: zip::ZipWriter<W>,
}

impl<W: Write + Seek> Writer<W> {
    /// A writer onto `sink`.
    pub fn new(sink: W) -> Self {
        Self { zip: zip::ZipWriter::new(sink) }
    }

    /// Starts entry `name`; what is written next belongs to it.
    pub fn start(&mut self, name: &str) -> Result<()> {
        self.zip.start_file(name, options()).map_err(failed)
    }

    /// Writes a whole entry.
    pub fn entry(&mut self, name: &str, bytes: &[u8]) -> Result<()> {
        self.start(name)?;
        self.zip.write_all(bytes).map_err(|e| failed(e.into()))
    }

    /// Takes the single entry of another archive as it is, without inflating it.
    pub fn adopt<R: std::io::Read + Seek>(&mut self, other: R) -> Result<()> {
        let mut archive = zip::ZipArchive::new(other).map_err(failed)?;
        let entry = archive.by_index_raw(0).map_err(failed)?;
        self.zip.raw_copy_file(entry).map_err(failed)
    }

    /// Completes the archive and gives the sink back.
    pub fn finish(self) -> Result<W> {
        self.zip.finish().map_err(failed)
    }
}

impl<W: Write + Seek> Write for Writer<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.zip.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.zip.flush()
    }
}

fn options() -> SimpleFileOptions {
    SimpleFileOptions::default()
        .compression_method(zip::CompressionMethod::Deflated)
        .compression_level(Some(LEVEL))
        .last_modified_time(zip::DateTime::default())
        .unix_permissions(0o644)
}

fn failed(error: zip::result::ZipError) -> Error {
    Error::new(Kind::Io, format!("cannot write the archive: {error}"))
}
