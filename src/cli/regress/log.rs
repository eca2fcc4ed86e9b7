//! `gait regress log`: the baselines a fixture had, and whether their chain holds.

use crate::cli::args::TrustArgs;
use crate::cli::exit::Exit;
use crate::cli::output::Answer;
use crate::config::suite::{self, Suite};
use crate::kernel::error::{Error, Result};
use crate::regress::baselines::{self, Chain, Link, Standing};
use crate::regress::discover;
use crate::regress::fixture::{METADATA, Metadata};
use crate::runpack::read::Pack;
use crate::runpack::story::visible;
use crate::runpack::verify::Trust;
use crate::sign::envelope::Check;
use camino::Utf8Path;
use clap::Args;
use serde_json::{Value, json};

/// Print the accepted baselines of a fixture and verify their chain
#[derive(Debug, Args)]
pub struct LogCmd {
    /// The fixture
    #[arg(value_name = "NAME")]
    name: String,
    /// The suite
    #[arg(long, value_name = "FILE", default_value = suite::DEFAULT_PATH)]
    config: String,
    #[command(flatten)]
    trust: TrustArgs,
}

/// A record and what is known about its signature.
struct Line<'a> {
    link: &'a Link,
    status: &'static str,
}

impl LogCmd {
    /// Prints the chain. One that does not hold ends 2.
    pub fn run(self) -> Result<Answer> {
        let suite = Suite::read(&self.config)?;
        let listed = discover::discover(&suite)?.into_iter().find(|listed| listed.name == self.name);
        let listed = listed.ok_or_else(|| {
            Error::invalid(format!("{}: there is no fixture {:?}", self.config, self.name))
                .hint("see all fixtures with `gait regress run --list`")
        })?;
        let dir = Utf8Path::new(&listed.runpack).parent().unwrap_or(Utf8Path::new(""));
        let chain = Chain::read(dir)?;
        let metadata = Metadata::read(&dir.join(METADATA))?;
        let trust = self.trust.trust()?;
        let pack = Pack::open(Utf8Path::new(&listed.runpack).as_std_path(), &trust_for_packs(&trust))?;
        let digest = &pack.contents.manifest.manifest_digest;
        let mut faults = chain.as_ref().map(|chain| chain.faults(&listed.name)).unwrap_or_default();
        if faults.is_empty() {
            match baselines::standing(&listed.name, chain.as_ref(), metadata.baselines_head.as_deref(), digest) {
                Ok(Standing::Settled) => {}
                Ok(Standing::Unfinished) => faults.push(format!(
                    "the last acceptance was cut off: repeat `gait regress accept {}` to finish it",
                    listed.name
                )),
                Err(fault) => faults.push(fault),
            }
        }
        let chain = chain.unwrap_or_default();
        let mut lines = Vec::new();
        for ((number, check), link) in chain.signatures(&baselines::keys(&trust))?.into_iter().zip(&chain.links) {
            let status = match check {
                Check::Valid => "verified",
                Check::UnknownKey => "unknown_key",
                Check::Refused(why) => {
                    faults.push(format!("record {number}: {why}"));
                    "failed"
                }
            };
            lines.push(Line { link, status });
        }
        answer(&listed.name, &lines, &faults)
    }
}

/// Whose signature a runpack bears is not the question here.
fn trust_for_packs(trust: &Trust) -> Trust {
    Trust::Known(baselines::keys(trust))
}

fn answer(fixture: &str, lines: &[Line<'_>], faults: &[String]) -> Result<Answer> {
    let exit = if faults.is_empty() { Exit::Ok } else { Exit::VerificationFailed };
    let written = |line: &Line<'_>| {
        let mut record = json!(line.link.record);
        record["record_digest"] = line.link.digest.as_str().into();
        record["signature_status"] = line.status.into();
        record
    };
    let value = json!({
        "fixture": fixture,
        "records": lines.iter().map(written).collect::<Vec<Value>>(),
        "problems": faults,
    });
    let unknown = lines.iter().filter(|line| line.status == "unknown_key").map(|line| line.link.record.key_id());
    let notes = unknown.map(|id| format!("warning: a record is signed by a key that is not trusted here: {id}"));
    Answer::new(&value, exit)?.text(text(fixture, lines, faults)).notes(notes).classified()
}

fn text(fixture: &str, lines: &[Line<'_>], faults: &[String]) -> String {
    let verdict = if faults.is_empty() { "ok" } else { "failed" };
    let mut out = format!("regress log {verdict}: fixture={} records={}\n", visible(fixture), lines.len());
    for (number, line) in (1..).zip(lines) {
        let record = &line.link.record;
        let who = if record.accepted_by.is_empty() { "somebody" } else { &record.accepted_by };
        out.push_str(&format!(
            "{number}. {} {}: {}\n   run {} -> {}\n   manifest {} -> {}\n   diff {}\n   signed by {} ({})\n",
            record.created_at,
            visible(who),
            visible(&record.reason),
            visible(&record.previous_run_id),
            visible(&record.run_id),
            visible(&record.previous_manifest_digest),
            visible(&record.manifest_digest),
            visible(&record.diff_digest),
            visible(record.key_id()),
            line.status,
        ));
    }
    out.extend(faults.iter().map(|fault| format!("problem: {}\n", visible(fault))));
    out
}
