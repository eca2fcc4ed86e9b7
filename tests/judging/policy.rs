//! The grader `policy_verdicts`: today's calls and the recorded ones held against a policy.

use crate::kit::Gait;
use serde_json::{Value, json};

const POLICY: &str = "default_verdict: allow
rules:
- name: large
  priority: 1
  effect: block
  match: { tool_names: [refund], args: { $.amount: { gt: 100 } } }
- name: no-mail
  priority: 2
  effect: require_approval
  match: { tool_names: [mail] }
";
const SMALL: &str = r#"{"tool":"refund","args":{"amount":5},"result":{"ok":true}}"#;
const LARGE: &str = r#"{"tool":"refund","args":{"amount":500},"result":{"ok":true}}"#;
const MAIL: &str = r#"{"tool":"mail","args":{},"result":{"ok":true}}"#;
const REFUSED: &str = r#"{"tool":"refund","args":{"amount":5},"status":"blocked","result":{}}"#;

/// What is told about a grade that fails.
#[track_caller]
fn told(grade: &Value, want: &str) {
    let told = grade["told"].as_str().unwrap();
    assert!(told.contains(want), "{want} not in {told}");
}

fn judged(baseline: &[&str], today: &[&str], line: &str, code: i32) -> (Gait, Value) {
    let gait = Gait::new();
    gait.fixture("a", baseline);
    gait.record("today", today);
    gait.file("suite/policy.yaml", POLICY);
    gait.file(
        "suite/gait.yaml",
        "fixtures:\n- { name: a, runpack: fixtures/a/runpack.zip, policy: { file: policy.yaml } }\n",
    );
    let out = gait.run(&format!("regress run a/policy_verdicts --config suite/gait.yaml {line}")).code(code);
    let mut grade = gait.json("regress_result.json")["graders"][0].clone();
    grade["told"] = json!(out.stdout);
    (gait, grade)
}

#[test]
fn calls_that_are_decided_alike_pass() {
    for (baseline, today) in [(SMALL, SMALL), (LARGE, LARGE)] {
        let (_, grade) = judged(&[baseline], &[today], "--candidate today", 0);
        assert_eq!(grade["details"]["calls"], 1, "{grade}");
    }
}

#[test]
fn another_verdict_is_told_with_both_rules() {
    let (_, grade) = judged(&[SMALL], &[LARGE], "--candidate today", 5);
    assert_eq!(grade["reason_codes"], json!(["verdict_changed"]));
    let want = json!([{
        "tool": "refund", "baseline_index": 1, "candidate_index": 1,
        "baseline": { "verdict": "allow", "rule": "", "by": "policy" },
        "candidate": { "verdict": "block", "rule": "large", "by": "policy" },
    }]);
    assert_eq!(grade["details"]["verdicts"], want);
    told(&grade, "call 1 refund: allow (no rule); today block (rule large)");
}

#[test]
fn a_call_more_has_to_be_one_the_gate_lets_pass() {
    let (_, grade) = judged(&[SMALL], &[SMALL, MAIL], "--candidate today", 5);
    let found = &grade["details"]["verdicts"][0];
    assert_eq!((&found["baseline"], &found["candidate_index"]), (&Value::Null, &json!(2)));
    assert_eq!(found["candidate"]["rule"], "no-mail");
    told(&grade, "call 2 mail: not recorded; today require_approval (rule no-mail)");
    judged(&[MAIL], &[MAIL, SMALL], "--candidate today", 0);
}

#[test]
fn what_was_refused_stays_refused() {
    // Without a run of today's agent the record is held against the policy of today.
    for line in ["", "--candidate today"] {
        let (_, grade) = judged(&[REFUSED], &[SMALL], line, 5);
        let found = &grade["details"]["verdicts"][0];
        assert_eq!((&found["baseline"]["by"], &found["baseline"]["verdict"]), (&json!("record"), &json!("block")));
        told(&grade, "call 1 refund: block as recorded; today allow (no rule)");
    }
}

#[test]
fn a_policy_that_cannot_be_used_is_refused_at_its_place() {
    let (gait, _) = judged(&[SMALL], &[SMALL], "", 0);
    gait.file("suite/policy.yaml", "default_verdict: allow\nruls: []\n");
    gait.run("regress run --list --config suite/gait.yaml").code(6).says(&["suite/policy.yaml:2:1:", "ruls"]);
    for (policy, want) in
        [("{}", "`policy` has to have a `file`"), ("{ file: gone.yaml }", "there is no file suite/gone.yaml")]
    {
        gait.file(
            "suite/gait.yaml",
            format!("fixtures:\n- {{ name: a, runpack: fixtures/a/runpack.zip, policy: {policy} }}\n"),
        );
        gait.run("regress run --config suite/gait.yaml").code(6).says(&["suite/gait.yaml:2:", want]);
    }
}
