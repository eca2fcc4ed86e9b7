//! A recorded server answers again, from the runpack it was recorded in. There is no way from here to a real one.

use crate::kernel::error::Result;
use crate::kernel::json::delta::Difference;
use crate::kernel::json::tree::{self, Json};
use crate::mcp::catalog::{Asked, Server};
use crate::mcp::likeness::{Alike, Likeness};
use crate::mcp::wire::{self, Fields};
use crate::runpack::lane::Record;
use crate::runpack::read::Pack;
use std::collections::HashMap;

/// The protocol version a newer-era recording answers an older client's handshake with.
const OLDER: &str = "2025-11-25";
/// Versions an older client may ask for and get.
const KNOWN_OLDER: [&str; 4] = ["2024-11-05", "2025-03-26", "2025-06-18", OLDER];

/// Whether a difference from the arguments of a recorded call is accepted: the call's position in the pack, its tool as the
/// run names it, the difference.
pub type Accepts = dyn Fn(usize, &str, &Difference) -> bool + Send + Sync;

/// A call as it was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asking {
    /// As the run names it: behind its server where there are several.
    pub tool: String,
    pub args: Json,
    /// Position in the pack of the recorded call that answers it, and how the arguments are that call's.
    pub answered_by: Option<(usize, Alike)>,
    /// That one had answered an earlier call already.
    pub again: bool,
}

/// One recorded call, ready to answer.
struct Recorded {
    at: usize,
    args: Json,
    /// Position of its result in the pack.
    answer: Option<usize>,
    used: bool,
}

/// A server played from a verified pack.
pub struct Replay {
    pub server: Server,
    /// What stands in front of its tools' names in the run.
    pub prefix: String,
    /// By tool, as the server names it.
    calls: HashMap<String, Vec<Recorded>>,
    /// How often each question was asked so far.
    asked: HashMap<(String, String), u64>,
}

impl Replay {
    /// Plays `server`, the tools of which have `prefix` in the run.
    pub fn new(pack: &Pack, server: Server, prefix: String) -> Result<Self> {
        let mut results: HashMap<&str, usize> = HashMap::new();
        for (at, result) in pack.results.iter().enumerate() {
            results.entry(&result.intent_id).or_insert(at);
        }
        let mut calls: HashMap<String, Vec<Recorded>> = HashMap::new();
        for (at, intent) in pack.intents.iter().enumerate() {
            let Some(tool) = intent.label.strip_prefix(&prefix) else { continue };
            let answer = results.get(intent.intent_id.as_ref()).copied();
            let args = tree::parse(body(intent).as_bytes())?;
            calls.entry(tool.to_owned()).or_default().push(Recorded { at, args, answer, used: false });
        }
        Ok(Self { server, prefix, calls, asked: HashMap::new() })
    }

    /// Whether the recording knows the tool, called or only listed.
    pub fn knows(&self, tool: &str) -> bool {
        self.calls.contains_key(tool) || self.server.tools.iter().any(|raw| named(raw.get()).as_deref() == Some(tool))
    }

    /// The answer to a question that is no tool call: `result` or `error`, and its value.
    pub fn respond(&mut self, method: &str, fields: &Fields, likeness: &Likeness) -> (&'static str, String) {
        if method == "ping" {
            return ("result", "{}".to_owned());
        }
        match self.recorded(method, fields, likeness) {
            Some(answer) => answer,
            None if method == "initialize" => ("result", self.handshake(fields)),
            None if method == "tools/list" => {
                let tools: Vec<&str> = self.server.tools.iter().map(|raw| raw.get()).collect();
                ("result", format!("{{\"tools\":[{}]}}", tools.join(",")))
            }
            None => ("error", format!("{{\"code\":-32601,\"message\":{}}}", wire::quoted("Method not found"))),
        }
    }

    /// What was answered when this was asked; asked more often than then, the last answer.
    fn recorded(&mut self, method: &str, fields: &Fields, likeness: &Likeness) -> Option<(&'static str, String)> {
        let greeting = matches!(method, "initialize" | "server/discover");
        let params = fields.without("_meta").filter(|_| !greeting);
        let value = |text: Option<&str>| tree::parse(text.unwrap_or("{}").as_bytes()).ok();
        let wanted = value(params.as_deref())?;
        let like = |asked: &&Asked| {
            let same = |recorded: Json| likeness.compare(&recorded, &wanted, |_| false).is_some();
            asked.method == method && (greeting || value(asked.params.as_ref().map(|raw| raw.get())).is_some_and(same))
        };
        let answers: Vec<&Asked> = self.server.exchanges.iter().filter(like).collect();
        let count = self.asked.entry((method.to_owned(), params.unwrap_or_default())).or_default();
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

    /// Finds the recorded call that answers this one, and takes it: the first unused one with the very arguments, else
    /// the first whose differences are accepted; where all are used, the last one of a tool that only reads. Gives the
    /// position of its result, too.
    pub fn call(&mut self, tool: &str, args: Json, likeness: &Likeness, accepts: &Accepts) -> (Asking, Option<usize>) {
        let named = format!("{}{tool}", self.prefix);
        let mut found: Option<(bool, Alike, usize)> = None;
        let read_only = self.server.read_only(tool);
        let calls = self.calls.get_mut(tool).map(Vec::as_mut_slice).unwrap_or_default();
        for (place, call) in calls.iter().enumerate().filter(|(_, call)| !call.used || read_only) {
            let Some(alike) = likeness.compare(&call.args, &args, |d| accepts(call.at, &named, d)) else { continue };
            let better = match found {
                None => true,
                Some((used, best, _)) if call.used && used => alike <= best,
                Some((used, best, _)) => (call.used, alike) < (used, best),
            };
            if better {
                found = Some((call.used, alike, place));
            }
        }
        let Some((again, alike, place)) = found else {
            return (Asking { tool: named, args, answered_by: None, again: false }, None);
        };
        calls[place].used = true;
        let answered_by = Some((calls[place].at, alike));
        (Asking { tool: named, args, answered_by, again }, calls[place].answer)
    }

    /// Recorded calls nobody asked for, by position in the pack.
    pub fn unconsumed(&self) -> impl Iterator<Item = usize> {
        self.calls.values().flatten().filter(|call| !call.used).map(|call| call.at)
    }
}

/// The content of a record as JSON text.
pub fn body<'r>(record: &'r Record<'_>) -> std::borrow::Cow<'r, str> {
    String::from_utf8_lossy(record.content().unwrap_or(b"{}"))
}

fn named(tool: &str) -> Option<String> {
    Fields::read(tool)?.string("name")
}

/// The tool error that answers a call the recording does not have.
pub fn unmatched(tool: &str, args: &str) -> String {
    let text = format!("gait replay: unmatched request: no recorded answer for tool {tool} with arguments {args}");
    format!(
        "{{\"content\":[{{\"text\":{},\"type\":\"text\"}}],\"isError\":true,\"resultType\":\"complete\"}}",
        wire::quoted(&text)
    )
}
