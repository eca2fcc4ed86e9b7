//! The group `gait run`.

use crate::cli::output::Answer;
use crate::cli::run::capture::CaptureCmd;
use crate::cli::run::diff::DiffCmd;
use crate::cli::run::inspect::InspectCmd;
use crate::cli::run::receipt::ReceiptCmd;
use crate::cli::run::record::RecordCmd;
use crate::cli::run::reduce::ReduceCmd;
use crate::cli::run::replay::ReplayCmd;
use crate::cli::run::seal::SealCmd;
use crate::cli::session::SessionCmd;
use crate::kernel::clock::Clock;
use crate::kernel::error::Result;
use clap::{Args, Subcommand};

/// Record, capture, inspect, compare, replay and shrink runpacks
#[derive(Debug, Args)]
pub struct RunCmd {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Record(RecordCmd),
    Capture(CaptureCmd),
    Seal(SealCmd),
    Inspect(InspectCmd),
    Receipt(ReceiptCmd),
    Replay(ReplayCmd),
    Diff(DiffCmd),
    Reduce(ReduceCmd),
    Session(SessionCmd),
}

impl RunCmd {
    /// Runs the verb.
    pub fn run(self, clock: Clock, json: bool) -> Result<Answer> {
        match self.verb {
            Verb::Record(cmd) => cmd.run(clock),
            Verb::Capture(cmd) => cmd.run(clock),
            Verb::Seal(cmd) => cmd.run(clock),
            Verb::Inspect(cmd) => cmd.run(json),
            Verb::Receipt(cmd) => cmd.run(),
            Verb::Replay(cmd) => cmd.run(),
            Verb::Diff(cmd) => cmd.run(),
            Verb::Reduce(cmd) => cmd.run(),
            Verb::Session(cmd) => cmd.run(clock),
        }
    }
}
