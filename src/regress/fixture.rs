//! A fixture on disk: the baseline runpack and `fixture.json` beside it, loaded and checked once.

use crate::config::document::Document;
use crate::config::suite::{self, Settings};
use crate::kernel::archive::source::Source;
use crate::kernel::error::{Error, Kind, Result};
use crate::kernel::fs::SETTINGS_LIMIT;
use crate::mcp::catalog;
use crate::regress::baselines::{self, Chain, Standing};
use crate::regress::discover::Listed;
use crate::runpack::read::Pack;
use crate::runpack::verify::{SignatureStatus, Trust};
use crate::sign::envelope::Check;
use camino::{Utf8Path, Utf8PathBuf};
use serde::Serialize;
use serde_json::{Map, Value};
use std::sync::Arc;

/// `schema_id` of a `fixture.json`.
pub const SCHEMA_ID: &str = "gait.regress.fixture";
/// `schema_version` of a `fixture.json`.
pub const SCHEMA_VERSION: &str = "1.0.0";
/// The metadata's file name.
pub const METADATA: &str = "fixture.json";
/// The baseline's file name.
pub const RUNPACK: &str = "runpack.zip";

/// `fixture.json` as written; keys this program does not know are kept.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Metadata {
    pub schema_id: &'static str,
    pub schema_version: &'static str,
    pub name: String,
    pub run_id: String,
    pub runpack: String,
    /// What a stub replay of the baseline has to end with: 0, or 2 when it has calls without a result.
    pub expected_replay_exit_code: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub candidate_runpack: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub diff_allow_changed_files: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_chain: Option<String>,
    #[serde(skip_serializing_if = "is_zero")]
    pub checkpoint_index: i64,
    /// Digest of the last record in `baselines.jsonl`, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub baselines_head: Option<String>,
    #[serde(flatten)]
    pub rest: Map<String, Value>,
    /// Unknown keys, one line each.
    #[serde(skip)]
    pub warnings: Vec<String>,
}

fn is_zero(number: &i64) -> bool {
    *number == 0
}

impl Metadata {
    /// Metadata of a new fixture.
    pub fn new(name: &str, run_id: &str) -> Self {
        Self {
            schema_id: SCHEMA_ID,
            schema_version: SCHEMA_VERSION,
            name: name.to_owned(),
            run_id: run_id.to_owned(),
            runpack: RUNPACK.to_owned(),
            expected_replay_exit_code: 0,
            candidate_runpack: None,
            diff_allow_changed_files: Vec::new(),
            session_chain: None,
            checkpoint_index: 0,
            baselines_head: None,
            rest: Map::new(),
            warnings: Vec::new(),
        }
    }

    /// Reads a `fixture.json`. Errors name file, line and column.
    pub fn read(path: &Utf8Path) -> Result<Self> {
        let document = Document::read(path.as_str(), SETTINGS_LIMIT)?;
        let mut fields = document.fields(&document.root, METADATA)?;
        for (key, want) in [("schema_id", SCHEMA_ID), ("schema_version", SCHEMA_VERSION)] {
            let found = fields.text(key)?.unwrap_or_default();
            if !found.is_empty() && found != want {
                return Err(Error::invalid(format!("{path}: `{key}` is {found:?}, expected {want:?}")));
            }
        }
        let mut required = |key: &'static str| -> Result<String> {
            let text = fields.text(key)?.filter(|text| !text.trim().is_empty());
            text.map(str::to_owned).ok_or_else(|| Error::invalid(format!("{path}: `{key}` is missing")))
        };
        let (name, run_id, runpack) = (required("name")?, required("run_id")?, required("runpack")?);
        let place = fields.node("expected_replay_exit_code").map(|node| node.place);
        let expected_replay_exit_code = fields.integer("expected_replay_exit_code")?.unwrap_or_default();
        if !matches!(expected_replay_exit_code, 0 | 2) {
            let what = "`expected_replay_exit_code` can only be 0 (every call has a result) or 2 (some have none)";
            return Err(document.error(place.unwrap_or(document.root.place), what));
        }
        let checkpoint_index = fields.integer("checkpoint_index")?.unwrap_or_default();
        if checkpoint_index < 0 {
            return Err(Error::invalid(format!("{path}: `checkpoint_index` is negative")));
        }
        let text = |text: Option<&str>| text.map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned);
        let metadata = Self {
            candidate_runpack: text(fields.text("candidate_runpack")?),
            diff_allow_changed_files: fields
                .texts("diff_allow_changed_files")?
                .into_iter()
                .map(str::to_owned)
                .collect(),
            session_chain: text(fields.text("session_chain")?),
            baselines_head: text(fields.text("baselines_head")?),
            expected_replay_exit_code,
            checkpoint_index,
            runpack,
            warnings: fields.unknown(),
            rest: Self::unknown_members(&document, &fields.unknown_keys()),
            ..Self::new(&name, &run_id)
        };
        Ok(metadata)
    }

    fn unknown_members(document: &Document, keys: &[&str]) -> Map<String, Value> {
        let whole = serde_json::from_str(&document.text).unwrap_or_else(|_| document.root.to_json());
        keys.iter().filter_map(|key| Some(((*key).to_owned(), whole.get(key)?.clone()))).collect()
    }
}

/// A fixture that can be graded.
#[derive(Debug)]
pub struct Fixture {
    pub name: String,
    /// The baseline as listed.
    pub runpack: String,
    /// The folder the baseline stands in.
    pub dir: Utf8PathBuf,
    pub metadata: Metadata,
    /// How it is judged.
    pub settings: Settings,
    pub baseline: Arc<Pack>,
}

/// Why a fixture cannot be graded: a reason code and what is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unloadable {
    pub code: &'static str,
    pub what: String,
}

/// What loading asks for besides a sound pack.
#[derive(Debug, Clone)]
pub struct Demands {
    pub trust: Trust,
    /// A baseline no trusted key signed does not load.
    pub require_signature: bool,
    /// Unknown keys in `fixture.json` are errors.
    pub strict: bool,
}

impl Fixture {
    /// Loads the fixture `listed`: the baseline read once and verified, `fixture.json` and the chain of accepted
    /// baselines checked against it.
    pub fn load(listed: &Listed, demands: &Demands) -> Result<Self, Unloadable> {
        let fixture = Self::open(listed, demands)?;
        let chain = fixture.chain(demands)?;
        agree(listed, &fixture, chain.as_ref())?;
        Ok(fixture)
    }

    /// As [`Fixture::load`], but config, metadata, baseline and chain may speak of different runs.
    pub fn open(listed: &Listed, demands: &Demands) -> Result<Self, Unloadable> {
        let path = Utf8Path::new(&listed.runpack);
        let refuse = |code| move |error: Error| Unloadable { code, what: error.to_string() };
        let source = Source::open(path.as_std_path()).map_err(refuse("runpack_not_found"))?;
        let baseline = Pack::read_with(source, &demands.trust, &[catalog::ENTRY]).map_err(|error| {
            let fallback = match error.kind() {
                Kind::VerificationFailed => "verification_failed",
                _ => "runpack_parse_error",
            };
            refuse(error.reason().unwrap_or(fallback))(error.at(path))
        })?;
        if demands.require_signature && baseline.contents.signature_status != SignatureStatus::Verified {
            let status = baseline.contents.signature_status.word();
            let what = format!("{path}: a trusted signature is required, the signature is {status}");
            return Err(Unloadable { code: "signature_required", what });
        }
        let dir = path.parent().map_or_else(Utf8PathBuf::new, Utf8Path::to_owned);
        let invalid = refuse("fixture_metadata_invalid");
        let metadata = Metadata::read(&dir.join(METADATA)).map_err(invalid)?;
        if demands.strict
            && let Some(unknown) = metadata.warnings.first()
        {
            return Err(Unloadable { code: "fixture_metadata_invalid", what: unknown.clone() });
        }
        let (name, runpack, settings) = (listed.name.clone(), listed.runpack.clone(), listed.settings.clone());
        Ok(Self { name, runpack, dir, metadata, settings, baseline: Arc::new(baseline) })
    }

    /// The chain of accepted baselines, which has to hold and to end at this baseline.
    fn chain(&self, demands: &Demands) -> Result<Option<Chain>, Unloadable> {
        let refuse = |code, what: String| Unloadable { code, what };
        let chain = Chain::read(&self.dir).map_err(|error| refuse(baselines::BROKEN, error.to_string()))?;
        let (head, digest) = (&self.metadata.baselines_head, &self.baseline.contents.manifest.manifest_digest);
        match baselines::standing(&self.name, chain.as_ref(), head.as_deref(), digest) {
            Ok(Standing::Settled) => {}
            Ok(Standing::Unfinished) => {
                let what = format!("an acceptance was cut off: {}", repeat(&self.name));
                return Err(refuse(baselines::UNFINISHED, what));
            }
            Err(fault) => return Err(refuse(baselines::BROKEN, fault)),
        }
        let Some(chain) = chain else { return Ok(None) };
        let checks = chain.signatures(&baselines::keys(&demands.trust));
        for (number, check) in checks.map_err(|error| refuse(baselines::BROKEN, error.to_string()))? {
            let place = format!("{}: record {number}", baselines::FILE);
            match check {
                Check::Valid => {}
                Check::UnknownKey if !demands.require_signature => {}
                Check::UnknownKey => {
                    let what = format!("{place}: a trusted signature is required, its key is not trusted here");
                    return Err(refuse("signature_required", what));
                }
                Check::Refused(why) => return Err(refuse(baselines::BROKEN, format!("{place}: {why}"))),
            }
        }
        Ok(Some(chain))
    }
}

/// What finishes an acceptance that was cut off.
fn repeat(fixture: &str) -> String {
    format!("repeat `gait regress accept {fixture}`, and nothing is lost")
}

/// Config, metadata and baseline have to speak of the same fixture and the same run.
fn agree(listed: &Listed, fixture: &Fixture, chain: Option<&Chain>) -> Result<(), Unloadable> {
    let refuse = |code, what: String| Err(Unloadable { code, what });
    let Fixture { metadata, baseline, .. } = fixture;
    if metadata.name != listed.name {
        let what = format!("fixture.json names fixture {:?}, the config {:?}", metadata.name, listed.name);
        return refuse("fixture_metadata_invalid", what);
    }
    let run_id = &baseline.contents.run.run_id;
    let claims = [("fixture.json", Some(&metadata.run_id)), ("the config", listed.run_id.as_ref())];
    for (place, claim) in claims {
        if let Some(claim) = claim.filter(|claim| *claim != run_id) {
            let cut_off = place == "the config"
                && chain.and_then(|chain| chain.links.last()).is_some_and(|last| last.record.previous_run_id == *claim);
            let advice = if cut_off { format!(": {}", repeat(&listed.name)) } else { String::new() };
            let what = format!("{place} names run {claim:?}, the runpack {run_id:?}{advice}");
            return refuse("run_id_mismatch", what);
        }
    }
    Ok(())
}

/// The name a run id becomes: `^[a-z0-9][a-z0-9._-]*$`, `fixture` when nothing is left.
pub fn sanitise(run_id: &str) -> String {
    let mut name = String::new();
    let mut replaced = false;
    for character in run_id.chars() {
        let mut lower = character.to_lowercase();
        // The simple mapping: one code point to one (`İ` gives `i` and a dot, which is dropped).
        let lower = lower.next().unwrap_or(character);
        let kept = lower.is_ascii_lowercase() || lower.is_ascii_digit() || matches!(lower, '.' | '_' | '-');
        if kept {
            name.push(lower);
        } else if !replaced {
            name.push('-');
        }
        replaced = !kept;
    }
    let trimmed = name.trim_matches(['-', '.', '_']);
    if trimmed.is_empty() { "fixture".to_owned() } else { trimmed.to_owned() }
}

/// Whether `name` follows the rule for new fixtures: `^[a-z0-9][a-z0-9._-]*$`.
pub fn is_plain_name(name: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'_' | b'-');
    name.bytes().all(allowed) && name.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric())
}

/// Checks a name somebody gave.
pub fn check_given_name(name: &str) -> Result<()> {
    suite::check_name(name)?;
    if is_plain_name(name) {
        return Ok(());
    }
    Err(Error::invalid(format!("fixture name {name:?} cannot be used"))
        .hint("start with a lower-case letter or digit; then lower-case letters, digits, `.`, `_` and `-`"))
}

/// The folder fixtures are kept in.
pub const FOLDER: &str = "fixtures";
