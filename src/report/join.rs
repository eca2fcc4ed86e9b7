//! The results of all shards of one run joined to the report that one machine would have written.

use crate::kernel::error::{Error, Result};
use crate::report::model::{Case, Exercised, Report, Shard};
use crate::report::result::Written;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

/// Joins results, each with the name of its file. `InvalidInput`: a shard is missing, there twice, of another list of
/// fixtures or judged by other rules.
pub fn join(parts: Vec<(String, Written)>) -> Result<Report> {
    let mut shards: BTreeMap<usize, (String, Written)> = BTreeMap::new();
    let mut first: Option<(String, Shard, String)> = None;
    for (path, written) in parts {
        let Some(shard) = written.shard.clone() else {
            return Err(Error::invalid(format!("{path} is not the result of a shard"))
                .hint("join results of `gait regress run --shard K/N`"));
        };
        if !(1..=shard.total).contains(&shard.index) {
            return Err(Error::invalid(format!("{path}: there is no shard {} of {}", shard.index, shard.total)));
        }
        let (one, all, set) = first.get_or_insert_with(|| (path.clone(), shard.clone(), written.fixture_set.clone()));
        if (all.total, &all.fixtures_digest, &*set) != (shard.total, &shard.fixtures_digest, &written.fixture_set) {
            return Err(Error::invalid(format!("{path} and {one} are not shards of the same run"))
                .hint("run every shard with the same gait.yaml, the same filters and the same number of shards"));
        }
        if all.rules_digest != shard.rules_digest {
            return Err(Error::invalid(format!("{path} and {one} were judged by different rules"))
                .hint("run every shard with the same gait.yaml, the same flags and the same version of gait"));
        }
        if let Some((other, _)) = shards.insert(shard.index, (path.clone(), written)) {
            return Err(Error::invalid(format!("{path} and {other} are both shard {}", shard.index)));
        }
    }
    let total = first.map_or(0, |(_, shard, _)| shard.total);
    if shards.len() < total || total == 0 {
        let missing: Vec<String> =
            (1..=total).filter(|at| !shards.contains_key(at)).take(20).map(|at| format!("{at}/{total}")).collect();
        let what = format!("{} of {total} shards are missing: {}", total - shards.len(), missing.join(", "));
        return Err(Error::invalid(what).hint("give the result file of every shard"));
    }
    joined(shards.into_values().collect())
}

/// The report of one result that is no shard.
pub fn whole(written: Written) -> Result<Report> {
    joined(vec![(String::new(), written)])
}

fn joined(parts: Vec<(String, Written)>) -> Result<Report> {
    // The run's time is that of its first fixture that could be loaded.
    let loaded = |written: &Written| {
        let grades = written.graders.iter().filter(|grade| grade.grader() != "load");
        grades.map(|grade| grade.name.clone()).min()
    };
    let order = |part: &&(String, Written)| (loaded(&part.1).is_none(), loaded(&part.1));
    let Some((_, head)) = parts.iter().min_by_key(order) else {
        return Err(Error::invalid("there is no result to join"));
    };
    let mut report = Report {
        created_at: head.created_at,
        producer_version: head.producer_version.clone(),
        fixture_set: head.fixture_set.clone(),
        cases: Vec::new(),
        footers: Vec::new(),
        exercised: Exercised::default(),
        shard: None,
    };
    for (_, written) in parts {
        let shown = written.shown.unwrap_or_default();
        let mut told: HashMap<_, _> = shown.cases.into_iter().map(|case| (case.name.clone(), case)).collect();
        report.cases.extend(written.graders.into_iter().map(|grade| {
            let told = told.remove(&grade.name).unwrap_or_default();
            let (evidence, place, next, reruns) = (told.evidence, told.place, told.next, told.reruns);
            Arc::new(Case { grade, elapsed: Duration::ZERO, evidence, place, next, reruns })
        }));
        report.footers.extend(shown.footers);
        let (all, more) = (&mut report.exercised, shown.exercised);
        all.with_candidate = all.with_candidate.saturating_add(more.with_candidate);
        all.fixtures = all.fixtures.saturating_add(more.fixtures);
    }
    report.footers.sort();
    report.cases.sort_by(|a, b| a.grade.name.cmp(&b.grade.name));
    if let Some(pair) = report.cases.windows(2).find(|pair| pair[0].grade.name == pair[1].grade.name) {
        return Err(Error::invalid(format!("the case {} stands there twice", pair[0].grade.name)));
    }
    Ok(report)
}
