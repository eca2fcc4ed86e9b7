//! Compaction: what it drops, and that nothing after it notices.

use crate::kit::Folder;
use gait::session::compact::{apply, plan, policies_path};
use gait::session::journal::Journal;

#[test]
fn numbering_goes_on_when_every_event_was_dropped() {
    let folder = Folder::new();
    folder.append(3);
    folder.checkpoint("one");
    let mut session = folder.session();
    let planned = plan(&mut session, None).unwrap();
    let done = apply(&mut session, planned).unwrap();
    drop(session);
    assert_eq!((done.compacted, done.events_before, done.events_after), (true, 3, 0));
    assert_eq!(done.bytes_after, folder.text("j.jsonl").len() as u64);
    std::fs::remove_file(folder.at("j.jsonl.state.json")).unwrap();
    assert_eq!(folder.append(1)[0].sequence, 4);
    assert_eq!(folder.checkpoint("two").sequence_start, 4);
    let found = folder.run("verify session-chain j_chain.json --journal j.jsonl --json").code(0).json();
    assert_eq!(found["checkpoints_checked"], 2);
}

#[test]
fn a_plan_writes_nothing_and_a_second_deed_neither() {
    let folder = Folder::new();
    folder.append(2);
    folder.checkpoint("one");
    folder.append(1);
    let before = folder.text("j.jsonl");
    folder.run("run session compact --journal j.jsonl --dry-run").code(0);
    assert_eq!(folder.text("j.jsonl"), before);
    folder.run("run session compact --journal j.jsonl").code(0);
    let after = folder.text("j.jsonl");
    assert_eq!((after.lines().count(), after.lines().last()), (3, before.lines().last()));
    let again = folder.run("run session compact --journal ./j.jsonl --out x/../j.jsonl --json").code(0).json();
    assert_eq!(again["compaction"]["compacted"], false);
    assert_eq!(folder.text("j.jsonl"), after);
}

#[test]
fn another_output_leaves_the_session_alone() {
    let folder = Folder::new();
    folder.append(2);
    folder.checkpoint("one");
    let before = (folder.text("j.jsonl"), folder.text("j.jsonl.state.json"));
    folder.run("run session compact --journal j.jsonl --out small.jsonl").code(0);
    assert_eq!((folder.text("j.jsonl"), folder.text("j.jsonl.state.json")), before);
    let small = Journal::read(&folder.at("small.jsonl")).unwrap();
    assert_eq!((small.event_count, small.last_sequence, small.checkpoints.len()), (0, 2, 1));
    folder.run("run session compact --journal j.jsonl --out no/where.jsonl").code(6);
}

#[test]
fn dropped_events_keep_their_policy_digests_beside_the_journal() {
    let folder = Folder::new();
    let mut session = folder.session();
    let policy = "cd".repeat(32);
    session.append(crate::kit::decision("t").digests("", &policy).unwrap()).unwrap();
    session.append(crate::kit::decision("t")).unwrap();
    drop(session);
    folder.checkpoint("one");
    folder.run("run session compact --journal j.jsonl").code(0);
    let kept = std::fs::read_to_string(policies_path(&folder.at("j.jsonl"))).unwrap();
    assert_eq!(kept, format!("{{\"sequence\":1,\"policy_digest\":\"{policy}\"}}\n"));
}
