//! The recorder and the replay as servers on HTTP.

use crate::cli::mcp::target::TargetArgs;
use crate::cli::output::Answer;
use crate::kernel::clock::Clock;
use crate::kernel::error::Result;

/// Records a server on HTTP until a signal ends it. Says where it listens first, and what it made last.
#[cfg(feature = "serve")]
pub fn record(url: &str, listen: &str, hosts: &[String], target: &TargetArgs, clock: Clock) -> Result<Answer> {
    use crate::cli::exit::Exit;
    use crate::cli::output;
    use crate::cli::run::seal::{text, value};
    use crate::mcp::http::tee::{Tee, Upstream};
    let upstream = Upstream::new(url)?;
    let host = upstream.host().to_owned();
    let tee = Tee::open(upstream, listen, hosts)?;
    let target = target.start(&host, true, clock)?;
    let ready = format!("listening={}\n", tee.url());
    match tee.run(target.journal.clone(), || output::stdout(&ready)) {
        Ok(ended) => target.journal.end(&ended),
        Err(error) => {
            target.cancel();
            return Err(error);
        }
    }
    let Some(sealed) = target.seal()? else { return Ok(Answer::text_only("", Exit::Ok)) };
    let notes = sealed.warnings.iter().map(|warning| format!("warning: {warning}"));
    Ok(Answer::new(&value(&sealed)?, Exit::Ok)?.text(text(&sealed)?).notes(notes))
}

/// This build has no servers.
#[cfg(not(feature = "serve"))]
pub fn record(_: &str, _: &str, _: &[String], _: &TargetArgs, _: Clock) -> Result<Answer> {
    Err(without())
}

#[cfg(not(feature = "serve"))]
fn without() -> crate::kernel::error::Error {
    use crate::kernel::error::{Error, Kind};
    Error::new(Kind::DependencyMissing, "this gait was built without the feature `serve`, which speaks HTTP")
        .hint("build it with default features")
}
