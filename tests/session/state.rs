//! The state file is a cache: whatever happens to it, the journal decides.

use crate::kit::Folder;
use gait::session::model::State;
use serde_json::Value;
use std::time::{Duration, UNIX_EPOCH};

fn edit(folder: &Folder, change: impl Fn(&mut Value)) {
    let mut state: Value = serde_json::from_str(&folder.text("j.jsonl.state.json")).unwrap();
    change(&mut state);
    folder.file("j.jsonl.state.json", state.to_string());
}

fn rebuilt(folder: &Folder) -> State {
    let _ = std::fs::remove_file(folder.at("j.jsonl.state.json"));
    folder.session().state().unwrap()
}

#[test]
fn an_edited_state_does_not_number_events() {
    let folder = Folder::new();
    for (at, (key, value)) in
        [("last_sequence", 9), ("last_sequence", -1), ("journal_size_bytes", 3)].iter().enumerate()
    {
        folder.append(1);
        edit(&folder, |state| state[*key] = Value::from(*value));
        assert_eq!(folder.append(1)[0].sequence, at as i64 * 2 + 2, "{key}={value}");
    }
    folder.checkpoint("one");
    edit(&folder, |state| state["last_checkpoint_digest"] = "0".repeat(64).into());
    folder.append(1);
    let second = folder.checkpoint("two");
    assert_eq!((second.checkpoint_index, second.sequence_start), (2, 7));
    let kept = folder.session().state().unwrap();
    let fresh = rebuilt(&folder);
    assert_eq!(kept, State { updated_at: kept.updated_at, ..fresh });
}

#[test]
fn a_journal_edited_at_equal_length_is_read_again() {
    let folder = Folder::new();
    folder.append(2);
    let edited = folder.text("j.jsonl").replacen("\"verdict\":\"allow\"", "\"verdict\":\"block\"", 1);
    let path = folder.file("j.jsonl", edited);
    let file = std::fs::File::options().write(true).open(path).unwrap();
    file.set_modified(UNIX_EPOCH + Duration::from_secs(1)).unwrap();
    folder.run("run session status --journal j.jsonl").code(6);
    folder.run("run session append --journal j.jsonl --tool t --verdict allow").code(6);
}

#[test]
fn the_last_line_is_looked_at_even_when_size_and_time_agree() {
    let folder = Folder::new();
    folder.append(2);
    let time = std::fs::metadata(folder.at("j.jsonl")).unwrap().modified().unwrap();
    let text = folder.text("j.jsonl");
    let at = text.rfind("\"sequence\":2").unwrap();
    let path = folder.file("j.jsonl", format!("{}\"sequence\":7{}", &text[..at], &text[at + 12..]));
    std::fs::File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
    folder.run("run session status --journal j.jsonl").code(6);
}

#[test]
fn looking_at_no_session_leaves_nothing_behind() {
    let folder = Folder::new();
    folder.run("run session status --journal deep/er/j.jsonl").code(6);
    assert!(!folder.at("deep").exists());
}
