//! What holds for any calls and any config.

use gait::config::document::{Document, Syntax};
use gait::config::edit::{self, Listing};
use gait::config::suite::{Entry, Suite};
use gait::kernel::json::tree;
use gait::regress::align;
use gait::regress::features::{self, Names};
use gait::regress::links::Links;
use gait::regress::run::Call;
use gait::regress::tolerance::Rules;
use proptest::prelude::*;
use serde_json::{Value, json};

type Calls = Vec<(u8, u8)>;

fn calls() -> impl Strategy<Value = Calls> {
    prop::collection::vec((0..4_u8, 0..3_u8), 0..14)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Same,
    Changed,
    Moved,
    Missing,
    Extra,
}

struct Pair {
    kind: Kind,
    baseline: Option<usize>,
    candidate: Option<usize>,
}

fn aligned(baseline: &Calls, candidate: &Calls) -> Vec<Pair> {
    let calls = |calls: &Calls| -> Vec<Call> {
        let call = |&(tool, value): &(u8, u8)| Call {
            id: String::new(),
            tool: tool.to_string(),
            args: tree::parse(json!({ "x": value }).to_string().as_bytes()).unwrap(),
            status: None,
            result: None,
            loose: false,
        };
        calls.iter().map(call).collect()
    };
    let (left, right) = (calls(baseline), calls(candidate));
    let (rules, links, mut names) = (Rules::default(), Links::default(), Names::default());
    let left = features::of(&left, &rules, &links, &mut names);
    let right = features::of(&right, &rules, &links, &mut names);
    let kind = |pair: &align::Pair| match (pair.baseline, pair.candidate) {
        (Some(a), Some(b)) if baseline[a] != candidate[b] => Kind::Changed,
        (Some(_), Some(_)) => {
            if pair.in_order {
                Kind::Same
            } else {
                Kind::Moved
            }
        }
        (Some(_), None) => Kind::Missing,
        _ => Kind::Extra,
    };
    let pairs = align::align(&left, &right, true);
    pairs.iter().map(|pair| Pair { kind: kind(pair), baseline: pair.baseline, candidate: pair.candidate }).collect()
}

fn count(pairs: &[Pair], kind: Kind) -> usize {
    pairs.iter().filter(|pair| pair.kind == kind).count()
}

/// A config as a person could have written it.
#[derive(Debug, Clone)]
struct Written {
    names: Vec<String>,
    indent: usize,
    key_first: bool,
    comments: bool,
    crlf: bool,
    final_newline: bool,
    blank: bool,
}

fn written() -> impl Strategy<Value = Written> {
    let names = prop::collection::btree_set("[a-z][a-z0-9._-]{0,6}|[é \"'#:&*?-]{0,2}[a-z]", 1..5);
    let flags = prop::array::uniform5(any::<bool>());
    (names, 0..5_usize, flags).prop_map(|(names, indent, [key_first, comments, crlf, final_newline, blank])| Written {
        names: names.into_iter().filter(|name| name.trim() == name && !name.is_empty()).collect(),
        indent,
        key_first,
        comments,
        crlf,
        final_newline,
        blank,
    })
}

impl Written {
    fn yaml(&self) -> String {
        let indent = " ".repeat(self.indent);
        let mut lines = Vec::new();
        let set = "fixture_set: s # set".to_owned();
        if self.key_first {
            lines.push(set.clone());
        }
        lines.push("fixtures:".to_owned());
        for (at, name) in self.names.iter().enumerate() {
            if self.comments {
                lines.push(format!("{indent}# fixture {at}"));
            }
            lines.push(format!("{indent}- name: {}", json!(name)));
            lines.push(format!("{indent}  runpack: 'packs/{at}.zip' # pack"));
            if self.blank {
                lines.push(String::new());
            }
        }
        if self.comments {
            lines.push("# behind the list".to_owned());
        }
        if !self.key_first {
            lines.push(set);
        }
        let end = if self.crlf { "\r\n" } else { "\n" };
        lines.join(end) + if self.final_newline { end } else { "" }
    }

    fn json(&self) -> String {
        let fixture =
            |(at, name): (usize, &String)| json!({ "name": name, "runpack": format!("packs/{at}.zip"), "mine": at });
        let fixtures: Vec<Value> = self.names.iter().enumerate().map(fixture).collect();
        json!({ "fixtures": fixtures, "fixture_set": "s", "owner": { "a": [1, null] } }).to_string()
    }
}

fn suite(text: &str) -> Suite {
    Suite::of(Document::parse("gait.yaml", text.to_owned()).unwrap()).unwrap()
}

fn said(entry: &Entry) -> (&str, Option<&str>, &str) {
    (&entry.name, entry.run_id.as_deref(), &entry.runpack)
}

fn listing(name: &str) -> Listing {
    Listing { name: name.to_owned(), run_id: "no".to_owned(), runpack: format!("fixtures/{name}/runpack.zip") }
}

/// Text that looks like a settings file now and then.
fn text() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "fixtures:",
        "- ",
        "  ",
        "\n",
        "\r\n",
        "name: a",
        "runpack: x",
        "{",
        "}",
        "[",
        "]",
        ",",
        "\"",
        "'",
        ": ",
        "#",
        "&a",
        "*a",
        "<<: ",
        "|",
        ">",
        "---",
        "...",
        "\t",
        "!!str ",
        "\u{FEFF}",
        "é",
        "\u{0}",
        "1e999",
        "0x",
        "~",
        "? ",
        "\\u12",
        "%YAML 1.2",
    ]);
    prop_oneof![any::<String>(), prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_call_is_in_one_pair(baseline in calls(), candidate in calls()) {
        let pairs = aligned(&baseline, &candidate);
        let mut left: Vec<usize> = pairs.iter().filter_map(|pair| pair.baseline).collect();
        let mut right: Vec<usize> = pairs.iter().filter_map(|pair| pair.candidate).collect();
        prop_assert!(left.is_sorted());
        left.sort_unstable();
        right.sort_unstable();
        prop_assert_eq!(left, (0..baseline.len()).collect::<Vec<_>>());
        prop_assert_eq!(right, (0..candidate.len()).collect::<Vec<_>>());
        let mut last = None;
        for pair in &pairs {
            let both = pair.baseline.zip(pair.candidate).map(|(a, b)| (baseline[a], candidate[b]));
            match (pair.kind, both) {
                (Kind::Same, Some((a, b))) => {
                    prop_assert_eq!(a, b);
                    prop_assert!(last < pair.candidate);
                    last = pair.candidate;
                }
                (Kind::Moved, Some((a, b))) => prop_assert_eq!(a, b),
                (Kind::Changed, Some((a, b))) => prop_assert!(a.0 == b.0 && a.1 != b.1),
                (Kind::Missing, None) => prop_assert!(pair.baseline.is_some()),
                (Kind::Extra, None) => prop_assert!(pair.candidate.is_some()),
                odd => prop_assert!(false, "{:?}", odd),
            }
        }
        let tools = |kind: Kind| pairs.iter().filter(move |pair| pair.kind == kind);
        for missing in tools(Kind::Missing) {
            let tool = baseline[missing.baseline.unwrap()].0;
            prop_assert!(tools(Kind::Extra).all(|extra| candidate[extra.candidate.unwrap()].0 != tool));
        }
    }

    #[test]
    fn equal_sequences_are_the_same(calls in calls()) {
        let pairs = aligned(&calls, &calls);
        prop_assert!(pairs.iter().all(|pair| pair.kind == Kind::Same && pair.baseline == pair.candidate));
    }

    #[test]
    fn the_other_way_round_counts_alike(baseline in calls(), candidate in calls()) {
        let (there, back) = (aligned(&baseline, &candidate), aligned(&candidate, &baseline));
        for (kind, mirror) in [
            (Kind::Same, Kind::Same),
            (Kind::Moved, Kind::Moved),
            (Kind::Changed, Kind::Changed),
            (Kind::Missing, Kind::Extra),
            (Kind::Extra, Kind::Missing),
        ] {
            prop_assert_eq!(count(&there, kind), count(&back, mirror), "{:?}", kind);
        }
    }

    #[test]
    fn a_yaml_config_keeps_its_fixtures_and_lines(config in written(), name in "new[a-z0-9.-]{0,6}") {
        let text = config.yaml();
        let before = suite(&text);
        prop_assert_eq!(before.document.syntax, Syntax::Yaml);
        let after = edit::with_fixtures(Some(&before), &[listing(&name)]).unwrap();
        let again = suite(&after);
        prop_assert_eq!(again.fixtures.len(), before.fixtures.len() + 1);
        prop_assert!(before.fixtures.iter().all(|old| again.fixtures.iter().any(|new| said(old) == said(new))));
        let new = listing(&name);
        let want = (new.name.as_str(), Some(new.run_id.as_str()), new.runpack.as_str());
        prop_assert!(again.fixtures.iter().any(|entry| said(entry) == want));
        prop_assert_eq!(&again.fixture_set, "s");
        let mut lines = after.lines();
        prop_assert!(text.lines().all(|old| lines.any(|line| line == old)), "{}", after);
        prop_assert_eq!(edit::with_fixtures(Some(&again), &[listing(&name)]).unwrap(), after);
    }

    #[test]
    fn a_json_config_keeps_everything(config in written(), name in "new[a-z0-9.-]{0,6}") {
        let text = config.json();
        let after = edit::with_fixtures(Some(&suite(&text)), &[listing(&name)]).unwrap();
        let (old, mut new): (Value, Value) = (serde_json::from_str(&text).unwrap(), serde_json::from_str(&after).unwrap());
        let entries = new["fixtures"].as_array_mut().unwrap();
        let added = entries.iter().position(|entry| entry["name"] == *name).unwrap();
        let added = entries.remove(added);
        prop_assert_eq!(added["run_id"].as_str(), Some("no"));
        let mut listed = old["fixtures"].as_array().unwrap().clone();
        listed.sort_by(|a, b| a["name"].as_str().cmp(&b["name"].as_str()));
        prop_assert_eq!(&*entries, &listed);
        prop_assert_eq!((&new["owner"], &new["fixture_set"]), (&old["owner"], &old["fixture_set"]));
        prop_assert_eq!(edit::with_fixtures(Some(&suite(&after)), &[listing(&name)]).unwrap(), after);
    }

    #[test]
    fn no_text_is_too_odd(text in text()) {
        if let Ok(read) = Document::parse("gait.yaml", text).and_then(Suite::of)
            && let Ok(after) = edit::with_fixtures(Some(&read), &[listing("new")])
        {
            let again = suite(&after);
            prop_assert!(read.fixtures.iter().all(|old| again.fixtures.iter().any(|new| said(old) == said(new))));
        }
    }
}
