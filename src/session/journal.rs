//! The journal: one JSON record per line, only ever appended to. Reading it checks everything it says of itself.

use crate::kernel::digest::Digest;
use crate::kernel::error::{Error, Result};
use crate::kernel::json::{encode, read, scan};
use crate::session::chain;
use crate::session::model::{Checkpoint, Event, Header};
use camino::Utf8Path;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};

/// Longest line, in bytes; writers keep to it too.
pub const LINE_LIMIT: usize = 8 << 20;

/// A record, by what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    Header(Header),
    Event(Box<Event>),
    Checkpoint(Box<Checkpoint>),
}

#[derive(Deserialize)]
struct Line {
    #[serde(default)]
    record_type: Option<String>,
    #[serde(default)]
    header: Option<Header>,
    #[serde(default)]
    event: Option<Event>,
    #[serde(default)]
    checkpoint: Option<Checkpoint>,
}

impl Record {
    /// Reads one line. Errors: not an object, a duplicate key, a wrong type, no known type, no payload of that type.
    pub fn parse(line: &[u8]) -> Result<Self> {
        if !line.starts_with(b"{") {
            return Err(Error::invalid("a record has to be a JSON object"));
        }
        let line: Line = read::typed(line)?;
        let kind = line.record_type.unwrap_or_default();
        let missing = || Error::invalid(format!("a record of type {kind} without its {kind}"));
        match kind.as_str() {
            "header" => line.header.map(Self::Header).ok_or_else(missing),
            "event" => line.event.map(|event| Self::Event(Box::new(event))).ok_or_else(missing),
            "checkpoint" => line.checkpoint.map(|made| Self::Checkpoint(Box::new(made))).ok_or_else(missing),
            _ => Err(Error::invalid(format!("a record of unknown type {kind:?}"))),
        }
    }

    /// The line, newline included. Too long a record is `InvalidInput`.
    pub fn line(&self) -> Result<Vec<u8>> {
        let (kind, payload) = match self {
            Self::Header(header) => ("header", encode(header)?),
            Self::Event(event) => ("event", encode(event)?),
            Self::Checkpoint(checkpoint) => ("checkpoint", encode(checkpoint)?),
        };
        let line = format!("{{\"record_type\":\"{kind}\",\"{kind}\":{payload}}}\n");
        if line.len() > LINE_LIMIT {
            return Err(Error::invalid(format!("the record is longer than {LINE_LIMIT} bytes")));
        }
        Ok(line.into_bytes())
    }
}

fn encode<T: Serialize>(payload: &T) -> Result<String> {
    encode::record(payload)
}

/// The digest of a line, which the next event names.
pub fn line_digest(line: &[u8]) -> Digest {
    Digest::of(line.trim_ascii())
}

/// An event no checkpoint covers yet, and its line as it stands.
#[derive(Debug, Clone)]
pub struct Pending {
    pub event: Event,
    pub line: Vec<u8>,
}

/// How the file ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tail {
    /// With a whole line.
    Whole,
    /// With a whole record that only lacks its newline.
    Unterminated,
    /// With part of a record, from this offset on: a writer was stopped in the middle.
    Torn(u64),
}

/// A journal that was read to its end and holds together.
#[derive(Debug, Clone)]
pub struct Journal {
    pub header: Header,
    pub checkpoints: Vec<Checkpoint>,
    pub pending: Vec<Pending>,
    /// Policy digests of covered events that still stand in the file, by sequence: their runpack does not hold them.
    pub policies: Vec<(i64, String)>,
    /// Events that stand in the file, covered or not.
    pub event_count: u64,
    /// Number of the last event there ever was, compacted away or not.
    pub last_sequence: i64,
    /// Of the last event's line; empty where none stands in the file.
    pub last_event_digest: String,
    pub tail: Tail,
    /// What was passed over.
    pub warnings: Vec<String>,
}

impl Journal {
    /// Reads the journal at `path` without touching it. Errors: `InvalidInput`, with path and line.
    pub fn read(path: &Utf8Path) -> Result<Self> {
        let mut file = File::open(path).map_err(|e| Error::io("read", path, e))?;
        Self::read_file(&mut file, path)?.ok_or_else(|| Error::invalid(format!("{path}: the journal has no header")))
    }

    /// Reads an open journal. `None`: there is nothing yet, or only part of a header.
    pub fn read_file(file: &mut File, path: &Utf8Path) -> Result<Option<Self>> {
        file.seek(SeekFrom::Start(0)).map_err(|e| Error::io("read", path, e))?;
        let mut reader = BufReader::with_capacity(1 << 16, file);
        let mut builder = Builder::default();
        let (mut buffer, mut offset, mut number) = (Vec::new(), 0_u64, 0_usize);
        loop {
            buffer.clear();
            let limited = &mut Read::take(&mut reader, LINE_LIMIT as u64 + 1);
            let length = limited.read_until(b'\n', &mut buffer).map_err(|e| Error::io("read", path, e))?;
            number += 1;
            let place = || format!("{path}: line {number}");
            if length == 0 {
                break;
            }
            let whole = buffer.ends_with(b"\n");
            if !whole && length > LINE_LIMIT {
                return Err(Error::invalid(format!("{}: longer than {LINE_LIMIT} bytes", place())));
            }
            let line = buffer.trim_ascii();
            if !whole && scan::parse(line).is_err() {
                if builder.journal.is_none() && !starts_a_header(line) {
                    return Err(Error::invalid(format!("{}: this is no journal", place())));
                }
                builder.tail(Tail::Torn(offset), format!("{}: cut off in the middle, dropped", place()));
                break;
            }
            offset += length as u64;
            if line.is_empty() {
                continue;
            }
            Record::parse(line).and_then(|record| builder.take(record, line)).map_err(|e| e.at(place()))?;
            if !whole {
                builder.tail(Tail::Unterminated, format!("{}: has no newline, added", place()));
            }
        }
        Ok(builder.journal)
    }

    /// The last checkpoint's end, 0 before the first.
    pub fn covered(&self) -> i64 {
        self.checkpoints.last().map_or(0, |checkpoint| checkpoint.sequence_end)
    }
}

/// Whether a text without an end may be the beginning of a header: nothing else is ever overwritten.
fn starts_a_header(text: &[u8]) -> bool {
    const START: &[u8] = b"{\"record_type\":\"header\",";
    text.starts_with(START) || START.starts_with(text)
}

#[derive(Default)]
struct Builder {
    journal: Option<Journal>,
}

impl Builder {
    fn tail(&mut self, tail: Tail, warning: String) {
        if let Some(journal) = &mut self.journal {
            journal.tail = tail;
            journal.warnings.push(warning);
        }
    }

    fn take(&mut self, record: Record, line: &[u8]) -> Result<()> {
        match (&mut self.journal, record) {
            (None, Record::Header(header)) => {
                if header.session_id.is_empty() || header.run_id.is_empty() {
                    return Err(Error::invalid("the header has no session_id or no run_id"));
                }
                self.journal = Some(Journal {
                    header,
                    checkpoints: Vec::new(),
                    pending: Vec::new(),
                    policies: Vec::new(),
                    event_count: 0,
                    last_sequence: 0,
                    last_event_digest: String::new(),
                    tail: Tail::Whole,
                    warnings: Vec::new(),
                });
                Ok(())
            }
            (None, _) => Err(Error::invalid("a record stands before the header")),
            (Some(_), Record::Header(_)) => Err(Error::invalid("a second header")),
            (Some(journal), Record::Event(event)) => journal.event(*event, line),
            (Some(journal), Record::Checkpoint(checkpoint)) => journal.checkpoint(*checkpoint),
        }
    }
}

impl Journal {
    fn event(&mut self, event: Event, line: &[u8]) -> Result<()> {
        let expected = self.last_sequence + 1;
        if event.sequence != expected {
            return Err(Error::invalid(format!("event {} where {expected} was expected", event.sequence)));
        }
        self.own(&event.session_id, &event.run_id)?;
        let before = std::mem::replace(&mut self.last_event_digest, line_digest(line).to_string());
        if !before.is_empty() && !event.prev_event_digest.is_empty() && event.prev_event_digest != before {
            return Err(Error::invalid(format!("event {expected} does not follow the event before it"))
                .hint("a line of the journal was changed after it was written"));
        }
        self.event_count += 1;
        self.last_sequence = expected;
        self.pending.push(Pending { event, line: line.to_vec() });
        Ok(())
    }

    fn checkpoint(&mut self, made: Checkpoint) -> Result<()> {
        self.own(&made.session_id, &made.run_id)?;
        let none = Checkpoint::default();
        let last = self.checkpoints.last().unwrap_or(&none);
        let index = made.checkpoint_index;
        let wrong = if index != last.checkpoint_index + 1 {
            "is out of order"
        } else if made.sequence_start < 1 || made.sequence_end < made.sequence_start {
            "has no range of events"
        } else if made.sequence_start <= last.sequence_end {
            "overlaps the one before"
        } else if index > 1 && made.prev_checkpoint_digest != last.checkpoint_digest {
            "does not name the one before"
        } else if chain::checkpoint_digest(&made).to_string() != made.checkpoint_digest {
            "has a wrong checkpoint_digest"
        } else {
            ""
        };
        if !wrong.is_empty() {
            return Err(Error::invalid(format!("checkpoint {index} {wrong}")));
        }
        self.last_sequence = self.last_sequence.max(made.sequence_end);
        let open = self.pending.partition_point(|pending| pending.event.sequence <= made.sequence_end);
        let covered = self.pending.drain(..open).map(|pending| (pending.event.sequence, pending.event.policy_digest));
        self.policies.extend(covered.filter(|(_, digest)| !digest.is_empty()));
        self.checkpoints.push(made);
        Ok(())
    }

    fn own(&self, session_id: &str, run_id: &str) -> Result<()> {
        if session_id != self.header.session_id || run_id != self.header.run_id {
            return Err(Error::invalid("a record of another session or run"));
        }
        Ok(())
    }
}

/// The last line of a journal that ends with a newline; `None` where it is not found within the limit of a line.
pub fn last_line(file: &mut File) -> std::io::Result<Option<Vec<u8>>> {
    let length = file.seek(SeekFrom::End(0))?;
    let mut reach = 4096_u64;
    loop {
        let from = length.saturating_sub(reach);
        file.seek(SeekFrom::Start(from))?;
        let mut bytes = Vec::new();
        Read::take(&mut *file, reach).read_to_end(&mut bytes)?;
        let Some(body) = bytes.strip_suffix(b"\n") else { return Ok(None) };
        match memchr::memrchr(b'\n', body) {
            Some(at) => return Ok(Some(body[at + 1..].to_vec())),
            None if from == 0 => return Ok(Some(body.to_vec())),
            None if reach > LINE_LIMIT as u64 => return Ok(None),
            None => reach *= 8,
        }
    }
}
