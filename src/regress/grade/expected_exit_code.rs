//! Grader `expected_exit_code`: does a stub replay of the baseline end as the fixture says?

use crate::regress::case::{Subject, Verdict, shell_word};
use crate::runpack::replay;

/// Replays the baseline's calls from its own results.
pub fn grade(subject: &Subject<'_>) -> Verdict {
    let fixture = subject.fixture;
    let next = format!("gait run replay {}", shell_word(&fixture.runpack));
    let replayed = match replay::replay_pack(&fixture.baseline) {
        Ok(replayed) => replayed,
        Err(error) => return Verdict { next, ..Verdict::error("replay_error", &error.to_string()) },
    };
    let expected = fixture.metadata.expected_replay_exit_code;
    let actual = if replayed.complete() { 0 } else { 2 };
    let mut verdict = Verdict { next, ..Verdict::default() };
    verdict.detail("expected_exit_code", expected);
    verdict.detail("actual_exit_code", actual);
    if actual != expected {
        verdict.fail("unexpected_exit_code");
        verdict.evidence = match replayed.missing_results.as_slice() {
            [] => "every call has a result, but the fixture expects some to have none (exit 2)\n".to_owned(),
            missing => format!("calls without a result: {}\n", missing.join(", ")),
        };
    }
    verdict.detail("missing_results", replayed.missing_results);
    verdict
}
