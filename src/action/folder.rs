//! The artifact folder: emptied first, and nothing but what this action wrote is ever in it.

use crate::kernel::error::{Error, Result};
use crate::kernel::fs;
use camino::{Utf8Path, Utf8PathBuf};
use std::fs::Metadata;
use std::path::Path;

/// Names that no folder holds that may be emptied.
const KEPT: [&str; 3] = ["gait.yaml", "fixtures", ".git"];
/// Most entries looked at before a folder is taken for something else.
const MOST: usize = 100_000;

/// Empties the folder `dir`, relative to the working directory, or makes it. It has to be strictly below `workspace`
/// (no link on the way) and to hold nothing people keep, nor any of `inputs`. Refused is `InvalidInput`, and then nothing
/// was removed.
pub fn prepare(dir: &str, workspace: &Utf8Path, inputs: &[&str]) -> Result<Utf8PathBuf> {
    let refuse = |what: &str| Error::invalid(format!("input artifact-dir: {dir:?} {what}"));
    let path = fs::clean(dir.trim());
    let here = real(Utf8Path::new("."))?;
    let workspace = real(workspace)?;
    let whole = fs::clean(here.join(&path).as_str());
    if !whole.starts_with(&workspace) || whole == workspace {
        return Err(refuse("is not strictly below the workspace"));
    }
    if here.starts_with(&whole) {
        return Err(refuse("holds the folder the action works in"));
    }
    for part in whole.ancestors().take_while(|part| *part != workspace) {
        match part.symlink_metadata() {
            Ok(found) if found.is_symlink() => return Err(refuse("is a link, or lies behind one")),
            Ok(found) if !found.is_dir() => return Err(refuse("is a file, or lies behind one")),
            _ => {}
        }
    }
    let inside = |input: &&&str| fs::clean(here.join(input).as_str()).starts_with(&whole);
    if let Some(input) = inputs.iter().filter(|input| !input.is_empty()).find(inside) {
        return Err(refuse(&format!("holds {input}, which is read")));
    }
    if let Some(name) = kept(whole.as_std_path(), &mut 0)? {
        return Err(refuse(&format!("holds {name}: it is emptied first, so it has to be a folder of its own")));
    }
    if whole.exists() {
        std::fs::remove_dir_all(&whole).map_err(|e| Error::io("empty", &whole, e))?;
    }
    fs::make_dir(&whole)?;
    Ok(path)
}

/// Makes temporary files go to `given` where that is a folder, else to the system's own place, else, where there is none
/// (an image that holds one program), to `folder`.
pub fn temporary(given: Option<&Utf8Path>, folder: &Utf8Path) -> Result<()> {
    let own = std::env::temp_dir();
    let place = match given {
        Some(given) if given.is_dir() => given.as_std_path().to_owned(),
        _ if own.is_dir() => return Ok(()),
        _ => real(folder)?.into_std_path_buf(),
    };
    // Set once for the whole process; a second time changes nothing.
    let _ = tempfile::env::override_temp_dir(&place);
    Ok(())
}

fn real(path: &Utf8Path) -> Result<Utf8PathBuf> {
    path.canonicalize_utf8().map_err(|e| Error::io("find", path, e))
}

/// What people keep in `dir` at any depth, if anything; links are not followed.
fn kept(dir: &Path, seen: &mut usize) -> Result<Option<String>> {
    let listing = match std::fs::read_dir(dir) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        listing => listing.map_err(|e| Error::io("look into", dir, e))?,
    };
    for entry in listing {
        let entry = entry.map_err(|e| Error::io("look into", dir, e))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        *seen += 1;
        if KEPT.contains(&name.as_str()) {
            return Ok(Some(name));
        }
        if *seen > MOST {
            return Ok(Some(format!("more than {MOST} files")));
        }
        let folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if let Some(found) = if folder { kept(&entry.path(), seen)? } else { None } {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// Gives what the action wrote to whoever owns the workspace, readable by all: the steps after it run as another user.
pub fn hand_over(dir: &Utf8Path, workspace: &Utf8Path) -> Result<()> {
    let owner = workspace.metadata().map_err(|e| Error::io("look at", workspace, e))?;
    hand(dir.as_std_path(), &owner, true)
}

/// As [`hand_over`], of one file or folder without what is in it.
pub fn hand_over_alone(path: &Utf8Path, workspace: &Utf8Path) -> Result<()> {
    let owner = workspace.metadata().map_err(|e| Error::io("look at", workspace, e))?;
    hand(path.as_std_path(), &owner, false)
}

#[cfg(unix)]
fn hand(path: &Path, owner: &Metadata, deep: bool) -> Result<()> {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt, lchown};
    let found = path.symlink_metadata().map_err(|e| Error::io("look at", path, e))?;
    if found.uid() != owner.uid() {
        lchown(path, Some(owner.uid()), Some(owner.gid())).map_err(|e| Error::io("hand over", path, e))?;
    }
    if found.is_symlink() {
        return Ok(());
    }
    let mode = found.permissions().mode() | if found.is_dir() { 0o055 } else { 0o044 };
    std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).map_err(|e| Error::io("hand over", path, e))?;
    if deep && found.is_dir() {
        for entry in std::fs::read_dir(path).map_err(|e| Error::io("look into", path, e))? {
            hand(&entry.map_err(|e| Error::io("look into", path, e))?.path(), owner, true)?;
        }
    }
    Ok(())
}

#[cfg(not(unix))]
fn hand(_path: &Path, _owner: &Metadata, _deep: bool) -> Result<()> {
    Ok(())
}
