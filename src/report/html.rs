//! One page for people that needs nothing else: no network, no script to be readable, no text that gets out of its place.

use crate::kernel::digest::Digest;
use crate::kernel::error::Result;
use crate::report::group::{Fixture, fixtures};
use crate::report::model::{Case, Report, Status};
use crate::report::text::{clip, one_line};
use crate::report::timeline::{self, block, line};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Largest page unless the caller says otherwise: 8 MiB.
pub const LIMIT: usize = 8 << 20;
const STYLE: &str = include_str!("html.css");
const SCRIPT: &str = include_str!("html.js");
/// Longest name, code list, footer or command, in bytes.
const LINE_LIMIT: usize = 1_000;
/// Longest evidence of one case, in bytes.
const EVIDENCE_LIMIT: usize = 20_000;

/// A page of about [`LIMIT`] bytes at most.
pub fn render(report: &Report) -> Result<String> {
    bounded(report, LIMIT)
}

/// A page whose fixtures take at most `limit` bytes, failing ones first. It says how many fixtures it leaves out.
pub fn bounded(report: &Report, limit: usize) -> Result<String> {
    let mut fixtures = fixtures(report);
    fixtures.sort_by_key(|fixture| fixture.state() != State::Fail);
    let failing = fixtures.iter().filter(|fixture| fixture.state() == State::Fail).count();
    let (verdict, headline) = match report.status() {
        Status::Fail => ("fail", format!("{failing} of {} fixtures failed", fixtures.len())),
        Status::Pass if fixtures.is_empty() => ("pass", "There was nothing to check".to_owned()),
        Status::Pass => ("pass", format!("{0} of {0} fixtures passed", fixtures.len())),
    };
    let mut out = head(report, verdict, &headline);
    out.push_str("<main>\n");
    if fixtures.len() > 1 {
        out.push_str(FILTER);
    }
    let (mut left_out, mut taken) = (0, 0);
    for fixture in &fixtures {
        let section = fixture.page_section(report);
        if left_out > 0 || taken + section.len() > limit {
            left_out += 1;
        } else {
            taken += section.len();
            out.push_str(&section);
        }
    }
    if left_out > 0 {
        out.push_str(&format!("<p class=\"notice\">{left_out} more fixtures are left out of this page: see "));
        out.push_str("<code>regress_result.json</code>.</p>\n");
    }
    out.push_str(&format!("</main>\n<p class=\"quiet\">gait {}</p>\n", line(&report.producer_version, LINE_LIMIT)));
    if fixtures.len() > 1 {
        out.push_str(&format!("<script>{SCRIPT}</script>\n"));
    }
    out.push_str("</body>\n</html>\n");
    Ok(out)
}

/// Shown by the script alone: without it nothing could be filtered.
const FILTER: &str = r#"<form id="filter" hidden>
<label>Name <input type="search" name="text" autocomplete="off"></label>
<fieldset><legend class="quiet">Status</legend>
<label><input type="radio" name="status" value="all" checked> all</label>
<label><input type="radio" name="status" value="fail"> fail</label>
<label><input type="radio" name="status" value="flaky"> flaky</label>
<label><input type="radio" name="status" value="pass"> pass</label>
</fieldset>
<output id="count" aria-live="polite" class="quiet"></output>
</form>
"#;

fn head(report: &Report, verdict: &str, headline: &str) -> String {
    let hash = |text: &str| format!("'sha256-{}'", STANDARD.encode(Digest::of(text.as_bytes()).bytes()));
    let set = line(&report.fixture_set, LINE_LIMIT);
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src {}; script-src {}; \
         base-uri 'none'; form-action 'none'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<meta name=\"referrer\" content=\"no-referrer\">\n\
         <title>{verdict}: {headline} ({set})</title>\n<style>{STYLE}</style>\n</head>\n<body>\n\
         <header class=\"{verdict}\">\n<h1>{}: {headline}</h1>\n\
         <p class=\"quiet\">gait regress, fixture set {set}, {} cases, {} failed</p>\n",
        hash(STYLE),
        hash(SCRIPT),
        if verdict == "fail" { "Fail" } else { "Pass" },
        report.cases.len(),
        report.failed(),
    );
    if let Some(shard) = &report.shard {
        out.push_str(&format!("<p class=\"quiet\">Shard {} of {}</p>\n", shard.index, shard.total));
    }
    if let Some(honesty) = report.honesty() {
        out.push_str(&format!("<p class=\"notice\">{}</p>\n", line(&honesty, LINE_LIMIT)));
    }
    out.push_str("</header>\n");
    out
}

/// How a fixture ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Fail,
    Flaky,
    Pass,
}

impl State {
    fn of(case: &Case) -> Self {
        match case.grade.status {
            Status::Fail => Self::Fail,
            Status::Pass if case.flaky() => Self::Flaky,
            Status::Pass => Self::Pass,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Fail => "fail",
            Self::Flaky => "flaky",
            Self::Pass => "pass",
        }
    }
}

impl Fixture<'_> {
    fn state(&self) -> State {
        let states: Vec<State> = self.cases.iter().map(|case| State::of(case)).collect();
        [State::Fail, State::Flaky].into_iter().find(|state| states.contains(state)).unwrap_or(State::Pass)
    }

    fn page_section(&self, report: &Report) -> String {
        let state = self.state();
        let word = state.word();
        let name = line(self.name, LINE_LIMIT);
        let reasons = self.failing().map(|case| case.grade.reasons().replace(',', ", "));
        let mut codes: Vec<String> = reasons.collect();
        codes.sort();
        codes.dedup();
        let mut out = format!(
            "<details class=\"fixture\" data-name=\"{name}\" data-status=\"{word}\"{}>\n\
             <summary><span class=\"badge {word}\">{word}</span><h2>{name}</h2><span class=\"quiet\">{}</span></summary>\n\
             <div>\n",
            if state == State::Fail { " open" } else { "" },
            line(&codes.join(", "), LINE_LIMIT),
        );
        self.cases.iter().for_each(|case| out.push_str(&case_html(case)));
        if state == State::Fail {
            if let Some(footer) = report.footer(self.name) {
                out.push_str(&format!("<h4>Ticket footer</h4>\n<pre>{}</pre>\n", line(footer, LINE_LIMIT)));
            }
            let mut commands: Vec<&str> = self.failing().map(|case| case.next.as_str()).collect();
            commands.retain(|next| !next.is_empty());
            commands.dedup();
            if !commands.is_empty() {
                let commands: Vec<String> =
                    commands.iter().map(|command| one_line(&clip(command, LINE_LIMIT))).collect();
                let lines = block(&commands.join("\n"), EVIDENCE_LIMIT);
                out.push_str(&format!("<h4>To see it again</h4>\n<pre>{lines}</pre>\n"));
            }
        }
        out.push_str("</div>\n</details>\n");
        out
    }
}

fn case_html(case: &Case) -> String {
    let word = State::of(case).word();
    let grader = line(case.grade.grader(), LINE_LIMIT);
    let codes =
        if case.grade.failed() { line(&case.grade.reasons().replace(',', ", "), LINE_LIMIT) } else { String::new() };
    let mut out = format!(
        "<section class=\"case {word}\">\n<h3><span class=\"badge {word}\">{word}</span> {grader} <span \
         class=\"quiet\">{codes}</span></h3>\n"
    );
    if let Some(place) = case.place.as_ref().filter(|_| case.grade.failed()) {
        let file = line(&place.file, LINE_LIMIT);
        out.push_str(&format!("<p class=\"quiet\"><code>{file}:{}</code></p>\n", place.line));
    }
    out.push_str(&timeline::trials(&case.grade.details));
    out.push_str(&timeline::violations(&case.grade.details));
    let calls = timeline::calls(&case.grade.details);
    out.push_str(&calls);
    if !case.evidence.is_empty() {
        let pre = format!("<pre>{}</pre>\n", block(&case.evidence, EVIDENCE_LIMIT));
        out.push_str(&match calls.as_str() {
            "" => pre,
            _ => format!("<details><summary>The same as text</summary>\n{pre}</details>\n"),
        });
    }
    for rerun in &case.reruns {
        let (what, evidence) = (line(&rerun.line(), LINE_LIMIT), block(&rerun.evidence, EVIDENCE_LIMIT));
        out.push_str(&format!("<details><summary>What failed in {what}</summary>\n<pre>{evidence}</pre></details>\n"));
    }
    out.push_str("</section>\n");
    out
}
