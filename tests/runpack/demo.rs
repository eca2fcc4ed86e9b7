//! The demo pack, to the digest.

use crate::kit::{Folder, nobody};
use gait::runpack::demo;
use gait::runpack::read::Pack;
use gait::runpack::verify::{SignatureStatus, Trust};
use gait::sign::key::PrivateKey;

#[test]
fn the_content_is_fixed() {
    let folder = Folder::new();
    let path = folder.path().join("demo.zip");
    let manifest = demo::write_as(&path, "0.0.0-dev", None).unwrap();
    assert_eq!(manifest.manifest_digest, "88913ed84855671786b9ecc3eab94f760332a6c19a3ff2195ab8afd914d57725");
    let pack = Pack::open(path.as_std_path(), &nobody()).unwrap();
    let digests: Vec<&str> = pack.intents.iter().chain(&pack.results).map(|record| record.digest.as_ref()).collect();
    assert_eq!(digests.len(), 6);
    assert_eq!(digests[2], "c2feaac143150e8935e8fe34dce53259f4e2ddfcafb1cf06b38b1857c5f3fd09");
    assert_eq!(digests[5], "5f44ff128eef1407277add237677988314f390aebf1572cbc9000c915b283a05");
}

#[test]
fn it_is_signed_verified_and_written_over_an_older_one() {
    let folder = Folder::new();
    let key = PrivateKey::generate().unwrap();
    let dir = folder.path().join("new/gait-out");
    folder.file("new/gait-out/runpack_run_demo.zip", "an older one");
    let made = demo::demo(&dir, Some(&key)).unwrap();
    assert_eq!((made.run_id.as_str(), made.verify), ("run_demo", "ok"));
    assert!(made.ticket_footer.ends_with(r#"verify="gait verify run_demo""#));
    let trust = Trust::Known(vec![key.public()]);
    let pack = Pack::open(dir.join("runpack_run_demo.zip").as_std_path(), &trust).unwrap();
    assert_eq!(pack.contents.signature_status, SignatureStatus::Verified);
    assert!(made.ticket_footer.contains(&pack.contents.manifest.manifest_digest));
}
