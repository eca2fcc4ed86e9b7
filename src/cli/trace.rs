//! `gait trace`: the signed records of decisions.

use crate::cli::args::TrustArgs;
use crate::cli::exit::Exit;
use crate::cli::output::Answer;
use crate::gate::trace::{self, Fault, Trace};
use crate::kernel::error::{Error, Result};
use crate::sign::key::PublicKey;
use camino::Utf8Path;
use clap::{Args, Subcommand};
use serde::Serialize;

/// Verify signed decision traces
#[derive(Debug, Args)]
pub struct TraceCmd {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Verify(VerifyCmd),
}

/// Verify the signature of a decision trace, and that nothing unsigned stands in it
#[derive(Debug, Args)]
struct VerifyCmd {
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    trust: TrustArgs,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Source {
    /// Path of the trace
    #[arg(long, value_name = "PATH")]
    path: Option<String>,
    /// The same, without the flag
    #[arg(value_name = "PATH")]
    trace: Option<String>,
}

impl TraceCmd {
    /// Runs the verb.
    pub fn run(self) -> Result<Answer> {
        let Verb::Verify(cmd) = self.verb;
        let path = cmd.source.path.or(cmd.source.trace).unwrap_or_default();
        let read = trace::open(Utf8Path::new(&path))?;
        let keys = keys(&cmd.trust)?;
        let finding = Finding::new(&path, &read, &keys)?;
        let mut text = format!("trace verify ok: {path}");
        if !finding.ok {
            text = format!("trace verify failed: {path}\nsignature status: failed");
            if let Some(error) = &finding.error {
                return Answer::failure("trace verify", &Error::verification(error)).members(&finding);
            }
        }
        Answer::new(&finding, finding.exit())?.text(text).classified()
    }
}

/// The keys to verify a trace with; it takes at least one, named by a flag.
pub fn keys(trust: &TrustArgs) -> Result<Vec<PublicKey>> {
    if !trust.names_a_key() {
        return Err(Error::invalid("a trace is verified with a key, and none was named")
            .hint("add --public-key, --public-key-env, --private-key, --private-key-env or --trust"));
    }
    trust.keys()
}

/// What was found about one trace.
#[derive(Debug, Serialize)]
pub struct Finding {
    pub ok: bool,
    pub path: String,
    pub trace_id: String,
    pub verdict: String,
    pub signature_status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl Finding {
    /// Verifies one trace.
    pub fn new(path: &str, trace: &Trace, keys: &[PublicKey]) -> Result<Self> {
        let outcome = trace.verify(keys)?;
        let ok = outcome.is_ok();
        let (key_id, error) = match outcome {
            Ok(id) | Err(Fault::Forged(id)) => (Some(id), None),
            Err(fault) => (None, Some(fault.to_string())),
        };
        Ok(Self {
            ok,
            path: path.to_owned(),
            trace_id: trace.trace_id.clone(),
            verdict: trace.verdict.clone(),
            signature_status: if ok { "verified" } else { "failed" },
            key_id,
            error,
        })
    }

    fn exit(&self) -> Exit {
        if self.ok { Exit::Ok } else { Exit::VerificationFailed }
    }
}
