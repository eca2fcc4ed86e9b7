//! A thin way from the standard streams, where a client expects its server, to a stage in another process.

use crate::kernel::error::{Error, Result};
use crate::mcp::process::{self, on_end_signals};
use std::io::{self, Read, Write};
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
        pass(&mut input, &mut to);
        let _ = to.shutdown(Shutdown::Write);
    });
    pass(&mut stream, &mut output);
    Ok(())
}

/// Passes on what comes, as soon as it comes.
fn pass(from: &mut impl Read, to: &mut impl Write) {
    let mut buffer = vec![0; 64 << 10];
    loop {
        match from.read(&mut buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Ok(0) | Err(_) => return,
            Ok(count) => {
                if to.write_all(&buffer[..count]).is_err() {
                    return;
                }
            }
        }
    }
}
