//! Digests that stand for calls and policies however they are spelled.

use crate::kit::{intent, policy};
use gait::config::document::Document;
use gait::gate::intent::Intent;
use gait::gate::{format, parse};
use gait::kernel::digest::Digest;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// JSON of texts, nesting and numbers.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_filter("finite", |n| n.is_finite()).prop_map(Value::from),
        "\\PC{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-zé😀]{1,6}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn trimmed(value: &Value) -> Value {
    match value {
        Value::String(text) => text.trim().into(),
        Value::Array(items) => items.iter().map(trimmed).collect(),
        Value::Object(members) => {
            members.iter().map(|(key, value)| (key.trim().to_owned(), trimmed(value))).collect::<Map<_, _>>().into()
        }
        other => other.clone(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_intent_digest_is_that_of_its_canonical_form(args in prop::collection::btree_map("[a-zé😀]{1,6}", value(), 0..5), session in "[a-z]{0,3}") {
        let args: Value = Value::Object(args.into_iter().collect());
        let mut context = json!({"identity": "u", "workspace": "w", "risk_class": "low"});
        let given = json!({"tool_name": " T ", "args": args, "context": {"identity": " u ", "workspace": "w", "risk_class": "LOW", "session_id": session}, "x": 1});
        if !session.is_empty() {
            context["session_id"] = session.into();
        }
        let canonical = json!({"tool_name": "t", "args": trimmed(&args), "targets": [], "context": context});
        let want = serde_json_canonicalizer::to_vec(&canonical).unwrap();
        let have = intent(&given).digest().unwrap();
        prop_assert_eq!(have, Digest::of(&want));
    }

    #[test]
    fn a_formatted_policy_reads_back_as_itself(names in prop::collection::vec("[ -~é\\t\\n]{1,10}", 1..5), priority in any::<i64>(), scalar in "\\PC{1,12}") {
        let text = json!({"rules": [{"name": "r", "effect": "allow", "priority": priority, "reason_codes": names, "broker_reference": scalar, "match": {"identities": names, "args": {"$.a": {"in": names, "ne": "never equal to any of these"}}}}]}).to_string();
        let first = parse::policy(&Document::parse("p", text).unwrap());
        prop_assume!(first.is_ok());
        let first = first.unwrap();
        let formatted = format::text(&first);
        let again = policy(&formatted);
        prop_assert_eq!(again.digest().unwrap(), first.digest().unwrap(), "{}", formatted);
        prop_assert_eq!(format::text(&again), formatted);
    }
}

#[test]
fn the_worked_values_of_the_contract() {
    let small = json!({"tool_name": "a", "context": {"identity": "u", "workspace": "w", "risk_class": "low"}});
    assert_eq!(
        intent(&small).digest().unwrap().to_string(),
        "2f728165e008fbdcc8f72573469002cb1ae7eb3470929634faa1c18451939a86"
    );
    assert_eq!(
        policy("").digest().unwrap().to_string(),
        "07a528a879e4f0e0cd5a0e2ca801924746b47dac624862207ef21d4ec266f8f9"
    );
    let one = "rules: [{name: r, effect: allow, priority: 5, min_approvals: 2, match: {tool_names: [X, a], max_delegation_depth: 0}, rate_limit: {requests: 3}, endpoint: {path_denylist: [/k]}}]";
    assert_eq!(
        policy(one).digest().unwrap().to_string(),
        "fb5ae769f4daacfc3904d5f6353e00be7b928a53c23938fd145edfd777ad4481"
    );
}

#[test]
fn what_two_readers_could_read_differently_is_refused() {
    let with = |args: &str| {
        format!(r#"{{"tool_name":"t","args":{args},"context":{{"identity":"u","workspace":"w","risk_class":"low"}}}}"#)
    };
    for args in [r#"{"x":1," x":2}"#, r#"{"x":1,"x":2}"#, r#"{" ":1}"#, r#"{"a":{"b ":1,"b":1}}"#] {
        assert!(Intent::parse(with(args).as_bytes()).is_err(), "{args}");
    }
    assert_eq!(Intent::parse(with("{\"a\":9007199254740993}").as_bytes()).unwrap().warnings.len(), 1);
}

#[test]
fn arguments_count_in_the_digest_however_deep_they_are() {
    let whole = |args: &str, auth: &str| {
        let context = format!(r#"{{{auth}"identity":"u","risk_class":"low","workspace":"w"}}"#);
        format!(r#"{{"args":{args},"context":{context},"targets":[],"tool_name":"t"}}"#)
    };
    let nested = |levels: usize, core: &str| format!("{}{core}{}", r#"{"k":["#.repeat(levels), "]}".repeat(levels));
    for levels in [1, 127, 128, 129, 4_900] {
        let given = nested(levels, r#"{" b":" x ","a":1.0}"#).replacen("\"k\"", "\" k \"", 1);
        let canonical = nested(levels, r#"{"a":1,"b":"x"}"#);
        let auth = |value: &str| format!("\"auth_context\":{value},");
        let intent = Intent::parse(whole(&given, &auth(&given)).as_bytes()).unwrap();
        let want = Digest::of(whole(&canonical, &auth(&canonical)).as_bytes());
        assert_eq!(intent.digest().unwrap(), want, "{levels}");
        assert_eq!(intent.args_digest().unwrap(), Digest::of(canonical.as_bytes()), "{levels}");
        assert_eq!(intent.warnings.len(), usize::from(levels > 127), "{levels}: {:?}", intent.warnings);
        let twice = nested(levels, r#"{" b":1,"b":2}"#);
        assert!(Intent::parse(whole(&twice, "").as_bytes()).unwrap_err().to_string().contains("args: the key \"b\""));
    }
    assert!(Intent::parse(whole(&nested(5_000, ""), "").as_bytes()).is_err());
}
