//! Integers that no double keeps: digit by digit in the line, by the double rules in the digest.

use gait::kernel::digest::Digest;
use gait::runpack::calls::{self, Side};
use gait::runpack::compare::{self, Privacy};
use gait::runpack::lane::{Lane, Record};

const EXACT: &str = r#"{"id":9007199254740993,"x":1.5}"#;
const DOUBLE: &str = r#"{"id":9007199254740992,"x":1.5}"#;

fn line(args: &str) -> String {
    let digest = Digest::of(DOUBLE.as_bytes());
    format!(
        r#"{{"args":{args},"args_digest":"{digest}","created_at":"2026-03-01T10:00:00Z","intent_id":"a","producer_version":"t","run_id":"r","schema_id":"gait.runpack.intent","schema_version":"1.0.0","tool_name":"t"}}"#
    )
}

#[test]
fn a_line_keeps_its_integers() {
    let exact = line(EXACT);
    let record = Record::parse(Lane::Intents, exact.as_bytes()).unwrap();
    assert_eq!(record.body.as_deref(), Some(DOUBLE.as_bytes()));
    assert_eq!(record.content(), Some(EXACT.as_bytes()));
    assert!(record.digest_holds());
    let mut out = Vec::new();
    record.write(Lane::Intents, &mut out);
    assert_eq!(String::from_utf8(out).unwrap(), exact + "\n");
    // Any other spelling of a number is not kept.
    let spaced = line(r#"{ "x": 1.50, "id": 9007199254740993 }"#);
    assert_eq!(Record::parse(Lane::Intents, spaced.as_bytes()).unwrap().content(), Some(EXACT.as_bytes()));
    let plain = Record::parse(Lane::Intents, b"{\"args\":{\"x\":1e2,\"y\":12}}").unwrap();
    assert_eq!((plain.exact.as_deref(), plain.body.as_deref()), (None, Some(&br#"{"x":100,"y":12}"#[..])));
}

#[test]
fn comparing_sees_every_digit() {
    let (a, b) = (line(EXACT), line(DOUBLE));
    let read = |line: &str| Record::parse(Lane::Intents, line.as_bytes()).unwrap().into_owned();
    let (a, b) = (read(&a), read(&b));
    assert_ne!(compare::lasting(&a, Privacy::Full), compare::lasting(&b, Privacy::Full));
    assert_eq!(compare::lasting(&a, Privacy::Metadata), compare::lasting(&b, Privacy::Metadata));
    let side = |record| Side { records: [Some(record), None], at: Some(0) };
    let change = calls::between("a", side(&a), side(&b)).unwrap();
    assert_eq!(change.differences.len(), 1);
    assert_eq!(change.differences[0].path, "/args/id");
}
