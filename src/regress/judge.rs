//! One fixture judged: loaded once, its candidates loaded once, then every grader on it.

use crate::kernel::archive::source::Source;
use crate::kernel::clock::{Stopwatch, Timestamp};
use crate::kernel::error::Error;
use crate::regress::agent::{self, Setup};
use crate::regress::baselines;
use crate::regress::candidate::{self, Candidates, Given, Origin};
use crate::regress::case::{Subject, Trial, Verdict, shell_word};
use crate::regress::discover::Listed;
use crate::regress::fixture::{Demands, Fixture, Unloadable};
use crate::regress::graders::{self, Grader, LOAD, Policies};
use crate::regress::mishap::{Cause, Mishap};
use crate::report::model::{Case, Grade, Status};
use crate::runpack::read::Pack;
use crate::runpack::receipt;
use crate::runpack::verify::Trust;
use camino::Utf8PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// What judging asks for.
#[derive(Debug, Clone)]
pub struct Rules {
    pub demands: Demands,
    pub candidates: Given,
    pub require_candidate: bool,
    pub agents: Setup,
    /// Whether the baseline can be reproduced is asked, not whether what differs is accepted.
    pub unchanged: bool,
    /// What fixtures name under `policy`.
    pub policies: Policies,
}

/// A fixture judged.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    pub cases: Vec<Arc<Case>>,
    /// The case `<fixture>/load`, when the fixture could not be loaded.
    pub unloadable: Option<Arc<Case>>,
    /// Whether it was compared with a run of its own.
    pub exercised: bool,
    /// The run's time; zero when there is none.
    pub created_at: Timestamp,
    pub footer: Option<String>,
    /// Unknown keys in the metadata, one line each.
    pub warnings: Vec<String>,
}

impl Judged {
    /// Whether any of its cases failed.
    pub fn failed(&self) -> bool {
        self.unloadable.is_some() || self.cases.iter().any(|case| case.grade.failed())
    }
}

/// Loads the fixture and runs those graders whose name `wanted` accepts.
pub fn judge(listed: &Listed, rules: &Rules, wanted: impl Fn(&str) -> bool) -> Judged {
    let watch = Stopwatch::start();
    let fixture = match Fixture::load(listed, &rules.demands) {
        Ok(fixture) => fixture,
        Err(why) => return refused(listed, &why, watch.elapsed()),
    };
    let graders: Vec<_> = graders::of(&fixture.settings).into_iter().filter(|grader| wanted(grader.name())).collect();
    let subject = subject(&fixture, rules, graders.iter().any(Grader::looks_at_today));
    let producing = watch.elapsed();
    let cases = graders.iter().map(|grader| {
        let watch = Stopwatch::start();
        let mut verdict = grader.grade(&subject);
        verdict.detail("run_id", fixture.baseline.contents.run.run_id.as_str());
        // Whose candidates had to be made first took as long as that, too.
        let waited = if grader.name() == "diff" { producing } else { Duration::ZERO };
        case(listed, grader.name(), verdict, waited + watch.elapsed())
    });
    let manifest = &fixture.baseline.contents.manifest;
    Judged {
        cases: cases.collect(),
        unloadable: None,
        exercised: !subject.self_compare() && subject.trials.iter().any(|trial| trial.pack.is_ok()),
        created_at: fixture.baseline.contents.run.created_at,
        footer: receipt::footer(&manifest.run_id, &manifest.manifest_digest).ok(),
        warnings: fixture.metadata.warnings.clone(),
    }
}

/// Loads the candidates; those of the fixture's agent are made first, if a grader wants to see them.
fn subject<'a>(fixture: &'a Fixture, rules: &Rules, exercising: bool) -> Subject<'a> {
    let Candidates { origin, mut trials } = rules.candidates.of(fixture);
    // A key named for the baselines says nothing about who records today's runs.
    let trust = match &rules.demands.trust {
        Trust::Given(key) => Trust::Known(vec![*key]),
        known @ Trust::Known(_) => known.clone(),
    };
    let mut broken = None;
    let mut lock = None;
    if origin == Origin::Agent && exercising {
        let folder = agent::folder(&fixture.name);
        match agent::hold(fixture).and_then(|held| {
            lock = Some(held);
            agent::run(fixture, &rules.agents, &folder)
        }) {
            Ok(_) => trials = candidate::in_folder(&folder),
            Err(error) => {
                trials = vec![(1, folder.join("trial_1.zip"))];
                broken = Some(Mishap::new(Cause::AgentFailed, error.to_string()));
            }
        }
    }
    let load = |(number, path): (usize, Utf8PathBuf)| {
        let invalid = |error: Error| Mishap::new(Cause::AgentFailed, error.to_string());
        let mishap = broken.clone().or_else(|| Mishap::read(&path).unwrap_or_else(|error| Some(invalid(error))));
        Trial { number, pack: load(&path, &trust), elapsed: agent::elapsed(&path), path, mishap }
    };
    let trials = trials.into_iter().map(load).collect();
    drop(lock);
    let policy = fixture.settings.policy.as_ref().and_then(|named| rules.policies.get(&named.path).cloned());
    Subject { fixture, origin, trials, policy, require_candidate: rules.require_candidate, unchanged: rules.unchanged }
}

fn load(path: &Utf8PathBuf, trust: &Trust) -> Result<Pack, Error> {
    Source::open(path.as_std_path()).and_then(|source| Pack::read(source, trust).map_err(|e| e.at(path)))
}

/// A fixture that cannot be loaded fails as `<fixture>/load`; none of its graders has anything to say.
fn refused(listed: &Listed, why: &Unloadable, elapsed: Duration) -> Judged {
    let next = match why.code {
        baselines::BROKEN | baselines::UNFINISHED => format!("gait regress log {}", shell_word(&listed.name)),
        _ => format!("gait verify {}", shell_word(&listed.runpack)),
    };
    let verdict = Verdict { next, ..Verdict::error(why.code, &why.what) };
    Judged {
        cases: Vec::new(),
        unloadable: Some(case(listed, LOAD, verdict, elapsed)),
        exercised: false,
        created_at: Timestamp::ZERO,
        footer: None,
        warnings: Vec::new(),
    }
}

/// A fixture whose judging broke off: a bug in a grader is a failure, never a pass.
pub fn broken(listed: &Listed, what: &str) -> Judged {
    let why = Unloadable { code: "grader_error", what: format!("a grader ended unexpectedly: {what}") };
    refused(listed, &why, Duration::ZERO)
}

fn case(listed: &Listed, grader: &str, mut verdict: Verdict, elapsed: Duration) -> Arc<Case> {
    verdict.detail("fixture", listed.name.as_str());
    let failed = !verdict.reason_codes.is_empty();
    let shown = |text: String| if failed { text } else { String::new() };
    Arc::new(Case {
        grade: Grade {
            name: format!("{}/{grader}", listed.name),
            status: if failed { Status::Fail } else { Status::Pass },
            reason_codes: verdict.reason_codes.into_iter().collect(),
            details: verdict.details,
        },
        elapsed,
        evidence: shown(verdict.evidence),
        place: listed.place.clone(),
        next: shown(verdict.next),
        reruns: verdict.reruns,
    })
}
