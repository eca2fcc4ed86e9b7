//! Which file an argument means: a path, or a run id looked up in the places packs are kept.

use crate::kernel::error::{Error, Result};
use crate::kernel::fs;
use camino::{Utf8Path, Utf8PathBuf};

/// Folder of the packs of a project, under the working directory.
pub const OUT_DIR: &str = "gait-out";
/// Folder of the packs of a user, under the home directory.
const HOME_STORE: &str = ".gait/runpacks";

/// How an argument was understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// A path: it has a separator or ends in `.zip`.
    Path,
    /// A name ending in `.json` that is a file in the working directory.
    LocalJson,
    /// A run id.
    RunId,
}

/// An existing file and the spelling to report it by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Located {
    pub path: Utf8PathBuf,
    pub how: How,
}

/// Resolves `<run_id|path>` against the working directory and the user's store. Nothing found is `InvalidInput`.
pub fn resolve(arg: &str) -> Result<Located> {
    resolve_in(arg, Utf8Path::new(""), fs::home().as_deref())
}

/// As [`resolve`], with the places given. A path below `work` is reported relative to it.
pub fn resolve_in(arg: &str, work: &Utf8Path, home: Option<&Utf8Path>) -> Result<Located> {
    if arg.is_empty() {
        return Err(Error::invalid("no run id or path was given"));
    }
    let there = |path: &Utf8Path| work.join(path).metadata().is_ok_and(|found| !found.is_dir());
    let named = |path: &str, how| Ok(Located { path: path.into(), how });
    if arg.contains(['/', '\\']) || has_suffix(arg, ".zip") {
        return if there(Utf8Path::new(arg)) {
            named(arg, How::Path)
        } else {
            Err(Error::invalid(format!("there is no file {arg}")))
        };
    }
    if has_suffix(arg, ".json") && there(Utf8Path::new(arg)) {
        return named(arg, How::LocalJson);
    }
    let plain = arg.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
    let name = format!("runpack_{arg}.zip");
    let mut places = vec![Utf8PathBuf::from(format!("{OUT_DIR}/{name}"))];
    places.extend(home.map(|home| home.join(HOME_STORE).join(&name)));
    if plain && let Some(path) = places.iter().find(|path| there(path)) {
        return Ok(Located { path: path.clone(), how: How::RunId });
    }
    let looked = places.iter().map(|path| path.as_str()).collect::<Vec<_>>().join(" and ");
    let error = Error::invalid(format!("no run {arg:?} was found"));
    Err(if plain {
        error.hint(format!("looked for {looked}; a file is given by a path with a `/` or ending in `.zip`"))
    } else {
        error.hint("a run id has letters, digits, `_` and `-`; write a path with a `/`")
    })
}

/// Whether `text` ends in the ASCII `suffix`, in any case.
pub fn has_suffix(text: &str, suffix: &str) -> bool {
    let from = text.len().wrapping_sub(suffix.len());
    text.as_bytes().get(from..).is_some_and(|end| end.eq_ignore_ascii_case(suffix.as_bytes()))
}

/// The spelling of a written pack's path in results: cleaned, with `./` in front unless absolute or dotted.
pub fn shown(path: &Utf8Path) -> String {
    let clean = fs::clean(path.as_str());
    if clean.is_absolute() || clean.as_str().starts_with('.') { clean.into_string() } else { format!("./{clean}") }
}
