//! Candidates made and not judged: for machines that run agents and hold no secrets.

use crate::regress::agent;
use crate::regress::fixture::Fixture;
use crate::regress::judge::Rules;
use crate::regress::mishap::Mishap;
use crate::regress::select::Selected;
use camino::{Utf8Path, Utf8PathBuf};
use serde::Serialize;
use std::collections::BTreeMap;
use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// What came of one fixture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Produced {
    pub fixture: String,
    /// The folder of its trials; none where it has no agent.
    pub folder: Option<Utf8PathBuf>,
    pub trials: u64,
    /// By trial: what went wrong.
    pub mishaps: BTreeMap<u64, Mishap>,
    /// Why nothing could be run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// Runs the agents of `fixtures` and leaves `<fixture>/trial_<n>.zip` below `dir`; sorted by name.
pub fn all(fixtures: &[Selected], rules: &Rules, threads: NonZero<usize>, dir: &Utf8Path) -> Vec<Produced> {
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..threads.get().min(fixtures.len()) {
            scope.spawn(|| {
                while let Some(selected) = fixtures.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let produced = one(selected, rules, dir);
                    done.lock().unwrap_or_else(PoisonError::into_inner).push(produced);
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by(|a, b| a.fixture.cmp(&b.fixture));
    done
}

fn one(selected: &Selected, rules: &Rules, dir: &Utf8Path) -> Produced {
    let listed = &selected.listed;
    let mut produced =
        Produced { fixture: listed.name.clone(), folder: None, trials: 0, mishaps: BTreeMap::new(), error: None };
    if listed.settings.agent().is_none() {
        return produced;
    }
    let folder = dir.join(&listed.name);
    let made = Fixture::load(listed, &rules.demands)
        .map_err(|why| why.what)
        .and_then(|fixture| agent::run(&fixture, &rules.agents, &folder).map_err(|error| error.to_string()));
    match made {
        Ok(mishaps) => {
            let trials = listed.settings.trials.unwrap_or(1);
            produced = Produced { folder: Some(folder), trials, mishaps, ..produced };
        }
        Err(error) => produced.error = Some(error),
    }
    produced
}
