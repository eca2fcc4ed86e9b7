//! The demo's agent: does what `prompt.txt` says, with the tools of the first server in its MCP config.

use crate::kernel::error::{Error, Kind, Result};
use crate::kernel::fs::{self, SETTINGS_LIMIT};
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// Its instructions, in the working directory.
pub const PROMPT: &str = "prompt.txt";
/// Its MCP config, unless `GAIT_MCP_CONFIG` names another.
pub const CONFIG: &str = "mcp.json";

/// A conversation with an MCP server.
struct Server {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    asked: u64,
}

/// Handles the ticket: looks the order up, refunds, and writes to the customer when that went well.
pub fn run() -> Result<()> {
    let prompt = fs::read_text(PROMPT, SETTINGS_LIMIT)?;
    let config = std::env::var("GAIT_MCP_CONFIG").unwrap_or_else(|_| CONFIG.to_owned());
    let mut shop = Server::start(&config)?;
    let paid = shop.call("orders.lookup", json!({ "order": "A-4711" }))?["structuredContent"]["paid"].as_f64();
    let amount = ((paid.unwrap_or_default() + goodwill(&prompt)) * 100.0).round() / 100.0;
    let refund = shop.call("payments.refund", json!({ "order": "A-4711", "amount": amount, "currency": "EUR" }))?;
    if refund["isError"] != true {
        shop.call("mail.send", json!({ "to": "customer", "template": "refund_done", "order": "A-4711" }))?;
    }
    shop.end()
}

/// The number behind `plus` in the prompt; 0 where there is none.
fn goodwill(prompt: &str) -> f64 {
    let words = prompt.split_whitespace().skip_while(|word| *word != "plus");
    words.skip(1).find_map(|word| word.parse().ok()).unwrap_or_default()
}

fn failed(what: impl std::fmt::Display) -> Error {
    Error::new(Kind::Internal, format!("the demo's tool server: {what}"))
}

impl Server {
    /// Starts the first server of an MCP config and shakes hands.
    fn start(config: &str) -> Result<Self> {
        let config: Value = serde_json::from_slice(&fs::read(config, SETTINGS_LIMIT)?).map_err(failed)?;
        let server = config["mcpServers"].as_object().and_then(|servers| servers.values().next());
        let server = server.ok_or_else(|| failed("the config names none"))?;
        let args = server["args"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let mut command = Command::new(server["command"].as_str().unwrap_or_default());
        let mut child = command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().map_err(failed)?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(failed("it has no streams"));
        };
        let mut server = Self { child, input, output: BufReader::new(output), asked: 0 };
        let client = json!({ "name": "demo-agent", "version": "1" });
        server
            .ask("initialize", json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client }))?;
        server.say(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }))?;
        server.ask("tools/list", json!({}))?;
        Ok(server)
    }

    fn say(&mut self, message: &Value) -> Result<()> {
        writeln!(self.input, "{message}").and_then(|()| self.input.flush()).map_err(failed)
    }

    fn ask(&mut self, method: &str, params: Value) -> Result<Value> {
        self.asked += 1;
        self.say(&json!({ "jsonrpc": "2.0", "id": self.asked, "method": method, "params": params }))?;
        loop {
            let mut line = String::new();
            if self.output.read_line(&mut line).map_err(failed)? == 0 {
                return Err(failed("it ended early"));
            }
            let mut answer: Value = serde_json::from_str(&line).map_err(failed)?;
            if answer["id"] == self.asked {
                return match answer.get("error") {
                    Some(error) => Err(failed(error)),
                    None => Ok(answer["result"].take()),
                };
            }
        }
    }

    fn call(&mut self, tool: &str, args: Value) -> Result<Value> {
        self.ask("tools/call", json!({ "name": tool, "arguments": args }))
    }

    fn end(mut self) -> Result<()> {
        drop(self.input);
        self.child.wait().map(drop).map_err(failed)
    }
}
