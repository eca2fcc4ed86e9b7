//! GitHub workflow commands: `::error` lines that the runner shows at the fixture's place in a file.

use crate::kernel::error::Result;
use crate::report::model::{Case, Report};
use crate::report::text::{clip, one_line, visible};

/// Commands of one kind the runner takes from one step.
const MOST: usize = 10;
/// Longest message the runner takes, in UTF-16 units after escaping.
const MESSAGE_LIMIT: usize = 4_096;
/// Longest title, in bytes before escaping.
const TITLE_LIMIT: usize = 200;

/// One line per failing case, the worst first; with more than ten, the tenth says how many are left out.
pub fn render(report: &Report) -> Result<String> {
    let mut failing: Vec<&Case> =
        report.cases.iter().map(AsRef::as_ref).filter(|case: &&Case| case.grade.failed()).collect();
    failing.sort_by_key(|case| rank(case.grade.grader()));
    let shown = if failing.len() > MOST { MOST - 1 } else { failing.len() };
    let mut out: String = failing.iter().take(shown).map(|case| command(case)).collect();
    let hidden = failing.len() - shown;
    if hidden > 0 {
        let text = format!("{hidden} more failing cases, see the summary or regress_result.json");
        out.push_str(&format!("::error title=gait regress::{}\n", message(&text)));
    }
    Ok(out)
}

/// What can't be read comes before what isn't sound, and that before what merely differs.
fn rank(grader: &str) -> u8 {
    match grader {
        "load" => 0,
        "schema_validation" => 1,
        _ => 2,
    }
}

fn command(case: &Case) -> String {
    let title = clip(&one_line(&format!("{} failed", case.grade.name)), TITLE_LIMIT);
    let place = case
        .place
        .as_ref()
        .map_or_else(String::new, |place| format!("file={},line={},", property(&place.file), place.line));
    let mut text = case.grade.reasons();
    if !case.next.is_empty() {
        text.push_str(&format!("\nnext: {}", case.next));
    }
    if !case.evidence.is_empty() {
        text.push('\n');
        text.push_str(&case.evidence);
    }
    format!("::error {place}title={}::{}\n", property(&title), message(text.trim_end()))
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
