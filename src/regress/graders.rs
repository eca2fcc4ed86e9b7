//! Which graders judge a fixture: those that always do, those its settings ask for, and programs of its own.

use crate::config::graders::Program;
use crate::config::suite::{Settings, Suite};
use crate::gate::parse;
use crate::gate::policy::Policy;
use crate::kernel::error::Result;
use crate::regress::case::{Subject, Verdict};
use crate::regress::grade::{budget, command, diff, expected_exit_code, policy_verdicts, schema_validation};
use camino::Utf8PathBuf;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A grader of gait.
#[derive(Debug, Clone, Copy)]
pub struct BuiltIn {
    pub name: &'static str,
    /// Whether it judges fixtures with such settings.
    asked: fn(&Settings) -> bool,
    /// Whether it looks at today's runs; else at the baseline alone.
    today: bool,
    grade: fn(&Subject<'_>) -> Verdict,
}

/// All of them, sorted by name.
pub const GRADERS: [BuiltIn; 5] = [
    BuiltIn { name: "budget", asked: |settings| settings.budget.is_some(), today: true, grade: budget::grade },
    BuiltIn { name: "diff", asked: |_| true, today: true, grade: diff::grade },
    BuiltIn { name: "expected_exit_code", asked: |_| true, today: false, grade: expected_exit_code::grade },
    BuiltIn {
        name: "policy_verdicts",
        asked: |settings| settings.policy.is_some(),
        today: true,
        grade: policy_verdicts::grade,
    },
    BuiltIn { name: "schema_validation", asked: |_| true, today: false, grade: schema_validation::grade },
];

/// The case that stands for loading; it is reported when it fails.
pub const LOAD: &str = "load";

/// Names a grader of one's own cannot have: gait's, now and later.
pub const TAKEN: [&str; 6] = ["budget", "diff", "expected_exit_code", LOAD, "policy_verdicts", "schema_validation"];

/// Policies by the path they were read from.
pub type Policies = BTreeMap<Utf8PathBuf, Arc<Policy>>;

/// Reads the policies `suite` names, each once. `InvalidInput`, with its place: one cannot be used.
pub fn policies(suite: &Suite) -> Result<Policies> {
    let all = suite.fixtures.iter().map(|entry| &entry.settings).chain([&suite.defaults]);
    let mut policies = Policies::new();
    for named in all.filter_map(|settings| settings.policy.as_ref()) {
        if !policies.contains_key(&named.path) {
            if !named.path.is_file() {
                return Err(suite.document.error(named.place, format!("`policy`: there is no file {}", named.path)));
            }
            policies.insert(named.path.clone(), Arc::new(parse::read(named.path.as_str())?));
        }
    }
    Ok(policies)
}

/// One grader of a fixture.
#[derive(Debug, Clone, Copy)]
pub enum Grader<'a> {
    BuiltIn(BuiltIn),
    Own(&'a Program),
}

/// The graders of a fixture with these settings, sorted by name.
pub fn of(settings: &Settings) -> Vec<Grader<'_>> {
    let own = settings.graders.iter().flatten().map(Grader::Own);
    let built_in = GRADERS.iter().filter(|grader| (grader.asked)(settings)).map(|grader| Grader::BuiltIn(*grader));
    let mut graders: Vec<_> = built_in.chain(own).collect();
    graders.sort_by(|a, b| a.name().cmp(b.name()));
    graders
}

impl<'a> Grader<'a> {
    /// What stands behind the `/` in a case's name.
    pub fn name(&self) -> &'a str {
        match self {
            Self::BuiltIn(grader) => grader.name,
            Self::Own(program) => &program.name,
        }
    }

    /// Whether today's runs are needed.
    pub fn looks_at_today(&self) -> bool {
        match self {
            Self::BuiltIn(grader) => grader.today,
            Self::Own(_) => true,
        }
    }

    /// Judges `subject`.
    pub fn grade(&self, subject: &Subject<'_>) -> Verdict {
        match self {
            Self::BuiltIn(grader) => (grader.grade)(subject),
            Self::Own(program) => command::grade(program, subject),
        }
    }
}
