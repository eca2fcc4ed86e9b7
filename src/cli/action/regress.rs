//! `command: regress` and `command: publish`: a report, made here or by other jobs.

use crate::action::inputs::Inputs;
use crate::action::results;
use crate::cli::action::done::{Body, Done, Files, counts};
use crate::cli::action::log::Log;
use crate::cli::output::Answer;
use crate::cli::regress::reports::ReportArgs;
use crate::cli::regress::run::{Ran, RunCmd};
use crate::kernel::error::{Error, Result};
use crate::kernel::fs;
use crate::report::json;
use crate::report::model::{Place, Report};
use camino::{Utf8Path, Utf8PathBuf};
use clap::{Args, Parser};
use std::sync::Arc;

/// A command line of its own, around the arguments of one command.
#[derive(Debug, Parser)]
#[command(args_override_self = true, disable_version_flag = true)]
struct Line<T: Args> {
    /// Accepted: the answer is JSON in any case
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    inner: T,
}

/// Parses `words` as the arguments of `command`.
pub fn parse<T: Args>(command: &str, words: Vec<String>) -> Result<T> {
    let words = std::iter::once(format!("gait {command}")).chain(words);
    Line::<T>::try_parse_from(words).map(|line| line.inner).map_err(|usage| {
        let text = usage.render().to_string();
        let line = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
        match usage.exit_code() {
            0 => Done::refused("input args asks for help, and nothing would be run"),
            _ => Error::invalid(format!("input args: {line}")),
        }
    })
}

/// Where the reports go: what the contract's files are called.
fn files(folder: &Utf8Path) -> Vec<String> {
    let places = [
        ("--output", "regress_core_result.json"),
        ("--junit", "junit.xml"),
        ("--summary", "summary.md"),
        ("--html", "report.html"),
    ];
    places.into_iter().flat_map(|(flag, name)| [flag.to_owned(), folder.join(name).into_string()]).collect()
}

/// Runs the fixtures.
pub fn run(inputs: &Inputs, folder: &Utf8Path, log: &Log) -> Result<Done> {
    let mut words = vec!["--config".to_owned(), inputs.config.clone()];
    words.extend(files(folder));
    for (flag, value) in [("--candidate-dir", &inputs.candidate_dir), ("--shard", &inputs.shard)] {
        words.extend(value.iter().flat_map(|value| [flag.to_owned(), value.clone()]));
    }
    words.extend(inputs.require_candidate.then(|| "--require-candidate".to_owned()));
    words.extend(inputs.args.iter().cloned());
    let command: RunCmd = parse("regress run", words)?;
    done(log.closed(|| command.ran(false))??, inputs, log)
}

/// Joins the results of other jobs. They are untrusted; only their text is shown.
pub fn publish(inputs: &Inputs, found: &[Utf8PathBuf], folder: &Utf8Path, log: &Log) -> Result<Done> {
    let args: ReportArgs = parse("regress merge", files(folder))?;
    let reports = args.reports(&[])?;
    let mut report = results::report(found)?;
    distrust(&mut report);
    reports.write(&report)?;
    done(Ran::merged(report, reports), inputs, log)
}

/// Takes out of a report from elsewhere what people might paste into a shell.
fn distrust(report: &mut Report) {
    for case in &mut report.cases {
        Arc::make_mut(case).next = String::new();
    }
    let written_by_us = |line: &str| {
        let mut words = line.split(' ');
        let id = words.next() == Some("GAIT") && words.next().is_some_and(|word| word.starts_with("run_id="));
        id && !line.contains([';', '|', '&', '$', '`', '<', '>', '\n', '\r', '\\', '(', ')'])
    };
    report.footers.retain(|(_, line)| written_by_us(line));
}

fn done(mut ran: Ran, inputs: &Inputs, log: &Log) -> Result<Done> {
    rebase(&mut ran.report, &inputs.workdir);
    let report = ran.report.clone();
    fs::write(&ran.reports.output, json::complete(&report)?.as_bytes())?;
    let exit = ran.exit();
    let error = ran.load_error();
    let next = ran.members().get("next_command").and_then(|next| next.as_str()).map(str::to_owned);
    let artifacts = ran.reports.artifacts();
    let files = Files {
        report: Some(ran.reports.output.clone()),
        junit: ran.reports.junit.clone(),
        html: ran.reports.html.clone(),
        answer: Some("regress_result.json"),
        binary: None,
    };
    let answer = ran.answer(true)?;
    log.say(&answer.notes_text());
    let status = if error.is_some() { "error" } else { report.status().word() };
    let mut facts = vec![
        ("status", status.to_owned()),
        ("failed_graders", report.failed().to_string()),
        ("top_failure_reason", or_none(report.top_failure_reason())),
        ("next_command", next.unwrap_or_else(|| "none".to_owned())),
        ("artifact_paths", or_none(artifacts.into_iter().take(3).collect::<Vec<_>>().join(", "))),
    ];
    facts.extend(report.honesty().map(|honesty| ("not_exercised", honesty)));
    let footers = footers(&report);
    let (counts, body) = (counts(&report), Body::Report(Box::new(report)));
    let answer = match footers.first() {
        Some((_, line)) => answer.with("ticket_footer", line)?,
        None => answer,
    };
    Ok(Done { exit, body, counts, files, answer: Some(answer), facts, footers })
}

fn or_none(text: String) -> String {
    if text.is_empty() { "none".to_owned() } else { text }
}

/// Places as seen from the workspace.
fn rebase(report: &mut Report, workdir: &str) {
    for case in &mut report.cases {
        if let Some(place) = &case.place {
            let file = results::seen(workdir, &place.file);
            Arc::make_mut(case).place = Some(Place { file, ..place.clone() });
        }
    }
}

/// The ticket footers of failing fixtures; where none fails, that of the first.
fn footers(report: &Report) -> Vec<(String, String)> {
    let failing = crate::report::group::fixtures(report).into_iter().filter(|fixture| fixture.failed());
    let mut out: Vec<(String, String)> = failing
        .filter_map(|fixture| Some((fixture.name.to_owned(), report.footer(fixture.name)?.to_owned())))
        .collect();
    if out.is_empty() {
        out.extend(report.footers.first().cloned());
    }
    out
}

/// `receipt.json`: the footer people paste, and all of them.
pub fn receipt(footers: &[(String, String)]) -> Result<Option<Answer>> {
    let Some((fixture, line)) = footers.first() else { return Ok(None) };
    let one = |(fixture, line): &(String, String)| serde_json::json!({ "fixture": fixture, "ticket_footer": line });
    let all: Vec<_> = footers.iter().map(one).collect();
    let value = serde_json::json!({ "fixture": fixture, "ticket_footer": line, "receipts": all });
    Answer::new(&value, crate::cli::exit::Exit::Ok).map(Some)
}
