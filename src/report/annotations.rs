//! GitHub annotations: what is shown at a fixture's place in a file, as workflow commands or for a check run.

use crate::kernel::error::Result;
use crate::report::group::rank;
use crate::report::model::{Case, Place, Report};
use crate::report::text::{clip, command_message, command_property, one_line};

/// Commands of one kind the runner takes from one step.
const MOST: usize = 10;
/// Longest title, in bytes before escaping.
const TITLE_LIMIT: usize = 200;

/// One remark: where, and what; title and text are of any content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Annotation {
    pub place: Option<Place>,
    pub title: String,
    pub text: String,
}

/// One workflow command per failing case, the worst first; with more than ten, the tenth says how many are left out.
pub fn render(report: &Report) -> Result<String> {
    Ok(commands(&of(report)))
}

/// One annotation per failing case, the worst first.
pub fn of(report: &Report) -> Vec<Annotation> {
    let mut failing: Vec<&Case> =
        report.cases.iter().map(AsRef::as_ref).filter(|case: &&Case| case.grade.failed()).collect();
    failing.sort_by_key(|case| rank(case));
    failing.into_iter().map(annotation).collect()
}

fn annotation(case: &Case) -> Annotation {
    let mut text = case.grade.reasons();
    if !case.next.is_empty() {
        text.push_str(&format!("\nnext: {}", case.next));
    }
    if !case.evidence.is_empty() {
        text.push('\n');
        text.push_str(&case.evidence);
    }
    let title = clip(&one_line(&format!("{} failed", case.grade.name)), TITLE_LIMIT);
    Annotation { place: case.place.clone(), title, text: text.trim_end().to_owned() }
}

/// Workflow commands, one a line: at most ten, of which the tenth may stand for the rest.
pub fn commands(annotations: &[Annotation]) -> String {
    let shown = if annotations.len() > MOST { MOST - 1 } else { annotations.len() };
    let mut out: String = annotations.iter().take(shown).map(command).collect();
    let hidden = annotations.len() - shown;
    if hidden > 0 {
        let text = format!("{hidden} more failing cases, see the summary or regress_result.json");
        out.push_str(&format!("::error title=gait regress::{}\n", command_message(&text)));
    }
    out
}

fn command(annotation: &Annotation) -> String {
    let place = annotation
        .place
        .as_ref()
        .map_or_else(String::new, |place| format!("file={},line={},", command_property(&place.file), place.line));
    let title = command_property(&annotation.title);
    format!("::error {place}title={title}::{}\n", command_message(&annotation.text))
}
