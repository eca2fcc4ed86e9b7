//! One writer at a time.

use crate::kit::{Folder, clock, decision};
use gait::kernel::error::Kind;
use gait::session::lock::{self, Patience};
use gait::session::open::Session;
use std::time::Duration;

const AT_ONCE: Patience = Patience { timeout: Duration::ZERO, ..Patience::SWARM };

#[test]
fn a_held_lock_is_contention_and_the_journal_stays() {
    let folder = Folder::new();
    folder.append(1);
    let before = folder.text("j.jsonl");
    let held = lock::hold(&folder.at("j.jsonl"), AT_ONCE, clock()).unwrap();
    let error = Session::open(folder.at("j.jsonl").as_str(), AT_ONCE, clock()).unwrap_err();
    assert_eq!(error.kind(), Kind::Contention);
    let mut command = folder.command("run session append --journal j.jsonl --tool t --verdict allow --json");
    let output = command.env("GAIT_SESSION_LOCK_TIMEOUT", "1ms").output().unwrap();
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!((&told["error_category"], &told["retryable"]), (&"state_contention".into(), &true.into()));
    let error = told["error"].as_str().unwrap();
    assert!(error.contains("session state contention") && error.contains("j.jsonl.lock"), "{error}");
    drop(held);
    assert_eq!(folder.text("j.jsonl"), before);
    assert!(!folder.at("j.jsonl.lock").exists());
    Session::open(folder.at("j.jsonl").as_str(), AT_ONCE, clock()).unwrap();
}

#[test]
fn a_lock_file_nobody_holds_stops_nobody() {
    let folder = Folder::new();
    for text in ["", "{\"created_at\":\"2999-01-01T00:00:00Z\",\"pid\":1}\n", "garbage"] {
        folder.file("j.jsonl.lock", text);
        folder.append(1);
        assert!(!folder.at("j.jsonl.lock").exists());
    }
    assert_eq!(folder.append(1)[0].sequence, 4);
}

#[test]
fn many_writers_at_once_make_one_sequence() {
    let folder = Folder::new();
    drop(folder.session());
    let journal = folder.at("j.jsonl");
    std::thread::scope(|scope| {
        for writer in 0..6 {
            let journal = &journal;
            scope.spawn(move || {
                for call in 0..10 {
                    let mut session = Session::open(journal.as_str(), Patience::SWARM, clock()).unwrap();
                    session.append(decision(&format!("{writer} {call}"))).unwrap();
                }
            });
        }
    });
    let journal = folder.session().journal().unwrap();
    assert_eq!(journal.last_sequence, 60);
    for writer in 0..6 {
        let own = journal.pending.iter().map(|pending| &pending.event.tool_name);
        let own: Vec<&String> = own.filter(|tool| tool.starts_with(&format!("{writer} "))).collect();
        assert_eq!(own, (0..10).map(|call| format!("{writer} {call}")).collect::<Vec<_>>().iter().collect::<Vec<_>>());
    }
}
