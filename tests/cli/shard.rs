//! `regress run --shard` and `regress merge`: many parts, one verdict, the same as of one machine.

use crate::kit::Gait;
use serde_json::{Value, json};
use std::collections::BTreeSet;

const OLD: &str = r#"{"id":"c","tool":"refund","args":{"amount":5},"result":{"ok":true}}"#;
const NEW: &str = r#"{"id":"c","tool":"refund","args":{"amount":9},"result":{"ok":true}}"#;

/// Fixtures `names`, recorded one day after the other, with today's runs in `new`: `red` differs, the others do not.
fn fixtures(names: &[&str]) -> Gait {
    let gait = Gait::new();
    for (day, name) in (10..).zip(names) {
        gait.fixture(name, &[&OLD.replacen('{', &format!(r#"{{"ts":"2026-03-{day}T10:00:00Z","#), 1)]);
        gait.record(&format!("today_{name}"), &[if *name == "red" { NEW } else { OLD }]);
        gait.copy(&format!("gait-out/runpack_today_{name}.zip"), &format!("new/{name}.zip"));
    }
    gait
}

const ALL: [&str; 7] = ["a", "b", "c", "d", "e", "f", "red"];

/// Runs every shard of `total`; the result files.
fn shards(gait: &Gait, total: usize, flags: &str) -> Vec<String> {
    let run = |index| {
        let name = format!("part_{index}_of_{total}.json");
        let line = format!("regress run --shard {index}/{total} --output {name} {flags}");
        assert!(matches!(gait.run(&line).code, 0 | 5 | 6), "{line}");
        name
    };
    (1..=total).map(run).collect()
}

fn names(result: &Value) -> Vec<String> {
    result["graders"].as_array().unwrap().iter().map(|grade| grade["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn merged_shards_are_what_one_machine_writes() {
    let gait = fixtures(&ALL);
    gait.file("fixtures/a/runpack.zip", "damaged");
    for (flags, code) in [("--candidate-dir new", 6), ("--skip a/ --candidate-dir new", 5), ("--skip a/", 0)] {
        let one = gait
            .run(&format!("regress run {flags} --output one.json --summary one.md --html one.html --json"))
            .code(code)
            .json();
        for total in [1, 3, 20] {
            let parts = shards(&gait, total, flags).join(" ");
            let out = gait.run(&format!(
                "regress merge {parts} --output all.json --summary all.md --junit all.xml --html all.html --json"
            ));
            let all = out.code(code).json();
            assert_eq!(gait.text("all.json"), gait.text("one.json"), "{total} {flags}");
            assert_eq!(gait.text("all.md"), gait.text("one.md"), "{total} {flags}");
            assert_eq!(gait.text("all.html"), gait.text("one.html"), "{total} {flags}");
            let annotated = |line: &str| {
                let out = gait.run(line).code(code);
                let commands = out.stdout.lines().filter(|line| line.starts_with("::"));
                commands.map(str::to_owned).collect::<Vec<_>>()
            };
            let all_of = annotated(&format!("regress merge {parts} --output all.json --annotations github"));
            assert_eq!(all_of, annotated(&format!("regress run {flags} --annotations github")), "{total} {flags}");
            assert_eq!(all_of.is_empty(), code == 0, "{total} {flags}");
            for key in ["ok", "failed", "failed_fixtures", "top_failure_reason", "graders", "candidates", "status"] {
                assert_eq!(all.get(key), one.get(key), "{key} {total} {flags}");
            }
        }
    }
    assert!(gait.text("all.xml").contains("gait.regress.default"));
}

#[test]
fn a_name_belongs_to_one_shard_whatever_else_there_is() {
    let place = |gait: &Gait| {
        let mut places = Vec::new();
        for (index, name) in (1..).zip(shards(gait, 4, "")) {
            let result = gait.json(&name);
            assert_eq!((&result["shard"]["index"], &result["shard"]["total"]), (&json!(index), &json!(4)));
            let found: BTreeSet<String> =
                names(&result).iter().map(|name| name.split('/').next().unwrap().to_owned()).collect();
            places.extend(found.into_iter().map(|name| (name, index)));
        }
        places.sort();
        places
    };
    let few = fixtures(&ALL[1..]);
    let before = place(&few);
    assert_eq!(before.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ALL[1..]);
    assert!(before.iter().any(|(_, index)| *index != before[0].1), "{before:?}");
    few.fixture("a", &[OLD]);
    let mut after = place(&few);
    after.retain(|(name, _)| name != "a");
    assert_eq!(after, before);
}

#[test]
fn an_empty_shard_passes_and_says_so() {
    let gait = fixtures(&["a"]);
    let parts = shards(&gait, 2, "");
    let graded: Vec<usize> = parts.iter().map(|part| names(&gait.json(part)).len()).collect();
    let empty = graded.iter().position(|count| *count == 0).unwrap() + 1;
    gait.run(&format!("regress run --shard {empty}/2 --junit j.xml --summary s.md"))
        .code(0)
        .says(&["graders=0", &format!("shard: {empty}/2")]);
    assert!(gait.exists("j.xml") && gait.text("s.md").contains("nothing to check"));
    let listed: String =
        (1..=2).map(|index| gait.run(&format!("regress run --list --shard {index}/2")).code(0).stdout).collect();
    assert_eq!(listed, gait.run("regress run --list").stdout);
    gait.run(&format!("regress run nothing --shard {empty}/2")).code(6).says(&["the filters select no case"]);
}

#[test]
fn an_unsharded_result_has_no_further_keys() {
    let gait = fixtures(&["a"]);
    gait.run("regress run").code(0);
    let result = gait.json("regress_result.json");
    let keys: Vec<&str> = result.as_object().unwrap().keys().map(String::as_str).collect();
    let want = ["created_at", "fixture_set", "graders", "producer_version", "schema_id", "schema_version", "status"];
    let mut sorted = keys;
    sorted.sort_unstable();
    assert_eq!(sorted, want);
}

#[test]
fn shards_that_do_not_fit_are_refused() {
    let gait = fixtures(&["a", "b", "red"]);
    let (two, three) = (shards(&gait, 2, ""), shards(&gait, 3, ""));
    gait.run("regress run --output whole.json").code(0);
    gait.run("regress run diff --shard 2/2 --output other.json").code(0);
    gait.file("wrong.json", gait.text(&two[0]).replace("\"index\": 1", "\"index\": 7"));
    gait.file("twice.json", gait.text(&two[0]).replacen('{', "{\"status\": \"pass\",", 1));
    let huge = "\"total\": 18446744073709551615";
    gait.file("huge.json", gait.text(&two[0]).replace("\"total\": 2", huge));
    let (one, last) = (&two[0], &two[1]);
    for (files, part) in [
        (one.clone(), "1 of 2 shards are missing: 2/2"),
        (format!("{one} {one}"), "are both shard 1"),
        (format!("{one} {last} {one}"), "are both shard 1"),
        (format!("{one} {}", three[1]), "are not shards of the same run"),
        (format!("{one} other.json"), "are not shards of the same run"),
        (format!("{one} whole.json"), "whole.json is not the result of a shard"),
        (format!("wrong.json {last}"), "there is no shard 7 of 2"),
        (format!("twice.json {last}"), "twice.json"),
        ("huge.json".to_owned(), "18446744073709551614 of 18446744073709551615 shards are missing: 2/"),
        (format!("{one} nowhere.json"), "nowhere.json"),
        (format!("{one} gait.yaml"), "gait.yaml"),
    ] {
        gait.file("all.json", "an earlier run's");
        gait.run(&format!("regress merge {files} --output all.json")).code(6).says(&["regress merge error: ", part]);
        assert!(!gait.exists("all.json"), "{files}");
    }
    let config = gait.text("gait.yaml");
    for flags in ["--require-candidate", "--require-signature", "--strict"] {
        gait.run(&format!("regress run --shard 2/2 --output judged.json {flags}"));
        gait.run(&format!("regress merge {one} judged.json")).code(6).says(&["were judged by different rules"]);
    }
    gait.file("gait.yaml", config.replace("{", "{\n")).run("regress run --shard 2/2 --output judged.json").code(0);
    gait.run(&format!("regress merge {one} judged.json")).code(6).says(&["were judged by different rules"]);
    gait.file("gait.yaml", config.replace('\n', "\r\n")).run("regress run --shard 2/2 --output judged.json").code(0);
    gait.run(&format!("regress merge {one} judged.json")).code(0);
    gait.file("gait.yaml", config);
    let before = gait.tree();
    gait.run(&format!("regress merge {one} {last} --output {one}")).code(6);
    gait.run("regress merge").code(6);
    for shard in ["0/2", "3/2", "1", "a/b", "1/0", "-1/2", "1/99999999"] {
        gait.run(&format!("regress run --shard={shard}")).code(6);
    }
    assert_eq!(gait.tree(), before);
}
