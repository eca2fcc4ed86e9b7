//! Writers that are stopped: whatever was acknowledged is there, and the session goes on.

use crate::kit::{Folder, clock, decision};
use gait::kernel::clock::Stopwatch;
use gait::session::journal::{Journal, Tail};
use gait::session::lock::Patience;
use gait::session::open::Session;
use std::process::Stdio;
use std::time::Duration;

#[test]
fn a_journal_cut_anywhere_in_its_last_line_is_mended() {
    let folder = Folder::new();
    folder.append(3);
    let whole = folder.text("j.jsonl");
    let last = whole.trim_end().rfind('\n').unwrap() + 1;
    for cut in last..=whole.len() {
        folder.file("j.jsonl", &whole[..cut]);
        let complete = cut + 1 >= whole.len();
        let journal = Journal::read(&folder.at("j.jsonl")).unwrap();
        let expected = match cut {
            cut if cut == last || cut == whole.len() => Tail::Whole,
            cut if cut + 1 == whole.len() => Tail::Unterminated,
            _ => Tail::Torn(last as u64),
        };
        assert_eq!(journal.tail, expected, "cut at {cut}");
        assert_eq!(folder.append(1)[0].sequence, if complete { 4 } else { 3 }, "cut at {cut}");
        let mended = Journal::read(&folder.at("j.jsonl")).unwrap();
        assert_eq!((mended.tail, mended.warnings.len()), (Tail::Whole, 0));
    }
}

#[test]
fn a_torn_end_is_told() {
    let folder = Folder::new();
    folder.append(1);
    folder.file("j.jsonl", folder.text("j.jsonl") + "{\"record_type\":");
    let ran = folder.run("run session status --journal j.jsonl --json").code(0);
    assert!(ran.stderr.contains("cut off in the middle"), "{}", ran.stderr);
    assert_eq!(ran.json()["warnings"].as_array().unwrap().len(), 1);
    let again = folder.run("run session status --journal j.jsonl --json").code(0).json();
    assert_eq!((again["warnings"].as_array(), &again["status"]["last_sequence"]), (None, &1.into()));
}

/// Starts `gait <line>` and kills it after `delay`. Whether it had succeeded before.
fn killed(folder: &Folder, line: &str, delay: Duration) -> bool {
    let watch = Stopwatch::start();
    let mut child = folder.command(line).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    while watch.elapsed() < delay {
        std::thread::yield_now();
    }
    let _ = child.kill();
    child.wait().unwrap().success()
}

#[test]
fn killed_writers_leave_a_journal_that_holds_every_acknowledged_event() {
    let folder = Folder::new();
    drop(folder.session());
    let (mut acknowledged, mut checkpoints, mut stopped) = (0, 0, 0);
    for round in 0_u64..60 {
        let delay = Duration::from_micros(round * 7919 % if round % 2 == 0 { 4_000 } else { 16_000 });
        let done = match round % 5 {
            3 => {
                let line = format!("run session checkpoint --journal j.jsonl --out cp{round}.zip --no-sign");
                let done = killed(&folder, &line, delay);
                checkpoints += u64::from(done);
                done
            }
            4 => killed(&folder, "run session compact --journal j.jsonl", delay),
            _ => {
                let done = killed(&folder, "run session append --journal j.jsonl --tool t --verdict allow", delay);
                acknowledged += i64::from(done);
                done
            }
        };
        stopped += usize::from(!done);
        let journal = Journal::read(&folder.at("j.jsonl")).unwrap();
        assert!(journal.last_sequence >= acknowledged, "round {round}: an acknowledged event is gone");
        assert!(journal.checkpoints.len() as u64 >= checkpoints, "round {round}: a checkpoint is gone");
    }
    assert!(stopped > 0, "nothing was ever killed in time");
    let patience = Patience { timeout: Duration::ZERO, ..Patience::SWARM };
    let mut session = Session::open(folder.at("j.jsonl").as_str(), patience, clock()).unwrap();
    let last = session.state().unwrap().last_sequence;
    assert_eq!(session.append(decision("t")).unwrap().sequence, last + 1);
    drop(session);
    folder.run("run session checkpoint --journal j.jsonl --out last.zip").code(0);
    folder.run("verify session-chain j_chain.json --journal j.jsonl --json").code(0);
}
