//! A whole verified pack in memory, for the verbs that need its records side by side.

use crate::kernel::archive::read::{Archive, Limits};
use crate::kernel::archive::source::Source;
use crate::kernel::error::Result;
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
}

impl Pack {
    /// Opens and verifies the pack at `path`. Errors: as [`verify::open`], with the path in front.
    pub fn open(path: &Path, trust: &Trust) -> Result<Self> {
        Source::open(path).and_then(|source| Self::read(source, trust)).map_err(|e| e.at(path.display()))
    }

    /// Verifies a pack and keeps its records.
    pub fn read(source: Source, trust: &Trust) -> Result<Self> {
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
        Ok(Self { contents, intents, results })
    }

    /// The records of one lane.
    pub fn lane(&self, lane: Lane) -> &[Record<'static>] {
        match lane {
            Lane::Intents => &self.intents,
            Lane::Results => &self.results,
        }
    }
}
