//! A body that is copied into the journal before it is passed on.

use crate::mcp::http::copy::Copy;
use crate::mcp::journal::{Place, Side, Writer};
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

/// Where the copy goes.
pub struct Note {
    pub journal: Arc<Writer>,
    pub side: Side,
    pub place: Place,
}

/// A body on its way. Events pass as they come; the last piece of a document waits until the document is known to be
/// whole, and journalled.
pub struct Tap {
    inner: Incoming,
    copy: Option<(Copy, Note)>,
    held: VecDeque<Frame<Bytes>>,
    /// Nothing more comes from `inner`.
    ended: bool,
}

impl Tap {
    /// Passes `inner` on; without a copy untold.
    pub fn new(inner: Incoming, copy: Option<(Copy, Note)>) -> Self {
        Self { inner, copy, held: VecDeque::new(), ended: false }
    }

    fn feed(&mut self, frame: &Frame<Bytes>) {
        if let (Some((copy, note)), Some(bytes)) = (&mut self.copy, frame.data_ref()) {
            note.journal.frames(note.side, note.place, |take| copy.feed(bytes, take));
        }
    }

    fn end(&mut self) {
        self.ended = true;
        if let Some((mut copy, note)) = self.copy.take() {
            note.journal.frames(note.side, note.place, |take| copy.end(take));
        }
    }
}

impl Body for Tap {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let holds = self.copy.as_ref().is_some_and(|(copy, _)| copy.is_document());
        loop {
            if self.ended || !holds || self.held.len() > 1 {
                if let Some(frame) = self.held.pop_front() {
                    return Poll::Ready(Some(Ok(frame)));
                }
                if self.ended {
                    return Poll::Ready(None);
                }
            }
            match ready!(Pin::new(&mut self.inner).poll_frame(context)) {
                Some(Ok(frame)) => {
                    self.feed(&frame);
                    self.held.push_back(frame);
                    if self.inner.is_end_stream() {
                        self.end();
                    }
                }
                Some(Err(error)) => {
                    // Cut off: what is there is no frame, and goes no further than it would have.
                    self.copy = None;
                    self.ended = true;
                    self.held.clear();
                    return Poll::Ready(Some(Err(error)));
                }
                None => self.end(),
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.held.is_empty() && (self.ended || self.inner.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        let held: u64 = self.held.iter().filter_map(Frame::data_ref).map(|bytes| bytes.len() as u64).sum();
        let inner = self.inner.size_hint();
        let mut hint = SizeHint::new();
        if let Some(upper) = inner.upper() {
            hint.set_upper(upper.saturating_add(held));
        }
        hint.set_lower(inner.lower().saturating_add(held));
        hint
    }
}
