//! Packs whose archive is sound and whose content is not: hashes, declarations, ids, schemas, record digests.

use crate::kind::Kind;
use crate::kind::Verdict::{Fails, Ok};
use crate::pack::{NAMES, Pack, digested, sign, signer};
use crate::zip::Item;
use serde_json::json;

pub fn kinds() -> Vec<Kind> {
    let mut kinds = hashes();
    kinds.extend(declarations());
    kinds.extend(declared_oddly());
    kinds.extend(agreement());
    kinds.extend(records());
    kinds
}

/// A sound pack in which the second payment is larger.
fn tampered() -> Pack {
    Pack::with("intents.jsonl", r#""amount":2"#, r#""amount":9"#)
}

fn hashes() -> Vec<Kind> {
    let sound = Pack::sound();
    let stale = sound.signed();
    let fixed = {
        let mut manifest = stale.clone();
        manifest["files"] = tampered().declared()["files"].clone();
        manifest
    };
    let mut wrong = stale.clone();
    wrong["manifest_digest"] = json!("ab".repeat(32));
    let mut shouted = digested(sound.declared());
    shouted["manifest_digest"] = json!(shouted["manifest_digest"].as_str().unwrap().to_uppercase());
    let mut silent = sound.declared();
    silent["manifest_digest"] = json!("");
    vec![
        Kind::fails(
            "content-changed",
            "a record was changed, nothing else",
            r#""path":"intents.jsonl""#,
            &tampered().under(&stale),
        ),
        Kind::fails(
            "content-changed-hashes-fixed",
            "a record was changed and the file hashes were fixed up, the manifest digest was not",
            r#""path":"manifest.json""#,
            &tampered().under(&fixed),
        ),
        Kind::fails(
            "content-changed-digest-fixed",
            "a record was changed, hashes and manifest digest were fixed up, the signature is the old one",
            "signed_digest mismatch",
            &tampered().under(&digested(fixed.clone())),
        ),
        Kind::fails(
            "manifest-digest-stale",
            "the manifest digest is another, and the signature is over that",
            r#""path":"manifest.json""#,
            &sound.under(&sign(wrong, &signer())),
        ),
        Kind::fails(
            "manifest-digest-upper-case",
            "the manifest digest is spelled in capitals",
            r#""path":"manifest.json""#,
            &sound.under(&sign(shouted, &signer())),
        ),
        Kind::fails(
            "manifest-digest-empty",
            "the manifest digest is empty, and the signature is over that",
            r#""path":"manifest.json""#,
            &sound.under(&sign(silent, &signer())),
        ),
    ]
}

fn declarations() -> Vec<Kind> {
    let sound = Pack::sound();
    let mut none = sound.declared();
    none["files"] = json!([]);
    let mut nothing = sound.declared();
    nothing["files"] = json!(null);
    let signed = |manifest| sign(digested(manifest), &signer());
    let mut kinds = vec![
        Kind::fails("files-empty", "the manifest declares nothing", "missing_files", &sound.under(&signed(none))),
        Kind::fails("files-null", "the manifest's files are null", "missing_files", &sound.under(&signed(nothing))),
    ];
    for name in NAMES.iter().filter(|name| **name != "manifest.json") {
        let stem = name.split('.').next().unwrap();
        let mut manifest = sound.declared();
        manifest["files"].as_array_mut().unwrap().retain(|file| file["path"] != **name);
        let why = format!("{name} stands in the archive and the manifest does not declare it");
        let says = format!(r#""missing_files":["{name}"]"#);
        kinds.push(Kind::fails(&format!("undeclared-{stem}"), &why, &says, &sound.under(&signed(manifest))));
        let mut zip = sound.zip();
        zip.items.retain(|item| item.local.as_ref().unwrap().name != name.as_bytes());
        let why = format!("{name} is declared and not there");
        kinds.push(Kind::fails(&format!("missing-{stem}"), &why, &says, &zip));
    }
    let mut zip = sound.zip();
    zip.items.retain(|item| item.local.as_ref().unwrap().name != b"manifest.json");
    kinds.push(Kind::invalid("missing-manifest", "there is no manifest", "no manifest.json", zip.write()));
    let mut zip = sound.zip();
    zip.item("manifest.json").both(|head| head.name = b"MANIFEST.JSON".to_vec());
    kinds.push(Kind::invalid(
        "manifest-upper-case",
        "the manifest is there under another case",
        "no manifest.json",
        zip.write(),
    ));
    kinds
}

fn declared_oddly() -> Vec<Kind> {
    let sound = Pack::sound();
    let signed = |manifest| sign(digested(manifest), &signer());
    let mut extra = sound.zip();
    extra.items.push(Item::stored("notes.txt", b"not declared"));
    let with_file = |path: &str, sha256: &str| {
        let mut manifest = sound.declared();
        manifest["files"].as_array_mut().unwrap().push(json!({"path": path, "sha256": sha256}));
        sound.under(&signed(manifest))
    };
    let with_hash = |change: fn(&str) -> String| {
        let mut manifest = sound.declared();
        let hash = manifest["files"][3]["sha256"].as_str().unwrap().to_owned();
        manifest["files"][3]["sha256"] = json!(change(&hash));
        sound.under(&signed(manifest))
    };
    let hash = sound.declared()["files"][3]["sha256"].as_str().unwrap().to_owned();
    vec![
        Kind::fails("undeclared-extra", "an entry more than the manifest declares", "does not declare", &extra),
        Kind::fails(
            "declared-twice",
            "the manifest declares run.json twice, alike",
            "twice",
            &with_file("run.json", &hash),
        ),
        Kind::fails(
            "declared-twice-unlike",
            "the manifest declares run.json twice, the second time with another hash",
            "twice",
            &with_file("run.json", &"0".repeat(64)),
        ),
        Kind::fails(
            "declares-itself",
            "the manifest declares itself",
            r#""missing_files":["manifest.json"]"#,
            &with_file("manifest.json", &hash),
        ),
        Kind::fails(
            "declares-outside",
            "the manifest declares a file outside the archive",
            "missing_files",
            &with_file("../../etc/hostname", &hash),
        ),
        Kind::fails(
            "declares-nameless",
            "the manifest declares an entry without a name",
            "missing_files",
            &with_file("", ""),
        ),
        Kind::fails(
            "hash-not-hex",
            "a declared hash is not hex",
            "hash_mismatches",
            &with_hash(|h| h.replace(&h[..1], "g")),
        ),
        Kind::fails("hash-short", "a declared hash is cut off", "hash_mismatches", &with_hash(|h| h[..63].to_owned())),
        Kind::fails("hash-empty", "a declared hash is empty", "hash_mismatches", &with_hash(|_| String::new())),
        Kind::fails(
            "hash-prefixed",
            "a declared hash is prefixed",
            "hash_mismatches",
            &with_hash(|h| format!("sha256:{h}")),
        ),
    ]
}

fn agreement() -> Vec<Kind> {
    let mut kinds = Vec::new();
    let mut changed = |name: &str, why: &str, says: &str, entry: &str, from: &str, to: &str| {
        kinds.push(Kind::fails(name, why, says, &Pack::with(entry, from, to).zip()));
    };
    let id = r#""run_id":"run_hostile""#;
    let other = r#""run_id":"run_other""#;
    changed("run-id-of-run", "run.json names another run", "run.json names run", "run.json", id, other);
    changed("run-id-of-refs", "refs.json names another run", "refs.json names run", "refs.json", id, other);
    changed(
        "schema-of-run",
        "run.json has another schema",
        "run.json: schema",
        "run.json",
        "runpack.run",
        "runpack.ran",
    );
    changed("schema-of-refs", "refs.json has another schema", "refs.json: schema", "refs.json", "runpack.refs", "x");
    changed(
        "schema-of-intent",
        "an intent has another schema",
        "intents.jsonl: a record",
        "intents.jsonl",
        ".intent",
        ".x",
    );
    changed(
        "schema-version-of-result",
        "a result has another schema version",
        "results.jsonl: a record",
        "results.jsonl",
        "1.0.0",
        "1.0.1",
    );
    let mut manifest = |name: &str, why: &str, says: &str, key: &str, value: &str| {
        let mut pack = Pack::sound();
        pack.manifest[key] = json!(value);
        kinds.push(Kind::fails(name, why, says, &pack.zip()));
    };
    manifest("run-id-of-manifest", "the manifest names another run", "the manifest", "run_id", "run_other");
    manifest("schema-of-manifest", "the manifest has another schema", "manifest.json: schema", "schema_id", "gait.x");
    manifest("schema-version-of-manifest", "a version to come", "manifest.json: schema", "schema_version", "2.0.0");
    manifest("capture-mode-unknown", "the capture mode is none", "capture_mode", "capture_mode", "everything");
    let mut nameless = Pack::sound();
    nameless.manifest["run_id"] = json!("");
    kinds.push(Kind::invalid("run-id-empty", "the manifest names no run", "no run_id", nameless.zip().write()));
    kinds
}

fn records() -> Vec<Kind> {
    let warned = |name: &str, why: &str, entry: &str, from: &str, to: &str| {
        let zip = Pack::with(entry, from, to).zip();
        Kind::depends(name, why, [Ok, Ok, Ok, Fails], "record_digest_mismatches", &zip)
    };
    vec![
        warned(
            "args-digest-unlike",
            "an intent's digest is not its arguments'",
            "intents.jsonl",
            r#""amount":2"#,
            r#""amount":9"#,
        ),
        warned(
            "result-digest-unlike",
            "a result's digest is not its content's",
            "results.jsonl",
            r#""balance":99"#,
            r#""balance":0"#,
        ),
        warned(
            "args-digest-no-digest",
            "an intent's digest is some text",
            "intents.jsonl",
            r#""args_digest":""#,
            r#""args_digest":"x"#,
        ),
    ]
}
