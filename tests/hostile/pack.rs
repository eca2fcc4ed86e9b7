//! A sound little pack, its parts open to change, and the sealing that makes a changed pack look right again.

use crate::zip::{Item, Zip};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gait::kernel::digest::Digest;
use gait::kernel::json::canon;
use gait::sign::envelope;
use gait::sign::key::PrivateKey;
use serde_json::{Value, json};

/// The names of a pack's entries, in the order they stand in it.
pub const NAMES: [&str; 5] = ["intents.jsonl", "manifest.json", "refs.json", "results.jsonl", "run.json"];

/// A key made from one repeated byte: the same on every machine, and good for nothing else.
pub fn key(seed: u8) -> PrivateKey {
    let pair = ed25519_dalek::SigningKey::from_bytes(&[seed; 32]).to_keypair_bytes();
    PrivateKey::from_text(&STANDARD.encode(pair)).unwrap()
}

/// The key the packs are signed with and that is trusted here.
pub fn signer() -> PrivateKey {
    key(7)
}

/// The contents of a pack before they are hashed, signed and zipped.
#[derive(Clone)]
pub struct Pack {
    pub run: Vec<u8>,
    pub refs: Vec<u8>,
    pub intents: Vec<u8>,
    pub results: Vec<u8>,
    /// Further declared entries.
    pub extra: Vec<(String, Vec<u8>)>,
    /// The manifest but for `files`, `manifest_digest` and `signatures`.
    pub manifest: Value,
}

const AT: &str = "2026-03-01T10:00:00Z";

impl Pack {
    /// Two calls, two results, one reference, nothing wrong.
    pub fn sound() -> Self {
        let head = |kind: &str| {
            json!({"schema_id": format!("gait.runpack.{kind}"), "schema_version": "1.0.0", "created_at": AT,
                "producer_version": "hostile", "run_id": "run_hostile"})
        };
        let with = |mut head: Value, more: Value| {
            let (Value::Object(members), Value::Object(more)) = (&mut head, more) else { unreachable!() };
            members.extend(more);
            head
        };
        let digest = |value: &Value| Digest::of(&canon::of(value).unwrap()).to_string();
        let (mut intents, mut results) = (Vec::new(), Vec::new());
        for call in 1..=2 {
            let (args, result) = (json!({"amount": call, "to": "acc-1"}), json!({"balance": 100 - call}));
            let id = format!("intent_{call}");
            let intent = json!({"intent_id": id, "tool_name": "pay", "args": args, "args_digest": digest(&args)});
            let outcome = json!({"intent_id": id, "status": "ok", "result": result, "result_digest": digest(&result)});
            intents.extend(canon::of(&with(head("intent"), intent)).unwrap());
            intents.push(b'\n');
            results.extend(canon::of(&with(head("result"), outcome)).unwrap());
            results.push(b'\n');
        }
        let timeline = json!([{"event": "start", "ts": AT}, {"event": "finish", "ts": AT}]);
        let env = json!({"os": "linux", "arch": "amd64", "runtime": "rust"});
        let receipt = json!({"ref_id": "ref_1", "source_type": "file", "source_locator": "ledger",
            "query_digest": Digest::of(b"query").to_string(), "content_digest": Digest::of(b"content").to_string(),
            "retrieved_at": AT, "redaction_mode": "reference"});
        Self {
            run: canon::of(&with(head("run"), json!({"env": env, "timeline": timeline}))).unwrap(),
            refs: canon::of(&with(head("refs"), json!({"receipts": [receipt]}))).unwrap(),
            intents,
            results,
            extra: Vec::new(),
            manifest: with(head("manifest"), json!({"capture_mode": "reference"})),
        }
    }

    /// A sound pack with `from` replaced by `to` in one entry; it has to occur there.
    pub fn with(name: &str, from: &str, to: &str) -> Self {
        let mut pack = Self::sound();
        let slot = pack.slot(name);
        let text = String::from_utf8(slot.clone()).unwrap();
        assert!(text.contains(from), "{name} has no {from}");
        *slot = text.replacen(from, to, 1).into_bytes();
        pack
    }

    pub fn slot(&mut self, name: &str) -> &mut Vec<u8> {
        match name {
            "run.json" => &mut self.run,
            "refs.json" => &mut self.refs,
            "intents.jsonl" => &mut self.intents,
            "results.jsonl" => &mut self.results,
            other => panic!("no entry {other}"),
        }
    }

    /// The same pack with the text at the end of one entry replaced.
    pub fn text_end(mut self, name: &str, from: &str, to: &str) -> Self {
        let slot = self.slot(name);
        let kept = slot.strip_suffix(from.as_bytes()).unwrap().len();
        slot.truncate(kept);
        slot.extend_from_slice(to.as_bytes());
        self
    }

    /// Every entry but the manifest, in byte order of the names.
    pub fn bodies(&self) -> Vec<(String, Vec<u8>)> {
        let mut bodies = vec![
            ("intents.jsonl".to_owned(), self.intents.clone()),
            ("refs.json".to_owned(), self.refs.clone()),
            ("results.jsonl".to_owned(), self.results.clone()),
            ("run.json".to_owned(), self.run.clone()),
        ];
        bodies.extend(self.extra.iter().cloned());
        bodies.sort();
        bodies
    }

    /// The manifest that declares what is there, not yet sealed.
    pub fn declared(&self) -> Value {
        let file = |(name, bytes): (String, Vec<u8>)| json!({"path": name, "sha256": Digest::of(&bytes).to_string()});
        let mut manifest = self.manifest.clone();
        manifest["files"] = self.bodies().into_iter().map(file).collect();
        manifest
    }

    /// The sound manifest: declared, digested, signed.
    pub fn signed(&self) -> Value {
        sign(digested(self.declared()), &signer())
    }

    /// The pack's entries under the manifest given, as text.
    pub fn entries_under(&self, manifest: Vec<u8>) -> Vec<(String, Vec<u8>)> {
        let mut entries = self.bodies();
        entries.push(("manifest.json".to_owned(), manifest));
        entries.sort();
        entries
    }

    /// The archive of the pack under the manifest given.
    pub fn under(&self, manifest: &Value) -> Zip {
        self.under_text(canon::of(manifest).unwrap())
    }

    /// As [`Pack::under`], the manifest as text.
    pub fn under_text(&self, manifest: Vec<u8>) -> Zip {
        let entries = self.entries_under(manifest);
        Zip::of(entries.iter().map(|(name, bytes)| Item::deflated(name, bytes)).collect())
    }

    /// The archive of the pack, all of it fixed up and signed again.
    pub fn zip(&self) -> Zip {
        self.under(&self.signed())
    }
}

/// A manifest with the digest of its own known fields.
pub fn digested(mut manifest: Value) -> Value {
    const KNOWN: [&str; 7] =
        ["schema_id", "schema_version", "created_at", "producer_version", "run_id", "capture_mode", "files"];
    let known = manifest.as_object().unwrap().iter().filter(|(key, _)| KNOWN.contains(&key.as_str()));
    let mut bare: serde_json::Map<_, _> = known.map(|(key, value)| (key.clone(), value.clone())).collect();
    bare.insert("manifest_digest".to_owned(), json!(""));
    manifest["manifest_digest"] = json!(Digest::of(&canon::of(&bare).unwrap()).to_string());
    manifest
}

/// A signature of `key` over the manifest as it stands.
pub fn signature(manifest: &Value, key: &PrivateKey) -> Value {
    let bytes = canon::without(&canon::of(manifest).unwrap(), "signatures").unwrap();
    serde_json::to_value(envelope::sign(key, Digest::of(&bytes))).unwrap()
}

/// The manifest with one signature of `key`.
pub fn sign(mut manifest: Value, key: &PrivateKey) -> Value {
    manifest["signatures"] = json!([signature(&manifest, key)]);
    manifest
}
