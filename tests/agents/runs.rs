//! `gait regress run` with an agent: what is green, what is red and why.

use crate::kit::{Place, Tests};
use serde_json::{Value, json};

pub const TESTS: Tests = &[
    ("an_unchanged_agent_passes_every_time", an_unchanged_agent_passes_every_time),
    ("every_mutation_is_found_and_named", every_mutation_is_found_and_named),
];

const LOOKUP: &str = r#"call lookup {"order": 7}"#;
const REFUND: &str = r#"call refund {"order": 7, "amount": 9.5}"#;
const MAIL: &str = r#"call mail {"to": "a@example.org"}"#;

fn an_unchanged_agent_passes_every_time() {
    let place = Place::new();
    place.fixture(&["shop"], &[LOOKUP, REFUND, MAIL]);
    place.suite(&[LOOKUP, REFUND, MAIL], "trials: 50");
    let (out, diff) = place.regress(&[], 0);
    assert!(out.contains("regress run ok"), "{out}");
    assert!(!out.contains("were not run"), "{out}");
    assert_eq!(diff["details"]["passes"], 50);
    assert_eq!(diff["details"]["candidate_source"], "agent");
    assert_eq!(diff["details"]["self_compare"], Value::Null);
    // Equal behaviour gives equal bytes.
    let baseline = std::fs::read(place.file("fixtures/base/runpack.zip")).unwrap();
    assert_eq!(std::fs::read(place.file("gait-out/regress/base/trial_50.zip")).unwrap(), baseline);
    assert!(place.text("gait-out/regress/base/trial_1.stdout.txt").contains("refund"));
    let first = place.text("regress_result.json");
    place.regress(&["--test-threads", "1"], 0);
    assert_eq!(place.text("regress_result.json"), first, "no clock value");
}

/// What the agent does instead, the reason codes, and what the report has to name: kind, tool, position in the baseline.
type Mutation =
    (&'static str, &'static [&'static str], &'static [&'static str], Option<(&'static str, &'static str, Value)>);

fn every_mutation_is_found_and_named() {
    let place = Place::new();
    place.fixture(&["shop"], &[LOOKUP, REFUND, MAIL]);
    let table: [Mutation; 10] = [
        (
            "argument changed",
            &[LOOKUP, r#"call refund {"order": 7, "amount": 95}"#, MAIL],
            &["call_changed", "unconsumed_recording", "unmatched_request"],
            Some(("changed", "refund", json!(2))),
        ),
        (
            "call dropped",
            &[LOOKUP, MAIL],
            &["call_missing", "unconsumed_recording"],
            Some(("missing", "refund", json!(2))),
        ),
        (
            "call added",
            &[LOOKUP, REFUND, r#"call delete {"order": 7}"#, MAIL],
            &["call_extra", "unmatched_request"],
            Some(("extra", "delete", Value::Null)),
        ),
        ("reordered", &[REFUND, LOOKUP, MAIL], &["call_moved"], Some(("moved", "lookup", json!(1)))),
        (
            "tool renamed",
            &[LOOKUP, r#"call reimburse {"order": 7, "amount": 9.5}"#, MAIL],
            &["call_extra", "call_missing", "unconsumed_recording", "unmatched_request"],
            Some(("missing", "refund", json!(2))),
        ),
        (
            "retry storm",
            &[LOOKUP, REFUND, r#"storm refund {"order": 7, "amount": 9.5}"#, MAIL],
            &["call_extra", "unmatched_request"],
            Some(("extra", "refund", Value::Null)),
        ),
        ("read again", &[LOOKUP, LOOKUP, REFUND, MAIL], &["call_extra"], Some(("extra", "lookup", Value::Null))),
        (
            "agent crash",
            &[LOOKUP, REFUND, "complain out of ideas", "exit 3"],
            &["agent_failed", "call_missing", "unconsumed_recording"],
            Some(("missing", "mail", json!(3))),
        ),
        (
            "agent hang",
            &[LOOKUP, "hang"],
            &["agent_timeout", "call_missing", "unconsumed_recording"],
            Some(("missing", "refund", json!(2))),
        ),
        (
            "no calls",
            &["say nothing to do"],
            &["call_missing", "no_calls_captured", "unconsumed_recording"],
            Some(("missing", "lookup", json!(1))),
        ),
    ];
    for (what, script, codes, named) in table {
        place.suite_with(script, "timeout: 1500ms", "");
        let (out, diff) = place.regress(&["--junit", "junit.xml"], 5);
        assert_eq!(diff["reason_codes"], json!(codes), "{what}: {diff}");
        let (kind, tool, at) = named.unwrap();
        let found = |call: &&Value| call["kind"] == kind && call["tool"] == tool && call["baseline_index"] == at;
        let calls = diff["details"]["calls"].as_array().unwrap();
        assert!(calls.iter().any(|call| found(&call)), "{what}: {diff}");
        let junit = place.text("junit.xml");
        for (where_, text) in [("stdout", &out), ("junit", &junit)] {
            assert!(text.contains(tool) && codes.iter().all(|code| text.contains(code)), "{what} on {where_}: {text}");
        }
        let said = format!("{out}{junit}");
        match what {
            "agent crash" => assert!(said.contains("exit 3") && said.contains("stderr: out of ideas"), "{said}"),
            "agent hang" => assert!(said.contains("did not end within 1s 500ms"), "{said}"),
            _ => {}
        }
    }
}
