//! Where a recording goes, and what it hides.

use crate::cli::args::SigningArgs;
use crate::kernel::clock::Clock;
use crate::kernel::error::Result;
use crate::kernel::fs;
use crate::mcp::capture::{self, RUN_DIR_VAR};
use crate::mcp::journal::Writer;
use crate::mcp::seal::{self, Options, Sealed};
use crate::mcp::veil::Veil;
use crate::runpack::locate::{HOME_STORE, OUT_DIR};
use crate::sign::key::PrivateKey;
use camino::{Utf8Path, Utf8PathBuf};
use clap::Args;
use std::sync::Arc;
use std::time::Duration;

/// A recording as it was asked for.
#[derive(Debug, Args)]
pub struct TargetArgs {
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
}

/// A recording that is being made.
pub struct Target {
    pub journal: Arc<Writer>,
    folder: Utf8PathBuf,
    /// What becomes of it where nobody groups it: its end is the end of the run.
    alone: Option<Alone>,
}

struct Alone {
    run_id: String,
    out: Utf8PathBuf,
    key: Option<PrivateKey>,
}

impl TargetArgs {
    /// Starts the journal. `program` names the server where nobody else does; see [`Writer::start`].
    pub fn start(&self, program: &str, listens: bool, clock: Clock) -> Result<Target> {
        let given = |dir: String| Some(Utf8PathBuf::from(dir)).filter(|dir| !dir.as_str().is_empty());
        let run_dir = self.run_dir.clone().or_else(|| std::env::var(RUN_DIR_VAR).ok().and_then(given));
        let found = capture::find();
        let lossy = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
        let own = std::env::vars_os().map(|(name, value)| (lossy(name), lossy(value)));
        let above = found.as_ref().map(|found| capture::variables(found.pid)).unwrap_or_default();
        let veil = Veil::new(own.chain(above), &self.redact)?;
        let (folder, alone) = match run_dir.or_else(|| found.map(|found| found.run_dir)) {
            Some(folder) => (folder, None),
            None => self.alone(&clock)?,
        };
        let server = self.server.as_deref().unwrap_or_default();
        let journal = Arc::new(Writer::start(&folder, server, program, listens, veil, clock)?);
        Ok(Target { journal, folder, alone })
    }

    fn alone(&self, clock: &Clock) -> Result<(Utf8PathBuf, Option<Alone>)> {
        let out = match &self.out {
            Some(out) => out.clone(),
            None => default_out()?,
        };
        let key = self.signing.key()?;
        let run_id = seal::run_id(clock)?;
        let folder = seal::folder(&out, &run_id);
        let out = out.join(format!("runpack_{run_id}.zip"));
        Ok((folder, Some(Alone { run_id, out, key })))
    }
}

impl Target {
    /// Makes the runpack, if nobody else does. Without one the journal stays, and `gait run seal` makes it.
    pub fn seal(self) -> Result<Option<Sealed>> {
        let Some(Alone { run_id, out, key }) = self.alone else { return Ok(None) };
        let key = key.as_ref();
        let options = Options { run_id, out, key, patience: Duration::ZERO, force: true };
        let sealed = seal::seal(std::slice::from_ref(&self.journal.path), &options);
        let sealed = sealed.map_err(|error| match error.hint_text() {
            Some(_) => error,
            None => error.hint(format!("then: gait run seal {}", self.folder)),
        })?;
        remove(&self.journal.path, &self.folder);
        Ok(Some(sealed))
    }

    /// Leaves nothing behind: there was no recording.
    pub fn cancel(self) {
        remove(&self.journal.path, if self.alone.is_some() { &self.folder } else { Utf8Path::new("") });
    }
}

fn remove(journal: &Utf8Path, folder: &Utf8Path) {
    let _ = std::fs::remove_file(journal);
    let _ = std::fs::remove_dir(folder);
}

/// `./gait-out`; the user's own store where a server is started in a folder nobody may write to.
fn default_out() -> Result<Utf8PathBuf> {
    match (fs::make_dir(OUT_DIR), fs::home()) {
        (Ok(()), _) => Ok(OUT_DIR.into()),
        (Err(_), Some(home)) => Ok(home.join(HOME_STORE)),
        (Err(error), None) => Err(error),
    }
}
