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

#[test]
fn a_chain_proves_the_decision_record_as_the_trace_alone_does() {
    let gait = Gait::new();
    let call =
        r#"{"tool_name": "t", "args": {}, "context": {"identity": "u", "workspace": "/w", "risk_class": "low"}}"#;
    gait.file("call.json", call).file("p.yaml", "rules: [{name: r, effect: allow, reason_codes: [fine]}]");
    gait.run("keys init --out-dir keys --prefix k").code(0);
    gait.run("demo").code(0);
    let eval = "gate eval --policy p.yaml --intent call.json --key-mode prod --private-key keys/k_private.key";
    for trace in ["a.json", "b.json"] {
        gait.run(&format!("{eval} --trace-out {trace} --decision-out d/{trace}")).code(0);
    }
    let verify = || gait.run("verify chain --run run_demo --trace a.json --trust keys").transcript();
    let trace: serde_json::Value = serde_json::from_str(&gait.text("a.json")).unwrap();
    let usual = format!("decision_{}.json", trace["trace_id"].as_str().unwrap());
    insta::assert_snapshot!("chain_without_record", verify());
    for (name, from) in [("chain_with_record", "d/a.json"), ("chain_with_stale_record", "d/b.json")] {
        gait.file(&usual, gait.text(from));
        insta::assert_snapshot!(name, verify());
    }
    gait.file(&usual, gait.text("d/a.json").replace("fine", "other\\u001b[2K"));
    insta::assert_snapshot!("chain_with_broken_record", verify());
    gait.file(&usual, gait.text("d/a.json").replace("\"profile\"", "\"x\\n\\u001b[2Kverified\": 1, \"profile\""));
    insta::assert_snapshot!(
        "odd_key",
        gait.run("trace verify a.json --public-key keys/k_public.key").code(2).transcript()
    );
}
