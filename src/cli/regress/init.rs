//! `gait regress init`: a runpack becomes a fixture.

use crate::cli::exit::Exit;
use crate::cli::output::Answer;
use crate::kernel::error::{Error, Result};
use crate::regress::init::{self, Initialised, Request};
use crate::runpack::locate;
use crate::runpack::verify::Trust;
use camino::Utf8PathBuf;
use clap::Args;

/// Make a runpack a regression fixture, listed in gait.yaml
#[derive(Debug, Args)]
pub struct InitCmd {
    #[command(flatten)]
    fixture: FixtureArgs,
    /// A run of today's agent that the fixture is to be compared with
    #[arg(long, value_name = "RUN_ID|PATH")]
    candidate: Option<String>,
}

/// What becomes a fixture.
#[derive(Debug, Args)]
pub struct FixtureArgs {
    /// Run id, path of a runpack, or path of a session chain
    #[arg(long, value_name = "RUN_ID|PATH")]
    from: String,
    /// Name of the fixture [default: made from the run id]
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    name: String,
    /// Checkpoint of a session chain: latest or a number
    #[arg(long, value_name = "latest|N", default_value = "latest", allow_hyphen_values = true)]
    checkpoint: String,
    /// What a stub replay has to end with: 0, or 2 for an incident with calls that have no result
    #[arg(long, value_name = "0|2")]
    expect_exit: Option<i64>,
    /// Entry (or place `intents.jsonl#/3/args/time`) that may differ; can be given several times
    #[arg(long, value_name = "ENTRY")]
    allow_changed: Vec<String>,
    /// Replace a fixture of the same name that holds another run
    #[arg(long)]
    force: bool,
}

impl FixtureArgs {
    /// Plans and writes the fixture.
    pub fn init(&self, candidate: Option<String>) -> Result<Initialised> {
        if let Some(exit) = self.expect_exit.filter(|exit| !matches!(exit, 0 | 2)) {
            return Err(Error::invalid(format!("--expect-exit {exit} can never be met: use 0 or 2")));
        }
        let request = Request {
            from: self.from.clone(),
            name: self.name.clone(),
            candidate,
            checkpoint: self.checkpoint.clone(),
            expect_exit: self.expect_exit,
            allow_changed: self.allow_changed.clone(),
            force: self.force,
        };
        init::plan(&request, &Trust::ambient()?)?.apply()
    }
}

impl InitCmd {
    /// Makes the fixture.
    pub fn run(self) -> Result<Answer> {
        let candidate = self.candidate.as_deref().map(locate::resolve).transpose()?;
        let made = self.fixture.init(candidate.map(Utf8PathBuf::into_string))?;
        let text = format!(
            "regress init ok: fixture={} run_id={}\nconfig: {}\nrunpack: {}\nnext: {}",
            made.fixture_name, made.run_id, made.config_path, made.runpack_path, made.next_commands[0]
        );
        Ok(Answer::new(&made, Exit::Ok)?.text(text))
    }
}
