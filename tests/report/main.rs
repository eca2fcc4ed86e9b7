//! Every reader of a report, on a green, a red, an empty and a hostile run.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod html;

use gait::kernel::clock::Timestamp;
use gait::report::model::{Case, Exercised, Grade, Place, Report, Rerun, Status};
use gait::report::{annotations, json, junit, summary, text};
use proptest::prelude::*;
use std::sync::Arc;
use std::time::Duration;

const HOSTILE: &str = "x\u{1b}[31m\r\n::error::owned\n##[warning]w | `a` ```b <img src=x onerror=y> @octocat \
                       [l](https://evil.example) ]]> \u{202e}\u{0}\u{fffe} \"'&% #1,:";

fn case(name: &str, codes: &[&str], evidence: &str, next: &str) -> Case {
    let mut details = serde_json::Map::new();
    let (fixture, _) = name.split_once('/').unwrap();
    details.insert("run_id".into(), format!("run_{fixture}").into());
    details.insert("fixture".into(), fixture.into());
    let status = if codes.is_empty() { Status::Pass } else { Status::Fail };
    let reason_codes = codes.iter().map(|&code| code.to_owned()).collect();
    let place = (fixture != "beta").then(|| Place { file: "gait.yaml".into(), line: 7 });
    let (evidence, next) = (evidence.to_owned(), next.to_owned());
    let grade = Grade { name: name.to_owned(), status, reason_codes, details };
    Case { grade, elapsed: Duration::from_millis(1_250), evidence, place, next, reruns: Vec::new() }
}

fn report(cases: Vec<Case>, with_candidate: usize, fixtures: usize) -> Report {
    Report {
        created_at: Timestamp::date(2026, 3, 1),
        producer_version: "0.1.0".into(),
        fixture_set: "default".into(),
        footers: vec![(
            "alpha".into(),
            "GAIT run_id=run_alpha manifest=sha256:00 verify=\"gait verify run_alpha\"".into(),
        )],
        exercised: Exercised { with_candidate, fixtures },
        shard: None,
        cases: cases.into_iter().map(Arc::new).collect(),
    }
}

fn green() -> Report {
    report(vec![case("alpha/diff", &[], "", ""), case("beta/diff", &[], "", "")], 2, 2)
}

fn red() -> Report {
    let evidence = "  call 1 ledger.read\n- call 2 refund {\"amount\":10}\n+ call 2 refund {\"amount\":1000}\n";
    let rerun = |trial, evidence: &str| Rerun {
        trial,
        reason_codes: vec!["unexpected_diff".into()],
        evidence: evidence.to_owned(),
    };
    let mut again = case("alpha/diff", &["unexpected_diff"], evidence, "gait run diff a.zip b.zip");
    again.reruns = vec![rerun(3, "call 2 refund\n")];
    let mut flaky = case("gamma/diff", &[], "", "");
    flaky.reruns = vec![rerun(1, evidence), rerun(4, "call 1 ledger.read")];
    let cases = vec![
        again,
        case("alpha/expected_exit_code", &["exit_code_mismatch"], "", "gait run diff a.zip b.zip"),
        case("alpha/schema_validation", &[], "", ""),
        case("beta/load", &["fixture_damaged"], "runpack.zip: not a zip", "gait verify fixtures/beta/runpack.zip"),
        flaky,
    ];
    report(cases, 1, 3)
}

fn hostile() -> Report {
    let name = format!("{}/{HOSTILE}", HOSTILE.replace('/', "\\"));
    let mut case = case(&name, &[HOSTILE, "two"], HOSTILE, HOSTILE);
    case.reruns = vec![Rerun { trial: 2, reason_codes: vec![HOSTILE.into()], evidence: HOSTILE.into() }];
    case.place = Some(Place { file: HOSTILE.into(), line: 1 });
    let mut out = report(vec![case], 0, 1);
    out.footers = vec![(HOSTILE.replace('/', "\\"), HOSTILE.into())];
    out.fixture_set = HOSTILE.into();
    out
}

fn snapshot(reader: &str, render: impl Fn(&Report) -> gait::kernel::error::Result<String>) {
    let empty = report(Vec::new(), 0, 0);
    for (state, report) in [("green", green()), ("red", red()), ("empty", empty), ("hostile", hostile())] {
        insta::assert_snapshot!(format!("{reader}-{state}"), render(&report).unwrap());
    }
}

#[test]
fn json_in_every_state() {
    snapshot("json", json::render);
}

#[test]
fn json_is_the_same_however_long_it_took() {
    let mut slow = red();
    Arc::make_mut(&mut slow.cases[0]).elapsed = Duration::from_secs(99);
    assert_eq!(json::render(&slow).unwrap(), json::render(&red()).unwrap());
}

#[test]
fn json_sorts_details_at_every_level() {
    let mut odd = green();
    Arc::make_mut(&mut odd.cases[0]).grade.details =
        serde_json::from_str(r#"{"z":[{"b":1,"a":{"d":1,"c":2}}],"fixture":"alpha"}"#).unwrap();
    let text = json::render(&odd).unwrap();
    let at = |key: &str| text.find(&format!("\"{key}\":")).unwrap();
    assert!(at("fixture") < at("z") && at("a") < at("b") && at("c") < at("d"), "{text}");
}

#[test]
fn junit_in_every_state() {
    snapshot("junit", junit::render);
}

#[test]
fn junit_parses_back() {
    for report in [green(), red(), hostile()] {
        let parsed = quick_junit::Report::deserialize_from_str(&junit::render(&report).unwrap()).unwrap();
        assert_eq!((parsed.tests, parsed.failures), (report.cases.len(), report.failed()));
        assert_eq!(parsed.test_suites[0].test_cases.len(), report.cases.len());
    }
}

#[test]
fn annotations_in_every_state() {
    snapshot("annotations", annotations::render);
}

#[test]
fn hostile_text_starts_no_second_command() {
    let text = annotations::render(&hostile()).unwrap();
    assert_eq!(text.lines().count(), 1);
    assert!(text.starts_with("::error file="));
    assert!(!text.contains("##[") && !text.contains('\r') && !text.contains('\u{1b}'), "{text}");
    let properties = text["::error ".len()..].split_once("::").unwrap().0;
    assert_eq!(properties.matches(',').count(), 2, "{properties}");
}

#[test]
fn ten_annotations_at_most_and_each_bounded() {
    let mut cases: Vec<Case> =
        (10..22).map(|n| case(&format!("f{n}/diff"), &["unexpected_diff"], &"%".repeat(9_000), "")).collect();
    let ten = annotations::render(&report(cases[..10].to_vec(), 10, 10)).unwrap();
    assert_eq!(ten.lines().count(), 10);
    assert!(!ten.contains("more failing cases"));
    cases.push(case("zz/load", &["fixture_damaged"], "", ""));
    let text = annotations::render(&report(cases, 13, 13)).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 10);
    assert!(lines[0].contains("zz/load"), "the worst comes first: {}", lines[0]);
    assert!(lines[9].contains("4 more failing cases"), "{}", lines[9]);
    for line in lines {
        let message = line[2..].split_once("::").unwrap().1;
        assert!(message.encode_utf16().count() <= 4_096);
        assert!(!message.trim_end_matches('…').ends_with("%2"), "an escape is never cut");
    }
}

#[test]
fn summary_in_every_state() {
    snapshot("summary", summary::render);
}

/// What Markdown would still act on: the text without its code blocks and code spans.
fn outside_code(markdown: &str) -> String {
    let (mut out, mut fence) = (String::new(), None::<String>);
    for line in markdown.lines() {
        let ticks: String = line.chars().take_while(|&c| c == '`').collect();
        match &fence {
            Some(open) if line.trim_end() == ticks && ticks.len() >= open.len() => fence = None,
            Some(_) => {}
            None if ticks.len() >= 3 && !line[ticks.len()..].contains('`') => fence = Some(ticks),
            None => out.push_str(&format!("{}\n", without_spans(line))),
        }
    }
    assert_eq!(fence, None, "a code block is still open");
    out
}

fn without_spans(line: &str) -> String {
    let (mut out, mut rest) = (String::new(), line);
    while let Some(start) = rest.find('`') {
        out.push_str(&rest[..start]);
        let run = rest[start..].len() - rest[start..].trim_start_matches('`').len();
        let body = &rest[start + run..];
        let ticks = |text: &str| text.len() - text.trim_start_matches('`').len();
        let end =
            body.char_indices().map(|(at, _)| at).find(|&at| !body[..at].ends_with('`') && ticks(&body[at..]) == run);
        match end {
            Some(end) => rest = &body[end + run..],
            None => return out + &rest[start..],
        }
    }
    out + rest
}

#[test]
fn hostile_text_stays_inside_code() {
    let outside = outside_code(&summary::render(&hostile()).unwrap());
    for mark in ["@", "<", "http", "[", "::", "onerror", "\u{202e}"] {
        assert!(!outside.contains(mark), "{mark} in:\n{outside}");
    }
    for row in outside.lines().filter(|line| line.starts_with('|')) {
        assert_eq!(row.matches('|').count(), 5, "{row}");
    }
}

#[test]
fn a_summary_is_bounded_and_says_what_it_leaves_out() {
    let ticks = "`".repeat(3_000);
    let cases: Vec<Case> =
        (0..2_000).map(|n| case(&format!("fixture-{n:04}/diff"), &["unexpected_diff"], &ticks, "gait x")).collect();
    let text = summary::render(&report(cases, 2_000, 2_000)).unwrap();
    assert!(text.len() <= summary::LIMIT, "{}", text.len());
    assert!(text.contains("more fixtures are left out of this table"));
    assert!(text.contains("failing fixtures are left out: see"));
    assert!(outside_code(&text).contains("fail: 2000 of 2000 fixtures failed"));
}

#[test]
fn text_is_cut_between_characters_and_fenced_in() {
    assert_eq!(text::clip("ééé", 6), "ééé");
    assert_eq!(text::clip("ééé", 5), "é…");
    assert_eq!(text::visible("a\r\nb\rc\u{9b}d\te\u{2028}"), "a\nb\u{fffd}c\u{fffd}d\te\u{fffd}");
    assert_eq!(text::code("a``b`"), "``` a``b` ```");
    assert_eq!(text::code(" \n"), "-");
    assert_eq!(text::fenced("a\n```\n@b", "diff"), "````diff\na\n```\n@b\n````\n");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_gets_out(name in "[`|\\\\~@<\\[a: \r\n]{1,12}", body in "[`~@<&\\[#:%,|\\\\a \r\n\t\u{1b}\u{202e}]{0,60}") {
        let mut case = case(&format!("f/{name}"), &[&body, &name], &body, &body);
        case.place = Some(Place { file: body.clone(), line: 1 });
        case.grade.name = format!("{}/{body}", name.replace('/', ""));
        let mut report = report(vec![case], 1, 1);
        report.fixture_set.clone_from(&body);
        report.footers = vec![(name, body)];

        let annotations = annotations::render(&report).unwrap();
        prop_assert_eq!(annotations.matches(['\n', '\r']).count(), 1);
        prop_assert!(annotations.starts_with("::error file=") && !annotations.contains("##["));
        let outside = outside_code(&summary::render(&report).unwrap());
        prop_assert!(!outside.contains(['@', '<', '[', '&', '`', '~', '\\']), "{}", outside);
        let parsed = quick_junit::Report::deserialize_from_str(&junit::render(&report).unwrap()).unwrap();
        prop_assert_eq!(parsed.test_suites[0].test_cases.len(), 1);
        let written: serde_json::Value = serde_json::from_str(&json::render(&report).unwrap()).unwrap();
        prop_assert_eq!(&written["graders"][0]["name"], &report.cases[0].grade.name);
    }
}
