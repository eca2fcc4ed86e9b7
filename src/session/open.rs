//! A journal in hand: locked, its torn end mended, ready to be appended to.

use crate::kernel::clock::Clock;
use crate::kernel::digest;
use crate::kernel::error::{Error, Result};
use crate::kernel::fs;
use crate::runpack::record::PRODUCER;
use crate::session::journal::{self, Journal, Record, Tail};
use crate::session::lock::{self, Held, Patience};
use crate::session::model::{EVENT_SCHEMA, Event, Header, JOURNAL_SCHEMA, SCHEMA_VERSION, State};
use crate::session::state;
use camino::{Utf8Path, Utf8PathBuf};
use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::str::FromStr;

/// A session nobody else writes to while this value lives.
#[derive(Debug)]
pub struct Session {
    pub path: Utf8PathBuf,
    /// What was mended or looks odd.
    pub warnings: Vec<String>,
    pub(in crate::session) file: File,
    pub(in crate::session) clock: Clock,
    patience: Patience,
    _held: Held,
}

/// What a decision said about a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Allow,
    Block,
    DryRun,
    RequireApproval,
}

impl Verdict {
    /// The word it is written as.
    pub fn word(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Block => "block",
            Self::DryRun => "dry_run",
            Self::RequireApproval => "require_approval",
        }
    }
}

impl FromStr for Verdict {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let all = [Self::Allow, Self::Block, Self::DryRun, Self::RequireApproval];
        let found = all.into_iter().find(|verdict| verdict.word().eq_ignore_ascii_case(text.trim()));
        found.ok_or_else(|| {
            Error::invalid(format!("verdict {text:?} is none of allow, block, dry_run and require_approval"))
        })
    }
}

/// A decision to append. Texts are trimmed, digests lower-cased, lists sorted and freed of doubles.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Decision {
    event: Event,
}

impl Decision {
    /// A decision about a call of `tool`. A blank tool is `InvalidInput`.
    pub fn new(tool: &str, verdict: Verdict) -> Result<Self> {
        let tool_name = tool.trim().to_owned();
        if tool_name.is_empty() {
            return Err(Error::invalid("the tool has no name"));
        }
        Ok(Self { event: Event { tool_name, verdict: verdict.word().to_owned(), ..Event::default() } })
    }

    /// The same with the id of the call.
    #[must_use]
    pub fn intent_id(mut self, id: &str) -> Self {
        id.trim().clone_into(&mut self.event.intent_id);
        self
    }

    /// The same with its trace.
    #[must_use]
    pub fn trace(mut self, id: &str, path: &str) -> Self {
        id.trim().clone_into(&mut self.event.trace_id);
        path.trim().clone_into(&mut self.event.trace_path);
        self
    }

    /// The same with the digests of call and policy: 64 hex digits or nothing, else `InvalidInput`.
    pub fn digests(mut self, intent: &str, policy: &str) -> Result<Self> {
        let read = |name: &str, text: &str| match text.trim() {
            "" => Ok(String::new()),
            text if digest::is_hex64(text) => Ok(text.to_lowercase()),
            text => Err(Error::invalid(format!("{name} digest {text:?} is not 64 hex digits"))),
        };
        self.event.intent_digest = read("intent", intent)?;
        self.event.policy_digest = read("policy", policy)?;
        Ok(self)
    }

    /// The same with reasons and violations, each separated by commas.
    #[must_use]
    pub fn reasons(mut self, reason_codes: &str, violations: &str) -> Self {
        let list = |text: &str| {
            let parts: BTreeSet<&str> = text.split(',').map(str::trim).filter(|part| !part.is_empty()).collect();
            parts.into_iter().map(str::to_owned).collect()
        };
        self.event.reason_codes = list(reason_codes);
        self.event.violations = list(violations);
        self
    }
}

impl Session {
    /// Starts a session, or takes up the one that is there; nothing is appended to it.
    ///
    /// Errors: `InvalidInput` for blank ids, a path that may not be written to, a journal of another session or run
    /// or a damaged one; `Contention`.
    pub fn start(
        path: &str,
        session_id: &str,
        run_id: &str,
        patience: Patience,
        clock: Clock,
    ) -> Result<(Self, State)> {
        let path = fs::output_path(path)?;
        let (session_id, run_id) = (session_id.trim(), run_id.trim());
        if session_id.is_empty() || run_id.is_empty() {
            return Err(Error::invalid("a session has a session id and a run id"));
        }
        fs::make_parent(&path)?;
        let held = lock::hold(&path, patience, clock)?;
        let there = match File::open(&path) {
            Ok(mut file) => Journal::read_file(&mut file, &path)?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(Error::io("read", &path, error)),
        };
        match there {
            None => fs::write(&path, &Record::Header(header(session_id, run_id, clock)).line()?)?,
            Some(journal)
                if (journal.header.session_id.as_str(), journal.header.run_id.as_str()) != (session_id, run_id) =>
            {
                let Header { session_id, run_id, .. } = journal.header;
                return Err(Error::invalid(format!("{path} is the journal of session {session_id}, run {run_id}"))
                    .hint("give a session a journal of its own"));
            }
            Some(_) => {}
        }
        let mut session = Self::with(path, held, patience, clock)?;
        if !plain_run_id(run_id) {
            session.warnings.push(format!("run id {run_id:?} is not `run_` and letters, digits, `_` and `-`"));
        }
        let state = session.state()?;
        Ok((session, state))
    }

    /// Opens the session at `path`. Errors: `InvalidInput` where there is none, `Contention`.
    pub fn open(path: &str, patience: Patience, clock: Clock) -> Result<Self> {
        let path = fs::output_path(path)?;
        if !path.is_file() {
            return Err(Error::invalid(format!("there is no journal {path}"))
                .hint("start the session first: gait run session start"));
        }
        let held = lock::hold(&path, patience, clock)?;
        Self::with(path, held, patience, clock)
    }

    fn with(path: Utf8PathBuf, held: Held, patience: Patience, clock: Clock) -> Result<Self> {
        let file = open_existing(&path)?;
        Ok(Self { path, warnings: Vec::new(), file, clock, patience, _held: held })
    }

    /// Length of the journal in bytes.
    pub(in crate::session) fn size(&self) -> Result<u64> {
        Ok(self.file.metadata().map_err(|e| Error::io("read", &self.path, e))?.len())
    }

    /// Takes up the file anew after it was replaced.
    pub(in crate::session) fn reopen(&mut self) -> Result<()> {
        self.file = open_existing(&self.path)?;
        Ok(())
    }

    /// Reads the whole journal; an end that a stopped writer left behind is mended first.
    pub fn journal(&mut self) -> Result<Journal> {
        let journal = Journal::read_file(&mut self.file, &self.path)?
            .ok_or_else(|| Error::invalid(format!("{}: the journal has no header", self.path)))?;
        let mended = match journal.tail {
            Tail::Whole => Ok(()),
            Tail::Unterminated => self.file.write_all(b"\n"),
            Tail::Torn(from) => self.file.set_len(from),
        };
        mended.and_then(|()| self.file.sync_data()).map_err(|e| Error::io("mend", &self.path, e))?;
        self.warnings.extend(journal.warnings.iter().cloned());
        Ok(journal)
    }

    /// What the session amounts to: from the state file, or from the journal and stored then.
    pub fn state(&mut self) -> Result<State> {
        if let Some(state) = state::load(&self.path, &mut self.file) {
            return Ok(state);
        }
        let mut state = state::of(&self.journal()?, self.clock);
        state::save(&self.path, &self.file, &mut state, self.clock)?;
        Ok(state)
    }

    /// Appends a decision as the next event. It counts when this returns.
    pub fn append(&mut self, decision: Decision) -> Result<Event> {
        let mut state = self.state()?;
        let event = Event {
            schema_id: EVENT_SCHEMA.to_owned(),
            schema_version: SCHEMA_VERSION.to_owned(),
            created_at: self.clock.now(),
            producer_version: PRODUCER.to_owned(),
            session_id: state.session_id.clone(),
            run_id: state.run_id.clone(),
            sequence: state.last_sequence + 1,
            prev_event_digest: state.last_event_digest.clone(),
            ..decision.event
        };
        let line = self.write(&Record::Event(Box::new(event.clone())), self.patience.sync_events)?;
        state.last_sequence = event.sequence;
        state.event_count += 1;
        PRODUCER.clone_into(&mut state.producer_version);
        state.last_event_digest = journal::line_digest(&line).to_string();
        self.remember(&mut state);
        Ok(event)
    }

    /// Appends one record: whole, or (where the disk refuses) not at all. The line.
    pub(in crate::session) fn write(&mut self, record: &Record, sync: bool) -> Result<Vec<u8>> {
        let line = record.line()?;
        let failed = |e| Error::io("append to", &self.path, e);
        let before = self.file.metadata().map_err(failed)?.len();
        if let Err(error) = self.file.write_all(&line) {
            let _ = self.file.set_len(before);
            return Err(Error::io("append to", &self.path, error));
        }
        if sync {
            self.file.sync_data().map_err(|e| Error::io("append to", &self.path, e))?;
        }
        Ok(line)
    }

    /// Stores the state. The journal has the record already, so a state that cannot be stored is no failure.
    pub(in crate::session) fn remember(&mut self, state: &mut State) {
        if let Err(error) = state::save(&self.path, &self.file, state, self.clock) {
            self.warnings.push(format!("the state file was not written: {error}"));
        }
    }
}

fn header(session_id: &str, run_id: &str, clock: Clock) -> Header {
    let now = clock.now();
    Header {
        schema_id: JOURNAL_SCHEMA.to_owned(),
        schema_version: SCHEMA_VERSION.to_owned(),
        created_at: now,
        producer_version: PRODUCER.to_owned(),
        session_id: session_id.to_owned(),
        run_id: run_id.to_owned(),
        started_at: now,
        events: [],
    }
}

fn open_existing(path: &Utf8Path) -> Result<File> {
    OpenOptions::new().read(true).append(true).open(path).map_err(|e| Error::io("open", path, e))
}

fn plain_run_id(id: &str) -> bool {
    let rest = id.strip_prefix("run_").unwrap_or_default();
    !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
}
