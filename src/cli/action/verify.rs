//! `command: verify`: every runpack that a glob finds.

use crate::action::inputs::Inputs;
use crate::action::results;
use crate::cli::action::done::{Body, Counts, Done, Files};
use crate::cli::action::log::Log;
use crate::cli::action::regress::parse;
use crate::cli::args::DemandArgs;
use crate::cli::exit::Exit;
use crate::cli::output::Answer;
use crate::cli::verify::text;
use crate::kernel::error::Result;
use crate::report::annotations::Annotation;
use crate::report::model::Place;
use crate::report::notice::Notice;
use crate::runpack::verify::{self, Demands, Report};
use camino::{Utf8Path, Utf8PathBuf};
use serde_json::{Value, json};

/// One pack, and what is wrong with it.
struct Checked {
    path: Utf8PathBuf,
    exit: Exit,
    /// For people.
    told: String,
    value: Value,
}

/// Verifies `found`.
pub fn run(inputs: &Inputs, found: Vec<Utf8PathBuf>, log: &Log) -> Result<Done> {
    let demands: DemandArgs = parse("verify", inputs.args.clone())?;
    let demands = demands.demands()?;
    let checked: Vec<Checked> = found.into_iter().map(|path| check(path, &demands)).collect();
    let bad: Vec<&Checked> = checked.iter().filter(|one| one.exit != Exit::Ok).collect();
    let exit = match bad.iter().find(|one| one.exit != Exit::VerificationFailed) {
        Some(unreadable) => unreadable.exit,
        None if bad.is_empty() => Exit::Ok,
        None => Exit::VerificationFailed,
    };
    log.closed(|| checked.iter().for_each(|one| log.say(&one.told)))?;
    let place = |path: &Utf8Path| Place { file: results::seen(&inputs.workdir, path.as_str()), line: 1 };
    let problem = |one: &&Checked| {
        Annotation::error(Some(place(&one.path)), format!("{} does not hold", one.path), one.told.clone())
    };
    let word = if exit == Exit::Ok { "pass" } else { "fail" };
    let headline = match bad.len() {
        0 => format!("{} runpacks hold", checked.len()),
        bad => format!("{bad} of {} runpacks do not hold", checked.len()),
    };
    let notice = Notice {
        title: format!("verify {word}"),
        headline: headline.clone(),
        problems: bad.iter().map(problem).collect(),
        text: String::new(),
    };
    let counts = Counts { passed: checked.len() - bad.len(), failed: bad.len(), ..Counts::default() };
    let packs: Vec<&Value> = checked.iter().map(|one| &one.value).collect();
    let answer = Answer::new(&json!({ "status": word, "packs": packs }), exit)?;
    let files = Files { answer: Some("verify_result.json"), ..Files::default() };
    let facts = vec![("status", word.to_owned()), ("summary", headline)];
    Ok(Done { exit, body: Body::Notice(notice), counts, files, answer: Some(answer), facts, footers: Vec::new() })
}

fn check(path: Utf8PathBuf, demands: &Demands) -> Checked {
    match verify::verify(path.as_std_path(), demands) {
        Ok(report) => {
            let exit = if report.ok { Exit::Ok } else { Exit::VerificationFailed };
            let mut told = text(path.as_str(), &report);
            told.extend(report.warnings.iter().map(|warning| format!("\nwarning: {warning}")));
            Checked { value: value(&path, &report), exit, told, path }
        }
        Err(error) => {
            let value = json!({ "path": path, "ok": false, "error": error.to_string() });
            Checked { value, exit: Exit::from(error.kind()), told: format!("verify error: {path}: {error}"), path }
        }
    }
}

fn value(path: &Utf8Path, report: &Report) -> Value {
    let mut value = serde_json::to_value(report).unwrap_or_default();
    value["path"] = path.as_str().into();
    value["ok"] = report.ok.into();
    value
}
