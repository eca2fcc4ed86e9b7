//! RFC 8785 canonical JSON: bytes in, canonical bytes out, and the digest over them.
//!
//! Text that is canonical already is recognised in one pass and used as it is; anything else goes through the tape.

use crate::kernel::digest::Digest;
use crate::kernel::error::{Error, Kind, Result};
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
    let failed = |e| Error::new(Kind::Internal, format!("cannot encode JSON: {e}"));
    let text = serde_json::to_vec(value).map_err(failed)?;
    Ok(canonicalize(&text)?.into_owned())
}

/// The canonical form of an object without its member `key`.
pub fn without(bytes: &[u8], key: &str) -> Result<Vec<u8>> {
    let tape = scan::parse(bytes)?;
    if tape.nodes.first().map(|node| node.shape) != Some(Shape::Object) {
        return Err(Error::invalid("expected an object"));
    }
    let mut out = vec![b'{'];
    for member in tape.members(0)?.iter().filter(|member| member.key != key) {
        if out.len() > 1 {
            out.push(b',');
        }
        write_string(&member.key, &mut out);
        out.push(b':');
        write(&tape, member.value, &mut out)?;
    }
    out.push(b'}');
    Ok(out)
}

/// Whether one JSON text is in canonical form to the byte.
pub fn is_canonical(bytes: &[u8]) -> bool {
    Checker::new(bytes).is_some_and(|mut checker| checker.value() == Some(bytes.len()))
}

/// Walks an object whose keys and values are canonical, the keys in any order and with white space around them:
/// calls `visit` with each key (without quotes, escapes unresolved) and each value as they stand in `text`, and whether
/// the value is a string without escapes. False when the text is anything else, which includes a key that stands twice:
/// what was visited then means nothing.
pub fn visit<'a>(text: &'a [u8], mut visit: impl FnMut(&'a str, &'a str, bool)) -> bool {
    let Some((text, mut checker)) = std::str::from_utf8(text).ok().zip(Checker::new(text)) else { return false };
    let whole = checker.members(|key, value, plain| visit(&text[key], &text[value], plain));
    whole.is_some() && checker.at == text.len()
}

/// Walks the members of one canonical object whose keys are known beforehand.
pub struct Walk<'a> {
    text: &'a str,
    checker: Checker<'a>,
}

impl<'a> Walk<'a> {
    /// Starts before the opening bracket; `None` when it is no text.
    pub fn new(text: &'a [u8]) -> Option<Self> {
        Some(Self { text: std::str::from_utf8(text).ok()?, checker: Checker::new(text)? })
    }

    /// Whether a member with this key (quotes and colon included) comes next; if so, it is passed.
    #[inline]
    pub fn key(&mut self, key: &str) -> bool {
        let separator = if self.checker.at == 0 { b'{' } else { b',' };
        let next = self.checker.peek() == Some(separator)
            && self.text.as_bytes()[self.checker.at + 1..].starts_with(key.as_bytes());
        self.checker.at += if next { key.len() + 1 } else { 0 };
        next
    }

    /// The string that comes next, without its quotes; `None` where it is none, or holds an escape.
    #[inline]
    pub fn plain(&mut self) -> Option<&'a str> {
        let from = self.checker.at + 1;
        (!self.checker.string()?).then(|| &self.text[from..self.checker.at - 1])
    }

    /// The text of the value that comes next.
    pub fn value(&mut self) -> Option<&'a str> {
        let from = self.checker.at;
        self.checker.nested(CHECK_DEPTH)?;
        Some(&self.text[from..self.checker.at])
    }

    /// Whether nothing but the closing bracket is left.
    pub fn ended(&self) -> bool {
        &self.text.as_bytes()[self.checker.at..] == b"}"
    }
}

/// Appends the canonical form of node `root` to `out`.
pub fn write(tape: &Tape<'_>, root: u32, out: &mut Vec<u8>) -> Result<()> {
    put(tape, root, &Style { number: write_number, trim: false }, out)
}

/// As [`write`], but an integer that a double cannot keep stays digit by digit.
pub fn write_exact(tape: &Tape<'_>, root: u32, out: &mut Vec<u8>) -> Result<()> {
    put(tape, root, &Style { number: write_exact_number, trim: false }, out)
}

/// As [`write`], but every key and every text is trimmed and numbers stay as written.
///
/// Errors: a key that is blank, or stands twice once it is trimmed.
pub fn write_trimmed(tape: &Tape<'_>, root: u32, out: &mut Vec<u8>) -> Result<()> {
    let as_written = |text: &str, out: &mut Vec<u8>| out.extend_from_slice(text.as_bytes());
    put(tape, root, &Style { number: as_written, trim: true }, out)
}

/// The form of one JSON text that [`write_exact`] gives.
pub fn exact(bytes: &[u8]) -> Result<Vec<u8>> {
    let tape = scan::parse(bytes)?;
    let mut out = Vec::with_capacity(tape.text.len());
    write_exact(&tape, 0, &mut out)?;
    Ok(out)
}

/// How the parts of a value are written.
struct Style {
    number: fn(&str, &mut Vec<u8>),
    /// Whether keys and texts lose the blanks around them.
    trim: bool,
}

fn put(tape: &Tape<'_>, root: u32, style: &Style, out: &mut Vec<u8>) -> Result<()> {
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
            Shape::Plain | Shape::Escaped if style.trim => write_string(tape.string(node).trim(), out),
            Shape::Null | Shape::True | Shape::False | Shape::Plain => {
                out.extend_from_slice(tape.raw(node).as_bytes());
            }
            Shape::Escaped => write_string(&tape.string(node), out),
            Shape::Number => (style.number)(tape.raw(node), out),
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
                let mut members = tape.members(index)?;
                if style.trim {
                    trim_keys(&mut members)?;
                }
                let from = todo.len();
                todo.extend(
                    members.into_iter().enumerate().map(|(at, member)| Step::Member(at == 0, member.key, member.value)),
                );
                todo[from..].reverse();
            }
        }
    }
    Ok(())
}

/// Trims the keys of an object. Those that are the same then are refused: only one of them could be meant.
fn trim_keys(members: &mut [scan::Member<'_>]) -> Result<()> {
    for member in members.iter_mut() {
        let name = member.key.trim();
        if name.is_empty() {
            return Err(Error::invalid("a key is blank"));
        }
        if name.len() < member.key.len() {
            member.key = Cow::Owned(name.to_owned());
        }
    }
    members.sort_by(|a, b| key_order(&a.key, &b.key));
    match members.windows(2).find(|pair| pair[0].key == pair[1].key) {
        Some(pair) => {
            Err(Error::invalid(format!("the key {:?} stands twice, with and without blanks around it", pair[0].key)))
        }
        None => Ok(()),
    }
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

/// As [`write_number`], but integers keep their digits.
fn write_exact_number(text: &str, out: &mut Vec<u8>) {
    if scan::is_inexact(text) { out.extend_from_slice(text.as_bytes()) } else { write_number(text, out) }
}

/// An integer of at most 15 digits is its own canonical form.
fn is_short_integer(text: &[u8]) -> bool {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    let plain = digits.len() <= 15 && digits.iter().all(u8::is_ascii_digit);
    plain && (digits.first() != Some(&b'0') || text == b"0")
}

/// A decimal fraction of at most 15 digits, not below 1e-6 and without a trailing zero, is its own canonical form:
/// no other decimal of so few digits is the same double.
fn is_short_decimal(text: &[u8]) -> bool {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    let Some(point) = digits.iter().position(|&b| b == b'.') else { return false };
    let (whole, part) = (&digits[..point], &digits[point + 1..]);
    digits.len() <= 16
        && part.iter().all(u8::is_ascii_digit)
        && part.last().is_some_and(|&last| last != b'0')
        && (whole != b"0" || !part.starts_with(b"000000"))
}

/// Walks canonical text and stops at the first byte that is not.
struct Checker<'b> {
    bytes: &'b [u8],
    at: usize,
    /// Whether there was a number that took more than a look.
    odd: bool,
}

/// Deeper than this goes through the tape, which needs no stack.
const CHECK_DEPTH: usize = 64;
/// More members than this have to be in order.
const UNSORTED: usize = 16;

impl<'b> Checker<'b> {
    fn new(bytes: &'b [u8]) -> Option<Self> {
        u32::try_from(bytes.len()).is_ok().then_some(Self { bytes, at: 0, odd: false })
    }

    fn value(&mut self) -> Option<usize> {
        std::str::from_utf8(self.bytes).ok()?;
        self.nested(CHECK_DEPTH)?;
        Some(self.at)
    }

    #[inline]
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn nested(&mut self, depth: usize) -> Option<()> {
        match self.peek()? {
            b'"' => self.string().map(|_| ()),
            b'{' => self.fields(depth.checked_sub(1)?),
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

    fn fields(&mut self, depth: usize) -> Option<()> {
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
            self.nested(depth)?;
            last = Some(key);
            self.at += 1;
            match self.bytes.get(self.at - 1)? {
                b',' => {}
                b'}' => return Some(()),
                _ => return None,
            }
        }
    }

    fn space(&mut self) -> bool {
        let from = self.at;
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
        self.at > from
    }

    /// The members of an object as [`visit`] takes them.
    fn members(&mut self, mut visit: impl FnMut(Range<usize>, Range<usize>, bool)) -> Option<()> {
        if self.peek()? != b'{' {
            return None;
        }
        self.at += 1;
        let mut loose = self.space();
        if self.peek()? == b'}' {
            self.at += 1;
            return Some(());
        }
        let mut seen: [&[u8]; UNSORTED] = [&[]; UNSORTED];
        let (mut sorted, mut escaped, mut last) = (true, false, None);
        for count in 0.. {
            let from = self.at + 1;
            let key = (from, self.string()?);
            let key = (key.0..self.at - 1, key.1);
            escaped |= key.1;
            sorted &= last.is_none_or(|last| self.ascends(&last, &key));
            let name = &self.bytes[key.0.clone()];
            if !sorted && (escaped || count >= UNSORTED || seen[..count].contains(&name)) {
                return None;
            }
            if let Some(slot) = seen.get_mut(count) {
                *slot = name;
            }
            loose |= self.space();
            if self.peek()? != b':' {
                return None;
            }
            self.at += 1;
            loose |= self.space();
            let start = self.at;
            let plain = if self.peek()? == b'"' {
                !self.string()?
            } else {
                self.nested(CHECK_DEPTH)?;
                false
            };
            visit(key.0.clone(), start..self.at, plain);
            last = Some(key);
            loose |= self.space();
            self.at += 1;
            match self.bytes.get(self.at - 1)? {
                b',' => loose |= self.space(),
                b'}' => break,
                _ => return None,
            }
        }
        // A number that is canonical and yet not exact is told by the tape, where somebody else wrote the text.
        (!self.odd || (sorted && !loose)).then_some(())
    }

    fn ascends(&self, a: &(Range<usize>, bool), b: &(Range<usize>, bool)) -> bool {
        let (left, right) = (&self.bytes[a.0.clone()], &self.bytes[b.0.clone()]);
        if !a.1 && !b.1 {
            // Bytes and UTF-16 units order alike but for characters above U+FFFF.
            match left.iter().zip(right).find(|(x, y)| x != y) {
                None => return left.len() < right.len(),
                Some((x, y)) if *x < 0xee || *y < 0xee => return x < y,
                Some(_) => {}
            }
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
                let hex_digit = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
                let control = hex.starts_with(b"000") || hex.starts_with(b"001");
                let short = matches!(hex, b"0008" | b"0009" | b"000a" | b"000c" | b"000d");
                (control && hex_digit(&hex[3]) && !short).then_some(6)
            }
            _ => None,
        }
    }

    fn number(&mut self) -> Option<()> {
        let end = scan::number_end(self.bytes, self.at)?;
        let text = &self.bytes[self.at..end];
        if !is_short_integer(text) && !is_short_decimal(text) {
            self.odd = true;
            let value: f64 = std::str::from_utf8(text).ok()?.parse().ok()?;
            if !value.is_finite() || ryu_js::Buffer::new().format(value).as_bytes() != text {
                return None;
            }
        }
        self.at = end;
        Some(())
    }
}
