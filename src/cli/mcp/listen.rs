//! The recorder and the replay as servers on HTTP.

use crate::cli::mcp::target::TargetArgs;
use crate::cli::output::Answer;
use crate::kernel::clock::Clock;
use crate::kernel::error::Result;
use crate::mcp::stage::Stage;
use std::sync::Arc;

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

/// Plays a stage on HTTP until a signal ends it. Says where first: a line for each server, and one for plain calls.
#[cfg(feature = "serve")]
pub fn replay(stage: Arc<Stage>, server: Option<&str>, at: &str, hosts: &[String]) -> Result<()> {
    use crate::cli::output;
    use crate::mcp::http::doors::Doors;
    use crate::mcp::http::listen;
    let doors = Doors::open_at(stage, server, at, hosts)?;
    let lines = doors.servers().iter().map(|(name, url)| format!("listening={url} server={name}\n"));
    let ready: String = lines.chain([format!("tools={}\n", doors.tools())]).collect();
    listen::runtime()?.block_on(async {
        let mut end = listen::end_signals()?;
        output::stdout(&ready);
        end.recv().await;
        Ok(())
    })
}

/// This build has no servers.
#[cfg(not(feature = "serve"))]
pub fn replay(_: Arc<Stage>, _: Option<&str>, _: &str, _: &[String]) -> Result<()> {
    Err(without())
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
