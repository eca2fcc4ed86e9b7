//! `gait run replay`: every call answered from the pack itself; no tool is ever run.

use crate::cli::exit::Exit;
use crate::cli::output::Answer;
use crate::kernel::error::Result;
use crate::runpack::locate;
use crate::runpack::replay::{self, REAL_TOOLS_VAR, RealTools};
use crate::runpack::verify::Trust;
use clap::Args;

/// Replay a runpack from its recorded results; no tool is ever run
#[derive(Debug, Args)]
pub struct ReplayCmd {
    /// Run id, or path of a runpack
    #[arg(value_name = "RUN_ID|PATH")]
    source: String,
    /// Ask for real tools: refused without the three flags below, and stubbed even with them
    #[arg(long)]
    real_tools: bool,
    /// Acknowledge that real tools are unsafe
    #[arg(long)]
    unsafe_real_tools: bool,
    /// Tools that may run, separated by commas
    #[arg(long, value_name = "LIST", default_value = "", hide_default_value = true)]
    allow_tools: String,
    /// Name of the environment variable that has to be 1
    #[arg(long, value_name = "VAR", default_value = REAL_TOOLS_VAR)]
    unsafe_real_tools_env: String,
}

impl ReplayCmd {
    /// Replays the pack.
    pub fn run(self) -> Result<Answer> {
        let real = RealTools {
            requested: self.real_tools,
            acknowledged: self.unsafe_real_tools,
            allowed: self.allow_tools,
            switch: std::env::var(&self.unsafe_real_tools_env).ok(),
        };
        if let Err(refusal) = real.guard() {
            let answer = Answer::failure("replay", &refusal);
            return if real.acknowledged { answer.with("requested_unsafe", &true) } else { Ok(answer) };
        }
        let path = locate::resolve(&self.source)?;
        let replayed = replay::replay(&path, &Trust::ambient()?, &real)?;
        let complete = replayed.complete();
        let exit = if complete { Exit::Ok } else { Exit::VerificationFailed };
        let mut lines = vec![if complete {
            format!("replay ok: {} (stub)", replayed.run_id)
        } else {
            format!("replay failed: {}", replayed.run_id)
        }];
        if !complete {
            lines.push(format!("missing results: {}", replayed.missing_results.join(", ")));
        }
        let stubbed = replayed.steps.iter().filter(|step| step.stub_type.is_some()).count();
        if stubbed > 0 {
            lines.push(format!("stubbed: {stubbed} of {} calls have no recorded result", replayed.steps.len()));
        }
        if !replayed.warnings.is_empty() {
            lines.push(format!("warnings: {}", replayed.warnings.join("; ")));
        }
        Answer::new(&replayed, exit)?.text(lines.join("\n")).classified()
    }
}
