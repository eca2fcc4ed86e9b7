//! Replay: recorded results, stubs, guards.

use crate::kit::{Folder, intent, nobody, result, run, tamper};
use gait::kernel::error::Kind;
use gait::runpack::read::Pack;
use gait::runpack::replay::{Half, RealTools, Replay, StubType, replay, replay_pack, stub};
use serde_json::json;

fn half<'a>(intent_id: &'a str, label: &'a str) -> Half<'a> {
    Half { intent_id, label, digest: "AB" }
}

#[test]
fn a_call_takes_its_result_else_a_stub_else_it_is_missing() {
    let folder = Folder::new();
    let calls = ["calendar.add", "HTTP.Get", "mail.send"].iter().zip(["s1", "r1", "s2"]);
    let input = json!({
        "run": run("run_replay"),
        "intents": calls.map(|(tool, id)| intent(id, tool, json!({}))).collect::<Vec<_>>(),
        "results": [result("s2", "error", json!({"why": 1})), result("nobody", "ok", json!({}))],
    });
    let path = folder.record(&input);
    let replayed = replay(&path, &nobody(), &RealTools::default()).unwrap();
    let empty = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
    let stubbed = gait::kernel::digest::Digest::of(format!("run_replay:r1:http.get:{empty}:http").as_bytes());
    assert_eq!(
        serde_json::to_value(&replayed).unwrap(),
        json!({
            "run_id": "run_replay",
            "mode": "stub",
            "missing_results": ["s1"],
            "steps": [
                {"intent_id": "s1", "tool_name": "calendar.add", "status": "missing_result"},
                {"intent_id": "r1", "tool_name": "HTTP.Get", "status": "stubbed", "stub_type": "http",
                 "result_digest": stubbed.to_string()},
                {"intent_id": "s2", "tool_name": "mail.send", "status": "error",
                 "result_digest": crate::kit::digest(&json!({"why": 1}))},
            ],
        })
    );
    assert!(!replayed.complete());
    let pack = Pack::open(path.as_std_path(), &nobody()).unwrap();
    assert_eq!(replay_pack(&pack).unwrap(), replayed);
}

#[test]
fn stubs_are_told_by_the_first_group_that_occurs() {
    let expected = [
        ("web.prefetch", Some(StubType::Http)),
        ("blob.write", Some(StubType::File)),
        ("fetch.file.db", Some(StubType::Http)),
        ("bigtable.scan", Some(StubType::Db)),
        ("kafka.emit", Some(StubType::Queue)),
        ("mail.send", None),
    ];
    for (tool, stub) in expected {
        assert_eq!(StubType::of(tool), stub, "{tool}");
    }
    let replayed: Replay = stub("r", &[half("i", " FETCH ")], &[]).unwrap();
    let digest = gait::kernel::digest::Digest::of(b"r:i:fetch:ab:http").to_string();
    assert_eq!(replayed.steps[0].result_digest, digest);
}

#[test]
fn two_records_of_one_id_are_refused() {
    let one = [half("x", "a")];
    let two = [half("x", "a"), half("x", "b")];
    assert_eq!(stub("r", &two, &[]).unwrap_err().kind(), Kind::InvalidInput);
    assert_eq!(stub("r", &one, &two).unwrap_err().kind(), Kind::InvalidInput);
    assert!(stub("r", &one, &one).is_ok());
}

#[test]
fn real_tools_are_refused_guard_by_guard() {
    let mut real = RealTools { acknowledged: true, ..RealTools::default() };
    assert_eq!(real.guard().unwrap(), Vec::<String>::new());
    real.requested = true;
    let passes = RealTools {
        requested: true,
        acknowledged: true,
        allowed: "mail.send,, x ".to_owned(),
        switch: Some(" 1 ".to_owned()),
    };
    let refused = [
        RealTools { acknowledged: false, ..passes.clone() },
        RealTools { allowed: " ,,".to_owned(), ..passes.clone() },
        RealTools { switch: None, ..passes.clone() },
        RealTools { switch: Some("true".to_owned()), ..passes.clone() },
        real,
    ];
    for request in refused {
        let error = replay("no/such/pack.zip".into(), &nobody(), &request).unwrap_err();
        assert_eq!(error.kind(), Kind::UnsafeRefused, "{request:?}");
    }
    let folder = Folder::new();
    let path = folder.record(&json!({"run": run("run_x")}));
    let replayed = replay(&path, &nobody(), &passes).unwrap();
    assert_eq!(replayed.warnings, ["real tools not implemented; replaying stubs", "allow_tools=mail.send,x"]);
    assert!(replayed.requested_unsafe);
    tamper(&path, "run.json", |text| text.replace("test", "tset"));
    assert_eq!(replay(&path, &nobody(), &passes).unwrap_err().kind(), Kind::VerificationFailed);
}
