//! A verdict without fixtures, told as a report is: of `verify`, `gate`, `policy-test`, and of an error.

use crate::report::annotations::Annotation;
use crate::report::text::{clip, code, fenced};

/// Longest headline, title and text, in bytes.
const LINE_LIMIT: usize = 1_000;
const TEXT_LIMIT: usize = 12_000;
/// Kept free for the closing line.
const CLOSING: usize = 200;

/// What a command came to. All texts are of any content.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Notice {
    /// The command and its verdict, as `verify fail`.
    pub title: String,
    /// One line.
    pub headline: String,
    /// What went wrong, the worst first.
    pub problems: Vec<Annotation>,
    /// What it said, for people; may be empty.
    pub text: String,
}

impl Notice {
    /// Markdown of at most `limit` bytes (of at least 4,000). It says how many problems it leaves out.
    pub fn markdown(&self, limit: usize) -> String {
        let limit = limit.max(4_000) - CLOSING;
        let line = |text: &str| code(&clip(text, LINE_LIMIT));
        let mut out = format!("## gait {}\n\n{}\n", self.title, line(&self.headline));
        if !self.text.trim().is_empty() {
            out.push_str(&format!("\n{}", fenced(&clip(&self.text, limit / 4), "text")));
        }
        let mut untold = 0;
        for problem in &self.problems {
            let text = if problem.text.is_empty() {
                String::new()
            } else {
                format!("\n{}", fenced(&clip(&problem.text, TEXT_LIMIT), "text"))
            };
            let section = format!("\n### {}\n{text}", line(&problem.title));
            if untold > 0 || out.len() + section.len() > limit {
                untold += 1;
            } else {
                out.push_str(&section);
            }
        }
        if untold > 0 {
            out.push_str(&format!("\n{untold} more are left out.\n"));
        }
        out
    }
}
