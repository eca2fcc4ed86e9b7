//! The group `gait mcp`.

use crate::cli::mcp::record::RecordCmd;
use crate::cli::output::Answer;
use crate::kernel::clock::Clock;
use crate::kernel::error::Result;
use clap::{Args, Subcommand};

/// Record what an agent and its MCP servers say to each other
#[derive(Debug, Args)]
pub struct McpCmd {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Record(RecordCmd),
}

impl McpCmd {
    /// Runs the verb.
    pub fn run(self, clock: Clock) -> Result<Answer> {
        match self.verb {
            Verb::Record(cmd) => Ok(cmd.run(clock)),
        }
    }
}
