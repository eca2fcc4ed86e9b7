//! Differences of packs.

use crate::kit::{Folder, intent, nobody, remake, result, run, tamper, two_calls};
use gait::kernel::error::Kind;
use gait::runpack::calls::{Change, changed_calls};
use gait::runpack::compare::{Privacy, Summary, compare_packs};
use gait::runpack::diff::{Diff, diff};
use gait::runpack::read::Pack;
use proptest::prelude::*;
use serde_json::{Value, json};

fn compare(left: &Value, right: &Value, privacy: Privacy) -> Diff {
    let (a, b) = (Folder::new(), Folder::new());
    let (left, right) = (a.record(left), b.record(right));
    let found = diff(&left, &right, privacy, &nobody()).unwrap();
    if privacy == Privacy::Full {
        // Two packs in memory are compared the same way.
        let open = |path: &camino::Utf8Path| Pack::open(path.as_std_path(), &nobody()).unwrap();
        let (left, right) = (open(&left), open(&right));
        assert_eq!(compare_packs(&left, &right).unwrap(), found.summary);
        assert_eq!(changed_calls(&left, &right, 50).unwrap(), (found.calls.clone(), found.calls_total));
    }
    found
}

fn quiet(left: &str, right: &str) -> Summary {
    Summary { run_id_left: left.to_owned(), run_id_right: right.to_owned(), ..Summary::default() }
}

#[test]
fn what_is_new_in_every_run_does_not_count() {
    let left = two_calls("run_l");
    let mut right = two_calls("run_r");
    right["run"]["created_at"] = json!("2027-01-01T00:00:00+02:00");
    right["run"]["producer_version"] = json!("other");
    right["run"]["env"] = json!({"os": "plan9"});
    right["run"]["timeline"] = json!([{"event": "start"}]);
    right["intents"].as_array_mut().unwrap().reverse();
    right["intents"][0]["unknown"] = json!(1);
    for privacy in [Privacy::Full, Privacy::Metadata] {
        let found = compare(&left, &right, privacy);
        assert_eq!((&found.summary, found.calls_total), (&quiet("run_l", "run_r"), 0));
        assert!(!found.changed());
    }
}

#[test]
fn drift_in_arguments_is_seen_with_full_privacy_only() {
    let (left, mut right) = (two_calls("run_l"), two_calls("run_r"));
    right["intents"][1]["args"] = json!({"id": 8});
    let found = compare(&left, &right, Privacy::Full);
    assert_eq!(found.summary, Summary { intents_changed: true, ..quiet("run_l", "run_r") });
    assert_eq!(found.summary.changed_files(), ["intents.jsonl"]);
    assert_eq!(
        serde_json::to_value(&found.calls).unwrap(),
        json!([{"kind": "changed", "intent_id": "b", "index_left": 2, "index_right": 2, "tool_name": "db.read",
                "differences": [{"path": "/args/id", "left": 7, "right": 8}], "differences_total": 1}])
    );
    assert!(!compare(&left, &right, Privacy::Metadata).changed());
    right["intents"][1]["args_digest"] = json!("d".repeat(64));
    let found = compare(&left, &right, Privacy::Metadata);
    assert!(found.changed() && found.calls.is_empty() && found.calls_total == 1);
}

#[test]
fn a_body_counts_whatever_its_digest_field_says() {
    let with = |args: Value, digest: &str| json!({"run": run("run_x"), "intents": [{"intent_id": "a", "tool_name": "t", "args": args, "args_digest": digest}]});
    let body = json!({"v": 1});
    let right_digest = crate::kit::digest(&body);
    for digest in ["", &"0".repeat(64), &right_digest, &right_digest.to_uppercase()] {
        let left = with(body.clone(), digest);
        for other in [json!({"v": 2}), json!({})] {
            let found = compare(&left, &with(other.clone(), digest), Privacy::Full);
            assert_eq!(found.calls_total, 1, "{digest:?} {other}");
            assert!(!compare(&left, &with(other, digest), Privacy::Metadata).changed());
        }
        assert!(!compare(&left, &left, Privacy::Full).changed());
    }
}

#[test]
fn a_schema_that_is_not_known_is_not_compared() {
    let folder = Folder::new();
    let (left, right) = (folder.record(&two_calls("run_l")), folder.record(&two_calls("run_r")));
    remake(&right, "refs.json", |text| text.replace("gait.runpack.refs", "gait.runpack.other"));
    let error = diff(&left, &right, Privacy::Full, &nobody()).unwrap_err();
    assert_eq!(error.kind(), Kind::VerificationFailed);
    assert!(error.to_string().starts_with(right.as_str()), "{error}");
}

#[test]
fn calls_of_one_side_are_named() {
    let left = two_calls("run_l");
    let mut right = two_calls("run_r");
    right["intents"][0] = intent("c", "new.tool", json!({}));
    right["results"].as_array_mut().unwrap().push(result("d", "ok", json!({})));
    right["capture_mode"] = json!("raw");
    right["refs"] = json!({"receipts": [{"ref_id": "ref_1"}]});
    let found = compare(&left, &right, Privacy::Full);
    let expected = Summary {
        manifest_changed: true,
        intents_changed: true,
        results_changed: true,
        refs_changed: true,
        left_only_intents: vec!["a".to_owned()],
        right_only_intents: vec!["c".to_owned()],
        right_only_results: vec!["d".to_owned()],
        ..quiet("run_l", "run_r")
    };
    assert_eq!(found.summary, expected);
    assert_eq!(found.summary.changed_files(), ["intents.jsonl", "manifest.json", "refs.json", "results.jsonl"]);
    let calls: Vec<_> =
        found.calls.iter().map(|c| (c.kind, c.intent_id.as_str(), c.index_left, c.index_right)).collect();
    let expected =
        [(Change::Missing, "a", Some(1), None), (Change::Extra, "c", None, Some(1)), (Change::Extra, "d", None, None)];
    assert_eq!(calls, expected);
}

#[test]
fn of_a_repeated_id_the_last_record_counts() {
    let twice = |values: [i32; 2]| {
        let intents = values.map(|value| intent("a", "t", json!({"v": value})));
        json!({"run": run("run_x"), "intents": intents})
    };
    assert!(!compare(&twice([1, 2]), &twice([3, 2]), Privacy::Full).changed());
    let found = compare(&twice([1, 2]), &twice([1, 3]), Privacy::Full);
    assert_eq!(found.calls[0].index_left, Some(2));
    assert_eq!(found.calls[0].differences[0].path, "/args/v");
}

#[test]
fn only_the_first_calls_are_explained_but_all_are_counted() {
    let many = |shift: u32| {
        let intents: Vec<Value> = (0..120).map(|n| intent(&format!("i{n}"), "t", json!({"v": n + shift}))).collect();
        json!({"run": run("run_x"), "intents": intents})
    };
    let found = compare(&many(0), &many(1), Privacy::Full);
    assert_eq!((found.calls.len(), found.calls_total), (50, 120));
    let order: Vec<_> = found.calls.iter().map(|call| call.index_left).collect();
    assert_eq!(order, (1..=50).map(Some).collect::<Vec<_>>());
}

#[test]
fn the_same_file_or_a_copy_of_it_differs_in_nothing() {
    let folder = Folder::new();
    let path = folder.record(&two_calls("run_x"));
    let copy = folder.path().join("copy.zip");
    std::fs::copy(&path, &copy).unwrap();
    for other in [&path, &copy] {
        let found = diff(&path, other, Privacy::Full, &nobody()).unwrap();
        assert_eq!(found.summary, quiet("run_x", "run_x"));
    }
    tamper(&path, "results.jsonl", |text| text.replace("true", "false"));
    for (left, right) in [(&path, &path), (&path, &copy), (&copy, &path)] {
        let error = diff(left, right, Privacy::Full, &nobody()).unwrap_err();
        assert_eq!(error.kind(), Kind::VerificationFailed);
        assert!(error.to_string().starts_with(path.as_str()), "{error}");
    }
}

#[test]
fn a_difference_is_saved_as_privacy_and_summary() {
    let folder = Folder::new();
    let (left, mut right) = (two_calls("run_l"), two_calls("run_r"));
    right["results"][0]["status"] = json!("error");
    let found = compare(&left, &right, "metadata".parse().unwrap());
    let out = folder.path().join("drift.json");
    found.save(&out).unwrap();
    let text = std::fs::read_to_string(&out).unwrap();
    assert!(!text.ends_with('\n'));
    assert_eq!(
        serde_json::from_str::<Value>(&text).unwrap(),
        json!({"privacy": "metadata", "summary": {
            "run_id_left": "run_l", "run_id_right": "run_r", "manifest_changed": false, "intents_changed": false,
            "results_changed": true, "refs_changed": false}})
    );
    let error = found.save(&folder.path().join("no/such/dir.json")).unwrap_err();
    assert_eq!(error.kind(), Kind::InvalidInput);
    assert!("none".parse::<Privacy>().is_err());
    assert_eq!("".parse::<Privacy>().unwrap(), Privacy::Full);
}

/// A run of calls with small bodies.
fn some_run() -> impl Strategy<Value = Value> {
    let body = prop_oneof![
        any::<i32>().prop_map(|n| json!({"n": n})),
        ".{0,8}".prop_map(|text| json!({"text": text, "list": [1, null, text]})),
        Just(json!({})),
    ];
    prop::collection::vec((body.clone(), body), 1..12).prop_map(|calls| {
        let intents: Vec<Value> =
            calls.iter().enumerate().map(|(n, (args, _))| intent(&format!("i{n}"), "tool", args.clone())).collect();
        let results: Vec<Value> =
            calls.iter().enumerate().map(|(n, (_, body))| result(&format!("i{n}"), "ok", body.clone())).collect();
        json!({"run": run("run_p"), "intents": intents, "results": results})
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_run_does_not_differ_from_itself(input in some_run()) {
        let found = compare(&input, &input, Privacy::Full);
        prop_assert!(!found.changed() && found.calls.is_empty() && found.calls_total == 0);
    }

    #[test]
    fn one_changed_record_is_found(input in some_run(), pick in any::<prop::sample::Index>(), lane in any::<bool>()) {
        let (list, body, path) =
            if lane { ("intents", "args", "/args") } else { ("results", "result", "/result") };
        let mut other = input.clone();
        let at = pick.index(input[list].as_array().unwrap().len());
        other[list][at][body]["added"] = json!(true);
        let found = compare(&input, &other, Privacy::Full);
        prop_assert_eq!((found.summary.intents_changed, found.summary.results_changed), (lane, !lane));
        prop_assert_eq!(found.calls_total, 1);
        prop_assert_eq!(&found.calls[0].intent_id, &format!("i{at}"));
        prop_assert!(found.calls[0].differences.iter().all(|difference| difference.path.starts_with(path)));
        prop_assert_eq!(found.calls[0].differences_total, 1);
    }
}
