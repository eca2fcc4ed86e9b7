//! One writer per journal: an operating-system lock on `<journal>.lock`, a file that is gone when nobody holds it.

use crate::kernel::clock::{Clock, Stopwatch};
use crate::kernel::error::{Error, Kind, Result};
use crate::kernel::lock::{self, Named};
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

/// A held lock.
#[derive(Debug)]
pub struct Held {
    lock: Named,
}

/// Locks a journal. Errors: `Contention` when another process holds the lock all the time.
pub fn hold(journal: &Utf8Path, patience: Patience, clock: Clock) -> Result<Held> {
    let path = Utf8PathBuf::from(format!("{journal}.lock"));
    let watch = Stopwatch::start();
    let lock = lock::hold_named(journal.as_std_path(), patience.timeout).map_err(|error| match error.kind() {
        Kind::Contention => busy(&path, patience, watch.elapsed()),
        _ => error,
    })?;
    let held = Held { lock };
    held.describe(clock);
    Ok(held)
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
