//! Any text as a `gait.yaml`: nothing panics, and a fixture added to what was read is there with all the others.

#![no_main]

use gait::config::document::Document;
use gait::config::edit::{self, Listing};
use gait::config::project::Project;
use gait::config::suite::Suite;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(document) = Document::parse("gait.yaml", text.to_owned()) else { return };
    let _ = Project::of(&document);
    let Ok(suite) = Suite::of(document) else { return };
    let fresh = Listing { name: "added".into(), run_id: "run_added".into(), runpack: "fixtures/added/x.zip".into() };
    let Ok(text) = edit::with_fixtures(Some(&suite), std::slice::from_ref(&fresh)) else { return };
    let again = Document::parse("gait.yaml", text).and_then(Suite::of).unwrap_or_else(|e| panic!("written wrong: {e}"));
    assert!(again.fixtures.iter().any(|entry| entry.name == fresh.name), "the new fixture is not there");
    for entry in &suite.fixtures {
        assert!(again.fixtures.iter().any(|other| other.name == entry.name), "{} was lost", entry.name);
    }
});
