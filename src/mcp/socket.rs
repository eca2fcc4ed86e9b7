//! A socket in front of a stage, for the relays that agents start in place of their servers.

use crate::kernel::error::{Error, Result};
use crate::mcp::door::converse;
use crate::mcp::stage::Stage;
use camino::{Utf8Path, Utf8PathBuf};
use std::io::{self, Read};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

/// Longest name of a server that is read from a socket, in bytes.
const LONGEST_NAME: usize = 4096;

/// An open socket in front of a stage. Every connection begins with a line that names the server it is for.
pub struct Door {
    pub socket: Utf8PathBuf,
    closing: Arc<AtomicBool>,
    listener: Option<JoinHandle<()>>,
}

impl Door {
    /// Opens the socket `mcp` in `folder`, which is nobody else's.
    pub fn open(stage: &Arc<Stage>, folder: &Utf8Path) -> Result<Self> {
        let socket = folder.join("mcp");
        let listener = UnixListener::bind(&socket).map_err(|e| Error::io("open the socket", &socket, e))?;
        let closing = Arc::new(AtomicBool::new(false));
        let (stage, closed) = (stage.clone(), closing.clone());
        let listener = std::thread::spawn(move || {
            let mut connections = Vec::new();
            for stream in listener.incoming() {
                // The last one only wakes us; those before it are still in the queue.
                if closed.load(Ordering::Acquire) && listener.set_nonblocking(true).is_err() {
                    break;
                }
                match stream {
                    Ok(stream) => {
                        let (stage, ours) = (stage.clone(), stream.try_clone());
                        let _ = stream.set_nonblocking(false);
                        connections.push((ours, std::thread::spawn(move || connected(stream, &stage))));
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    Err(_) => {}
                }
            }
            for (stream, connection) in connections {
                // What was sent already is still read.
                let _ = stream.and_then(|stream| stream.shutdown(Shutdown::Read));
                let _ = connection.join();
            }
        });
        Ok(Self { socket, closing, listener: Some(listener) })
    }
}

impl Drop for Door {
    /// Answers what was sent so far, then closes.
    fn drop(&mut self) {
        self.closing.store(true, Ordering::Release);
        let woken = UnixStream::connect(&self.socket);
        drop(woken);
        self.listener.take().into_iter().for_each(|listener| drop(listener.join()));
    }
}

fn connected(mut stream: UnixStream, stage: &Stage) {
    let Some(server) = name(&mut stream) else { return };
    if let Ok(output) = stream.try_clone() {
        converse(&stream, output, stage, &server);
    }
    // Whoever else holds the stream, the other side has to see the end.
    let _ = stream.shutdown(Shutdown::Both);
}

/// The line a connection begins with.
fn name(stream: &mut UnixStream) -> Option<String> {
    let mut name = Vec::new();
    let mut byte = [0];
    while stream.read(&mut byte).is_ok_and(|count| count == 1) && name.len() < LONGEST_NAME {
        if byte == *b"\n" {
            return String::from_utf8(name).ok();
        }
        name.push(byte[0]);
    }
    None
}
