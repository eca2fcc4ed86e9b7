//! Text of any content, shown: no line is a command of the runner, no fence and no code span is ended by what is in it.

#![no_main]

use gait::report::text;
use libfuzzer_sys::fuzz_target;

/// Whether a runner would take `line` for a command.
fn is_command(line: &str) -> bool {
    let new = line.trim_start().strip_prefix("::").is_some_and(|rest| rest.contains("::"));
    let old = line.split_once("##[").is_some_and(|(_, rest)| rest.contains(']'));
    new || old
}

fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.split(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}'])
}

/// Lengths of the runs of backticks in `text`.
fn runs(text: &str) -> impl Iterator<Item = usize> + '_ {
    text.split(|c| c != '`').map(str::len).filter(|length| *length > 0)
}

fuzz_target!(|data: &[u8]| {
    let said = String::from_utf8_lossy(data);
    let shown = text::visible(&said);
    assert!(shown.chars().all(|c| matches!(c, '\n' | '\t') || !c.is_control()));
    assert!(!lines(&text::log(&said)).any(is_command));

    let (property, message) = (text::command_property(&said), text::command_message(&said));
    assert!(lines(&property).count() == 1 && lines(&message).count() == 1);
    assert!(!property.contains([',', ':']) && !property.contains("##[") && !message.contains("##["));
    assert!(message.encode_utf16().count() <= 4_096);

    let block = text::fenced(&said, "text");
    let fence = block.len() - block.trim_start_matches('`').len();
    let inside = &block[fence + "text\n".len()..block.len() - fence - 1];
    assert!(fence >= 3 && runs(inside).all(|run| run < fence));

    let span = text::code(&said);
    if span != "-" {
        let ticks = span.len() - span.trim_start_matches('`').len();
        assert!(lines(&span).count() == 1);
        assert!(runs(&span[ticks..span.len() - ticks]).all(|run| run != ticks));
    }
    assert!(!text::cell(&said, 160).contains('|'));
});
