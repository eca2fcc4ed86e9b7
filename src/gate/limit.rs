//! How often calls may proceed: counters in a file, one process at a time.

use crate::gate::intent::Intent;
use crate::gate::policy::RateLimit;
use crate::kernel::clock::{Clock, Timestamp};
use crate::kernel::error::{Error, Kind, Result};
use crate::kernel::fs::{self, SETTINGS_LIMIT};
use crate::kernel::json::{encode, read};
use crate::kernel::lock;
use camino::Utf8Path;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

pub const DEFAULT_STATE: &str = ".gait-out/gate_rate_limits.json";
/// The code of the error that another process keeps the state.
pub const TIMEOUT: &str = "rate_limit_lock_timeout";
const SCHEMA: &str = "gait.gate.rate_limit_state";
const SCHEMA_VERSION: &str = "1.0.0";
const PATIENCE: Duration = Duration::from_secs(3);

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct State {
    schema_id: String,
    schema_version: String,
    counters: Vec<Counter>,
}

#[derive(Debug, Default, Clone, Serialize, Deserialize)]
#[serde(default)]
struct Counter {
    key: String,
    count: i64,
}

/// What the counter of a call said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counted {
    pub scope: String,
    pub key: String,
    pub used: u64,
    pub remaining: u64,
    pub allowed: bool,
}

/// Counts a call, or only looks (`count` false). A call too many is not counted.
///
/// Errors: `Contention` when another process keeps the state for 3 seconds, `InvalidInput` for a broken state file.
pub fn take(path: &Utf8Path, limit: &RateLimit, intent: &Intent, clock: Clock, count: bool) -> Result<Counted> {
    fs::make_parent(path)?;
    let lock = lock::hold_named(path.as_std_path(), PATIENCE).map_err(|error| match error.kind() {
        Kind::Contention => error.code(TIMEOUT),
        _ => error,
    })?;
    let now = clock.now().utc();
    let mut counters = load(path)?;
    let bucket = bucket(&limit.window, &now);
    prune(&mut counters, &limit.window, &bucket);
    let identity = &intent.context.identity;
    let scoped = match limit.scope.as_str() {
        "tool" => intent.tool_name.clone(),
        "identity" => identity.clone(),
        _ => format!("{}|{identity}", intent.tool_name),
    };
    let counter = counters.entry(format!("{}|{}|{bucket}|{scoped}", limit.window, limit.scope)).or_default();
    let allowed = *counter < limit.requests;
    if allowed {
        *counter += 1;
    }
    let used = *counter;
    if allowed && count {
        save(path, counters)?;
    }
    drop(lock);
    Ok(Counted {
        scope: limit.scope.clone(),
        key: scoped,
        used,
        remaining: limit.requests.saturating_sub(used),
        allowed,
    })
}

fn bucket(window: &str, now: &Timestamp) -> String {
    let text = now.to_string();
    let (until, rest) = if window == "hour" { (13, ":00:00Z") } else { (16, ":00Z") };
    format!("{}{rest}", text.get(..until).unwrap_or_default())
}

fn load(path: &Utf8Path) -> Result<BTreeMap<String, u64>> {
    if !path.exists() {
        return Ok(BTreeMap::new());
    }
    let bytes = fs::read(path, SETTINGS_LIMIT)?;
    let state: State = read::typed(&bytes).map_err(|error: Error| {
        error.at(path).hint("the rate limit state is broken: mend it, or remove it to start counting anew")
    })?;
    let mut counters = BTreeMap::new();
    for counter in state.counters {
        if let Ok(count @ 1..) = u64::try_from(counter.count)
            && !counter.key.trim().is_empty()
        {
            let sum: &mut u64 = counters.entry(counter.key).or_default();
            *sum = sum.saturating_add(count);
        }
    }
    Ok(counters)
}

/// Drops what no reader knows and the past of this window.
fn prune(counters: &mut BTreeMap<String, u64>, window: &str, bucket: &str) {
    counters.retain(|key, _| {
        let mut parts = key.splitn(4, '|');
        let (of, _, at, rest) = (parts.next(), parts.next(), parts.next(), parts.next());
        rest.is_some() && (of != Some(window) || at == Some(bucket))
    });
}

fn save(path: &Utf8Path, counters: BTreeMap<String, u64>) -> Result<()> {
    let counters = counters.into_iter().filter(|(_, count)| *count > 0);
    let counters = counters.map(|(key, count)| Counter { key, count: i64::try_from(count).unwrap_or(i64::MAX) });
    let state =
        State { schema_id: SCHEMA.to_owned(), schema_version: SCHEMA_VERSION.to_owned(), counters: counters.collect() };
    fs::write(path, encode::document(&state)?.as_bytes())
}
