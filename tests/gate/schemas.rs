//! The published JSON Schemas know the keys the program knows, no more and no fewer, and fit what is shipped.
//!
//! `GAIT_WRITE_DATA=1 cargo test --test gate schemas` writes `docs/schemas/` anew.

use crate::kit;
use crate::shapes;
use gait::config::document::{Document, Node};
use gait::config::suite::Suite;
use gait::gate::intent::Intent;
use gait::gate::parse;
use jsonschema::Validator;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Set by hand: write the schemas anew instead of comparing them.
const WRITE: &str = "GAIT_WRITE_DATA";
/// A key that resembles none, so that the program names them all.
const STRANGE: &str = "%%%";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn built() -> [(&'static str, Value); 3] {
    [
        ("policy.schema.json", shapes::policy()),
        ("intent.schema.json", shapes::intent()),
        ("gait.schema.json", shapes::suite()),
    ]
}

fn validator(schema: &Value) -> Validator {
    jsonschema::draft7::meta::validate(schema).unwrap_or_else(|error| panic!("{error}"));
    jsonschema::draft7::options().should_validate_formats(true).build(schema).unwrap()
}

fn fits(validator: &Validator, value: &Value, what: &str) {
    let faults: Vec<String> =
        validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(faults.is_empty(), "{what}: {faults:#?}");
}

fn read(path: &Path) -> Document {
    Document::read(path.to_str().unwrap(), 1 << 20).unwrap_or_else(|error| panic!("{error}"))
}

fn json_of(text: &str) -> Value {
    Document::parse("block.yaml", text.to_owned()).unwrap_or_else(|error| panic!("{error}\n{text}")).root.to_json()
}

fn listed(folder: &str, end: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.to_str().unwrap().ends_with(end)).collect()
}

#[test]
fn schemas_are_the_published_ones() {
    for (name, schema) in built() {
        let path = root().join("docs/schemas").join(name);
        let text = format!("{}\n", serde_json::to_string_pretty(&schema).unwrap());
        if std::env::var_os(WRITE).is_some() {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, &text).unwrap();
        }
        let published = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(published == text, "docs/schemas/{name} is stale: {WRITE}=1 cargo test --test gate schemas");
    }
}

#[test]
fn schemas_fit_what_is_shipped() {
    let [policy, intent, suite] = built().map(|(_, schema)| validator(&schema));
    let mut policies = 0;
    for path in listed("templates/policies", ".yaml") {
        let value = read(&path).root.to_json();
        if path.to_str().unwrap().ends_with(".cases.yaml") {
            for case in value["cases"].as_array().unwrap().iter().filter(|case| case["intent"].is_object()) {
                fits(&intent, &case["intent"], &format!("{}: {}", path.display(), case["name"]));
            }
        } else {
            fits(&policy, &value, &path.display().to_string());
            policies += 1;
        }
    }
    assert!(policies >= 10, "{policies}");
    fits(&suite, &read(&root().join("regress-fixtures/gait.yaml")).root.to_json(), "regress-fixtures/gait.yaml");
    let mut blocks = 0;
    for page in listed("docs", ".md") {
        let text = std::fs::read_to_string(&page).unwrap();
        for block in text.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap()) {
            let (value, what) = (json_of(block), format!("{}: {block}", page.display()));
            let has = |keys: &[&str]| keys.iter().any(|key| value.get(key).is_some());
            if has(&["fixtures", "discover", "defaults"]) {
                fits(&suite, &value, &what);
            } else if has(&["rules", "freeze_windows", "default_verdict"]) {
                fits(&policy, &value, &what);
            } else if page.ends_with("gate.md") && has(&["match"]) {
                let mut rule = json!({"name": "r", "effect": "allow"});
                rule["match"] = value["match"].clone();
                fits(&policy, &json!({"rules": [rule]}), &what);
            } else {
                continue;
            }
            blocks += 1;
        }
    }
    assert!(blocks >= 5, "{blocks}");
}

/// A document with each of the mappings the schema knows, in places the program reads.
fn whole(name: &str) -> Value {
    let matching = json!({"tool_names": ["t"], "args": {"$.a": {"gt": 0}}});
    match name {
        "policy.schema.json" => json!({
            "fail_closed": {},
            "rules": [{"name": "r", "effect": "allow", "match": matching, "rate_limit": {}, "dataflow": {}, "endpoint": {}}],
            "freeze_windows": [
                {"name": "f", "start": "2026-01-01T00:00:00Z", "end": "2026-01-02T00:00:00Z", "match": matching}
            ],
        }),
        "gait.schema.json" => {
            let settings = json!({
                "match": {"tools": {"t": {"args": {"$.a": {"within": 1}}, "count": {"eq": 1}}}},
                "agent": {"command": ["a"]},
                "budget": {"max_calls": 1},
                "policy": {"file": "p.yaml"},
                "graders": [{"name": "g", "command": ["g"]}],
            });
            let mut fixture = json!({"name": "f", "runpack": "f.zip"});
            fixture.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
            json!({"defaults": settings, "fixtures": [fixture]})
        }
        _ => json!({
            "schema_id": "s", "schema_version": "1.0.0", "created_at": "2026-01-01T00:00:00Z", "producer_version": "p",
            "tool_name": "t", "args": {}, "args_digest": "d", "intent_digest": "d",
            "targets": [{
                "kind": "path", "value": "/v", "operation": "o", "sensitivity": "s", "endpoint_class": "fs.read",
                "endpoint_domain": "d", "destructive": true,
            }],
            "arg_provenance": [{
                "arg_path": "$.a", "source": "user", "source_ref": "r", "integrity_digest": "a".repeat(64),
            }],
            "skill_provenance": {
                "skill_name": "n", "source": "s", "publisher": "p", "skill_version": "1", "digest": "a".repeat(64),
                "signature_key_id": "k",
            },
            "delegation": {
                "requester_identity": "r", "scope_class": "s", "token_refs": ["t"],
                "chain": [{
                    "delegator_identity": "a", "delegate_identity": "b", "scope_class": "s", "token_ref": "t",
                    "issued_at": "2026-01-01T00:00:00Z", "expires_at": "2026-01-02T00:00:00Z",
                }],
                "issued_at": "2026-01-01T00:00:00Z", "expires_at": "2026-01-02T00:00:00Z",
            },
            "context": {
                "identity": "i", "workspace": "/w", "risk_class": "low", "session_id": "s", "request_id": "r",
                "auth_context": {"a": 1}, "credential_scopes": ["c"], "environment_fingerprint": "e",
            },
        }),
    }
}

/// Every mapping in `value` the schema closes: its JSON pointer, and the keys the schema has for it.
fn closed(schema: &Value, value: &Value, at: &str, out: &mut Vec<(String, BTreeSet<String>)>) {
    for shape in schema["anyOf"].as_array().into_iter().flatten() {
        closed(shape, value, at, out);
    }
    match value {
        Value::Object(members) => {
            if schema["additionalProperties"] == json!(false) {
                out.push((at.to_owned(), schema["properties"].as_object().unwrap().keys().cloned().collect()));
            }
            for (key, member) in members {
                let shape = schema["properties"].get(key).unwrap_or(&schema["additionalProperties"]);
                closed(shape, member, &format!("{at}/{}", key.replace('~', "~0").replace('/', "~1")), out);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                closed(&schema["items"], item, &format!("{at}/{index}"), out);
            }
        }
        _ => {}
    }
}

/// How many mappings a schema closes.
fn count(schema: &Value) -> usize {
    match schema {
        Value::Object(members) => {
            let own = usize::from(schema["additionalProperties"] == json!(false));
            own + members.values().map(count).sum::<usize>()
        }
        Value::Array(items) => items.iter().map(count).sum(),
        _ => 0,
    }
}

/// What the program says about the strange key of a document.
fn complaint(name: &str, value: &Value) -> String {
    let document = Document::parse("d.json", value.to_string()).unwrap();
    if name == "policy.schema.json" {
        return parse::policy(&document).unwrap_err().to_string();
    }
    match Suite::of(document) {
        Ok(suite) => suite.warnings.join("\n"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn schemas_know_the_keys_the_program_knows() {
    for (name, schema) in built() {
        let (validator, whole) = (validator(&schema), whole(name));
        fits(&validator, &whole, name);
        let mut mappings = Vec::new();
        closed(&schema, &whole, "", &mut mappings);
        assert_eq!(mappings.len(), count(&schema), "{name}: the document lacks a mapping of the schema");
        for (at, keys) in mappings {
            let mut strange = whole.clone();
            strange.pointer_mut(&at).unwrap()[STRANGE] = json!(1);
            assert!(!validator.is_valid(&strange), "{name} {at}: an unknown key is let through");
            if name == "intent.schema.json" {
                continue;
            }
            let said = complaint(name, &strange);
            let known = said.split("expected one of ").nth(1).unwrap_or_else(|| panic!("{name} {at}: {said}"));
            let known = known.lines().next().unwrap().split(", ").map(str::to_owned);
            assert_eq!(known.collect::<BTreeSet<_>>(), keys, "{name} {at}");
        }
    }
}

/// An intent's reader asks for what it knows by name and type: a value of another type is refused by its key.
#[test]
fn schemas_know_the_keys_of_an_intent() {
    let (schema, whole) = (shapes::intent(), whole("intent.schema.json"));
    let mut mappings = Vec::new();
    closed(&schema, &whole, "", &mut mappings);
    let mut known = BTreeSet::new();
    for (at, keys) in mappings {
        for key in keys {
            let mut wrong = whole.clone();
            assert!(wrong.pointer(&at).unwrap().get(&key).is_some(), "the document lacks {at}/{key}");
            wrong.pointer_mut(&at).unwrap()[&key] = json!(5);
            let refused = Intent::parse(wrong.to_string().as_bytes()).expect_err(&format!("{at}/{key} is not read"));
            assert!(refused.to_string().contains(&key), "{at}/{key}: {refused}");
            known.insert(key);
        }
    }
    // Nothing is read besides: the fields of what was read, by their names.
    let shown = format!("{:#?}", kit::intent(&whole));
    let fields = shown.lines().filter_map(|line| line.trim().split_once(": "));
    // Remarks about an intent, how arguments are kept, and the parts of a time.
    let own = ["warnings", "text", "deep", "workspace_as_given", "guessed", "local", "offset_minutes", "unknown"];
    let fields = fields.map(|(name, _)| name).filter(|name| name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'));
    let extra: BTreeSet<&str> = fields.filter(|name| !known.contains(*name) && !own.contains(name)).collect();
    assert_eq!(extra, BTreeSet::new());
}

#[test]
fn schemas_take_what_the_program_takes() {
    let [policy, _, suite] = built().map(|(_, schema)| validator(&schema));
    let node = |node: &Node| node.to_json();
    for text in ["rules: [{name: 1, effect: allow, match: {identities: [1001, true]}}]", "fail_closed: {enabled: true}"]
    {
        let document = Document::parse("p.yaml", text.to_owned()).unwrap();
        parse::policy(&document).unwrap_or_else(|error| panic!("{error}"));
        fits(&policy, &node(&document.root), text);
    }
    for text in
        ["defaults: {match: {extra: allow, order: subset}}", "defaults: {agent: {command: [a, 5], env: {A: 1}}}"]
    {
        let document = Document::parse("g.yaml", text.to_owned()).unwrap();
        let value = node(&document.root);
        assert_eq!(Suite::of(document).unwrap().warnings, Vec::<String>::new());
        fits(&suite, &value, text);
    }
    for (validator, text) in [
        (&policy, "rules: [{effect: allow}]"),
        (&policy, "default_verdict: maybe"),
        (&policy, "rules: [{name: r, effect: allow, match: {args: {$.a: {gt: five}}}}]"),
        (&policy, "rules: [{name: r, effect: allow, match: {endpoint_classes: [net.smtp]}}]"),
        (&suite, "fixtures: [{name: a}]"),
        (&suite, "defaults: {match: {order: random}}"),
        (&suite, "defaults: {match: {tools: {t: {args: {$.a: {within: 1, norm: uuid}}}}}}"),
    ] {
        assert!(!validator.is_valid(&json_of(text)), "{text}");
    }
}
