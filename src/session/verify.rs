//! Does a chain hold? Its links, and every checkpoint's runpack.

use crate::kernel::error::{Error, Result};
use crate::kernel::fs;
use crate::runpack::model::INTENTS;
use crate::runpack::verify::{self, Demands, Report, SignatureStatus};
use crate::session::chain;
use crate::session::journal::Journal;
use crate::session::model::{Chain, Checkpoint};
use camino::{Utf8Path, Utf8PathBuf};
use serde::Serialize;

/// What was found about one chain; empty lists are left out of the JSON.
#[derive(Debug, Clone, Serialize)]
pub struct ChainReport {
    #[serde(skip)]
    pub ok: bool,
    pub chain_path: String,
    pub session_id: String,
    pub run_id: String,
    pub checkpoints_checked: usize,
    /// Stands for the whole chain: kept elsewhere, it shows whether checkpoints were cut off the end.
    pub last_checkpoint_digest: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub linkage_errors: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub checkpoint_errors: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// Verifies the chain at `path`; with a journal also that it has no more checkpoints than the chain.
///
/// Errors: `InvalidInput` when chain or journal cannot be read. What does not hold is in the report.
pub fn verify(path: &str, journal: Option<&Utf8Path>, demands: &Demands) -> Result<ChainReport> {
    let place = inside("chain", path)?;
    let chain = chain::read(&place)?;
    let mut report = ChainReport {
        ok: false,
        chain_path: path.to_owned(),
        session_id: chain.session_id.clone(),
        run_id: chain.run_id.clone(),
        checkpoints_checked: chain.checkpoints.len(),
        last_checkpoint_digest: chain.checkpoints.last().map(|c| c.checkpoint_digest.clone()).unwrap_or_default(),
        linkage_errors: chain::linkage(&chain),
        checkpoint_errors: Vec::new(),
        warnings: Vec::new(),
    };
    for checkpoint in &chain.checkpoints {
        look_at(checkpoint, &place, demands, &mut report);
    }
    if let Some(journal) = journal {
        report.linkage_errors.extend(behind(&chain, &Journal::read(journal)?));
    }
    report.ok = report.linkage_errors.is_empty() && report.checkpoint_errors.is_empty();
    Ok(report)
}

fn look_at(checkpoint: &Checkpoint, chain: &Utf8Path, demands: &Demands, report: &mut ChainReport) {
    let index = checkpoint.checkpoint_index;
    let found = match read(&checkpoint.runpack_path, chain, demands) {
        Ok(found) => found,
        Err(error) => return report.checkpoint_errors.push(format!("checkpoint {index} verify error: {error}")),
    };
    let mut note = |wrong: bool, what: &str| {
        if wrong {
            report.checkpoint_errors.push(format!("checkpoint {index} {what}"));
        }
    };
    note(found.manifest_digest != checkpoint.manifest_digest, "manifest digest mismatch");
    note(!intact(&found, demands), "runpack integrity failure");
    let required = demands.require_signature && found.signature_status != SignatureStatus::Verified;
    let refused = demands.strict && found.signature_errors.iter().any(|error| error != "key id mismatch");
    let failed = found.signature_status == SignatureStatus::Failed;
    note(required || refused || failed, "signature verification failed");
    let expected = run_id(&checkpoint.run_id, index);
    if !found.run_id.is_empty() && found.run_id != expected {
        report.linkage_errors.push(format!("checkpoint {index} runpack is of run {}, not {expected}", found.run_id));
    }
    if found.signature_status != SignatureStatus::Verified {
        let status = found.signature_status.word();
        report.warnings.push(format!("checkpoint {index} signature status: {status}"));
    }
}

/// The run id of a checkpoint's runpack.
pub fn run_id(run: &str, index: i64) -> String {
    format!("{run}_cp_{index:04}")
}

/// The digest in a checkpoint's intents is that of the decided call, not of what the record holds as `args`.
fn intact(report: &Report, demands: &Demands) -> bool {
    let records = report.record_digest_mismatches.iter().filter(|mismatch| mismatch.path != INTENTS).count();
    report.missing_files.is_empty()
        && report.hash_mismatches.is_empty()
        && report.structure_errors.is_empty()
        && (!demands.strict || records == 0)
}

/// Verifies the runpack of a checkpoint: at the path as stored, else beside the chain. A chain can come from anybody,
/// so a path with `..` is not followed, and of an absolute one no more is told than whether a runpack is there.
fn read(stored: &str, chain: &Utf8Path, demands: &Demands) -> Result<Report> {
    let path = inside("runpack", stored)?;
    if path.is_absolute() {
        let found = verify::verify(path.as_std_path(), demands);
        return found.map_err(|_| Error::invalid(format!("{path} is no runpack that can be read")));
    }
    let beside = chain.parent().map(|folder| folder.join(&path)).filter(|beside| !path.exists() && beside.exists());
    verify::verify(beside.unwrap_or(path).as_std_path(), demands)
}

/// A path that does not go up and out of the working directory.
fn inside(what: &str, path: &str) -> Result<Utf8PathBuf> {
    fs::output_path(path).map_err(|_| Error::invalid(format!("{what} path {path:?} leaves the working directory")))
}

/// What a journal has that a chain lacks.
fn behind(chain: &Chain, journal: &Journal) -> Vec<String> {
    let mut errors = Vec::new();
    if (&journal.header.session_id, &journal.header.run_id) != (&chain.session_id, &chain.run_id) {
        errors.push("the journal is of another session or run".to_owned());
    }
    let (listed, made) = (chain.checkpoints.len(), journal.checkpoints.len());
    let last = |all: &[Checkpoint]| all.last().map(|checkpoint| checkpoint.checkpoint_digest.clone());
    if listed != made {
        errors.push(format!("the chain has {listed} checkpoints, the journal {made}"));
    } else if last(&chain.checkpoints) != last(&journal.checkpoints) {
        errors.push("the last checkpoint of the chain is not the journal's".to_owned());
    }
    errors
}
