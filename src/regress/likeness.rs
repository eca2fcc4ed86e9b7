//! Whether two values at one place are alike enough, under one tolerance.

use crate::config::rules::{Norm, Tolerance};
use crate::kernel::fs;
use crate::kernel::json::canon;
use crate::kernel::json::delta;
use crate::kernel::json::tree::{self, Json, same_number};
use similar::TextDiff;
use std::time::Duration;

/// Longest time two texts are compared for; what is found by then counts.
const PATIENCE: Duration = Duration::from_millis(500);
/// Texts up to this many characters are compared by character, longer ones by word.
const SHORT: usize = 2_000;

/// Whether the tolerance accepts that `right` stands where `left` was.
pub fn alike(tolerance: Tolerance, left: &Json, right: &Json) -> bool {
    match (tolerance, left, right) {
        (Tolerance::Ignore, ..) => true,
        (Tolerance::Within(distance), Json::Number(a), Json::Number(b)) => near(a, b, distance),
        (Tolerance::Norm(Norm::Json), Json::String(a), Json::String(b)) => same_json(a, b),
        (Tolerance::Norm(norm), Json::String(a), Json::String(b)) => normal(norm, a) == normal(norm, b),
        (Tolerance::Similar(ratio), Json::String(a), Json::String(b)) => similar(a, b, ratio),
        _ => false,
    }
}

/// Integers are compared digit by digit, other numbers as doubles: there `distance` holds up to the last bits, so that
/// 1.01 is within 0.01 of 1.
fn near(a: &str, b: &str, distance: f64) -> bool {
    if same_number(a, b) {
        return true;
    }
    let integer = |text: &str| !text.contains(['.', 'e', 'E']);
    if integer(a) && integer(b) {
        return match (a.parse::<i128>(), b.parse::<i128>()) {
            (Ok(a), Ok(b)) => a.checked_sub(b).is_some_and(|gap| gap.unsigned_abs() as f64 <= distance),
            _ => false,
        };
    }
    match (a.parse::<f64>(), b.parse::<f64>()) {
        (Ok(a), Ok(b)) => {
            let slack = if distance > 0.0 { 4.0 * f64::EPSILON * a.abs().max(b.abs()) } else { 0.0 };
            (a - b).abs() <= distance + slack.min(distance * 1e-6)
        }
        _ => false,
    }
}

/// How far apart two numbers are, written so that `within` accepts it.
pub fn gap(a: &str, b: &str) -> Option<String> {
    let (x, y) = (a.parse::<f64>().ok()?, b.parse::<f64>().ok()?);
    let gap = (x - y).abs();
    let text = format!("{gap}");
    (gap.is_finite() && text.parse().is_ok_and(|gap| near(a, b, gap))).then_some(text)
}

fn same_json(a: &str, b: &str) -> bool {
    match (tree::parse(a.as_bytes()), tree::parse(b.as_bytes())) {
        (Ok(a), Ok(b)) => delta::delta(&a, &b, 0).total == 0,
        _ => a == b,
    }
}

fn normal(norm: Norm, text: &str) -> String {
    match norm {
        Norm::Path if text.is_empty() => String::new(),
        Norm::Path => fs::clean(&text.replace('\\', "/")).into_string(),
        Norm::Uuid => replaced(text, "<uuid>", uuid),
        Norm::Time => replaced(text, "<time>", time),
        Norm::Whitespace => text.split_whitespace().collect::<Vec<_>>().join(" "),
        Norm::Json => text.to_owned(),
    }
}

/// `text` with whatever `find` measures at the start of a word put out of the way.
fn replaced(text: &str, by: &str, find: impl Fn(&str) -> Option<usize>) -> String {
    let (mut out, mut rest, mut inside) = (String::new(), text, false);
    while let Some(c) = rest.chars().next() {
        let ends = |length: usize| !rest[length..].starts_with(|c: char| c.is_ascii_alphanumeric());
        let found = if inside { None } else { find(rest).filter(|length| ends(*length)) };
        match found {
            Some(length) => {
                out.push_str(by);
                rest = &rest[length..];
            }
            None => {
                out.push(c);
                rest = &rest[c.len_utf8()..];
            }
        }
        inside = found.is_none() && c.is_ascii_alphanumeric();
    }
    out
}

/// Length of the UUID at the start of `text`.
fn uuid(text: &str) -> Option<usize> {
    let bytes = text.as_bytes().get(..36)?;
    let fits = |(at, b): (usize, &u8)| match at {
        8 | 13 | 18 | 23 => *b == b'-',
        _ => b.is_ascii_hexdigit(),
    };
    bytes.iter().enumerate().all(fits).then_some(36)
}

/// Length of the date and time of day at the start of `text`: `2026-10-02T09:00`, maybe seconds, a fraction and a zone.
fn time(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let shaped = |from: usize, shape: &str| {
        let found = bytes.get(from..from + shape.len())?;
        let fits = |(b, s): (&u8, u8)| if s == b'0' { b.is_ascii_digit() } else { *b == s };
        found.iter().zip(shape.bytes()).all(fits).then_some(from + shape.len())
    };
    let mut end = shaped(0, "0000-00-00").filter(|_| matches!(bytes.get(10), Some(b'T' | b't' | b' ')))?;
    end = shaped(end + 1, "00:00")?;
    let part = |from: usize| text[from..from + 2].parse::<u8>().unwrap_or(u8::MAX);
    if !(1..=12).contains(&part(5)) || !(1..=31).contains(&part(8)) || part(11) > 24 || part(14) > 59 {
        return None;
    }
    if let Some(seconds) = shaped(end, ":00") {
        end = seconds;
        if bytes.get(end) == Some(&b'.') {
            let digits = bytes[end + 1..].iter().take_while(|b| b.is_ascii_digit()).count();
            end += if digits > 0 { digits + 1 } else { 0 };
        }
    }
    let zone = ["+00:00", "-00:00", "+0000", "-0000"].into_iter().find_map(|shape| shaped(end, shape));
    let utc = matches!(bytes.get(end), Some(b'Z' | b'z')).then_some(end + 1);
    Some(zone.or(utc).unwrap_or(end))
}

fn similar(a: &str, b: &str, least: f32) -> bool {
    // What they can have in common at most is quickly known where characters are compared.
    let hopeless = a.len().max(b.len()) <= SHORT && most(&bag(a), &bag(b)) < least;
    a == b || !hopeless && ratio(a, b) >= least
}

/// How many of its characters there are of each of 64 kinds.
type Bag = [u16; 64];

fn bag(text: &str) -> Bag {
    let mut bag = [0_u16; 64];
    for c in text.chars() {
        let kind = &mut bag[c as usize % 64];
        *kind = kind.saturating_add(1);
    }
    bag
}

/// What two texts can have in common at most, whatever the order of their characters.
fn most(a: &Bag, b: &Bag) -> f32 {
    let (mut total, mut shared) = (0_u32, 0_u32);
    for (x, y) in a.iter().zip(b) {
        total += u32::from(*x) + u32::from(*y);
        shared += u32::from(*x.min(y));
    }
    if total == 0 { 1.0 } else { 2.0 * shared as f32 / total as f32 }
}

/// What is worked out about a value once, so that many can be compared with many.
#[derive(Debug, Clone, PartialEq)]
pub enum Sketch {
    /// Nothing: comparing is quick enough.
    None,
    /// No value that the rule is for.
    Other,
    /// A text as the rule sees it.
    Normal(String),
    /// The characters of a text.
    Bag(Box<Bag>),
}

impl Sketch {
    /// What there is to know of `value` under `tolerance`.
    pub fn of(tolerance: Tolerance, value: &Json) -> Self {
        match (tolerance, value) {
            (Tolerance::Norm(Norm::Json), Json::String(text)) => {
                let canonical = canon::canonicalize(text.as_bytes()).ok();
                Self::Normal(canonical.map_or_else(|| text.clone(), |c| String::from_utf8_lossy(&c).into_owned()))
            }
            (Tolerance::Norm(norm), Json::String(text)) => Self::Normal(normal(norm, text)),
            (Tolerance::Similar(_), Json::String(text)) => Self::Bag(Box::new(bag(text))),
            (Tolerance::Norm(_) | Tolerance::Similar(_), _) => Self::Other,
            _ => Self::None,
        }
    }

    /// Whether two values are alike; `None`: they may be, which only comparing them can tell.
    pub fn alike(&self, other: &Self, tolerance: Tolerance) -> Option<bool> {
        match (self, other, tolerance) {
            (Self::Normal(a), Self::Normal(b), _) => Some(a == b),
            (Self::Bag(a), Self::Bag(b), Tolerance::Similar(least)) if most(a, b) < least => Some(false),
            (Self::Bag(_), Self::Bag(_), _) | (Self::None, Self::None, _) => None,
            _ => Some(false),
        }
    }
}

/// How much two texts have in common, 0 to 1.
pub fn ratio(a: &str, b: &str) -> f32 {
    let mut config = TextDiff::configure();
    config.timeout(PATIENCE);
    if a.len().max(b.len()) <= SHORT { config.diff_chars(a, b).ratio() } else { config.diff_words(a, b).ratio() }
}
