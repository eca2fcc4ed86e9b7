//! Untrusted text made safe to show: one place decides what a reader may see of it.

/// What stands in place of a character that must not be shown.
const REPLACEMENT: char = '\u{FFFD}';
/// Marks text that goes on.
const MORE: &str = "…";
/// Breaks up what must not be read as a command, and is not seen.
const BREAK: char = '\u{200B}';
/// Longest message of a workflow command the runner takes, in UTF-16 units after escaping.
const MESSAGE_LIMIT: usize = 4_096;

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

/// [`visible`] text in which no line is a workflow command of a GitHub runner: a new-style one (`::name::`) counts at the
/// start of a line behind blanks, an old one (`##[name]`) anywhere in it.
pub fn log(text: &str) -> String {
    let text = disarmed(text);
    if !text.contains("::") {
        return text;
    }
    let line = |line: &str| match line.trim_start().strip_prefix("::") {
        Some(rest) => format!("{}:{BREAK}:{rest}", &line[..line.len() - line.trim_start().len()]),
        None => line.to_owned(),
    };
    text.split_inclusive('\n').map(line).collect()
}

/// The text of a workflow command: one line, at most 4,096 characters, with no way to begin another command.
pub fn command_message(text: &str) -> String {
    let (mut out, mut units) = (String::new(), 0);
    for c in disarmed(text).chars() {
        let piece = command_escape(c, false);
        let size: usize = piece.chars().map(char::len_utf16).sum();
        if units + size >= MESSAGE_LIMIT {
            out.push_str(MORE);
            break;
        }
        units += size;
        out.push_str(&piece);
    }
    out
}

/// The value of a property of a workflow command.
pub fn command_property(text: &str) -> String {
    disarmed(text).chars().map(|c| command_escape(c, true)).collect()
}

fn disarmed(text: &str) -> String {
    visible(text).replace("##[", &format!("##{BREAK}["))
}

fn command_escape(c: char, property: bool) -> String {
    match c {
        '%' => "%25".to_owned(),
        '\r' => "%0D".to_owned(),
        '\n' => "%0A".to_owned(),
        ':' if property => "%3A".to_owned(),
        ',' if property => "%2C".to_owned(),
        other => other.to_string(),
    }
}
