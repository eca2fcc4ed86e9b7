//! Recorded calls as calls that ask to proceed: what a policy would have said, against what was recorded.

use crate::gate::evaluate;
use crate::gate::intent::Intent;
use crate::gate::model::Verdict;
use crate::gate::policy::Policy;
use crate::kernel::clock::Timestamp;
use crate::kernel::error::{Error, Kind, Result};
use crate::kernel::json::scan::{self, Shape};
use crate::kernel::json::tree;
use serde::Serialize;
use serde_json::json;

/// Who is taken to have made recorded calls: a record does not say.
#[derive(Debug, Clone)]
pub struct Caller {
    pub identity: String,
    pub workspace: String,
    pub risk_class: String,
}

impl Default for Caller {
    /// Who `policy backtest` takes it to be, unless told otherwise.
    fn default() -> Self {
        let [identity, workspace, risk_class] = ["recorded", "/workspace", "low"].map(str::to_owned);
        Self { identity, workspace, risk_class }
    }
}

/// A call as a run recorded it. `args` is JSON of an object; none is no arguments.
#[derive(Debug, Clone, Copy)]
pub struct Call<'r> {
    pub tool: &'r str,
    pub args: Option<&'r [u8]>,
    pub created_at: Timestamp,
}

/// Names of arguments whose text value is what the call acts on, and of which kind.
const NAMED: [(&str, &[&str]); 7] = [
    (
        "path",
        &["path", "file", "filename", "file_path", "filepath", "dir", "directory", "folder", "source", "destination"],
    ),
    ("url", &["url", "uri", "endpoint", "href"]),
    ("host", &["host", "hostname", "domain", "server"]),
    ("bucket", &["bucket"]),
    ("table", &["table"]),
    ("queue", &["queue"]),
    ("topic", &["topic"]),
];

impl Call<'_> {
    /// The intent such a call would be: its targets are the arguments whose names say what the tool acts on; a value
    /// with `://` in it is a URL whatever its name.
    pub fn intent(&self, caller: &Caller) -> Result<Intent> {
        let args = scan::parse(self.args.unwrap_or(b"{}"))?;
        let mut targets = Vec::new();
        if args.nodes[0].shape == Shape::Object {
            for member in args.members(0)? {
                let node = &args.nodes[member.value as usize];
                if !matches!(node.shape, Shape::Plain | Shape::Escaped) {
                    continue;
                }
                let value = args.string(node);
                let lower = member.key.trim().to_lowercase();
                let kind = NAMED.iter().find(|(_, names)| names.contains(&lower.as_str())).map(|(kind, _)| *kind);
                let kind = if value.contains("://") { Some("url") } else { kind };
                let kind = kind.filter(|_| !value.trim().is_empty());
                targets.extend(kind.map(|kind| json!({ "kind": kind, "value": value })));
            }
        }
        let mut asked = serde_json::to_vec(&json!({
            "tool_name": self.tool,
            "targets": targets,
            "context": { "identity": caller.identity, "workspace": caller.workspace, "risk_class": caller.risk_class },
        }))
        .map_err(|e| Error::new(Kind::Internal, format!("cannot encode JSON: {e}")))?;
        asked.pop();
        asked.extend_from_slice(b",\"args\":");
        asked.extend_from_slice(args.text.as_bytes());
        asked.push(b'}');
        Intent::parse(&asked)
    }
}

/// The verdict a recorded result stands for: the one it names, else the one its status means; none where it means none.
pub fn verdict(status: &str, result: Option<&[u8]>) -> Option<Verdict> {
    let named = result.and_then(|bytes| tree::parse(bytes).ok());
    let named = named.as_ref().and_then(|value| value.get("verdict")?.as_str().and_then(Verdict::parse));
    named.or_else(|| match status.trim().to_lowercase().as_str() {
        "ok" | "pass" | "passed" | "success" | "allow" => Some(Verdict::Allow),
        "block" | "blocked" | "deny" | "denied" => Some(Verdict::Block),
        "require_approval" | "approval_required" | "needs_approval" => Some(Verdict::RequireApproval),
        status if status == "dry_run" || status.starts_with("simulate") => Some(Verdict::DryRun),
        _ => None,
    })
}

/// A recorded call that a policy takes otherwise than the record.
#[derive(Debug, Clone, Serialize)]
pub struct Difference {
    pub pack: String,
    pub run_id: String,
    pub intent_id: String,
    pub tool_name: String,
    pub recorded: Verdict,
    pub verdict: Verdict,
    pub reason_codes: Vec<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub matched_rule: String,
}

/// What a policy says of one recorded call: verdict, rule and reasons.
pub struct Said {
    pub verdict: Verdict,
    pub matched_rule: String,
    pub reason_codes: Vec<String>,
}

/// Asks a policy about one recorded call, at the time of the record. A record that is no call is blocked.
pub fn ask(policy: &Policy, call: &Call<'_>, caller: &Caller, at: Option<&Timestamp>) -> Said {
    match call.intent(caller) {
        Ok(intent) => {
            let outcome = evaluate::evaluate(policy, &intent, at.unwrap_or(&call.created_at));
            let matched_rule = outcome.matched_rule().to_owned();
            Said { verdict: outcome.verdict, matched_rule, reason_codes: outcome.reason_codes }
        }
        Err(_) => {
            let reason_codes = vec!["intent_not_evaluable".to_owned()];
            Said { verdict: Verdict::Block, matched_rule: String::new(), reason_codes }
        }
    }
}
