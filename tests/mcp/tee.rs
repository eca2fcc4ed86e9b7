//! The tee: nothing changes for client and server, and the pack tells what they said.

use crate::kit::{Place, Session, Tests, ask, call, calls, own, read};
use crate::server::{NEW, ROLE};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use std::io::{Read as _, Write as _};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

pub const TESTS: Tests = &[
    ("bytes_pass_unchanged", bytes_pass_unchanged),
    ("a_server_is_recorded", a_server_is_recorded),
    ("both_eras_and_rounds", both_eras_and_rounds),
    ("interleaved_calls_are_paired", interleaved_calls_are_paired),
    ("a_crash_is_passed_on", a_crash_is_passed_on),
    ("signals_are_passed_on", signals_are_passed_on),
    ("a_server_that_cannot_start", a_server_that_cannot_start),
    ("integers_keep_their_digits", integers_keep_their_digits),
    ("a_last_line_without_an_end", a_last_line_without_an_end),
    ("streams_that_do_not_block", streams_that_do_not_block),
];

fn bytes_pass_unchanged() {
    let place = Place::new();
    let pieces: [&[u8]; 6] = [
        b"{\"half\":",
        b" 1 }\r\n\n\n",
        b"\xff\xfe not json\n\0\n",
        b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"x\"}\n{\"a\":1}\n",
        &[b'x'; 60_000],
        b"\n{\"last\": \"line\"}",
    ];
    let mut heard = Vec::new();
    for tee in [false, true] {
        let mut session =
            if tee { place.tee(&[], "mirror") } else { Session::start(place.command(&own(), &[]).env(ROLE, "mirror")) };
        let mut all = Vec::new();
        for piece in pieces {
            // Also half a line comes back at once.
            session.send(piece);
            all.extend(session.take(piece.len()));
        }
        let (code, rest, errors) = session.close();
        heard.push((all, code, rest, errors));
    }
    assert_eq!(heard[0], heard[1]);
    assert_eq!(heard[0].0, pieces.concat());
    assert_eq!((heard[0].1, heard[0].3.as_str()), (7, ""));
}

fn a_server_is_recorded() {
    let place = Place::new();
    let mut session = place.tee(&["--out", "packs"], "old");
    assert_eq!(session.talk(&ask(0, "server/discover"))["error"]["code"], -32601);
    session.talk(&ask(1, "initialize"));
    session.send("{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}\n");
    for id in 2..5 {
        session.talk(&ask(id, "tools/list"));
    }
    session.talk(&call(5, "add", json!({"a": 1, "b": 2})));
    session.talk(&call(6, "fail", json!({})));
    session.talk(&call(7, "none", json!({"x": "y"})));
    let (code, rest, errors) = session.close();
    assert_eq!((code, rest.as_slice(), errors.as_str()), (3, &b""[..], "server ready\n"));
    let path = place.only("", ".zip");
    assert_eq!(place.files("", ".jsonl"), [""; 0], "the journal is in the pack");
    let name = path.file_name().unwrap();
    assert!(path.parent().unwrap().ends_with("packs") && name.starts_with("runpack_run_20"), "{path}");
    let report = place.verified(&path);
    assert_eq!((&report["signature_status"], &report["truncated"]), (&json!("verified"), &json!(null)));
    let (pack, catalog) = read(&path);
    let told: Vec<_> = calls(&pack);
    let want = [("add", r#"{"a":1,"b":2}"#, "ok"), ("fail", "{}", "tool_error"), ("none", r#"{"x":"y"}"#, "error")];
    assert_eq!(told, want.map(|(a, b, c)| (a.to_owned(), b.to_owned(), c.to_owned())));
    let result = std::str::from_utf8(pack.results[2].body.as_deref().unwrap()).unwrap();
    assert_eq!(result, r#"{"error":{"code":-32602,"message":"no such tool"}}"#);
    let server = &catalog.servers[0];
    assert_eq!((server.name.as_str(), server.protocol_version.as_str()), ("tiny", "2025-11-25"));
    assert_eq!(server.tools.len(), 2);
    let exchanges: Vec<_> = server.exchanges.iter().map(|e| (e.method.as_str(), e.times)).collect();
    assert_eq!(exchanges, [("server/discover", 1), ("initialize", 1), ("tools/list", 3)]);
    place.run(&["run", "inspect", path.as_str()], 0);
}

fn both_eras_and_rounds() {
    let place = Place::new();
    let mut session = place.tee(&["--server", "newer"], "new");
    let meta = json!({"io.modelcontextprotocol/protocolVersion": NEW});
    session.talk(&json!({"jsonrpc": "2.0", "id": "d", "method": "server/discover", "params": {"_meta": meta}}));
    let mut first = call(1, "ask", json!({"q": 1}));
    first["params"]["_meta"] = meta;
    assert_eq!(session.talk(&first)["result"]["resultType"], "input_required");
    session.talk(&call(2, "add", json!({"a": 1, "b": 1})));
    let mut again = call(3, "ask", json!({"q": 1}));
    again["params"]["inputResponses"] = json!({"name": "x"});
    again["params"]["requestState"] = json!("s1");
    session.talk(&again);
    session.close();
    let (pack, catalog) = read(&place.only("gait-out", ".zip"));
    let told: Vec<_> = calls(&pack).into_iter().map(|(tool, _, status)| (tool, status)).collect();
    assert_eq!(told, [("ask".to_owned(), "ok".to_owned()), ("add".to_owned(), "ok".to_owned())]);
    assert_eq!(pack.results[0].intent_id, "call_1");
    let server = &catalog.servers[0];
    assert_eq!((server.name.as_str(), server.protocol_version.as_str()), ("newer", NEW));
}

fn interleaved_calls_are_paired() {
    let place = Place::new();
    let mut session = place.tee(&[], "old");
    for id in 1..=50 {
        session.say(&call(id, "hold", json!({"n": id})));
    }
    session.say(&call(99, "flush", json!({})));
    let order: Vec<u64> = (0..51).map(|_| session.hear()["id"].as_u64().unwrap()).collect();
    assert_eq!(order, (1..=50).rev().chain([99]).collect::<Vec<_>>());
    session.close();
    let (pack, _) = read(&place.only("gait-out", ".zip"));
    assert_eq!((pack.intents.len(), pack.results.len()), (51, 51));
    for (intent, result) in pack.intents.iter().zip(&pack.results).take(50) {
        assert_eq!(intent.intent_id, result.intent_id);
        let args = std::str::from_utf8(intent.content().unwrap()).unwrap();
        let text = std::str::from_utf8(result.content().unwrap()).unwrap();
        assert!(text.contains(&format!("\"arguments\":{args}")), "{text}");
    }
}

fn a_crash_is_passed_on() {
    let place = Place::new();
    let mut session = place.tee(&[], "old");
    session.talk(&call(1, "add", json!({"a": 1, "b": 2})));
    session.say(&call(2, "crash", json!({})));
    // The client's end stays open: the server's end is enough.
    let (code, ..) = session.ended();
    assert_eq!(code, 9);
    let path = place.only("gait-out", ".zip");
    assert_eq!(place.verified(&path)["truncated"], json!(null));
    let (pack, _) = read(&path);
    assert_eq!((pack.intents.len(), pack.results.len()), (2, 1));
}

fn signals_are_passed_on() {
    for (signal, code) in [(Signal::TERM, 143), (Signal::INT, 130), (Signal::HUP, 129)] {
        let place = Place::new();
        let mut session = place.tee(&[], "old");
        session.talk(&call(1, "add", json!({"a": 1, "b": 2})));
        kill_process(Pid::from_child(&session.child), signal).unwrap();
        assert_eq!(session.ended().0, code);
        let path = place.only("gait-out", ".zip");
        assert_eq!(place.verified(&path)["truncated"], json!(null));
        assert_eq!(read(&path).0.intents.len(), 1);
    }
}

fn a_server_that_cannot_start() {
    let place = Place::new();
    let output = place.run(&["mcp", "record", "--", "/nowhere/server"], 7);
    assert_eq!(output.stdout, b"");
    assert!(String::from_utf8(output.stderr).unwrap().starts_with("mcp record error: cannot start /nowhere/server"));
    assert_eq!(place.files("gait-out", ""), [""; 0]);
    assert!(!place.run(&["mcp", "record"], 6).stdout.is_empty());
}

fn integers_keep_their_digits() {
    let place = Place::new();
    let mut session = place.tee(&[], "old");
    session.send(
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"x\",\"arguments\":{\"id\":12345678901234567891, \"f\": 1.0}}}\n",
    );
    session.hear();
    session.close();
    let path = place.only("gait-out", ".zip");
    let report = place.verified(&path);
    assert_eq!(report["record_digest_mismatches"], json!(null));
    let (pack, _) = read(&path);
    assert_eq!(calls(&pack)[0].1, r#"{"f":1,"id":12345678901234567891}"#);
    assert_eq!(pack.intents[0].body.as_deref(), Some(&br#"{"f":1,"id":12345678901234567000}"#[..]));
    assert!(pack.results[0].content().unwrap().windows(20).any(|w| w == b"12345678901234567891"));
}

fn a_last_line_without_an_end() {
    let place = Place::new();
    let mut session = place.tee(&[], "old");
    session.send(call(1, "add", json!({"a": 4, "b": 2})).to_string());
    let (_, rest, _) = session.close();
    assert!(String::from_utf8(rest).unwrap().contains("\"6\""));
    let (pack, _) = read(&place.only("gait-out", ".zip"));
    assert_eq!((pack.intents.len(), pack.results.len()), (1, 1));
}

/// Some clients hand over sockets, and some of those do not block.
fn streams_that_do_not_block() {
    let place = Place::new();
    let (mut ours, theirs) = UnixStream::pair().unwrap();
    theirs.set_nonblocking(true).unwrap();
    let mut command = place.gait(&["mcp", "record", "--run-dir", "run", "--", &own()]);
    command.env(ROLE, "mirror").stdin(OwnedFd::from(theirs.try_clone().unwrap())).stdout(OwnedFd::from(theirs));
    let mut child = command.spawn().unwrap();
    drop(command);
    let bytes = vec![b'x'; 3_000_000];
    let mut back = ours.try_clone().unwrap();
    let reader = std::thread::spawn(move || {
        let mut heard = Vec::new();
        back.read_to_end(&mut heard).unwrap();
        heard
    });
    ours.write_all(&bytes).unwrap();
    ours.shutdown(Shutdown::Write).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(7));
    assert!(reader.join().unwrap() == bytes);
}
