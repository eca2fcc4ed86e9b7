//! How the writing of events went: counts of this process, and of every process that wrote the same file.

use crate::kernel::clock::Timestamp;
use crate::kernel::error::Result;
use crate::kernel::json::encode;
use crate::kernel::{fs, lock};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

const SCHEMA_ID: &str = "gait.scout.telemetry_health";
const SCHEMA_VERSION: &str = "1.0.0";

/// Attempts to write one stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Count {
    pub attempts: u64,
    pub success: u64,
    pub failed: u64,
}

impl Count {
    fn add(&mut self, other: Self) {
        self.attempts = self.attempts.saturating_add(other.attempts);
        self.success = self.success.saturating_add(other.success);
        self.failed = self.failed.saturating_add(other.failed);
    }
}

/// Counts by stream.
type Counts = BTreeMap<String, Count>;

/// The file; keys in the order they are written.
#[derive(Serialize)]
struct Snapshot<'a> {
    schema_id: &'static str,
    schema_version: &'static str,
    created_at: Timestamp,
    producer_version: &'static str,
    streams: &'a Counts,
    totals: &'a Counts,
}

/// What an earlier process left.
#[derive(Deserialize)]
struct Earlier {
    #[serde(default)]
    totals: Counts,
}

/// The counts of this process.
#[derive(Debug, Default)]
pub struct Health {
    streams: Counts,
    unwritten: Counts,
}

impl Health {
    /// Counts one attempt to write `stream`.
    pub fn count(&mut self, stream: &str, success: bool) {
        let one = Count { attempts: 1, success: u64::from(success), failed: u64::from(!success) };
        for counts in [&mut self.streams, &mut self.unwritten] {
            counts.entry(stream.to_owned()).or_default().add(one);
        }
    }

    /// Whether nothing happened since the last snapshot.
    pub fn idle(&self) -> bool {
        self.unwritten.is_empty()
    }

    /// Rewrites the snapshot at `path`: `streams` are this process's counts, `totals` those of all. Two writers
    /// wait for each other at most `patience`.
    pub fn write(&mut self, path: &str, now: Timestamp, patience: Duration) -> Result<()> {
        let path = fs::output_path(path)?;
        let path = path.as_std_path();
        fs::make_parent(path)?;
        let _held = lock::hold(path, patience)?;
        let mut totals = earlier(path);
        for (stream, count) in &self.unwritten {
            totals.entry(stream.clone()).or_default().add(*count);
        }
        let text = encode::document(&Snapshot {
            schema_id: SCHEMA_ID,
            schema_version: SCHEMA_VERSION,
            created_at: now,
            producer_version: env!("CARGO_PKG_VERSION"),
            streams: &self.streams,
            totals: &totals,
        })?;
        fs::write_unsynced(path, text.as_bytes())?;
        self.unwritten.clear();
        Ok(())
    }
}

/// The totals so far; a file that can't be read starts them anew.
fn earlier(path: &Path) -> Counts {
    let bytes = fs::read(path, fs::SETTINGS_LIMIT).unwrap_or_default();
    serde_json::from_slice::<Earlier>(&bytes).map(|earlier| earlier.totals).unwrap_or_default()
}
