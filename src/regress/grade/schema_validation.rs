//! Grader `schema_validation`: is the baseline made of the records this program knows?

use crate::regress::case::{Subject, Verdict, shell_word};
use crate::runpack::lane::Lane;
use crate::runpack::model;
use serde_json::Value;

/// Checks schema id and version of every part of the baseline.
pub fn grade(subject: &Subject<'_>) -> Verdict {
    let contents = &subject.fixture.baseline.contents;
    let mut verdict = Verdict::default();
    let known = |id: &str, version: &str, want: &str| id == want && version == model::SCHEMA_VERSION;
    let (manifest, run, refs) = (&contents.manifest, &contents.run, &contents.refs);
    let parts = [
        ("manifest_schema_invalid", known(&manifest.schema_id, &manifest.schema_version, model::MANIFEST_SCHEMA)),
        ("run_schema_invalid", known(&run.schema_id, &run.schema_version, model::RUN_SCHEMA)),
        ("refs_schema_invalid", known(&refs.schema_id, &refs.schema_version, model::REFS_SCHEMA)),
        ("intent_schema_invalid", contents.intents.schema_holds),
        ("result_schema_invalid", contents.results.schema_holds),
    ];
    for (code, holds) in parts {
        if !holds {
            verdict.fail(code);
        }
    }
    verdict.detail("missing_files", Value::Null);
    verdict.detail("hash_mismatches", 0);
    verdict.detail("intent_records", subject.fixture.baseline.lane(Lane::Intents).len());
    verdict.detail("result_records", subject.fixture.baseline.lane(Lane::Results).len());
    verdict.detail("reference_receipts", refs.receipts.as_deref().unwrap_or_default().len());
    verdict.detail("signature_status", contents.signature_status.word());
    verdict.evidence = contents.schema_faults.iter().map(|fault| format!("{fault}\n")).collect();
    verdict.next = format!("gait verify {}", shell_word(&subject.fixture.runpack));
    verdict
}
