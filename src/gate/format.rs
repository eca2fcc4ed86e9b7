//! A policy as canonical YAML text: every key, in one order, in one spelling.

use crate::config::scalar;
use crate::gate::args::ArgRule;
use crate::gate::pattern::Pattern;
use crate::gate::policy::{Match, Policy, Rule};
use crate::kernel::json::tree::Json;

/// The canonical text. It reads as a policy of the same digest.
pub fn text(policy: &Policy) -> String {
    let mut out = Yaml { text: String::new(), indent: 0 };
    out.scalar("schema_id", policy.schema_id);
    out.scalar("schema_version", policy.schema_version);
    out.scalar("default_verdict", policy.default_verdict.word());
    let closed = &policy.fail_closed;
    out.map("fail_closed", |out| {
        out.plain("enabled", closed.enabled);
        out.list("risk_classes", &closed.risk_classes);
        out.list("required_fields", &closed.required_fields);
        if closed.distrust_hints {
            out.plain("distrust_hints", true);
        }
    });
    out.items("rules", &policy.rules, rule);
    if !policy.freeze_windows.is_empty() {
        out.items("freeze_windows", &policy.freeze_windows, |out, window| {
            out.scalar("name", &window.name);
            out.scalar("start", &window.start.to_string());
            out.scalar("end", &window.end.to_string());
            out.scalar("effect", window.effect.word());
            matching(out, &window.matching);
            out.scalar("reason_code", &window.reason_code);
            out.scalar("violation", &window.violation);
        });
    }
    out.text
}

fn rule(out: &mut Yaml, rule: &Rule) {
    out.scalar("name", &rule.name);
    out.plain("priority", rule.priority);
    out.scalar("effect", rule.effect.word());
    matching(out, &rule.matching);
    let endpoint = &rule.endpoint;
    out.map("endpoint", |out| {
        out.plain("enabled", endpoint.enabled);
        out.patterns("path_allowlist", &endpoint.path_allowlist);
        out.patterns("path_denylist", &endpoint.path_denylist);
        out.patterns("domain_allowlist", &endpoint.domain_allowlist);
        out.patterns("domain_denylist", &endpoint.domain_denylist);
        out.list("egress_classes", &endpoint.egress_classes);
        out.scalar("action", &endpoint.action);
        out.scalar("destructive_action", &endpoint.destructive_action);
        out.scalar("reason_code", &endpoint.reason_code);
        out.scalar("violation", &endpoint.violation);
    });
    out.list("reason_codes", &rule.reason_codes);
    out.list("violations", &rule.violations);
    out.plain("min_approvals", rule.min_approvals);
    out.plain("require_distinct_approvers", rule.require_distinct_approvers);
    out.plain("require_broker_credential", rule.require_broker_credential);
    out.scalar("broker_reference", &rule.broker_reference);
    out.list("broker_scopes", &rule.broker_scopes);
    out.map("rate_limit", |out| {
        out.plain("requests", rule.rate_limit.requests);
        out.scalar("window", &rule.rate_limit.window);
        out.scalar("scope", &rule.rate_limit.scope);
    });
    let flow = &rule.dataflow;
    out.map("dataflow", |out| {
        out.plain("enabled", flow.enabled);
        out.list("tainted_sources", &flow.tainted_sources);
        out.list("destination_kinds", &flow.destination_kinds);
        out.list("destination_values", &flow.destination_values);
        out.list("destination_operations", &flow.destination_operations);
        out.scalar("action", &flow.action);
        out.scalar("reason_code", &flow.reason_code);
        out.scalar("violation", &flow.violation);
    });
}

fn matching(out: &mut Yaml, m: &Match) {
    out.map("match", |out| {
        out.list("tool_names", &m.tool_names);
        out.list("risk_classes", &m.risk_classes);
        out.list("target_kinds", &m.target_kinds);
        out.list("target_values", &m.target_values);
        out.list("endpoint_classes", &m.endpoint_classes);
        out.list("skill_publishers", &m.skill_publishers);
        out.list("skill_sources", &m.skill_sources);
        out.list("data_classes", &m.data_classes);
        out.list("destination_kinds", &m.destination_kinds);
        out.list("destination_values", &m.destination_values);
        out.list("destination_operations", &m.destination_operations);
        out.list("provenance_sources", &m.provenance_sources);
        out.list("identities", &m.identities);
        out.list("workspace_prefixes", &m.workspace_prefixes);
        out.plain("require_delegation", m.require_delegation);
        out.list("allowed_delegator_identities", &m.allowed_delegator_identities);
        out.list("allowed_delegate_identities", &m.allowed_delegate_identities);
        out.list("delegation_scopes", &m.delegation_scopes);
        out.plain("max_delegation_depth", m.max_delegation_depth.map_or("null".to_owned(), |depth| depth.to_string()));
        if m.every_target {
            out.plain("every_target", true);
        }
        if !m.args.is_empty() {
            out.map("args", |out| m.args.iter().for_each(|rule| args(out, rule)));
        }
    });
}

fn args(out: &mut Yaml, rule: &ArgRule) {
    out.map(&quoted(&rule.path.to_string(), true), |out| {
        for condition in &rule.conditions {
            let json = |value: &Json| value.as_str().map_or_else(|| value.text(), |text| quoted(text, true));
            match condition.operand() {
                Json::Array(items) => {
                    out.line(&format!("{}:", condition.word()));
                    items.iter().for_each(|item| out.line(&format!("- {}", json(item))));
                }
                value => out.line(&format!("{}: {}", condition.word(), json(&value))),
            }
        }
    });
}

/// YAML in the making.
struct Yaml {
    text: String,
    indent: usize,
}

impl Yaml {
    fn line(&mut self, text: &str) {
        self.text.push_str(&" ".repeat(self.indent));
        self.text.push_str(text);
        self.text.push('\n');
    }

    fn plain(&mut self, key: &str, value: impl std::fmt::Display) {
        self.line(&format!("{key}: {value}"));
    }

    fn scalar(&mut self, key: &str, value: &str) {
        self.line(&format!("{key}: {}", self.spelled(value, 2)));
    }

    fn list(&mut self, key: &str, items: &[String]) {
        if items.is_empty() {
            return self.line(&format!("{key}: []"));
        }
        self.line(&format!("{key}:"));
        for item in items {
            self.line(&format!("- {}", self.spelled(item, 2)));
        }
    }

    fn patterns(&mut self, key: &str, items: &[Pattern]) {
        self.list(key, &items.iter().map(|pattern| pattern.text().to_owned()).collect::<Vec<_>>());
    }

    fn map(&mut self, key: &str, inside: impl FnOnce(&mut Self)) {
        self.line(&format!("{key}:"));
        self.indent += 2;
        inside(self);
        self.indent -= 2;
    }

    /// A sequence of mappings at the column of its key, the first key of each behind its dash.
    fn items<T>(&mut self, key: &str, items: &[T], each: impl Fn(&mut Self, &T)) {
        if items.is_empty() {
            return self.line(&format!("{key}: []"));
        }
        self.line(&format!("{key}:"));
        for item in items {
            let at = self.text.len() + self.indent;
            self.indent += 2;
            each(self, item);
            self.indent -= 2;
            self.text.replace_range(at..at + 1, "-");
        }
    }

    /// A text as a YAML scalar; of several lines and without need of quotes, as a block `deeper` in.
    fn spelled(&self, value: &str, deeper: usize) -> String {
        if !value.contains('\n') || needs_quotes(value) || !is_blockable(value) {
            return quoted(value, false);
        }
        let body = value.trim_end_matches('\n');
        let ends = value.len() - body.len();
        let mark = ["|-", "|"].get(ends).copied().unwrap_or("|+");
        let pad = " ".repeat(self.indent + deeper);
        let line = |line: &str| if line.is_empty() { String::new() } else { format!("{pad}{line}") };
        let lines: Vec<String> = body.split('\n').map(line).collect();
        format!("{mark}\n{}{}", lines.join("\n"), "\n".repeat(ends.saturating_sub(1)))
    }
}

/// Whether a text of several lines reads back as itself from a literal block.
fn is_blockable(value: &str) -> bool {
    let odd = |c: char| c != '\n' && (c.is_control() || matches!(c, '\u{85}' | '\u{2028}' | '\u{2029}' | '\u{feff}'));
    !value.starts_with([' ', '\n']) && !value.contains(odd)
}

/// A text as a plain or double-quoted scalar.
fn quoted(value: &str, strict: bool) -> String {
    if !(needs_quotes(value) || value.contains('\n') || strict && value.starts_with(['$', '^', '('])) {
        return value.to_owned();
    }
    let mut out = "\"".to_owned();
    for c in value.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if (c as u32) < 0x20 || c == '\u{7f}' => out.push_str(&format!("\\x{:02x}", c as u32)),
            c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}') => {
                out.push_str(&format!("\\u{:04x}", c as u32));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

const WORDS: [&str; 22] = [
    "null", "Null", "NULL", "~", "true", "True", "TRUE", "false", "False", "FALSE", "y", "Y", "yes", "Yes", "YES", "n",
    "N", "no", "No", "NO", "on", "On",
];
const MORE_WORDS: [&str; 4] = ["ON", "off", "Off", "OFF"];

fn needs_quotes(value: &str) -> bool {
    let starts = ['*', '&', '[', '{', '}', ']', ',', '!', '|', '>', '%', '\'', '"', '@', '`', ' ', '?'];
    let odd = |c: char| c != '\n' && (c.is_control() || matches!(c, '#' | '\\' | '\u{2028}' | '\u{2029}' | '\u{feff}'));
    value.is_empty()
        || WORDS.contains(&value)
        || MORE_WORDS.contains(&value)
        || value == "-"
        || value == "---"
        || value.starts_with(starts)
        || value.ends_with([':', ' '])
        || value.contains(odd)
        || value.contains(": ")
        || value.contains("- ")
        || scalar::is_number(value)
        || is_special_float(value)
        || is_time(value)
}

fn is_special_float(value: &str) -> bool {
    let bare = value.trim_start_matches(['+', '-']).to_ascii_lowercase();
    let number = value.bytes().any(|b| b.is_ascii_digit()).then(|| value.parse::<f64>().ok()).flatten();
    matches!(bare.as_str(), ".inf" | ".nan") || number.is_some_and(f64::is_infinite)
}

/// A date, a date and time, or `10:30`.
fn is_time(value: &str) -> bool {
    let shape: String = value.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    let date = shape.starts_with("0000-00-00");
    let clock = ["0:00", "00:00", "0:0", "00:0", "0:00:00", "00:00:00"].contains(&shape.as_str());
    clock
        || date
            && (value.len() == 10
                || value.parse::<crate::kernel::clock::Timestamp>().is_ok()
                || shape == "0000-00-00 00:00:00")
}
