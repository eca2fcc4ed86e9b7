//! A tiny agent: its arguments are a script, one word or one call after the other.

use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitCode, Stdio};

/// The first argument that makes this program an agent.
pub const AGENT: &str = "__agent";

/// This program as an agent that follows `script`.
pub fn argv(script: &[&str]) -> Vec<String> {
    let own = std::env::current_exe().unwrap().to_str().unwrap().to_owned();
    [own, AGENT.to_owned()].into_iter().chain(script.iter().map(|step| (*step).to_owned())).collect()
}

pub fn play(args: &[String]) -> Option<ExitCode> {
    let (first, script) = args.split_first()?;
    if first == SERVER {
        return Some(serve());
    }
    if first != AGENT {
        return None;
    }
    let mut servers = Servers::default();
    for step in script {
        let step = &spelled_out(step);
        let (word, rest) = step.split_once(' ').unwrap_or((step, ""));
        match word {
            // call [server/]tool args: asks, and says what was answered.
            "call" => {
                let answer = servers.ask(rest, 0);
                say(&answer["result"]);
            }
            // The same by a second process of the server.
            "again" => drop(servers.ask(rest, 1)),
            // Asks and does not wait.
            "fire" => servers.send(rest, 0),
            // post tool args: asks outside MCP, and says what was answered.
            "post" => {
                let (tool, args) = rest.split_once(' ').unwrap_or((rest, "{}"));
                let args: Value = serde_json::from_str(args).unwrap();
                let answer = post(&std::env::var("GAIT_TOOLS_URL").unwrap(), &json!({"tool": tool, "args": args}));
                say(answer);
            }
            "url" => {
                let call = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "lookup", "arguments": {"order": 7}}});
                let answer = post(&std::env::var(rest).unwrap(), &call);
                say(answer);
            }
            "close" => servers = Servers::default(),
            "show" => say(format!("{rest}={}", std::env::var(rest).unwrap_or_default())),
            "storm" => {
                for _ in 0..30 {
                    servers.ask(rest, 0);
                }
            }
            "cwd" => say(std::env::current_dir().unwrap().display()),
            // Only in this trial.
            "only" => {
                let (trial, code) = rest.split_once(" exit ").unwrap();
                if std::env::var("GAIT_REGRESS_TRIAL").unwrap() == trial {
                    return Some(ExitCode::from(code.parse::<u8>().unwrap()));
                }
            }
            "copy" => {
                let (from, variable) = rest.split_once(' ').unwrap();
                std::fs::copy(from, std::env::var(variable).unwrap()).map(drop).unwrap();
            }
            "say" => say(rest),
            "complain" => std::io::stderr().write_all(format!("{rest}\n").as_bytes()).unwrap(),
            "repeat" => {
                let mut text = String::new();
                std::io::stdin().read_to_string(&mut text).unwrap();
                say(text);
            }
            "env" => {
                let names: Vec<String> = std::env::vars().map(|(name, _)| name).collect();
                say(names.join("\n"));
            }
            "exit" => return Some(ExitCode::from(rest.parse::<u8>().unwrap())),
            "deaf" => drop(signal_hook::iterator::Signals::new([15]).unwrap()),
            "pid" => std::fs::write(rest, std::process::id().to_string()).unwrap(),
            "hang" => loop {
                std::thread::park();
            },
            // A child of a child in a group of its own, whose parent is gone.
            "orphan" => {
                let argv = argv(&["leave", rest]);
                Command::new(&argv[0]).args(&argv[1..3]).arg(rest).status().unwrap();
            }
            "leave" => {
                leave(&script[1]);
                return Some(ExitCode::SUCCESS);
            }
            other => panic!("no such step: {other}"),
        }
    }
    Some(ExitCode::SUCCESS)
}

fn say(text: impl std::fmt::Display) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}").unwrap();
}

/// Starts a process that does not listen to anybody, in a group of its own, and waits until it has told its id in `file`.
#[expect(clippy::zombie_processes, reason = "to be left behind is what it is for")]
fn leave(file: &str) {
    let argv = argv(&["deaf", &format!("pid {file}"), "hang"]);
    let mut command = Command::new(&argv[0]);
    command.args(&argv[1..]).process_group(0).stdin(Stdio::null());
    command.spawn().unwrap();
    while std::fs::read_to_string(file).unwrap_or_default().is_empty() {
        std::thread::yield_now();
    }
}

/// The body of the answer to a POST.
fn post(url: &str, body: &Value) -> String {
    let (host, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let body = body.to_string();
    let mut stream = std::net::TcpStream::connect(host).unwrap();
    write!(
        stream,
        "POST /{path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nAccept: application/json, \
         text/event-stream\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.split_once("\r\n\r\n").unwrap().1.to_owned()
}

/// The step with the value of the one variable it may name.
fn spelled_out(step: &str) -> String {
    step.replace("$SHOP_TOKEN", &std::env::var("SHOP_TOKEN").unwrap_or_default())
}

/// The first argument that makes this program a server.
pub const SERVER: &str = "__server";

/// A server of a few tools that answer with what they were asked.
fn serve() -> ExitCode {
    let tool = |name: &str, reads: bool| json!({"name": name, "inputSchema": {"type": "object"}, "annotations": {"readOnlyHint": reads}});
    for line in std::io::stdin().lock().lines() {
        let Ok(message) = serde_json::from_str::<Value>(&line.unwrap()) else { continue };
        let params = &message["params"];
        let result = match message["method"].as_str().unwrap() {
            "initialize" => json!({"protocolVersion": "2025-11-25", "capabilities": {"tools": {}}, "serverInfo": {}}),
            "tools/list" => json!({"tools": [tool("lookup", true), tool("refund", false), tool("mail", false)]}),
            _ => {
                let text = format!("{} {}", params["name"].as_str().unwrap(), params["arguments"]);
                json!({"content": [{"type": "text", "text": text}]})
            }
        };
        say(json!({"jsonrpc": "2.0", "id": message["id"], "result": result}));
    }
    ExitCode::SUCCESS
}

/// The servers that `GAIT_MCP_CONFIG` names, started when they are first asked.
#[derive(Default)]
struct Servers {
    running: BTreeMap<(String, usize), (Child, ChildStdin, BufReader<ChildStdout>)>,
    asked: u64,
}

impl Servers {
    fn config() -> Value {
        let path = std::env::var("GAIT_MCP_CONFIG").unwrap();
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
    }

    /// With a bare environment, as SDKs start them.
    fn server(&mut self, name: &str, copy: usize) -> &mut (Child, ChildStdin, BufReader<ChildStdout>) {
        self.running.entry((name.to_owned(), copy)).or_insert_with(|| {
            let server = &Self::config()["mcpServers"][name];
            let args: Vec<String> = serde_json::from_value(server["args"].clone()).unwrap();
            let mut command = Command::new(server["command"].as_str().unwrap());
            command.args(args).env_clear().stdin(Stdio::piped()).stdout(Stdio::piped());
            for name in ["HOME", "PATH"] {
                command.env(name, std::env::var(name).unwrap());
            }
            let mut child = command.spawn().unwrap();
            let (mut input, mut output) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
            writeln!(input, "{}", json!({"jsonrpc": "2.0", "id": "list", "method": "tools/list"})).unwrap();
            output.read_line(&mut String::new()).unwrap();
            (child, input, output)
        })
    }

    fn send(&mut self, what: &str, copy: usize) {
        let (tool, args) = what.split_once(' ').unwrap_or((what, "{}"));
        let first = || Self::config()["mcpServers"].as_object().unwrap().keys().next().unwrap().clone();
        let (server, tool) = tool.split_once('/').map_or_else(|| (first(), tool), |(s, t)| (s.to_owned(), t));
        self.asked += 1;
        let args: Value = serde_json::from_str(args).unwrap();
        let params = json!({"name": tool, "arguments": args});
        let call = json!({"jsonrpc": "2.0", "id": self.asked, "method": "tools/call", "params": params});
        writeln!(self.server(&server, copy).1, "{call}").unwrap();
    }

    fn ask(&mut self, what: &str, copy: usize) -> Value {
        self.send(what, copy);
        let server = what.split_once('/').map_or_else(
            || Self::config()["mcpServers"].as_object().unwrap().keys().next().unwrap().clone(),
            |(server, _)| server.to_owned(),
        );
        let mut line = String::new();
        self.server(&server, copy).2.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|_| panic!("no answer to {what}: {line:?}"))
    }
}

impl Drop for Servers {
    /// Closes each server's input, and waits for it to end.
    fn drop(&mut self) {
        for (mut child, input, _) in std::mem::take(&mut self.running).into_values() {
            drop(input);
            child.wait().unwrap();
        }
    }
}
