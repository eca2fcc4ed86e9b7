//! `baselines.jsonl` beside a fixture: which run became its baseline, by whom and why, each record bound to the last.

use crate::kernel::clock::Timestamp;
use crate::kernel::digest::Digest;
use crate::kernel::error::{Error, Result};
use crate::kernel::fs::{self, DOCUMENT_LIMIT};
use crate::kernel::json::{canon, read};
use crate::runpack::verify::Trust;
use crate::sign::envelope::{self, Check, Refusal, Signature};
use crate::sign::key::{PrivateKey, PublicKey};
use camino::Utf8Path;
use serde::{Deserialize, Serialize};

/// The file's name in the fixture's folder.
pub const FILE: &str = "baselines.jsonl";
/// `schema_id` of a record.
pub const SCHEMA_ID: &str = "gait.regress.baseline";
/// `schema_version` of a record.
pub const SCHEMA_VERSION: &str = "1.0.0";
/// Reason code of a chain that does not hold.
pub const BROKEN: &str = "baseline_chain_broken";
/// Reason code of an acceptance that was cut off.
pub const UNFINISHED: &str = "baseline_accept_unfinished";

/// One acceptance as written: a canonical line. Digests are hex SHA-256; `prev_record_digest` is that of the whole line
/// before, empty in the first one.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Acceptance {
    pub schema_id: String,
    pub schema_version: String,
    pub created_at: Timestamp,
    pub producer_version: String,
    pub fixture: String,
    pub previous_run_id: String,
    pub previous_manifest_digest: String,
    pub run_id: String,
    pub manifest_digest: String,
    /// Digest of what differed between the two, as it was shown.
    pub diff_digest: String,
    pub reason: String,
    pub accepted_by: String,
    pub prev_record_digest: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<Signature>,
}

impl Acceptance {
    fn signable(&self) -> Result<Digest> {
        Ok(Digest::of(&canon::of(&Self { signature: None, ..self.clone() })?))
    }

    /// Signs the record, in place of any signature it had.
    pub fn sign(&mut self, key: &PrivateKey) -> Result<()> {
        self.signature = Some(envelope::sign(key, self.signable()?));
        Ok(())
    }

    /// Whether one of `keys` signed exactly this record.
    pub fn check(&self, keys: &[PublicKey]) -> Result<Check> {
        let Some(signature) = &self.signature else { return Ok(Check::Refused(Refusal::MissingDigest)) };
        Ok(envelope::check_with(keys, signature, self.signable()?))
    }

    /// The id of the key the record says it was signed with.
    pub fn key_id(&self) -> &str {
        self.signature.as_ref().map_or("", |signature| signature.key_id.as_str())
    }
}

/// A record and the digest of its line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    pub record: Acceptance,
    pub digest: String,
}

/// The records of one fixture, oldest first; never empty where it was read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Chain {
    pub links: Vec<Link>,
}

/// How chain, metadata and runpack stand to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// They speak of the same baseline.
    Settled,
    /// The last record was written, the metadata does not name it yet.
    Unfinished,
}

impl Chain {
    /// Reads the chain in `dir`; none where there is no file. What is no chain is `VerificationFailed`.
    pub fn read(dir: &Utf8Path) -> Result<Option<Self>> {
        let path = dir.join(FILE);
        if matches!(path.symlink_metadata(), Err(error) if error.kind() == std::io::ErrorKind::NotFound) {
            return Ok(None);
        }
        let bytes = fs::read(&path, DOCUMENT_LIMIT)?;
        let broken = |what: String| Error::verification(format!("{path}: {what}")).code(BROKEN);
        let Some(body) = bytes.strip_suffix(b"\n") else {
            return Err(broken("the file is empty or its last line is cut".to_owned()));
        };
        let mut chain = Self::default();
        for (number, line) in (1..).zip(body.split(|byte| *byte == b'\n')) {
            let record: Acceptance = read::typed(line).map_err(|e| broken(format!("record {number}: {e}")))?;
            if canon::of(&record)? != line {
                return Err(broken(format!("record {number} is not written as this program writes it")));
            }
            if record.schema_id != SCHEMA_ID || record.schema_version != SCHEMA_VERSION {
                let (id, version) = (&record.schema_id, &record.schema_version);
                return Err(broken(format!("record {number} is of an unknown kind: {id:?} {version:?}")));
            }
            chain.links.push(Link { record, digest: Digest::of(line).to_string() });
        }
        Ok(Some(chain))
    }

    /// The file's text.
    pub fn text(&self) -> Result<Vec<u8>> {
        let mut text = Vec::new();
        for link in &self.links {
            text.extend(canon::of(&link.record)?);
            text.push(b'\n');
        }
        Ok(text)
    }

    /// Adds a record behind the last one, bound to it and signed.
    pub fn push(&mut self, mut record: Acceptance, key: &PrivateKey) -> Result<()> {
        record.prev_record_digest = self.head().unwrap_or_default().to_owned();
        record.sign(key)?;
        let digest = Digest::of(&canon::of(&record)?).to_string();
        self.links.push(Link { record, digest });
        Ok(())
    }

    /// Digest of the last record.
    pub fn head(&self) -> Option<&str> {
        self.links.last().map(|link| link.digest.as_str())
    }

    /// What does not hold between the records of `fixture`, one line each; signatures aside.
    pub fn faults(&self, fixture: &str) -> Vec<String> {
        let mut faults = Vec::new();
        let mut before: Option<&Link> = None;
        for (number, link) in (1..).zip(&self.links) {
            let record = &link.record;
            if record.fixture != fixture {
                faults.push(format!("record {number} is of fixture {:?}", record.fixture));
            }
            if record.prev_record_digest != before.map_or("", |link| &link.digest) {
                faults.push(format!("record {number} does not name the record before it"));
            }
            if before.is_some_and(|link| link.record.manifest_digest != record.previous_manifest_digest) {
                faults.push(format!("record {number} does not start from the baseline of the record before it"));
            }
            before = Some(link);
        }
        faults
    }

    /// What is wrong with the signatures: refused ones, and those by keys that are not among `keys`.
    pub fn signatures(&self, keys: &[PublicKey]) -> Result<Vec<(usize, Check)>> {
        let checked = (1..).zip(&self.links).map(|(number, link)| Ok((number, link.record.check(keys)?)));
        checked.collect()
    }
}

/// How the chain stands to the `baselines_head` of `fixture.json` and to the runpack's manifest digest. The inner `Err`
/// says what does not hold.
pub fn standing(
    fixture: &str,
    chain: Option<&Chain>,
    head: Option<&str>,
    manifest_digest: &str,
) -> Result<Standing, String> {
    let Some(chain) = chain else {
        return match head {
            None => Ok(Standing::Settled),
            Some(_) => Err(format!("fixture.json names a record of {FILE}, but that file is not there")),
        };
    };
    if let Some(fault) = chain.faults(fixture).into_iter().next() {
        return Err(format!("{FILE}: {fault}"));
    }
    let Some((last, earlier)) = chain.links.split_last() else {
        return Err(format!("{FILE} holds no record"));
    };
    let Acceptance { manifest_digest: now, previous_manifest_digest: before, .. } = &last.record;
    if head == Some(last.digest.as_str()) {
        if now == manifest_digest {
            return Ok(Standing::Settled);
        }
        return Err("the runpack is not the one that was accepted last".to_owned());
    }
    if head == earlier.last().map(|link| link.digest.as_str()) {
        if [now, before].iter().any(|known| *known == manifest_digest) {
            return Ok(Standing::Unfinished);
        }
        return Err("the runpack is neither the one that was accepted last nor the one before it".to_owned());
    }
    Err(format!("fixture.json does not name the last record of {FILE}: one of the two was changed"))
}

/// The keys that count for records. A key named for runpacks says nothing about who accepts them, but is one of them.
pub fn keys(trust: &Trust) -> Vec<PublicKey> {
    match trust {
        Trust::Given(key) => vec![*key],
        Trust::Known(keys) => keys.clone(),
    }
}
