//! The group `gait mcp`.

use crate::cli::mcp::record::RecordCmd;
use crate::cli::mcp::replay::ReplayCmd;
use crate::cli::mcp::setup::SetupCmd;
use crate::cli::output::Answer;
use crate::kernel::clock::Clock;
use crate::kernel::error::Result;
use clap::{Args, Subcommand};

/// Record MCP servers, and answer in their place
#[derive(Debug, Args)]
pub struct McpCmd {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Record(RecordCmd),
    Replay(ReplayCmd),
    Setup(SetupCmd),
}

impl McpCmd {
    /// Runs the verb.
    pub fn run(self, clock: Clock) -> Result<Answer> {
        match self.verb {
            Verb::Record(cmd) => cmd.run(clock),
            Verb::Replay(cmd) => Ok(cmd.run()),
            Verb::Setup(cmd) => cmd.run(),
        }
    }
}
