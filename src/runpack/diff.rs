//! The difference of two packs on disk: one pass for digests, a second one for the calls that are shown.

use crate::kernel::archive::read::{Archive, Limits};
use crate::kernel::archive::source::Source;
use crate::kernel::error::{Error, Kind, Result};
use crate::kernel::fs::{self, DOCUMENT_LIMIT};
use crate::kernel::json::{encode, read};
use crate::runpack::calls::{self, CallChange, Found, LANES, Wanted};
use crate::runpack::compare::{self, Lanes, Privacy, Seen, Summary};
use crate::runpack::lane::{Lane, Record};
use crate::runpack::model::{self, Manifest};
use crate::runpack::scan::{Contents, Lines};
use crate::runpack::verify::{self, Trust, Verified};
use camino::Utf8Path;
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};

/// What differs between two packs, and for the first differing calls, where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diff {
    /// The first differing calls; none under metadata privacy.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub calls: Vec<CallChange>,
    /// How many calls differ.
    #[serde(skip_serializing_if = "is_zero")]
    pub calls_total: usize,
    pub privacy: Privacy,
    pub summary: Summary,
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}

impl Diff {
    /// Whether anything counts as a change.
    pub fn changed(&self) -> bool {
        self.summary.changed()
    }

    /// Writes privacy and summary to `path` as one compact JSON object without newline; its folder has to exist.
    pub fn save(&self, path: &Utf8Path) -> Result<()> {
        #[derive(Serialize)]
        struct Saved<'a> {
            privacy: Privacy,
            summary: &'a Summary,
        }
        let saved = Saved { privacy: self.privacy, summary: &self.summary };
        fs::write(path, encode::record(&saved)?.as_bytes())
    }
}

/// Compares the packs at two paths. Errors: as [`verify::open`] for either, and unknown schemas.
pub fn diff(left: &Utf8Path, right: &Utf8Path, privacy: Privacy, trust: &Trust) -> Result<Diff> {
    let open = |path: &Utf8Path| {
        let source = Source::open(path.as_std_path())?;
        Archive::new(source, Limits::default()).map_err(|e| e.at(path))
    };
    let (mut a, mut b) = (open(left)?, open(right)?);
    if a.source().same_bytes(b.source())? {
        let contents = contents(&mut a, trust).map_err(|e| e.at(left))?;
        let summary = compare::compare(&contents, &contents, &[], privacy)?;
        return Ok(Diff { calls: Vec::new(), calls_total: 0, privacy, summary });
    }
    // What two manifests say of themselves only decides how hard to look: both packs are verified in any case.
    let alike = same_lanes(&mut a, &mut b)?;
    let one = |archive: &mut Archive, path: &Utf8Path| {
        let side =
            if alike { contents(archive, trust).map(|c| (c, Lanes::default())) } else { side(archive, trust, privacy) };
        side.map_err(|e| e.at(path))
    };
    let (left_side, right_side) = together(|| one(&mut a, left), || one(&mut b, right));
    let ((left_contents, left_lanes), (right_contents, right_lanes)) = (left_side?, right_side?);
    let (summary, wanted, calls_total) = {
        let pairs = compare::differing(&left_lanes, &right_lanes);
        let summary = compare::compare(&left_contents, &right_contents, &pairs, privacy)?;
        let (wanted, total) = (calls::first(&pairs, calls::EXPLAINED), pairs.len());
        (summary, wanted, total)
    };
    drop((left_lanes, right_lanes));
    let calls = match privacy {
        Privacy::Metadata => Vec::new(),
        Privacy::Full => {
            let (a, b) = together(
                || fetch(&mut a, &wanted, |call| call.left).map_err(|e| e.at(left)),
                || fetch(&mut b, &wanted, |call| call.right).map_err(|e| e.at(right)),
            );
            let (a, b) = (a?, b?);
            wanted.iter().map(|call| calls::explain(call, &a, &b)).collect::<Result<_>>()?
        }
    };
    Ok(Diff { calls, calls_total, privacy, summary })
}

/// Runs both at once.
fn together<T: Send>(
    left: impl FnOnce() -> Result<T>,
    right: impl FnOnce() -> Result<T> + Send,
) -> (Result<T>, Result<T>) {
    std::thread::scope(|scope| {
        let second = scope.spawn(right);
        let first = left();
        let gone = || Err(Error::new(Kind::Internal, "a reader thread ended early"));
        (first, second.join().unwrap_or_else(|_| gone()))
    })
}

fn contents(archive: &mut Archive, trust: &Trust) -> Result<Verified<Contents>> {
    let contents = verify::open(archive, trust, &mut (), &mut ())?;
    verify::known(&contents)?;
    Ok(contents)
}

fn side(archive: &mut Archive, trust: &Trust, privacy: Privacy) -> Result<(Verified<Contents>, Lanes)> {
    let mut lanes = Lanes::new(privacy);
    let contents = verify::open(archive, trust, &mut lanes.intents, &mut lanes.results)?;
    verify::known(&contents)?;
    Ok((contents, lanes.sorted()))
}

/// Whether both manifests declare the same digests for both lanes.
fn same_lanes(left: &mut Archive, right: &mut Archive) -> Result<bool> {
    let declared = |archive: &mut Archive| -> Result<Vec<Option<String>>> {
        let bytes = archive.bytes(model::MANIFEST, DOCUMENT_LIMIT)?.unwrap_or_default();
        let manifest = read::typed::<Manifest>(&bytes).unwrap_or_default();
        let digest = |lane: Lane| {
            let file = manifest.files().iter().find(|file| file.path == lane.entry());
            file.map(|file| file.sha256.to_ascii_lowercase())
        };
        Ok(LANES.iter().map(|lane| digest(*lane)).collect())
    };
    let (a, b) = (declared(left)?, declared(right)?);
    Ok(a == b && a.iter().all(Option::is_some))
}

/// Reads the records of the wanted calls again; they have to be what they were in the first pass.
fn fetch(archive: &mut Archive, wanted: &[Wanted], side: fn(&Wanted) -> [Option<Seen>; 2]) -> Result<Found> {
    let mut found = Found::default();
    for (at, lane) in LANES.into_iter().enumerate() {
        let places: BTreeMap<u32, Seen> =
            wanted.iter().filter_map(|call| side(call)[at]).map(|seen| (seen.at, seen)).collect();
        found[at] = fetch_lane(archive, lane, &places)?;
    }
    Ok(found)
}

fn fetch_lane(
    archive: &mut Archive,
    lane: Lane,
    places: &BTreeMap<u32, Seen>,
) -> Result<HashMap<u32, Record<'static>>> {
    let mut found = HashMap::new();
    let mut outcome = Ok(());
    let mut lines = Lines::default();
    let mut at = 0u32;
    let mut take = |line: &[u8]| {
        let line = line.trim_ascii();
        if line.is_empty() {
            return true;
        }
        if let Some(seen) = places.get(&at) {
            match Record::parse(lane, line) {
                Ok(record) if compare::lasting(&record, Privacy::Full) == seen.digest => {
                    found.insert(at, record.into_owned());
                }
                _ => outcome = Err(Error::verification("the runpack changed while it was read")),
            }
        }
        at += 1;
        outcome.is_ok() && places.last_key_value().is_some_and(|(last, _)| at <= *last)
    };
    if !places.is_empty() {
        let mut enough = false;
        let streamed = archive.stream(lane.entry(), |chunk| {
            lines.cut(chunk, |line| {
                enough = !take(line);
                !enough
            })?;
            if enough { Err(Error::new(Kind::Internal, "nothing more is wanted")) } else { Ok(()) }
        });
        if !enough {
            streamed?;
            lines.end(take);
        }
    }
    outcome?;
    if found.len() == places.len() {
        Ok(found)
    } else {
        Err(Error::verification("the runpack changed while it was read"))
    }
}
