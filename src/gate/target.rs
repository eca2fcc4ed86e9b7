//! What a call acts on: its targets normalised, with the endpoint class and domain that follow from them.

use crate::gate::domain;
use crate::gate::fields::Fields;
use crate::gate::text;
use crate::kernel::error::Result;
use serde::Serialize;

pub const KINDS: [&str; 9] = ["path", "url", "host", "repo", "bucket", "table", "queue", "topic", "other"];
pub const CLASSES: [&str; 10] = [
    "fs.read",
    "fs.write",
    "fs.delete",
    "proc.exec",
    "net.http",
    "net.dns",
    "ui.click",
    "ui.type",
    "ui.navigate",
    "other",
];
const DESTRUCTIVE: [&str; 9] = ["delete", "remove", "rm", "unlink", "rmdir", "drop", "truncate", "exec", "spawn"];

/// One thing a call acts on. The order of the fields is the order targets are sorted by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Target {
    pub kind: String,
    pub value: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub operation: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub sensitivity: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub endpoint_class: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub endpoint_domain: String,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub destructive: bool,
    /// Whether the class was guessed from a part of the tool's name.
    #[serde(skip)]
    pub guessed: bool,
}

/// Normalises the targets of a call of `tool`; remarks about what was guessed.
pub fn normalise(tool: &str, items: &[Fields<'_>]) -> Result<(Vec<Target>, Vec<String>)> {
    let mut targets = items.iter().map(|item| one(tool, item)).collect::<Result<Vec<_>>>()?;
    targets.sort_unstable();
    // The same target with a class given and with one guessed is one target, and its class is no guess.
    targets.dedup_by(|later, first| Target { guessed: first.guessed, ..later.clone() } == *first);
    let guessed = targets.iter().filter(|target| target.guessed);
    let remark = |t: &Target| {
        format!("endpoint class {} of {} {:?} is guessed from the tool's name", t.endpoint_class, t.kind, t.value)
    };
    let remarks = guessed.map(remark).collect();
    Ok((targets, remarks))
}

fn one(tool: &str, item: &Fields<'_>) -> Result<Target> {
    let kind = text::lower(&item.required("kind")?);
    let value = item.required("value")?;
    if !KINDS.contains(&kind.as_str()) {
        return Err(item.error("kind", &format!("{kind:?} is none of {}", KINDS.join(", "))));
    }
    let operation = text::lower(&item.text("operation")?);
    let mut endpoint_class = text::lower(&item.text("endpoint_class")?);
    let mut guessed = false;
    if endpoint_class.is_empty() {
        let (class, from_name) = class_of(&kind, &operation, tool);
        (endpoint_class, guessed) = (class.to_owned(), from_name);
    } else if !CLASSES.contains(&endpoint_class.as_str()) {
        return Err(item.error("endpoint_class", &format!("{endpoint_class:?} is none of {}", CLASSES.join(", "))));
    }
    let mut endpoint_domain = text::lower(&item.text("endpoint_domain")?);
    if endpoint_domain.is_empty() {
        endpoint_domain = domain::inferred(&kind, &value);
    }
    let destructive = item.truth("destructive")?
        || matches!(endpoint_class.as_str(), "fs.delete" | "proc.exec")
        || DESTRUCTIVE.contains(&operation.as_str());
    let sensitivity = text::lower(&item.text("sensitivity")?);
    Ok(Target { kind, value, operation, sensitivity, endpoint_class, endpoint_domain, destructive, guessed })
}

const OPERATIONS: [(&str, &[&str]); 3] = [
    ("fs.read", &["read", "get", "list", "open", "cat", "head", "download", "stat"]),
    ("fs.write", &["write", "append", "put", "create", "update", "save", "copy", "move", "rename"]),
    ("fs.delete", &["delete", "remove", "rm", "unlink", "rmdir", "drop", "truncate"]),
];
const HINTS: [(&str, &[&str]); 3] = [
    ("fs.read", &["read", "list", "fetch", "search"]),
    ("fs.write", &["write", "update", "save", "create"]),
    ("fs.delete", &["delete", "remove", "rm", "drop"]),
];

/// The endpoint class that follows from kind, operation and tool name, and whether it took the name to tell.
fn class_of(kind: &str, operation: &str, tool: &str) -> (&'static str, bool) {
    let name = tool.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    let hint = |words: &[&str]| words.iter().any(|word| name.contains(word));
    match kind {
        "path" => {
            if let Some((class, _)) = OPERATIONS.iter().find(|(_, words)| words.contains(&operation)) {
                return (class, false);
            }
            HINTS.iter().find(|(_, words)| hint(words)).map_or(("other", false), |(class, _)| (class, true))
        }
        "host" | "url" if ["dns", "resolve", "lookup"].contains(&operation) => ("net.dns", false),
        "host" | "url" => ("net.http", false),
        "other" if ["exec", "spawn", "run", "shell", "command"].contains(&operation) => ("proc.exec", false),
        "other" if hint(&["exec", "shell", "command", "spawn", "run"]) => ("proc.exec", true),
        _ => ("other", false),
    }
}
