//! Canonical JSON: the same bytes as another implementation, found in the same way by each of ours.

use gait::kernel::json::{canon, scan};
use proptest::prelude::*;
use serde_json::{Map, Value};
use std::fmt::Write as _;

/// JSON texts in every spelling: white space, escapes, orders of keys, forms of numbers. Keys are unique.
fn json_text() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        Just("false".to_owned()),
        crate::numbers::number_text(),
        string_text(),
    ];
    leaf.prop_recursive(4, 48, 6, |inner| {
        let space = prop_oneof![4 => Just(""), 1 => Just(" "), 1 => Just("\n\t"), 1 => Just("\r ")];
        let items = prop::collection::vec((inner.clone(), space.clone()), 0..6);
        let members = prop::collection::btree_map(any_text(), (inner, any::<u64>(), space), 0..6);
        prop_oneof![
            items.prop_map(|items| {
                let items: Vec<_> = items.iter().map(|(item, space)| format!("{space}{item}{space}")).collect();
                format!("[{}]", items.join(","))
            }),
            members.prop_map(|members| {
                let mut members: Vec<_> = members.into_iter().collect();
                members.sort_by_key(|(_, (_, order, _))| *order);
                let text = |(key, (value, how, space)): (String, (String, u64, &str))| {
                    format!("{space}{}{space}:{space}{value}", spell(&key, how))
                };
                format!("{{{}}}", members.into_iter().map(text).collect::<Vec<_>>().join(","))
            }),
        ]
    })
}

/// Texts with what is hard: quotes, controls, characters outside the basic plane, both ends of the surrogates.
fn any_text() -> impl Strategy<Value = String> {
    let hard = prop::sample::select(vec![
        '"',
        '\\',
        '/',
        '\0',
        '\u{8}',
        '\t',
        '\n',
        '\u{c}',
        '\r',
        '\u{1f}',
        '\u{7f}',
        '\u{80}',
        '\u{2028}',
        '\u{d7ff}',
        '\u{e000}',
        '\u{fb33}',
        '\u{fffd}',
        '\u{ffff}',
        '\u{10000}',
        '\u{1f600}',
        '\u{10ffff}',
    ]);
    let character = prop_oneof![3 => prop::char::range('a', 'c'), 2 => hard, 1 => any::<char>()];
    prop::collection::vec(character, 0..10).prop_map(String::from_iter)
}

fn string_text() -> impl Strategy<Value = String> {
    (any_text(), any::<u64>()).prop_map(|(text, how)| spell(&text, how))
}

/// A JSON string for `text`, each character escaped or not as the bits of `how` say.
fn spell(text: &str, how: u64) -> String {
    let mut out = String::from("\"");
    for (at, character) in text.chars().enumerate() {
        let bits = how >> (at * 2 % 62);
        match character {
            '"' | '\\' if bits & 1 == 0 => out.extend(['\\', character]),
            '/' if bits & 1 == 0 => out.push_str("\\/"),
            '\n' if bits & 1 == 0 => out.push_str("\\n"),
            _ if character < ' ' || character == '"' || character == '\\' || bits & 3 == 3 => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    let _ = if bits & 1 == 0 { write!(out, "\\u{unit:04X}") } else { write!(out, "\\u{unit:04x}") };
                }
            }
            _ => out.push(character),
        }
    }
    out.push('"');
    out
}

fn referee(text: &str) -> String {
    let value: Value = serde_json::from_str(text).unwrap();
    serde_json_canonicalizer::to_string(&value).unwrap()
}

/// What `visit` finds, put together again.
fn visited(canonical: &[u8]) -> Option<Vec<u8>> {
    let mut again = vec![b'{'];
    let whole = canon::visit(canonical, |key, value, _| {
        if again.len() > 1 {
            again.push(b',');
        }
        again.push(b'"');
        again.extend_from_slice(key.as_bytes());
        again.extend_from_slice(b"\":");
        again.extend_from_slice(value.as_bytes());
    });
    again.push(b'}');
    whole.then_some(again)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn agrees_with_another_implementation(text in json_text()) {
        let ours = canon::canonicalize(text.as_bytes()).unwrap();
        prop_assert_eq!(String::from_utf8_lossy(&ours).into_owned(), referee(&text));
    }

    #[test]
    fn canonical_text_is_known_as_such(text in json_text()) {
        let ours = canon::canonicalize(text.as_bytes()).unwrap().into_owned();
        prop_assert!(canon::is_canonical(&ours));
        prop_assert_eq!(canon::is_canonical(text.as_bytes()), ours == text.as_bytes());
        prop_assert_eq!(&*canon::canonicalize(&ours).unwrap(), &ours[..]);
        // The way that needs no shortcut says the same.
        let mut slow = Vec::new();
        canon::write(&scan::parse(&ours).unwrap(), 0, &mut slow).unwrap();
        prop_assert_eq!(&slow, &ours);
        let object = ours.first() == Some(&b'{');
        prop_assert_eq!(visited(&ours), object.then_some(ours));
    }

    #[test]
    fn a_changed_byte_is_never_canonical_unless_it_parses_to_itself(
        text in json_text(), at in any::<usize>(), byte in any::<u8>(),
    ) {
        let mut ours = canon::canonicalize(text.as_bytes()).unwrap().into_owned();
        let at = at % ours.len();
        ours[at] = byte;
        let slow = scan::parse(&ours).and_then(|tape| {
            let mut slow = Vec::new();
            canon::write(&tape, 0, &mut slow).map(|()| slow)
        });
        prop_assert_eq!(canon::is_canonical(&ours), slow.is_ok_and(|slow| slow == ours));
        if let Some(again) = visited(&ours) {
            prop_assert_eq!(canon::canonicalize(&again).unwrap(), canon::canonicalize(&ours).unwrap());
        }
    }

    #[test]
    fn a_key_that_stands_twice_is_refused(
        text in json_text(), key in any_text(), hows in any::<[u64; 2]>(), deep in any::<bool>(),
    ) {
        let twice = format!("{{{}:{text},\"zz zz\":0,{}:{text}}}", spell(&key, hows[0]), spell(&key, hows[1]));
        let twice = if deep { format!("[{{\"a\":{twice}}}]") } else { twice };
        let error = canon::canonicalize(twice.as_bytes()).unwrap_err().to_string();
        prop_assert!(error.contains("duplicate key"), "{}", error);
        prop_assert!(gait::kernel::json::tree::parse(twice.as_bytes()).is_err());
    }

    #[test]
    fn an_object_without_a_member_is_the_object_that_never_had_it(text in json_text(), key in any_text()) {
        let mut object = Map::new();
        object.insert("kept \u{1f600}".to_owned(), serde_json::from_str(&text).unwrap());
        let bare = canon::of(&object).unwrap();
        object.insert(key.clone(), Value::Null);
        if object.len() == 2 {
            prop_assert_eq!(canon::without(&canon::of(&object).unwrap(), &key).unwrap(), bare);
        }
    }

    #[test]
    fn any_bytes_are_taken_or_refused_as_serde_json_does(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
        let ours = scan::parse(&bytes).is_ok();
        let theirs = serde_json::from_slice::<Value>(&bytes).is_ok();
        // Ours repairs broken UTF-8, which theirs refuses; there is no other difference on bytes this short.
        prop_assert!(ours == theirs || (ours && std::str::from_utf8(&bytes).is_err()));
    }
}

#[test]
fn keys_are_sorted_by_utf16_units() {
    // The example of RFC 8785, section 3.2.3.
    let text = r#"{"\u20ac":"Euro Sign","\r":"Carriage Return","\ufb33":"Hebrew Letter Dalet With Dagesh","1":"One",
        "\ud83d\ude00":"Emoji: Grinning Face","\u0080":"Control","\u00f6":"Latin Small Letter O With Diaeresis"}"#;
    let canonical = String::from_utf8(canon::canonicalize(text.as_bytes()).unwrap().into_owned()).unwrap();
    let places = ["Carriage", "One", "Control", "Latin", "Euro", "Emoji", "Hebrew"].map(|word| canonical.find(word));
    assert!(places.is_sorted() && places[0].is_some(), "{canonical}");
}

#[test]
fn the_example_of_the_standard() {
    // RFC 8785, sections 3.2.2 and 3.2.4.
    let text = r#"{"numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
        "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/", "literals": [null, true, false]}"#;
    let want = "{\"literals\":[null,true,false],\"numbers\":[333333333.3333333,1e+30,4.5,0.002,1e-27],\
        \"string\":\"\u{20ac}$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}";
    assert_eq!(String::from_utf8_lossy(&canon::canonicalize(text.as_bytes()).unwrap()), want);
}

#[test]
fn escapes_that_only_look_like_some_are_refused() {
    for text in [r#""\u00+1""#, r#""\u+001""#, r#""\u 001""#, r#""\u001""#, r#""\x01""#, r#""\u000g""#, r#""\"#] {
        assert!(!canon::is_canonical(text.as_bytes()), "{text}");
        assert!(canon::canonicalize(text.as_bytes()).is_err(), "{text}");
    }
}

#[test]
fn an_object_of_many_keys_is_sorted_once() {
    let keys = 40_000u32;
    // Backwards and shuffled, so that nothing is in place already.
    let members = |step: u32| {
        let key = |at: u32| format!("\"k{:06}\":{at}", at * step % keys);
        format!("{{{}}}", (0..keys).rev().map(key).collect::<Vec<_>>().join(","))
    };
    for step in [1, 7919] {
        let text = members(step);
        let canonical = canon::canonicalize(text.as_bytes()).unwrap();
        assert!(canon::is_canonical(&canonical) && canonical.len() == text.len());
    }
    // The same where all keys share a long beginning, and where one stands twice at the very ends.
    let twice = members(1).replacen('{', "{\"k000000\":1,", 1);
    assert!(canon::canonicalize(twice.as_bytes()).is_err());
}

#[test]
fn nesting_has_a_limit_and_no_stack() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let deepest = nested(scan::MAX_DEPTH);
    assert_eq!(*canon::canonicalize(deepest.as_bytes()).unwrap(), *deepest.as_bytes());
    for depth in [scan::MAX_DEPTH + 1, 1_000_000] {
        let error = canon::canonicalize(nested(depth).as_bytes()).unwrap_err().to_string();
        assert!(error.contains("nested deeper"), "{error}");
    }
}

#[test]
fn members_may_stand_apart_and_in_any_order_but_once() {
    let apart = visited(b"{ \"b\" : {\"x\":1} ,\n\"a\":\"t\\n\"\t, \"c\":\r[1,2.5] }").unwrap();
    assert_eq!(String::from_utf8(apart).unwrap(), r#"{"b":{"x":1},"a":"t\n","c":[1,2.5]}"#);
    assert_eq!(visited(b"{ }").unwrap(), b"{}");
    let refused = [
        r#"{"a":1,"a":1}"#,
        r#"{"b":1,"a":2,"b":3}"#,
        r#"{"c":1,"a":2,"b":3,"a":4}"#,
        r#"{"b\n":1,"a":2}"#,
        r#"{"b":1,"a":{ }}"#,
        r#"{"b":1,"a":"\u0041"}"#,
        r#"{"b":1,"a":1.0}"#,
        // Canonical by itself, but not the number that was written: the tape has to tell.
        r#"{"b":12345678901234567000,"a":1}"#,
        r#"{"a": 12345678901234567000}"#,
        r#"{"b":1,}"#,
        r#"{ , }"#,
        r#"{"a":1} "#,
        r#" {"a":1}"#,
        r#"{"a":1"#,
        r#"["a"]"#,
    ];
    for text in refused {
        assert_eq!(visited(text.as_bytes()), None, "{text}");
    }
    let many = |count: usize| (0..count).map(|n| format!("\"k{:02}\":1", 99 - n)).collect::<Vec<_>>().join(",");
    assert!(visited(format!("{{{}}}", many(16)).as_bytes()).is_some());
    assert!(visited(format!("{{{}}}", many(17)).as_bytes()).is_none());
}
