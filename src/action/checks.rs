//! A check run: the verdict at the commit, with annotations beyond the ten a step may print.

use crate::action::github::{Call, Failure, GitHub};
use crate::report::annotations::{Annotation, Level};
use crate::report::text::{clip, visible};
use serde_json::{Value, json};

/// Annotations GitHub takes in one call.
const PAGE: usize = 50;
/// Most annotations sent; the summary has the rest.
const MOST: usize = 500;
/// Longest message and title of an annotation, in bytes.
const MESSAGE_LIMIT: usize = 8_000;
const TITLE_LIMIT: usize = 200;

/// The check run to be made.
pub struct Check<'a> {
    /// `owner/name`.
    pub repository: &'a str,
    pub name: &'a str,
    pub head: &'a str,
    pub passed: bool,
    pub title: &'a str,
    /// Markdown of at most 65,535 characters.
    pub summary: &'a str,
    pub annotations: &'a [Annotation],
}

/// Creates the check run; those annotations that do not fit into one call follow in others.
pub async fn create(github: &GitHub, check: Check<'_>) -> Result<(), Failure> {
    let all: Vec<Value> = check.annotations.iter().filter_map(annotation).take(MOST).collect();
    let mut pages = all.chunks(PAGE);
    let output = |page: &[Value]| json!({ "title": clip(check.title, TITLE_LIMIT), "summary": check.summary, "annotations": page });
    let body = json!({
        "name": check.name,
        "head_sha": check.head,
        "status": "completed",
        "conclusion": if check.passed { "success" } else { "failure" },
        "output": output(pages.next().unwrap_or_default()),
    });
    let runs = format!("/repos/{}/check-runs", check.repository);
    let created = github.call(Call::Post(&body), &runs).await?.body;
    let id =
        created.get("id").and_then(Value::as_u64).ok_or_else(|| Failure::Odd("a check run without id".to_owned()))?;
    for page in pages {
        github.call(Call::Patch(&json!({ "output": output(page) })), &format!("{runs}/{id}")).await?;
    }
    Ok(())
}

/// Only what has a place can be annotated.
fn annotation(annotation: &Annotation) -> Option<Value> {
    let place = annotation.place.as_ref()?;
    Some(json!({
        "path": visible(&place.file),
        "start_line": place.line,
        "end_line": place.line,
        "annotation_level": if annotation.level == Level::Error { "failure" } else { "warning" },
        "title": clip(&visible(&annotation.title), TITLE_LIMIT),
        "message": clip(&visible(&annotation.text), MESSAGE_LIMIT),
    }))
}
