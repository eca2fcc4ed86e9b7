//! `run record` and the verbs that read what it wrote.

use crate::kit::Gait;
use serde_json::{Value, json};

const LOOKUP: &str = r#"{"tool":"lookup","args":{"id":7},"result":{"row":1}}"#;
const REFUND: &str = r#"{"tool":"refund","args":{"amount":5},"status":"error","result":{"why":"limit"}}"#;

fn feed(gait: &Gait, flags: &str, lines: &str) -> crate::kit::Out {
    let line = format!("run record --calls - --run-id r {flags}");
    gait.fed(&line.split_whitespace().collect::<Vec<_>>(), lines.as_bytes())
}

fn document() -> Value {
    json!({
        "run": { "run_id": "doc", "created_at": "2026-03-01T10:00:00Z" },
        "intents": [{ "intent_id": "i1", "tool_name": "lookup", "args": { "id": 7 } }],
        "results": [{ "intent_id": "i1", "status": "ok", "result": { "row": 1 } }],
    })
}

#[test]
fn calls_become_a_signed_pack() {
    let gait = Gait::new();
    let out = feed(&gait, "", &format!("{LOOKUP}\n\n  {REFUND}\r\n"));
    insta::assert_snapshot!(out.code(0).transcript());
    insta::assert_snapshot!(gait.run("verify r").code(0).transcript());
    insta::assert_snapshot!(gait.run("run inspect r").code(0).transcript());
    insta::assert_snapshot!(gait.run("run receipt r").code(0).transcript());
    insta::assert_snapshot!(gait.run("run replay r").code(0).transcript());
    let verified = gait.run("verify r --json").code(0).json();
    assert_eq!(verified["signature_status"], "verified");
    let footer = gait.run("run receipt --from r --json").code(0).json()["ticket_footer"].clone();
    assert!(footer.as_str().unwrap().contains(verified["manifest_digest"].as_str().unwrap()), "{footer}");
    let timeline = gait.run("run inspect r --json").code(0).json();
    let tools: Vec<&Value> = timeline["entries"].as_array().unwrap().iter().map(|entry| &entry["tool_name"]).collect();
    assert_eq!(json!(tools), json!(["lookup", "refund"]));
}

#[test]
fn calls_from_a_file_are_the_same() {
    let gait = Gait::new();
    let line = LOOKUP.replacen('{', r#"{"ts":"2026-03-01T10:00:00Z","#, 1);
    gait.file("calls.jsonl", &line);
    gait.run("run record --calls calls.jsonl --run-id one --out-dir deep/er").code(0);
    assert!(gait.exists("deep/er/runpack_one.zip"));
    feed(&gait, "", &line).code(0);
    gait.run("run diff deep/er/runpack_one.zip r").code(0);
}

#[test]
fn no_call_is_no_recording() {
    let gait = Gait::new();
    for lines in ["", "\n \r\n"] {
        feed(&gait, "", lines).code(6).says(&["there is no call to record"]);
    }
    assert_eq!(gait.tree().len(), 0);
}

#[test]
fn a_bad_line_is_named_and_nothing_is_written() {
    let gait = Gait::new();
    let bad = [
        "{",
        "[]",
        r#"["x",null,null,null,null,null]"#,
        "7",
        r#"{"args":{}}"#,
        r#"{"tool":"x","arg":{}}"#,
        r#"{"tool":"x","tool":"y"}"#,
        r#"{"tool":7}"#,
        r#"{"tool":"x","args":{"a":1,"a":2}}"#,
        r#"{"tool":"x","args":1e400}"#,
        r#"{"tool":"x","ts":"yesterday"}"#,
        r#"{"tool":"x"} {"tool":"y"}"#,
    ];
    let mut told = String::new();
    for line in bad {
        for flags in ["", "--json"] {
            let out = feed(&gait, flags, &format!("{LOOKUP}\n\n{line}\n{REFUND}\n")).code(6);
            if flags.is_empty() {
                out.stdout.lines().for_each(|line| assert!(!line.contains('\u{1b}')));
                assert!(out.stdout.starts_with("record error: standard input: line 3: "), "{}", out.stdout);
                told.push_str(&format!("{line}\n{}", out.stdout));
            } else {
                assert_eq!(out.json()["error_code"], "invalid_input");
            }
        }
        assert_eq!(gait.tree().len(), 0, "{line}");
    }
    insta::assert_snapshot!(told);
}

#[test]
fn what_looks_wrong_is_warned_about_or_refused() {
    let gait = Gait::new();
    let doubtful = [
        ("repeat the id of an earlier one", "{\"id\":\"a\",\"tool\":\"x\",\"result\":{}}\n".repeat(2)),
        ("have a status other than ok and error", REFUND.replace(r#""error""#, r#""odd""#)),
    ];
    for (want, lines) in doubtful {
        let out = feed(&gait, "", &lines).code(0).warns(&["warning: ", want]);
        assert_eq!(out.stdout.lines().count(), 3);
        let answer = feed(&gait, "--json", &lines).code(0).json();
        assert!(answer["warnings"][0].as_str().unwrap().contains(want), "{answer}");
        std::fs::remove_dir_all(gait.path("gait-out")).unwrap();
        feed(&gait, "--strict", &lines).code(6).says(&[want]);
        assert!(!gait.exists("gait-out/runpack_r.zip"), "{want}");
    }
    let out = feed(&gait, "--strict", LOOKUP).code(0);
    assert_eq!(out.stderr, "");
}

#[test]
fn documents_are_recorded_with_their_ids() {
    let gait = Gait::new();
    gait.file("run.json", document().to_string());
    for line in ["run record run.json", "run record --input run.json"] {
        gait.run(line).code(0).says(&["run_id=doc", "bundle=./gait-out/runpack_doc.zip"]);
    }
    gait.run("run record run.json --run-id other --capture-mode raw --json").code(0);
    let timeline = gait.run("run inspect other --json").code(0).json();
    assert_eq!((&timeline["run_id"], &timeline["capture_mode"]), (&json!("other"), &json!("raw")));
    gait.run("run diff doc other").code(2).says(&["changed: "]);
    let mut wrong = document();
    wrong["intents"][0]["args_digest"] = json!("0".repeat(64));
    gait.file("wrong.json", wrong.to_string());
    gait.run("run record wrong.json").code(0).warns(&["have a digest unlike their content"]);
    gait.run("run record wrong.json --strict --run-id w").code(6);
    assert!(!gait.exists("gait-out/runpack_w.zip"));
    wrong["run"]["run_id"] = json!("../up");
    gait.file("wrong.json", wrong.to_string());
    gait.run("run record wrong.json").code(6).says(&["run id \"../up\" cannot be recorded"]);
    for line in ["run record", "run record run.json --calls -", "run record nowhere.json", "run record gait-out"] {
        gait.run(line).code(6);
    }
    gait.run("run record run.json --out-dir ../up").code(6);
    gait.run("run record run.json --capture-mode odd --run-id odd").code(6);
    assert!(!gait.exists("gait-out/runpack_odd.zip"));
}

#[test]
fn a_changed_call_is_told() {
    let gait = Gait::new();
    let ts = |line: &str| line.replacen('{', r#"{"ts":"2026-03-01T10:00:00Z","#, 1);
    gait.record("one", &[&ts(LOOKUP), &ts(REFUND)]);
    gait.record("two", &[&ts(LOOKUP), &ts(&REFUND.replace('5', "6"))]);
    insta::assert_snapshot!(gait.run("run diff one two").code(2).transcript());
    let answer = gait.run("run diff one two --json --output d.json").code(2).json();
    assert_eq!((&answer["ok"], &answer["summary"]["intents_changed"]), (&json!(false), &json!(true)));
    assert!(gait.json("d.json").is_object());
    let out = gait.run("run diff one two --output out/d.json").code(6);
    assert_eq!(out.stdout, "diff error: cannot write out/d.json: No such file or directory (os error 2)\n");
    insta::assert_snapshot!(gait.run("run diff one two --privacy metadata").code(2).transcript());
    gait.run("run diff one two --privacy odd").code(6);
    let answer = gait.run("run diff one nowhere --json").code(6).json();
    assert!(answer["summary"].is_object(), "{answer}");
}

#[test]
fn without_a_home_it_says_that_nothing_is_signed() {
    let gait = Gait::new().env("HOME", "");
    feed(&gait, "", LOOKUP).code(0).warns(&["warning: ", "not signed"]);
    let verified = gait.run("verify r --json").code(0).json();
    assert_eq!(verified["signature_status"], "missing");
    let out = feed(&gait, "--no-sign", LOOKUP).code(0);
    assert_eq!(out.stderr, "");
}

#[test]
fn json_members_are_sorted_at_every_depth() {
    let gait = Gait::new();
    gait.record("one", &[LOOKUP]);
    gait.record("two", &[REFUND]);
    for line in ["run diff one two", "run diff one nowhere", "verify one", "run inspect one", "run replay one"] {
        let text = gait.run(&format!("{line} --json")).stdout;
        // The parsed value's members are sorted, so only sorted text comes out as it went in.
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap().to_string() + "\n", text, "{line}");
    }
}
