//! Differing calls told to people: one headline a call, then what was and what is.

use crate::kernel::json::delta::Difference;
use crate::kernel::json::tree::Json;
use crate::runpack::calls::{CallChange, Change};
use similar::TextDiff;
use std::time::Duration;

/// Longest value shown on one line, in characters.
const SHOWN: usize = 400;
/// Texts from this length are compared line by line.
const LONG: usize = 80;

/// The calls, in order, as plain text: headlines, then lines that start with `  - ` (left) and `  + ` (right).
pub fn tell(calls: &[CallChange], total: usize) -> String {
    let mut out = String::new();
    for call in calls {
        out.push_str(&headline(call));
        out.push('\n');
        for difference in &call.differences {
            tell_difference(difference, call.kind, &mut out);
        }
        let hidden = call.differences_total.saturating_sub(call.differences.len());
        if hidden > 0 {
            out.push_str(&format!("  ... and {hidden} more differences in this call\n"));
        }
    }
    match total.saturating_sub(calls.len()) {
        0 => {}
        hidden if calls.is_empty() => out.push_str(&format!("calls that differ: {hidden}\n")),
        hidden => out.push_str(&format!("... and {hidden} more calls differ\n")),
    }
    out
}

fn headline(call: &CallChange) -> String {
    let place = match (call.index_left, call.index_right) {
        (Some(left), Some(right)) if left != right => format!("call {left} (now {right})"),
        (Some(at), _) | (None, Some(at)) => format!("call {at}"),
        (None, None) => "result without a call".to_owned(),
    };
    let what = match call.kind {
        Change::Changed => "changed",
        Change::Missing => "missing",
        Change::Extra => "extra",
        Change::Moved => "moved",
    };
    let tool = if call.tool_name.is_empty() { "(no tool)".to_owned() } else { visible(&call.tool_name) };
    format!("{place} {tool}: {what} [{}]", visible(&call.intent_id))
}

fn tell_difference(difference: &Difference, kind: Change, out: &mut String) {
    let path = visible(&difference.path);
    let (left, right) = (&difference.left, &difference.right);
    if kind == Change::Changed
        && let (Some(Json::String(a)), Some(Json::String(b))) = (left, right)
        && a.len().max(b.len()) > LONG
    {
        out.push_str(&format!("  ~ {path}\n"));
        let diff = TextDiff::configure().timeout(Duration::from_secs(1)).diff_lines(a.as_str(), b.as_str());
        for line in diff.unified_diff().context_radius(1).to_string().lines().take(40) {
            out.push_str(&format!("    {}\n", visible(line)));
        }
        return;
    }
    for (mark, value) in [('-', left), ('+', right)] {
        if let Some(value) = value {
            out.push_str(&format!("  {mark} {path}: {}\n", shortened(&value.text())));
        }
    }
}

/// A text on one line, cut where it is long.
pub fn shortened(text: &str) -> String {
    let text = visible(text);
    match text.char_indices().nth(SHOWN) {
        Some((at, _)) => format!("{}... ({} characters)", &text[..at], text.chars().count()),
        None => text,
    }
}

/// Control characters spelled out, so that recorded text cannot move the cursor or fake a line.
pub fn visible(text: &str) -> String {
    let odd = |c: char| {
        c.is_control()
            || matches!(c, '\u{2028}' | '\u{2029}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if !text.contains(odd) {
        return text.to_owned();
    }
    text.chars().map(|c| if odd(c) { c.escape_unicode().to_string() } else { c.to_string() }).collect()
}
