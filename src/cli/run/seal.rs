//! `gait run seal`: journals that were left behind become a runpack.

use crate::cli::args::SigningArgs;
use crate::cli::exit::Exit;
use crate::cli::output::Answer;
use crate::kernel::clock::Clock;
use crate::kernel::error::{Error, Result};
use crate::kernel::fs;
use crate::mcp::journal;
use crate::mcp::seal::{self, Options, Sealed};
use crate::runpack::locate::{self, OUT_DIR};
use crate::runpack::receipt;
use crate::runpack::verify::{self, Demands, Trust};
use crate::sign::key::PrivateKey;
use camino::{Utf8Path, Utf8PathBuf};
use clap::Args;
use serde_json::{Value, json};
use std::time::Duration;

/// Make a signed runpack of the journals that MCP recorders left
#[derive(Debug, Args)]
pub struct SealCmd {
    /// Folder of journals, or one journal
    #[arg(value_name = "DIR|JOURNAL")]
    place: Utf8PathBuf,
    /// Run id [default: the one in the folder's name, else a new one]
    #[arg(long, value_name = "ID")]
    run_id: Option<String>,
    /// The runpack [default: runpack_<run_id>.zip beside the folder of that run, else in ./gait-out]
    #[arg(long, value_name = "FILE")]
    out: Option<String>,
    #[command(flatten)]
    signing: SigningArgs,
}

impl SealCmd {
    /// Seals what is there. The journals stay.
    pub fn run(self, clock: Clock) -> Result<Answer> {
        if !self.place.exists() {
            return Err(Error::invalid(format!("there is no folder and no journal {}", self.place)));
        }
        let journals = journal::find(&self.place)?;
        let folder = if self.place.is_dir() { Some(self.place.as_path()) } else { self.place.parent() };
        let named = folder.and_then(seal::run_of).map(str::to_owned);
        let beside = folder.filter(|_| named.is_some()).and_then(Utf8Path::parent).map(Utf8Path::to_owned);
        let run_id = match self.run_id.or(named) {
            Some(id) => id,
            None => seal::run_id(&clock)?,
        };
        let out = match &self.out {
            Some(out) => fs::output_path(out)?,
            None => beside.unwrap_or_else(|| OUT_DIR.into()).join(format!("runpack_{run_id}.zip")),
        };
        let key = self.signing.key()?;
        let options = Options { run_id, out, key: key.as_ref(), patience: Duration::ZERO, force: false };
        let sealed = seal::seal(&journals, &options)?;
        check(&sealed, key.as_ref())?;
        let notes = sealed.warnings.iter().map(|warning| format!("warning: {warning}"));
        Ok(Answer::new(&value(&sealed)?, Exit::Ok)?.text(text(&sealed)?).notes(notes))
    }
}

/// Verifies a pack that was just written.
pub fn check(sealed: &Sealed, key: Option<&PrivateKey>) -> Result<()> {
    let own = key.map(PrivateKey::public).into_iter().collect();
    let report = verify::verify(sealed.path.as_std_path(), &Demands::standard(Trust::Known(own)))?;
    report.hold().map_err(|e| e.at(&sealed.path))
}

/// What is told of a sealed run, for programs.
pub fn value(sealed: &Sealed) -> Result<Value> {
    let manifest = &sealed.manifest;
    let mut value = json!({
        "run_id": manifest.run_id,
        "bundle": locate::shown(&sealed.path),
        "manifest_digest": manifest.manifest_digest,
        "ticket_footer": receipt::footer(&manifest.run_id, &manifest.manifest_digest)?,
        "calls": sealed.calls,
        "servers": sealed.servers,
    });
    if sealed.truncated {
        value["truncated"] = true.into();
    }
    if !sealed.warnings.is_empty() {
        value["warnings"] = json!(sealed.warnings);
    }
    Ok(value)
}

/// What is told of a sealed run, for people.
pub fn text(sealed: &Sealed) -> Result<String> {
    let manifest = &sealed.manifest;
    let footer = receipt::footer(&manifest.run_id, &manifest.manifest_digest)?;
    let (id, bundle) = (&manifest.run_id, locate::shown(&sealed.path));
    let servers = sealed.servers.join(", ");
    Ok(format!("run_id={id}\nbundle={bundle}\nticket_footer={footer}\ncalls={} servers={servers}", sealed.calls))
}
