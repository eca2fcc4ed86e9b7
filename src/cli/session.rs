//! `gait run session`: a journal of decisions, its checkpoints and its chain.

use crate::cli::args::SigningArgs;
use crate::cli::exit::Exit;
use crate::cli::output::Answer;
use crate::kernel::clock::{Clock, Timestamp};
use crate::kernel::error::{Error, Result};
use crate::session::checkpoint::{self, Options, chain_path};
use crate::session::compact;
use crate::session::lock::Patience;
use crate::session::model::State;
use crate::session::open::{Decision, Session};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

/// Keep a journal of decisions and turn it into linked, signed runpacks
#[derive(Debug, Args)]
pub struct SessionCmd {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Start(StartCmd),
    Append(AppendCmd),
    Status(StatusCmd),
    Checkpoint(CheckpointCmd),
    Compact(CompactCmd),
}

#[derive(Debug, Args)]
struct JournalArg {
    /// Journal of the session
    #[arg(long, value_name = "PATH")]
    journal: String,
}

/// Start a session, or take up the one the journal holds
#[derive(Debug, Args)]
struct StartCmd {
    #[command(flatten)]
    journal: JournalArg,
    /// Id of the session
    #[arg(long, value_name = "ID")]
    session_id: String,
    /// Id of the run the session belongs to
    #[arg(long, value_name = "ID")]
    run_id: String,
}

/// Append one decision to the journal
#[derive(Debug, Args)]
struct AppendCmd {
    #[command(flatten)]
    journal: JournalArg,
    /// Name of the tool the decision is about
    #[arg(long, value_name = "NAME")]
    tool: String,
    /// What was decided: allow, block, dry_run or require_approval
    #[arg(long, value_name = "VERDICT")]
    verdict: String,
    /// Id of the call
    #[arg(long, value_name = "ID", default_value = "", hide_default_value = true)]
    intent_id: String,
    /// Id of the decision's trace
    #[arg(long, value_name = "ID", default_value = "", hide_default_value = true)]
    trace_id: String,
    /// Path of the decision's trace
    #[arg(long, value_name = "PATH", default_value = "", hide_default_value = true)]
    trace_path: String,
    /// SHA-256 of the call, in hex
    #[arg(long, value_name = "DIGEST", default_value = "", hide_default_value = true)]
    intent_digest: String,
    /// SHA-256 of the policy, in hex
    #[arg(long, value_name = "DIGEST", default_value = "", hide_default_value = true)]
    policy_digest: String,
    /// Reason codes, separated by commas
    #[arg(long, value_name = "CODES", default_value = "", hide_default_value = true)]
    reason_codes: String,
    /// Violations, separated by commas
    #[arg(long, value_name = "CODES", default_value = "", hide_default_value = true)]
    violations: String,
}

/// Say how far a session has come
#[derive(Debug, Args)]
struct StatusCmd {
    #[command(flatten)]
    journal: JournalArg,
}

/// Turn the events since the last checkpoint into a signed runpack, linked to the last one
#[derive(Debug, Args)]
struct CheckpointCmd {
    #[command(flatten)]
    journal: JournalArg,
    /// Where the runpack goes
    #[arg(long, value_name = "ZIP")]
    out: String,
    /// Where a copy of the chain goes
    #[arg(long, value_name = "JSON")]
    chain_out: Option<String>,
    /// Time of the checkpoint, RFC 3339 [default: now]; with it equal events make equal runpacks
    #[arg(long, value_name = "TIME")]
    created_at: Option<Timestamp>,
    #[command(flatten)]
    signing: SigningArgs,
}

/// Drop the events that a checkpoint covers from the journal
#[derive(Debug, Args)]
struct CompactCmd {
    #[command(flatten)]
    journal: JournalArg,
    /// Where the compacted journal goes [default: in place]
    #[arg(long, value_name = "PATH")]
    out: Option<String>,
    /// Only say what would happen
    #[arg(long)]
    dry_run: bool,
}

/// What an operation found: members of the answer, text, warnings.
type Found = (Vec<(&'static str, Value)>, String, Vec<String>);

impl SessionCmd {
    /// Runs the verb.
    pub fn run(self, clock: Clock) -> Result<Answer> {
        match self.verb {
            Verb::Start(cmd) => {
                given("--session-id", &cmd.session_id)?;
                given("--run-id", &cmd.run_id)?;
                cmd.journal.answer("start", |journal| start(journal, &cmd, clock))
            }
            Verb::Append(cmd) => {
                let decision = cmd.decision()?;
                cmd.journal.answer("append", |journal| append(journal, decision, clock))
            }
            Verb::Status(cmd) => cmd.journal.answer("status", |journal| {
                let mut session = Session::open(journal, Patience::from_env(), clock)?;
                let state = session.state()?;
                Ok(status("status", journal, &state, session.warnings))
            }),
            Verb::Checkpoint(cmd) => {
                given("--out", &cmd.out)?;
                cmd.journal.answer("checkpoint", |journal| checkpoint(journal, &cmd, clock))
            }
            Verb::Compact(cmd) => cmd.journal.answer("compact", |journal| compact(journal, &cmd, clock)),
        }
    }
}

fn given(flag: &str, value: &str) -> Result<()> {
    if value.trim().is_empty() { Err(Error::invalid(format!("{flag} is empty"))) } else { Ok(()) }
}

impl JournalArg {
    /// The answer of an operation on the journal; its errors name operation and journal, too.
    fn answer(&self, operation: &str, run: impl FnOnce(&str) -> Result<Found>) -> Result<Answer> {
        let journal = self.journal.trim();
        given("--journal", journal)?;
        let answer = match run(journal) {
            Err(error) => Answer::failure(&format!("run session {operation}"), &error),
            Ok((members, text, warnings)) => {
                let mut answer = Answer::new(&json!({}), Exit::Ok)?.text(text);
                for (key, value) in members {
                    answer = answer.with(key, &value)?;
                }
                if !warnings.is_empty() {
                    answer = answer.with("warnings", &warnings)?;
                }
                answer.notes(warnings.iter().map(|warning| format!("warning: {warning}")))
            }
        };
        answer.with("operation", operation)?.with("journal", journal)
    }
}

/// An argument error says which operation it was for.
pub fn failed(answer: Answer, operation: &str) -> Answer {
    answer.members(&json!({ "operation": operation })).unwrap_or_else(|error| Answer::failure(operation, &error))
}

fn status(operation: &str, journal: &str, state: &State, warnings: Vec<String>) -> Found {
    let State { session_id, run_id, event_count, checkpoint_count, last_sequence, .. } = state;
    let text = format!(
        "session {operation}: session_id={} run_id={} events={event_count} checkpoints={checkpoint_count} last_sequence={last_sequence}\njournal: {}",
        line(session_id),
        line(run_id),
        line(journal)
    );
    let value = json!({
        "session_id": session_id,
        "run_id": run_id,
        "created_at": state.created_at,
        "started_at": state.started_at,
        "event_count": event_count,
        "checkpoint_count": checkpoint_count,
        "last_sequence": last_sequence,
    });
    (vec![("status", value)], text, warnings)
}

fn start(journal: &str, cmd: &StartCmd, clock: Clock) -> Result<Found> {
    let patience = Patience::from_env();
    let (mut session, state) = Session::start(journal, &cmd.session_id, &cmd.run_id, patience, clock)?;
    if checkpoint::heal(&mut session)? {
        let path = chain_path(&session.path);
        session.warnings.push(format!("{path} was not what the journal says and was written again"));
    }
    Ok(status("start", journal, &state, session.warnings))
}

impl AppendCmd {
    fn decision(&self) -> Result<Decision> {
        Ok(Decision::new(&self.tool, self.verdict.parse()?)?
            .intent_id(&self.intent_id)
            .trace(&self.trace_id, &self.trace_path)
            .digests(&self.intent_digest, &self.policy_digest)?
            .reasons(&self.reason_codes, &self.violations))
    }
}

fn append(journal: &str, decision: Decision, clock: Clock) -> Result<Found> {
    let mut session = Session::open(journal, Patience::from_env(), clock)?;
    let event = session.append(decision)?;
    let text = format!(
        "session append: sequence={} tool=redacted verdict={}\njournal: {}",
        event.sequence,
        event.verdict,
        line(journal)
    );
    Ok((vec![("event", json!(event))], text, session.warnings))
}

fn checkpoint(journal: &str, cmd: &CheckpointCmd, clock: Clock) -> Result<Found> {
    let chain_out = cmd.chain_out.as_deref().map(str::trim).filter(|path| !path.is_empty());
    let key = cmd.signing.key()?;
    let mut session = Session::open(journal, Patience::from_env(), clock)?;
    let options = Options { out: &cmd.out, chain_out, created_at: cmd.created_at, key: key.as_ref() };
    let made = checkpoint::checkpoint(&mut session, &options)?;
    let chain = chain_out.map_or_else(|| chain_path(&session.path).into_string(), str::to_owned);
    let text = format!(
        "session checkpoint: index={} runpack=redacted range={}..{}\nsession chain: {}\ncheckpoint digest: {}",
        made.checkpoint_index,
        made.sequence_start,
        made.sequence_end,
        line(&chain),
        made.checkpoint_digest
    );
    Ok((vec![("checkpoint", json!(made)), ("chain_path", json!(chain))], text, session.warnings))
}

fn compact(journal: &str, cmd: &CompactCmd, clock: Clock) -> Result<Found> {
    let out = cmd.out.as_deref().map(str::trim).filter(|path| !path.is_empty());
    let mut session = Session::open(journal, Patience::from_env(), clock)?;
    let mut plan = compact::plan(&mut session, out)?;
    plan.compaction.dry_run = cmd.dry_run;
    let done = if cmd.dry_run { plan.compaction } else { compact::apply(&mut session, plan)? };
    let text = format!(
        "session compact: compacted={} dry_run={} events={}->{} checkpoints={} bytes={}->{}\njournal: {}\noutput: {}",
        done.compacted,
        done.dry_run,
        done.events_before,
        done.events_after,
        done.checkpoints,
        done.bytes_before,
        done.bytes_after,
        line(done.journal_path.as_str()),
        line(done.output_path.as_str())
    );
    Ok((vec![("compaction", json!(done))], text, session.warnings))
}

/// Text on one line: no control characters, white space runs as one space.
fn line(text: &str) -> String {
    let spaced: String = text.chars().map(|c| if matches!(c, '\t' | '\r' | '\n') { ' ' } else { c }).collect();
    let plain: String = spaced.chars().filter(|c| !c.is_control()).collect();
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}
