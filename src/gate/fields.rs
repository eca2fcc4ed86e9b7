//! The members of the JSON objects an intent is made of, asked for by name and type.

use crate::gate::text;
use crate::kernel::clock::Timestamp;
use crate::kernel::digest::is_hex64;
use crate::kernel::error::{Error, Result};
use crate::kernel::json::tree::Json;

/// The members of one object of an intent, and where it stands. `null` is as good as nothing.
pub struct Fields<'v> {
    value: &'v Json,
    place: String,
}

impl<'v> Fields<'v> {
    /// The members of `value`, which stands at `place`.
    pub fn of(value: &'v Json, place: impl Into<String>) -> Result<Self> {
        let place = place.into();
        match value {
            Json::Object(_) => Ok(Self { value, place }),
            Json::Null if place.is_empty() => Ok(Self { value, place }),
            _ if place.is_empty() => Err(Error::invalid("an intent has to be a JSON object")),
            _ => Err(Error::invalid(format!("{place} has to be an object"))),
        }
    }

    fn named(&self, key: &str) -> String {
        if self.place.is_empty() { key.to_owned() } else { format!("{}.{key}", self.place) }
    }

    /// An error about one member.
    pub fn error(&self, key: &str, what: &str) -> Error {
        Error::invalid(format!("{} {what}", self.named(key)))
    }

    fn get(&self, key: &str) -> Option<&'v Json> {
        self.value.get(key).filter(|value| **value != Json::Null)
    }

    /// A text as given; empty when there is none.
    pub fn text(&self, key: &str) -> Result<String> {
        match self.get(key) {
            None => Ok(String::new()),
            Some(Json::String(text)) => Ok(text.clone()),
            Some(_) => Err(self.error(key, "has to be a text")),
        }
    }

    /// A trimmed text that is not blank.
    pub fn required(&self, key: &str) -> Result<String> {
        let text = self.text(key)?.trim().to_owned();
        if text.is_empty() { Err(self.error(key, "is required")) } else { Ok(text) }
    }

    /// `true`, `false` or nothing.
    pub fn truth(&self, key: &str) -> Result<bool> {
        match self.get(key) {
            None => Ok(false),
            Some(Json::Bool(truth)) => Ok(*truth),
            Some(_) => Err(self.error(key, "has to be true or false")),
        }
    }

    /// A lowered SHA-256 digest in hex, or empty.
    pub fn digest(&self, key: &str) -> Result<String> {
        let text = text::lower(&self.text(key)?);
        if text.is_empty() || is_hex64(&text) { Ok(text) } else { Err(self.error(key, "is no SHA-256 digest in hex")) }
    }

    /// A time; the zero time when there is none.
    pub fn time(&self, key: &str) -> Result<Timestamp> {
        match self.get(key) {
            None => Ok(Timestamp::ZERO),
            Some(Json::String(text)) => Timestamp::parse_loosely(text).map_err(|error| error.at(self.named(key))),
            Some(_) => Err(self.error(key, "has to be an RFC 3339 time")),
        }
    }

    /// `issued_at` and `expires_at` in UTC, in this order in time.
    pub fn span(&self) -> Result<(Timestamp, Timestamp)> {
        let (issued, expires) = (self.time("issued_at")?.utc(), self.time("expires_at")?.utc());
        let ordered = expires.since(&issued).is_some_and(|span| !span.is_zero());
        if !issued.is_zero() && !expires.is_zero() && !ordered {
            return Err(self.error("expires_at", "has to be after issued_at"));
        }
        Ok((issued, expires))
    }

    fn items(&self, key: &str) -> Result<&'v [Json]> {
        match self.get(key) {
            None => Ok(&[]),
            Some(Json::Array(items)) => Ok(items),
            Some(_) => Err(self.error(key, "has to be a list")),
        }
    }

    /// A list of texts; `null` is an empty one.
    pub fn texts(&self, key: &str) -> Result<Vec<&'v str>> {
        let text = |item: &'v Json| match item {
            Json::Null => Ok(""),
            item => item.as_str().ok_or_else(|| self.error(key, "has to be a list of texts")),
        };
        self.items(key)?.iter().map(text).collect()
    }

    /// An object, if there is one.
    pub fn object(&self, key: &str) -> Result<Option<&'v Json>> {
        match self.get(key) {
            None => Ok(None),
            Some(value @ Json::Object(_)) => Ok(Some(value)),
            Some(_) => Err(self.error(key, "has to be an object")),
        }
    }

    /// A list of objects.
    pub fn records(&self, key: &str) -> Result<Vec<Fields<'v>>> {
        let items = self.items(key)?.iter().enumerate();
        items.map(|(at, item)| Fields::of(item, format!("{}[{at}]", self.named(key)))).collect()
    }
}
