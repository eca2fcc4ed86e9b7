//! The refund table: one `match` block, seven runs of today's agent, seven verdicts.

use crate::runs::{answered, call, codes, compared};
use gait::regress::run::Call;

/// Eight lines at most.
const MATCH: &str = r#"before: [[orders.lookup, payments.refund]]
extra: ["*.read"]
ignore: ["$..requested_at"]
tools:
  payments.refund: { args: { "$.amount": { within: 0.01 } }, count: { eq: 1 }, status: ok }"#;

fn lookup(at: &str) -> Call {
    answered("orders.lookup", &format!(r#"{{"order":"A-4711","requested_at":"{at}"}}"#), "ok", r#"{"paid":119.9}"#)
}

fn refund(amount: &str) -> Call {
    call("payments.refund", &format!(r#"{{"order":"A-4711","amount":{amount}}}"#))
}

fn mail() -> Call {
    call("mail.send", r#"{"to":"customer","template":"refund_done"}"#)
}

const THEN: &str = "2026-10-02T09:00:00Z";
const NOW: &str = "2026-11-24T21:40:00Z";

#[test]
fn seven_of_seven() {
    assert!(MATCH.lines().count() < 8);
    let baseline = [lookup(THEN), refund("119.9"), mail()];
    let read = call("orders.read", r#"{"order":"A-4711"}"#);
    let table: [(&str, Vec<Call>, &str); 7] = [
        ("same", baseline.to_vec(), ""),
        ("timestamp drift", vec![lookup(NOW), refund("119.9"), mail()], ""),
        ("amount x10", vec![lookup(THEN), refund("1199"), mail()], "call_changed"),
        ("float noise", vec![lookup(THEN), refund("119.900000001"), mail()], ""),
        ("refund first", vec![refund("119.9"), lookup(THEN), mail()], "call_moved,order_violated"),
        ("extra read", vec![lookup(THEN), read, refund("119.9"), mail()], ""),
        ("lookup skipped", vec![refund("119.9"), mail()], "call_missing,order_violated"),
    ];
    for (what, candidate, want) in table {
        let found = compared(MATCH, &baseline, &candidate);
        assert_eq!(codes(&found), want, "{what}: {found:?}");
        assert_eq!(found.holds(), want.is_empty(), "{what}");
    }
}
