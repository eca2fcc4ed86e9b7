//! Keys and signatures.
//!
//! Verbs: `key` (make, read and write Ed25519 keys), `envelope` (sign and verify JSON), `keyring` (find the key to
//! sign with and the keys to trust).
//!
//! **Invariant:** a private key is zeroized when dropped, written 0600, and never shown or logged.

pub mod envelope;
pub mod key;
pub mod keyring;
