//! A settings file as a tree of values that know where they stand, and errors that show it.

use crate::config::place::{Offsets, Place, Places};
use crate::config::scalar::{decimal, integer, looks_numeric};
use crate::kernel::error::{Error, Result};
use crate::kernel::fs;
use crate::kernel::json::scan::{self, Shape, Tape};
use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;
use std::collections::{BTreeSet, HashSet};
use std::fmt;

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    pub place: Place,
    pub value: Value,
}

impl Node {
    /// The same value without its places. A number that JSON has no word for becomes `null`.
    pub fn to_json(&self) -> serde_json::Value {
        match &self.value {
            Value::Null => serde_json::Value::Null,
            Value::Bool(truth) => (*truth).into(),
            Value::Integer(number) => (*number).into(),
            Value::Float(number) => (*number).into(),
            Value::Text(text) => text.as_str().into(),
            Value::List(items) => items.iter().map(Self::to_json).collect(),
            Value::Map(members) => members.iter().map(|m| (m.key.clone(), m.node.to_json())).collect(),
        }
    }
}

/// What a settings file can hold. Integers that fit no `i64` and all other numbers are doubles.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Null,
    Bool(bool),
    Integer(i64),
    Float(f64),
    Text(String),
    List(Vec<Node>),
    Map(Vec<Member>),
}

/// One key of a mapping and its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Member {
    pub key: String,
    pub place: Place,
    pub node: Node,
}

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Syntax {
    Json,
    Yaml,
}

/// A parsed settings file.
#[derive(Debug)]
pub struct Document {
    pub path: String,
    pub text: String,
    pub syntax: Syntax,
    pub root: Node,
    offsets: Offsets,
}

impl Document {
    /// Reads the file at `path`, at most `limit` bytes of UTF-8 with or without a byte-order mark.
    pub fn read(path: &str, limit: u64) -> Result<Self> {
        Self::parse(path, fs::read_text(path, limit)?)
    }

    /// Parses `text`: JSON where it is that, else YAML 1.2. Duplicate keys are errors. `path` is for messages.
    pub fn parse(path: &str, text: String) -> Result<Self> {
        let json = text.trim_start().starts_with(['{', '[']).then(|| from_json(&text));
        let (syntax, root) = match json {
            Some(Ok(root)) => (Syntax::Json, root),
            refused => match from_yaml(path, &text) {
                Ok(root) => (Syntax::Yaml, root),
                Err(error) => return Err(refused.and_then(Result::err).map_or(error, |e| e.at(path))),
            },
        };
        Ok(Self { path: path.to_owned(), offsets: Offsets::of(&text), text, syntax, root })
    }

    /// The word that stands at a place as it is written; `None` where a quote, an anchor or a bracket does, and inside
    /// a block of text.
    pub fn plain_at(&self, place: Place) -> Option<&str> {
        let start = self.offsets.at(&self.text, place)?;
        let word = &self.text[start..];
        let end = word.find(|c: char| c.is_whitespace() || matches!(c, ',' | ']' | '}')).unwrap_or(word.len());
        let plain = !word.starts_with(['"', '\'', '&', '*', '!', '|', '>', '[', '{']);
        (plain && !opens_block(&self.text[..start])).then_some(&word[..end])
    }

    /// The text of a scalar where a text is wanted: a plain number in its usual decimal spelling, `null` empty. `None`
    /// for what is no scalar.
    pub fn scalar(&self, node: &Node) -> Option<String> {
        let written = self.plain_at(node.place).filter(|word| looks_numeric(word));
        let number = written.and_then(decimal);
        match &node.value {
            Value::Null => Some(String::new()),
            Value::Bool(truth) => Some(truth.to_string()),
            Value::Text(text) => Some(number.filter(|_| written == Some(text)).unwrap_or_else(|| text.clone())),
            Value::Integer(given) => Some(number.unwrap_or_else(|| given.to_string())),
            Value::Float(given) => Some(number.or(written.map(str::to_owned)).unwrap_or_else(|| given.to_string())),
            Value::List(_) | Value::Map(_) => None,
        }
    }

    /// The whole number of 64 bits that a scalar spells; a quoted one does not.
    fn whole(&self, node: &Node) -> Option<i64> {
        let written = self.plain_at(node.place).filter(|word| looks_numeric(word));
        match (&node.value, written) {
            (Value::Integer(number), None) => Some(*number),
            (Value::Integer(_), Some(written)) => i64::try_from(integer(written)?).ok(),
            (Value::Text(text), Some(written)) if text == written => i64::try_from(integer(written)?).ok(),
            _ => None,
        }
    }

    /// An error at a place of this file: the place, what is wrong, and the line it is on.
    pub fn error(&self, place: Place, what: impl fmt::Display) -> Error {
        point_out(&self.path, &self.text, place, &what.to_string())
    }

    /// The members of the mapping `node`, which is called `what` in messages. `null` is an empty mapping.
    pub fn fields<'d>(&'d self, node: &'d Node, what: &str) -> Result<Fields<'d>> {
        let members: &[Member] = match &node.value {
            Value::Map(members) => members,
            Value::Null => &[],
            other => {
                let found = other.kind();
                return Err(self.error(node.place, format!("{what} has to be a mapping, not {found}")));
            }
        };
        Ok(Fields { document: self, members, known: Vec::new() })
    }
}

/// Whether what follows a text is the inside of a block scalar: the last word before it is `|` or `>` with its marks.
fn opens_block(before: &str) -> bool {
    // Only what begins a line: nothing further back is looked at.
    let Some(above) = before.trim_end_matches([' ', '\t']).strip_suffix('\n') else { return false };
    let code = above
        .rsplit('\n')
        .map(|line| line.split(" #").next().unwrap_or_default().trim())
        .find(|code| !code.is_empty() && !code.starts_with('#'));
    let header = code.and_then(|code| code.split_whitespace().last()).unwrap_or_default();
    header.strip_prefix(['|', '>']).is_some_and(|marks| marks.chars().all(|c| matches!(c, '+' | '-' | '0'..='9')))
}

fn point_out(path: &str, text: &str, place: Place, what: &str) -> Error {
    let headline = format!("{path}:{}:{}: {what}", place.line, place.column);
    let Some(line) = text.lines().nth(place.line.saturating_sub(1)).filter(|line| line.len() <= 500) else {
        return Error::invalid(headline);
    };
    let start = line.char_indices().nth(place.column.saturating_sub(1)).map_or(line.len(), |(at, _)| at);
    let end = line.char_indices().nth(place.column).map_or(line.len(), |(at, _)| at);
    let snippet =
        Snippet::source(line).line_start(place.line).annotation(AnnotationKind::Primary.span(start..end.max(start)));
    let shown = Renderer::plain().render(&[Level::ERROR.primary_title("").element(snippet)]);
    let body: Vec<&str> = shown.lines().skip(1).filter(|line| !line.trim().is_empty()).collect();
    Error::invalid(format!("{headline}\n{}", body.join("\n")))
}

impl Value {
    fn kind(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool(_) => "a boolean",
            Self::Integer(_) | Self::Float(_) => "a number",
            Self::Text(_) => "a text",
            Self::List(_) => "a list",
            Self::Map(_) => "a mapping",
        }
    }
}

/// The members of one mapping, asked for by name. What nobody asked for is unknown.
pub struct Fields<'d> {
    document: &'d Document,
    members: &'d [Member],
    known: Vec<&'static str>,
}

impl<'d> Fields<'d> {
    /// The value of `key`; `null` is no value.
    pub fn node(&mut self, key: &'static str) -> Option<&'d Node> {
        self.known.push(key);
        let member = self.members.iter().find(|member| member.key == key)?;
        (member.node.value != Value::Null).then_some(&member.node)
    }

    fn typed<T>(&mut self, key: &'static str, want: &str, take: impl Fn(&'d Value) -> Option<T>) -> Result<Option<T>> {
        let Some(node) = self.node(key) else { return Ok(None) };
        let found = || self.document.error(node.place, format!("`{key}` has to be {want}, not {}", node.value.kind()));
        take(&node.value).ok_or_else(found).map(Some)
    }

    /// A text.
    pub fn text(&mut self, key: &'static str) -> Result<Option<&'d str>> {
        self.typed(key, "a text", |value| match value {
            Value::Text(text) => Some(text.as_str()),
            _ => None,
        })
    }

    /// A whole number.
    pub fn integer(&mut self, key: &'static str) -> Result<Option<i64>> {
        self.typed(key, "a whole number", |value| match value {
            Value::Integer(number) => Some(*number),
            _ => None,
        })
    }

    /// `true` or `false`.
    pub fn boolean(&mut self, key: &'static str) -> Result<Option<bool>> {
        self.typed(key, "true or false", |value| match value {
            Value::Bool(truth) => Some(*truth),
            _ => None,
        })
    }

    /// A list.
    pub fn list(&mut self, key: &'static str) -> Result<&'d [Node]> {
        let list = self.typed(key, "a list", |value| match value {
            Value::List(items) => Some(items.as_slice()),
            _ => None,
        });
        Ok(list?.unwrap_or_default())
    }

    /// A scalar of any type as a text.
    pub fn scalar(&mut self, key: &'static str) -> Result<Option<String>> {
        let Some(node) = self.node(key) else { return Ok(None) };
        let found = || self.document.error(node.place, format!("`{key}` has to be a text, not {}", node.value.kind()));
        self.document.scalar(node).ok_or_else(found).map(Some)
    }

    /// A whole number in any spelling of YAML.
    pub fn whole(&mut self, key: &'static str) -> Result<Option<i64>> {
        let Some(node) = self.node(key) else { return Ok(None) };
        let found = || self.document.error(node.place, format!("`{key}` has to be a whole number of 64 bits"));
        self.document.whole(node).ok_or_else(found).map(Some)
    }

    /// A list of scalars as texts, with their places; `null` is an empty text.
    pub fn scalars(&mut self, key: &'static str) -> Result<Vec<(Place, String)>> {
        let document = self.document;
        let one = |node: &'d Node| {
            let found = || document.error(node.place, format!("`{key}` lists texts, not {}", node.value.kind()));
            document.scalar(node).ok_or_else(found).map(|text| (node.place, text))
        };
        self.list(key)?.iter().map(one).collect()
    }

    /// Errors where there is a key that nobody asked for.
    pub fn refuse_unknown(&self) -> Result<()> {
        self.strange().next().map_or(Ok(()), |member| Err(self.document.error(member.place, self.remark(member))))
    }

    /// A list of texts.
    pub fn texts(&mut self, key: &'static str) -> Result<Vec<&'d str>> {
        let text = |node: &'d Node| match &node.value {
            Value::Text(text) => Ok(text.as_str()),
            other => Err(self.document.error(node.place, format!("`{key}` lists texts, not {}", other.kind()))),
        };
        self.list(key)?.iter().map(text).collect()
    }

    /// What nobody asked for, one line each: place, key, and what could have been meant.
    pub fn unknown(&self) -> Vec<String> {
        let line = |member: &Member| {
            let Place { line, column } = member.place;
            format!("{}:{line}:{column}: {}", self.document.path, self.remark(member))
        };
        self.strange().map(line).collect()
    }

    /// The keys nobody asked for.
    pub fn unknown_keys(&self) -> Vec<&'d str> {
        self.strange().map(|member| member.key.as_str()).collect()
    }

    fn strange(&self) -> impl Iterator<Item = &'d Member> {
        self.members.iter().filter(|member| !self.known.contains(&member.key.as_str()))
    }

    /// That a key is unknown, and the one it resembles or else all there are.
    fn remark(&self, member: &Member) -> String {
        let key = member.key.escape_debug();
        if let Some(near) = self.nearest(&member.key) {
            return format!("unknown key `{key}`, did you mean `{near}`?");
        }
        let known = Vec::from_iter(BTreeSet::from_iter(self.known.iter().copied()));
        format!("unknown key `{key}`, expected one of {}", known.join(", "))
    }

    fn nearest(&self, key: &str) -> Option<&'static str> {
        let lower = key.to_lowercase();
        let likeness = |known: &'static str| similar::TextDiff::from_chars(lower.as_str(), known).ratio();
        // A text of three times the other's length is less alike than 0.6 whatever it says, and dear to compare.
        let near = self.known.iter().filter(|known| lower.chars().count() <= 3 * known.len());
        let best = near.map(|known| (likeness(known), *known)).max_by(|a, b| a.0.total_cmp(&b.0))?;
        (best.0 >= 0.6).then_some(best.1)
    }
}

fn from_json(text: &str) -> Result<Node> {
    let tape = scan::parse(text.as_bytes())?;
    let mut places = Places::of(text);
    json_node(&tape, 0, &mut places, 0)
}

/// Deepest nesting of a settings file.
const DEPTH: usize = 128;

fn json_node(tape: &Tape<'_>, index: u32, places: &mut Places<'_>, depth: usize) -> Result<Node> {
    let node = &tape.nodes[index as usize];
    let place = places.at(node.start as usize);
    if depth > DEPTH {
        return Err(Error::invalid(format!("line {}: nested deeper than {DEPTH} levels", place.line)));
    }
    let value = match node.shape {
        Shape::Null => Value::Null,
        Shape::True => Value::Bool(true),
        Shape::False => Value::Bool(false),
        Shape::Number => number(tape.raw(node)),
        Shape::Plain | Shape::Escaped => Value::Text(tape.string(node).into_owned()),
        Shape::Array => {
            let items = tape.children(index).map(|child| json_node(tape, child, places, depth + 1));
            Value::List(items.collect::<Result<_>>()?)
        }
        Shape::Object => {
            // `members` finds duplicates; the order of the file is kept for the places.
            tape.members(index)?;
            let mut members = Vec::new();
            let mut nodes = tape.children(index);
            while let (Some(key), Some(value)) = (nodes.next(), nodes.next()) {
                let key_node = &tape.nodes[key as usize];
                let place = places.at(key_node.start as usize);
                let key = tape.string(key_node).into_owned();
                members.push(Member { key, place, node: json_node(tape, value, places, depth + 1)? });
            }
            Value::Map(members)
        }
    };
    Ok(Node { place, value })
}

fn number(text: &str) -> Value {
    match text.parse::<i64>() {
        Ok(integer) => Value::Integer(integer),
        Err(_) => Value::Float(text.parse().unwrap_or(f64::NAN)),
    }
}

/// YAML 1.2: `yes`, `no`, `on`, `off`, `y` and `n` are texts, and so is `1_000`.
fn from_yaml(path: &str, text: &str) -> Result<Node> {
    let options = serde_saphyr::options! { strict_booleans: true, underscored_numbers_as_strings: true };
    match serde_saphyr::from_str_with_options::<Spanned<Value>>(text, options) {
        Ok(root) => Ok(placed(root)),
        Err(error) => {
            let what = flaw(error.without_snippet());
            Err(match error.location() {
                Some(at) => {
                    let place = Place { line: at.line() as usize, column: at.column() as usize };
                    point_out(path, text, place, &what)
                }
                None => Error::invalid(format!("{path}: {what}")),
            })
        }
    }
}

/// What is wrong, without the place and without advice to programmers.
fn flaw(error: &serde_saphyr::Error) -> String {
    match error {
        serde_saphyr::Error::DuplicateMappingKey { key: Some(key), .. } => {
            format!("duplicate key `{}`", key.escape_debug())
        }
        serde_saphyr::Error::DuplicateMappingKey { .. } => "duplicate key".to_owned(),
        serde_saphyr::Error::MultipleDocuments { .. } => "a second YAML document begins here".to_owned(),
        serde_saphyr::Error::RecursiveReferencesRequireWeakTypes { .. } => "an anchor that holds itself".to_owned(),
        serde_saphyr::Error::AliasError { error, .. } => flaw(error),
        serde_saphyr::Error::Budget { .. } | serde_saphyr::Error::AliasReplayLimitExceeded { .. } => {
            "the file is too large, or its anchors make it so".to_owned()
        }
        other => {
            let text = other.to_string();
            let line = text.lines().next().unwrap_or("not YAML");
            line.find(" at line ").map_or(line, |at| &line[..at]).to_owned()
        }
    }
}

fn placed(spanned: Spanned<Value>) -> Node {
    let at = spanned.referenced;
    Node { place: Place { line: at.line() as usize, column: at.column() as usize }, value: spanned.value }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        Value::deserialize(deserializer)
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Value, E> {
        Ok(Value::Bool(truth))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Integer(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(i64::try_from(number).map_or(Value::Float(number as f64), Value::Integer))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(Value::Float(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element::<Spanned<Value>>()? {
            list.push(placed(item));
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let (mut members, mut seen) = (Vec::new(), HashSet::new());
        while let Some(key) = entries.next_key::<Spanned<Value>>()? {
            let key = placed(key);
            let name = match key.value {
                Value::Text(text) => text,
                Value::Integer(number) => number.to_string(),
                Value::Bool(truth) => truth.to_string(),
                other => return Err(de::Error::custom(format!("a key has to be a text, not {}", other.kind()))),
            };
            if !seen.insert(name.clone()) {
                return Err(de::Error::custom(format!("duplicate key `{name}`")));
            }
            let node = placed(entries.next_value::<Spanned<Value>>()?);
            members.push(Member { key: name, place: key.place, node });
        }
        Ok(Value::Map(members))
    }
}
