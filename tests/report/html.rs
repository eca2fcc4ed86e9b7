//! The HTML page: nothing from elsewhere, nothing that gets out of its place, bounded, and the calls side by side.

use crate::{HOSTILE, case, green, hostile, red, report};
use gait::kernel::digest::Digest;
use gait::report::html;
use gait::report::model::{Report, Rerun, Shard};
use serde_json::{Value, json};
use std::sync::Arc;

/// Tags a page is made of.
const TAGS: [&str; 40] = [
    "!doctype", "b", "body", "code", "del", "details", "div", "fieldset", "form", "h1", "h2", "h3", "h4", "head",
    "header", "html", "input", "ins", "label", "legend", "li", "main", "meta", "ol", "output", "p", "pre", "script",
    "section", "span", "style", "summary", "table", "tbody", "td", "th", "thead", "title", "tr", "ul",
];

/// The page without its style and script, which are the same in every page.
fn body(page: &str) -> String {
    let mut out = page.to_owned();
    for tag in ["style", "script"] {
        if let (Some(start), Some(end)) = (out.find(&format!("<{tag}>")), out.find(&format!("</{tag}>"))) {
            out.replace_range(start + tag.len() + 2..end, "");
        }
    }
    out
}

/// A case of `report` with these members in its details.
fn detailed(mut report: Report, details: Value) -> Report {
    Arc::make_mut(&mut report.cases[0]).grade.details = details.as_object().unwrap().clone();
    report
}

fn calls() -> Value {
    json!({
        "calls_total": 5,
        "calls": [
            { "kind": "changed", "tool": "refund", "reason": "call_changed", "baseline_index": 3, "candidate_index": 3,
              "differences": [
                { "path": "/args/amount", "baseline": 10, "candidate": 1000 },
                { "path": "/args/note", "candidate": "<b>", "accepted_by": "match.ignore" } ] },
            { "kind": "missing", "tool": "mail.send", "reason": "call_missing", "baseline_index": 4,
              "differences": [{ "path": "/args", "baseline": { "to": "ada" } }, { "path": "/tool_name", "baseline": "mail.send" }] },
            { "kind": "extra", "tool": "", "reason": "call_extra", "candidate_index": 4, "differences": [] },
            { "kind": "moved", "tool": "search", "reason": "call_moved", "baseline_index": 6, "candidate_index": 9,
              "differences": [] },
            { "kind": "changed", "tool": "clock", "accepted_by": "match.tools.clock", "baseline_index": 1,
              "candidate_index": 1, "differences": [] },
        ],
        "violations": [{ "reason": "call_forbidden", "rule": "never: [drop]", "tool": "drop", "what": "was called",
            "candidate_index": 4 }],
        "trials": [
            { "trial": 1, "status": "pass", "reason_codes": [], "candidate": "new/trial_1.zip" },
            { "trial": 2, "status": "fail", "reason_codes": ["call_changed"], "candidate": "new/trial_2.zip" },
        ],
    })
}

#[test]
fn html_in_every_state() {
    let empty = report(Vec::new(), 0, 0);
    for (state, report) in
        [("green", green()), ("red", detailed(red(), calls())), ("empty", empty), ("hostile", hostile())]
    {
        let page = body(&html::render(&report).unwrap());
        let policy = page.find("style-src").unwrap()..page.find(" base-uri").unwrap();
        insta::assert_snapshot!(format!("html-{state}"), page.replacen(&page[policy], "[hashes];", 1));
    }
}

#[test]
fn the_calls_stand_side_by_side() {
    let page = html::render(&detailed(red(), calls())).unwrap();
    for part in [
        "<span>1 call alike</span>",
        "<div class=\"call before\"><span class=\"quiet\">3.</span> <b>refund</b></div>",
        "<del class=\"value before\">- 10</del>\n<span class=\"path\"><code>/args/amount</code></span>\n<ins class=\"value after\">+ 1000</ins>",
        "<code>/args/note</code> (accepted by match.ignore)</span>\n<ins class=\"value after\">+ &quot;&lt;b&gt;&quot;</ins>",
        "<div class=\"call after none\">no such call</div>",
        "<b>(no tool)</b>",
        "<span class=\"badge pass\">accepted</span> (accepted by match.tools.clock)</span>",
        "<li>call_forbidden: call 4, <b>drop</b> was called, against <code>never: [drop]</code></li>",
        "<td>2</td><td>fail</td><td>call_changed</td><td><code>new/trial_2.zip</code></td>",
        "GAIT run_id=run_alpha",
        "<pre>gait run diff a.zip b.zip</pre>",
        "<code>gait.yaml:7</code>",
    ] {
        assert!(page.contains(part), "{part} not in\n{}", body(&page));
    }
    assert_eq!(page.matches("<span>1 call alike</span>").count(), 2);
    let at = |tool: &str| page.find(&format!("<b>{tool}</b></div>")).unwrap();
    assert!(at("clock") < at("refund") && at("mail.send") < at("(no tool)") && at("(no tool)") < at("search"));
    let mut cut = calls();
    cut["calls_total"] = 9.into();
    let page = html::render(&detailed(red(), cut)).unwrap();
    for part in ["<span>4 more calls differ</span>", "<span>1 call not shown</span>"] {
        assert!(page.contains(part), "{part}");
    }
}

#[test]
fn the_verdict_and_what_failed_come_first() {
    let page = body(&html::render(&red()).unwrap());
    let at = |part: &str| page.find(part).unwrap_or_else(|| panic!("{part}"));
    assert!(at("<h1>Fail: 2 of 3 fixtures failed</h1>") < at("2 of 3 fixtures were not run"));
    assert!(at("<h2>beta</h2>") < at("<h2>gamma</h2>"));
    assert_eq!(page.matches(" open>").count(), 2);
    let mut flaky = green();
    let rerun = Rerun { trial: 2, reason_codes: vec!["call_changed".into()], evidence: "call 1 <b>\n".into() };
    Arc::make_mut(&mut flaky.cases[0]).reruns = vec![rerun];
    flaky.shard = Some(Shard { index: 2, total: 3, fixtures_digest: String::new(), rules_digest: String::new() });
    let page = body(&html::render(&flaky).unwrap());
    for part in [
        "<h1>Pass: 2 of 2",
        "data-status=\"flaky\"",
        "trial 2: call_changed",
        "call 1 &lt;b&gt;",
        "data-status=\"pass\"",
        "Shard 2 of 3",
    ] {
        assert!(page.contains(part), "{part}");
    }
}

/// Every tag of a page, attributes included.
fn tags(page: &str) -> Vec<String> {
    page.split('<').skip(1).map(|piece| piece.split('>').next().unwrap().to_owned()).collect()
}

#[test]
fn no_text_becomes_markup() {
    let call = json!({ "kind": HOSTILE, "tool": HOSTILE, "reason": HOSTILE, "baseline_index": HOSTILE, "differences": [
        { "path": HOSTILE, "baseline": HOSTILE, "candidate": { HOSTILE: HOSTILE }, "accepted_by": HOSTILE } ] });
    let trial = json!({ "trial": HOSTILE, "status": HOSTILE, "reason_codes": [HOSTILE], "candidate": HOSTILE });
    let details = json!({ "calls": [call], "calls_total": 1, "trials": [trial, trial], "violations": [
        { "reason": HOSTILE, "rule": HOSTILE, "tool": HOSTILE, "what": HOSTILE, "candidate_index": HOSTILE }] });
    let mut report = detailed(hostile(), details);
    report.producer_version = HOSTILE.to_owned();
    report.cases.push(Arc::new(case("zz/diff", &[], "", "")));
    let page = body(&html::render(&report).unwrap());
    for tag in tags(&page) {
        let name = tag.trim_start_matches('/').split_whitespace().next().unwrap();
        assert!(TAGS.contains(&name), "<{tag}>");
        let attributes: String = tag.split('"').step_by(2).collect();
        for odd in [" on", " style", " src", " href", " srcset", " action"] {
            assert!(!attributes.contains(odd), "<{tag}>");
        }
    }
    assert_eq!(page.matches("<script").count(), 1);
    assert!(!page.contains(['\u{1b}', '\r', '\u{202e}', '\u{0}', '`']));
}

#[test]
fn nothing_comes_from_elsewhere() {
    let page = html::render(&red()).unwrap();
    for odd in ["http:", "https:", "url(", "@import", "src=", "href=", "<link", "<iframe", "unsafe-inline"] {
        assert!(!page.contains(odd), "{odd}");
    }
    assert!(page.contains("content=\"default-src 'none'; "));
    for tag in ["style", "script"] {
        let start = page.find(&format!("<{tag}>")).unwrap() + tag.len() + 2;
        let text = &page[start..page.find(&format!("</{tag}>")).unwrap()];
        let hash = quick_base64(Digest::of(text.as_bytes()).bytes());
        assert!(page.contains(&format!("{tag}-src 'sha256-{hash}';")), "{tag}");
    }
    assert!(!body(&page).contains(" style=") && !body(&page).contains(" onclick="));
}

fn quick_base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

#[test]
fn a_page_is_bounded_and_says_what_it_leaves_out() {
    let many = |count: usize| (0..count).map(|at| json!({ "path": format!("/{at}"), "baseline": "x".repeat(9_000) }));
    let call =
        json!({ "kind": "changed", "tool": "t", "baseline_index": 1, "differences": many(30).collect::<Vec<_>>() });
    let trial = json!({ "trial": 1, "status": "pass", "reason_codes": [], "candidate": "c" });
    let details = json!({ "calls": [call], "trials": vec![trial; 60] });
    let page = html::render(&detailed(red(), details)).unwrap();
    assert!(page.contains("5 more differences in this call") && page.contains("10 more trials"));
    assert!(page.len() < 150_000, "{}", page.len());
    let cases: Vec<_> =
        (100..400).map(|n| case(&format!("f{n}/diff"), &["call_changed"], &"&".repeat(50_000), "")).collect();
    let page = html::bounded(&report(cases, 300, 300), 1 << 20).unwrap();
    assert!(page.len() < (1 << 20) + 20_000, "{}", page.len());
    let told = page.matches("<details class=\"fixture\"").count();
    assert!(told > 5 && page.contains(&format!("{} more fixtures are left out", 300 - told)), "{told}");
}

#[test]
fn the_page_of_a_run_is_the_same_however_long_it_took() {
    let mut slow = red();
    Arc::make_mut(&mut slow.cases[0]).elapsed = std::time::Duration::from_secs(99);
    assert_eq!(html::render(&slow).unwrap(), html::render(&red()).unwrap());
}
