//! `gait trace`: the signed records of decisions.

use crate::cli::args::TrustArgs;
use crate::cli::exit::Exit;
use crate::cli::output::Answer;
use crate::gate::bound::{self, Bond, Proven};
use crate::gate::seal::Fault;
use crate::gate::trace::{self, Trace};
use crate::kernel::error::{Error, Result};
use crate::kernel::fs::{self, DOCUMENT_LIMIT};
use crate::runpack::story::visible;
use crate::sign::key::PublicKey;
use camino::{Utf8Path, Utf8PathBuf};
use clap::{Args, Subcommand};
use serde::Serialize;

/// Verify signed decision traces
#[derive(Debug, Args)]
pub struct TraceCmd {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Verify(VerifyCmd),
}

/// Verify the signature of a decision trace, that nothing unsigned stands in it, and the other files of the decision
///
/// The decision record names them. It is looked for beside the trace; whoever can write there can also remove it, so ask for
/// it with --require-decision.
#[derive(Debug, Args)]
struct VerifyCmd {
    #[command(flatten)]
    source: Source,
    /// The decision record; it has to be there and to hold [default: decision_<trace_id>.json beside the trace, if it is
    /// of this event]
    #[arg(long, value_name = "PATH")]
    decision: Option<Utf8PathBuf>,
    /// Fail unless there is a decision record that holds
    #[arg(long)]
    require_decision: bool,
    /// Folder that files of the decision may be in, besides those of trace and record and the working directory
    #[arg(long, value_name = "DIR")]
    files: Vec<Utf8PathBuf>,
    #[command(flatten)]
    trust: TrustArgs,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Source {
    /// Path of the trace
    #[arg(long, value_name = "PATH")]
    path: Option<String>,
    /// The same, without the flag
    #[arg(value_name = "PATH")]
    trace: Option<String>,
}

impl TraceCmd {
    /// Runs the verb.
    pub fn run(self) -> Result<Answer> {
        let Verb::Verify(cmd) = self.verb;
        let path = cmd.source.path.or(cmd.source.trace).unwrap_or_default();
        let bytes = fs::read(&path, DOCUMENT_LIMIT)?;
        let trace = trace::parse(&bytes).map_err(|error| error.at(&path))?;
        let keys = keys(&cmd.trust)?;
        let mut finding = Finding::new(&path, &trace, &keys)?;
        let demand = Demand { decision: cmd.decision, required: cmd.require_decision, folders: cmd.files };
        let part = DecisionPart::find(&mut finding, &bytes, &trace, &keys, &demand)?;
        if let Some(error) = &finding.error {
            let told = Error::verification(visible(error));
            return Answer::failure("trace verify", &told).members(&finding)?.members(&part);
        }
        let lines = match finding.ok {
            true => [vec![format!("trace verify ok: {path}")], part.told()].concat(),
            false => vec![format!("trace verify failed: {path}"), "signature status: failed".to_owned()],
        };
        let lines: Vec<String> = lines.iter().map(|line| visible(line)).collect();
        let notes = part.warnings.iter().map(|text| visible(&format!("warning: {text}")));
        Answer::new(&finding, finding.exit())?.members(&part)?.text(lines.join("\n")).notes(notes).classified()
    }
}

/// What a decision record is asked for.
#[derive(Debug, Default)]
pub struct Demand {
    /// The record; it has to be there.
    decision: Option<Utf8PathBuf>,
    required: bool,
    folders: Vec<Utf8PathBuf>,
}

/// What was found about the record of the decision; empty where the trace itself does not hold.
#[derive(Debug, Default, Serialize)]
pub struct DecisionPart {
    #[serde(skip_serializing_if = "Option::is_none")]
    decision_path: Option<Utf8PathBuf>,
    /// `verified`, `failed`, `stale` (of another event) or `missing`.
    #[serde(skip_serializing_if = "str::is_empty")]
    decision_status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    files_checked: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    profile: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    matched_rule: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason_codes: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// Why trace and decision do not belong together.
    #[serde(skip)]
    why: Option<String>,
}

impl DecisionPart {
    /// Looks for the record of a trace that holds; where it does not do, the trace is not verified after all.
    pub fn find(
        finding: &mut Finding,
        bytes: &[u8],
        trace: &Trace,
        keys: &[PublicKey],
        demand: &Demand,
    ) -> Result<Self> {
        let signer = finding.key_id.as_ref().filter(|_| finding.ok);
        let Some(key) = keys.iter().find(|key| signer == Some(&key.id())) else { return Ok(Self::default()) };
        let (path, decision) = (Utf8Path::new(&finding.path), demand.decision.as_deref());
        let part = Self::of(bound::check(&Proven { path, bytes, trace, key, decision, folders: &demand.folders })?);
        finding.error = part.fault(decision, demand.required);
        finding.ok = finding.error.is_none();
        Ok(part)
    }

    fn of(bond: Bond) -> Self {
        match bond {
            Bond::Absent => Self { decision_status: "missing", ..Self::default() },
            Bond::Stale { path, event_id } => Self {
                warnings: vec![format!(
                    "{path} is the record of another decision, event {event_id:?}: only the trace was verified"
                )],
                decision_path: Some(path),
                decision_status: "stale",
                ..Self::default()
            },
            Bond::Holds { path, record, files } => Self {
                decision_path: Some(path),
                decision_status: "verified",
                files_checked: Some(files),
                profile: Some(record.profile),
                matched_rule: Some(record.matched_rule).filter(|rule| !rule.is_empty()),
                reason_codes: Some(record.reason_codes),
                ..Self::default()
            },
            Bond::Broken { path, why } => {
                Self { decision_path: Some(path), decision_status: "failed", why: Some(why), ..Self::default() }
            }
        }
    }

    /// Why the trace is not verified after all.
    fn fault(&self, named: Option<&Utf8Path>, required: bool) -> Option<String> {
        match (self.decision_status, named) {
            ("failed", _) => self.why.clone(),
            ("missing", Some(path)) => Some(format!("there is no decision record at {path}")),
            ("missing", None) if required => Some("there is no decision record beside the trace".to_owned()),
            ("stale", _) if required => self.warnings.first().cloned(),
            _ => None,
        }
    }

    /// The lines that tell of a record that holds.
    pub fn told(&self) -> Vec<String> {
        let (Some(path), Some(files), Some(reasons)) = (&self.decision_path, self.files_checked, &self.reason_codes)
        else {
            return Vec::new();
        };
        let rule = self.matched_rule.iter().map(|rule| format!("rule: {rule}"));
        let record = format!("decision record ok: {path} (files: {files})");
        [record].into_iter().chain(rule).chain([format!("reasons: {}", reasons.join(","))]).collect()
    }
}

/// The keys to verify a trace with; it takes at least one, named by a flag.
pub fn keys(trust: &TrustArgs) -> Result<Vec<PublicKey>> {
    if !trust.names_a_key() {
        return Err(Error::invalid("a trace is verified with a key, and none was named")
            .hint("add --public-key, --public-key-env, --private-key, --private-key-env or --trust"));
    }
    trust.keys()
}

/// What was found about one trace.
#[derive(Debug, Serialize)]
pub struct Finding {
    pub ok: bool,
    pub path: String,
    pub trace_id: String,
    pub verdict: String,
    pub signature_status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl Finding {
    /// Verifies one trace.
    pub fn new(path: &str, trace: &Trace, keys: &[PublicKey]) -> Result<Self> {
        let outcome = trace.verify(keys)?;
        let ok = outcome.is_ok();
        let (key_id, error) = match outcome {
            Ok(id) | Err(Fault::Forged(id)) => (Some(id), None),
            Err(fault) => (None, Some(fault.to_string())),
        };
        Ok(Self {
            ok,
            path: path.to_owned(),
            trace_id: trace.trace_id.clone(),
            verdict: trace.verdict.clone(),
            signature_status: if ok { "verified" } else { "failed" },
            key_id,
            error,
        })
    }

    fn exit(&self) -> Exit {
        if self.ok { Exit::Ok } else { Exit::VerificationFailed }
    }
}
