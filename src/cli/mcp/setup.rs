//! `gait mcp setup`: a client's servers started through the recorder.

use crate::cli::exit::Exit;
use crate::cli::output::{self, Answer};
use crate::kernel::error::{Error, Result};
use crate::kernel::fs;
use crate::mcp::setup::{self, Plan};
use camino::{Utf8Path, Utf8PathBuf};
use clap::Args;
use serde_json::json;
use similar::TextDiff;

/// Put `gait mcp record` in front of every stdio server of an MCP client's config
#[derive(Debug, Args)]
#[command(
    after_help = "FILE is .mcp.json or whatever file of the client holds `mcpServers` (or `servers`). The old file \
                        is kept beside it; servers that are recorded already, or have no command, stay as they are."
)]
pub struct SetupCmd {
    /// The config file
    #[arg(value_name = "FILE")]
    file: Utf8PathBuf,
    /// Show what would change, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// How the client is to call gait: a name on its path, or a path
    #[arg(long, value_name = "PROGRAM", default_value = "gait")]
    gait: String,
}

impl SetupCmd {
    /// Plans, and unless it is a dry run, does.
    pub fn run(self) -> Result<Answer> {
        let old = fs::read_text(&self.file, fs::SETTINGS_LIMIT)?;
        let plan = setup::plan(&old, &self.gait).map_err(|e| e.at(&self.file))?;
        let backup =
            if self.dry_run || plan.recorded.is_empty() { None } else { Some(replace(&self.file, &plan.text)?) };
        let value = json!({
            "file": self.file,
            "dry_run": self.dry_run,
            "recorded": plan.recorded,
            "unchanged": plan.unchanged,
            "skipped": plan.skipped,
            "backup": backup,
        });
        let mut text = String::new();
        if self.dry_run && !plan.recorded.is_empty() {
            let diff = TextDiff::from_lines(old.as_str(), plan.text.as_str());
            let name = self.file.as_str();
            text.push_str(&output::coloured(&diff.unified_diff().header(name, name).to_string()));
        }
        text.push_str(&told(&self.file, &plan, backup.as_deref(), self.dry_run));
        Ok(Answer::new(&value, Exit::Ok)?.text(text))
    }
}

fn told(file: &Utf8Path, plan: &Plan, backup: Option<&Utf8Path>, dry: bool) -> String {
    let mut lines = vec![format!("mcp setup ok: {file}{}", if dry { " (dry run)" } else { "" })];
    let lists =
        [("recorded", &plan.recorded), ("recorded already", &plan.unchanged), ("no stdio server", &plan.skipped)];
    for (what, names) in lists.into_iter().filter(|(_, names)| !names.is_empty()) {
        lines.push(format!("{what}: {}", names.join(", ")));
    }
    lines.extend(backup.map(|path| format!("backup: {path}")));
    lines.join("\n")
}

/// Writes the new text in place of the file, with its mode; where the old file is kept.
fn replace(file: &Utf8Path, text: &str) -> Result<Utf8PathBuf> {
    let real = file.canonicalize_utf8().map_err(|e| Error::io("read", file, e))?;
    let mode = real.metadata().map_err(|e| Error::io("read", file, e))?.permissions();
    let old = fs::read(&real, fs::SETTINGS_LIMIT)?;
    let mut names = (1..).map(|n| if n == 1 { format!("{file}.bak") } else { format!("{file}.bak{n}") });
    let backup = names.find(|name| !Utf8Path::new(name).exists()).unwrap_or_default();
    fs::write_new(&backup, &old)?;
    fs::write(&real, text.as_bytes())?;
    std::fs::set_permissions(&real, mode).map_err(|e| Error::io("write", file, e))?;
    Ok(backup.into())
}
