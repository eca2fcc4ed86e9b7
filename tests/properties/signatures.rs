//! Signatures: they hold for what was signed, by whom it was signed, and for nothing else.

use gait::kernel::digest::Digest;
use gait::sign::envelope::{self, Check, Refusal, Signature};
use gait::sign::key::{PrivateKey, PublicKey};
use proptest::prelude::*;

fn key(seed: [u8; 32]) -> PrivateKey {
    use base64::Engine as _;
    let pair = ed25519_dalek::SigningKey::from_bytes(&seed).to_keypair_bytes();
    PrivateKey::from_text(&base64::engine::general_purpose::STANDARD.encode(pair)).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_signed_verifies(seed in any::<[u8; 32]>(), other in any::<[u8; 32]>(), content in any::<Vec<u8>>()) {
        prop_assume!(seed != other);
        let (signer, stranger) = (key(seed), key(other));
        let digest = Digest::of(&content);
        let signature = envelope::sign(&signer, digest);
        prop_assert_eq!(envelope::verify_with(&signer.public(), &signature, digest), Ok(()));
        prop_assert_eq!(envelope::check_with(&[stranger.public(), signer.public()], &signature, digest), Check::Valid);
        prop_assert_eq!(envelope::check_with(&[stranger.public()], &signature, digest), Check::UnknownKey);
        prop_assert_eq!(envelope::verify_with(&stranger.public(), &signature, digest), Err(Refusal::KeyMismatch));
        let unnamed = Signature { key_id: String::new(), ..signature };
        prop_assert_eq!(envelope::verify_with(&signer.public(), &unnamed, digest), Ok(()));
        prop_assert_eq!(envelope::verify_with(&stranger.public(), &unnamed, digest), Err(Refusal::Forged));
    }

    #[test]
    fn nothing_else_does(
        seed in any::<[u8; 32]>(), content in any::<Vec<u8>>(), other in any::<Vec<u8>>(), at in 0usize..88,
        byte in any::<char>(),
    ) {
        prop_assume!(content != other);
        let signer = key(seed);
        let digest = Digest::of(&content);
        let signature = envelope::sign(&signer, digest);
        let public = signer.public();
        let other = Digest::of(&other);
        let renamed = Signature { signed_digest: other.to_string(), ..signature.clone() };
        prop_assert_eq!(envelope::verify_with(&public, &signature, other), Err(Refusal::DigestMismatch));
        prop_assert_eq!(envelope::verify_with(&public, &renamed, other), Err(Refusal::Forged));
        let mut text: Vec<char> = signature.sig.chars().collect();
        text[at] = byte;
        let changed = Signature { sig: String::from_iter(text), ..signature.clone() };
        prop_assert_eq!(envelope::verify_with(&public, &changed, digest).is_ok(), changed == signature);
    }

    #[test]
    fn keys_survive_their_text(seed in any::<[u8; 32]>()) {
        let private = key(seed);
        let public = private.public();
        prop_assert_eq!(PublicKey::from_text(&format!(" {}\r\n", public.to_text())).unwrap(), public);
        prop_assert_eq!(PrivateKey::from_text(&private.to_text()).unwrap().public(), public);
    }
}

#[test]
fn keys_that_are_none_are_refused() {
    use base64::Engine as _;
    let text = |bytes: &[u8]| base64::engine::general_purpose::STANDARD.encode(bytes);
    let mut neutral = [0u8; 32];
    neutral[0] = 1;
    for bytes in [&neutral[..], &[0; 32], &[2; 31], &[0xff; 33], &[]] {
        assert!(PublicKey::from_text(&text(bytes)).is_err(), "{bytes:?}");
    }
    let mut pair = ed25519_dalek::SigningKey::from_bytes(&[7; 32]).to_keypair_bytes();
    pair[40] ^= 1;
    let error = PrivateKey::from_text(&text(&pair)).unwrap_err().to_string();
    assert!(error.contains("does not belong to its seed"), "{error}");
}
