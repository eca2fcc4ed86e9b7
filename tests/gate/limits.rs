//! Rate limits with many processes at once.

use crate::kit::{Place, call};
use serde_json::json;
use std::fs::File;
use std::process::{Child, Command, Stdio};

fn place(requests: u32) -> Place {
    let place = Place::new();
    let policy = format!("rules: [{{name: r, effect: allow, rate_limit: {{requests: {requests}, window: hour}}}}]");
    place.file("p.yaml", policy).file("i.json", call("t", json!({}), json!([])).to_string());
    place
}

const EVAL: &str = "gate eval --policy p.yaml --intent i.json";
const STATE: &str = "--rate-limit-state state";

#[test]
fn sixteen_processes_get_no_call_too_many_and_lose_no_count() {
    let place = place(9);
    let child =
        |at: usize| place.command(&format!("{EVAL} --trace-out t{at}.json")).stdout(Stdio::null()).spawn().unwrap();
    let mut children: Vec<_> = (0..16).map(child).collect();
    let codes: Vec<i32> = children.iter_mut().map(|child| child.wait().unwrap().code().unwrap()).collect();
    assert_eq!(codes.iter().filter(|code| **code == 0).count(), 9, "{codes:?}");
    assert_eq!(codes.iter().filter(|code| **code == 3).count(), 7, "{codes:?}");
    assert_eq!(place.json(".gait-out/gate_rate_limits.json")["counters"][0]["count"], 9);
    assert!(!place.path(".gait-out/gate_rate_limits.json.lock").exists());
}

#[test]
fn a_lock_file_that_nobody_holds_stops_nobody() {
    let place = place(2);
    std::fs::create_dir(place.path(".gait-out")).unwrap();
    place.file(".gait-out/gate_rate_limits.json.lock", r#"{"pid": 1}"#);
    assert_eq!(place.run(EVAL).0, 0);
}

#[test]
fn simulation_reads_the_counter_and_leaves_it() {
    let place = place(1);
    assert_eq!(place.run(&format!("{EVAL} --simulate")).0, 0);
    assert!(!place.path(".gait-out/gate_rate_limits.json").exists());
    assert_eq!(place.run(EVAL).0, 0);
    assert_eq!(place.run(&format!("{EVAL} --simulate")).1["simulated_verdict"], "block");
    assert_eq!(place.run(EVAL).0, 3);
}

/// A process in the middle of an update: it holds the lock and reads the state, a pipe that ends when it is let go.
fn mid_update(place: &Place) -> (Child, File) {
    let state = place.path("state");
    assert!(Command::new("mkfifo").arg(&state).status().unwrap().success());
    let mut child = place.command(&format!("{EVAL} {STATE}")).stdout(Stdio::null()).spawn().unwrap();
    while !place.path("state.lock").exists() {
        assert!(child.try_wait().unwrap().is_none(), "it takes the lock");
        std::thread::yield_now();
    }
    // Opens once the process reads.
    let pipe = File::options().write(true).open(&state).unwrap();
    (child, pipe)
}

#[test]
fn a_process_killed_in_the_middle_of_an_update_leaves_nothing_stuck() {
    let place = place(3);
    let (mut holder, pipe) = mid_update(&place);
    // Others wait for it; one of them is killed while it waits.
    let wait = || place.command(&format!("{EVAL} {STATE} --json")).stdout(Stdio::null()).spawn().unwrap();
    let (mut killed, mut waiting) = (wait(), wait());
    killed.kill().unwrap();
    killed.wait().unwrap();
    assert!(waiting.try_wait().unwrap().is_none(), "the lock is held");
    std::fs::remove_file(place.path("state")).unwrap();
    holder.kill().unwrap();
    holder.wait().unwrap();
    drop(pipe);
    assert_eq!(waiting.wait().unwrap().code(), Some(0));
    let (code, said) = place.run(&format!("{EVAL} {STATE}"));
    assert_eq!((code, &said["rate_limit_used"], &said["rate_limit_remaining"]), (0, &json!(2), &json!(1)), "{said}");
    assert!(!place.path("state.lock").exists());
}

#[test]
fn a_process_that_keeps_the_state_makes_others_give_up_and_they_may_retry() {
    let place = place(3);
    let (mut holder, pipe) = mid_update(&place);
    let (code, said) = place.run(&format!("{EVAL} {STATE}"));
    let told = (&said["error_code"], &said["error_category"], &said["retryable"]);
    assert_eq!(told, (&json!("rate_limit_lock_timeout"), &json!("state_contention"), &json!(true)), "{said}");
    assert_eq!(code, 1);
    // An empty state is a broken one, and no call counts on it.
    drop(pipe);
    assert_eq!(holder.wait().unwrap().code(), Some(6));
}

#[test]
fn processes_killed_anywhere_lose_no_count() {
    let place = place(1000);
    let kept = 16;
    let mut killed = Vec::new();
    let mut children = Vec::new();
    for at in 0..kept {
        let spawn = |name: &str| {
            let line = format!("{EVAL} --trace-out {name}{at}.json");
            place.command(&line).stdout(Stdio::null()).spawn().unwrap()
        };
        killed.push(spawn("k"));
        children.push(spawn("c"));
        // Those started a while ago are somewhere in their work.
        if at >= 3 {
            killed[at - 3].kill().unwrap();
        }
    }
    for child in &mut killed {
        child.kill().unwrap();
    }
    let done = |children: &mut Vec<Child>| {
        children
            .iter_mut()
            .filter_map(|child| child.wait().unwrap().code())
            .inspect(|code| assert_eq!(*code, 0))
            .count()
    };
    let (sure, finished) = (done(&mut children), done(&mut killed));
    assert_eq!(sure, kept);
    let (code, said) = place.run(EVAL);
    let counted = said["rate_limit_used"].as_u64().unwrap() as usize;
    assert_eq!(code, 0);
    // Whoever ended well counted once; whoever was killed at most once.
    assert!(counted > sure + finished && counted <= 2 * kept + 1, "{counted}: {sure} + {finished} + 1");
    assert_eq!(place.run(EVAL).1["rate_limit_used"], counted + 1);
}

#[test]
fn calls_are_counted_by_their_scope_and_window() {
    let place = Place::new();
    let call = |tool: &str, who: &str| {
        let mut call = call(tool, json!({}), json!([]));
        call["context"]["identity"] = json!(who);
        place.file("i.json", call.to_string());
        let (code, said) = place.run(EVAL);
        (code, said["rate_limit_key"].as_str().unwrap().to_owned())
    };
    for (scope, key, same, other) in [
        ("tool", "t", ("t", "v"), ("s", "u")),
        ("identity", "u", ("s", "u"), ("t", "v")),
        ("tool_identity", "t|u", ("t", "u"), ("t", "v")),
    ] {
        let policy =
            format!("rules: [{{name: r, effect: allow, rate_limit: {{requests: 1, window: hour, scope: {scope}}}}}]");
        place.file("p.yaml", policy);
        let _ = std::fs::remove_dir_all(place.path(".gait-out"));
        assert_eq!(call("t", "u"), (0, key.to_owned()), "{scope}");
        assert_eq!(call(same.0, same.1).0, 3, "{scope}");
        assert_eq!(call(other.0, other.1).0, 0, "{scope}");
    }
}

#[test]
fn the_state_keeps_what_counts_and_drops_the_past() {
    let place = place(2);
    let counter = |key: String, count: i64| json!({"key": key, "count": count});
    let state = json!({"counters": [
        counter("hour|tool_identity|2020-01-01T00:00:00Z|t|u".into(), 2),
        counter("minute|tool|2020-01-01T00:00:00Z|t".into(), 7),
        counter("no such key".into(), 3),
        counter(" ".into(), 3),
        counter("minute|tool|2020-01-01T00:00:00Z|x".into(), 0),
        counter("minute|tool|2020-01-01T00:00:00Z|y".into(), -4),
    ]});
    place.file("state", state.to_string());
    let (code, said) = place.run(&format!("{EVAL} {STATE}"));
    assert_eq!((code, &said["rate_limit_used"], &said["rate_limit_remaining"]), (0, &json!(1), &json!(1)), "{said}");
    let kept = place.json("state");
    let keys: Vec<&str> = kept["counters"].as_array().unwrap().iter().map(|c| c["key"].as_str().unwrap()).collect();
    assert_eq!(keys.len(), 2, "{keys:?}");
    assert!(keys[0].starts_with("hour|tool_identity|20") && keys[0].ends_with(":00:00Z|t|u"), "{keys:?}");
    assert_eq!(keys[1], "minute|tool|2020-01-01T00:00:00Z|t");
    assert_eq!((&kept["schema_id"], &kept["schema_version"]), (&json!("gait.gate.rate_limit_state"), &json!("1.0.0")));
    place.run(&format!("{EVAL} {STATE}"));
    let before = std::fs::read(place.path("state")).unwrap();
    assert_eq!(place.run(&format!("{EVAL} {STATE}")).0, 3);
    assert_eq!(std::fs::read(place.path("state")).unwrap(), before, "a call too many is not written");
    place.file("state", "{");
    let (code, said) = place.run(&format!("{EVAL} {STATE}"));
    assert_eq!(code, 6);
    assert!(said["hint"].as_str().unwrap().contains("rate limit state is broken"), "{said}");
}
