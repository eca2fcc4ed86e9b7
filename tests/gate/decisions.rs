//! One decision leaves several files, and one signed record binds them: what is changed, missing or of another decision is
//! told by `trace verify`.

use crate::kit::{Place, call};
use serde_json::{Value, json};

const POLICY: &str = "
default_verdict: block
rules:
- {name: work, effect: require_approval, require_broker_credential: true, match: {tool_names: [work], require_delegation: true, delegation_scopes: [w]}}
- {name: free, effect: allow, reason_codes: [fine], violations: [noted], match: {tool_names: [free]}}
";
const SIGNED: &str = "--key-mode prod --private-key keys/gate_private.key";

/// What is said of a record, and the change it is said about.
type Edit = (&'static str, fn(&mut Value));

struct Bench(Place);

impl Bench {
    fn new() -> Self {
        let place = Place::new();
        place.file("p.yaml", POLICY).file("free.json", call("free", json!({}), json!([])).to_string());
        let mut work = call("work", json!({"amount": 1}), json!([]));
        work["delegation"] = json!({
            "requester_identity": "u", "scope_class": "w", "chain": [{"delegator_identity": "lead", "delegate_identity": "u"}],
        });
        place.file("work.json", work.to_string());
        for name in ["gate", "eve"] {
            assert_eq!(place.run(&format!("keys init --out-dir keys --prefix {name}")).0, 0);
        }
        Self(place)
    }

    fn eval(&self, intent: &str, more: &str) -> Value {
        let line = format!("gate eval --policy p.yaml --intent {intent} {SIGNED} {more}");
        let (code, said) = self.0.run(&line);
        assert_eq!(code, 0, "{said}");
        said
    }

    /// A call that is approved, delegated and has its credential: all four files.
    fn full(&self, more: &str) -> Value {
        let line = format!("gate eval --policy p.yaml --intent work.json {SIGNED} --trace-out x/t.json");
        let (_, said) = self.0.run(&line);
        let digests = ["intent_digest", "policy_digest"].map(|key| said[key].as_str().unwrap().to_owned());
        let [intent, policy] = digests;
        let first = self.0.json("x/t.json");
        let delegation = first["delegation_ref"]["chain_digest"].as_str().unwrap();
        let (code, said) = self.0.run(&format!(
            "approve --intent-digest {intent} --policy-digest {policy} --delegation-binding-digest {delegation} --scope tool:work --approver ann --reason-code ok --ttl 1h --out a.json {SIGNED}"
        ));
        assert_eq!(code, 0, "{said}");
        let (code, said) = self
            .0
            .run(&format!("delegate mint --delegator lead --delegate u --scope w --ttl 1h --out d.json {SIGNED}"));
        assert_eq!(code, 0, "{said}");
        self.eval(
            "work.json",
            &format!("--approval-token a.json --delegation-token d.json --credential-broker stub {more}"),
        )
    }

    fn verify(&self, trace: &str, more: &str) -> (i32, Value) {
        self.0.run(&format!("trace verify {trace} --public-key keys/gate_public.key {more}"))
    }

    /// The trace does not verify, though its signature holds, and why is told.
    fn refused(&self, trace: &str, more: &str, parts: &[&str]) {
        let (code, said) = self.verify(trace, more);
        assert_eq!((code, &said["ok"]), (2, &json!(false)), "{parts:?}: {said}");
        assert_eq!(said["signature_status"], "verified", "{said}");
        assert_eq!(said["error_code"], "verification_failed", "{said}");
        let error = said["error"].as_str().unwrap();
        assert!(parts.iter().all(|part| error.contains(part)), "{parts:?} not in {error}");
    }

    fn holds(&self, trace: &str, more: &str, files: u64) {
        let (code, said) = self.verify(trace, more);
        assert_eq!((code, &said["ok"]), (0, &json!(true)), "{said}");
        assert_eq!((&said["decision_status"], &said["files_checked"]), (&json!("verified"), &json!(files)), "{said}");
        assert_eq!(said.get("warnings"), None, "{said}");
    }

    fn edit(&self, name: &str, change: impl FnOnce(&mut Value)) {
        let mut value = self.0.json(name);
        change(&mut value);
        self.0.file(name, value.to_string());
    }
}

fn path<'v>(said: &'v Value, key: &str) -> &'v str {
    said[key].as_str().unwrap_or_else(|| panic!("{key}: {said}"))
}

#[test]
fn a_decision_record_says_why_and_names_every_file() {
    let bench = Bench::new();
    let said = bench.full("");
    let record = bench.0.json(path(&said, "decision_path"));
    let trace = bench.0.json(path(&said, "trace_path"));
    assert_eq!(path(&said, "decision_path"), format!("decision_{}.json", path(&said, "trace_id")));
    assert_eq!((&record["schema_id"], &record["schema_version"]), (&json!("gait.gate.decision"), &json!("1.0.0")));
    for key in ["profile", "verdict", "reason_codes", "matched_rule", "trace_id", "policy_digest", "intent_digest"] {
        assert_eq!(record[key], said[key], "{key}");
    }
    for key in ["event_id", "created_at", "observed_at", "producer_version"] {
        assert_eq!(record[key], trace[key], "{key}");
    }
    assert_eq!(record["signature"]["key_id"], trace["signature"]["key_id"]);
    assert_eq!((&record["matched_rule"], record.get("simulated")), (&json!("work"), None));
    let files: Vec<Value> = ["trace", "approval_audit", "credential_evidence", "delegation_audit"]
        .into_iter()
        .map(|role| {
            let told = if role == "trace" { "trace_path".to_owned() } else { format!("{role}_path") };
            let name = path(&said, &told);
            let bytes = std::fs::read(bench.0.path(name)).unwrap();
            json!({"role": role, "name": name, "sha256": gait::kernel::digest::Digest::of(&bytes).to_string()})
        })
        .collect();
    assert_eq!(record["files"], json!(files));
    let (code, found) = bench.verify(path(&said, "trace_path"), "--require-decision");
    assert_eq!((code, &found["files_checked"]), (0, &json!(4)), "{found}");
    for key in ["profile", "reason_codes", "matched_rule", "decision_path"] {
        assert_eq!(found[key], said[key], "{key}");
    }
    let free = bench.eval("free.json", "");
    let record = bench.0.json(path(&free, "decision_path"));
    assert_eq!((&record["violations"], &record["reason_codes"]), (&json!(["noted"]), &json!(["fine"])));
    bench.holds(path(&free, "trace_path"), "", 1);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(bench.0.path(path(&said, "decision_path"))).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[test]
fn a_file_of_a_decision_that_is_changed_or_gone_is_told() {
    let bench = Bench::new();
    let said = bench.full("");
    let trace = path(&said, "trace_path");
    for (key, role, change) in [
        ("approval_audit_path", "approval audit", ("approvers", json!(["bob"]))),
        ("delegation_audit_path", "delegation audit", ("valid_delegations", json!(2))),
        ("credential_evidence_path", "credential evidence", ("broker", json!("env"))),
    ] {
        let name = path(&said, key);
        let good = std::fs::read(bench.0.path(name)).unwrap();
        bench.edit(name, |audit| audit[change.0] = change.1);
        bench.refused(trace, "", &[role, name, "changed"]);
        std::fs::remove_file(bench.0.path(name)).unwrap();
        bench.refused(trace, "", &[role, name, "missing"]);
        // Elsewhere is told by a flag; a changed copy on the way does not hide the good one.
        std::fs::create_dir(bench.0.path(key)).unwrap();
        bench.0.file(name, "{}").file(&format!("{key}/{name}"), &good);
        bench.refused(trace, "", &[role, name, "changed"]);
        bench.holds(trace, &format!("--files {key}"), 4);
        bench.0.file(name, good);
        bench.holds(trace, "", 4);
    }
    // Another form of the same trace is signed, and still not the file.
    let good = std::fs::read(bench.0.path(trace)).unwrap();
    bench.edit(trace, |_| {});
    bench.refused(trace, "", &["trace", trace, "changed"]);
    bench.0.file(trace, good);
    bench.holds(trace, "", 4);
}

#[test]
fn a_decision_record_that_does_not_hold_is_told() {
    let bench = Bench::new();
    let said = bench.full("");
    let (trace, name) = (path(&said, "trace_path"), path(&said, "decision_path"));
    let good = bench.0.json(name);
    let edits: [Edit; 14] = [
        ("signed_digest mismatch", |r| r["verdict"] = json!("block")),
        ("signed_digest mismatch", |r| r["reason_codes"] = json!([])),
        ("signed_digest mismatch", |r| r["violations"] = json!(["v"])),
        ("signed_digest mismatch", |r| r["matched_rule"] = json!("other")),
        ("signed_digest mismatch", |r| r["profile"] = json!("oss-prod")),
        ("signed_digest mismatch", |r| r["simulated"] = json!({"verdict": "block", "reason_codes": []})),
        ("signed_digest mismatch", |r| drop(r["files"].as_array_mut().unwrap().pop())),
        ("signed_digest mismatch", |r| r["files"][1]["sha256"] = json!("0".repeat(64))),
        ("does not cover: note", |r| r["note"] = json!("unsigned")),
        ("does not cover: files.note", |r| r["files"][0]["note"] = json!("unsigned")),
        ("does not cover: signature.note", |r| r["signature"]["note"] = json!("unsigned")),
        ("no signature", |r| drop(r.as_object_mut().unwrap().remove("signature"))),
        ("missing field `profile`", |r| drop(r.as_object_mut().unwrap().remove("profile"))),
        ("unknown variant", |r| r["files"][0]["role"] = json!("other")),
    ];
    for (why, edit) in edits {
        let mut record = good.clone();
        edit(&mut record);
        bench.0.file(name, record.to_string());
        bench.refused(trace, "", &[name, why]);
    }
    bench.0.file(name, "{");
    bench.refused(trace, "", &[name]);
    // Members in another order are the same record.
    bench.0.file(name, good.to_string());
    bench.holds(trace, "", 4);
    // The same decision, signed by a key that is trusted too, but is not the trace's.
    let mut forged = gait::gate::decision::parse(good.to_string().as_bytes()).unwrap();
    let eve = std::fs::read_to_string(bench.0.path("keys/eve_private.key")).unwrap();
    forged.sign(&gait::sign::key::PrivateKey::from_text(&eve).unwrap()).unwrap();
    bench.0.file(name, serde_json::to_string(&forged).unwrap());
    let (code, said) = bench.0.run(&format!("trace verify {trace} --trust keys"));
    assert_eq!(code, 2, "{said}");
    assert!(path(&said, "error").contains("key id mismatch"), "{said}");
}

/// What the key itself signed, but of another decision or with files that cannot be: each is held against the trace.
#[test]
fn a_signed_record_is_held_against_the_trace() {
    let bench = Bench::new();
    let said = bench.full("");
    let (trace, name) = (path(&said, "trace_path"), path(&said, "decision_path"));
    let text = std::fs::read_to_string(bench.0.path("keys/gate_private.key")).unwrap();
    let key = gait::sign::key::PrivateKey::from_text(&text).unwrap();
    let good = bench.0.json(name);
    let edits: [Edit; 11] = [
        ("schema_id", |r| r["schema_id"] = json!("gait.gate.trace")),
        ("trace_id", |r| r["trace_id"] = json!("0".repeat(24))),
        ("verdict is \"block\", in the trace \"allow\"", |r| r["verdict"] = json!("block")),
        ("policy_digest", |r| r["policy_digest"] = json!("0".repeat(64))),
        ("intent_digest", |r| r["intent_digest"] = json!("0".repeat(64))),
        ("observed_at", |r| r["observed_at"] = json!("2020-01-01T00:00:00Z")),
        ("violations", |r| r["violations"] = json!(["v"])),
        ("simulated", |r| r["simulated"] = json!({"verdict": "block", "reason_codes": []})),
        ("no trace", |r| drop(r["files"].as_array_mut().unwrap().remove(0))),
        ("two files", |r| r["files"][2] = r["files"][1].clone()),
        ("no file name", |r| r["files"][1]["name"] = json!("../a.json")),
    ];
    for (why, edit) in edits {
        let mut record = good.clone();
        edit(&mut record);
        let mut record = gait::gate::decision::parse(record.to_string().as_bytes()).unwrap();
        record.sign(&key).unwrap();
        bench.0.file(name, serde_json::to_string(&record).unwrap());
        bench.refused(trace, "", &[name, why]);
    }
}

#[test]
fn a_record_that_was_removed_is_missed_by_who_asks_for_it() {
    let bench = Bench::new();
    let said = bench.eval("free.json", "");
    let (trace, name) = (path(&said, "trace_path"), path(&said, "decision_path"));
    bench.holds(trace, &format!("--decision {name} --require-decision"), 1);
    std::fs::rename(bench.0.path(name), bench.0.path("kept.json")).unwrap();
    let (code, said) = bench.verify(trace, "");
    assert_eq!((code, &said["decision_status"]), (0, &json!("missing")), "{said}");
    bench.refused(trace, "--require-decision", &["no decision record beside"]);
    bench.refused(trace, &format!("--decision {name}"), &[name]);
    bench.holds(trace, "--decision kept.json", 1);
    // A trace that does not hold is not saved by its record.
    bench.edit(trace, |trace| trace["verdict"] = json!("dry_run"));
    let (code, said) = bench.verify(trace, "--decision kept.json");
    assert_eq!((code, &said["signature_status"], said.get("decision_status")), (2, &json!("failed"), None), "{said}");
}

#[test]
fn a_record_of_another_run_of_the_same_call_is_called_stale() {
    let bench = Bench::new();
    bench.eval("free.json", "--trace-out a.json");
    let second = bench.eval("free.json", "--trace-out b.json");
    let (code, said) = bench.verify("a.json", "");
    assert_eq!((code, &said["decision_status"]), (0, &json!("stale")), "{said}");
    let warned = said["warnings"][0].as_str().unwrap();
    let event = bench.0.json("b.json")["event_id"].clone();
    assert!(warned.contains(event.as_str().unwrap()) && warned.contains(path(&second, "decision_path")), "{warned}");
    bench.refused("a.json", "--require-decision", &["another decision"]);
    bench.refused("a.json", &format!("--decision {}", path(&second, "decision_path")), &["another decision"]);
    bench.holds("b.json", "--require-decision", 1);
    // With the event in the names nothing is overwritten.
    let [one, two] = [(); 2].map(|()| bench.full("--unique-trace"));
    for said in [one, two] {
        bench.holds(path(&said, "trace_path"), "--require-decision", 4);
    }
}

#[test]
fn a_simulation_leaves_the_records_of_real_decisions_alone() {
    let bench = Bench::new();
    bench.0.file("p.yaml", POLICY.replace("effect: allow", "effect: allow, min_approvals: 1"));
    let real = bench.eval("free.json", "");
    let said = bench.eval("free.json", "--simulate");
    assert_eq!(said["trace_id"], real["trace_id"]);
    let record = bench.0.json(path(&said, "decision_path"));
    assert!(path(&said, "decision_path").starts_with("simulated_decision_"));
    assert_eq!(record["simulated"], json!({"verdict": "allow", "reason_codes": ["fine"]}));
    assert_eq!(record["violations"], json!(["noted", "simulate_mode_non_enforcing"]));
    bench.holds(path(&real, "trace_path"), "--require-decision", 2);
    bench.holds(path(&said, "trace_path"), "--require-decision", 2);
    let line = format!(
        "gate eval --policy p.yaml --intent free.json --simulate --decision-out {}",
        path(&real, "decision_path")
    );
    let (code, said) = bench.0.run(&line);
    assert_eq!(code, 6, "{said}");
    bench.holds(path(&real, "trace_path"), "--require-decision", 2);
}

#[test]
fn a_decision_record_goes_beside_the_trace_or_where_it_is_told() {
    let bench = Bench::new();
    let said = bench.full("--trace-out out/deep/t.json --credential-evidence-out proof/e.json");
    assert_eq!(path(&said, "decision_path"), format!("out/deep/decision_{}.json", path(&said, "trace_id")));
    bench.refused("out/deep/t.json", "", &["credential evidence e.json is missing", "out/deep"]);
    bench.holds("out/deep/t.json", "--files proof", 4);
    std::fs::create_dir(bench.0.path(".gait")).unwrap();
    bench.0.file(".gait/config.yaml", "gate: {decision_path: out/why.json}");
    let said = bench.eval("free.json", "");
    assert_eq!(
        (path(&said, "decision_path"), &said["config_sources"]["decision_path"]),
        ("out/why.json", &json!("config"))
    );
    bench.holds(path(&said, "trace_path"), "--decision out/why.json", 1);
    let said = bench.eval("free.json", "--decision-out why.json");
    assert_eq!(said["config_sources"]["decision_path"], "flag");
    // One record does not overwrite the other, and nothing is half-written.
    for more in ["--trace-out same.json --decision-out ./same.json", "--trace-out same.json --decision-out ../d.json"] {
        let (code, said) = bench.0.run(&format!("gate eval --policy p.yaml --intent free.json {more}"));
        assert_eq!(code, 6, "{said}");
        assert!(!bench.0.path("same.json").exists(), "{more}");
    }
    // What cannot be written leaves what came before it, and no draft.
    let long = "d".repeat(300);
    let line = format!("gate eval --policy p.yaml --intent free.json --trace-out first/t.json --decision-out {long}");
    let (code, said) = bench.0.run(&line);
    assert_ne!(code, 0, "{said}");
    let left: Vec<_> = std::fs::read_dir(bench.0.path("first")).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left, ["t.json"]);
    #[cfg(unix)]
    {
        let said = bench.eval("free.json", "--trace-out /dev/null --no-config");
        assert!(bench.0.path(path(&said, "decision_path")).exists());
    }
}

#[test]
fn the_environment_broker_tells_a_keyed_hash_where_it_has_a_key() {
    const KEY: &str = "0123456789abcdef";
    let bench = Bench::new();
    bench.0.file("p.yaml", "rules: [{name: r, effect: allow, require_broker_credential: true}]");
    let run = |more: &str, key: Option<&str>| {
        let line = format!("gate eval --policy p.yaml --intent free.json --credential-broker env {more} --json");
        let mut command = bench.0.command(&line);
        command.env("GAIT_BROKER_TOKEN_FREE", " hunter2 ");
        if let Some(key) = key {
            command.env("HASH_KEY", key);
        }
        let output = command.output().unwrap();
        (output.status.code().unwrap(), serde_json::from_slice::<Value>(&output.stdout).unwrap())
    };
    let warned =
        |said: &Value| said["warnings"].as_array().unwrap().iter().any(|w| w.as_str().unwrap().contains("unsalted"));
    let (code, said) = run("", Some(KEY));
    assert_eq!((code, &said["credential_ref"]), (0, &json!("env:GAIT_BROKER_TOKEN_FREE:f52fbd32b2b3b86f")));
    assert!(warned(&said), "{said}");
    // From `printf hunter2 | openssl dgst -sha256 -hmac 0123456789abcdef`.
    let keyed = json!("env:GAIT_BROKER_TOKEN_FREE:hmac-sha256:deda27db21d02fd2c8f56d22f15960ff");
    let (code, said) = run("--credential-hash-key-env HASH_KEY", Some(KEY));
    assert_eq!((code, &said["credential_ref"]), (0, &keyed), "{said}");
    assert!(!warned(&said), "{said}");
    let evidence = bench.0.json(path(&said, "credential_evidence_path"));
    assert_eq!(evidence["credential_ref"], keyed);
    std::fs::create_dir(bench.0.path(".gait")).unwrap();
    bench.0.file(".gait/config.yaml", "gate: {credential_hash_key_env: HASH_KEY}");
    let (code, said) = run("", Some(KEY));
    assert_eq!((code, &said["credential_ref"]), (0, &keyed), "{said}");
    assert_eq!(said["config_sources"]["credential_hash_key_env"], "config");
    // No key, no decision: it never falls back to the bare hash, and nothing is written.
    for entry in std::fs::read_dir(bench.0.path("")).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.to_str().unwrap().contains("_") && entry.extension().is_some_and(|end| end == "json") {
            std::fs::remove_file(entry).unwrap();
        }
    }
    for key in [None, Some(""), Some("  "), Some("0123456789abcde"), Some(" 0123456789abcde ")] {
        let (code, said) = run("", key);
        assert_eq!(code, 6, "{key:?}: {said}");
        let error = path(&said, "error");
        assert!(error.contains("HASH_KEY") && error.contains("--credential-hash-key-env"), "{error}");
        assert!(!error.contains("0123456789"), "{error}");
        assert!(!bench.0.path(&format!("trace_{}.json", path(&evidence, "trace_id"))).exists());
    }
    // Whoever keys the hash with the secret itself leaves it as guessable as before.
    bench.0.file("p.yaml", "rules: [{name: r, effect: allow, require_broker_credential: true, broker_reference: x}]");
    let mut command = bench.0.command("gate eval --policy p.yaml --intent free.json --credential-broker env --json");
    let output = command.env("GAIT_BROKER_TOKEN_X", KEY).env("HASH_KEY", KEY).output().unwrap();
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), &said["verdict"]), (Some(3), &json!("block")), "{said}");
}

/// What lies where a file of the decision should, and is none, is told at once; a good copy elsewhere is found behind it.
#[cfg(unix)]
#[test]
fn a_pipe_a_folder_or_a_loop_in_the_place_of_a_file_is_told() {
    let bench = Bench::new();
    let said = bench.full("");
    let trace = path(&said, "trace_path");
    std::fs::create_dir(bench.0.path("kept")).unwrap();
    let pipe = |at: &std::path::Path| assert!(std::process::Command::new("mkfifo").arg(at).status().unwrap().success());
    let folder = |at: &std::path::Path| std::fs::create_dir(at).unwrap();
    let link = |at: &std::path::Path| std::os::unix::fs::symlink(at.file_name().unwrap(), at).unwrap();
    let huge = |at: &std::path::Path| std::fs::File::create(at).unwrap().set_len((64 << 20) + 1).unwrap();
    for key in ["decision_path", "approval_audit_path"] {
        let name = path(&said, key);
        let (place, kept) = (bench.0.path(name), bench.0.path(&format!("kept/{name}")));
        std::fs::rename(&place, &kept).unwrap();
        let odd: [&dyn Fn(&std::path::Path); 4] = [&pipe, &folder, &link, &huge];
        for make in odd {
            make(&place);
            bench.refused(trace, "", &[name]);
            let elsewhere =
                if key == "decision_path" { format!("--decision kept/{name}") } else { "--files kept".into() };
            bench.holds(trace, &elsewhere, 4);
            let _ = std::fs::remove_file(&place).or_else(|_| std::fs::remove_dir(&place));
        }
        std::fs::rename(&kept, &place).unwrap();
    }
    bench.holds(trace, "", 4);
}

#[cfg(unix)]
#[test]
fn two_records_of_a_decision_never_go_to_one_file_however_it_is_spelled() {
    let bench = Bench::new();
    std::fs::create_dir(bench.0.path("dir")).unwrap();
    std::os::unix::fs::symlink("dir", bench.0.path("link")).unwrap();
    let absolute = bench.0.path("t.json").display().to_string();
    for (trace, decision) in
        [("t.json", absolute.as_str()), ("dir/t.json", "link/t.json"), ("link/new/t.json", "dir/new/t.json")]
    {
        let line =
            format!("gate eval --policy p.yaml --intent free.json --trace-out {trace} --decision-out {decision}");
        let (code, said) = bench.0.run(&line);
        assert_eq!(code, 6, "{said}");
        assert!(path(&said, "error").contains("two records"), "{said}");
        assert!(!bench.0.path(trace).exists(), "{trace}");
    }
    bench.eval("free.json", "--trace-out dir/t.json --decision-out link/d.json");
}

#[test]
fn no_record_replaces_what_the_decision_is_made_from() {
    let bench = Bench::new();
    for (flag, file) in [("--trace-out", "p.yaml"), ("--decision-out", "free.json"), ("--trace-out", "./free.json")] {
        let before = std::fs::read(bench.0.path(file)).unwrap();
        let (code, said) = bench.0.run(&format!("gate eval --policy p.yaml --intent free.json {flag} {file}"));
        assert_eq!(code, 6, "{said}");
        assert!(path(&said, "error").contains("which the decision needs"), "{said}");
        assert_eq!(std::fs::read(bench.0.path(file)).unwrap(), before);
    }
}
