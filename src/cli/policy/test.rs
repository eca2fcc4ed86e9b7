//! `test`: what a policy says about one call, or a file of cases as tests.

use crate::cli::exit::Exit;
use crate::cli::output::Answer;
use crate::gate::cases::{self, Checked};
use crate::gate::evaluate;
use crate::gate::explain;
use crate::gate::intent::{self, Intent};
use crate::gate::model::{PRODUCER, Verdict};
use crate::gate::parse;
use crate::gate::rehearse;
use crate::kernel::clock::{Clock, Timestamp};
use crate::kernel::error::{Error, Result};
use crate::kernel::fs;
use crate::regress::trials;
use clap::Args;
use libtest_mimic::{Arguments, Trial};
use serde_json::json;

/// Say what a policy decides about a call, or run a file of cases as tests
///
/// With an intent nothing is written and no token counts; exit: 0 allow and dry_run, 3 block, 4 require_approval. With
/// a file of cases alone: exit 0 when all pass, 5 when one fails.
#[derive(Debug, Args)]
pub struct TestCmd {
    /// Policy file, or a file of cases
    #[arg(value_name = "POLICY|CASES")]
    policy: String,
    /// The call: a gate intent in JSON
    #[arg(value_name = "INTENT")]
    intent: Option<String>,
    /// Time that freeze windows are held against, RFC 3339 [default: now]
    #[arg(long, value_name = "TIME")]
    evaluation_time: Option<String>,
    /// Tell of each rule whether it matched, and the first condition that failed
    #[arg(long)]
    explain_decision: bool,
    /// Write the cases as JUnit
    #[arg(long, value_name = "FILE", conflicts_with = "intent")]
    junit: Option<String>,
    /// Only cases whose name holds this text
    #[arg(long, value_name = "TEXT", conflicts_with = "intent")]
    filter: Option<String>,
}

impl TestCmd {
    /// Decides and tells.
    pub fn run(self, clock: Clock, json: bool) -> Result<Answer> {
        let at = match &self.evaluation_time {
            Some(time) => time.trim().parse::<Timestamp>().map_err(|error| error.at("--evaluation-time"))?,
            None => clock.now(),
        };
        match &self.intent {
            Some(intent) => self.one(intent, &at),
            None => self.cases(&at, json),
        }
    }

    fn one(&self, path: &str, at: &Timestamp) -> Result<Answer> {
        let policy = parse::read(&self.policy)?;
        let intent = Intent::parse(&fs::read(path, intent::LIMIT)?).map_err(|error| error.at(path))?;
        let outcome = evaluate::evaluate(&policy, &intent, at);
        let summary = rehearse::summary(&outcome);
        let mut value = json!({
            "schema_id": "gait.policytest.result",
            "schema_version": "1.0.0",
            "created_at": intent.decided_at(),
            "producer_version": PRODUCER,
            "policy_digest": policy.digest()?,
            "intent_digest": intent.digest()?,
            "verdict": outcome.verdict,
            "summary": summary,
        });
        for (key, list) in [
            ("reason_codes", &outcome.reason_codes),
            ("violations", &outcome.violations),
            ("warnings", &intent.warnings),
        ] {
            if !list.is_empty() {
                value[key] = json!(list);
            }
        }
        if !outcome.matched_rule().is_empty() {
            value["matched_rule"] = outcome.matched_rule().into();
        }
        let exit = match outcome.verdict {
            Verdict::Block => Exit::PolicyBlocked,
            Verdict::RequireApproval => Exit::ApprovalRequired,
            Verdict::Allow | Verdict::DryRun => Exit::Ok,
        };
        let mut answer = Answer::new(&value, exit)?.with("ok", &true)?;
        let mut text = summary;
        if self.explain_decision {
            let story = explain::explain(&policy, &intent, at, &outcome);
            text = format!("{text}\n{}", story.text());
            answer = answer.with("explanation", &story)?;
        }
        Ok(answer.text(text))
    }

    fn cases(&self, at: &Timestamp, json: bool) -> Result<Answer> {
        let mut cases = cases::read(&self.policy)
            .map_err(|error| error.hint("name a policy and an intent, or a file of cases: a list under `cases`"))?;
        if let Some(filter) = &self.filter {
            cases.retain(|case| case.name.contains(filter.as_str()));
            if cases.is_empty() {
                return Err(Error::invalid(format!("no case of {} has {filter:?} in its name", self.policy)));
            }
        }
        let checked = cases::check(&cases, at)?;
        if let Some(junit) = &self.junit {
            let path = fs::output_path(junit)?;
            fs::make_parent(&path)?;
            fs::write(&path, cases::junit(&self.policy, &checked)?.as_bytes())?;
        }
        let failed = checked.iter().filter(|case| !case.passed).count();
        let exit = if failed == 0 { Exit::Ok } else { Exit::RegressFailed };
        if !json {
            show(&checked);
        }
        let value = json!({ "cases": checked, "passed": checked.len() - failed, "failed": failed });
        Answer::new(&value, exit)?.classified()
    }
}

/// The cases as libtest shows them.
fn show(checked: &[Checked]) {
    let trial = |case: &Checked| {
        let outcome = if case.passed { Ok(()) } else { Err(case.faults.join("\n").into()) };
        Trial::test(case.name.clone(), move || outcome)
    };
    let arguments = Arguments { test_threads: Some(1), ..Arguments::default() };
    trials::shown(&arguments, checked.iter().map(trial).collect());
}
