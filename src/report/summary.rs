//! Markdown for people: the step summary and the comment on a pull request.

use crate::kernel::error::Result;
use crate::report::group::{Fixture, fixtures, rank};
use crate::report::model::{Case, Report, Status};
use crate::report::text::{cell, clip, code, fenced};

/// Size of a summary unless the caller says otherwise; what GitHub takes as a comment, with room to spare.
pub const LIMIT: usize = 60_000;
/// Share of the limit the table may take: one third.
const TABLE_SHARE: usize = 3;
/// Longest name or code list in the table, in bytes.
const CELL_LIMIT: usize = 160;
/// Longest evidence of one case, footer or command, in bytes.
const EVIDENCE_LIMIT: usize = 12_000;
const LINE_LIMIT: usize = 1_000;
/// Longest line of the verdict that quotes evidence.
const LEAD_LIMIT: usize = 300;
/// Kept free for the two closing lines.
const CLOSING: usize = 400;

/// How a summary is laid out.
#[derive(Debug, Clone, Copy)]
pub struct Layout<'a> {
    /// Bytes, of at least 4,000.
    pub limit: usize,
    /// Details are folded, as in a comment that stands among others.
    pub folded: bool,
    /// Markdown that goes under the verdict.
    pub note: &'a str,
}

/// A summary of at most [`LIMIT`] bytes.
pub fn render(report: &Report) -> Result<String> {
    bounded(report, LIMIT)
}

/// A summary of at most `limit` bytes (of at least 4,000).
pub fn bounded(report: &Report, limit: usize) -> Result<String> {
    Ok(laid_out(report, Layout { limit, folded: false, note: "" }))
}

/// Verdict, the worst case, what was not run, table, and a section for each failing fixture, the worst first. It says
/// how many fixtures it leaves out.
pub fn laid_out(report: &Report, layout: Layout<'_>) -> String {
    let limit = layout.limit.max(4_000) - CLOSING;
    let fixtures = fixtures(report);
    let (mut failing, sound): (Vec<_>, Vec<_>) = fixtures.iter().partition(|fixture| fixture.failed());
    failing.sort_by_key(|fixture| fixture.rank());
    let (flaky, passing): (Vec<_>, Vec<_>) = sound.into_iter().partition(|fixture| fixture.flakes().next().is_some());
    let mut out = heading(report, failing.len(), fixtures.len());
    out.push_str(&failing.first().map_or_else(String::new, |worst| worst.lead()));
    if let Some(honesty) = report.honesty() {
        out.push_str(&format!("**{honesty}.**\n\n"));
    }
    out.push_str(layout.note);
    if !fixtures.is_empty() {
        out.push_str("| fixture | status | failing graders | reason codes |\n| --- | --- | --- | --- |\n");
    }
    let mut unlisted = 0;
    for row in failing.iter().chain(&flaky).chain(&passing).map(|fixture| fixture.row()) {
        if unlisted > 0 || out.len() + row.len() > limit / TABLE_SHARE {
            unlisted += 1;
        } else {
            out.push_str(&row);
        }
    }
    if unlisted > 0 {
        out.push_str(&format!("\n{unlisted} more fixtures are left out of this table.\n"));
    }
    let mut untold = 0;
    for section in failing.iter().map(|fixture| fixture.section(report, layout.folded)) {
        if out.len() + section.len() > limit {
            untold += 1;
        } else {
            out.push_str(&section);
        }
    }
    if untold > 0 {
        out.push_str(&format!("\nThe details of {untold} failing fixtures are left out: see `regress_result.json`.\n"));
    }
    out
}

fn heading(report: &Report, failing: usize, fixtures: usize) -> String {
    let set = code(&clip(&report.fixture_set, CELL_LIMIT));
    let verdict = match report.status() {
        Status::Fail => format!("fail: {failing} of {fixtures} fixtures failed"),
        Status::Pass if fixtures == 0 => "pass: there was nothing to check".to_owned(),
        Status::Pass => {
            let flaky = match report.flaky().len() {
                0 => String::new(),
                flaky => format!(", {flaky} flaky"),
            };
            format!("pass: {fixtures} of {fixtures} fixtures passed{flaky}")
        }
    };
    format!("## gait regress {verdict} ({set})\n\n")
}

impl Fixture<'_> {
    fn row(&self) -> String {
        let (mut graders, mut codes): (Vec<&str>, Vec<String>) = (Vec::new(), Vec::new());
        for case in self.failing() {
            graders.push(case.grade.grader());
            codes.push(case.grade.reasons());
        }
        let failed = !graders.is_empty();
        for case in self.flakes() {
            graders.push(case.grade.grader());
            codes.extend(case.reruns.iter().map(|rerun| rerun.reason_codes.join(",")));
        }
        codes.sort();
        codes.dedup();
        let status = match (failed, graders.is_empty()) {
            (true, _) => "**fail**",
            (false, false) => "**flaky**",
            (false, true) => "pass",
        };
        let (graders, codes) = (cell(&graders.join(", "), CELL_LIMIT), cell(&codes.join(","), CELL_LIMIT));
        format!("| {} | {status} | {graders} | {codes} |\n", cell(self.name, CELL_LIMIT))
    }

    /// The first thing that went wrong, in one line.
    fn lead(&self) -> String {
        let worst = self.failing().min_by_key(|case| rank(case));
        let line = worst.and_then(|case| case.evidence.lines().find(|line| !line.trim().is_empty()));
        let told = line.map_or_else(String::new, |line| format!(": {}", code(&clip(line.trim(), LEAD_LIMIT))));
        format!("Look at {} first{told}\n\n", code(&clip(self.name, CELL_LIMIT)))
    }

    fn section(&self, report: &Report, folded: bool) -> String {
        let mut out = format!("\n### {}\n", code(&clip(self.name, CELL_LIMIT)));
        if folded {
            out.push_str("\n<details><summary>Calls, ticket footer, how to see it again</summary>\n");
        }
        for case in self.failing() {
            let codes = code(&clip(&case.grade.reasons(), LINE_LIMIT));
            out.push_str(&format!("\nFailed {}: {codes}\n", code(&clip(case.grade.grader(), CELL_LIMIT))));
            if !case.evidence.is_empty() {
                out.push('\n');
                out.push_str(&fenced(&clip(&case.evidence, EVIDENCE_LIMIT), "diff"));
            }
        }
        if let Some(footer) = report.footer(self.name) {
            out.push_str(&format!("\nTicket footer:\n\n{}", fenced(&clip(footer, LINE_LIMIT), "text")));
        }
        let mut commands: Vec<String> = self.failing().map(|case| case.next.clone()).collect();
        commands.retain(|next| !next.is_empty());
        commands.dedup();
        commands.extend(self.failing().filter_map(again));
        if !commands.is_empty() {
            let lines = clip(&commands.join("\n"), EVIDENCE_LIMIT);
            out.push_str(&format!("\nTo see it again:\n\n{}", fenced(&lines, "sh")));
        }
        if folded {
            out.push_str("\n</details>\n");
        }
        out
    }
}

/// The command that runs this case again, where its name and its suite are what a shell takes for one word each.
fn again(case: &Case) -> Option<String> {
    let word = |text: &str| {
        let safe = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b'/');
        text.bytes().all(safe) && text.starts_with(|c: char| c.is_ascii_alphanumeric())
    };
    let config = match &case.place {
        Some(place) if place.file == "gait.yaml" => String::new(),
        Some(place) if word(&place.file) => format!(" --config {}", place.file),
        Some(_) => return None,
        None => String::new(),
    };
    word(&case.grade.name).then(|| format!("gait regress run{config} --exact {}", case.grade.name))
}
