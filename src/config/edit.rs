//! One fixture more in a `gait.yaml`, everything else left as it was written.

use crate::config::document::{Document, Member, Node, Syntax, Value};
use crate::config::place::Place;
use crate::config::suite::{self, Entry, Suite};
use crate::kernel::error::{Error, Result};
use crate::kernel::fs;
use crate::kernel::json::encode;
use serde::Serialize;
use serde_json::Map;
use std::collections::{HashMap, HashSet};

/// A fixture to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    pub name: String,
    pub run_id: String,
    pub runpack: String,
}

/// The text of a `gait.yaml` that lists `fixtures` too. A JSON file stays JSON, a new file is JSON; in a YAML file
/// only lines are added. Errors: a YAML file whose `fixtures` cannot be added to line by line.
pub fn with_fixtures(existing: Option<&Suite>, fixtures: &[Listing]) -> Result<String> {
    let Some(suite) = existing else { return json(Map::new(), fixtures) };
    match suite.document.syntax {
        Syntax::Json => {
            let top = serde_json::from_str(suite.document.text.trim_start_matches('\u{FEFF}'));
            json(top.map_err(|e| Error::invalid(format!("{}: {e}", suite.document.path)))?, fixtures)
        }
        Syntax::Yaml => yaml(suite, fixtures),
    }
}

#[derive(Serialize)]
struct Written {
    schema_id: &'static str,
    schema_version: &'static str,
    fixture_set: serde_json::Value,
    fixtures: Vec<WrittenEntry>,
    #[serde(flatten)]
    rest: Map<String, serde_json::Value>,
}

#[derive(Serialize)]
struct WrittenEntry {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    run_id: Option<serde_json::Value>,
    runpack: serde_json::Value,
    #[serde(flatten)]
    rest: Map<String, serde_json::Value>,
}

fn json(mut top: Map<String, serde_json::Value>, fixtures: &[Listing]) -> Result<String> {
    let text =
        |value: &Option<serde_json::Value>| value.as_ref().and_then(|v| v.as_str()).unwrap_or_default().to_owned();
    let listed = match top.remove("fixtures") {
        Some(serde_json::Value::Array(items)) => items,
        _ => Vec::new(),
    };
    let mut entries: Vec<WrittenEntry> = Vec::new();
    for item in listed {
        let serde_json::Value::Object(mut rest) = item else { continue };
        let name = text(&rest.remove("name"));
        let (run_id, runpack) = (rest.remove("run_id"), rest.remove("runpack").unwrap_or_default());
        entries.push(WrittenEntry { name, run_id, runpack, rest });
    }
    let places: HashMap<String, usize> = entries.iter().map(|entry| entry.name.clone()).zip(0..).collect();
    for fixture in fixtures {
        let run_id = Some(fixture.run_id.clone().into());
        match places.get(&fixture.name).map(|&at| &mut entries[at]) {
            Some(entry) if same_path(entry.runpack.as_str(), &fixture.runpack) => entry.run_id = run_id,
            Some(_) => {}
            None => entries.push(WrittenEntry {
                name: fixture.name.clone(),
                run_id,
                runpack: fixture.runpack.clone().into(),
                rest: Map::new(),
            }),
        }
    }
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    let fixture_set = top.remove("fixture_set").filter(|set| set.as_str().is_some_and(|set| !set.is_empty()));
    for known in ["schema_id", "schema_version"] {
        top.remove(known);
    }
    encode::document(&Written {
        schema_id: suite::SCHEMA_ID,
        schema_version: suite::SCHEMA_VERSION,
        fixture_set: fixture_set.unwrap_or_else(|| "default".into()),
        fixtures: entries,
        rest: top,
    })
}

/// Whether an entry's runpack is the file at `path`.
pub fn same_path(listed: Option<&str>, path: &str) -> bool {
    listed.is_some_and(|listed| fs::clean(listed) == fs::clean(path))
}

fn yaml(suite: &Suite, fixtures: &[Listing]) -> Result<String> {
    let names = |suite: &Suite| suite.fixtures.iter().map(|entry| entry.name.clone()).collect::<HashSet<_>>();
    let listed = names(suite);
    let missing: Vec<&Listing> = fixtures.iter().filter(|fixture| !listed.contains(&fixture.name)).collect();
    let document = &suite.document;
    if missing.is_empty() {
        return Ok(document.text.clone());
    }
    let mut lines: Vec<String> = document.text.lines().map(str::to_owned).collect();
    let at = insertion(document, &lines)?;
    let mut added = at.header.map(str::to_owned).into_iter().collect::<Vec<_>>();
    for Listing { name, run_id, runpack } in missing {
        let indent = " ".repeat(at.indent);
        added.push(format!("{indent}- name: {}", quoted(name)?));
        added.push(format!("{indent}  run_id: {}", quoted(run_id)?));
        added.push(format!("{indent}  runpack: {}", quoted(runpack)?));
    }
    lines.splice(at.line..at.line, added);
    let end = if document.text.contains("\r\n") { "\r\n" } else { "\n" };
    let text = lines.join(end) + end;
    let again = Document::parse(&document.path, text.clone()).and_then(Suite::of);
    match again {
        Ok(again) if keeps(suite, &again, fixtures) => Ok(text),
        _ => Err(by_hand(document, None)),
    }
}

/// Whether `after` says all that `before` does, and lists `fixtures` too.
fn keeps(before: &Suite, after: &Suite, fixtures: &[Listing]) -> bool {
    let entries: HashMap<&str, &Entry> = after.fixtures.iter().map(|entry| (entry.name.as_str(), entry)).collect();
    let said = |entry: &Entry| (entry.run_id.clone(), entry.runpack.clone(), entry.settings.clone());
    let same = |old: &Entry, new: &Entry| said(old) == said(new);
    before.fixtures.iter().all(|old| entries.get(old.name.as_str()).is_some_and(|new| same(old, new)))
        && fixtures.iter().all(|fixture| entries.contains_key(fixture.name.as_str()))
        && (&before.fixture_set, &before.discover, &before.defaults)
            == (&after.fixture_set, &after.discover, &after.defaults)
}

/// Where new entries go: before line `line` (0-based), their dash behind `indent` blanks.
struct Insertion {
    line: usize,
    indent: usize,
    header: Option<&'static str>,
}

fn insertion(document: &Document, lines: &[String]) -> Result<Insertion> {
    let Value::Map(members) = &document.root.value else {
        return Ok(Insertion { line: lines.len(), indent: 2, header: Some("fixtures:") });
    };
    let Some(member) = members.iter().find(|member| member.key == "fixtures") else {
        return Ok(Insertion { line: lines.len(), indent: 2, header: Some("fixtures:") });
    };
    let end = block_end(members, member, lines);
    match &member.node.value {
        Value::Null => Ok(Insertion { line: member.place.line, indent: 2, header: None }),
        Value::List(items) => {
            let first = items.first().and_then(|item| lines.get(item.place.line - 1)).map(String::as_str);
            let indent = first
                .filter(|line| line.trim_start().starts_with("- "))
                .map(|line| line.len() - line.trim_start().len());
            let indent = indent.ok_or_else(|| by_hand(document, Some(&member.node)))?;
            Ok(Insertion { line: end, indent, header: None })
        }
        _ => Err(by_hand(document, Some(&member.node))),
    }
}

/// The 0-based line behind the last line of `member`: blank lines and comments in front of the next key stay with it.
fn block_end(members: &[Member], member: &Member, lines: &[String]) -> usize {
    let next = members.iter().map(|other| other.place.line).filter(|&line| line > member.place.line).min();
    let mut end = next.map_or(lines.len(), |line| line - 1);
    while end > member.place.line && (lines[end - 1].trim().is_empty() || lines[end - 1].starts_with('#')) {
        end -= 1;
    }
    end
}

fn by_hand(document: &Document, node: Option<&Node>) -> Error {
    let place = node.map_or(document.root.place, |node| node.place);
    document
        .error(place, "the new fixture cannot be added to this list")
        .hint("write `fixtures` as a block list (`- name: ...`), or add the fixture by hand")
}

/// A text as a YAML scalar: plain where that is safe, else in JSON's double quotes, which YAML reads alike.
fn quoted(text: &str) -> Result<String> {
    let plain = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/'))
        && !matches!(text.to_lowercase().as_str(), "true" | "false" | "null" | "yes" | "no" | "on" | "off" | "y" | "n");
    if plain { Ok(text.to_owned()) } else { encode::record(text) }
}

/// The text of the config with another run id for the fixture `name`, where one is written: only that scalar changes.
/// `None`: nothing has to be changed.
pub fn with_run_id(suite: &Suite, name: &str, run_id: &str) -> Result<Option<String>> {
    let document = &suite.document;
    let listed = suite.fixtures.iter().find(|entry| entry.name == name);
    let Some(listed) = listed.filter(|entry| entry.run_id.as_deref().is_some_and(|old| old != run_id)) else {
        return Ok(None);
    };
    let place = run_id_place(document, listed).ok_or_else(|| run_by_hand(document, listed.place))?;
    let start: usize = document.text.split_inclusive('\n').take(place.line - 1).map(str::len).sum();
    let line = &document.text[start..];
    let start = start + line.char_indices().nth(place.column - 1).map_or(line.len(), |(at, _)| at);
    let written = match document.syntax {
        Syntax::Json => encode::record(run_id)?,
        Syntax::Yaml => quoted(run_id)?,
    };
    let end = start + scalar(&document.text[start..]);
    let text = format!("{}{written}{}", &document.text[..start], &document.text[end..]);
    let changed = |entry: &Entry| if entry.name == name { Some(run_id.to_owned()) } else { entry.run_id.clone() };
    let again = Document::parse(&document.path, text.clone()).and_then(Suite::of);
    let same = |again: Suite| {
        let pairs = || suite.fixtures.iter().zip(&again.fixtures);
        again.fixtures.len() == suite.fixtures.len()
            && pairs().all(|(old, new)| (&old.name, &old.runpack) == (&new.name, &new.runpack))
            && pairs().all(|(old, new)| changed(old) == new.run_id && old.settings == new.settings)
            && (&suite.fixture_set, &suite.discover) == (&again.fixture_set, &again.discover)
    };
    if again.is_ok_and(same) { Ok(Some(text)) } else { Err(run_by_hand(document, place)) }
}

fn run_id_place(document: &Document, entry: &Entry) -> Option<Place> {
    let member = |node: &Node, key: &str| match &node.value {
        Value::Map(members) => members.iter().find(|member| member.key == key).map(|member| member.node.clone()),
        _ => None,
    };
    let Value::List(items) = member(&document.root, "fixtures")?.value else { return None };
    let item = items.into_iter().find(|item| item.place == entry.place)?;
    member(&item, "run_id").map(|node| node.place)
}

/// How many bytes the scalar at the start of `text` takes. A guess for plain ones: the whole is read again afterwards.
fn scalar(text: &str) -> usize {
    let mut escaped = false;
    match text.as_bytes().first() {
        Some(quote @ (b'"' | b'\'')) => {
            let ends = |byte: u8| {
                let end = byte == *quote && !escaped;
                escaped = byte == b'\\' && *quote == b'"' && !escaped;
                end
            };
            text.bytes().skip(1).position(ends).map_or(text.len(), |at| at + 2)
        }
        _ => text.find(['\n', '\r', ',', '}', '#']).map_or(text.len(), |end| text[..end].trim_end().len()),
    }
}

fn run_by_hand(document: &Document, place: Place) -> Error {
    document.error(place, "the run id cannot be changed here").hint("write `run_id` as a plain text, or remove it")
}
