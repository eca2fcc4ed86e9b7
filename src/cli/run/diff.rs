//! `gait run diff`: what changed between two runs, call by call.

use crate::cli::exit::Exit;
use crate::cli::output::{Answer, coloured};
use crate::kernel::error::Result;
use crate::kernel::fs;
use crate::runpack::compare::{Privacy, Summary};
use crate::runpack::diff::{self, Diff};
use crate::runpack::locate;
use crate::runpack::story;
use crate::runpack::verify::Trust;
use crate::session::chain;
use camino::Utf8Path;
use clap::Args;

/// Compare two runpacks (or two session chains) call by call
#[derive(Debug, Args)]
pub struct DiffCmd {
    /// Run id or path of the run that is the measure
    #[arg(value_name = "LEFT")]
    left: String,
    /// Run id or path of the run that is compared with it
    #[arg(value_name = "RIGHT")]
    right: String,
    /// What is compared: full, or metadata (no arguments, no results)
    #[arg(long, value_name = "full|metadata", default_value = "full")]
    privacy: String,
    /// Write the summary to this file as well
    #[arg(long, value_name = "FILE")]
    output: Option<String>,
}

impl DiffCmd {
    /// Compares the two.
    pub fn run(self) -> Result<Answer> {
        let privacy: Privacy = self.privacy.parse()?;
        let output = self.output.as_deref().filter(|path| !path.trim().is_empty());
        let saved = output.map(fs::output_path).transpose()?;
        let (left, right) = (locate::resolve(&self.left)?, locate::resolve(&self.right)?);
        let found = match chains(&left, &right) {
            Some(summary) => Diff { calls: Vec::new(), calls_total: 0, privacy, summary },
            None => diff::diff(&left, &right, privacy, &Trust::ambient()?)?,
        };
        if let Some(path) = &saved {
            found.save(path)?;
        }
        let exit = if found.changed() { Exit::VerificationFailed } else { Exit::Ok };
        let mut answer = Answer::new(&found, exit)?.text(text(&found));
        if let Some(path) = output {
            answer = answer.with("output", path)?;
        }
        Ok(answer)
    }
}

/// The answer of a failed comparison: the summary is there all the same, and empty.
pub fn failed(answer: Answer) -> Answer {
    answer.with("summary", &Summary::default()).unwrap_or_else(|error| Answer::failure("diff", &error))
}

/// Two session chains, where both files are that.
fn chains(left: &Utf8Path, right: &Utf8Path) -> Option<Summary> {
    let named = [left, right].iter().all(|path| locate::has_suffix(path.as_str(), ".json"));
    if !named {
        return None;
    }
    Some(chain::diff(&chain::read(left).ok()?, &chain::read(right).ok()?))
}

fn text(found: &Diff) -> String {
    let summary = &found.summary;
    let (left, right) = (&summary.run_id_left, &summary.run_id_right);
    if !found.changed() {
        return format!("diff ok: {left} vs {right}");
    }
    let mut out = format!("diff changed: {left} vs {right}\n");
    if !summary.files_changed.is_empty() {
        out.push_str(&format!("files changed: {}\n", summary.files_changed.join(", ")));
    }
    let parts = [
        ("manifest", summary.manifest_changed),
        ("intents", summary.intents_changed),
        ("results", summary.results_changed),
        ("refs", summary.refs_changed),
    ];
    let changed: Vec<&str> = parts.into_iter().filter(|(_, changed)| *changed).map(|(name, _)| name).collect();
    out.push_str(&format!("changed: {}\n", changed.join(", ")));
    out.push_str(&coloured(&story::tell(&found.calls, found.calls_total)));
    out
}
