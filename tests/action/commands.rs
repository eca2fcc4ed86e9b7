//! What an agent says is shown, and never obeyed.

use crate::api::Api;
use crate::runner::{Runner, said};
use gait::report::text;
use proptest::prelude::*;
use std::fs;
use std::path::Path;

/// Every text of the corpus, with its name.
fn corpus() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/untrusted-text");
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let text = |path: &Path| String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned();
    let mut out: Vec<_> =
        entries.map(|entry| (entry.file_name().into_string().unwrap(), text(&entry.path()))).collect();
    out.sort();
    assert!(out.len() >= 20, "{}", out.len());
    out
}

#[test]
fn the_runner_obeys_nothing_an_agent_said() {
    for (name, text) in corpus() {
        let api = Api::start();
        let runner = Runner::new().env("GITHUB_API_URL", &api.url).with("token", "secret-token");
        let runner = runner.with("candidate-dir", "candidates");
        let call =
            |said: &str| serde_json::json!({ "tool": "say", "args": { "text": said }, "status": "ok" }).to_string();
        runner.fixture("talk", &[&call("fine")]).today("talk", &[&call(&text)]);
        let step = runner.run().code(5);
        let names: Vec<&str> = step.commands.iter().map(|command| command.name.as_str()).collect();
        assert_eq!(names, ["error"], "{name}: {}", step.stdout);
        assert_eq!(step.commands[0].properties["title"], "talk/diff failed", "{name}");
        assert_eq!(said(&step.stderr), [], "{name}");
        let body = &api.bodies()[0];
        for shown in [&step.summary, body, &step.stdout] {
            assert!(shown.chars().all(|c| c == '\n' || c == '\t' || !c.is_control()), "{name}");
        }
        // Everything of the agent's stands in a fence that it cannot end.
        assert!(
            outside_fences(body).lines().all(|line| line.len() < 700 || line.starts_with("<!-- gait-memory-1 ")),
            "{name}"
        );
        assert!(!outside_fences(body).contains("pwned"), "{name}: {body}");
        assert!(!outside_fences(&step.summary).contains("pwned"), "{name}");
    }
}

/// Markdown without its code blocks and code spans, as CommonMark has them.
fn outside_fences(markdown: &str) -> String {
    let mut fence: Option<usize> = None;
    let mut out = String::new();
    for line in markdown.lines() {
        let ticks = line.len() - line.trim_start_matches('`').len();
        match fence {
            Some(open) if ticks >= open && line[ticks..].trim().is_empty() => fence = None,
            Some(_) => {}
            None if ticks >= 3 && !line[ticks..].contains('`') => fence = Some(ticks),
            None => out.push_str(&format!("{}\n", outside_spans(line))),
        }
    }
    assert_eq!(fence, None, "a fence is not closed");
    out
}

fn outside_spans(line: &str) -> String {
    let mut out = String::new();
    let mut rest = line;
    while let Some(at) = rest.find('`') {
        out.push_str(&rest[..at]);
        let ticks = rest[at..].len() - rest[at..].trim_start_matches('`').len();
        let behind = &rest[at + ticks..];
        let closing = spans(behind).find(|(_, length)| *length == ticks);
        let Some((end, _)) = closing else {
            rest = behind;
            continue;
        };
        rest = &behind[end + ticks..];
    }
    out + rest
}

/// Runs of backticks: where, and how long.
fn spans(text: &str) -> impl Iterator<Item = (usize, usize)> + '_ {
    let starts = text.match_indices('`').map(|(at, _)| at).filter(|at| !text[..*at].ends_with('`'));
    starts.map(|at| (at, text[at..].len() - text[at..].trim_start_matches('`').len()))
}

/// Pieces that commands, fences and spans are made of, and anything else.
const PIECES: &str =
    r"(?s)([ \t\u{a0}\u{2003}\u{85}]|::|##\[|:|#|\[|\]|error|stop-commands|`{1,5}|\n|\r|\u{2028}|\u{1b}|.){0,14}";

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn no_text_is_a_command(text in PIECES) {
        prop_assert_eq!(said(&text::log(&text)), []);
        let line = format!("::error title={}::{}", text::command_property(&text), text::command_message(&text));
        let found = said(&line);
        prop_assert_eq!(found.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["error"]);
        let fenced = outside_fences(&text::fenced(&format!("{text}pwned"), "diff"));
        let spanned = outside_fences(&text::code(&format!("{text}pwned")));
        prop_assert!(!fenced.contains("pwned"), "{}", fenced);
        prop_assert!(!spanned.contains("pwned"), "{}", spanned);
    }
}
