//! GitHub's API as a small server that remembers: comments, check runs, and what was asked of it.

use crate::runner::HEAD;
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

pub const BOT: &str = "github-actions[bot]";

/// An answer given instead of the real one.
#[derive(Clone)]
pub struct Instead {
    /// Method and the end of the path it is for.
    pub on: (&'static str, &'static str),
    pub status: u16,
    pub headers: &'static str,
    /// How often, from now.
    pub times: usize,
}

#[derive(Default)]
pub struct State {
    /// Whom the token belongs to; empty: a token that may not ask.
    pub login: String,
    pub comments: Vec<Value>,
    pub checks: Vec<Value>,
    pub calls: Vec<String>,
    pub instead: Vec<Instead>,
    /// Calls that GitHub's own description does not allow.
    pub refused: Vec<String>,
    /// Connections are taken and never answered.
    pub silent: bool,
    next: u64,
}

/// The server; it ends with the process.
pub struct Api {
    pub url: String,
    pub state: Arc<Mutex<State>>,
}

impl Api {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state: Arc<Mutex<State>> = Arc::default();
        let api = Self { url: url.clone(), state: state.clone() };
        std::thread::spawn(move || {
            let mut held = Vec::new();
            for stream in listener.incoming().flatten() {
                if state.lock().unwrap().silent {
                    held.push(stream);
                } else {
                    let (url, state) = (url.clone(), state.clone());
                    std::thread::spawn(move || serve(&url, &state, stream));
                }
            }
        });
        api
    }

    pub fn comment(&self, author: &str, body: &str) -> u64 {
        self.state.lock().unwrap().add(author, body)
    }

    pub fn instead(&self, on: (&'static str, &'static str), status: u16, headers: &'static str, times: usize) {
        self.state.lock().unwrap().instead.push(Instead { on, status, headers, times });
    }

    pub fn bodies(&self) -> Vec<String> {
        self.state.lock().unwrap().comments.iter().map(|c| c["body"].as_str().unwrap().to_owned()).collect()
    }

    /// What was asked since the last time.
    pub fn calls(&self) -> Vec<String> {
        std::mem::take(&mut self.state.lock().unwrap().calls)
    }
}

fn serve(url: &str, state: &Mutex<State>, stream: TcpStream) {
    let mut reader = BufReader::new(stream);
    while let Some((method, target, token, body)) = request(&mut reader) {
        if let Some(complaint) = referee(&method, &target, &body) {
            let what = format!("the referee refuses {method} {target}: {complaint}");
            state.lock().unwrap().refused.push(what);
            return;
        }
        let mut state = state.lock().unwrap();
        state.calls.push(format!("{method} {target}"));
        let path = target.split('?').next().unwrap().to_owned();
        let other = state.instead.iter_mut().find(|i| i.on.0 == method && path.ends_with(i.on.1) && i.times > 0);
        let (status, headers, answer) = match other {
            Some(instead) => {
                instead.times -= 1;
                (instead.status, instead.headers.to_owned(), json!({ "message": "said ::error::no ##[error]no" }))
            }
            None => state.answer(url, &method, &target, &token, &body),
        };
        drop(state);
        let text = if status == 204 { String::new() } else { answer.to_string() };
        let length = text.len();
        let sent = write!(
            reader.get_mut(),
            "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n{headers}\r\n{text}"
        );
        if sent.is_err() {
            return;
        }
    }
}

impl Drop for Api {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let refused =
                std::mem::take(&mut self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner).refused);
            assert!(refused.is_empty(), "{refused:?}");
        }
    }
}

/// What the server at `GITHUB_REFEREE` (host and port), which knows GitHub's description of its API, has against a call.
/// Without one nobody is asked.
fn referee(method: &str, target: &str, body: &Value) -> Option<String> {
    let referee = std::env::var("GITHUB_REFEREE").ok()?;
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let mut stream = TcpStream::connect(&referee).unwrap();
    write!(
        stream,
        "{method} {target} HTTP/1.1\r\nhost: {referee}\r\nauthorization: Bearer x\r\naccept: application/json\r\n\
         content-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let status = answer.split_whitespace().nth(1).unwrap_or_default();
    // GitHub's example of an answer may break GitHub's own description of it: that says nothing about the call.
    let example = status == "500" && answer.contains("[\"response\",") && !answer.contains("[\"request\",");
    (!status.starts_with('2') && !example).then_some(answer)
}

type Request = (String, String, String, Value);

fn request(reader: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
    let mut words = line.split_whitespace();
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let (mut length, mut token) = (0, String::new());
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let Some((name, value)) = header.trim().split_once(':') else { break };
        match name.to_lowercase().as_str() {
            "content-length" => length = value.trim().parse().ok()?,
            "authorization" => token = value.trim().to_owned(),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((method, target, token, serde_json::from_slice(&body).unwrap_or_default()))
}

impl State {
    fn add(&mut self, author: &str, body: &str) -> u64 {
        self.next += 1;
        let (id, kind) = (self.next, if author.ends_with("[bot]") { "Bot" } else { "User" });
        self.comments.push(json!({
            "id": id,
            "body": body,
            "html_url": format!("https://github.com/octo/agent/pull/7#issuecomment-{id}"),
            "user": { "login": author, "type": kind },
        }));
        id
    }

    fn answer(&mut self, url: &str, method: &str, target: &str, token: &str, body: &Value) -> (u16, String, Value) {
        let none = String::new();
        let no = |status: u16, what: &str| (status, String::new(), json!({ "message": what }));
        if !token.ends_with(" secret-token") {
            return no(401, "Bad credentials");
        }
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let parts: Vec<&str> = path.split('/').skip(1).collect();
        match (method, parts.as_slice()) {
            ("GET", ["user"]) if self.login.is_empty() => no(403, "Resource not accessible by integration"),
            ("GET", ["user"]) => (200, none, json!({ "login": self.login })),
            ("GET", ["repos", "octo", "agent", "pulls", number]) => {
                let sha = if *number == "7" { HEAD } else { "3333333333333333333333333333333333333333" };
                (200, none, json!({ "number": number, "head": { "sha": sha } }))
            }
            ("GET", ["repos", "octo", "agent", "issues", "7", "comments"]) => {
                let number = |key: &str| query.split('&').find_map(|p| p.strip_prefix(key)?.parse::<usize>().ok());
                let (size, page) = (number("per_page=").unwrap_or(30), number("page=").unwrap_or(1));
                let found: Vec<Value> = self.comments.iter().skip((page - 1) * size).take(size).cloned().collect();
                let more = self.comments.len() > page * size;
                let next = format!("link: <{url}{path}?per_page={size}&page={}>; rel=\"next\"\r\n", page + 1);
                (200, if more { next } else { none }, Value::Array(found))
            }
            ("POST", ["repos", "octo", "agent", "issues", "7", "comments"]) => {
                let author = if self.login.is_empty() { BOT.to_owned() } else { self.login.clone() };
                let text = body["body"].as_str().unwrap();
                assert!(text.chars().count() <= 65_536);
                self.add(&author, text);
                (201, none, self.comments.last().unwrap().clone())
            }
            ("PATCH" | "DELETE", ["repos", "octo", "agent", "issues", "comments", id]) => {
                let Some(at) = self.comments.iter().position(|c| c["id"].as_u64() == id.parse().ok()) else {
                    return no(404, "Not Found");
                };
                if method == "DELETE" {
                    self.comments.remove(at);
                    return (204, none, Value::Null);
                }
                self.comments[at]["body"] = body["body"].clone();
                (200, none, self.comments[at].clone())
            }
            ("POST", ["repos", "octo", "agent", "check-runs"]) => {
                assert!(body["status"] == "completed" && body["conclusion"].is_string(), "{body}");
                assert!(body["output"]["annotations"].as_array().unwrap().len() <= 50);
                self.checks.push(body.clone());
                (201, none, json!({ "id": self.checks.len() }))
            }
            ("PATCH", ["repos", "octo", "agent", "check-runs", id]) => {
                let more = body["output"]["annotations"].as_array().unwrap().clone();
                assert!(more.len() <= 50);
                let at = id.parse::<usize>().unwrap() - 1;
                self.checks[at]["output"]["annotations"].as_array_mut().unwrap().extend(more);
                (200, none, json!({ "id": at + 1 }))
            }
            _ => no(404, "Not Found"),
        }
    }
}
