//! Which file an argument means: a path, or a run id looked up in the places packs are kept.

use crate::kernel::error::{Error, Result};
use crate::kernel::fs;
use camino::{Utf8Path, Utf8PathBuf};

/// Folder of the packs of a project, under the working directory.
pub const OUT_DIR: &str = "gait-out";
/// Folder of the packs of a user, under the home directory.
pub const HOME_STORE: &str = ".gait/runpacks";

/// Resolves `<run_id|path>` against the working directory and the user's store. Nothing found is `InvalidInput`.
pub fn resolve(arg: &str) -> Result<Utf8PathBuf> {
    resolve_in(arg, Utf8Path::new(""), fs::home().as_deref())
}

/// As [`resolve`], with the places given. A path below `work` is reported relative to it.
pub fn resolve_in(arg: &str, work: &Utf8Path, home: Option<&Utf8Path>) -> Result<Utf8PathBuf> {
    if arg.is_empty() {
        return Err(Error::invalid("no run id or path was given"));
    }
    let there = |path: &Utf8Path| work.join(path).metadata().is_ok_and(|found| !found.is_dir());
    if arg.contains(['/', '\\']) || has_suffix(arg, ".zip") {
        return if there(Utf8Path::new(arg)) {
            Ok(arg.into())
        } else {
            Err(Error::invalid(format!("there is no file {arg}")))
        };
    }
    let plain = arg.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
    let name = format!("runpack_{arg}.zip");
    let mut places = vec![Utf8PathBuf::from(format!("{OUT_DIR}/{name}"))];
    places.extend(home.map(|home| home.join(HOME_STORE).join(&name)));
    if plain && let Some(path) = places.iter().find(|path| there(path)) {
        return Ok(path.clone());
    }
    let looked = places.iter().map(|path| path.as_str()).collect::<Vec<_>>().join(" and ");
    Err(Error::invalid(if plain {
        format!("no run {arg:?} was found (looked for {looked}); a path has a `/` or ends in `.zip`")
    } else {
        format!("no run {arg:?} was found: a run id has letters, digits, `_` and `-`, a path has a `/`")
    }))
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
