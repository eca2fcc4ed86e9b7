//! `gait verify`: does a runpack, and what goes with it, hold?

use crate::cli::args::DemandArgs;
use crate::cli::chain::{ChainCmd, SessionChainCmd};
use crate::cli::exit::Exit;
use crate::cli::output::Answer;
use crate::kernel::error::{Error, Result};
use crate::runpack::locate;
use crate::runpack::verify::{self, Report};
use clap::{Args, Subcommand};

/// Verify a runpack: every entry, digest, record and signature recomputed, offline
#[derive(Debug, Args)]
#[command(subcommand_negates_reqs = true)]
pub struct VerifyCmd {
    #[command(subcommand)]
    verb: Option<Verb>,
    /// Run id, or path of a runpack
    #[arg(value_name = "RUN_ID|PATH")]
    source: Option<String>,
    #[command(flatten)]
    demands: DemandArgs,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Chain(ChainCmd),
    SessionChain(SessionChainCmd),
}

impl VerifyCmd {
    /// Verifies what was named.
    pub fn run(self) -> Result<Answer> {
        match (self.verb, &self.source) {
            (Some(_), Some(source)) => {
                return Err(Error::invalid(format!("{source} stands in front of a subcommand of verify")));
            }
            (Some(Verb::Chain(cmd)), None) => return cmd.run(&self.demands),
            (Some(Verb::SessionChain(cmd)), None) => return cmd.run(&self.demands),
            (None, _) => {}
        }
        let source = self.source.ok_or_else(|| Error::invalid("nothing to verify was named"))?;
        let demands = self.demands.demands()?;
        let path = locate::resolve(&source)?;
        let report = verify::verify(path.as_std_path(), &demands).map_err(|e| e.at(&path))?;
        answer(path.as_str(), &report)
    }
}

/// The answer for one report.
pub fn answer(path: &str, report: &Report) -> Result<Answer> {
    let exit = if report.ok { Exit::Ok } else { Exit::VerificationFailed };
    let notes = report.warnings.iter().map(|warning| format!("warning: {path}: {warning}"));
    Answer::new(report, exit)?.with("path", path)?.text(text(path, report)).notes(notes).classified()
}

/// The report for people.
pub fn text(path: &str, report: &Report) -> String {
    let mut lines = vec![format!("verify {}: {path}", if report.ok { "ok" } else { "failed" })];
    if report.ok {
        lines.push(format!("run_id: {}", report.run_id));
        lines.push(format!("manifest_digest: {}", report.manifest_digest));
    }
    if !report.missing_files.is_empty() {
        lines.push(format!("missing files: {}", report.missing_files.join(", ")));
    }
    if !report.hash_mismatches.is_empty() {
        lines.push(format!("hash mismatches: {}", report.hash_mismatches.len()));
        let line = |m: &crate::runpack::scan::HashMismatch| {
            format!("   {}: expected {}, found {}", m.path, m.expected, m.actual)
        };
        lines.extend(report.hash_mismatches.iter().map(line));
    }
    lines.extend(report.structure_errors.iter().map(|error| format!("structure: {error}")));
    if !report.record_digest_mismatches.is_empty() {
        lines.push(format!("record digest mismatches: {}", report.record_digest_mismatches.len()));
        let line = |m: &crate::runpack::scan::RecordMismatch| {
            format!("   {} record {} (intent {})", m.path, m.record, m.intent_id)
        };
        lines.extend(report.record_digest_mismatches.iter().take(20).map(line));
    }
    lines.push(format!("signature status: {}", report.signature_status.word()));
    if !report.signature_errors.is_empty() {
        lines.push(format!("signature errors: {}", report.signature_errors.join("; ")));
    }
    if report.truncated {
        lines.push("truncated: the recording was cut off; what is there holds".to_owned());
    }
    lines.join("\n")
}
