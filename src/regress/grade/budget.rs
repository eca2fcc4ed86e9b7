//! Grader `budget`: did today's run stay within the calls and the time it may take?

use crate::config::graders::Budget;
use crate::regress::case::{Run, Subject, Verdict, shell_word};
use crate::regress::verdict;

/// Reason code: a run took more than it may.
const EXCEEDED: &str = "budget_exceeded";

/// Looks at each run by itself. How long a run took is in the evidence only: a result holds no clock value.
pub fn grade(subject: &Subject<'_>) -> Verdict {
    let budget = subject.fixture.settings.budget.unwrap_or_default();
    let mut verdict = verdict::of_runs(subject, "budget", |run| look_at(run, budget));
    if let Some(most) = budget.max_calls {
        verdict.detail("max_calls", most);
    }
    if let Some(most) = budget.max_seconds {
        verdict.detail("max_seconds", most);
    }
    verdict
}

fn look_at(run: &Run<'_>, budget: Budget) -> Verdict {
    let mut verdict = run.unreadable().unwrap_or_default();
    if let Ok(pack) = run.pack {
        let calls = pack.intents.len();
        verdict.detail("calls", calls);
        if let Some(most) = budget.max_calls.filter(|most| calls as u64 > *most) {
            verdict.fail(EXCEEDED);
            verdict.evidence.push_str(&format!("{calls} calls, at most {most} are allowed\n"));
        }
    }
    if let Some(most) = budget.max_seconds {
        let seconds = run.elapsed().map(|elapsed| elapsed.as_secs_f64());
        verdict.detail("seconds", seconds.map_or("not_measured", |s| if s > most { "exceeded" } else { "within" }));
        if let Some(seconds) = seconds.filter(|seconds| *seconds > most) {
            verdict.fail(EXCEEDED);
            verdict.evidence.push_str(&format!("the run took {seconds:.1} s, at most {most} s are allowed\n"));
        }
    }
    verdict.next = format!("gait run inspect {}", shell_word(run.path.as_str()));
    verdict
}
