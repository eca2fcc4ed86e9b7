//! Replay: the recorded server's answers, and a record of what was asked.

use crate::kit::{Place, Session, Tests, ask, call, calls, read};
use crate::server::NEW;
use camino::Utf8PathBuf;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

pub const TESTS: Tests = &[
    ("an_unchanged_agent_is_answered", an_unchanged_agent_is_answered),
    ("an_unmatched_call_is_named", an_unmatched_call_is_named),
    ("a_newer_recording_answers_an_older_client", a_newer_recording_answers_an_older_client),
    ("a_terminated_replay_leaves_its_candidate", a_terminated_replay_leaves_its_candidate),
    ("what_cannot_be_replayed_is_told", what_cannot_be_replayed_is_told),
];

fn recorded(place: &Place, role: &str, asked: &[Value]) -> (Utf8PathBuf, Vec<Value>) {
    let mut session = place.tee(&[], role);
    let answers = asked.iter().map(|question| session.talk(question)).collect();
    session.close();
    (place.only("gait-out", ".zip"), answers)
}

fn replay(place: &Place, pack: &Utf8PathBuf, more: &[&str]) -> Session {
    let mut args = vec!["mcp", "replay", "--from", pack.as_str()];
    args.extend_from_slice(more);
    Session::start(&mut place.gait(&args))
}

fn usual() -> Vec<Value> {
    vec![
        ask(0, "server/discover"),
        ask(1, "initialize"),
        ask(2, "tools/list"),
        call(3, "add", json!({"a": 1, "b": 2})),
        call(4, "echo", json!({"n": 1})),
        call(5, "none", json!({})),
        call(6, "fail", json!({})),
    ]
}

fn an_unchanged_agent_is_answered() {
    let place = Place::new();
    let (pack, answers) = recorded(&place, "old", &usual());
    let mut session = replay(&place, &pack, &["--candidate-out", "out/candidate.zip"]);
    for (question, answer) in usual().iter().zip(&answers) {
        assert_eq!(&session.talk(question), answer, "{question}");
    }
    // Listing again, and pinging, changes nothing.
    assert_eq!(session.talk(&ask(2, "tools/list")), answers[2]);
    assert_eq!(session.talk(&ask(9, "ping"))["result"], json!({}));
    assert_eq!(session.talk(&ask(9, "resources/list"))["error"]["code"], -32601);
    let (code, rest, errors) = session.close();
    assert_eq!((code, rest.as_slice(), errors.as_str()), (0, &b""[..], ""));
    let candidate = std::fs::read(place.path().join("out/candidate.zip")).unwrap();
    assert_eq!(candidate, std::fs::read(pack).unwrap(), "equal behaviour, equal bytes");
}

fn an_unmatched_call_is_named() {
    let place = Place::new();
    let (pack, answers) = recorded(&place, "old", &usual());
    let mut session = replay(&place, &pack, &["--candidate-out", "candidate.zip"]);
    session.talk(&ask(2, "tools/list"));
    let other = session.talk(&call(3, "add", json!({"a": 1, "b": 3})))["result"].clone();
    assert_eq!(other["isError"], json!(true));
    let said = other["content"][0]["text"].as_str().unwrap();
    assert!(said.contains("tool add with arguments {\"a\":1,\"b\":3}"), "{said}");
    // Keys in any order, a number spelled otherwise: the same call. `add` only reads, so it may be asked again.
    for _ in 0..2 {
        session.send(
            "{\"id\":3,\"method\":\"tools/call\",\"params\":{\"_meta\":{\"x\":1},\"arguments\":{\"b\":2.0,\"a\":1},\"name\":\"add\"}}\n",
        );
        assert_eq!(session.hear(), answers[3]);
    }
    assert_eq!(session.talk(&call(4, "echo", json!({"n": 1}))), answers[4]);
    assert_eq!(session.talk(&call(4, "echo", json!({"n": 1})))["result"]["isError"], json!(true));
    session.close();
    let path = place.path().join("candidate.zip");
    place.verified(&path);
    let (candidate, _) = read(&path);
    let ids: Vec<&str> = candidate.intents.iter().map(|intent| intent.intent_id.as_ref()).collect();
    assert_eq!(ids, ["unmatched_1", "call_1", "repeat_3", "call_2", "unmatched_5"]);
    let status: Vec<String> = calls(&candidate).into_iter().map(|(.., status)| status).collect();
    assert_eq!(status, ["tool_error", "ok", "ok", "ok", "tool_error"]);
}

fn a_newer_recording_answers_an_older_client() {
    let place = Place::new();
    let asked = [ask(0, "server/discover"), call(1, "add", json!({"a": 1, "b": 2}))];
    let (pack, answers) = recorded(&place, "new", &asked);
    let mut session = replay(&place, &pack, &[]);
    assert_eq!(session.talk(&asked[0]), answers[0]);
    assert_eq!(answers[0]["result"]["supportedVersions"][0], NEW);
    let mut hello = ask(1, "initialize");
    hello["params"]["protocolVersion"] = json!("2025-06-18");
    let answer = session.talk(&hello)["result"].clone();
    assert_eq!(answer["protocolVersion"], "2025-06-18");
    assert_eq!(answer["serverInfo"]["name"], "tiny");
    assert_eq!(session.talk(&asked[1]), answers[1]);
    session.close();
}

fn a_terminated_replay_leaves_its_candidate() {
    let place = Place::new();
    let (pack, _) = recorded(&place, "old", &usual());
    let mut session = replay(&place, &pack, &["--candidate-out", "candidate.zip"]);
    session.talk(&usual()[3]);
    kill_process(Pid::from_child(&session.child), Signal::TERM).unwrap();
    assert_eq!(session.ended().0, 143);
    assert_eq!(read(&place.path().join("candidate.zip")).0.intents.len(), 1);
}

fn what_cannot_be_replayed_is_told() {
    let place = Place::new();
    let (pack, _) = recorded(&place, "old", &usual());
    for args in [&["--from", "run_nowhere"][..], &["--from", pack.as_str(), "--server", "other"]] {
        let output = place.run(&[&["mcp", "replay"], args].concat(), 6);
        assert_eq!(output.stdout, b"");
        assert!(String::from_utf8(output.stderr).unwrap().starts_with("mcp replay error: "));
    }
    let mut bytes = std::fs::read(&pack).unwrap();
    let name = b"intents.jsonl";
    let content = bytes.windows(name.len()).position(|window| window == name).unwrap() + name.len();
    bytes[content + 9] ^= 1;
    std::fs::write(&pack, bytes).unwrap();
    place.run(&["mcp", "replay", "--from", pack.as_str()], 2);
}
