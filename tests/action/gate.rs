//! `command: policy-test` and `gate`: a verdict that is expected passes, and nothing else does.

use crate::runner::Runner;
use serde_json::json;

fn runner(tool: &str) -> Runner {
    let runner = Runner::new();
    runner.gait(&["init"], "");
    let context = json!({ "identity": "u", "workspace": "/w", "risk_class": "low" });
    let intent = json!({ "tool_name": tool, "args": {}, "targets": [], "context": context });
    runner.file("intent.json", intent.to_string());
    runner
}

#[test]
fn an_expected_verdict_passes_and_no_other() {
    for (tool, code, verdict) in
        [("tool.read", 0, "allow"), ("tool.delete", 3, "block"), ("tool.write", 4, "require_approval")]
    {
        let mut runner = runner(tool).with("command", "policy-test").with("args", "gait.policy.yaml intent.json");
        let step = runner.run().code(code);
        assert_eq!(step.output("exit-code"), code.to_string());
        assert_eq!(step.output("status"), if code == 0 { "pass" } else { "fail" });
        assert_eq!(step.commands.len(), usize::from(code != 0));
        let summary = runner.text("gait-ci/summary.txt");
        assert!(summary.starts_with(&format!("command=policy-test\nverdict={verdict}\nreason_codes=")), "{summary}");
        assert!(summary.contains("\nsummary=") && summary.ends_with("ticket_footer=not_available\n"), "{summary}");
        assert!(runner.text("gait-ci/policy_test_result.json").contains(&format!("\"verdict\":\"{verdict}\"")));
        runner.set("expect-exit", "3, 4");
        let step = runner.run().code(i32::from(code == 0));
        assert_eq!(step.output("status"), if code == 0 { "fail" } else { "pass" });
        assert_eq!(step.output("exit-code"), code.to_string());
    }
}

#[test]
fn a_call_is_decided() {
    let runner =
        runner("tool.delete").with("command", "gate").with("args", "--policy gait.policy.yaml --intent intent.json");
    let step = runner.run().code(3);
    assert_eq!(step.output("status"), "fail");
    assert!(runner.text("gait-ci/gate_result.json").contains("\"verdict\":\"block\""));
}

#[test]
fn what_cannot_be_decided_is_an_error() {
    for args in ["gait.policy.yaml missing.json", "--help", "--nonsense", ""] {
        let runner = runner("tool.read").with("command", "policy-test").with("args", args).with("expect-exit", "3");
        let step = runner.run().code(6);
        assert_eq!(step.output("status"), "error", "{args}");
    }
}
