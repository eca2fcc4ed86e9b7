//! Where two JSON values differ: JSON pointers with the value on either side.

use crate::kernel::json::scan::key_order;
use crate::kernel::json::tree::{Json, same_number};
use serde::Serialize;
use std::cmp::Ordering;

/// One place where two values differ. `path` is a JSON pointer (empty: the whole value); a side that has nothing
/// there is `None`, which is not the same as `null`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    pub path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left: Option<Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub right: Option<Json>,
}

/// The differences of two values: the first ones, and how many there are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Delta {
    pub differences: Vec<Difference>,
    pub total: usize,
}

/// Containers nested deeper than this are compared as a whole.
const DEPTH: usize = 256;

/// Compares two values: objects by key, arrays index by index, numbers by value (see [`same_number`]).
///
/// At most `limit` differences are kept, in the order of the values; all are counted. One walk over both values.
pub fn delta(left: &Json, right: &Json, limit: usize) -> Delta {
    let mut walk = Walk { path: String::new(), limit, found: Delta::default() };
    walk.values(left, right, DEPTH);
    walk.found
}

struct Walk {
    path: String,
    limit: usize,
    found: Delta,
}

impl Walk {
    fn values(&mut self, left: &Json, right: &Json, depth: usize) {
        match (left, right) {
            (Json::Object(a), Json::Object(b)) if depth > 0 => self.members(a, b, depth - 1),
            (Json::Array(a), Json::Array(b)) if depth > 0 => {
                for index in 0..a.len().max(b.len()) {
                    self.step(&index.to_string(), a.get(index), b.get(index), depth - 1);
                }
            }
            (Json::Number(a), Json::Number(b)) if same_number(a, b) => {}
            (a, b) if a == b => {}
            (a, b) => self.note(Some(a), Some(b)),
        }
    }

    /// Members stand in key order on both sides, so one step at a time on the side that is behind is enough.
    fn members(&mut self, left: &[(String, Json)], right: &[(String, Json)], depth: usize) {
        let (mut a, mut b) = (left, right);
        loop {
            let order = match (a.first(), b.first()) {
                (Some((x, _)), Some((y, _))) => key_order(x, y),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (None, None) => return,
            };
            let (here, there) = (a.first().filter(|_| order.is_le()), b.first().filter(|_| order.is_ge()));
            let key = here.or(there).map(|(key, _)| key.as_str()).unwrap_or_default();
            self.step(key, here.map(|(_, value)| value), there.map(|(_, value)| value), depth);
            a = &a[usize::from(here.is_some())..];
            b = &b[usize::from(there.is_some())..];
        }
    }

    fn step(&mut self, key: &str, left: Option<&Json>, right: Option<&Json>, depth: usize) {
        let before = self.path.len();
        self.path.push('/');
        for character in key.chars() {
            match character {
                '~' => self.path.push_str("~0"),
                '/' => self.path.push_str("~1"),
                other => self.path.push(other),
            }
        }
        match (left, right) {
            (Some(left), Some(right)) => self.values(left, right, depth),
            (left, right) => self.note(left, right),
        }
        self.path.truncate(before);
    }

    fn note(&mut self, left: Option<&Json>, right: Option<&Json>) {
        self.found.total += 1;
        if self.found.differences.len() < self.limit {
            let (left, right) = (left.cloned(), right.cloned());
            self.found.differences.push(Difference { path: self.path.clone(), left, right });
        }
    }
}
