//! Inspection: calls joined with their results.

use crate::kit::{Folder, intent, nobody, remake, result, run, tamper, two_calls};
use gait::kernel::error::Kind;
use gait::kernel::json::encode;
use gait::runpack::inspect::inspect;
use serde_json::{Value, json};
use std::time::Duration;

#[test]
fn results_are_joined_and_verdicts_tidied() {
    let folder = Folder::new();
    let body = json!({"verdict": " block ", "reason_codes": ["zeta", " alpha ", "", 7, "zeta"], "violations": "pii"});
    let mut first = intent("q1", "a.search", json!({"q": "x\u{85}y"}));
    first["created_at"] = json!("2026-03-01T11:00:02.5+01:00");
    let input = json!({
        "run": run("run_i"),
        "intents": [first, intent("q2", "b.send", json!({})), intent("q3", "c.wait", json!({"n": 1}))],
        "results": [
            result("q2", "ok", json!({"verdict": 3, "text": "verdict"})),
            result("ghost", "ok", json!({"verdict": "allow"})),
            result("q1", "error", body),
            result("q1", "ok", json!({})),
            result(" ", "ok", json!({})),
            result(" ", "ok", json!({})),
        ],
    });
    let path = folder.record(&input);
    let timeline = inspect(&path, &nobody(), true).unwrap();
    let entries: Vec<_> = timeline.entries().collect();
    let unmatched: Vec<_> = timeline.unmatched_results().collect();
    let mut found = serde_json::to_value(timeline.summary()).unwrap();
    (found["entries"], found["unmatched_results"]) = (json!(entries), json!(unmatched));
    let entry = |index: usize| {
        let mut entry = found["entries"][index].clone();
        let fields: Vec<String> = entry.as_object().unwrap().keys().cloned().collect();
        for field in fields.iter().filter(|field| field.ends_with("digest")) {
            entry.as_object_mut().unwrap().remove(field);
        }
        entry
    };
    assert_eq!(
        entry(0),
        json!({"index": 1, "intent_id": "q1", "tool_name": "a.search", "created_at": "2026-03-01T10:00:02.5Z",
               "status": "error", "verdict": "block", "reason_codes": ["alpha", "zeta"], "violations": ["pii"]})
    );
    assert_eq!(
        entry(1),
        json!({"index": 2, "intent_id": "q2", "tool_name": "b.send", "created_at": "2026-03-01T10:00:00Z", "status": "ok"})
    );
    assert!(entry(2).get("status").is_none());
    let ghosts: Vec<&Value> = found["unmatched_results"].as_array().unwrap().iter().map(|g| &g["intent_id"]).collect();
    assert_eq!(ghosts, [" ", " ", "ghost"]);
    assert_eq!(found["unmatched_results"][2]["verdict"], "allow");
    assert_eq!(
        found["warnings"],
        json!([
            "multiple result records for intent_id=(empty) (kept first)",
            "multiple result records for intent_id=q1 (kept first)"
        ])
    );
    assert_eq!((&found["intents_total"], &found["results_total"]), (&json!(3), &json!(6)));
    assert_eq!(timeline.entries().next().unwrap().offset(&timeline.started_at), Some(Duration::from_millis(2500)));
    assert_eq!(timeline.entries().next().unwrap().preview, "{\"q\":\"x\u{FFFD}y\"}");
}

#[test]
fn two_calls_of_one_id_share_the_result() {
    let folder = Folder::new();
    let twice = [intent("a", "t", json!({})), intent("a", "t", json!({}))];
    let results = [result("a", "ok", json!({"verdict": "allow", "violations": ["v"]}))];
    let path = folder.record(&json!({"run": run("run_d"), "intents": twice, "results": results}));
    let timeline = inspect(&path, &nobody(), true).unwrap();
    for entry in timeline.entries() {
        assert_eq!((entry.status, entry.verdict, entry.violations.len()), ("ok", "allow", 1));
        assert!(!entry.result_digest.is_empty());
    }
    assert!(timeline.unmatched_results().len() == 0 && timeline.warnings.is_empty());
}

#[test]
fn encoding_in_type_order_is_sorted_already() {
    let folder = Folder::new();
    let timeline = inspect(&folder.record(&two_calls("run_s")), &nobody(), true).unwrap();
    let entries: Vec<_> = timeline.entries().collect();
    assert_eq!(encode::record(&entries).unwrap(), encode::line(&entries).unwrap());
}

#[test]
fn a_long_preview_is_cut_between_characters() {
    let folder = Folder::new();
    let args = json!({"text": "é".repeat(200)});
    let path = folder.record(&json!({"run": run("run_p"), "intents": [intent("a", "t", args)]}));
    let timeline = inspect(&path, &nobody(), true).unwrap();
    let preview = timeline.entries().next().unwrap().preview;
    assert!(preview.ends_with("é…") && preview.len() < 130, "{preview}");
}

#[test]
fn what_does_not_hold_is_not_shown() {
    let folder = Folder::new();
    let path = folder.record(&two_calls("run_t"));
    tamper(&path, "intents.jsonl", |text| text.replace("ann", "bob"));
    assert_eq!(inspect(&path, &nobody(), true).unwrap_err().kind(), Kind::VerificationFailed);
    let path = folder.record(&two_calls("run_u"));
    remake(&path, "intents.jsonl", |text| text.replace("gait.runpack.intent", "gait.runpack.other"));
    let error = inspect(&path, &nobody(), true).unwrap_err();
    assert_eq!(error.kind(), Kind::VerificationFailed);
    assert!(error.to_string().contains("intents.jsonl"), "{error}");
}
