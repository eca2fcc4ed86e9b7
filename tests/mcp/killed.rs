//! kill -9 at any moment: the journal holds every frame that was passed on, and says that it was cut off.

use crate::kit::{Place, Tests, ask, call, calls, own, read};
use crate::server::ROLE;
use serde_json::json;
use std::io::BufRead as _;

pub const TESTS: Tests = &[
    ("a_killed_tee_can_be_sealed", a_killed_tee_can_be_sealed),
    ("a_capture_seals_what_was_left", a_capture_seals_what_was_left),
];

fn a_killed_tee_can_be_sealed() {
    for frames in [0, 1, 2, 3, 5, 8, 21] {
        let place = Place::new();
        let mut session = place.tee(&[], "old");
        session.talk(&ask(1000, "initialize"));
        for n in 0..frames {
            session.talk(&call(n, "echo", json!({"n": n, "text": "é\n"})));
        }
        // Half a question is no question.
        session.send("{\"jsonrpc\":\"2.0\",\"id\":77,\"method\":\"tools/call\",");
        session.child.kill().unwrap();
        session.child.wait().unwrap();
        assert_eq!(place.files("gait-out", ".zip"), [""; 0]);
        let journal = place.only("gait-out", ".journal.jsonl");
        // The last line may have been cut short, too.
        let mut bytes = std::fs::read(&journal).unwrap();
        bytes.extend_from_slice(b"{\"at\":\"2026-");
        std::fs::write(&journal, bytes).unwrap();
        assert_eq!(
            std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&journal).unwrap().permissions()) & 0o777,
            0o600
        );
        let folder = journal.parent().unwrap();
        let answer = place.json(&["run", "seal", folder.as_str(), "--json"], 0);
        assert_eq!((&answer["truncated"], &answer["calls"]), (&json!(true), &json!(frames)));
        let path = place.only("gait-out", ".zip");
        let report = place.verified(&path);
        assert_eq!((&report["ok"], &report["truncated"]), (&json!(true), &json!(true)));
        let (pack, _) = read(&path);
        assert_eq!(pack.results.len(), frames as usize, "every answer the client heard");
        assert!(calls(&pack).iter().all(|(.., status)| status == "ok"));
    }
}

fn a_capture_seals_what_was_left() {
    let place = Place::new();
    let tee = format!("{} mcp record -- {}", env!("CARGO_BIN_EXE_gait"), own());
    // An agent that asks once and kills the tee in front of its server.
    let script = format!(
        "mkfifo in; {tee} < in & exec 3> in; printf '%s\\n' '{}' >&3; while ! grep -q result gait-out/*/*.jsonl; do :; done; kill -9 $!; exit 6",
        call(1, "add", json!({"a": 1, "b": 2}))
    );
    let mut command = place.gait(&["run", "capture", "--run-id", "run_k", "--", "sh", "-c", &script]);
    let output = command.env(ROLE, "old").output().unwrap();
    assert_eq!(output.status.code(), Some(6));
    assert!(output.stdout.lines().all(|line| line.unwrap().contains("jsonrpc")));
    let report = place.verified(&place.path().join("gait-out/runpack_run_k.zip"));
    assert_eq!(report["truncated"], json!(true));
}
