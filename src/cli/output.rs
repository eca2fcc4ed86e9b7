//! An answer and how it is printed: text for people, or one JSON object with the envelope.

use crate::cli::exit::{self, Exit};
use crate::kernel::error::{Error, Kind, Result};
use crate::kernel::json::encode;
use crate::mcp::process::Ended;
use owo_colors::OwoColorize as _;
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use std::collections::BTreeMap;
use std::io::{self, Write};

/// What a command found: the same thing for `--json` and for people.
#[derive(Debug)]
pub struct Answer {
    members: BTreeMap<String, Box<RawValue>>,
    text: String,
    notes: Vec<String>,
    exit: Exit,
    category: &'static str,
    ended: Option<Ended>,
}

impl Answer {
    /// An answer that ends with `exit`. `value` is an object; its keys may come in any order at any depth.
    pub fn new<T: Serialize + ?Sized>(value: &T, exit: Exit) -> Result<Self> {
        let answer = Self::text_only("", exit).members(value)?;
        answer.with("ok", &(exit == Exit::Ok))
    }

    /// An answer of text alone, for help and the like.
    pub fn text_only(text: impl Into<String>, exit: Exit) -> Self {
        let (members, notes) = (BTreeMap::new(), Vec::new());
        Self { members, text: text.into(), notes, exit, category: exit.category(), ended: None }
    }

    /// The answer of a command that failed with `error`; `label` stands in front of the text.
    pub fn failure(label: &str, error: &Error) -> Self {
        let exit = Exit::from(error.kind());
        let category = exit::category(error);
        let hint = error.hint_text().unwrap_or_else(|| exit.hint());
        let mut text = format!("{label} error: {error}\n");
        if error.hint_text().is_some() {
            text.push_str(&format!("hint: {hint}\n"));
        }
        // Whoever was in the way is worth a code of its own: the call may be repeated.
        let busy = error.reason().filter(|_| error.kind() == Kind::Contention);
        let mut members = serde_json::json!({
            "ok": false,
            "error": error.to_string(),
            "error_code": busy.unwrap_or(exit.error_code()),
            "error_category": category,
            "retryable": exit::retryable(category),
            "hint": hint,
        });
        if let Some(reason) = error.reason() {
            members["reason_code"] = reason.into();
        }
        let answer = Self::new(&members, exit).unwrap_or_else(|_| Self::text_only("", exit));
        Self { category, text, ..answer }
    }

    /// The same answer with a further member, the keys inside it in the order of its type. It is encoded once and
    /// printed as it is: the way for a large value.
    pub fn with<T: Serialize + ?Sized>(self, key: &str, value: &T) -> Result<Self> {
        let sorted = serde_json::to_value(value).map_err(failed)?;
        let raw = to_raw_value(&sorted).map_err(failed)?;
        Ok(self.raw(key, Some(raw)))
    }

    /// As [`Answer::with`] for a large value whose objects have their keys in order already: it is encoded once.
    pub fn with_ordered<T: Serialize + ?Sized>(self, key: &str, value: &T) -> Result<Self> {
        let raw = to_raw_value(value).map_err(failed)?;
        Ok(self.raw(key, Some(raw)))
    }

    /// The same answer with every member of an object it does not have yet.
    pub fn members<T: Serialize + ?Sized>(mut self, value: &T) -> Result<Self> {
        let text = serde_json::to_string(&serde_json::to_value(value).map_err(failed)?).map_err(failed)?;
        let further: BTreeMap<String, Box<RawValue>> = serde_json::from_str(&text).map_err(failed)?;
        for (key, value) in further {
            self.members.entry(key).or_insert(value);
        }
        Ok(self)
    }

    fn raw(mut self, key: &str, value: Option<Box<RawValue>>) -> Self {
        if let Some(value) = value {
            self.members.insert(key.to_owned(), value);
        }
        self
    }

    /// A negative result that is no error says what it is by code, so that automation can tell.
    pub fn classified(self) -> Result<Self> {
        if self.exit == Exit::Ok {
            return Ok(self);
        }
        let (exit, category) = (self.exit, self.category);
        self.with("error_code", exit.error_code())?
            .with("error_category", category)?
            .with("retryable", &exit::retryable(category))?
            .with("hint", exit.hint())
    }

    /// The same answer with its text for people.
    #[must_use]
    pub fn text(mut self, text: impl Into<String>) -> Self {
        self.text = text.into();
        self
    }

    /// The same answer with remarks for standard error, one line each.
    #[must_use]
    pub fn notes(mut self, notes: impl IntoIterator<Item = String>) -> Self {
        self.notes.extend(notes);
        self
    }

    /// The answer of a command that ran another program: this process ends as that one did.
    #[must_use]
    pub fn passing(mut self, ended: Ended) -> Self {
        self.ended = Some(ended);
        self
    }

    /// How the program ended that was run in our place, if one was.
    pub fn ended(&self) -> Option<Ended> {
        self.ended
    }

    /// How the process is to end.
    pub fn exit(&self) -> Exit {
        self.exit
    }

    /// `error_category`, `none` for success.
    pub fn category(&self) -> &'static str {
        self.category
    }

    /// The members as one JSON object, ended by a newline.
    pub fn document(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let _ = self.print_members(&mut out);
        out
    }

    /// A text member.
    pub fn member(&self, key: &str) -> Option<String> {
        serde_json::from_str(self.members.get(key)?.get()).ok()
    }

    /// The remarks, one a line.
    pub fn notes_text(&self) -> String {
        self.notes.iter().map(|note| format!("{note}\n")).collect()
    }

    /// The text for people.
    pub fn plain_text(&self) -> &str {
        &self.text
    }

    /// Prints the answer. A reader that went away is no failure of ours.
    pub fn print(mut self, json: bool, correlation_id: &str) {
        for note in &self.notes {
            stderr(note);
        }
        if json && !self.members.is_empty() {
            if !self.members.contains_key("correlation_id") {
                let id = to_raw_value(correlation_id).ok();
                self = self.raw("correlation_id", id);
            }
            let _ = self.print_members(&mut io::stdout().lock());
        } else if !self.text.is_empty() {
            let mut text = self.text;
            if !text.ends_with('\n') {
                text.push('\n');
            }
            let _ = anstream::stdout().lock().write_all(text.as_bytes());
        }
        let _ = io::stdout().lock().flush();
    }

    fn print_members(&self, out: &mut impl Write) -> io::Result<()> {
        for (at, (key, value)) in self.members.iter().enumerate() {
            let key = encode::record(key).unwrap_or_default();
            write!(out, "{}{key}:", if at == 0 { '{' } else { ',' })?;
            out.write_all(encode::escape(value.get()).as_bytes())?;
        }
        out.write_all(b"}\n")
    }
}

/// A told diff with its lines coloured; printing takes the colours out again where they do not belong.
pub fn coloured(story: &str) -> String {
    let paint = |line: &str| match line.trim_start().as_bytes().first() {
        Some(b'-') => format!("{}\n", line.red()),
        Some(b'+') => format!("{}\n", line.green()),
        _ => format!("{line}\n"),
    };
    story.lines().map(paint).collect()
}

/// Prints text that goes before the answer.
pub fn stdout(text: &str) {
    let _ = io::stdout().lock().write_all(text.as_bytes());
}

/// Prints one line of diagnostics.
pub fn stderr(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

fn failed(error: serde_json::Error) -> Error {
    Error::new(Kind::Internal, format!("cannot encode the output: {error}"))
}
