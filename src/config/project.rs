//! `.gait/config.yaml`: what a project decides once. It decides security, so an unknown key is an error.

use crate::config::document::Document;
use crate::kernel::error::{Error, Result};
use crate::kernel::fs::SETTINGS_LIMIT;
use std::io::ErrorKind;
use std::path::Path;

/// Where the project's settings are.
pub const DEFAULT_PATH: &str = ".gait/config.yaml";

/// The sections this program knows besides `verify`; other commands read them.
const OTHER_SECTIONS: [&str; 3] = ["gate", "mcp_serve", "retention"];

/// The project's settings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Project {
    /// `verify.require_signature`: a runpack without a trusted signature does not verify.
    pub require_signature: bool,
}

impl Project {
    /// Reads `.gait/config.yaml` below the working directory; no file means no settings.
    pub fn load() -> Result<Self> {
        // Only what is surely not there is no settings: a file that can't be looked at may decide something.
        if matches!(Path::new(DEFAULT_PATH).symlink_metadata(), Err(error) if error.kind() == ErrorKind::NotFound) {
            return Ok(Self::default());
        }
        Self::of(&Document::read(DEFAULT_PATH, SETTINGS_LIMIT)?)
    }

    /// Reads a parsed file.
    pub fn of(document: &Document) -> Result<Self> {
        let mut fields = document.fields(&document.root, DEFAULT_PATH)?;
        let mut project = Self::default();
        if let Some(node) = fields.node("verify") {
            let mut verify = document.fields(node, "`verify`")?;
            project.require_signature = verify.boolean("require_signature")?.unwrap_or_default();
            refuse(verify.unknown())?;
        }
        for section in OTHER_SECTIONS {
            if let Some(node) = fields.node(section) {
                document.fields(node, &format!("`{section}`"))?;
            }
        }
        refuse(fields.unknown())?;
        Ok(project)
    }
}

fn refuse(unknown: Vec<String>) -> Result<()> {
    match unknown.first() {
        None => Ok(()),
        Some(first) => Err(Error::invalid(first.clone()).hint("mend or remove the key: this file decides security")),
    }
}
