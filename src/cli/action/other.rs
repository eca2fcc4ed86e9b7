//! `command: gate`, `policy-test` and `install`.

use crate::action::context::Context;
use crate::action::inputs::{Command, Inputs};
use crate::action::{folder, install};
use crate::cli::action::done::{Body, Counts, Done, Files};
use crate::cli::action::log::Log;
use crate::cli::exit::Exit;
use crate::cli::output::Answer;
use crate::kernel::error::Result;
use crate::report::annotations::Annotation;
use crate::report::notice::Notice;
use serde_json::Value;

/// Reason codes named in `summary.txt`.
const CODES: usize = 6;

/// Runs another command of the program with `args`.
pub fn run(inputs: &Inputs, run: &dyn Fn(&[String]) -> Answer, log: &Log) -> Result<Done> {
    let (words, file): (&[&str], _) = match inputs.command {
        Command::Gate => (&["gait", "gate", "eval"], "gate_result.json"),
        _ => (&["gait", "policy", "test"], "policy_test_result.json"),
    };
    let mut line: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
    line.extend(inputs.args.iter().cloned());
    line.push("--json".to_owned());
    let answer = log.closed(|| run(&line))?;
    let value: Value = serde_json::from_slice(&answer.document()).unwrap_or_default();
    if value.as_object().is_none_or(serde_json::Map::is_empty) {
        return Err(Done::refused("input args asks for help, and nothing would be run"));
    }
    log.say(&answer.notes_text());
    log.say(answer.plain_text());
    let text = |key: &str| value.get(key).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned);
    let codes: Vec<&str> = value["reason_codes"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let codes = codes.into_iter().take(CODES).collect::<Vec<_>>().join(",");
    let (exit, word) = (answer.exit(), inputs.command.word());
    let verdict = text("verdict").unwrap_or_else(|| "unknown".to_owned());
    let headline = text("error").or(text("summary")).unwrap_or_else(|| format!("verdict {verdict} {codes}"));
    let title = format!("gait {word}: exit code {}", exit.code());
    let problem = Annotation::error(None, title, format!("{headline}\nreason codes: {codes}"));
    let (_, step) = plain(exit).step(inputs);
    let notice = Notice {
        title: format!("{word}: verdict {verdict}, exit code {}", exit.code()),
        headline,
        problems: if step == Exit::Ok { Vec::new() } else { vec![problem] },
        text: String::new(),
    };
    let none = |text: Option<String>| text.unwrap_or_else(|| "none".to_owned());
    let facts = vec![
        ("verdict", verdict),
        ("reason_codes", none(Some(codes).filter(|codes| !codes.is_empty()))),
        ("summary", none(text("summary"))),
    ];
    let files = Files { answer: Some(file), ..Files::default() };
    Ok(Done { body: Body::Notice(notice), files, answer: Some(answer), facts, ..plain(exit) })
}

fn plain(exit: Exit) -> Done {
    Done {
        exit,
        body: Body::Notice(Notice::default()),
        counts: Counts::default(),
        files: Files::default(),
        answer: None,
        facts: Vec::new(),
        footers: Vec::new(),
    }
}

/// Puts the program where later steps find it.
pub fn installed(context: &Context) -> Result<Done> {
    let binary = install::install(&context.workspace)?;
    folder::hand_over_alone(&context.workspace.join(".gait"), &context.workspace)?;
    folder::hand_over(&context.workspace.join(".gait/bin"), &context.workspace)?;
    let headline = format!("gait {} is {binary}", env!("CARGO_PKG_VERSION"));
    let notice = Notice { title: "install pass".to_owned(), headline, ..Notice::default() };
    let files = Files { binary: Some(binary), ..Files::default() };
    Ok(Done { body: Body::Notice(notice), files, ..plain(Exit::Ok) })
}
