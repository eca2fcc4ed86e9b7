//! Reading session chains.

use crate::kit::Folder;
use gait::kernel::error::Kind;
use gait::session::chain::{Pick, checkpoint_digest, diff, inspect, linkage, parse, pick};
use gait::session::model::{Chain, Checkpoint};
use serde_json::{Value, json};

fn checkpoint(index: i64, range: (i64, i64), before: &str) -> Checkpoint {
    let mut made = Checkpoint {
        session_id: "s".to_owned(),
        run_id: "run_c".to_owned(),
        checkpoint_index: index,
        sequence_start: range.0,
        sequence_end: range.1,
        runpack_path: format!("cp{index}.zip"),
        manifest_digest: format!("{index}").repeat(64),
        prev_checkpoint_digest: before.to_owned(),
        ..Checkpoint::default()
    };
    made.checkpoint_digest = checkpoint_digest(&made).to_string();
    made
}

/// Two checkpoints that link, the later one first in the file when `swapped`.
fn chain(swapped: bool) -> Chain {
    let first = checkpoint(1, (1, 4), "");
    let second = checkpoint(2, (5, 9), &first.checkpoint_digest);
    let checkpoints = if swapped { vec![second, first] } else { vec![first, second] };
    Chain { session_id: "s".to_owned(), run_id: "run_c".to_owned(), checkpoints, ..Chain::default() }
}

fn text(chain: &Chain) -> String {
    serde_json::to_string(chain).unwrap()
}

#[test]
fn a_chain_is_shown_by_index() {
    let folder = Folder::new();
    let path = folder.file("c.json", &text(&chain(true)));
    let view = serde_json::to_value(inspect(&path).unwrap()).unwrap();
    assert_eq!((&view["artifact_type"], &view["checkpoint_count"]), (&json!("session_chain"), &json!(2)));
    assert_eq!(view["checkpoints"][0]["checkpoint_index"], 1);
    assert!(view["checkpoints"][0].get("prev_checkpoint_digest").is_none());
    assert_eq!(view["checkpoints"][1]["prev_checkpoint_digest"], view["checkpoints"][0]["checkpoint_digest"]);
    assert!(!view["warnings"].as_array().unwrap().is_empty());
    let sound = folder.file("d.json", &text(&chain(false)));
    assert!(serde_json::to_value(inspect(&sound).unwrap()).unwrap().get("warnings").is_none());
}

#[test]
fn what_is_no_chain_is_refused() {
    let good: Value = serde_json::from_str(&text(&chain(false))).unwrap();
    assert!(parse(good.to_string().as_bytes()).is_ok());
    let wrong = [
        ("schema_id", json!("gait.runpack.run")),
        ("schema_version", json!("2.0.0")),
        ("session_id", json!("")),
        ("run_id", Value::Null),
        ("checkpoints", json!([])),
        ("checkpoints", json!("none")),
    ];
    for (key, value) in wrong {
        let mut chain = good.clone();
        chain[key] = value;
        assert_eq!(parse(chain.to_string().as_bytes()).unwrap_err().kind(), Kind::InvalidInput, "{key}");
    }
    assert!(parse(br#"{"run_id":"a","run_id":"b"}"#).is_err());
}

#[test]
fn a_checkpoint_is_chosen_by_number_or_as_the_highest() {
    let chain = chain(true);
    let at = |text: &str| pick(&chain, text.parse().unwrap()).map(|checkpoint| checkpoint.checkpoint_index);
    assert_eq!((at("latest").unwrap(), at(" LATEST ").unwrap(), at("").unwrap(), at("1").unwrap()), (2, 2, 2, 1));
    assert_eq!(at("9").unwrap_err().kind(), Kind::InvalidInput);
    for bad in ["1x", "+1", "-1", "0", "1.0", "99999999999999999999"] {
        assert!(bad.parse::<Pick>().is_err(), "{bad}");
    }
}

#[test]
fn every_broken_link_is_found() {
    assert_eq!(linkage(&chain(false)), Vec::<String>::new());
    let broken = |change: fn(&mut Chain)| {
        let mut chain = chain(false);
        change(&mut chain);
        linkage(&chain)
    };
    let forged = broken(|chain| chain.checkpoints[0].manifest_digest = "0".repeat(64));
    assert_eq!(forged, ["checkpoint_digest mismatch at checkpoint 1"]);
    let cut = broken(|chain| drop(chain.checkpoints.remove(0)));
    assert!(cut.contains(&"checkpoint index mismatch at position 0".to_owned()), "{cut:?}");
    let unlinked = broken(|chain| {
        let second = &mut chain.checkpoints[1];
        second.prev_checkpoint_digest = "f".repeat(64);
        second.checkpoint_digest = checkpoint_digest(second).to_string();
    });
    assert_eq!(unlinked, ["prev_checkpoint_digest mismatch at checkpoint 2"]);
    let overlapping = broken(|chain| {
        let second = &mut chain.checkpoints[1];
        second.sequence_start = 4;
        second.checkpoint_digest = checkpoint_digest(second).to_string();
    });
    assert_eq!(overlapping, ["sequence overlap at checkpoint 2"]);
    let foreign = broken(|chain| chain.checkpoints[1].session_id = "t".to_owned());
    assert_eq!(foreign, ["checkpoint 2 is of another session or run"]);
}

#[test]
fn chains_differ_by_checkpoint() {
    let (whole, mut short, mut other) = (chain(false), chain(true), chain(false));
    assert!(!diff(&whole, &chain(true)).changed());
    short.checkpoints.remove(0);
    other.checkpoints[1].checkpoint_digest = "0".repeat(64);
    assert_eq!(diff(&whole, &other).files_changed, ["checkpoint_2"]);
    assert_eq!(diff(&whole, &short).files_changed, ["left_only_checkpoint_2"]);
    let found = diff(&short, &whole);
    assert_eq!(found.files_changed, ["right_only_checkpoint_2"]);
    assert!(found.manifest_changed && found.intents_changed && found.results_changed && found.refs_changed);
}
