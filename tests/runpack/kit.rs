//! Packs to test with, made by the recorder in a folder that goes away.

use camino::{Utf8Path, Utf8PathBuf};
use gait::kernel::archive::read::{Archive, Limits};
use gait::kernel::archive::write::Writer;
use gait::kernel::digest::Digest;
use gait::runpack::record::{self, Options};
use gait::runpack::verify::Trust;
use gait::sign::key::PrivateKey;
use serde_json::{Value, json};
use std::io::Cursor;

/// A folder for one test.
pub struct Folder(tempfile::TempDir);

impl Folder {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn path(&self) -> &Utf8Path {
        Utf8Path::from_path(self.0.path()).unwrap()
    }

    pub fn file(&self, name: &str, text: &str) -> Utf8PathBuf {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    /// Records an input document; the pack's path.
    pub fn record(&self, input: &Value) -> Utf8PathBuf {
        self.record_with(input, None)
    }

    /// As [`Folder::record`], signed.
    pub fn record_with(&self, input: &Value, key: Option<&PrivateKey>) -> Utf8PathBuf {
        let options = Options { key, ..Options::default() };
        record::record(Cursor::new(input.to_string()), self.path(), &options).unwrap().path
    }
}

/// Nobody is trusted: packs are unsigned or their signatures unchecked.
pub fn nobody() -> Trust {
    Trust::Known(Vec::new())
}

/// A run of its own time and producer.
pub fn run(id: &str) -> Value {
    json!({"run_id": id, "created_at": "2026-03-01T10:00:00Z", "producer_version": "test"})
}

pub fn intent(id: &str, tool: &str, args: Value) -> Value {
    let digest = digest(&args);
    json!({"intent_id": id, "tool_name": tool, "args": args, "args_digest": digest})
}

pub fn result(id: &str, status: &str, result: Value) -> Value {
    let digest = digest(&result);
    json!({"intent_id": id, "status": status, "result": result, "result_digest": digest})
}

pub fn digest(body: &Value) -> String {
    gait::kernel::json::canon::digest(body.to_string().as_bytes()).unwrap().to_string()
}

/// Two calls, both answered.
pub fn two_calls(id: &str) -> Value {
    json!({
        "run": run(id),
        "intents": [intent("a", "mail.send", json!({"to": "ann"})), intent("b", "db.read", json!({"id": 7}))],
        "results": [result("a", "ok", json!({"sent": true})), result("b", "ok", json!({"row": [1, 2]}))],
    })
}

/// Rewrites one entry of a pack and leaves the rest, manifest included, as it is.
pub fn tamper(path: &Utf8Path, entry: &str, change: impl Fn(&str) -> String) {
    let archive = Archive::open(path.as_std_path(), Limits::default()).unwrap();
    let names: Vec<String> = archive.entries().iter().map(|entry| entry.name.clone()).collect();
    let mut zip = Writer::new(Cursor::new(Vec::new()));
    for name in names {
        let mut bytes = archive.bytes(&name, 1 << 20).unwrap().unwrap();
        if name == entry {
            bytes = change(std::str::from_utf8(&bytes).unwrap()).into_bytes();
        }
        zip.entry(&name, &bytes).unwrap();
    }
    std::fs::write(path, zip.finish().unwrap().into_inner()).unwrap();
}

/// Rewrites one declared entry and everything that vouches for it, as its producer could have.
pub fn remake(path: &Utf8Path, entry: &str, change: impl Fn(&str) -> String) {
    let archive = Archive::open(path.as_std_path(), Limits::default()).unwrap();
    let old = archive.bytes(entry, 1 << 20).unwrap().unwrap();
    let new = change(std::str::from_utf8(&old).unwrap());
    let (before, after) = (Digest::of(&old).to_string(), Digest::of(new.as_bytes()).to_string());
    tamper(path, entry, |_| new.clone());
    tamper(path, "manifest.json", |text| {
        let mut manifest: gait::runpack::model::Manifest =
            serde_json::from_str(&text.replace(&before, &after)).unwrap();
        manifest.manifest_digest = manifest.digest().unwrap().to_string();
        serde_json::to_string(&manifest).unwrap()
    });
}
