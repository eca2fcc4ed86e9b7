//! JSON values for comparing and showing: numbers keep their exact text, members their RFC 8785 order.

use crate::kernel::error::Result;
use crate::kernel::json::canon;
use crate::kernel::json::scan::{self, Shape, Tape};
use serde::ser::{Error as _, Serialize, Serializer};
use serde_json::value::RawValue;

/// A JSON value. Numbers are the text they were written with, so integers of any size compare exactly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Json {
    Null,
    Bool(bool),
    Number(Box<str>),
    String(String),
    Array(Vec<Json>),
    Object(Vec<(String, Json)>),
}

/// Deepest tree that is built: what walks a tree is recursive. A deeper value is kept as one opaque canonical text.
pub const TREE_DEPTH: usize = 256;

/// Parses one JSON text strictly (see [`scan::parse`]); duplicate keys are an error.
pub fn parse(bytes: &[u8]) -> Result<Json> {
    of(&scan::parse(bytes)?)
}

/// The tree of a parsed text.
pub fn of(tape: &Tape<'_>) -> Result<Json> {
    build(tape, 0, 0)
}

fn build(tape: &Tape<'_>, index: u32, depth: usize) -> Result<Json> {
    let node = &tape.nodes[index as usize];
    if depth >= TREE_DEPTH && matches!(node.shape, Shape::Array | Shape::Object) {
        let text = canon::canonicalize(tape.raw(node).as_bytes())?;
        return Ok(Json::String(String::from_utf8_lossy(&text).into_owned()));
    }
    Ok(match node.shape {
        Shape::Null => Json::Null,
        Shape::True => Json::Bool(true),
        Shape::False => Json::Bool(false),
        Shape::Number => Json::Number(tape.raw(node).into()),
        Shape::Plain | Shape::Escaped => Json::String(tape.string(node).into_owned()),
        Shape::Array => {
            Json::Array(tape.children(index).map(|child| build(tape, child, depth + 1)).collect::<Result<_>>()?)
        }
        Shape::Object => {
            let members = tape.members(index)?.into_iter();
            let pair = |m: scan::Member<'_>| Ok((m.key.into_owned(), build(tape, m.value, depth + 1)?));
            Json::Object(members.map(pair).collect::<Result<_>>()?)
        }
    })
}

impl Json {
    /// The member `key` of an object.
    pub fn get(&self, key: &str) -> Option<&Json> {
        match self {
            Json::Object(members) => members.iter().find(|(name, _)| name == key).map(|(_, value)| value),
            _ => None,
        }
    }

    /// The text of a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Json::String(text) => Some(text),
            _ => None,
        }
    }

    /// Compact JSON text in member order, numbers as written.
    pub fn text(&self) -> String {
        let mut out = Vec::new();
        self.write(&mut out);
        String::from_utf8(out).unwrap_or_default()
    }

    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Json::Null => out.extend_from_slice(b"null"),
            Json::Bool(value) => out.extend_from_slice(if *value { b"true" } else { b"false" }),
            Json::Number(text) => out.extend_from_slice(text.as_bytes()),
            Json::String(text) => canon::write_string(text, out),
            Json::Array(items) => {
                out.push(b'[');
                for (at, item) in items.iter().enumerate() {
                    if at > 0 {
                        out.push(b',');
                    }
                    item.write(out);
                }
                out.push(b']');
            }
            Json::Object(members) => {
                out.push(b'{');
                for (at, (key, value)) in members.iter().enumerate() {
                    if at > 0 {
                        out.push(b',');
                    }
                    canon::write_string(key, out);
                    out.push(b':');
                    value.write(out);
                }
                out.push(b'}');
            }
        }
    }
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Json::Null => serializer.serialize_unit(),
            Json::Bool(value) => serializer.serialize_bool(*value),
            Json::Number(text) => match (text.parse::<u64>(), text.parse::<i64>()) {
                (Ok(number), _) => serializer.serialize_u64(number),
                (_, Ok(number)) => serializer.serialize_i64(number),
                _ => RawValue::from_string(text.to_string()).map_err(S::Error::custom)?.serialize(serializer),
            },
            Json::String(text) => serializer.serialize_str(text),
            Json::Array(items) => serializer.collect_seq(items),
            Json::Object(members) => serializer.collect_map(members.iter().map(|(key, value)| (key, value))),
        }
    }
}

/// Whether two numbers are the same value: integers digit by digit, anything else as doubles.
pub fn same_number(a: &str, b: &str) -> bool {
    let integer = |text: &str| !text.contains(['.', 'e', 'E']);
    let trimmed = |text: &str| if text == "-0" { "0".to_owned() } else { text.to_owned() };
    if a == b || integer(a) && integer(b) {
        return trimmed(a) == trimmed(b);
    }
    match (a.parse::<f64>(), b.parse::<f64>()) {
        (Ok(x), Ok(y)) => x == y,
        _ => false,
    }
}
