//! The two lanes of a run, intents and results: one record type, read from and written to canonical lines.

use crate::kernel::clock::Timestamp;
use crate::kernel::digest::Digest;
use crate::kernel::error::{Error, Result};
use crate::kernel::json::{canon, scan};
use crate::runpack::model;
use std::borrow::Cow;

/// Which of the two JSONL entries a record stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    Intents,
    Results,
}

impl Lane {
    /// The entry's name.
    pub fn entry(self) -> &'static str {
        match self {
            Self::Intents => model::INTENTS,
            Self::Results => model::RESULTS,
        }
    }

    /// The records' `schema_id`.
    pub fn schema(self) -> &'static str {
        match self {
            Self::Intents => model::INTENT_SCHEMA,
            Self::Results => model::RESULT_SCHEMA,
        }
    }

    /// Names of the body, its digest, and the lane's own text field.
    fn names(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Intents => ("args", "args_digest", "tool_name"),
            Self::Results => ("result", "result_digest", "status"),
        }
    }
}

/// What stands in a record besides its body.
#[derive(Clone, Copy)]
enum Field {
    Body,
    Created,
    Digest,
    Id,
    Label,
    Producer,
    Run,
    Schema,
    Version,
}

/// The members of an intent in canonical order, each key with its quotes and colon.
const INTENT: [(&str, Field); 9] = [
    ("\"args\":", Field::Body),
    ("\"args_digest\":", Field::Digest),
    ("\"created_at\":", Field::Created),
    ("\"intent_id\":", Field::Id),
    ("\"producer_version\":", Field::Producer),
    ("\"run_id\":", Field::Run),
    ("\"schema_id\":", Field::Schema),
    ("\"schema_version\":", Field::Version),
    ("\"tool_name\":", Field::Label),
];

/// Those of a result.
const RESULT: [(&str, Field); 9] = [
    ("\"created_at\":", Field::Created),
    ("\"intent_id\":", Field::Id),
    ("\"producer_version\":", Field::Producer),
    ("\"result\":", Field::Body),
    ("\"result_digest\":", Field::Digest),
    ("\"run_id\":", Field::Run),
    ("\"schema_id\":", Field::Schema),
    ("\"schema_version\":", Field::Version),
    ("\"status\":", Field::Label),
];

/// An intent or a result. Texts are unescaped; `body` (the args or the result) is canonical JSON of a non-empty
/// object; `label` is the tool name of an intent, the status of a result.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Record<'a> {
    pub schema_id: Cow<'a, str>,
    pub schema_version: Cow<'a, str>,
    pub created_at: Timestamp,
    pub producer_version: Cow<'a, str>,
    pub run_id: Cow<'a, str>,
    pub intent_id: Cow<'a, str>,
    pub label: Cow<'a, str>,
    pub digest: Cow<'a, str>,
    pub body: Option<Cow<'a, [u8]>>,
    /// The body with its integers digit by digit, where its canonical form cannot keep them all. Written in place of
    /// `body`; digests are over `body` all the same.
    pub exact: Option<Cow<'a, [u8]>>,
    /// Whether an integer was changed by reading it as a double.
    pub inexact: bool,
}

/// What can be wrong with a record on its own.
const NOT_AN_OBJECT: &str = "a record has to be a JSON object";

impl<'a> Record<'a> {
    /// Reads one record, canonical or not. Duplicate keys and wrong types are errors, unknown keys are dropped.
    pub fn parse(lane: Lane, line: &'a [u8]) -> Result<Self> {
        if let Some(record) = Self::as_written(lane, line) {
            return Ok(record);
        }
        let mut record = Self::default();
        let mut outcome = Ok(());
        let canonical = canon::visit(line, |key, value, plain| {
            if let Some(slot) = record.text(lane, key).filter(|_| plain) {
                *slot = Cow::Borrowed(&value[1..value.len() - 1]);
            } else if outcome.is_ok() {
                outcome = record.take(lane, key, Value::Canonical(value));
            }
        });
        if canonical {
            return outcome.map(|()| record);
        }
        let mut record = Self::default();
        let tape = scan::parse(line)?;
        match tape.nodes.first().map(|node| node.shape) {
            Some(scan::Shape::Object) => {}
            Some(scan::Shape::Null) => return Ok(record),
            _ => return Err(Error::invalid(NOT_AN_OBJECT)),
        }
        record.inexact = tape.inexact;
        for member in tape.members(0)? {
            let node = &tape.nodes[member.value as usize];
            let value = match node.shape {
                scan::Shape::Plain | scan::Shape::Escaped => Value::Text(tape.lasting_string(node)),
                scan::Shape::Object => {
                    let mut canonical = Vec::with_capacity(tape.raw(node).len());
                    canon::write(&tape, member.value, &mut canonical)?;
                    let mut exact = Vec::new();
                    if tape.inexact {
                        canon::write_exact(&tape, member.value, &mut exact)?;
                    }
                    let told = !exact.is_empty() && exact != canonical;
                    Value::Object(canonical, told.then_some(exact))
                }
                scan::Shape::Null => Value::Canonical("null"),
                _ => Value::Canonical("0"),
            };
            record.take(lane, &member.key, value)?;
        }
        Ok(record)
    }

    /// Reads a line as [`Record::write`] writes it, no text in it escaped; any other is `None`.
    fn as_written(lane: Lane, line: &'a [u8]) -> Option<Self> {
        let mut walk = canon::Walk::new(line)?;
        let mut record = Self::default();
        let members = if lane == Lane::Intents { &INTENT } else { &RESULT };
        for (key, field) in members {
            if !walk.key(key) {
                if matches!(field, Field::Body) {
                    continue;
                }
                return None;
            }
            let slot = match field {
                Field::Body => {
                    let body = walk.value()?;
                    record.body = Some(Cow::Borrowed(body.as_bytes())).filter(|_| body != "{}");
                    if !body.starts_with('{') {
                        return None;
                    }
                    continue;
                }
                Field::Created => {
                    record.created_at = walk.plain()?.parse().ok()?;
                    continue;
                }
                Field::Digest => &mut record.digest,
                Field::Id => &mut record.intent_id,
                Field::Label => &mut record.label,
                Field::Producer => &mut record.producer_version,
                Field::Run => &mut record.run_id,
                Field::Schema => &mut record.schema_id,
                Field::Version => &mut record.schema_version,
            };
            *slot = Cow::Borrowed(walk.plain()?);
        }
        walk.ended().then_some(record)
    }

    /// The text that stands under `key`.
    fn text(&mut self, lane: Lane, key: &str) -> Option<&mut Cow<'a, str>> {
        match (lane, key) {
            (Lane::Intents, "args_digest") | (Lane::Results, "result_digest") => Some(&mut self.digest),
            (Lane::Intents, "tool_name") | (Lane::Results, "status") => Some(&mut self.label),
            (_, "intent_id") => Some(&mut self.intent_id),
            (_, "producer_version") => Some(&mut self.producer_version),
            (_, "run_id") => Some(&mut self.run_id),
            (_, "schema_id") => Some(&mut self.schema_id),
            (_, "schema_version") => Some(&mut self.schema_version),
            _ => None,
        }
    }

    fn take(&mut self, lane: Lane, key: &str, value: Value<'a>) -> Result<()> {
        match (lane, key) {
            (Lane::Intents, "args") | (Lane::Results, "result") => (self.body, self.exact) = value.object(key)?,
            (_, "created_at") => {
                if let Some(text) = value.text(key)? {
                    self.created_at = text.parse()?;
                }
            }
            _ => {
                if let Some(slot) = self.text(lane, key)
                    && let Some(text) = value.text(key)?
                {
                    *slot = text;
                }
            }
        }
        Ok(())
    }

    /// The same record, owning its texts.
    pub fn into_owned(self) -> Record<'static> {
        let own = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
        Record {
            schema_id: own(self.schema_id),
            schema_version: own(self.schema_version),
            created_at: self.created_at,
            producer_version: own(self.producer_version),
            run_id: own(self.run_id),
            intent_id: own(self.intent_id),
            label: own(self.label),
            digest: own(self.digest),
            body: self.body.map(|body| Cow::Owned(body.into_owned())),
            exact: self.exact.map(|body| Cow::Owned(body.into_owned())),
            inexact: self.inexact,
        }
    }

    /// The body's text as it is written: with every integer digit by digit.
    pub fn content(&self) -> Option<&[u8]> {
        self.exact.as_deref().or(self.body.as_deref())
    }

    /// Whether a digest is given and, where there is a body to check it against, is the body's.
    pub fn digest_holds(&self) -> bool {
        match &self.body {
            Some(body) if !self.digest.is_empty() => Digest::of(body).spelled(&self.digest),
            _ => true,
        }
    }

    /// Whether the record says it is one of `lane`, in the version this program writes.
    pub fn schema_holds(&self, lane: Lane) -> bool {
        self.schema_id == lane.schema() && self.schema_version == model::SCHEMA_VERSION
    }

    /// Appends the canonical line, newline included; only the integers of [`Record::exact`] may be spelled otherwise.
    pub fn write(&self, lane: Lane, out: &mut Vec<u8>) {
        let (body, digest, label) = lane.names();
        out.push(b'{');
        // None of the names has anything to escape.
        let name = |out: &mut Vec<u8>, key: &str| {
            out.push(b'"');
            out.extend_from_slice(key.as_bytes());
            out.extend_from_slice(b"\":");
        };
        let text = |out: &mut Vec<u8>, key: &str, value: &str| {
            if out.last() != Some(&b'{') {
                out.push(b',');
            }
            name(out, key);
            canon::write_string(value, out);
        };
        let object = |out: &mut Vec<u8>, separator: &str| {
            if let Some(bytes) = self.content() {
                out.extend_from_slice(separator.as_bytes());
                name(out, body);
                out.extend_from_slice(bytes);
            }
        };
        let created_at = self.created_at.to_string();
        if lane == Lane::Intents {
            object(out, "");
            if self.body.is_some() {
                out.push(b',');
                name(out, digest);
                canon::write_string(&self.digest, out);
            } else {
                text(out, digest, &self.digest);
            }
        }
        text(out, "created_at", &created_at);
        text(out, "intent_id", &self.intent_id);
        text(out, "producer_version", &self.producer_version);
        if lane == Lane::Results {
            object(out, ",");
            text(out, digest, &self.digest);
        }
        text(out, "run_id", &self.run_id);
        text(out, "schema_id", &self.schema_id);
        text(out, "schema_version", &self.schema_version);
        text(out, label, &self.label);
        out.extend_from_slice(b"}\n");
    }
}

type Body<'a> = Option<Cow<'a, [u8]>>;

/// A member's value on its way into a record.
enum Value<'a> {
    /// Canonical text as it stands in the line.
    Canonical(&'a str),
    Text(Cow<'a, str>),
    /// Canonical text, and the exact one where it differs.
    Object(Vec<u8>, Option<Vec<u8>>),
}

impl<'a> Value<'a> {
    fn text(self, key: &str) -> Result<Option<Cow<'a, str>>> {
        match self {
            Self::Text(text) => Ok(Some(text)),
            Self::Canonical("null") => Ok(None),
            Self::Canonical(text) if text.len() > 1 && text.starts_with('"') => {
                let inner = &text[1..text.len() - 1];
                Ok(Some(if inner.contains('\\') { Cow::Owned(scan::unescape(inner)) } else { Cow::Borrowed(inner) }))
            }
            _ => Err(Error::invalid(format!("`{key}` has to be a string"))),
        }
    }

    fn object(self, key: &str) -> Result<(Body<'a>, Body<'a>)> {
        match self {
            Self::Canonical("null" | "{}") => Ok((None, None)),
            Self::Object(bytes, _) if bytes == b"{}" => Ok((None, None)),
            Self::Object(bytes, exact) => Ok((Some(Cow::Owned(bytes)), exact.map(Cow::Owned))),
            Self::Canonical(text) if text.starts_with('{') => Ok((Some(Cow::Borrowed(text.as_bytes())), None)),
            _ => Err(Error::invalid(format!("`{key}` has to be an object"))),
        }
    }
}
