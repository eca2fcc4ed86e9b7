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
use std::collections::BTreeSet;
use std::hash::{BuildHasher as _, RandomState};
use std::str::FromStr;
use std::sync::LazyLock;

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

/// The hash of intent ids, keyed anew in each process: nobody can choose ids that collide.
static KEYED: LazyLock<RandomState> = LazyLock::new(RandomState::new);

/// The records of one lane by intent id; of several with one id, the last. In a few flat lists: a pack may have
/// a hundred thousand of them.
#[derive(Debug, Default)]
pub struct Index {
    privacy: Privacy,
    scratch: Vec<u8>,
    /// All ids, one behind the other.
    ids: String,
    /// In the order of the lane: where the id starts and how long it is, and the digest.
    items: Vec<(usize, u32, Digest)>,
    /// By hash, then id: the hash and the position in the lane.
    order: Vec<(u64, u32)>,
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

    fn id(&self, at: u32) -> &str {
        let (start, length, _) = self.items[at as usize];
        &self.ids[start..start + length as usize]
    }

    /// Sorts what was taken; of records with one id the last stays.
    fn sort(&mut self) {
        let mut order = std::mem::take(&mut self.order);
        order.sort_unstable_by(|&(a, x), &(b, y)| a.cmp(&b).then_with(|| (self.id(x), x).cmp(&(self.id(y), y))));
        order.dedup_by(|later, kept| {
            let same = later.0 == kept.0 && self.id(later.1) == self.id(kept.1);
            if same {
                kept.1 = later.1;
            }
            same
        });
        self.order = order;
    }

    /// Hash and id of the record that is `place`th in the sorted order.
    fn head(&self, place: usize) -> Option<(u64, &str)> {
        self.order.get(place).map(|&(hash, at)| (hash, self.id(at)))
    }

    fn seen(&self, place: usize) -> Seen {
        let at = self.order[place].1;
        Seen { at, digest: self.items[at as usize].2 }
    }
}

impl Observe for Index {
    fn record(&mut self, at: usize, record: &Record<'_>) -> Result<()> {
        self.checked(at, record, record.digest_holds())
    }

    fn checked(&mut self, at: usize, record: &Record<'_>, holds: bool) -> Result<()> {
        let id = record.intent_id.as_ref();
        let (Ok(at), Ok(length)) = (u32::try_from(at), u32::try_from(id.len())) else {
            return Err(Error::invalid("a lane has more than 4,294,967,295 records"));
        };
        let digest = digest(record, holds, self.privacy, &mut self.scratch);
        self.order.push((KEYED.hash_one(id), at));
        self.items.push((self.ids.len(), length, digest));
        self.ids.push_str(id);
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
    for text in [&record.intent_id, &record.label, &record.digest, &record.schema_id, &record.schema_version] {
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
    // Digests are over doubles; integers are compared digit by digit.
    if let Some(exact) = record.exact.as_deref().filter(|_| privacy == Privacy::Full) {
        scratch.extend_from_slice(Digest::of(exact).bytes());
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
        let lanes = Self { intents: Index::of(&pack.intents, privacy)?, results: Index::of(&pack.results, privacy)? };
        Ok(lanes.sorted())
    }

    /// The lanes ready to be compared.
    #[must_use]
    pub fn sorted(mut self) -> Self {
        self.intents.sort();
        self.results.sort();
        self
    }
}

/// A call that is not the same on both sides: its intent and its result in either pack.
#[derive(Debug, Clone, Copy)]
pub struct Pair<'a> {
    pub intent_id: &'a str,
    pub left: [Option<Seen>; 2],
    pub right: [Option<Seen>; 2],
}

impl Pair<'_> {
    /// Whether the intents (0) or the results (1) differ.
    fn differs(&self, lane: usize) -> bool {
        self.left[lane].map(|seen| seen.digest) != self.right[lane].map(|seen| seen.digest)
    }
}

/// The calls that differ, in no order: one walk over four sorted lists.
pub fn differing<'a>(left: &'a Lanes, right: &'a Lanes) -> Vec<Pair<'a>> {
    let lanes = [&left.intents, &left.results, &right.intents, &right.results];
    let mut places = [0usize; 4];
    let mut pairs = Vec::new();
    loop {
        let heads: [_; 4] = std::array::from_fn(|lane| lanes[lane].head(places[lane]));
        let Some(next) = heads.into_iter().flatten().min() else { return pairs };
        let seen: [_; 4] = std::array::from_fn(|lane| {
            (heads[lane] == Some(next)).then(|| {
                places[lane] += 1;
                lanes[lane].seen(places[lane] - 1)
            })
        });
        let pair = Pair { intent_id: next.1, left: [seen[0], seen[1]], right: [seen[2], seen[3]] };
        if pair.differs(0) || pair.differs(1) {
            pairs.push(pair);
        }
    }
}

/// Compares two packs in memory, everything counted.
pub fn compare_packs(left: &Pack, right: &Pack) -> Result<Summary> {
    let lanes = |pack| Lanes::of(pack, Privacy::Full);
    let (a, b) = (lanes(left)?, lanes(right)?);
    compare(&left.contents, &right.contents, &differing(&a, &b), Privacy::Full)
}

/// Compares two packs by their documents and the calls that differ.
pub fn compare(left: &Contents, right: &Contents, pairs: &[Pair<'_>], privacy: Privacy) -> Result<Summary> {
    let only = |here: fn(&Pair<'_>) -> (Option<Seen>, Option<Seen>)| {
        let one_sided = pairs.iter().filter(|pair| matches!(here(pair), (Some(_), None)));
        let mut ids: Vec<String> = one_sided.map(|pair| pair.intent_id.to_owned()).collect();
        ids.sort();
        ids
    };
    let receipts = |refs: &Refs| refs.receipts.as_deref().unwrap_or_default().len();
    Ok(Summary {
        run_id_left: left.run.run_id.clone(),
        run_id_right: right.run.run_id.clone(),
        manifest_changed: lasting_manifest(&left.manifest)? != lasting_manifest(&right.manifest)?,
        intents_changed: pairs.iter().any(|pair| pair.differs(0)),
        results_changed: pairs.iter().any(|pair| pair.differs(1)),
        refs_changed: match privacy {
            Privacy::Full => lasting_refs(&left.refs)? != lasting_refs(&right.refs)?,
            Privacy::Metadata => receipts(&left.refs) != receipts(&right.refs),
        },
        files_changed: files(&left.manifest, &right.manifest),
        left_only_intents: only(|pair| (pair.left[0], pair.right[0])),
        right_only_intents: only(|pair| (pair.right[0], pair.left[0])),
        left_only_results: only(|pair| (pair.left[1], pair.right[1])),
        right_only_results: only(|pair| (pair.right[1], pair.left[1])),
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
