//! `.gait/config.yaml`: what a project decides once. It decides security, so an unknown key is an error.

use crate::config::document::{Document, Fields};
use crate::kernel::error::{Error, Result};
use crate::kernel::fs::{self, SETTINGS_LIMIT};
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;

/// Where the project's settings are.
pub const DEFAULT_PATH: &str = ".gait/config.yaml";

/// The keys of `gate`: defaults of the flags of `gate eval`, all of them texts.
pub const GATE_KEYS: [&str; 25] = [
    "policy",
    "profile",
    "key_mode",
    "private_key",
    "private_key_env",
    "approval_public_key",
    "approval_public_key_env",
    "approval_private_key",
    "approval_private_key_env",
    "approval_trust",
    "delegation_public_key",
    "delegation_public_key_env",
    "rate_limit_state",
    "spent_approvals",
    "credential_broker",
    "credential_env_prefix",
    "credential_ref",
    "credential_scopes",
    "credential_command",
    "credential_command_args",
    "credential_evidence_path",
    "credential_hash_key_env",
    "trace_path",
    "decision_path",
    "kill_switch_state",
];

/// The project's settings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Project {
    /// `verify.require_signature`: a runpack without a trusted signature does not verify.
    pub require_signature: bool,
    /// `gate`: what is not blank, trimmed, by key.
    pub gate: BTreeMap<&'static str, String>,
    /// `mcp_serve`.
    pub mcp_serve: McpServe,
    /// `retention`: durations as written, by key.
    pub retention: BTreeMap<&'static str, String>,
}

/// How `mcp serve` is meant to be reached.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct McpServe {
    pub enabled: bool,
    pub listen: String,
    /// In lower case.
    pub auth_mode: String,
    pub auth_token_env: String,
    pub max_request_bytes: i64,
    /// In lower case.
    pub http_verdict_status: String,
    pub allow_client_artifact_paths: bool,
}

impl Project {
    /// Reads `.gait/config.yaml` below the working directory; no file means no settings.
    pub fn load() -> Result<Self> {
        // Only what is surely not there is no settings: a file that can't be looked at may decide something.
        if matches!(Path::new(DEFAULT_PATH).symlink_metadata(), Err(error) if error.kind() == ErrorKind::NotFound) {
            return Ok(Self::default());
        }
        Self::read(DEFAULT_PATH)
    }

    /// Reads the settings at `path`; at the usual place none means no settings.
    pub fn load_from(path: &str) -> Result<Self> {
        if fs::clean(path) == DEFAULT_PATH { Self::load() } else { Self::read(path) }
    }

    fn read(path: &str) -> Result<Self> {
        Self::of(&Document::read(path, SETTINGS_LIMIT)?)
    }

    /// Reads a parsed file.
    pub fn of(document: &Document) -> Result<Self> {
        let mut fields = document.fields(&document.root, &document.path)?;
        let mut project = Self::default();
        if let Some(node) = fields.node("verify") {
            let mut verify = document.fields(node, "`verify`")?;
            project.require_signature = verify.boolean("require_signature")?.unwrap_or_default();
            refuse(verify.unknown())?;
        }
        if let Some(node) = fields.node("gate") {
            project.gate = texts(document.fields(node, "`gate`")?, &GATE_KEYS)?;
        }
        if let Some(node) = fields.node("mcp_serve") {
            project.mcp_serve = McpServe::of(document.fields(node, "`mcp_serve`")?)?;
        }
        if let Some(node) = fields.node("retention") {
            project.retention =
                texts(document.fields(node, "`retention`")?, &["trace_ttl", "session_ttl", "export_ttl"])?;
        }
        refuse(fields.unknown())?;
        Ok(project)
    }
}

/// The texts under these keys, trimmed, without blanks.
fn texts(mut fields: Fields<'_>, keys: &[&'static str]) -> Result<BTreeMap<&'static str, String>> {
    let mut out = BTreeMap::new();
    for key in keys {
        let text = fields.scalar(key)?.unwrap_or_default().trim().to_owned();
        if !text.is_empty() {
            out.insert(*key, text);
        }
    }
    refuse(fields.unknown())?;
    Ok(out)
}

impl McpServe {
    fn of(mut fields: Fields<'_>) -> Result<Self> {
        let text = |fields: &mut Fields<'_>, key| Ok(fields.scalar(key)?.unwrap_or_default().trim().to_owned());
        let serve = Self {
            enabled: fields.boolean("enabled")?.unwrap_or_default(),
            listen: text(&mut fields, "listen")?,
            auth_mode: text(&mut fields, "auth_mode")?.to_lowercase(),
            auth_token_env: text(&mut fields, "auth_token_env")?,
            max_request_bytes: fields.whole("max_request_bytes")?.unwrap_or_default(),
            http_verdict_status: text(&mut fields, "http_verdict_status")?.to_lowercase(),
            allow_client_artifact_paths: fields.boolean("allow_client_artifact_paths")?.unwrap_or_default(),
        };
        refuse(fields.unknown())?;
        Ok(serve)
    }
}

fn refuse(unknown: Vec<String>) -> Result<()> {
    match unknown.first() {
        None => Ok(()),
        Some(first) => Err(Error::invalid(first.clone()).hint("mend or remove the key: this file decides security")),
    }
}
