//! `action.yml`, the inputs the program reads, and the page about them say the same.

use gait::action::inputs::INPUTS;
use std::fs;
use std::path::Path;

fn read(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

/// (name, description, default) of a section of action.yml.
fn section(name: &str) -> Vec<(String, String, String)> {
    let text = read("action.yml");
    let lines = text.lines().skip_while(|line| *line != format!("{name}:")).skip(1);
    let mut out: Vec<(String, String, String)> = Vec::new();
    for line in lines.take_while(|line| line.is_empty() || line.starts_with(' ')) {
        if let Some(value) = line.strip_prefix("    description: ") {
            out.last_mut().unwrap().1 = value.to_owned();
        } else if let Some(value) = line.strip_prefix("    default: ") {
            out.last_mut().unwrap().2 = value.trim_matches('"').to_owned();
        } else if let Some(key) = line.strip_prefix("  ").and_then(|line| line.strip_suffix(':')) {
            out.push((key.to_owned(), String::new(), String::new()));
        }
    }
    out
}

#[test]
fn the_program_reads_what_the_manifest_names() {
    let inputs = section("inputs");
    let named: Vec<(&str, &str)> = inputs.iter().map(|(name, _, default)| (name.as_str(), default.as_str())).collect();
    assert_eq!(named, INPUTS);
}

#[test]
fn the_page_is_made_of_the_manifest() {
    let mut made = "| input | default | meaning |\n| --- | --- | --- |\n".to_owned();
    for (name, meaning, default) in section("inputs") {
        let default = if default.is_empty() { "-".to_owned() } else { format!("`{default}`") };
        made.push_str(&format!("| `{name}` | {default} | {meaning} |\n"));
    }
    made.push_str("\n| output | meaning |\n| --- | --- |\n");
    for (name, meaning, _) in section("outputs") {
        made.push_str(&format!("| `{name}` | {meaning} |\n"));
    }
    let page = read("docs/action.md");
    assert!(page.contains(&made), "docs/action.md has to hold:\n{made}");
}

#[test]
fn every_output_is_set_and_no_other() {
    let mut named: Vec<String> = section("outputs").into_iter().map(|(name, ..)| name).collect();
    named.sort();
    let runner = crate::runner::Runner::new();
    runner.fixture("refund", &[r#"{"tool":"refund","args":{},"result":{}}"#]);
    let step = runner.run().code(0);
    assert_eq!(step.outputs.keys().cloned().collect::<Vec<_>>(), named);
}

/// Every YAML file that a runner runs.
fn workflows() -> Vec<(String, serde_json::Value)> {
    let mut out = Vec::new();
    for folder in ["templates/workflows", ".github/workflows"] {
        for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)).unwrap() {
            let name = format!("{folder}/{}", entry.unwrap().file_name().into_string().unwrap());
            let value = serde_saphyr::from_str(&read(&name)).unwrap();
            out.push((name, value));
        }
    }
    assert!(out.len() >= 7);
    out
}

/// Every value of `key`, at any depth.
fn values<'a>(value: &'a serde_json::Value, key: &str, out: &mut Vec<&'a serde_json::Value>) {
    match value {
        serde_json::Value::Object(members) => {
            out.extend(members.get(key));
            members.values().for_each(|value| values(value, key, out));
        }
        serde_json::Value::Array(items) => items.iter().for_each(|value| values(value, key, out)),
        _ => {}
    }
}

#[test]
fn no_value_reaches_a_shell() {
    for (name, workflow) in workflows() {
        let mut scripts = Vec::new();
        values(&workflow, "run", &mut scripts);
        assert!(scripts.iter().all(|script| !script.to_string().contains("${{")), "{name}: {scripts:?}");
        assert_eq!(workflow["permissions"], serde_json::json!({}), "{name}");
        let mut uses = Vec::new();
        values(&workflow, "uses", &mut uses);
        for action in uses.iter().map(|action| action.as_str().unwrap()) {
            let pinned = action.split_once('@').is_some_and(|(_, at)| at.len() == 40);
            assert!(pinned || action == "./" || action == "OWNER/gait-regress@v1", "{name}: {action}");
        }
        let mut with = Vec::new();
        values(&workflow, "with", &mut with);
        let mut inputs = with.iter().filter_map(|with| with.as_object()).flat_map(|with| with.keys());
        let known = |key: &String| {
            let others = ["persist-credentials", "name", "path", "retention-days", "run-id", "github-token", "pattern"];
            others.contains(&key.as_str()) || INPUTS.iter().any(|(name, _)| name == key)
        };
        assert!(inputs.all(known), "{name}");
    }
}
