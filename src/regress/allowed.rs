//! `diff_allow_changed_files` of a `fixture.json`: whole entries, or single places `intents.jsonl#/<record>/<pointer>`.

use crate::runpack::calls::{CallChange, Change};
use crate::runpack::model::{INTENTS, RESULTS};
use serde_json::Value;
use std::collections::BTreeSet;

/// What the list is called in a report.
pub const NAME: &str = "diff_allow_changed_files";

/// The differences a fixture accepts.
#[derive(Debug, Clone, Default)]
pub struct Allowed {
    files: BTreeSet<String>,
    places: BTreeSet<String>,
}

impl Allowed {
    /// Reads the list.
    pub fn of(list: &[String]) -> Self {
        let trimmed = list.iter().map(|item| item.trim()).filter(|item| !item.is_empty());
        let (places, files) = trimmed.map(str::to_owned).partition(|item| item.contains('#'));
        Self { files, places }
    }

    /// Everything on it, sorted.
    pub fn listed(&self) -> Value {
        self.files.union(&self.places).cloned().collect()
    }

    /// Whole lanes on the list: with them no call is compared any more.
    pub fn broad(&self) -> Vec<&str> {
        [INTENTS, RESULTS].into_iter().filter(|file| self.files.contains(*file)).collect()
    }

    /// Whether single places are on the list.
    pub fn has_places(&self) -> bool {
        !self.places.is_empty()
    }

    /// Whether the whole entry is.
    pub fn file(&self, file: &str) -> bool {
        self.files.contains(file)
    }

    /// Whether every difference in `file` is accepted. What is not known place by place is not.
    pub fn covers(&self, file: &str, calls: &[CallChange], total: usize) -> bool {
        if self.file(file) {
            return true;
        }
        let prefixes: &[&str] = match file {
            INTENTS => &["/args", "/tool_name"],
            RESULTS => &["/result", "/status"],
            _ => return false,
        };
        let mine = |path: &str| prefixes.iter().any(|prefix| path.starts_with(prefix));
        let accepted = |call: &CallChange| {
            let known = call.kind == Change::Changed
                && !call.differences.is_empty()
                && call.differences.len() == call.differences_total;
            let Some(index) = call.index_left.filter(|_| known) else { return false };
            let mut paths =
                call.differences.iter().map(|difference| difference.path.as_str()).filter(|path| mine(path));
            paths.all(|path| self.place(file, index - 1, path))
        };
        self.has_places() && total == calls.len() && calls.iter().all(accepted)
    }

    /// Whether a place, or anything above it, is on the list; `index` counts the baseline's records from 0.
    pub fn place(&self, file: &str, index: usize, path: &str) -> bool {
        let full = format!("{file}#/{index}{path}");
        let ends = full.match_indices('/').map(|(at, _)| at).skip(1).chain([full.len()]);
        ends.into_iter().any(|end| self.places.contains(&full[..end]))
    }
}
