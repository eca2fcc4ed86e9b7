//! Lines of a stream as a way to a stage.

use crate::mcp::stage::Stage;
use crate::mcp::wire::{Cutter, Frame};
use std::io::{self, Read, Write};

/// Answers line by line as `server` until either side closes.
pub fn converse(mut input: impl Read, mut output: impl Write, stage: &Stage, server: &str) {
    let mut buffer = vec![0; 64 << 10];
    let mut cutter = Cutter::default();
    loop {
        let mut answers = String::new();
        let mut take = |frame: Frame<'_>| {
            if let Frame::Text(text) = frame {
                for answer in stage.answer(server, text) {
                    answers.push_str(&answer);
                    answers.push('\n');
                }
            }
        };
        let count = match input.read(&mut buffer) {
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => 0,
        };
        if count == 0 {
            cutter.end(&mut take);
        } else {
            cutter.cut(&buffer[..count], &mut take);
        }
        if output.write_all(answers.as_bytes()).is_err() || count == 0 {
            return;
        }
    }
}
