//! Migration: a pack written again in the form this program writes, record by record.

use crate::kernel::archive::read::{Archive, Limits};
use crate::kernel::archive::source::Source;
use crate::kernel::clock::Clock;
use crate::kernel::error::{Error, Result};
use crate::kernel::fs::{self, DOCUMENT_LIMIT};
use crate::kernel::json::read;
use crate::runpack::lane::{Lane, Record};
use crate::runpack::locate;
use crate::runpack::model::{self, Manifest, Run};
use crate::runpack::record;
use crate::runpack::scan::Contents;
use crate::runpack::verify::{self, Demands, Trust};
use crate::runpack::write::{self, LaneDraft, Parts};
use crate::sign::key::PrivateKey;
use camino::{Utf8Path, Utf8PathBuf};
use serde::Serialize;

/// Whether the written pack is another file than the one that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Byte for byte the same.
    NoChange,
    Migrated,
}

impl Status {
    /// The contract's word.
    pub fn word(self) -> &'static str {
        match self {
            Self::NoChange => "no_change",
            Self::Migrated => "migrated",
        }
    }
}

/// A pack written again and verified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Migrated {
    /// Always `runpack`.
    pub artifact: &'static str,
    pub input: String,
    pub output: String,
    pub run_id: String,
    pub status: Status,
    /// What was lost on the way.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// What the caller decides about a migration.
#[derive(Debug)]
pub struct Options<'k> {
    /// Where to; beside the input if not given.
    pub out: Option<String>,
    pub trust: Trust,
    pub key: Option<&'k PrivateKey>,
    pub clock: Clock,
}

/// Writes the pack at `input` again: empty fields filled, unknown fields, undeclared ones and old signatures gone.
///
/// Errors: `InvalidInput` for paths, `VerificationFailed` when the input or what was written does not hold.
pub fn migrate(input: &Utf8Path, options: &Options<'_>) -> Result<Migrated> {
    if !locate::has_suffix(input.as_str(), ".zip") {
        return Err(Error::invalid(format!("{input} is not a runpack: its name does not end in .zip")));
    }
    let given = options.out.as_deref().filter(|out| !out.trim().is_empty()).map(fs::output_path).transpose()?;
    let mut archive = Archive::open(input.as_std_path(), Limits::default()).map_err(|e| e.at(input))?;
    let (parts, manifest) = read_parts(&mut archive, options).map_err(|e| e.at(input))?;
    let output = given.unwrap_or_else(|| beside(input, &parts.run.run_id));
    refuse_same(input, &output)?;
    let run_id = parts.run.run_id.clone();
    fs::make_parent(&output)?;
    let written = write::seal(&output, parts, options.key)?;
    let trust = Trust::Known(options.key.map(PrivateKey::public).into_iter().collect());
    verify::verify(output.as_std_path(), &Demands::standard(trust))?.hold().map_err(|e| e.at(&output))?;
    let status = if archive.source().same_bytes(&Source::open(output.as_std_path())?)? {
        Status::NoChange
    } else {
        Status::Migrated
    };
    Ok(Migrated {
        artifact: "runpack",
        input: input.to_string(),
        output: output.into_string(),
        run_id,
        status,
        warnings: losses(&manifest, &written),
    })
}

/// Refuses to write over what is read.
pub(in crate::runpack) fn refuse_same(input: &Utf8Path, output: &Utf8Path) -> Result<()> {
    let same_file = || input.canonicalize().ok().is_some_and(|path| output.canonicalize().ok() == Some(path));
    if fs::clean(input.as_str()) == fs::clean(output.as_str()) || same_file() {
        return Err(Error::invalid(format!("the output {output} is the input")).hint("give another path with --out"));
    }
    Ok(())
}

fn beside(input: &Utf8Path, run_id: &str) -> Utf8PathBuf {
    // A run id with other characters than a file name should have stays out of the path.
    let name = match record::check_run_id(run_id) {
        Ok(()) => format!("runpack_{run_id}_migrated.zip"),
        Err(_) => format!("{}_migrated.zip", input.file_stem().unwrap_or("runpack")),
    };
    input.with_file_name(name)
}

/// Reads and verifies the input while its lanes are written.
fn read_parts(archive: &mut Archive, options: &Options<'_>) -> Result<(Parts, Manifest)> {
    let bytes = archive.bytes(model::RUN, DOCUMENT_LIMIT)?.unwrap_or_default();
    let mut run: Run =
        if bytes.is_empty() { Run::default() } else { read::typed(&bytes).map_err(|e| e.at(model::RUN))? };
    record::fill_run(&mut run, &options.clock);
    let (mut intents, mut results) = (LaneDraft::new(Lane::Intents)?, LaneDraft::new(Lane::Results)?);
    let contents = verify::open(
        archive,
        &options.trust,
        &mut |_: usize, record: &Record<'_>| intents.push(&filled(record, Lane::Intents, &run)?),
        &mut |_: usize, record: &Record<'_>| results.push(&filled(record, Lane::Results, &run)?),
    )?;
    refuse_foreign(&contents)?;
    let mut refs = contents.refs.clone();
    record::fill_refs(&mut refs, &run);
    let capture_mode = match contents.manifest.capture_mode.as_str() {
        "" => "reference",
        mode => mode,
    };
    let parts = Parts {
        refs,
        capture_mode: capture_mode.to_owned(),
        intents: intents.finish()?,
        results: results.finish()?,
        run,
        extra: Vec::new(),
    };
    Ok((parts, contents.manifest.clone()))
}

fn filled<'a>(record: &Record<'a>, lane: Lane, run: &'a Run) -> Result<Record<'a>> {
    let mut record = record.clone();
    record::fill_record(&mut record, lane, run);
    if record.schema_holds(lane) {
        return Ok(record);
    }
    let Record { schema_id, schema_version, .. } = &record;
    Err(Error::verification(format!("schema {schema_id:?} {schema_version:?} is not known")))
}

/// Documents without a schema are filled; those of another schema are not ours to rewrite.
fn refuse_foreign(contents: &Contents) -> Result<()> {
    let Contents { manifest, run, refs, .. } = contents;
    let parts = [
        (model::MANIFEST, &manifest.schema_id, &manifest.schema_version, model::MANIFEST_SCHEMA),
        (model::RUN, &run.schema_id, &run.schema_version, model::RUN_SCHEMA),
        (model::REFS, &refs.schema_id, &refs.schema_version, model::REFS_SCHEMA),
    ];
    for (name, id, version, known) in parts {
        if !(id.is_empty() || id == known) || !(version.is_empty() || version == model::SCHEMA_VERSION) {
            return Err(Error::verification(format!("{name}: schema {id:?} {version:?} is not known")));
        }
    }
    Ok(())
}

/// What the written pack no longer has.
fn losses(before: &Manifest, after: &Manifest) -> Vec<String> {
    let mut warnings = Vec::new();
    let dropped = before.signatures.iter().filter(|signature| !after.signatures.contains(signature)).count();
    if dropped > 0 {
        warnings.push(format!("signatures dropped: {dropped}"));
    }
    let kept = |path: &str| after.files().iter().any(|file| file.path == path);
    let extra: Vec<&str> = before.files().iter().map(|file| file.path.as_str()).filter(|path| !kept(path)).collect();
    if !extra.is_empty() {
        warnings.push(format!("entries dropped: {}", extra.join(", ")));
    }
    warnings
}
