//! `gait verify chain`: a runpack and a trace that go together, or do not.

use crate::kit::{Folder, Ran, decision};
use crate::trace::full;
use gait::gate::trace;
use gait::sign::key::PrivateKey;
use serde_json::{Value, json};

/// A checkpoint of one call, its trace id `t1`, of the tool and with the digest that the trace names.
fn folder() -> (Folder, PrivateKey) {
    let folder = Folder::new();
    let mut session = folder.session();
    let call = decision("mail.send").trace("t1", "t.json").digests(&"b".repeat(64), "").unwrap();
    session.append(call).unwrap();
    drop(session);
    folder.run("keys init --out-dir keys --prefix k").code(0);
    folder.run("run session checkpoint --journal j.jsonl --out one.zip --private-key keys/k_private.key").code(0);
    let key = PrivateKey::from_text(folder.text("keys/k_private.key").trim()).unwrap();
    (folder, key)
}

fn verify(folder: &Folder, trace: &Value) -> Ran {
    folder.file("t.json", trace.to_string());
    folder.run("verify chain --run one.zip --trace t.json --public-key keys/k_public.key --json")
}

/// The trace changed and signed again.
fn resigned(key: &PrivateKey, member: &str, value: Value) -> Value {
    let mut changed = full(key);
    changed[member] = value;
    let mut parsed = trace::parse(changed.to_string().as_bytes()).unwrap();
    parsed.sign(key).unwrap();
    serde_json::to_value(parsed).unwrap()
}

#[test]
fn a_trace_of_the_runs_own_call_holds() {
    let (folder, key) = folder();
    let found = verify(&folder, &full(&key)).code(0).json();
    assert_eq!((&found["run"]["ok"], &found["trace"]["ok"]), (&true.into(), &true.into()));
    assert_eq!(found["trace"].get("warnings"), None);
}

#[test]
fn a_well_signed_trace_of_something_else_is_reported() {
    let (folder, key) = folder();
    for (member, value, told) in [
        ("trace_id", json!("t9"), "no call of trace t9"),
        ("tool_name", json!("mail.read"), "of tool mail.send"),
        ("intent_digest", json!("d".repeat(64)), "intent digest"),
        ("verdict", json!("block"), "verdict is allow"),
    ] {
        let found = verify(&folder, &resigned(&key, member, value)).code(2).json();
        assert_eq!((&found["run"]["ok"], &found["trace"]["ok"]), (&true.into(), &false.into()), "{member}");
        assert_eq!(found["trace"]["signature_status"], "verified");
        let why = found["trace"]["run_mismatches"][0].as_str().unwrap();
        assert!(why.contains(told), "{why}");
    }
}

#[test]
fn a_run_that_names_no_trace_is_said_to_prove_nothing() {
    let (folder, key) = folder();
    folder.run("demo").code(0);
    folder.file("t.json", full(&key).to_string());
    let line = "verify chain --run run_demo --trace t.json --trust keys --json";
    let found = folder.run(line).code(0).json();
    assert!(found["trace"]["warnings"][0].as_str().unwrap().contains("names no traces"), "{found}");
}

#[test]
fn an_error_keeps_what_was_verified_before_it() {
    let (folder, key) = folder();
    folder.file("t.json", full(&key).to_string());
    let keyless = folder.run("verify chain --run one.zip --trace t.json --json").code(6).json();
    assert_eq!((&keyless["run"]["ok"], keyless.get("trace")), (&true.into(), None));
    let missing = folder.run("verify chain --run none.zip --json").code(6).json();
    assert_eq!(missing["run"], json!({"ok": false}));
    folder.run("verify chain --run one.zip --pack one.zip").code(6);
}
