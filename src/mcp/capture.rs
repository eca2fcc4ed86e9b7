//! How a tee finds the capture it belongs to: a file per capture, found along the parents of the tee's process.

use crate::kernel::error::{Error, Result};
use crate::kernel::fs;
use crate::mcp::lineage::stat;
use crate::mcp::{journal, process};
use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

/// Variable that names the folder of the journals; programs that keep their environment pass it on.
pub const RUN_DIR_VAR: &str = "GAIT_RUN_DIR";
/// Where captures are registered, below the home folder.
const REGISTRY: &str = ".gait/capture";
/// More generations than any process tree has.
const GENERATIONS: usize = 256;

/// What a capture says of itself.
#[derive(Debug, Serialize, Deserialize)]
struct Entry {
    run_dir: Utf8PathBuf,
    /// When its process started, in the kernel's ticks: a later process of the same number is another.
    started: String,
}

/// A capture others can find. Dropping it takes the file away.
#[derive(Debug)]
pub struct Registered {
    path: Option<Utf8PathBuf>,
}

impl Registered {
    /// Registers this process as the capture of `run_dir`, an absolute path. Without a home there is no registry.
    pub fn new(run_dir: &Utf8Path) -> Result<Self> {
        let Some(home) = fs::home() else { return Ok(Self { path: None }) };
        let pid = std::process::id();
        let path = home.join(REGISTRY).join(pid.to_string());
        fs::make_parent(&path)?;
        let started = stat(pid).map(|stat| stat.started).unwrap_or_default();
        let entry = serde_json::to_vec(&Entry { run_dir: run_dir.to_owned(), started });
        fs::write_unsynced(&path, &entry.map_err(|e| Error::invalid(e.to_string()))?)?;
        Ok(Self { path: Some(path) })
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        if let Some(path) = &self.path {
            let _ = std::fs::remove_file(path);
        }
    }
}

/// A capture that was found: where its journals stand, and its process.
#[derive(Debug, PartialEq, Eq)]
pub struct Found {
    pub run_dir: Utf8PathBuf,
    pub pid: u32,
}

/// The nearest capture among the parents of this process.
pub fn find() -> Option<Found> {
    let registry = fs::home()?.join(REGISTRY);
    let mut pid = std::process::id();
    for _ in 0..GENERATIONS {
        pid = stat(pid)?.parent;
        let Some(parent) = stat(pid) else { continue };
        let entry = fs::read(registry.join(pid.to_string()), fs::SETTINGS_LIMIT).ok();
        let entry = entry.and_then(|bytes| serde_json::from_slice::<Entry>(&bytes).ok());
        if let Some(entry) = entry.filter(|entry| entry.started == parent.started) {
            return Some(Found { run_dir: entry.run_dir, pid });
        }
    }
    None
}

/// The variables a process was started with, as Linux tells its own user.
pub fn variables(pid: u32) -> Vec<(String, String)> {
    let bytes = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    let pair = |entry: &[u8]| {
        let (name, value) = std::str::from_utf8(entry).ok()?.split_once('=')?;
        Some((name.to_owned(), value.to_owned()))
    };
    bytes.split(|&byte| byte == 0).filter_map(pair).collect()
}

/// Asks the recorders that listen, and write in `run_dir`, to end: no client will close them.
pub fn end_listeners(run_dir: &Utf8Path) -> Result<()> {
    for pid in journal::find(run_dir)?.iter().filter_map(|path| journal::listener(path)) {
        process::terminate(pid);
    }
    Ok(())
}
