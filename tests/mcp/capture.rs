//! `gait run capture`: every tee below an agent ends up in one pack.

use crate::kit::{Place, Tests, ask, call, calls, own, read};
use crate::server::ROLE;
use serde_json::{Value, json};
use std::process::Output;

pub const TESTS: Tests = &[
    ("two_servers_become_one_pack", two_servers_become_one_pack),
    ("one_server_keeps_its_tool_names", one_server_keeps_its_tool_names),
    ("an_agent_without_tees_is_told", an_agent_without_tees_is_told),
    ("a_run_folder_only_gets_journals", a_run_folder_only_gets_journals),
];

/// Captures our agent in front of the servers of these names.
fn capture(place: &Place, servers: &[&str], asked: &[Value], args: &[&str]) -> Output {
    let (own, gait) = (own(), env!("CARGO_BIN_EXE_gait"));
    let tees: Vec<String> = servers.iter().map(|s| format!("{gait} mcp record --server {s} -- {own}")).collect();
    let asked: Vec<String> = asked.iter().map(Value::to_string).collect();
    let mut all = vec!["run", "capture"];
    all.extend_from_slice(args);
    all.extend(["--", own.as_str()]);
    let mut command = place.gait(&all);
    command.env(ROLE, "agent").env("MCP_TEST_SERVERS", tees.join("\n")).env("MCP_TEST_ASK", asked.join("\n"));
    command.output().unwrap()
}

fn two_servers_become_one_pack() {
    let place = Place::new();
    let asked = [ask(1, "initialize"), ask(2, "tools/list"), call(3, "add", json!({"a": 1, "b": 2}))];
    let output = capture(&place, &["math", "other"], &asked, &["--run-id", "run_two"]);
    assert_eq!(output.status.code(), Some(5), "the agent's own");
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(said.lines().count(), 6, "the agent's output and nothing else: {said}");
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("bundle=./gait-out/runpack_run_two.zip") && told.contains("servers=math, other"), "{told}");
    assert!(!told.contains("warning"), "{told}");
    let path = place.only("gait-out", "");
    place.verified(&path);
    let (pack, catalog) = read(&path);
    let tools: Vec<String> = calls(&pack).into_iter().map(|(tool, ..)| tool).collect();
    assert_eq!(tools, ["math.add", "other.add"]);
    assert_eq!(catalog.servers.iter().map(|s| s.name.as_str()).collect::<Vec<_>>(), ["math", "other"]);
    assert_eq!(place.files("home/.gait/capture", ""), [""; 0]);
}

fn one_server_keeps_its_tool_names() {
    let place = Place::new();
    let asked = [call(1, "add", json!({"a": 1, "b": 2}))];
    let output = capture(&place, &["math", "math"], &asked, &["--out", "deep/er/run.zip", "--json"]);
    assert_eq!(output.status.code(), Some(5));
    let answer: Value = serde_json::from_slice(output.stdout.split(|b| *b == b'\n').nth(2).unwrap()).unwrap();
    assert_eq!((&answer["calls"], &answer["servers"]), (&json!(2), &json!(["math"])));
    let (pack, _) = read(&place.path().join("deep/er/run.zip"));
    assert_eq!(calls(&pack)[1].0, "add");
}

fn an_agent_without_tees_is_told() {
    let place = Place::new();
    let output = place.run(&["run", "capture", "--", "sh", "-c", "exit 4"], 4);
    assert!(String::from_utf8(output.stderr).unwrap().contains("nothing was captured"));
    assert_eq!(place.files("gait-out", ""), [""; 0]);
    place.run(&["run", "capture", "--", "/nowhere/agent"], 7);
    assert_eq!(place.path().join("gait-out").read_dir_utf8().unwrap().count(), 0);
}

fn a_run_folder_only_gets_journals() {
    let place = Place::new();
    for name in ["one", "two"] {
        let mut session = place.tee(&["--run-dir", "runs/journal_run_x", "--server", name], "old");
        session.talk(&call(1, "add", json!({"a": 1, "b": 2})));
        if name == "two" {
            let busy = place.run(&["run", "seal", "runs/journal_run_x"], 1);
            assert!(String::from_utf8(busy.stdout).unwrap().contains("still being written"));
        }
        session.close();
    }
    assert_eq!(place.files("", ".zip"), [""; 0]);
    let answer = place.json(&["run", "seal", "runs/journal_run_x", "--json"], 0);
    assert_eq!((&answer["calls"], &answer["truncated"]), (&json!(2), &json!(null)));
    place.verified(&place.only("runs", "runpack_run_x.zip"));
    for wrong in ["nowhere", "home"] {
        place.run(&["run", "seal", wrong], 6);
    }
}
