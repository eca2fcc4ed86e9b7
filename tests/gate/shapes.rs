//! The JSON Schemas of what people write: policies, intents and `gait.yaml`. Words come from the program's own lists.

use gait::config::rules::{NORMS, ORDERS};
use gait::config::suite;
use gait::gate::model::Verdict;
use gait::gate::parse::{ACTIONS, REQUIRED};
use gait::gate::parse_args::WORDS;
use gait::gate::policy;
use gait::gate::target::{CLASSES, KINDS};
use serde_json::{Map, Value, json};

/// A key, its value, and what an editor says about it.
type Key = (&'static str, Value, &'static str);

/// A mapping of these keys and no other; those with a `*` have to be there.
fn mapping(keys: Vec<Key>) -> Value {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for (key, mut value, about) in keys {
        let name = key.trim_end_matches('*');
        required.extend((name != key).then_some(name));
        if !about.is_empty() {
            value["description"] = about.into();
        }
        properties.insert(name.to_owned(), value);
    }
    let mut shape = json!({"type": "object", "additionalProperties": false, "properties": properties});
    if !required.is_empty() {
        shape["required"] = json!(required);
    }
    shape
}

fn document(name: &str, title: &str, shape: Value) -> Value {
    let mut whole = json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "$comment": format!("Made by `GAIT_WRITE_DATA=1 cargo test --test gate schemas` as {name}; do not edit."),
        "title": title,
    });
    whole.as_object_mut().unwrap().extend(shape.as_object().unwrap().clone());
    whole
}

fn text() -> Value {
    json!({"type": "string"})
}

/// A text; YAML's numbers and truths are read as texts too.
fn scalar() -> Value {
    json!({"type": ["string", "number", "boolean"]})
}

fn list(item: Value) -> Value {
    json!({"type": "array", "items": item})
}

fn names() -> Value {
    list(scalar())
}

fn texts() -> Value {
    list(text())
}

fn truth() -> Value {
    json!({"type": "boolean"})
}

fn at_least(least: u64) -> Value {
    json!({"type": "integer", "minimum": least})
}

fn words<'w>(words: impl IntoIterator<Item = &'w str>) -> Value {
    json!({"enum": words.into_iter().collect::<Vec<_>>()})
}

fn verdicts(known: &[Verdict]) -> Value {
    words(known.iter().map(|verdict| verdict.word()))
}

fn time() -> Value {
    json!({"type": "string", "format": "date-time"})
}

fn digest() -> Value {
    json!({"type": "string", "pattern": "^([0-9a-fA-F]{64})?$"})
}

pub fn policy() -> Value {
    let closed = mapping(vec![
        ("enabled", truth(), ""),
        ("risk_classes", names(), "critical and high unless given"),
        ("required_fields", list(words(REQUIRED)), "what a call has to bring"),
        ("distrust_hints", truth(), "an endpoint class guessed from the tool's name counts as unknown"),
    ]);
    let freeze = mapping(vec![
        ("name*", scalar(), ""),
        ("start*", time(), "from here on"),
        ("end*", time(), "until right before here"),
        ("effect", verdicts(&ACTIONS), "block unless given"),
        ("match", matching(), "which calls; all unless given"),
        ("reason_code", scalar(), ""),
        ("violation", scalar(), ""),
    ]);
    let shape = mapping(vec![
        ("schema_id", words([policy::SCHEMA]), ""),
        ("schema_version", words(["1.0.0"]), ""),
        ("default_verdict", verdicts(&Verdict::ALL), "where no rule matches; require_approval unless given"),
        ("fail_closed", closed, "blocks calls that do not say enough about themselves"),
        ("rules", list(rule()), "tried by priority, then name; the first that matches decides"),
        ("freeze_windows", list(freeze), "times in which calls are stopped, whatever the rules say"),
    ]);
    document("policy.schema.json", "A policy of the gate of gait", shape)
}

fn rule() -> Value {
    let net = || list(words(CLASSES.into_iter().filter(|class| class.starts_with("net."))));
    let rate = mapping(vec![
        ("requests", at_least(0), "0 is no limit"),
        ("window", words(["minute", "hour"]), ""),
        ("scope", words(["tool_identity", "tool", "identity"]), "what is counted together"),
    ]);
    let dataflow = mapping(vec![
        ("enabled", truth(), ""),
        ("tainted_sources", names(), "external and tool_output unless given"),
        ("destination_kinds", names(), ""),
        ("destination_values", names(), ""),
        ("destination_operations", names(), ""),
        ("action", verdicts(&ACTIONS), "require_approval unless given"),
        ("reason_code", scalar(), ""),
        ("violation", scalar(), ""),
    ]);
    let endpoint = mapping(vec![
        ("enabled", truth(), ""),
        ("path_allowlist", names(), "globs; a path has to fit in every reading"),
        ("path_denylist", names(), "globs; a path that fits in any reading is denied"),
        ("domain_allowlist", names(), ""),
        ("domain_denylist", names(), ""),
        ("egress_classes", net(), "the only net classes allowed"),
        ("action", verdicts(&ACTIONS), "block unless given"),
        ("destructive_action", verdicts(&ACTIONS), "what a destructive operation comes to"),
        ("reason_code", scalar(), ""),
        ("violation", scalar(), ""),
    ]);
    mapping(vec![
        ("name*", scalar(), ""),
        ("priority", json!({"type": "integer"}), "lower goes first"),
        ("effect*", verdicts(&Verdict::ALL), ""),
        ("match", matching(), "which calls; all unless given"),
        ("reason_codes", names(), ""),
        ("violations", names(), ""),
        ("min_approvals", at_least(0), ""),
        ("require_distinct_approvers", truth(), ""),
        ("require_broker_credential", truth(), ""),
        ("broker_reference", scalar(), ""),
        ("broker_scopes", names(), ""),
        ("rate_limit", rate, "how often calls that match may proceed"),
        ("dataflow", dataflow, "what becomes of a call that carries tainted data to a destination"),
        ("endpoint", endpoint, "where a call may reach"),
    ])
}

fn matching() -> Value {
    mapping(vec![
        ("tool_names", names(), ""),
        ("risk_classes", names(), ""),
        ("target_kinds", names(), ""),
        ("target_values", names(), ""),
        ("endpoint_classes", list(words(CLASSES)), ""),
        ("skill_publishers", names(), ""),
        ("skill_sources", names(), ""),
        ("data_classes", names(), "sensitivity of a target"),
        ("destination_kinds", names(), ""),
        ("destination_values", names(), ""),
        ("destination_operations", names(), ""),
        ("provenance_sources", names(), "where an argument came from"),
        ("identities", names(), ""),
        ("workspace_prefixes", names(), "end them with /"),
        ("require_delegation", truth(), ""),
        ("allowed_delegator_identities", names(), ""),
        ("allowed_delegate_identities", names(), ""),
        ("delegation_scopes", names(), ""),
        ("max_delegation_depth", at_least(0), ""),
        ("every_target", truth(), "the target keys have to hold of every target"),
        (
            "args",
            json!({"type": "object", "additionalProperties": condition()}),
            "conditions by JSON path, such as $.amount",
        ),
    ])
}

fn condition() -> Value {
    let folders = || json!({"type": ["string", "array"], "minItems": 1, "items": text()});
    let key = |word: &'static str| match word {
        "eq" | "ne" => (word, scalar(), ""),
        "gt" | "gte" | "lt" | "lte" => (word, json!({"type": "number"}), ""),
        "in" | "not_in" => (word, json!({"type": "array", "minItems": 1, "items": scalar()}), ""),
        "under" | "not_under" => (word, folders(), "a folder, or several"),
        "exists" => (word, truth(), ""),
        _ => (word, text(), ""),
    };
    let mut shape = mapping(WORDS.into_iter().map(key).collect());
    shape["minProperties"] = 1.into();
    shape
}

pub fn intent() -> Value {
    let target = mapping(vec![
        ("kind*", words(KINDS), ""),
        ("value*", text(), ""),
        ("operation", text(), "such as read, write, delete"),
        ("sensitivity", text(), ""),
        ("endpoint_class", words(CLASSES), "follows from kind and operation unless given"),
        ("endpoint_domain", text(), "follows from the value unless given"),
        ("destructive", truth(), ""),
    ]);
    let provenance = mapping(vec![
        ("arg_path*", text(), ""),
        ("source*", words(["user", "tool_output", "external", "system"]), ""),
        ("source_ref", text(), ""),
        ("integrity_digest", digest(), ""),
    ]);
    let skill = mapping(vec![
        ("skill_name*", text(), ""),
        ("source*", text(), ""),
        ("publisher*", text(), ""),
        ("skill_version", text(), ""),
        ("digest", digest(), ""),
        ("signature_key_id", text(), ""),
    ]);
    let link = mapping(vec![
        ("delegator_identity*", text(), ""),
        ("delegate_identity*", text(), ""),
        ("scope_class", text(), ""),
        ("token_ref", text(), ""),
        ("issued_at", time(), ""),
        ("expires_at", time(), ""),
    ]);
    let delegation = mapping(vec![
        ("requester_identity*", text(), ""),
        ("scope_class", text(), ""),
        ("token_refs", texts(), ""),
        ("chain", list(link), "from the first delegator on"),
        ("issued_at", time(), ""),
        ("expires_at", time(), ""),
    ]);
    let context = mapping(vec![
        ("identity*", text(), ""),
        ("workspace*", text(), ""),
        ("risk_class*", text(), ""),
        ("session_id", text(), ""),
        ("request_id", text(), ""),
        ("auth_context", json!({"type": "object"}), ""),
        ("credential_scopes", texts(), ""),
        ("environment_fingerprint", text(), ""),
    ]);
    let shape = mapping(vec![
        ("schema_id", text(), ""),
        ("schema_version", text(), ""),
        ("created_at", time(), ""),
        ("producer_version", text(), ""),
        ("tool_name*", text(), ""),
        ("args", json!({"type": "object"}), ""),
        ("args_digest", text(), "not read: gait makes its own"),
        ("intent_digest", text(), "not read: gait makes its own"),
        ("targets", list(target), "what the call acts on"),
        ("arg_provenance", list(provenance), "where arguments came from"),
        ("skill_provenance", skill, ""),
        ("delegation", delegation, "on whose behalf the caller acts"),
        ("context*", context, "who calls, and from where"),
    ]);
    document("intent.schema.json", "A tool call that asks the gate of gait to proceed", shape)
}

pub fn suite() -> Value {
    let mut fixture = vec![
        ("name*", text(), "lower-case letters, digits, `.`, `_` and `-`"),
        ("run_id", text(), "what the runpack's run id has to be"),
        ("runpack*", text(), "the baseline, relative to the working directory"),
    ];
    fixture.extend(settings());
    let shape = mapping(vec![
        ("schema_id", words([suite::SCHEMA_ID]), ""),
        ("schema_version", words([suite::SCHEMA_VERSION]), ""),
        ("fixture_set", text(), ""),
        ("discover", texts(), "globs of runpacks, relative to this file; ! excludes"),
        ("defaults", mapping(settings()), "what holds for fixtures that do not say otherwise"),
        ("fixtures", list(mapping(fixture)), ""),
    ]);
    document("gait.schema.json", "gait.yaml: the regression tests of gait", shape)
}

fn settings() -> Vec<Key> {
    let word = || json!({"type": ["string", "integer"]});
    let command = || json!({"type": "array", "minItems": 1, "items": word()});
    let agent = mapping(vec![
        ("command", command(), "program and arguments, no shell"),
        ("cwd", text(), "relative to this file; its folder unless given"),
        ("env", json!({"type": "object", "additionalProperties": word()}), "on top of the inherited environment"),
        ("timeout", text(), "such as 120s or 2m"),
        ("on_unmatched", words(["tool_error", "stop"]), "what a call without a recorded answer does"),
    ]);
    let mut budget = mapping(vec![
        ("max_calls", at_least(0), ""),
        ("max_seconds", json!({"type": "number", "exclusiveMinimum": 0}), "wall time of the agent"),
    ]);
    budget["minProperties"] = 1.into();
    let grader = mapping(vec![
        ("name*", json!({"type": "string", "pattern": "^[a-z][a-z0-9._-]{0,63}$"}), ""),
        ("command*", command(), "program and arguments, no shell"),
        ("timeout", text(), "30s unless given"),
    ]);
    vec![
        ("trials", at_least(1), "so many runs have to be there"),
        ("min_pass", at_least(1), "so many of them have to pass; all unless given"),
        ("match", differences(), "which differences from the recorded run are accepted"),
        ("agent", agent, "the program that is run now"),
        ("budget", budget, "how much a run may take"),
        ("policy", mapping(vec![("file*", text(), "path of a policy")]), "the policy its calls are held against"),
        ("graders", list(grader), "programs of one's own that judge runs"),
    ]
}

fn differences() -> Value {
    let mut tolerance = mapping(vec![
        ("within", json!({"type": "number", "minimum": 0}), "numbers at most this far apart"),
        ("norm", words(NORMS.map(|(word, _)| word)), "texts that are the same once normalised"),
        ("similar", json!({"type": "number", "exclusiveMinimum": 0, "maximum": 1}), "texts with this ratio in common"),
    ]);
    tolerance["minProperties"] = 1.into();
    tolerance["maxProperties"] = 1.into();
    let tolerance = json!({"anyOf": [{"enum": ["ignore"]}, tolerance]});
    let mut count = mapping(vec![("eq", at_least(0), ""), ("min", at_least(0), ""), ("max", at_least(0), "")]);
    count["minProperties"] = 1.into();
    let tool = mapping(vec![
        ("args", json!({"type": "object", "additionalProperties": tolerance}), "by JSON path"),
        ("count", count, ""),
        ("status", text(), "the status its calls have to have, or `any`"),
    ]);
    let pair = json!({"type": "array", "minItems": 2, "maxItems": 2, "items": text()});
    mapping(vec![
        ("order", words(ORDERS.map(|(word, _)| word)), ""),
        ("before", list(pair), "the second tool only after the first"),
        ("ignore", texts(), "JSON paths into the arguments of every tool"),
        ("tools", json!({"type": "object", "additionalProperties": tool}), "by glob"),
        ("extra", json!({"anyOf": [{"enum": ["deny", "allow"]}, texts()]}), "calls the baseline does not have"),
        ("never", texts(), "tools that may not be called"),
        ("bind", truth(), "a recorded result used as a later argument is compared as a link"),
    ])
}
