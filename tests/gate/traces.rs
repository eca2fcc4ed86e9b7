//! The trace of a decision: what it says, and every way in which it does not hold.

use crate::kit::{Place, call};
use gait::gate::trace::{DelegationRef, SkillProvenance, Trace};
use serde_json::{Value, json};

fn place() -> Place {
    let place = Place::new();
    let mut call = call("pay", json!({"n": 1}), json!([]));
    call["skill_provenance"] = json!({ "skill_name": "s", "source": "registry", "publisher": "Acme" });
    call["delegation"] = json!({ "requester_identity": "cid", "scope_class": "w", "token_refs": ["claimed"],
        "chain": [{ "delegator_identity": "ann", "delegate_identity": "cid", "scope_class": "w" }] });
    place.file("p.yaml", "default_verdict: block").file("i.json", call.to_string());
    for name in ["gate", "eve"] {
        assert_eq!(place.run(&format!("keys init --out-dir keys --prefix {name}")).0, 0);
    }
    let line = "gate eval --policy p.yaml --intent i.json --key-mode prod --private-key keys/gate_private.key --trace-out t.json";
    assert_eq!(place.run(line).0, 3);
    place
}

const VERIFY: &str = "trace verify t.json --public-key keys/gate_public.key";

#[test]
fn a_trace_says_what_was_decided_and_by_whom_it_was_asked() {
    let place = place();
    let (code, said) = place.run(VERIFY);
    assert_eq!((code, &said["signature_status"], &said["verdict"]), (0, &json!("verified"), &json!("block")), "{said}");
    let trace = place.json("t.json");
    assert_eq!((&trace["trace_id"], &trace["tool_name"]), (&said["trace_id"], &json!("pay")));
    assert_eq!(trace["skill_provenance"]["publisher"], "Acme");
    assert!(trace["latency_ms"].as_f64().unwrap() > 0.0, "{trace}");
    let asked = &trace["delegation_ref"];
    assert_eq!(
        (&asked["requester_identity"], &asked["delegation_depth"], &asked["scope_class"]),
        (&json!("cid"), &json!(1), &json!("w"))
    );
    // Claimed token ids are not proven ones.
    assert_eq!(asked.get("delegation_token_ref"), None);
    for absent in ["violations", "approval_token_ref"] {
        assert_eq!(trace.get(absent), None, "{absent}");
    }
}

#[test]
fn what_is_not_as_it_was_signed_does_not_hold() {
    let place = place();
    let trace = place.json("t.json");
    let fails = |edit: &dyn Fn(&mut Value), says: &str| {
        let mut edited = trace.clone();
        edit(&mut edited);
        place.file("t.json", edited.to_string());
        let (code, said) = place.run(VERIFY);
        assert_eq!((code, &said["signature_status"]), (2, &json!("failed")), "{says}: {said}");
        assert!(said["error"].as_str().unwrap_or_default().contains(says), "{says}: {said}");
    };
    for key in ["verdict", "created_at", "tool_name", "trace_id"] {
        let value = if key == "created_at" { json!("2020-01-01T00:00:00Z") } else { json!("allow") };
        fails(&|trace| trace[key] = value.clone(), "digest mismatch");
    }
    fails(&|trace| trace["violations"] = json!(["x"]), "digest mismatch");
    fails(&|trace| drop(trace.as_object_mut().unwrap().remove("skill_provenance")), "digest mismatch");
    // Keys that no signature covers, wherever they stand.
    fails(&|trace| trace["note"] = json!(1), ": note");
    fails(&|trace| trace["delegation_ref"]["note"] = json!(1), ": delegation_ref.note");
    fails(&|trace| trace["skill_provenance"]["note"] = json!(1), ": skill_provenance.note");
    fails(&|trace| trace["signature"]["note"] = json!(1), ": signature.note");
    fails(&|trace| drop(trace.as_object_mut().unwrap().remove("signature")), "no signature");
    fails(&|trace| trace["signature"]["alg"] = json!("none"), "unsupported alg");
    // Zero and null are as if absent, so they change nothing that is signed; the record of the decision names the file
    // by its bytes.
    let records = std::fs::read_dir(place.path("")).unwrap().map(|entry| entry.unwrap().path());
    for record in records.filter(|path| path.to_str().unwrap().contains("decision")) {
        std::fs::remove_file(record).unwrap();
    }
    let mut same = trace.clone();
    same["approval_token_ref"] = Value::Null;
    same["violations"] = json!([]);
    same["delegation_ref"]["reason_codes"] = json!([]);
    place.file("t.json", same.to_string());
    assert_eq!(place.run(VERIFY).0, 0);
}

#[test]
fn the_right_key_may_be_among_others_and_has_to_be() {
    let place = place();
    let (code, said) = place.run("trace verify t.json --public-key keys/eve_public.key");
    assert_eq!((code, &said["ok"]), (2, &json!(false)), "{said}");
    assert!(said["error"].as_str().unwrap().contains("key id mismatch"), "{said}");
    assert_eq!(place.run("trace verify t.json --trust keys").0, 0);
    // A signature of the right name by nobody.
    let mut trace = place.json("t.json");
    let sig = trace["signature"]["sig"].as_str().unwrap().to_owned();
    let flipped = if sig.starts_with('A') { sig.replacen('A', "B", 1) } else { format!("A{}", &sig[1..]) };
    trace["signature"]["sig"] = json!(flipped);
    place.file("t.json", trace.to_string());
    for line in [VERIFY, "trace verify t.json --trust keys"] {
        let (code, said) = place.run(line);
        assert_eq!((code, &said["key_id"]), (2, &trace["signature"]["key_id"]), "{said}");
    }
}

#[test]
fn what_is_empty_is_left_out_where_a_signature_depends_on_it() {
    let trace = Trace {
        delegation_ref: Some(DelegationRef::default()),
        skill_provenance: Some(SkillProvenance::default()),
        ..Trace::default()
    };
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>().join(" ");
    let said = serde_json::to_value(&trace).unwrap();
    assert_eq!(
        keys(&said),
        "args_digest created_at delegation_ref intent_digest observed_at policy_digest producer_version schema_id \
         schema_version skill_provenance tool_name trace_id verdict"
    );
    assert_eq!(
        (keys(&said["delegation_ref"]), keys(&said["skill_provenance"])),
        (String::new(), "publisher skill_name source".to_owned())
    );
}
