//! Which parts of two packs differ: digests of records side by side, with what is new in every run left out.

use crate::kernel::clock::Timestamp;
use crate::kernel::digest::Digest;
use crate::kernel::error::{Error, Result};
use crate::kernel::json::canon;
use crate::runpack::lane::Record;
use crate::runpack::model::{self, Manifest, Refs};
use crate::runpack::read::Pack;
use crate::runpack::scan::{Contents, Observe};
use serde::Serialize;
use std::collections::{BTreeSet, HashMap};
use std::str::FromStr;

/// How much of the records counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Privacy {
    /// Everything.
    #[default]
    Full,
    /// Not the arguments and results themselves; their digest fields still count.
    Metadata,
}

impl FromStr for Privacy {
    type Err = Error;

    /// `full`, `metadata`, or nothing for `full`.
    fn from_str(text: &str) -> Result<Self> {
        match text {
            "" | "full" => Ok(Self::Full),
            "metadata" => Ok(Self::Metadata),
            other => Err(Error::invalid(format!("privacy {other:?} is neither full nor metadata"))),
        }
    }
}

/// What differs between two packs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    pub run_id_left: String,
    pub run_id_right: String,
    pub manifest_changed: bool,
    pub intents_changed: bool,
    pub results_changed: bool,
    pub refs_changed: bool,
    /// Declared by one manifest only.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub files_changed: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub left_only_intents: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub right_only_intents: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub left_only_results: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub right_only_results: Vec<String>,
}

impl Summary {
    /// Whether anything counts as a change.
    pub fn changed(&self) -> bool {
        self.manifest_changed || self.intents_changed || self.results_changed || self.refs_changed
    }

    /// The names of all entries that changed, sorted: those of one manifest only and those whose content differs.
    pub fn changed_files(&self) -> Vec<String> {
        let parts = [
            (self.manifest_changed, model::MANIFEST),
            (self.intents_changed, model::INTENTS),
            (self.results_changed, model::RESULTS),
            (self.refs_changed, model::REFS),
        ];
        let names = parts.iter().filter(|(changed, _)| *changed).map(|(_, name)| (*name).to_owned());
        self.files_changed.iter().cloned().chain(names).collect::<BTreeSet<_>>().into_iter().collect()
    }
}

/// Where a record stands in its lane (from 0), and the digest of what counts in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    pub at: u32,
    pub digest: Digest,
}

/// The records of one lane by intent id; of several with one id, the last.
#[derive(Debug, Default)]
pub struct Index {
    seen: HashMap<Box<str>, Seen>,
    privacy: Privacy,
    scratch: Vec<u8>,
}

impl Index {
    /// An empty index; the privacy says what counts.
    pub fn new(privacy: Privacy) -> Self {
        Self { privacy, ..Self::default() }
    }

    fn of(records: &[Record<'_>], privacy: Privacy) -> Result<Self> {
        let mut index = Self::new(privacy);
        for (at, record) in records.iter().enumerate() {
            index.record(at, record)?;
        }
        Ok(index)
    }

    /// The record of this id.
    pub fn get(&self, intent_id: &str) -> Option<Seen> {
        self.seen.get(intent_id).copied()
    }
}

impl Observe for Index {
    fn record(&mut self, at: usize, record: &Record<'_>) -> Result<()> {
        self.checked(at, record, record.digest_holds())
    }

    fn checked(&mut self, at: usize, record: &Record<'_>, holds: bool) -> Result<()> {
        let at = u32::try_from(at).map_err(|_| Error::invalid("a lane has more than 4,294,967,295 records"))?;
        let seen = Seen { at, digest: digest(record, holds, self.privacy, &mut self.scratch) };
        match self.seen.get_mut(record.intent_id.as_ref()) {
            Some(slot) => *slot = seen,
            None => {
                self.seen.insert(record.intent_id.as_ref().into(), seen);
            }
        }
        Ok(())
    }
}

/// Digest of what lasts from run to run in a record: all but run id, producer and time.
pub fn lasting(record: &Record<'_>, privacy: Privacy) -> Digest {
    digest(record, record.digest_holds(), privacy, &mut Vec::new())
}

/// A body whose digest field holds is told by that field and is not hashed a second time.
fn digest(record: &Record<'_>, holds: bool, privacy: Privacy, scratch: &mut Vec<u8>) -> Digest {
    scratch.clear();
    for text in [&record.schema_id, &record.schema_version, &record.intent_id, &record.label, &record.digest] {
        scratch.extend_from_slice(&(text.len() as u64).to_le_bytes());
        scratch.extend_from_slice(text.as_bytes());
    }
    match &record.body {
        Some(body) if privacy == Privacy::Full => {
            if holds && !record.digest.is_empty() {
                scratch.push(1);
            } else {
                scratch.push(2);
                scratch.extend_from_slice(Digest::of(body).bytes());
            }
        }
        _ => scratch.push(0),
    }
    Digest::of(scratch)
}

/// Both lanes of a pack by intent id.
#[derive(Debug, Default)]
pub struct Lanes {
    pub intents: Index,
    pub results: Index,
}

impl Lanes {
    /// Empty lanes.
    pub fn new(privacy: Privacy) -> Self {
        Self { intents: Index::new(privacy), results: Index::new(privacy) }
    }

    /// The lanes of a pack in memory.
    pub fn of(pack: &Pack, privacy: Privacy) -> Result<Self> {
        Ok(Self { intents: Index::of(&pack.intents, privacy)?, results: Index::of(&pack.results, privacy)? })
    }

    /// Where the intent and the result of this id are.
    pub fn get(&self, intent_id: &str) -> [Option<Seen>; 2] {
        [self.intents.get(intent_id), self.results.get(intent_id)]
    }
}

/// A record that is not the same on both sides.
#[derive(Debug, Clone, Copy)]
pub struct Pair<'a> {
    pub intent_id: &'a str,
    pub left: Option<Seen>,
    pub right: Option<Seen>,
}

/// The records that differ, by lane, in no order.
#[derive(Debug, Default)]
pub struct Joined<'a> {
    pub intents: Vec<Pair<'a>>,
    pub results: Vec<Pair<'a>>,
}

impl<'a> Joined<'a> {
    /// Joins two packs by intent id.
    pub fn of(left: &'a Lanes, right: &'a Lanes) -> Self {
        Self { intents: join(&left.intents, &right.intents), results: join(&left.results, &right.results) }
    }
}

fn join<'a>(left: &'a Index, right: &'a Index) -> Vec<Pair<'a>> {
    let mut pairs = Vec::new();
    let mut common = 0;
    for (intent_id, &seen) in &left.seen {
        let other = right.get(intent_id);
        common += usize::from(other.is_some());
        if other.is_none_or(|other| other.digest != seen.digest) {
            pairs.push(Pair { intent_id, left: Some(seen), right: other });
        }
    }
    if common < right.seen.len() {
        let only = right.seen.iter().filter(|(id, _)| !left.seen.contains_key(*id));
        pairs.extend(only.map(|(intent_id, &seen)| Pair { intent_id, left: None, right: Some(seen) }));
    }
    pairs
}

/// Compares two packs in memory, everything counted.
pub fn compare_packs(left: &Pack, right: &Pack) -> Result<Summary> {
    let lanes = |pack| Lanes::of(pack, Privacy::Full);
    let (a, b) = (lanes(left)?, lanes(right)?);
    compare(&left.contents, &right.contents, &Joined::of(&a, &b), Privacy::Full)
}

/// Compares two packs by their documents and the records that differ.
pub fn compare(left: &Contents, right: &Contents, joined: &Joined<'_>, privacy: Privacy) -> Result<Summary> {
    let only = |pairs: &[Pair<'_>], side: fn(&Pair<'_>) -> bool| {
        let mut ids: Vec<String> = pairs.iter().filter(|pair| side(pair)).map(|p| p.intent_id.to_owned()).collect();
        ids.sort();
        ids
    };
    let receipts = |refs: &Refs| refs.receipts.as_deref().unwrap_or_default().len();
    Ok(Summary {
        run_id_left: left.run.run_id.clone(),
        run_id_right: right.run.run_id.clone(),
        manifest_changed: lasting_manifest(&left.manifest)? != lasting_manifest(&right.manifest)?,
        intents_changed: !joined.intents.is_empty(),
        results_changed: !joined.results.is_empty(),
        refs_changed: match privacy {
            Privacy::Full => lasting_refs(&left.refs)? != lasting_refs(&right.refs)?,
            Privacy::Metadata => receipts(&left.refs) != receipts(&right.refs),
        },
        files_changed: files(&left.manifest, &right.manifest),
        left_only_intents: only(&joined.intents, |pair| pair.right.is_none()),
        right_only_intents: only(&joined.intents, |pair| pair.left.is_none()),
        left_only_results: only(&joined.results, |pair| pair.right.is_none()),
        right_only_results: only(&joined.results, |pair| pair.left.is_none()),
    })
}

fn lasting_manifest(manifest: &Manifest) -> Result<Vec<u8>> {
    let mut bare = Manifest {
        run_id: String::new(),
        producer_version: String::new(),
        manifest_digest: String::new(),
        created_at: Timestamp::ZERO,
        signatures: Vec::new(),
        ..manifest.clone()
    };
    for file in bare.files.iter_mut().flatten() {
        file.sha256.clear();
    }
    canon::of(&bare)
}

fn lasting_refs(refs: &Refs) -> Result<Vec<u8>> {
    let bare =
        Refs { run_id: String::new(), producer_version: String::new(), created_at: Timestamp::ZERO, ..refs.clone() };
    canon::of(&bare)
}

fn files(left: &Manifest, right: &Manifest) -> Vec<String> {
    let names = |manifest: &Manifest| manifest.files().iter().map(|file| file.path.clone()).collect::<BTreeSet<_>>();
    names(left).symmetric_difference(&names(right)).cloned().collect()
}
