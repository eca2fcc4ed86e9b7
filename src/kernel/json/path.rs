//! Places in a JSON value named by a path: the part of JSONPath that names members, items and descendants.

use crate::kernel::error::{Error, Result};
use crate::kernel::json::tree::Json;
use std::fmt;

/// A parsed path. `$` is the whole value, `.name` or `['name']` a member, `[0]` an item, `*` or `[*]` all of either,
/// `..name` such a member at any depth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonPath {
    text: String,
    steps: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Step {
    /// Any number of levels may lie in between.
    deep: bool,
    /// None: whatever stands there.
    name: Option<String>,
}

impl JsonPath {
    /// Reads a path. Errors say what was expected behind which part.
    pub fn parse(text: &str) -> Result<Self> {
        let wrong = |rest: &str, what: &str| {
            let read = &text[..text.len() - rest.len()];
            Error::invalid(format!("path `{text}`: {what} behind `{read}`"))
        };
        let Some(mut rest) = text.strip_prefix('$') else {
            return Err(Error::invalid(format!("path `{text}`: a path begins with `$`")));
        };
        let mut steps = Vec::new();
        while !rest.is_empty() {
            let deep = rest.starts_with("..");
            let (name, next) = if let Some(inner) = rest.strip_prefix("..").unwrap_or(rest).strip_prefix('[') {
                bracketed(inner).ok_or_else(|| wrong(rest, "expected `[0]`, `[*]` or `['name']`"))?
            } else {
                let inner = rest.strip_prefix("..").or_else(|| rest.strip_prefix('.'));
                let inner = inner.ok_or_else(|| wrong(rest, "expected `.`, `..` or `[`"))?;
                let odd = |c: char| matches!(c, '.' | '[' | ']' | '\'' | '"') || c.is_whitespace();
                let (name, next) = inner.split_at(inner.find(odd).unwrap_or(inner.len()));
                match name {
                    "" => return Err(wrong(inner, "expected a name")),
                    "*" => (None, next),
                    name => (Some(name.to_owned()), next),
                }
            };
            steps.push(Step { deep, name });
            rest = next;
        }
        Ok(Self { text: text.to_owned(), steps })
    }

    /// As written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether the path names exactly the place that these names and indexes lead to.
    pub fn names<S: AsRef<str>>(&self, place: &[S]) -> bool {
        fits(&self.steps, place)
    }

    /// The one place the path names, if it can name no more than one: whether there is a value.
    fn single<'j>(&self, root: &'j Json) -> Option<Option<&'j Json>> {
        let names = self.steps.iter().map(|step| step.name.as_deref().filter(|_| !step.deep));
        let mut value = Some(root);
        for name in names {
            let name = name?;
            value = value.and_then(|value| child(value, name));
        }
        Some(value)
    }

    /// The values the path names, in document order.
    pub fn select<'j>(&self, root: &'j Json) -> Vec<&'j Json> {
        if let Some(found) = self.single(root) {
            return found.into_iter().collect();
        }
        let mut out = Vec::new();
        self.walk(root, &[0], &mut out);
        out
    }

    /// Collects below a value that is reached with these steps still to go, each told as where it begins.
    fn walk<'j>(&self, value: &'j Json, open: &[usize], out: &mut Vec<&'j Json>) {
        if open.contains(&self.steps.len()) {
            out.push(value);
        }
        let mut enter = |name: &str, child: &'j Json| {
            let mut next = Vec::new();
            for &at in open {
                let Some(step) = self.steps.get(at) else { continue };
                next.extend(step.deep.then_some(at));
                next.extend(step.name.as_ref().is_none_or(|wanted| wanted == name).then_some(at + 1));
            }
            next.dedup();
            if !next.is_empty() {
                self.walk(child, &next, out);
            }
        };
        match value {
            Json::Object(members) => members.iter().for_each(|(key, value)| enter(key, value)),
            Json::Array(items) => items.iter().enumerate().for_each(|(at, value)| enter(&at.to_string(), value)),
            _ => {}
        }
    }

    /// Whether the path names the place or something it lies in.
    pub fn covers<S: AsRef<str>>(&self, place: &[S]) -> bool {
        (0..=place.len()).any(|end| self.names(&place[..end]))
    }
}

impl fmt::Display for JsonPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The inside of `[..]` and what follows it.
fn bracketed(inner: &str) -> Option<(Option<String>, &str)> {
    if let Some(quote) = inner.chars().next().filter(|c| matches!(c, '\'' | '"')) {
        let (mut name, mut escaped) = (String::new(), false);
        for (at, c) in inner.char_indices().skip(1) {
            match c {
                '\\' if !escaped => escaped = true,
                c if c == quote && !escaped => return Some((Some(name), inner[at + 1..].strip_prefix(']')?)),
                c => {
                    name.push(c);
                    escaped = false;
                }
            }
        }
        return None;
    }
    let (index, rest) = inner.split_once(']')?;
    match index {
        "*" => Some((None, rest)),
        "" => None,
        digits => digits.bytes().all(|b| b.is_ascii_digit()).then(|| (Some(digits.to_owned()), rest)),
    }
}

/// The member or item of a name.
fn child<'j>(value: &'j Json, name: &str) -> Option<&'j Json> {
    match value {
        Json::Object(members) => members.iter().find(|(key, _)| key == name).map(|(_, value)| value),
        Json::Array(items) => {
            let at: usize = name.parse().ok()?;
            items.get(at).filter(|_| at.to_string() == name)
        }
        _ => None,
    }
}

fn fits<S: AsRef<str>>(steps: &[Step], place: &[S]) -> bool {
    let Some((step, steps)) = steps.split_first() else { return place.is_empty() };
    let reach = if step.deep { place.len() } else { place.len().min(1) };
    (0..reach)
        .any(|at| step.name.as_ref().is_none_or(|name| name == place[at].as_ref()) && fits(steps, &place[at + 1..]))
}

/// The names and indexes a JSON pointer leads through.
pub fn of_pointer(pointer: &str) -> Vec<String> {
    pointer.split('/').skip(1).map(|part| part.replace("~1", "/").replace("~0", "~")).collect()
}

/// A path that names exactly one place, as a person would write it.
pub fn spelled<S: AsRef<str>>(place: &[S]) -> String {
    let mut out = "$".to_owned();
    for part in place.iter().map(AsRef::as_ref) {
        let plain = part.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-'));
        if !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()) {
            out.push_str(&format!("[{part}]"));
        } else if plain && !part.is_empty() {
            out.push_str(&format!(".{part}"));
        } else {
            out.push_str(&format!("['{}']", part.replace('\\', r"\\").replace('\'', r"\'")));
        }
    }
    out
}
