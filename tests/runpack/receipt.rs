//! Ticket footers, and when there is none.

use crate::kit::{Folder, nobody, tamper, two_calls};
use gait::kernel::error::Kind;
use gait::runpack::receipt::{footer, receipt};

#[test]
fn a_pack_that_holds_gets_its_footer() {
    let folder = Folder::new();
    let path = folder.record(&two_calls("run_r-1"));
    let made = receipt(&path, &nobody()).unwrap();
    let digest = &made.manifest_digest;
    assert_eq!(
        made.ticket_footer,
        format!(r#"GAIT run_id=run_r-1 manifest=sha256:{digest} verify="gait verify run_r-1""#)
    );
    assert_eq!(made.path, path.as_str());
}

#[test]
fn a_pack_that_does_not_hold_gets_none() {
    let folder = Folder::new();
    let path = folder.record(&two_calls("run_r"));
    tamper(&path, "results.jsonl", |text| text.replace("true", "false"));
    let error = receipt(&path, &nobody()).unwrap_err();
    assert_eq!(error.kind(), Kind::VerificationFailed);
    assert!(error.to_string().contains("results.jsonl"), "{error}");

    let path = folder.record(&two_calls("run_forged"));
    let forged = "ab".repeat(32);
    tamper(&path, "manifest.json", |text| {
        let at = text.find(r#""manifest_digest":""#).unwrap() + 19;
        format!("{}{forged}{}", &text[..at], &text[at + 64..])
    });
    assert_eq!(receipt(&path, &nobody()).unwrap_err().kind(), Kind::VerificationFailed);
    let nothing = receipt(&folder.file("x.zip", "no zip"), &nobody()).unwrap_err();
    assert_eq!(nothing.kind(), Kind::InvalidInput);
}

#[test]
fn a_footer_keeps_to_its_pattern() {
    let digest = "0a".repeat(32);
    assert!(footer("run_1", &digest).is_ok());
    for (id, digest) in
        [("", digest.as_str()), ("a b", &digest), ("a\"", &digest), ("a", "0a"), ("a", &"0A".repeat(32))]
    {
        assert_eq!(footer(id, digest).unwrap_err().kind(), Kind::Internal, "{id:?} {digest}");
    }
}
