//! What pairing needs to know about a call: a key that equal calls share, and what it is made of.

use crate::config::rules::Tolerance;
use crate::kernel::json::tree::{Json, same_number};
use crate::regress::likeness::{self, Sketch};
use crate::regress::links::{self, Links};
use crate::regress::run::Call;
use crate::regress::tolerance::{Rules, ToolView};
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

/// Numbers for texts, the same for the same text.
#[derive(Debug, Default)]
pub struct Names {
    known: HashMap<Vec<u8>, u32>,
}

impl Names {
    fn number(&mut self, text: Vec<u8>) -> u32 {
        let next = u32::try_from(self.known.len()).unwrap_or(u32::MAX);
        *self.known.entry(text).or_insert(next)
    }
}

/// A call as pairing sees it. Two calls are equal when a rule-free part agrees (`key`, or `linked` where arguments are
/// links) and every value with a rule of its own is accepted.
#[derive(Debug, Clone)]
pub struct Features<'r> {
    pub tool: u32,
    pub status: u32,
    /// The arguments without what is ignored or has a rule.
    key: u32,
    /// As `key`, with result values of earlier calls as links.
    linked: u32,
    /// As `key`, nothing left out.
    exact: u32,
    /// Hashes of its places with their values, sorted.
    leaves: Vec<u64>,
    ruled: Vec<Ruled<'r>>,
}

/// A value with rules of its own.
#[derive(Debug, Clone)]
struct Ruled<'r> {
    value: &'r Json,
    rules: Vec<(Tolerance, Sketch)>,
}

/// The calls of a run, with numbers from `names`: both runs have to use the same one.
pub fn of<'r>(calls: &'r [Call], rules: &Rules, links: &Links, names: &mut Names) -> Vec<Features<'r>> {
    let mut views: HashMap<&str, ToolView<'_>> = HashMap::new();
    let mut made: HashMap<&str, usize> = HashMap::new();
    // Of each call, the how manieth of its tool it is: how a link is known in both runs.
    let mut turns = Vec::with_capacity(calls.len());
    for call in calls {
        let turn = made.entry(&call.tool).or_default();
        turns.push(*turn);
        *turn += 1;
    }
    let mut out = Vec::with_capacity(calls.len());
    for (at, call) in calls.iter().enumerate() {
        let view = &*views.entry(&call.tool).or_insert_with(|| rules.for_tool(&call.tool));
        let link = |value: &Json| {
            let source = links.sources(at, value).next().filter(|_| rules.bind)?;
            Some(format!("\u{1}{}\u{1}{}\u{1}{}", calls[source.call].tool, turns[source.call], source.pointer))
        };
        let mut walk = Walk::new(view, link);
        walk.value(&call.args);
        let Walk { key, linked, mut found, ruled, .. } = walk;
        found.sort_unstable();
        out.push(Features {
            tool: names.number(call.tool.clone().into_bytes()),
            status: names.number(format!("\u{2}{:?}", call.status).into_bytes()),
            key: names.number(key),
            linked: names.number(linked),
            exact: names.number(plain(&call.args)),
            leaves: found,
            ruled,
        });
    }
    out
}

impl Features<'_> {
    /// Whether the two calls are equal under the rules, their status aside; texts that may be similar only `roughly`,
    /// where each call of a long run is compared with each.
    pub fn equal(&self, other: &Self, roughly: bool) -> bool {
        let alike = |(left, right): (&Ruled<'_>, &Ruled<'_>)| {
            let by_rule = |((rule, a), (_, b)): (&(Tolerance, Sketch), &(Tolerance, Sketch))| {
                let sure = a.alike(b, *rule);
                let close = roughly && matches!(a, Sketch::Bag(_));
                sure.unwrap_or_else(|| close || likeness::alike(*rule, left.value, right.value))
            };
            same(left.value, right.value) || left.rules.iter().zip(&right.rules).any(by_rule)
        };
        self.tool == other.tool
            && (self.key == other.key || self.linked == other.linked)
            && self.ruled.len() == other.ruled.len()
            && self.ruled.iter().zip(&other.ruled).all(alike)
    }

    /// Whether the two calls are equal without any rule, their status included.
    pub fn identical(&self, other: &Self) -> bool {
        self.tool == other.tool && self.exact == other.exact && self.status == other.status
    }

    /// How many places differ, a changed value counting for both sides; one more for another status.
    pub fn distance(&self, other: &Self) -> usize {
        let (mut a, mut b, mut apart) = (self.leaves.as_slice(), other.leaves.as_slice(), 0);
        while let (Some(x), Some(y)) = (a.first(), b.first()) {
            apart += usize::from(x != y);
            a = &a[usize::from(x <= y)..];
            b = &b[usize::from(y <= x)..];
        }
        apart + a.len() + b.len() + usize::from(self.status != other.status)
    }

    /// From now on no call is equal to this one; some are still nearer than others.
    pub fn stand_alone(&mut self, names: &mut Names) {
        let number = names.number(format!("\u{3}{}", names.known.len()).into_bytes());
        (self.key, self.linked, self.exact) = (number, number, number);
    }

    /// Whether nothing without a rule differs, links not counted.
    pub fn literal(&self, other: &Self) -> bool {
        self.key == other.key
    }

    /// A number that only equal calls share, for runs too long to compare each with each.
    pub fn rough(&self) -> (u32, u32) {
        (self.tool, self.key)
    }
}

fn same(left: &Json, right: &Json) -> bool {
    match (left, right) {
        (Json::Number(a), Json::Number(b)) => same_number(a, b),
        _ => left == right,
    }
}

fn plain(value: &Json) -> Vec<u8> {
    let view = ToolView { args: Vec::new(), status: None };
    let link = |_: &Json| None;
    let mut walk = Walk::new(&view, link);
    walk.value(value);
    walk.key
}

struct Walk<'v, 'r, L> {
    view: &'v ToolView<'v>,
    link: L,
    place: Vec<String>,
    key: Vec<u8>,
    linked: Vec<u8>,
    found: Vec<u64>,
    ruled: Vec<Ruled<'r>>,
}

impl<'v, 'r, L: Fn(&Json) -> Option<String>> Walk<'v, 'r, L> {
    fn new(view: &'v ToolView<'v>, link: L) -> Self {
        let (place, key, linked) = (Vec::new(), Vec::new(), Vec::new());
        Self { view, link, place, key, linked, found: Vec::new(), ruled: Vec::new() }
    }

    fn write(&mut self, text: &str) {
        self.key.extend_from_slice(text.as_bytes());
        self.linked.extend_from_slice(text.as_bytes());
    }

    fn value(&mut self, value: &'r Json) {
        let here = self.view.args.iter().filter(|(path, ..)| path.names(&self.place));
        let rules: Vec<Tolerance> = here.map(|(_, tolerance, _)| *tolerance).collect();
        if rules.contains(&Tolerance::Ignore) {
            return self.write("_");
        }
        if !rules.is_empty() {
            let sketch = |rule| (rule, Sketch::of(rule, value));
            self.ruled.push(Ruled { value, rules: rules.into_iter().map(sketch).collect() });
            return self.write("?");
        }
        match value {
            Json::Array(items) => {
                self.write("[");
                for (at, item) in items.iter().enumerate() {
                    self.place.push(at.to_string());
                    self.value(item);
                    self.place.pop();
                    self.write(",");
                }
                self.write("]");
            }
            Json::Object(members) => {
                self.write("{");
                for (name, member) in members {
                    self.place.push(name.clone());
                    let ignored = self
                        .view
                        .args
                        .iter()
                        .any(|(path, tolerance, _)| *tolerance == Tolerance::Ignore && path.names(&self.place));
                    if !ignored {
                        self.write(&format!("{name:?}:"));
                        self.value(member);
                        self.write(",");
                    }
                    self.place.pop();
                }
                self.write("}");
            }
            leaf => self.leaf(leaf),
        }
    }

    fn leaf(&mut self, leaf: &Json) {
        let text = match leaf {
            Json::Number(text) => links::number(text),
            other => other.text(),
        };
        let link = (self.link)(leaf);
        self.key.extend_from_slice(text.as_bytes());
        self.linked.extend_from_slice(link.as_deref().unwrap_or(&text).as_bytes());
        let mut hasher = DefaultHasher::new();
        (&self.place, link.as_deref().unwrap_or(&text)).hash(&mut hasher);
        self.found.push(hasher.finish());
    }
}
