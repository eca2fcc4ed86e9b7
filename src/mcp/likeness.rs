//! When is a value the recorded one? Equal to the digit, except where a mark stands for a text that was not kept.

use crate::kernel::json::delta::{self, Difference};
use crate::kernel::json::tree::Json;
use crate::mcp::veil::{Redaction, SHORTEST};

/// What the marks of a pack stand for today.
#[derive(Debug, Default)]
pub struct Likeness {
    /// Mark, and the variable's current value where it has one.
    marks: Vec<(String, Option<String>)>,
}

/// How a value is the recorded one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Alike {
    /// It is the very value.
    Same,
    /// It differs, and a rule accepts that.
    Accepted,
}

impl Likeness {
    /// Looks up the variables that the marks name.
    pub fn new(redactions: &[Redaction], variables: &[(String, String)]) -> Self {
        let value = |name: &String| variables.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
        let of = |r: &Redaction| (r.mark.clone(), r.variable.as_ref().and_then(value).filter(|v| !v.is_empty()));
        Self { marks: redactions.iter().filter(|r| !r.mark.is_empty()).map(of).collect() }
    }

    /// Whether `asked` is the value that was recorded, where `accepts` has the last word on a difference.
    pub fn compare(&self, recorded: &Json, asked: &Json, accepts: impl Fn(&Difference) -> bool) -> Option<Alike> {
        let mut alike = Alike::Same;
        for difference in delta::delta(recorded, asked, usize::MAX).differences {
            let hidden = match (&difference.left, &difference.right) {
                (Some(Json::String(left)), Some(right)) => self.stands(left, right),
                _ => false,
            };
            if !hidden {
                alike = Alike::Accepted;
                if !accepts(&difference) {
                    return None;
                }
            }
        }
        Some(alike)
    }

    /// Puts the marks of `recorded` back where `asked` holds what they stand for.
    pub fn restore(&self, recorded: &Json, asked: &mut Json) {
        match (recorded, asked) {
            (Json::Object(_), Json::Object(members)) => {
                for (key, value) in members {
                    recorded.get(key).into_iter().for_each(|recorded| self.restore(recorded, value));
                }
            }
            (Json::Array(recorded), Json::Array(items)) => {
                recorded.iter().zip(items).for_each(|(recorded, item)| self.restore(recorded, item));
            }
            (Json::String(text), asked) if self.stands(text, asked) => *asked = recorded.clone(),
            _ => {}
        }
    }

    /// Puts marks in place of every text whose variable is known.
    pub fn hide(&self, asked: &mut Json) {
        match asked {
            Json::Object(members) => members.iter_mut().for_each(|(_, value)| self.hide(value)),
            Json::Array(items) => items.iter_mut().for_each(|item| self.hide(item)),
            Json::String(text) => {
                for (mark, value) in &self.marks {
                    if let Some(value) = value.as_ref().filter(|v| v.len() >= SHORTEST && text.contains(v.as_str())) {
                        *text = text.replace(value.as_str(), mark);
                    }
                }
            }
            _ => {}
        }
    }

    fn stands(&self, recorded: &str, asked: &Json) -> bool {
        match asked {
            Json::String(asked) => self.text(recorded, asked),
            // The whole text is one mark that any value may stand for.
            _ => self.marks.iter().any(|(mark, value)| mark == recorded && value.is_none()),
        }
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
