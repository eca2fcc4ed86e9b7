//! Untrusted text made safe to show: one place decides what a reader may see of it.

/// What stands in place of a character that must not be shown.
const REPLACEMENT: char = '\u{FFFD}';
/// Marks text that goes on.
const MORE: &str = "…";

/// `text` without anything that moves the cursor, turns the writing direction or is illegal in XML: such characters
/// become U+FFFD. Line ends become `\n`; `\n` and tab stay.
pub fn visible(text: &str) -> String {
    let unified = if text.contains('\r') { text.replace("\r\n", "\n") } else { text.to_owned() };
    if unified.chars().all(harmless) {
        return unified;
    }
    unified.chars().map(|c| if harmless(c) { c } else { REPLACEMENT }).collect()
}

fn harmless(c: char) -> bool {
    match c {
        '\n' | '\t' => true,
        '\u{61C}' | '\u{200E}' | '\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}' => false,
        _ => !c.is_control() && u32::from(c) & 0xFFFE != 0xFFFE,
    }
}

/// [`visible`] text on one line: line ends and tabs become blanks.
pub fn one_line(text: &str) -> String {
    visible(text).replace(['\n', '\t'], " ")
}

/// The start of `text` in at most `limit` bytes, ended by `…` when something was cut.
pub fn clip(text: &str, limit: usize) -> String {
    if text.len() <= limit {
        return text.to_owned();
    }
    let mut end = limit.saturating_sub(MORE.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{MORE}", &text[..end])
}

/// Markdown code span of one line: no markup, link, mention or HTML inside it works. `-` for empty text.
pub fn code(text: &str) -> String {
    let line = one_line(text);
    if line.trim().is_empty() {
        return "-".to_owned();
    }
    let ticks = "`".repeat(longest_run(&line) + 1);
    let pad = if line.starts_with(['`', ' ']) || line.ends_with(['`', ' ']) { " " } else { "" };
    format!("{ticks}{pad}{line}{pad}{ticks}")
}

/// [`code`] that can stand in a table cell: a `|` would end the cell, even in code.
pub fn cell(text: &str, limit: usize) -> String {
    code(&clip(&text.replace('|', "¦"), limit))
}

/// Markdown code block whose fence is longer than any run of backticks inside; ends with a newline.
pub fn fenced(text: &str, language: &str) -> String {
    let body = visible(text);
    let fence = "`".repeat(longest_run(&body).max(2) + 1);
    let end = if body.is_empty() || body.ends_with('\n') { "" } else { "\n" };
    format!("{fence}{language}\n{body}{end}{fence}\n")
}

fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}
