//! The graders a fixture adds: a budget, and programs of its own.

use crate::kit::{Gait, Out};
use serde_json::{Value, json};

const CALL: &str = r#"{"tool":"refund","args":{"amount":5,"mail":"a@b.example"},"result":{"ok":true}}"#;

/// A fixture `a` with `keys` in `gait.yaml`, runs `one` and `three` of so many calls, and a script.
fn base(keys: &str, script: &str) -> Gait {
    let gait = Gait::new();
    gait.fixture("a", &[CALL]);
    gait.record("one", &[CALL]);
    gait.record("three", &[CALL, CALL, CALL]);
    gait.file("grader.sh", script);
    gait.file("gait.yaml", format!("fixtures:\n- {{ name: a, runpack: fixtures/a/runpack.zip, {keys} }}\n"));
    gait
}

const OWN: &str = r#"graders: [{ name: no_pii, command: [sh, grader.sh], timeout: 20s }]"#;

/// The grade of the case, after a run of it alone.
fn run_of(gait: &Gait, line: &str) -> (Out, Value) {
    let out = gait.run(line);
    (out, gait.json("regress_result.json")["graders"][0].clone())
}

#[test]
fn a_budget_of_calls() {
    let gait = base("budget: { max_calls: 2 }", "");
    let (out, grade_of_one) = run_of(&gait, "regress run a/budget --candidate one");
    out.code(0);
    assert_eq!((&grade_of_one["details"]["calls"], &grade_of_one["details"]["max_calls"]), (&json!(1), &json!(2)));
    let (out, three) = run_of(&gait, "regress run a/budget --candidate three");
    out.code(5).says(&[
        "test a/budget ... FAILED",
        "3 calls, at most 2 are allowed\nnext: gait run inspect gait-out/runpack_three.zip",
    ]);
    assert_eq!(three["reason_codes"], json!(["budget_exceeded"]));
    // Without a run of today's agent the baseline is looked at, which is said.
    let (out, own) = run_of(&gait, "regress run a/budget");
    out.code(0).says(&["1 of 1 fixtures were not run against an agent"]);
    assert_eq!((&own["details"]["candidate_source"], &own["details"]["self_compare"]), (&json!("none"), &json!(true)));
    let (out, own) = run_of(&gait, "regress run a/budget --require-candidate");
    out.code(5);
    assert_eq!(own["reason_codes"], json!(["candidate_not_provided"]));
}

#[test]
fn a_budget_of_seconds_says_when_nobody_measured() {
    let gait = base("budget: { max_seconds: 0.5 }", "");
    let (out, grade) = run_of(&gait, "regress run a/budget --candidate one");
    out.code(0);
    let details = &grade["details"];
    assert_eq!((&details["seconds"], &details["max_seconds"]), (&json!("not_measured"), &json!(0.5)));
}

#[test]
fn a_budget_of_seconds_is_about_the_agent() {
    for (most, said, code) in
        ["0.000001", "1000"].into_iter().zip(["exceeded", "within"]).zip([5, 0]).map(|((m, s), c)| (m, s, c))
    {
        let gait = base(&format!("budget: {{ max_seconds: {most} }}, agent: {{ command: ['true'] }}"), "");
        let (out, grade) = run_of(&gait, "regress run a/budget");
        assert_eq!((out.code, &grade["details"]["seconds"]), (code, &json!(said)), "{}", out.stdout);
        assert_eq!(out.stdout.contains(" s, at most 0.000001 s are allowed"), code == 5);
        let first = gait.text("regress_result.json");
        assert_eq!((run_of(&gait, "regress run a/budget").0.code, gait.text("regress_result.json")), (code, first));
        // Whoever judges elsewhere is told, too.
        for file in ["trial_1.zip", "trial_1.seconds.txt"] {
            gait.copy(&format!("gait-out/regress/a/{file}"), &format!("new/a/{file}"));
        }
        let (out, grade) = run_of(&gait, "regress run a/budget --candidate-dir new");
        assert_eq!((out.code, &grade["details"]["seconds"]), (code, &json!(said)), "{}", out.stdout);
    }
}

#[test]
fn an_agent_that_failed_is_within_no_budget_and_no_baseline() {
    let gait = base(&format!("budget: {{ max_calls: 9 }}, {OWN}, agent: {{ command: [sh, -c, 'exit 3'] }}"), "exit 0");
    gait.run("regress run").code(5);
    let result = gait.json("regress_result.json");
    for grade in result["graders"].as_array().unwrap().iter().take(2) {
        assert_eq!(grade["reason_codes"], json!(["agent_failed"]), "{grade}");
    }
    let out = gait.args(&["regress", "accept", "a", "--reason", "r", "--json"]).code(8).json();
    assert!(
        out["error"].as_str().unwrap().contains("is no whole run: agent_failed: the agent ended with exit 3"),
        "{out}"
    );
}

#[test]
fn a_budget_counts_each_trial() {
    let gait = base("budget: { max_calls: 2 }, trials: 3, min_pass: 2", "");
    for (trials, code, flaky) in [(["one", "three", "one"], 0, true), (["three", "three", "one"], 5, false)] {
        for (at, name) in trials.iter().enumerate() {
            gait.copy(&format!("gait-out/runpack_{name}.zip"), &format!("new/a/trial_{}.zip", at + 1));
        }
        let (out, grade) = run_of(&gait, "regress run a/budget --candidate-dir new");
        out.code(code);
        assert_eq!(grade["details"]["flaky"] == true, flaky, "{grade}");
        let told: Vec<_> = grade["details"]["trials"].as_array().unwrap().iter().map(|t| &t["status"]).collect();
        let want = trials.map(|name| if name == "one" { "pass" } else { "fail" });
        assert_eq!(json!(told), json!(want));
    }
    gait.file("new/a/trial_2.zip", "no zip");
    let (out, grade) = run_of(&gait, "regress run a/budget --candidate-dir new");
    out.code(5);
    assert_eq!(grade["reason_codes"], json!(["budget_exceeded", "candidate_invalid"]));
}

#[test]
fn the_exit_code_of_a_program_is_its_verdict() {
    let said = r#"echo '{"reason_codes": ["mail_address", "b"], "details": {"n": 1}, "evidence": "a@b"}'; exit 5"#;
    for (script, code, reasons, evidence) in [
        ("exit 0", 0, json!([]), ""),
        ("exit 5", 5, json!(["no_pii"]), "no_pii\nnext: gait regress run --exact a/no_pii"),
        ("echo found it; exit 5", 5, json!(["no_pii"]), "found it\n"),
        (said, 5, json!(["b", "mail_address"]), "a@b\n"),
        (
            "echo oops >&2; exit 1",
            5,
            json!(["grader_error"]),
            "ended with exit code 1; 0 is a pass, 5 a failure\nit wrote to standard error:\noops",
        ),
        ("kill -9 $$", 5, json!(["grader_error"]), "ended by signal 9"),
        ("echo '{'; exit 5", 5, json!(["grader_error"]), "output is not as agreed"),
        ("echo '{\"reason\": []}'; exit 5", 5, json!(["grader_error"]), "unknown field `reason`"),
        ("echo '{\"reason_codes\": [\"a b\"]}'; exit 5", 5, json!(["grader_error"]), "reason codes are not as agreed"),
    ] {
        let gait = base(OWN, script);
        let (out, grade) = run_of(&gait, "regress run a/no_pii --candidate one");
        out.code(code).says(&[evidence]);
        assert_eq!((&grade["name"], &grade["reason_codes"]), (&json!("a/no_pii"), &reasons), "{script}");
        if script == said {
            assert_eq!(grade["details"]["reported"], json!({ "n": 1 }));
        }
    }
    let gait = base(r#"graders: [{ name: slow, command: [sh, -c, "while :; do :; done"], timeout: 100ms }]"#, "");
    let (out, grade) = run_of(&gait, "regress run a/slow");
    out.code(5).says(&["the grader took longer than 100ms"]);
    assert_eq!(grade["reason_codes"], json!(["grader_error"]));
    let gait = base("graders: [{ name: gone, command: [./nowhere] }]", "");
    let (out, _) = run_of(&gait, "regress run a/gone");
    out.code(5).says(&["grader_error", "cannot start ./nowhere"]);
}

#[test]
fn a_program_gets_packs_and_the_case() {
    let gait = base(OWN, "cat > case.json; printf '%s\\n' \"$GAIT_BASELINE\" \"$GAIT_CANDIDATE\" > paths; env > env");
    let gait =
        gait.env("INPUT_SECRET", "x").env("GITHUB_TOKEN", "x").env("GAIT_PRIVATE_KEY_PASS", "x").env("KEPT", "x");
    run_of(&gait, "regress run a/no_pii --candidate one").0.code(0);
    let (baseline, candidate) = (gait.path("fixtures/a/runpack.zip"), gait.path("gait-out/runpack_one.zip"));
    assert_eq!(gait.text("paths"), format!("{}\n{}\n", baseline.display(), candidate.display()));
    let case = gait.json("case.json");
    let want = json!({
        "name": "a/no_pii", "fixture": "a", "grader": "no_pii", "trial": 1, "run_id": "run_a", "candidate_source": "flag",
        "baseline": baseline, "candidate": candidate,
        "calls": [{ "tool": "refund", "args": { "amount": 5, "mail": "a@b.example" }, "status": "ok", "result": { "ok": true } }],
    });
    assert_eq!(case, want);
    let env = gait.text("env");
    assert!(env.contains("KEPT=x") && env.contains("GAIT_REGRESS_TRIAL=1"), "{env}");
    assert!(["INPUT_", "GITHUB_TOKEN", "KEY_PASS"].iter().all(|name| !env.contains(name)), "{env}");
    // Without a run of today's agent it looks at the baseline.
    run_of(&gait, "regress run a/no_pii").0.code(0);
    let case = gait.json("case.json");
    assert_eq!(
        (&case["trial"], &case["candidate_source"], &case["candidate"]),
        (&json!(null), &json!("none"), &json!(baseline))
    );
}

#[test]
fn a_program_runs_once_for_each_trial_in_the_folder_of_the_config() {
    let gait = base(&format!("{OWN}, trials: 2"), "");
    gait.file("suite/grader.sh", "printf '%s ' \"$GAIT_REGRESS_TRIAL\" >> ran; [ $GAIT_REGRESS_TRIAL = 1 ] || exit 5");
    gait.copy("gait.yaml", "suite/gait.yaml");
    for trial in [1, 2] {
        gait.copy("gait-out/runpack_one.zip", &format!("new/a/trial_{trial}.zip"));
    }
    let (out, grade) = run_of(&gait, "regress run a/no_pii --candidate-dir new --config suite/gait.yaml");
    out.code(5);
    assert_eq!(gait.text("suite/ran"), "1 2 ");
    assert_eq!(grade["details"]["trials"][1]["reason_codes"], json!(["no_pii"]));
}

#[test]
fn the_list_is_the_same_with_and_without_a_run() {
    let gait = base(&format!("budget: {{ max_calls: 1 }}, {OWN}"), "exit 0");
    let list = gait.run("regress run --list").code(0).stdout;
    assert_eq!(
        list,
        ["budget", "diff", "expected_exit_code", "load", "no_pii", "schema_validation"]
            .map(|name| format!("a/{name}: test\n"))
            .concat()
    );
    let out = gait.run("regress run").code(0);
    for line in list.lines() {
        assert!(
            out.stdout.contains(&format!("test {}", line.strip_suffix(": test").unwrap())),
            "{line} {}",
            out.stdout
        );
    }
    gait.file("fixtures/a/runpack.zip", "no zip");
    assert_eq!(gait.run("regress run --list").code(0).stdout, list);
}

#[test]
fn what_cannot_be_a_grader_is_refused_at_its_place() {
    for (keys, want) in [
        ("budget: {}", ":2:55: `budget` has to say `max_calls` or `max_seconds`"),
        ("budget: { max_cals: 2 }", "unknown key `max_cals`, did you mean `max_calls`?"),
        ("budget: { max_calls: -1 }", "`max_calls` has to be 0 or more"),
        ("budget: { max_seconds: 0 }", "`max_seconds` has to be a number above 0"),
        ("budget: 5", "`budget` has to be a mapping"),
        ("graders: [{ command: [x] }]", "a grader has to have a `name`"),
        ("graders: [{ name: x }]", "a grader has to have a `command`"),
        ("graders: [{ name: x, command: [] }]", "`command` has to be a list: the program, then its arguments"),
        ("graders: [{ name: x, command: x }]", "`command` has to be a list: the program"),
        ("graders: [{ name: x, command: [x], timeout: 5 }]", "`timeout` has to be a duration such as 120s"),
        ("graders: [{ name: x, command: [x], timeout: soon }]", "`timeout` has to be a duration such as 120s"),
        ("graders: [{ name: x, command: [x], timeout: 0s }]", "`timeout` has to be a duration such as 120s"),
        ("graders: [{ name: x, command: [x] }, { name: x, command: [y] }]", "two graders are called \"x\""),
        (
            "graders: [{ name: diff, command: [x] }]",
            "gait.yaml:2:65: \"diff\" is a grader of gait: choose another name",
        ),
        ("graders: [{ name: load, command: [x] }]", "\"load\" is a grader of gait"),
        ("graders: [{ name: policy_verdicts, command: [x] }]", "\"policy_verdicts\" is a grader of gait"),
        ("graders: [{ name: a/b, command: [x] }]", "grader name \"a/b\" cannot be used"),
        ("graders: [{ name: .., command: [x] }]", "grader name \"..\" cannot be used"),
        ("graders: [{ name: Pii, command: [x] }]", "grader name \"Pii\" cannot be used"),
    ] {
        let gait = base(keys, "");
        for line in ["regress run", "regress run --list"] {
            gait.run(line).code(6).says(&[want]);
        }
    }
    let gait = base("graders: [{ name: x, command: [x], timout: 3s }]", "");
    gait.run("regress run --list").code(0).warns(&["unknown key `timout`, did you mean `timeout`?"]);
}
