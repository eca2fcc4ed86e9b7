//! `init`, `validate` and `fmt`: policy files written, checked and brought into one form.

use crate::cli::exit::Exit;
use crate::cli::output::Answer;
use crate::config::document::Document;
use crate::gate::policy::{self, Policy};
use crate::gate::{format, parse, template, text};
use crate::kernel::error::{Error, Kind, Result};
use crate::kernel::fs;
use clap::Args;
use serde_json::json;
use std::path::Path;

/// Write a policy to begin with
#[derive(Debug, Args)]
pub struct InitCmd {
    /// low, medium or high risk baseline, or filesystem, refunds, egress, trust-1-observe .. trust-4-approved-write
    #[arg(value_name = "TEMPLATE")]
    template: String,
    /// The policy file
    #[arg(long, value_name = "FILE", default_value = "gait.policy.yaml")]
    out: String,
    /// Replace a file that exists
    #[arg(long)]
    force: bool,
}

/// Check a policy and print its digest
#[derive(Debug, Args)]
pub struct ValidateCmd {
    /// Policy file
    #[arg(value_name = "POLICY")]
    policy: String,
}

/// Bring a policy into canonical form; comments are lost
#[derive(Debug, Args)]
pub struct FmtCmd {
    /// Policy file
    #[arg(value_name = "POLICY")]
    policy: String,
    /// Write it back instead of printing it
    #[arg(long)]
    write: bool,
}

impl InitCmd {
    /// Writes the file.
    pub fn run(self) -> Result<Answer> {
        let name = text::lower(&self.template);
        let known = || template::ALL.iter().map(|template| template.names[0]).collect::<Vec<_>>().join(", ");
        let template = template::named(&name).ok_or_else(|| {
            Error::invalid(format!("there is no template {name:?}")).hint(format!("take one of {}", known()))
        })?;
        let path = fs::output_path(&self.out)?;
        if !self.force && path.symlink_metadata().is_ok() {
            return Err(
                Error::invalid(format!("{path} exists already")).hint("give another --out, or replace it with --force")
            );
        }
        fs::make_parent(&path)?;
        let write = if self.force { fs::write } else { fs::write_new };
        write(path.as_path(), template.text.as_bytes())?;
        let shown = self.out.trim();
        let mut next =
            vec![format!("gait policy validate {shown} --json"), format!("gait policy fmt {shown} --write --json")];
        let intents = ["read", "write", "delete"].iter();
        next.extend(
            intents.map(|what| format!("gait policy test {shown} examples/policy/intents/intent_{what}.json --json")),
        );
        let name = template.names[0];
        let text = format!("policy init ok: template={name} output={shown}\nnext: {}", next.join(" | "));
        let value = json!({ "template": name, "policy_path": shown, "next_commands": next });
        Ok(Answer::new(&value, Exit::Ok)?.text(text))
    }
}

/// Warnings as remarks for standard error.
pub fn notes(policy: &Policy) -> Vec<String> {
    policy.warnings.iter().map(|warning| format!("warning: {warning}")).collect()
}

impl ValidateCmd {
    /// Reads the file.
    pub fn run(self) -> Result<Answer> {
        let policy = parse::read(&self.policy)?;
        let (digest, rules) = (policy.digest()?.to_string(), policy.rules.len());
        let default = policy.default_verdict;
        let summary = format!("policy validate ok: default={default} rules={rules} digest={digest}");
        let mut value = json!({
            "schema_id": policy.schema_id,
            "schema_version": policy.schema_version,
            "policy_digest": digest,
            "default_verdict": default,
            "summary": summary,
        });
        if rules > 0 {
            value["rule_count"] = rules.into();
        }
        if !policy.warnings.is_empty() {
            value["warnings"] = json!(policy.warnings);
        }
        Ok(Answer::new(&value, Exit::Ok)?.text(summary).notes(notes(&policy)))
    }
}

impl FmtCmd {
    /// Prints the canonical text, or writes it back.
    pub fn run(self) -> Result<Answer> {
        let path = self.policy.trim();
        let document = Document::read(path, policy::LIMIT)?;
        let policy = parse::policy(&document)?;
        let digest = policy.digest()?;
        let formatted = format::text(&policy);
        if formatted.len() as u64 > policy::LIMIT {
            let what = format!(
                "{path}: the formatted text has {} bytes, and no policy of more than {} is read",
                formatted.len(),
                policy::LIMIT
            );
            return Err(Error::invalid(what).hint("split the policy, or keep it as it is"));
        }
        let again = Document::parse(path, formatted.clone()).and_then(|document| parse::policy(&document)?.digest());
        if !again.is_ok_and(|again| again == digest) {
            let what =
                format!("{path}: the formatted text would not read back as the same policy, so nothing is written");
            return Err(Error::new(Kind::Internal, what));
        }
        let changed = fs::read(path, policy::LIMIT)? != formatted.as_bytes();
        let written = self.write && changed;
        if written {
            rewrite(Path::new(path), formatted.as_bytes())?;
        }
        let rules = policy.rules.len();
        let mut value = json!({ "path": path, "policy_digest": digest, "default_verdict": policy.default_verdict });
        for (key, truth) in [("written", written), ("changed", changed)] {
            if truth {
                value[key] = true.into();
            }
        }
        if rules > 0 {
            value["rule_count"] = rules.into();
        }
        let text = if self.write {
            format!("policy fmt ok: path={path} changed={changed} written={written} rules={rules}")
        } else {
            value["formatted"] = formatted.clone().into();
            formatted
        };
        Ok(Answer::new(&value, Exit::Ok)?.text(text).notes(notes(&policy)))
    }
}

/// Replaces a file, its permissions kept.
fn rewrite(path: &Path, bytes: &[u8]) -> Result<()> {
    let permissions = path.metadata().map_err(|error| Error::io("read", path, error))?.permissions();
    let mut draft = fs::Draft::new(path)?;
    std::io::Write::write_all(draft.file(), bytes).map_err(|error| Error::io("write", path, error))?;
    draft.file().set_permissions(permissions).map_err(|error| Error::io("write", path, error))?;
    draft.publish()
}
