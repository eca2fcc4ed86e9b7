//! JSON-RPC on a pipe: frames cut from a copy of the bytes, and what each one says.

use crate::kernel::json::canon;
use crate::kernel::json::scan::{self, Shape, Tape};

/// Longest frame that is kept, in bytes; a longer one passes through and only its length is known.
pub const FRAME_LIMIT: usize = 64 << 20;

/// A piece of the stream between two line breaks.
#[derive(Debug, PartialEq, Eq)]
pub enum Frame<'a> {
    Text(&'a [u8]),
    /// Too long to keep: its length in bytes.
    Skipped(usize),
}

/// Cuts chunks into frames. Blank lines are none.
#[derive(Debug, Default)]
pub struct Cutter {
    /// The start of a frame whose end has not come yet.
    carry: Vec<u8>,
    /// Bytes of the current frame that were not kept.
    skipped: usize,
}

impl Cutter {
    /// Gives every frame that ends in `chunk` to `take`.
    pub fn cut(&mut self, chunk: &[u8], mut take: impl FnMut(Frame<'_>)) {
        let mut rest = chunk;
        while let Some(end) = memchr::memchr(b'\n', rest) {
            if self.carry.is_empty() && self.skipped == 0 {
                give(&rest[..end], &mut take);
            } else {
                self.keep(&rest[..end]);
                self.flush(&mut take);
            }
            rest = &rest[end + 1..];
        }
        self.keep(rest);
    }

    /// Gives what follows the last line break to `take`: at the end of the stream that is a frame too.
    pub fn end(&mut self, mut take: impl FnMut(Frame<'_>)) {
        self.flush(&mut take);
    }

    fn keep(&mut self, bytes: &[u8]) {
        if self.skipped > 0 || self.carry.len() + bytes.len() > FRAME_LIMIT {
            self.skipped += self.carry.len() + bytes.len();
            self.carry = Vec::new();
        } else {
            self.carry.extend_from_slice(bytes);
        }
    }

    fn flush(&mut self, take: &mut impl FnMut(Frame<'_>)) {
        match std::mem::take(&mut self.skipped) {
            0 => give(&self.carry, take),
            skipped => take(Frame::Skipped(skipped)),
        }
        self.carry.clear();
    }
}

fn give(bytes: &[u8], take: &mut impl FnMut(Frame<'_>)) {
    let text = bytes.trim_ascii();
    if !text.is_empty() {
        take(Frame::Text(text));
    }
}

/// One JSON-RPC message. Ids are canonical JSON text; params, results and errors the text they were sent as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    Request { id: String, method: String, params: Option<String> },
    Notification { method: String },
    Response { id: String, outcome: Outcome },
}

/// What a request came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Result(String),
    Error(String),
}

/// The messages of a frame: one, several in a batch, none where the frame is no JSON-RPC.
pub fn messages(frame: &[u8]) -> Vec<Message> {
    let Ok(tape) = scan::parse(frame) else { return Vec::new() };
    match tape.nodes.first().map(|node| node.shape) {
        Some(Shape::Object) => message(&tape, 0).into_iter().collect(),
        Some(Shape::Array) => tape.children(0).filter_map(|item| message(&tape, item)).collect(),
        _ => Vec::new(),
    }
}

fn message(tape: &Tape<'_>, index: u32) -> Option<Message> {
    if tape.nodes[index as usize].shape != Shape::Object {
        return None;
    }
    let members = tape.members(index).ok()?;
    let node = |key: &str| members.iter().find(|member| member.key == key).map(|m| &tape.nodes[m.value as usize]);
    let raw = |key: &str| node(key).map(|node| tape.raw(node).to_owned());
    let id = match node("id") {
        Some(node) if node.shape != Shape::Null => {
            Some(String::from_utf8(canon::canonicalize(tape.raw(node).as_bytes()).ok()?.into_owned()).ok()?)
        }
        _ => None,
    };
    let method = node("method")
        .filter(|n| matches!(n.shape, Shape::Plain | Shape::Escaped))
        .map(|n| tape.string(n).into_owned());
    match (id, method) {
        (Some(id), Some(method)) => Some(Message::Request { id, method, params: raw("params") }),
        (None, Some(method)) => Some(Message::Notification { method }),
        (Some(id), None) => {
            let outcome = raw("result").map(Outcome::Result).or_else(|| raw("error").map(Outcome::Error))?;
            Some(Message::Response { id, outcome })
        }
        (None, None) => None,
    }
}

/// The members of an object, keys unescaped, values as their text; `None` for anything else.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fields(Vec<(String, String)>);

impl Fields {
    /// Reads the text of an object.
    pub fn read(text: &str) -> Option<Self> {
        let tape = scan::parse(text.as_bytes()).ok()?;
        if tape.nodes.first()?.shape != Shape::Object {
            return None;
        }
        let members = tape.members(0).ok()?;
        let pair =
            |m: &scan::Member<'_>| (m.key.clone().into_owned(), tape.raw(&tape.nodes[m.value as usize]).to_owned());
        Some(Self(members.iter().map(pair).collect()))
    }

    /// The text of the member `key`.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// The value of the member `key`, a string.
    pub fn string(&self, key: &str) -> Option<String> {
        string(self.get(key)?)
    }

    /// The object without its member `key`; `None` when nothing is left.
    pub fn without(&self, key: &str) -> Option<String> {
        let mut out = Vec::new();
        for (name, value) in self.0.iter().filter(|(name, _)| name != key) {
            out.push(if out.is_empty() { b'{' } else { b',' });
            canon::write_string(name, &mut out);
            out.push(b':');
            out.extend_from_slice(value.as_bytes());
        }
        out.push(b'}');
        if out.len() > 1 { String::from_utf8(out).ok() } else { None }
    }
}

/// The value of a JSON string.
pub fn string(text: &str) -> Option<String> {
    let tape = scan::parse(text.as_bytes()).ok()?;
    let node = tape.nodes.first().filter(|node| matches!(node.shape, Shape::Plain | Shape::Escaped))?;
    Some(tape.string(node).into_owned())
}

/// `text` as a JSON string.
pub fn quoted(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len() + 2);
    canon::write_string(text, &mut out);
    String::from_utf8(out).unwrap_or_default()
}
