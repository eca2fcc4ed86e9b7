//! Does a pack hold? One scan, one judgement, and the only way to a [`Verified`] pack.

use crate::kernel::archive::read::{Archive, Limits};
use crate::kernel::digest::Digest;
use crate::kernel::error::{Error, Result};
use crate::kernel::json::canon;
use crate::runpack::scan::{self, Contents, HashMismatch, LaneScan, Observe, RecordMismatch};
use crate::sign::envelope::{self, Check, Refusal, Signature};
use crate::sign::key::PublicKey;
use crate::sign::keyring;
use serde::Serialize;
use std::path::Path;

/// Whose signatures count.
#[derive(Debug, Clone)]
pub enum Trust {
    /// Exactly this key: any other signature fails.
    Given(PublicKey),
    /// Any of these keys; a signature by another key is left unchecked.
    Known(Vec<PublicKey>),
}

impl Trust {
    /// The keys this project and this user trust.
    pub fn ambient() -> Result<Self> {
        Ok(Self::Known(keyring::trusted()?))
    }
}

/// How strict a verification is.
#[derive(Debug, Clone)]
pub struct Demands {
    pub trust: Trust,
    /// A missing or unchecked signature fails.
    pub require_signature: bool,
    /// Also a record digest unlike its content fails, and one bad signature by the given key.
    pub strict: bool,
    pub limits: Limits,
}

impl Demands {
    /// Ambient trust, nothing required.
    pub fn standard(trust: Trust) -> Self {
        Self { trust, require_signature: false, strict: false, limits: Limits::default() }
    }
}

/// What is known about the signatures of a pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SignatureStatus {
    /// There is none.
    Missing,
    /// There are some, by keys we do not have.
    Skipped,
    /// At least one holds, by a key we trust.
    Verified,
    /// None holds.
    Failed,
}

impl SignatureStatus {
    /// The contract's word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Skipped => "skipped",
            Self::Verified => "verified",
            Self::Failed => "failed",
        }
    }
}

/// The outcome of verifying a pack; what is empty is left out of the JSON.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    #[serde(skip)]
    pub ok: bool,
    pub run_id: String,
    pub manifest_digest: String,
    pub files_checked: usize,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub missing_files: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hash_mismatches: Vec<HashMismatch>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub structure_errors: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub record_digest_mismatches: Vec<RecordMismatch>,
    pub signature_status: SignatureStatus,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub signature_errors: Vec<String>,
    #[serde(skip_serializing_if = "is_zero")]
    pub signatures_total: usize,
    #[serde(skip_serializing_if = "is_zero")]
    pub signatures_valid: usize,
    /// The run was cut off while it was recorded; what is there is sound.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub truncated: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// Something that was verified. Only this module makes one.
#[derive(Debug)]
pub struct Verified<T> {
    inner: T,
    /// How it was found to be signed.
    pub signature_status: SignatureStatus,
}

impl<T> std::ops::Deref for Verified<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.inner
    }
}

/// Verifies the pack at `path`. `Err`: it is no runpack at all, or cannot be read; a pack that does not hold is a
/// report with `ok: false`.
pub fn verify(path: &Path, demands: &Demands) -> Result<Report> {
    let archive = match Archive::open(path, demands.limits) {
        Ok(archive) => archive,
        Err(error) if error.reason() == Some("archive_ambiguous") => return Ok(ambiguous(&error)),
        Err(error) => return Err(error),
    };
    let contents = scan::scan(&archive, &mut (), &mut ())?;
    judge(&contents, demands)
}

/// Verifies a pack this program wrote a moment ago, whose records it knows.
pub fn written(path: &Path, [intents, results]: [LaneScan; 2], trust: Trust) -> Result<Report> {
    let demands = Demands::standard(trust);
    let archive = Archive::open(path, demands.limits)?;
    judge(&scan::scan_written(&archive, intents, results)?, &demands)
}

/// Opens a pack whose content may be relied on, its records seen by the observers on the way.
///
/// Errors: `InvalidInput` when it is no runpack, `VerificationFailed` when it does not hold. Schema ids this
/// program does not know are left to the caller ([`Contents::schema_faults`]).
pub fn open(
    archive: &Archive,
    trust: &Trust,
    intents: &mut dyn Observe,
    results: &mut dyn Observe,
) -> Result<Verified<Contents>> {
    let contents = scan::scan(archive, intents, results)?;
    let report = judge(&contents, &Demands::standard(trust.clone()))?;
    report.hold_but(contents.schema_faults.len())?;
    Ok(Verified { inner: contents, signature_status: report.signature_status })
}

/// Refuses content with schemas this program does not know.
pub fn known(contents: &Contents) -> Result<()> {
    if contents.schema_faults.is_empty() {
        return Ok(());
    }
    Err(does_not_hold(&contents.schema_faults).code("schema_unknown"))
}

fn does_not_hold(why: &[String]) -> Error {
    Error::verification(format!("the runpack does not hold: {}", why.join("; ")))
}

impl Report {
    /// An error that says why, when the pack does not hold.
    pub fn hold(&self) -> Result<()> {
        self.hold_but(0)
    }

    fn hold_but(&self, schema: usize) -> Result<()> {
        let broken = self.broken(schema);
        if broken.is_empty() { Ok(()) } else { Err(does_not_hold(&broken).code(self.code())) }
    }

    /// The reason code of what is most wrong with the pack.
    fn code(&self) -> &'static str {
        if !self.missing_files.is_empty() {
            "missing_files"
        } else if !self.hash_mismatches.is_empty() {
            "hash_mismatch"
        } else if self.signature_status == SignatureStatus::Failed {
            "signature_failed"
        } else {
            "structure_invalid"
        }
    }

    /// What makes the pack untrustworthy, one phrase each, the last `schema` structure errors aside.
    fn broken(&self, schema: usize) -> Vec<String> {
        let mut broken: Vec<String> = self.missing_files.iter().map(|name| format!("{name} is missing")).collect();
        broken.extend(self.hash_mismatches.iter().map(|m| format!("{} is not what the manifest says", m.path)));
        let structural = self.structure_errors.len().saturating_sub(schema);
        broken.extend(self.structure_errors[..structural].iter().cloned());
        if self.signature_status == SignatureStatus::Failed {
            broken.push(format!("signature: {}", self.signature_errors.join("; ")));
        }
        broken
    }
}

/// An archive that two readers could read differently is not read at all.
fn ambiguous(error: &Error) -> Report {
    Report {
        ok: false,
        run_id: String::new(),
        manifest_digest: String::new(),
        files_checked: 0,
        missing_files: Vec::new(),
        hash_mismatches: Vec::new(),
        structure_errors: vec![error.to_string()],
        record_digest_mismatches: Vec::new(),
        signature_status: SignatureStatus::Skipped,
        signature_errors: Vec::new(),
        signatures_total: 0,
        signatures_valid: 0,
        truncated: false,
        warnings: Vec::new(),
    }
}

/// Judges one scan.
pub fn judge(contents: &Contents, demands: &Demands) -> Result<Report> {
    let signatures = check_signatures(contents, demands)?;
    let records: Vec<RecordMismatch> =
        [&contents.intents, &contents.results].iter().flat_map(|lane| lane.digest_mismatches.clone()).collect();
    let structure_errors: Vec<String> = contents.faults.iter().chain(&contents.schema_faults).cloned().collect();
    let signed = match signatures.status {
        SignatureStatus::Verified => !(demands.strict && signatures.given_key_refused),
        SignatureStatus::Failed => false,
        SignatureStatus::Missing | SignatureStatus::Skipped => !demands.require_signature,
    };
    let ok = signed
        && contents.missing_files.is_empty()
        && contents.hash_mismatches.is_empty()
        && structure_errors.is_empty()
        && (!demands.strict || records.is_empty());
    let timeline = contents.run.timeline.as_deref().unwrap_or_default();
    Ok(Report {
        ok,
        run_id: contents.manifest.run_id.clone(),
        manifest_digest: contents.manifest.manifest_digest.clone(),
        files_checked: contents.manifest.files().len(),
        missing_files: contents.missing_files.clone(),
        hash_mismatches: contents.hash_mismatches.clone(),
        structure_errors,
        warnings: warnings(contents, &signatures, &records),
        record_digest_mismatches: records,
        signature_status: signatures.status,
        signature_errors: signatures.errors,
        signatures_total: contents.manifest.signatures.len(),
        signatures_valid: signatures.valid,
        truncated: timeline.iter().any(|event| event.event == "truncated"),
    })
}

fn warnings(contents: &Contents, signatures: &Signatures, records: &[RecordMismatch]) -> Vec<String> {
    let mut warnings = Vec::new();
    match signatures.status {
        SignatureStatus::Missing => warnings.push("the runpack is NOT SIGNED: anybody could have made it".to_owned()),
        SignatureStatus::Skipped => {
            let ids: Vec<&str> = contents.manifest.signatures.iter().map(|s| s.key_id.as_str()).collect();
            warnings.push(format!("signed by a key that is not trusted here: {}", ids.join(", ")));
        }
        SignatureStatus::Verified | SignatureStatus::Failed => {}
    }
    if !records.is_empty() {
        warnings.push(format!("{} records have a digest unlike their content", records.len()));
    }
    let foreign = contents.intents.foreign + contents.results.foreign;
    if foreign > 0 {
        warnings.push(format!("{foreign} records name another run"));
    }
    warnings
}

struct Signatures {
    status: SignatureStatus,
    errors: Vec<String>,
    valid: usize,
    given_key_refused: bool,
}

fn check_signatures(contents: &Contents, demands: &Demands) -> Result<Signatures> {
    let all = &contents.manifest.signatures;
    let mut found =
        Signatures { status: SignatureStatus::Missing, errors: Vec::new(), valid: 0, given_key_refused: false };
    if all.is_empty() {
        if demands.require_signature {
            found.errors.push("manifest has no signatures".to_owned());
        }
        return Ok(found);
    }
    let digest = Digest::of(&canon::without(&contents.manifest_bytes, "signatures")?);
    let mut unknown = false;
    for signature in all {
        match check_one(signature, digest, &demands.trust) {
            Check::Valid => found.valid += 1,
            Check::UnknownKey => unknown = true,
            Check::Refused(refusal) => {
                found.given_key_refused |= refusal != Refusal::KeyMismatch;
                found.errors.push(refusal.to_string());
            }
        }
    }
    found.status = if found.valid > 0 {
        SignatureStatus::Verified
    } else if found.errors.is_empty() && unknown {
        found.errors.push("public key not configured".to_owned());
        SignatureStatus::Skipped
    } else {
        SignatureStatus::Failed
    };
    found.errors.sort();
    Ok(found)
}

fn check_one(signature: &Signature, digest: Digest, trust: &Trust) -> Check {
    match trust {
        Trust::Known(keys) => envelope::check_with(keys, signature, digest),
        Trust::Given(key) => match envelope::verify_with(key, signature, digest) {
            Ok(()) => Check::Valid,
            Err(refusal) => Check::Refused(refusal),
        },
    }
}
