//! `gait demo --live`: the whole story with real processes, in a folder it makes.

use crate::kit::Gait;
use serde_json::json;

#[test]
fn the_story_is_told_by_what_ran() {
    // Nothing of the outside gets into it.
    let gait = Gait::new().env("CI", "true").env("GAIT_RUN_DIR", "elsewhere").env("GAIT_REGRESS_CANDIDATE_DIR", "none");
    let out = gait.run("demo --live --json").code(0).json();
    let steps: Vec<_> = out["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| {
            let words: Vec<&str> = step["command"].as_str().unwrap().split(' ').take(3).collect();
            (words.join(" "), step["exit"].as_i64().unwrap())
        })
        .collect();
    let want = [
        ("gait run capture", 0),
        ("gait regress init", 0),
        ("gait regress run", 0),
        ("gait regress run", 5),
        ("gait run capture", 0),
        ("gait regress accept", 0),
        ("gait regress run", 0),
        ("gait verify forged.zip", 2),
        ("gait regress log", 0),
    ];
    assert_eq!(steps, want.map(|(command, exit)| (command.to_owned(), exit)));
    assert!(!gait.exists("elsewhere"));
    // It can be gone on with.
    let inside = |args: &[&str]| {
        let output = gait
            .command(args)
            .current_dir(gait.path("gait-demo"))
            .env_remove("GAIT_REGRESS_CANDIDATE_DIR")
            .output()
            .unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
    };
    assert_eq!(inside(&["regress", "run"]).0, 0);
    gait.file("gait-demo/prompt.txt", "Refund what the customer paid, plus 900 EUR.");
    let (code, told) = inside(&["regress", "run"]);
    assert!(code == 5 && told.contains("- /args/amount: 124.9\n  + /args/amount: 1019.9\n"), "{told}");
    let (code, listed) = inside(&["run", "inspect", "run_incident"]);
    assert!(code == 0 && listed.contains("3. intent=call_3 tool=mail.send status=ok"), "{listed}");
    let result = gait.json("gait-demo/regress_result.json");
    assert_eq!(result["graders"][0]["details"]["candidate_source"], json!("agent"));
}

#[test]
fn a_folder_that_is_there_is_left_alone() {
    let gait = Gait::new();
    gait.file("mine/keep", "x");
    let before = gait.tree();
    gait.run("demo --live --dir mine").code(6).says(&["demo error: mine is there already", "name another with --dir"]);
    gait.run("demo --dir mine").code(6).says(&["--live"]);
    assert_eq!(gait.tree(), before);
    gait.run("demo --live --dir two/levels").code(0).says(&["demo ok: ", "next: cd two/levels && gait regress run"]);
}
