//! The `agent` block of a fixture: the program whose behaviour today is compared with the recorded run.

use crate::config::document::{Document, Member, Node, Value};
use crate::kernel::error::Result;
use crate::kernel::fs;
use camino::{Utf8Path, Utf8PathBuf};
use std::collections::BTreeMap;
use std::time::Duration;

/// How long an agent may take unless told otherwise.
const TIMEOUT: Duration = Duration::from_secs(120);

/// An `agent` block as written; a key that is not there is `None`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Agent {
    /// Program and arguments.
    pub command: Option<Vec<String>>,
    /// Where it runs; the folder of the file unless given.
    pub cwd: Option<Utf8PathBuf>,
    folder: Utf8PathBuf,
    /// Set on top of the inherited environment.
    pub env: BTreeMap<String, String>,
    pub timeout: Option<Duration>,
    pub on_unmatched: Option<OnUnmatched>,
}

/// What a call without a recorded answer does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnUnmatched {
    /// It gets a tool error.
    #[default]
    ToolError,
    /// It ends the trial.
    Stop,
}

impl Agent {
    /// Reads the mapping `node`; unknown keys go to `warnings`.
    pub fn read(document: &Document, node: &Node, warnings: &mut Vec<String>) -> Result<Self> {
        let mut fields = document.fields(node, "`agent`")?;
        let command = fields.node("command").map(|node| command(document, node)).transpose()?;
        let cwd = fields.text("cwd")?.map(|cwd| beside(document, cwd));
        let env = fields.node("env").map(|node| variables(document, node)).transpose()?.unwrap_or_default();
        let timeout = fields.node("timeout").map(|node| duration(document, node, "timeout")).transpose()?;
        let on_unmatched = fields.node("on_unmatched").map(|node| on_unmatched(document, node)).transpose()?;
        warnings.extend(fields.unknown());
        Ok(Self { command, cwd, folder: beside(document, "."), env, timeout, on_unmatched })
    }

    /// This block's keys, and where it has none, those of `defaults`; variables one by one.
    pub fn over(self, defaults: &Self) -> Self {
        let mut env = defaults.env.clone();
        env.extend(self.env);
        Self {
            command: self.command.or_else(|| defaults.command.clone()),
            cwd: self.cwd.or_else(|| defaults.cwd.clone()),
            folder: self.folder,
            env,
            timeout: self.timeout.or(defaults.timeout),
            on_unmatched: self.on_unmatched.or(defaults.on_unmatched),
        }
    }

    /// The folder it runs in.
    pub fn cwd(&self) -> &Utf8Path {
        self.cwd.as_deref().unwrap_or(&self.folder)
    }

    /// How long it may take.
    pub fn timeout(&self) -> Duration {
        self.timeout.unwrap_or(TIMEOUT)
    }
}

/// A path relative to the folder of the file.
pub fn beside(document: &Document, path: &str) -> Utf8PathBuf {
    let folder = Utf8Path::new(&document.path).parent().filter(|folder| !folder.as_str().is_empty());
    fs::clean(folder.unwrap_or(Utf8Path::new(".")).join(path).as_str())
}

/// Program and arguments: a list of texts, the first of which is not empty.
pub fn command(document: &Document, node: &Node) -> Result<Vec<String>> {
    const WANT: &str = "`command` has to be a list: the program, then its arguments";
    let Value::List(items) = &node.value else { return Err(document.error(node.place, WANT)) };
    let word = |item: &Node| match &item.value {
        Value::Text(text) if !text.contains('\0') => Ok(text.clone()),
        Value::Integer(number) => Ok(number.to_string()),
        _ => Err(document.error(item.place, "a word of `command` has to be a text")),
    };
    let words: Vec<String> = items.iter().map(word).collect::<Result<_>>()?;
    if words.first().is_none_or(|program| program.trim().is_empty()) {
        return Err(document.error(node.place, WANT));
    }
    Ok(words)
}

fn variables(document: &Document, node: &Node) -> Result<BTreeMap<String, String>> {
    let Value::Map(members) = &node.value else {
        return Err(document.error(node.place, "`env` has to be a mapping"));
    };
    let pair = |member: &Member| {
        let Member { key, place, node } = member;
        if key.is_empty() || key.contains(['=', '\0']) {
            return Err(document.error(*place, format!("{key:?} cannot be the name of a variable")));
        }
        match &node.value {
            Value::Text(text) if !text.contains('\0') => Ok((key.clone(), text.clone())),
            Value::Integer(number) => Ok((key.clone(), number.to_string())),
            _ => Err(document.error(node.place, format!("the value of `{key}` has to be a text: put it in quotes"))),
        }
    };
    members.iter().map(pair).collect()
}

/// A duration such as `120s` or `2m`, longer than nothing.
pub fn duration(document: &Document, node: &Node, key: &str) -> Result<Duration> {
    let found = match &node.value {
        Value::Text(text) => humantime::parse_duration(text).ok().filter(|duration| !duration.is_zero()),
        _ => None,
    };
    found.ok_or_else(|| document.error(node.place, format!("`{key}` has to be a duration such as 120s")))
}

fn on_unmatched(document: &Document, node: &Node) -> Result<OnUnmatched> {
    match &node.value {
        Value::Text(word) if word == "tool_error" => Ok(OnUnmatched::ToolError),
        Value::Text(word) if word == "stop" => Ok(OnUnmatched::Stop),
        _ => Err(document.error(node.place, "`on_unmatched` has to be `tool_error` or `stop`")),
    }
}
