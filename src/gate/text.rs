//! The text rules every digest stands on: lower case, lists without order, comma lists.

/// Simple lower case, character by character: no context and no change of length.
pub fn lower(text: &str) -> String {
    text.trim().chars().map(lower_char).collect()
}

fn lower_char(c: char) -> char {
    let mut mapped = c.to_lowercase();
    match (c, mapped.next(), mapped.next()) {
        ('\u{130}', ..) => 'i',
        (_, Some(one), None) => one,
        _ => c,
    }
}

/// Trimmed, without blanks and duplicates, sorted by bytes.
pub fn sorted<S: AsRef<str>>(items: impl IntoIterator<Item = S>) -> Vec<String> {
    let trimmed = items.into_iter().map(|item| item.as_ref().trim().to_owned());
    let mut out: Vec<String> = trimmed.filter(|item| !item.is_empty()).collect();
    out.sort_unstable();
    out.dedup();
    out
}

/// As [`sorted`], in lower case.
pub fn lowered<S: AsRef<str>>(items: impl IntoIterator<Item = S>) -> Vec<String> {
    sorted(items.into_iter().map(|item| lower(item.as_ref())))
}

/// The items of a comma list: trimmed, blanks dropped, order and duplicates kept.
pub fn csv(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect()
}

/// Puts `item` into a sorted list.
pub fn insert(list: &mut Vec<String>, item: impl Into<String>) {
    let item = item.into();
    if let Err(at) = list.binary_search(&item) {
        list.insert(at, item);
    }
}
