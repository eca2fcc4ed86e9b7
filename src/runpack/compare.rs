//! Which parts of two packs differ: digests of records side by side, with what is new in every run left out.

use crate::kernel::clock::Timestamp;
use crate::kernel::digest::{Digest, Hasher};
use crate::kernel::error::{Error, Result};
use crate::kernel::json::canon;
use crate::runpack::lane::{Lane, Record};
use crate::runpack::model::{self, Manifest, Refs};
use crate::runpack::read::Pack;
use crate::runpack::scan::Contents;
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
    pub seen: HashMap<Box<str>, Seen>,
}

impl Index {
    /// Takes the record at position `at`.
    pub fn take(&mut self, at: usize, record: &Record<'_>, privacy: Privacy) -> Result<()> {
        let at = u32::try_from(at).map_err(|_| Error::invalid("a lane has more than 4,294,967,295 records"))?;
        let seen = Seen { at, digest: lasting(record, privacy) };
        match self.seen.get_mut(record.intent_id.as_ref()) {
            Some(slot) => *slot = seen,
            None => {
                self.seen.insert(record.intent_id.as_ref().into(), seen);
            }
        }
        Ok(())
    }

    fn of(records: &[Record<'_>], privacy: Privacy) -> Result<Self> {
        let mut index = Self::default();
        for (at, record) in records.iter().enumerate() {
            index.take(at, record, privacy)?;
        }
        Ok(index)
    }
}

/// Digest of what lasts from run to run in a record: all but run id, producer and time.
pub fn lasting(record: &Record<'_>, privacy: Privacy) -> Digest {
    let mut hasher = Hasher::default();
    let mut part = |bytes: &[u8]| {
        hasher.update(&(bytes.len() as u64).to_le_bytes());
        hasher.update(bytes);
    };
    for text in [&record.schema_id, &record.schema_version, &record.intent_id, &record.label, &record.digest] {
        part(text.as_bytes());
    }
    if privacy == Privacy::Full {
        // An empty body does not occur, so nothing is unambiguous.
        part(record.body.as_deref().unwrap_or_default());
    }
    hasher.finish()
}

/// Both lanes of a pack by intent id.
#[derive(Debug, Default)]
pub struct Lanes {
    pub intents: Index,
    pub results: Index,
}

impl Lanes {
    /// The index of a pack in memory.
    pub fn of(pack: &Pack, privacy: Privacy) -> Result<Self> {
        let index = |lane| Index::of(pack.lane(lane), privacy);
        Ok(Self { intents: index(Lane::Intents)?, results: index(Lane::Results)? })
    }

    /// One of the two.
    pub fn lane(&self, lane: Lane) -> &Index {
        match lane {
            Lane::Intents => &self.intents,
            Lane::Results => &self.results,
        }
    }
}

/// Compares two packs in memory, everything counted.
pub fn compare_packs(left: &Pack, right: &Pack) -> Result<Summary> {
    let lanes = |pack| Lanes::of(pack, Privacy::Full);
    compare((&left.contents, &lanes(left)?), (&right.contents, &lanes(right)?), Privacy::Full)
}

/// Compares two packs by their documents and the indices of their lanes.
pub fn compare(left: (&Contents, &Lanes), right: (&Contents, &Lanes), privacy: Privacy) -> Result<Summary> {
    let ((a, left_lanes), (b, right_lanes)) = (left, right);
    let intents = one_sided(&left_lanes.intents, &right_lanes.intents);
    let results = one_sided(&left_lanes.results, &right_lanes.results);
    let receipts = |refs: &Refs| refs.receipts.as_deref().unwrap_or_default().len();
    Ok(Summary {
        run_id_left: a.run.run_id.clone(),
        run_id_right: b.run.run_id.clone(),
        manifest_changed: lasting_manifest(&a.manifest)? != lasting_manifest(&b.manifest)?,
        intents_changed: intents.changed,
        results_changed: results.changed,
        refs_changed: match privacy {
            Privacy::Full => lasting_refs(&a.refs)? != lasting_refs(&b.refs)?,
            Privacy::Metadata => receipts(&a.refs) != receipts(&b.refs),
        },
        files_changed: files(&a.manifest, &b.manifest),
        left_only_intents: intents.left,
        right_only_intents: intents.right,
        left_only_results: results.left,
        right_only_results: results.right,
    })
}

struct OneSided {
    left: Vec<String>,
    right: Vec<String>,
    changed: bool,
}

fn one_sided(left: &Index, right: &Index) -> OneSided {
    let only = |here: &Index, there: &Index| {
        let ids = here.seen.keys().filter(|id| !there.seen.contains_key(*id));
        let mut ids: Vec<String> = ids.map(ToString::to_string).collect();
        ids.sort();
        ids
    };
    let (only_left, only_right) = (only(left, right), only(right, left));
    let differs = |id: &str, seen: &Seen| right.seen.get(id).is_some_and(|other| other.digest != seen.digest);
    let changed =
        !only_left.is_empty() || !only_right.is_empty() || left.seen.iter().any(|(id, seen)| differs(id, seen));
    OneSided { left: only_left, right: only_right, changed }
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
