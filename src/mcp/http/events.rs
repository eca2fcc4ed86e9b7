//! Server-sent events, cut from a copy of the bytes: what each message event holds.

use crate::mcp::wire::{FRAME_LIMIT, Frame};

const BOM: &[u8] = "\u{feff}".as_bytes();

/// Cuts chunks of an event stream into the data of its messages.
#[derive(Debug, Default)]
pub struct Events {
    /// The start of a line whose end has not come yet.
    line: Vec<u8>,
    /// Data lines of the current event, joined.
    data: Option<Vec<u8>>,
    /// Bytes of the current event that were not kept.
    skipped: usize,
    /// The event is of another type than `message`.
    other: bool,
    /// The last line ended in a carriage return at a chunk's end; a line feed belongs to it.
    returned: bool,
    begun: bool,
}

impl Events {
    /// Gives the data of every message event that ends in `chunk` to `take`. What the stream's end cuts off is no event.
    pub fn cut(&mut self, chunk: &[u8], take: &mut dyn FnMut(Frame<'_>)) {
        let mut rest = chunk;
        if std::mem::take(&mut self.returned) && rest.first() == Some(&b'\n') {
            rest = &rest[1..];
        }
        while let Some(end) = memchr::memchr2(b'\n', b'\r', rest) {
            if self.line.is_empty() {
                self.line(&rest[..end], take);
            } else {
                self.keep(&rest[..end]);
                let line = std::mem::take(&mut self.line);
                self.line(&line, take);
            }
            let returned = rest[end] == b'\r';
            rest = &rest[end + 1..];
            if returned {
                match rest.first() {
                    Some(b'\n') => rest = &rest[1..],
                    Some(_) => {}
                    None => self.returned = true,
                }
            }
        }
        self.keep(rest);
    }

    fn keep(&mut self, bytes: &[u8]) {
        if self.skipped > 0 || self.line.len() + bytes.len() > FRAME_LIMIT {
            self.skipped += bytes.len();
        } else {
            self.line.extend_from_slice(bytes);
        }
    }

    fn line(&mut self, line: &[u8], take: &mut dyn FnMut(Frame<'_>)) {
        let line = if self.begun { line } else { line.strip_prefix(BOM).unwrap_or(line) };
        self.begun = true;
        if line.is_empty() {
            let (data, other) = (self.data.take(), std::mem::take(&mut self.other));
            match (std::mem::take(&mut self.skipped), data) {
                (0, Some(data)) if !other && !data.trim_ascii().is_empty() => take(Frame::Text(data.trim_ascii())),
                (skipped, data) if skipped > 0 => take(Frame::Skipped(skipped + data.map_or(0, |data| data.len()))),
                _ => {}
            }
            return;
        }
        let (name, value) = match memchr::memchr(b':', line) {
            Some(at) => (&line[..at], &line[at + 1..]),
            None => (line, &b""[..]),
        };
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match name {
            b"data" if self.data.as_ref().map_or(0, Vec::len) + value.len() > FRAME_LIMIT => {
                self.skipped += value.len()
            }
            b"data" => match &mut self.data {
                Some(data) => {
                    data.push(b'\n');
                    data.extend_from_slice(value);
                }
                None => self.data = Some(value.to_vec()),
            },
            b"event" => self.other = !matches!(value, b"" | b"message"),
            _ => {}
        }
    }
}
