//! Files: written whole or not at all, read within limits, private by mode.

use crate::kernel::error::{Error, Kind, Result};
use camino::{Utf8Component, Utf8Path, Utf8PathBuf};
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::path::Path;

/// Largest JSON document read whole unless a caller says otherwise: 64 MiB.
pub const DOCUMENT_LIMIT: u64 = 64 << 20;
/// Largest policy, token, key or config file: 1 MiB.
pub const SETTINGS_LIMIT: u64 = 1 << 20;

/// The shortest spelling of a path without touching the disk: no `.`, no doubled `/`, `a/../b` folded.
pub fn clean(path: &str) -> Utf8PathBuf {
    let mut out = Utf8PathBuf::new();
    for part in Utf8Path::new(path).components() {
        match part {
            Utf8Component::CurDir => {}
            Utf8Component::ParentDir => match out.components().next_back() {
                Some(Utf8Component::Normal(_)) => {
                    out.pop();
                }
                Some(Utf8Component::RootDir | Utf8Component::Prefix(_)) => {}
                _ => out.push(".."),
            },
            other => out.push(other.as_str()),
        }
    }
    if out.as_str().is_empty() { Utf8PathBuf::from(".") } else { out }
}

/// Where an output may go: trimmed and cleaned; empty, `.`, `/` and relative paths that leave the working
/// directory are refused, absolute paths are the caller's own business.
pub fn output_path(raw: &str) -> Result<Utf8PathBuf> {
    let trimmed = raw.trim();
    if trimmed.is_empty() {
        return Err(Error::invalid("the output path is empty"));
    }
    let path = clean(trimmed);
    if path == "." || path == "/" {
        return Err(Error::invalid(format!("output path {raw:?} is a directory, not a file")));
    }
    if path.is_relative() && path.starts_with("..") {
        return Err(Error::invalid(format!("output path {raw:?} leaves the working directory"))
            .hint("give a path inside the working directory, or an absolute one"));
    }
    Ok(path)
}

/// Makes a directory and its parents, mode 0750.
pub fn make_dir(path: impl AsRef<Path>) -> Result<()> {
    let path = path.as_ref();
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o750);
    builder.create(path).map_err(|e| Error::io("create directory", path, e))
}

/// Makes the directory a file is to stand in.
pub fn make_parent(path: impl AsRef<Path>) -> Result<()> {
    match path.as_ref().parent() {
        Some(parent) if !parent.as_os_str().is_empty() => make_dir(parent),
        _ => Ok(()),
    }
}

/// A file that appears under its name only when it is complete. Dropped before [`Draft::publish`], it is gone.
#[derive(Debug)]
pub struct Draft {
    file: tempfile::NamedTempFile,
    path: std::path::PathBuf,
}

impl Draft {
    /// Starts a draft of `path` beside it: `.<name>.tmp-<random>`, mode 0600. The directory must exist.
    pub fn new(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let parent = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        if path.is_dir() {
            return Err(Error::invalid(format!("cannot write {}: it is a directory", path.display())));
        }
        let file = tempfile::Builder::new()
            .prefix(&format!(".{name}.tmp-"))
            .tempfile_in(parent)
            .map_err(|e| Error::io("write", path, plain(e)))?;
        Ok(Self { file, path: path.to_owned() })
    }

    /// The open draft.
    pub fn file(&mut self) -> &mut File {
        self.file.as_file_mut()
    }

    /// Syncs the draft and puts it in place of whatever stood there.
    pub fn publish(self) -> Result<()> {
        self.sync()?;
        self.place()
    }

    /// As [`Draft::publish`], with a look at the draft while the disk is waited for. When `check` fails, nothing is
    /// published.
    pub fn publish_checked(self, check: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
        std::thread::scope(|scope| {
            let sync = scope.spawn(|| self.sync());
            let checked = check(self.file.path());
            let gone = |_| Err(Error::new(Kind::Internal, "the writing thread ended early"));
            sync.join().unwrap_or_else(gone).and(checked)
        })?;
        self.place()
    }

    fn sync(&self) -> Result<()> {
        self.file.as_file().sync_all().map_err(|e| Error::io("write", &self.path, e))
    }

    fn place(self) -> Result<()> {
        let Self { file, path } = self;
        file.persist(&path).map_err(|e| Error::io("write", &path, e.error))?;
        sync_dir(&path);
        Ok(())
    }

    /// As [`Draft::publish`], but an existing file is an error and stays as it was.
    pub fn publish_new(self) -> Result<()> {
        self.sync()?;
        let Self { file, path } = self;
        file.persist_noclobber(&path).map_err(|e| Error::io("create", &path, e.error))?;
        sync_dir(&path);
        Ok(())
    }
}

/// Writes a file whole or not at all, mode 0600, without waiting for the disk: for what a crash may take away.
pub fn write_unsynced(path: impl AsRef<Path>, bytes: &[u8]) -> Result<()> {
    let mut draft = Draft::new(&path)?;
    draft.file().write_all(bytes).map_err(|e| Error::io("write", &path, e))?;
    draft.file.persist(&draft.path).map_err(|e| Error::io("write", &path, e.error))?;
    Ok(())
}

/// A folder that appears under its name only when it is complete. Dropped before [`DraftDir::publish`], it is gone.
#[derive(Debug)]
pub struct DraftDir {
    dir: tempfile::TempDir,
    path: std::path::PathBuf,
}

impl DraftDir {
    /// Starts a draft of the folder `path` beside it, mode 0750. The parent must exist.
    pub fn new(path: &Path) -> Result<Self> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let parent = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut builder = tempfile::Builder::new();
        let prefix = format!(".{name}.tmp-");
        builder.prefix(&prefix);
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o750));
        let dir = builder.tempdir_in(parent).map_err(|e| Error::io("create directory", path, plain(e)))?;
        Ok(Self { dir, path: path.to_owned() })
    }

    /// Where its files go until it is complete.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Gives the folder its name. A folder that stands there by now is an error and stays as it was.
    pub fn publish(self) -> Result<()> {
        let Self { dir, path } = self;
        fs::rename(dir.path(), &path).map_err(|e| Error::io("create directory", &path, e))?;
        let _ = dir.keep();
        sync_dir(&path);
        Ok(())
    }
}

/// The system's error without the name of the draft, which means nothing to the caller.
fn plain(error: std::io::Error) -> std::io::Error {
    let text = error.to_string();
    text.rfind(" at path \"").map_or_else(|| error.kind().into(), |at| std::io::Error::new(error.kind(), &text[..at]))
}

/// Best effort: makes the rename durable.
fn sync_dir(path: &Path) {
    let parent = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if let Ok(dir) = File::open(parent) {
        let _ = dir.sync_all();
    }
}

/// Whether a file written to one of the paths is one written to the other: links of folders are followed, those of the
/// files themselves are replaced.
pub fn is_same_place(one: &Utf8Path, other: &Utf8Path) -> bool {
    let real = |path: &Utf8Path| {
        let path = std::path::absolute(path).ok()?;
        let mut folders = path.ancestors().skip(1);
        let (real, folder) = folders.find_map(|folder| Some((folder.canonicalize().ok()?, folder)))?;
        Some(real.join(path.strip_prefix(folder).ok()?))
    };
    one == other || real(one).is_some_and(|place| real(other) == Some(place))
}

/// Whether `path` can be replaced by a file: not what the system keeps below /dev and /proc, no device, no pipe.
pub fn is_plain(path: impl AsRef<Path>) -> bool {
    let path = path.as_ref();
    let kept =
        cfg!(unix) && ["/dev", "/proc"].iter().any(|folder| path.starts_with(folder)) && !path.starts_with("/dev/shm");
    !kept && fs::symlink_metadata(path).map_or(true, |found| found.is_file() || found.is_symlink() || found.is_dir())
}

/// Writes a file whole or not at all, mode 0600, replacing what stood there. A device or a pipe is written into.
pub fn write(path: impl AsRef<Path>, bytes: &[u8]) -> Result<()> {
    if !is_plain(&path) {
        let open = OpenOptions::new().write(true).open(&path);
        return open.and_then(|mut file| file.write_all(bytes)).map_err(|e| Error::io("write", &path, e));
    }
    let mut draft = Draft::new(&path)?;
    draft.file().write_all(bytes).map_err(|e| Error::io("write", &path, e))?;
    draft.publish()
}

/// Writes files as [`write`] does, in this order, with one wait for each folder. The first that cannot be written ends it;
/// those before it stay.
pub fn write_all(files: &[(&Utf8Path, &[u8])]) -> Result<()> {
    let (mut drafts, mut outcome) = (Vec::new(), Ok(()));
    for (path, bytes) in files {
        let written = if is_plain(path) {
            Draft::new(path).and_then(|mut draft| {
                draft.file().write_all(bytes).map_err(|e| Error::io("write", path, e))?;
                drafts.push(draft);
                Ok(())
            })
        } else {
            write(path, bytes)
        };
        if written.is_err() {
            outcome = written;
            break;
        }
    }
    drafts.iter().try_for_each(Draft::sync)?;
    // One file of each folder, to make the renames in it durable.
    let mut folders = BTreeMap::new();
    for Draft { file, path } in drafts {
        file.persist(&path).map_err(|e| Error::io("write", &path, e.error))?;
        folders.insert(path.parent().map(Path::to_owned), path);
    }
    folders.values().for_each(|path| sync_dir(path));
    outcome
}

/// Writes a file that must not exist yet, whole or not at all, mode 0600.
pub fn write_new(path: impl AsRef<Path>, bytes: &[u8]) -> Result<()> {
    let mut draft = Draft::new(&path)?;
    draft.file().write_all(bytes).map_err(|e| Error::io("write", &path, e))?;
    draft.publish_new()
}

/// Removes a file; that there is none is fine.
pub fn remove(path: impl AsRef<Path>) -> Result<()> {
    match fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::io("remove", &path, error)),
        _ => Ok(()),
    }
}

/// Reads a file of at most `limit` bytes.
pub fn read(path: impl AsRef<Path>, limit: u64) -> Result<Vec<u8>> {
    let path = path.as_ref();
    let file = File::open(path).map_err(|e| Error::io("read", path, e))?;
    read_open(&file, path, limit)
}

/// Reads an open file of at most `limit` bytes from its current position.
pub fn read_open(file: &File, path: &Path, limit: u64) -> Result<Vec<u8>> {
    let claimed = file.metadata().map_err(|e| Error::io("read", path, e))?.len();
    read_sized(file, path, claimed, limit)
}

/// As [`read_open`], of a file that claims to have `claimed` bytes.
pub fn read_sized(file: &File, path: &Path, claimed: u64, limit: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(claimed.min(limit) as usize + 1);
    file.take(limit + 1).read_to_end(&mut bytes).map_err(|e| Error::io("read", path, e))?;
    if bytes.len() as u64 > limit {
        return Err(Error::invalid(format!("{} is larger than {limit} bytes", path.display())));
    }
    Ok(bytes)
}

/// Reads a UTF-8 text of at most `limit` bytes; a byte-order mark is dropped.
pub fn read_text(path: impl AsRef<Path>, limit: u64) -> Result<String> {
    let bytes = read(&path, limit)?;
    let text = String::from_utf8(bytes)
        .map_err(|_| Error::invalid(format!("{} is not UTF-8 text", path.as_ref().display())))?;
    Ok(text.strip_prefix('\u{FEFF}').map(str::to_owned).unwrap_or(text))
}

/// Opens a file for reading and appending, made 0600 if missing.
pub fn open_private(path: &Path) -> Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map_err(|e| Error::io("open", path, e))
}

/// The home directory, if the environment names one.
pub fn home() -> Option<Utf8PathBuf> {
    let variable = if cfg!(windows) { "USERPROFILE" } else { "HOME" };
    std::env::var(variable).ok().filter(|home| !home.is_empty()).map(Utf8PathBuf::from)
}
