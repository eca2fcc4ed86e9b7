//! Any bytes as an archive: nothing panics, and what we take for an archive the zip crate reads in the same way.

#![no_main]

use gait::kernel::archive::read::{Archive, Limits};
use gait::kernel::archive::source::Source;
use gait::runpack::scan;
use gait::runpack::verify::{Demands, Trust, judge};
use libfuzzer_sys::fuzz_target;
use std::io::{Cursor, Read as _};

/// Small enough that no input is slow because of what it unpacks to.
const LIMITS: Limits = Limits { entry: 1 << 20, total: 4 << 20, ratio: 1000 };

fuzz_target!(|data: &[u8]| {
    let Ok(archive) = Archive::new(Source::from_bytes(data.to_vec()), LIMITS) else { return };
    let mut theirs = zip::ZipArchive::new(Cursor::new(data)).expect("the zip crate refuses it");
    assert_eq!(theirs.len(), archive.entries().len(), "the zip crate counts other entries");
    let mut sound = true;
    for entry in archive.entries() {
        let mut other = theirs.by_name(&entry.name).expect("the zip crate has no such entry");
        assert_eq!(other.size(), entry.size, "the zip crate sees another size");
        let Ok(Some(ours)) = archive.bytes(&entry.name, LIMITS.entry) else {
            sound = false;
            continue;
        };
        let mut found = Vec::new();
        other.read_to_end(&mut found).expect("the zip crate finds damage");
        assert!(found == ours, "the zip crate reads other content");
    }
    let Ok(contents) = scan::scan(&archive, &mut (), &mut ()) else { return };
    let report = judge(&contents, &Demands::standard(Trust::Known(Vec::new()))).expect("a judgement");
    assert!(sound || !report.ok, "a pack with a damaged entry verifies");
    assert!(!report.ok || contents.manifest.files().len() + 1 == archive.entries().len());
});
