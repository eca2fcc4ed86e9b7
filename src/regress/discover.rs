//! What there is to run: the fixtures a `gait.yaml` lists, and those its globs find.

use crate::config::place;
use crate::config::suite::{self, Entry, Settings, Suite};
use crate::kernel::error::{Error, Result};
use crate::kernel::fs;
use crate::report::model::Place;
use camino::{Utf8Path, Utf8PathBuf};
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use ignore::WalkBuilder;
use std::collections::{BTreeMap, HashSet};

/// A fixture that is to be run, not opened yet.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed {
    pub name: String,
    pub run_id: Option<String>,
    /// The baseline, absolute or relative to the working directory.
    pub runpack: String,
    pub settings: Settings,
    /// Where it stands in the config; none for one that a glob found.
    pub place: Option<Place>,
}

/// The fixtures of `suite`, sorted by name (byte order). None is `InvalidInput`.
pub fn discover(suite: &Suite) -> Result<Vec<Listed>> {
    let mut found: BTreeMap<String, Listed> = BTreeMap::new();
    for entry in &suite.fixtures {
        found.insert(entry.name.clone(), listed(entry, suite));
    }
    let known: HashSet<Utf8PathBuf> = suite.fixtures.iter().map(|entry| fs::clean(&entry.runpack)).collect();
    for path in walk(suite)?.into_iter().filter(|path| !known.contains(path)) {
        let name = path.parent().and_then(Utf8Path::file_name).unwrap_or_default().to_owned();
        suite::check_name(&name).map_err(|e| e.at(&path))?;
        if let Some(other) = found.get(&name) {
            let what = format!("two fixtures are called {name:?}: {} and {path}", other.runpack);
            return Err(Error::invalid(what).hint("rename one of the two folders"));
        }
        let fresh = Listed {
            name: name.clone(),
            run_id: None,
            runpack: path.into_string(),
            settings: suite.defaults.clone(),
            place: place(suite.discover_place, suite),
        };
        found.insert(name, fresh);
    }
    if found.is_empty() {
        let what = format!("{}: there are no fixtures to run", suite.document.path);
        return Err(Error::invalid(what).hint("make one with `gait regress bootstrap --from <run_id|path>`"));
    }
    Ok(found.into_values().collect())
}

fn listed(entry: &Entry, suite: &Suite) -> Listed {
    Listed {
        name: entry.name.clone(),
        run_id: entry.run_id.clone(),
        runpack: entry.runpack.clone(),
        settings: entry.settings.clone(),
        place: place(Some(entry.place), suite),
    }
}

fn place(at: Option<place::Place>, suite: &Suite) -> Option<Place> {
    at.map(|at| Place { file: suite.document.path.clone(), line: at.line })
}

/// The files the globs match, relative to the working directory where the config is.
fn walk(suite: &Suite) -> Result<Vec<Utf8PathBuf>> {
    if suite.discover.is_empty() {
        return Ok(Vec::new());
    }
    let (globs, negated) = (globs(suite, false)?, globs(suite, true)?);
    let config = Utf8Path::new(&suite.document.path);
    let base = config.parent().filter(|dir| !dir.as_str().is_empty()).unwrap_or(Utf8Path::new("."));
    let mut paths = Vec::new();
    let folders = |entry: &ignore::DirEntry| {
        let name = entry.file_name().to_string_lossy();
        entry.depth() == 0 || !(name.starts_with('.') || name == "node_modules" || name == "target")
    };
    for entry in WalkBuilder::new(base).standard_filters(false).filter_entry(folders).build() {
        let entry = entry.map_err(|e| Error::invalid(format!("cannot look for fixtures: {e}")))?;
        if !entry.file_type().is_some_and(|kind| kind.is_file()) {
            continue;
        }
        let path = Utf8PathBuf::from_path_buf(entry.into_path())
            .map_err(|path| Error::invalid(format!("{} is not a UTF-8 path", path.display())))?;
        let inside = path.strip_prefix(base).unwrap_or(&path);
        if globs.is_match(inside.as_std_path()) && !negated.is_match(inside.as_std_path()) {
            paths.push(fs::clean(path.as_str()));
        }
    }
    paths.sort();
    Ok(paths)
}

/// The `discover` globs; those that start with `!` take away again.
fn globs(suite: &Suite, negated: bool) -> Result<GlobSet> {
    let bad = |error: globset::Error| Error::invalid(format!("{}: `discover`: {error}", suite.document.path));
    let mut set = GlobSetBuilder::new();
    for pattern in suite.discover.iter().filter(|pattern| pattern.starts_with('!') == negated) {
        let pattern = pattern.trim_start_matches('!').trim_start_matches("./");
        set.add(GlobBuilder::new(pattern).literal_separator(true).build().map_err(bad)?);
    }
    set.build().map_err(bad)
}
