//! YAML scalars by the way they are written: numbers as texts, texts as whole numbers.

/// Whether a plain scalar of this spelling is read as a number; one with an exponent is not.
pub fn is_number(text: &str) -> bool {
    decimal(text).is_some()
}

/// Whether a text begins as numbers do.
pub fn looks_numeric(text: &str) -> bool {
    let digits = text.trim_start_matches(['+', '-', '.']);
    digits.starts_with(|c: char| c.is_ascii_digit())
}

/// The usual spelling of a number without an exponent; `None` for anything else.
pub fn decimal(text: &str) -> Option<String> {
    if let Some(number) = integer(text) {
        let fits = i64::try_from(number).is_ok() || u64::try_from(number).is_ok();
        return Some(if fits { number.to_string() } else { text.to_owned() });
    }
    let bare = text.replace('_', "");
    let digits = bare.strip_prefix(['+', '-']).unwrap_or(&bare);
    let plain =
        digits.bytes().all(|b| b.is_ascii_digit() || b == b'.') && digits.bytes().filter(|b| *b == b'.').count() == 1;
    if !plain {
        let huge = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        return huge.then(|| text.to_owned());
    }
    let number = bare.parse::<f64>().ok()?;
    Some(if number == 0.0 { "0".to_owned() } else { number.to_string() })
}

/// A whole number in any spelling: `0x`, `0o`, a leading `0` for octal, `0b`, with `_` and a sign.
pub fn integer(text: &str) -> Option<i128> {
    let bare = text.replace('_', "");
    let (sign, digits) = match bare.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, bare.strip_prefix('+').unwrap_or(&bare)),
    };
    let (base, digits) = match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, &digits[2..]),
        [b'0', b'o' | b'O', ..] => (8, &digits[2..]),
        [b'0', b'b' | b'B', ..] => (2, &digits[2..]),
        [b'0', _, ..] => (8, &digits[1..]),
        _ => (10, digits),
    };
    let unsigned = digits.starts_with(|c: char| c.is_ascii_hexdigit());
    i128::from_str_radix(digits, base).ok().filter(|_| unsigned).map(|number| sign * number)
}
