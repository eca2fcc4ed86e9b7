//! What profile oss-prod takes no policy and no settings without.

use crate::kit::{Place, call};
use serde_json::json;

#[test]
fn oss_prod_refuses_what_is_not_fit_for_it() {
    let place = Place::new();
    place.file("i.json", call("t", json!({}), json!([])).to_string());
    assert_eq!(place.run("keys init --out-dir keys --prefix k").0, 0);
    let key = "--key-mode prod --private-key keys/k_private.key";
    let (low, high) = ("match: {risk_classes: [low]}", "match: {risk_classes: [low, high]}");
    for (default, rule, more, code, says) in [
        ("block", low, key, 0, ""),
        ("block", low, "", 6, "needs --key-mode prod"),
        ("block", low, "--key-mode dev", 6, "needs --key-mode prod"),
        ("block", low, &format!("{key} --simulate"), 6, "does not simulate"),
        ("allow", low, key, 6, "default verdict is allow"),
        ("block", high, key, 6, "without require_broker_credential"),
        ("block", "match: {risk_classes: [critical]}", key, 6, "without require_broker_credential"),
        ("block", "match: {tool_names: [t]}", key, 6, "without require_broker_credential"),
        ("block", &format!("require_broker_credential: true, {high}"), key, 6, "none is configured"),
        (
            "block",
            &format!("require_broker_credential: true, {high}"),
            &format!("{key} --credential-broker stub"),
            0,
            "",
        ),
    ] {
        place.file("p.yaml", format!("default_verdict: {default}\nrules: [{{name: r, effect: allow, {rule}}}]"));
        let (found, said) = place.run(&format!("gate eval --policy p.yaml --intent i.json --profile oss-prod {more}"));
        assert_eq!(found, code, "{default} {rule} {more}: {said}");
        assert!(said["error"].as_str().unwrap_or_default().contains(says), "{says}: {said}");
    }
}
