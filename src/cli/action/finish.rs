//! What a command of the action leaves behind: `summary.txt`, `receipt.json`, outputs, summary, comment, annotations.

use crate::action::context::Context;
use crate::action::github::Times;
use crate::action::inputs::Inputs;
use crate::action::publish::{self, Message};
use crate::action::{folder, outputs, results};
use crate::cli::action::done::{Done, Status};
use crate::cli::action::log::Log;
use crate::cli::action::regress::receipt;
use crate::cli::exit::Exit;
use crate::kernel::error::Result;
use crate::kernel::fs;
use crate::report::annotations;
use crate::report::text::{clip, one_line};
use camino::Utf8Path;

/// Longest value in `summary.txt`, in characters, and how much of a longer one stands in front of `...`.
const VALUE_LIMIT: usize = 180;
const VALUE_KEPT: usize = 177;
/// Longest output, in bytes; the runner takes a megabyte of all together.
const OUTPUT_LIMIT: usize = 60_000;

/// Writes the files of the artifact folder.
pub fn files(done: &Done, command: &str, folder: &Utf8Path, workspace: &Utf8Path, log: &Log) -> Result<()> {
    if let (Some(answer), Some(name)) = (&done.answer, done.files.answer.or(answer_name(command))) {
        fs::write(folder.join(name), &answer.document())?;
    }
    if let Some(receipt) = receipt(&done.footers)? {
        fs::write(folder.join("receipt.json"), &receipt.document())?;
    }
    let summary = summary(done, command);
    fs::write(folder.join("summary.txt"), summary.as_bytes())?;
    folder::hand_over(folder, workspace)?;
    log.say(&summary);
    Ok(())
}

/// Where the answer of a command stands that was refused before it ran.
fn answer_name(command: &str) -> Option<&'static str> {
    match command {
        "regress" | "publish" => Some("regress_result.json"),
        "verify" => Some("verify_result.json"),
        "gate" => Some("gate_result.json"),
        "policy-test" => Some("policy_test_result.json"),
        _ => None,
    }
}

fn summary(done: &Done, command: &str) -> String {
    let mut lines = vec![("command".to_owned(), command.to_owned())];
    lines.extend(done.facts.iter().map(|(key, value)| ((*key).to_owned(), value.clone())));
    let footer = done.footers.first().map_or("not_available", |(_, line)| line);
    lines.push(("ticket_footer".to_owned(), footer.to_owned()));
    lines.extend(done.footers.iter().skip(1).map(|(name, line)| (format!("ticket_footer.{name}"), line.clone())));
    if let Some(error) = done.answer.as_ref().and_then(|answer| answer.member("error")) {
        lines.push(("error".to_owned(), error));
        lines.push(("error_code".to_owned(), done.exit.error_code().to_owned()));
    }
    lines.iter().map(|(key, value)| format!("{}={}\n", one_line(key), short(value))).collect()
}

fn short(value: &str) -> String {
    let line = one_line(value);
    let line = line.trim();
    if line.chars().count() <= VALUE_LIMIT {
        return line.to_owned();
    }
    line.chars().take(VALUE_KEPT).chain("...".chars()).collect()
}

/// Sets every output but `comment-url`.
pub fn outputs(
    done: &Done,
    status: Status,
    context: &Context,
    inputs: &Inputs,
    folder: Option<&Utf8Path>,
) -> Result<()> {
    let seen = |path: &str| results::seen(&inputs.workdir, path);
    let path = |path: &Option<String>| path.as_deref().map(&seen).unwrap_or_default();
    let inside = |name: &str| folder.map(|folder| seen(folder.join(name).as_str())).unwrap_or_default();
    let (code, summary, artifacts) = (done.exit.code().to_string(), inside("summary.txt"), inside(""));
    let footer = match done.footers.as_slice() {
        [] => "not_available".to_owned(),
        footers => footers.iter().map(|(_, line)| line.as_str()).collect::<Vec<_>>().join("\n"),
    };
    let counts = done.counts;
    let all = [
        ("exit-code", code.clone()),
        ("status", status.word().to_owned()),
        ("passed", counts.passed.to_string()),
        ("failed", counts.failed.to_string()),
        ("flaky", counts.flaky.to_string()),
        ("not-exercised", counts.not_exercised.to_string()),
        ("summary-path", summary.clone()),
        ("artifact-path", artifacts.clone()),
        ("junit-path", path(&done.files.junit)),
        ("report-json", path(&done.files.report)),
        ("html-path", path(&done.files.html)),
        ("ticket-footer", clip(&footer, OUTPUT_LIMIT)),
        ("binary-path", done.files.binary.as_ref().map(ToString::to_string).unwrap_or_default()),
        ("exit_code", code),
        ("summary_path", summary),
        ("artifact_path", artifacts),
    ];
    outputs::set(context, &all)
}

/// Tells people: job summary, comment, check run, annotations. Nothing in it can fail the step.
pub fn publish(done: &Done, status: Status, context: &Context, inputs: &Inputs, log: &Log) {
    let markdown = done.told().markdown(outputs::SUMMARY_LIMIT, false, "");
    if let Err(error) = outputs::summarize(context, &format!("{markdown}\n")) {
        log.say(&format!("the job summary was not written: {error}"));
    }
    let annotations = done.annotations();
    let message = Message {
        told: done.told(),
        annotations: &annotations,
        passed: status == Status::Pass,
        verdict: done.verdict(inputs.command.word(), status),
        results: done.results(),
    };
    let published = publish::publish(context, inputs, &message, Times::default());
    for remark in &published.remarks {
        log.say(remark);
    }
    if inputs.annotations && !published.checked {
        log.command(&annotations::commands(&annotations));
    }
    if let Err(error) = outputs::set(context, &[("comment-url", one_line(&published.comment_url))]) {
        log.say(&format!("the output comment-url was not set: {error}"));
    }
}

/// The last line of the log.
pub fn last_line(done: &Done, command: &str, status: Status, step: Exit) -> String {
    let code = done.exit.code();
    let note = if step == done.exit { String::new() } else { format!("; the step ends {}", step.code()) };
    format!("gait action {command}: {} (exit code {code}{note})", status.word())
}
