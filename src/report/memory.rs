//! What a comment remembers of the runs before it, hidden in it: the next run says what changed without any server.

use crate::report::model::Report;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::read::{ZlibDecoder, ZlibEncoder};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::Read as _;

/// Opens the hidden line; the version is part of it.
const OPENING: &str = "<!-- gait-memory-1 ";
const CLOSING: &str = " -->";
/// Largest memory written, in bytes as it stands in the comment; beyond it only failing cases are remembered.
const LIMIT: usize = 16_000;
/// Most bytes a memory is unpacked to.
const UNPACKED_LIMIT: u64 = 4 << 20;
/// Runs remembered.
const RUNS: usize = 10;

/// One run, as a line of history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// The commit the run was about.
    pub sha: String,
    /// The run's id at the CI; a run tried again keeps it.
    pub id: String,
    /// The verdict in a few words.
    pub verdict: String,
}

impl Run {
    fn same(&self, other: &Self) -> bool {
        (&self.sha, &self.id) == (&other.sha, &other.id)
    }
}

/// Cases by name, and whether each failed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Results {
    pub cases: BTreeMap<String, bool>,
    /// Cases that passed are left out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub partial: bool,
}

/// Everything that is remembered.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// The last runs, the newest last.
    pub runs: Vec<Run>,
    /// What the newest run with results found.
    pub last: Results,
    /// What was found before that run: a run tried again is compared with this.
    pub base: Option<Results>,
    /// The run that `last` is of.
    pub of: Option<Run>,
}

/// What changed since the run before.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Delta {
    pub new_failures: Vec<String>,
    pub fixed: Vec<String>,
    pub removed: Vec<String>,
}

impl Results {
    /// The results of `report`.
    pub fn of(report: &Report) -> Self {
        let case = |case: &std::sync::Arc<crate::report::model::Case>| (case.grade.name.clone(), case.grade.failed());
        Self { cases: report.cases.iter().map(case).collect(), partial: false }
    }

    fn failing(&self) -> Self {
        let failing = self.cases.iter().filter(|(_, failed)| **failed);
        Self { cases: failing.map(|(name, failed)| (name.clone(), *failed)).collect(), partial: true }
    }

    /// What is different from `before`. Of partial results it is not known what was removed.
    pub fn since(&self, before: &Self) -> Delta {
        let names = |pick: &dyn Fn(&String, bool) -> bool, cases: &BTreeMap<String, bool>| {
            cases.iter().filter(|(name, failed)| pick(name, **failed)).map(|(name, _)| name.clone()).collect()
        };
        let failed = |results: &Self, name: &String| results.cases.get(name) == Some(&true);
        let gone = |name: &String, was: bool| !self.cases.contains_key(name) && (was || !self.partial);
        Delta {
            new_failures: names(&|name, now| now && !failed(before, name), &self.cases),
            fixed: names(&|name, was| was && self.cases.get(name) == Some(&false), &before.cases),
            removed: names(&|name, was| gone(name, was), &before.cases),
        }
    }
}

impl Delta {
    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        self.new_failures.is_empty() && self.fixed.is_empty() && self.removed.is_empty()
    }
}

impl Memory {
    /// What `body` remembers. A memory that cannot be read is none.
    pub fn read(body: &str) -> Option<Self> {
        let line = body.lines().rev().find_map(|line| line.strip_prefix(OPENING)?.strip_suffix(CLOSING))?;
        let packed = STANDARD.decode(line).ok()?;
        let mut bytes = Vec::new();
        ZlibDecoder::new(packed.as_slice()).take(UNPACKED_LIMIT).read_to_end(&mut bytes).ok()?;
        serde_json::from_slice(&bytes).ok()
    }

    /// The memory after `run`, and what it changed. Without results (an error) those of the run before stay.
    pub fn after(before: Option<Self>, run: Run, results: Option<Results>) -> (Self, Option<Delta>) {
        let first = before.is_none();
        let mut memory = before.unwrap_or_default();
        memory.runs.retain(|known| !known.same(&run));
        memory.runs.push(run.clone());
        memory.runs.drain(..memory.runs.len().saturating_sub(RUNS));
        let Some(results) = results else { return (memory, None) };
        let again = memory.of.as_ref().is_some_and(|of| of.same(&run));
        if !again {
            memory.base = (!first && memory.of.is_some()).then_some(memory.last);
        }
        let delta = memory.base.as_ref().map(|base| results.since(base));
        (memory.last, memory.of) = (results, Some(run));
        (memory, delta)
    }

    /// The hidden line, without its end.
    pub fn hidden(&self) -> String {
        let whole = packed(self);
        if whole.len() <= LIMIT {
            return whole;
        }
        let (last, base) = (self.last.failing(), self.base.as_ref().map(Results::failing));
        let partial = packed(&Self { last, base, ..self.clone() });
        if partial.len() <= LIMIT {
            return partial;
        }
        packed(&Self { runs: self.runs.clone(), ..Self::default() })
    }
}

fn packed(memory: &Memory) -> String {
    let bytes = serde_json::to_vec(memory).unwrap_or_default();
    let mut out = Vec::new();
    let _ = ZlibEncoder::new(bytes.as_slice(), Compression::best()).read_to_end(&mut out);
    format!("{OPENING}{}{CLOSING}", STANDARD.encode(out))
}
