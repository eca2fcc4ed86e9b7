//! The comment on a pull request: verdict first, then what changed since the last run, details folded, history.
//!
//! It holds no time and no duration: the same results of the same run give the same bytes.

use crate::kernel::digest::Digest;
use crate::report::memory::{Delta, Memory};
use crate::report::model::Report;
use crate::report::notice::Notice;
use crate::report::summary::{self, Layout};
use crate::report::text::{clip, code};

/// Largest comment, in bytes; GitHub takes 65,536 characters.
pub const LIMIT: usize = 60_000;
/// Names listed of one kind of change.
const NAMED: usize = 20;
const NAME_LIMIT: usize = 120;

/// What is told.
#[derive(Debug, Clone, Copy)]
pub enum Told<'a> {
    Report(&'a Report),
    Notice(&'a Notice),
}

impl Told<'_> {
    /// Markdown of at most `limit` bytes, `note` under the verdict.
    pub fn markdown(&self, limit: usize, folded: bool, note: &str) -> String {
        match self {
            Self::Report(report) => summary::laid_out(report, Layout { limit, folded, note }),
            Self::Notice(notice) => notice.markdown(limit),
        }
    }
}

/// The hidden first line that tells our comment for `key` (parts of any content) from others.
pub fn marker(key: &[&str]) -> String {
    let parts: Vec<String> = key.iter().map(|part| format!("{}:{part}", part.len())).collect();
    format!("<!-- gait-regress {} -->", Digest::of(parts.join("\n").as_bytes()))
}

/// The comment: `marker`, what is told, history, and the hidden memory. At most [`LIMIT`] bytes.
pub fn render(marker: &str, told: Told<'_>, delta: Option<&Delta>, memory: &Memory) -> String {
    let note = delta.map_or_else(String::new, changes);
    let tail = format!("{}\n{}\n", history(memory), memory.hidden());
    let room = LIMIT.saturating_sub(marker.len() + tail.len() + 2);
    format!("{marker}\n{}{tail}", told.markdown(room, true, &note))
}

fn changes(delta: &Delta) -> String {
    if delta.is_empty() {
        return "Since the last run: no case changed.\n\n".to_owned();
    }
    let kinds = [("new failure", &delta.new_failures), ("fixed", &delta.fixed), ("removed case", &delta.removed)];
    let mut out = "Since the last run:\n\n".to_owned();
    for (kind, names) in kinds.into_iter().filter(|(_, names)| !names.is_empty()) {
        let mut listed: Vec<String> = names.iter().take(NAMED).map(|name| code(&clip(name, NAME_LIMIT))).collect();
        if names.len() > NAMED {
            listed.push(format!("{} more", names.len() - NAMED));
        }
        out.push_str(&format!("- {kind}: {}\n", listed.join(", ")));
    }
    out + "\n"
}

fn history(memory: &Memory) -> String {
    let mut out = "\n<details><summary>Runs</summary>\n\n".to_owned();
    for run in memory.runs.iter().rev() {
        let (sha, id, verdict) =
            (code(run.sha.get(..7).unwrap_or(&run.sha)), code(&clip(&run.id, 24)), code(&clip(&run.verdict, 80)));
        out.push_str(&format!("- {sha} run {id}: {verdict}\n"));
    }
    out + "\n</details>\n"
}
