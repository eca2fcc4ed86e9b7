//! `gait regress candidates`: agents run, nothing is judged.

use crate::cli::args::TrustArgs;
use crate::cli::exit::Exit;
use crate::cli::output::Answer;
use crate::cli::regress::progress::Progress;
use crate::cli::regress::run::FilterArgs;
use crate::config::project::Project;
use crate::config::suite;
use crate::kernel::error::{Error, Result};
use crate::regress::fixture::Demands;
use crate::regress::harness::{self, Options};
use crate::regress::produce::Produced;
use crate::report::text::visible;
use camino::Utf8PathBuf;
use clap::Args;
use serde_json::json;
use std::num::NonZero;

/// Run today's agents against their recordings and keep what they do, judging nothing
#[derive(Debug, Args)]
#[command(after_help = "Leaves DIR/<fixture>/trial_<n>.zip for `gait regress run --candidate-dir DIR`, which may run \
                        elsewhere. Ends 5 when an agent failed, and 6 when a fixture could not be loaded.")]
pub struct CandidatesCmd {
    /// Folder the candidates are written to
    #[arg(long, value_name = "DIR")]
    dir: Utf8PathBuf,
    #[command(flatten)]
    filters: FilterArgs,
    /// The suite
    #[arg(long, value_name = "FILE", default_value = suite::DEFAULT_PATH)]
    config: String,
    /// Unknown keys in gait.yaml and fixture.json are errors
    #[arg(long)]
    strict: bool,
    #[command(flatten)]
    trust: TrustArgs,
    /// Agents that run at the same time [default: one per core]
    #[arg(long, value_name = "N")]
    test_threads: Option<NonZero<usize>>,
}

impl CandidatesCmd {
    /// Runs the agents.
    pub fn run(self) -> Result<Answer> {
        let progress = Progress::on_terminal();
        let demands = Demands {
            trust: self.trust.trust()?,
            require_signature: Project::load()?.require_signature,
            strict: self.strict,
        };
        let plan = harness::plan(Options {
            config: self.config,
            filters: self.filters.into(),
            shard: None,
            candidates: Vec::new(),
            candidate_dir: None,
            require_candidate: false,
            unchanged: false,
            steps: progress.steps(),
            demands,
            threads: self.test_threads,
        })?;
        plan.refuse_nothing()?;
        if plan.agent_runs() == 0 {
            let hint = "write `agent: { command: [..] }` at a fixture or under `defaults` in gait.yaml";
            return Err(Error::invalid("no selected fixture has an agent").hint(hint));
        }
        let mut made = None;
        progress.during(plan.agent_runs(), || made = Some(plan.candidates(&self.dir)));
        let made = made.unwrap_or_else(|| plan.candidates(&self.dir))?;
        let (run, skipped): (Vec<_>, Vec<_>) =
            made.into_iter().partition(|produced| produced.folder.is_some() || produced.error.is_some());
        let failed = run.iter().filter(|produced| !produced.mishaps.is_empty()).count();
        let broken = run.iter().any(|produced| produced.error.is_some());
        let exit = match (broken, failed) {
            (true, _) => Exit::InvalidInput,
            (false, 0) => Exit::Ok,
            (false, _) => Exit::RegressFailed,
        };
        let skipped: Vec<String> = skipped.into_iter().map(|produced| produced.fixture).collect();
        let value = json!({ "dir": self.dir, "fixtures": run, "skipped": skipped });
        let mut lines = vec![match exit {
            Exit::Ok => format!("regress candidates ok: fixtures={} dir={}", run.len(), self.dir),
            _ => format!("regress candidates failed: fixtures={} failed={failed} dir={}", run.len(), self.dir),
        }];
        lines.extend(run.iter().flat_map(told));
        lines.extend(skipped.iter().map(|name| format!("{}: skipped, it has no agent", visible(name))));
        lines.extend(plan.warnings.iter().map(|warning| format!("warning: {warning}")));
        Answer::new(&value, exit)?.text(lines.join("\n")).classified()
    }
}

/// What came of a fixture, a line for each trial that went wrong.
fn told(produced: &Produced) -> Vec<String> {
    let name = visible(&produced.fixture);
    if let Some(error) = &produced.error {
        return vec![format!("{name}: {}", visible(error))];
    }
    let mut lines = vec![format!("{name}: trials={} failed={}", produced.trials, produced.mishaps.len())];
    for (trial, mishap) in &produced.mishaps {
        let what: Vec<String> = mishap.what.lines().map(visible).collect();
        lines.push(format!("{name} trial {trial}: {}: {}", mishap.reason_code.code(), what.join("\n  ")));
    }
    lines
}
