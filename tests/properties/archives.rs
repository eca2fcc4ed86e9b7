//! Archives: what the writer writes, the reader reads; and so does the zip crate.

use gait::kernel::archive::read::{Archive, Limits};
use gait::kernel::archive::source::Source;
use gait::kernel::archive::write::Writer;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::io::{Cursor, Read as _};

fn written(entries: &BTreeMap<String, Vec<u8>>) -> Vec<u8> {
    let mut writer = Writer::new(Cursor::new(Vec::new()));
    for (name, bytes) in entries {
        writer.entry(name, bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn entries() -> impl Strategy<Value = BTreeMap<String, Vec<u8>>> {
    let bytes = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..300),
        (any::<u8>(), 0usize..400_000).prop_map(|(byte, count)| vec![byte; count]),
    ];
    prop::collection::btree_map("[a-z]{1,6}(/[a-z\u{f6}\u{1f600}]{1,3})?\\.json", bytes, 0..6)
}

fn read(bytes: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let archive = Archive::new(Source::from_bytes(bytes.to_vec()), Limits::default()).unwrap();
    let names: Vec<String> = archive.entries().iter().map(|entry| entry.name.clone()).collect();
    names.into_iter().map(|name| (name.clone(), archive.bytes(&name, 1 << 20).unwrap().unwrap())).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read(entries in entries()) {
        let bytes = written(&entries);
        prop_assert_eq!(&written(&entries), &bytes, "not the same bytes twice");
        prop_assert_eq!(&read(&bytes), &entries);
        let mut theirs = zip::ZipArchive::new(Cursor::new(&bytes)).unwrap();
        prop_assert_eq!(theirs.len(), entries.len());
        for (name, content) in &entries {
            let mut found = Vec::new();
            theirs.by_name(name).unwrap().read_to_end(&mut found).unwrap();
            prop_assert_eq!(&found, content);
        }
    }

    #[test]
    fn one_changed_byte_changes_no_content(entries in entries(), at in any::<usize>(), flip in 1u8..) {
        let mut bytes = written(&entries);
        let at = at % bytes.len();
        bytes[at] ^= flip;
        let Ok(archive) = Archive::new(Source::from_bytes(bytes), Limits::default()) else { return Ok(()) };
        for entry in archive.entries() {
            // A header nobody needs may have changed, or a name; never the content under it.
            if let (Ok(Some(found)), Some(content)) = (archive.bytes(&entry.name, 1 << 20), entries.get(&entry.name)) {
                prop_assert_eq!(&found, content);
            }
        }
    }

    #[test]
    fn no_prefix_is_an_archive(entries in entries(), at in any::<usize>()) {
        let mut bytes = written(&entries);
        bytes.truncate(at % bytes.len());
        prop_assert!(Archive::new(Source::from_bytes(bytes), Limits::default()).is_err());
    }
}
