//! kill -9 at any moment: every file is the old one or the new one, and the next command works.

use crate::kit::Gait;
use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Stdio};

const OLD: &str = r#"{"tool":"refund","args":{"amount":5},"result":{"ok":true}}"#;
const NEW: &str = r#"{"tool":"refund","args":{"amount":6},"result":{"ok":true}}"#;

/// Starts the program, kills it as soon as `when` holds, unless it ends before; whether it was killed.
fn killed_when(gait: &Gait, line: &str, mut when: impl FnMut() -> bool) -> bool {
    let args: Vec<&str> = line.split_whitespace().collect();
    let child = gait.command(&args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let mut child = Killed(child);
    while !when() {
        if child.0.try_wait().unwrap().is_some() {
            return false;
        }
    }
    child.0.kill().unwrap();
    !child.0.wait().unwrap().success()
}

/// A child that does not outlive its test.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Names below `folder` that hold `part`, the folder missing or not.
fn holds(folder: &Path, part: &str) -> bool {
    let names = std::fs::read_dir(folder).into_iter().flatten().flatten();
    names.into_iter().any(|entry| entry.file_name().to_string_lossy().contains(part))
}

fn whole(gait: &Gait, name: &str, known: &[&BTreeMap<String, Vec<u8>>]) {
    let now = gait.bytes(name);
    assert!(known.iter().any(|tree| tree.get(name) == Some(&now)), "{name} is torn: {} bytes", now.len());
}

#[test]
fn a_recording_is_there_whole_or_not_at_all() {
    let call = format!("{}\n", OLD.replace("true", &format!("{:?}", "1".repeat(400))));
    let pipe_and_more = 200_000 / call.len();
    let pack = "gait-out/runpack_r.zip";
    for (number, older) in [(0, false), (1, false), (50, true), (pipe_and_more, false), (pipe_and_more, true)] {
        for moment in 0..4 {
            let gait = Gait::new();
            if older {
                gait.record("r", &[OLD]);
            }
            let before = gait.tree();
            let args = ["run", "record", "--calls", "-", "--run-id", "r"];
            let child = gait.command(&args).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
            let mut child = Killed(child);
            let mut stdin = child.0.stdin.take().unwrap();
            // More than a pipe holds: what was written has been read, but for the last of it.
            (0..number).for_each(|_| stdin.write_all(call.as_bytes()).unwrap());
            let open = (moment == 0).then_some(stdin);
            let done = || match moment {
                0 | 1 => true,
                2 => holds(&gait.path("gait-out"), ".tmp-"),
                _ => gait.exists(pack) && before.get(pack) != Some(&gait.bytes(pack)),
            };
            while !done() && child.0.try_wait().unwrap().is_none() {}
            let _ = child.0.kill();
            child.0.wait().unwrap();
            if gait.exists(pack) && before.get(pack) != Some(&gait.bytes(pack)) {
                assert!(open.is_none(), "a pack of half the calls");
                gait.run("verify r --require-signature").code(0);
                let timeline = gait.run("run inspect r --json").code(0).json();
                assert_eq!(timeline["entries"].as_array().map_or(0, Vec::len), number);
            }
            assert!(gait.exists(pack) || !older);
            gait.record("r", &[NEW]);
            gait.run("verify r --require-signature").code(0);
            gait.run("regress bootstrap --from r").code(0);
        }
    }
}

#[test]
fn the_local_key_is_whole_or_made_again() {
    for moment in ["", ".gait", "_private.key", ".tmp-", "_public.key"] {
        let gait = Gait::new();
        let keys = gait.home().join(".gait/keys");
        let root = gait.home();
        killed_when(&gait, "demo", || moment.is_empty() || holds(&keys, moment) || holds(&root, moment));
        gait.run("demo").code(0);
        gait.run("verify run_demo --require-signature").code(0);
    }
}

/// A text no archive makes much smaller, so that writing it takes a while.
fn long(seed: &str) -> String {
    let mut state = seed.bytes().map(u64::from).sum::<u64>();
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        char::from(b' ' + 2 + (state >> 33) as u8 % 90)
    };
    (0..500_000).map(|_| next()).collect()
}

#[test]
fn a_fixture_that_is_replaced_is_never_torn() {
    let prepared = || {
        let gait = Gait::new();
        for run in ["new", "old"] {
            let args = serde_json::json!({ "text": long(run) });
            let intents = serde_json::json!([{ "intent_id": "i", "tool_name": "read.file", "args": args }]);
            let run_member = serde_json::json!({ "run_id": run, "created_at": "2026-03-01T10:00:00Z" });
            gait.file(&format!("{run}.json"), serde_json::json!({ "run": run_member, "intents": intents }).to_string());
        }
        for run in ["new", "old"] {
            gait.run(&format!("run record {run}.json --no-sign")).code(0);
        }
        gait.run("regress init --from old --name a").code(0);
        gait
    };
    let line = "regress init --from new --name a --force";
    let files = ["fixtures/a/runpack.zip", "fixtures/a/fixture.json", "gait.yaml"];
    let old = prepared().tree();
    let new = {
        let gait = prepared();
        gait.run(line).code(0);
        gait.tree()
    };
    assert!(files.iter().all(|file| old[*file] != new[*file]));
    let mut killed = 0;
    for moment in 0..6 {
        for _ in 0..3 {
            let gait = Gait::new();
            for (name, bytes) in &old {
                gait.file(name, bytes);
            }
            let changed = |file: &str| std::fs::read(gait.path(file)).is_ok_and(|bytes| bytes != old[file]);
            killed += usize::from(killed_when(&gait, line, || match moment {
                0 => true,
                1 => holds(&gait.path("fixtures/a"), ".tmp-"),
                2 => holds(&gait.path(""), "gait.yaml.tmp-"),
                at => changed(files[at - 3]),
            }));
            files.iter().for_each(|file| whole(&gait, file, &[&old, &new]));
            assert!(matches!(gait.run("regress run").code, 0 | 6));
            gait.run(line).code(0);
            gait.run("regress run").code(0);
            files.iter().for_each(|file| whole(&gait, file, &[&new]));
        }
    }
    assert!(killed > 0);
}

#[test]
fn a_new_fixture_is_there_whole_or_not_at_all() {
    for moment in 0..4 {
        let gait = Gait::new();
        gait.record("new", &[NEW]);
        let fixtures = gait.path("fixtures");
        killed_when(&gait, "regress init --from new --name a", || match moment {
            0 => true,
            1 => holds(&fixtures, ".tmp-"),
            2 => fixtures.join("a").exists(),
            _ => gait.exists("gait.yaml"),
        });
        assert_eq!(gait.exists("fixtures/a"), gait.exists("fixtures/a/fixture.json"));
        gait.file("fixtures/.a.tmp-left/runpack.zip", "left").file(".gait.yaml.tmp-left", "left");
        gait.run("regress init --from new --name a").code(0);
        gait.run("regress run").code(0);
        gait.file("all.yaml", "discover: ['**/runpack.zip']\n");
        gait.run("regress run --config all.yaml").code(0);
    }
}

#[test]
fn keys_that_were_there_stay_and_new_ones_are_whole() {
    for moment in 0..5 {
        let gait = Gait::new();
        gait.run("keys init").code(0);
        let before = gait.tree();
        let keys = gait.path("gait-out/keys");
        let count = || std::fs::read_dir(&keys).unwrap().count();
        killed_when(&gait, "keys rotate", || moment == 0 || count() > 1 + moment);
        assert!(before.iter().all(|(name, bytes)| gait.bytes(name) == *bytes));
        for name in gait.tree().keys().filter(|name| name.ends_with("_private.key") && !name.contains("tmp-")) {
            gait.run(&format!("keys verify --private-key {name}")).code(0);
        }
        gait.run("keys rotate").code(0);
        gait.run("keys trust gait-out/keys/gait_public.key").code(0);
    }
}

#[test]
fn an_acceptance_is_written_in_an_order_that_can_be_finished() {
    let files = ["fixtures/a/baselines.jsonl", "fixtures/a/runpack.zip", "fixtures/a/fixture.json", "gait.yaml"];
    let prepared = Gait::new();
    for run in ["new", "old"] {
        let call = serde_json::json!({ "tool": "read.file", "args": { "text": long(run) } });
        prepared.record(run, &[&call.to_string()]);
    }
    prepared.run("regress init --from old --name a").code(0);
    prepared.run("regress run --candidate new").code(5);
    let before = prepared.tree();
    let (mut killed, mut between) = (0, 0);
    for moment in 0..6 {
        for _ in 0..3 {
            let gait = Gait::new();
            before.iter().for_each(|(name, bytes)| {
                gait.file(name, bytes);
            });
            let changed = |file: &str| std::fs::read(gait.path(file)).ok().as_ref() != before.get(file);
            let line = "regress accept a --reason r --candidate new";
            killed += usize::from(killed_when(&gait, line, || match moment {
                0 => true,
                1 => holds(&gait.path("fixtures/a"), ".tmp-"),
                at => changed(files[at - 2]),
            }));
            let written: Vec<bool> = files.iter().map(|file| changed(file)).collect();
            let count = written.iter().filter(|changed| **changed).count();
            assert!(written[..count].iter().all(|changed| *changed), "{written:?}");
            between += usize::from((1..files.len()).contains(&count));
            let out = gait.run("regress run");
            assert_eq!(out.code == 0, matches!(count, 0 | 4), "{written:?}: {}", out.stdout);
            assert!(out.code == 0 || out.stdout.contains("repeat `gait regress accept a`"), "{}", out.stdout);
            gait.run(line).code(if count == files.len() { 6 } else { 0 });
            gait.run("regress run --candidate new").code(0);
            gait.run("regress log a").code(0).says(&["records=1"]);
        }
    }
    assert!(killed > 0 && between > 0, "{killed} {between}");
}
