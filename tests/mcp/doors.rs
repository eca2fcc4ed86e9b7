//! The doors to a recording: streamable HTTP for both eras, plain tool calls, and nobody else.

use crate::kit::{Place, Tests, ask, call, read};
use crate::server::NEW;
use crate::web::{Listening, Message, connect, hear, post, say};
use camino::{Utf8Path, Utf8PathBuf};
use gait::mcp::catalog;
use gait::mcp::http::doors::Doors;
use gait::mcp::stage::{Stage, Terms};
use gait::runpack::read::Pack;
use gait::runpack::verify::Trust;
use rustix::process::Signal;
use serde_json::{Value, json};
use std::net::TcpStream;
use std::sync::Arc;

pub const TESTS: Tests = &[
    ("an_older_client_gets_a_session", an_older_client_gets_a_session),
    ("a_newer_client_names_what_it_asks", a_newer_client_names_what_it_asks),
    ("plain_calls_are_answered", plain_calls_are_answered),
    ("doors_are_private_and_close", doors_are_private_and_close),
    ("a_replay_on_http_leaves_its_candidate", a_replay_on_http_leaves_its_candidate),
];

/// A recording of these questions to servers of these names.
fn recorded(place: &Place, role: &str, servers: &[&str], asked: &[Value]) -> Utf8PathBuf {
    for server in servers {
        let mut session = place.tee(&["--run-dir", "journals", "--server", server], role);
        asked.iter().for_each(|question| drop(session.talk(question)));
        session.close();
    }
    place.run(&["run", "seal", "journals", "--run-id", "run_doors", "--out", "doors.zip"], 0);
    place.path().join("doors.zip")
}

fn stage(path: &Utf8Path, stop: bool) -> Arc<Stage> {
    let pack = Pack::open_with(path.as_std_path(), &Trust::Known(Vec::new()), &[catalog::ENTRY]).unwrap();
    Arc::new(Stage::new(Arc::new(pack), Terms { stop, ..Terms::strict() }).unwrap())
}

fn usual() -> Vec<Value> {
    let add = call(3, "add", json!({"a": 1, "b": 2}));
    vec![ask(1, "initialize"), ask(2, "tools/list"), add, call(4, "fail", json!({})), call(5, "none", json!({}))]
}

/// Sends a request to `url`; `PATH` and `HOST` in it are the URL's.
fn send(url: &str, request: &str) -> Message {
    let (host, path) = url.trim_start_matches("http://").split_once('/').unwrap();
    let mut stream = connect(host);
    say(&mut stream, request.replace(" /mcp ", &format!(" /{path} ")).replace("HOST", host));
    hear(&mut stream).unwrap()
}

fn an_older_client_gets_a_session() {
    let place = Place::new();
    let doors = Doors::open(stage(&recorded(&place, "old", &["tiny"], &usual()), false)).unwrap();
    let (name, url) = &doors.servers()[0];
    assert_eq!(name, "tiny");
    let probe = send(url, &post("HOST", "", &ask(0, "server/discover").to_string()));
    assert_eq!((probe.line.as_str(), &probe.json()["error"]["code"]), ("HTTP/1.1 200 OK", &json!(-32601)));
    let hello = send(url, &post("HOST", "", &ask(1, "initialize").to_string()));
    let id = hello.header("mcp-session-id").unwrap().to_owned();
    assert_eq!((id.len(), &hello.json()["result"]["protocolVersion"]), (32, &json!("2025-11-25")));
    let session = format!("Mcp-Session-Id: {id}\r\nMCP-Protocol-Version: 2025-11-25\r\n");
    let told = send(url, &post("HOST", &session, r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#));
    assert_eq!((told.line.as_str(), told.body.as_slice()), ("HTTP/1.1 202 Accepted", &b""[..]));
    let answer = send(url, &post("HOST", &session, &usual()[2].to_string()));
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.json()["result"]["content"][0]["text"], "3");
    // Only events, for who takes nothing else; and batches.
    let only = post("HOST", &session, &usual()[3].to_string()).replace("Accept: application/json, ", "Accept: ");
    let events = send(url, &only);
    assert_eq!(events.header("content-type"), Some("text/event-stream"));
    let text = String::from_utf8(events.body).unwrap();
    let data = text.strip_prefix("event: message\ndata: ").and_then(|rest| rest.strip_suffix("\n\n")).unwrap();
    assert_eq!(serde_json::from_str::<Value>(data).unwrap()["result"]["isError"], json!(true));
    let batch = json!([ask(8, "ping"), {"jsonrpc": "2.0", "method": "x"}, usual()[4]]).to_string();
    let batch = send(url, &post("HOST", &session, &batch)).json();
    assert_eq!(
        (&batch[0]["id"], &batch[1]["error"]["code"], batch.as_array().unwrap().len()),
        (&json!(8), &json!(-32602), 2)
    );
    let wrong = [
        ("GET /mcp HTTP/1.1\r\nHost: HOST\r\nAccept: text/event-stream\r\n\r\n".to_owned(), "405 Method Not Allowed"),
        (post("HOST", &session, "{nonsense"), "400 Bad Request"),
        (post("HOST", "Mcp-Session-Id: other\r\n", &ask(9, "ping").to_string()), "404 Not Found"),
        (
            post("HOST", "", "{}").replace("Accept: application/json, text/event-stream", "Accept: image/png"),
            "406 Not Acceptable",
        ),
        ("DELETE /mcp HTTP/1.1\r\nHost: HOST\r\n\r\n".to_owned(), "400 Bad Request"),
        (format!("DELETE /mcp HTTP/1.1\r\nHost: HOST\r\n{session}\r\n"), "204 No Content"),
        (format!("DELETE /mcp HTTP/1.1\r\nHost: HOST\r\n{session}\r\n"), "404 Not Found"),
        (post("HOST", &session, &ask(9, "ping").to_string()), "404 Not Found"),
    ];
    for (request, line) in wrong {
        assert_eq!(send(url, &request).line, format!("HTTP/1.1 {line}"), "{request}");
    }
}

fn a_newer_client_names_what_it_asks() {
    let place = Place::new();
    let meta = json!({"io.modelcontextprotocol/protocolVersion": NEW});
    let newer = |mut message: Value| {
        message["params"]["_meta"] = meta.clone();
        message
    };
    let asked = [ask(0, "server/discover"), call(1, "echo", json!({"n": 1})), call(2, "échø", json!({}))].map(newer);
    let doors = Doors::open(stage(&recorded(&place, "new", &["tiny"], &asked), false)).unwrap();
    let url = &doors.servers()[0].1;
    let version = format!("MCP-Protocol-Version: {NEW}\r\n");
    let told = |method: &str, name: &str| {
        let name = if name.is_empty() { String::new() } else { format!("Mcp-Name: {name}\r\n") };
        format!("{version}Mcp-Method: {method}\r\n{name}")
    };
    let hello = send(url, &post("HOST", &told("server/discover", ""), &asked[0].to_string()));
    assert_eq!(hello.json()["result"]["supportedVersions"][0], NEW);
    assert_eq!(hello.header("mcp-session-id"), None);
    let echo = asked[1].to_string();
    let wrong = [version.clone(), told("tools/list", "echo"), told("tools/call", "other"), told("tools/call", "")];
    for headers in wrong {
        let answer = send(url, &post("HOST", &headers, &echo));
        let told = (answer.line.as_str(), answer.json()["error"]["code"].clone(), answer.json()["id"].clone());
        assert_eq!(told, ("HTTP/1.1 400 Bad Request", json!(-32020), json!(1)), "{headers}");
    }
    let answer = send(url, &post("HOST", &told("tools/call", "echo"), &echo));
    assert_eq!(answer.json()["result"]["structuredContent"], json!({"n": 1}));
    let answer = send(url, &post("HOST", &told("tools/call", "=?base64?w6ljaMO4?="), &asked[2].to_string()));
    assert_eq!(answer.line, "HTTP/1.1 200 OK");
    let answer = send(url, &post("HOST", &told("resources/list", ""), &newer(ask(7, "resources/list")).to_string()));
    assert_eq!((answer.line.as_str(), &answer.json()["error"]["code"]), ("HTTP/1.1 404 Not Found", &json!(-32601)));
    assert_eq!(
        send(url, &post("HOST", &version, &json!([ask(1, "ping"), ask(2, "ping")]).to_string())).line,
        "HTTP/1.1 400 Bad Request"
    );
}

fn plain_calls_are_answered() {
    let place = Place::new();
    let stage = stage(&recorded(&place, "old", &["one", "two"], &usual()), true);
    let doors = Doors::open(stage.clone()).unwrap();
    let ask = |body: Value| send(doors.tools(), &post("HOST", "", &body.to_string()));
    let answer = ask(json!({"tool": "two.add", "args": {"b": 2, "a": 1}}));
    assert_eq!((answer.line.as_str(), &answer.json()["status"]), ("HTTP/1.1 200 OK", &json!("ok")));
    assert_eq!(answer.json()["result"]["content"][0]["text"], "3");
    assert_eq!(ask(json!({"tool": "one.fail"})).json()["status"], "tool_error");
    assert_eq!(ask(json!({"tool": "one.none", "args": {}})).json()["status"], "error");
    for wrong in [json!({}), json!({"tool": 1}), json!([]), json!({"tool": "add"})] {
        let answer = ask(wrong.clone());
        assert_eq!(answer.line, "HTTP/1.1 400 Bad Request", "{wrong}");
        assert!(answer.json()["error"].is_string());
    }
    let twice = "{\"tool\":\"one.add\",\"tool\":\"two.add\"}";
    assert_eq!(send(doors.tools(), &post("HOST", "", twice)).line, "HTTP/1.1 400 Bad Request");
    // By whatever door: one list.
    send(&doors.servers()[0].1, &post("HOST", "", &usual()[2].to_string()));
    let asked: Vec<String> = stage.asking().into_iter().map(|asking| asking.tool).collect();
    assert_eq!(asked, ["two.add", "one.fail", "one.none", "one.add"]);
    assert_eq!(ask(json!({"tool": "one.other"})).line, "HTTP/1.1 503 Service Unavailable");
    assert!(stage.stopped());
    assert_eq!(
        send(&doors.servers()[1].1, &post("HOST", "", &usual()[1].to_string())).line,
        "HTTP/1.1 503 Service Unavailable"
    );
}

fn doors_are_private_and_close() {
    let place = Place::new();
    let stage = stage(&recorded(&place, "old", &["tiny"], &usual()), false);
    let doors = [Doors::open(stage.clone()).unwrap(), Doors::open(stage).unwrap()];
    let url = doors[0].servers()[0].1.clone();
    let (host, path) = url.trim_start_matches("http://").split_once('/').unwrap();
    assert!(host.starts_with("127.0.0.1:") && path.split('/').next().unwrap().len() == 32, "{url}");
    assert_ne!(doors[1].servers()[0].1.split('/').nth(3), url.split('/').nth(3));
    let ping = ask(1, "ping").to_string();
    assert_eq!(send(&url, &post("HOST", "", &ping)).line, "HTTP/1.1 200 OK");
    for other in ["/mcp", "/", "/mcp/1", "/0/mcp/1"] {
        assert_eq!(send(&format!("http://{host}{other}"), &post("HOST", "", &ping)).line, "HTTP/1.1 404 Not Found");
    }
    for request in [post("evil.example", "", &ping), post("HOST", "Origin: http://evil.example\r\n", &ping)] {
        assert_eq!(send(&url, &request).line, "HTTP/1.1 403 Forbidden");
    }
    let mut open = connect(host);
    let host = host.to_owned();
    drop(doors);
    assert!(hear(&mut open).is_none(), "connections are closed");
    assert!(TcpStream::connect(host).is_err(), "nobody listens");
}

fn a_replay_on_http_leaves_its_candidate() {
    let place = Place::new();
    let path = recorded(&place, "old", &["one", "two"], &usual());
    let args = ["mcp", "replay", "--from", path.as_str(), "--listen", "127.0.0.1:0"];
    let mut replay = Listening::start(&place, &[&args[..], &["--candidate-out", "candidate.zip"]].concat());
    assert!(replay.url.ends_with("/mcp/1"), "{}", replay.url);
    let answer = send(&replay.url.replace("/mcp/1", "/mcp/2"), &post("HOST", "", &usual()[2].to_string()));
    assert_eq!(answer.json()["result"]["content"][0]["text"], "3");
    let plain = json!({"tool": "one.add", "args": {"a": 1, "b": 2}}).to_string();
    assert_eq!(send(&replay.url.replace("/mcp/1", "/tools"), &post("HOST", "", &plain)).json()["status"], "ok");
    replay.signal(Signal::INT);
    let (code, rest, errors) = replay.session.ended();
    assert_eq!((code, errors.as_str()), (0, ""));
    let said = String::from_utf8(rest).unwrap();
    assert!(said.contains("/mcp/2 server=two\ntools=http://127.0.0.1:"), "{said}");
    let (candidate, _) = read(&place.path().join("candidate.zip"));
    assert_eq!(
        candidate.intents.iter().map(|intent| intent.label.as_ref()).collect::<Vec<_>>(),
        ["two.add", "one.add"]
    );
    let mut one = Listening::start(&place, &[&args[..], &["--server", "two"]].concat());
    assert!(one.url.ends_with("/mcp"), "{}", one.url);
    one.signal(Signal::TERM);
    assert_eq!(one.session.ended().0, 0);
    place.run(&["mcp", "replay", "--from", path.as_str(), "--listen", "0.0.0.0:0"], 8);
    place.run(&["mcp", "replay", "--from", path.as_str(), "--server", "no", "--listen", "127.0.0.1:0"], 6);
}
