//! Replay from the record: every call answered by its recorded result or by a stub. No tool is ever run.

use crate::kernel::archive::read::{Archive, Limits};
use crate::kernel::digest::Digest;
use crate::kernel::error::{Error, Kind, Result};
use crate::runpack::lane::Record;
use crate::runpack::read::Pack;
use crate::runpack::verify::{self, Trust};
use camino::Utf8Path;
use serde::Serialize;
use std::collections::{HashMap, HashSet};

/// Environment variable that has to be `1` before real tools may be asked for, unless a flag names another.
pub const REAL_TOOLS_VAR: &str = "GAIT_ALLOW_REAL_REPLAY";

/// The wish to run real tools, and everything that has to be said before it is heard.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RealTools {
    /// Real tools are asked for.
    pub requested: bool,
    /// ... and the caller says they know it is unsafe.
    pub acknowledged: bool,
    /// The tools that may run, separated by commas.
    pub allowed: String,
    /// The value of the environment variable that unlocks them, if it is set.
    pub switch: Option<String>,
}

impl RealTools {
    /// Passes the guards in order; the warnings of a passed request. Refusals are `UnsafeRefused`.
    pub fn guard(&self) -> Result<Vec<String>> {
        if !self.requested {
            return Ok(Vec::new());
        }
        let refuse = |why: &str| Err(Error::new(Kind::UnsafeRefused, why));
        if !self.acknowledged {
            return refuse("real tools were asked for without --unsafe-real-tools");
        }
        let allowed: Vec<&str> = self.allowed.split(',').map(str::trim).filter(|tool| !tool.is_empty()).collect();
        if allowed.is_empty() {
            return refuse("real tools were asked for, but --allow-tools names none");
        }
        if self.switch.as_deref().map(str::trim) != Some("1") {
            return refuse("real tools were asked for, but the environment variable that allows them is not 1");
        }
        let warning = "real tools not implemented; replaying stubs".to_owned();
        Ok(vec![warning, format!("allow_tools={}", allowed.join(","))])
    }
}

/// What a stub pretends to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum StubType {
    Http,
    File,
    Db,
    Queue,
}

impl StubType {
    /// By the first group with a word that occurs anywhere in the lower-cased tool name. Crude on purpose: the
    /// groups are part of the format.
    pub fn of(tool: &str) -> Option<Self> {
        const GROUPS: [(StubType, &[&str]); 4] = [
            (StubType::Http, &["http", "fetch", "url"]),
            (StubType::File, &["file", "path", "fs", "write"]),
            (StubType::Db, &["db", "sql", "query", "table"]),
            (StubType::Queue, &["queue", "topic", "publish", "kafka"]),
        ];
        let hit = GROUPS.iter().find(|(_, words)| words.iter().any(|word| tool.contains(word)));
        hit.map(|(stub, _)| *stub)
    }

    /// The name it is written by.
    pub fn word(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::File => "file",
            Self::Db => "db",
            Self::Queue => "queue",
        }
    }
}

/// One call replayed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    pub intent_id: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub result_digest: String,
    /// The recorded status, `stubbed`, or `missing_result`.
    pub status: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stub_type: Option<StubType>,
    pub tool_name: String,
}

/// A replay. It is complete when nothing is missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Replay {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub missing_results: Vec<String>,
    /// Always `stub`.
    pub mode: &'static str,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub requested_unsafe: bool,
    pub run_id: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<Step>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

impl Replay {
    /// Whether every call had a result or a stub.
    pub fn complete(&self) -> bool {
        self.missing_results.is_empty()
    }
}

/// What replay needs of a record: its label is the tool of an intent, the status of a result.
#[derive(Debug, Clone, Copy)]
pub struct Half<'a> {
    pub intent_id: &'a str,
    pub label: &'a str,
    pub digest: &'a str,
}

impl<'a> From<&'a Record<'_>> for Half<'a> {
    fn from(record: &'a Record<'_>) -> Self {
        Self { intent_id: &record.intent_id, label: &record.label, digest: &record.digest }
    }
}

impl<'a> From<&'a [Box<str>; 3]> for Half<'a> {
    fn from([intent_id, label, digest]: &'a [Box<str>; 3]) -> Self {
        Self { intent_id, label, digest }
    }
}

fn halves<'a, T>(records: &'a [T]) -> Vec<Half<'a>>
where
    Half<'a>: From<&'a T>,
{
    records.iter().map(Half::from).collect()
}

/// Replays the pack at `path`, after the guards. Errors: as [`verify::open`]; `InvalidInput` for repeated ids.
pub fn replay(path: &Utf8Path, trust: &Trust, real: &RealTools) -> Result<Replay> {
    let warnings = real.guard()?;
    let found = open(path, trust).map_err(|e| e.at(path))?;
    Ok(Replay { warnings, requested_unsafe: real.acknowledged, ..found })
}

fn open(path: &Utf8Path, trust: &Trust) -> Result<Replay> {
    let archive = Archive::open(path.as_std_path(), Limits::default())?;
    let (mut intents, mut results) = (Vec::new(), Vec::new());
    let contents = verify::open(&archive, trust, &mut keep(&mut intents), &mut keep(&mut results))?;
    verify::known(&contents)?;
    stub(&contents.run.run_id, &halves(&intents), &halves(&results))
}

fn keep(into: &mut Vec<[Box<str>; 3]>) -> impl FnMut(usize, &Record<'_>) -> Result<()> + Send {
    |_, record| {
        into.push([&record.intent_id, &record.label, &record.digest].map(|text| Box::from(text.as_ref())));
        Ok(())
    }
}

/// Replays a pack that is in memory.
pub fn replay_pack(pack: &Pack) -> Result<Replay> {
    stub(&pack.contents.run.run_id, &halves(&pack.intents), &halves(&pack.results))
}

/// Replays calls: each intent in order takes its recorded result, else a stub by the name of its tool.
///
/// Errors: `InvalidInput` when two intents or two results have one id.
pub fn stub(run_id: &str, intents: &[Half<'_>], results: &[Half<'_>]) -> Result<Replay> {
    let twice = |what: &str, id: &str| {
        Err(Error::invalid(format!("cannot replay {run_id}: two {what} have the intent_id {id:?}")))
    };
    let mut answers = HashMap::with_capacity(results.len());
    for result in results {
        if answers.insert(result.intent_id, result).is_some() {
            return twice("results", result.intent_id);
        }
    }
    let mut seen = HashSet::with_capacity(intents.len());
    let mut steps = Vec::with_capacity(intents.len());
    let mut missing_results = Vec::new();
    for intent in intents {
        if !seen.insert(intent.intent_id) {
            return twice("intents", intent.intent_id);
        }
        let step = step(run_id, intent, answers.get(intent.intent_id).copied());
        if step.stub_type.is_none() && !answers.contains_key(intent.intent_id) {
            missing_results.push(step.intent_id.clone());
        }
        steps.push(step);
    }
    missing_results.sort();
    Ok(Replay {
        missing_results,
        mode: "stub",
        requested_unsafe: false,
        run_id: run_id.to_owned(),
        steps,
        warnings: Vec::new(),
    })
}

fn step(run_id: &str, intent: &Half<'_>, answer: Option<&Half<'_>>) -> Step {
    let tool = intent.label.trim().to_lowercase();
    let stub_type = if answer.is_some() { None } else { StubType::of(&tool) };
    let (status, result_digest) = match (answer, stub_type) {
        (Some(result), _) => (result.label, result.digest.to_owned()),
        (None, Some(stub)) => {
            let args = intent.digest.trim().to_lowercase();
            let text = format!("{run_id}:{}:{tool}:{args}:{}", intent.intent_id, stub.word());
            ("stubbed", Digest::of(text.as_bytes()).to_string())
        }
        (None, None) => ("missing_result", String::new()),
    };
    Step {
        intent_id: intent.intent_id.to_owned(),
        result_digest,
        status: status.to_owned(),
        stub_type,
        tool_name: intent.label.to_owned(),
    }
}
