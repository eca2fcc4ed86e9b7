//! Results that other jobs uploaded, found by globs: untrusted, read within limits.

use crate::kernel::error::{Error, Result};
use crate::kernel::fs;
use crate::report::join;
use crate::report::model::{Report, SCHEMA_ID};
use crate::report::result;
use camino::{Utf8Path, Utf8PathBuf};
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use ignore::WalkBuilder;

/// Most files matched.
const MOST: usize = 10_000;
/// Largest result read here, in bytes.
const LIMIT: u64 = 32 << 20;

/// Files below the working directory that `globs` match, sorted; a glob behind `!` takes away again. `.git` and
/// `node_modules` are not looked into. `InvalidInput`: no glob, or no file.
pub fn files(globs: &[String], input: &str) -> Result<Vec<Utf8PathBuf>> {
    let (wanted, unwanted): (Vec<&str>, Vec<&str>) =
        globs.iter().map(String::as_str).partition(|g| !g.starts_with('!'));
    if wanted.is_empty() {
        return Err(Error::invalid(format!("input {input}: no file is named")).hint(format!("give globs in `{input}`")));
    }
    let wanted = set(&wanted, input)?;
    let unwanted = set(&unwanted.iter().map(|glob| &glob[1..]).collect::<Vec<_>>(), input)?;
    let folders = |entry: &ignore::DirEntry| !(entry.file_name() == ".git" || entry.file_name() == "node_modules");
    let mut found = Vec::new();
    for entry in WalkBuilder::new(".").standard_filters(false).filter_entry(folders).build() {
        let entry = entry.map_err(|e| Error::invalid(format!("input {input}: {e}")))?;
        if !entry.file_type().is_some_and(|kind| kind.is_file()) {
            continue;
        }
        let Ok(path) = Utf8PathBuf::from_path_buf(entry.into_path()) else { continue };
        let path = fs::clean(path.as_str());
        if wanted.is_match(&path) && !unwanted.is_match(&path) {
            found.push(path);
        }
        if found.len() > MOST {
            return Err(Error::invalid(format!("input {input}: more than {MOST} files match")));
        }
    }
    if found.is_empty() {
        let what = format!("input {input}: no file matches {}", globs.join(" "));
        return Err(Error::invalid(what).hint("was the artifact downloaded, and into this folder?"));
    }
    found.sort();
    Ok(found)
}

fn set(globs: &[&str], input: &str) -> Result<GlobSet> {
    let bad = |error: globset::Error| Error::invalid(format!("input {input}: {error}"));
    let mut set = GlobSetBuilder::new();
    for glob in globs {
        let clean = glob.trim().trim_start_matches("./");
        set.add(GlobBuilder::new(clean).literal_separator(true).build().map_err(bad)?);
    }
    set.build().map_err(bad)
}

/// One report of the result files among `files`: of all shards of a run, or of one whole run. JSON files of another kind
/// are passed over.
pub fn report(files: &[Utf8PathBuf]) -> Result<Report> {
    let mut results = Vec::new();
    for path in files {
        let bytes = fs::read(path, LIMIT)?;
        if is_result(&bytes) {
            results.push((path.to_string(), result::parse(&bytes).map_err(|e| e.at(path))?));
        }
    }
    match results.as_slice() {
        [] => Err(Error::invalid(format!("input results: none of {} files is a result", files.len()))
            .hint("upload regress_core_result.json, which the output report-json names")),
        [(_, whole)] if whole.shard.is_none() => join::whole(results.remove(0).1),
        _ => join::join(results),
    }
}

fn is_result(bytes: &[u8]) -> bool {
    let value: Option<serde_json::Value> = serde_json::from_slice(bytes).ok();
    value.is_some_and(|value| value.get("schema_id").is_some_and(|id| id == SCHEMA_ID))
}

/// `file` as seen from the workspace, for people and annotations.
pub fn seen(workdir: &str, file: &str) -> String {
    if Utf8Path::new(file).is_absolute() {
        return file.to_owned();
    }
    fs::clean(Utf8Path::new(workdir).join(file).as_str()).into_string()
}
