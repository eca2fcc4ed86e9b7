//! One writer per journal: an operating-system lock on `<journal>.lock`, a file that is gone when nobody holds it.

use crate::kernel::clock::{Clock, Stopwatch};
use crate::kernel::error::{Error, Kind, Result};
use crate::kernel::lock::{self, Lock};
use camino::{Utf8Path, Utf8PathBuf};
use std::time::Duration;

/// How long to wait for others, and whether an event has to be on the disk before it counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    pub profile: &'static str,
    pub timeout: Duration,
    pub sync_events: bool,
}

impl Default for Patience {
    fn default() -> Self {
        Self { profile: "standard", timeout: Duration::from_secs(2), sync_events: true }
    }
}

impl Patience {
    /// Many writers at once: longer waiting, no waiting for the disk.
    pub const SWARM: Self = Self { profile: "swarm", timeout: Duration::from_secs(10), sync_events: false };

    /// What the environment asks for: `GAIT_SESSION_LOCK_PROFILE` and `GAIT_SESSION_LOCK_TIMEOUT`, which is ignored
    /// where it is no duration and the standard one where it is not positive.
    pub fn from_env() -> Self {
        let var = |name: &str| std::env::var(name).unwrap_or_default().trim().to_lowercase();
        let chosen = if var("GAIT_SESSION_LOCK_PROFILE") == "swarm" { Self::SWARM } else { Self::default() };
        let timeout = var("GAIT_SESSION_LOCK_TIMEOUT");
        let negative = timeout.starts_with('-');
        match humantime::parse_duration(timeout.trim_start_matches('-')) {
            Ok(given) if negative || given.is_zero() => Self { timeout: Self::default().timeout, ..chosen },
            Ok(timeout) => Self { timeout, ..chosen },
            Err(_) => chosen,
        }
    }
}

/// A held lock. The kernel releases it however the process ends; a file left behind then means nothing.
#[derive(Debug)]
pub struct Held {
    path: Utf8PathBuf,
    lock: Lock,
}

/// Locks a journal. Errors: `Contention` when another process holds the lock all the time.
pub fn hold(journal: &Utf8Path, patience: Patience, clock: Clock) -> Result<Held> {
    let path = Utf8PathBuf::from(format!("{journal}.lock"));
    let watch = Stopwatch::start();
    loop {
        let left = patience.timeout.saturating_sub(watch.elapsed());
        let lock = lock::hold(journal.as_std_path(), left).map_err(|error| match error.kind() {
            Kind::Contention => busy(&path, patience, watch.elapsed()),
            _ => error,
        })?;
        let held = Held { path: path.clone(), lock };
        if held.is_current() {
            held.describe(clock);
            return Ok(held);
        }
        // The holder before removed the file while this process waited on it.
    }
}

fn busy(path: &Utf8Path, patience: Patience, waited: Duration) -> Error {
    let Patience { profile, timeout, .. } = patience;
    Error::new(
        Kind::Contention,
        format!("session state contention: {path} is held by another process (waited {waited:.0?}, timeout {timeout:?}, profile {profile})"),
    )
    .hint("wait for the other process to end, then retry; GAIT_SESSION_LOCK_TIMEOUT sets how long to wait")
}

impl Held {
    /// Whether the locked file is the one that stands at the path.
    #[cfg(unix)]
    fn is_current(&self) -> bool {
        use std::os::unix::fs::MetadataExt as _;
        let place = |data: std::fs::Metadata| (data.dev(), data.ino());
        let (held, there) = (self.lock.file().metadata(), std::fs::metadata(&self.path));
        matches!((held.map(place), there.map(place)), (Ok(held), Ok(there)) if held == there)
    }

    #[cfg(not(unix))]
    fn is_current(&self) -> bool {
        true
    }

    /// Says who holds it, in the form other programs read. Best effort: the lock is what counts.
    fn describe(&self, clock: Clock) {
        use std::io::Write as _;
        let now = clock.now().utc().to_string();
        let seconds = now.get(..19).unwrap_or(&now);
        let pid = std::process::id();
        let line = format!(
            "{{\"created_at\":\"{seconds}Z\",\"pid\":{pid},\"schema_id\":\"gait.runpack.session_lock\",\"schema_version\":\"1.0.0\"}}\n"
        );
        let mut file = self.lock.file();
        let _ = file.set_len(0).and_then(|()| file.write_all(line.as_bytes()));
    }
}

impl Drop for Held {
    /// Removes the file while it is still locked; where that is impossible it stays, unlocked.
    fn drop(&mut self) {
        if self.is_current() && cfg!(unix) {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}
