//! A file of policy test cases: an intent each, and what the policy has to say about it.

use crate::config::document::{Document, Fields, Node, Value};
use crate::gate::evaluate;
use crate::gate::intent::{self, Intent};
use crate::gate::model::Verdict;
use crate::gate::parse;
use crate::gate::policy::Policy;
use crate::kernel::clock::Timestamp;
use crate::kernel::error::{Error, Kind, Result};
use crate::kernel::fs::{self, SETTINGS_LIMIT};
use camino::{Utf8Path, Utf8PathBuf};
use quick_junit::{NonSuccessKind, TestCase, TestCaseStatus, TestSuite};
use serde::Serialize;
use std::collections::BTreeMap;

/// One case: what is asked, and what has to be answered.
#[derive(Debug)]
pub struct Case {
    pub name: String,
    policy: Utf8PathBuf,
    intent: Source,
    at: Option<Timestamp>,
    verdict: Verdict,
    /// All of these have to be among the reason codes.
    reason_codes: Vec<String>,
    /// All of these have to be among the violations.
    violations: Vec<String>,
    matched_rule: Option<String>,
    /// Line of the case in its file.
    line: usize,
}

#[derive(Debug)]
enum Source {
    File(Utf8PathBuf),
    Inline(Vec<u8>),
}

/// How a case ended.
#[derive(Debug, Clone, Serialize)]
pub struct Checked {
    pub name: String,
    pub passed: bool,
    /// What differs, one line each; or the error that kept the case from being decided.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
}

/// Reads a file of cases. Paths in it are relative to its folder.
pub fn read(path: &str) -> Result<Vec<Case>> {
    let document = Document::read(path, SETTINGS_LIMIT)?;
    let folder = Utf8Path::new(path).parent().unwrap_or(Utf8Path::new("")).to_owned();
    let mut fields = document.fields(&document.root, "a file of policy cases")?;
    let default_policy = fields.scalar("policy")?;
    let mut cases: Vec<Case> = Vec::new();
    for node in fields.list("cases")? {
        let case = one(&document, node, &folder, default_policy.as_deref())?;
        if cases.iter().any(|other| other.name == case.name) {
            return Err(document.error(node.place, format!("two cases have the name {:?}", case.name)));
        }
        cases.push(case);
    }
    fields.refuse_unknown()?;
    if cases.is_empty() {
        return Err(document.error(document.root.place, "there is no case under `cases`"));
    }
    Ok(cases)
}

fn one(document: &Document, node: &Node, folder: &Utf8Path, default_policy: Option<&str>) -> Result<Case> {
    let mut fields = document.fields(node, "a case")?;
    let missing = |what: &str| document.error(node.place, format!("the case has no `{what}`"));
    let text =
        |fields: &mut Fields<'_>, key| Ok::<_, Error>(fields.scalar(key)?.filter(|text| !text.trim().is_empty()));
    let name = text(&mut fields, "name")?.ok_or_else(|| missing("name"))?;
    let policy = text(&mut fields, "policy")?.or(default_policy.map(str::to_owned)).ok_or_else(|| missing("policy"))?;
    let intent = fields.node("intent").ok_or_else(|| missing("intent"))?;
    let intent = match &intent.value {
        Value::Text(path) => Source::File(folder.join(path)),
        Value::Map(_) => Source::Inline(intent.to_json().to_string().into_bytes()),
        _ => return Err(document.error(intent.place, "`intent` has to be a path or an intent")),
    };
    let verdict = fields.node("verdict").ok_or_else(|| missing("verdict"))?;
    let word = document.scalar(verdict).unwrap_or_default();
    let known = || {
        document
            .error(verdict.place, format!("`verdict` is {word:?}, expected allow, dry_run, require_approval or block"))
    };
    let at = text(&mut fields, "evaluation_time")?
        .map(|text| text.parse::<Timestamp>().map_err(|e| document.error(node.place, e)));
    let mut list = |key| Ok::<_, Error>(fields.scalars(key)?.into_iter().map(|(_, text)| text).collect::<Vec<_>>());
    let (reason_codes, violations) = (list("reason_codes")?, list("violations")?);
    let case = Case {
        name,
        policy: folder.join(policy),
        intent,
        at: at.transpose()?,
        verdict: Verdict::parse(&word).ok_or_else(known)?,
        reason_codes,
        violations,
        matched_rule: text(&mut fields, "matched_rule")?,
        line: node.place.line,
    };
    fields.refuse_unknown()?;
    Ok(case)
}

/// Decides every case, each policy read once. `now` counts for freeze windows where a case names no time.
pub fn check(cases: &[Case], now: &Timestamp) -> Result<Vec<Checked>> {
    let mut policies: BTreeMap<&Utf8Path, Policy> = BTreeMap::new();
    let mut out = Vec::with_capacity(cases.len());
    for case in cases {
        if !policies.contains_key(case.policy.as_path()) {
            policies.insert(&case.policy, parse::read(case.policy.as_str())?);
        }
        let policy = policies.get(case.policy.as_path());
        let found = policy.map(|policy| case.check(policy, now));
        out.extend(found);
    }
    Ok(out)
}

impl Case {
    fn check(&self, policy: &Policy, now: &Timestamp) -> Checked {
        let name = self.name.clone();
        let bytes = match &self.intent {
            Source::File(path) => {
                fs::read(path, intent::LIMIT).map_err(|error| error.at(format!("line {}", self.line)))
            }
            Source::Inline(bytes) => Ok(bytes.clone()),
        };
        let intent = match bytes.and_then(|bytes| Intent::parse(&bytes)) {
            Ok(intent) => intent,
            Err(error) => return Checked { name, passed: false, faults: vec![error.to_string()], verdict: None },
        };
        let outcome = evaluate::evaluate(policy, &intent, self.at.as_ref().unwrap_or(now));
        let mut faults = Vec::new();
        if outcome.verdict != self.verdict {
            let why = outcome.reason_codes.join(", ");
            faults.push(format!("verdict is {}, expected {} ({why})", outcome.verdict, self.verdict));
        }
        let rule = self.matched_rule.as_deref().filter(|want| *want != outcome.matched_rule());
        faults.extend(rule.map(|want| format!("rule {:?} decided, expected {want:?}", outcome.matched_rule())));
        for (want, have, what) in [
            (&self.reason_codes, &outcome.reason_codes, "reason code"),
            (&self.violations, &outcome.violations, "violation"),
        ] {
            let lacks = want.iter().filter(|item| !have.contains(item));
            faults.extend(lacks.map(|item| format!("{what} {item} is not among {}", have.join(", "))));
        }
        Checked { name, passed: faults.is_empty(), faults, verdict: Some(outcome.verdict) }
    }
}

/// The cases as JUnit, one suite.
pub fn junit(path: &str, checked: &[Checked]) -> Result<String> {
    let mut suite = TestSuite::new(format!("gait.policy.{}", Utf8Path::new(path).file_stem().unwrap_or(path)));
    for case in checked {
        let mut status = TestCaseStatus::success();
        if !case.passed {
            status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status.set_type("policy_test_failure").set_message(case.faults.join("; "));
        }
        let mut out = TestCase::new(case.name.as_str(), status);
        out.set_classname(path);
        suite.add_test_case(out);
    }
    let mut document = quick_junit::Report::unnamed();
    document.add_test_suite(suite);
    document.to_string().map_err(|error| Error::new(Kind::Internal, format!("cannot encode JUnit: {error}")))
}
