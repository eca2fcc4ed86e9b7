//! `regress run`: the files it leaves and the annotations it prints.

use crate::kit::Gait;
use quick_junit::{Report, TestCaseStatus};
use serde_json::json;

/// A fixture that fails with a changed call, and one that passes.
fn failing() -> Gait {
    let gait = Gait::new();
    gait.fixture("a", &[r#"{"id":"b1","tool":"refund","args":{"amount":5}}"#]);
    gait.fixture("b", &[r#"{"tool":"lookup","args":{},"result":{}}"#]);
    let metadata = gait.text("fixtures/a/fixture.json").replace("_code\": 0", "_code\": 2");
    gait.file("fixtures/a/fixture.json", metadata);
    gait.record("today", &[r#"{"id":"n1","tool":"refund","args":{"amount":500}}"#]);
    gait
}

#[test]
fn junit_parses_and_names_the_changed_call() {
    let gait = failing();
    gait.run("regress run --candidate a=today --junit deep/er/junit.xml").code(5);
    let report = Report::deserialize_from_str(&gait.text("deep/er/junit.xml")).unwrap();
    assert_eq!((report.tests, report.failures, report.errors), (6, 1, 0));
    let suite = &report.test_suites[0];
    assert_eq!(suite.name.as_str(), "gait.regress.default");
    let failed = suite.test_cases.iter().find(|case| matches!(case.status, TestCaseStatus::NonSuccess { .. })).unwrap();
    assert_eq!((failed.classname.as_ref().unwrap().as_str(), failed.name.as_str()), ("a", "diff"));
    let TestCaseStatus::NonSuccess { message, description, .. } = &failed.status else { unreachable!() };
    assert_eq!(message.as_ref().unwrap().as_str(), "call_changed");
    let body = description.as_ref().unwrap().as_str();
    for part in ["call 1 refund: changed", "- /args/amount: 5", "+ /args/amount: 500", "next: gait run diff "] {
        assert!(body.contains(part), "{part} not in {body}");
    }
}

#[test]
fn the_summary_is_told() {
    let gait = failing();
    gait.run("regress run --candidate a=today --summary s.md").code(5);
    insta::assert_snapshot!(gait.steady(&gait.text("s.md")));
    gait.run("regress run --summary s.md").code(0);
    insta::assert_snapshot!(gait.steady(&gait.text("s.md")));
}

#[test]
fn annotations_stand_at_the_fixture() {
    let gait = failing();
    let line = "regress run a/diff --candidate a=today --annotations github";
    let out = gait.run(line).code(5);
    let annotation = |text: &str| text.lines().find(|line| line.starts_with("::error ")).unwrap().to_owned();
    let told = annotation(&out.stdout);
    let at = gait.text("gait.yaml").lines().position(|line| line.contains("\"name\": \"a\"")).unwrap();
    assert!(
        told.starts_with(&format!("::error file=gait.yaml,line={at},title=a/diff failed::call_changed%0A")),
        "{told}"
    );
    assert!(told.contains("+ /args/amount: 500"), "{told}");
    let out = gait.run(&format!("{line} --json")).code(5);
    assert_eq!(annotation(&out.stderr), told);
    assert_eq!(out.json()["status"], "fail");
    let out = gait.run(&format!("{line} --format json")).code(5);
    assert_eq!(annotation(&out.stderr), told);
}

#[test]
fn the_answer_names_the_files() {
    let gait = failing();
    let line = "regress run --candidate a=today --json --output out/r.json --junit out/j.xml --summary out/s.md --html out/p.html";
    let answer = gait.run(line).code(5).json();
    assert_eq!(answer["artifact_paths"], json!(["out/r.json", "out/j.xml", "out/s.md", "out/p.html"]));
    assert_eq!((&answer["ok"], &answer["status"], &answer["failed"]), (&json!(false), &json!("fail"), &json!(1)));
    assert_eq!((&answer["graders"], &answer["candidates"]), (&json!(6), &json!(1)));
    assert_eq!(answer.get("error"), None);
    assert!(gait.text("out/p.html").contains("<ins class=\"value after\">+ 500</ins>"));
    for file in ["out/r.json", "out/j.xml", "out/s.md"] {
        assert!(gait.exists(file), "{file}");
    }
}

#[test]
fn outputs_stay_where_they_may_go() {
    let gait = failing();
    for flags in ["--output ../x.json", "--junit ../x.xml", "--output .", "--summary fixtures"] {
        let before = gait.tree();
        gait.run(&format!("regress run {flags}")).code(6);
        assert_eq!(gait.tree(), before, "{flags}");
    }
}

#[test]
fn two_reports_cannot_share_a_file() {
    let gait = failing();
    for flags in [
        "--output x --junit x",
        "--junit ./y --summary y",
        "--html z --summary z",
        "--output gait.yaml",
        "--junit ./gait.yaml",
    ] {
        let before = gait.tree();
        gait.run(&format!("regress run {flags}")).code(6);
        assert_eq!(gait.tree(), before, "{flags}");
    }
}

#[cfg(unix)]
#[test]
fn a_pipe_is_written_into_and_stays_a_pipe() {
    use std::os::unix::fs::FileTypeExt as _;
    let gait = failing();
    let pipe = gait.path("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let reader = {
        let pipe = pipe.clone();
        // Reading and writing, so that opening waits for nobody.
        std::fs::OpenOptions::new().read(true).write(true).open(pipe).unwrap()
    };
    gait.run("regress run --summary pipe").code(0);
    assert!(std::fs::symlink_metadata(&pipe).unwrap().file_type().is_fifo());
    let mut start = [0; 7];
    std::io::Read::read_exact(&mut &reader, &mut start).unwrap();
    assert_eq!(&start, b"## gait");
}

#[test]
fn colours_are_for_terminals_that_want_them() {
    let lines = ["regress run --candidate a=today", "run inspect today", "run diff run_a today", "--help"];
    let escaped = |gait: &Gait, line: &str| {
        let out = gait.run(line);
        out.stdout.contains('\u{1b}') || out.stderr.contains('\u{1b}')
    };
    let gait = failing();
    assert!(lines.iter().all(|line| !escaped(&gait, line)));
    let gait = gait.env("CLICOLOR_FORCE", "1");
    for line in lines {
        assert!(escaped(&gait, line), "{line}: a terminal gets no colours, so this test sees nothing");
        let json = format!("{line} --json");
        assert!(line == "--help" || !escaped(&gait, &json), "{json}");
    }
    for flags in ["--format json", "--junit j.xml --summary s.md --annotations github --json"] {
        gait.run(&format!("regress run --candidate a=today {flags}"));
    }
    for file in ["regress_result.json", "j.xml", "s.md"] {
        assert!(!gait.text(file).contains('\u{1b}'), "{file}");
    }
    let gait = gait.env("NO_COLOR", "1");
    assert!(lines.iter().all(|line| !escaped(&gait, line)));
}
