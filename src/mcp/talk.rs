//! What was said on one connection: tool calls with their outcomes, and every other question with its answer.

use crate::kernel::clock::Timestamp;
use crate::kernel::json::canon;
use crate::mcp::journal::{Journal, Place, Side};
use crate::mcp::wire::{self, Fields, Message, Outcome};
use std::collections::HashMap;

/// The key under which newer clients name the protocol version with each request.
const VERSION_KEY: &str = "io.modelcontextprotocol/protocolVersion";

/// One logical tool call, however many rounds it took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    pub tool: String,
    /// JSON text of `arguments`.
    pub args: Option<String>,
    pub asked: Timestamp,
    pub answer: Option<Answer>,
    /// The server wanted more input; `requestState` where it gave one.
    waiting: Option<Option<String>>,
}

/// The status of a call that ended in a JSON-RPC error.
pub const ERROR: &str = "error";

/// What a call came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// `ok`, `tool_error` (the tool said so) or `error` (JSON-RPC's).
    pub status: &'static str,
    /// JSON text of the result; of `{"error": ..}` for a JSON-RPC error.
    pub result: String,
    pub at: Timestamp,
}

/// A question that is no tool call, without its `_meta`, and what was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    pub method: String,
    pub params: Option<String>,
    pub outcome: Outcome,
}

/// Everything one journal tells.
#[derive(Debug, Default)]
pub struct Talk {
    /// In the order of their requests.
    pub calls: Vec<Call>,
    /// In the order of their answers.
    pub exchanges: Vec<Exchange>,
    /// The protocol version that requests name, in the newer era.
    pub version: Option<String>,
    /// Frames that could not be kept.
    pub skipped: usize,
}

/// A request that has not been answered yet.
enum Open {
    Call(usize),
    Other(String, Option<String>),
}

/// The requests that wait for their answers.
#[derive(Default)]
struct Questions {
    /// By exchange and id: an exchange is answered in itself.
    open: HashMap<(Option<u64>, String), Open>,
    /// The last exchange of a session that asked under this id: a stream that broke goes on in another exchange.
    asked: HashMap<(u64, String), Option<u64>>,
}

impl Questions {
    fn asked(&mut self, place: Place, id: String, question: Open) {
        if let Some(session) = place.session {
            self.asked.insert((session, id.clone()), place.exchange);
        }
        self.open.insert((place.exchange, id), question);
    }

    fn answered(&mut self, place: Place, id: String) -> Option<Open> {
        let key = (place.exchange, id);
        if let Some(question) = self.open.remove(&key) {
            return Some(question);
        }
        let exchange = self.asked.get(&(place.session?, key.1.clone()))?;
        self.open.remove(&(*exchange, key.1))
    }
}

impl Talk {
    /// Pairs requests and responses by their JSON-RPC ids, each direction's ids for itself.
    pub fn of(journal: &Journal) -> Self {
        let mut talk = Self::default();
        let mut open = Questions::default();
        for entry in &journal.entries {
            let Some(frame) = &entry.frame else {
                talk.skipped += 1;
                continue;
            };
            for message in wire::messages(frame.as_bytes()) {
                match (entry.from, message) {
                    (Side::Client, Message::Request { id, method, params }) => {
                        let question = talk.asked(method, params, entry.at);
                        open.asked(entry.place, id, question);
                    }
                    (Side::Server, Message::Response { id, outcome }) => match open.answered(entry.place, id) {
                        Some(Open::Call(at)) => talk.answered(at, outcome, entry.at),
                        Some(Open::Other(method, params)) => {
                            talk.exchanges.push(Exchange { method, params, outcome });
                        }
                        None => {}
                    },
                    // What the server asks the client, notifications, and the client's answers are no calls.
                    _ => {}
                }
            }
        }
        talk
    }

    fn asked(&mut self, method: String, params: Option<String>, at: Timestamp) -> Open {
        let fields = params.as_deref().and_then(Fields::read);
        let meta = fields.as_ref().and_then(|fields| Fields::read(fields.get("_meta")?));
        if let Some(version) = meta.and_then(|meta| meta.string(VERSION_KEY)) {
            self.version = Some(version);
        }
        let tool = fields.as_ref().filter(|_| method == "tools/call").and_then(|fields| fields.string("name"));
        let (Some(fields), Some(tool)) = (&fields, tool) else {
            let params = match &fields {
                Some(fields) => fields.without("_meta"),
                None => params,
            };
            return Open::Other(method, params);
        };
        let args = fields.get("arguments").map(str::to_owned);
        if fields.get("inputResponses").is_some() || fields.get("requestState").is_some() {
            let state = fields.get("requestState").map(str::to_owned);
            let again = |call: &Call| {
                call.tool == tool
                    && same(call.args.as_deref(), args.as_deref())
                    && call.waiting.as_ref() == Some(&state)
            };
            if let Some(at) = self.calls.iter().rposition(again) {
                self.calls[at].waiting = None;
                return Open::Call(at);
            }
        }
        self.calls.push(Call { tool, args, asked: at, answer: None, waiting: None });
        Open::Call(self.calls.len() - 1)
    }

    fn answered(&mut self, index: usize, outcome: Outcome, at: Timestamp) {
        let call = &mut self.calls[index];
        let (status, result) = match outcome {
            Outcome::Error(error) => (ERROR, format!("{{\"error\":{error}}}")),
            Outcome::Result(result) => {
                let fields = Fields::read(&result).unwrap_or_default();
                if fields.string("resultType").as_deref() == Some("input_required") {
                    call.waiting = Some(fields.get("requestState").map(str::to_owned));
                    return;
                }
                (if fields.get("isError") == Some("true") { "tool_error" } else { "ok" }, result)
            }
        };
        call.answer = Some(Answer { status, result, at });
    }

    /// The name the server gives itself.
    pub fn server_name(&self) -> Option<String> {
        let name = |result: Fields| Fields::read(result.get("serverInfo")?)?.string("name");
        let told = self.results("initialize").chain(self.results("server/discover"));
        told.filter_map(name).find(|name| !name.is_empty())
    }

    /// The answers to `method`, in order.
    pub fn results<'t>(&'t self, method: &'t str) -> impl Iterator<Item = Fields> + 't {
        let of = move |exchange: &Exchange| match &exchange.outcome {
            Outcome::Result(text) if exchange.method == method => Fields::read(text),
            _ => None,
        };
        self.exchanges.iter().filter_map(of)
    }
}

/// Whether two arguments are the same value; none at all is an empty object.
fn same(a: Option<&str>, b: Option<&str>) -> bool {
    let form = |text: Option<&str>| canon::exact(text.unwrap_or("{}").as_bytes()).ok();
    form(a) == form(b)
}
