//! GitHub workflow commands: `::error` lines, and `::warning` lines for what is flaky, that the runner shows at the
//! fixture's place in a file.

use crate::kernel::error::Result;
use crate::report::model::{Case, Report};
use crate::report::text::{clip, one_line, visible};

/// Commands of one kind the runner takes from one step.
const MOST: usize = 10;
/// Longest message the runner takes, in UTF-16 units after escaping.
const MESSAGE_LIMIT: usize = 4_096;
/// Longest title, in bytes before escaping.
const TITLE_LIMIT: usize = 200;

/// One line per failing case, the worst first, then one per flaky case; with more than ten of a kind, the tenth says how
/// many are left out.
pub fn render(report: &Report) -> Result<String> {
    let cases = || report.cases.iter().map(AsRef::as_ref);
    let mut failing: Vec<&Case> = cases().filter(|case: &&Case| case.grade.failed()).collect();
    failing.sort_by_key(|case| rank(case.grade.grader()));
    let flaky: Vec<&Case> = cases().filter(|case: &&Case| case.flaky()).collect();
    Ok(listed("error", "failing", &failing, failure) + &listed("warning", "flaky", &flaky, flakiness))
}

/// The commands of one kind.
fn listed(kind: &str, what: &str, cases: &[&Case], command: fn(&Case) -> (String, String)) -> String {
    let shown = if cases.len() > MOST { MOST - 1 } else { cases.len() };
    let line = |case: &&Case| {
        let (title, text) = command(case);
        let title = property(&clip(&one_line(&title), TITLE_LIMIT));
        let place = case.place.as_ref();
        let place =
            place.map_or_else(String::new, |place| format!("file={},line={},", property(&place.file), place.line));
        format!("::{kind} {place}title={title}::{}\n", message(text.trim_end()))
    };
    let mut out: String = cases.iter().take(shown).map(line).collect();
    let hidden = cases.len() - shown;
    if hidden > 0 {
        let text = format!("{hidden} more {what} cases, see the summary or regress_result.json");
        out.push_str(&format!("::{kind} title=gait regress::{}\n", message(&text)));
    }
    out
}

/// What can't be read comes before what isn't sound, and that before what merely differs.
fn rank(grader: &str) -> u8 {
    match grader {
        "load" => 0,
        "schema_validation" => 1,
        _ => 2,
    }
}

/// Title and text for a failing case.
fn failure(case: &Case) -> (String, String) {
    let mut text = case.grade.reasons();
    if !case.next.is_empty() {
        text.push_str(&format!("\nnext: {}", case.next));
    }
    if !case.evidence.is_empty() {
        text.push('\n');
        text.push_str(&case.evidence);
    }
    (format!("{} failed", case.grade.name), text)
}

/// Title and text for a flaky case: which trials failed for what, then what differed in the first.
fn flakiness(case: &Case) -> (String, String) {
    let mut text: String = case.reruns.iter().map(|rerun| rerun.line() + "\n").collect();
    text.extend(case.reruns.first().map(|rerun| rerun.evidence.as_str()));
    (format!("{} is flaky", case.grade.name), text)
}

/// The text of a workflow command: one line, at most 4,096 characters, with no way to begin another command.
pub fn message(text: &str) -> String {
    let (mut out, mut units) = (String::new(), 0);
    for c in disarmed(text).chars() {
        let piece = escaped(c, false);
        let size: usize = piece.chars().map(char::len_utf16).sum();
        if units + size >= MESSAGE_LIMIT {
            out.push('…');
            break;
        }
        units += size;
        out.push_str(&piece);
    }
    out
}

/// The value of a property of a workflow command.
pub fn property(text: &str) -> String {
    disarmed(text).chars().map(|c| escaped(c, true)).collect()
}

/// The old spelling `##[command]` counts anywhere in a line, so it is broken up.
fn disarmed(text: &str) -> String {
    visible(text).replace("##[", "##\u{200B}[")
}

fn escaped(c: char, property: bool) -> String {
    match c {
        '%' => "%25".to_owned(),
        '\r' => "%0D".to_owned(),
        '\n' => "%0A".to_owned(),
        ':' if property => "%3A".to_owned(),
        ',' if property => "%2C".to_owned(),
        other => other.to_string(),
    }
}
