//! What a grader is given, and what it answers.

use crate::gate::policy::Policy;
use crate::kernel::error::Error;
use crate::regress::candidate::Origin;
use crate::regress::fixture::Fixture;
use crate::regress::mishap::Mishap;
use crate::report::model::Rerun;
use crate::runpack::read::Pack;
use camino::{Utf8Path, Utf8PathBuf};
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// One candidate, loaded once for every grader.
#[derive(Debug)]
pub struct Trial {
    /// From 1.
    pub number: usize,
    pub path: Utf8PathBuf,
    pub pack: Result<Pack, Error>,
    /// Why it is no good, whatever the pack holds.
    pub mishap: Option<Mishap>,
    /// Wall time of the agent, where somebody measured it.
    pub elapsed: Option<Duration>,
}

/// A run that is judged by itself: a trial, or the baseline where there is none.
#[derive(Debug, Clone, Copy)]
pub struct Run<'a> {
    /// None: the baseline.
    pub trial: Option<&'a Trial>,
    pub path: &'a Utf8Path,
    pub pack: Result<&'a Pack, &'a Error>,
}

impl Run<'_> {
    /// Wall time of the agent, where somebody measured it.
    pub fn elapsed(&self) -> Option<Duration> {
        self.trial.and_then(|trial| trial.elapsed)
    }

    /// The verdict on a run that cannot be judged.
    pub fn unreadable(&self) -> Option<Verdict> {
        match self.trial.and_then(|trial| trial.mishap.as_ref()) {
            Some(mishap) => Some(Verdict::error(mishap.reason_code.code(), &mishap.what)),
            None => self.pack.err().map(|error| Verdict::error("candidate_invalid", &error.to_string())),
        }
    }
}

/// What a case looks at: a fixture and today's behaviour, where there is any.
#[derive(Debug)]
pub struct Subject<'a> {
    pub fixture: &'a Fixture,
    pub origin: Origin,
    /// None where nothing produced a candidate.
    pub trials: Vec<Trial>,
    /// What calls are held against, for graders that do.
    pub policy: Option<Arc<Policy>>,
    /// Having no candidate fails.
    pub require_candidate: bool,
    /// See [`crate::regress::judge::Rules`].
    pub unchanged: bool,
}

impl Subject<'_> {
    /// The runs to be judged by themselves: all trials, else the baseline.
    pub fn runs(&self) -> Vec<Run<'_>> {
        let trial = |trial| Run { trial: Some(trial), path: &trial.path, pack: trial.pack.as_ref() };
        let own = || Run { trial: None, path: Utf8Path::new(&self.fixture.runpack), pack: Ok(&self.fixture.baseline) };
        if self.trials.is_empty() { vec![own()] } else { self.trials.iter().map(trial).collect() }
    }

    /// Whether the candidates were made by running the fixture's agent against the recording, here or elsewhere.
    pub fn replayed(&self) -> bool {
        let elsewhere = self.origin == Origin::Dir && self.fixture.settings.agent().is_some();
        self.origin == Origin::Agent || elsewhere
    }

    /// Whether the baseline is compared with nothing but itself. What an agent did is something else, even where it is
    /// the same.
    pub fn self_compare(&self) -> bool {
        if self.replayed() && !self.trials.is_empty() {
            return false;
        }
        let own = &self.fixture.baseline.contents.manifest.manifest_digest;
        let same = |trial: &Trial| trial.pack.as_ref().is_ok_and(|p| p.contents.manifest.manifest_digest == *own);
        self.trials.iter().all(same)
    }
}

/// What a grader found. No reason code means a pass.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Verdict {
    pub reason_codes: BTreeSet<String>,
    pub details: Map<String, Value>,
    /// What differs, for people; plain text of any content.
    pub evidence: String,
    /// The command that shows or repeats the failure.
    pub next: String,
    /// Failed trials that the rest does not show.
    pub reruns: Vec<Rerun>,
}

impl Verdict {
    /// Adds a reason to fail.
    pub fn fail(&mut self, code: &str) {
        self.reason_codes.insert(code.to_owned());
    }

    /// Sets a detail.
    pub fn detail(&mut self, key: &str, value: impl Into<Value>) {
        self.details.insert(key.to_owned(), value.into());
    }

    /// A verdict that fails for one reason, the error's text as detail and evidence.
    pub fn error(code: &str, what: &str) -> Self {
        let mut verdict = Self { evidence: format!("{what}\n"), ..Self::default() };
        verdict.fail(code);
        verdict.detail("error", what);
        verdict
    }
}

/// `word` as one argument of a POSIX shell.
pub fn shell_word(word: &str) -> String {
    let safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | ':' | '=' | '@' | '%' | '+');
    if !word.is_empty() && word.chars().all(safe) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}
