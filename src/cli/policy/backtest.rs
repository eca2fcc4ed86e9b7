//! `backtest`: every recorded call of many runpacks held against a policy.

use crate::cli::exit::Exit;
use crate::cli::output::Answer;
use crate::gate::model::Verdict;
use crate::gate::parse;
use crate::gate::policy::Policy;
use crate::gate::recorded::{self, Call, Caller, Difference};
use crate::kernel::clock::Timestamp;
use crate::kernel::error::{Error, Result};
use crate::kernel::fs;
use crate::runpack::read::Pack;
use crate::runpack::verify::Trust;
use camino::{Utf8Path, Utf8PathBuf};
use clap::Args;
use globset::GlobBuilder;
use serde_json::json;
use std::collections::{BTreeSet, HashMap};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Hold every recorded call of runpacks against a policy
///
/// Exit: 3 when a call of a must-block pack would proceed, or when too many calls that were let through would be stopped.
#[derive(Debug, Args)]
pub struct BacktestCmd {
    /// Policy to try
    #[arg(long, value_name = "FILE")]
    policy: String,
    /// Runpacks: a glob, a file, or a folder searched for *.zip
    #[arg(long, value_name = "GLOB", required_unless_present = "must_block", num_args = 1..)]
    packs: Vec<String>,
    /// Runpacks whose calls all have to be stopped; PACK#INTENT_ID for one call of it
    #[arg(long, value_name = "PACK", num_args = 1..)]
    must_block: Vec<String>,
    /// Most calls of those recorded as allowed that may be stopped, in percent
    #[arg(long, value_name = "PERCENT")]
    max_false_blocks: Option<String>,
    /// Who made the calls: records do not say
    #[arg(long, value_name = "NAME", default_value_t = Caller::default().identity)]
    identity: String,
    /// From which workspace
    #[arg(long, value_name = "PATH", default_value_t = Caller::default().workspace)]
    workspace: String,
    /// At which risk class
    #[arg(long, value_name = "CLASS", default_value_t = Caller::default().risk_class)]
    risk_class: String,
    /// Time that freeze windows are held against, RFC 3339 [default: that of each call]
    #[arg(long, value_name = "TIME")]
    evaluation_time: Option<String>,
}

/// What one pack came to.
#[derive(Debug, Default)]
struct Tally {
    calls: usize,
    /// Calls whose recorded verdict is known.
    known: usize,
    allowed: usize,
    false_blocks: usize,
    differences: Vec<Difference>,
    /// Calls that had to be stopped and were not.
    escaped: Vec<Difference>,
}

/// What has to be stopped in one pack.
#[derive(Debug, Default)]
struct Must {
    all: bool,
    /// Intent ids.
    calls: BTreeSet<String>,
}

impl BacktestCmd {
    /// Reads the packs on all cores and tells.
    pub fn run(self) -> Result<Answer> {
        let policy = parse::read(&self.policy)?;
        let budget = self.max_false_blocks.as_deref().map(percent).transpose()?;
        let at = self.evaluation_time.as_deref().map(|time| time.trim().parse::<Timestamp>()).transpose()?;
        let caller = Caller {
            identity: self.identity.clone(),
            workspace: self.workspace.clone(),
            risk_class: self.risk_class.clone(),
        };
        let mut must: HashMap<Utf8PathBuf, Must> = HashMap::new();
        for named in &self.must_block {
            let (path, call) = named.split_once('#').map_or((named.as_str(), None), |(path, id)| (path, Some(id)));
            for path in expand(path)? {
                let must = must.entry(path).or_default();
                must.all |= call.is_none();
                must.calls.extend(call.map(str::to_owned));
            }
        }
        let mut paths: BTreeSet<Utf8PathBuf> = must.keys().cloned().collect();
        for pattern in &self.packs {
            paths.extend(expand(pattern)?);
        }
        let paths: Vec<Utf8PathBuf> = paths.into_iter().collect();
        let trust = Trust::ambient()?;
        let look = |path: &Utf8PathBuf| pack(path, &policy, &caller, at.as_ref(), must.get(path), &trust);
        let total = side_by_side(&paths, look)?;
        if total.calls == 0 {
            return Err(Error::invalid("the packs hold no recorded call"));
        }
        let rate = if total.allowed == 0 { 0.0 } else { total.false_blocks as f64 * 100.0 / total.allowed as f64 };
        let over = budget.is_some_and(|budget| rate > budget);
        let exit = if over || !total.escaped.is_empty() { Exit::PolicyBlocked } else { Exit::Ok };
        let (packs, calls, changed) = (paths.len(), total.calls, total.differences.len());
        let summary = format!(
            "policy backtest packs={packs} calls={calls} changed={changed} false_blocks={} ({rate:.2}%) must_block_allowed={}",
            total.false_blocks,
            total.escaped.len()
        );
        let mut text = format!("{summary}\n");
        for (what, list) in [("must block, and proceeds", &total.escaped), ("changed", &total.differences)] {
            for d in list {
                let reasons = d.reason_codes.join(",");
                text.push_str(&format!(
                    "{what}: {} {} {}: {} -> {} ({reasons})\n",
                    d.pack, d.intent_id, d.tool_name, d.recorded, d.verdict
                ));
            }
        }
        if over {
            text.push_str(&format!(
                "over budget: {rate:.2}% of the calls that were allowed would be stopped, at most {} may\n",
                self.max_false_blocks.unwrap_or_default()
            ));
        }
        let value = json!({
            "policy_digest": policy.digest()?,
            "packs_total": packs,
            "calls_total": calls,
            "calls_with_recorded_verdict": total.known,
            "changed_calls": changed,
            "false_blocks": total.false_blocks,
            "false_block_percent": rate,
            "over_budget": over,
            "must_block_allowed": total.escaped,
            "changed": total.differences,
            "summary": summary,
        });
        Answer::new(&value, exit)?.text(text).classified()
    }
}

/// `2`, `2%` or `0.5%`.
fn percent(text: &str) -> Result<f64> {
    let number = text.trim().trim_end_matches('%').trim().parse::<f64>().ok();
    let number = number.filter(|number| (0.0..=100.0).contains(number));
    number.ok_or_else(|| Error::invalid(format!("--max-false-blocks {text:?} is no percentage from 0 to 100")))
}

/// Looks at every pack, on as many threads as there are cores; sums in the order of the paths.
fn side_by_side(paths: &[Utf8PathBuf], look: impl Fn(&Utf8PathBuf) -> Result<Tally> + Sync) -> Result<Tally> {
    let next = AtomicUsize::new(0);
    let found: Mutex<Vec<(usize, Result<Tally>)>> = Mutex::new(Vec::with_capacity(paths.len()));
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(paths.len());
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut own = Vec::new();
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(path) = paths.get(at) else { break };
                    own.push((at, look(path)));
                }
                if let Ok(mut found) = found.lock() {
                    found.append(&mut own);
                }
            });
        }
    });
    let mut found = found.into_inner().unwrap_or_default();
    found.sort_by_key(|(at, _)| *at);
    let mut total = Tally::default();
    for (_, tally) in found {
        let tally = tally?;
        total.calls += tally.calls;
        total.known += tally.known;
        total.allowed += tally.allowed;
        total.false_blocks += tally.false_blocks;
        total.differences.extend(tally.differences);
        total.escaped.extend(tally.escaped);
    }
    Ok(total)
}

/// Holds the calls of one verified pack against the policy.
fn pack(
    path: &Utf8Path,
    policy: &Policy,
    caller: &Caller,
    at: Option<&Timestamp>,
    must: Option<&Must>,
    trust: &Trust,
) -> Result<Tally> {
    let pack = Pack::open(path.as_std_path(), trust)?;
    let results: HashMap<&str, _> = pack.results.iter().map(|result| (&*result.intent_id, result)).collect();
    let mut tally = Tally::default();
    for intent in &pack.intents {
        let result = results.get(&*intent.intent_id);
        let recorded = result.and_then(|result| recorded::verdict(&result.label, result.content()));
        let call = Call { tool: &intent.label, args: intent.content(), created_at: intent.created_at };
        let said = recorded::ask(policy, &call, caller, at);
        let stopped = said.verdict >= Verdict::RequireApproval;
        let has_to = must.is_some_and(|must| must.all || must.calls.contains(&*intent.intent_id));
        tally.calls += 1;
        let difference = |recorded| Difference {
            pack: path.to_string(),
            run_id: intent.run_id.to_string(),
            intent_id: intent.intent_id.to_string(),
            tool_name: intent.label.to_string(),
            recorded,
            verdict: said.verdict,
            reason_codes: said.reason_codes.clone(),
            matched_rule: said.matched_rule.clone(),
        };
        if has_to && !stopped {
            tally.escaped.push(difference(recorded.unwrap_or(Verdict::Allow)));
        }
        let Some(recorded) = recorded else { continue };
        tally.known += 1;
        if !has_to && recorded == Verdict::Allow {
            tally.allowed += 1;
            tally.false_blocks += usize::from(stopped);
        }
        if recorded != said.verdict {
            tally.differences.push(difference(recorded));
        }
    }
    let known = |id: &&String| pack.intents.iter().any(|intent| *intent.intent_id == **id);
    if let Some(id) = must.and_then(|must| must.calls.iter().find(|id| !known(id))) {
        return Err(Error::invalid(format!("{path} has no call {id:?}, which --must-block names")));
    }
    Ok(tally)
}

/// The packs a glob, a file or a folder names; none is an error.
fn expand(pattern: &str) -> Result<Vec<Utf8PathBuf>> {
    let path = Utf8Path::new(pattern);
    if path.is_file() {
        return Ok(vec![fs::clean(pattern)]);
    }
    let globbed =
        if path.is_dir() { format!("{}/**/*.zip", pattern.trim_end_matches('/')) } else { pattern.to_owned() };
    let built = GlobBuilder::new(&globbed).literal_separator(true).build();
    let glob =
        built.map_err(|error| Error::invalid(format!("--packs {pattern:?}: {}", error.kind())))?.compile_matcher();
    let wild = globbed.find(['*', '?', '[', '{']).unwrap_or(globbed.len());
    let base = globbed[..wild].rfind('/').map_or(".", |slash| if slash == 0 { "/" } else { &globbed[..slash] });
    let mut found = Vec::new();
    for entry in ignore::WalkBuilder::new(base).standard_filters(false).build() {
        let entry = entry.map_err(|error| Error::invalid(format!("--packs {pattern:?}: {error}")))?;
        let Some(path) = Utf8Path::from_path(entry.path()) else { continue };
        let shown = if base == "." { path.strip_prefix("./").unwrap_or(path) } else { path };
        if entry.file_type().is_some_and(|kind| kind.is_file()) && glob.is_match(shown) {
            found.push(fs::clean(shown.as_str()));
        }
    }
    if found.is_empty() {
        return Err(Error::invalid(format!("--packs {pattern:?} names no file")));
    }
    Ok(found)
}
