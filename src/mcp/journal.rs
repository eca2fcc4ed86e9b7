//! The journal of one connection: a JSON line for each frame, appended before the frame is passed on.

use crate::kernel::clock::{Clock, Timestamp};
use crate::kernel::error::{Error, Kind, Result};
use crate::kernel::fs;
use crate::kernel::json::canon;
use crate::mcp::veil::{Redaction, Veil};
use crate::mcp::wire::{Cutter, Frame};
use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::fs::{File, TryLockError};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How the name of every journal ends.
pub const SUFFIX: &str = ".journal.jsonl";
const SCHEMA: &str = "gait.mcp.journal";
/// Longest first line, in bytes.
const HEAD_LIMIT: u64 = 64 << 10;

/// Who sent a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    Client,
    Server,
}

/// Where a frame was said: on HTTP, ids are told apart by exchange and session. A pipe is all one place.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Place {
    /// Number of the request, from 1.
    pub exchange: Option<u64>,
    /// Number of the `Mcp-Session-Id`, from 1; the id itself is not kept.
    pub session: Option<u64>,
}

/// The first line: which server this is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    pub schema_id: String,
    pub at: Timestamp,
    /// The name the user gave it, else empty.
    pub server: String,
    /// Name of the program that was started; the host, where none was.
    pub program: String,
    /// Process id of a recorder that listens, and so does not end with its client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listener: Option<u32>,
}

/// Any later line; one of the members after `at` is there.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Line {
    #[serde(skip_serializing_if = "Timestamp::is_zero")]
    at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<Side>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exchange: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    frame: Option<String>,
    /// Length of a frame that could not be kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    skipped: Option<usize>,
    /// A mark in a later frame, and the variable it stands for where it stands for one.
    #[serde(skip_serializing_if = "Option::is_none")]
    mark: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    variable: Option<String>,
    /// The server ended and all it said is above.
    #[serde(skip_serializing_if = "Option::is_none")]
    end: Option<String>,
}

/// A journal being written. It is locked as long as its process lives.
pub struct Writer {
    pub path: Utf8PathBuf,
    clock: Clock,
    /// Nothing once a write failed: the connection goes on, the journal ends there.
    file: Mutex<Option<File>>,
    veil: Veil,
    /// The marks that were told already.
    told: Mutex<HashSet<String>>,
}

impl Writer {
    /// Starts a journal in `dir`, which is made if missing. `server` may be empty; `listens` is for a recorder that is
    /// no server's parent.
    pub fn start(dir: &Utf8Path, server: &str, program: &str, listens: bool, veil: Veil, clock: Clock) -> Result<Self> {
        fs::make_dir(dir)?;
        let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_') { c } else { '_' };
        let name: String = if server.is_empty() { program } else { server }.chars().take(64).map(plain).collect();
        let mut options = std::fs::OpenOptions::new();
        options.append(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let path = dir.join(format!("{name}-{}{SUFFIX}", std::process::id()));
        let mut file = options.open(&path).map_err(|e| Error::io("create", &path, e))?;
        let _ = file.try_lock();
        let (server, program) = (server.to_owned(), program.to_owned());
        let listener = listens.then(std::process::id);
        let head = Head { schema_id: SCHEMA.to_owned(), at: clock.now(), server, program, listener };
        let mut line = encoded(&head);
        line.push(b'\n');
        file.write_all(&line).map_err(|e| Error::io("write", &path, e))?;
        Ok(Self { path, clock, file: Mutex::new(Some(file)), veil, told: Mutex::default() })
    }

    /// Appends the frames that `chunk` completes, in one write.
    pub fn chunk(&self, side: Side, cutter: &mut Cutter, chunk: &[u8]) {
        let mut lines = Vec::new();
        cutter.cut(chunk, |frame| self.line(side, Place::default(), &frame, &mut lines));
        self.append(&lines);
    }

    /// Appends what was left when the stream ended.
    pub fn stream_end(&self, side: Side, cutter: &mut Cutter) {
        let mut lines = Vec::new();
        cutter.end(|frame| self.line(side, Place::default(), &frame, &mut lines));
        self.append(&lines);
    }

    /// Appends frames that were cut elsewhere: `cut` gives each to its argument.
    pub fn frames(&self, side: Side, place: Place, cut: impl FnOnce(&mut dyn FnMut(Frame<'_>))) {
        let mut lines = Vec::new();
        cut(&mut |frame| self.line(side, place, &frame, &mut lines));
        self.append(&lines);
    }

    /// Hides `secret` in everything that is appended from now on.
    pub fn hide(&self, secret: &str) {
        self.veil.learn(secret);
    }

    /// The last line, how the server ended; what comes later is not taken any more.
    pub fn end(&self, how: &str) {
        let end = Line { at: self.clock.now(), end: Some(how.to_owned()), ..Line::default() };
        let mut line = encoded(&end);
        line.push(b'\n');
        self.append(&line);
        *self.file.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn line(&self, side: Side, place: Place, frame: &Frame<'_>, out: &mut Vec<u8>) {
        let text = match frame {
            Frame::Text(text) => Some(String::from_utf8_lossy(text)),
            Frame::Skipped(_) => None,
        };
        let covered = text.as_deref().map(|text| self.veil.cover(text));
        for redaction in covered.iter().flat_map(|(_, marks)| marks) {
            self.tell(redaction, out);
        }
        let from = if side == Side::Client { "client" } else { "server" };
        out.extend_from_slice(format!("{{\"at\":\"{}\",\"from\":\"{from}\",", self.clock.now()).as_bytes());
        for (name, number) in [("exchange", place.exchange), ("session", place.session)] {
            out.extend(number.map(|number| format!("\"{name}\":{number},")).unwrap_or_default().into_bytes());
        }
        match (&covered, frame) {
            (Some((text, _)), _) => {
                out.extend_from_slice(b"\"frame\":");
                canon::write_string(text, out);
            }
            (None, Frame::Text(_)) => {}
            (None, Frame::Skipped(length)) => out.extend_from_slice(format!("\"skipped\":{length}").as_bytes()),
        }
        out.extend_from_slice(b"}\n");
    }

    /// The line that says what a mark stands for, the first time it is used.
    fn tell(&self, redaction: &Redaction, out: &mut Vec<u8>) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.insert(redaction.mark.clone()) {
            let Redaction { mark, variable } = redaction.clone();
            out.extend_from_slice(&encoded(&Line {
                at: self.clock.now(),
                mark: Some(mark),
                variable,
                ..Line::default()
            }));
            out.push(b'\n');
        }
    }

    fn append(&self, lines: &[u8]) {
        if lines.is_empty() {
            return;
        }
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        if file.as_mut().is_some_and(|file| file.write_all(lines).is_err()) {
            *file = None;
        }
    }
}

fn encoded<T: Serialize>(value: &T) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}

/// A frame as it was journalled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub at: Timestamp,
    pub from: Side,
    pub place: Place,
    /// `None`: it could not be kept.
    pub frame: Option<String>,
}

/// A journal read back.
#[derive(Debug)]
pub struct Journal {
    pub head: Head,
    pub entries: Vec<Entry>,
    pub redactions: Vec<Redaction>,
    /// Time of the last line.
    pub last: Timestamp,
    /// Whether the line is missing that says how the server ended.
    pub truncated: bool,
}

impl Journal {
    /// Reads a journal. What follows a line that was cut off counts as not written.
    ///
    /// Errors: `Contention` while its tee still runs, unless it ends within `patience` and unless `force`;
    /// `InvalidInput` when it is no journal.
    pub fn read(path: &Utf8Path, patience: Duration, force: bool) -> Result<Self> {
        let file = File::open(path).map_err(|e| Error::io("read", path, e))?;
        if !ended(&file, patience) && !force {
            return Err(Error::new(Kind::Contention, format!("{path} is still being written"))
                .hint("wait for the server to end, then retry"));
        }
        let bytes = fs::read_open(&file, path.as_std_path(), u64::MAX - 1)?;
        let mut lines = bytes.split_inclusive(|&byte| byte == b'\n').filter_map(|line| line.strip_suffix(b"\n"));
        let head: Option<Head> = lines.next().and_then(|line| serde_json::from_slice(line).ok());
        let head = head.filter(|head| head.schema_id == SCHEMA).ok_or_else(|| {
            Error::invalid(format!("{path} is no journal")).hint("a journal's name ends in .journal.jsonl")
        })?;
        let mut journal = Self { last: head.at, head, entries: Vec::new(), redactions: Vec::new(), truncated: true };
        for line in lines {
            let Ok(line) = serde_json::from_slice::<Line>(line) else { break };
            journal.last = line.at;
            if let Some(mark) = line.mark {
                journal.redactions.push(Redaction { mark, variable: line.variable });
            }
            match (line.from, line.end) {
                (Some(from), _) => {
                    let place = Place { exchange: line.exchange, session: line.session };
                    journal.entries.push(Entry { at: line.at, from, place, frame: line.frame });
                }
                (None, Some(_)) => journal.truncated = false,
                (None, None) => {}
            }
        }
        Ok(journal)
    }
}

/// The process that still writes this journal, where it is one that listens.
pub fn listener(path: &Utf8Path) -> Option<u32> {
    let file = File::open(path).ok()?;
    let mut head = String::new();
    BufReader::new(&file).take(HEAD_LIMIT).read_line(&mut head).ok()?;
    let head: Head = serde_json::from_str(&head).ok()?;
    head.listener.filter(|_| !ended(&file, Duration::ZERO))
}

/// Waits for the writer to let go of the journal.
fn ended(file: &File, patience: Duration) -> bool {
    const PAUSE: Duration = Duration::from_millis(5);
    let mut waited = Duration::ZERO;
    loop {
        match file.try_lock_shared() {
            Err(TryLockError::WouldBlock) if waited < patience => {
                std::thread::sleep(PAUSE);
                waited += PAUSE;
            }
            Err(TryLockError::WouldBlock) => return false,
            _ => return true,
        }
    }
}

/// The journals in a folder, by name; or the one journal that was named.
pub fn find(place: &Utf8Path) -> Result<Vec<Utf8PathBuf>> {
    if !place.is_dir() {
        return Ok(vec![place.to_owned()]);
    }
    let listing = place.read_dir_utf8().map_err(|e| Error::io("read", place, e))?;
    let mut paths: Vec<Utf8PathBuf> =
        listing.flatten().map(|entry| entry.into_path()).filter(|path| path.as_str().ends_with(SUFFIX)).collect();
    paths.sort();
    Ok(paths)
}
