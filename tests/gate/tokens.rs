//! Approvals reused, edited, expired, swapped, signed by the wrong key or twice by one: none of them lets a call through.

use crate::kit::{Place, call, has};
use serde_json::{Value, json};
use std::process::Stdio;

const POLICY: &str = "
default_verdict: block
rules:
- {name: pay, effect: require_approval, min_approvals: 2, require_broker_credential: true, match: {tool_names: [pay]}}
- {name: off, effect: block, match: {tool_names: [off]}}
- {name: work, effect: allow, require_broker_credential: true, match: {tool_names: [work], require_delegation: true, delegation_scopes: [w]}}
";

struct Bench {
    place: Place,
    intent: String,
    policy: String,
}

impl Bench {
    fn new() -> Self {
        let place = Place::new();
        place.file("p.yaml", POLICY).file("i.json", call("pay", json!({"amount": 1}), json!([])).to_string());
        place.file("other.json", call("pay", json!({"amount": 2}), json!([])).to_string());
        for name in ["gate", "ann", "bob", "eve"] {
            assert_eq!(place.run(&format!("keys init --out-dir keys --prefix {name}")).0, 0);
        }
        std::fs::create_dir(place.path("people")).unwrap();
        std::fs::copy(place.path("keys/bob_public.key"), place.path("people/bob.pub")).unwrap();
        let (code, said) = place.run("gate eval --policy p.yaml --intent i.json --credential-broker stub");
        assert_eq!(code, 4);
        let text = |key: &str| said[key].as_str().unwrap().to_owned();
        let (intent, policy) = (text("intent_digest"), text("policy_digest"));
        Self { place, intent, policy }
    }

    fn approve(&self, out: &str, who: &str, key: &str, more: &str) {
        let (intent, policy) = (&self.intent, &self.policy);
        let line = format!(
            "approve --intent-digest {intent} --policy-digest {policy} --scope tool:pay --approver {who} --reason-code ok --out {out} \
             --key-mode prod --private-key keys/{key}_private.key --ttl 1h {more}"
        );
        let (code, said) = self.place.run(&line);
        assert_eq!(code, 0, "{said}");
    }

    fn line(&self, intent: &str, tokens: &str, more: &str) -> String {
        format!(
            "gate eval --policy p.yaml --intent {intent} --key-mode prod --private-key keys/gate_private.key --credential-broker stub \
             --approval-public-key keys/ann_public.key --approval-token-chain {tokens} {more}"
        )
    }

    fn eval(&self, intent: &str, tokens: &str, more: &str) -> (i32, Value) {
        self.place.run(&self.line(intent, tokens, more))
    }

    fn edit(&self, name: &str, change: impl FnOnce(&mut Value)) {
        let mut value = self.place.json(name);
        change(&mut value);
        self.place.file(name, value.to_string());
    }
}

#[test]
fn two_approvals_of_two_people_let_exactly_one_call_through() {
    let bench = Bench::new();
    bench.approve("a.json", "ann", "ann", "");
    bench.approve("b.json", "bob", "bob", "");
    let both = "--approval-trust people";
    let (code, said) = bench.eval("i.json", "a.json,b.json", both);
    assert_eq!((code, &said["verdict"]), (0, &json!("allow")), "{said}");
    let (code, said) = bench.eval("i.json", "a.json,b.json", &format!("{both} --profile oss-prod"));
    assert_eq!(code, 0, "{said}");
    let (code, said) = bench.eval("other.json", "a.json,b.json", both);
    assert_eq!(code, 4);
    assert!(has(&said, "approval_token_intent_mismatch"));
    bench.place.file("p.yaml", POLICY.replace("min_approvals: 2", "min_approvals: 2, reason_codes: [x]"));
    let (code, said) = bench.eval("i.json", "a.json,b.json", both);
    assert_eq!(code, 4);
    assert!(has(&said, "approval_token_policy_mismatch"));
}

#[test]
fn what_is_not_two_approvals_is_refused_with_its_reason() {
    let bench = Bench::new();
    let refused = |tokens: &str, more: &str, reason: &str| {
        let (code, said) = bench.eval("i.json", tokens, more);
        assert_eq!((code, &said["verdict"]), (4, &json!("require_approval")), "{reason}: {said}");
        assert!(has(&said, reason), "{reason}: {said}");
    };
    bench.approve("a.json", "ann", "ann", "");
    // The same token under two names.
    std::fs::copy(bench.place.path("a.json"), bench.place.path("copy.json")).unwrap();
    refused("a.json,copy.json", "", "approval_token_duplicate");
    refused("a.json,copy.json", "", "approval_chain_insufficient");
    // One person twice, also under another spelling.
    bench.approve("again.json", "Ann", "ann", "");
    refused("a.json,again.json", "", "approval_distinct_approvers_required");
    // One key for two people counts for one where it matters.
    bench.approve("forged.json", "bob", "ann", "");
    refused("a.json,forged.json", "--profile oss-prod", "approval_distinct_keys_required");
    bench.approve("eve.json", "eve", "eve", "");
    refused("a.json,eve.json", "", "approval_token_signature_invalid");
    bench.approve("edited.json", "cid", "ann", "");
    bench.edit("edited.json", |token| token["approver_identity"] = json!("dan"));
    refused("a.json,edited.json", "", "approval_token_signature_invalid");
    bench.approve("extra.json", "cid", "ann", "");
    bench.edit("extra.json", |token| token["note"] = json!("unsigned"));
    refused("a.json,extra.json", "", "approval_token_invalid");
    bench.approve("bare.json", "cid", "ann", "");
    bench.edit("bare.json", |token| drop(token.as_object_mut().unwrap().remove("signature")));
    refused("a.json,bare.json", "", "approval_token_signature_missing");
    bench.approve("short.json", "cid", "ann", "--ttl 1ns");
    refused("a.json,short.json", "", "approval_token_expired");
    bench.approve("scope.json", "cid", "ann", "--scope tool:other");
    refused("a.json,scope.json", "", "approval_token_scope_mismatch");
}

#[test]
fn an_approval_that_let_a_call_through_is_spent() {
    let bench = Bench::new();
    bench.approve("a.json", "ann", "ann", "");
    bench.approve("b.json", "bob", "bob", "");
    let once = "--approval-trust people --spent-approvals l.json";
    // Neither a look nor a call that is refused spends anything.
    assert_eq!(bench.eval("i.json", "a.json,b.json", &format!("{once} --simulate")).0, 0);
    assert_eq!(bench.eval("i.json", "a.json", once).0, 4);
    assert!(!bench.place.path("l.json").exists());
    assert_eq!(bench.eval("i.json", "a.json,b.json", once).0, 0);
    std::fs::copy(bench.place.path("b.json"), bench.place.path("copy.json")).unwrap();
    bench.approve("c.json", "cid", "bob", "");
    for tokens in ["a.json,b.json", "copy.json,c.json"] {
        let (code, said) = bench.eval("i.json", tokens, &format!("{once} --approval-audit-out audit.json"));
        assert_eq!((code, &said["verdict"]), (4, &json!("require_approval")), "{said}");
        assert!(has(&said, "approval_token_spent") && has(&said, "approval_chain_insufficient"), "{said}");
        assert!(bench.place.json("audit.json")["entries"].to_string().contains("approval_token_spent"));
    }
    // The profile for production keeps a ledger without being told.
    let strict = "--approval-trust people --profile oss-prod";
    assert_eq!(bench.eval("i.json", "a.json,b.json", strict).0, 0);
    assert!(has(&bench.eval("i.json", "a.json,b.json", strict).1, "approval_token_spent"));
    // A ledger that cannot be read lets nothing through, and the decision is on record.
    bench.place.file("l.json", "{");
    assert_eq!(bench.eval("i.json", "a.json,b.json", &format!("{once} --trace-out t.json")).0, 6);
    assert_eq!(bench.place.json("t.json")["verdict"], "require_approval");
}

#[test]
fn of_sixteen_calls_with_the_same_approvals_one_proceeds() {
    let bench = Bench::new();
    bench.approve("a.json", "ann", "ann", "");
    bench.approve("b.json", "bob", "bob", "");
    let child = |at: usize| {
        let more = format!("--approval-trust people --spent-approvals l.json --trace-out t{at}.json");
        bench.place.command(&bench.line("i.json", "a.json,b.json", &more)).stdout(Stdio::null()).spawn().unwrap()
    };
    let mut children: Vec<_> = (0..16).map(child).collect();
    let codes: Vec<i32> = children.iter_mut().map(|child| child.wait().unwrap().code().unwrap()).collect();
    assert_eq!(codes.iter().filter(|code| **code == 0).count(), 1, "{codes:?}");
    assert_eq!(codes.iter().filter(|code| **code == 4).count(), 15, "{codes:?}");
    assert_eq!(bench.place.json("l.json")["spent"].as_array().unwrap().len(), 2);
}

#[test]
fn a_blocked_call_is_never_exit_0() {
    let bench = Bench::new();
    bench.place.file("off.json", call("off", json!({}), json!([])).to_string());
    bench.place.file("none.json", call("none", json!({}), json!([])).to_string());
    bench.approve("star.json", "ann", "ann", "--scope *");
    for intent in ["off.json", "none.json"] {
        let (code, said) = bench.eval(intent, "star.json", "");
        assert_eq!((code, &said["verdict"]), (3, &json!("block")), "{said}");
    }
    // A token that cannot be read is an error, and the decision is on record all the same.
    bench.approve("a.json", "ann", "ann", "");
    let (code, said) = bench.eval("i.json", "a.json,absent.json", "--trace-out t.json");
    assert_eq!(code, 6, "{said}");
    assert_eq!(bench.place.json("t.json")["verdict"], "require_approval");
}

#[test]
fn the_kill_switch_stops_what_it_names_and_everything_when_broken() {
    let place = Place::new();
    place
        .file("p.yaml", "default_verdict: allow")
        .file("i.json", call("pay", json!({}), json!([{"kind": "path", "value": "/srv/a/../b"}])).to_string());
    std::fs::create_dir(place.path(".gait")).unwrap();
    let said = |state: &str| {
        place.file(".gait/kill_switch.yaml", state);
        let (code, said) = place.run("gate eval --policy p.yaml --intent i.json");
        (code, said["reason_codes"].clone())
    };
    assert_eq!(said("stop:").0, 0);
    assert_eq!(said("stop: [{name: n, tools: [other]}]").0, 0);
    assert_eq!(said("stop: [{name: n, tools: [pay], expires_at: 2020-01-01T00:00:00Z}]").0, 0);
    let stopped = (3, json!(["default_allow", "kill_switch_engaged"]));
    for state in [
        "{name: n, tools: ['p*']}",
        "{name: n, paths: [/srv/b/**]}",
        "{name: n, agents: [u]}",
        "{name: n, workspaces: [/w/]}",
        "{name: n, all: true}",
    ] {
        assert_eq!(said(&format!("stop: [{state}]")), stopped, "{state}");
    }
    for state in ["", "{}", "stop: [{name: n}]", "stop: [", "halt: []", "stop: [{name: n, tool: [pay]}]"] {
        assert_eq!(said(state), (3, json!(["default_allow", "kill_switch_state_unreadable"])), "{state}");
    }
    let (code, _) = place.run("gate eval --policy p.yaml --intent i.json --kill-switch-state absent.yaml");
    assert_eq!(code, 3);
}

#[test]
fn a_freeze_window_stops_calls_while_it_is_open() {
    let place = Place::new();
    place.file("i.json", call("pay", json!({}), json!([])).to_string());
    place.file("p.yaml", "default_verdict: allow\nfreeze_windows:\n- {name: y, start: 2026-12-20T00:00:00Z, end: 2027-01-03T00:00:00Z, match: {tool_names: [pay]}}\n");
    for (time, code) in [
        ("2026-12-19T23:59:59Z", 0),
        ("2026-12-20T00:00:00Z", 3),
        ("2027-01-02T23:00:00Z", 3),
        ("2027-01-03T00:00:00Z", 0),
    ] {
        assert_eq!(
            place.run(&format!("gate eval --policy p.yaml --intent i.json --evaluation-time {time}")).0,
            code,
            "{time}"
        );
        assert_eq!(place.run(&format!("policy test p.yaml i.json --evaluation-time {time}")).0, code, "{time}");
    }
}

#[test]
fn simulation_never_replaces_a_real_trace() {
    let place = Place::new();
    place.file("i.json", call("pay", json!({}), json!([])).to_string()).file("p.yaml", "default_verdict: allow");
    assert_eq!(place.run("gate eval --policy p.yaml --intent i.json --trace-out t.json").0, 0);
    let real = place.json("t.json");
    assert_eq!(place.run("gate eval --policy p.yaml --intent i.json --trace-out t.json --simulate").0, 6);
    assert_eq!(place.json("t.json"), real);
    let (_, said) = place.run("gate eval --policy p.yaml --intent i.json --simulate");
    let trace = said["trace_path"].as_str().unwrap();
    assert!(trace.starts_with("simulated_trace_"));
    assert_eq!(place.json(trace)["violations"], json!(["simulate_mode_non_enforcing"]));
}

#[test]
fn the_key_of_approvals_is_named_or_the_gate_s_own() {
    let bench = Bench::new();
    let eval = |tokens: &str, more: &str| {
        let line = format!(
            "gate eval --policy p.yaml --intent i.json --key-mode prod --private-key keys/gate_private.key --credential-broker stub \
             --approval-token-chain {tokens} {more}"
        );
        bench.place.run(&line)
    };
    bench.approve("a.json", "ann", "gate", "");
    bench.approve("b.json", "bob", "gate", "");
    assert_eq!(eval("a.json,b.json", "").0, 0);
    let (code, said) = eval("a.json,b.json", "--profile oss-prod");
    assert_eq!(code, 6);
    assert!(said["error"].as_str().unwrap().contains("explicit key to check approval with"), "{said}");
    let (code, said) = eval("a.json,b.json", "--approval-public-key keys/ann_public.key");
    assert_eq!((code, has(&said, "approval_token_signature_invalid")), (4, true), "{said}");
    // Without a token too the key has to be named.
    let (code, said) = bench.place.run("gate eval --policy p.yaml --intent i.json --credential-broker stub");
    assert_eq!((code, has(&said, "approval_token_missing")), (4, true), "{said}");
}

#[test]
fn an_approval_of_a_delegated_call_is_for_that_delegation() {
    let bench = Bench::new();
    let delegated = |who: &str| {
        let mut call = call("pay", json!({"amount": 1}), json!([]));
        call["delegation"] = json!({ "requester_identity": who, "scope_class": "w", "chain": [] });
        call
    };
    bench.place.file("d.json", delegated("cid").to_string());
    let (_, said) = bench.place.run("gate eval --policy p.yaml --intent d.json --trace-out d-trace.json");
    let binding = bench.place.json("d-trace.json")["delegation_ref"]["chain_digest"].as_str().unwrap().to_owned();
    let intent = said["intent_digest"].as_str().unwrap();
    for (out, who, more) in [
        ("a.json", "ann", format!("--delegation-binding-digest {binding}")),
        ("b.json", "bob", format!("--delegation-binding-digest {binding}")),
        ("loose.json", "bob", String::new()),
        ("other.json", "bob", format!("--delegation-binding-digest {}", "a".repeat(64))),
    ] {
        bench.approve(out, who, "ann", &format!("--intent-digest {intent} {more}"));
    }
    assert_eq!(bench.eval("d.json", "a.json,b.json", "").0, 0);
    for token in ["loose.json", "other.json"] {
        let (code, said) = bench.eval("d.json", &format!("a.json,{token}"), "");
        assert_eq!((code, has(&said, "approval_token_delegation_binding_mismatch")), (4, true), "{said}");
    }
}

#[test]
fn the_audit_says_what_became_of_each_approval() {
    let bench = Bench::new();
    bench.approve("a.json", "ann", "ann", "--scope x,*");
    bench.approve("b.json", "bob", "eve", "");
    let audit = |tokens: &str| {
        bench.eval("i.json", tokens, "--approval-audit-out audit.json");
        bench.place.json("audit.json")
    };
    let said = audit("a.json,b.json");
    let told = |key: &str| said[key].clone();
    assert_eq!(
        (told("required_approvals"), told("valid_approvals"), told("approved")),
        (json!(2), json!(1), json!(false))
    );
    assert_eq!(told("approvers"), json!(["ann"]));
    let entries = said["entries"].as_array().unwrap();
    let mut ids: Vec<&str> = entries.iter().map(|entry| entry["token_id"].as_str().unwrap()).collect();
    assert!(ids.is_sorted(), "{ids:?}");
    ids.dedup();
    assert_eq!(ids.len(), 2);
    for entry in entries {
        let good = entry["approver_identity"] == "ann";
        assert_eq!((&entry["valid"], entry.get("error_code").is_none()), (&json!(good), good), "{entry}");
        assert_eq!(entry["scope"], if good { json!(["*", "x"]) } else { json!(["tool:pay"]) });
        assert_eq!(entry["reason_code"], "ok");
    }
}

#[test]
fn a_token_that_lacks_something_is_malformed_and_its_id_is_that_of_what_it_grants() {
    let bench = Bench::new();
    bench.approve("good.json", "ann", "ann", "");
    bench.approve("a.json", "bob", "bob", "");
    let token = bench.place.json("a.json");
    let text = |key: &str| token[key].as_str().unwrap();
    let granted = format!("{}:{}:bob:ok:tool:pay:{}", text("intent_digest"), text("policy_digest"), text("expires_at"));
    let id = gait::kernel::digest::Digest::of(granted.as_bytes()).to_string();
    assert_eq!(text("token_id"), &id[..24]);
    for (key, value) in [
        ("approver_identity", json!(" ")),
        ("reason_code", json!("")),
        ("scope", json!([" "])),
        ("intent_digest", json!("")),
        ("policy_digest", json!("abc")),
        ("delegation_binding_digest", json!("abc")),
        ("token_id", json!(" ")),
        ("created_at", json!("0001-01-01T00:00:00Z")),
        ("expires_at", json!("0001-01-01T00:00:00Z")),
        ("schema_id", json!("gait.gate.delegation_token")),
        ("schema_version", json!("2.0.0")),
    ] {
        bench.place.file("bad.json", token.to_string());
        bench.edit("bad.json", |token| token[key] = value.clone());
        let (code, said) = bench.eval("i.json", "good.json,bad.json", "--approval-trust people");
        assert_eq!((code, has(&said, "approval_token_invalid")), (4, true), "{key}: {said}");
    }
    // Case and blanks around are no change; an absent schema is the usual one.
    bench.edit("a.json", |token| {
        token["scope"] = json!([" TOOL:pay "]);
        token["approver_identity"] = json!(" bob ");
        drop(token.as_object_mut().unwrap().remove("schema_id"));
    });
    assert_eq!(bench.eval("i.json", "good.json,a.json", "--approval-trust people").0, 0);
}

#[cfg(unix)]
#[test]
fn a_ledger_under_another_name_is_the_same_ledger_or_none() {
    let bench = Bench::new();
    let eval = |token: &str, ledger: &str| {
        let line = format!("--approval-trust people --spent-approvals {ledger}");
        bench.eval("i.json", &format!("{token},b.json"), &line)
    };
    let symlink = |to: &str, name: &str| std::os::unix::fs::symlink(to, bench.place.path(name)).unwrap();
    let fresh = |name: &str| {
        bench.approve(name, "ann", "ann", "");
        bench.approve("b.json", "bob", "bob", "");
    };
    fresh("a.json");
    assert_eq!(eval("a.json", "l.json").0, 0);
    symlink("l.json", "link.json");
    symlink(".", "here");
    fresh("c.json");
    assert_eq!(eval("c.json", "link.json").0, 0);
    for ledger in ["l.json", "link.json", "./here/l.json", bench.place.path("l.json").to_str().unwrap()] {
        let (code, said) = eval("c.json", ledger);
        assert_eq!((code, has(&said, "approval_token_spent")), (4, true), "{ledger}: {said}");
    }
    // What cannot be the one ledger lets nothing through.
    symlink("gone/l.json", "dangling.json");
    symlink("loop.json", "loop.json");
    std::fs::hard_link(bench.place.path("l.json"), bench.place.path("hard.json")).unwrap();
    std::fs::create_dir(bench.place.path("folder")).unwrap();
    bench.place.file("other.txt", r#"{"schema_id": "other", "schema_version": "1.0.0", "spent": []}"#);
    fresh("d.json");
    for ledger in ["dangling.json", "loop.json", "hard.json", "folder", "other.txt", "/dev/null"] {
        let (code, said) = eval("d.json", ledger);
        assert!(![0, 4].contains(&code), "{ledger}: {said}");
        assert!(said["error"].as_str().unwrap().contains(ledger.trim_end_matches(".json")), "{ledger}: {said}");
    }
}

#[test]
fn a_decision_that_cannot_be_written_where_it_was_told_spends_nothing() {
    let bench = Bench::new();
    bench.approve("a.json", "ann", "ann", "");
    bench.approve("b.json", "bob", "bob", "");
    std::fs::create_dir(bench.place.path("taken")).unwrap();
    let eval = |more: &str| {
        bench.eval("i.json", "a.json,b.json", &format!("--approval-trust people --spent-approvals l.json {more}"))
    };
    for more in [
        "--trace-out ../t.json",
        "--decision-out taken",
        "--approval-audit-out taken",
        "--trace-out t.json --decision-out ./t.json",
    ] {
        assert_eq!(eval(more).0, 6, "{more}");
    }
    assert!(!bench.place.path("l.json").exists());
    assert_eq!(eval("").0, 0);
}

#[test]
fn an_audit_never_says_approved_of_a_call_that_still_needs_approval() {
    let bench = Bench::new();
    bench
        .place
        .file("p.yaml", POLICY.replace("min_approvals: 2", "min_approvals: 2, require_distinct_approvers: true"));
    let (_, said) = bench.eval("i.json", "absent.json", "");
    assert_eq!(said.get("verdict"), None);
    let (_, said) = bench.place.run("gate eval --policy p.yaml --intent i.json");
    let digest = said["policy_digest"].as_str().unwrap();
    let approve = |out: &str, who: &str| bench.approve(out, who, "ann", &format!("--policy-digest {digest}"));
    approve("a.json", "ann");
    approve("again.json", "Ann");
    approve("b.json", "bob");
    bench.place.file("broken.json", "{");
    std::fs::create_dir_all(bench.place.path("kept.json.lock")).unwrap();
    for (tokens, more) in [
        ("a.json,again.json", ""),
        ("a.json,b.json,gone.json", ""),
        ("a.json,b.json", "--spent-approvals broken.json"),
        ("a.json,b.json", "--spent-approvals kept.json"),
    ] {
        let (code, said) =
            bench.eval("i.json", tokens, &format!("{more} --trace-out t.json --approval-audit-out audit.json"));
        assert_ne!(code, 0, "{said}");
        let (trace, audit) = (bench.place.json("t.json"), bench.place.json("audit.json"));
        assert_eq!(
            (&trace["verdict"], &audit["approved"], &audit["valid_approvals"]),
            (&json!("require_approval"), &json!(false), &json!(2)),
            "{tokens} {more}: {audit}"
        );
        assert!(!audit.to_string().contains("approval_token_spent"), "{audit}");
        assert_eq!(trace.get("approval_token_ref"), None, "{trace}");
    }
    let (code, _) = bench.eval("i.json", "a.json,b.json", "--approval-audit-out audit.json");
    assert_eq!((code, &bench.place.json("audit.json")["approved"]), (0, &json!(true)));
}

#[test]
fn a_ledger_forgets_what_has_long_ended_and_grows_as_it_has_to() {
    let bench = Bench::new();
    bench.approve("a.json", "ann", "ann", "");
    bench.approve("b.json", "bob", "bob", "");
    let entry =
        |at: usize, time: &str| json!({"token_id": "t", "signed_digest": format!("{at:064}"), "expires_at": time});
    let now = gait::kernel::clock::Clock::system().now();
    let (just, soon) = (now.plus_seconds(-60).to_string(), now.plus_seconds(3600).to_string());
    let mut spent: Vec<Value> = (0..8000).map(|at| entry(at, "2020-01-01T00:00:00Z")).collect();
    spent.extend([entry(9000, &just), entry(9001, &soon)]);
    let ledger = json!({"schema_id": "gait.gate.spent_approvals", "schema_version": "1.0.0", "spent": spent});
    bench.place.file("l.json", ledger.to_string());
    let more = "--approval-trust people --spent-approvals l.json";
    assert_eq!(bench.eval("i.json", "a.json,b.json", more).0, 0);
    // An approval that has just ended may still be under way in another process.
    assert_eq!(bench.place.json("l.json")["spent"].as_array().unwrap().len(), 4);
    assert!(has(&bench.eval("i.json", "a.json,b.json", more).1, "approval_token_spent"));
}
