//! The strict reader: bytes to a flat tape of nodes, without recursion and without trees.

use crate::kernel::error::{Error, Result};
use std::borrow::Cow;

/// Deepest nesting accepted. Recorded arguments may be far deeper than the usual 128.
pub const MAX_DEPTH: usize = 10_000;

/// Most values and keys in one text: what the tape of a longer text would take is out of all proportion.
pub const MAX_VALUES: usize = 6 << 20;

/// What a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    Null,
    True,
    False,
    Number,
    /// A string without escapes.
    Plain,
    /// A string with at least one escape.
    Escaped,
    Array,
    Object,
}

/// One value on the tape. `start..end` is its text (quotes and brackets included); `next` is the index of the
/// first node behind it. An object's children alternate key, value.
#[derive(Debug, Clone, Copy)]
pub struct Node {
    pub shape: Shape,
    pub start: u32,
    pub end: u32,
    pub next: u32,
}

/// A parsed JSON text: the (repaired) text and its nodes; node 0 is the root.
#[derive(Debug)]
pub struct Tape<'a> {
    pub text: Cow<'a, str>,
    pub nodes: Vec<Node>,
    /// Whether an integer in it is not exactly a double, so that its canonical form is another number.
    pub inexact: bool,
}

/// Why a text is not JSON, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flaw {
    pub offset: usize,
    pub what: &'static str,
}

/// Parses one JSON value with nothing but white space around it.
///
/// Invalid UTF-8 bytes become U+FFFD each. Errors name line and column (1-based, columns in bytes).
/// A number outside the range of a double is an error, and so are more than [`MAX_VALUES`] values; duplicate keys
/// are found by the readers of the tape.
pub fn parse(bytes: &[u8]) -> Result<Tape<'_>> {
    if u32::try_from(bytes.len()).is_err() {
        return Err(Error::invalid("JSON text is longer than 4 GiB"));
    }
    let text = repair(bytes);
    let nodes = Vec::with_capacity((text.len() / 16).min(1 << 16));
    let mut parser = Parser { bytes: text.as_bytes(), at: 0, nodes, inexact: false };
    match parser.document() {
        Ok(()) => {
            let Parser { nodes, inexact, .. } = parser;
            Ok(Tape { text, nodes, inexact })
        }
        Err(flaw) => Err(flaw.into_error(text.as_bytes())),
    }
}

/// The bytes as text, each invalid byte replaced by U+FFFD.
fn repair(bytes: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Cow::Borrowed(text);
    }
    let mut text = String::with_capacity(bytes.len() + 16);
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| '\u{FFFD}'));
    }
    Cow::Owned(text)
}

impl Flaw {
    fn into_error(self, bytes: &[u8]) -> Error {
        let before = &bytes[..self.offset.min(bytes.len())];
        let line = 1 + memchr::memchr_iter(b'\n', before).count();
        let column = 1 + before.len() - memchr::memrchr(b'\n', before).map_or(0, |at| at + 1);
        Error::invalid(format!("invalid JSON at line {line}, column {column}: {}", self.what))
    }
}

/// First position at or behind `at` of a quote, a backslash or a control character; the length if there is none.
#[inline]
pub fn string_stop(bytes: &[u8], mut at: usize) -> usize {
    // Most keys and many values end in the first words.
    for _ in 0..2 {
        match word_stop(bytes, at) {
            Some(8) => at += 8,
            Some(stop) => return at + stop,
            None => break,
        }
    }
    // In a long string whole blocks have nothing to stop at; the compiler makes vector code of this.
    let stops = |hit: u8, &b: &u8| hit | u8::from(b == b'"') | u8::from(b == b'\\') | u8::from(b < 0x20);
    while bytes.get(at..at + 32).is_some_and(|block| block.iter().fold(0, stops) == 0) {
        at += 32;
    }
    while let Some(stop) = word_stop(bytes, at) {
        at += stop;
        if stop < 8 {
            return at;
        }
    }
    while bytes.get(at).is_some_and(|byte| stops(0, byte) == 0) {
        at += 1;
    }
    at
}

/// How many of the eight bytes at `at` come before one to stop at; `None` where there are fewer than eight.
#[inline]
fn word_stop(bytes: &[u8], at: usize) -> Option<usize> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let word = u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().unwrap_or([0; 8]));
    let quote = word ^ (ONES * 0x22);
    let slash = word ^ (ONES * 0x5c);
    let hit = (quote.wrapping_sub(ONES) & !quote
        | slash.wrapping_sub(ONES) & !slash
        | word.wrapping_sub(ONES * 0x20) & !word)
        & HIGH;
    Some((hit.trailing_zeros() / 8) as usize)
}

/// The end of the number that starts at `at`, by the JSON grammar; `None` if there is none.
#[inline]
pub fn number_end(bytes: &[u8], mut at: usize) -> Option<usize> {
    let digits = |mut at: usize| {
        let from = at;
        while bytes.get(at).is_some_and(u8::is_ascii_digit) {
            at += 1;
        }
        (at > from).then_some(at)
    };
    if bytes.get(at) == Some(&b'-') {
        at += 1;
    }
    at = if bytes.get(at) == Some(&b'0') { at + 1 } else { digits(at)? };
    if bytes.get(at) == Some(&b'.') {
        at = digits(at + 1)?;
    }
    if matches!(bytes.get(at), Some(b'e' | b'E')) {
        at += 1;
        if matches!(bytes.get(at), Some(b'+' | b'-')) {
            at += 1;
        }
        at = digits(at)?;
    }
    Some(at)
}

struct Parser<'b> {
    bytes: &'b [u8],
    at: usize,
    nodes: Vec<Node>,
    inexact: bool,
}

/// What may come next inside the innermost container.
#[derive(Clone, Copy, PartialEq)]
enum Expect {
    Value,
    FirstKey,
    FirstItem,
    AfterValue,
}

impl Parser<'_> {
    fn document(&mut self) -> Result<(), Flaw> {
        let mut open: Vec<u32> = Vec::new();
        let mut expect = Expect::Value;
        loop {
            self.space();
            if self.nodes.len() > MAX_VALUES {
                return Err(self.flaw("more than six million values"));
            }
            expect = match expect {
                Expect::AfterValue => match open.last() {
                    None => break,
                    Some(&container) => self.after_value(container, &mut open)?,
                },
                Expect::FirstKey if self.peek() == Some(b'}') => self.close(&mut open),
                Expect::FirstItem if self.peek() == Some(b']') => self.close(&mut open),
                Expect::FirstKey => self.key()?,
                Expect::Value | Expect::FirstItem => self.value(&mut open)?,
            };
        }
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(self.flaw("more text follows the JSON value")),
        }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn flaw(&self, what: &'static str) -> Flaw {
        Flaw { offset: self.at, what }
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    fn push(&mut self, shape: Shape, end: usize) {
        let next = self.nodes.len() as u32 + 1;
        self.nodes.push(Node { shape, start: self.at as u32, end: end as u32, next });
        self.at = end;
    }

    fn close(&mut self, open: &mut Vec<u32>) -> Expect {
        self.at += 1;
        let next = self.nodes.len() as u32;
        if let Some(node) = open.pop().and_then(|index| self.nodes.get_mut(index as usize)) {
            node.end = self.at as u32;
            node.next = next;
        }
        Expect::AfterValue
    }

    fn after_value(&mut self, container: u32, open: &mut Vec<u32>) -> Result<Expect, Flaw> {
        let object = self.nodes[container as usize].shape == Shape::Object;
        match self.peek() {
            Some(b',') => {
                self.at += 1;
                self.space();
                if object { self.key() } else { Ok(Expect::Value) }
            }
            Some(b'}') if object => Ok(self.close(open)),
            Some(b']') if !object => Ok(self.close(open)),
            None => Err(self.flaw("the text ends inside a value")),
            Some(_) if object => Err(self.flaw("expected `,` or `}`")),
            Some(_) => Err(self.flaw("expected `,` or `]`")),
        }
    }

    fn key(&mut self) -> Result<Expect, Flaw> {
        if self.peek() != Some(b'"') {
            return Err(self.flaw("expected a key in double quotes"));
        }
        self.string()?;
        self.space();
        if self.peek() != Some(b':') {
            return Err(self.flaw("expected `:` behind the key"));
        }
        self.at += 1;
        Ok(Expect::Value)
    }

    fn value(&mut self, open: &mut Vec<u32>) -> Result<Expect, Flaw> {
        match self.peek() {
            Some(opening @ (b'{' | b'[')) => {
                if open.len() >= MAX_DEPTH {
                    return Err(self.flaw("nested deeper than 10000 levels"));
                }
                open.push(self.nodes.len() as u32);
                let shape = if opening == b'{' { Shape::Object } else { Shape::Array };
                self.push(shape, self.at + 1);
                return Ok(if opening == b'{' { Expect::FirstKey } else { Expect::FirstItem });
            }
            Some(b'"') => self.string()?,
            Some(b'-' | b'0'..=b'9') => self.number()?,
            Some(b't') => self.word("true", Shape::True)?,
            Some(b'f') => self.word("false", Shape::False)?,
            Some(b'n') => self.word("null", Shape::Null)?,
            None => return Err(self.flaw("expected a value, found the end of the text")),
            Some(_) => return Err(self.flaw("expected a value")),
        }
        Ok(Expect::AfterValue)
    }

    fn word(&mut self, word: &'static str, shape: Shape) -> Result<(), Flaw> {
        if !self.bytes[self.at..].starts_with(word.as_bytes()) {
            return Err(self.flaw("expected a value"));
        }
        self.push(shape, self.at + word.len());
        Ok(())
    }

    fn number(&mut self) -> Result<(), Flaw> {
        let end = number_end(self.bytes, self.at).ok_or_else(|| self.flaw("malformed number"))?;
        let text = std::str::from_utf8(&self.bytes[self.at..end]).unwrap_or_default();
        // Fewer than 300 plain digits cannot leave the range of a double.
        let plain = text.len() < 300 && !text.contains(['e', 'E']);
        if !plain && !text.parse::<f64>().is_ok_and(f64::is_finite) {
            return Err(self.flaw("number outside the range of a double"));
        }
        self.inexact |= plain && is_inexact(text);
        self.push(Shape::Number, end);
        Ok(())
    }

    fn string(&mut self) -> Result<(), Flaw> {
        let mut at = self.at + 1;
        let mut shape = Shape::Plain;
        loop {
            at = string_stop(self.bytes, at);
            match self.bytes.get(at) {
                Some(b'"') => break,
                Some(b'\\') => {
                    shape = Shape::Escaped;
                    at += self.escape_len(at)?;
                }
                Some(_) => return Err(Flaw { offset: at, what: "raw control character in a string" }),
                None => return Err(Flaw { offset: self.at, what: "string without an end" }),
            }
        }
        self.push(shape, at + 1);
        Ok(())
    }

    fn escape_len(&self, at: usize) -> Result<usize, Flaw> {
        match self.bytes.get(at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(2),
            Some(b'u') if self.bytes.get(at + 2..at + 6).is_some_and(|h| h.iter().all(u8::is_ascii_hexdigit)) => Ok(6),
            _ => Err(Flaw { offset: at, what: "malformed escape in a string" }),
        }
    }
}

impl<'a> Tape<'a> {
    /// The text of a node, quotes and brackets included.
    pub fn raw(&self, node: &Node) -> &str {
        &self.text[node.start as usize..node.end as usize]
    }

    /// As [`Tape::string`], borrowed from the parsed bytes themselves where that is possible.
    pub fn lasting_string(&self, node: &Node) -> Cow<'a, str> {
        match &self.text {
            Cow::Borrowed(text) if node.shape == Shape::Plain => {
                Cow::Borrowed(&text[node.start as usize + 1..node.end as usize - 1])
            }
            _ => Cow::Owned(self.string(node).into_owned()),
        }
    }

    /// The value of a string node: escapes resolved, a lone surrogate as U+FFFD.
    pub fn string(&self, node: &Node) -> Cow<'_, str> {
        let inner = &self.text[node.start as usize + 1..node.end as usize - 1];
        if node.shape == Shape::Escaped { Cow::Owned(unescape(inner)) } else { Cow::Borrowed(inner) }
    }

    /// The indices of the nodes directly inside container `index` (an object's alternate key, value).
    pub fn children(&self, index: u32) -> impl Iterator<Item = u32> + '_ {
        let end = self.nodes[index as usize].next;
        let first = index + 1;
        std::iter::successors((first < end).then_some(first), move |&at| {
            let next = self.nodes[at as usize].next;
            (next < end).then_some(next)
        })
    }

    /// How many containers the innermost one lies in, itself included.
    pub fn depth(&self) -> usize {
        let (mut open, mut deepest) = (Vec::new(), 0);
        for (at, node) in (0..).zip(&self.nodes) {
            while open.last().is_some_and(|&end| end <= at) {
                open.pop();
            }
            if matches!(node.shape, Shape::Array | Shape::Object) {
                open.push(node.next);
                deepest = deepest.max(open.len());
            }
        }
        deepest
    }

    /// The members of object `index` in RFC 8785 key order. A key that stands twice is an error.
    pub fn members(&self, index: u32) -> Result<Vec<Member<'_>>> {
        let mut members = Vec::new();
        let mut nodes = self.children(index);
        while let (Some(key), Some(value)) = (nodes.next(), nodes.next()) {
            members.push(Member { key: self.string(&self.nodes[key as usize]), value });
        }
        if !members.is_sorted_by(|a, b| key_order(&a.key, &b.key).is_lt()) {
            members.sort_by(|a, b| key_order(&a.key, &b.key));
            if let Some(pair) = members.windows(2).find(|pair| pair[0].key == pair[1].key) {
                let offset = self.nodes[pair[1].value as usize].start as usize;
                let flaw = Flaw { offset, what: "duplicate key" }.into_error(self.text.as_bytes());
                return Err(Error::invalid(format!("{flaw} {:?}", pair[1].key)));
            }
        }
        Ok(members)
    }
}

/// One member of an object: its key and the index of its value.
#[derive(Debug)]
pub struct Member<'t> {
    pub key: Cow<'t, str>,
    pub value: u32,
}

/// Whether a JSON number is a plain integer that is not exactly a double.
pub fn is_inexact(text: &str) -> bool {
    text.len() > 15
        && text.len() < 300
        && !text.contains(['.', 'e', 'E'])
        && format!("{:.0}", text.parse::<f64>().unwrap_or_default()) != text
}

/// RFC 8785 order of keys: by UTF-16 code units.
pub fn key_order(a: &str, b: &str) -> std::cmp::Ordering {
    if a.is_ascii() || b.is_ascii() { a.cmp(b) } else { a.encode_utf16().cmp(b.encode_utf16()) }
}

/// Resolves the escapes of a string's inner text; the parser has already checked their form.
pub fn unescape(inner: &str) -> String {
    let bytes = inner.as_bytes();
    let mut out = String::with_capacity(inner.len());
    let mut at = 0;
    while let Some(jump) = memchr::memchr(b'\\', &bytes[at..]) {
        out.push_str(&inner[at..at + jump]);
        at += jump;
        let (character, length) = unescape_one(bytes, at);
        out.push(character);
        at += length;
    }
    out.push_str(&inner[at..]);
    out
}

fn unescape_one(bytes: &[u8], at: usize) -> (char, usize) {
    let unit = |at: usize| {
        let digits = bytes.get(at..at + 6).filter(|d| d.starts_with(b"\\u"))?;
        u32::from_str_radix(std::str::from_utf8(&digits[2..]).ok()?, 16).ok()
    };
    let simple = match bytes.get(at + 1) {
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(b'n') => '\n',
        Some(b'r') => '\r',
        Some(b't') => '\t',
        Some(b'u') => {
            let Some(first) = unit(at) else { return ('\u{FFFD}', 6) };
            if let (0xD800..=0xDBFF, Some(second @ 0xDC00..=0xDFFF)) = (first, unit(at + 6)) {
                let scalar = 0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00);
                return (char::from_u32(scalar).unwrap_or('\u{FFFD}'), 12);
            }
            return (char::from_u32(first).unwrap_or('\u{FFFD}'), 6);
        }
        Some(&other) => char::from(other),
        None => '\u{FFFD}',
    };
    (simple, 2)
}
