//! Time: RFC 3339 timestamps that remember their offset, and the clock as an argument.

use crate::kernel::error::{Error, Result};
use jiff::civil::DateTime;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// A point in time with the UTC offset it was written with, to the nanosecond.
///
/// Spelled `YYYY-MM-DDTHH:MM:SS[.fraction]<zone>`: the fraction without trailing zeros, the zone `Z` for a zero
/// offset. The zero time is `0001-01-01T00:00:00Z`; a missing timestamp is the zero time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timestamp {
    local: DateTime,
    offset_minutes: i16,
}

impl Timestamp {
    /// `0001-01-01T00:00:00Z`, which stands for "no time given".
    pub const ZERO: Self = Self { local: DateTime::constant(1, 1, 1, 0, 0, 0, 0), offset_minutes: 0 };

    /// Midnight UTC of a date, for fixed times.
    pub const fn date(year: i16, month: i8, day: i8) -> Self {
        Self { local: DateTime::constant(year, month, day, 0, 0, 0, 0), offset_minutes: 0 }
    }

    /// Whether this is the zero time (at any offset).
    pub fn is_zero(&self) -> bool {
        self.utc() == Self::ZERO
    }

    /// The same instant at offset zero, or the calendar's end if it lies beyond.
    #[must_use]
    pub fn utc(&self) -> Self {
        if self.offset_minutes == 0 {
            return *self;
        }
        let span = jiff::SignedDuration::from_mins(i64::from(self.offset_minutes));
        let local = self.local.saturating_sub(span);
        Self { local, offset_minutes: 0 }
    }

    /// The time `seconds` later.
    #[must_use]
    pub fn plus_seconds(&self, seconds: i64) -> Self {
        let span = jiff::SignedDuration::from_secs(seconds);
        Self { local: self.local.checked_add(span).unwrap_or(self.local), ..*self }
    }

    /// The time `span` later, or the calendar's end if it lies beyond.
    #[must_use]
    pub fn plus(&self, span: std::time::Duration) -> Self {
        let local = jiff::SignedDuration::try_from(span).ok().and_then(|span| self.local.checked_add(span).ok());
        Self { local: local.unwrap_or(DateTime::MAX), ..*self }
    }

    /// How long after `earlier` this is; `None` when it is before.
    pub fn since(&self, earlier: &Self) -> Option<std::time::Duration> {
        self.utc().local.duration_since(earlier.utc().local).try_into().ok()
    }

    /// `YYYYMMDDTHHMMSSZ` in UTC, for file names.
    pub fn compact(&self) -> String {
        self.utc().local.strftime("%Y%m%dT%H%M%SZ").to_string()
    }

    /// Reads a time as some writers of RFC 3339 spell it: also with `,` before the fraction, or an offset of 24 hours.
    pub fn parse_loosely(text: &str) -> Result<Self> {
        Self::read(text, true).ok_or_else(|| Self::wrong(text))
    }

    fn wrong(text: &str) -> Error {
        Error::invalid(format!("{text:?} is not an RFC 3339 timestamp"))
    }

    fn read(text: &str, loosely: bool) -> Option<Self> {
        let bytes = text.as_bytes();
        let number = |from: usize, to: usize| {
            let digits = bytes.get(from..to)?;
            digits.iter().try_fold(0i32, |n, d| d.is_ascii_digit().then(|| n * 10 + i32::from(d - b'0')))
        };
        let marks = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
        if marks.iter().any(|&(at, mark)| bytes.get(at) != Some(&mark)) {
            return None;
        }
        let point = if loosely && bytes.get(19) == Some(&b',') { b',' } else { b'.' };
        let (nanos, zone) = fraction(bytes, 19, point)?;
        let offset_minutes = match bytes.get(zone..)? {
            b"Z" => 0,
            [sign @ (b'+' | b'-'), _, _, b':', _, _] => {
                let (hours, minutes) = (number(zone + 1, zone + 3)?, number(zone + 4, zone + 6)?);
                let total = (hours * 60 + minutes) as i16;
                if minutes > 59 || total > 1439 && !(loosely && total == 1440) {
                    return None;
                }
                if *sign == b'-' { -total } else { total }
            }
            _ => return None,
        };
        let (year, second) = (number(0, 4)? as i16, number(17, 19)? as i8);
        let (month, day, hour, minute) =
            (number(5, 7)? as i8, number(8, 10)? as i8, number(11, 13)? as i8, number(14, 16)? as i8);
        let local = DateTime::new(year, month, day, hour, minute, second, nanos).ok()?;
        Some(Self { local, offset_minutes })
    }
}

/// Nanoseconds of the fraction that may start at `at` (more digits are cut), and where the zone starts.
fn fraction(bytes: &[u8], at: usize, point: u8) -> Option<(i32, usize)> {
    if bytes.get(at) != Some(&point) {
        return Some((0, at));
    }
    let digits = bytes[at + 1..].iter().take_while(|b| b.is_ascii_digit()).count();
    let nanos = (0..9).fold(0, |n, k| n * 10 + if k < digits { i32::from(bytes[at + 1 + k] - b'0') } else { 0 });
    (digits > 0).then_some((nanos, at + 1 + digits))
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let t = self.local;
        let mut text = *b"0000-00-00T00:00:00";
        put(&mut text[..4], t.year().unsigned_abs());
        if t.year() < 0 {
            text[0] = b'-';
        }
        let pairs = [(5, t.month()), (8, t.day()), (11, t.hour()), (14, t.minute()), (17, t.second())];
        pairs.iter().for_each(|&(at, number)| put(&mut text[at..at + 2], number.unsigned_abs().into()));
        f.write_str(std::str::from_utf8(&text).unwrap_or_default())?;
        if t.subsec_nanosecond() != 0 {
            let digits = format!("{:09}", t.subsec_nanosecond());
            write!(f, ".{}", digits.trim_end_matches('0'))?;
        }
        match self.offset_minutes {
            0 => f.write_str("Z"),
            minutes => {
                let sign = if minutes < 0 { '-' } else { '+' };
                write!(f, "{sign}{:02}:{:02}", minutes.abs() / 60, minutes.abs() % 60)
            }
        }
    }
}

/// Fills `slot` with the last decimal digits of `number`: a record has a time, and formatting each with the usual
/// machinery costs more than hashing it.
fn put(slot: &mut [u8], mut number: u16) {
    for digit in slot.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

impl FromStr for Timestamp {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::read(text, false).ok_or_else(|| Self::wrong(text))
    }
}

impl Default for Timestamp {
    fn default() -> Self {
        Self::ZERO
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Where "now" comes from: the wall clock, or a time fixed by the caller.
#[derive(Debug, Clone, Copy, Default)]
pub struct Clock(Option<Timestamp>);

impl Clock {
    /// The wall clock.
    pub const fn system() -> Self {
        Self(None)
    }

    /// A clock that always shows `time`.
    pub const fn fixed(time: Timestamp) -> Self {
        Self(Some(time))
    }

    /// The time now, in UTC.
    pub fn now(&self) -> Timestamp {
        self.0.unwrap_or_else(|| {
            #[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
            let zoned = jiff::Timestamp::now();
            Timestamp { local: jiff::tz::Offset::UTC.to_datetime(zoned), offset_minutes: 0 }
        })
    }
}

/// Measures how long something took.
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch(std::time::Instant);

impl Stopwatch {
    /// Starts now.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the monotonic clock")]
    pub fn start() -> Self {
        Self(std::time::Instant::now())
    }

    /// Time since the start.
    pub fn elapsed(&self) -> std::time::Duration {
        self.0.elapsed()
    }
}

/// The instant that is `span` from now.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the monotonic clock")]
pub fn later(span: std::time::Duration) -> std::time::Instant {
    std::time::Instant::now() + span
}
