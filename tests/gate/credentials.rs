//! Credential brokers: a call that needs one gets it, or is blocked; what is issued is proven and never shown.
#![cfg(unix)]

use crate::kit::{Place, call, has};
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt as _;

const POLICY: &str = "
default_verdict: block
rules:
- {name: pay, effect: allow, require_broker_credential: true, broker_reference: Vault.pay-main, broker_scopes: [b, A], match: {tool_names: [pay]}}
- {name: any, effect: allow, require_broker_credential: true, match: {tool_names: [a.b-c]}}
- {name: ask, effect: require_approval, require_broker_credential: true, match: {tool_names: [ask]}}
- {name: free, effect: allow, match: {tool_names: [free]}}
";

fn place(tool: &str) -> Place {
    let place = Place::new();
    place.file("p.yaml", POLICY).file("i.json", call(tool, json!({}), json!([])).to_string());
    place
}

const EVAL: &str = "gate eval --policy p.yaml --intent i.json --trace-out t.json --credential-evidence-out e.json";

fn blocked(place: &Place, more: &str, env: &[(&str, &str)], reason: &str) -> Value {
    let (code, said) = place.run_with(&format!("{EVAL} {more}"), env);
    assert_eq!((code, &said["verdict"]), (3, &json!("block")), "{said}");
    assert!(has(&said, reason) && !has(&said, "broker_credential_present"), "{reason}: {said}");
    assert_eq!(said["violations"], json!(["broker_credential_missing"]));
    assert_eq!((&said["credential_ref"], place.path("e.json").exists()), (&Value::Null, false), "{said}");
    said
}

fn issued(place: &Place, more: &str, env: &[(&str, &str)]) -> (Value, Value) {
    let (code, said) = place.run_with(&format!("{EVAL} {more}"), env);
    assert_eq!((code, &said["verdict"]), (0, &json!("allow")), "{said}");
    assert!(has(&said, "broker_credential_present"), "{said}");
    let evidence = place.json("e.json");
    std::fs::remove_file(place.path("e.json")).unwrap();
    (said, evidence)
}

#[test]
fn without_a_broker_nothing_is_issued() {
    let place = place("pay");
    for broker in ["", "--credential-broker off", "--credential-broker none"] {
        blocked(&place, broker, &[], "broker_credential_required");
    }
    assert_eq!(place.run(&format!("{EVAL} --credential-broker vault")).0, 6);
    // Nobody is asked for a call that is not allowed, or that needs none.
    for (tool, code) in [("ask", 4), ("free", 0)] {
        place.file("i.json", call(tool, json!({}), json!([])).to_string());
        let (found, said) = place.run(&format!("{EVAL} --credential-broker stub"));
        assert_eq!((found, &said["credential_ref"]), (code, &Value::Null), "{said}");
        assert!(!place.path("e.json").exists());
    }
}

#[test]
fn the_stub_issues_one_reference_for_one_request() {
    let place = place("pay");
    let (said, evidence) = issued(&place, "--credential-broker stub", &[]);
    let digest = gait::kernel::digest::Digest::of(b"pay|u|/w|||Vault.pay-main|a,b").to_string();
    assert_eq!(
        (&said["credential_issuer"], &said["credential_ref"]),
        (&json!("stub"), &json!(format!("stub:{}", &digest[..24])))
    );
    let told = |key: &str| evidence[key].clone();
    assert_eq!(told("schema_id"), "gait.gate.broker_credential_record");
    assert_eq!((told("broker"), told("tool_name"), told("identity")), (json!("stub"), json!("pay"), json!("u")));
    assert_eq!((told("reference"), told("scope")), (json!("Vault.pay-main"), json!(["a", "b"])));
    assert_eq!((&told("credential_ref"), &told("trace_id")), (&said["credential_ref"], &said["trace_id"]));
    // A reference and scopes of one's own go before and beside those of the rule.
    let (other, evidence) =
        issued(&place, "--credential-broker stub --credential-ref mine --credential-scopes c,a,A", &[]);
    let digest = gait::kernel::digest::Digest::of(b"pay|u|/w|||mine|a,b,c").to_string();
    assert_eq!(other["credential_ref"], format!("stub:{}", &digest[..24]));
    assert_eq!((&evidence["reference"], &evidence["scope"]), (&json!("mine"), &json!(["A", "a", "b", "c"])));
    // Simulation asks nobody.
    let (code, said) = place.run("gate eval --policy p.yaml --intent i.json --credential-broker stub --simulate");
    assert_eq!((code, &said["credential_ref"]), (0, &Value::Null));
    assert!(has(&said, "broker_credential_not_requested"), "{said}");
}

#[test]
fn the_environment_holds_secrets_under_the_name_of_what_is_asked_for() {
    let place = place("pay");
    let secret = "s3cret-value";
    let digest = &gait::kernel::digest::Digest::of(secret.as_bytes()).to_string()[..16];
    let env = "--credential-broker env";
    for (tool, more, variable) in [
        ("pay", "", "GAIT_BROKER_TOKEN_VAULT_PAY_MAIN"),
        ("pay", "--credential-ref x", "GAIT_BROKER_TOKEN_X"),
        ("pay", "--credential-env-prefix P_", "P_VAULT_PAY_MAIN"),
        ("pay", "--credential-ref ..a--b__c..", "GAIT_BROKER_TOKEN_A_B__C"),
        ("pay", "--credential-ref 9é%9", "GAIT_BROKER_TOKEN_9_9"),
        ("pay", "--credential-ref --", "GAIT_BROKER_TOKEN_DEFAULT"),
        ("a.b-c", "", "GAIT_BROKER_TOKEN_A_B_C"),
    ] {
        let more = more.replace("--credential-ref ", "--credential-ref=");
        place.file("i.json", call(tool, json!({}), json!([])).to_string());
        let line = format!("{env} {more}");
        let (said, _) = issued(&place, &line, &[(variable, &format!(" {secret} "))]);
        assert_eq!(said["credential_ref"], format!("env:{variable}:{digest}"), "{more}");
        assert!(said["warnings"].to_string().contains("unsalted hash"), "{said}");
        assert!(!said.to_string().contains(secret));
        for value in ["", "  "] {
            blocked(&place, &line, &[(variable, value)], "broker_credential_missing");
        }
        let said = blocked(&place, &line, &[], "broker_credential_missing");
        assert!(said["warnings"].to_string().contains(variable), "{said}");
    }
}

fn script(place: &Place, name: &str, body: &str) -> String {
    place.file(name, format!("#!/bin/sh\n{body}\n"));
    let path = place.path(name);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_command_is_asked_in_json_and_answers_in_json() {
    let place = place("pay");
    let body = "cat > asked; echo \"$1-$2-$GAIT_SECRET-$OTHER\" > told; echo noise >&2; echo '{\"credential_ref\":\" lease/1 \",\"issued_by\":\" vault \"}'";
    let program = script(&place, "broker", body);
    let line = format!("--credential-broker command --credential-command {program} --credential-command-args x,y");
    let (said, evidence) = issued(&place, &line, &[("GAIT_SECRET", "key"), ("OTHER", "kept")]);
    assert_eq!((&said["credential_issuer"], &said["credential_ref"]), (&json!("vault"), &json!("lease/1")));
    assert_eq!(evidence["broker"], "vault");
    let asked = std::fs::read_to_string(place.path("asked")).unwrap();
    let want = r#"{"ToolName":"pay","Identity":"u","Workspace":"/w","SessionID":"","RequestID":"","Reference":"Vault.pay-main","Scope":["a","b"]}"#;
    assert_eq!(asked, want);
    // The gate's own variables, keys among them, are not handed on.
    assert_eq!(std::fs::read_to_string(place.path("told")).unwrap(), "x-y--kept\n");
}

#[test]
fn an_answer_that_is_none_blocks_the_call() {
    let place = place("pay");
    let long = "x".repeat(256);
    for (body, says) in [
        ("exit 3", "exit status: 3"),
        ("echo '{\"credential_ref\":\"a\"}'; exit 1", "exit status: 1"),
        ("echo nothing", "not one JSON object"),
        ("echo '{\"credential\":\"a\"}'", "not one JSON object"),
        ("echo '{\"credential_ref\":\" \"}'", "is empty"),
        ("printf '%s' '{\"credential_ref\":\"a\\nb\"}'", "of several lines"),
        (&format!("echo '{{\"credential_ref\":\"{long}x\"}}'"), "longer than 256"),
        ("head -c 16385 /dev/zero", "more than 16384 bytes"),
    ] {
        let program = script(&place, "broker", body);
        let line = format!("--credential-broker command --credential-command {program}");
        let said = blocked(&place, &line, &[], "broker_credential_missing");
        assert!(said["warnings"].to_string().contains(says), "{body}: {said}");
    }
    let fits = script(&place, "fits", &format!("printf '%16342s'; echo '{{\"credential_ref\":\"{}\"}}'", &long[..20]));
    let (said, _) = issued(&place, &format!("--credential-broker command --credential-command {fits}"), &[]);
    assert_eq!(said["credential_issuer"], "command");
    let edge = script(&place, "edge", &format!("echo '{{\"credential_ref\":\"{long}\",\"issued_by\":\" \"}}'"));
    let (said, _) = issued(&place, &format!("--credential-broker command --credential-command {edge}"), &[]);
    assert_eq!((&said["credential_issuer"], said["credential_ref"].as_str().unwrap().len()), (&json!("command"), 256));
    let line = format!("--credential-broker command --credential-command {}", place.path("gone").display());
    blocked(&place, &line, &[], "broker_credential_missing");
}

#[test]
fn only_commands_that_are_allowed_run() {
    let place = place("pay");
    let program = script(&place, "broker", "echo '{\"credential_ref\":\"a\"}'");
    let line = format!("{EVAL} --credential-broker command --credential-command {program}");
    let list = "GAIT_CREDENTIAL_COMMAND_ALLOWLIST";
    let other = place.path("other/broker");
    for (allowed, code) in [
        (format!("/bin/x,{program}"), 0),
        (format!("{}/./broker", place.path("").display()), 0),
        (other.to_str().unwrap().to_owned(), 6),
        ("broker".into(), 6),
        (" , ".into(), 0),
    ] {
        assert_eq!(place.run_with(&line, &[(list, &allowed)]).0, code, "{allowed}");
    }
    assert_eq!(place.run(&format!("{EVAL} --credential-broker command")).0, 6);
    // Under oss-prod the list has to be there.
    let strict = POLICY.lines().filter(|line| !line.contains("free")).collect::<Vec<_>>().join("\n");
    place.file("p.yaml", strict);
    assert_eq!(place.run("keys init --out-dir keys --prefix gate").0, 0);
    let strict = format!("{line} --profile oss-prod --key-mode prod --private-key keys/gate_private.key");
    assert_eq!(place.run_with(&strict, &[(list, &program)]).0, 0);
    let (code, said) = place.run(&strict);
    assert_eq!(code, 6);
    assert!(said["error"].as_str().unwrap().contains(list), "{said}");
}

#[test]
fn a_command_that_says_too_much_is_ended() {
    let place = place("pay");
    let path = script(&place, "broker", "echo $$ > pid\nhead -c 20000 /dev/zero\nexec sleep 60");
    blocked(
        &place,
        &format!("--credential-broker command --credential-command {path}"),
        &[],
        "broker_credential_missing",
    );
    let pid = std::fs::read_to_string(place.path("pid")).unwrap();
    let there = std::process::Command::new("kill").args(["-0", pid.trim()]).output().unwrap().status.success();
    assert!(!there, "process {pid}");
}
