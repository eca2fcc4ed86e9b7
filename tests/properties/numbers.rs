//! Numbers: the table of RFC 8785, its edges, and random doubles in several spellings.

use gait::kernel::json::canon;
use proptest::prelude::*;

/// JSON numbers of every form that are in the range of a double.
pub fn number_text() -> impl Strategy<Value = String> {
    let bits = any::<u64>().prop_filter_map("not finite", |bits| {
        let value = f64::from_bits(bits);
        value.is_finite().then_some(value)
    });
    let short = (any::<i32>(), -12i32..12).prop_map(|(digits, exponent)| format!("{digits}e{exponent}"));
    prop_oneof![
        (bits, 0u8..6).prop_map(|(value, form)| spelled(value, form)),
        short,
        any::<i64>().prop_map(|integer| integer.to_string()),
        any::<u128>().prop_map(|integer| integer.to_string()),
        (any::<i16>(), "[0-9]{1,18}").prop_map(|(whole, part)| format!("{whole}.{part}")),
        "-?(0|[1-9][0-9]{0,24})(\\.[0-9]{1,24})?([eE][+-]?[0-9]{1,2})?",
        Just("-0".to_owned()),
        Just("-0.0e-0".to_owned()),
    ]
}

/// A double in one of several spellings, all of the same value or one that a reader rounds.
fn spelled(value: f64, form: u8) -> String {
    match form {
        0 => format!("{value:e}"),
        1 => format!("{value:E}"),
        2 => format!("{value:.17e}"),
        3 => format!("{value:.20e}"),
        4 if (1e-12..1e200).contains(&value.abs()) => format!("{value:.30}"),
        _ => format!("{value}"),
    }
}

fn canonical(text: &str) -> Option<String> {
    let bytes = canon::canonicalize(text.as_bytes()).ok()?;
    Some(String::from_utf8(bytes.into_owned()).unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_number_is_the_double_it_stands_for(text in number_text()) {
        let value: f64 = text.parse().unwrap();
        prop_assume!(value.is_finite());
        let ours = canonical(&text).unwrap();
        prop_assert_eq!(ours.as_str(), ryu_js::Buffer::new().format_finite(value).to_owned());
        prop_assert_eq!(ours.parse::<f64>().unwrap().to_bits(), if value == 0.0 { 0 } else { value.to_bits() });
        prop_assert_eq!(canon::is_canonical(text.as_bytes()), ours == text);
    }
}

/// RFC 8785, appendix B: bit patterns and their text.
const TABLE: [(u64, &str); 24] = [
    (0x0000_0000_0000_0000, "0"),
    (0x8000_0000_0000_0000, "0"),
    (0x0000_0000_0000_0001, "5e-324"),
    (0x8000_0000_0000_0001, "-5e-324"),
    (0x7fef_ffff_ffff_ffff, "1.7976931348623157e+308"),
    (0xffef_ffff_ffff_ffff, "-1.7976931348623157e+308"),
    (0x4340_0000_0000_0000, "9007199254740992"),
    (0xc340_0000_0000_0000, "-9007199254740992"),
    (0x4430_0000_0000_0000, "295147905179352830000"),
    (0x44b5_2d02_c7e1_4af5, "9.999999999999997e+22"),
    (0x44b5_2d02_c7e1_4af6, "1e+23"),
    (0x44b5_2d02_c7e1_4af7, "1.0000000000000001e+23"),
    (0x444b_1ae4_d6e2_ef4e, "999999999999999700000"),
    (0x444b_1ae4_d6e2_ef4f, "999999999999999900000"),
    (0x444b_1ae4_d6e2_ef50, "1e+21"),
    (0x3eb0_c6f7_a0b5_ed8c, "9.999999999999997e-7"),
    (0x3eb0_c6f7_a0b5_ed8d, "0.000001"),
    (0x41b3_de43_5555_5553, "333333333.3333332"),
    (0x41b3_de43_5555_5554, "333333333.33333325"),
    (0x41b3_de43_5555_5555, "333333333.3333333"),
    (0x41b3_de43_5555_5556, "333333333.3333334"),
    (0x41b3_de43_5555_5557, "333333333.33333343"),
    (0xbecb_f647_612f_3696, "-0.0000033333333333333333"),
    (0x4314_3ff3_c1cb_0959, "1424953923781206.2"),
];

#[test]
fn the_table_of_the_standard() {
    for (bits, text) in TABLE {
        let value = f64::from_bits(bits);
        for form in 0..6 {
            assert_eq!(canonical(&spelled(value, form)).as_deref(), Some(text), "{bits:016x}");
        }
        assert!(canon::is_canonical(text.as_bytes()), "{text}");
    }
}

#[test]
fn edges_of_the_forms() {
    for (text, want) in [
        ("-0", "0"),
        ("-0.0", "0"),
        ("0e999", "0"),
        ("1.0", "1"),
        ("1E3", "1000"),
        ("100000000000000000000", "100000000000000000000"),
        ("1000000000000000000000", "1e+21"),
        ("123456789012345", "123456789012345"),
        ("1234567890123456", "1234567890123456"),
        ("9007199254740993", "9007199254740992"),
        ("12345678901234567890", "12345678901234567000"),
        ("0.00001", "0.00001"),
        ("0.0000001", "1e-7"),
        ("0.1", "0.1"),
        ("0.10", "0.1"),
        ("0.30000000000000004", "0.30000000000000004"),
        ("2.2250738585072014e-308", "2.2250738585072014e-308"),
        ("2.225073858507201e-308", "2.225073858507201e-308"),
        ("2.4703282292062328e-324", "5e-324"),
        ("2.4703282292062327e-324", "0"),
        ("1.7976931348623158e308", "1.7976931348623157e+308"),
        ("1e23", "1e+23"),
        ("5e-324", "5e-324"),
    ] {
        assert_eq!(canonical(text).as_deref(), Some(want), "{text}");
        assert_eq!(canon::is_canonical(text.as_bytes()), text == want, "{text}");
    }
}

#[test]
fn what_is_no_number_or_no_double_is_refused() {
    let long = format!("1{}", "0".repeat(400));
    for text in [
        "1e400",
        "-1e400",
        "1.7976931348623159e308",
        &long,
        "01",
        "-",
        "+1",
        ".5",
        "1.",
        "1e",
        "1e+",
        "0x1",
        "NaN",
        "Infinity",
        "-Infinity",
        "1_000",
        "１",
    ] {
        assert_eq!(canonical(text), None, "{text}");
        assert!(!canon::is_canonical(text.as_bytes()), "{text}");
    }
}
