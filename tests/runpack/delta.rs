//! Where two JSON values differ.

use gait::kernel::json::delta::delta;
use gait::kernel::json::tree;
use proptest::prelude::*;
use serde_json::{Value, json};

fn of(left: &str, right: &str, limit: usize) -> (Value, usize) {
    let parse = |text: &str| tree::parse(text.as_bytes()).unwrap();
    let found = delta(&parse(left), &parse(right), limit);
    (serde_json::to_value(&found.differences).unwrap(), found.total)
}

#[test]
fn places_are_json_pointers() {
    let (found, total) = of(
        r#"{"a":{"x/y":1,"~":[1,2,3]},"gone":null,"kind":"s"}"#,
        r#"{"a":{"x/y":2,"~":[1,5]},"kind":{"s":1},"new":[]}"#,
        10,
    );
    assert_eq!(
        found,
        json!([
            {"path": "/a/x~1y", "left": 1, "right": 2},
            {"path": "/a/~0/1", "left": 2, "right": 5},
            {"path": "/a/~0/2", "left": 3},
            {"path": "/gone", "left": null},
            {"path": "/kind", "left": "s", "right": {"s": 1}},
            {"path": "/new", "right": []},
        ])
    );
    assert_eq!(total, 6);
}

#[test]
fn numbers_are_values_and_integers_exact() {
    assert_eq!(of("[1,1.0,-0,1e2]", "[1.0,1,0,100]", 9).1, 0);
    assert_eq!(of("9007199254740993", "9007199254740992", 9).1, 1);
    let (found, _) = of("123456789012345678901234567890", "-5", 9);
    assert_eq!(found[0]["right"], json!(-5));
}

#[test]
fn the_list_is_bounded_the_count_is_not() {
    let (found, total) = of("[1,2,3,4]", "[5,6,7,8]", 2);
    assert_eq!((found.as_array().unwrap().len(), total), (2, 4));
    let deep = |inner: &str| format!("{}{inner}{}", "[".repeat(5000), "]".repeat(5000));
    assert_eq!(of(&deep("1"), &deep("2"), 2).1, 1);
    assert_eq!(of(&deep("1"), &deep("1"), 2).1, 0);
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![Just(Value::Null), any::<bool>().prop_map(Value::from), any::<i64>().prop_map(Value::from)];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(".{0,3}", inner, 0..6).prop_map(|map| map.into_iter().collect::<Value>()),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_difference_is_where_it_says(left in json_value(), right in json_value()) {
        let (found, total) = of(&left.to_string(), &right.to_string(), usize::MAX);
        prop_assert_eq!(total == 0, left == right);
        for difference in found.as_array().unwrap() {
            let path = difference["path"].as_str().unwrap();
            prop_assert_eq!(difference.get("left"), left.pointer(path));
            prop_assert_eq!(difference.get("right"), right.pointer(path));
        }
    }
}
