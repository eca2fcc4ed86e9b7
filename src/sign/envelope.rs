//! Signatures over canonical JSON, as they stand inside manifests, traces and tokens.

use crate::kernel::digest::Digest;
use crate::sign::key::{PrivateKey, PublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A signature object. `sig` is standard base64 of 64 bytes, `signed_digest` the hex SHA-256 of the signed
/// object's canonical form, `key_id` the signer's key id (empty: not named).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Signature {
    #[serde(deserialize_with = "null_is_empty")]
    pub alg: String,
    #[serde(deserialize_with = "null_is_empty")]
    pub key_id: String,
    #[serde(deserialize_with = "null_is_empty")]
    pub sig: String,
    #[serde(deserialize_with = "null_is_empty", skip_serializing_if = "String::is_empty")]
    pub signed_digest: String,
}

fn null_is_empty<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.unwrap_or_default())
}

/// Why a signature does not hold. The texts are part of the contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    MissingDigest,
    DigestMismatch,
    UnsupportedAlg(String),
    KeyMismatch,
    BadBase64(String),
    BadLength(usize),
    Forged,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MissingDigest => f.write_str("missing signed_digest"),
            Self::DigestMismatch => f.write_str("signed_digest mismatch"),
            Self::UnsupportedAlg(alg) => write!(f, "unsupported alg: {alg}"),
            Self::KeyMismatch => f.write_str("key id mismatch"),
            Self::BadBase64(why) => write!(f, "decode sig: {why}"),
            Self::BadLength(length) => write!(f, "invalid signature length: {length}"),
            Self::Forged => f.write_str("signature verification failed"),
        }
    }
}

/// The outcome of looking at one signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Check {
    /// A trusted key made it, over exactly this content.
    Valid,
    /// Well-formed and over this content, but made by a key we do not have.
    UnknownKey,
    /// It does not hold, whoever made it.
    Refused(Refusal),
}

/// Signs content by the digest of its canonical form; the message signed is the 32 raw digest bytes.
pub fn sign(key: &PrivateKey, digest: Digest) -> Signature {
    Signature {
        alg: "ed25519".to_owned(),
        key_id: key.public().id(),
        sig: STANDARD.encode(key.sign(digest.bytes())),
        signed_digest: digest.to_string(),
    }
}

/// Verifies a signature over content of digest `digest` with one given key.
pub fn verify_with(key: &PublicKey, signature: &Signature, digest: Digest) -> Result<(), Refusal> {
    well_bound(signature, digest)?;
    if !signature.key_id.is_empty() && signature.key_id != key.id() {
        return Err(Refusal::KeyMismatch);
    }
    let bytes = decoded(signature)?;
    if key.verifies(digest.bytes(), &bytes) { Ok(()) } else { Err(Refusal::Forged) }
}

/// Looks at a signature with a set of trusted keys: the key it names, or any of them if it names none.
pub fn check_with(trusted: &[PublicKey], signature: &Signature, digest: Digest) -> Check {
    let verdict = well_bound(signature, digest).and_then(|()| decoded(signature));
    let bytes = match verdict {
        Ok(bytes) => bytes,
        Err(refusal) => return Check::Refused(refusal),
    };
    let named = |key: &&PublicKey| signature.key_id.is_empty() || signature.key_id == key.id();
    if trusted.iter().filter(named).any(|key| key.verifies(digest.bytes(), &bytes)) {
        Check::Valid
    } else if signature.key_id.is_empty() || !trusted.iter().any(|key| named(&key)) {
        Check::UnknownKey
    } else {
        Check::Refused(Refusal::Forged)
    }
}

fn well_bound(signature: &Signature, digest: Digest) -> Result<(), Refusal> {
    if signature.signed_digest.is_empty() {
        return Err(Refusal::MissingDigest);
    }
    if signature.signed_digest != digest.to_string() {
        return Err(Refusal::DigestMismatch);
    }
    if signature.alg != "ed25519" {
        return Err(Refusal::UnsupportedAlg(signature.alg.clone()));
    }
    Ok(())
}

fn decoded(signature: &Signature) -> Result<[u8; 64], Refusal> {
    let bytes = STANDARD.decode(&signature.sig).map_err(|e| Refusal::BadBase64(e.to_string()))?;
    let length = bytes.len();
    bytes.try_into().map_err(|_| Refusal::BadLength(length))
}
