//! `gait init`: the three files a repository begins with.

use crate::cli::exit::Exit;
use crate::cli::output::Answer;
use crate::config::suite;
use crate::gate::template;
use crate::kernel::error::{Error, Result};
use crate::kernel::fs;
use clap::Args;
use serde_json::json;
use std::path::Path;

/// Stands in the templates for whoever publishes the action.
const OWNER: &str = "OWNER/gait-regress@v1";
const WORKFLOW: &str = include_str!("../../templates/workflows/regress.yml");
const POLICY: &str = "baseline-mediumrisk";
const SUITE: &str = "\
# Recorded runs as regression tests: `gait regress bootstrap --from <run_id|path>` adds one below.
schema_id: gait.regress.config
schema_version: 1.0.0
fixture_set: default
discover: [\"fixtures/**/runpack.zip\"]
# defaults:
#   agent: { command: [\"python\", \"agent.py\"] }
fixtures:
";

/// Begin in a repository: write gait.yaml, a first policy and the workflow, each shown first; nothing is replaced
#[derive(Debug, Args)]
pub struct InitCmd {
    /// The action the workflow uses
    #[arg(long, value_name = "OWNER/REPO@REF", default_value = OWNER)]
    action: String,
    /// Show the files and write nothing
    #[arg(long)]
    dry_run: bool,
}

/// A file to be written, or the reason why it is not.
struct Planned {
    path: &'static str,
    text: String,
    exists: bool,
}

impl InitCmd {
    /// Shows and writes the files that are not there.
    pub fn run(self) -> Result<Answer> {
        check(&self.action)?;
        let workflow = WORKFLOW.replace(OWNER, &self.action);
        let workflow = if self.action == OWNER { workflow } else { workflow.replace(" Replace OWNER.", "") };
        let policy = template::named(POLICY).map_or("", |template| template.text);
        let files = [
            (suite::DEFAULT_PATH, SUITE.to_owned()),
            ("gait.policy.yaml", policy.to_owned()),
            (".github/workflows/gait-regress.yml", workflow),
        ];
        let plan = files.map(|(path, text)| Planned { path, text, exists: Path::new(path).symlink_metadata().is_ok() });
        if !self.dry_run {
            for file in plan.iter().filter(|file| !file.exists) {
                fs::make_parent(file.path)?;
                fs::write_new(file.path, file.text.as_bytes())?;
            }
        }
        let done = |file: &Planned| match (file.exists, self.dry_run) {
            (true, _) => "kept",
            (false, true) => "would write",
            (false, false) => "written",
        };
        let listed: Vec<_> = plan.iter().map(|file| json!({ "path": file.path, "state": done(file) })).collect();
        let value = json!({ "files": listed, "dry_run": self.dry_run });
        Ok(Answer::new(&value, Exit::Ok)?.text(self.text(&plan, done)))
    }

    fn text(&self, plan: &[Planned], done: impl Fn(&Planned) -> &'static str) -> String {
        let mut out = String::new();
        for file in plan {
            out.push_str(&format!("--- {} ({})\n", file.path, done(file)));
            if !file.exists {
                out.push_str(&format!("{}\n", file.text.trim_end()));
            }
        }
        out.push_str(if self.dry_run { "init ok: nothing was written\n" } else { "init ok\n" });
        if self.action == OWNER {
            out.push_str(
                "next: put the owner of the action into .github/workflows/gait-regress.yml, or use --action\n",
            );
        }
        out.push_str("next: gait regress bootstrap --from <run_id|path>\n");
        out
    }
}

/// It is written into a workflow, so it is no more than a reference.
fn check(action: &str) -> Result<()> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/');
    match action.split_once('@') {
        Some((name, at)) if name.contains('/') && !at.is_empty() && [name, at].iter().all(|p| p.chars().all(fits)) => {
            Ok(())
        }
        _ => Err(Error::invalid(format!("--action {action:?} is no action: write OWNER/REPO@REF"))),
    }
}
