//! Result values used as arguments of later calls: where an argument may come from.

use crate::kernel::json::tree::Json;
use crate::regress::run::Call;
use std::collections::{HashMap, HashSet};

/// A place in the result of a call, as a JSON pointer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Position of the call, from 0.
    pub call: usize,
    pub pointer: String,
}

/// For each value that some call takes as an argument, the results that hold it.
#[derive(Debug, Default)]
pub struct Links {
    sources: HashMap<String, Vec<Source>>,
}

impl Links {
    /// The links of a run.
    pub fn of(calls: &[Call]) -> Self {
        let mut used = HashSet::new();
        for call in calls {
            leaves(&call.args, &mut String::new(), &mut |_, value| used.extend(atom(value)));
        }
        let mut sources: HashMap<String, Vec<Source>> = HashMap::new();
        for (at, call) in calls.iter().enumerate() {
            let Some(result) = &call.result else { continue };
            leaves(result, &mut String::new(), &mut |pointer, value| {
                if let Some(atom) = atom(value).filter(|atom| used.contains(atom)) {
                    sources.entry(atom).or_default().push(Source { call: at, pointer: pointer.to_owned() });
                }
            });
        }
        Self { sources }
    }

    /// Where `value`, an argument of the call at `call`, may come from: results of earlier calls, the first one first.
    pub fn sources(&self, call: usize, value: &Json) -> impl Iterator<Item = &Source> {
        let all = atom(value).and_then(|atom| self.sources.get(&atom));
        all.into_iter().flatten().take_while(move |source| source.call < call)
    }
}

/// What a value is known by among all values: texts and numbers only, the empty text is no link.
fn atom(value: &Json) -> Option<String> {
    match value {
        Json::String(text) if !text.is_empty() => Some(format!("\"{text}")),
        Json::Number(text) => Some(number(text)),
        _ => None,
    }
}

/// One spelling for all spellings of a number: integers digit by digit, whole doubles as such integers.
pub fn number(text: &str) -> String {
    if !text.contains(['.', 'e', 'E']) {
        return if text == "-0" { "0".to_owned() } else { text.to_owned() };
    }
    match text.parse::<f64>() {
        Ok(number) if number == number.trunc() && number.abs() < 9e15 => format!("{}", number as i64),
        Ok(number) => format!("{number:?}"),
        Err(_) => text.to_owned(),
    }
}

/// Every value that holds no others, with its JSON pointer.
fn leaves(value: &Json, pointer: &mut String, found: &mut impl FnMut(&str, &Json)) {
    let length = pointer.len();
    match value {
        Json::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                pointer.push_str(&format!("/{at}"));
                leaves(item, pointer, found);
                pointer.truncate(length);
            }
        }
        Json::Object(members) => {
            for (name, member) in members {
                pointer.push('/');
                pointer.push_str(&name.replace('~', "~0").replace('/', "~1"));
                leaves(member, pointer, found);
                pointer.truncate(length);
            }
        }
        leaf => found(pointer, leaf),
    }
}

/// The value a JSON pointer leads to.
pub fn at<'j>(value: &'j Json, pointer: &str) -> Option<&'j Json> {
    crate::kernel::json::path::of_pointer(pointer).iter().try_fold(value, |value, part| match value {
        Json::Array(items) => items.get(part.parse::<usize>().ok()?),
        other => other.get(part),
    })
}
