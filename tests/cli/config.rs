//! `gait.yaml` and `fixture.json` as people write them: places in messages, odd files, globs.

use crate::kit::Gait;
use serde_json::json;

const CALL: &str = r#"{"tool":"refund","args":{"amount":5},"result":{"ok":true}}"#;

/// Fixtures `a` and `b` in their folders, the config gone.
fn folders() -> Gait {
    let gait = Gait::new();
    gait.fixture("a", &[CALL]).fixture("b", &[CALL]);
    std::fs::remove_file(gait.path("gait.yaml")).unwrap();
    gait
}

fn names(gait: &Gait, config: &str) -> Vec<String> {
    let listed = gait.args(&["regress", "run", "--list", "--json", "--config", config]).code(0).json();
    let cases = listed["cases"].as_array().unwrap().iter().map(|case| case.as_str().unwrap());
    cases.filter_map(|case| case.strip_suffix("/diff")).map(str::to_owned).collect()
}

#[test]
fn yaml_and_json_say_the_same() {
    let gait = folders();
    let yaml = "# mine\nfixture_set: mine\nfixtures:\n  - name: a\n    runpack: fixtures/a/runpack.zip # old\n";
    let json = r#"{"fixture_set":"mine","fixtures":[{"name":"a","runpack":"fixtures/a/runpack.zip"}]}"#;
    let mut answers = Vec::new();
    for text in [yaml.to_owned(), json.to_owned(), format!("\u{FEFF}{yaml}"), format!("\u{FEFF}{json}")] {
        for text in [text.replace('\n', "\r\n"), text] {
            gait.file("gait.yaml", &text);
            let out = gait.run("regress run --json").code(0);
            assert!(!out.stderr.contains("warning"), "{}", out.stderr);
            answers.push((out.json()["fixture_set"].clone(), gait.bytes("regress_result.json")));
        }
    }
    assert_eq!(answers[0].0, "mine");
    assert!(answers.iter().all(|answer| *answer == answers[0]));
}

#[test]
fn unknown_keys_are_shown_with_place_and_neighbour() {
    let gait = folders();
    let texts = [
        (
            "gait.yaml:2:5: unknown key `nam`, did you mean `name`?",
            "fixtures:\n  - nam: x\n    name: a\n    runpack: fixtures/a/runpack.zip\n",
        ),
        (
            "gait.yaml:1:1: unknown key `fixture_sets`, did you mean `fixture_set`?",
            "fixture_sets: x\nfixtures: [{name: a, runpack: fixtures/a/runpack.zip}]\n",
        ),
        (
            "gait.yaml:1:61: unknown key `Runpack`, did you mean `runpack`?",
            r#"{"fixtures":[{"name":"a","runpack":"fixtures/a/runpack.zip","Runpack":1}]}"#,
        ),
        (
            "gait.yaml:2:1: unknown key `zzz`, expected one of defaults, discover, fixture_set, fixtures, schema_id, schema_version",
            "fixtures: [{name: a, runpack: fixtures/a/runpack.zip}]\nzzz: 1\n",
        ),
        (
            "gait.yaml:1:1: unknown key `\\u{1b}[31m`, expected one of defaults, discover, fixture_set, fixtures, schema_id, schema_version",
            "\"\\e[31m\": 1\nfixtures: [{name: a, runpack: fixtures/a/runpack.zip}]\n",
        ),
    ];
    for (want, text) in texts {
        gait.file("gait.yaml", text);
        let out = gait.run("regress run").code(0);
        assert!(out.stderr.starts_with(&format!("warning: {want}\n")), "{want}: {}", out.stderr);
        let out = gait.run("regress run --list").code(0);
        assert_eq!(out.stderr, format!("warning: {want}\n"));
        let out = gait.run("regress run --strict").code(6);
        assert!(out.stdout.starts_with(&format!("regress run error: {want}\n")), "{}", out.stdout);
        assert!(!gait.exists("regress_result.json"));
    }
}

#[test]
fn unknown_keys_of_metadata_are_shown() {
    let gait = Gait::new();
    gait.fixture("a", &[CALL]).fixture("b", &[CALL]);
    let metadata = gait.text("fixtures/a/fixture.json").replacen('{', "{\n  \"candidate_runpak\": \"x\",", 1);
    gait.file("fixtures/a/fixture.json", metadata);
    let want = "fixtures/a/fixture.json:2:3: unknown key `candidate_runpak`, did you mean `candidate_runpack`?";
    gait.run("regress run").code(0).warns(&[&format!("warning: {want}")]);
    let answer = gait.run("regress run --strict --json").code(6).json();
    assert!(answer["error"].as_str().unwrap().contains(want), "{answer}");
    assert_eq!(answer["failed_fixtures"], json!(["a"]));
}

/// A small file that says ten to the eighth things.
fn bomb() -> String {
    let tenth = |at: usize| format!("a{at}: &a{at} [{}]\n", vec![format!("*a{}", at - 1); 10].join(","));
    "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n".to_owned() + &(1..8).map(tenth).collect::<String>()
}

#[test]
fn a_config_that_cannot_be_read_is_told() {
    let gait = folders();
    let texts = [
        "fixtures:\n  - name: a\n    runpack: x\n    name: b\n",
        "{\"fixtures\": [],\n \"fixtures\": []}",
        "fixtures:\n  - name: a\n   runpack: x\n",
        "{\"fixtures\": [",
        "fixtures: {a: b}\n",
        "fixtures:\n  - runpack: x\n",
        "fixtures:\n  - name: a\n",
        "fixtures:\n  - name: a\n    runpack: 7\n",
        "fixtures:\n  - name: a\n    runpack: x\n    run_id: 7\n",
        "schema_version: 2.0.0\n",
        "schema_id: other\n",
        "schema_version: 1\n",
        "discover: x\n",
        "discover: [7]\n",
        "discover: ['[']\n",
        "just text\n",
        "[]",
        "",
        "fixtures: []\n",
        "fixtures:\n  - {name: n, runpack: y}\n  - {name: n, runpack: off}\n",
        "fixtures: []\n---\nfixtures: []\n",
        "fixtures: &f [*f]\n",
        &bomb(),
        "\"a\\nb\": 1\n\"a\\nb\": 1\n",
    ];
    let mut told = String::new();
    for text in texts {
        gait.file("gait.yaml", text);
        let out = gait.run("regress run").code(6);
        told.push_str(&format!("{text}\n{}\n", out.stdout));
    }
    insta::assert_snapshot!(told);
    std::fs::remove_file(gait.path("gait.yaml")).unwrap();
    insta::assert_snapshot!(gait.run("regress run").code(6).transcript());
}

#[test]
fn names_that_could_break_a_report_are_refused() {
    let gait = folders();
    for name in ["a/b", "a\\b", "..", ".", " a", "a\t", "a\nb", "a\u{1b}[31m", "\u{7f}", "a\u{202e}b", "a\u{200b}"] {
        let config = json!({ "fixtures": [{ "name": name, "runpack": "fixtures/a/runpack.zip" }] });
        gait.file("gait.yaml", config.to_string());
        let out = gait.run("regress run").code(6).says(&["gait.yaml:1:22: fixture name ", " cannot be used"]);
        assert!(!out.stdout.contains('\u{1b}'), "{name:?}");
    }
    for name in ["A b", "é", "a:b", "x".repeat(300).as_str()] {
        let config = json!({ "fixtures": [{ "name": name, "runpack": "fixtures/a/runpack.zip" }] });
        gait.file("gait.yaml", config.to_string());
        let metadata = json!({ "name": name, "run_id": "run_a", "runpack": "runpack.zip" });
        gait.file("fixtures/a/fixture.json", metadata.to_string());
        gait.run("regress run").code(0);
    }
}

#[test]
fn globs_find_fixtures_and_take_away() {
    let gait = folders();
    for (folder, name) in [("deep/er/c", "c"), ("deep/old/d", "d"), (".hidden/e", "e"), ("target/f", "f")] {
        gait.copy("fixtures/a/runpack.zip", &format!("packs/{folder}/runpack.zip"));
        let metadata =
            gait.text("fixtures/a/fixture.json").replace("\"name\": \"a\"", &format!("\"name\": \"{name}\""));
        gait.file(&format!("packs/{folder}/fixture.json"), metadata);
    }
    let globs: [(&str, &[&str]); 7] = [
        (r#"["packs/**/runpack.zip"]"#, &["c", "d"]),
        (r#"["./packs/**/runpack.zip"]"#, &["c", "d"]),
        (r#"["packs/**/runpack.zip", "!**/old/**"]"#, &["c"]),
        (r#"["!**/old/**", "packs/**/runpack.zip"]"#, &["c"]),
        (r#"["**/runpack.zip", "!packs/**"]"#, &["a", "b"]),
        (r#"["packs/*/runpack.zip", "fixtures/?/runpack.zip"]"#, &["a", "b"]),
        (r#"["fixtures/{b,c}/runpack.zip"]"#, &["b"]),
    ];
    for (globs, want) in globs {
        gait.file("gait.yaml", format!("discover: {globs}\n"));
        assert_eq!(names(&gait, "gait.yaml"), want, "{globs}");
        gait.run("regress run").code(0);
    }
    gait.file("packs/gait.yaml", "discover: ['**/runpack.zip']\n");
    assert_eq!(names(&gait, "packs/gait.yaml"), ["c", "d"]);
    gait.run("regress run --config packs/gait.yaml").code(0);
    let listed = "fixtures: [{name: a, runpack: ./fixtures/a/runpack.zip}]\ndiscover: ['fixtures/**/runpack.zip']\n";
    gait.file("gait.yaml", listed);
    assert_eq!(names(&gait, "gait.yaml"), ["a", "b"]);
    gait.file("gait.yaml", "discover: ['nothing/**']\n");
    gait.run("regress run").code(6).says(&["gait.yaml: there are no fixtures to run"]);
}

#[test]
fn two_fixtures_of_one_name_are_refused() {
    let gait = folders();
    gait.copy("fixtures/a/runpack.zip", "other/a/runpack.zip");
    for config in [
        "discover: ['**/runpack.zip']\n",
        "fixtures: [{name: a, runpack: fixtures/a/runpack.zip}]\ndiscover: ['other/**/runpack.zip']\n",
    ] {
        gait.file("gait.yaml", config);
        let out = gait.run("regress run").code(6);
        let (one, two) = ("fixtures/a/runpack.zip", "other/a/runpack.zip");
        out.says(&[&format!("two fixtures are called \"a\": {one} and {two}")]);
    }
}

#[test]
fn fixtures_run_in_byte_order() {
    let gait = Gait::new();
    gait.record("one", &[CALL]);
    for name in ["a0", "a.b", "a", "a-b"] {
        gait.args(&["regress", "init", "--from", "one", "--name", name]).code(0);
    }
    gait.run("regress run").code(0);
    let result = gait.json("regress_result.json");
    let names = result["graders"].as_array().unwrap().iter().map(|grader| grader["name"].as_str().unwrap());
    let diffs: Vec<&str> = names.filter(|name| name.ends_with("/diff")).collect();
    assert_eq!(diffs, ["a-b/diff", "a.b/diff", "a/diff", "a0/diff"]);
}
