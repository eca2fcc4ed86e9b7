//! `regress run`: which cases run, how they are shown, and what happens to a fixture that cannot be loaded.

use crate::kit::Gait;
use serde_json::{Value, json};

const REFUND: &str = r#"{"tool":"refund","args":{"amount":5},"result":{"ok":true}}"#;
const LOOKUP: &str = r#"{"tool":"lookup","args":{"id":7},"result":{"row":1}}"#;

/// What may happen to a project.
type Damage = fn(&Gait);

/// Two sound fixtures.
fn two() -> Gait {
    let gait = Gait::new();
    gait.fixture("a", &[LOOKUP, REFUND]).fixture("b", &[REFUND]);
    gait
}

fn ran(gait: &Gait) -> Vec<String> {
    let result = gait.json("regress_result.json");
    result["graders"].as_array().unwrap().iter().map(|grader| grader["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn all_cases_run_and_are_told() {
    let gait = two();
    insta::assert_snapshot!(gait.run("regress run").code(0).transcript());
    insta::assert_snapshot!(gait.run("regress run --format terse").code(0).transcript());
    assert_eq!(
        ran(&gait),
        [
            "a/diff",
            "a/expected_exit_code",
            "a/schema_validation",
            "b/diff",
            "b/expected_exit_code",
            "b/schema_validation"
        ]
    );
}

#[test]
fn filters_pick_cases() {
    let gait = two();
    let picks: [(&str, &[&str]); 6] = [
        ("diff", &["a/diff", "b/diff"]),
        ("a/diff b/expected", &["a/diff", "b/expected_exit_code"]),
        ("--exact a/diff a/dif", &["a/diff"]),
        ("--skip diff --skip schema a/", &["a/expected_exit_code"]),
        ("--skip b/", &["a/diff", "a/expected_exit_code", "a/schema_validation"]),
        ("--exact --skip a/diff a/diff b/diff", &["b/diff"]),
    ];
    for (filters, want) in picks {
        let answer = gait.run(&format!("regress run --json {filters}")).code(0).json();
        assert_eq!(ran(&gait), want, "{filters}");
        assert_eq!(answer["graders"], want.len(), "{filters}");
        let listed = gait.run(&format!("regress run --list {filters}")).code(0).stdout;
        let cases: Vec<&str> = listed.lines().filter(|line| !line.contains("/load")).collect();
        assert_eq!(cases, want.iter().map(|name| format!("{name}: test")).collect::<Vec<_>>(), "{filters}");
    }
}

#[test]
fn a_list_runs_nothing() {
    let gait = two();
    gait.file("fixtures/a/runpack.zip", "not a zip");
    let before = gait.tree();
    insta::assert_snapshot!(gait.run("regress run --list").code(0).transcript());
    let answer = gait.run("regress run --list --json").code(0).json();
    assert_eq!(answer["cases"].as_array().unwrap().len(), 8);
    assert_eq!(gait.tree(), before);
}

#[test]
fn every_listed_case_can_be_picked() {
    let gait = two();
    for name in gait.run("regress run --list --json").json()["cases"].as_array().unwrap() {
        let name = name.as_str().unwrap();
        let out = gait.args(&["regress", "run", "--exact", name]);
        assert!(out.code == 0 || name.ends_with("/load"), "{name}: {}", out.stdout);
        let told = out.stdout.contains(&format!("test {name} ... ok")) || out.stdout.contains("checks loading only");
        assert!(told, "{name}: {}", out.stdout);
    }
}

#[test]
fn a_filter_that_selects_nothing_is_refused() {
    let gait = two();
    gait.run("regress run").code(0);
    let out = gait.run("regress run nothing --json --junit j.xml").code(6);
    assert_eq!(out.json()["error_code"], "invalid_input");
    assert!(!gait.exists("regress_result.json") && !gait.exists("j.xml"));
    insta::assert_snapshot!(gait.run("regress run --exact a").code(6).transcript());
}

#[test]
fn libtest_json_names_every_case() {
    let gait = two();
    let out = gait.run("regress run --format json").code(0);
    let lines: Vec<Value> = out.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let passed = lines.iter().filter(|line| line["event"] == "ok" && line["type"] == "test");
    let names: Vec<&str> = passed.map(|line| line["name"].as_str().unwrap()).collect();
    assert!(names.contains(&"a/diff") && names.contains(&"b/schema_validation"), "{names:?}");
    assert_eq!(lines.last().unwrap()["event"], "ok");
    out.warns(&["2 of 2 fixtures were not run against an agent"]);
}

#[test]
fn the_result_does_not_depend_on_threads() {
    let gait = two();
    for name in ["c", "d", "e", "f"] {
        gait.fixture(name, &[LOOKUP, REFUND]);
    }
    gait.file("fixtures/d/runpack.zip", "broken");
    let candidate = gait.record("other", &[REFUND, LOOKUP]);
    let mut results = Vec::new();
    for threads in ["1", "8"] {
        let args = ["regress", "run", "--json", "--test-threads", threads, "--candidate"];
        gait.args(&[&args[..], &[&format!("c={candidate}")]].concat()).code(6);
        results.push(gait.bytes("regress_result.json"));
    }
    assert_eq!(results[0], results[1]);
}

#[test]
fn one_damaged_fixture_does_not_stop_the_others() {
    let gait = two();
    gait.fixture("c", &[LOOKUP]);
    gait.file("fixtures/b/runpack.zip", "not a zip");
    let changed = gait.record("changed", &[r#"{"tool":"refund","args":{"amount":9}}"#]);
    let line = format!("regress run --candidate c={changed} --junit out/j.xml --summary out/s.md");
    let out = gait.run(&line).code(6);
    insta::assert_snapshot!(out.transcript());
    let names = ran(&gait);
    assert!(names.contains(&"b/load".to_owned()) && names.contains(&"a/diff".to_owned()), "{names:?}");
    assert!(!names.contains(&"b/diff".to_owned()), "{names:?}");
    let result = gait.json("regress_result.json");
    let load = result["graders"].as_array().unwrap().iter().find(|grader| grader["name"] == "b/load").unwrap();
    assert_eq!((&load["status"], &load["details"]["fixture"]), (&json!("fail"), &json!("b")));
    for file in ["out/j.xml", "out/s.md"] {
        assert!(gait.text(file).contains("load"), "{file}");
    }
    let answer = gait.run(&format!("{line} --json")).code(6).json();
    assert_eq!(answer["error_code"], "invalid_input");
    assert_eq!(answer["failed_fixtures"], json!(["b", "c"]));
}

#[test]
fn what_does_not_belong_together_does_not_load() {
    let broken: [(&str, Damage); 6] = [
        ("runpack_not_found", |gait| std::fs::remove_file(gait.path("fixtures/a/runpack.zip")).unwrap()),
        ("fixture_metadata_invalid", |gait| std::fs::remove_file(gait.path("fixtures/a/fixture.json")).unwrap()),
        ("fixture_metadata_invalid", |gait| {
            gait.file("fixtures/a/fixture.json", r#"{"name":"x","run_id":"run_a","runpack":"runpack.zip"}"#);
        }),
        ("run_id_mismatch", |gait| {
            gait.file("fixtures/a/fixture.json", r#"{"name":"a","run_id":"x","runpack":"runpack.zip"}"#);
        }),
        ("run_id_mismatch", |gait| {
            gait.copy("fixtures/b/runpack.zip", "fixtures/a/runpack.zip");
        }),
        ("fixture_metadata_invalid", |gait| {
            let text = gait.text("fixtures/a/fixture.json").replace("_code\": 0", "_code\": 1");
            gait.file("fixtures/a/fixture.json", text);
        }),
    ];
    for (code, damage) in broken {
        let gait = two();
        damage(&gait);
        let answer = gait.run("regress run --json").code(6).json();
        assert_eq!(answer["top_failure_reason"], code);
        assert_eq!(ran(&gait).len(), 4, "{code}");
    }
}

#[test]
fn outputs_of_an_earlier_run_go_when_there_is_no_verdict() {
    let broken: [(&str, Damage); 3] = [
        ("", |gait| std::fs::remove_file(gait.path("gait.yaml")).unwrap()),
        ("", |gait| {
            gait.file("gait.yaml", "{ broken");
        }),
        ("--candidate-dir nowhere", |_| {}),
    ];
    for (flags, damage) in broken {
        let gait = two();
        gait.run("regress run --junit j.xml --summary s.md").code(0);
        damage(&gait);
        gait.run(&format!("regress run --junit j.xml --summary s.md {flags}")).code(6);
        for file in ["regress_result.json", "j.xml", "s.md"] {
            assert!(!gait.exists(file), "{file} {flags}");
        }
    }
}

#[test]
fn bootstrap_leaves_no_older_verdict_either() {
    let gait = two();
    gait.run("regress bootstrap --from gait-out/runpack_run_a.zip --name a --junit j.xml").code(0);
    gait.run("regress bootstrap --from nowhere --junit j.xml").code(6).says(&["regress bootstrap error: "]);
    assert!(!gait.exists("regress_result.json") && !gait.exists("j.xml"));
}

#[test]
fn the_verdict_does_not_need_a_reader() {
    let gait = two();
    let changed = gait.record("changed", &[r#"{"tool":"refund","args":{"amount":9}}"#]);
    for (candidate, code) in [("b=gait-out/runpack_run_b.zip".to_owned(), 0), (format!("b={changed}"), 5)] {
        for format in ["pretty", "terse", "json"] {
            let (reader, writer) = std::io::pipe().unwrap();
            drop(reader);
            let args = ["regress", "run", "--candidate", &candidate, "--format", format];
            let child = gait.command(&args).stdout(writer).stderr(std::process::Stdio::piped()).spawn().unwrap();
            let output = child.wait_with_output().unwrap();
            let stderr = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(code), "{format} {stderr}");
            assert!(!stderr.contains("panic"), "{stderr}");
            assert_eq!(ran(&gait).len(), 6);
        }
    }
}
