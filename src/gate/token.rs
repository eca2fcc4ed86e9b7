//! One signed, scoped, expiring grant: what approval and delegation tokens have in common.

use crate::gate::model::{PRODUCER, SCHEMA_VERSION};
use crate::gate::seal::{self, Closed, Unknown};
use crate::gate::text;
use crate::kernel::clock::Timestamp;
use crate::kernel::digest::{Digest, hex, is_hex64};
use crate::kernel::error::{Error, Result};
use crate::kernel::fs::{self, SETTINGS_LIMIT};
use crate::kernel::json::read::nullable;
use crate::kernel::json::{canon, encode, read};
use crate::sign::envelope::{self, Signature};
use crate::sign::key::{PrivateKey, PublicKey};
use camino::Utf8Path;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What a kind of token grants, between its head and its expiry.
pub trait Grant: Clone + Default + Serialize + DeserializeOwned {
    const SCHEMA: &'static str;
    /// The reason codes of a token that is malformed, unsigned, or not as it was signed.
    const INVALID: &'static str;
    const UNSIGNED: &'static str;
    const FORGED: &'static str;

    /// Trims, lowers and sorts; false when something is missing or malformed.
    fn normalise(&mut self) -> bool;
    /// The text whose digest is the token's id, up to the expiry.
    fn identity(&self) -> String;
}

/// A token as it is on disk.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Token<G> {
    #[serde(deserialize_with = "nullable")]
    pub schema_id: String,
    #[serde(deserialize_with = "nullable")]
    pub schema_version: String,
    #[serde(deserialize_with = "nullable")]
    pub created_at: Timestamp,
    #[serde(deserialize_with = "nullable")]
    pub producer_version: String,
    #[serde(deserialize_with = "nullable")]
    pub token_id: String,
    #[serde(flatten)]
    pub grant: G,
    #[serde(deserialize_with = "nullable")]
    pub expires_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signature: Option<Closed<Signature>>,
    /// Keys that no signature covers.
    #[serde(flatten, skip_serializing)]
    unknown: Unknown,
}

impl<G: Grant> Token<G> {
    /// Reads the token at `path`. Whether it holds is another question.
    pub fn open(path: &str) -> Result<Self> {
        let bytes = fs::read(path, SETTINGS_LIMIT)?;
        let token: Option<Self> = read::typed(&bytes).map_err(|error| error.at(path))?;
        Ok(token.unwrap_or_default())
    }

    /// Makes and signs a token that expires `ttl` after `now`.
    pub fn mint(mut grant: G, ttl: Duration, now: Timestamp, key: &PrivateKey) -> Result<Self> {
        if !grant.normalise() {
            return Err(Error::invalid("the token would not be valid"));
        }
        let expires_at = now.plus(ttl);
        let digest = Digest::of(format!("{}:{expires_at}", grant.identity()).as_bytes());
        let mut token = Self {
            schema_id: G::SCHEMA.to_owned(),
            schema_version: SCHEMA_VERSION.to_owned(),
            created_at: now,
            producer_version: PRODUCER.to_owned(),
            token_id: hex(&digest.bytes()[..12]),
            grant,
            expires_at,
            signature: None,
            unknown: Unknown::new(),
        };
        token.signature = Some(seal::seal(key, token.signable()?));
        Ok(token)
    }

    /// Writes the token whole or not at all.
    pub fn write(&self, path: &Utf8Path) -> Result<()> {
        fs::make_parent(path)?;
        fs::write(path, encode::document(self)?.as_bytes())
    }

    /// The digest that is signed: known members only, without the signature.
    fn signable(&self) -> Result<Digest> {
        Ok(Digest::of(&canon::of(&Self { signature: None, ..self.clone() })?))
    }

    /// The digest that was signed, of a token that is proven.
    pub fn signed_digest(&self) -> &str {
        self.signature.as_ref().map_or("", |signature| &signature.known.signed_digest)
    }

    /// Trims and lowers what is compared; the reason code of a token that is malformed.
    pub fn normalised(mut self) -> Result<Self, &'static str> {
        for (text, want) in [(&mut self.schema_id, G::SCHEMA), (&mut self.schema_version, SCHEMA_VERSION)] {
            if text.trim().is_empty() {
                want.clone_into(text);
            }
            if text != want {
                return Err(G::INVALID);
            }
        }
        self.token_id = self.token_id.trim().to_owned();
        self.created_at = self.created_at.utc();
        self.expires_at = self.expires_at.utc();
        let dated = !self.created_at.is_zero() && !self.expires_at.is_zero();
        let loose = self.signature.as_ref().is_some_and(|signature| !signature.unknown.is_empty());
        let whole = dated && !loose && !self.token_id.is_empty() && self.unknown.is_empty();
        if whole && self.grant.normalise() { Ok(self) } else { Err(G::INVALID) }
    }

    /// The token normalised, and the id of that one of `keys` which signed it; or a reason code.
    pub fn proven(&self, keys: &[PublicKey]) -> Result<Result<(Self, String), &'static str>> {
        let token = match self.clone().normalised() {
            Ok(token) => token,
            Err(code) => return Ok(Err(code)),
        };
        Ok(token.signer(keys)?.map(|signer| (token, signer)))
    }

    /// Whether one of `keys` signed exactly this normalised token: that key's id, or a reason code.
    fn signer(&self, keys: &[PublicKey]) -> Result<Result<String, &'static str>> {
        let Some(signature) = &self.signature else { return Ok(Err(G::UNSIGNED)) };
        let digest = self.signable()?;
        let signer = keys.iter().find(|key| envelope::verify_with(key, &signature.known, digest).is_ok());
        Ok(signer.map(PublicKey::id).ok_or(G::FORGED))
    }

    /// Whether the token has ended by `now`.
    pub fn is_expired(&self, now: &Timestamp) -> bool {
        now.since(&self.expires_at).is_some()
    }
}

/// A lowered hex digest; `required` or empty.
pub fn digest_holds(text: &mut String, required: bool) -> bool {
    *text = text::lower(text);
    is_hex64(text) || !required && text.is_empty()
}

/// How long a token lives: `1h30m`, `1.5h`, `90s`; units `ns us ms s m h`. Positive, at most 2^63 nanoseconds.
pub fn ttl(text: &str) -> Result<Duration> {
    let wrong = || {
        Error::invalid(format!("--ttl {text:?} is no positive duration"))
            .hint("write it like 30m, 1h30m or 1.5h; there are no days")
    };
    let mut rest = text.trim();
    rest = rest.strip_prefix('+').unwrap_or(rest);
    if rest.is_empty() {
        return Err(wrong());
    }
    let mut nanos = 0.0_f64;
    let mut exact = 0_i128;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(wrong)?;
        let (number, tail) = rest.split_at(end);
        let unit_end = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit_end);
        let scale: i64 = match unit {
            "ns" => 1,
            "us" | "\u{b5}s" | "\u{3bc}s" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            _ => return Err(wrong()),
        };
        match number.parse::<i64>() {
            Ok(whole) => exact = exact.saturating_add(i128::from(whole) * i128::from(scale)),
            Err(_) => {
                let value: f64 = number.parse().map_err(|_| wrong())?;
                nanos += value * scale as f64;
            }
        }
        rest = tail;
    }
    let total = exact.saturating_add(nanos as i128);
    let total = i64::try_from(total).ok().filter(|total| *total > 0).ok_or_else(wrong)?;
    Ok(Duration::from_nanos(total.unsigned_abs()))
}
