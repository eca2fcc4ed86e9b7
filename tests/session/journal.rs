//! Starting, appending, reading back.

use crate::kit::{Folder, clock, decision};
use gait::kernel::error::Kind;
use gait::session::compact;
use gait::session::journal::{Journal, LINE_LIMIT};
use gait::session::lock::Patience;
use gait::session::open::{Decision, Session, Verdict};
use proptest::prelude::*;

#[test]
fn a_session_from_start_to_a_verified_chain() {
    let folder = Folder::new();
    folder.run("run session start --journal s/j.jsonl --session-id s1 --run-id run_1").code(0);
    let appended = folder
        .run("run session append --journal s/j.jsonl --tool db.drop --verdict BLOCK --reason-codes b,a,b --json")
        .code(0)
        .json();
    assert_eq!((&appended["operation"], &appended["journal"]), (&"append".into(), &"s/j.jsonl".into()));
    assert_eq!(appended["event"]["reason_codes"], serde_json::json!(["a", "b"]));
    let text = folder.run("run session append --journal s/j.jsonl --tool secret --verdict allow").code(0).stdout;
    assert_eq!(text, "session append: sequence=2 tool=redacted verdict=allow\njournal: s/j.jsonl\n");
    folder.run("run session checkpoint --journal s/j.jsonl --out p/1.zip --chain-out deep/copy.json").code(0);
    let status = folder.run("run session status --journal s/j.jsonl --json").code(0).json();
    assert_eq!((&status["status"]["event_count"], &status["status"]["checkpoint_count"]), (&2.into(), &1.into()));
    for chain in ["s/j_chain.json", "deep/copy.json"] {
        let found = folder.run(&format!("verify session-chain {chain} --require-signature --json")).code(0).json();
        assert_eq!((&found["ok"], &found["checkpoints_checked"]), (&true.into(), &1.into()));
    }
    assert!(!folder.at("s/j.jsonl.lock").exists());
}

#[test]
fn errors_name_the_operation_and_only_its_own_errors_the_journal() {
    let folder = Folder::new();
    let missing = folder.run("run session append --journal no.jsonl --tool t --verdict allow --json").code(6).json();
    assert_eq!((&missing["operation"], &missing["journal"]), (&"append".into(), &"no.jsonl".into()));
    let argument = folder.run("run session append --journal no.jsonl --tool t --verdict perhaps --json").code(6).json();
    assert_eq!((&argument["operation"], argument.get("journal")), (&"append".into(), None));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "only the home is there");
}

#[test]
fn a_second_start_appends_nothing_and_other_ids_are_refused() {
    let folder = Folder::new();
    folder.append(2);
    let before = folder.text("j.jsonl");
    let journal = folder.at("j.jsonl");
    let start = |session: &str, run: &str| Session::start(journal.as_str(), session, run, Patience::SWARM, clock());
    assert_eq!(start(" s ", "run_s").unwrap().1.last_sequence, 2);
    assert_eq!(start("s", "run_t").unwrap_err().kind(), Kind::InvalidInput);
    assert_eq!(start("t", "run_s").unwrap_err().kind(), Kind::InvalidInput);
    assert_eq!(start("s", " ").unwrap_err().kind(), Kind::InvalidInput);
    assert_eq!(folder.text("j.jsonl"), before);
}

#[test]
fn start_overwrites_an_empty_file_and_half_a_header_but_nothing_else() {
    let folder = Folder::new();
    for fresh in ["", "{\"record_ty", "{\"record_type\":\"header\",\"header\":{\"sess"] {
        folder.file("j.jsonl", fresh);
        assert_eq!(folder.append(1)[0].sequence, 1, "{fresh}");
    }
    for other in ["my notes", "{\"a\":", "my notes\n", "[1]"] {
        let path = folder.file("j.jsonl", other);
        assert!(Session::start(path.as_str(), "s", "run_s", Patience::SWARM, clock()).is_err(), "{other}");
        assert_eq!(folder.text("j.jsonl"), other);
    }
}

#[test]
fn what_cannot_be_a_decision_is_refused() {
    for verdict in ["", "allowed", "dry-run"] {
        assert!(verdict.parse::<Verdict>().is_err(), "{verdict}");
    }
    assert!(Decision::new(" \t", Verdict::Block).is_err());
    for digest in ["abcdef", &"g".repeat(64), &"a".repeat(65)] {
        assert_eq!(decision("t").digests(digest, "").unwrap_err().kind(), Kind::InvalidInput);
        assert_eq!(decision("t").digests("", digest).unwrap_err().kind(), Kind::InvalidInput);
    }
    assert_eq!(
        decision("t").digests(&"A".repeat(64), "").unwrap(),
        decision("t").digests(&"a".repeat(64), "").unwrap()
    );
}

#[test]
fn no_record_is_written_that_could_not_be_read() {
    let folder = Folder::new();
    let mut session = folder.session();
    assert_eq!(session.append(decision(&"x".repeat(LINE_LIMIT))).unwrap_err().kind(), Kind::InvalidInput);
    assert_eq!(session.append(decision("t")).unwrap().sequence, 1);
}

#[test]
fn a_changed_line_is_found_by_the_link_of_the_next() {
    let folder = Folder::new();
    folder.append(3);
    let changed = folder.text("j.jsonl").replacen("\"verdict\":\"allow\"", "\"verdict\":\"block\"", 1);
    let error = Journal::read(&folder.file("j.jsonl", changed)).unwrap_err().to_string();
    assert!(error.contains("line 3: event 2 does not follow"), "{error}");
}

#[test]
fn a_duplicate_key_is_refused() {
    let folder = Folder::new();
    folder.append(1);
    let doubled = folder.text("j.jsonl").replace("\"sequence\":1", "\"sequence\":1,\"sequence\":1");
    assert!(Journal::read(&folder.file("j.jsonl", doubled)).is_err());
}

/// What may happen to a session.
#[derive(Debug, Clone, Copy)]
enum Step {
    Append,
    Checkpoint,
    Compact,
    /// The state file goes away.
    Forget,
    /// A writer is stopped in the middle of a line.
    Tear,
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn events_stand_in_the_order_they_were_appended(steps in prop::collection::vec(
        prop_oneof![
            4 => Just(Step::Append), 1 => Just(Step::Checkpoint), 1 => Just(Step::Compact),
            1 => Just(Step::Forget), 1 => Just(Step::Tear),
        ], 1..30))
    {
        let folder = Folder::new();
        let (mut appended, mut covered) = (0_i64, 0_i64);
        drop(folder.session());
        for step in steps {
            match step {
                Step::Append => {
                    let tool = format!("tool_{}", appended + 1);
                    appended = folder.session().append(decision(&tool)).unwrap().sequence;
                    prop_assert_eq!(tool, format!("tool_{appended}"));
                }
                Step::Checkpoint if appended > covered => {
                    let made = folder.checkpoint(&format!("cp{appended}"));
                    prop_assert_eq!((made.sequence_start, made.sequence_end), (covered + 1, appended));
                    covered = appended;
                }
                Step::Compact => {
                    let mut session = folder.session();
                    let plan = compact::plan(&mut session, None).unwrap();
                    compact::apply(&mut session, plan).unwrap();
                }
                Step::Forget => drop(std::fs::remove_file(folder.at("j.jsonl.state.json"))),
                Step::Tear => drop(folder.file("j.jsonl", folder.text("j.jsonl") + "{\"record_type\":\"ev")),
                Step::Checkpoint => {}
            }
        }
        let journal = folder.session().journal().unwrap();
        prop_assert_eq!(journal.last_sequence, appended);
        let open: Vec<i64> = journal.pending.iter().map(|pending| pending.event.sequence).collect();
        prop_assert_eq!(open, (covered + 1..=appended).collect::<Vec<_>>());
        for pending in &journal.pending {
            prop_assert_eq!(&pending.event.tool_name, &format!("tool_{}", pending.event.sequence));
        }
    }
}
