//! The command broker: which program runs, and which may.
#![cfg(unix)]

use crate::kit::{Place, call};
use serde_json::json;
use std::os::unix::fs::PermissionsExt as _;

/// A name is looked up once, and what is allowed is the whole path that it stands for.
#[test]
fn a_credential_command_is_allowed_by_its_whole_path_only() {
    let place = Place::new();
    place.file("p.yaml", "rules: [{name: r, effect: allow, require_broker_credential: true}]");
    place.file("i.json", call("pay", json!({}), json!([])).to_string());
    for folder in ["first", "second", "far/away"] {
        std::fs::create_dir_all(place.path(folder)).unwrap();
        let name = format!("{folder}/vault");
        place.file(&name, format!("#!/bin/sh\necho '{{\"credential_ref\": \"{folder}\"}}'\n"));
        // Only what may run is found.
        let mode = if folder == "first" { 0o600 } else { 0o700 };
        std::fs::set_permissions(place.path(&name), std::fs::Permissions::from_mode(mode)).unwrap();
    }
    std::os::unix::fs::symlink("far/away", place.path("link")).unwrap();
    let full = |name: &str| place.path(name).display().to_string();
    let path = format!("{}:{}:/usr/bin:/bin", full("first"), full("second"));
    let eval = |program: &str, allowed: &str| {
        let line = format!(
            "gate eval --policy p.yaml --intent i.json --credential-broker command --credential-command {program}"
        );
        place.run_with(&line, &[("PATH", &path), ("GAIT_CREDENTIAL_COMMAND_ALLOWLIST", allowed)])
    };
    let vault = full("second/vault");
    for (program, allowed, reference) in [
        ("vault", "", "second"),
        ("vault", vault.as_str(), "second"),
        (vault.as_str(), vault.as_str(), "second"),
        ("second/vault", vault.as_str(), "second"),
        ("./second/vault", "second/vault", "second"),
        // What was allowed is what runs, also where `..` after a link leads elsewhere.
        ("link/../second/vault", vault.as_str(), "second"),
    ] {
        let (code, said) = eval(program, allowed);
        assert_eq!((code, &said["credential_ref"]), (0, &json!(reference)), "{program} {allowed}: {said}");
    }
    for (program, allowed, hint) in [
        ("vault", "vault", vault.as_str()),
        (vault.as_str(), "vault", vault.as_str()),
        ("second/vault", "vault", vault.as_str()),
        ("./vault", "vault", "/vault"),
        ("vault", "first/vault", vault.as_str()),
        ("absent", "absent", "in PATH"),
    ] {
        let (code, said) = eval(program, allowed);
        assert_eq!((code, said.get("verdict")), (6, None), "{program} {allowed}: {said}");
        assert!(said["hint"].as_str().unwrap().contains(hint), "{said}");
    }
    assert_eq!(eval("absent", "").0, 3);
}
