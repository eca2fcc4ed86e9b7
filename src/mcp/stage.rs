//! The private replay endpoint of one trial: a recording plays all its servers, and whatever is asked of them, by
//! whatever door, goes on one list.

use crate::kernel::error::{Error, Result};
use crate::kernel::json::tree::{self, Json};
use crate::mcp::candidate;
use crate::mcp::catalog::{self, Catalog, Server};
use crate::mcp::likeness::Likeness;
use crate::mcp::replay::{Accepts, Asking, Replay, body, unmatched};
use crate::mcp::talk;
use crate::mcp::veil::Veil;
use crate::mcp::wire::{self, Fields, Message};
use crate::runpack::model::Manifest;
use crate::runpack::read::Pack;
use crate::sign::key::PrivateKey;
use camino::Utf8Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Most calls of one play: an agent that asks more often asks for ever.
pub const MOST_CALLS: usize = 100_000;

/// On what terms a recording is played.
pub struct Terms {
    /// The environment of whoever asks: its secrets stay hidden, and the recording's marks stand for its values.
    pub variables: Vec<(String, String)>,
    /// Which differences from recorded arguments are accepted.
    pub accepts: Box<Accepts>,
    /// A call without a recorded answer ends the play.
    pub stop: bool,
}

impl Terms {
    /// Only what was recorded is answered, in this process's own environment.
    pub fn strict() -> Self {
        let lossy = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
        let variables = std::env::vars_os().map(|(name, value)| (lossy(name), lossy(value))).collect();
        Self { variables, accepts: Box::new(|_, _, _| false), stop: false }
    }
}

/// A recording that is being played. All methods may be called from any thread.
pub struct Stage {
    pack: Arc<Pack>,
    /// Whether the pack says what its servers told; else its results are of any shape.
    captured: bool,
    likeness: Likeness,
    veil: Veil,
    accepts: Box<Accepts>,
    stop: bool,
    state: Mutex<State>,
}

struct State {
    replays: Vec<Replay>,
    asking: Vec<Asking>,
    stopped: bool,
    when_stopped: Option<Box<dyn FnOnce() + Send>>,
}

/// What came of a tool call.
struct Given {
    status: String,
    /// JSON text of the result; of `{"error": ..}` where the status is [`talk::ERROR`].
    result: String,
}

impl Stage {
    /// Plays every server of `pack`, which was opened with [`catalog::ENTRY`].
    pub fn new(pack: Arc<Pack>, terms: Terms) -> Result<Self> {
        let entry = pack.entry(catalog::ENTRY);
        let catalog = match entry {
            Some(bytes) => Catalog::read(bytes)?,
            None => Catalog::new(vec![called(&pack)], Vec::new()),
        };
        let captured = entry.is_some();
        let several = catalog.servers.len() > 1;
        let likeness = Likeness::new(&catalog.redactions, &terms.variables);
        let mut replays = Vec::new();
        for server in catalog.servers {
            let prefix = if several { format!("{}.", server.name) } else { String::new() };
            replays.push(Replay::new(&pack, server, prefix)?);
        }
        let veil = Veil::new(terms.variables, &[])?;
        let state = State { replays, asking: Vec::new(), stopped: false, when_stopped: None };
        let (accepts, stop, state) = (terms.accepts, terms.stop, Mutex::new(state));
        Ok(Self { pack, captured, likeness, veil, accepts, stop, state })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Names of the servers, in the order of the recording.
    pub fn servers(&self) -> Vec<String> {
        self.state().replays.iter().map(|replay| replay.server.name.clone()).collect()
    }

    /// The protocol version a server was recorded with; empty where the recording does not say.
    pub fn protocol_version(&self, server: &str) -> String {
        let state = self.state();
        let found = state.replays.iter().find(|replay| replay.server.name == server);
        found.map(|replay| replay.server.protocol_version.clone()).unwrap_or_default()
    }

    /// The name of the server that `wanted` means: that one, or the only one.
    pub fn server(&self, wanted: Option<&str>) -> Result<String> {
        let names = self.servers();
        match (wanted, names.as_slice()) {
            (None, [only]) => Ok(only.clone()),
            (Some(wanted), names) if names.iter().any(|name| name == wanted) => Ok(wanted.to_owned()),
            (wanted, names) => {
                let what = wanted
                    .map_or("the run has several servers".to_owned(), |name| format!("no server {name:?} in the run"));
                Err(Error::invalid(what).hint(format!("--server is one of: {}", names.join(", "))))
            }
        }
    }

    /// The answers of `server` to one JSON-RPC text of a client (a message or a batch), each on a line of its own without
    /// its line break. None for notifications, for a server that is not there, and once the play has stopped.
    pub fn answer(&self, server: &str, text: &[u8]) -> Vec<String> {
        let mut out = Vec::new();
        for message in wire::messages(text) {
            if let Message::Request { id, method, params } = message
                && let Some((member, value)) = self.respond(server, &method, params.as_deref())
            {
                let line = format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"{member}\":{value}}}");
                out.push(line.replace(['\n', '\r'], " "));
            }
        }
        out
    }

    fn respond(&self, server: &str, method: &str, params: Option<&str>) -> Option<(&'static str, String)> {
        let mut state = self.state();
        let at = state.replays.iter().position(|replay| replay.server.name == server)?;
        let fields = params.and_then(Fields::read).unwrap_or_default();
        if method != "tools/call" {
            return (!state.stopped).then(|| state.replays[at].respond(method, &fields, &self.likeness));
        }
        let tool = fields.string("name").unwrap_or_default();
        let given = self.ask(&mut state, at, &tool, fields.get("arguments"))?;
        Some(match (given.status.as_str(), self.captured) {
            (talk::ERROR, true) => {
                let error = Fields::read(&given.result).and_then(|fields| fields.get("error").map(str::to_owned));
                let bare = || "{\"code\":-32603,\"message\":\"recorded error\"}".to_owned();
                ("error", error.unwrap_or_else(bare))
            }
            (_, true) => ("result", given.result),
            (_, false) => ("result", content(&given)),
        })
    }

    /// A tool call outside MCP: status (`ok`, `tool_error`, `error` or what was recorded) and JSON text of the result.
    /// `tool` is named as in the run, or as its server names it where only one has it; `args` is JSON text. `None` once
    /// the play has stopped. `InvalidInput`: the arguments are no JSON, or several servers have the tool.
    pub fn call(&self, tool: &str, args: Option<&str>) -> Result<Option<(String, String)>> {
        args.map(|args| tree::parse(args.as_bytes())).transpose().map_err(|e| e.at("args"))?;
        let mut state = self.state();
        let own = |replay: &Replay| !replay.prefix.is_empty() && tool.starts_with(&replay.prefix);
        let prefixed = state.replays.iter().position(own);
        let at = match prefixed {
            Some(at) => at,
            None => {
                let mut knowing = (0..state.replays.len()).filter(|at| state.replays[*at].knows(tool));
                match (knowing.next(), knowing.next()) {
                    (Some(_), Some(_)) => {
                        let what = format!("several servers of the run have a tool {tool:?}");
                        return Err(Error::invalid(what).hint("write <server>.<tool>"));
                    }
                    (found, _) => found.unwrap_or_default(),
                }
            }
        };
        let bare = prefixed.map_or(tool, |at| &tool[state.replays[at].prefix.len()..]).to_owned();
        Ok(self.ask(&mut state, at, &bare, args).map(|given| (given.status, given.result)))
    }

    /// Puts the call on the list and answers it.
    fn ask(&self, state: &mut State, at: usize, tool: &str, args: Option<&str>) -> Option<Given> {
        if state.stopped {
            return None;
        }
        let args = args.and_then(|text| tree::parse(text.as_bytes()).ok()).filter(|args| *args != Json::Null);
        let args = args.unwrap_or(Json::Object(Vec::new()));
        let (asking, answer) = state.replays.get_mut(at)?.call(tool, args, &self.likeness, &*self.accepts);
        let matched = asking.answered_by.is_some();
        let given = match answer.map(|at| &self.pack.results[at]) {
            Some(result) => Given { status: result.label.to_string(), result: body(result).into_owned() },
            None if matched => {
                let message = format!("gait replay: the recording has no answer to this call of {tool}");
                let error = format!("{{\"error\":{{\"code\":-32000,\"message\":{}}}}}", wire::quoted(&message));
                Given { status: talk::ERROR.to_owned(), result: error }
            }
            None => Given { status: "tool_error".to_owned(), result: unmatched(&asking.tool, &asking.args.text()) },
        };
        state.asking.push(asking);
        if !matched && self.stop || state.asking.len() >= MOST_CALLS {
            state.stopped = true;
            state.when_stopped.take().into_iter().for_each(|then| then());
            return None;
        }
        Some(given)
    }

    /// Every tool call so far, in order.
    pub fn asking(&self) -> Vec<Asking> {
        self.state().asking.clone()
    }

    /// Recorded calls nobody asked for, by position in the pack.
    pub fn unconsumed(&self) -> Vec<usize> {
        let mut left: Vec<usize> = self.state().replays.iter().flat_map(Replay::unconsumed).collect();
        left.sort_unstable();
        left
    }

    /// Whether a call without a recorded answer ended the play, or there were [`MOST_CALLS`].
    pub fn stopped(&self) -> bool {
        self.state().stopped
    }

    /// Calls `then` once when such a call comes, or now if it has come. It may not use the stage.
    pub fn when_stopped(&self, then: impl FnOnce() + Send + 'static) {
        let mut state = self.state();
        if state.stopped { then() } else { state.when_stopped = Some(Box::new(then)) }
    }

    /// `text` with marks in place of the secrets of whoever asks.
    pub fn cover(&self, text: &str) -> String {
        self.veil.cover(text).0.into_owned()
    }

    /// Writes what was asked so far as a runpack.
    pub fn write_candidate(&self, out: &Utf8Path, key: Option<&PrivateKey>) -> Result<Manifest> {
        candidate::write(&self.pack, &self.asking(), &self.likeness, &self.veil, out, key)
    }
}

/// A run that was not captured from MCP servers, as one: its tools are those that were called.
fn called(pack: &Pack) -> Server {
    let mut names: Vec<&str> = pack.intents.iter().map(|intent| intent.label.as_ref()).collect();
    names.sort_unstable();
    names.dedup();
    let tool = |name: &&str| format!("{{\"name\":{},\"inputSchema\":{{\"type\":\"object\"}}}}", wire::quoted(name));
    Server::listing("gait", names.iter().map(tool))
}

/// A result of any shape as that of an MCP tool.
fn content(given: &Given) -> String {
    if Fields::read(&given.result).is_some_and(|fields| fields.get("content").is_some()) {
        return given.result.clone();
    }
    let failed = if given.status == "ok" { "" } else { ",\"isError\":true" };
    let (text, result) = (wire::quoted(&given.result), &given.result);
    format!("{{\"content\":[{{\"text\":{text},\"type\":\"text\"}}]{failed},\"structuredContent\":{result}}}")
}
