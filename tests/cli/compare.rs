//! `regress run`: what counts as a difference, call by call, and what an allow list lets through.

use crate::kit::Gait;
use serde_json::{Value, json};

fn call(id: &str, tool: &str, args: Value, status: &str) -> String {
    json!({ "id": id, "tool": tool, "args": args, "status": status, "result": { "at": id } }).to_string()
}

/// The baseline: three calls, under ids that start with `side`.
fn calls(side: &str) -> Vec<String> {
    vec![
        call(&format!("{side}1"), "lookup", json!({ "id": 7, "x": 1 }), "ok"),
        call(&format!("{side}2"), "check", json!({}), "ok"),
        call(&format!("{side}3"), "refund", json!({ "amount": 5 }), "ok"),
    ]
}

fn record(gait: &Gait, run: &str, calls: &[String]) {
    gait.record(run, &calls.iter().map(String::as_str).collect::<Vec<_>>());
}

fn base() -> Gait {
    let gait = Gait::new();
    gait.fixture("a", &calls("b").iter().map(String::as_str).collect::<Vec<_>>());
    gait
}

fn allow(gait: &Gait, list: &[&str]) {
    let mut metadata = gait.json("fixtures/a/fixture.json");
    metadata["diff_allow_changed_files"] = json!(list);
    gait.file("fixtures/a/fixture.json", metadata.to_string());
}

/// Compares the fixture with `today`; exit, reason codes, details.
fn compared(gait: &Gait, today: &[String]) -> (i32, Vec<String>, Value) {
    record(gait, "today", today);
    let code = gait.run("regress run --json --candidate today a/diff").code;
    let grader = gait.json("regress_result.json")["graders"][0].clone();
    let codes = grader["reason_codes"].as_array().unwrap().iter().map(|code| code.as_str().unwrap().to_owned());
    (code, codes.collect(), grader["details"].clone())
}

type Change = (&'static str, fn(&mut Vec<String>));

#[test]
fn other_call_ids_are_compared_call_by_call() {
    let changes: [Change; 7] = [
        ("", |_| {}),
        ("call_changed", |calls| calls[2] = call("n3", "refund", json!({ "amount": 6 }), "ok")),
        ("call_missing", |calls| drop(calls.remove(1))),
        ("call_extra", |calls| calls.insert(1, call("n9", "delete", json!({}), "ok"))),
        ("call_moved", |calls| calls.swap(1, 2)),
        ("status_changed", |calls| calls[2] = call("n3", "refund", json!({ "amount": 5 }), "error")),
        ("call_extra,call_missing", |calls| calls[1] = call("n2", "delete", json!({}), "ok")),
    ];
    for (want, change) in changes {
        let gait = base();
        let mut today = calls("n");
        change(&mut today);
        let (code, codes, details) = compared(&gait, &today);
        assert_eq!((code, codes.join(",").as_str()), (if want.is_empty() { 0 } else { 5 }, want));
        assert_eq!(details["compared"], "calls", "{want}");
        let listed: Vec<&str> =
            details["calls"].as_array().into_iter().flatten().map(|call| call["reason"].as_str().unwrap()).collect();
        let mut sorted = listed.clone();
        sorted.sort_unstable();
        assert_eq!(sorted.join(","), want);
    }
}

#[test]
fn the_changed_call_is_told() {
    let gait = base();
    let mut today = calls("n");
    today[2] = call("n3", "refund", json!({ "amount": 9007199254740992_i64 * 10, "to": "\u{1b}[31meve" }), "error");
    today.insert(0, call("n0", "login", json!({ "as": "root" }), "ok"));
    record(&gait, "today", &today);
    insta::assert_snapshot!(gait.run("regress run --candidate today a/diff").code(5).transcript());
    let details = gait.json("regress_result.json")["graders"][0]["details"]["calls"].clone();
    insta::assert_snapshot!(serde_json::to_string_pretty(&details).unwrap());
}

#[test]
fn equal_ids_keep_the_verdict_of_files() {
    let gait = base();
    let (code, codes, details) = compared(&gait, &calls("b"));
    assert_eq!((code, codes.len(), &details["compared"]), (0, 0, &json!("files")));
    let mut today = calls("b");
    today[2] = call("b3", "refund", json!({ "amount": 6 }), "ok");
    let (code, codes, details) = compared(&gait, &today);
    assert_eq!((code, codes), (5, vec!["unexpected_diff".to_owned()]));
    assert_eq!(
        (&details["changed_files"], &details["unexpected_files"]),
        (&json!(["intents.jsonl"]), &json!(["intents.jsonl"]))
    );
    assert_eq!(details["calls"][0]["differences"], json!([{ "path": "/args/amount", "baseline": 5, "candidate": 6 }]));
}

#[test]
fn one_id_for_two_calls_is_no_way_to_hide() {
    for side in ["b", "n"] {
        let gait = base();
        let mut today = calls(side);
        today.insert(0, call(&format!("{side}3"), "delete", json!({ "all": true }), "ok"));
        let (code, codes, _) = compared(&gait, &today);
        assert_eq!(code, 5);
        assert!(codes.contains(&"duplicate_intent_id".to_owned()), "{side}: {codes:?}");
    }
}

#[test]
fn a_place_on_the_list_may_differ() {
    for side in ["b", "n"] {
        let gait = base();
        allow(&gait, &["intents.jsonl#/0/args/x"]);
        let mut today = calls(side);
        today[0] = call(&format!("{side}1"), "lookup", json!({ "id": 7, "x": 2 }), "ok");
        let (code, codes, details) = compared(&gait, &today);
        assert_eq!((code, codes.len()), (0, 0), "{side}: {details}");
        assert_eq!(details.get("broad_allow"), None);
        today[0] = call(&format!("{side}1"), "lookup", json!({ "id": 7, "x": { "deep": [1] } }), "ok");
        assert_eq!(compared(&gait, &today).0, 0, "{side}: below the place");
    }
}

#[test]
fn a_place_on_the_list_allows_nothing_else() {
    // Each change comes with the one that is allowed.
    let changes: [Change; 10] = [
        ("args beside it", |calls| calls[0] = call("?1", "lookup", json!({ "id": 8, "x": 2 }), "ok")),
        ("a longer name", |calls| calls[0] = call("?1", "lookup", json!({ "id": 7, "x": 2, "xy": 1 }), "ok")),
        ("its status", |calls| calls[0] = call("?1", "lookup", json!({ "id": 7, "x": 2 }), "error")),
        ("its tool", |calls| calls[0] = call("?1", "search", json!({ "id": 7, "x": 2 }), "ok")),
        ("another call", |calls| calls[2] = call("?3", "refund", json!({ "amount": 5, "x": 2 }), "ok")),
        ("another status", |calls| calls[2] = call("?3", "refund", json!({ "amount": 5 }), "error")),
        ("an extra call", |calls| calls.push(call("?4", "delete", json!({}), "ok"))),
        ("a missing call", |calls| drop(calls.remove(1))),
        ("moved calls", |calls| {
            calls.remove(0);
            calls.push(call("?1", "lookup", json!({ "id": 7, "x": 1 }), "ok"));
        }),
        ("a hundred places first", |calls| {
            let mut args = json!({ "id": 7, "x": vec![0; 150] });
            args["z"] = json!(true);
            calls[0] = call("?1", "lookup", args, "ok");
        }),
    ];
    for side in ["b", "n"] {
        for (what, change) in changes {
            if (side, what) == ("b", "moved calls") {
                continue; // the order of calls under their old ids has never counted
            }
            let gait = base();
            allow(&gait, &["intents.jsonl#/0/args/x"]);
            let mut today = calls("?");
            today[0] = call("?1", "lookup", json!({ "id": 7, "x": 2 }), "ok");
            change(&mut today);
            let today: Vec<String> = today.iter().map(|line| line.replace('?', side)).collect();
            let (code, codes, details) = compared(&gait, &today);
            assert!(code == 5 && !codes.is_empty(), "{side}: {what} passes: {details}");
        }
    }
}

#[test]
fn a_digest_that_changed_alone_is_not_implied() {
    let gait = base();
    let input = |digest: &str| {
        json!({
            "run": { "run_id": "today", "created_at": "2026-03-01T10:00:00Z" },
            "intents": [{ "intent_id": "b1", "tool_name": "lookup", "args": { "x": 1 }, "args_digest": digest }],
        })
    };
    let pack = |name: &str, digest: &str| {
        gait.file(name, input(digest).to_string());
        gait.args(&["run", "record", name, "--run-id", name.trim_end_matches(".json")]).code(0);
    };
    pack("one.json", "");
    pack("two.json", &"0".repeat(64));
    gait.run("regress init --from one --name d --expect-exit 2 --allow-changed intents.jsonl#/0/args/x").code(0);
    let answer = gait.run("regress run d/diff --json --candidate d=two").code(5).json();
    assert_eq!(answer["top_failure_reason"], "unexpected_diff");
}

#[test]
fn a_whole_file_on_the_list_is_called_broad() {
    let gait = base();
    allow(&gait, &["intents.jsonl"]);
    let mut today = calls("n");
    today[0] = call("n1", "delete", json!({}), "ok");
    let (code, _, details) = compared(&gait, &today);
    assert_eq!((code, &details["broad_allow"]), (0, &json!(["intents.jsonl"])));
    today[2] = call("n3", "refund", json!({ "amount": 6 }), "error");
    let (code, codes, details) = compared(&gait, &today);
    assert_eq!((code, codes), (5, vec!["status_changed".to_owned()]), "{details}");
    assert_eq!(details["unexpected_files"], json!(["results.jsonl"]));
}

#[test]
fn results_do_not_count_but_their_status_does() {
    let gait = base();
    let mut today = calls("n");
    today[2] = json!({ "id": "n3", "tool": "refund", "args": { "amount": 5 }, "result": { "other": 1 } }).to_string();
    assert_eq!(compared(&gait, &today).0, 0);
    let long: Vec<u32> = (0..150).collect();
    allow(&gait, &["results.jsonl#/2/result"]);
    today[2] =
        json!({ "id": "n3", "tool": "refund", "args": { "amount": 5 }, "status": "error", "result": long }).to_string();
    let (code, codes, details) = compared(&gait, &today);
    assert_eq!((code, codes), (5, vec!["status_changed".to_owned()]), "{details}");
    assert_eq!(
        details["calls"][0]["differences"],
        json!([{ "path": "/status", "baseline": "ok", "candidate": "error" }])
    );
}

#[test]
fn integers_beyond_a_double_are_told_apart() {
    // As a text they stay what they are; as a number the recorder can't keep them, and says so.
    let gait = Gait::new();
    let line = |id: &str, n: &str| format!(r#"{{"id":"{id}","tool":"pay","args":{{"account":{n}}}}}"#);
    gait.fixture("a", &[&line("b1", "\"9007199254740992\"")]);
    let (code, codes, _) = compared(&gait, &[line("n1", "\"9007199254740993\"")]);
    assert_eq!((code, codes), (5, vec!["call_changed".to_owned()]));
    let number = line("n1", "9007199254740993");
    let args = ["run", "record", "--calls", "-", "--run-id", "x"];
    gait.fed(&args, number.as_bytes()).code(0).warns(&["an integer that a double cannot keep"]);
    gait.fed(&[&args[..], &["--strict"]].concat(), number.as_bytes()).code(6);
}
