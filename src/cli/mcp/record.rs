//! `gait mcp record`: a tee in front of one MCP server.

use crate::cli::args::SigningArgs;
use crate::cli::exit::Exit;
use crate::cli::output::Answer;
use crate::kernel::clock::Clock;
use crate::kernel::error::{Error, Result};
use crate::kernel::fs;
use crate::mcp::capture::{self, RUN_DIR_VAR};
use crate::mcp::journal::Writer;
use crate::mcp::process::{self, Ended};
use crate::mcp::seal::{self, Options};
use crate::mcp::tee;
use crate::mcp::veil::Veil;
use crate::runpack::locate::{HOME_STORE, OUT_DIR};
use camino::{Utf8Path, Utf8PathBuf};
use clap::Args;
use std::sync::Arc;
use std::time::Duration;

/// Run an MCP server and record what its client asks and what it answers
#[derive(Debug, Args)]
#[command(
    after_help = "Bytes pass unchanged both ways; exit status and signals are passed on. Below `gait run capture`, \
                        or with a run folder, only a journal is written; else the server's end makes a signed runpack."
)]
pub struct RecordCmd {
    /// Name of the server in the record [default: the name it gives itself]
    #[arg(long, value_name = "NAME", allow_hyphen_values = true)]
    server: Option<String>,
    /// Folder the runpack is written to [default: ./gait-out, else ~/.gait/runpacks]
    #[arg(long, value_name = "DIR")]
    out: Option<Utf8PathBuf>,
    /// Folder the journal is left in, for `gait run seal` [default: $GAIT_RUN_DIR, else that of the capture above]
    #[arg(long, value_name = "DIR")]
    run_dir: Option<Utf8PathBuf>,
    /// Hide what stands at this path of tool arguments and results, such as $.user.email or $..ssn; may be repeated
    #[arg(long, value_name = "PATH")]
    redact: Vec<String>,
    #[command(flatten)]
    signing: SigningArgs,
    /// The server and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<String>,
}

impl RecordCmd {
    /// Runs the server. Nothing goes to standard output, and to standard error only why it could not be run.
    pub fn run(self, clock: Clock) -> Answer {
        match self.tee(clock) {
            Ok(ended) => Answer::text_only("", Exit::Ok).passing(ended),
            Err(error) => {
                let hint = error.hint_text().map(|hint| format!("hint: {hint}"));
                let notes = std::iter::once(format!("mcp record error: {error}")).chain(hint);
                Answer::text_only("", Exit::from(error.kind())).notes(notes)
            }
        }
    }

    fn tee(self, clock: Clock) -> Result<Ended> {
        let given = |dir: String| Some(Utf8PathBuf::from(dir)).filter(|dir| !dir.as_str().is_empty());
        let run_dir = self.run_dir.clone().or_else(|| std::env::var(RUN_DIR_VAR).ok().and_then(given));
        let found = capture::find();
        let lossy = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
        let own = std::env::vars_os().map(|(name, value)| (lossy(name), lossy(value)));
        let above = found.as_ref().map(|found| capture::variables(found.pid)).unwrap_or_default();
        let veil = Veil::new(own.chain(above), &self.redact)?;
        match run_dir.or_else(|| found.map(|found| found.run_dir)) {
            Some(dir) => self.pass(&dir, veil, clock).map(|(ended, _)| ended),
            None => self.alone(veil, clock),
        }
    }

    fn pass(&self, dir: &Utf8Path, veil: Veil, clock: Clock) -> Result<(Ended, Utf8PathBuf)> {
        let program = self.command.first().map(String::as_str).unwrap_or_default();
        let name = Utf8Path::new(program).file_stem().unwrap_or(program);
        let server = self.server.as_deref().unwrap_or_default();
        let journal = Arc::new(Writer::start(dir, server, name, veil, clock)?);
        let passed =
            process::take_streams().and_then(|(input, output)| tee::run(&self.command, &journal, input, output));
        if passed.is_err() {
            let _ = std::fs::remove_file(&journal.path);
        }
        Ok((passed?, journal.path.clone()))
    }

    /// Nobody groups this server: its end is the end of the run.
    fn alone(self, veil: Veil, clock: Clock) -> Result<Ended> {
        let out = match &self.out {
            Some(out) => out.clone(),
            None => default_out()?,
        };
        let key = self.signing.key()?;
        let run_id = seal::run_id(&clock)?;
        let folder = seal::folder(&out, &run_id);
        let passed = self.pass(&folder, veil, clock);
        if let Ok((_, journal)) = &passed {
            let pack = out.join(format!("runpack_{run_id}.zip"));
            let key = key.as_ref();
            let options = Options { run_id, out: pack, key, patience: Duration::ZERO, force: true };
            // Without a pack the journal stays, and `gait run seal` makes it.
            if seal::seal(std::slice::from_ref(journal), &options).is_ok() {
                let _ = std::fs::remove_file(journal);
            }
        }
        let _ = std::fs::remove_dir(&folder);
        passed.map(|(ended, _)| ended)
    }
}

/// `./gait-out`; the user's own store where a server is started in a folder nobody may write to.
fn default_out() -> Result<Utf8PathBuf> {
    match (fs::make_dir(OUT_DIR), fs::home()) {
        (Ok(()), _) => Ok(OUT_DIR.into()),
        (Err(_), Some(home)) => Ok(home.join(HOME_STORE)),
        (Err(error), None) => Err(error),
    }
}

/// The absolute spelling of a path.
pub fn absolute(path: &Utf8Path) -> Result<Utf8PathBuf> {
    let absolute = std::path::absolute(path).map_err(|e| Error::io("find", path, e))?;
    Utf8PathBuf::from_path_buf(absolute).map_err(|path| Error::invalid(format!("{} is not UTF-8", path.display())))
}
