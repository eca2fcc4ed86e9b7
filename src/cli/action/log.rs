//! The log of the action: what is not ours is printed where the runner reads no commands, and disarmed besides.

use crate::action::outputs;
use crate::cli::output;
use crate::kernel::error::Result;
use crate::report::text;

/// Prints to standard output; standard error has no order with it.
pub struct Log;

impl Log {
    /// Prints lines of any content.
    pub fn say(&self, lines: &str) {
        let end = if lines.ends_with('\n') { "" } else { "\n" };
        output::stdout(&format!("{}{end}", text::log(lines)));
    }

    /// Runs `work`, which may print anything: the runner obeys none of it.
    pub fn closed<T>(&self, work: impl FnOnce() -> T) -> Result<T> {
        let word = outputs::random()?;
        output::stdout(&format!("::stop-commands::{word}\n"));
        let out = work();
        output::stdout(&format!("\n::{word}::\n"));
        Ok(out)
    }

    /// Prints workflow commands.
    pub fn command(&self, commands: &str) {
        output::stdout(commands);
    }
}
