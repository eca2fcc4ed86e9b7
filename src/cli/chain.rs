//! `gait verify chain` and `gait verify session-chain`: several artifacts, one verdict.

use crate::cli::args::DemandArgs;
use crate::cli::exit::Exit;
use crate::cli::output::Answer;
use crate::cli::trace::{self, DecisionPart, Demand, Finding};
use crate::gate::trace as record;
use crate::kernel::error::Result;
use crate::kernel::fs::{self, DOCUMENT_LIMIT};
use crate::runpack::locate;
use crate::runpack::story::visible;
use crate::runpack::verify::{self, Demands, Report};
use crate::session::belonging::{self, Belonging, Claim};
use crate::session::verify::{self as session, ChainReport};
use camino::{Utf8Path, Utf8PathBuf};
use clap::Args;
use serde::Serialize;
use serde_json::{Value, json};

/// Verify a runpack, and the decision trace and record that go with it
#[derive(Debug, Args)]
pub struct ChainCmd {
    /// Run id, or path of a runpack
    #[arg(long, value_name = "RUN_ID|PATH")]
    run: String,
    /// Path of a decision trace; it takes a key flag
    #[arg(long, value_name = "PATH")]
    trace: Option<String>,
}

/// Verify a session chain: its links, and the runpack of every checkpoint
#[derive(Debug, Args)]
pub struct SessionChainCmd {
    #[command(flatten)]
    source: Source,
    /// Journal of the session: the chain has to hold all its checkpoints
    #[arg(long, value_name = "PATH")]
    journal: Option<Utf8PathBuf>,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Source {
    /// Path of the chain
    #[arg(long, value_name = "PATH")]
    chain: Option<String>,
    /// The same, without the flag
    #[arg(value_name = "PATH")]
    path: Option<String>,
}

/// The trace's part of the answer.
#[derive(Debug, Serialize)]
struct TracePart {
    #[serde(flatten)]
    finding: Finding,
    #[serde(flatten)]
    decision: DecisionPart,
    /// What trace and run disagree about.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    run_mismatches: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

impl ChainCmd {
    /// Verifies run, then trace. An error keeps what was verified before it.
    pub fn run(self, args: &DemandArgs) -> Result<Answer> {
        let demands = args.demands()?;
        let path = locate::resolve(&self.run)?;
        let report = verify::verify(path.as_std_path(), &demands).map_err(|e| e.at(&path))?;
        let run = run_part(&path, &report)?;
        let trace = self.trace.as_deref().map(str::trim).filter(|trace| !trace.is_empty());
        let trace = match trace.map(|trace| trace_part(trace, args, &path, &report, &demands)).transpose() {
            Ok(trace) => trace,
            Err(error) => return Answer::failure("verify chain", &error).with("run", &run),
        };
        let ok = report.ok && trace.as_ref().is_none_or(|trace| trace.finding.ok);
        let exit = if ok { Exit::Ok } else { Exit::VerificationFailed };
        let mut lines =
            vec![format!("verify chain{}", if ok { ": ok" } else { " failed" }), format!("runpack: {path}")];
        let mut notes: Vec<String> = report.warnings.iter().map(|text| format!("warning: {path}: {text}")).collect();
        let mut answer = Answer::new(&json!({ "run": run }), exit)?;
        if let Some(part) = trace {
            let finding = &part.finding;
            lines.push(format!("trace: {} ({})", finding.path, finding.signature_status));
            lines.extend(finding.error.iter().map(|error| format!("trace error: {error}")));
            lines.extend(part.run_mismatches.iter().map(|what| format!("trace and runpack disagree: {what}")));
            lines.extend(part.decision.told());
            notes.extend(part.warnings.iter().map(|text| visible(&format!("warning: {}: {text}", finding.path))));
            answer = answer.with("trace", &json!(part))?;
        }
        let lines: Vec<String> = lines.iter().map(|line| visible(line)).collect();
        answer.text(lines.join("\n")).notes(notes).classified()
    }
}

/// The answers of a command that failed before it looked at a run.
pub fn failed(answer: Answer) -> Answer {
    let part = json!({ "run": { "ok": false } });
    answer.members(&part).unwrap_or_else(|error| Answer::failure("verify chain", &error))
}

fn run_part(path: &Utf8Path, report: &Report) -> Result<Value> {
    let mut part = json!(report);
    if let Some(members) = part.as_object_mut() {
        members.insert("ok".to_owned(), json!(report.ok));
        members.insert("path".to_owned(), json!(path));
    }
    Ok(part)
}

fn trace_part(trace: &str, args: &DemandArgs, run: &Utf8Path, report: &Report, demands: &Demands) -> Result<TracePart> {
    let keys = trace::keys(args.trust())?;
    let bytes = fs::read(trace, DOCUMENT_LIMIT)?;
    let read = record::parse(&bytes).map_err(|error| error.at(trace))?;
    let mut finding = Finding::new(trace, &read, &keys)?;
    let mut decision = DecisionPart::find(&mut finding, &bytes, &read, &keys, &Demand::default())?;
    let warnings = std::mem::take(&mut decision.warnings);
    let mut part = TracePart { finding, decision, run_mismatches: Vec::new(), warnings };
    if !report.ok || !part.finding.ok {
        return Ok(part);
    }
    let claim = Claim {
        trace_id: &read.trace_id,
        tool_name: &read.tool_name,
        intent_digest: &read.intent_digest,
        verdict: &read.verdict,
    };
    match belonging::check(run.as_std_path(), &demands.trust, demands.limits, &claim)? {
        Belonging::Holds => {}
        Belonging::Unknown => {
            part.warnings.push("the run names no traces: nothing shows that this one belongs to it".to_owned());
        }
        Belonging::Contradicted(what) => {
            part.finding.ok = false;
            part.run_mismatches = what;
        }
    }
    Ok(part)
}

impl SessionChainCmd {
    /// Verifies the chain.
    pub fn run(self, args: &DemandArgs) -> Result<Answer> {
        let demands = args.demands()?;
        let path = self.source.chain.or(self.source.path).unwrap_or_default();
        let report = session::verify(&path, self.journal.as_deref(), &demands)?;
        let exit = if report.ok { Exit::Ok } else { Exit::VerificationFailed };
        let notes: Vec<String> = report.warnings.iter().map(|text| format!("warning: {path}: {text}")).collect();
        Answer::new(&report, exit)?.text(text(&report)).notes(notes).classified()
    }
}

fn text(report: &ChainReport) -> String {
    let ChainReport { chain_path, session_id, run_id, checkpoints_checked, .. } = report;
    let mut lines = if report.ok {
        vec![
            format!("verify session-chain: ok ({chain_path})"),
            format!("session={session_id} run={run_id} checkpoints={checkpoints_checked}"),
            format!("last checkpoint digest: {}", report.last_checkpoint_digest),
        ]
    } else {
        vec![format!("verify session-chain failed: {chain_path}")]
    };
    let lists = [("linkage errors", &report.linkage_errors), ("checkpoint errors", &report.checkpoint_errors)];
    let told = lists.into_iter().filter(|(_, errors)| !errors.is_empty());
    lines.extend(told.map(|(what, errors)| format!("{what}: {}", errors.join("; "))));
    lines.iter().map(|line| visible(line)).collect::<Vec<_>>().join("\n")
}
