//! Texts nobody should read become marks before anything is written or hashed: `hmac:<key id>:<24 hex>`.
//!
//! The key is random for each recorder and kept nowhere, so a mark cannot be checked against guesses. Which variable
//! held the text is told in the journal and in `tools.json`, for replay.

use crate::kernel::digest::hex;
use crate::kernel::error::{Error, Kind, Result};
use crate::kernel::json::tree::{self, Json};
use crate::mcp::wire;
use hmac::{Hmac, KeyInit as _, Mac as _};
use memchr::memmem::Finder;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::cmp::Reverse;
use std::sync::{PoisonError, RwLock, RwLockReadGuard};
use zeroize::Zeroizing;

/// Words in the name of a variable that holds a secret.
const TELLING: [&str; 7] = ["TOKEN", "SECRET", "KEY", "PASSWORD", "PASSWD", "PASSPHRASE", "CREDENTIAL"];
/// Shorter values are no secrets: they would stand everywhere.
pub const SHORTEST: usize = 8;

/// More secrets than anybody has in one recording.
const MOST_LEARNT: usize = 1024;

/// Whether something of this name holds a secret.
pub fn telling(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    TELLING.iter().any(|word| name.contains(word))
}

/// A mark that stands in place of a text nobody should read.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(default)]
pub struct Redaction {
    pub mark: String,
    /// The environment variable that held the text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variable: Option<String>,
}

/// A step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Member(String),
    Index(usize),
    Any,
    /// A member of this name at any depth.
    Deep(String),
}

/// A text that is hidden wherever it stands.
struct Secret {
    /// The variable that holds it.
    variable: Option<String>,
    value: Zeroizing<String>,
    /// Finds it as it stands inside a JSON string.
    finder: Finder<'static>,
}

impl Secret {
    fn new(variable: Option<String>, value: String) -> Self {
        let quoted = wire::quoted(&value);
        let finder = Finder::new(&quoted.as_bytes()[1..quoted.len() - 1]).into_owned();
        Self { variable, value: Zeroizing::new(value), finder }
    }
}

/// What is hidden, and the key of the marks.
pub struct Veil {
    key: Zeroizing<[u8; 64]>,
    key_id: String,
    secrets: Vec<Secret>,
    /// Secrets that were learnt since; there is never one that `secrets` holds.
    learnt: RwLock<Vec<Secret>>,
    paths: Vec<Vec<Step>>,
}

impl Veil {
    /// Hides the values of secret-looking variables and what stands at `paths` (`$.a.b`, `$.list[*].x`, `$..token`) inside
    /// the arguments and results of tool calls (and what stood there, wherever it is said again); bearer tokens always.
    pub fn new(variables: impl IntoIterator<Item = (String, String)>, paths: &[String]) -> Result<Self> {
        let mut random = Zeroizing::new([0u8; 68]);
        getrandom::fill(random.as_mut())
            .map_err(|e| Error::new(Kind::Internal, format!("no randomness from the operating system: {e}")))?;
        let mut key = Zeroizing::new([0u8; 64]);
        key.copy_from_slice(&random[..64]);
        let mut found: Vec<(String, String)> =
            variables.into_iter().filter(|(name, value)| telling(name) && value.len() >= SHORTEST).collect();
        found.sort_by(|a, b| a.1.cmp(&b.1).then_with(|| a.0.cmp(&b.0)));
        found.dedup_by(|a, b| a.1 == b.1);
        let secrets = found.into_iter().map(|(name, value)| Secret::new(Some(name), value)).collect();
        let paths = paths.iter().map(|path| steps(path)).collect::<Result<_>>()?;
        Ok(Self { key, key_id: hex(&random[64..]), secrets, learnt: RwLock::default(), paths })
    }

    /// Also hides this text from now on, unless it is too short to be a secret.
    pub fn learn(&self, value: &str) {
        let known = |secrets: &[Secret]| secrets.iter().any(|secret| *secret.value == value);
        let learnt = self.learnt();
        if value.len() < SHORTEST || value.starts_with("hmac:") || known(&self.secrets) || known(&learnt) {
            return;
        }
        drop(learnt);
        let mut learnt = self.learnt.write().unwrap_or_else(PoisonError::into_inner);
        if !known(&learnt) && learnt.len() < MOST_LEARNT {
            learnt.push(Secret::new(None, value.to_owned()));
        }
    }

    /// The frame with marks in place of what is hidden, and where the marks come from.
    pub fn cover<'f>(&self, frame: &'f str) -> (Cow<'f, str>, Vec<Redaction>) {
        if !self.suspect(frame) {
            return (Cow::Borrowed(frame), Vec::new());
        }
        let mut marks = Vec::new();
        let covered = match tree::parse(frame.as_bytes()) {
            Ok(mut value) => {
                self.paths_of(&mut value, &mut marks);
                self.walk(&mut value, &mut marks);
                value.text()
            }
            Err(_) => self.text(frame, &mut marks).unwrap_or_else(|| frame.to_owned()),
        };
        if marks.is_empty() { (Cow::Borrowed(frame), marks) } else { (Cow::Owned(covered), marks) }
    }

    /// Whether anything in the frame may have to be hidden. An escape can spell any letter.
    fn suspect(&self, frame: &str) -> bool {
        let bytes = frame.as_bytes();
        let escaped =
            || memchr::memchr_iter(b'\\', bytes).any(|at| matches!(bytes.get(at + 1), Some(b'u' | b'U' | b'/')));
        !self.paths.is_empty()
            || self.secrets.iter().chain(&*self.learnt()).any(|secret| secret.finder.find(bytes).is_some())
            || bearers(frame).next().is_some()
            || escaped()
    }

    fn learnt(&self) -> RwLockReadGuard<'_, Vec<Secret>> {
        self.learnt.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn walk(&self, value: &mut Json, marks: &mut Vec<Redaction>) {
        match value {
            Json::String(text) => {
                if let Some(covered) = self.text(text, marks) {
                    *text = covered;
                }
            }
            Json::Array(items) => items.iter_mut().for_each(|item| self.walk(item, marks)),
            Json::Object(members) => {
                for (key, value) in members {
                    if let Some(covered) = self.text(key, marks) {
                        *key = covered;
                    }
                    self.walk(value, marks);
                }
            }
            _ => {}
        }
    }

    /// The text with marks, if anything in it is hidden.
    fn text(&self, text: &str, marks: &mut Vec<Redaction>) -> Option<String> {
        let mut out = Cow::Borrowed(text);
        let learnt = self.learnt();
        let mut secrets: Vec<&Secret> = self.secrets.iter().chain(&*learnt).collect();
        // Longest first: a secret may be part of another.
        secrets.sort_by_key(|secret| Reverse(secret.value.len()));
        for Secret { variable, value, .. } in secrets {
            let quoted = Zeroizing::new(wire::quoted(value));
            // A text may be JSON itself.
            for spelling in [value.as_str(), &quoted[1..quoted.len() - 1]] {
                if out.contains(spelling) {
                    let mark = self.mark(value, variable.as_deref(), marks);
                    out = Cow::Owned(out.replace(spelling, &mark));
                }
            }
        }
        let tokens: Vec<String> = bearers(&out).map(str::to_owned).collect();
        for token in tokens.iter().filter(|token| !token.starts_with("hmac:")) {
            let mark = self.mark(token, None, marks);
            out = Cow::Owned(out.replace(token.as_str(), &mark));
        }
        match out {
            Cow::Borrowed(_) => None,
            Cow::Owned(text) => Some(text),
        }
    }

    fn mark(&self, text: &str, variable: Option<&str>, marks: &mut Vec<Redaction>) -> String {
        let mut mac = Hmac::<sha2::Sha256>::new(&(*self.key).into());
        mac.update(text.as_bytes());
        let mark = format!("hmac:{}:{}", self.key_id, hex(&mac.finalize().into_bytes()[..12]));
        marks.push(Redaction { mark: mark.clone(), variable: variable.map(str::to_owned) });
        mark
    }

    /// Hides what the paths name in the arguments of a request and in the result of a response.
    fn paths_of(&self, frame: &mut Json, marks: &mut Vec<Redaction>) {
        if let Json::Array(batch) = frame {
            batch.iter_mut().for_each(|message| self.paths_of(message, marks));
        }
        for path in &self.paths {
            for place in [&["params", "arguments"][..], &["result"], &["result", "structuredContent"]] {
                if let Some(value) = at(frame, place) {
                    self.hide(value, path, marks);
                }
            }
        }
        // A structured result stands in a text once more.
        let Some(Json::Array(content)) = at(frame, &["result", "content"]) else { return };
        for item in content {
            for place in [&["text"][..], &["resource", "text"]] {
                if let Some(Json::String(text)) = at(item, place) {
                    self.paths_of_text(text, marks);
                }
            }
        }
    }

    fn paths_of_text(&self, text: &mut String, marks: &mut Vec<Redaction>) {
        if !text.trim_start().starts_with(['{', '[']) {
            return;
        }
        let Ok(mut value) = tree::parse(text.as_bytes()) else { return };
        let before = marks.len();
        self.paths.iter().for_each(|path| self.hide(&mut value, path, marks));
        if marks.len() > before {
            *text = value.text();
        }
    }

    /// What stood at a path is hidden from now on wherever it is said again.
    fn learn_all(&self, value: &Json) {
        match value {
            Json::String(text) => self.learn(text),
            Json::Number(text) => self.learn(text),
            Json::Array(items) => items.iter().for_each(|item| self.learn_all(item)),
            Json::Object(members) => members.iter().for_each(|(_, value)| self.learn_all(value)),
            Json::Null | Json::Bool(_) => {}
        }
    }

    fn hide(&self, value: &mut Json, path: &[Step], marks: &mut Vec<Redaction>) {
        let Some((step, rest)) = path.split_first() else {
            self.learn_all(value);
            let text = value.as_str().map_or_else(|| value.text(), str::to_owned);
            if !text.starts_with("hmac:") {
                *value = Json::String(self.mark(&text, None, marks));
            }
            return;
        };
        match (step, value) {
            (Step::Member(name), value) => member(value, name).into_iter().for_each(|v| self.hide(v, rest, marks)),
            (Step::Index(at), Json::Array(items)) => {
                items.get_mut(*at).into_iter().for_each(|v| self.hide(v, rest, marks));
            }
            (Step::Any, Json::Array(items)) => items.iter_mut().for_each(|v| self.hide(v, rest, marks)),
            (Step::Any, Json::Object(members)) => members.iter_mut().for_each(|(_, v)| self.hide(v, rest, marks)),
            (Step::Deep(_), Json::Array(items)) => items.iter_mut().for_each(|v| self.hide(v, path, marks)),
            (Step::Deep(name), Json::Object(members)) => {
                for (key, value) in members {
                    self.hide(value, if key == name { rest } else { path }, marks);
                }
            }
            _ => {}
        }
    }
}

fn at<'j>(value: &'j mut Json, place: &[&str]) -> Option<&'j mut Json> {
    place.iter().try_fold(value, |value, key| member(value, key))
}

fn member<'j>(value: &'j mut Json, key: &str) -> Option<&'j mut Json> {
    match value {
        Json::Object(members) => members.iter_mut().find(|(name, _)| name == key).map(|(_, value)| value),
        _ => None,
    }
}

/// The tokens behind the word `Bearer`, in any case.
fn bearers(text: &str) -> impl Iterator<Item = &str> {
    let bytes = text.as_bytes();
    memchr::memchr2_iter(b'b', b'B', bytes).filter_map(move |at| {
        let word = bytes.get(at..at + 6)?;
        if !word.eq_ignore_ascii_case(b"bearer") {
            return None;
        }
        let rest = text.get(at + 6..)?;
        let token = rest.trim_start_matches([' ', '\t']);
        let part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '~' | '+' | '/' | '=' | ':');
        let end = token.find(|c| !part(c)).unwrap_or(token.len());
        (token.len() < rest.len() && end >= SHORTEST).then(|| &token[..end])
    })
}

fn steps(path: &str) -> Result<Vec<Step>> {
    let wrong =
        || Error::invalid(format!("--redact {path:?} is no path")).hint("write $.name, $.list[*].name or $..name");
    let mut rest = path.trim().strip_prefix('$').ok_or_else(wrong)?;
    let mut steps = Vec::new();
    while !rest.is_empty() {
        if let Some(inside) = rest.strip_prefix('[') {
            let (index, after) = inside.split_once(']').ok_or_else(wrong)?;
            steps.push(if index == "*" { Step::Any } else { Step::Index(index.parse().map_err(|_| wrong())?) });
            rest = after;
            continue;
        }
        let deep = rest.starts_with("..");
        let name = rest.trim_start_matches("..").trim_start_matches('.');
        let end = name.find(['.', '[']).unwrap_or(name.len());
        if !rest.starts_with('.') || end == 0 {
            return Err(wrong());
        }
        steps.push(match (&name[..end], deep) {
            ("*", false) => Step::Any,
            (name, false) => Step::Member(name.to_owned()),
            (name, true) => Step::Deep(name.to_owned()),
        });
        rest = &name[end..];
    }
    if steps.is_empty() { Err(wrong()) } else { Ok(steps) }
}
