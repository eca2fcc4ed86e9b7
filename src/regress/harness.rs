//! The conductor: config to cases, cases to outcomes, outcomes to a report; and the face of a `cargo test` target.
//!
//! In a user's own crate, a test target (`[[test]] name = "regress"`, `harness = false`) with this `main` is all it takes:
//!
//! ```no_run
//! fn main() -> std::process::ExitCode {
//!     gait::regress::harness::main()
//! }
//! ```

use crate::config::suite::{self, Suite};
use crate::kernel::clock::Timestamp;
use crate::kernel::error::{Error, Result};
use crate::regress::agent::{Setup, Steps};
use crate::regress::candidate::{self, Given};
use crate::regress::discover;
use crate::regress::fixture::Demands;
use crate::regress::graders;
use crate::regress::helper;
use crate::regress::judge::Rules;
use crate::regress::pool::{self, Outcomes};
use crate::regress::produce::{self, Produced};
use crate::regress::select::{self, Filters, Selected};
use crate::regress::shard::{self, Part};
use crate::regress::supervise;
use crate::regress::trials;
use crate::report::model::{Exercised, Report, Shard};
use crate::runpack::record::PRODUCER;
use crate::runpack::verify::Trust;
use crate::sign::keyring;
use camino::Utf8Path;
use libtest_mimic::{Arguments, FormatSetting};
use std::num::NonZero;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

/// What is to be run, and how.
#[derive(Debug, Clone)]
pub struct Options {
    /// Path of the `gait.yaml`.
    pub config: String,
    pub filters: Filters,
    /// Only the fixtures of this shard are run.
    pub shard: Option<Part>,
    /// `--candidate` values.
    pub candidates: Vec<String>,
    /// Folder of candidates, if one was named.
    pub candidate_dir: Option<String>,
    pub require_candidate: bool,
    pub demands: Demands,
    /// Whether the baseline can be reproduced is asked, and nothing else.
    pub unchanged: bool,
    pub steps: Steps,
    /// Threads; one per core unless given.
    pub threads: Option<NonZero<usize>>,
}

/// Everything a run needs to know, read and checked; nothing of it opened yet.
#[derive(Debug)]
pub struct Plan {
    pub fixture_set: String,
    pub fixtures: Arc<Vec<Selected>>,
    /// Unknown keys in the config, one line each.
    pub warnings: Vec<String>,
    /// Why there is nothing to run, all shards together.
    nothing: Option<String>,
    shard: Option<Shard>,
    rules: Arc<Rules>,
    threads: NonZero<usize>,
}

/// Reads the config and selects the cases. `InvalidInput`: no config, no fixtures, unknown keys under strict, a
/// candidate for a fixture that is not there.
pub fn plan(options: Options) -> Result<Plan> {
    let suite = Suite::read(&options.config)?;
    if options.demands.strict
        && let Some(unknown) = suite.warnings.first()
    {
        return Err(Error::invalid(unknown.clone()).hint("mend or remove the key, or run without --strict"));
    }
    suite.refuse_grader_names(&graders::TAKEN)?;
    let policies = graders::policies(&suite)?;
    let fixtures = discover::discover(&suite)?;
    let candidates = Given::parse(&options.candidates, options.candidate_dir.as_deref(), &fixtures)?;
    let (require_candidate, unchanged) = (options.require_candidate || options.unchanged, options.unchanged);
    let agents = Setup { key: None, lenient: unchanged, steps: options.steps };
    let rules = Rules { demands: options.demands, candidates, require_candidate, agents, unchanged, policies };
    let mut fixtures = select::select(fixtures, &options.filters);
    if unchanged {
        fixtures.iter_mut().for_each(|selected| selected.graders.retain(|grader| grader == "diff"));
        fixtures.retain(|selected| !selected.graders.is_empty());
    }
    let nothing = nothing(&fixtures);
    let mut shard = None;
    if let Some(part) = options.shard {
        let fixtures_digest = shard::list_digest(&suite.fixture_set, &fixtures)?;
        fixtures.retain(|selected| part.holds(&selected.listed.name));
        let rules_digest = shard::rules_digest(&suite.document.text, &rules)?;
        shard = Some(Shard { index: part.index, total: part.total, fixtures_digest, rules_digest });
    }
    Ok(Plan {
        fixture_set: suite.fixture_set,
        fixtures: Arc::new(fixtures),
        nothing,
        shard,
        warnings: suite.warnings,
        rules: Arc::new(rules),
        threads: options.threads.unwrap_or_else(pool::default_threads),
    })
}

/// Why a selection holds nothing to run.
fn nothing(fixtures: &[Selected]) -> Option<String> {
    if fixtures.iter().any(|selected| !selected.graders.is_empty()) {
        return None;
    }
    let first = fixtures.iter().flat_map(Selected::names).min();
    Some(first.map_or_else(
        || "the filters select no case".to_owned(),
        |first| format!("the filters select no grader: {first} checks loading only"),
    ))
}

impl Plan {
    /// Refuses a selection with no grader in it: such a run would be green on nothing. A shard may be empty.
    pub fn refuse_nothing(&self) -> Result<()> {
        match &self.nothing {
            None => Ok(()),
            Some(what) => Err(Error::invalid(what).hint("see all cases with `gait regress run --list`")),
        }
    }

    /// Names of all selected cases, sorted (byte order).
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.fixtures.iter().flat_map(Selected::names).collect();
        names.sort_unstable();
        names
    }

    /// How many times agents are to be run, unless candidates are given.
    pub fn agent_runs(&self) -> u64 {
        let settings = self.fixtures.iter().map(|selected| &selected.listed.settings);
        settings.filter(|settings| settings.agent().is_some()).map(|settings| settings.trials.unwrap_or(1)).sum()
    }

    /// Only runs the agents, and leaves their candidates below `dir`.
    pub fn candidates(&self, dir: &Utf8Path) -> Result<Vec<Produced>> {
        let rules = self.ready()?;
        Ok(produce::all(&self.fixtures, &rules, self.threads, dir))
    }

    /// The rules with what running agents takes.
    fn ready(&self) -> Result<Rules> {
        let mut rules = Rules::clone(&self.rules);
        if self.agent_runs() > 0 {
            rules.agents.key = keyring::default_private()?.map(Arc::new);
            supervise::end_all_on_signals()?;
        }
        Ok(rules)
    }

    /// Starts judging in the background, agents too. `InvalidInput`: the key that signs what they do cannot be used.
    pub fn start(&self) -> Result<Arc<Outcomes>> {
        Ok(pool::start(self.fixtures.clone(), Arc::new(self.ready()?), self.threads))
    }

    /// Shows the cases as libtest does while they are judged.
    pub fn show(&self, outcomes: &Arc<Outcomes>, format: Option<FormatSetting>) {
        trials::show(&self.fixtures, outcomes, format);
    }

    /// Everything that was found, the same whatever the number of threads.
    pub fn report(&self, outcomes: &Outcomes) -> Report {
        let judged: Vec<_> = (0..self.fixtures.len()).map(|index| outcomes.wait(index)).collect();
        let mut cases: Vec<_> =
            judged.iter().flat_map(|judged| judged.cases.iter().chain(&judged.unloadable)).cloned().collect();
        cases.sort_by(|a, b| a.grade.name.cmp(&b.grade.name));
        let first = judged.iter().find(|judged| judged.unloadable.is_none()).map(|judged| judged.created_at);
        let footers = self.fixtures.iter().zip(&judged);
        Report {
            created_at: first.filter(|at| !at.is_zero()).unwrap_or(Timestamp::date(1980, 1, 1)),
            producer_version: PRODUCER.to_owned(),
            fixture_set: self.fixture_set.clone(),
            cases,
            footers: footers
                .filter_map(|(selected, judged)| Some((selected.listed.name.clone(), judged.footer.clone()?)))
                .collect(),
            exercised: Exercised {
                with_candidate: judged.iter().filter(|judged| judged.exercised).count(),
                fixtures: judged.len(),
            },
            shard: self.shard.clone(),
        }
    }

    /// Unknown keys in the fixtures' metadata, one line each.
    pub fn notes(&self, outcomes: &Outcomes) -> Vec<String> {
        (0..self.fixtures.len()).flat_map(|index| outcomes.wait(index).warnings.clone()).collect()
    }
}

/// Where [`main`] looks for the config, in this order, below the package's folder.
const CONFIGS: [&str; 2] = [suite::DEFAULT_PATH, "regress-fixtures/gait.yaml"];
/// Environment variable that names the config instead.
const CONFIG_VAR: &str = "GAIT_REGRESS_CONFIG";

/// Runs the fixtures of `gait.yaml` (or `regress-fixtures/gait.yaml`, or what `GAIT_REGRESS_CONFIG` names) as the
/// tests of a `harness = false` target, with libtest's arguments. Candidates come from the fixtures or from
/// `GAIT_REGRESS_CANDIDATE_DIR`.
///
/// Exit: 0, or 101 when a case failed, as libtest does it. A config that cannot be read, holds no fixture or an unknown
/// key is a failing case `config`. A filter that selects nothing passes: `cargo test NAME` gives it to every target.
pub fn main() -> ExitCode {
    let given = std::env::var(CONFIG_VAR).ok().filter(|path| !path.is_empty());
    let found = CONFIGS.into_iter().find(|path| Path::new(path).exists()).unwrap_or(suite::DEFAULT_PATH);
    main_with(&given.unwrap_or_else(|| found.to_owned()))
}

/// As [`main`], with the config named.
pub fn main_with(config: &str) -> ExitCode {
    let words: Vec<String> = std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned()).collect();
    if let Some(code) = helper::play(&words) {
        return code;
    }
    let mut arguments = Arguments::from_args();
    let filters = Filters {
        any: arguments.filter.take().into_iter().collect(),
        exact: arguments.exact,
        skip: std::mem::take(&mut arguments.skip),
    };
    let planned = Trust::ambient().and_then(|trust| {
        plan(Options {
            config: config.to_owned(),
            filters,
            shard: None,
            candidates: Vec::new(),
            candidate_dir: std::env::var(candidate::DIR_VAR).ok(),
            require_candidate: false,
            unchanged: false,
            steps: Steps::default(),
            demands: Demands { trust, require_signature: false, strict: true },
            threads: arguments.test_threads.and_then(NonZero::new),
        })
    });
    match planned {
        Ok(plan) => trials::run(&plan.fixtures, || plan.start(), &arguments),
        Err(error) => trials::refused(&error, &arguments),
    }
}
