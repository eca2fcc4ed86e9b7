//! Ed25519 keys and their texts: standard base64 of seed and public half, or of the public key.

use crate::kernel::digest::Digest;
use crate::kernel::error::{Error, Kind, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use zeroize::Zeroizing;

/// A private key. Dropping it wipes it.
#[derive(Clone)]
pub struct PrivateKey(SigningKey);

/// A public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

impl PrivateKey {
    /// A fresh key from the operating system's randomness.
    pub fn generate() -> Result<Self> {
        let mut seed = Zeroizing::new([0u8; 32]);
        getrandom::fill(seed.as_mut())
            .map_err(|e| Error::new(Kind::Internal, format!("no randomness from the operating system: {e}")))?;
        Ok(Self(SigningKey::from_bytes(&seed)))
    }

    /// Reads a key's text: padded standard base64 of 64 bytes, the 32-byte seed and its public key.
    /// A public half that does not belong to the seed is refused: signing with such a key would leak it.
    pub fn from_text(text: &str) -> Result<Self> {
        let bytes = Zeroizing::new(decode(text, 64, "private")?);
        let mut seed = Zeroizing::new([0u8; 32]);
        seed.copy_from_slice(&bytes[..32]);
        let key = SigningKey::from_bytes(&seed);
        if key.verifying_key().as_bytes() != &bytes[32..] {
            return Err(Error::invalid("the private key's public half does not belong to its seed"));
        }
        Ok(Self(key))
    }

    /// The key's text, as [`PrivateKey::from_text`] reads it.
    pub fn to_text(&self) -> Zeroizing<String> {
        Zeroizing::new(STANDARD.encode(Zeroizing::new(self.0.to_keypair_bytes())))
    }

    /// Its public half.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    /// Signs `message` (pure Ed25519).
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }
}

impl std::fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PrivateKey({})", self.public().id())
    }
}

impl PublicKey {
    /// Reads a key's text: padded standard base64 of the 32 bytes. A point of small order is refused: signatures
    /// that hold under it need no private key.
    pub fn from_text(text: &str) -> Result<Self> {
        let bytes = decode(text, 32, "public")?;
        let array: [u8; 32] = bytes.try_into().unwrap_or_default();
        match VerifyingKey::from_bytes(&array) {
            Ok(key) if key.is_weak() => Err(Error::invalid("the public key is one that anybody can sign for")),
            Ok(key) => Ok(Self(key)),
            Err(_) => Err(Error::invalid("the public key is not a point on the curve")),
        }
    }

    /// The key's text, as [`PublicKey::from_text`] reads it.
    pub fn to_text(&self) -> String {
        STANDARD.encode(self.0.as_bytes())
    }

    /// The key id: SHA-256 over the 32 raw bytes, in hex.
    pub fn id(&self) -> String {
        Digest::of(self.0.as_bytes()).to_string()
    }

    /// Whether `signature` over `message` is this key's (strict: no malleable or small-order forms).
    pub fn verifies(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        self.0.verify_strict(message, &Signature::from_bytes(signature)).is_ok()
    }
}

/// Decodes key text: surrounding white space and line breaks do not count.
fn decode(text: &str, length: usize, which: &str) -> Result<Vec<u8>> {
    let compact = Zeroizing::new(
        text.trim_matches([' ', '\t', '\r', '\n']).chars().filter(|c| !matches!(c, '\r' | '\n')).collect::<String>(),
    );
    match STANDARD.decode(compact.as_bytes()) {
        Ok(bytes) if bytes.len() == length => Ok(bytes),
        Ok(bytes) => {
            let found = Zeroizing::new(bytes).len();
            Err(Error::invalid(format!("a {which} key has {length} bytes, this one has {found}")))
        }
        Err(_) => Err(Error::invalid(format!("the {which} key is not padded standard base64"))),
    }
}
