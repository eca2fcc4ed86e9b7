//! How long a token lives, as it is written.

use gait::gate::token::ttl;

#[test]
fn a_lifetime_is_read_in_every_unit() {
    for (text, nanos) in [
        ("1ns", 1),
        ("2us", 2_000),
        ("2\u{b5}s", 2_000),
        ("2\u{3bc}s", 2_000),
        ("3ms", 3_000_000),
        ("4s", 4_000_000_000),
        ("5m", 300_000_000_000),
        (" +1h30m ", 5_400_000_000_000),
        ("1.5h", 5_400_000_000_000),
        (".5s", 500_000_000),
        ("5.s", 5_000_000_000),
        ("1.5h1.5m.5s", 5_490_500_000_000),
        ("9223372036854775807ns", i64::MAX as u128),
    ] {
        assert_eq!(ttl(text).unwrap().as_nanos(), nanos, "{text:?}");
    }
    for text in [
        "",
        " ",
        "+",
        "0s",
        "0.0s",
        "-1s",
        "1",
        "h",
        ".",
        ".s",
        "1.2.3s",
        "1d",
        "1 h",
        "1h-1m",
        "++1s",
        "1e3s",
        "infs",
        "9223372036854775808ns",
        "99999999999999999999ns",
        "2562048h",
    ] {
        assert!(ttl(text).unwrap_err().to_string().contains("is no positive duration"), "{text:?}");
    }
}
