//! The demo: a small fixed run, so that everything else can be tried at once.

use crate::kernel::clock::{Stopwatch, Timestamp};
use crate::kernel::digest::Digest;
use crate::kernel::error::Result;
use crate::kernel::fs;
use crate::kernel::json::canon;
use crate::runpack::lane::{Lane, Record};
use crate::runpack::locate;
use crate::runpack::model::{self, Env, Manifest, Receipt, Refs, Run, TimelineEvent};
use crate::runpack::receipt;
use crate::runpack::record::PRODUCER;
use crate::runpack::verify::{self, Demands, Trust};
use crate::runpack::write::{self, LaneDraft, Parts};
use crate::sign::key::PrivateKey;
use camino::Utf8Path;
use serde::Serialize;

pub const RUN_ID: &str = "run_demo";
const CREATED: Timestamp = Timestamp::date(2026, 2, 5);
const CALLS: [(&str, &str); 3] = [
    ("tool.search", r#"{"query":"gait demo: offline verification"}"#),
    ("tool.fetch", r#"{"url":"https://example.local/demo"}"#),
    ("tool.summarize", r#"{"input_ref":"ref_1"}"#),
];

/// The demo pack, written and verified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Demo {
    /// As shown: `./gait-out/runpack_run_demo.zip`.
    pub bundle: String,
    #[serde(skip_serializing_if = "is_zero")]
    pub duration_ms: u64,
    pub run_id: String,
    pub ticket_footer: String,
    /// Always `ok`.
    pub verify: &'static str,
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// Writes the demo pack into `dir` (made if missing, an older one replaced) and verifies it.
pub fn demo(dir: &Utf8Path, key: Option<&PrivateKey>) -> Result<Demo> {
    let watch = Stopwatch::start();
    fs::make_dir(dir)?;
    let path = dir.join(format!("runpack_{RUN_ID}.zip"));
    write_as(&path, PRODUCER, key)?;
    let trust = Trust::Known(key.map(PrivateKey::public).into_iter().collect());
    let report = verify::verify(path.as_std_path(), &Demands::standard(trust))?;
    report.hold().map_err(|e| e.at(&path))?;
    Ok(Demo {
        bundle: locate::shown(&path),
        ticket_footer: receipt::footer(&report.run_id, &report.manifest_digest)?,
        duration_ms: watch.elapsed().as_millis() as u64,
        run_id: report.run_id,
        verify: "ok",
    })
}

/// Writes the demo pack to `out` as made by the program version `producer`; the rest of the content is fixed.
pub fn write_as(out: &Utf8Path, producer: &str, key: Option<&PrivateKey>) -> Result<Manifest> {
    let (mut intents, mut results) = (LaneDraft::new(Lane::Intents)?, LaneDraft::new(Lane::Results)?);
    let mut receipts = Vec::new();
    for (number, (tool, args)) in (1..).zip(CALLS) {
        intents.push(&half(Lane::Intents, number, tool, args, producer)?)?;
        let result = format!(r#"{{"message":"demo result {number}","ok":true}}"#);
        results.push(&half(Lane::Results, number, "ok", &result, producer)?)?;
        receipts.push(Receipt {
            ref_id: format!("ref_{number}"),
            source_type: "demo".to_owned(),
            source_locator: tool.to_owned(),
            query_digest: Digest::of(format!("query-{number}").as_bytes()).to_string(),
            content_digest: Digest::of(format!("content-{number}").as_bytes()).to_string(),
            retrieved_at: CREATED,
            redaction_mode: "reference".to_owned(),
            ..Receipt::default()
        });
    }
    let event = |event: &str, ts| TimelineEvent { event: event.to_owned(), ts, reference: String::new() };
    let parts = Parts {
        run: Run {
            schema_id: model::RUN_SCHEMA.to_owned(),
            schema_version: model::SCHEMA_VERSION.to_owned(),
            created_at: CREATED,
            producer_version: producer.to_owned(),
            run_id: RUN_ID.to_owned(),
            env: Env { os: "demo".to_owned(), arch: "demo".to_owned(), runtime: "go".to_owned() },
            timeline: Some(vec![event("start", CREATED), event("finish", CREATED.plus_seconds(2))]),
        },
        refs: Refs {
            schema_id: model::REFS_SCHEMA.to_owned(),
            schema_version: model::SCHEMA_VERSION.to_owned(),
            created_at: CREATED,
            producer_version: producer.to_owned(),
            run_id: RUN_ID.to_owned(),
            receipts: Some(receipts),
        },
        capture_mode: "reference".to_owned(),
        intents: intents.finish()?,
        results: results.finish()?,
        extra: Vec::new(),
    };
    write::seal(out, parts, key)
}

fn half(lane: Lane, number: u32, label: &str, body: &str, producer: &str) -> Result<Record<'static>> {
    let body = canon::canonicalize(body.as_bytes())?.into_owned();
    Ok(Record {
        schema_id: lane.schema().into(),
        schema_version: model::SCHEMA_VERSION.into(),
        created_at: CREATED,
        producer_version: producer.to_owned().into(),
        run_id: RUN_ID.into(),
        intent_id: format!("intent_{number}").into(),
        label: label.to_owned().into(),
        digest: Digest::of(&body).to_string().into(),
        body: Some(body.into()),
        exact: None,
        inexact: false,
    })
}
