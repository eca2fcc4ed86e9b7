//! `init`: the files a repository begins with.

use crate::kit::Gait;

const FILES: [&str; 3] = [".github/workflows/gait-regress.yml", "gait.policy.yaml", "gait.yaml"];

#[test]
fn three_files_are_shown_and_written() {
    let gait = Gait::new();
    let dry = gait.run("init --dry-run --action me/gait-regress@v1").code(0).stdout;
    assert!(gait.tree().is_empty());
    let told = gait.run("init --action me/gait-regress@v1").code(0).says(&["init ok", "discover:", "permissions: {}"]);
    assert_eq!(dry.replace("would write", "written").replace("init ok: nothing was written", "init ok"), told.stdout);
    assert_eq!(gait.tree().into_keys().collect::<Vec<_>>(), FILES);
    let workflow = gait.text(FILES[0]);
    assert!(workflow.contains("uses: me/gait-regress@v1") && !workflow.contains("OWNER"), "{workflow}");
    gait.run("regress run --strict").code(6).says(&["there are no fixtures to run"]);
    gait.run("demo").code(0);
    gait.run("regress bootstrap --from run_demo").code(0);
    assert!(gait.text("gait.yaml").starts_with("# Recorded runs"), "what was written by hand stays");
}

#[test]
fn nothing_is_replaced() {
    let gait = Gait::new();
    gait.file("gait.yaml", "fixtures: []\n");
    let answer = gait.run("init --json").code(0).json();
    assert_eq!(answer["files"][0], serde_json::json!({ "path": "gait.yaml", "state": "kept" }));
    assert_eq!(gait.text("gait.yaml"), "fixtures: []\n");
    assert!(gait.exists(FILES[0]));
}

#[test]
fn an_action_is_a_reference() {
    for action in ["x", "a/b", "a/b@", "a/b@v1\n      run: rm", "a/b@v1 # c"] {
        Gait::new().args(&["init", "--action", action]).code(6);
    }
}
