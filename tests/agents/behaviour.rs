//! What an agent gets, what of it is kept, and how its runs are judged elsewhere.

use crate::agent::argv;
use crate::kit::{Place, Tests, said};
use gait::mcp::catalog::{self, Catalog};
use gait::runpack::read::Pack;
use gait::runpack::verify::Trust;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use std::process::Stdio;

pub const TESTS: Tests = &[
    ("several_servers_are_one_list", several_servers_are_one_list),
    ("every_door_leads_to_one_list", every_door_leads_to_one_list),
    ("what_was_sent_counts_however_it_ends", what_was_sent_counts_however_it_ends),
    ("a_tolerance_answers_and_is_named", a_tolerance_answers_and_is_named),
    ("a_stop_ends_the_trial", a_stop_ends_the_trial),
    ("an_allowed_call_is_only_listed", an_allowed_call_is_only_listed),
    ("an_agent_gets_its_place", an_agent_gets_its_place),
    ("an_agent_may_record_itself", an_agent_may_record_itself),
    ("candidates_are_judged_elsewhere_alike", candidates_are_judged_elsewhere_alike),
    ("unchanged_names_what_cannot_be_reproduced", unchanged_names_what_cannot_be_reproduced),
    ("flaky_agents_are_told", flaky_agents_are_told),
    ("what_an_agent_does_can_be_accepted", what_an_agent_does_can_be_accepted),
    ("secrets_stay_behind_their_marks", secrets_stay_behind_their_marks),
    ("the_library_runs_agents_too", the_library_runs_agents_too),
    ("an_interrupted_run_takes_its_agents_along", an_interrupted_run_takes_its_agents_along),
    ("a_run_of_plain_calls_can_be_replayed", a_run_of_plain_calls_can_be_replayed),
];

const LOOKUP: &str = r#"call lookup {"order": 7}"#;
const REFUND: &str = r#"call refund {"order": 7, "amount": 9.5}"#;

/// Tools of a kept trial, in order.
fn tools(place: &Place, trial: &str) -> Vec<String> {
    pack(place, &format!("gait-out/regress/base/{trial}.zip")).intents.iter().map(|i| i.label.to_string()).collect()
}

fn pack(place: &Place, name: &str) -> Pack {
    Pack::open_with(place.file(name).as_std_path(), &Trust::Known(Vec::new()), &[catalog::ENTRY]).unwrap()
}

fn several_servers_are_one_list() {
    let place = Place::new();
    let script = [r#"call shop/lookup {"a": 1}"#, r#"call post/mail {"b": 2}"#, r#"call shop/refund {"c": 3}"#];
    place.fixture(&["post", "shop"], &script);
    place.suite(&script, "");
    place.regress(&[], 0);
    assert_eq!(tools(&place, "trial_1"), ["shop.lookup", "post.mail", "shop.refund"]);
    // The same call in another order, and one by a second process of the same server, which knows what was used.
    place.suite(&[script[0], script[2], script[1], r#"again shop/refund {"c": 3}"#], "");
    let (out, diff) = place.regress(&[], 5);
    assert_eq!(diff["reason_codes"], json!(["call_extra", "call_moved", "unmatched_request"]), "{out}");
    assert_eq!(tools(&place, "trial_1"), ["shop.lookup", "shop.refund", "post.mail", "shop.refund"]);
    place.gait(&["verify", "--require-signature", "gait-out/regress/base/trial_1.zip"], 0);
}

fn every_door_leads_to_one_list() {
    if cfg!(not(feature = "serve")) {
        return;
    }
    let place = Place::new();
    place.fixture(&["the-shop"], &[LOOKUP, REFUND, r#"call mail {"to": "a"}"#]);
    let script = ["url GAIT_MCP_THE_SHOP_URL", &REFUND.replace("call", "post"), r#"call mail {"to": "a"}"#];
    place.suite(&script, "");
    place.regress(&[], 0);
    let said = place.text("gait-out/regress/base/trial_1.stdout.txt");
    let lines: Vec<&str> = said.lines().collect();
    assert!(lines[0].contains(r#""text":"lookup {\"order\":7}""#), "{said}");
    let answer: Value = serde_json::from_str(lines[1]).unwrap();
    assert_eq!(answer["status"], "ok", "{said}");
    assert_eq!(answer["result"]["content"][0]["type"], "text", "{said}");
}

fn what_was_sent_counts_however_it_ends() {
    let place = Place::new();
    place.fixture(&["shop"], &[LOOKUP, REFUND]);
    let fire = REFUND.replace("call", "fire");
    place.suite(&[LOOKUP, &fire, "exit 0"], "trials: 10");
    place.regress(&[], 0);
}

fn a_tolerance_answers_and_is_named() {
    let place = Place::new();
    place.fixture(&["shop"], &[LOOKUP, REFUND, r#"call mail {"at": "2026-01-01T10:00:00Z"}"#]);
    let script =
        [LOOKUP, r#"call refund {"order": 7, "amount": 9.5000001}"#, r#"call mail {"at": "2026-02-02T11:00:00Z"}"#];
    let rules = "match:\n  tools:\n    refund: { args: { \"$.amount\": { within: 0.01 } } }\n    mail: { args: { \"$.at\": { norm: time } } }";
    place.suite(&script, rules);
    let (_, diff) = place.regress(&[], 0);
    let named: Vec<&Value> = diff["details"]["calls"].as_array().unwrap().iter().collect();
    assert_eq!(named[0]["differences"][0]["accepted_by"], "match.tools.refund.args: $.amount: {within: 0.01}");
    assert_eq!(named[0]["differences"][0]["candidate"], json!(9.5000001), "the candidate holds what was asked");
    assert_eq!(named[1]["differences"][0]["accepted_by"], "match.tools.mail.args: $.at: {norm: time}");
    // It got the recorded answer.
    assert!(place.text("gait-out/regress/base/trial_1.stdout.txt").contains("9.5,"));
    place.suite(&script, "");
    let (_, diff) = place.regress(&[], 5);
    assert_eq!(diff["reason_codes"], json!(["call_changed", "unconsumed_recording", "unmatched_request"]));
    assert!(place.text("gait-out/regress/base/trial_1.stdout.txt").contains("unmatched request"));
}

fn a_stop_ends_the_trial() {
    let place = Place::new();
    place.fixture(&["shop"], &[LOOKUP, REFUND]);
    let script = [LOOKUP, r#"call delete {"all": true}"#, REFUND, "hang"];
    place.suite_with(&script, "on_unmatched: stop", "match: { extra: allow }");
    let (out, diff) = place.regress(&[], 5);
    assert_eq!(diff["reason_codes"], json!(["call_missing", "unconsumed_recording", "unmatched_request"]), "{out}");
    assert!(out.contains("no recorded answer: delete {\"all\":true}"), "{out}");
    assert_eq!(tools(&place, "trial_1"), ["lookup", "delete"]);
}

fn an_allowed_call_is_only_listed() {
    let place = Place::new();
    place.fixture(&["shop"], &[LOOKUP, REFUND]);
    place.suite(&[LOOKUP, r#"call search {"q": 1}"#], "match: { order: subset, extra: [search] }");
    let (_, diff) = place.regress(&[], 0);
    let calls = diff["details"]["calls"].as_array().unwrap();
    assert_eq!(calls.len(), 2, "{diff}");
    assert!(calls.iter().any(|call| call["tool"] == "search" && call["accepted_by"] == "match.extra: [search]"));
}

fn an_agent_gets_its_place() {
    let place = Place::new();
    place.fixture(&["shop"], &[LOOKUP]);
    place.write("below/here.txt", "");
    let shown = ["GAIT_REGRESS_FIXTURE", "GAIT_REGRESS_TRIAL", "MODEL", "TMPDIR"].map(|name| format!("show {name}"));
    let mut script = vec![LOOKUP, "cwd"];
    script.extend(shown.iter().map(String::as_str));
    place.suite_with(&script, "cwd: below\nenv: { MODEL: small, SEED: 7 }", "trials: 2");
    place.regress(&[], 0);
    let said = |trial: u8| place.text(&format!("gait-out/regress/base/trial_{trial}.stdout.txt"));
    let (one, two) = (said(1), said(2));
    assert!(one.contains("/below\n") && one.contains("GAIT_REGRESS_FIXTURE=base\nGAIT_REGRESS_TRIAL=1\nMODEL=small\n"));
    assert!(two.contains("GAIT_REGRESS_TRIAL=2\n"));
    let scratch = |said: &str| said.lines().last().unwrap().strip_prefix("TMPDIR=").unwrap().to_owned();
    assert_ne!(scratch(&one), scratch(&two));
    assert!(!std::path::Path::new(&scratch(&one)).exists());
    // An agent that is not there is told, and is no regression of the calls.
    let text = place.text("gait.yaml").replace(&json!(argv(&script)).to_string(), "[./nowhere]");
    place.write("gait.yaml", text);
    let (out, diff) = place.regress(&[], 5);
    assert_eq!(diff["reason_codes"], json!(["agent_failed"]));
    assert!(out.contains("the agent did not run: cannot start ./nowhere"), "{out}");
}

fn an_agent_may_record_itself() {
    let place = Place::new();
    place.fixture(&["shop"], &[LOOKUP, REFUND]);
    let copy = format!("copy {} GAIT_CANDIDATE_OUT", place.file("own.zip"));
    std::fs::copy(place.file("fixtures/base/runpack.zip"), place.file("own.zip")).unwrap();
    place.suite(&[&copy], "");
    let (_, diff) = place.regress(&[], 0);
    assert_eq!(diff["details"]["self_compare"], Value::Null);
    place.write("own.zip", "no runpack");
    let (_, diff) = place.regress(&[], 5);
    assert_eq!(diff["reason_codes"], json!(["candidate_invalid"]));
}

fn candidates_are_judged_elsewhere_alike() {
    let place = Place::new();
    place.fixture(&["shop"], &[LOOKUP, REFUND]);
    // Without what tells where the candidates are.
    let judged = |more: &[&str], code: i32| {
        let (_, mut diff) = place.regress(more, code);
        let details = diff["details"].as_object_mut().unwrap();
        for key in ["candidate_source", "candidate_runpack"] {
            details.remove(key);
        }
        for trial in details["trials"].as_array_mut().unwrap() {
            trial.as_object_mut().unwrap().remove("candidate");
        }
        diff
    };
    let scripts: [&[&str]; 6] = [
        &[LOOKUP, REFUND],
        &[REFUND, LOOKUP],
        &[LOOKUP, r#"call delete {"x": 1}"#],
        &[LOOKUP, "complain no", "exit 4"],
        &["say nothing"],
        &["exit 4"],
    ];
    for (number, script) in scripts.iter().enumerate() {
        place.suite(script, "trials: 2");
        let (ran, code) = (number < 3 || number == 4, if number == 0 { 0 } else { 5 });
        let direct = judged(&["--require-candidate"], code);
        let out = place.gait(&["regress", "candidates", "--dir", "made"], if ran { 0 } else { 5 });
        assert!(out.starts_with(if ran { "regress candidates ok" } else { "regress candidates failed" }), "{out}");
        assert_eq!(judged(&["--candidate-dir", "made", "--require-candidate"], code), direct, "{script:?}");
    }
    place.suite(&[LOOKUP, REFUND], "");
    // No agent runs where candidates are given: one that is missing fails.
    std::fs::remove_dir_all(place.file("made/base")).unwrap();
    let (_, diff) = place.regress(&["--candidate-dir", "made"], 5);
    assert_eq!(diff["reason_codes"], json!(["candidate_not_provided"]));
    assert!(
        place.gait(&["regress", "candidates", "--dir", "made", "nothing"], 6).contains("the filters select no case")
    );
    let whole = place.json(&["regress", "candidates", "--dir", "made", "--json"]);
    assert_eq!(whole["fixtures"][0]["folder"], "made/base");
    let text = place.text("gait.yaml");
    place.write("gait.yaml", &text[..text.find("    agent:").unwrap()]);
    assert!(place.gait(&["regress", "candidates", "--dir", "made"], 6).contains("no selected fixture has an agent"));
}

fn unchanged_names_what_cannot_be_reproduced() {
    let place = Place::new();
    place.fixture(&["shop"], &[r#"call lookup {"at": "2026-01-01T10:00:00Z"}"#, REFUND]);
    place.suite(&[r#"call lookup {"at": "2026-01-01T10:00:00Z"}"#, REFUND], "");
    let (out, _) = place.regress(&["--unchanged"], 0);
    assert!(out.contains("regress run ok: fixture_set=default graders=1"), "{out}");
    let today = [r#"call lookup {"at": "2026-05-05T10:00:00Z"}"#, REFUND];
    place.suite(&today, "match: { order: unordered, extra: allow }");
    let (out, diff) = place.regress(&["--unchanged"], 5);
    assert_eq!(diff["reason_codes"], json!(["call_changed"]), "the replay answered all the same");
    assert!(out.contains("the baseline is not reproduced by today's agent\nrecorded value: call 1 lookup, $.at: \"2026-01-01T10:00:00Z\" became \"2026-05-05T10:00:00Z\"\n  a rule that would accept it: match: {tools: {lookup: {args: {\"$.at\": {norm: time}}}}}"), "{out}");
    place.suite(&today, "match: { tools: { lookup: { args: { \"$.at\": { norm: time } } } } }");
    place.regress(&["--unchanged"], 0);
    // The calls are asked in order, whatever the order mode.
    place.suite(&[REFUND, today[0]], "match: { order: unordered, tools: { lookup: { args: { \"$.at\": ignore } } } }");
    place.regress(&[], 0);
    let (_, diff) = place.regress(&["--unchanged"], 5);
    assert_eq!(diff["reason_codes"], json!(["call_moved"]));
}

fn flaky_agents_are_told() {
    let place = Place::new();
    place.fixture(&["shop"], &[LOOKUP, REFUND]);
    place.suite(&["only 2 exit 9", LOOKUP, REFUND], "trials: 3\nmin_pass: 2");
    let (out, diff) = place.regress(&[], 0);
    assert_eq!((&diff["details"]["flaky"], &diff["details"]["passes"]), (&json!(true), &json!(2)));
    assert!(out.contains("flaky: base/diff (trial 2: agent_failed)"), "{out}");
    assert_eq!(diff["details"]["trials"][1]["error"], "the agent ended with exit 9");
    // A later run with fewer trials leaves none of the earlier ones.
    place.suite(&[LOOKUP, REFUND], "");
    place.regress(&[], 0);
    assert!(!place.file("gait-out/regress/base/trial_2.json").exists());
}

fn what_an_agent_does_can_be_accepted() {
    let place = Place::new();
    place.fixture(&["shop"], &[LOOKUP, REFUND]);
    place.suite(&[REFUND, LOOKUP], "trials: 2");
    place.regress(&[], 5);
    place.gait(&["regress", "accept", "base", "--reason", "refund first"], 0);
    place.regress(&[], 0);
    place.gait(&["regress", "log", "base"], 0);
    // A call that nothing was recorded for keeps the answer it got, which is told.
    place.suite(&[REFUND, LOOKUP, r#"call delete {"x": 1}"#], "");
    place.regress(&[], 5);
    let out = place.gait(&["regress", "accept", "base", "--reason", "deletes now"], 0);
    assert!(out.contains("warning: 1 of its calls had no recorded answer"), "{out}");
    place.regress(&[], 0);
    // Half a run is no baseline.
    place.suite(&[REFUND, "exit 1"], "");
    place.regress(&[], 5);
    let out = place.gait(&["regress", "accept", "base", "--reason", "x"], 8);
    assert!(out.contains("agent_failed"), "{out}");
}

fn secrets_stay_behind_their_marks() {
    let place = Place::new();
    let script = [r#"call login {"with": "$SHOP_TOKEN"}"#, r#"call refund {"with": "x $SHOP_TOKEN", "n": 1}"#];
    let secret = "s3cr3t-0123456789";
    place.fixture_with(&["shop"], &script, &[("SHOP_TOKEN", secret)]);
    place.suite_with(&script, &format!("env: {{ SHOP_TOKEN: {secret} }}"), "");
    place.regress(&[], 0);
    // Under a tolerance, and without an answer.
    let today = [script[0], r#"call refund {"with": "x $SHOP_TOKEN", "n": 2}"#, r#"call mail {"to": "$SHOP_TOKEN"}"#];
    let rules = "match: { tools: { refund: { args: { \"$.n\": ignore } } } }";
    place.suite_with(&today, "env: { SHOP_TOKEN: s3cr3t-0123456789 }", rules);
    let (out, diff) = place.regress(&[], 5);
    assert_eq!(diff["reason_codes"], json!(["call_extra", "unmatched_request"]), "{out}");
    let candidate = pack(&place, "gait-out/regress/base/trial_1.zip");
    let written = format!("{:?}{:?}", candidate.intents, candidate.results);
    assert!(!written.contains(secret) && !out.contains(secret));
    let marks = Catalog::read(candidate.entry(catalog::ENTRY).unwrap()).unwrap().redactions;
    assert_eq!(marks.len(), 1, "the baseline's own mark is enough");
}

fn the_library_runs_agents_too() {
    let place = Place::new();
    place.fixture(&["shop"], &[LOOKUP, REFUND]);
    let harness = |args: &[&str], code: i32| {
        let mut command = place.command(std::env::current_exe().unwrap().to_str().unwrap(), args);
        said(command.env("AGENTS_TEST_ROLE", "harness").output().unwrap(), args, code)
    };
    place.suite(&[LOOKUP, REFUND], "");
    assert!(harness(&[], 0).contains("test result: ok. 4 passed"));
    place.suite(&[REFUND], "");
    assert!(harness(&["base/diff", "--exact"], 101).contains("call_missing"));
    // What looks at the baseline alone runs no agent.
    std::fs::remove_dir_all(place.file("gait-out/regress/base")).unwrap();
    harness(&["base/schema_validation", "--exact"], 0);
    assert!(!place.file("gait-out/regress/base").exists());
}

fn an_interrupted_run_takes_its_agents_along() {
    let place = Place::new();
    place.fixture(&["shop"], &[LOOKUP]);
    for signal in [Signal::INT, Signal::KILL] {
        let (pid, orphan) = (format!("pid {}", place.file("pid")), format!("orphan {}", place.file("orphan")));
        place.suite(&[&orphan, &pid, "hang"], "");
        let mut command = place.command(env!("CARGO_BIN_EXE_gait"), &["regress", "run"]);
        std::fs::create_dir_all(place.file("tmp")).unwrap();
        command.env("TMPDIR", place.file("tmp"));
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        while std::fs::read_to_string(place.file("pid")).unwrap_or_default().is_empty() {
            std::thread::yield_now();
        }
        kill_process(Pid::from_child(&child), signal).unwrap();
        child.wait().unwrap();
        if signal == Signal::INT {
            assert!(!place.alive("pid") && !place.alive("orphan"));
        }
        // Whoever killed us could not wait; the helper does.
        let left = || std::fs::read_dir(place.file("tmp")).unwrap().count();
        while place.alive("pid") || place.alive("orphan") || left() > 0 {
            std::thread::yield_now();
        }
        std::fs::remove_file(place.file("pid")).unwrap();
        std::fs::remove_file(place.file("orphan")).unwrap();
    }
}

fn a_run_of_plain_calls_can_be_replayed() {
    let place = Place::new();
    place.write("calls.jsonl", "{\"tool\": \"price\", \"args\": {\"of\": \"tea\"}, \"result\": {\"eur\": 3}}\n");
    place.gait(&["run", "record", "--calls", "calls.jsonl", "--run-id", "base"], 0);
    place.gait(&["regress", "init", "--from", "base"], 0);
    place.suite(&[r#"call price {"of": "tea"}"#], "");
    place.regress(&[], 0);
    let said = place.text("gait-out/regress/base/trial_1.stdout.txt");
    assert!(said.contains(r#""structuredContent":{"eur":3}"#), "{said}");
}
