//! `regress accept`, `review` and `log`: how a baseline changes, and how a chain that does not hold shows.

use crate::kit::Gait;
use serde_json::{Value, json};

const OLD: &str = r#"{"id":"c","tool":"refund","args":{"amount":5},"result":{"ok":true}}"#;
const NEW: &str = r#"{"id":"c","tool":"refund","args":{"amount":9},"result":{"ok":true}}"#;
const THIRD: &str = r#"{"id":"c","tool":"refund","args":{"amount":7},"result":{"ok":true}}"#;

const CHAIN: &str = "fixtures/a/baselines.jsonl";
const RUNPACK: &str = "fixtures/a/runpack.zip";
const METADATA: &str = "fixtures/a/fixture.json";
/// In the order they are written.
const FILES: [&str; 4] = [CHAIN, RUNPACK, METADATA, "gait.yaml"];

/// A fixture that today's run fails, run once.
fn failing() -> Gait {
    let gait = Gait::new().env("USER", "ada");
    gait.fixture("a", &[OLD]);
    gait.record("today", &[NEW]);
    gait.record("later", &[THIRD]);
    gait.run("regress run --candidate today").code(5);
    gait
}

fn accept(gait: &Gait, more: &[&str]) -> crate::kit::Out {
    gait.args(&[&["regress", "accept", "a", "--reason", "the limit was raised"], more].concat())
}

/// A fixture with two accepted baselines.
fn twice() -> Gait {
    let gait = failing();
    accept(&gait, &[]).code(0);
    gait.run("regress run --candidate later").code(5);
    accept(&gait, &[]).code(0);
    gait.run("regress run").code(0);
    gait
}

fn reason(gait: &Gait, code: i32) -> String {
    gait.run("regress run --json").code(code).json()["top_failure_reason"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn the_last_runs_first_failing_trial_becomes_the_baseline() {
    let gait = failing();
    let metadata = gait.text(METADATA).replacen('{', r#"{"owner": {"team": "pay"},"#, 1);
    gait.file(METADATA, metadata);
    let trial = gait.json("regress_result.json")["graders"][0]["details"]["trials"][0].clone();
    let out = accept(&gait, &["--json"]).code(0).json();
    assert_eq!((&out["run_id"], &out["previous_run_id"]), (&json!("today"), &json!("run_a")));
    assert_eq!((&out["accepted_by"], &out["finished"]), (&json!("ada"), &json!(false)));
    assert_eq!((&out["manifest_digest"], &out["diff_digest"]), (&trial["candidate_digest"], &trial["diff_digest"]));
    assert!(out["evidence"].as_str().unwrap().contains("+ /args/amount: 9"), "{out}");
    assert_eq!(gait.bytes(RUNPACK), gait.bytes("gait-out/runpack_today.zip"));
    let metadata = gait.json(METADATA);
    assert_eq!((&metadata["owner"]["team"], &metadata["run_id"]), (&json!("pay"), &json!("today")));
    assert_eq!(metadata["baselines_head"], out["record_digest"]);
    assert_eq!(gait.json("gait.yaml")["fixtures"][0]["run_id"], "today");
    gait.run("regress run --candidate today").code(0);
    gait.run("regress run --candidate run_a").code(5);
    let log = gait.run("regress log a --json").code(0).json();
    assert_eq!((&log["problems"], &log["records"][0]["signature_status"]), (&json!([]), &json!("verified")));
    assert_eq!(log["records"][0]["reason"], "the limit was raised");
}

#[test]
fn an_acceptance_is_told() {
    let gait = failing();
    insta::assert_snapshot!(accept(&gait, &["--as", "Grace"]).code(0).transcript());
    gait.run("regress log a").code(0).says(&[
        "regress log ok: fixture=a records=1",
        " Grace: the limit was raised",
        "run run_a -> today",
        "(verified)",
    ]);
    gait.fixture("b", &[OLD]);
    gait.run("regress log b").code(0).says(&["regress log ok: fixture=b records=0"]);
}

#[test]
fn a_diff_that_nobody_saw_is_refused() {
    let changes: [fn(&Gait); 3] = [
        |gait| {
            gait.copy("gait-out/runpack_later.zip", "gait-out/runpack_today.zip");
        },
        |gait| {
            gait.run("regress init --from later --name a --force").code(0);
        },
        |gait| {
            let result = gait.text("regress_result.json");
            let digest = gait.json("regress_result.json")["graders"][0]["details"]["trials"][0]["diff_digest"].clone();
            let digest = digest.as_str().unwrap();
            gait.file("regress_result.json", result.replace(digest, &digest.replace(['1', '2', '3'], "4")));
        },
    ];
    for change in changes {
        let gait = failing();
        change(&gait);
        let before = gait.tree();
        for more in [&["--json"][..], &["--json", "--candidate", "today"]] {
            let out = accept(&gait, more).code(8).json();
            assert_eq!(
                (&out["reason_code"], &out["error_code"]),
                (&json!("diff_not_as_shown"), &json!("unsafe_operation"))
            );
        }
        assert_eq!(gait.tree().get(CHAIN), None);
        assert!(before.iter().all(|(name, bytes)| gait.tree().get(name) == Some(bytes)));
    }
}

#[test]
fn ci_accepts_nothing_unless_forced() {
    let gait = failing().env("CI", "true");
    accept(&gait, &[]).code(8);
    gait.run("regress review --no-terminal").code(8);
    assert!(!gait.exists(CHAIN));
    accept(&gait, &["--force"]).code(0);
    let gait = failing().env("CI", "false");
    accept(&gait, &[]).code(0);
}

#[test]
fn what_cannot_be_accepted_is_said_and_nothing_changes() {
    let gait = failing();
    gait.file("broken.zip", "no zip");
    let call = json!({ "intent_id": "c", "tool_name": "refund", "args": { "amount": 1 } });
    for (name, calls) in [("idle", vec![]), ("twice", vec![&call, &call])] {
        let run = json!({ "run_id": name, "created_at": "2026-03-01T10:00:00Z" });
        gait.file("run.json", json!({ "run": run, "intents": calls }).to_string());
        gait.run("run record run.json").code(0);
    }
    gait.copy("regress_result.json", "red.json");
    gait.run("regress run").code(0);
    let before = gait.tree();
    for (line, code, part) in [
        ("regress accept b --reason r", 6, "there is no fixture \"b\""),
        ("regress accept a --reason r --result nowhere.json", 6, "nowhere.json"),
        ("regress accept a --reason r", 6, "no trial of fixture a failed there"),
        ("regress accept a --reason r --candidate run_a", 6, "is the baseline of fixture a already"),
        ("regress accept a --reason r --candidate broken.zip", 6, "broken.zip"),
        ("regress accept a --reason r --candidate nowhere", 6, "nowhere"),
        ("regress accept a --reason r --candidate idle", 6, "holds no call at all"),
        ("regress accept a --reason r --candidate twice", 6, "uses one id for two calls"),
        ("regress accept a --reason r --result gait.yaml", 6, "gait.yaml"),
    ] {
        gait.run(line).code(code).says(&[part]);
    }
    gait.args(&["regress", "accept", "a", "--reason", " ", "--result", "red.json"]).code(6).says(&["without a reason"]);
    gait.run("regress accept a").code(6);
    let mut after = gait.tree();
    after.retain(|name, _| !name.ends_with(".lock"));
    assert_eq!(after, before);
}

#[test]
fn a_chain_that_does_not_hold_fails_loading() {
    let sound = twice();
    let text = sound.text(CHAIN);
    let lines: Vec<&str> = text.lines().collect();
    let metadata = sound.json(METADATA);
    let with_head = |head: Value| {
        let mut metadata = metadata.clone();
        metadata["baselines_head"] = head;
        metadata.to_string()
    };
    let first = sound.bytes("gait-out/runpack_today.zip");
    let digest = gait::kernel::digest::Digest::of(lines[0].as_bytes()).to_string();
    let broken = "baseline_chain_broken";
    let cases: [(&str, Option<Vec<u8>>, &str, &str); 11] = [
        ("the chain removed", None, CHAIN, broken),
        ("the chain emptied", Some(Vec::new()), CHAIN, broken),
        ("the last record removed", Some(format!("{}\n", lines[0]).into()), CHAIN, broken),
        ("the first record removed", Some(format!("{}\n", lines[1]).into()), CHAIN, broken),
        ("the last line cut", Some(text.trim_end().into()), CHAIN, broken),
        ("another reason", Some(text.replacen("raised", "risen!", 1).into()), CHAIN, broken),
        ("a key more", Some(text.replacen('{', r#"{"a":1,"#, 1).into()), CHAIN, broken),
        ("another order", Some(format!("{}\n{}\n", lines[1], lines[0]).into()), CHAIN, broken),
        ("no head", Some(with_head(Value::Null).into()), METADATA, broken),
        ("an earlier head", Some(with_head(digest.into()).into()), METADATA, "baseline_accept_unfinished"),
        ("an earlier runpack", Some(first), RUNPACK, broken),
    ];
    for (what, bytes, name, code) in cases {
        let gait = Gait::new();
        for (name, bytes) in sound.tree() {
            gait.file(&name, bytes);
        }
        match bytes {
            Some(bytes) => gait.file(name, bytes),
            None => {
                std::fs::remove_file(gait.path(name)).unwrap();
                &gait
            }
        };
        assert_eq!(reason(&gait, 6), code, "{what}");
        gait.run("regress log a").code(2);
    }
    assert_eq!(reason(&sound, 0), "");
}

#[test]
fn a_record_that_was_made_up_is_refused() {
    let gait = failing();
    accept(&gait, &[]).code(0);
    // Another reason, the head mended: only the signature tells.
    let text = gait.text(CHAIN).replace("the limit was raised", "as the boss said, yes");
    let head = gait::kernel::digest::Digest::of(text.trim_end().as_bytes()).to_string();
    let old = gait.json(METADATA)["baselines_head"].as_str().unwrap().to_owned();
    let metadata = gait.text(METADATA).replace(&old, &head);
    gait.file(CHAIN, text).file(METADATA, metadata);
    assert_eq!(reason(&gait, 6), "baseline_chain_broken");
    gait.run("regress log a").code(2).says(&["problem: record 1: signed_digest mismatch"]);
}

#[test]
fn whose_signature_counts() {
    let gait = failing();
    gait.run("keys init").code(0);
    accept(&gait, &["--private-key", "gait-out/keys/gait_private.key"]).code(0);
    gait.run("regress run").code(0);
    gait.run("regress log a").code(0).says(&["(unknown_key)"]).warns(&["a key that is not trusted here"]);
    let answer = gait.run("regress run --require-signature --json").code(6).json();
    assert_eq!(answer["top_failure_reason"], "signature_required");
    gait.run("keys trust gait-out/keys/gait_public.key").code(0);
    gait.run("regress log a").code(0).says(&["(verified)"]);
    gait.run("regress run --require-signature").code(0);
}

#[test]
fn cut_off_anywhere_it_loads_or_says_what_to_do() {
    const KEY: &str = "gait-out/keys/gait_private.key";
    let before = failing();
    before.run("keys init").code(0);
    let after = failing();
    for (name, bytes) in before.tree() {
        after.file(&name, bytes);
    }
    accept(&after, &["--candidate", "today", "--private-key", KEY]).code(0);
    for written in 0..=FILES.len() {
        let gait = Gait::new();
        for (name, bytes) in before.tree() {
            gait.file(&name, bytes);
        }
        for name in &FILES[..written] {
            gait.file(name, after.bytes(name));
        }
        let whole = written == 0 || written == FILES.len();
        let out = gait.run("regress run");
        assert_eq!(out.code, if whole { 0 } else { 6 }, "{written}: {}", out.stdout);
        assert_eq!(out.stdout.contains("repeat `gait regress accept a`"), !whole, "{written}: {}", out.stdout);
        if written < FILES.len() {
            let answer = accept(&gait, &["--json", "--candidate", "today", "--private-key", KEY]).code(0).json();
            assert_eq!(answer["finished"], written > 1, "{written}");
        }
        gait.run("regress run --candidate today").code(0);
        let log = gait.run("regress log a --json").code(0).json();
        assert_eq!(log["records"].as_array().map_or(0, Vec::len), 1, "{written}");
    }
}

#[test]
fn what_somebody_else_began_is_not_finished_by_chance() {
    let before = failing();
    let after = failing();
    before.tree().into_iter().for_each(|(name, bytes)| {
        after.file(&name, bytes);
    });
    accept(&after, &["--candidate", "today"]).code(0);
    before.copy("gait-out/runpack_today.zip", RUNPACK).file(CHAIN, after.bytes(CHAIN));
    accept(&before, &["--candidate", "today"]).code(2).says(&["no key trusted here signed it"]);
}

#[test]
fn a_yaml_config_keeps_all_but_the_run_id() {
    for run_id in ["run_a", "\"run_a\"", "'run_a'", "run_a # was it"] {
        let gait = failing();
        let config = |run_id: &str| {
            format!(
                "# ours\nfixtures:\n  - run_id: {run_id}\n    name: a # first\n    runpack: fixtures/a/runpack.zip\n"
            )
        };
        gait.file("gait.yaml", config(run_id));
        accept(&gait, &[]).code(0);
        let mark = if run_id.contains('#') { " # was it" } else { "" };
        assert_eq!(gait.text("gait.yaml"), config(&format!("today{mark}")), "{run_id}");
        gait.run("regress run").code(0);
    }
    let gait = failing();
    let flow = "fixtures: [{name: a, run_id: run_a, runpack: fixtures/a/runpack.zip}]\n";
    gait.file("gait.yaml", flow);
    accept(&gait, &[]).code(0);
    assert_eq!(gait.text("gait.yaml"), flow.replace("run_a,", "today,"));
    let gait = failing();
    let anchored = "fixtures:\n  - name: a\n    run_id: &x run_a\n    runpack: fixtures/a/runpack.zip\n";
    gait.file("gait.yaml", anchored);
    if accept(&gait, &[]).code == 0 {
        gait.run("regress run").code(0);
    } else {
        assert!(!gait.exists(CHAIN));
    }
}

#[test]
fn a_fixture_that_begins_anew_drops_its_chain() {
    let gait = twice();
    gait.run("regress init --from later --name a").code(0);
    assert_eq!(gait.run("regress log a --json").code(0).json()["records"].as_array().map_or(0, Vec::len), 2);
    gait.run("regress run").code(0);
    gait.run("regress init --from today --name a").code(6);
    gait.run("regress init --from today --name a --force").code(0);
    assert!(!gait.exists(CHAIN));
    gait.run("regress run").code(0);
    // Another run of the same name.
    let gait = twice();
    gait.record("later", &[OLD]);
    gait.run("regress init --from later --name a --force").code(0);
    assert_eq!(gait.json(METADATA).get("baselines_head"), None);
    gait.run("regress run").code(0);
}

#[test]
fn failing_fixtures_are_reviewed_one_by_one() {
    let gait = Gait::new();
    for name in ["a", "b", "c", "d"] {
        gait.fixture(name, &[OLD]);
        gait.record(&format!("today_{name}"), &[NEW]);
        gait.copy(&format!("gait-out/runpack_today_{name}.zip"), &format!("new/{name}.zip"));
    }
    gait.run("regress run --candidate-dir new").code(5);
    gait.run("regress review").code(8).says(&["there is no terminal to ask on"]);
    let answers = b"what\na\n\na\nraised by us\nr\ns\n";
    let out = gait.fed(&["regress", "review", "--no-terminal", "--json"], answers).code(5);
    let answer = out.json();
    assert!(out.stderr.contains("+ /args/amount: 9"), "{}", out.stderr);
    assert_eq!(answer["accepted"], json!(["a"]));
    assert_eq!((&answer["rejected"], &answer["skipped"]), (&json!(["b"]), &json!(["c", "d"])));
    assert_eq!(gait.run("regress log a --json").json()["records"][0]["reason"], "raised by us");
    assert!(!gait.exists("fixtures/b/baselines.jsonl"));
    let long = [b"a\n".to_vec(), vec![b'x'; 1 << 16], b"r\na\n".to_vec()].concat();
    gait.fed(&["regress", "review", "--no-terminal"], &long).code(6).says(&["longer than 65536 bytes"]);
    let all = ["regress", "review", "--no-terminal", "--reason", "all of it"];
    gait.run("regress run --candidate-dir new").code(5);
    gait.fed(&all, b"a\na\na\n").code(0).says(&["accepted=3 rejected=0 skipped=0"]);
    gait.run("regress run --candidate-dir new").code(0);
}
