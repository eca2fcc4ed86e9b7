//! The graders a fixture adds in `gait.yaml`: a `budget`, a `policy`, and programs of one's own under `graders`.

use crate::config::agent;
use crate::config::document::{Document, Fields, Node};
use crate::config::place::Place;
use crate::config::rules::{number, whole};
use crate::kernel::error::{Error, Result};
use camino::Utf8PathBuf;
use std::time::Duration;

/// How much a run may take.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Budget {
    pub max_calls: Option<u64>,
    /// Wall time of the agent.
    pub max_seconds: Option<f64>,
}

/// The policy that recorded calls and today's are held against.
#[derive(Debug, Clone, PartialEq)]
pub struct PolicyFile {
    /// Absolute or relative to the working directory.
    pub path: Utf8PathBuf,
    /// Where its name stands.
    pub place: Place,
}

impl PolicyFile {
    /// Reads the mapping `node`, its `file` relative to the folder of the document; unknown keys go to `warnings`.
    pub fn read(document: &Document, node: &Node, warnings: &mut Vec<String>) -> Result<Self> {
        let mut fields = document.fields(node, "`policy`")?;
        let file = fields.text("file")?.filter(|file| !file.trim().is_empty());
        let place = fields.node("file").map_or(node.place, |file| file.place);
        let unknown = fields.unknown();
        let missing = || document.error(node.place, "`policy` has to have a `file`");
        let file = file.ok_or_else(|| unknown.first().map_or_else(missing, Error::invalid))?;
        warnings.extend(unknown);
        Ok(Self { path: agent::beside(document, file), place })
    }
}

/// A program that judges runs.
#[derive(Debug, Clone, PartialEq)]
pub struct Program {
    pub name: String,
    /// Program and arguments, no shell.
    pub command: Vec<String>,
    /// The folder of the file it stands in.
    pub cwd: Utf8PathBuf,
    pub timeout: Duration,
    /// Where its name stands.
    pub place: Place,
}

/// How long a grader may take unless told otherwise.
const TIMEOUT: Duration = Duration::from_secs(30);

impl Budget {
    /// Reads the mapping `node`; unknown keys go to `warnings`.
    pub fn read(document: &Document, node: &Node, warnings: &mut Vec<String>) -> Result<Self> {
        let mut fields = document.fields(node, "`budget`")?;
        let max_calls = whole(document, &mut fields, "max_calls", 0)?;
        let seconds = |node: &Node| {
            let seconds = number(node).filter(|seconds| *seconds > 0.0);
            seconds.ok_or_else(|| document.error(node.place, "`max_seconds` has to be a number above 0"))
        };
        let max_seconds = fields.node("max_seconds").map(seconds).transpose()?;
        let budget = Self { max_calls, max_seconds };
        let unknown = fields.unknown();
        if budget == Self::default() {
            let empty = || document.error(node.place, "`budget` has to say `max_calls` or `max_seconds`");
            return Err(unknown.first().map_or_else(empty, Error::invalid));
        }
        warnings.extend(unknown);
        Ok(budget)
    }
}

impl Program {
    /// Reads the list `graders`, where it is there; unknown keys go to `warnings`.
    pub fn read(document: &Document, fields: &mut Fields<'_>, warnings: &mut Vec<String>) -> Result<Option<Vec<Self>>> {
        let items = fields.list("graders")?;
        let mut programs: Vec<Self> = Vec::new();
        for node in items {
            let program = Self::one(document, node, warnings)?;
            if programs.iter().any(|other| other.name == program.name) {
                let what = format!("two graders are called {:?}", program.name);
                return Err(document.error(program.place, what));
            }
            programs.push(program);
        }
        Ok(fields.node("graders").map(|_| programs))
    }

    fn one(document: &Document, node: &Node, warnings: &mut Vec<String>) -> Result<Self> {
        let mut fields = document.fields(node, "a grader")?;
        let missing = |key: &str| document.error(node.place, format!("a grader has to have a `{key}`"));
        let name = fields.text("name")?.ok_or_else(|| missing("name"))?;
        let place = fields.node("name").map_or(node.place, |name| name.place);
        if !is_name(name) {
            let what = format!(
                "grader name {name:?} cannot be used: start with a lower-case letter; then lower-case letters, digits, \
                 `.`, `_` and `-`, 64 at most"
            );
            return Err(document.error(place, what));
        }
        let command = agent::command(document, fields.node("command").ok_or_else(|| missing("command"))?)?;
        let timeout = fields.node("timeout").map(|node| agent::duration(document, node, "timeout")).transpose()?;
        let timeout = timeout.unwrap_or(TIMEOUT);
        warnings.extend(fields.unknown());
        let cwd = agent::beside(document, ".");
        Ok(Self { name: name.to_owned(), command, cwd, timeout, place })
    }
}

/// A grader's name is a part of case names, and a reason code.
fn is_name(name: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'_' | b'-');
    name.len() <= 64 && name.starts_with(|c: char| c.is_ascii_lowercase()) && name.bytes().all(allowed)
}
