//! The command that holds the verbs.

use crate::cli::output::Answer;
use crate::cli::policy::backtest::BacktestCmd;
use crate::cli::policy::files::{FmtCmd, InitCmd, ValidateCmd};
use crate::cli::policy::simulate::SimulateCmd;
use crate::cli::policy::test::TestCmd;
use crate::kernel::clock::Clock;
use crate::kernel::error::Result;
use clap::{Args, Subcommand};

/// Write, check and rehearse policies
#[derive(Debug, Args)]
pub struct PolicyCmd {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Init(InitCmd),
    Validate(ValidateCmd),
    Fmt(FmtCmd),
    Test(TestCmd),
    Simulate(SimulateCmd),
    Backtest(BacktestCmd),
}

impl PolicyCmd {
    /// Runs the verb.
    pub fn run(self, clock: Clock, json: bool) -> Result<Answer> {
        match self.verb {
            Verb::Init(cmd) => cmd.run(),
            Verb::Validate(cmd) => cmd.run(),
            Verb::Fmt(cmd) => cmd.run(),
            Verb::Test(cmd) => cmd.run(clock, json),
            Verb::Simulate(cmd) => cmd.run(clock),
            Verb::Backtest(cmd) => cmd.run(),
        }
    }
}
