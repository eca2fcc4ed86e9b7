//! The program itself in the workspace, for steps that run on the host.

use crate::kernel::error::{Error, Result};
use crate::kernel::fs;
use camino::{Utf8Path, Utf8PathBuf};
use std::fs::File;
use std::io;

/// Where it goes, relative to the workspace.
pub const BINARY: &str = ".gait/bin/gait";

/// Copies the running program to [`BINARY`] below `workspace`, with a `.gitignore` beside it. A link on the way is
/// refused: whoever wrote the repository must not choose where it goes.
pub fn install(workspace: &Utf8Path) -> Result<Utf8PathBuf> {
    let target = workspace.join(BINARY);
    let folder = workspace.join(".gait/bin");
    for part in [workspace.join(".gait"), folder.clone(), target.clone()] {
        if part.symlink_metadata().is_ok_and(|found| found.is_symlink()) {
            return Err(Error::invalid(format!("{part} is a link: the program is not put behind it")));
        }
    }
    fs::make_dir(&folder)?;
    let own = std::env::current_exe().map_err(|e| Error::io("find", "this program", e))?;
    let mut source = File::open(&own).map_err(|e| Error::io("read", &own, e))?;
    let mut draft = fs::Draft::new(&target)?;
    io::copy(&mut source, draft.file()).map_err(|e| Error::io("write", &target, e))?;
    #[cfg(unix)]
    {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        draft.file().set_permissions(mode).map_err(|e| Error::io("write", &target, e))?;
    }
    draft.publish()?;
    fs::write(folder.join(".gitignore"), b"*\n")?;
    Ok(BINARY.into())
}
