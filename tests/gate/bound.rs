//! Where the files of a decision are looked for.

use crate::kit::{Place, call};
use serde_json::{Value, json};

#[test]
fn a_trace_may_be_renamed_and_a_missing_file_is_told_with_its_folders() {
    let place = Place::new();
    place.file("p.yaml", "rules: [{name: r, effect: allow, require_broker_credential: true}]");
    place.file("i.json", call("t", json!({}), json!([])).to_string());
    assert_eq!(place.run("keys init --out-dir keys --prefix k").0, 0);
    let eval = "gate eval --policy p.yaml --intent i.json --credential-broker stub --key-mode prod --private-key keys/k_private.key";
    std::fs::create_dir(place.path("kept")).unwrap();
    let (code, said) = place.run(&format!("{eval} --trace-out kept/t.json"));
    assert_eq!(code, 0, "{said}");
    let verify = |trace: &str| -> (i32, Value) {
        place.run(&format!(
            "trace verify {trace} --public-key keys/k_public.key --decision {}",
            said["decision_path"].as_str().unwrap()
        ))
    };
    assert_eq!(verify("kept/t.json").0, 0);
    std::fs::rename(place.path("kept/t.json"), place.path("kept/renamed.json")).unwrap();
    assert_eq!(verify("kept/renamed.json").0, 0, "its bytes count, not its name");
    std::fs::remove_file(place.path(said["credential_evidence_path"].as_str().unwrap())).unwrap();
    let (code, told) = verify("kept/renamed.json");
    assert_ne!(code, 0);
    assert!(told.to_string().contains("is missing: not in ., kept"), "{told}");
}
