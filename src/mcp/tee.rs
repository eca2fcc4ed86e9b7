//! Between a client and a real server: bytes pass as they come, a copy of every frame goes to the journal first.

use crate::kernel::error::Result;
use crate::mcp::journal::{Side, Writer};
use crate::mcp::process::{self, Ended, Stream};
use crate::mcp::wire::Cutter;
use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

const CHUNK: usize = 64 << 10;
/// A server's output may outlive it in other hands; this long without a byte ends the connection then.
const LINGER: Duration = Duration::from_millis(100);

/// Runs the server `command` behind our own streams until it ends.
///
/// Its standard error is ours; signals that would end us go to it. When the client closes, the server's input is
/// closed; when the server closes, the client's.
pub fn run(command: &[String], journal: &Arc<Writer>, input: File, output: File) -> Result<Ended> {
    let (program, args) = command.split_first().map_or(("", &[][..]), |(program, args)| (program, args));
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut server = process::start(&mut command)?;
    if let Some(stdin) = server.child.stdin.take() {
        let journal = journal.clone();
        std::thread::spawn(move || pump(input, stdin, Side::Client, &journal, &AtomicU64::new(0)));
    }
    let moved = Arc::new(AtomicU64::new(0));
    let (done, ended) = mpsc::channel();
    if let Some(stdout) = server.child.stdout.take() {
        let (journal, moved) = (journal.clone(), moved.clone());
        std::thread::spawn(move || {
            pump(stdout, output, Side::Server, &journal, &moved);
            let _ = done.send(());
        });
    }
    let status = server.wait()?;
    // What the server said last is still on its way.
    let mut before = moved.load(Ordering::SeqCst);
    while ended.recv_timeout(LINGER) == Err(RecvTimeoutError::Timeout) {
        let now = moved.load(Ordering::SeqCst);
        // Even: it waits for bytes, and none came; odd: the client takes its time.
        if now == before && now.is_multiple_of(2) {
            break;
        }
        before = now;
    }
    journal.end(&status.word());
    Ok(status)
}

/// Passes bytes on until either end closes. `moved` counts every chunk twice: once read, once passed on.
fn pump(mut from: impl Read + Stream, mut to: impl Write + Stream, side: Side, journal: &Writer, moved: &AtomicU64) {
    let mut buffer = vec![0; CHUNK];
    let mut cutter = Cutter::default();
    loop {
        let count = match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                process::ready(&from, false);
                continue;
            }
            Err(_) => break,
        };
        moved.fetch_add(1, Ordering::SeqCst);
        journal.chunk(side, &mut cutter, &buffer[..count]);
        let passed = pass(&mut to, &buffer[..count]);
        moved.fetch_add(1, Ordering::SeqCst);
        if passed.is_err() {
            break;
        }
    }
    journal.stream_end(side, &mut cutter);
}

/// Writes all of it, also into a stream that somebody made non-blocking.
fn pass(to: &mut (impl Write + Stream), mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match to.write(bytes) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(count) => bytes = &bytes[count..],
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => process::ready(to, true),
            Err(error) => return Err(error),
        }
    }
    to.flush()
}
