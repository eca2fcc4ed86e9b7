//! Rate limits with many processes at once.

use crate::kit::{Place, call};
use serde_json::json;
use std::process::Stdio;

fn place(requests: u32) -> Place {
    let place = Place::new();
    let policy = format!("rules: [{{name: r, effect: allow, rate_limit: {{requests: {requests}, window: hour}}}}]");
    place.file("p.yaml", policy).file("i.json", call("t", json!({}), json!([])).to_string());
    place
}

const EVAL: &str = "gate eval --policy p.yaml --intent i.json";

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
