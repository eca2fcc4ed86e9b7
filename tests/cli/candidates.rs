//! `regress run`: where a candidate comes from, which source goes first, and what is said when there is none.

use crate::kit::Gait;
use serde_json::{Value, json};

const SAME: &str = r#"{"tool":"refund","args":{"amount":5},"result":{"ok":true}}"#;
const OTHER: &str = r#"{"tool":"refund","args":{"amount":9},"result":{"ok":true}}"#;

/// One fixture `a`, a run like it, and one that differs.
fn one() -> Gait {
    let gait = Gait::new();
    gait.fixture("a", &[SAME]);
    gait.record("like", &[SAME]);
    gait.record("unlike", &[OTHER]);
    gait
}

fn details(gait: &Gait, case: &str) -> Value {
    let result = gait.json("regress_result.json");
    let graders = result["graders"].as_array().unwrap();
    graders.iter().find(|grader| grader["name"] == case).unwrap()["details"].clone()
}

/// Runs with `flags`; exit, source of the candidate, its path.
fn source(gait: &Gait, flags: &str) -> (i32, String, String) {
    let code = gait.run(&format!("regress run --json {flags}")).code;
    let details = details(gait, "a/diff");
    let word = |key: &str| details[key].as_str().unwrap_or_default().to_owned();
    (code, word("candidate_source"), word("candidate_runpack"))
}

fn found(code: i32, source: &str, path: &str) -> (i32, String, String) {
    (code, source.to_owned(), path.to_owned())
}

#[test]
fn a_flag_names_it_in_every_way() {
    let gait = one();
    let (like, unlike) = ("gait-out/runpack_like.zip", "gait-out/runpack_unlike.zip");
    for (flags, want) in [
        (format!("--candidate a={like}"), found(0, "flag", like)),
        (format!("--candidate {unlike}"), found(5, "flag", unlike)),
        ("--candidate a=unlike".to_owned(), found(5, "flag", unlike)),
        ("--candidate like".to_owned(), found(0, "flag", like)),
        ("--candidate a=like --candidate a=unlike".to_owned(), found(5, "flag", unlike)),
    ] {
        assert_eq!(source(&gait, &flags), want, "{flags}");
    }
}

#[test]
fn a_candidate_for_nobody_is_refused() {
    let gait = one();
    gait.fixture("b", &[SAME]);
    insta::assert_snapshot!(gait.run("regress run --candidate c=like").code(6).transcript());
    insta::assert_snapshot!(gait.run("regress run --candidate like").code(6).transcript());
    gait.run("regress run --candidate a=nowhere").code(6).says(&["--candidate a=nowhere"]);
    assert!(!gait.exists("regress_result.json"));
}

#[test]
fn a_folder_holds_them_by_three_names() {
    for (name, unlike) in [("a/trial_1.zip", 0), ("a.zip", 1), ("runpack_run_a.zip", 2)] {
        let gait = one();
        let names = ["a/trial_1.zip", "a.zip", "runpack_run_a.zip"];
        for (at, other) in names.into_iter().enumerate().skip(unlike) {
            let from = if at == unlike { "unlike" } else { "like" };
            gait.copy(&format!("gait-out/runpack_{from}.zip"), &format!("new/{other}"));
        }
        assert_eq!(source(&gait, "--candidate-dir new"), found(5, "dir", &format!("new/{name}")));
    }
}

#[test]
fn trials_count_in_their_order() {
    let gait = one();
    for (number, run) in [("2", "unlike"), ("10", "like"), ("1", "like"), ("x", "unlike")] {
        gait.copy(&format!("gait-out/runpack_{run}.zip"), &format!("new/a/trial_{number}.zip"));
    }
    gait.run("regress run --json --candidate-dir new").code(5);
    let trials = details(&gait, "a/diff")["trials"].clone();
    let trials: Vec<_> =
        trials.as_array().unwrap().iter().map(|trial| (&trial["candidate"], &trial["status"])).collect();
    assert_eq!(
        json!(trials),
        json!([["new/a/trial_1.zip", "pass"], ["new/a/trial_2.zip", "fail"], ["new/a/trial_10.zip", "pass"]])
    );
}

#[test]
fn the_first_source_wins() {
    let gait = one();
    let metadata = gait.text("fixtures/a/fixture.json").replacen('{', r#"{"candidate_runpack":"../../x.zip","#, 1);
    gait.copy("gait-out/runpack_unlike.zip", "x.zip").file("fixtures/a/fixture.json", metadata);
    gait.copy("gait-out/runpack_unlike.zip", "dir/a.zip").copy("gait-out/runpack_unlike.zip", "env/a.zip");
    let gait = gait.env("GAIT_REGRESS_CANDIDATE_DIR", "env");
    assert_eq!(source(&gait, "--candidate like --candidate-dir dir"), found(0, "flag", "gait-out/runpack_like.zip"));
    assert_eq!(source(&gait, "--candidate-dir dir"), found(5, "dir", "dir/a.zip"));
    assert_eq!(source(&gait, ""), found(5, "dir", "env/a.zip"));
    let gait = gait.env("GAIT_REGRESS_CANDIDATE_DIR", "");
    assert_eq!(source(&gait, ""), found(5, "fixture", "x.zip"));
    gait.copy("gait-out/runpack_like.zip", "x.zip");
    assert_eq!(source(&gait, ""), found(0, "fixture", "x.zip"));
}

#[test]
fn a_candidate_that_is_not_there_or_no_pack_fails_its_fixture() {
    let gait = one();
    for (text, code) in [(None, "candidate_path_invalid"), (Some("no zip"), "diff_error")] {
        let metadata = r#"{"name":"a","run_id":"run_a","runpack":"runpack.zip","candidate_runpack":"today.zip"}"#;
        gait.file("fixtures/a/fixture.json", metadata);
        if let Some(text) = text {
            gait.file("fixtures/a/today.zip", text);
        }
        let answer = gait.run("regress run --json").code(5).json();
        assert_eq!((&answer["top_failure_reason"], &answer["candidates"]), (&json!(code), &json!(0)));
    }
}

#[test]
fn an_empty_candidate_is_no_pass() {
    let gait = one();
    gait.file("empty.json", r#"{"run":{"run_id":"empty"},"intents":[],"results":[]}"#);
    gait.run("run record empty.json").code(0);
    gait.run("regress run --candidate empty").code(5).says(&["the candidate holds no call at all"]);
    let metadata = gait.text("fixtures/a/fixture.json");
    let allow = r#"{"diff_allow_changed_files":["intents.jsonl","results.jsonl"],"#;
    gait.file("fixtures/a/fixture.json", metadata.replacen('{', allow, 1));
    let answer = gait.run("regress run --candidate empty --json").code(5).json();
    assert_eq!(answer["top_failure_reason"], "no_calls_captured");
}

#[test]
fn comparing_with_itself_is_said() {
    let gait = one();
    gait.fixture("b", &[SAME]);
    let honest = "2 of 2 fixtures were not run against an agent";
    let out = gait.run("regress run").code(0).says(&[honest]);
    insta::assert_snapshot!(out.transcript());
    assert_eq!(details(&gait, "a/diff")["candidate_source"], "none");
    assert_eq!(details(&gait, "a/diff")["self_compare"], true);

    let out = gait.run("regress run --candidate a=run_a --json").code(0).warns(&[honest]);
    assert_eq!(out.json()["candidates"], 0);
    assert_eq!(details(&gait, "a/diff")["candidate_source"], "flag");
    assert_eq!(details(&gait, "a/diff")["self_compare"], true);

    let out = gait.run("regress run --candidate a=like --json").code(0);
    assert_eq!(out.json()["candidates"], 1);
    assert_eq!(details(&gait, "a/diff").get("self_compare"), None);
    out.warns(&["1 of 2 fixtures were not run against an agent"]);
    let out = gait.run("regress run --candidate a=like --candidate b=like --json").code(0);
    assert_eq!(out.stderr, "");
}

#[test]
fn a_candidate_can_be_demanded() {
    let gait = one();
    gait.fixture("b", &[SAME]);
    let out = gait.run("regress run --require-candidate --candidate a=like").code(5);
    insta::assert_snapshot!(out.transcript());
    let answer = gait.run("regress run --require-candidate --candidate a=like --json").code(5).json();
    assert_eq!(answer["top_failure_reason"], "candidate_not_provided");
    assert_eq!(answer["failed_fixtures"], json!(["b"]));
    gait.run("regress run --require-candidate --candidate a=like --candidate b=like").code(0);
}

#[test]
fn the_baselines_key_need_not_sign_candidates() {
    let gait = Gait::new();
    gait.run("keys init --out-dir keys --prefix team").code(0);
    let args = ["run", "record", "--calls", "-", "--run-id", "base", "--private-key", "keys/team_private.key"];
    gait.fed(&args, SAME.as_bytes()).code(0);
    gait.run("regress init --from base --name a").code(0);
    gait.record("like", &[SAME]);
    let key = "--require-signature --public-key keys/team_public.key";
    let out = gait.run(&format!("regress run --json --candidate like {key}")).code(0);
    assert_eq!(out.json()["candidates"], 1);
    gait.run("regress init --from like --name a --force").code(0);
    let answer = gait.run(&format!("regress run --json {key}")).code(6).json();
    assert_eq!(answer["top_failure_reason"], "signature_failed");
}
