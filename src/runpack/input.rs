//! The record input, read as a stream: one object of `run`, `intents`, `results`, `refs` and `capture_mode`.

use crate::kernel::error::{Error, Result};
use crate::kernel::fs::DOCUMENT_LIMIT;
use crate::kernel::json::scan::{self, string_stop};
use std::collections::HashSet;
use std::io::Read;

/// What comes out of the stream, in the order it stands in the input.
pub enum Piece<'b> {
    /// A member that is not a lane: its key and JSON text.
    Member(&'b str, &'b [u8]),
    /// One element of the list under a key: key, index from 0, JSON text.
    Element(&'b str, usize, &'b [u8]),
}

/// Streams the members of the object in `reader`; the values of `lists` element by element.
///
/// Only one member or element is held at a time. Errors name the line. A key that stands twice is an error.
pub fn stream<R: Read>(reader: R, lists: &[&str], mut take: impl FnMut(Piece<'_>) -> Result<()>) -> Result<()> {
    let mut window = Window { reader, buffer: Vec::new(), at: 0, ended: false, line: 1 };
    window.expect(b'{', "expected an object")?;
    let mut seen = HashSet::new();
    if window.peek()? == Some(b'}') {
        window.at += 1;
        return window.end();
    }
    loop {
        let line = window.line();
        let key = window.key()?;
        if seen.contains(&key) {
            return Err(Error::invalid(format!("line {line}: duplicate key {key:?}")));
        }
        window.expect(b':', "expected `:` behind the key")?;
        if lists.contains(&key.as_str()) && window.peek()? == Some(b'[') {
            window.list(&key, &mut take)?;
        } else {
            let value = window.value()?;
            take(Piece::Member(&key, value))?;
        }
        seen.insert(key);
        match window.peek()? {
            Some(b',') => window.at += 1,
            Some(b'}') => {
                window.at += 1;
                return window.end();
            }
            _ => return Err(window.flaw("expected `,` or `}`")),
        }
    }
}

const CHUNK: usize = 1 << 20;

/// A sliding view of the input: `buffer[at..]` is what has not been used yet.
struct Window<R> {
    reader: R,
    buffer: Vec<u8>,
    at: usize,
    ended: bool,
    /// Line of `buffer[0]`, 1-based.
    line: usize,
}

impl<R: Read> Window<R> {
    fn line(&self) -> usize {
        self.line + memchr::memchr_iter(b'\n', &self.buffer[..self.at]).count()
    }

    fn flaw(&self, what: &str) -> Error {
        Error::invalid(format!("invalid JSON at line {}: {what}", self.line()))
    }

    /// Drops what was used and reads more; false at the end of the input.
    fn more(&mut self) -> Result<bool> {
        if self.ended {
            return Ok(false);
        }
        self.line = self.line();
        self.buffer.drain(..self.at);
        self.at = 0;
        let before = self.buffer.len();
        // Doubling keeps the repeated look at one long value linear.
        let want = CHUNK.max(before);
        if (before + want) as u64 > 2 * DOCUMENT_LIMIT {
            return Err(self.flaw("one value is larger than 64 MiB"));
        }
        let read = (&mut self.reader).take(want as u64).read_to_end(&mut self.buffer);
        read.map_err(|e| Error::invalid(format!("cannot read the input: {e}")))?;
        self.ended = self.buffer.len() == before;
        Ok(!self.ended)
    }

    /// The next byte that is not white space.
    fn peek(&mut self) -> Result<Option<u8>> {
        loop {
            while let Some(&byte) = self.buffer.get(self.at) {
                if !matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
                    return Ok(Some(byte));
                }
                self.at += 1;
            }
            if !self.more()? {
                return Ok(None);
            }
        }
    }

    fn expect(&mut self, byte: u8, what: &str) -> Result<()> {
        if self.peek()? != Some(byte) {
            return Err(self.flaw(what));
        }
        self.at += 1;
        Ok(())
    }

    fn end(&mut self) -> Result<()> {
        match self.peek()? {
            None => Ok(()),
            Some(_) => Err(self.flaw("more text follows the JSON value")),
        }
    }

    fn key(&mut self) -> Result<String> {
        if self.peek()? != Some(b'"') {
            return Err(self.flaw("expected a key in double quotes"));
        }
        let line = self.line();
        let tape = scan::parse(self.value()?).map_err(|e| e.at(format!("line {line}")))?;
        Ok(tape.nodes.first().map(|node| tape.string(node).into_owned()).unwrap_or_default())
    }

    fn list(&mut self, key: &str, take: &mut impl FnMut(Piece<'_>) -> Result<()>) -> Result<()> {
        self.at += 1;
        if self.peek()? == Some(b']') {
            self.at += 1;
            return Ok(());
        }
        for index in 0.. {
            self.peek()?;
            let line = self.line;
            let used = self.at;
            let value = self.value()?;
            if let Err(error) = take(Piece::Element(key, index, value)) {
                let line = if self.line == line { line + self.newlines(used) } else { self.line };
                return Err(error.at(format!("{key}[{index}], which starts at line {line}")));
            }
            match self.peek()? {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.at += 1;
                    break;
                }
                _ => return Err(self.flaw("expected `,` or `]`")),
            }
        }
        Ok(())
    }

    fn newlines(&self, to: usize) -> usize {
        memchr::memchr_iter(b'\n', &self.buffer[..to]).count()
    }

    /// The text of the next value, whatever it is; its inside is checked by whoever uses it.
    fn value(&mut self) -> Result<&[u8]> {
        self.peek()?;
        let length = loop {
            match value_len(&self.buffer[self.at..], self.ended) {
                Some(length) => break length,
                None if self.more()? => {}
                None if self.buffer.len() == self.at => return Err(self.flaw("the text ends where a value should be")),
                None => return Err(self.flaw("the text ends inside a value")),
            }
        };
        if length == 0 {
            return Err(self.flaw("expected a value"));
        }
        self.at += length;
        Ok(&self.buffer[self.at - length..self.at])
    }
}

/// Length of the JSON value at the start of `bytes`; `None` when its end has not been read yet.
fn value_len(bytes: &[u8], ended: bool) -> Option<usize> {
    let mut depth = 0usize;
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'"' => {
                at = string_end(bytes, at)?;
                if depth == 0 {
                    return Some(at);
                }
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' if depth <= 1 => return Some(at + depth),
            b'}' | b']' => depth -= 1,
            b',' | b':' | b' ' | b'\n' | b'\r' | b'\t' if depth == 0 => return Some(at),
            _ => {}
        }
        at += 1;
    }
    (ended && depth == 0 && at > 0).then_some(at)
}

/// Position behind the string that starts at `at`.
fn string_end(bytes: &[u8], at: usize) -> Option<usize> {
    let mut at = at + 1;
    loop {
        at = string_stop(bytes, at);
        match bytes.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}
