//! `gait regress bootstrap`: a runpack becomes a fixture, and all fixtures run.

use crate::cli::exit::Exit;
use crate::cli::output::Answer;
use crate::cli::regress::init::FixtureArgs;
use crate::cli::regress::run::{Ran, SuiteArgs};
use crate::kernel::error::{Error, Result};
use crate::regress::init::Initialised;
use crate::regress::select::Filters;
use crate::report::model::Status;
use clap::Args;
use serde_json::json;

/// Make a runpack a fixture and run all fixtures at once
#[derive(Debug, Args)]
pub struct BootstrapCmd {
    #[command(flatten)]
    fixture: FixtureArgs,
    #[command(flatten)]
    suite: SuiteArgs,
}

impl BootstrapCmd {
    /// Makes the fixture and runs the suite. The new fixture has to be among those that were run.
    pub fn run(mut self, json: bool) -> Result<Answer> {
        self.suite.cleared()?;
        let made = self.fixture.init(None)?;
        for candidate in self.suite.candidates.iter_mut().filter(|candidate| !candidate.contains('=')) {
            *candidate = format!("{}={candidate}", made.fixture_name);
        }
        let ran = self.suite.run(Filters::default(), None, false, json)?;
        let graded = ran.report.cases.iter().any(|case| case.grade.fixture() == made.fixture_name);
        if !graded {
            let what = format!("{} does not list the new fixture {}", ran.config, made.fixture_name);
            return Err(Error::invalid(what).hint("the fixture was added to gait.yaml; run without --config"));
        }
        answer(&made, &ran, json)
    }
}

fn answer(made: &Initialised, ran: &Ran, json: bool) -> Result<Answer> {
    let value = json!({
        "run_id": made.run_id,
        "fixture_name": made.fixture_name,
        "fixture_dir": made.fixture_dir,
        "runpack_path": made.runpack_path,
        "config_path": made.config_path,
    });
    let exit = ran.exit();
    let mut answer = match ran.load_error() {
        Some(error) => Answer::failure("regress bootstrap", &error),
        None => Answer::new(&value, exit)?,
    };
    for (key, member) in &ran.members() {
        answer = answer.with(key, member)?;
    }
    ran.finish(answer.text(text(made, ran, exit)), json)
}

fn text(made: &Initialised, ran: &Ran, exit: Exit) -> String {
    let (run, name) = (&made.run_id, &made.fixture_name);
    let mut lines = match (ran.load_error(), ran.report.status()) {
        (Some(error), _) => vec![format!("regress bootstrap error: {error}")],
        (None, Status::Pass) => vec![format!("regress bootstrap ok: run_id={run} fixture={name}")],
        (None, Status::Fail) => {
            let failed = ran.report.failed();
            vec![format!("regress bootstrap failed: run_id={run} fixture={name} failed={failed}")]
        }
    };
    if exit == Exit::Ok {
        lines.extend(ran.report.honesty());
        lines.extend(ran.file_lines());
    } else {
        lines.extend(ran.failure_lines());
        lines.extend(ran.report.honesty());
    }
    lines.join("\n")
}
