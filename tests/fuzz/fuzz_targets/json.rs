//! Any bytes as JSON: nothing panics, and what is taken serde_json takes too, but for what is listed here.

#![no_main]

use gait::kernel::json::{canon, scan, tree};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

const PRIVATE: &str = "$serde_json::private::";

fuzz_target!(|data: &[u8]| {
    let ours = scan::parse(data);
    let theirs = serde_json::from_slice::<Value>(data);
    let _ = tree::parse(data);
    let _ = canon::visit(data, |_, _, _| {});
    match (ours, theirs) {
        (Ok(tape), Err(error)) => {
            // Broken UTF-8 and lone surrogates are repaired here and refused there; they nest less deep, and a key
            // that serde_json keeps for itself is a key like any other here.
            let repaired = tape.text.as_bytes() != data;
            let surrogate = data.windows(4).any(|w| w[..3].eq_ignore_ascii_case(b"\\ud") && w[3] > b'7');
            let deep = tape.nodes.len() > 127;
            let private = |node: &scan::Node| tape.raw(node).starts_with('"') && tape.string(node).starts_with(PRIVATE);
            assert!(
                repaired || surrogate || deep || tape.nodes.iter().any(private),
                "taken here, refused there: {error}"
            );
        }
        (Err(error), Ok(_)) => panic!("refused here, taken there: {error}"),
        _ => {}
    }
});
