//! Packs written again: reduced to a failure, or migrated.

use crate::kit::{Folder, intent, nobody, remake, result, run, tamper, two_calls};
use camino::{Utf8Path, Utf8PathBuf};
use gait::kernel::clock::Clock;
use gait::kernel::error::{Error, Kind};
use gait::runpack::migrate::{self, Migrated, Status};
use gait::runpack::read::Pack;
use gait::runpack::reduce::{self, Predicate, Reduced};
use gait::runpack::verify::{SignatureStatus, Trust};
use gait::sign::key::PrivateKey;
use serde_json::{Value, json};

fn failing(id: &str) -> Value {
    let intents = [
        intent("t9", "a", json!({"input_ref": " ref_x ", "note": "ref_c"})),
        intent("t3", "b", json!({"deep": [{"href": "k1"}, "ref_b", "kref_"]})),
        intent("t4", "c", json!({})),
    ];
    let results = [
        result("t3", "failed", json!({"preferences": "k2"})),
        result("t3", "ok", json!({})),
        result("t4", " SUCCESS ", json!({})),
    ];
    let receipts: Vec<Value> =
        ["ref_x", "ref_c", "ref_b", "k2", "k1", "other"].iter().map(|id| json!({"ref_id": id})).collect();
    let mut run = run(id);
    run["timeline"] = json!([{"event": "start"}, {"event": "tool", "ref": "t3"}, {"event": "tool", "ref": "t9"}]);
    json!({"run": run, "intents": intents, "results": results, "refs": {"receipts": receipts}, "capture_mode": "raw"})
}

fn reduce(input: &Utf8Path, predicate: Predicate, out: Option<Utf8PathBuf>) -> Result<Reduced, Error> {
    let out = out.map(Utf8PathBuf::into_string);
    reduce::reduce(input, &reduce::Options { predicate, out, report_out: None, trust: nobody(), key: None })
}

fn receipts(pack: &Pack) -> Vec<&str> {
    pack.contents.refs.receipts.as_ref().unwrap().iter().map(|receipt| receipt.ref_id.as_str()).collect()
}

#[test]
fn the_first_failing_call_is_kept_with_what_it_speaks_of() {
    let folder = Folder::new();
    let input = folder.record(&failing("case"));
    let reduced = reduce(&input, Predicate::NonOkStatus, None).unwrap();
    assert_eq!(reduced.output, folder.path().join("runpack_case_reduced_non_ok_status.zip").as_str());
    assert_eq!(reduced.reduced_run_id, "run_case_reduced_nonokstatus");
    let pack = Pack::open(Utf8Path::new(&reduced.output).as_std_path(), &nobody()).unwrap();
    let ids: Vec<&str> = pack.intents.iter().chain(&pack.results).map(|record| record.intent_id.as_ref()).collect();
    assert_eq!(ids, ["t3", "t3"]);
    assert_eq!(
        (pack.results[0].label.as_ref(), pack.results[0].run_id.as_ref()),
        ("failed", "run_case_reduced_nonokstatus")
    );
    assert_eq!(receipts(&pack), ["k1", "k2", "ref_b"]);
    assert_eq!(pack.contents.run.timeline.as_ref().unwrap().len(), 2);
    assert_eq!(pack.contents.manifest.capture_mode, "raw");
    let report: Value = serde_json::from_str(&std::fs::read_to_string(&reduced.report_path).unwrap()).unwrap();
    assert_eq!(report, serde_json::to_value(&reduced.report).unwrap());
    assert_eq!(
        report,
        json!({"schema_id": "gait.runpack.reduce_report", "schema_version": "1.0.0",
            "created_at": "2026-03-01T10:00:00Z", "producer_version": "test", "run_id": "case",
            "reduced_run_id": "run_case_reduced_nonokstatus", "predicate": "non_ok_status", "selected_intent_id": "t3",
            "original_intent_count": 3, "reduced_intent_count": 1, "original_result_count": 3, "reduced_result_count": 1,
            "original_ref_count": 6, "reduced_ref_count": 3, "still_failing": true})
    );
    let reduced = reduce(&input, Predicate::MissingResult, None).unwrap();
    let pack = Pack::open(Utf8Path::new(&reduced.output).as_std_path(), &nobody()).unwrap();
    assert_eq!((reduced.report.selected_intent_id.as_str(), pack.results.len()), ("t9", 0));
    assert_eq!(receipts(&pack), ["ref_c", "ref_x"]);
}

#[test]
fn nothing_is_written_when_nothing_fails_or_a_path_is_wrong() {
    let folder = Folder::new();
    let fine = folder.record(&two_calls("run_fine"));
    let broken = folder.record(&failing("run_broken"));
    let count = || std::fs::read_dir(folder.path()).unwrap().count();
    let before = count();
    let refused = [
        reduce(&fine, Predicate::MissingResult, None),
        reduce(&fine, Predicate::NonOkStatus, None),
        reduce(&broken, Predicate::MissingResult, Some("../x.zip".into())),
        reduce(&broken, Predicate::MissingResult, Some(broken.clone())),
    ];
    for outcome in refused {
        assert_eq!(outcome.unwrap_err().kind(), Kind::InvalidInput);
    }
    assert_eq!(count(), before);
    assert!("slow".parse::<Predicate>().is_err());
    assert_eq!(" Non_OK_Status ".parse::<Predicate>().unwrap(), Predicate::NonOkStatus);
}

#[test]
fn what_is_written_is_signed_anew_and_says_so() {
    let folder = Folder::new();
    let (old, new) = (PrivateKey::generate().unwrap(), PrivateKey::generate().unwrap());
    let input = folder.record_with(&failing("run_signed"), Some(&old));
    let options = reduce::Options {
        predicate: Predicate::MissingResult,
        out: Some(folder.path().join("sub/min.zip").into_string()),
        report_out: Some(folder.path().join("rep.json").into_string()),
        trust: nobody(),
        key: Some(&new),
    };
    let reduced = reduce::reduce(&input, &options).unwrap();
    assert_eq!(reduced.warnings, ["signatures dropped: 1"]);
    let trust = Trust::Known(vec![new.public()]);
    let pack = Pack::open(Utf8Path::new(&reduced.output).as_std_path(), &trust).unwrap();
    assert_eq!(pack.contents.signature_status, SignatureStatus::Verified);
    assert!(folder.path().join("rep.json").exists());
}

fn migrate(input: &Utf8Path, out: Option<&str>, key: Option<&PrivateKey>) -> Result<Migrated, Error> {
    let out = out.map(str::to_owned);
    migrate::migrate(input, &migrate::Options { out, trust: nobody(), key, clock: Clock::default() })
}

#[test]
fn a_pack_of_our_own_does_not_change() {
    let folder = Folder::new();
    let key = PrivateKey::generate().unwrap();
    for (id, key) in [("run_plain", None), ("run_signed", Some(&key))] {
        let input = folder.record_with(&two_calls(id), key);
        let migrated = migrate(&input, None, key).unwrap();
        assert_eq!(migrated.output, folder.path().join(format!("runpack_{id}_migrated.zip")).as_str());
        assert_eq!((migrated.status, migrated.warnings.len()), (Status::NoChange, 0));
    }
}

#[test]
fn unknown_fields_go_empty_ones_are_filled_and_signatures_reported() {
    let folder = Folder::new();
    let key = PrivateKey::generate().unwrap();
    let input = folder.record_with(&two_calls("run_old"), Some(&key));
    let migrated = migrate(&input, None, None).unwrap();
    assert_eq!((migrated.status, migrated.warnings), (Status::Migrated, vec!["signatures dropped: 1".to_owned()]));
    let digest = |path: &str| {
        Pack::open(Utf8Path::new(path).as_std_path(), &nobody()).unwrap().contents.manifest.manifest_digest.clone()
    };
    assert_eq!(digest(input.as_str()), digest(&migrated.output));

    let input = folder.record(&two_calls("run_loose"));
    remake(&input, "intents.jsonl", |text| text.replace(r#""run_id":"run_loose","#, r#""run_id":"","zz":1,"#));
    let migrated = migrate(&input, None, None).unwrap();
    let pack = Pack::open(Utf8Path::new(&migrated.output).as_std_path(), &nobody()).unwrap();
    assert_eq!(pack.contents.schema_faults, Vec::<String>::new());
    assert_eq!(pack.intents[0].run_id, "run_loose");
}

#[test]
fn wrong_paths_and_wrong_packs_are_refused() {
    let folder = Folder::new();
    let input = folder.record(&two_calls("run_x"));
    let refused = [
        migrate(&folder.file("notes.txt", ""), None, None),
        migrate(&input, Some("../x.zip"), None),
        migrate(&input, Some(&format!("{}/sub/../runpack_run_x.zip", folder.path())), None),
        migrate(&folder.path().join("none.zip"), None, None),
    ];
    for outcome in refused {
        assert_eq!(outcome.unwrap_err().kind(), Kind::InvalidInput);
    }
    let other = folder.record(&two_calls("run_y"));
    remake(&other, "intents.jsonl", |text| text.replace("gait.runpack.intent", "gait.runpack.other"));
    tamper(&input, "run.json", |text| text.replace("test", "tset"));
    for path in [&other, &input] {
        assert_eq!(migrate(path, None, None).unwrap_err().kind(), Kind::VerificationFailed, "{path}");
        assert!(!path.as_str().replace(".zip", "_migrated.zip").parse::<Utf8PathBuf>().unwrap().exists());
    }
}
