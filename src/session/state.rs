//! The state file: what the journal amounts to, so that appending need not read it all. Never trusted further than
//! the journal's own last record bears it out.

use crate::kernel::clock::{Clock, Timestamp};
use crate::kernel::error::{Error, Result};
use crate::kernel::fs;
use crate::kernel::json::{encode, read};
use crate::session::journal::{self, Journal, Record};
use crate::session::model::{SCHEMA_VERSION, STATE_SCHEMA, State};
use camino::{Utf8Path, Utf8PathBuf};
use std::fs::{File, Metadata};
use std::time::UNIX_EPOCH;

/// Where the state of a journal is kept.
pub fn path(journal: &Utf8Path) -> Utf8PathBuf {
    Utf8PathBuf::from(format!("{journal}.state.json"))
}

/// The stored state, where it belongs to the journal as it is now.
pub fn load(journal: &Utf8Path, file: &mut File) -> Option<State> {
    let bytes = fs::read(path(journal), fs::SETTINGS_LIMIT).ok()?;
    let state: State = read::typed(&bytes).ok()?;
    let known = state.schema_id == STATE_SCHEMA && state.schema_version == SCHEMA_VERSION;
    let named = !state.session_id.is_empty() && !state.run_id.is_empty();
    let counts = [state.last_sequence, state.last_checkpoint_index, state.last_checkpoint_sequence];
    let seen = file.metadata().ok()?;
    let current = state.journal_size_bytes == seen.len() && state.journal_modified == modified(&seen);
    let plausible = known && named && counts.iter().all(|count| *count >= 0) && current;
    (plausible && borne_out(&state, file)?).then_some(state)
}

/// Whether the journal's last record is the one the state ends with.
fn borne_out(state: &State, file: &mut File) -> Option<bool> {
    let line = journal::last_line(file).ok()??;
    Some(match Record::parse(&line).ok()? {
        Record::Header(header) => {
            (state.last_sequence, state.event_count, state.checkpoint_count) == (0, 0, 0)
                && (&header.session_id, &header.run_id) == (&state.session_id, &state.run_id)
        }
        Record::Event(event) => {
            event.sequence == state.last_sequence
                && journal::line_digest(&line).to_string() == state.last_event_digest
                && (&event.session_id, &event.run_id) == (&state.session_id, &state.run_id)
        }
        Record::Checkpoint(made) => {
            made.checkpoint_index == state.last_checkpoint_index
                && made.checkpoint_digest == state.last_checkpoint_digest
                && made.sequence_end == state.last_checkpoint_sequence
                && made.sequence_end == state.last_sequence
                && (&made.session_id, &made.run_id) == (&state.session_id, &state.run_id)
        }
    })
}

/// What a journal amounts to; where and how large it is, [`save`] fills in.
pub fn of(journal: &Journal, clock: Clock) -> State {
    let (header, last) = (&journal.header, journal.checkpoints.last());
    let first = |times: [Timestamp; 2]| times.into_iter().find(|time| !time.is_zero()).unwrap_or_else(|| clock.now());
    State {
        schema_id: STATE_SCHEMA.to_owned(),
        schema_version: SCHEMA_VERSION.to_owned(),
        producer_version: header.producer_version.clone(),
        session_id: header.session_id.clone(),
        run_id: header.run_id.clone(),
        created_at: first([header.created_at, header.started_at]),
        started_at: first([header.started_at, header.created_at]),
        event_count: journal.event_count,
        last_sequence: journal.last_sequence,
        checkpoint_count: journal.checkpoints.len() as u64,
        last_checkpoint_index: last.map_or(0, |made| made.checkpoint_index),
        last_checkpoint_sequence: journal.covered(),
        last_checkpoint_digest: last.map(|made| made.checkpoint_digest.clone()).unwrap_or_default(),
        last_event_digest: journal.last_event_digest.clone(),
        ..State::default()
    }
}

/// Stores the state of a journal as it is now. A crash may take it away again: it is rebuilt then.
pub fn save(journal: &Utf8Path, file: &File, state: &mut State, clock: Clock) -> Result<()> {
    let seen = file.metadata().map_err(|e| Error::io("read", journal, e))?;
    state.journal_size_bytes = seen.len();
    state.journal_modified = modified(&seen);
    state.updated_at = clock.now();
    fs::write_unsynced(path(journal), encode::document(state)?.as_bytes())
}

fn modified(seen: &Metadata) -> String {
    let since = seen.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    since.map(|since| since.as_nanos().to_string()).unwrap_or_default()
}
