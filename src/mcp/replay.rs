//! A runpack answers as the server it was recorded from. There is no way from here to a real one.

use crate::kernel::error::{Error, Result};
use crate::mcp::catalog::{self, Asked, Catalog, Server};
use crate::mcp::likeness::Likeness;
use crate::mcp::talk;
use crate::mcp::wire::{self, Fields, Message};
use crate::runpack::lane::Record;
use crate::runpack::read::Pack;
use std::collections::HashMap;

/// The protocol version a newer-era recording answers an older client's handshake with.
const OLDER: &str = "2025-11-25";
/// Versions an older client may ask for and get.
const KNOWN_OLDER: [&str; 4] = ["2024-11-05", "2025-03-26", "2025-06-18", OLDER];

/// A call as it was asked of the replay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asking {
    pub tool: String,
    /// JSON text of the arguments.
    pub args: Option<String>,
    /// Position in the pack of the recorded call that answered it.
    pub answered_by: Option<usize>,
    /// That one had answered an earlier call already.
    pub again: bool,
}

/// One recorded call, ready to answer.
struct Recorded {
    at: usize,
    tool: String,
    args: String,
    /// Status and JSON text of its result.
    answer: Option<(String, String)>,
    used: bool,
}

/// A server played from a verified pack.
pub struct Replay {
    server: Server,
    likeness: Likeness,
    calls: Vec<Recorded>,
    /// How often each question was asked so far.
    asked: HashMap<(String, String), u64>,
    /// Every tool call, in order.
    pub asking: Vec<Asking>,
}

impl Replay {
    /// Plays `server`, or the only one of the pack. `Pack` was opened with [`catalog::ENTRY`].
    pub fn new(pack: &Pack, server: Option<&str>) -> Result<Self> {
        let catalog = match pack.entry(catalog::ENTRY) {
            Some(bytes) => Catalog::read(bytes)?,
            None => Catalog::new(vec![Server { name: "gait".to_owned(), ..Server::default() }], Vec::new()),
        };
        let names: Vec<String> = catalog.servers.iter().map(|server| server.name.clone()).collect();
        let several = names.len() > 1;
        let likeness = Likeness::new(&catalog.redactions);
        let wanted = |candidate: &Server| server.is_none_or(|name| name == candidate.name);
        let mut found: Vec<Server> = catalog.servers.into_iter().filter(wanted).collect();
        let (Some(server), true) = (found.pop(), found.is_empty()) else {
            let what = server
                .map_or("the run has several servers".to_owned(), |name| format!("no server {name:?} in the run"));
            return Err(Error::invalid(what).hint(format!("--server is one of: {}", names.join(", "))));
        };
        let prefix = if several { format!("{}.", server.name) } else { String::new() };
        let mut results: HashMap<&str, &Record<'static>> = HashMap::new();
        for result in &pack.results {
            results.entry(&result.intent_id).or_insert(result);
        }
        let text = |record: &Record<'_>| String::from_utf8_lossy(record.content().unwrap_or(b"{}")).into_owned();
        let mut calls = Vec::new();
        for (at, intent) in pack.intents.iter().enumerate() {
            let Some(tool) = intent.label.strip_prefix(&prefix) else { continue };
            let answer = results.get(intent.intent_id.as_ref()).map(|result| (result.label.to_string(), text(result)));
            calls.push(Recorded { at, tool: tool.to_owned(), args: text(intent), answer, used: false });
        }
        Ok(Self { server, likeness, calls, asked: HashMap::new(), asking: Vec::new() })
    }

    /// The name of the server that is played.
    pub fn name(&self) -> &str {
        &self.server.name
    }

    /// The answers to one line of the client, each without its newline.
    pub fn answer(&mut self, line: &[u8]) -> Vec<String> {
        let mut out = Vec::new();
        for message in wire::messages(line) {
            if let Message::Request { id, method, params } = message {
                let (member, value) = self.respond(&method, params.as_deref());
                out.push(format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"{member}\":{value}}}"));
            }
        }
        out
    }

    /// `result` or `error`, and its value.
    fn respond(&mut self, method: &str, params: Option<&str>) -> (&'static str, String) {
        let fields = params.and_then(Fields::read).unwrap_or_default();
        match method {
            "ping" => ("result", "{}".to_owned()),
            "tools/call" => self.call(&fields),
            _ => match self.recorded(method, &fields) {
                Some(answer) => answer,
                None if method == "initialize" => ("result", self.handshake(&fields)),
                None if method == "tools/list" => ("result", "{\"tools\":[]}".to_owned()),
                None => ("error", format!("{{\"code\":-32601,\"message\":{}}}", wire::quoted("Method not found"))),
            },
        }
    }

    /// What was answered when this was asked; asked more often than then, the last answer.
    fn recorded(&mut self, method: &str, fields: &Fields) -> Option<(&'static str, String)> {
        let greeting = matches!(method, "initialize" | "server/discover");
        let params = fields.without("_meta").filter(|_| !greeting);
        let like = |asked: &&Asked| {
            let recorded = asked.params.as_ref().map_or("{}", |raw| raw.get());
            asked.method == method && (greeting || self.likeness.same(recorded, params.as_deref().unwrap_or("{}")))
        };
        let answers: Vec<&Asked> = self.server.exchanges.iter().filter(like).collect();
        let count = self.asked.entry((method.to_owned(), params.clone().unwrap_or_default())).or_default();
        *count += 1;
        let mut left = *count;
        let answer = answers.iter().find(|asked| {
            let here = left <= asked.times;
            left = left.saturating_sub(asked.times);
            here
        });
        let answer = answer.or(answers.last())?;
        match (&answer.result, &answer.error) {
            (Some(result), _) => Some(("result", result.get().to_owned())),
            (None, Some(error)) => Some(("error", error.get().to_owned())),
            (None, None) => None,
        }
    }

    /// An older client's handshake where the recording has none: from what the server told newer clients.
    fn handshake(&self, asked: &Fields) -> String {
        let discovered = self.server.exchanges.iter().rfind(|asked| asked.method == "server/discover");
        let told = discovered.and_then(|asked| Fields::read(asked.result.as_ref()?.get())).unwrap_or_default();
        let version = asked.string("protocolVersion").filter(|version| KNOWN_OLDER.contains(&version.as_str()));
        let name = wire::quoted(&self.server.name);
        let info = told.get("serverInfo").map_or(format!("{{\"name\":{name},\"version\":\"0\"}}"), str::to_owned);
        format!(
            "{{\"protocolVersion\":{},\"capabilities\":{},\"serverInfo\":{info}}}",
            wire::quoted(version.as_deref().unwrap_or(OLDER)),
            told.get("capabilities").unwrap_or("{\"tools\":{}}"),
        )
    }

    fn call(&mut self, fields: &Fields) -> (&'static str, String) {
        let tool = fields.string("name").unwrap_or_default();
        let args = fields.get("arguments").map(str::to_owned);
        let asked = args.clone().filter(|args| args != "null").unwrap_or_else(|| "{}".to_owned());
        let alike = |call: &&mut Recorded| call.tool == tool && self.likeness.same(&call.args, &asked);
        let mut matching: Vec<&mut Recorded> = self.calls.iter_mut().filter(alike).collect();
        let fresh = matching.iter().position(|call| !call.used);
        let last = matching.len().checked_sub(1).filter(|_| self.server.read_only(&tool));
        match fresh.or(last) {
            Some(place) => {
                let again = std::mem::replace(&mut matching[place].used, true);
                self.asking.push(Asking { tool: tool.clone(), args, answered_by: Some(matching[place].at), again });
                given(&tool, matching[place].answer.as_ref())
            }
            None => {
                self.asking.push(Asking { tool: tool.clone(), args, answered_by: None, again: false });
                ("result", unmatched(&tool, &asked))
            }
        }
    }

    /// Recorded calls nobody asked for, by position in the pack.
    pub fn unconsumed(&self) -> Vec<usize> {
        self.calls.iter().filter(|call| !call.used).map(|call| call.at).collect()
    }
}

/// A recorded answer as a response.
fn given(tool: &str, answer: Option<&(String, String)>) -> (&'static str, String) {
    match answer {
        Some((status, text)) if status == talk::ERROR => {
            let error = Fields::read(text).and_then(|fields| fields.get("error").map(str::to_owned));
            ("error", error.unwrap_or_else(|| "{\"code\":-32603,\"message\":\"recorded error\"}".to_owned()))
        }
        Some((_, text)) => ("result", text.clone()),
        None => {
            let message = format!("gait replay: the recording has no answer to this call of {tool}");
            ("error", format!("{{\"code\":-32000,\"message\":{}}}", wire::quoted(&message)))
        }
    }
}

/// The tool error that answers a call the recording does not have.
pub fn unmatched(tool: &str, args: &str) -> String {
    let text = format!("gait replay: unmatched request: no recorded answer for tool {tool} with arguments {args}");
    format!(
        "{{\"content\":[{{\"text\":{},\"type\":\"text\"}}],\"isError\":true,\"resultType\":\"complete\"}}",
        wire::quoted(&text)
    )
}
