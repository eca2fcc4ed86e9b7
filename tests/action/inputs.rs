//! Inputs: dashes, blanks, words, and what is refused.

use crate::runner::Runner;

const CALL: &str = r#"{"tool":"refund","args":{"amount":5},"result":{}}"#;

#[test]
fn a_bad_input_is_told_and_nothing_is_run() {
    for (name, value, told) in [
        ("fail-on", "sometimes", "input fail-on: \"sometimes\" is none of regression, never"),
        ("annotations", "yes", "input annotations: \"yes\" is neither true nor false"),
        ("command", "rm", "input command: \"rm\" is none of regress, verify, gate, policy-test, install, publish"),
        ("comment", "often", "input comment: \"often\""),
        ("args", "--skip 'open", "input args: a quote is not closed"),
        ("pr-number", "7; rm", "input pr-number"),
        ("expect-exit", "0,9", "input expect-exit: \"9\" is no exit code"),
    ] {
        let runner = Runner::new().with(name, value);
        let step = runner.run().code(6);
        assert!(step.summary.contains(told), "{told} not in {}", step.summary);
        assert_eq!((step.output("exit-code"), step.output("status")), ("6", "error"));
        assert!(!runner.path("gait-ci").exists());
    }
}

#[test]
fn arguments_are_words_as_a_shell_has_them_and_nothing_is_expanded() {
    let runner = Runner::new().with("args", "--skip 'a b' --skip \"$HOME\" --skip `id`");
    runner.fixture("refund", &[CALL]);
    runner.run().code(0);
    let runner = Runner::new().with("args", "--nonsense");
    let step = runner.run().code(6).says(&["input args: unexpected argument '--nonsense'"]);
    assert_eq!(step.output("status"), "error");
}

#[test]
fn arguments_that_run_nothing_are_refused() {
    for args in ["--help", "--list", "-h"] {
        let runner = Runner::new().with("args", args);
        runner.fixture("refund", &[CALL]);
        let step = runner.run().code(6);
        assert_eq!(step.output("status"), "error", "{args}");
        assert!(runner.text("gait-ci/summary.txt").contains("error_code=invalid_input"), "{args}");
    }
}

#[test]
fn a_workdir_is_below_the_workspace() {
    for dir in ["..", "/tmp", "a/../../b"] {
        Runner::new().with("workdir", dir).run().code(6).says(&["is not below the workspace"]);
    }
    Runner::new().with("workdir", "nowhere").run().code(6).says(&["cannot enter"]);
}
