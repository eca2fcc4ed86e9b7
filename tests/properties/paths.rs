//! JSON paths: what is selected is what stands at the places the path names.

use gait::kernel::json::path::JsonPath;
use gait::kernel::json::tree::Json;
use proptest::prelude::*;

fn json() -> impl Strategy<Value = Json> {
    let leaf = (0u8..3).prop_map(|number| Json::Number(number.to_string().into()));
    leaf.prop_recursive(4, 40, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Json::Array),
            prop::collection::btree_map("[ab01]", inner, 0..4)
                .prop_map(|members| Json::Object(members.into_iter().collect())),
        ]
    })
}

fn path() -> impl Strategy<Value = JsonPath> {
    let step = (any::<bool>(), prop_oneof![Just("*"), Just("a"), Just("b"), Just("0"), Just("01")]);
    prop::collection::vec(step, 0..4).prop_map(|steps| {
        let step = |(deep, name)| if deep { format!("..{name}") } else { format!(".{name}") };
        JsonPath::parse(&format!("${}", steps.into_iter().map(step).collect::<String>())).unwrap()
    })
}

/// Every value with the place it stands at, in document order.
fn places<'j>(value: &'j Json, place: Vec<String>, out: &mut Vec<(Vec<String>, &'j Json)>) {
    out.push((place.clone(), value));
    let mut below = |name: String, value| places(value, [place.clone(), vec![name]].concat(), out);
    match value {
        Json::Object(members) => members.iter().for_each(|(key, value)| below(key.clone(), value)),
        Json::Array(items) => items.iter().enumerate().for_each(|(at, value)| below(at.to_string(), value)),
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_selected_stands_at_the_places_named(value in json(), path in path()) {
        let mut all = Vec::new();
        places(&value, Vec::new(), &mut all);
        let named: Vec<*const Json> =
            all.iter().filter(|(place, _)| path.names(place)).map(|(_, value)| *value as *const Json).collect();
        let selected: Vec<_> = path.select(&value).into_iter().map(|value| value as *const Json).collect();
        prop_assert_eq!(selected, named);
    }
}
