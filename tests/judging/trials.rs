//! `regress run` with a `match` block and with several trials: pass, flaky, fail, and how each is shown.

use crate::kit::Gait;
use serde_json::{Value, json};

const SAME: &str = r#"{"tool":"refund","args":{"amount":5},"result":{"ok":true}}"#;
const NOISY: &str = r#"{"tool":"refund","args":{"amount":5.001},"result":{"ok":true}}"#;
const OTHER: &str = r#"{"tool":"refund","args":{"amount":50},"result":{"ok":true}}"#;

/// A fixture `a` with `keys` in `gait.yaml`, and runs `same`, `noisy` and `other`.
fn base(keys: &str) -> Gait {
    let gait = Gait::new();
    gait.fixture("a", &[SAME]);
    for (name, call) in [("same", SAME), ("noisy", NOISY), ("other", OTHER)] {
        gait.record(name, &[call]);
    }
    gait.file("gait.yaml", format!("fixtures:\n- {{ name: a, runpack: fixtures/a/runpack.zip, {keys} }}\n"));
    gait
}

/// Lays out the trials and runs them; exit, reason codes, details.
fn run(gait: &Gait, trials: &[&str]) -> (i32, String, Value) {
    for (at, name) in trials.iter().enumerate() {
        gait.copy(&format!("gait-out/runpack_{name}.zip"), &format!("new/a/trial_{}.zip", at + 1));
    }
    gait.file("new/readme", "");
    let code = gait.run("regress run a/diff --json --candidate-dir new --junit j.xml --summary s.md").code;
    let grader = gait.json("regress_result.json")["graders"][0].clone();
    let codes: Vec<&str> =
        grader["reason_codes"].as_array().unwrap().iter().map(|code| code.as_str().unwrap()).collect();
    (code, codes.join(","), grader["details"].clone())
}

#[test]
fn a_match_block_decides_whatever_the_ids() {
    let block = r#"match: { tools: { refund: { args: { "$.amount": { within: 0.01 } } } } }"#;
    let gait = base(block);
    let (code, codes, details) = run(&gait, &["noisy"]);
    assert_eq!((code, codes.as_str(), &details["compared"]), (0, "", &json!("calls")), "{details}");
    assert_eq!(
        details["calls"],
        json!([{ "kind": "changed", "tool": "refund", "baseline_index": 1, "candidate_index": 1, "differences": [{
            "path": "/args/amount", "baseline": 5, "candidate": 5.001,
            "accepted_by": "match.tools.refund.args: $.amount: {within: 0.01}",
        }] }])
    );
    let (code, codes, _) = run(&gait, &["other"]);
    assert_eq!((code, codes.as_str()), (5, "call_changed"));
    let out = gait.run("regress run a/diff --candidate-dir new");
    out.code(5).says(&[
        "first divergence: call 1 refund, $.amount: 5 became 50\n",
        r#"match: {tools: {refund: {args: {"$.amount": {within: 45}}}}}"#,
        "next: gait run diff fixtures/a/runpack.zip new/a/trial_1.zip",
    ]);
    let (code, codes, details) = run(&base("trials: 1"), &["noisy"]);
    assert_eq!((code, codes.as_str(), &details["compared"]), (5, "unexpected_diff", &json!("files")));
}

#[test]
fn pass_flaky_and_fail() {
    let keys = "trials: 3, min_pass: 2";
    for (trials, want) in [
        (["same", "same", "same"], (0, "", Value::Null)),
        (["same", "other", "same"], (0, "", json!(true))),
        (["other", "same", "same"], (0, "", json!(true))),
        (["other", "same", "other"], (5, "unexpected_diff", Value::Null)),
    ] {
        let gait = base(keys);
        let (code, codes, details) = run(&gait, &trials);
        assert_eq!((code, codes.as_str(), details["flaky"].clone()), want, "{trials:?}");
        let told: Vec<_> =
            details["trials"].as_array().unwrap().iter().map(|trial| trial["candidate"].clone()).collect();
        assert_eq!(json!(told), json!(["new/a/trial_1.zip", "new/a/trial_2.zip", "new/a/trial_3.zip"]));
        assert_eq!(details["passes"], trials.iter().filter(|name| **name == "same").count());
        let flaky = want.2 == true;
        assert_eq!(gait.text("j.xml").contains("<flakyFailure"), flaky, "{}", gait.text("j.xml"));
        assert_eq!(gait.text("s.md").contains("| **flaky** |"), flaky, "{}", gait.text("s.md"));
        assert_eq!(gait.text("j.xml").contains("failures=\"1\""), code == 5);
        let again = gait.text("j.xml").matches("<rerunFailure message=\"trial 3: ").count();
        assert_eq!(again, usize::from(code == 5), "the second failing trial: {}", gait.text("j.xml"));
        let warnings = gait.run("regress run a/diff --candidate-dir new --annotations github").stdout;
        assert_eq!(
            warnings.contains("::warning file=gait.yaml,line=2,title=a/diff is flaky::trial "),
            flaky,
            "{warnings}"
        );
    }
    let (code, codes, _) = run(&base("trials: 3"), &["same", "other", "same"]);
    assert_eq!((code, codes.as_str()), (5, "unexpected_diff"));
}

#[test]
fn a_flaky_pass_is_told() {
    let gait = base("trials: 2, min_pass: 1");
    run(&gait, &["other", "same"]);
    let out = gait.run("regress run a/diff --candidate-dir new").code(0);
    let out = out.says(&["regress run ok:", "flaky: a/diff (trial 1: unexpected_diff)"]);
    assert!(!out.stdout.contains("failed:"), "{}", out.stdout);
    let answer = gait.run("regress run a/diff --candidate-dir new --json").code(0).json();
    assert_eq!(answer["flaky"], json!(["a/diff (trial 1: unexpected_diff)"]));
}

#[test]
fn only_trials_have_a_word_about_mishaps_beside_them() {
    let gait = base("");
    gait.file("gait-out/runpack_same.json", r#"{"run": {}}"#);
    gait.run("regress run --candidate same").code(0);
    gait.copy("gait-out/runpack_same.zip", "new/a/trial_1.zip");
    gait.file("new/a/trial_1.json", r#"{"run": {}}"#);
    gait.run("regress run --candidate-dir new").code(5).says(&["new/a/trial_1.json tells of no mishap"]);
}

#[test]
fn as_many_trials_as_were_asked_for() {
    for (trials, want) in [
        (vec![], (5, "candidate_not_provided")),
        (vec!["same"], (5, "candidate_not_provided")),
        (vec!["same", "same"], (0, "")),
        (vec!["same", "same", "same"], (5, "candidate_invalid")),
    ] {
        let (code, codes, details) = run(&base("trials: 2, min_pass: 1"), &trials);
        assert_eq!((code, codes.as_str()), want, "{trials:?}: {details}");
    }
    let (code, codes, details) = run(&base("trials: 1"), &[]);
    assert_eq!((code, codes.as_str(), &details["self_compare"]), (0, "", &json!(true)));
}

#[test]
fn an_empty_run_is_no_pass_under_any_rules() {
    let gait = base("match: { order: subset }");
    gait.file("empty.json", r#"{"run":{"run_id":"empty"},"intents":[],"results":[]}"#);
    gait.run("run record empty.json").code(0);
    let (code, codes, _) = run(&gait, &["empty"]);
    assert_eq!((code, codes.as_str()), (5, "no_calls_captured"));
}

#[test]
fn the_list_in_the_metadata_still_accepts() {
    let gait = base("match: { order: strict }");
    let mut metadata = gait.json("fixtures/a/fixture.json");
    metadata["diff_allow_changed_files"] = json!(["intents.jsonl#/0/args/amount"]);
    gait.file("fixtures/a/fixture.json", metadata.to_string());
    let (code, _, details) = run(&gait, &["other"]);
    assert_eq!((code, &details["calls"][0]["differences"][0]["accepted_by"]), (0, &json!("diff_allow_changed_files")));
}

#[test]
fn all_trials_are_judged_when_one_is_accepted() {
    let accept = ["regress", "accept", "a", "--reason", "r", "--force"];
    for (third, passes, warned) in [("other", 2, false), ("noisy", 1, true)] {
        let gait = base("trials: 3, min_pass: 2");
        run(&gait, &["other", "same", third]);
        let out = gait.args(&accept).code(0).says(&[
            "trial 1:\ncall 1 refund: changed [call_1]\n  - /args/amount: 5\n  + /args/amount: 50\n",
            "trial 3:\ncall 1 refund: changed",
            &format!("with the new baseline {passes} of 3 trials of the last run pass\n"),
            "regress accept ok: fixture=a run_id=other",
        ]);
        assert_eq!(out.stdout.contains("warning: 2 have to pass: name another trial with --candidate"), warned);
        assert!(!out.stdout.contains("trials found"), "{}", out.stdout);
        // And so it is.
        let (code, _, details) = run(&gait, &["other", "same", third]);
        assert_eq!((code, &details["passes"]), (if warned { 5 } else { 0 }, &json!(passes)));
    }
    // What differs in any of the trials has to be what was shown.
    let gait = base("trials: 3, min_pass: 2");
    run(&gait, &["other", "same", "other"]);
    gait.copy("gait-out/runpack_noisy.zip", "new/a/trial_3.zip");
    let out = gait.args(&accept).code(8);
    out.says(&["new/a/trial_3.zip does not differ from the baseline as the last run showed"]);
    // A run that nobody showed stands by itself.
    let out = gait.args(&[&accept[..], &["--candidate", "noisy", "--json"]].concat()).code(0).json();
    assert_eq!((&out["run_id"], &out["outlook"]), (&json!("noisy"), &Value::Null));
    assert!(out["evidence"].as_str().unwrap().starts_with("call 1 refund"), "{out}");
}
