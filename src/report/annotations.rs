//! GitHub annotations: what is shown at a fixture's place in a file, as workflow commands or for a check run.

use crate::kernel::error::Result;
use crate::report::group::rank;
use crate::report::model::{Case, Place, Report};
use crate::report::text::{clip, command_message, command_property, one_line};

/// Commands of one kind the runner takes from one step.
const MOST: usize = 10;
/// Longest title, in bytes before escaping.
const TITLE_LIMIT: usize = 200;

/// How loud a remark is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    Error,
    /// A case that failed some of its trials, and passes all the same.
    Warning,
}

/// One remark: where, and what; title and text are of any content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Annotation {
    pub level: Level,
    pub place: Option<Place>,
    pub title: String,
    pub text: String,
}

impl Annotation {
    /// Something that failed.
    pub fn error(place: Option<Place>, title: impl Into<String>, text: impl Into<String>) -> Self {
        Self { level: Level::Error, place, title: title.into(), text: text.into() }
    }
}

/// One workflow command per failing case, the worst first, then one per flaky case; with more than ten of a kind, the
/// tenth says how many are left out.
pub fn render(report: &Report) -> Result<String> {
    Ok(commands(&of(report)))
}

/// One annotation per failing case, the worst first, then one per flaky case.
pub fn of(report: &Report) -> Vec<Annotation> {
    let cases = || report.cases.iter().map(AsRef::as_ref);
    let mut failing: Vec<&Case> = cases().filter(|case: &&Case| case.grade.failed()).collect();
    failing.sort_by_key(|case| rank(case));
    let flaky = cases().filter(|case: &&Case| case.flaky());
    failing.into_iter().map(failure).chain(flaky.map(flakiness)).collect()
}

fn failure(case: &Case) -> Annotation {
    let mut text = case.grade.reasons();
    if !case.next.is_empty() {
        text.push_str(&format!("\nnext: {}", case.next));
    }
    if !case.evidence.is_empty() {
        text.push('\n');
        text.push_str(&case.evidence);
    }
    remark(Level::Error, case, "failed", &text)
}

/// Which trials failed for what, then what differed in the first.
fn flakiness(case: &Case) -> Annotation {
    let mut text: String = case.reruns.iter().map(|rerun| rerun.line() + "\n").collect();
    text.extend(case.reruns.first().map(|rerun| rerun.evidence.as_str()));
    remark(Level::Warning, case, "is flaky", &text)
}

fn remark(level: Level, case: &Case, what: &str, text: &str) -> Annotation {
    let title = clip(&one_line(&format!("{} {what}", case.grade.name)), TITLE_LIMIT);
    Annotation { level, place: case.place.clone(), title, text: text.trim_end().to_owned() }
}

/// Workflow commands, one a line: at most ten of a kind, of which the tenth may stand for the rest.
pub fn commands(annotations: &[Annotation]) -> String {
    let of = |level| annotations.iter().filter(|annotation| annotation.level == level).collect::<Vec<_>>();
    listed("error", "failing", &of(Level::Error)) + &listed("warning", "flaky", &of(Level::Warning))
}

fn listed(kind: &str, what: &str, annotations: &[&Annotation]) -> String {
    let shown = if annotations.len() > MOST { MOST - 1 } else { annotations.len() };
    let mut out: String = annotations.iter().take(shown).map(|annotation| command(kind, annotation)).collect();
    let hidden = annotations.len() - shown;
    if hidden > 0 {
        let text = format!("{hidden} more {what} cases, see the summary or regress_result.json");
        out.push_str(&format!("::{kind} title=gait regress::{}\n", command_message(&text)));
    }
    out
}

fn command(kind: &str, annotation: &Annotation) -> String {
    let place = annotation
        .place
        .as_ref()
        .map_or_else(String::new, |place| format!("file={},line={},", command_property(&place.file), place.line));
    let title = command_property(&annotation.title);
    format!("::{kind} {place}title={title}::{}\n", command_message(&annotation.text))
}
