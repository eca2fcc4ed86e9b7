//! `regress init` and `bootstrap`: what is written, what stays, what is refused with nothing changed.

use crate::kit::Gait;
use serde_json::{Value, json};

const CALL: &str = r#"{"tool":"refund","args":{"amount":5},"result":{"ok":true}}"#;
const OTHER: &str = r#"{"tool":"refund","args":{"amount":6},"result":{"ok":true}}"#;

/// Runs `line`, which has to be refused, and checks that no file changed.
#[track_caller]
fn refused(gait: &Gait, line: &str) -> String {
    let before = gait.tree();
    let out = gait.run(line).code(6);
    assert_eq!(gait.tree(), before, "{line}");
    out.stdout
}

#[test]
fn a_first_fixture() {
    let gait = Gait::new();
    gait.record("Run-One", &[CALL]);
    insta::assert_snapshot!(gait.run("regress init --from Run-One").code(0).transcript());
    assert_eq!(gait.bytes("fixtures/run-one/runpack.zip"), gait.bytes("gait-out/runpack_Run-One.zip"));
    insta::assert_snapshot!(gait.text("gait.yaml") + &gait.text("fixtures/run-one/fixture.json"));
    let answer = gait.run("regress init --from Run-One --json").code(0).json();
    assert_eq!((&answer["ok"], &answer["fixture_name"]), (&json!(true), &json!("run-one")));
    assert_eq!(answer["next_commands"], json!(["gait regress run --json"]));
    insta::assert_snapshot!(gait.run("regress bootstrap --from Run-One --junit j.xml").code(0).transcript());
}

#[test]
fn bootstrap_grades_what_it_made() {
    let gait = Gait::new();
    gait.record("one", &[r#"{"tool":"refund"}"#]);
    let out = gait.run("regress bootstrap --from one").code(5);
    insta::assert_snapshot!(out.transcript());
    gait.run("regress bootstrap --from one --expect-exit 2").code(0);
    assert_eq!(gait.json("fixtures/one/fixture.json")["expected_replay_exit_code"], 2);
    gait.record("two", &[OTHER]);
    let answer = gait.run("regress bootstrap --from two --candidate one --json").code(5).json();
    assert_eq!((&answer["fixture_name"], &answer["failed_fixtures"]), (&json!("two"), &json!(["two"])));
    gait.file("other.yaml", "fixtures: [{name: one, runpack: fixtures/one/runpack.zip}]\n");
    gait.run("regress bootstrap --from two --config other.yaml").code(6).says(&["does not list the new fixture two"]);
}

#[test]
fn a_json_config_keeps_what_it_does_not_know() {
    let gait = Gait::new();
    let config = json!({
        "team": { "owner": "ann", "list": [1, 2] },
        "fixture_set": "nightly",
        "fixtures": [{ "name": "z", "runpack": "elsewhere/z.zip", "note": "mine" }],
        "discover": ["more/**/runpack.zip"],
    });
    gait.file("gait.yaml", config.to_string());
    gait.fixture("a", &[CALL]);
    let mut want = config;
    let entry = json!({ "name": "a", "run_id": "run_a", "runpack": "fixtures/a/runpack.zip" });
    want["fixtures"].as_array_mut().unwrap().insert(0, entry);
    want["schema_id"] = json!("gait.regress.config");
    want["schema_version"] = json!("1.0.0");
    assert_eq!(gait.json("gait.yaml"), want);
    let before = gait.bytes("gait.yaml");
    gait.run("regress init --from run_a --name a").code(0);
    assert_eq!(gait.bytes("gait.yaml"), before);
}

#[test]
fn a_yaml_config_only_gets_lines() {
    let texts = [
        "# top\nfixtures: # list\n  # first\n  - name: z\n    runpack: z.zip # old\n\n# about the set\nfixture_set: s\n",
        "fixtures:\n- name: z\n  runpack: z.zip\n\n# end\n",
        "fixture_set: s # no list yet\n",
        "fixtures:\nfixture_set: s\n",
        "fixtures: # none\n",
        "# nothing but a comment\n",
        "discover: ['x/**']\nfixtures:\n    - runpack: z.zip\n      name: z\n",
        "fixtures:\n  - name: z\n    runpack: z.zip",
    ];
    for text in texts {
        for (text, end) in [(text.to_owned(), "\n"), (text.replace('\n', "\r\n"), "\r\n")] {
            let gait = Gait::new();
            gait.file("gait.yaml", &text);
            gait.fixture("a", &[CALL]);
            let now = gait.text("gait.yaml");
            let new: Vec<&str> = now.split_inclusive(end).collect();
            let kept: Vec<&str> = text.split_inclusive(end).collect();
            let mut rest = new.iter().copied();
            let stays = kept.iter().all(|old| rest.any(|line| line == *old || line.strip_suffix(end) == Some(old)));
            assert!(stays, "{text:?} became {now:?}");
            assert_eq!(now.matches('\n').count(), now.matches(end).count(), "{now:?}");
            gait.run("regress run a/").code(0);
            let before = gait.bytes("gait.yaml");
            gait.run("regress init --from run_a --name a").code(0);
            assert_eq!(gait.bytes("gait.yaml"), before);
        }
    }
}

#[test]
fn a_yaml_list_that_takes_no_line_is_refused() {
    let texts = [
        "fixtures: [{name: z, runpack: z.zip}]\n",
        "fixtures: []\n",
        "fixtures: null\n",
        "{fixture_set: s}\n",
        "fixtures:\n  -\n    name: z\n    runpack: z.zip\n",
        "fixture_set: s\n...\n",
        "base: &f\n  - name: z\n    runpack: z.zip\nfixtures: *f\n",
    ];
    let mut told = String::new();
    for text in texts {
        let gait = Gait::new();
        gait.record("run_a", &[CALL]);
        gait.file("gait.yaml", text);
        told.push_str(&format!("{text}\n{}\n", refused(&gait, "regress init --from run_a --name a")));
    }
    insta::assert_snapshot!(told);
}

#[test]
fn metadata_made_by_hand_survives() {
    let gait = Gait::new();
    gait.fixture("a", &[CALL]);
    let mut metadata = gait.json("fixtures/a/fixture.json");
    for (key, value) in [
        ("candidate_runpack", json!("../today.zip")),
        ("diff_allow_changed_files", json!(["refs.json"])),
        ("expected_replay_exit_code", json!(2)),
        ("owner", json!({ "name": "ann", "since": 2024.5 })),
    ] {
        metadata[key] = value;
    }
    gait.file("fixtures/a/fixture.json", metadata.to_string());
    for line in ["regress init --from run_a --name a", "regress init --from run_a --name a --force"] {
        gait.run(line).code(0);
        assert_eq!(gait.json("fixtures/a/fixture.json"), metadata, "{line}");
    }
    gait.run("regress init --from run_a --name a --expect-exit 0 --allow-changed x --allow-changed y").code(0);
    metadata["expected_replay_exit_code"] = json!(0);
    metadata["diff_allow_changed_files"] = json!(["x", "y"]);
    assert_eq!(gait.json("fixtures/a/fixture.json"), metadata);
}

#[test]
fn metadata_in_yaml_survives_too() {
    let gait = Gait::new();
    gait.fixture("a", &[CALL]);
    let yaml = "# mine\nname: a\nrun_id: run_a\nrunpack: runpack.zip\nowner: ann\nlist: [1, {x: true}]\n";
    gait.file("fixtures/a/fixture.json", yaml);
    gait.run("regress init --from run_a --name a").code(0);
    let now = gait.text("fixtures/a/fixture.json");
    if now != yaml {
        let now: Value = serde_json::from_str(&now).unwrap();
        assert_eq!((&now["owner"], &now["list"]), (&json!("ann"), &json!([1, { "x": true }])));
    }
}

#[test]
fn another_run_needs_force() {
    let gait = Gait::new();
    gait.fixture("a", &[CALL]);
    let mut metadata = gait.json("fixtures/a/fixture.json");
    metadata["candidate_runpack"] = json!("old.zip");
    gait.file("fixtures/a/fixture.json", metadata.to_string());
    gait.record("new", &[OTHER]);
    let told = refused(&gait, "regress init --from new --name a");
    assert!(told.contains("fixture a holds another run (run_a, now new)") && told.contains("--force"), "{told}");
    refused(&gait, "regress bootstrap --from new --name a");
    gait.run("regress init --from new --name a --force").code(0);
    assert_eq!(gait.bytes("fixtures/a/runpack.zip"), gait.bytes("gait-out/runpack_new.zip"));
    let metadata = gait.json("fixtures/a/fixture.json");
    assert_eq!((&metadata["run_id"], metadata.get("candidate_runpack")), (&json!("new"), None));
    assert_eq!(gait.json("gait.yaml")["fixtures"][0]["run_id"], "new");
    gait.run("regress run").code(0);
}

#[test]
fn a_runpack_without_metadata_is_not_overwritten_either() {
    let gait = Gait::new();
    gait.record("old", &[CALL]);
    gait.record("new", &[OTHER]);
    gait.copy("gait-out/runpack_old.zip", "fixtures/a/runpack.zip");
    refused(&gait, "regress init --from new --name a");
    gait.run("regress init --from old --name a").code(0);
    assert_eq!(gait.json("fixtures/a/fixture.json")["run_id"], "old");
}

#[test]
fn a_damaged_fixture_needs_force() {
    for file in ["runpack.zip", "fixture.json"] {
        let gait = Gait::new();
        gait.fixture("a", &[CALL]);
        gait.file(&format!("fixtures/a/{file}"), "damaged");
        refused(&gait, "regress init --from run_a --name a");
        gait.run("regress init --from run_a --name a --force").code(0);
        gait.run("regress run").code(0);
    }
}

#[test]
fn a_broken_neighbour_stops_before_anything_is_written() {
    let gait = Gait::new();
    gait.record("run_a", &[CALL]);
    let neighbours: [(&str, &str); 5] = [
        ("fixture.json", "{"),
        ("fixture.json", r#"{"name":"other","run_id":"x","runpack":"runpack.zip"}"#),
        ("fixture.json", r#"{"name":"z","run_id":"x","runpack":"runpack.zip"}"#),
        ("fixture.json", r#"{"name":"z","run_id":"x","runpack":"../a.zip"}"#),
        ("runpack.zip", "no metadata beside it"),
    ];
    for (file, text) in neighbours {
        let _ = std::fs::remove_dir_all(gait.path("fixtures"));
        gait.file(&format!("fixtures/z/{file}"), text);
        let told = refused(&gait, "regress init --from run_a --name a");
        assert!(told.contains("fixtures/z/"), "{told}");
    }
    let _ = std::fs::remove_dir_all(gait.path("fixtures"));
    gait.file("fixtures/README.md", "x").file("fixtures/Upper/fixture.json", "{").file("fixtures/empty/x", "");
    gait.run("regress init --from run_a --name a").code(0);
    assert_eq!(gait.json("gait.yaml")["fixtures"].as_array().unwrap().len(), 1);
}

#[test]
fn what_cannot_become_a_fixture_is_told() {
    let gait = Gait::new();
    gait.record("run_a", &[CALL]);
    gait.file("bad.zip", "not a zip").file("c.json", "{}").file("dir/x", "");
    let mut told = String::new();
    for line in [
        "regress init",
        "regress init --from nowhere",
        "regress init --from ./nowhere.zip",
        "regress init --from bad.zip",
        "regress init --from c.json",
        "regress init --from ./dir",
        "regress init --from run_a --name Upper",
        "regress init --from run_a --name ../up",
        "regress init --from run_a --expect-exit 1",
        "regress init --from run_a extra",
        "regress init --from lockfile.zip",
    ] {
        told.push_str(&format!("$ gait {line}\n{}\n", refused(&gait, line)));
    }
    insta::assert_snapshot!(gait.steady(&told));
}

#[test]
fn a_checkpoint_of_a_session_becomes_a_fixture() {
    use gait::session::chain::checkpoint_digest;
    use gait::session::model::{Chain, Checkpoint};
    let gait = Gait::new();
    let mut checkpoints: Vec<Checkpoint> = Vec::new();
    for (index, call) in [(1, CALL), (2, OTHER)] {
        let pack = gait.record(&format!("run_s_{index}"), &[call]);
        let digest = gait.run(&format!("verify {pack} --json")).json()["manifest_digest"].clone();
        let mut checkpoint = Checkpoint {
            session_id: "s".to_owned(),
            run_id: "run_s".to_owned(),
            checkpoint_index: index,
            sequence_start: index,
            sequence_end: index,
            runpack_path: pack,
            manifest_digest: digest.as_str().unwrap().to_owned(),
            prev_checkpoint_digest: checkpoints.last().map_or_else(String::new, |last| last.checkpoint_digest.clone()),
            ..Checkpoint::default()
        };
        checkpoint.checkpoint_digest = checkpoint_digest(&checkpoint).to_string();
        checkpoints.push(checkpoint);
    }
    let chain = Chain { session_id: "s".to_owned(), run_id: "run_s".to_owned(), checkpoints, ..Chain::default() };
    gait.file("chain.json", serde_json::to_vec(&chain).unwrap());
    for wrong in ["3", "0", "1x", "-1"] {
        refused(&gait, &format!("regress init --from chain.json --checkpoint {wrong}"));
    }
    for (checkpoint, index) in [("latest", 2), ("1", 1), (" LATEST", 2)] {
        let name = format!("c{index}");
        gait.args(&["regress", "init", "--from", "chain.json", "--checkpoint", checkpoint, "--name", &name]).code(0);
        let metadata = gait.json(&format!("fixtures/{name}/fixture.json"));
        assert_eq!((&metadata["session_chain"], &metadata["checkpoint_index"]), (&json!("chain.json"), &json!(index)));
        assert_eq!(metadata["run_id"], format!("run_s_{index}"));
    }
    gait.run("regress run").code(0);
    gait.copy("gait-out/runpack_run_s_1.zip", "gait-out/runpack_run_s_2.zip");
    let told = refused(&gait, "regress init --from chain.json --name other");
    assert!(told.contains("not the runpack that chain.json speaks of"), "{told}");
    let torn = gait.text("chain.json").replacen("\"sequence_end\":1", "\"sequence_end\":0", 1);
    gait.file("chain.json", torn);
    let told = refused(&gait, "regress init --from chain.json --name other");
    assert!(told.contains("the session chain does not hold"), "{told}");
}
