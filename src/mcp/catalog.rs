//! `tools.json`: the servers of a captured run, their tools, and what else they were asked.

use crate::kernel::error::{Error, Kind, Result};
use crate::kernel::json::canon;
use crate::mcp::talk::{Exchange, Talk};
use crate::mcp::veil::Redaction;
use crate::mcp::wire::{Fields, Outcome};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// The entry's name.
pub const ENTRY: &str = "tools.json";
pub const SCHEMA: &str = "gait.mcp.tools";
const VERSION: &str = "1.0.0";

/// The whole entry.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Catalog {
    pub schema_id: String,
    pub schema_version: String,
    /// By name; with several of them the tools of a run are named `<server>.<tool>`.
    pub servers: Vec<Server>,
    /// Where each mark in the run came from.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub redactions: Vec<Redaction>,
}

/// One server.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Server {
    pub name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub protocol_version: String,
    /// The definitions of its tools, as it last listed them.
    pub tools: Vec<Box<RawValue>>,
    /// What it was asked besides tool calls, in the order of its answers.
    pub exchanges: Vec<Asked>,
}

/// A question and its answer, and how many times in a row it was asked and answered so.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Asked {
    pub method: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub params: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Box<RawValue>>,
    pub times: u64,
}

impl Asked {
    fn of(exchange: &Exchange) -> Self {
        let raw = |text: &str| RawValue::from_string(text.to_owned()).ok();
        let (result, error) = match &exchange.outcome {
            Outcome::Result(text) => (raw(text), None),
            Outcome::Error(text) => (None, raw(text)),
        };
        // Who asks, and in which words it introduces itself, is the client's business.
        let told = !matches!(exchange.method.as_str(), "initialize" | "server/discover");
        let params = exchange.params.as_deref().filter(|_| told).and_then(raw);
        Self { method: exchange.method.clone(), params, result, error, times: 1 }
    }

    fn same(&self, other: &Self) -> bool {
        let texts = |asked: &Self| {
            let text = |raw: &Option<Box<RawValue>>| raw.as_ref().map(|raw| raw.get().to_owned());
            (asked.method.clone(), text(&asked.params), text(&asked.result), text(&asked.error))
        };
        texts(self) == texts(other)
    }
}

impl Server {
    /// A server by all its connections, in order.
    pub fn of(name: &str, talks: &[&Talk]) -> Self {
        let mut server = Self { name: name.to_owned(), ..Self::default() };
        for talk in talks {
            for exchange in talk.exchanges.iter().filter(|exchange| exchange.method != "ping") {
                let asked = Asked::of(exchange);
                let before = server.exchanges.iter_mut().rfind(|e| e.method == asked.method);
                match before {
                    Some(before) if before.same(&asked) => before.times += 1,
                    _ => server.exchanges.push(asked),
                }
            }
            let version = talk.results("initialize").find_map(|result| result.string("protocolVersion"));
            if let Some(version) = version.or_else(|| talk.version.clone()) {
                server.protocol_version = version;
            }
            server.list(talk);
        }
        server
    }

    /// A server of which no more is known than its tools' definitions, JSON texts.
    pub fn listing(name: &str, tools: impl Iterator<Item = String>) -> Self {
        let tools = tools.filter_map(|text| RawValue::from_string(text).ok()).collect();
        Self { name: name.to_owned(), tools, ..Self::default() }
    }

    /// Takes over the tools a connection listed, page by page.
    fn list(&mut self, talk: &Talk) {
        for exchange in talk.exchanges.iter().filter(|exchange| exchange.method == "tools/list") {
            let Outcome::Result(text) = &exchange.outcome else { continue };
            let cursor = exchange.params.as_deref().and_then(Fields::read).is_some_and(|p| p.get("cursor").is_some());
            if !cursor {
                self.tools.clear();
            }
            let tools = Fields::read(text).and_then(|fields| fields.get("tools").map(str::to_owned));
            let tools = tools.and_then(|text| serde_json::from_str::<Vec<Box<RawValue>>>(&text).ok());
            self.tools.extend(tools.unwrap_or_default());
        }
    }

    /// Whether the tool says of itself that it changes nothing.
    pub fn read_only(&self, tool: &str) -> bool {
        let of = |raw: &RawValue| {
            let fields = Fields::read(raw.get())?;
            let annotations = Fields::read(fields.get("annotations")?)?;
            (fields.string("name")? == tool).then(|| annotations.get("readOnlyHint") == Some("true"))
        };
        self.tools.iter().find_map(|raw| of(raw)).unwrap_or_default()
    }
}

impl Catalog {
    /// The catalog of these servers.
    pub fn new(servers: Vec<Server>, redactions: Vec<Redaction>) -> Self {
        Self { schema_id: SCHEMA.to_owned(), schema_version: VERSION.to_owned(), servers, redactions }
    }

    /// Reads the entry.
    pub fn read(bytes: &[u8]) -> Result<Self> {
        // Duplicate keys are refused; numbers keep their text, which the canonical form would change.
        canon::canonicalize(bytes).map_err(|e| e.at(ENTRY))?;
        let catalog: Self = serde_json::from_slice(bytes).map_err(|e| Error::invalid(format!("{ENTRY}: {e}")))?;
        if catalog.schema_id != SCHEMA {
            return Err(Error::invalid(format!("{ENTRY} is of schema {:?}, not {SCHEMA}", catalog.schema_id)));
        }
        Ok(catalog)
    }

    /// The entry's bytes: canonical but for integers that no double keeps.
    pub fn bytes(&self) -> Result<Vec<u8>> {
        let text = serde_json::to_vec(self).map_err(|e| Error::new(Kind::Internal, e.to_string()))?;
        canon::exact(&text)
    }
}
