//! `regress_result.json`: what programs read. Nothing in it tells the time but `created_at`.

use crate::kernel::clock::Timestamp;
use crate::kernel::error::Result;
use crate::kernel::json::encode::{self, Sorted};
use crate::report::model::{Report, SCHEMA_ID, SCHEMA_VERSION, Shard, Shown, Status};
use serde::Serialize;

/// Keys in the order they are written.
#[derive(Serialize)]
struct Document<'a> {
    schema_id: &'static str,
    schema_version: &'static str,
    created_at: Timestamp,
    producer_version: &'a str,
    fixture_set: &'a str,
    status: Status,
    graders: Vec<Graded<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    shard: Option<&'a Shard>,
    /// Only what is reported elsewhere has to tell everything it knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    shown: Option<Shown>,
}

#[derive(Serialize)]
struct Graded<'a> {
    name: &'a str,
    status: Status,
    reason_codes: &'a [String],
    details: Sorted<'a>,
}

/// The result document: two-space indent, HTML characters escaped, one final newline.
pub fn render(report: &Report) -> Result<String> {
    document(report, report.shard.is_some())
}

/// As [`render`], with all that a report made of it elsewhere needs.
pub fn complete(report: &Report) -> Result<String> {
    document(report, true)
}

fn document(report: &Report, shown: bool) -> Result<String> {
    let grades = report.cases.iter().map(|case| &case.grade);
    encode::document(&Document {
        schema_id: SCHEMA_ID,
        schema_version: SCHEMA_VERSION,
        created_at: report.created_at.utc(),
        producer_version: &report.producer_version,
        fixture_set: &report.fixture_set,
        status: report.status(),
        graders: grades
            .map(|grade| Graded {
                name: &grade.name,
                status: grade.status,
                reason_codes: &grade.reason_codes,
                details: Sorted::Members(&grade.details),
            })
            .collect(),
        shard: report.shard.as_ref(),
        shown: shown.then(|| report.shown()),
    })
}
