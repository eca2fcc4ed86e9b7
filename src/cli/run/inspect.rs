//! `gait run inspect`: what happened, in order.

use crate::cli::args::FromArg;
use crate::cli::exit::Exit;
use crate::cli::output::Answer;
use crate::kernel::error::Result;
use crate::runpack::inspect::{self, Entry, Timeline};
use crate::runpack::locate;
use crate::runpack::story::visible;
use crate::runpack::verify::{SignatureStatus, Trust};
use crate::session::chain::{self, View};
use clap::Args;
use serde::{Serialize, Serializer};
use std::fmt::Write as _;

/// Show a runpack (or a session chain) as a timeline of calls
#[derive(Debug, Args)]
pub struct InspectCmd {
    #[command(flatten)]
    from: FromArg,
}

impl InspectCmd {
    /// Reads the pack; a file that is none is tried as a session chain.
    pub fn run(self, json: bool) -> Result<Answer> {
        let path = locate::resolve(self.from.value())?;
        match inspect::inspect(&path, &Trust::ambient()?, !json) {
            Ok(timeline) => {
                let notes = unsigned(&timeline).map(str::to_owned);
                let text = || Answer::text_only(timeline_text(&timeline), Exit::Ok);
                Ok(if json { members(&timeline)? } else { text() }.notes(notes))
            }
            Err(error) => match chain::inspect(&path) {
                Ok(view) => Ok(Answer::new(&view, Exit::Ok)?.text(chain_text(&view))),
                Err(_) => Err(error),
            },
        }
    }
}

fn members(timeline: &Timeline) -> Result<Answer> {
    let mut answer = Answer::new(&timeline.summary(), Exit::Ok)?;
    if timeline.intents_total() > 0 {
        answer = answer.with_ordered("entries", &Each(|| timeline.entries()))?;
    }
    if timeline.unmatched_results().len() > 0 {
        answer = answer.with_ordered("unmatched_results", &Each(|| timeline.unmatched_results()))?;
    }
    Ok(answer)
}

/// A list that is made while it is written.
struct Each<F>(F);

impl<F: Fn() -> I, I: Iterator<Item: Serialize>> Serialize for Each<F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq((self.0)())
    }
}

fn unsigned(timeline: &Timeline) -> Option<&'static str> {
    match timeline.signature_status {
        SignatureStatus::Missing => Some("warning: the runpack is NOT SIGNED: anybody could have made it"),
        _ => None,
    }
}

fn timeline_text(timeline: &Timeline) -> String {
    let mut out = format!(
        "run inspect: run_id={} intents={} results={} capture_mode={}\npath: {}\n",
        timeline.run_id,
        timeline.intents_total(),
        timeline.results_total(),
        timeline.capture_mode,
        timeline.path
    );
    for entry in timeline.entries() {
        entry_text(&entry, timeline, &mut out);
    }
    let unmatched = timeline.unmatched_results();
    if unmatched.len() > 0 {
        let _ = writeln!(out, "unmatched_results={}", unmatched.len());
        for result in unmatched {
            let status = if result.status.is_empty() { "unknown" } else { result.status };
            let _ = writeln!(out, "   intent={} status={}", visible(result.intent_id), visible(status));
        }
    }
    if !timeline.warnings.is_empty() {
        let _ = writeln!(out, "warnings: {}", timeline.warnings.join("; "));
    }
    out
}

fn entry_text(entry: &Entry<'_>, timeline: &Timeline, out: &mut String) {
    let (number, id, tool) = (entry.index, visible(entry.intent_id), visible(entry.tool_name));
    let status = if entry.status.is_empty() { "missing_result".to_owned() } else { visible(entry.status) };
    let verdict = if entry.verdict.is_empty() { String::new() } else { format!(" verdict={}", visible(entry.verdict)) };
    let _ = writeln!(out, "{number}. intent={id} tool={tool} status={status}{verdict}");
    for (name, items) in [("reason_codes", entry.reason_codes), ("violations", entry.violations)] {
        if !items.is_empty() {
            let _ = writeln!(out, "   {name}={}", visible(&items.join(",")));
        }
    }
    let offset = entry.offset(&timeline.started_at).filter(|offset| !offset.is_zero());
    let offset = offset.map(|offset| format!("+{:.3}s ", offset.as_secs_f64())).unwrap_or_default();
    if !offset.is_empty() || !entry.preview.is_empty() {
        let _ = writeln!(out, "   \u{1b}[2m{offset}{}\u{1b}[0m", visible(entry.preview));
    }
}

fn chain_text(view: &View) -> String {
    let mut out = format!(
        "run inspect: artifact=session_chain session_id={} run_id={} checkpoints={}\npath: {}\n",
        view.session_id, view.run_id, view.checkpoint_count, view.path
    );
    for checkpoint in &view.checkpoints {
        let (index, path) = (checkpoint.checkpoint_index, &checkpoint.runpack_path);
        let _ = writeln!(
            out,
            "{index}. runpack={} seq={}..{}",
            visible(path),
            checkpoint.sequence_start,
            checkpoint.sequence_end
        );
    }
    if !view.warnings.is_empty() {
        let _ = writeln!(out, "warnings: {}", view.warnings.join("; "));
    }
    out
}
