//! The kill switch, selector by selector.

use crate::kit::{Place, call, has};
use serde_json::json;

/// Whether this state stops a call that says everything about itself.
fn stops(place: &Place, state: &str) -> bool {
    place.file("kill.yaml", format!("stop: [{{name: n, {state}}}]"));
    let (code, said) = place.run("gate eval --policy p.yaml --intent i.json --kill-switch-state kill.yaml");
    let engaged = has(&said, "kill_switch_engaged");
    assert_eq!(code, if engaged { 3 } else { 0 }, "{said}");
    assert_eq!(said["warnings"].to_string().contains("kill switch entry"), engaged, "{said}");
    engaged
}

#[test]
fn an_entry_stops_what_all_of_its_selectors_name() {
    let place = Place::new();
    let targets = json!([
        { "kind": "path", "value": "/srv/a/../b/f", "operation": "read" },
        { "kind": "url", "value": "https://api.example/x" },
        { "kind": "bucket", "value": "/etc/x" },
    ]);
    let mut call = call("pay.now", json!({}), targets);
    call["context"]["workspace"] = json!("/w/a");
    call["context"]["environment_fingerprint"] = json!("prod-1");
    call["delegation"] = json!({ "requester_identity": "cid", "scope_class": "w",
        "chain": [{ "delegator_identity": "ann", "delegate_identity": "bob", "scope_class": "w" }] });
    place.file("p.yaml", "default_verdict: allow").file("i.json", call.to_string());
    for state in [
        "all: true",
        "agents: [u]",
        "agents: [cid]",
        "agents: [ann]",
        "agents: ['b?b']",
        "identities: [u]",
        "tools: [PAY.NOW]",
        "tools: ['pay.*']",
        "targets: ['https://api.example/x']",
        "targets: [api.example]",
        "targets: ['*.example']",
        "paths: [/srv/b/**]",
        "paths: [/srv/a/**]",
        "workspaces: [/w]",
        "workspaces: [/x, /w/a/]",
        "environments: [prod-1]",
        "environments: ['prod*']",
        "tools: [x, pay.now], identities: [u], workspaces: [/w], agents: [ann]",
        "tools: [pay.now], expires_at: 2999-01-01T00:00:00Z",
        "tools: [pay.now], reason: why not",
    ] {
        assert!(stops(&place, state), "{state}");
    }
    for state in [
        "all: true, expires_at: 2020-01-01T00:00:00Z",
        "agents: [dan]",
        "identities: [cid]",
        "tools: [pay]",
        "targets: [example]",
        "paths: [/srv/c/**]",
        "paths: [/etc/**]",
        "workspaces: [/w/b]",
        "environments: [prod]",
        "tools: [pay.now], identities: [v]",
        "tools: [pay.now], agents: [v]",
        "tools: [pay.now], targets: [v]",
        "tools: [pay.now], paths: [/v]",
        "tools: [pay.now], workspaces: [/v]",
        "tools: [pay.now], environments: [v]",
        "identities: [u], tools: [v]",
    ] {
        assert!(!stops(&place, state), "{state}");
    }
}

#[test]
fn a_state_that_cannot_be_meant_stops_everything_and_says_where() {
    let place = Place::new();
    place.file("p.yaml", "default_verdict: allow").file("i.json", call("t", json!({}), json!([])).to_string());
    for (state, says) in [
        ("{all: true}", "no `name`"),
        ("{name: n}", "names nothing"),
        ("{name: n, all: false}", "names nothing"),
        ("{name: n, reason: x}", "names nothing"),
        ("{name: n, paths: ['/x/[']}", "malformed pattern"),
        ("{name: n, all: true, expires_at: soon}", "soon"),
        ("{name: n, all: true, also: x}", "unknown key `also`"),
    ] {
        place.file("kill.yaml", format!("stop: [{state}]"));
        let (code, said) = place.run("gate eval --policy p.yaml --intent i.json --kill-switch-state kill.yaml");
        assert_eq!((code, has(&said, "kill_switch_state_unreadable")), (3, true), "{said}");
        assert!(said["warnings"].to_string().contains(says), "{state}: {said}");
        assert_eq!(said["violations"], json!(["kill_switch"]));
    }
    // No file at the usual place stops nothing; an empty one neither.
    assert_eq!(place.run("gate eval --policy p.yaml --intent i.json").0, 0);
    place.file("kill.yaml", "stop: []");
    assert_eq!(place.run("gate eval --policy p.yaml --intent i.json --kill-switch-state kill.yaml").0, 0);
}
