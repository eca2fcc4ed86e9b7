//! The smallest MCP server that is worth recording, and an agent that asks what it is told to ask.

use serde_json::{Value, json};
use std::io::{BufRead as _, Read as _, Write as _};
use std::process::{Command, ExitCode, Stdio};

/// Variable that makes this program something else than a test.
pub const ROLE: &str = "MCP_TEST_ROLE";
/// Protocol versions of the two eras.
pub const OLD: &str = "2025-11-25";
pub const NEW: &str = "2026-07-28";

/// Plays the server: `mirror` gives back every byte, `old` and `new` speak MCP.
pub fn serve(role: &str) -> ExitCode {
    if role == "mirror" {
        let (mut input, mut output, mut buffer) = (std::io::stdin(), std::io::stdout(), [0u8; 65536]);
        loop {
            match input.read(&mut buffer).unwrap() {
                0 => return ExitCode::from(7),
                count => output.write_all(&buffer[..count]).and_then(|()| output.flush()).unwrap(),
            }
        }
    }
    std::io::stderr().write_all(b"server ready\n").unwrap();
    let mut held: Vec<Value> = Vec::new();
    for line in std::io::stdin().lock().lines() {
        let Ok(message) = serde_json::from_str::<Value>(&line.unwrap()) else { continue };
        let id = message["id"].clone();
        if id.is_null() || message["method"].is_null() {
            continue;
        }
        let answer = match answer(role == "new", &message) {
            Some(Ok(result)) => json!({"jsonrpc": "2.0", "id": id, "result": result}),
            Some(Err(error)) => json!({"jsonrpc": "2.0", "id": id, "error": error}),
            // Answers wait until `flush` is asked, and go out last first.
            None => {
                held.push(json!({"jsonrpc": "2.0", "id": id, "result": {"content": [], "late": message["params"]}}));
                continue;
            }
        };
        let flush = message["params"]["name"] == "flush";
        for answer in held.drain(..if flush { held.len() } else { 0 }).rev().chain([answer]) {
            std::io::stdout().write_all(format!("{answer}\n").as_bytes()).unwrap();
        }
    }
    ExitCode::from(3)
}

/// The response to a request; `None` for what gets none.
pub fn respond(new: bool, message: &Value) -> Option<Value> {
    if message["id"].is_null() || message["method"].is_null() {
        return None;
    }
    Some(match answer(new, message)? {
        Ok(result) => json!({"jsonrpc": "2.0", "id": message["id"], "result": result}),
        Err(error) => json!({"jsonrpc": "2.0", "id": message["id"], "error": error}),
    })
}

fn text(text: &str) -> Value {
    json!({"content": [{"type": "text", "text": text}]})
}

#[expect(clippy::exit, reason = "it crashes when asked to")]
fn answer(new: bool, message: &Value) -> Option<Result<Value, Value>> {
    let unknown = || Some(Err(json!({"code": -32601, "message": "Method not found"})));
    let params = &message["params"];
    let info = json!({"name": "tiny", "version": "1"});
    match message["method"].as_str().unwrap() {
        "initialize" if !new => {
            Some(Ok(json!({"protocolVersion": OLD, "capabilities": {"tools": {}}, "serverInfo": info})))
        }
        "server/discover" if new => {
            Some(Ok(json!({"supportedVersions": [NEW], "capabilities": {"tools": {}}, "serverInfo": info})))
        }
        "ping" => Some(Ok(json!({}))),
        "tools/list" => Some(Ok(json!({"tools": [
            {"name": "add", "inputSchema": {"type": "object"}, "annotations": {"readOnlyHint": true}},
            {"name": "echo", "inputSchema": {"type": "object"}},
        ]}))),
        "tools/call" => match params["name"].as_str().unwrap() {
            "add" => {
                let sum = params["arguments"]["a"].as_i64().unwrap() + params["arguments"]["b"].as_i64().unwrap();
                Some(Ok(text(&sum.to_string())))
            }
            "fail" => Some(Ok(json!({"content": [{"type": "text", "text": "no"}], "isError": true}))),
            "none" => Some(Err(json!({"code": -32602, "message": "no such tool"}))),
            "crash" => std::process::exit(9),
            "hold" => None,
            "ask" if params["inputResponses"].is_null() => {
                Some(Ok(json!({"resultType": "input_required", "requestState": "s1", "inputRequests": {}})))
            }
            "env" => Some(Ok(text(&std::env::var(params["arguments"]["name"].as_str().unwrap()).unwrap_or_default()))),
            _ => Some(Ok(json!({"content": [], "structuredContent": params["arguments"]}))),
        },
        _ => unknown(),
    }
}

/// Plays the agent: starts the servers that the lines of `MCP_TEST_SERVERS` name, with a bare environment as SDKs do,
/// asks each of them what `MCP_TEST_ASK` holds, and ends with 5.
pub fn agent() -> ExitCode {
    let asked = std::env::var("MCP_TEST_ASK").unwrap();
    for line in std::env::var("MCP_TEST_SERVERS").unwrap().lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).env_clear().stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        for name in ["HOME", "PATH"] {
            command.env(name, std::env::var(name).unwrap());
        }
        let mut server = command.env(ROLE, "old").spawn().unwrap();
        let mut input = server.stdin.take().unwrap();
        let output = std::io::BufReader::new(server.stdout.take().unwrap());
        let mut lines = output.lines();
        for question in asked.lines() {
            writeln!(input, "{question}").unwrap();
            std::io::stdout().write_all(format!("{}\n", lines.next().unwrap().unwrap()).as_bytes()).unwrap();
        }
        drop(input);
        server.wait().unwrap();
    }
    ExitCode::from(5)
}
