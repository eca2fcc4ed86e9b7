//! JSON numbers compared as the decimal numbers they are, to the last digit.

use crate::kernel::json::tree::Json;
use std::cmp::Ordering;

/// The order of two JSON numbers.
pub fn compare(a: &str, b: &str) -> Ordering {
    if let (Some(a), Some(b)) = (small(a), small(b)) {
        return a.cmp(&b);
    }
    let (a, b) = (Decimal::of(a), Decimal::of(b));
    match (a.negative, b.negative) {
        (false, true) => Ordering::Greater,
        (true, false) => Ordering::Less,
        (false, false) => a.magnitude(&b),
        (true, true) => b.magnitude(&a),
    }
}

/// A number that others are held against, many times.
#[derive(Debug, Clone)]
pub struct Limit {
    text: Box<str>,
    small: Option<i64>,
}

impl Limit {
    pub fn new(text: Box<str>) -> Self {
        Self { small: small(&text), text }
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    /// The order of another number and this one.
    pub fn order_of(&self, number: &str) -> Ordering {
        match (small(number), self.small) {
            (Some(number), Some(limit)) => number.cmp(&limit),
            _ => compare(number, &self.text),
        }
    }
}

/// A plain integer of at most 18 digits.
fn small(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text).as_bytes();
    let short = (1..=18).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit);
    let magnitude = short.then(|| digits.iter().fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0')))?;
    Some(if text.len() > digits.len() { -magnitude } else { magnitude })
}

/// Whether two values are the same once a text that spells a number or a truth counts as one.
pub fn loosely_equal(a: &Json, b: &Json) -> bool {
    let (Some(a), Some(b)) = (spelled(a), spelled(b)) else { return false };
    a == b || is_number(a) && is_number(b) && compare(a, b).is_eq()
}

fn spelled(value: &Json) -> Option<&str> {
    match value {
        Json::Number(text) => Some(text),
        Json::String(text) => Some(text.trim()),
        Json::Bool(true) => Some("true"),
        Json::Bool(false) => Some("false"),
        _ => None,
    }
}

fn is_number(text: &str) -> bool {
    text.parse::<f64>().is_ok_and(f64::is_finite) && text.bytes().any(|b| b.is_ascii_digit())
}

/// Exponents beyond this are all the same.
const HUGE: i64 = 1 << 60;

/// A number as its significant digits and where the point stands: `0.digits * 10^point`.
struct Decimal<'t> {
    negative: bool,
    whole: &'t str,
    part: &'t str,
    /// Leading zeros of the digits.
    zeros: usize,
    point: i64,
}

impl<'t> Decimal<'t> {
    fn of(text: &'t str) -> Self {
        let (number, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let huge = if exponent.starts_with('-') { -HUGE } else { HUGE };
        let exponent = exponent.trim_start_matches('+').parse::<i64>().unwrap_or(huge).clamp(-HUGE, HUGE);
        let digits = number.trim_start_matches(['-', '+']);
        let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
        let zeros = whole.bytes().chain(part.bytes()).take_while(|b| *b == b'0').count();
        let none = zeros == whole.len() + part.len();
        let point = if none { i64::MIN } else { exponent.saturating_add(whole.len() as i64 - zeros as i64) };
        Self { negative: number.starts_with('-') && !none, whole, part, zeros, point }
    }

    fn digits(&self) -> impl Iterator<Item = u8> + '_ {
        self.whole.bytes().chain(self.part.bytes()).skip(self.zeros)
    }

    fn magnitude(&self, other: &Self) -> Ordering {
        self.point.cmp(&other.point).then_with(|| {
            let (mut a, mut b) = (self.digits(), other.digits());
            loop {
                match (a.next(), b.next()) {
                    (None, None) => return Ordering::Equal,
                    (x, y) => match x.unwrap_or(b'0').cmp(&y.unwrap_or(b'0')) {
                        Ordering::Equal => {}
                        order => return order,
                    },
                }
            }
        })
    }
}
