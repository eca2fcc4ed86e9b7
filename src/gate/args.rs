//! Conditions on argument values: `match.args`, a map from JSON path to condition.
//!
//! An ambiguity is resolved against the call. A rule that lets calls proceed matches only when the condition surely
//! holds: for every value the path names, of the right type, in every reading. A rule that stops them matches when it
//! may hold: for one of the values, in one reading, or where the type is not the one the rule compares.

use crate::gate::arguments::Arguments;
use crate::gate::number::{self, Limit};
use crate::gate::pattern::{PathReadings, Pattern};
use crate::kernel::json::path::JsonPath;
use crate::kernel::json::tree::Json;
use serde::{Serialize, Serializer};
use std::cell::{OnceCell, RefCell};
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::mem::discriminant;
use std::rc::Rc;

/// What has to hold at one place of the arguments.
#[derive(Debug, Clone)]
pub struct ArgRule {
    pub path: JsonPath,
    /// Which of the different paths of its policy that is, from 0.
    pub slot: usize,
    pub conditions: Vec<Condition>,
}

/// The arguments of one call while rules are tried on them: what one rule looked up, the next one finds.
pub struct Lookup<'i> {
    root: &'i Json,
    /// There is more in them than `root` shows.
    deep: bool,
    /// The values behind each path of the policy.
    selected: Box<[OnceCell<Vec<&'i Json>>]>,
    /// Of each text that was read as a path, by its address.
    readings: RefCell<BTreeMap<*const u8, Rc<PathReadings>>>,
}

impl<'i> Lookup<'i> {
    /// For the rules of a policy with so many different paths.
    pub fn of(args: &'i Arguments, paths: usize) -> Self {
        let selected = std::iter::repeat_with(OnceCell::new).take(paths).collect();
        Self { deep: args.deep, selected, ..Self::shown(&args.value) }
    }

    /// Values that are there to see from end to end.
    fn shown(root: &'i Json) -> Self {
        Self { root, deep: false, selected: Box::default(), readings: RefCell::default() }
    }

    fn select(&self, rule: &ArgRule) -> &[&'i Json] {
        self.selected[rule.slot].get_or_init(|| rule.path.select(self.root))
    }

    fn readings(&self, text: &'i str) -> Rc<PathReadings> {
        let mut readings = self.readings.borrow_mut();
        Rc::clone(readings.entry(text.as_ptr()).or_insert_with(|| Rc::new(PathReadings::of(text))))
    }
}

/// One condition.
#[derive(Debug, Clone)]
pub enum Condition {
    Eq(Json),
    Ne(Json),
    Compare(Bound, Limit),
    In(Vec<Json>),
    NotIn(Vec<Json>),
    Glob(Pattern),
    Regex(String, regex::Regex),
    /// The folders and everything below each, as `folder/**`.
    Under(Vec<Pattern>),
    NotUnder(Vec<Pattern>),
    Exists(bool),
}

/// A bound of numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    Gt,
    Gte,
    Lt,
    Lte,
}

impl Bound {
    fn holds(self, order: Ordering) -> bool {
        match self {
            Self::Gt => order.is_gt(),
            Self::Gte => order.is_ge(),
            Self::Lt => order.is_lt(),
            Self::Lte => order.is_le(),
        }
    }
}

impl Condition {
    /// As written.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Eq(_) => "eq",
            Self::Ne(_) => "ne",
            Self::Compare(Bound::Gt, _) => "gt",
            Self::Compare(Bound::Gte, _) => "gte",
            Self::Compare(Bound::Lt, _) => "lt",
            Self::Compare(Bound::Lte, _) => "lte",
            Self::In(_) => "in",
            Self::NotIn(_) => "not_in",
            Self::Glob(_) => "glob",
            Self::Regex(..) => "regex",
            Self::Under(_) => "under",
            Self::NotUnder(_) => "not_under",
            Self::Exists(_) => "exists",
        }
    }

    /// What the values are compared with.
    pub fn operand(&self) -> Json {
        let texts = |folders: &[Pattern]| {
            let bare = |pattern: &Pattern| match pattern.text().trim_end_matches("/**") {
                "" => Json::String("/".to_owned()),
                folder => Json::String(folder.to_owned()),
            };
            match folders {
                [one] => bare(one),
                many => Json::Array(many.iter().map(bare).collect()),
            }
        };
        match self {
            Self::Eq(value) | Self::Ne(value) => value.clone(),
            Self::Compare(_, limit) => Json::Number(limit.text().into()),
            Self::In(values) | Self::NotIn(values) => Json::Array(values.clone()),
            Self::Glob(pattern) => Json::String(pattern.text().to_owned()),
            Self::Regex(text, _) => Json::String(text.clone()),
            Self::Under(folders) | Self::NotUnder(folders) => texts(folders),
            Self::Exists(truth) => Json::Bool(*truth),
        }
    }

    /// Whether a value of the policy could fulfil it.
    pub fn admits(&self, value: &Json) -> bool {
        self.holds(value, true, &Lookup::shown(value))
    }

    /// Whether it holds for one value; `strict`: surely, else possibly.
    fn holds<'i>(&self, value: &'i Json, strict: bool, args: &Lookup<'i>) -> bool {
        let text = value.as_str();
        let same = |other: &Json| equal(value, other) || !strict && may_equal(value, other);
        // Whether it is surely another value, or possibly one.
        let other = |other: &Json| !(equal(value, other) || strict && number::loosely_equal(value, other));
        // A value of a type that is not asked about is not surely outside.
        let typed = |asked: &Json| !strict || discriminant(value) == discriminant(asked);
        let inside = |patterns: &[Pattern]| {
            text.map_or(!strict, |text| {
                let readings = args.readings(text);
                if strict { readings.all(patterns) } else { readings.any(patterns) }
            })
        };
        match self {
            Self::Eq(want) => same(want),
            Self::Ne(want) => typed(want) && other(want),
            Self::In(list) => list.iter().any(same),
            Self::NotIn(list) => list.iter().any(typed) && list.iter().all(other),
            Self::Compare(bound, limit) => match value {
                Json::Number(value) => bound.holds(limit.order_of(value)),
                _ => !strict,
            },
            Self::Regex(_, regex) => text.map_or(!strict, |text| regex.is_match(text)),
            Self::Glob(pattern) => inside(std::slice::from_ref(pattern)),
            Self::Under(folders) => inside(folders),
            Self::NotUnder(folders) => text.map_or(!strict, |text| {
                let readings = args.readings(text);
                if strict { !readings.any(folders) } else { !readings.all(folders) }
            }),
            Self::Exists(want) => *want,
        }
    }

    /// Whether it holds where there is no value.
    fn holds_without(&self, strict: bool) -> bool {
        match self {
            Self::Exists(want) => !want,
            Self::Ne(_) | Self::NotIn(_) | Self::NotUnder(_) => !strict,
            _ => false,
        }
    }
}

/// Whether a value may stand for another: spelled as a text, or inside a list or an object.
fn may_equal(value: &Json, other: &Json) -> bool {
    match value {
        Json::Array(items) => items.iter().any(|item| may_equal(item, other)),
        Json::Object(members) => members.iter().any(|(_, item)| may_equal(item, other)),
        _ => number::loosely_equal(value, other),
    }
}

fn equal(a: &Json, b: &Json) -> bool {
    match (a, b) {
        (Json::Number(a), Json::Number(b)) => number::compare(a, b).is_eq(),
        _ => a == b,
    }
}

impl ArgRule {
    /// The first condition that does not hold of these arguments, if one does not.
    pub fn failing<'i>(&self, args: &Lookup<'i>, strict: bool) -> Option<&Condition> {
        if args.deep {
            return self.conditions.first().filter(|_| strict);
        }
        let values = args.select(self);
        self.conditions.iter().find(|condition| {
            let holds = |value: &&'i Json| condition.holds(value, strict, args);
            !match values {
                [] => condition.holds_without(strict),
                values if strict => values.iter().all(holds),
                values => values.iter().any(holds),
            }
        })
    }
}

impl Serialize for ArgRule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.conditions.iter().map(|condition| (condition.word(), condition.operand())))
    }
}
