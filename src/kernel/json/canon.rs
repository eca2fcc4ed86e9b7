//! RFC 8785 canonical JSON: bytes in, canonical bytes out, and the digest over them.
//!
//! Text that is canonical already is recognised in one pass and used as it is; anything else goes through the tape.

use crate::kernel::digest::Digest;
use crate::kernel::error::Result;
use crate::kernel::json::scan::{self, Shape, Tape, key_order, string_stop};
use std::borrow::Cow;
use std::ops::Range;

/// The RFC 8785 form of one JSON text; borrowed when the text is canonical already.
///
/// Errors: not JSON, a duplicate key, a number outside the range of a double, nesting over 10,000 levels.
pub fn canonicalize(bytes: &[u8]) -> Result<Cow<'_, [u8]>> {
    if is_canonical(bytes) {
        return Ok(Cow::Borrowed(bytes));
    }
    let tape = scan::parse(bytes)?;
    let mut out = Vec::with_capacity(tape.text.len());
    write(&tape, 0, &mut out)?;
    Ok(Cow::Owned(out))
}

/// SHA-256 over the canonical form of one JSON text.
pub fn digest(bytes: &[u8]) -> Result<Digest> {
    Ok(Digest::of(&canonicalize(bytes)?))
}

/// The canonical bytes of a serialisable value.
pub fn of<T: serde::Serialize + ?Sized>(value: &T) -> Result<Vec<u8>> {
    let text = serde_json::to_vec(value).map_err(|e| {
        crate::kernel::error::Error::new(crate::kernel::error::Kind::Internal, format!("cannot encode JSON: {e}"))
    })?;
    Ok(canonicalize(&text)?.into_owned())
}

/// Whether one JSON text is in canonical form to the byte.
pub fn is_canonical(bytes: &[u8]) -> bool {
    Checker::new(bytes).is_some_and(|mut checker| checker.value() == Some(bytes.len()))
}

/// A look into a canonical object: the ranges of its keys (without quotes) and values, in order.
#[derive(Debug, Default)]
pub struct Members {
    ranges: [(Range<u32>, Range<u32>); Members::MAX],
    len: usize,
}

impl Members {
    /// More members than this and the object has to go through the tape.
    pub const MAX: usize = 16;

    /// Pairs of key text (escapes unresolved) and value text, as they stand in `line`.
    pub fn iter<'a>(&'a self, line: &'a [u8]) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
        let cut = |r: &Range<u32>| line.get(r.start as usize..r.end as usize).unwrap_or_default();
        self.ranges[..self.len].iter().map(move |(key, value)| (cut(key), cut(value)))
    }
}

/// The members of `line` if it is a canonical object of at most [`Members::MAX`] members; else `None`.
pub fn members(line: &[u8]) -> Option<Members> {
    let mut members = Members::default();
    let mut checker = Checker::new(line)?;
    (line.first() == Some(&b'{') && checker.object(Some(&mut members))? == line.len()).then_some(members)
}

/// Appends the canonical form of node `root` to `out`.
fn write(tape: &Tape<'_>, root: u32, out: &mut Vec<u8>) -> Result<()> {
    enum Step<'t> {
        Value(u32),
        Member(bool, Cow<'t, str>, u32),
        Item(u32),
        Byte(u8),
    }
    let mut todo = vec![Step::Value(root)];
    while let Some(step) = todo.pop() {
        let index = match step {
            Step::Byte(byte) => {
                out.push(byte);
                continue;
            }
            Step::Member(first, key, value) => {
                if !first {
                    out.push(b',');
                }
                write_string(&key, out);
                out.push(b':');
                value
            }
            Step::Item(value) => {
                out.push(b',');
                value
            }
            Step::Value(value) => value,
        };
        let node = &tape.nodes[index as usize];
        match node.shape {
            Shape::Null | Shape::True | Shape::False | Shape::Plain => {
                out.extend_from_slice(tape.raw(node).as_bytes());
            }
            Shape::Escaped => write_string(&tape.string(node), out),
            Shape::Number => write_number(tape.raw(node), out),
            Shape::Array => {
                out.push(b'[');
                todo.push(Step::Byte(b']'));
                let from = todo.len();
                todo.extend(tape.children(index).map(Step::Item));
                if let Some(&Step::Item(first)) = todo.get(from) {
                    todo[from] = Step::Value(first);
                }
                todo[from..].reverse();
            }
            Shape::Object => {
                out.push(b'{');
                todo.push(Step::Byte(b'}'));
                let members = tape.members(index)?.into_iter().enumerate();
                let from = todo.len();
                todo.extend(members.map(|(at, member)| Step::Member(at == 0, member.key, member.value)));
                todo[from..].reverse();
            }
        }
    }
    Ok(())
}

/// Appends `text` as a canonical JSON string: only `"`, `\` and control characters are escaped.
pub fn write_string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let bytes = text.as_bytes();
    let mut from = 0;
    loop {
        let stop = string_stop(bytes, from);
        out.extend_from_slice(&bytes[from..stop]);
        let Some(&byte) = bytes.get(stop) else { break };
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            0x08 => out.extend_from_slice(b"\\b"),
            b'\t' => out.extend_from_slice(b"\\t"),
            b'\n' => out.extend_from_slice(b"\\n"),
            0x0c => out.extend_from_slice(b"\\f"),
            b'\r' => out.extend_from_slice(b"\\r"),
            _ => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
        }
        from = stop + 1;
    }
    out.push(b'"');
}

/// Appends a JSON number as the double it stands for, in ECMAScript's spelling.
fn write_number(text: &str, out: &mut Vec<u8>) {
    if is_short_integer(text.as_bytes()) {
        return out.extend_from_slice(text.as_bytes());
    }
    let value = text.parse::<f64>().unwrap_or_default();
    out.extend_from_slice(ryu_js::Buffer::new().format(value).as_bytes());
}

/// An integer of at most 15 digits is its own canonical form.
fn is_short_integer(text: &[u8]) -> bool {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    let plain = digits.len() <= 15 && digits.iter().all(u8::is_ascii_digit);
    plain && (digits.first() != Some(&b'0') || text == b"0")
}

/// Walks canonical text and stops at the first byte that is not.
struct Checker<'b> {
    bytes: &'b [u8],
    at: usize,
}

/// Deeper than this goes through the tape, which needs no stack.
const CHECK_DEPTH: usize = 64;

impl<'b> Checker<'b> {
    fn new(bytes: &'b [u8]) -> Option<Self> {
        let fits = u32::try_from(bytes.len()).is_ok();
        (fits && std::str::from_utf8(bytes).is_ok()).then_some(Self { bytes, at: 0 })
    }

    fn value(&mut self) -> Option<usize> {
        self.nested(CHECK_DEPTH)?;
        Some(self.at)
    }

    /// The object at the start, its members noted in `into`; the position behind it.
    fn object(&mut self, into: Option<&mut Members>) -> Option<usize> {
        self.fields(CHECK_DEPTH, into)?;
        Some(self.at)
    }

    #[inline]
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn nested(&mut self, depth: usize) -> Option<()> {
        match self.peek()? {
            b'"' => self.string().map(|_| ()),
            b'{' => self.fields(depth.checked_sub(1)?, None),
            b'[' => self.items(depth.checked_sub(1)?),
            b'-' | b'0'..=b'9' => self.number(),
            b't' => self.word(b"true"),
            b'f' => self.word(b"false"),
            b'n' => self.word(b"null"),
            _ => None,
        }
    }

    fn word(&mut self, word: &[u8]) -> Option<()> {
        self.bytes[self.at..].starts_with(word).then(|| self.at += word.len())
    }

    fn items(&mut self, depth: usize) -> Option<()> {
        self.at += 1;
        if self.peek()? == b']' {
            self.at += 1;
            return Some(());
        }
        loop {
            self.nested(depth)?;
            self.at += 1;
            match self.bytes.get(self.at - 1)? {
                b',' => {}
                b']' => return Some(()),
                _ => return None,
            }
        }
    }

    fn fields(&mut self, depth: usize, mut into: Option<&mut Members>) -> Option<()> {
        self.at += 1;
        if self.peek()? == b'}' {
            self.at += 1;
            return Some(());
        }
        let mut last: Option<(Range<usize>, bool)> = None;
        loop {
            let from = self.at + 1;
            let escaped = self.string()?;
            let key = (from..self.at - 1, escaped);
            if last.is_some_and(|last| !self.ascends(&last, &key)) || self.peek()? != b':' {
                return None;
            }
            self.at += 1;
            let start = self.at;
            self.nested(depth)?;
            if let Some(members) = into.as_deref_mut() {
                *members.ranges.get_mut(members.len)? =
                    (key.0.start as u32..key.0.end as u32, start as u32..self.at as u32);
                members.len += 1;
            }
            last = Some(key);
            self.at += 1;
            match self.bytes.get(self.at - 1)? {
                b',' => {}
                b'}' => return Some(()),
                _ => return None,
            }
        }
    }

    fn ascends(&self, a: &(Range<usize>, bool), b: &(Range<usize>, bool)) -> bool {
        let (left, right) = (&self.bytes[a.0.clone()], &self.bytes[b.0.clone()]);
        if !a.1 && !b.1 && (left.is_ascii() || right.is_ascii()) {
            return left < right;
        }
        let text = |raw| std::str::from_utf8(raw).map(scan::unescape).unwrap_or_default();
        key_order(&text(left), &text(right)).is_lt()
    }

    /// The string at the current position; whether it holds escapes.
    #[inline]
    fn string(&mut self) -> Option<bool> {
        if self.peek()? != b'"' {
            return None;
        }
        let mut escaped = false;
        self.at += 1;
        loop {
            self.at = string_stop(self.bytes, self.at);
            match self.peek()? {
                b'"' => {
                    self.at += 1;
                    return Some(escaped);
                }
                b'\\' => {
                    escaped = true;
                    self.at += self.escape()?;
                }
                _ => return None,
            }
        }
    }

    fn escape(&self) -> Option<usize> {
        match self.bytes.get(self.at + 1)? {
            b'"' | b'\\' | b'b' | b't' | b'n' | b'f' | b'r' => Some(2),
            b'u' => {
                let hex = self.bytes.get(self.at + 2..self.at + 6)?;
                let low = u8::from_str_radix(std::str::from_utf8(&hex[2..]).ok()?, 16).ok()?;
                let short = matches!(low, 8 | 9 | 10 | 12 | 13);
                let spelled = hex.starts_with(b"00") && !hex.iter().any(u8::is_ascii_uppercase);
                (spelled && low < 0x20 && !short).then_some(6)
            }
            _ => None,
        }
    }

    fn number(&mut self) -> Option<()> {
        let end = scan::number_end(self.bytes, self.at)?;
        let text = &self.bytes[self.at..end];
        if !is_short_integer(text) {
            let value: f64 = std::str::from_utf8(text).ok()?.parse().ok()?;
            if !value.is_finite() || ryu_js::Buffer::new().format(value).as_bytes() != text {
                return None;
            }
        }
        self.at = end;
        Some(())
    }
}
