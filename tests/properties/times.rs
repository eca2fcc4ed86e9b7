//! Timestamps: parsed, printed and moved to UTC as jiff does it.

use gait::kernel::clock::Timestamp;
use jiff::civil::DateTime;
use proptest::prelude::*;

fn offset(minutes: i32) -> String {
    let sign = if minutes < 0 { '-' } else { '+' };
    format!("{sign}{:02}:{:02}", minutes.abs() / 60, minutes.abs() % 60)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn parses_and_prints(
        year in 1i32..=9999, month in 0i32..=13, day in 0i32..=32, hour in 0i32..=24, minute in 0i32..=60,
        second in 0i32..=60, fraction in "(\\.[0-9]{1,12})?", minutes in -1439i32..=1439, zulu in any::<bool>(),
    ) {
        let zone = if zulu { "Z".to_owned() } else { offset(minutes) };
        let plain = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}");
        let text = format!("{plain}{fraction}{zone}");
        let ours = text.parse::<Timestamp>();
        let digits = &fraction[..fraction.len().min(10)];
        let leap = second == 60;
        let theirs = format!("{plain}{digits}").parse::<DateTime>();
        let possible = theirs.is_ok() && !leap && hour < 24;
        prop_assert_eq!(ours.is_ok(), possible, "{}", text);
        let Ok(ours) = ours else { return Ok(()) };
        let printed = ours.to_string();
        prop_assert_eq!(printed.parse::<Timestamp>().unwrap(), ours);
        let kept = digits.trim_end_matches('0').trim_end_matches('.');
        let zone = if zulu || minutes == 0 { "Z".to_owned() } else { zone };
        prop_assert_eq!(&printed, &format!("{plain}{kept}{zone}"));
        if let Ok(instant) = printed.parse::<jiff::Timestamp>() {
            prop_assert_eq!(ours.utc().to_string().parse::<jiff::Timestamp>().unwrap(), instant);
        }
    }

    #[test]
    fn any_text_is_a_time_or_refused(text in ".{0,40}") {
        if let Ok(time) = text.parse::<Timestamp>() {
            prop_assert_eq!(time.to_string().parse::<Timestamp>().unwrap(), time);
        }
    }

    #[test]
    fn a_time_with_one_character_changed_is_a_time_or_refused(at in 0usize..29, character in any::<char>()) {
        let mut text: Vec<char> = "2026-03-01T10:20:30.123+02:00".chars().collect();
        text[at] = character;
        if let Ok(time) = String::from_iter(text).parse::<Timestamp>() {
            prop_assert_eq!(time.to_string().parse::<Timestamp>().unwrap(), time);
        }
    }
}

#[test]
fn what_is_close_to_a_time_is_refused() {
    for text in [
        "",
        "2026-03-01",
        "2026-03-01T10:00:00",
        "2026-03-01t10:00:00Z",
        "2026-03-01T10:00:00z",
        "2026-03-01 10:00:00Z",
        "2026-3-01T10:00:00Z",
        "2026-02-29T10:00:00Z",
        "2026-03-01T24:00:00Z",
        "2026-03-01T10:00:60Z",
        "2026-03-01T10:00:00.Z",
        "2026-03-01T10:00:00,5Z",
        "2026-03-01T10:00:00+24:00",
        "2026-03-01T10:00:00+01:60",
        "2026-03-01T10:00:00+0100",
        "2026-03-01T10:00:00+01",
        "+2026-03-01T10:00:00Z",
        "2026-03-01T10:00:00ZZ",
        "2026-03-01T10:00:00Z ",
        "2026-03-01T1:00:00Z",
        "٢٠٢٦-03-01T10:00:00Z",
    ] {
        assert!(text.parse::<Timestamp>().is_err(), "{text}");
    }
}

#[test]
fn the_ends_of_the_calendar() {
    let late: Timestamp = "9999-12-31T23:59:59-23:59".parse().unwrap();
    assert!(!late.is_zero(), "the last moment is not the first");
    let early: Timestamp = "0001-01-01T01:00:00+01:00".parse().unwrap();
    assert!(early.is_zero());
}
