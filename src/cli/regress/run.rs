//! `gait regress run`: the fixtures as test cases.

use crate::cli::args::TrustArgs;
use crate::cli::exit::Exit;
use crate::cli::output::{self, Answer};
use crate::cli::regress::progress::Progress;
use crate::cli::regress::reports::{ReportArgs, Reports};
use crate::config::project::Project;
use crate::config::suite;
use crate::kernel::error::{Error, Result};
use crate::regress::agent::Steps;
use crate::regress::case::shell_word;
use crate::regress::fixture::Demands;
use crate::regress::graders::LOAD;
use crate::regress::harness::{self, Options, Plan};
use crate::regress::select::Filters;
use crate::regress::shard::Part;
use crate::report::annotations;
use crate::report::model::{Case, Report, Status};
use crate::report::text::visible;
use clap::{Args, ValueEnum};
use libtest_mimic::FormatSetting;
use serde_json::{Map, Value, json};
use std::num::NonZero;

/// Run the fixtures of gait.yaml as test cases; ends 5 on a regression
#[derive(Debug, Args)]
pub struct RunCmd {
    #[command(flatten)]
    pub suite: SuiteArgs,
    #[command(flatten)]
    filters: FilterArgs,
    /// Print the names of the cases and run nothing
    #[arg(long)]
    list: bool,
    /// Run one of N parts, each fixture in exactly one of them: for several machines, see `merge`
    #[arg(long, value_name = "K/N")]
    shard: Option<Part>,
    /// Prove that today's agent still makes every recorded call in order, and name the recorded values it does not make
    /// again; nothing else is judged
    #[arg(long, conflicts_with_all = ["candidates", "candidate_dir"])]
    unchanged: bool,
}

/// Which cases are run.
#[derive(Debug, Args)]
pub struct FilterArgs {
    /// Run only cases whose name holds one of these
    #[arg(value_name = "FILTER")]
    filters: Vec<String>,
    /// A filter has to be the whole name
    #[arg(long)]
    exact: bool,
    /// Leave out cases whose name holds this; can be given several times
    #[arg(long, value_name = "FILTER")]
    skip: Vec<String>,
}

impl From<FilterArgs> for Filters {
    fn from(args: FilterArgs) -> Self {
        Self { any: args.filters, exact: args.exact, skip: args.skip }
    }
}

/// Which suite is run and how it is shown.
#[derive(Debug, Args)]
pub struct SuiteArgs {
    /// The suite
    #[arg(long, value_name = "FILE", default_value = suite::DEFAULT_PATH)]
    pub config: String,
    #[command(flatten)]
    reports: ReportArgs,
    /// A run of today's agent to compare with: <fixture>=<run_id|path>, or a path alone when there is one fixture
    #[arg(long = "candidate", value_name = "FIXTURE=PACK")]
    pub candidates: Vec<String>,
    /// Folder of such runs: <fixture>/trial_<n>.zip, <fixture>.zip or runpack_<run_id>.zip
    #[arg(long, value_name = "DIR", env = crate::regress::candidate::DIR_VAR, hide_env_values = true)]
    candidate_dir: Option<String>,
    /// Fail every fixture that no run of today's agent is given for
    #[arg(long)]
    require_candidate: bool,
    /// Unknown keys in gait.yaml and fixture.json are errors
    #[arg(long)]
    strict: bool,
    /// Fail every fixture whose runpack no trusted key signed
    #[arg(long)]
    require_signature: bool,
    #[command(flatten)]
    trust: TrustArgs,
    /// How the cases are shown
    #[arg(long, value_enum, value_name = "pretty|terse|json", default_value = "pretty", hide_possible_values = true)]
    format: Format,
    /// Threads to run cases on [default: one per core]
    #[arg(long, value_name = "N")]
    test_threads: Option<NonZero<usize>>,
    /// Accepted for compatibility: no grader is non-deterministic
    #[arg(long, hide = true)]
    allow_nondeterministic: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Pretty,
    Terse,
    Json,
}

/// A run that came to a verdict, with its files written.
pub struct Ran {
    pub report: Report,
    pub reports: Reports,
    pub config: String,
    label: &'static str,
    notes: Vec<String>,
    format: Format,
}

impl RunCmd {
    /// Runs the cases.
    pub fn run(self, json: bool) -> Result<Answer> {
        if self.list {
            let plan = self.suite.plan(self.filters.into(), self.shard, self.unchanged, Steps::default())?;
            let names = plan.names();
            let text: String = names.iter().map(|name| format!("{name}: test\n")).collect();
            let notes = plan.warnings.into_iter().map(|warning| format!("warning: {warning}"));
            return Ok(Answer::new(&json!({ "cases": names }), Exit::Ok)?.text(text).notes(notes));
        }
        self.suite.run(self.filters.into(), self.shard, self.unchanged, json)?.answer(json)
    }

    /// Runs the cases for a caller that needs the report itself. A listing is refused: it runs nothing.
    #[cfg(feature = "action")]
    pub fn ran(self, quiet: bool) -> Result<Ran> {
        if self.list {
            return Err(Error::invalid("--list runs nothing").hint("leave it away, or use `gait regress run --list`"));
        }
        self.suite.run(self.filters.into(), self.shard, self.unchanged, quiet)
    }
}

impl SuiteArgs {
    fn config(&self) -> &str {
        if self.config.is_empty() { suite::DEFAULT_PATH } else { &self.config }
    }

    fn plan(&self, filters: Filters, shard: Option<Part>, unchanged: bool, steps: Steps) -> Result<Plan> {
        let demands = Demands {
            trust: self.trust.trust()?,
            require_signature: self.require_signature || Project::load()?.require_signature,
            strict: self.strict,
        };
        harness::plan(Options {
            config: self.config().to_owned(),
            filters,
            shard,
            candidates: self.candidates.clone(),
            candidate_dir: self.candidate_dir.clone(),
            require_candidate: self.require_candidate,
            unchanged,
            steps,
            demands,
            threads: self.test_threads,
        })
    }

    /// Where the reports go, with those of an earlier run gone.
    pub fn cleared(&self) -> Result<Reports> {
        let reports = self.reports.reports(&[self.config()])?;
        reports.clear()?;
        Ok(reports)
    }

    /// Judges the cases, shows them unless `quiet`, and writes the reports.
    pub fn run(&self, filters: Filters, shard: Option<Part>, unchanged: bool, quiet: bool) -> Result<Ran> {
        let reports = self.cleared()?;
        let progress = Progress::on_terminal();
        let plan = self.plan(filters, shard, unchanged, progress.steps())?;
        plan.refuse_nothing()?;
        let outcomes = plan.start()?;
        let runs = if self.candidate_dir.is_some() { 0 } else { plan.agent_runs() };
        progress.during(runs, || outcomes.wait_for_all());
        if !quiet {
            plan.show(&outcomes, Some(self.format.setting()));
        }
        let report = plan.report(&outcomes);
        reports.write(&report)?;
        let unknown = plan.notes(&outcomes);
        let notes = plan.warnings.into_iter().chain(unknown).map(|warning| format!("warning: {warning}")).collect();
        let (config, format) = (self.config().to_owned(), self.format);
        Ok(Ran { label: "regress run", report, reports, config, notes, format })
    }
}

impl Format {
    fn setting(self) -> FormatSetting {
        match self {
            Self::Pretty => FormatSetting::Pretty,
            Self::Terse => FormatSetting::Terse,
            Self::Json => FormatSetting::Json,
        }
    }
}

impl Ran {
    /// A run that was put together from its shards.
    pub fn merged(report: Report, reports: Reports) -> Self {
        let (label, config) = ("regress merge", suite::DEFAULT_PATH.to_owned());
        Self { label, report, reports, config, notes: Vec::new(), format: Format::Pretty }
    }

    /// How the process ends: a fixture that could not be loaded goes before a regression.
    pub fn exit(&self) -> Exit {
        match self.report.status() {
            _ if self.unloadable().next().is_some() => Exit::InvalidInput,
            Status::Fail => Exit::RegressFailed,
            Status::Pass => Exit::Ok,
        }
    }

    fn unloadable(&self) -> impl Iterator<Item = &Case> {
        self.report.cases.iter().map(AsRef::as_ref).filter(|case: &&Case| case.grade.grader() == LOAD)
    }

    /// The error of a run in which fixtures could not be loaded.
    pub fn load_error(&self) -> Option<Error> {
        let first = self.unloadable().next()?;
        let count = self.unloadable().count();
        let rest = if count > 1 { format!(" (and {} more)", count - 1) } else { String::new() };
        let what = first.evidence.trim_end();
        Some(Error::invalid(format!("fixture {} cannot be loaded: {what}{rest}", first.grade.fixture())))
    }

    /// The members every answer about a run has, empty ones left out.
    pub fn members(&self) -> Map<String, Value> {
        let report = &self.report;
        let mut members = Map::new();
        let mut set = |key: &str, value: Value| {
            let empty = value.is_null() || value == "" || value == 0 || value.as_array().is_some_and(Vec::is_empty);
            if !empty {
                members.insert(key.to_owned(), value);
            }
        };
        if self.load_error().is_none() {
            set("status", json!(report.status()));
        }
        set("failed", report.failed().into());
        set("top_failure_reason", report.top_failure_reason().into());
        set("next_command", self.next_command().into());
        set("failed_fixtures", json!(self.failed_fixtures()));
        set("artifact_paths", json!(self.reports.artifacts()));
        set("flaky", json!(self.report.flaky()));
        set("output", self.reports.output.as_str().into());
        set("junit", json!(self.reports.junit));
        set("summary", json!(self.reports.summary));
        set("html", json!(self.reports.html));
        set("shard", json!(report.shard));
        members.insert("candidates".to_owned(), report.exercised.with_candidate.into());
        members
    }

    fn failed_fixtures(&self) -> Vec<&str> {
        let failed = self.report.cases.iter().filter(|case| case.grade.failed());
        let mut names: Vec<&str> = failed.map(|case| case.grade.fixture()).collect();
        names.dedup();
        names
    }

    fn next_command(&self) -> String {
        let config = self.config.trim();
        match self.report.status() {
            Status::Pass => String::new(),
            Status::Fail if config == suite::DEFAULT_PATH => "gait regress run --json".to_owned(),
            Status::Fail => format!("gait regress run --config {} --json", shell_word(config)),
        }
    }

    /// The lines behind the verdict: top reason, next command, artifacts.
    pub fn failure_lines(&self) -> Vec<String> {
        vec![
            format!("top_failure_reason: {}", self.report.top_failure_reason()),
            format!("next: {}", self.next_command()),
            format!("artifacts: {}", self.reports.artifacts().join(", ")),
        ]
    }

    /// The files written, one line each.
    pub fn file_lines(&self) -> Vec<String> {
        let files = [
            ("output", Some(&self.reports.output)),
            ("junit", self.reports.junit.as_ref()),
            ("summary", self.reports.summary.as_ref()),
            ("html", self.reports.html.as_ref()),
        ];
        files.into_iter().filter_map(|(name, path)| Some(format!("{name}: {}", path?))).collect()
    }

    /// Notes for standard error; annotations too where standard output holds the one JSON object.
    pub fn finish(&self, answer: Answer, json: bool) -> Result<Answer> {
        let mut notes = self.notes.clone();
        if self.reports.annotated() {
            let annotated = annotations::render(&self.report)?;
            if json || self.format == Format::Json {
                notes.extend(annotated.lines().map(str::to_owned));
            } else {
                output::stdout(&annotated);
            }
        }
        notes.extend(self.report.honesty().filter(|_| json || self.format == Format::Json));
        Ok(answer.notes(notes))
    }

    /// The answer, with its text for people.
    pub fn answer(self, json: bool) -> Result<Answer> {
        let mut members = self.members();
        if self.load_error().is_none() {
            members.insert("fixture_set".to_owned(), self.report.fixture_set.as_str().into());
            members.insert("graders".to_owned(), self.report.cases.len().into());
        }
        let exit = self.exit();
        let mut answer = match self.load_error() {
            Some(error) => Answer::failure(self.label, &error),
            None => Answer::new(&json!({}), exit)?,
        };
        for (key, value) in &members {
            answer = answer.with(key, value)?;
        }
        let text = if self.format == Format::Json { String::new() } else { self.text() };
        self.finish(answer.text(text), json)
    }

    fn text(&self) -> String {
        let report = &self.report;
        let (label, set) = (self.label, &report.fixture_set);
        let mut lines = Vec::new();
        match (self.load_error(), report.status()) {
            (Some(error), _) => lines.push(format!("{label} error: {error}")),
            (None, Status::Pass) => {
                lines.push(format!("{label} ok: fixture_set={set} graders={}", report.cases.len()));
            }
            (None, Status::Fail) => {
                lines.push(format!("{label} failed: fixture_set={set} failed={}", report.failed()));
            }
        }
        if report.status() == Status::Fail {
            lines.extend(self.failure_lines());
        }
        lines.extend(report.flaky().iter().map(|case| format!("flaky: {}", visible(case))));
        lines.extend(report.honesty());
        lines.extend(report.shard.as_ref().map(|shard| format!("shard: {}/{}", shard.index, shard.total)));
        lines.extend(self.file_lines());
        lines.join("\n")
    }
}
