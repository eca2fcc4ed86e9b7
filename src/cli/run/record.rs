//! `gait run record`: a document, or calls as they come, become a runpack.

use crate::cli::args::SigningArgs;
use crate::cli::exit::Exit;
use crate::cli::output::Answer;
use crate::kernel::clock::Clock;
use crate::kernel::error::{Error, Result};
use crate::kernel::fs;
use crate::runpack::locate;
use crate::runpack::receipt;
use crate::runpack::record::{self, Options, Recorded};
use camino::Utf8PathBuf;
use clap::Args;
use serde_json::json;
use std::fs::File;
use std::io::{BufRead, BufReader};

/// Record a run as a signed runpack, from a record document or from calls as they come
#[derive(Debug, Args)]
#[command(after_help = "Each line of --calls is one JSON object {\"tool\", \"args\", \"status\", \"result\"}; only \
                        \"tool\" is required.")]
pub struct RecordCmd {
    /// The same as the argument
    #[arg(long, value_name = "FILE")]
    input: Option<String>,
    /// Record document (run, intents, results, refs, capture_mode)
    #[arg(value_name = "FILE", conflicts_with_all = ["input", "calls"])]
    file: Option<String>,
    /// Calls, one JSON object a line; - reads standard input
    #[arg(long, value_name = "FILE", conflicts_with = "input")]
    calls: Option<String>,
    /// Folder the runpack is written to
    #[arg(long, value_name = "DIR", default_value = "./gait-out")]
    out_dir: String,
    /// Run id; replaces the one in the document everywhere
    #[arg(long, value_name = "ID")]
    run_id: Option<String>,
    /// What the label says was captured: reference or raw
    #[arg(long, value_name = "MODE")]
    capture_mode: Option<String>,
    /// Refuse what would only be warned about: wrong digests, repeated ids, results without a call
    #[arg(long)]
    strict: bool,
    #[command(flatten)]
    signing: SigningArgs,
}

impl RecordCmd {
    /// Records the run; a pack that does not verify is not left behind.
    pub fn run(self, clock: Clock) -> Result<Answer> {
        let dir = folder(&self.out_dir)?;
        let key = self.signing.key()?;
        let named = |text: &Option<String>| text.as_deref().map(str::trim).filter(|t| !t.is_empty()).map(str::to_owned);
        let options = Options {
            run_id: named(&self.run_id),
            capture_mode: named(&self.capture_mode),
            strict: self.strict,
            key: key.as_ref(),
            clock,
        };
        let recorded = match (&self.calls, self.input.as_deref().or(self.file.as_deref())) {
            (Some(calls), None) => calls_of(calls, &dir, &options)?,
            (None, Some(input)) => {
                let file = open(input)?;
                record::record(file, &dir, &options).map_err(|e| e.at(input))?
            }
            _ => return Err(Error::invalid("nothing to record was named").hint("give a FILE, --input or --calls")),
        };
        answer(&recorded)
    }
}

fn answer(recorded: &Recorded) -> Result<Answer> {
    let manifest = &recorded.manifest;
    let bundle = locate::shown(&recorded.path);
    let footer = receipt::footer(&manifest.run_id, &manifest.manifest_digest)?;
    let mut value = json!({
        "run_id": manifest.run_id,
        "bundle": bundle,
        "manifest_digest": manifest.manifest_digest,
        "ticket_footer": footer,
    });
    if !recorded.warnings.is_empty() {
        value["warnings"] = json!(recorded.warnings);
    }
    let text = format!("run_id={}\nbundle={bundle}\nticket_footer={footer}", manifest.run_id);
    let notes = recorded.warnings.iter().map(|warning| format!("warning: {warning}"));
    Ok(Answer::new(&value, Exit::Ok)?.text(text).notes(notes))
}

fn calls_of(source: &str, dir: &Utf8PathBuf, options: &Options<'_>) -> Result<Recorded> {
    let lines: Box<dyn BufRead> = match source {
        "-" => Box::new(BufReader::with_capacity(1 << 18, std::io::stdin())),
        path => Box::new(BufReader::with_capacity(1 << 18, open(path)?)),
    };
    let place = if source == "-" { "standard input" } else { source };
    record::record_calls(lines, dir, options).map_err(|e| e.at(place))
}

fn open(path: &str) -> Result<File> {
    let file = File::open(path).map_err(|e| Error::io("read", path, e))?;
    match file.metadata() {
        Ok(found) if found.is_dir() => Err(Error::invalid(format!("{path} is a folder, not a file"))),
        _ => Ok(file),
    }
}

/// The folder of an output: relative paths stay inside the working directory.
fn folder(raw: &str) -> Result<Utf8PathBuf> {
    match raw.trim() {
        "" => Err(Error::invalid("--out-dir is empty")),
        "." => Ok(Utf8PathBuf::from(".")),
        dir => fs::output_path(dir),
    }
}
