//! `gait mcp record`: a tee in front of one MCP server.

use crate::cli::exit::Exit;
use crate::cli::mcp::listen;
use crate::cli::mcp::target::TargetArgs;
use crate::cli::output::Answer;
use crate::kernel::clock::Clock;
use crate::kernel::error::Result;
use crate::mcp::process::{self, Ended};
use crate::mcp::tee;
use camino::Utf8Path;
use clap::Args;

/// Run an MCP server and record what its client asks and what it answers
#[derive(Debug, Args)]
#[command(
    after_help = "Bytes pass unchanged both ways; exit status and signals are passed on. Below `gait run capture`, \
                        or with a run folder, only a journal is written; else the server's end makes a signed runpack. \
                        With --http nothing is started: SIGINT or SIGTERM ends the recording."
)]
pub struct RecordCmd {
    #[command(flatten)]
    target: TargetArgs,
    /// Stand in front of the server at this URL (streamable HTTP) instead
    #[arg(long, value_name = "URL", conflicts_with = "command")]
    http: Option<String>,
    /// Where clients find us instead of that server; with port 0 any free one, which is printed
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:0", requires = "http")]
    listen: String,
    /// What clients on other machines call this one; without it only this machine's requests are passed on
    #[arg(long, value_name = "HOST", requires = "http")]
    allow_host: Vec<String>,
    /// The server and its arguments
    #[arg(last = true, required_unless_present = "http", value_name = "COMMAND")]
    command: Vec<String>,
}

impl RecordCmd {
    /// Runs the server. Nothing goes to standard output, and to standard error only why it could not be run.
    pub fn run(self, clock: Clock) -> Result<Answer> {
        if let Some(url) = &self.http {
            return listen::record(url, &self.listen, &self.allow_host, &self.target, clock);
        }
        Ok(match self.tee(clock) {
            Ok(ended) => Answer::text_only("", Exit::Ok).passing(ended),
            Err(error) => {
                let hint = error.hint_text().map(|hint| format!("hint: {hint}"));
                let notes = std::iter::once(format!("mcp record error: {error}")).chain(hint);
                Answer::text_only("", Exit::from(error.kind())).notes(notes)
            }
        })
    }

    fn tee(self, clock: Clock) -> Result<Ended> {
        let program = self.command.first().map(String::as_str).unwrap_or_default();
        let name = Utf8Path::new(program).file_stem().unwrap_or(program);
        let target = self.target.start(name, false, clock)?;
        let passed =
            process::take_streams().and_then(|(input, output)| tee::run(&self.command, &target.journal, input, output));
        match passed {
            Ok(ended) => {
                let _ = target.seal();
                Ok(ended)
            }
            Err(error) => {
                target.cancel();
                Err(error)
            }
        }
    }
}
