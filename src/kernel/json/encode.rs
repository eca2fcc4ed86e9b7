//! The encodings we print: one compact line with sorted keys, and indented documents with a final newline.

use crate::kernel::error::{Error, Kind, Result};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// A value whose object keys are written sorted by bytes at every level, however its maps keep them.
#[derive(Debug, Clone, Copy)]
pub enum Sorted<'a> {
    Value(&'a Value),
    Members(&'a Map<String, Value>),
}

impl Serialize for Sorted<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match *self {
            Sorted::Members(members) | Sorted::Value(Value::Object(members)) => {
                let sorted: BTreeMap<_, _> = members.iter().map(|(key, value)| (key, Sorted::Value(value))).collect();
                serializer.collect_map(sorted)
            }
            Sorted::Value(Value::Array(items)) => serializer.collect_seq(items.iter().map(Sorted::Value)),
            Sorted::Value(other) => other.serialize(serializer),
        }
    }
}

/// One compact line, keys sorted by bytes, `<`, `>`, `&`, U+2028 and U+2029 escaped, no newline.
pub fn line<T: Serialize + ?Sized>(value: &T) -> Result<String> {
    let value = serde_json::to_value(value).map_err(failed)?;
    Ok(escape(&serde_json::to_string(&Sorted::Value(&value)).map_err(failed)?).into_owned())
}

/// One compact line with keys in the order of the type, escaped as [`line`], no newline.
pub fn record<T: Serialize + ?Sized>(value: &T) -> Result<String> {
    Ok(escape(&serde_json::to_string(value).map_err(failed)?).into_owned())
}

/// Two-space indented, keys in the order of the type, escaped as [`line`], one final newline.
pub fn document<T: Serialize + ?Sized>(value: &T) -> Result<String> {
    let mut text = escape(&serde_json::to_string_pretty(value).map_err(failed)?).into_owned();
    text.push('\n');
    Ok(text)
}

fn failed(error: serde_json::Error) -> Error {
    Error::new(Kind::Internal, format!("cannot encode JSON: {error}"))
}

/// JSON text with `<`, `>`, `&`, U+2028 and U+2029 escaped. Outside strings none of these characters occurs in JSON, so
/// the whole text can be escaped at once.
pub fn escape(text: &str) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    let separator =
        || memchr::memchr_iter(0xE2, bytes).any(|at| matches!(bytes.get(at..at + 3), Some([_, 0x80, 0xA8 | 0xA9])));
    if memchr::memchr3(b'<', b'>', b'&', bytes).is_none() && !separator() {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 32);
    for character in text.chars() {
        match character {
            '<' => out.push_str("\\u003c"),
            '>' => out.push_str("\\u003e"),
            '&' => out.push_str("\\u0026"),
            '\u{2028}' => out.push_str("\\u2028"),
            '\u{2029}' => out.push_str("\\u2029"),
            other => out.push(other),
        }
    }
    Cow::Owned(out)
}
