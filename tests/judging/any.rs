//! What holds for any path and any text.

use gait::config::rules::{Norm, Tolerance};
use gait::kernel::json::path::{self, JsonPath};
use gait::kernel::json::tree::Json;
use gait::regress::likeness::{self, Sketch};
use proptest::prelude::*;

fn tolerance() -> impl Strategy<Value = Tolerance> {
    prop::sample::select(vec![
        Tolerance::Norm(Norm::Path),
        Tolerance::Norm(Norm::Uuid),
        Tolerance::Norm(Norm::Time),
        Tolerance::Norm(Norm::Whitespace),
        Tolerance::Norm(Norm::Json),
        Tolerance::Similar(0.5),
        Tolerance::Similar(1.0),
        Tolerance::Ignore,
    ])
}

/// Text that looks like what is normalised, now and then.
fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[a-z0-9é/\\\\. :-]{0,6}",
        Just("2026-10-02T09:00:00.5Z".to_owned()),
        Just("2026-10-02 09:00".to_owned()),
        Just("7c1e0b52-4a0f-4f3e-9d6a-0a1b2c3d4e5f".to_owned()),
        Just("{\"a\":[1,2.0]}".to_owned()),
        any::<String>(),
    ];
    prop::collection::vec(piece, 0..4).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_place_spelled_as_a_path_is_named_by_it_alone(place in prop::collection::vec("[a-z0-9.'\"\\\\\\[\\]é ]{0,4}", 0..5)) {
        let path = JsonPath::parse(&path::spelled(&place)).unwrap();
        prop_assert!(path.names(&place) && path.covers(&place));
        let longer: Vec<String> = place.iter().cloned().chain(["x".to_owned()]).collect();
        prop_assert!(!path.names(&longer) && path.covers(&longer));
        if !place.is_empty() {
            prop_assert!(!path.covers(&place[1..]) || place[1..].starts_with(&place));
        }
    }

    #[test]
    fn any_text_is_a_path_or_refused(text in "\\$?[.a-z*\\[\\]0-9'\"é ]{0,12}") {
        if let Ok(path) = JsonPath::parse(&text) {
            prop_assert_eq!(path.to_string(), text);
        }
    }

    #[test]
    fn being_alike_goes_both_ways(tolerance in tolerance(), a in text(), b in text()) {
        let (x, y) = (Json::String(a), Json::String(b));
        prop_assert!(likeness::alike(tolerance, &x, &x));
        let alike = likeness::alike(tolerance, &x, &y);
        prop_assert_eq!(alike, likeness::alike(tolerance, &y, &x));
        // A sketch that is sure is right.
        if let Some(sure) = Sketch::of(tolerance, &x).alike(&Sketch::of(tolerance, &y), tolerance) {
            prop_assert_eq!(sure, alike);
        }
    }

    #[test]
    fn a_gap_between_numbers_is_within_itself(a in any::<f64>(), b in any::<f64>()) {
        prop_assume!(a.is_finite() && b.is_finite());
        let (x, y) = (format!("{a:?}"), format!("{b:?}"));
        if let Some(gap) = likeness::gap(&x, &y) {
            let within = Tolerance::Within(gap.parse().unwrap());
            prop_assert!(likeness::alike(within, &Json::Number(x.into()), &Json::Number(y.into())));
        }
    }
}
