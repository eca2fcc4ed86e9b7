//! The calls of baseline and candidate side by side, as HTML, from `details.calls` of a grade.

use crate::report::text::{clip, one_line, visible};
use serde_json::{Map, Value};

/// Most differences shown of one call.
const DIFFERENCES: usize = 25;
/// Most broken rules listed.
const VIOLATIONS: usize = 50;
/// Most trials listed.
const TRIALS: usize = 50;
/// Longest value, in bytes.
const VALUE_LIMIT: usize = 4_000;
/// Longest name or path, in bytes.
const NAME_LIMIT: usize = 400;

/// Text for an HTML element or a quoted attribute: one line of at most `limit` bytes before escaping.
pub fn line(text: &str, limit: usize) -> String {
    escape(&one_line(&clip(text, limit)))
}

/// As [`line`], line ends kept.
pub fn block(text: &str, limit: usize) -> String {
    escape(&visible(&clip(text, limit)))
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '`' => out.push_str("&#96;"),
            other => out.push(other),
        }
    }
    out
}

/// The differing calls in the order of the baseline, with how many others lie between them. Empty where none is listed.
pub fn calls(details: &Map<String, Value>) -> String {
    let Some(calls) = details.get("calls").and_then(Value::as_array).filter(|calls| !calls.is_empty()) else {
        return String::new();
    };
    let total = details.get("calls_total").and_then(Value::as_u64).unwrap_or_default();
    let hidden = total.saturating_sub(calls.len() as u64);
    // Where some are not listed, those between two listed ones need not be alike.
    let between = if hidden > 0 { "not shown" } else { "alike" };
    let place = |call: &&Value| {
        let (left, right) = (call["baseline_index"].as_u64(), call["candidate_index"].as_u64());
        (left.or(right), left.is_none())
    };
    let mut sorted: Vec<&Value> = calls.iter().collect();
    sorted.sort_by_key(place);
    let mut out =
        String::from("<div class=\"sides\"><span>baseline</span><span>candidate</span></div>\n<ol class=\"calls\">\n");
    let mut next = 1;
    for call in sorted {
        if let Some(at) = call["baseline_index"].as_u64() {
            if at > next {
                out.push_str(&format!("<li class=\"alike\"><span>{}</span></li>\n", counted(at - next, between)));
            }
            next = next.max(at.saturating_add(1));
        }
        out.push_str(&call_html(call));
    }
    if hidden > 0 {
        out.push_str(&format!("<li class=\"alike\"><span>{hidden} more calls differ</span></li>\n"));
    }
    out.push_str("</ol>\n");
    out
}

fn counted(count: u64, what: &str) -> String {
    format!("{count} {} {what}", if count == 1 { "call" } else { "calls" })
}

/// The rule that accepts a call or a difference, where one does.
fn by_rule(accepted: &Value) -> String {
    let rule = accepted["accepted_by"].as_str();
    rule.map_or_else(String::new, |rule| format!(" (accepted by {})", line(rule, NAME_LIMIT)))
}

fn call_html(call: &Value) -> String {
    let kind = match call["kind"].as_str() {
        Some("missing") => "missing",
        Some("extra") => "extra",
        Some("moved") => "moved",
        _ => "changed",
    };
    let tool = call["tool"].as_str().filter(|tool| !tool.is_empty()).unwrap_or("(no tool)");
    let side = |class: &str, index: &Value, here: bool| {
        if !here {
            return format!("<div class=\"call {class} none\">no such call</div>\n");
        }
        let number = index.as_u64().map_or_else(String::new, |at| format!("<span class=\"quiet\">{at}.</span> "));
        format!("<div class=\"call {class}\">{number}<b>{}</b></div>\n", line(tool, NAME_LIMIT))
    };
    let mut out = String::from("<li>\n");
    out.push_str(&side("before", &call["baseline_index"], kind != "extra"));
    let accepted = by_rule(call);
    // A difference without a reason to fail is one the fixture's rules accept.
    let (class, word) = if call["reason"].is_null() { ("pass", "accepted") } else { (kind, kind) };
    out.push_str(&format!("<span class=\"mark\"><span class=\"badge {class}\">{word}</span>{accepted}</span>\n"));
    out.push_str(&side("after", &call["candidate_index"], kind != "missing"));
    let none = Vec::new();
    let differences = call["differences"].as_array().unwrap_or(&none);
    for difference in differences.iter().take(DIFFERENCES) {
        let path = difference["path"].as_str().filter(|path| !path.is_empty()).unwrap_or("(the whole value)");
        if path == "/tool_name" && matches!(kind, "missing" | "extra") {
            continue;
        }
        let accepted = by_rule(difference);
        let value = |key: &str, class: &str, tag: &str, mark: char| {
            difference.get(key).map_or_else(String::new, |value| {
                let value = line(&value.to_string(), VALUE_LIMIT);
                format!("<{tag} class=\"value {class}\">{mark} {value}</{tag}>\n")
            })
        };
        out.push_str(&value("baseline", "before", "del", '-'));
        out.push_str(&format!("<span class=\"path\"><code>{}</code>{accepted}</span>\n", line(path, NAME_LIMIT)));
        out.push_str(&value("candidate", "after", "ins", '+'));
    }
    let hidden = differences.len().saturating_sub(DIFFERENCES);
    if hidden > 0 {
        out.push_str(&format!("<span class=\"path all\">{hidden} more differences in this call</span>\n"));
    }
    out.push_str("</li>\n");
    out
}

/// The rules of the whole run that do not hold.
pub fn violations(details: &Map<String, Value>) -> String {
    let Some(all) = details.get("violations").and_then(Value::as_array).filter(|all| !all.is_empty()) else {
        return String::new();
    };
    let mut out = String::from("<ul>\n");
    for violation in all.iter().take(VIOLATIONS) {
        let text = |key: &str| line(violation[key].as_str().unwrap_or_default(), NAME_LIMIT);
        let at = violation["candidate_index"].as_u64().map_or_else(String::new, |at| format!("call {at}, "));
        let (reason, tool, what, rule) = (text("reason"), text("tool"), text("what"), text("rule"));
        out.push_str(&format!("<li>{reason}: {at}<b>{tool}</b> {what}, against <code>{rule}</code></li>\n"));
    }
    out.push_str("</ul>\n");
    let hidden = all.len().saturating_sub(VIOLATIONS);
    if hidden > 0 {
        out.push_str(&format!("<p class=\"quiet\">{hidden} more rules do not hold</p>\n"));
    }
    out
}

/// The trials of a case, where there were several.
pub fn trials(details: &Map<String, Value>) -> String {
    let Some(trials) = details.get("trials").and_then(Value::as_array).filter(|trials| trials.len() > 1) else {
        return String::new();
    };
    let mut out = String::from(
        "<table><thead><tr><th scope=\"col\">trial</th><th scope=\"col\">status</th><th scope=\"col\">reason \
         codes</th><th scope=\"col\">candidate</th></tr></thead><tbody>\n",
    );
    for trial in trials.iter().take(TRIALS) {
        let codes = trial["reason_codes"].as_array().map(Vec::as_slice).unwrap_or_default();
        let codes: Vec<&str> = codes.iter().filter_map(Value::as_str).collect();
        out.push_str(&format!(
            "<tr><td>{}</td><td>{}</td><td>{}</td><td><code>{}</code></td></tr>\n",
            line(&trial["trial"].to_string(), NAME_LIMIT),
            line(trial["status"].as_str().unwrap_or_default(), NAME_LIMIT),
            line(&codes.join(", "), NAME_LIMIT),
            line(trial["candidate"].as_str().unwrap_or_default(), NAME_LIMIT),
        ));
    }
    out.push_str("</tbody></table>\n");
    let hidden = trials.len().saturating_sub(TRIALS);
    if hidden > 0 {
        out.push_str(&format!("<p class=\"quiet\">{hidden} more trials</p>\n"));
    }
    out
}
