//! What stands around a signed record: its signature, and the keys the signature does not cover.

use crate::kernel::digest::Digest;
use crate::sign::envelope::{self, Refusal, Signature};
use crate::sign::key::{PrivateKey, PublicKey};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Keys nobody knows: outside the signature, so they make a record fail.
pub type Unknown = BTreeMap<String, IgnoredAny>;

/// A record of another room, and the keys it does not know.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Closed<T> {
    #[serde(flatten)]
    pub known: T,
    #[serde(flatten, skip_serializing)]
    pub unknown: Unknown,
}

/// Why a signed record does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Keys outside the signature, in dotted form.
    UnknownKeys(Vec<String>),
    Unsigned,
    /// What the signature says of itself is wrong.
    Signature(Refusal),
    /// The signature is well-formed and names this key, but the key did not make it.
    Forged(String),
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::UnknownKeys(keys) => write!(f, "it has keys that its signature does not cover: {}", keys.join(", ")),
            Self::Unsigned => f.write_str("it has no signature"),
            Self::Signature(refusal) => refusal.fmt(f),
            Self::Forged(_) => Refusal::Forged.fmt(f),
        }
    }
}

/// The signature of a record whose canonical form, without a signature, has this digest.
pub fn seal(key: &PrivateKey, digest: Digest) -> Closed<Signature> {
    Closed { known: envelope::sign(key, digest), unknown: Unknown::new() }
}

/// The id of that one of `keys` which signed exactly this digest, with nothing beside it.
pub fn signer(
    signature: Option<&Closed<Signature>>,
    unknown: Vec<String>,
    digest: Digest,
    keys: &[PublicKey],
) -> Result<String, Fault> {
    if !unknown.is_empty() {
        return Err(Fault::UnknownKeys(unknown));
    }
    let Some(signature) = signature else { return Err(Fault::Unsigned) };
    let mut fault = Fault::Signature(Refusal::KeyMismatch);
    for key in keys {
        match envelope::verify_with(key, &signature.known, digest) {
            Ok(()) => return Ok(key.id()),
            Err(Refusal::KeyMismatch) => {}
            Err(Refusal::Forged) => fault = Fault::Forged(key.id()),
            Err(other) => fault = Fault::Signature(other),
        }
    }
    Err(fault)
}

/// The keys of each part that nobody knows, in dotted form; a part's name ends with `.`.
pub fn dotted<'a>(parts: impl IntoIterator<Item = (&'a str, Option<&'a Unknown>)>) -> Vec<String> {
    let keys = |(place, keys): (&'a str, Option<&'a Unknown>)| {
        keys.into_iter().flat_map(BTreeMap::keys).map(move |key| format!("{place}{key}"))
    };
    parts.into_iter().flat_map(keys).collect()
}
