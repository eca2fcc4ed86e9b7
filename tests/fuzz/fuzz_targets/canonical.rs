//! Canonical JSON of any text: the same again, known as canonical, and what another implementation makes of it.

#![no_main]

use gait::kernel::json::{canon, scan};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|data: &[u8]| {
    let ours = canon::canonicalize(data);
    assert_eq!(
        canon::is_canonical(data),
        ours.as_ref().is_ok_and(|ours| **ours == *data) && scan::parse(data).is_ok_and(|tape| depth(&tape) <= 64),
        "canonical text is not known as such"
    );
    let Ok(ours) = ours else { return };
    assert_eq!(*canon::canonicalize(&ours).expect("canonical text is JSON"), *ours, "not the same again");
    let mut slow = Vec::new();
    let tape = scan::parse(&ours).expect("canonical text is JSON");
    canon::write(&tape, 0, &mut slow).expect("canonical text has no key twice");
    assert_eq!(slow, *ours, "two ways, two texts");
    // A key that serde_json keeps for itself is a key like any other here.
    if String::from_utf8_lossy(&ours).contains("\"$serde_json::private::") {
        return;
    }
    if let Ok(value) = serde_json::from_slice::<Value>(data) {
        let theirs = serde_json_canonicalizer::to_vec(&value).expect("a canonical form");
        assert_eq!(String::from_utf8_lossy(&ours), String::from_utf8_lossy(&theirs));
    }
});

/// How many brackets are open at most.
fn depth(tape: &scan::Tape<'_>) -> usize {
    let mut open: Vec<u32> = Vec::new();
    let mut deepest = 0;
    for (index, node) in tape.nodes.iter().enumerate() {
        while open.last().is_some_and(|&end| end as usize <= index) {
            open.pop();
        }
        if matches!(node.shape, scan::Shape::Array | scan::Shape::Object) {
            open.push(node.next);
            deepest = deepest.max(open.len());
        }
    }
    deepest
}
