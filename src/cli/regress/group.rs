//! The group `gait regress`.

use crate::cli::output::Answer;
use crate::cli::regress::accept::AcceptCmd;
use crate::cli::regress::bootstrap::BootstrapCmd;
use crate::cli::regress::candidates::CandidatesCmd;
use crate::cli::regress::init::InitCmd;
use crate::cli::regress::log::LogCmd;
use crate::cli::regress::merge::MergeCmd;
use crate::cli::regress::review::ReviewCmd;
use crate::cli::regress::run::RunCmd;
use crate::kernel::clock::Clock;
use crate::kernel::error::Result;
use clap::{Args, Subcommand};

/// Turn runpacks into regression tests and run them
#[derive(Debug, Args)]
pub struct RegressCmd {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Init(InitCmd),
    Run(Box<RunCmd>),
    Candidates(CandidatesCmd),
    Bootstrap(Box<BootstrapCmd>),
    Merge(MergeCmd),
    Accept(AcceptCmd),
    Review(ReviewCmd),
    Log(LogCmd),
}

impl RegressCmd {
    /// Runs the verb.
    pub fn run(self, clock: Clock, json: bool) -> Result<Answer> {
        match self.verb {
            Verb::Init(cmd) => cmd.run(),
            Verb::Run(cmd) => cmd.run(json),
            Verb::Candidates(cmd) => cmd.run(),
            Verb::Bootstrap(cmd) => cmd.run(json),
            Verb::Merge(cmd) => cmd.run(json),
            Verb::Accept(cmd) => cmd.run(clock),
            Verb::Review(cmd) => cmd.run(clock),
            Verb::Log(cmd) => cmd.run(),
        }
    }
}
