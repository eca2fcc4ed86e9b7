//! `gait mcp replay`: a runpack answers as its server.

use crate::cli::args::SigningArgs;
use crate::cli::exit::Exit;
use crate::cli::mcp::listen;
use crate::cli::output::Answer;
use crate::kernel::error::Result;
use crate::kernel::fs;
use crate::mcp::catalog;
use crate::mcp::door;
use crate::mcp::process;
#[cfg(unix)]
use crate::mcp::relay;
use crate::mcp::stage::{Stage, Terms};
use crate::runpack::locate;
use crate::runpack::read::Pack;
use crate::runpack::verify::{self, Trust};
use clap::Args;
use std::sync::{Arc, Mutex, PoisonError};

/// Answer as an MCP server from a runpack; no real server is started or contacted
#[derive(Debug, Args)]
#[command(after_help = "A tool call gets the first unused recorded result of the same tool and arguments; a call the \
                        recording does not have gets a tool error that names it. With --listen, SIGINT or SIGTERM ends it.")]
pub struct ReplayCmd {
    /// Run id, or path of a runpack
    #[arg(long, value_name = "RUN_ID|PATH")]
    #[cfg_attr(unix, arg(required_unless_present = "attach"))]
    #[cfg_attr(not(unix), arg(required = true))]
    from: Option<String>,
    /// The server to play, where the run has several
    #[arg(long, value_name = "NAME")]
    server: Option<String>,
    /// Answer on streamable HTTP there, and plain tool calls beside it; with port 0 on any free one, which is printed
    #[arg(long, value_name = "HOST:PORT")]
    listen: Option<String>,
    /// What clients on other machines call this one; without it only this machine is answered
    #[arg(long, value_name = "HOST", requires = "listen")]
    allow_host: Vec<String>,
    /// Write what was asked as a runpack
    #[arg(long, value_name = "FILE")]
    candidate_out: Option<String>,
    /// Pass on to a replay that runs already: `gait regress run` names it to agents
    #[cfg(unix)]
    #[arg(long, value_name = "SOCKET", requires = "server", conflicts_with_all = ["from", "listen", "candidate_out"])]
    attach: Option<String>,
    #[command(flatten)]
    signing: SigningArgs,
}

impl ReplayCmd {
    /// Answers until the client closes. Nothing but the protocol goes to standard output.
    pub fn run(self) -> Answer {
        match self.play() {
            Ok(()) => Answer::text_only("", Exit::Ok),
            Err(error) => {
                let hint = error.hint_text().map(|hint| format!("hint: {hint}"));
                let notes = std::iter::once(format!("mcp replay error: {error}")).chain(hint);
                Answer::text_only("", Exit::from(error.kind())).notes(notes)
            }
        }
    }

    fn play(self) -> Result<()> {
        #[cfg(unix)]
        if let (Some(socket), Some(server)) = (&self.attach, &self.server) {
            return relay::run(socket, server);
        }
        let path = locate::resolve(self.from.as_deref().unwrap_or_default())?;
        let pack = Pack::open_with(path.as_std_path(), &Trust::ambient()?, &[catalog::ENTRY])?;
        verify::known(&pack.contents)?;
        let stage = Arc::new(Stage::new(Arc::new(pack), Terms::strict())?);
        let out = match &self.candidate_out {
            Some(out) => Some((fs::output_path(out)?, self.signing.key()?)),
            None => None,
        };
        // Written once, whoever ends the connection.
        let out = Arc::new(Mutex::new(out));
        let end = {
            let stage = stage.clone();
            move || match out.lock().unwrap_or_else(PoisonError::into_inner).take() {
                Some((out, key)) => stage.write_candidate(&out, key.as_ref()).map(drop).map_err(|e| e.at(&out)),
                None => Ok(()),
            }
        };
        if let Some(at) = &self.listen {
            listen::replay(stage, self.server.as_deref(), at, &self.allow_host)?;
            return end();
        }
        let server = stage.server(self.server.as_deref())?;
        let (input, output) = process::take_streams()?;
        let at_signal = end.clone();
        process::on_end_signals(move |signal| {
            let _ = at_signal();
            process::die(signal);
        })?;
        door::converse(input, output, &stage, &server);
        end()
    }
}
