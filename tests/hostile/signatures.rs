//! Packs whose signatures are missing, broken, forged, foreign or misnamed.

use crate::kind::Kind;
use crate::kind::Verdict::{self, Fails, Invalid, Ok};
use crate::pack::{Pack, digested, key, sign, signature, signer};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

pub fn kinds() -> Vec<Kind> {
    let mut kinds = broken();
    kinds.extend(named());
    kinds.extend(foreign());
    kinds.extend(content());
    kinds.extend(curve());
    kinds
}

fn bare() -> Value {
    digested(Pack::sound().declared())
}

/// A sound pack with the signatures given.
fn with(name: &str, why: &str, verdicts: [Verdict; 4], says: &str, signatures: Value) -> Kind {
    let mut manifest = bare();
    manifest["signatures"] = signatures;
    Kind::depends(name, why, verdicts, says, &Pack::sound().under(&manifest))
}

/// A sound pack with its signature changed in one field.
fn field(name: &str, why: &str, verdicts: [Verdict; 4], says: &str, key: &str, value: Value) -> Kind {
    let mut one = signature(&bare(), &signer());
    one[key] = value;
    with(name, why, verdicts, says, json!([one]))
}

fn raw() -> Vec<u8> {
    let one = signature(&bare(), &signer());
    STANDARD.decode(one["sig"].as_str().unwrap()).unwrap()
}

fn broken() -> Vec<Kind> {
    let never = [Fails; 4];
    let text = STANDARD.encode(raw());
    let broken = |name: &str, why: &str, says: &str, sig: String| field(name, why, never, says, "sig", json!(sig));
    let mut flipped = raw();
    flipped[5] ^= 1;
    vec![
        broken(
            "signature-flipped",
            "one bit of the signature is another",
            "verification failed",
            STANDARD.encode(flipped),
        ),
        broken("signature-truncated", "the signature is 63 bytes long", "length: 63", STANDARD.encode(&raw()[..63])),
        broken(
            "signature-long",
            "the signature is 65 bytes long",
            "length: 65",
            STANDARD.encode([raw(), vec![0]].concat()),
        ),
        broken("signature-empty", "the signature is empty", "length: 0", String::new()),
        broken("signature-zero", "the signature is all zeros", "verification failed", STANDARD.encode([0; 64])),
        broken("signature-not-base64", "the signature is not base64", "decode sig", format!("!{}", &text[1..])),
        broken("signature-hex", "the signature is written in hex", "invalid signature length", "ab".repeat(64)),
        broken("signature-line-break", "there is a line break in the signature", "decode sig", format!("{text}\n")),
        broken("signature-unpadded", "the signature's padding is missing", "decode sig", text.replace('=', "")),
        broken(
            "signature-trailing-bits",
            "the signature's last character has bits that do not count",
            "decode sig",
            trailing_bits(&text),
        ),
    ]
}

/// The same 64 bytes in a second spelling: the unused bits of the last character set.
fn trailing_bits(text: &str) -> String {
    let last = text.trim_end_matches('=').chars().last().unwrap();
    let next = char::from_u32(last as u32 + 1).unwrap();
    let body = text.trim_end_matches('=').strip_suffix(last).unwrap();
    format!("{body}{next}==")
}

fn named() -> Vec<Kind> {
    let never = [Fails; 4];
    let unlike = |name: &str, why: &str, says: &str, key: &str, value: Value| field(name, why, never, says, key, value);
    let digest = signature(&bare(), &signer())["signed_digest"].as_str().unwrap().to_owned();
    vec![
        unlike("alg-none", "the algorithm is none", "unsupported alg: none", "alg", json!("none")),
        unlike("alg-upper-case", "the algorithm is in capitals", "unsupported alg", "alg", json!("ED25519")),
        unlike("alg-missing", "there is no algorithm", "unsupported alg", "alg", json!(null)),
        unlike(
            "signed-digest-other",
            "the signed digest is another",
            "mismatch",
            "signed_digest",
            json!("00".repeat(32)),
        ),
        unlike(
            "signed-digest-missing",
            "there is no signed digest",
            "missing signed_digest",
            "signed_digest",
            json!(""),
        ),
        unlike(
            "signed-digest-upper-case",
            "the signed digest is in capitals",
            "mismatch",
            "signed_digest",
            json!(digest.to_uppercase()),
        ),
        with("signature-null", "the only signature is null", never, "missing signed_digest", json!([null])),
        field(
            "key-id-other",
            "the signature names another key",
            [Ok, Fails, Fails, Fails],
            "public key not configured",
            "key_id",
            json!("00".repeat(32)),
        ),
        field(
            "key-id-of-other-trusted",
            "the signature names another trusted key",
            never,
            "verification failed",
            "key_id",
            json!(key(1).public().id()),
        ),
        with(
            "signatures-positional",
            "the signature is a list of its values",
            [Invalid; 4],
            "invalid type",
            json!([["ed25519", "", "", ""]]),
        ),
        with("signatures-object", "the signatures are an object", [Invalid; 4], "invalid type", json!({"0": {}})),
        with(
            "signatures-too-many",
            "there are more signatures than anybody needs",
            [Invalid; 4],
            "at most 64",
            Value::Array(vec![signature(&bare(), &signer()); 65]),
        ),
    ]
}

fn foreign() -> Vec<Kind> {
    let unchecked = [Ok, Fails, Fails, Fails];
    let mut forged = signature(&bare(), &key(9));
    forged["key_id"] = json!(signer().public().id());
    let mut nameless = signature(&bare(), &key(9));
    nameless["key_id"] = json!("");
    let other = signature(&bare(), &key(9));
    let mine = signature(&bare(), &signer());
    let mut stale = mine.clone();
    stale["signed_digest"] = json!("00".repeat(32));
    vec![
        Kind::depends(
            "signatures-missing",
            "the pack is not signed",
            [Ok, Fails, Ok, Fails],
            "no signatures",
            &Pack::sound().under(&bare()),
        ),
        with("signatures-empty", "the list of signatures is empty", [Ok, Fails, Ok, Fails], "no signatures", json!([])),
        with("signed-by-stranger", "a key nobody here knows signed it", unchecked, "skipped", json!([other])),
        with(
            "signed-by-nameless",
            "a key nobody here knows signed it, unnamed",
            unchecked,
            "skipped",
            json!([nameless]),
        ),
        with("signed-by-forger", "a stranger signed in our name", [Fails; 4], "verification failed", json!([forged])),
        with(
            "signed-twice-one-broken",
            "two signatures by our key, of which one is over other content",
            [Ok, Ok, Ok, Fails],
            "signed_digest mismatch",
            json!([mine, stale]),
        ),
        with(
            "signed-by-stranger-and-broken",
            "a stranger's signature and a broken one",
            [Fails; 4],
            "signed_digest mismatch",
            json!([other, stale]),
        ),
    ]
}

fn content() -> Vec<Kind> {
    let pack = Pack::sound();
    let mut other = bare();
    other["capture_mode"] = json!("raw");
    let other = digested(other);
    let mut over_other = bare();
    over_other["signatures"] = json!([signature(&other, &signer())]);
    let mut renamed = over_other.clone();
    renamed["signatures"][0]["signed_digest"] = signature(&bare(), &signer())["signed_digest"].clone();
    let mut added = sign(bare(), &signer());
    added["approved_by"] = json!("everybody");
    let mut undigested = bare();
    undigested["manifest_digest"] = json!("");
    let mut early = bare();
    early["signatures"] = json!([signature(&undigested, &signer())]);
    let kind =
        |name: &str, why: &str, says: &str, manifest: &Value| Kind::fails(name, why, says, &pack.under(manifest));
    vec![
        kind("signature-of-other-content", "the signature is of another manifest", "mismatch", &over_other),
        kind(
            "signature-of-other-content-renamed",
            "the signature is of another manifest and claims to be of this one",
            "verification failed",
            &renamed,
        ),
        kind("manifest-key-added", "a key was added to the signed manifest", "signed_digest mismatch", &added),
        kind("signature-of-unfinished", "the signature is of the manifest before its digest", "mismatch", &early),
    ]
}

/// Signatures that only a careless verifier takes.
fn curve() -> Vec<Kind> {
    const ORDER: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let mut sig = raw();
    let mut carry = 0u16;
    for (digit, order) in sig[32..].iter_mut().zip(ORDER) {
        let sum = u16::from(*digit) + u16::from(order) + carry;
        *digit = sum as u8;
        carry = sum >> 8;
    }
    // The neutral element: with R neutral too and S zero, the equation holds for any message.
    let mut neutral = [0u8; 64];
    neutral[0] = 1;
    let mut weak = field(
        "key-of-small-order",
        "the public key is the neutral element, under which one signature fits everything",
        [Fails, Fails, Invalid, Invalid],
        "anybody can sign for",
        "sig",
        json!(STANDARD.encode(neutral)),
    );
    weak.key = Some(STANDARD.encode(&neutral[..32]));
    let malleable = json!(STANDARD.encode(sig));
    vec![
        weak,
        field(
            "signature-malleable",
            "the signature's S is not reduced: the group's order was added",
            [Fails; 4],
            "verification failed",
            "sig",
            malleable,
        ),
        field(
            "signature-of-small-order",
            "the signature is the neutral element and zero",
            [Fails; 4],
            "verification failed",
            "sig",
            json!(STANDARD.encode(neutral)),
        ),
    ]
}
