//! How often calls may proceed: counters in a file, one process at a time.

use crate::gate::intent::Intent;
use crate::gate::model::SCHEMA_VERSION;
use crate::gate::policy::RateLimit;
use crate::gate::state;
use crate::kernel::clock::{Clock, Timestamp};
use crate::kernel::error::Result;
use camino::Utf8Path;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

pub const DEFAULT_STATE: &str = ".gait-out/gate_rate_limits.json";
const SCHEMA: &str = "gait.gate.rate_limit_state";

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

impl state::State for State {
    const BROKEN: &'static str = "the rate limit state is broken: mend it, or remove it to start counting anew";
    const BUSY: &'static str = "rate_limit_lock_timeout";

    /// Files of other writers do not say.
    fn is_known(&self) -> bool {
        true
    }
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
    let identity = &intent.context.identity;
    let scoped = match limit.scope.as_str() {
        "tool" => intent.tool_name.clone(),
        "identity" => identity.clone(),
        _ => format!("{}|{identity}", intent.tool_name),
    };
    let (used, allowed) = state::change(path, |state: &mut State| {
        let bucket = bucket(&limit.window, &clock.now().utc());
        let mut counters = state.counters();
        prune(&mut counters, &limit.window, &bucket);
        let counter = counters.entry(format!("{}|{}|{bucket}|{scoped}", limit.window, limit.scope)).or_default();
        let allowed = *counter < limit.requests;
        *counter += u64::from(allowed);
        let used = *counter;
        *state = State::of(counters);
        ((used, allowed), allowed && count)
    })?;
    let remaining = limit.requests.saturating_sub(used);
    Ok(Counted { scope: limit.scope.clone(), key: scoped, used, remaining, allowed })
}

fn bucket(window: &str, now: &Timestamp) -> String {
    let text = now.to_string();
    let (until, rest) = if window == "hour" { (13, ":00:00Z") } else { (16, ":00Z") };
    format!("{}{rest}", text.get(..until).unwrap_or_default())
}

impl State {
    fn counters(&self) -> BTreeMap<String, u64> {
        let mut counters = BTreeMap::new();
        for counter in &self.counters {
            if let Ok(count @ 1..) = u64::try_from(counter.count)
                && !counter.key.trim().is_empty()
            {
                let sum: &mut u64 = counters.entry(counter.key.clone()).or_default();
                *sum = sum.saturating_add(count);
            }
        }
        counters
    }

    fn of(counters: BTreeMap<String, u64>) -> Self {
        let counter = |(key, count)| Counter { key, count: i64::try_from(count).unwrap_or(i64::MAX) };
        let counters = counters.into_iter().map(counter).collect();
        let [schema_id, schema_version] = [SCHEMA, SCHEMA_VERSION].map(str::to_owned);
        Self { schema_id, schema_version, counters }
    }
}

/// Drops what no reader knows and the past of this window.
fn prune(counters: &mut BTreeMap<String, u64>, window: &str, bucket: &str) {
    counters.retain(|key, _| {
        let mut parts = key.splitn(4, '|');
        let (of, _, at, rest) = (parts.next(), parts.next(), parts.next(), parts.next());
        rest.is_some() && (of != Some(window) || at == Some(bucket))
    });
}
