//! The ledger of approvals that are spent.

use crate::kit::{Place, call};
use camino::Utf8PathBuf;
use gait::gate::spent::{self, Spent};
use gait::kernel::clock::Timestamp;
use serde_json::json;

fn approval(digest: &str, day: i8) -> Spent {
    Spent { token_id: "t".to_owned(), signed_digest: digest.to_owned(), expires_at: Timestamp::date(2026, 1, day) }
}

#[test]
fn an_approval_is_spent_once_and_forgotten_once_it_is_over() {
    let place = Place::new();
    let path = Utf8PathBuf::from_path_buf(place.path("kept/ledger.json")).unwrap();
    let [a, b, c] = [approval("a", 3), approval("b", 5), approval("c", 5)];
    for (day, approvals, spent, kept) in [
        (1, vec![a.clone()], true, "a"),
        (1, vec![a.clone()], false, "a"),
        (2, vec![b.clone()], true, "ab"),
        (2, vec![c.clone(), b], false, "ab"),
        (3, vec![a], false, "ab"),
        (4, vec![c], true, "bc"),
    ] {
        let now = Timestamp::date(2026, 1, day);
        assert_eq!(spent::spend(&path, &approvals, &now).unwrap(), spent, "{approvals:?}");
        assert_eq!(spent::digests(&path).unwrap().into_iter().collect::<String>(), kept, "{approvals:?}");
    }
}

#[test]
fn an_approval_that_is_spent_stops_no_other() {
    let place = Place::new();
    place.file("p.yaml", "rules: [{name: r, effect: require_approval, min_approvals: 1}]");
    assert_eq!(place.run("keys init --out-dir keys --prefix k").0, 0);
    for (tool, then) in [("a", 0), ("b", 0), ("a", 4)] {
        place.file("i.json", call(tool, json!({}), json!([])).to_string());
        let eval = "gate eval --policy p.yaml --intent i.json --key-mode prod --private-key keys/k_private.key \
                    --spent-approvals l.json --approval-public-key keys/k_public.key";
        let (code, said) = place.run(eval);
        assert_eq!(code, 4, "{said}");
        let token = place.path(&format!("{tool}.json"));
        if !token.exists() {
            let approve = format!(
                "approve --intent-digest {} --policy-digest {} --scope tool:{tool} --approver ann --reason-code ok --ttl 1h \
                 --out {tool}.json --key-mode prod --private-key keys/k_private.key",
                said["intent_digest"].as_str().unwrap(),
                said["policy_digest"].as_str().unwrap()
            );
            assert_eq!(place.run(&approve).0, 0);
        }
        let (code, said) = place.run(&format!("{eval} --approval-token {tool}.json"));
        assert_eq!(code, then, "{tool}: {said}");
    }
}
