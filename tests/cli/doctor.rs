//! `gait doctor`: what is looked at, what is said of it, and that nothing is left behind.

use crate::kit::Gait;
use serde_json::{Value, json};

/// How the check `name` came out: status, message, what mends it.
fn check(said: &Value, name: &str) -> (String, String, String) {
    let checks = said["checks"].as_array().unwrap();
    let check = checks.iter().find(|check| check["name"] == name).unwrap_or_else(|| panic!("{name}: {said}"));
    let text = |key: &str| check[key].as_str().unwrap_or_default().to_owned();
    (text("status"), text("message"), text("fix_command"))
}

#[track_caller]
fn stands(said: &Value, name: &str, status: &str, fix: &str) {
    let found = check(said, name);
    assert_eq!((found.0.as_str(), found.2.as_str()), (status, fix), "{name}: {}", found.1);
}

const READY: &str = "
gate: {policy: p.yaml, profile: ' OSS-Prod ', key_mode: PROD, private_key_env: SIGNER}
mcp_serve: {enabled: true, listen: '127.0.0.1:9911', auth_mode: Token, auth_token_env: TOKEN, max_request_bytes: 4194304, http_verdict_status: STRICT}
retention: {trace_ttl: 72h, session_ttl: 240h30m, export_ttl: 1h}
";

#[test]
fn an_empty_folder_is_ready_and_stays_empty() {
    let gait = Gait::new();
    let out = gait.run("doctor");
    insta::assert_snapshot!(gait.steady(&out.transcript()).replace(std::env::temp_dir().to_str().unwrap(), "TMP"));
    assert!(gait.tree().is_empty());
    let said = gait.run("doctor --json").code(0).json();
    assert_eq!((&said["ok"], &said["status"]), (&json!(true), &json!("warn")));
    assert_eq!(said["fix_commands"], json!(["mkdir -p 'gait-out'"]));
    std::fs::create_dir(gait.path("gait-out")).unwrap();
    let said = gait.run("doctor --json").code(0).json();
    assert_eq!((&said["status"], said.get("fix_commands")), (&json!("pass"), None));
    assert_eq!(said["summary"], "doctor: status=pass failed=0 warned=0 non_fixable=false");
}

#[test]
fn folders_that_cannot_be_written_to_are_told() {
    let gait = Gait::new();
    gait.file("plain", "x").file("it's/here", "x");
    let said = |line: &str| gait.run(&format!("{line} --json")).code(0).json();
    stands(&said("doctor --workdir gone"), "workdir", "fail", "mkdir -p 'gone'");
    stands(&said("doctor --workdir gone"), "output_dir", "warn", "mkdir -p 'gone/gait-out'");
    stands(&said("doctor --workdir plain"), "workdir", "fail", "");
    stands(&said("doctor --output-dir plain"), "output_dir", "fail", "");
    stands(&said("doctor --output-dir it's/there"), "output_dir", "warn", "mkdir -p 'it'\\''s/there'");
    stands(&said("doctor --output-dir it's"), "output_dir", "pass", "");
    gait.run("doctor --output-dir plain --strict").code(2).says(&["- output_dir: fail (plain is a file"]);
    let temp = Gait::new().env("TMPDIR", "/nonexistent/for/sure");
    stands(&temp.run("doctor --json").code(0).json(), "temp_dir", "fail", "chmod u+w '/nonexistent/for/sure'");
}

#[cfg(unix)]
#[test]
fn keys_are_one_pair_from_one_source_for_one_user() {
    use std::os::unix::fs::PermissionsExt;
    let gait = Gait::new();
    for name in ["me", "you"] {
        gait.run(&format!("keys init --out-dir keys --prefix {name}")).code(0);
    }
    let gait = gait.env("NOTHING", " ");
    let said = |flags: &str| gait.run(&format!("doctor --json {flags}")).code(0).json();
    let both = "--key-mode PROD --private-key keys/me_private.key --public-key keys/me_public.key";
    for name in ["key_source_ambiguity", "key_permissions", "key_config"] {
        stands(&said(""), name, "pass", "");
        stands(&said(both), name, "pass", "");
    }
    let config = |flags: &str| check(&said(flags), "key_config").0;
    assert_eq!(config("--private-key keys/me_private.key"), "warn");
    for flags in [
        "--key-mode hsm",
        "--key-mode prod",
        "--key-mode prod --private-key-env NOTHING",
        "--key-mode prod --private-key keys/me_public.key",
        "--key-mode prod --private-key keys/me_private.key --private-key-env NOTHING",
        "--key-mode prod --private-key keys/me_private.key --public-key keys/you_public.key",
    ] {
        assert_eq!(config(flags), "fail", "{flags}");
    }
    let twice = said("--public-key keys/me_public.key --public-key-env NOTHING");
    stands(&twice, "key_source_ambiguity", "fail", "give one of --public-key and --public-key-env");
    stands(&said("--private-key gone"), "key_permissions", "warn", "ls -l 'gone'");
    let mode = |name: &str, mode| std::fs::set_permissions(gait.path(name), PermissionsExt::from_mode(mode)).unwrap();
    // A private key is nobody else's to read, a public one nobody else's to write.
    mode("keys/me_private.key", 0o640);
    mode("keys/me_public.key", 0o664);
    let (status, message, fix) = check(&said(both), "key_permissions");
    assert_eq!((status.as_str(), fix.as_str()), ("warn", "chmod go-rwx 'keys/me_private.key'"));
    assert!(message.contains("keys/me_public.key: its mode is 664"), "{message}");
    mode("keys/me_private.key", 0o600);
    stands(&said(both), "key_permissions", "warn", "chmod go-w 'keys/me_public.key'");
    mode("keys/me_public.key", 0o644);
    stands(&said(both), "key_permissions", "pass", "");
}

#[test]
fn a_project_is_ready_for_production_when_every_setting_is() {
    let gait = Gait::new();
    gait.file("p.yaml", "default_verdict: block\n").file(".gait/config.yaml", READY);
    let said = gait.run("doctor --production-readiness --json").code(0).json();
    assert_eq!(said["ok"], true);
    for name in ["readiness_config", "profile", "key_mode", "retention", "service_boundary", "context_strictness"] {
        stands(&said, &format!("production_{name}"), "pass", "");
    }
    // What is unset here may be set where the service runs.
    assert!(check(&said, "production_service_boundary").1.ends_with("variable TOKEN is not set here"));
    assert!(check(&said, "production_key_mode").1.ends_with("variable SIGNER is not set here"));
    let gait = gait.env("TOKEN", "t").env("SIGNER", "s");
    assert!(!gait.run("doctor --production-readiness").code(0).stdout.contains("is not set here"));
}

#[test]
fn each_setting_that_is_not_ready_is_told_with_what_mends_it() {
    let gait = Gait::new();
    gait.file("p.yaml", "default_verdict: block\n").file("bad.yaml", "rules: [{name: r}]\n");
    let config = "in '.gait/config.yaml'";
    for (from, to, name, fix) in [
        ("' OSS-Prod '", "standard", "profile", "set gate.profile=oss-prod"),
        ("' OSS-Prod '", "standard", "context_strictness", ""),
        ("PROD", "dev", "key_mode", "set gate.key_mode=prod"),
        ("policy: p.yaml, ", "", "context_strictness", "set gate.policy"),
        ("p.yaml", "gone.yaml", "context_strictness", "gait policy validate 'gone.yaml'"),
        ("p.yaml", "bad.yaml", "context_strictness", "gait policy validate 'bad.yaml'"),
        ("trace_ttl: 72h, ", "", "retention", "set retention.trace_ttl=168h"),
        ("72h", "three days", "retention", ""),
        ("72h", "-1h", "retention", ""),
        ("72h", "0h", "retention", ""),
        (", export_ttl: 1h", "", "retention", "set retention.export_ttl=168h"),
        ("'127.0.0.1:9911', auth_mode: Token", "'0.0.0.0:9911'", "service_boundary", "set mcp_serve.auth_mode=token"),
        ("'127.0.0.1:9911', auth_mode: Token", "'[::]:9911'", "service_boundary", "set mcp_serve.auth_mode=token"),
        ("'127.0.0.1:9911'", "nonsense", "service_boundary", ""),
        ("'127.0.0.1:9911'", "'::1:9911'", "service_boundary", ""),
        ("'127.0.0.1:9911'", "'127.0.0.1:99999'", "service_boundary", ""),
        ("auth_token_env: TOKEN, ", "", "service_boundary", "set mcp_serve.auth_token_env"),
        (
            "enabled: true",
            "enabled: true, allow_client_artifact_paths: true",
            "service_boundary",
            "set mcp_serve.allow_client_artifact_paths=false",
        ),
        ("4194304", "4194305", "service_boundary", "set mcp_serve.max_request_bytes=1048576"),
        ("max_request_bytes: 4194304, ", "", "service_boundary", "set mcp_serve.max_request_bytes=1048576"),
        ("STRICT", "compat", "service_boundary", "set mcp_serve.http_verdict_status=strict"),
    ] {
        assert!(READY.contains(from), "{from}");
        gait.file(".gait/config.yaml", READY.replacen(from, to, 1));
        let said = gait.run("doctor --production-readiness --json").code(2).json();
        assert_eq!((&said["ok"], said.get("error")), (&json!(false), None));
        let fix = if fix.starts_with("set ") { format!("{fix} {config}") } else { fix.to_owned() };
        stands(&said, &format!("production_{name}"), "fail", &fix);
    }
    for listen in ["'[::1]:9911', auth_mode: off", "'localhost:1', auth_mode: off", "'127.9.9.9:1', auth_mode: off"] {
        gait.file(".gait/config.yaml", READY.replace("'127.0.0.1:9911', auth_mode: Token", listen));
        gait.run("doctor --production-readiness").code(0);
    }
}

#[test]
fn settings_that_are_not_there_or_cannot_be_read_are_never_ready() {
    let gait = Gait::new();
    let names = |said: &Value| -> Vec<String> {
        let checks = said["checks"].as_array().unwrap().iter();
        checks.filter_map(|check| check["name"].as_str()?.strip_prefix("production_").map(str::to_owned)).collect()
    };
    let said = gait.run("doctor --production-readiness --json").code(2).json();
    assert_eq!(names(&said).len(), 6, "{said}");
    assert!(check(&said, "production_readiness_config").2.contains(".gait/config.yaml"));
    stands(&said, "production_service_boundary", "pass", "");
    gait.file(".gait/config.yaml", "  \n");
    let said = gait.run("doctor --production-readiness --json").code(2).json();
    stands(&said, "production_readiness_config", "pass", "");
    for text in ["gate: [oops\n", "gate: {profil: oss-prod}\n", "gate: hello\n", "mcp_serve: {enabled: 'yes'}\n"] {
        gait.file(".gait/config.yaml", text);
        let said = gait.run("doctor --production-readiness --json").code(2).json();
        assert_eq!(names(&said), ["readiness_config"], "{text}");
        assert_eq!(check(&said, "production_readiness_config").0, "fail");
    }
    // The settings are those of the directory that is looked at.
    gait.file("p.yaml", "default_verdict: block\n").file("ready/p.yaml", "default_verdict: block\n");
    gait.file("ready/.gait/config.yaml", READY);
    gait.run("doctor --production-readiness").code(2);
    gait.run("doctor --production-readiness --workdir ready").code(0);
}

#[test]
fn doctor_takes_flags_and_nothing_else() {
    let gait = Gait::new();
    gait.run("doctor surprise").code(6);
    assert_eq!(gait.run("doctor --nope --json").code(6).json()["error_code"], "invalid_input");
    gait.run("doctor --explain").code(0);
}
