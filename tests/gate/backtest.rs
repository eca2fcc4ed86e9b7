//! `policy backtest`: recorded runs held against a policy, and when that is red.

use crate::cli::Gait;
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
- name: etc
  priority: 3
  effect: block
  endpoint: { path_denylist: [/etc/**], domain_denylist: [evil.example] }
  match: { target_kinds: [path, url] }
";
const SMALL: &str = r#"{"tool":"refund","args":{"amount":5},"result":{"ok":true}}"#;
const LARGE: &str = r#"{"tool":"refund","args":{"amount":500},"result":{"ok":true}}"#;
const MAIL: &str = r#"{"tool":"mail","args":{},"result":{"ok":true}}"#;
const REFUSED: &str = r#"{"tool":"refund","args":{"amount":5},"status":"blocked","result":{}}"#;
/// A status that says nothing about a verdict.
const BROKEN: &str = r#"{"tool":"refund","args":{"amount":500},"status":"error","result":{}}"#;

/// A policy, and a pack below `packs` for each run.
fn packs(runs: &[(&str, &[&str])]) -> Gait {
    let gait = Gait::new();
    gait.file("p.yaml", POLICY);
    for (name, calls) in runs {
        let pack = gait.record(name, calls);
        gait.copy(&pack, &format!("packs/{name}.zip"));
    }
    gait
}

#[test]
fn verdicts_that_are_alike_are_green_and_others_are_listed() {
    let gait = packs(&[("alike", &[SMALL, SMALL]), ("other", &[SMALL, LARGE, MAIL, REFUSED, BROKEN])]);
    insta::assert_snapshot!(
        "alike",
        gait.run("policy backtest --policy p.yaml --packs packs/alike.zip").code(0).transcript()
    );
    insta::assert_snapshot!("other", gait.run("policy backtest --policy p.yaml --packs packs").code(0).transcript());
    let said = gait.run("policy backtest --policy p.yaml --packs packs/*.zip --json").code(0);
    insta::assert_snapshot!("other_json", gait.steady(&serde_json::to_string_pretty(&said.json()).unwrap()));
}

/// Percentage of false blocks, whether over budget, exit code.
fn budget(gait: &Gait, most: &str) -> (Value, Value, i32) {
    let args = ["policy", "backtest", "--policy", "p.yaml", "--packs", "packs", "--max-false-blocks", most, "--json"];
    let out = gait.args(&args);
    let said = out.json();
    (said["false_block_percent"].clone(), said["over_budget"].clone(), out.code)
}

#[test]
fn the_budget_of_false_blocks_is_kept_up_to_its_last_tenth() {
    // 1 of 4 allowed calls would be stopped; refused ones and those without a verdict do not count.
    let gait = packs(&[("a", &[SMALL, SMALL, LARGE, REFUSED]), ("b", &[SMALL, BROKEN])]);
    for most in ["25", "25%", " 25 % ", "25.1", "100%"] {
        assert_eq!(budget(&gait, most), (json!(25.0), json!(false), 0), "{most}");
    }
    for most in ["24.9%", "0", "0%"] {
        assert_eq!(budget(&gait, most), (json!(25.0), json!(true), 3), "{most}");
    }
    let line = "policy backtest --policy p.yaml --packs packs --max-false-blocks 10%";
    gait.run(line)
        .code(3)
        .says(&["over budget: 25.00% of the calls that were allowed would be stopped, at most 10% may"]);
    for most in ["101", "-1", "many", "", "NaN", "inf"] {
        gait.args(&[
            "policy",
            "backtest",
            "--policy",
            "p.yaml",
            "--packs",
            "packs",
            &format!("--max-false-blocks={most}"),
        ])
        .code(6)
        .says(&["--max-false-blocks"]);
    }
    // An approval that is asked for stops a call too; without allowed calls nothing is stopped falsely.
    let gait = packs(&[("a", &[MAIL, SMALL])]);
    assert_eq!(budget(&gait, "49"), (json!(50.0), json!(true), 3));
    let gait = packs(&[("a", &[REFUSED, BROKEN])]);
    assert_eq!(budget(&gait, "0"), (json!(0.0), json!(false), 0));
}

#[test]
fn a_must_block_pack_is_met_only_when_every_call_of_it_is_stopped() {
    let gait = packs(&[("good", &[SMALL]), ("bad", &[LARGE, SMALL]), ("worse", &[LARGE, MAIL])]);
    let line = |must: &str| format!("policy backtest --policy p.yaml --packs packs/good.zip --must-block {must}");
    // Each outside the glob, and still looked at.
    gait.run(&line("packs/worse.zip")).code(0).says(&["packs=2 calls=3", "must_block_allowed=0"]);
    insta::assert_snapshot!("must_block", gait.run(&line("packs/bad.zip")).code(3).transcript());
    let said = gait.run(&format!("{} --json", line("packs/bad.zip"))).code(3).json();
    let escaped = &said["must_block_allowed"];
    assert_eq!((escaped.as_array().unwrap().len(), &escaped[0]["verdict"]), (1, &json!("allow")), "{said}");
    assert_eq!(escaped[0]["pack"], "packs/bad.zip");
    // One call of it: the id is part of the name.
    let ids: Vec<String> = gait.run("run inspect packs/bad.zip --json").json()["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["intent_id"].as_str().unwrap().to_owned())
        .collect();
    gait.run(&line(&format!("packs/bad.zip#{}", ids[0]))).code(0);
    gait.run(&line(&format!("packs/bad.zip#{}", ids[1]))).code(3);
    // Several calls of it, in any order; one that proceeds is enough, and the whole pack takes in all.
    let both = |ids: [&str; 2]| line(&ids.map(|id| format!("packs/bad.zip#{id}")).join(" "));
    for two in [[&*ids[0], &*ids[1]], [&*ids[1], &*ids[0]]] {
        gait.run(&both(two)).code(3).says(&["packs=2 calls=3", "must_block_allowed=1"]);
    }
    gait.run(&line(&format!("packs/bad.zip packs/bad.zip#{}", ids[0]))).code(3).says(&["must_block_allowed=1"]);
    gait.run(&line(&format!("packs/bad.zip#{} packs/../packs/bad.zip#none", ids[0]))).code(6).says(&["has no call"]);
    gait.run(&line("packs/bad.zip#none")).code(6).says(&["packs/bad.zip has no call \"none\""]);
    // Their blocks are wanted, so none of them is a false one.
    let said = gait.run(&format!("{} --json --max-false-blocks 0", line("packs/worse.zip"))).code(0).json();
    assert_eq!(said["false_blocks"], 0);
    // Without other packs too; a folder is every pack in it.
    gait.run("policy backtest --policy p.yaml --must-block packs/worse.zip").code(0);
    gait.run("policy backtest --policy p.yaml --must-block packs").code(3).says(&["must_block_allowed=2"]);
}

#[test]
fn nothing_to_look_at_is_never_green() {
    let gait = packs(&[("good", &[SMALL])]);
    gait.file("empty.json", r#"{"run":{"run_id":"empty"},"intents":[],"results":[]}"#);
    gait.run("run record empty.json --out-dir packs/none").code(0);
    let mut bytes = gait.bytes("packs/good.zip");
    let at = bytes.len() / 2;
    bytes[at] ^= 1;
    gait.file("broken/x.zip", &bytes).file("broken/no.zip", "text").file("bare/a.txt", "");
    for (packs, code, says) in [
        ("packs/x*.zip", 6, "names no file"),
        ("absent", 6, "names no file"),
        ("bare", 6, "names no file"),
        ("packs/[", 6, "--packs \"packs/[\""),
        ("packs/none", 6, "the packs hold no recorded call"),
        ("broken/no.zip", 6, "broken/no.zip"),
        ("broken/x.zip", 2, "broken/x.zip"),
        // One pack that cannot be relied on spoils the rest: the others alone would look green.
        ("packs/good.zip broken/x.zip", 2, "broken/x.zip"),
    ] {
        let line = format!("policy backtest --policy p.yaml --packs {packs}");
        gait.run(&line).code(code).says(&[says]);
        gait.run(&format!("policy backtest --policy p.yaml --must-block {packs}")).code(code).says(&[says]);
    }
    // One pack without calls among others is one pack without calls.
    gait.run("policy backtest --policy p.yaml --packs packs").code(0).says(&["packs=2 calls=1"]);
    gait.run("policy backtest --policy p.yaml").code(6);
    gait.run("policy backtest --policy absent.yaml --packs packs").code(6).says(&["absent.yaml"]);
}

#[test]
fn a_glob_names_what_it_says_and_no_pack_twice() {
    let gait = packs(&[("a1", &[SMALL]), ("a2", &[SMALL]), ("b1", &[SMALL])]);
    gait.copy("packs/a1.zip", "packs/deep/er/a3.zip")
        .copy("packs/a1.zip", "packs/a4.txt")
        .copy("packs/a1.zip", "top.zip");
    let root = gait.path("packs");
    let root = root.to_str().unwrap();
    for (packs, count) in [
        ("packs", 4),
        ("packs/", 4),
        ("packs/*.zip", 3),
        ("packs/**/*.zip", 4),
        ("packs/a?.zip", 2),
        ("packs/a[2-9].zip packs/a2.zip", 1),
        ("packs/{a1,b1}.zip packs/a1.zip", 2),
        ("packs/a1.zip ./packs/a1.zip packs/../packs/a1.zip ./packs/a1*", 1),
        ("*/*.zip", 6),
        ("*.zip", 1),
        ("packs/a4.txt", 1),
        (root, 4),
        (&format!("{root}/a*"), 3),
    ] {
        gait.run(&format!("policy backtest --policy p.yaml --packs {packs}"))
            .code(0)
            .says(&[&format!("packs={count} ")]);
    }
}

#[test]
fn a_record_says_verdicts_by_its_result_or_its_status() {
    // What a record stands for shows where the policy says something else.
    let differs = |call: &str, policy: &str| {
        let gait = packs(&[("a", &[call])]);
        gait.file("p.yaml", policy);
        let said = gait.run("policy backtest --policy p.yaml --packs packs --json").code(0).json();
        let known = said["calls_with_recorded_verdict"] == 1;
        (known, said["changed"][0]["recorded"].as_str().unwrap_or_default().to_owned())
    };
    let status = |status: &str| format!(r#"{{"tool":"t","args":{{}},"status":"{status}","result":{{}}}}"#);
    for word in ["ok", "PASS", "passed", "success", "allow"] {
        assert_eq!(differs(&status(word), "default_verdict: block"), (true, "allow".into()), "{word}");
    }
    for (words, verdict) in [
        (&["block", "Blocked", "deny", "denied"][..], "block"),
        (&["require_approval", "approval_required", "needs_approval"], "require_approval"),
        (&["dry_run", "simulated", "simulate"], "dry_run"),
    ] {
        for word in words {
            assert_eq!(differs(&status(word), "default_verdict: allow"), (true, verdict.into()), "{word}");
        }
    }
    for word in ["error", "failed", "timeout", "dry"] {
        assert_eq!(differs(&status(word), "default_verdict: block"), (false, String::new()), "{word}");
    }
    // A verdict that the result names counts before the status.
    let named = r#"{"tool":"t","args":{},"status":"ok","result":{"verdict":"block"}}"#;
    assert_eq!(differs(named, "default_verdict: allow"), (true, "block".into()));
}

#[test]
fn what_a_call_acts_on_is_taken_from_its_arguments() {
    let stopped = |args: Value, more: &str| {
        let gait = packs(&[("a", &[&json!({"tool": "t", "args": args, "result": {}}).to_string()])]);
        let said = gait.run(&format!("policy backtest --policy p.yaml --packs packs --json {more}")).code(0).json();
        said["changed_calls"] == 1
    };
    for name in
        ["path", "File", "filename", "file_path", "filepath", "dir", "directory", "folder", "source", " destination "]
    {
        assert!(stopped(json!({name: "/etc/passwd"}), ""), "{name}");
    }
    let policy = |place: &str| {
        let kinds = "[path, url, host, bucket, table, queue, topic]";
        format!(
            "default_verdict: allow\nrules: [{{name: r, effect: block, match: {{target_kinds: {kinds}, {place}}}}}]"
        )
    };
    for (kind, names) in [
        ("url", &["url", "uri", "endpoint", "href"][..]),
        ("host", &["host", "hostname", "domain", "server"]),
        ("bucket", &["bucket"]),
        ("table", &["table"]),
        ("queue", &["queue"]),
        ("topic", &["topic"]),
    ] {
        for name in names {
            let gait = packs(&[("a", &[&json!({"tool": "t", "args": {*name: " v "}, "result": {}}).to_string()])]);
            gait.file("p.yaml", policy(&format!("destination_kinds: [{kind}], target_values: [v]")));
            let said = gait.run("policy backtest --policy p.yaml --packs packs --json").code(0).json();
            assert_eq!(said["changed_calls"], 1, "{name}");
        }
    }
    // A URL is one under any name; other names say nothing, nor do blanks and what is no text.
    assert!(stopped(json!({"note": "https://evil.example/"}), ""));
    for args in [json!({"note": "/etc/passwd"}), json!({"path": "  "}), json!({"path": 5})] {
        assert!(!stopped(args.clone(), ""), "{args}");
    }
}

#[test]
fn who_called_and_when_is_told_by_flags() {
    let gait = packs(&[("a", &[SMALL])]);
    let changed = |policy: &str, more: &str| {
        gait.file("p.yaml", policy);
        gait.run(&format!("policy backtest --policy p.yaml --packs packs --json {more}")).code(0).json()["changed_calls"]
            .clone()
    };
    for (place, flag, wrong) in [
        ("identities: [u]", "--identity u", "--identity v"),
        ("workspace_prefixes: [/srv/]", "--workspace /srv/x", "--workspace /tmp"),
        ("risk_classes: [high]", "--risk-class high", "--risk-class medium"),
    ] {
        let policy = format!("default_verdict: allow\nrules: [{{name: r, effect: block, match: {{{place}}}}}]");
        assert_eq!((changed(&policy, flag), changed(&policy, wrong)), (json!(1), json!(0)), "{place}");
        assert_eq!(changed(&policy, ""), 0, "{place}");
    }
    let freeze =
        "default_verdict: allow\nfreeze_windows: [{name: y, start: 2040-01-01T00:00:00Z, end: 2040-02-01T00:00:00Z}]";
    assert_eq!(changed(freeze, "--evaluation-time 2040-01-05T00:00:00Z"), 1);
    assert_eq!(changed(freeze, ""), 0);
    gait.run("policy backtest --policy p.yaml --packs packs --evaluation-time soon").code(6);
}
