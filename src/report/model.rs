//! What a regression run found: grades as they are written, and what only people need beside them.

use crate::kernel::clock::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::sync::Arc;
use std::time::Duration;

/// `schema_id` of `regress_result.json`.
pub const SCHEMA_ID: &str = "gait.regress.result";
/// `schema_version` of `regress_result.json`.
pub const SCHEMA_VERSION: &str = "1.0.0";

/// Verdict of a case and of a whole run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    Pass,
    Fail,
}

impl Status {
    /// The word in files and for people.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
        }
    }
}

/// One graded case, as written: `name` is `<fixture>/<grader>`, `reason_codes` sorted and unique.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Grade {
    pub name: String,
    pub status: Status,
    pub reason_codes: Vec<String>,
    pub details: Map<String, Value>,
}

impl Grade {
    /// The fixture: what stands in front of the first `/`.
    pub fn fixture(&self) -> &str {
        self.name.split_once('/').map_or("regress", |(fixture, _)| fixture)
    }

    /// The grader: what stands behind the first `/`.
    pub fn grader(&self) -> &str {
        self.name.split_once('/').map_or(self.name.as_str(), |(_, grader)| grader)
    }

    /// Whether the case failed.
    pub fn failed(&self) -> bool {
        self.status == Status::Fail
    }

    /// Reason codes joined by commas; `failed` for a failure without any.
    pub fn reasons(&self) -> String {
        if self.reason_codes.is_empty() { "failed".to_owned() } else { self.reason_codes.join(",") }
    }
}

/// A place in a file a person wrote, 1-based.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    pub file: String,
    pub line: usize,
}

/// A graded case with what people need to act on it.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    pub grade: Grade,
    /// Wall time of this case.
    pub elapsed: Duration,
    /// The evidence: what differs, call by call. Plain text of any content, lines ended by `\n`. Empty on a pass.
    pub evidence: String,
    /// Where the fixture stands in `gait.yaml`, if it stands there.
    pub place: Option<Place>,
    /// The command that shows or repeats this failure. Empty on a pass.
    pub next: String,
    /// Failed trials that the rest does not show: all of a flaky pass; of a failure those behind the first.
    pub reruns: Vec<Rerun>,
}

impl Case {
    /// Whether it passes although a trial failed.
    pub fn flaky(&self) -> bool {
        !self.grade.failed() && !self.reruns.is_empty()
    }
}

/// A trial that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rerun {
    /// The trial's number, from 1.
    pub trial: usize,
    pub reason_codes: Vec<String>,
    /// What differs, as in [`Case::evidence`].
    pub evidence: String,
}

impl Rerun {
    /// `trial 2: call_changed,call_missing`.
    pub fn line(&self) -> String {
        format!("trial {}: {}", self.trial, self.reason_codes.join(","))
    }
}

/// How many fixtures were compared with a run of today's agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Exercised {
    pub with_candidate: usize,
    pub fixtures: usize,
}

/// Which part of a run this is, as written; `index` from 1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shard {
    pub index: usize,
    pub total: usize,
    /// Digest of all selected fixtures and cases: the same in every shard of a run.
    pub fixtures_digest: String,
    /// Digest of everything that decides verdicts: the same in every shard of a run.
    pub rules_digest: String,
}

/// What only people need, as a shard writes it for whoever joins the shards.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Shown {
    pub cases: Vec<ShownCase>,
    pub footers: Vec<(String, String)>,
    pub exercised: Exercised,
}

/// The part of a [`Case`] that is not its grade.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ShownCase {
    pub name: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub evidence: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub next: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reruns: Vec<Rerun>,
}

/// A whole run: cases sorted by name (byte order).
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    pub created_at: Timestamp,
    pub producer_version: String,
    pub fixture_set: String,
    pub cases: Vec<Arc<Case>>,
    /// The ticket footer of each fixture with a sound baseline: (fixture, one line).
    pub footers: Vec<(String, String)>,
    pub exercised: Exercised,
    /// Set when this is one of several parts.
    pub shard: Option<Shard>,
}

impl Report {
    /// `fail` if any case failed.
    pub fn status(&self) -> Status {
        if self.failed() > 0 { Status::Fail } else { Status::Pass }
    }

    /// Number of failed cases.
    pub fn failed(&self) -> usize {
        self.cases.iter().filter(|case| case.grade.failed()).count()
    }

    /// First reason code of the first failed case; empty when all pass.
    pub fn top_failure_reason(&self) -> String {
        let first = self.cases.iter().find(|case| case.grade.failed());
        first.map_or_else(String::new, |case| {
            case.grade.reason_codes.first().cloned().unwrap_or_else(|| "grader_failed".to_owned())
        })
    }

    /// The flaky cases, one line each: name, and which trials failed for what.
    pub fn flaky(&self) -> Vec<String> {
        let flaky = self.cases.iter().filter(|case| case.flaky());
        let told = |case: &Case| case.reruns.iter().map(Rerun::line).collect::<Vec<_>>().join("; ");
        flaky.map(|case| format!("{} ({})", case.grade.name, told(case))).collect()
    }

    /// "N of M fixtures were not run against an agent", where that is so.
    pub fn honesty(&self) -> Option<String> {
        let Exercised { with_candidate, fixtures } = self.exercised;
        let missing = fixtures - with_candidate.min(fixtures);
        (missing > 0).then(|| format!("{missing} of {fixtures} fixtures were not run against an agent"))
    }

    /// What a joined report needs besides the grades.
    pub fn shown(&self) -> Shown {
        let case = |case: &Arc<Case>| ShownCase {
            name: case.grade.name.clone(),
            evidence: case.evidence.clone(),
            place: case.place.clone(),
            next: case.next.clone(),
            reruns: case.reruns.clone(),
        };
        Shown { cases: self.cases.iter().map(case).collect(), footers: self.footers.clone(), exercised: self.exercised }
    }

    /// The ticket footer of `fixture`.
    pub fn footer(&self, fixture: &str) -> Option<&str> {
        self.footers.iter().find(|(name, _)| name == fixture).map(|(_, footer)| footer.as_str())
    }
}
