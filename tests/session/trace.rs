//! Signed traces: what holds, and everything that must not.

use crate::kit::Folder;
use gait::gate::seal::Fault;
use gait::gate::trace::{self, Trace};
use gait::kernel::clock::Timestamp;
use gait::sign::envelope::Refusal;
use gait::sign::key::PrivateKey;
use serde_json::{Value, json};

/// A trace with every part in it.
pub fn full(key: &PrivateKey) -> Value {
    let mut trace = trace::parse(
        json!({
            "schema_id": trace::SCHEMA, "schema_version": "1.0.0", "producer_version": "test",
            "created_at": "2026-04-10T08:30:00.100Z", "observed_at": "2026-04-10T08:30:05Z",
            "trace_id": "t1", "event_id": "e1", "tool_name": "mail.send", "args_digest": "a".repeat(64),
            "intent_digest": "b".repeat(64), "policy_digest": "c".repeat(64), "verdict": "allow",
            "violations": ["v"], "latency_ms": 1.5,
            "delegation_ref": {"requester_identity": "r", "delegation_depth": 2},
            "skill_provenance": {"skill_name": "s", "source": "git", "publisher": "p"},
        })
        .to_string()
        .as_bytes(),
    )
    .unwrap();
    trace.sign(key).unwrap();
    serde_json::to_value(&trace).unwrap()
}

fn check(trace: &Value, key: &PrivateKey) -> Result<String, Fault> {
    trace::parse(trace.to_string().as_bytes()).unwrap().verify(&[key.public()]).unwrap()
}

#[test]
fn a_signed_trace_holds_and_any_change_does_not() {
    let key = PrivateKey::generate().unwrap();
    let good = full(&key);
    assert_eq!(check(&good, &key), Ok(key.public().id()));
    for path in good.as_object().unwrap().keys().filter(|key| *key != "signature") {
        let mut changed = good.clone();
        changed[path] = match &good[path] {
            Value::String(text) if text.starts_with("2026") => json!("2026-04-10T08:30:06Z"),
            Value::String(text) => json!(format!("{text}x")),
            Value::Number(_) => json!(2),
            Value::Array(_) => json!(["w"]),
            _ => json!({}),
        };
        assert_eq!(check(&changed, &key), Err(Fault::Signature(Refusal::DigestMismatch)), "{path}");
        let mut missing = good.clone();
        missing.as_object_mut().unwrap().remove(path);
        assert_eq!(check(&missing, &key), Err(Fault::Signature(Refusal::DigestMismatch)), "{path}");
    }
}

#[test]
fn a_key_outside_the_signature_is_refused_at_any_depth() {
    let key = PrivateKey::generate().unwrap();
    for place in ["", "/delegation_ref", "/skill_provenance", "/signature"] {
        let mut changed = full(&key);
        changed.pointer_mut(place).unwrap()["note"] = json!("approved by ann");
        let dotted = format!("{place}/note").trim_start_matches('/').replace('/', ".");
        assert_eq!(check(&changed, &key), Err(Fault::UnknownKeys(vec![dotted])));
    }
}

#[test]
fn another_key_or_no_signature_does_not_do() {
    let (key, other) = (PrivateKey::generate().unwrap(), PrivateKey::generate().unwrap());
    let mut trace = full(&key);
    assert_eq!(check(&trace, &other), Err(Fault::Signature(Refusal::KeyMismatch)));
    trace["signature"]["key_id"] = json!(other.public().id());
    assert_eq!(check(&trace, &other), Err(Fault::Forged(other.public().id())));
    trace["signature"] = Value::Null;
    assert_eq!(check(&trace, &key), Err(Fault::Unsigned));
    let parsed = trace::parse(full(&key).to_string().as_bytes()).unwrap();
    assert_eq!(parsed.verify(&[other.public(), key.public()]).unwrap(), Ok(key.public().id()));
    assert!(parsed.verify(&[]).is_err());
}

#[test]
fn spellings_and_empty_members_do_not_count_but_an_empty_delegation_does() {
    let digest = |trace: Value| trace::parse(trace.to_string().as_bytes()).unwrap().signable().unwrap();
    let bare = digest(json!({}));
    let zero = json!({"observed_at": Timestamp::ZERO, "violations": [], "latency_ms": 0.0, "event_id": "", "delegation_ref": null});
    assert_eq!(digest(zero), bare);
    assert_ne!(digest(json!({"delegation_ref": {}})), bare);
    assert_eq!(digest(json!({"delegation_ref": {"delegation_depth": 0}})), digest(json!({"delegation_ref": {}})));
    assert_eq!(
        digest(json!({"created_at": "2026-01-01T00:00:00.10+00:00"})),
        digest(json!({"created_at": "2026-01-01T00:00:00.1Z"}))
    );
}

#[test]
fn what_is_no_trace_is_no_input() {
    for text in [
        "[]",
        "{",
        "{\"verdict\":1}",
        "{\"verdict\":\"a\",\"verdict\":\"b\"}",
        "{\"created_at\":\"soon\"}",
        "\u{feff}{}",
    ] {
        assert!(trace::parse(text.as_bytes()).is_err(), "{text}");
    }
    assert!(trace::parse(b"{}").is_ok());
    assert!(serde_json::to_value(Trace::default()).unwrap().get("event_id").is_none());
}

#[test]
fn the_command_tells_valid_from_changed_from_unusable() {
    let folder = Folder::new();
    folder.run("keys init --out-dir keys --prefix k").code(0);
    let key = PrivateKey::from_text(folder.text("keys/k_private.key").trim()).unwrap();
    let mut trace = full(&key);
    folder.file("t.json", trace.to_string());
    let valid = folder.run("trace verify t.json --public-key keys/k_public.key --json").code(0).json();
    assert_eq!((&valid["signature_status"], &valid["key_id"]), (&"verified".into(), &key.public().id().into()));
    folder.run("trace verify --path t.json --trust keys").code(0);
    folder.run("trace verify t.json").code(6);
    folder.run("trace verify t.json --path t.json --public-key keys/k_public.key").code(6);
    trace["verdict"] = json!("block");
    folder.file("t.json", trace.to_string());
    let changed = folder.run("trace verify t.json --public-key keys/k_public.key --json").code(2).json();
    assert_eq!((&changed["error"], &changed["verdict"]), (&"signed_digest mismatch".into(), &"block".into()));
    trace = full(&key);
    trace["note"] = json!(1);
    folder.file("t.json", trace.to_string());
    let added = folder.run("trace verify t.json --public-key keys/k_public.key").code(2).stdout;
    assert!(added.starts_with("trace verify error: ") && added.contains("note"), "{added}");
    trace = full(&PrivateKey::generate().unwrap());
    trace["signature"]["key_id"] = json!("");
    folder.file("t.json", trace.to_string());
    let forged = folder.run("trace verify t.json --public-key keys/k_public.key").code(2).stdout;
    assert_eq!(forged, "trace verify failed: t.json\nsignature status: failed\n");
}
