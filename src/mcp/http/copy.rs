//! The copy of a body that passes by: decoded, and cut into JSON-RPC frames.

use crate::mcp::http::events::Events;
use crate::mcp::wire::{FRAME_LIMIT, Frame};
use brotli_decompressor::DecompressorWriter;
use flate2::write::{MultiGzDecoder, ZlibDecoder};
use hyper::HeaderMap;
use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE};
use std::io::Write as _;

/// A body as its headers announce it.
pub struct Copy {
    coding: Coding,
    form: Form,
}

enum Coding {
    Plain,
    Gzip(Box<MultiGzDecoder<Vec<u8>>>),
    Deflate(Box<ZlibDecoder<Vec<u8>>>),
    Brotli(Box<DecompressorWriter<Vec<u8>>>),
    /// Not one we read: bytes that went by.
    Unread(usize),
}

enum Form {
    /// One JSON text, whole at the end of the body; bytes beyond the limit are only counted.
    Document {
        text: Vec<u8>,
        skipped: usize,
    },
    Events(Events),
}

impl Copy {
    /// The copy of a request's body, which is JSON.
    pub fn of_request(headers: &HeaderMap) -> Self {
        Self { coding: Coding::of(headers), form: Form::Document { text: Vec::new(), skipped: 0 } }
    }

    /// The copy of a response's body; `None` where it holds no messages.
    pub fn of_response(headers: &HeaderMap) -> Option<Self> {
        let kind = headers.get(CONTENT_TYPE)?.to_str().ok()?;
        let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match kind.as_str() {
            "text/event-stream" => Some(Self { coding: Coding::of(headers), form: Form::Events(Events::default()) }),
            kind if kind == "application/json" || kind.ends_with("+json") => Some(Self::of_request(headers)),
            _ => None,
        }
    }

    /// Whether frames end only with the body.
    pub fn is_document(&self) -> bool {
        matches!(self.form, Form::Document { .. })
    }

    /// Gives the frames that end in `chunk` to `take`.
    pub fn feed(&mut self, chunk: &[u8], take: &mut dyn FnMut(Frame<'_>)) {
        let decoded;
        let bytes = match self.coding.decode(chunk) {
            None => chunk,
            Some(bytes) => {
                decoded = bytes;
                &decoded
            }
        };
        match &mut self.form {
            Form::Events(events) => events.cut(bytes, take),
            Form::Document { text, skipped } if *skipped > 0 || text.len() + bytes.len() > FRAME_LIMIT => {
                *skipped += std::mem::take(text).len() + bytes.len();
            }
            Form::Document { text, .. } => text.extend_from_slice(bytes),
        }
    }

    /// Gives what the end of the body completes to `take`.
    pub fn end(&mut self, take: &mut dyn FnMut(Frame<'_>)) {
        match (&self.coding, &self.form) {
            (Coding::Unread(length), _) if *length > 0 => take(Frame::Skipped(*length)),
            (_, Form::Document { skipped, .. }) if *skipped > 0 => take(Frame::Skipped(*skipped)),
            (_, Form::Document { text, .. }) if !text.trim_ascii().is_empty() => take(Frame::Text(text.trim_ascii())),
            _ => {}
        }
    }
}

impl Coding {
    fn of(headers: &HeaderMap) -> Self {
        let mut codings = headers.get_all(CONTENT_ENCODING).iter();
        let named = codings.next().map(|value| value.to_str().unwrap_or("?").trim().to_ascii_lowercase());
        match named.as_deref() {
            _ if codings.next().is_some() => Self::Unread(0),
            None | Some("" | "identity") => Self::Plain,
            Some("gzip" | "x-gzip") => Self::Gzip(Box::new(MultiGzDecoder::new(Vec::new()))),
            Some("deflate") => Self::Deflate(Box::new(ZlibDecoder::new(Vec::new()))),
            Some("br") => Self::Brotli(Box::new(DecompressorWriter::new(Vec::new(), 16 << 10))),
            Some(_) => Self::Unread(0),
        }
    }

    /// The decoded bytes; `None` where the chunk is plain. After an error nothing is decoded any more.
    fn decode(&mut self, chunk: &[u8]) -> Option<Vec<u8>> {
        let decoded = match self {
            Self::Plain => return None,
            Self::Gzip(to) => to.write_all(chunk).and_then(|()| to.flush()).map(|()| std::mem::take(to.get_mut())),
            Self::Deflate(to) => to.write_all(chunk).and_then(|()| to.flush()).map(|()| std::mem::take(to.get_mut())),
            Self::Brotli(to) => to.write_all(chunk).and_then(|()| to.flush()).map(|()| std::mem::take(to.get_mut())),
            Self::Unread(length) => {
                *length += chunk.len();
                return Some(Vec::new());
            }
        };
        Some(decoded.unwrap_or_else(|_| {
            *self = Self::Unread(chunk.len());
            Vec::new()
        }))
    }
}
