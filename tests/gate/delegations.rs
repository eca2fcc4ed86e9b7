//! Delegations that do not prove what a call claims: each refused with its reason, none of them exit 0.

use crate::kit::{Place, call};
use serde_json::{Value, json};

const POLICY: &str = "
default_verdict: block
rules:
- name: work
  effect: allow
  require_broker_credential: true
  match: { tool_names: [work], require_delegation: true, delegation_scopes: [w] }
- { name: other, effect: allow, require_broker_credential: true, match: { tool_names: [other], require_delegation: true } }
";

/// `ann` lets `bob` act, and `bob` lets `cid`, who calls.
fn chain() -> Value {
    json!([
        { "delegator_identity": "ann", "delegate_identity": "bob", "scope_class": "w" },
        { "delegator_identity": "bob", "delegate_identity": "cid", "scope_class": "w" },
    ])
}

fn delegated(tool: &str, chain: Value) -> Value {
    let mut call = call(tool, json!({}), json!([]));
    call["delegation"] = json!({ "requester_identity": "cid", "scope_class": "w", "chain": chain });
    call
}

struct Bench {
    place: Place,
    /// Digests of call and policy, as flags.
    bound: String,
}

impl Bench {
    fn new() -> Self {
        let place = Place::new();
        place.file("p.yaml", POLICY).file("i.json", delegated("work", chain()).to_string());
        for name in ["gate", "ann", "eve"] {
            assert_eq!(place.run(&format!("keys init --out-dir keys --prefix {name}")).0, 0);
        }
        let bound = bound(&place, "i.json");
        Self { place, bound }
    }

    fn mint(&self, out: &str, from: &str, to: &str, more: &str) {
        let line = format!(
            "delegate mint --delegator {from} --delegate {to} --scope w --ttl 1h --out {out} --key-mode prod \
             --private-key keys/ann_private.key {more}"
        );
        let (code, said) = self.place.run(&line);
        assert_eq!(code, 0, "{said}");
    }

    /// Both links, each bound to this call under this policy.
    fn links(&self) {
        self.mint("1.json", "ann", "bob", &self.bound);
        self.mint("2.json", "bob", "cid", &self.bound);
    }

    fn eval(&self, intent: &str, tokens: &str, more: &str) -> (i32, Value) {
        let tokens = if tokens.is_empty() { String::new() } else { format!("--delegation-token-chain {tokens}") };
        let line = format!(
            "gate eval --policy p.yaml --intent {intent} --key-mode prod --private-key keys/gate_private.key \
             --credential-broker stub --delegation-audit-out audit.json {tokens} {more}"
        );
        self.place.run(&line)
    }

    #[track_caller]
    fn allowed(&self, intent: &str, tokens: &str, more: &str) {
        let (code, said) = self.eval(intent, tokens, more);
        assert_eq!((code, &said["verdict"]), (0, &json!("allow")), "{said}");
        let reasons = said["reason_codes"].as_array().unwrap();
        assert!(reasons.contains(&json!("delegation_granted")), "{said}");
    }

    #[track_caller]
    fn blocked(&self, intent: &str, tokens: &str, more: &str, reason: &str) {
        let (code, said) = self.eval(intent, tokens, more);
        assert_eq!((code, &said["verdict"]), (3, &json!("block")), "{reason}: {said}");
        let reasons = said["reason_codes"].as_array().unwrap();
        assert!(reasons.contains(&json!(reason)), "{reason}: {said}");
        assert!(!reasons.contains(&json!("delegation_granted")), "{said}");
        let audit = self.place.json("audit.json");
        assert_eq!((&audit["delegated"], &audit["delegation_required"]), (&json!(false), &json!(true)), "{audit}");
    }
}

fn bound(place: &Place, intent: &str) -> String {
    let (_, said) = place.run(&format!("policy test p.yaml {intent}"));
    let text = |key: &str| said[key].as_str().unwrap().to_owned();
    format!("--intent-digest {} --policy-digest {}", text("intent_digest"), text("policy_digest"))
}

const KEY: &str = "--delegation-public-key keys/ann_public.key";
const STRICT: &str = "--profile oss-prod --delegation-public-key keys/ann_public.key";

#[test]
fn oss_prod_wants_a_valid_token_for_every_link() {
    let bench = Bench::new();
    bench.links();
    for tokens in ["1.json,2.json", "2.json,1.json"] {
        bench.allowed("i.json", tokens, STRICT);
    }
    let audit = bench.place.json("audit.json");
    assert_eq!((&audit["valid_delegations"], &audit["delegated"]), (&json!(2), &json!(true)));
    let names: Vec<&str> =
        audit["entries"].as_array().unwrap().iter().map(|e| e["delegator_identity"].as_str().unwrap()).collect();
    assert_eq!(names, ["ann", "bob"]);
    for tokens in ["1.json", "2.json"] {
        bench.blocked("i.json", tokens, STRICT, "delegation_chain_insufficient");
    }
    bench.blocked("i.json", "", STRICT, "delegation_token_missing");
    // The same token under two names proves its link once.
    std::fs::copy(bench.place.path("2.json"), bench.place.path("copy.json")).unwrap();
    bench.blocked("i.json", "2.json,copy.json", STRICT, "delegation_token_duplicate");
    bench.blocked("i.json", "2.json,copy.json", STRICT, "delegation_chain_insufficient");
    // Two tokens for one link prove one link.
    bench.mint("2b.json", "bob", "cid", &format!("{} --scope *", bench.bound));
    bench.blocked("i.json", "2.json,2b.json", STRICT, "delegation_chain_insufficient");
    // Otherwise the last link is enough, and the first is not.
    bench.allowed("i.json", "2.json", KEY);
    bench.blocked("i.json", "1.json", KEY, "delegation_token_delegator_mismatch");
}

#[test]
fn a_chain_has_to_connect_and_to_be_alive() {
    let bench = Bench::new();
    let link = |from: &str, to: &str, until: &str| json!({ "delegator_identity": from, "delegate_identity": to, "scope_class": "w", "expires_at": until });
    let later = "2999-01-01T00:00:00Z";
    for (name, chain, strict, standard) in [
        ("gap", json!([link("ann", "bob", later), link("eve", "cid", later)]), "delegation_chain_broken", None),
        (
            "end",
            json!([link("ann", "bob", later)]),
            "delegation_chain_broken",
            Some("delegation_token_delegate_mismatch"),
        ),
        (
            "old",
            json!([link("ann", "bob", "2020-01-01T00:00:00Z"), link("bob", "cid", later)]),
            "delegation_link_expired",
            Some("delegation_link_expired"),
        ),
    ] {
        let intent = format!("{name}.json");
        bench.place.file(&intent, delegated("work", chain.clone()).to_string());
        let bound = bound(&bench.place, &intent);
        let mut tokens = Vec::new();
        for (at, link) in chain.as_array().unwrap().iter().enumerate() {
            let text = |key: &str| link[key].as_str().unwrap().to_owned();
            tokens.push(format!("{name}{at}.json"));
            bench.mint(&tokens[at], &text("delegator_identity"), &text("delegate_identity"), &bound);
        }
        bench.blocked(&intent, &tokens.join(","), STRICT, strict);
        match standard {
            Some(reason) => bench.blocked(&intent, &tokens.join(","), KEY, reason),
            None => bench.allowed(&intent, &tokens.join(","), KEY),
        }
    }
    // The delegation as a whole may end too.
    let mut ended = delegated("work", chain());
    ended["delegation"]["expires_at"] = json!("2020-01-01T00:00:00Z");
    bench.place.file("ended.json", ended.to_string());
    bench.links();
    bench.blocked("ended.json", "1.json,2.json", KEY, "delegation_link_expired");
    // Without a chain one token for the caller has to be there.
    bench.place.file("bare.json", delegated("other", json!([])).to_string());
    let bound = bound(&bench.place, "bare.json");
    bench.mint("bare1.json", "whoever", "cid", &format!("{bound} --scope tool:other"));
    bench.allowed("bare.json", "bare1.json", STRICT);
    bench.mint("bare2.json", "whoever", "dan", &format!("{bound} --scope tool:other"));
    bench.blocked("bare.json", "bare2.json", STRICT, "delegation_token_delegate_mismatch");
}

#[test]
fn a_token_that_is_not_for_this_call_does_not_count() {
    let bench = Bench::new();
    bench.links();
    let [a, b] = ["a", "b"].map(|digit| digit.repeat(64));
    let (intent, policy) = bench.bound.split_once(" --policy").unwrap();
    let policy = format!("--policy{policy}");
    let foreign = |more: String| format!("{} {more}", bench.bound);
    for (name, more, reason, strict_only) in [
        ("unbound", String::new(), "delegation_token_intent_mismatch", true),
        ("no-intent", policy, "delegation_token_intent_mismatch", true),
        ("no-policy", intent.to_owned(), "delegation_token_policy_mismatch", true),
        ("other-intent", foreign(format!("--intent-digest {a}")), "delegation_token_intent_mismatch", false),
        ("other-policy", foreign(format!("--policy-digest {b}")), "delegation_token_policy_mismatch", false),
        ("short", foreign("--ttl 1ns".into()), "delegation_token_expired", false),
        ("scope", foreign("--scope tool:other".into()), "delegation_token_scope_mismatch", false),
        ("scope2", foreign("--scope ww".into()), "delegation_token_scope_mismatch", false),
        ("key", foreign("--private-key keys/eve_private.key".into()), "delegation_token_signature_invalid", false),
    ] {
        let out = format!("{name}.json");
        bench.mint(&out, "bob", "cid", &more);
        bench.blocked("i.json", &format!("1.json,{out}"), STRICT, reason);
        let entries = bench.place.json("audit.json")["entries"].clone();
        let codes: Vec<&Value> = entries.as_array().unwrap().iter().filter_map(|e| e.get("error_code")).collect();
        assert_eq!(codes, [reason], "{name}");
        match strict_only {
            true => bench.allowed("i.json", &out, KEY),
            false => bench.blocked("i.json", &out, KEY, reason),
        }
    }
    for (name, scope) in [("star", "*"), ("tool", "tool:work"), ("class", "x,w")] {
        let out = format!("{name}.json");
        bench.mint(&out, "bob", "cid", &foreign(format!("--scope {scope}")));
        bench.allowed("i.json", &format!("1.json,{out}"), STRICT);
    }
    // Edited, unsigned, with unsigned keys.
    let edited = |reason: &str, edit: fn(&mut Value)| {
        let mut token = bench.place.json("2.json");
        edit(&mut token);
        bench.place.file("edited.json", token.to_string());
        bench.blocked("i.json", "1.json,edited.json", STRICT, reason);
        bench.blocked("i.json", "edited.json", KEY, reason);
    };
    edited("delegation_token_signature_invalid", |token| token["scope"] = json!(["*"]));
    edited("delegation_token_signature_missing", |token| drop(token.as_object_mut().unwrap().remove("signature")));
    edited("delegation_token_invalid", |token| token["note"] = json!("x"));
    edited("delegation_token_invalid", |token| token["delegator_identity"] = json!(" "));
    edited("delegation_token_invalid", |token| token["delegate_identity"] = json!(" "));
    edited("delegation_token_invalid", |token| token["scope"] = json!([" "]));
    edited("delegation_token_invalid", |token| token["intent_digest"] = json!("abc"));
    edited("delegation_token_invalid", |token| token["policy_digest"] = json!("abc"));
    let token = bench.place.json("2.json");
    let text = |key: &str| token[key].as_str().unwrap();
    let granted = format!("bob:cid:w::{}:{}:{}", text("intent_digest"), text("policy_digest"), text("expires_at"));
    let id = gait::kernel::digest::Digest::of(granted.as_bytes()).to_string();
    assert_eq!(text("token_id"), &id[..24]);
    // The reason is about the link that the token names, also beside one that resembles it.
    let link = |to: &str| json!({ "delegator_identity": "bob", "delegate_identity": to, "scope_class": "w" });
    bench.place.file("round.json", delegated("work", json!([link("bob"), link("cid")])).to_string());
    bench.blocked("round.json", "no-intent.json", STRICT, "delegation_token_intent_mismatch");
    // One that cannot be read is an error after the decision is on record.
    let (code, said) = bench.eval("i.json", "1.json,2.json,gone.json", &format!("{STRICT} --trace-out t.json"));
    assert_eq!(code, 6, "{said}");
    let trace = bench.place.json("t.json");
    assert_eq!((&trace["verdict"], &trace["delegation_ref"]["delegation_token_ref"]), (&json!("block"), &Value::Null));
}

#[test]
fn the_key_that_counts_is_named_or_the_gate_s_own() {
    let bench = Bench::new();
    bench.links();
    let (code, said) = bench.eval("i.json", "1.json,2.json", "--profile oss-prod");
    assert_eq!(code, 6, "{said}");
    assert!(said["error"].as_str().unwrap().contains("explicit key to check delegation with"), "{said}");
    // The keys of approvals do where delegations have none of their own, and only there.
    let approval = "--approval-public-key keys/ann_public.key";
    bench.allowed("i.json", "1.json,2.json", &format!("--profile oss-prod {approval}"));
    let both = format!("{approval} --delegation-public-key keys/eve_public.key");
    bench.blocked("i.json", "1.json,2.json", &both, "delegation_token_signature_invalid");
    let both = "--approval-public-key keys/eve_public.key --delegation-public-key keys/ann_public.key";
    bench.allowed("i.json", "1.json,2.json", both);
    // Without any key flag the gate's own key counts.
    bench.blocked("i.json", "2.json", "", "delegation_token_signature_invalid");
    bench.mint("own.json", "bob", "cid", &format!("{} --private-key keys/gate_private.key", bench.bound));
    bench.allowed("i.json", "own.json", "");
}

#[test]
fn what_matches_no_rule_for_want_of_a_delegation_is_blocked() {
    let bench = Bench::new();
    bench.links();
    bench.place.file("plain.json", call("work", json!({}), json!([])).to_string());
    let (code, said) = bench.eval("plain.json", "1.json,2.json", STRICT);
    assert_eq!((code, &said["reason_codes"]), (3, &json!(["default_block"])), "{said}");
    let mut other =
        delegated("work", json!([{ "delegator_identity": "bob", "delegate_identity": "cid", "scope_class": "v" }]));
    other["delegation"]["scope_class"] = json!("v");
    bench.place.file("scope.json", other.to_string());
    let (code, said) = bench.eval("scope.json", "1.json,2.json", STRICT);
    assert_eq!((code, &said["reason_codes"]), (3, &json!(["default_block"])), "{said}");
}
