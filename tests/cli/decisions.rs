//! What `gait trace verify` tells people about the record of a decision.

use crate::kit::Gait;

#[test]
fn a_record_that_is_stale_or_gone_is_told() {
    let gait = Gait::new();
    let call =
        r#"{"tool_name": "t", "args": {}, "context": {"identity": "u", "workspace": "/w", "risk_class": "low"}}"#;
    gait.file("call.json", call).file("p.yaml", "rules: [{name: r, effect: allow, reason_codes: [fine]}]");
    gait.run("keys init --out-dir keys --prefix k").code(0);
    let eval = "gate eval --policy p.yaml --intent call.json --key-mode prod --private-key keys/k_private.key";
    for trace in ["a.json", "b.json"] {
        gait.run(&format!("{eval} --trace-out {trace}")).code(0);
    }
    let verify = |more: &str| gait.run(&format!("trace verify {more} --public-key keys/k_public.key"));
    insta::assert_snapshot!(verify("b.json").code(0).transcript());
    insta::assert_snapshot!(verify("a.json").code(0).transcript());
    insta::assert_snapshot!(verify("a.json --require-decision").code(2).transcript());
    insta::assert_snapshot!(verify("b.json --decision absent.json").code(2).transcript());
}
