//! A runpack becomes a fixture: everything is read and checked first, then written; nothing is overwritten unasked.

use crate::config::edit::{self, Listing};
use crate::config::suite::{self, Suite};
use crate::kernel::archive::source::Source;
use crate::kernel::error::{Error, Kind, Result};
use crate::kernel::fs;
use crate::kernel::json::encode;
use crate::regress::baselines::{self, Chain};
use crate::regress::fixture::{self, FOLDER, METADATA, Metadata, RUNPACK};
use crate::runpack::locate;
use crate::runpack::read::Pack;
use crate::runpack::verify::Trust;
use crate::session::chain::{self, Pick};
use camino::{Utf8Path, Utf8PathBuf};
use serde::Serialize;
use std::path::Path;

/// Largest runpack that becomes a fixture, in bytes.
const LARGEST: u64 = 1 << 30;

/// What is to become a fixture.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// Run id, path of a runpack, or path of a session chain.
    pub from: String,
    /// The fixture's name; made from the run id when empty.
    pub name: String,
    /// Which checkpoint of a session chain: `latest` or a number.
    pub checkpoint: String,
    /// What a stub replay has to end with, 0 or 2.
    pub expect_exit: Option<i64>,
    /// Path of a run of today's agent, from the working directory; written as `candidate_runpack`.
    pub candidate: Option<String>,
    /// Written as `diff_allow_changed_files`.
    pub allow_changed: Vec<String>,
    /// Replace a fixture of the same name that holds another run.
    pub force: bool,
}

/// A fixture that is ready to be written.
#[derive(Debug)]
pub struct Plan {
    pub name: String,
    pub run_id: String,
    bytes: Vec<u8>,
    metadata: String,
    config: String,
    fresh: bool,
    /// The accepted baselines that lead to another run are dropped.
    chain: bool,
}

/// A fixture on disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Initialised {
    pub run_id: String,
    pub fixture_name: String,
    pub fixture_dir: String,
    pub runpack_path: String,
    pub config_path: &'static str,
    pub next_commands: [&'static str; 1],
}

/// Reads the source, verifies it, and works out what to write. Nothing is written. A source that does not hold cannot
/// be used, which is `InvalidInput` here.
pub fn plan(request: &Request, trust: &Trust) -> Result<Plan> {
    let unusable = |error: Error| match error.kind() {
        Kind::VerificationFailed => error.as_kind(Kind::InvalidInput),
        _ => error,
    };
    read_and_check(request, trust).map_err(unusable)
}

fn read_and_check(request: &Request, trust: &Trust) -> Result<Plan> {
    let origin = locate_source(request)?;
    let source = Source::open(origin.path.as_std_path())?;
    let bytes = source.to_vec(LARGEST)?;
    let pack = Pack::read(source, trust).map_err(|e| e.at(&origin.path))?;
    origin.check(&pack)?;
    let run_id = pack.contents.manifest.run_id.clone();
    let name = match request.name.as_str() {
        "" => fixture::sanitise(&run_id),
        name => name.to_owned(),
    };
    fixture::check_given_name(&name)?;
    let mut existing = existing(&name, &pack, request.force)?;
    let chain = request.force && !continues(&name, &pack);
    if let Some(existing) = existing.as_mut().filter(|_| chain) {
        existing.baselines_head = None;
    }
    let metadata = metadata(&name, &run_id, request, &origin, existing.as_ref());
    let runpack = format!("{FOLDER}/{name}/{RUNPACK}");
    let mut listings = siblings(&name)?;
    listings.push(Listing { name: name.clone(), run_id: run_id.clone(), runpack: runpack.clone() });
    listings.sort_by(|a, b| a.name.cmp(&b.name));
    let config = config(&name, &runpack, &listings)?;
    Ok(Plan { metadata: encode::document(&metadata)?, fresh: existing.is_none(), chain, name, run_id, bytes, config })
}

impl Plan {
    /// Writes fixture and config, each file whole or not at all; a new fixture's folder appears complete.
    pub fn apply(self) -> Result<Initialised> {
        let dir = Utf8Path::new(FOLDER).join(&self.name);
        fs::make_dir(FOLDER)?;
        if self.fresh && !dir.exists() {
            let draft = fs::DraftDir::new(dir.as_std_path())?;
            fs::write(draft.path().join(RUNPACK), &self.bytes)?;
            fs::write(draft.path().join(METADATA), self.metadata.as_bytes())?;
            draft.publish()?;
        } else {
            fs::make_dir(&dir)?;
            if self.chain {
                fs::remove(dir.join(baselines::FILE))?;
            }
            fs::write(dir.join(RUNPACK), &self.bytes)?;
            fs::write(dir.join(METADATA), self.metadata.as_bytes())?;
        }
        fs::write(suite::DEFAULT_PATH, self.config.as_bytes())?;
        Ok(Initialised {
            run_id: self.run_id,
            runpack_path: dir.join(RUNPACK).into_string(),
            fixture_dir: dir.into_string(),
            fixture_name: self.name,
            config_path: suite::DEFAULT_PATH,
            next_commands: ["gait regress run --json"],
        })
    }
}

/// The runpack to copy, and the checkpoint it is of.
struct Origin {
    path: Utf8PathBuf,
    checkpoint: Option<(String, i64, String)>,
}

impl Origin {
    /// A checkpoint's pack has to be the one the chain speaks of.
    fn check(&self, pack: &Pack) -> Result<()> {
        match &self.checkpoint {
            Some((chain, _, digest)) if !digest.is_empty() && pack.contents.manifest.manifest_digest != *digest => {
                Err(Error::verification(format!("{}: not the runpack that {chain} speaks of", self.path)))
            }
            _ => Ok(()),
        }
    }
}

fn locate_source(request: &Request) -> Result<Origin> {
    if request.from.trim().is_empty() {
        return Err(Error::invalid("nothing to make a fixture of was named").hint("give --from <run_id|path>"));
    }
    let is_chain = locate::has_suffix(request.from.trim(), ".json");
    let here = is_chain && Utf8Path::new(&request.from).is_file();
    let path = if here { request.from.clone().into() } else { locate::resolve(&request.from)? };
    if !is_chain {
        return Ok(Origin { path, checkpoint: None });
    }
    let pick: Pick = request.checkpoint.parse()?;
    let chain = chain::read(&path)?;
    let broken = chain::linkage(&chain);
    if let Some(first) = broken.first() {
        return Err(Error::verification(format!("{path}: the session chain does not hold: {first}")));
    }
    let checkpoint = chain::pick(&chain, pick).map_err(|e| e.at(&path))?;
    let told = (path.to_string(), checkpoint.checkpoint_index, checkpoint.manifest_digest.clone());
    Ok(Origin { path: checkpoint.runpack_path.clone().into(), checkpoint: Some(told) })
}

/// The metadata of a fixture of this name, if there is one. Another run in its place is refused without `force`.
fn existing(name: &str, pack: &Pack, force: bool) -> Result<Option<Metadata>> {
    let dir = Utf8Path::new(FOLDER).join(name);
    let has = |file: &str| dir.join(file).symlink_metadata().is_ok();
    let metadata = has(METADATA).then(|| Metadata::read(&dir.join(METADATA)));
    if force {
        return Ok(metadata.map(|read| read.unwrap_or_else(|_| Metadata::new(name, ""))));
    }
    let damaged = |e: Error| e.hint("the fixture is damaged; replace it with --force");
    let metadata = metadata.transpose().map_err(damaged)?;
    if metadata.is_some() || has(RUNPACK) {
        let old = Pack::open(dir.join(RUNPACK).as_std_path(), &Trust::Known(Vec::new())).map_err(damaged)?;
        let (before, now) = (&old.contents.manifest, &pack.contents.manifest);
        if before.manifest_digest != now.manifest_digest {
            let what = format!("fixture {name} holds another run ({}, now {})", before.run_id, now.run_id);
            return Err(Error::invalid(what).hint("give another --name, or replace the fixture with --force"));
        }
    }
    Ok(metadata)
}

/// Whether the fixture's accepted baselines end at this pack.
fn continues(name: &str, pack: &Pack) -> bool {
    let chain = Chain::read(&Utf8Path::new(FOLDER).join(name)).ok().flatten();
    let last = chain.as_ref().and_then(|chain| chain.links.last());
    last.is_some_and(|last| last.record.manifest_digest == pack.contents.manifest.manifest_digest)
}

/// The metadata to write: what a person set for this run stays unless the request says otherwise.
fn metadata(name: &str, run_id: &str, request: &Request, origin: &Origin, existing: Option<&Metadata>) -> Metadata {
    let kept = existing.filter(|metadata| metadata.run_id == run_id).cloned();
    let mut metadata = kept.unwrap_or_else(|| Metadata::new(name, run_id));
    RUNPACK.clone_into(&mut metadata.runpack);
    if let Some(exit) = request.expect_exit {
        metadata.expected_replay_exit_code = exit;
    }
    if let Some(candidate) = &request.candidate {
        metadata.candidate_runpack = Some(seen_from(&Utf8Path::new(FOLDER).join(name), candidate));
    }
    if !request.allow_changed.is_empty() {
        metadata.diff_allow_changed_files.clone_from(&request.allow_changed);
    }
    if let Some((chain, index, _)) = &origin.checkpoint {
        metadata.session_chain = Some(chain.clone());
        metadata.checkpoint_index = *index;
    }
    metadata
}

/// How a path is written in the metadata: relative to the fixture's folder, unless it is absolute.
fn seen_from(dir: &Utf8Path, path: &str) -> String {
    let path = fs::clean(path);
    match path.strip_prefix(dir) {
        _ if path.is_absolute() => path.into_string(),
        Ok(inside) => inside.to_string(),
        Err(_) => format!("{}{path}", "../".repeat(dir.components().count())),
    }
}

/// The other fixtures in the folder. One whose metadata is wrong is an error: it would be lost from the config.
fn siblings(own: &str) -> Result<Vec<Listing>> {
    let listing = match Utf8Path::new(FOLDER).read_dir_utf8() {
        Ok(listing) => listing,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::io("read", FOLDER, error)),
    };
    let mut found = Vec::new();
    for entry in listing {
        let entry = entry.map_err(|e| Error::io("read", FOLDER, e))?;
        let name = entry.file_name();
        let is_dir = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if !is_dir || name == own || !fixture::is_plain_name(name) {
            continue;
        }
        let dir = Utf8Path::new(FOLDER).join(name);
        if dir.join(METADATA).exists() || dir.join(RUNPACK).exists() {
            found.push(sibling(&dir, name)?);
        }
    }
    Ok(found)
}

fn sibling(dir: &Utf8Path, name: &str) -> Result<Listing> {
    let metadata = Metadata::read(&dir.join(METADATA))?;
    let wrong = |what: String| {
        Err(Error::invalid(format!("{}: {what}", dir.join(METADATA))).hint("mend or remove that fixture first"))
    };
    if metadata.name != name {
        return wrong(format!("names fixture {:?}, its folder {name:?}", metadata.name));
    }
    if metadata.runpack.contains(['/', '\\']) || metadata.runpack == ".." {
        return wrong(format!("`runpack` is {:?}, not a file name", metadata.runpack));
    }
    let runpack = dir.join(&metadata.runpack);
    if !runpack.is_file() {
        return wrong(format!("its runpack {runpack} does not exist"));
    }
    Ok(Listing { name: name.to_owned(), run_id: metadata.run_id, runpack: runpack.into_string() })
}

fn config(name: &str, runpack: &str, listings: &[Listing]) -> Result<String> {
    if !Path::new(suite::DEFAULT_PATH).exists() {
        return edit::with_fixtures(None, listings);
    }
    let suite = Suite::read(suite::DEFAULT_PATH)?;
    if let Some(entry) = suite.fixtures.iter().find(|entry| entry.name == name)
        && !edit::same_path(Some(&entry.runpack), runpack)
    {
        let what = format!("{} lists fixture {name} as {}", suite::DEFAULT_PATH, entry.runpack);
        return Err(Error::invalid(what).hint("give another --name"));
    }
    edit::with_fixtures(Some(&suite), listings)
}
