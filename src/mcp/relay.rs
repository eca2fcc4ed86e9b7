//! A thin way from the standard streams, where a client expects its server, to a stage in another process.

use crate::kernel::error::{Error, Result};
use crate::mcp::process::{self, on_end_signals};
use std::io::{self, Write as _};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;

/// Passes bytes between our standard streams and `server` behind `socket`, until either side closes. What was sent before
/// a signal came still arrives.
pub fn run(socket: &str, server: &str) -> Result<()> {
    let failed = |error| Error::io("reach the replay at", socket, error);
    let mut stream = UnixStream::connect(socket).map_err(failed)?;
    stream.write_all(format!("{server}\n").as_bytes()).map_err(failed)?;
    let (mut input, mut output) = process::take_streams()?;
    let copy = |stream: &UnixStream| stream.try_clone().map_err(failed);
    let (mut to, waiting, ending) = (copy(&stream)?, input.try_clone().map_err(failed)?, copy(&stream)?);
    on_end_signals(move |_| {
        while process::has_bytes(&waiting) {
            std::thread::yield_now();
        }
        let _ = ending.shutdown(Shutdown::Write);
    })?;
    std::thread::spawn(move || {
        let _ = io::copy(&mut input, &mut to);
        let _ = to.shutdown(Shutdown::Write);
    });
    let _ = io::copy(&mut stream, &mut output);
    Ok(())
}
