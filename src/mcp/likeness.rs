//! When is a value the recorded one? Equal to the digit, except where a mark stands for a text that was not kept.

use crate::kernel::json::delta;
use crate::kernel::json::tree::{self, Json};
use crate::mcp::veil::Redaction;

/// What the marks of a pack stand for today.
#[derive(Debug, Default)]
pub struct Likeness {
    /// Mark, and the variable's current value where it has one.
    marks: Vec<(String, Option<String>)>,
}

impl Likeness {
    /// Looks up the variables that the marks name.
    pub fn new(redactions: &[Redaction]) -> Self {
        let value = |redaction: &Redaction| redaction.variable.as_ref().and_then(|name| std::env::var(name).ok());
        let of = |r: &Redaction| (r.mark.clone(), value(r).filter(|value| !value.is_empty()));
        Self { marks: redactions.iter().filter(|r| !r.mark.is_empty()).map(of).collect() }
    }

    /// Whether `asked` is the value that was recorded as `recorded`, both JSON texts.
    pub fn same(&self, recorded: &str, asked: &str) -> bool {
        match (tree::parse(recorded.as_bytes()), tree::parse(asked.as_bytes())) {
            (Ok(recorded), Ok(asked)) => {
                let found = delta::delta(&recorded, &asked, usize::MAX);
                found.differences.iter().all(|difference| match (&difference.left, &difference.right) {
                    (Some(Json::String(left)), Some(Json::String(right))) => self.text(left, right),
                    (Some(Json::String(left)), Some(_)) => self.free(left),
                    _ => false,
                })
            }
            _ => recorded == asked,
        }
    }

    /// Whether the whole text is one mark that any value may stand for.
    fn free(&self, recorded: &str) -> bool {
        self.marks.iter().any(|(mark, value)| mark == recorded && value.is_none())
    }

    /// Whether `asked` is `recorded` with each mark replaced by what it stands for, or by anything where that is not
    /// known.
    fn text(&self, recorded: &str, asked: &str) -> bool {
        // The texts between the marks that may be anything.
        let mut fixed = vec![String::new()];
        let mut rest = recorded;
        while let Some((at, mark, value)) = self.first(rest) {
            if let Some(last) = fixed.last_mut() {
                last.push_str(&rest[..at]);
                last.push_str(value.as_deref().unwrap_or_default());
            }
            if value.is_none() {
                fixed.push(String::new());
            }
            rest = &rest[at + mark.len()..];
        }
        fixed.last_mut().iter_mut().for_each(|last| last.push_str(rest));
        let Some((first, later)) = fixed.split_first() else { return false };
        let Some((end, middle)) = later.split_last() else { return first == asked };
        let Some(mut left) = asked.strip_prefix(first.as_str()).and_then(|left| left.strip_suffix(end.as_str())) else {
            return false;
        };
        for part in middle {
            let Some(at) = left.find(part.as_str()) else { return false };
            left = &left[at + part.len()..];
        }
        true
    }

    fn first(&self, text: &str) -> Option<(usize, &str, &Option<String>)> {
        let found =
            self.marks.iter().filter_map(|(mark, value)| Some((text.find(mark.as_str())?, mark.as_str(), value)));
        found.min_by_key(|(at, ..)| *at)
    }
}
