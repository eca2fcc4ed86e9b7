//! Checkpoints: what they hold, where they go, what they never overwrite.

use crate::kit::{Folder, clock, decision};
use gait::kernel::error::Kind;
use gait::runpack::read::Pack;
use gait::runpack::verify::Trust;
use gait::session::checkpoint::{Options, chain_path, checkpoint};
use gait::sign::key::PrivateKey;

#[test]
fn one_record_of_each_lane_per_event() {
    let folder = Folder::new();
    let digest = "ef".repeat(32);
    let mut session = folder.session();
    session.append(decision("a")).unwrap();
    let named = decision("b").intent_id(" i2 ").trace("t2", "traces/t2.json").digests(&digest, "").unwrap();
    session.append(named).unwrap();
    drop(session);
    folder.checkpoint("one");
    let pack = Pack::open(folder.at("one.zip").as_std_path(), &Trust::Known(Vec::new())).unwrap();
    let ids: Vec<&str> = pack.intents.iter().map(|record| record.intent_id.as_ref()).collect();
    assert_eq!((ids, pack.contents.run.run_id.as_str()), (vec!["intent_1", "i2"], "run_s_cp_0001"));
    let body = |record: &gait::runpack::lane::Record<'_>| String::from_utf8(record.body.clone().unwrap().into_owned());
    assert_eq!(pack.intents[1].digest, digest);
    assert_eq!(
        body(&pack.intents[1]).unwrap(),
        r#"{"sequence":2,"session_id":"s","trace_id":"t2","trace_path":"traces/t2.json"}"#
    );
    assert_eq!(
        body(&pack.results[0]).unwrap(),
        r#"{"reason_codes":null,"trace_id":"","trace_path":"","verdict":"allow","violations":null}"#
    );
    let timeline = pack.contents.run.timeline.as_deref().unwrap();
    assert_eq!(timeline.iter().map(|event| event.reference.as_str()).collect::<Vec<_>>(), ["", "t2", "checkpoint:1"]);
}

#[test]
fn equal_events_at_equal_times_make_equal_runpacks() {
    let packs = [Folder::new(), Folder::new()].map(|folder| {
        folder.append(3);
        folder.checkpoint("one");
        std::fs::read(folder.at("one.zip")).unwrap()
    });
    assert_eq!(packs[0], packs[1]);
}

#[test]
fn a_checkpoint_is_signed_unless_told_otherwise() {
    let folder = Folder::new();
    for (flags, status) in [("", "verified"), ("--no-sign", "missing")] {
        folder.append(1);
        let name = format!("{status}.zip");
        folder.run(&format!("run session checkpoint --journal j.jsonl --out {name} {flags}")).code(0);
        let found = folder.run(&format!("verify {name} --json")).code(0).json();
        assert_eq!(found["signature_status"], status);
    }
    folder.run("verify session-chain j_chain.json --json").code(0);
    let found = folder.run("verify session-chain j_chain.json --require-signature --json").code(2).json();
    assert_eq!(found["checkpoint_errors"], serde_json::json!(["checkpoint 2 signature verification failed"]));
}

#[test]
fn without_new_events_nothing_is_written() {
    let folder = Folder::new();
    drop(folder.session());
    let before = folder.text("j.jsonl");
    folder.run("run session checkpoint --journal j.jsonl --out p/x.zip --chain-out q/c.json").code(6);
    assert!(!folder.at("p").exists() && !folder.at("q").exists() && !folder.at("j_chain.json").exists());
    assert_eq!(folder.text("j.jsonl"), before);
}

#[test]
fn an_earlier_runpack_and_the_sessions_own_files_are_never_overwritten() {
    let folder = Folder::new();
    folder.append(1);
    folder.checkpoint("one");
    let kept = std::fs::read(folder.at("one.zip")).unwrap();
    folder.append(1);
    for (out, chain_out) in [
        ("one.zip", None),
        ("deep/../one.zip", None),
        ("j.jsonl", None),
        ("j.jsonl.state.json", None),
        ("j_chain.json", None),
        ("two.zip", Some("two.zip")),
        ("two.zip", Some("one.zip")),
    ] {
        let (out, chain_out) = (folder.at(out), chain_out.map(|name| folder.at(name)));
        let chain_out = chain_out.as_ref().map(|path| path.as_str());
        let options = Options { out: out.as_str(), chain_out, ..Options::default() };
        let error = checkpoint(&mut folder.session(), &options).unwrap_err();
        assert_eq!(error.kind(), Kind::InvalidInput, "{out} {chain_out:?}");
    }
    assert_eq!(std::fs::read(folder.at("one.zip")).unwrap(), kept);
    assert_eq!(folder.checkpoint("two").checkpoint_index, 2);
}

#[test]
fn a_chain_that_cannot_be_written_stops_the_checkpoint_before_it_is_made() {
    let folder = Folder::new();
    folder.append(1);
    std::fs::create_dir(folder.at("taken")).unwrap();
    folder.run("run session checkpoint --journal j.jsonl --out x.zip --chain-out taken").code(6);
    assert!(!folder.at("x.zip").exists());
    assert_eq!(folder.checkpoint("x").checkpoint_index, 1);
}

#[test]
fn a_lost_chain_file_is_made_again_by_start() {
    let folder = Folder::new();
    folder.append(1);
    folder.checkpoint("one");
    let chain = folder.text("j_chain.json");
    std::fs::remove_file(folder.at("j_chain.json")).unwrap();
    let ran = folder.run("run session start --journal j.jsonl --session-id s --run-id run_s").code(0);
    assert!(ran.stderr.contains("was written again"), "{}", ran.stderr);
    assert_eq!(folder.text("j_chain.json"), chain);
}

#[test]
fn the_chain_is_named_after_the_journal() {
    let named = ["a/demo.journal.jsonl", "plain", ".jsonl"].map(|path| chain_path(path.into()).into_string());
    assert_eq!(named, ["a/demo.journal_chain.json", "plain_chain.json", "session_chain.json"]);
}

#[test]
fn the_signature_is_over_the_digest_an_unsigned_pack_has() {
    let key = PrivateKey::generate().unwrap();
    let made = [None, Some(&key)].map(|key| {
        let folder = Folder::new();
        folder.append(1);
        let out = folder.at("x.zip");
        let created_at = Some(clock().now());
        checkpoint(&mut folder.session(), &Options { out: out.as_str(), created_at, key, ..Options::default() })
            .unwrap()
    });
    assert_eq!(made[0].manifest_digest, made[1].manifest_digest);
}
