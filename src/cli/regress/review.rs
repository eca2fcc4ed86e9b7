//! `gait regress review`: the failing fixtures of the last run, one question each.

use crate::cli::exit::Exit;
use crate::cli::output::{self, Answer};
use crate::cli::regress::accept::{self as one, AcceptArgs};
use crate::kernel::clock::Clock;
use crate::kernel::error::{Error, Kind, Result};
use crate::regress::accept;
use crate::report::result;
use crate::runpack::story::visible;
use camino::Utf8Path;
use clap::Args;
use serde_json::json;
use std::io::{self, BufRead as _, IsTerminal as _};

/// Walk through the failing fixtures of the last run: accept, reject, skip or quit
#[derive(Debug, Args)]
pub struct ReviewCmd {
    /// Reason for everything that is accepted [default: asked each time]
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Read the answers from standard input although it is no terminal
    #[arg(long)]
    no_terminal: bool,
    #[command(flatten)]
    place: AcceptArgs,
}

/// What a person said.
enum Said {
    Accept(String),
    Reject,
    Skip,
    Quit,
}

impl ReviewCmd {
    /// Asks about each failing fixture. Ends 5 unless all were accepted.
    pub fn run(self, clock: Clock) -> Result<Answer> {
        one::refuse_in_ci("review on a machine of your own")?;
        if !self.no_terminal && !io::stdin().is_terminal() {
            return Err(Error::new(Kind::UnsafeRefused, "there is no terminal to ask on")
                .hint("run it in a terminal, or pass --no-terminal to read the answers from standard input"));
        }
        let written = result::open(Utf8Path::new(&self.place.result))
            .map_err(|error| error.hint("run `gait regress run` first"))?;
        let key = self.place.key()?;
        let (mut accepted, mut rejected, mut skipped) = (Vec::new(), Vec::new(), Vec::new());
        let failing = accept::failing(&written);
        let mut left = failing.iter();
        for name in left.by_ref() {
            // Judged with a reason in place, which is asked for once the diff was seen.
            let plan = accept::plan(&self.place.request(name, "reviewed", None, &key)?);
            let plan = match plan {
                Ok(plan) => plan,
                Err(error) => {
                    output::stderr(&format!("{}: cannot be accepted: {}", visible(name), visible(&error.to_string())));
                    skipped.push(name.clone());
                    continue;
                }
            };
            output::stderr(&format!("{}:\n{}", visible(name), one::told(&plan).trim_end()));
            match self.ask(name)? {
                Said::Accept(reason) => {
                    plan.because(&reason).apply(&key, clock)?;
                    accepted.push(name.clone());
                }
                Said::Reject => rejected.push(name.clone()),
                Said::Skip => skipped.push(name.clone()),
                Said::Quit => {
                    skipped.push(name.clone());
                    break;
                }
            }
        }
        skipped.extend(left.cloned());
        let exit = if rejected.is_empty() && skipped.is_empty() { Exit::Ok } else { Exit::RegressFailed };
        let text = format!(
            "regress review: accepted={} rejected={} skipped={}\nnext: gait regress run\n",
            accepted.len(),
            rejected.len(),
            skipped.len()
        );
        let value = json!({ "accepted": accepted, "rejected": rejected, "skipped": skipped });
        Answer::new(&value, exit)?.text(text).classified()
    }

    /// The end of the input is `quit`; an answer nobody knows is asked for again.
    fn ask(&self, name: &str) -> Result<Said> {
        loop {
            output::stderr(&format!("{}: [a]ccept, [r]eject, [s]kip, [q]uit?", visible(name)));
            match line()?.as_deref() {
                None | Some("q" | "quit") => return Ok(Said::Quit),
                Some("r" | "reject") => return Ok(Said::Reject),
                Some("s" | "skip") => return Ok(Said::Skip),
                Some("a" | "accept") => {
                    if let Some(reason) = self.reason.as_deref().map(str::trim).filter(|reason| !reason.is_empty()) {
                        return Ok(Said::Accept(reason.to_owned()));
                    }
                    output::stderr("why?");
                    match line()? {
                        None => return Ok(Said::Quit),
                        Some(reason) if reason.is_empty() => {}
                        Some(reason) => return Ok(Said::Accept(reason)),
                    }
                }
                Some(_) => {}
            }
        }
    }
}

/// Longest answer that is read, in bytes.
const LONGEST: u64 = 64 << 10;

fn line() -> Result<Option<String>> {
    let mut text = String::new();
    let mut input = io::Read::take(io::stdin().lock(), LONGEST);
    let read = input.read_line(&mut text).map_err(|e| Error::io("read", "standard input", e))?;
    if read as u64 == LONGEST && !text.ends_with('\n') {
        return Err(Error::invalid(format!("an answer is longer than {LONGEST} bytes")));
    }
    Ok((read > 0).then(|| text.trim().to_owned()))
}
