//! A whole verified pack in memory, for the verbs that need its records side by side.

use crate::kernel::archive::read::{Archive, Limits};
use crate::kernel::archive::source::Source;
use crate::kernel::digest::Digest;
use crate::kernel::error::{Error, Result};
use crate::kernel::fs::DOCUMENT_LIMIT;
use crate::runpack::lane::{Lane, Record};
use crate::runpack::scan::Contents;
use crate::runpack::verify::{self, Trust, Verified};
use std::path::Path;

/// A verified pack with all its records, in the order they were written.
#[derive(Debug)]
pub struct Pack {
    pub contents: Verified<Contents>,
    pub intents: Vec<Record<'static>>,
    pub results: Vec<Record<'static>>,
    /// Further entries that were asked for: name and bytes.
    extra: Vec<(String, Vec<u8>)>,
}

impl Pack {
    /// Opens and verifies the pack at `path`. Errors: as [`verify::open`], with the path in front.
    pub fn open(path: &Path, trust: &Trust) -> Result<Self> {
        Source::open(path).and_then(|source| Self::read(source, trust)).map_err(|e| e.at(path.display()))
    }

    /// Verifies a pack and keeps its records.
    pub fn read(source: Source, trust: &Trust) -> Result<Self> {
        Self::read_with(source, trust, &[])
    }

    /// As [`Pack::open`], with the declared entries of these names, where the pack has them.
    pub fn open_with(path: &Path, trust: &Trust, wanted: &[&str]) -> Result<Self> {
        Source::open(path).and_then(|source| Self::read_with(source, trust, wanted)).map_err(|e| e.at(path.display()))
    }

    /// As [`Pack::read`], with the declared entries of these names, where the pack has them.
    pub fn read_with(source: Source, trust: &Trust, wanted: &[&str]) -> Result<Self> {
        let archive = Archive::new(source, Limits::default())?;
        let (mut intents, mut results) = (Vec::new(), Vec::new());
        let contents = verify::open(
            &archive,
            trust,
            &mut |_: usize, record: &Record<'_>| {
                intents.push(record.clone().into_owned());
                Ok(())
            },
            &mut |_: usize, record: &Record<'_>| {
                results.push(record.clone().into_owned());
                Ok(())
            },
        )?;
        let mut extra = Vec::new();
        for name in wanted {
            let declared = contents.manifest.files().iter().find(|file| file.path == *name);
            // Read a second time, so checked a second time.
            if let (Some(file), Some(bytes)) = (declared, archive.bytes(name, DOCUMENT_LIMIT)?) {
                if !Digest::of(&bytes).spelled(&file.sha256) {
                    return Err(Error::verification(format!("{name} changed while it was read")));
                }
                extra.push(((*name).to_owned(), bytes));
            }
        }
        Ok(Self { contents, intents, results, extra })
    }

    /// The bytes of a further entry that was asked for.
    pub fn entry(&self, name: &str) -> Option<&[u8]> {
        self.extra.iter().find(|(entry, _)| entry == name).map(|(_, bytes)| bytes.as_slice())
    }

    /// The records of one lane.
    pub fn lane(&self, lane: Lane) -> &[Record<'static>] {
        match lane {
            Lane::Intents => &self.intents,
            Lane::Results => &self.results,
        }
    }
}
