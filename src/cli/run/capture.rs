//! `gait run capture`: an agent runs, and what all its recorded MCP servers were asked becomes one runpack.

use crate::cli::args::SigningArgs;
use crate::cli::exit::Exit;
use crate::cli::output::Answer;
use crate::cli::run::seal::{check, text, value};
use crate::kernel::clock::Clock;
use crate::kernel::error::{Error, Result};
use crate::kernel::fs;
use crate::mcp::capture::{self, RUN_DIR_VAR, Registered};
use crate::mcp::process::{self, Ended};
use crate::mcp::seal::{self, Options, Sealed};
use crate::mcp::{journal, seal::run_id};
use crate::runpack::locate::OUT_DIR;
use crate::runpack::record::check_run_id;
use camino::{Utf8Path, Utf8PathBuf};
use clap::Args;
use std::process::Command;
use std::time::Duration;

/// Servers get this long to end after their agent.
const PATIENCE: Duration = Duration::from_secs(3);

/// Run an agent and make one runpack of what its recorded MCP servers were asked
#[derive(Debug, Args)]
#[command(after_help = "Servers are recorded where the agent starts them through `gait mcp record`. The agent keeps \
                        standard input, output and error; its exit status is passed on.")]
pub struct CaptureCmd {
    /// Run id [default: run_<time>_<random>]
    #[arg(long, value_name = "ID")]
    run_id: Option<String>,
    /// The runpack [default: gait-out/runpack_<run_id>.zip]
    #[arg(long, value_name = "FILE")]
    out: Option<String>,
    #[command(flatten)]
    signing: SigningArgs,
    /// The agent and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<String>,
}

impl CaptureCmd {
    /// Runs the agent, then seals.
    pub fn run(self, clock: Clock) -> Result<Answer> {
        let run_id = match &self.run_id {
            Some(id) => id.clone(),
            None => run_id(&clock)?,
        };
        check_run_id(&run_id)?;
        let out = match &self.out {
            Some(out) => fs::output_path(out)?,
            None => Utf8Path::new(OUT_DIR).join(format!("runpack_{run_id}.zip")),
        };
        let key = self.signing.key()?;
        let beside = out.parent().filter(|parent| !parent.as_str().is_empty()).unwrap_or(Utf8Path::new("."));
        let folder = absolute(&seal::folder(beside, &run_id))?;
        fs::make_dir(&folder)?;
        let ended = self.agent(&folder);
        let journals = journal::find(&folder)?;
        let ended = ended.inspect_err(|_| drop(std::fs::remove_dir(&folder)))?;
        if journals.is_empty() {
            let _ = std::fs::remove_dir(&folder);
            let note = "warning: nothing was captured: no MCP server was started through `gait mcp record`";
            return Ok(Answer::text_only("", Exit::Ok).notes([note.to_owned()]).passing(ended));
        }
        let options = Options { run_id, out, key: key.as_ref(), patience: PATIENCE, force: true };
        match seal::seal(&journals, &options).and_then(|sealed| check(&sealed, options.key).map(|()| sealed)) {
            Ok(sealed) => {
                clear(&sealed, &journals, &folder);
                told(&sealed, ended)
            }
            Err(error) => {
                let notes = [format!("run capture error: {error}"), format!("hint: gait run seal {folder}")];
                // An agent that ended well does not hide that its record is missing.
                let exit = if ended == Ended::Code(0) { Exit::from(error.kind()) } else { Exit::Internal };
                let answer = Answer::text_only("", exit).notes(notes);
                Ok(if ended == Ended::Code(0) { answer } else { answer.passing(ended) })
            }
        }
    }

    fn agent(&self, folder: &Utf8Path) -> Result<Ended> {
        let registered = Registered::new(folder)?;
        let (program, args) = self.command.split_first().map_or(("", &[][..]), |(program, args)| (program, args));
        let mut command = Command::new(program);
        command.args(args).env(RUN_DIR_VAR, folder);
        let ended = process::start(&mut command)?.wait();
        drop(registered);
        capture::end_listeners(folder)?;
        ended
    }
}

/// Everything the journals hold is in the pack; those that were cut off stay.
fn clear(sealed: &Sealed, journals: &[Utf8PathBuf], folder: &Utf8Path) {
    if !sealed.truncated {
        journals.iter().for_each(|journal| drop(std::fs::remove_file(journal)));
        let _ = std::fs::remove_dir(folder);
    }
}

/// Standard output was the agent's: people read the answer on standard error.
fn told(sealed: &Sealed, ended: Ended) -> Result<Answer> {
    let warnings = sealed.warnings.iter().map(|warning| format!("warning: {warning}"));
    let notes = warnings.chain(text(sealed)?.lines().map(str::to_owned).collect::<Vec<_>>());
    Ok(Answer::new(&value(sealed)?, Exit::Ok)?.notes(notes).passing(ended))
}

fn absolute(path: &Utf8Path) -> Result<Utf8PathBuf> {
    let absolute = std::path::absolute(path).map_err(|e| Error::io("find", path, e))?;
    Utf8PathBuf::from_path_buf(absolute).map_err(|path| Error::invalid(format!("{} is not UTF-8", path.display())))
}
