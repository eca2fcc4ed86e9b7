//! `verify` and `keys`: whose signature counts, and what a project can demand.

use crate::kit::Gait;
use serde_json::{Value, json};

const CALL: &str = r#"{"tool":"refund","args":{"amount":5},"result":{"ok":true}}"#;

/// A pack `own` signed by this user, `foreign` by a key in `keys/`, and `plain` by nobody.
fn packs() -> Gait {
    let gait = Gait::new();
    gait.record("own", &[CALL]);
    gait.run("keys init --out-dir keys --prefix other").code(0);
    for (run, flag) in [("foreign", "--private-key=keys/other_private.key"), ("plain", "--no-sign")] {
        gait.fed(&["run", "record", "--calls", "-", "--run-id", run, flag], CALL.as_bytes()).code(0);
    }
    gait
}

fn status(gait: &Gait, line: &str) -> (i32, Value) {
    let out = gait.run(&format!("verify --json {line}"));
    (out.code, out.json()["signature_status"].clone())
}

#[test]
fn each_demand_meets_each_signature() {
    let gait = packs();
    let own = format!("{}/.gait/keys/local_public.key", gait.home().display());
    gait.file("trusted/a.pub", gait.bytes("keys/other_public.key"));
    let cases = [
        ("", [(0, "verified"), (0, "skipped"), (0, "missing")]),
        ("--require-signature", [(0, "verified"), (2, "skipped"), (2, "missing")]),
        ("--trust trusted", [(0, "verified"), (0, "verified"), (0, "missing")]),
        ("--trust trusted --require-signature", [(0, "verified"), (0, "verified"), (2, "missing")]),
        ("--trust trusted --profile strict", [(0, "verified"), (0, "verified"), (2, "missing")]),
        ("--public-key keys/other_public.key", [(2, "failed"), (0, "verified"), (0, "missing")]),
        ("--private-key keys/other_private.key", [(2, "failed"), (0, "verified"), (0, "missing")]),
        (&format!("--public-key {own} --profile strict"), [(0, "verified"), (2, "failed"), (2, "missing")]),
    ];
    for (flags, want) in cases {
        for (run, (code, word)) in ["own", "foreign", "plain"].into_iter().zip(want) {
            assert_eq!(status(&gait, &format!("{run} {flags}")), (code, json!(word)), "{run} {flags}");
        }
    }
    insta::assert_snapshot!(gait.run("verify plain").code(0).transcript());
    insta::assert_snapshot!(gait.run("verify foreign --require-signature").code(2).transcript());
    insta::assert_snapshot!(gait.run("verify own --profile strict").code(6).transcript());
    gait.run("verify own --trust nowhere").code(6);
    gait.run("verify own --profile odd").code(6);
    let both = format!("verify own --public-key {own} --private-key keys/other_private.key");
    gait.run(&both).code(6).says(&["does not belong to the private key"]);
}

#[test]
fn a_project_can_trust_a_key() {
    let gait = packs();
    assert_eq!(status(&gait, "foreign"), (0, json!("skipped")));
    insta::assert_snapshot!(gait.run("keys trust keys/other_public.key").code(0).transcript());
    assert_eq!(status(&gait, "foreign --require-signature"), (0, json!("verified")));
    gait.run("keys trust keys/other_private.key").code(6);
    gait.run("keys trust nowhere").code(6);
    gait.file(".gait/trust/torn.pub", "AAAA");
    gait.run("verify foreign").code(6).says(&["torn.pub"]);
}

#[test]
fn a_project_can_demand_a_signature() {
    let gait = packs();
    gait.run("regress init --from plain").code(0);
    gait.run("regress run").code(0);
    for text in [
        "verify:\n  require_signature: true\n",
        "\u{FEFF}verify: {require_signature: true}\r\n",
        r#"{"verify":{"require_signature":true}}"#,
    ] {
        gait.file(".gait/config.yaml", text);
        assert_eq!(status(&gait, "own"), (0, json!("verified")));
        assert_eq!(status(&gait, "foreign"), (2, json!("skipped")));
        assert_eq!(status(&gait, "plain"), (2, json!("missing")));
        let answer = gait.run("regress run --json").code(6).json();
        assert_eq!(answer["top_failure_reason"], "signature_required");
    }
    gait.file(".gait/config.yaml", "gate: {}\nverify:\n  require_signature: false\n");
    assert_eq!(status(&gait, "plain"), (0, json!("missing")));
    gait.run("regress run").code(0);
    gait.run("regress run --require-signature").code(6).says(&["a trusted signature is required"]);
}

#[test]
fn the_projects_settings_have_no_typos() {
    let gait = packs();
    let mut told = String::new();
    for text in [
        "verify:\n  require_signatures: true\n",
        "Verify:\n  require_signature: true\n",
        "verify:\n  require_signature: yes\n",
        "verify: true\n",
        "verify:\n  require_signature: true\n  require_signature: false\n",
        "verify:\n\trequire_signature: true\n",
        "- verify\n",
        "gate: 7\n",
    ] {
        gait.file(".gait/config.yaml", text);
        let out = gait.run("verify own").code(6);
        told.push_str(&format!("{text}\n{}\n", out.stdout));
    }
    insta::assert_snapshot!(told);
    std::fs::remove_file(gait.path(".gait/config.yaml")).unwrap();
    std::fs::create_dir_all(gait.path(".gait/config.yaml")).unwrap();
    gait.run("verify own").code(6);
}

#[cfg(unix)]
#[test]
fn settings_that_lead_nowhere_are_not_ignored() {
    let gait = packs();
    std::fs::create_dir_all(gait.path(".gait")).unwrap();
    std::os::unix::fs::symlink("nowhere.yaml", gait.path(".gait/config.yaml")).unwrap();
    gait.run("verify plain").code(6).says(&["cannot read .gait/config.yaml"]);
}

#[test]
fn a_torn_or_tampered_pack_does_not_hold() {
    let gait = packs();
    let pack = gait.bytes("gait-out/runpack_own.zip");
    gait.file("torn.zip", &pack[..pack.len() / 2]).file("longer.zip", [&pack[..], b"x"].concat());
    gait.run("verify torn.zip").code(6);
    gait.run("verify longer.zip").code(2);
    let mut changed = pack.clone();
    let at = pack.windows(12).position(|bytes| bytes == b"intents.json").unwrap();
    changed[at + 60] ^= 1;
    gait.file("changed.zip", &changed);
    assert_ne!(gait.run("verify changed.zip").code, 0);
    gait.run("run receipt longer.zip").code(2);
    gait.run("verify").code(6).says(&["nothing to verify was named"]);
    gait.run("verify nowhere").code(6);
}

#[test]
fn keys_are_made_rotated_and_checked() {
    let gait = Gait::new();
    insta::assert_snapshot!(gait.run("keys init").code(0).transcript());
    let private = gait.bytes("gait-out/keys/gait_private.key");
    gait.run("keys init").code(6).says(&["exists already"]);
    assert_eq!(gait.bytes("gait-out/keys/gait_private.key"), private);
    let id = gait.run("keys init --force --json").code(0).json()["key_id"].clone();
    assert_eq!(id.as_str().unwrap().len(), 64);
    let kept: Vec<String> = gait.tree().into_keys().filter(|name| name.contains("_old_")).collect();
    assert_eq!(kept.len(), 2, "{kept:?}");
    let old = kept.iter().find(|name| name.ends_with("_private.key")).unwrap();
    assert_eq!(gait.bytes(old), private);
    gait.run(&format!("keys verify --private-key {old} --public-key {}", old.replace("private", "public"))).code(0);

    let before = gait.tree();
    let made = gait.run("keys rotate --json").code(0).json();
    let again = gait.run("keys rotate --json").code(0).json();
    assert_ne!(made["private_key_path"], again["private_key_path"]);
    assert!(before.iter().all(|(name, bytes)| gait.bytes(name) == *bytes));
    let (private, public) = (made["private_key_path"].as_str().unwrap(), made["public_key_path"].as_str().unwrap());
    let answer = gait.run(&format!("keys verify --private-key {private} --public-key {public} --json")).code(0).json();
    assert_eq!(answer["key_id"], made["key_id"]);
    let other = again["public_key_path"].as_str().unwrap();
    gait.run(&format!("keys verify --private-key {private} --public-key {other}")).code(6).says(&["does not belong"]);
    gait.run(&format!("keys verify --private-key {public}")).code(6);
    gait.run("keys verify").code(6);
    gait.run("keys verify --private-key-env NOT_THERE").code(6);
    for prefix in ["../up", ".hidden", "a/b"] {
        gait.args(&["keys", "init", "--prefix", prefix]).code(6);
    }
}

#[cfg(unix)]
#[test]
fn keys_are_private() {
    use std::os::unix::fs::PermissionsExt as _;
    let gait = packs();
    let local = gait.home().join(".gait/keys/local_private.key");
    for path in [gait.path("keys/other_private.key"), local] {
        assert_eq!(std::fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[test]
fn a_key_can_come_from_the_environment() {
    let gait = packs();
    let key = gait.text("keys/other_private.key");
    let gait = gait.env("GAIT_PRIVATE_KEY", &key);
    gait.record("env", &[CALL]);
    assert_eq!(status(&gait, "env --public-key keys/other_public.key"), (0, json!("verified")));
    let out = gait
        .env("GAIT_PRIVATE_KEY", "nonsense")
        .fed(&["run", "record", "--calls", "-", "--run-id", "x"], CALL.as_bytes());
    let out = out.code(6).says(&["env:GAIT_PRIVATE_KEY"]);
    assert!(!out.stdout.contains("nonsense"));
}
