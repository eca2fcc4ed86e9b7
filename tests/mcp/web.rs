//! Raw HTTP/1.1 on both sides of the tee, so that every byte is seen.

use crate::kit::{Place, Session};
use camino::Utf8PathBuf;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// A request or a response: first line, headers in the order they came, body without its framing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub line: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Message {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }

    /// What has to be the same with and without a tee: all but the framing, header order and `without`.
    pub fn essence(&self, without: &[&str]) -> Self {
        let mut same = self.clone();
        same.headers.retain(|(name, _)| !without.iter().any(|other| name.eq_ignore_ascii_case(other)));
        same.headers.sort();
        same
    }
}

pub type Stream = BufReader<TcpStream>;

pub fn connect(address: &str) -> Stream {
    BufReader::new(TcpStream::connect(address).unwrap())
}

pub fn say(stream: &mut Stream, bytes: impl AsRef<[u8]>) {
    stream.get_mut().write_all(bytes.as_ref()).unwrap();
}

/// The head of the next message; `None` at the end of the stream.
pub fn head(stream: &mut Stream) -> Option<Message> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).unwrap_or(0) == 0 {
            return None;
        }
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let pair = |line: &String| line.split_once(": ").map(|(a, b)| (a.to_owned(), b.to_owned()));
    let headers = lines.iter().skip(1).filter_map(pair).collect();
    Some(Message { line: lines[0].clone(), headers, body: Vec::new() })
}

/// The next piece of a chunked body, empty at its end.
pub fn chunk(stream: &mut Stream) -> Vec<u8> {
    let mut line = String::new();
    stream.read_line(&mut line).unwrap();
    let mut bytes = vec![0; usize::from_str_radix(line.trim(), 16).unwrap_or_else(|e| panic!("{e}: {line:?}"))];
    stream.read_exact(&mut bytes).unwrap();
    stream.read_line(&mut line).unwrap();
    bytes
}

/// The next message, whole.
pub fn hear(stream: &mut Stream) -> Option<Message> {
    let mut message = head(stream)?;
    if message.header("transfer-encoding") == Some("chunked") {
        loop {
            let piece = chunk(stream);
            if piece.is_empty() {
                break;
            }
            message.body.extend(piece);
        }
    } else if let Some(length) = message.header("content-length") {
        message.body = vec![0; length.parse().unwrap()];
        stream.read_exact(&mut message.body).unwrap();
    }
    Some(message)
}

/// A server that answers every request with `answer`, and keeps what it heard.
pub struct Web {
    pub address: String,
    pub heard: Arc<Mutex<Vec<Message>>>,
}

impl Web {
    pub fn serve(answer: impl Fn(&Message, &mut Stream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let heard: Arc<Mutex<Vec<Message>>> = Arc::default();
        let (answer, all) = (Arc::new(answer), heard.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (mut stream, answer, all) = (BufReader::new(stream.unwrap()), answer.clone(), all.clone());
                std::thread::spawn(move || {
                    while let Some(message) = hear(&mut stream) {
                        all.lock().unwrap().push(message.clone());
                        answer(&message, &mut stream);
                    }
                });
            }
        });
        Self { address, heard }
    }

    pub fn url(&self) -> String {
        format!("http://{}/mcp", self.address)
    }
}

/// A POST of one JSON text.
pub fn post(host: &str, headers: &str, body: &str) -> String {
    let kinds = "Content-Type: application/json\r\nAccept: application/json, text/event-stream";
    format!("POST /mcp HTTP/1.1\r\nHost: {host}\r\n{kinds}\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len())
}

/// A response with a body of one piece.
pub fn reply(status: &str, headers: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let head = format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

pub const JSON: &str = "Content-Type: application/json\r\n";
pub const EVENTS: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n";

/// A piece of a chunked body.
pub fn piece(bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let bytes = bytes.as_ref();
    [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()
}

pub fn event(message: &Value) -> String {
    format!("event: message\ndata: {message}\n\n")
}

/// A recorder or replay that listens.
pub struct Listening {
    pub session: Session,
    /// What it calls itself, and its address in it.
    pub url: String,
    pub address: String,
}

impl Listening {
    pub fn start(place: &Place, args: &[&str]) -> Self {
        Self::of(place.gait(args))
    }

    pub fn of(mut command: std::process::Command) -> Self {
        let mut session = Session::start(&mut command);
        let mut line = String::new();
        session.output.read_line(&mut line).unwrap();
        let Some(url) = line.strip_prefix("listening=").and_then(|rest| rest.split_whitespace().next()) else {
            panic!("{line:?} {:?}", session.ended());
        };
        let address = url.trim_start_matches("http://").split('/').next().unwrap().to_owned();
        Self { session, url: url.to_owned(), address }
    }

    /// The recorder in front of `url`.
    pub fn tee(place: &Place, url: &str, args: &[&str]) -> Self {
        Self::start(place, &[&["mcp", "record", "--http", url], args].concat())
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.session.child), signal).unwrap();
    }

    /// Ends it by `signal`; the pack it made.
    pub fn end(mut self, place: &Place, signal: Signal) -> Utf8PathBuf {
        self.signal(signal);
        let (code, rest, errors) = self.session.ended();
        let said = String::from_utf8(rest).unwrap();
        assert_eq!((code, errors.as_str()), (0, ""), "{said}");
        assert!(said.contains("run_id=run_") && said.contains("bundle="), "{said}");
        place.only("gait-out", ".zip")
    }
}
