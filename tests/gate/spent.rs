//! The ledger of approvals that are spent.

use crate::kit::Place;
use camino::Utf8PathBuf;
use gait::gate::spent::{self, Spent};
use gait::kernel::clock::Timestamp;

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
        (3, vec![c], true, "bc"),
    ] {
        let now = Timestamp::date(2026, 1, day);
        assert_eq!(spent::spend(&path, &approvals, &now).unwrap(), spent, "{approvals:?}");
        assert_eq!(spent::digests(&path).unwrap().into_iter().collect::<String>(), kept, "{approvals:?}");
    }
}
