//! One door to a stage: an MCP server on streamable HTTP for clients of both eras, or plain tool calls.

use crate::mcp::http::guard::token;
use crate::mcp::stage::Stage;
use crate::mcp::wire::{self, FRAME_LIMIT, Fields, Message};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{ACCEPT, ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

type Answer = Response<Full<Bytes>>;

const SESSION: HeaderName = HeaderName::from_static("mcp-session-id");
const VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
const METHOD: HeaderName = HeaderName::from_static("mcp-method");
const NAME: HeaderName = HeaderName::from_static("mcp-name");
/// The first protocol version without sessions, whose headers repeat the body.
const NEWER: &str = "2026-07-28";
const EVENTS: &str = "text/event-stream";
const JSON: &str = "application/json";
/// JSON-RPC's error codes, and MCP's for headers unlike their body.
const PARSE_ERROR: i32 = -32700;
const INVALID_REQUEST: i32 = -32600;
const METHOD_NOT_FOUND: &str = "-32601";
const HEADER_MISMATCH: i32 = -32020;

/// What stands behind one path.
pub struct Door {
    stage: Arc<Stage>,
    kind: Kind,
}

enum Kind {
    /// A server of the stage, and the sessions of its older clients.
    Mcp {
        server: String,
        sessions: Mutex<HashSet<String>>,
    },
    Tools,
}

impl Door {
    /// Plays this server.
    pub fn mcp(stage: Arc<Stage>, server: String) -> Self {
        Self { stage, kind: Kind::Mcp { server, sessions: Mutex::default() } }
    }

    /// Takes plain tool calls.
    pub fn tools(stage: Arc<Stage>) -> Self {
        Self { stage, kind: Kind::Tools }
    }

    /// Answers one request.
    pub async fn answer(&self, request: Request<Incoming>) -> Answer {
        let (parts, body) = request.into_parts();
        let allowed = match &self.kind {
            Kind::Mcp { sessions, .. } if parts.method == Method::DELETE => return close(sessions, &parts.headers),
            // There is nothing a recording says unasked.
            Kind::Mcp { .. } => "POST, DELETE",
            Kind::Tools => "POST",
        };
        if parts.method != Method::POST {
            let answer = plain(StatusCode::METHOD_NOT_ALLOWED, "gait replay: only POST is answered here");
            return with(answer, ALLOW, allowed);
        }
        let Ok(body) = Limited::new(body, FRAME_LIMIT).collect().await.map(|body| body.to_bytes()) else {
            return plain(StatusCode::PAYLOAD_TOO_LARGE, "gait replay: the body is too long, or was cut off");
        };
        match &self.kind {
            Kind::Mcp { server, sessions } => self.messages(server, sessions, &parts.headers, &body),
            Kind::Tools => self.tool(&body),
        }
    }

    fn messages(&self, server: &str, sessions: &Mutex<HashSet<String>>, headers: &HeaderMap, body: &[u8]) -> Answer {
        let Some(events) = wants_events(headers) else {
            return plain(StatusCode::NOT_ACCEPTABLE, "gait replay: accept application/json and text/event-stream");
        };
        let messages = wire::messages(body);
        if messages.is_empty() {
            return error(PARSE_ERROR, None, "the body is no JSON-RPC message");
        }
        let known = |id: &HeaderValue| id.to_str().is_ok_and(|id| lock(sessions).contains(id));
        if headers.get(SESSION).is_some_and(|id| !known(id)) {
            return plain(StatusCode::NOT_FOUND, "gait replay: there is no such session");
        }
        let newer = text(headers, &VERSION).is_ok_and(|version| version.is_some_and(|version| version >= NEWER));
        if newer && let Some(refusal) = contradiction(headers, &messages) {
            return refusal;
        }
        let asked = messages.iter().any(|message| matches!(message, Message::Request { .. }));
        if !asked {
            return empty(StatusCode::ACCEPTED);
        }
        let answers = self.stage.answer(server, body);
        if answers.is_empty() {
            return plain(StatusCode::SERVICE_UNAVAILABLE, "gait replay: the recording has stopped");
        }
        let batch = body.trim_ascii_start().first() == Some(&b'[');
        let text = if batch { format!("[{}]", answers.join(",")) } else { answers.concat() };
        // Only newer clients take a status for a method that is not there; others read the body.
        let missing = newer && !batch && self.stage.protocol_version(server).as_str() >= NEWER && is_missing(&text);
        let status = if missing { StatusCode::NOT_FOUND } else { StatusCode::OK };
        let mut answer = if events {
            let events: String = answers.iter().map(|answer| format!("event: message\ndata: {answer}\n\n")).collect();
            with(said(status, EVENTS, events), CACHE_CONTROL, "no-cache")
        } else {
            said(status, JSON, text)
        };
        let begins = |message: &Message| matches!(message, Message::Request { method, .. } if method == "initialize");
        if messages.iter().any(begins)
            && let Ok(id) = token()
        {
            lock(sessions).insert(id.clone());
            answer = with(answer, SESSION, &id);
        }
        answer
    }

    fn tool(&self, body: &[u8]) -> Answer {
        let wrong = |why: &str| said(StatusCode::BAD_REQUEST, JSON, format!("{{\"error\":{}}}\n", wire::quoted(why)));
        let fields = std::str::from_utf8(body).ok().and_then(Fields::read);
        let Some(tool) = fields.as_ref().and_then(|fields| fields.string("tool")) else {
            return wrong("write {\"tool\": NAME, \"args\": {..}}");
        };
        match self.stage.call(&tool, fields.as_ref().and_then(|fields| fields.get("args"))) {
            Ok(Some((status, result))) => {
                let status = wire::quoted(&status);
                said(StatusCode::OK, JSON, format!("{{\"status\":{status},\"result\":{result}}}\n"))
            }
            Ok(None) => plain(StatusCode::SERVICE_UNAVAILABLE, "gait replay: the recording has stopped"),
            Err(error) => wrong(&error.to_string()),
        }
    }
}

fn lock(sessions: &Mutex<HashSet<String>>) -> MutexGuard<'_, HashSet<String>> {
    sessions.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Ends the session that is named.
fn close(sessions: &Mutex<HashSet<String>>, headers: &HeaderMap) -> Answer {
    match text(headers, &SESSION) {
        Ok(Some(id)) if lock(sessions).remove(id) => empty(StatusCode::NO_CONTENT),
        Ok(None) => plain(StatusCode::BAD_REQUEST, "gait replay: name the session to end"),
        _ => plain(StatusCode::NOT_FOUND, "gait replay: there is no such session"),
    }
}

/// Whether the client takes only events; `None` when it takes neither them nor JSON.
fn wants_events(headers: &HeaderMap) -> Option<bool> {
    let values: Vec<&str> = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()).collect();
    let kinds = values.iter().flat_map(|value| value.split(','));
    let kinds: Vec<&str> = kinds.map(|kind| kind.split(';').next().unwrap_or_default().trim()).collect();
    let takes = |wanted: &[&str]| kinds.iter().any(|kind| wanted.iter().any(|other| kind.eq_ignore_ascii_case(other)));
    if values.is_empty() || takes(&[JSON, "application/*", "*/*"]) {
        return Some(false);
    }
    takes(&[EVENTS, "text/*"]).then_some(true)
}

/// The value of a header that may stand once.
fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<Option<&'h str>, String> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(Some).map_err(|_| format!("{name} is no text")),
        _ => Err(format!("{name} stands twice")),
    }
}

/// Newer clients repeat method and name in headers, for those who route without reading bodies. The refusal of a request
/// whose headers say another thing than its body.
fn contradiction(headers: &HeaderMap, messages: &[Message]) -> Option<Answer> {
    let (id, method, params) = match messages {
        [Message::Request { id, method, params }] => (Some(id.as_str()), method, params.as_deref()),
        [Message::Notification { method }] => (None, method, None),
        [_] => return None,
        _ => return Some(error(INVALID_REQUEST, None, "this protocol version has no batches")),
    };
    repeated(headers, method, params).err().map(|why| error(HEADER_MISMATCH, id, &why))
}

/// Whether the headers repeat method and name; else what is wrong with them.
fn repeated(headers: &HeaderMap, method: &str, params: Option<&str>) -> Result<(), String> {
    match text(headers, &METHOD)? {
        Some(told) if told == method => {}
        None if method == "initialize" => return Ok(()),
        told => return Err(format!("Mcp-Method {told:?} is not the body's method {method:?}")),
    }
    let key = match method {
        "tools/call" | "prompts/get" => "name",
        "resources/read" | "resources/subscribe" | "resources/unsubscribe" => "uri",
        "tasks/get" | "tasks/update" | "tasks/cancel" => "taskId",
        _ => return Ok(()),
    };
    let Some(named) = params.and_then(Fields::read).and_then(|fields| fields.string(key)) else { return Ok(()) };
    let told = text(headers, &NAME)?.and_then(decoded);
    if told.as_ref() == Some(&named) { Ok(()) } else { Err(format!("Mcp-Name {told:?} is not the body's {named:?}")) }
}

/// A header value that no header could hold comes in base64.
fn decoded(value: &str) -> Option<String> {
    match value.strip_prefix("=?base64?").and_then(|rest| rest.strip_suffix("?=")) {
        Some(inner) => String::from_utf8(BASE64_STANDARD.decode(inner).ok()?).ok(),
        None => Some(value.to_owned()),
    }
}

fn is_missing(answer: &str) -> bool {
    let code = |answer: Fields| Fields::read(answer.get("error")?)?.get("code").map(str::to_owned);
    Fields::read(answer).and_then(code).as_deref() == Some(METHOD_NOT_FOUND)
}

/// A JSON-RPC error about the request itself.
fn error(code: i32, id: Option<&str>, why: &str) -> Answer {
    let (id, why) = (id.unwrap_or("null"), wire::quoted(&format!("gait replay: {why}")));
    let text = format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"error\":{{\"code\":{code},\"message\":{why}}}}}");
    said(StatusCode::BAD_REQUEST, JSON, text)
}

/// A line for people.
pub fn plain(status: StatusCode, why: &str) -> Answer {
    said(status, "text/plain; charset=utf-8", format!("{why}\n"))
}

fn said(status: StatusCode, kind: &'static str, text: String) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from(text)));
    *answer.status_mut() = status;
    with(answer, CONTENT_TYPE, kind)
}

fn empty(status: StatusCode) -> Answer {
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = status;
    answer
}

fn with(mut answer: Answer, name: HeaderName, value: &str) -> Answer {
    if let Ok(value) = HeaderValue::from_str(value) {
        answer.headers_mut().insert(name, value);
    }
    answer
}
