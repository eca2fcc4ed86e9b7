//! The `match` block of a fixture: which differences from the recorded run are accepted, and what holds regardless.

use crate::config::document::{Document, Fields, Member, Node, Value};
use crate::config::place::Place;
use crate::kernel::error::{Error, Result};
use crate::kernel::json::path::JsonPath;
use globset::{Glob, GlobBuilder};

/// A `match` block as written; a key that is not there is `None`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Match {
    pub order: Option<Order>,
    /// A call of the second tool comes only after one of the first.
    pub before: Option<Vec<(Glob, Glob)>>,
    /// Places in the arguments of every tool that are not compared.
    pub ignore: Option<Vec<JsonPath>>,
    /// By tool glob, in the order of the file.
    pub tools: Option<Vec<ToolRules>>,
    pub extra: Option<Extra>,
    /// Tools that may not be called at all.
    pub never: Option<Vec<Glob>>,
    /// A recorded result value used as a later argument is compared as a link.
    pub bind: Option<bool>,
}

/// How much the order of calls and their number count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Order {
    /// All calls, in the same order.
    #[default]
    Strict,
    /// All calls, in any order.
    Unordered,
    /// No call the baseline lacks, in any order.
    Subset,
    /// All of the baseline's calls and maybe more, in any order.
    Superset,
}

/// Calls the baseline does not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Extra {
    Deny,
    Allow,
    /// Only those of such tools.
    Tools(Vec<Glob>),
}

/// What is said about the tools a glob names.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolRules {
    pub tool: Glob,
    pub args: Vec<(JsonPath, Tolerance)>,
    pub count: Option<Count>,
    /// `any`, or the status its calls have to have.
    pub status: Option<String>,
}

/// How much two values at one place may differ.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Tolerance {
    Ignore,
    /// Numbers at most this far apart.
    Within(f64),
    /// Texts that are the same once normalised.
    Norm(Norm),
    /// Texts that have at least this ratio in common, 0 to 1.
    Similar(f32),
}

/// A way to make texts comparable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Norm {
    /// Separators, doubled separators, `.` and `..`.
    Path,
    /// Any UUID is like any other.
    Uuid,
    /// Any point in time is like any other.
    Time,
    /// Runs of white space are one blank.
    Whitespace,
    /// The JSON value in the text, not its spelling.
    Json,
}

/// How often a tool may be called.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Count {
    pub eq: Option<u64>,
    pub min: Option<u64>,
    pub max: Option<u64>,
}

impl Match {
    /// Reads the mapping `node`; unknown keys go to `warnings`.
    pub fn read(document: &Document, node: &Node, warnings: &mut Vec<String>) -> Result<Self> {
        let mut fields = document.fields(node, "`match`")?;
        let block = Self {
            order: fields.node("order").map(|node| word(document, node, "order", &ORDERS)).transpose()?,
            before: fields.node("before").map(|node| pairs(document, node)).transpose()?,
            ignore: fields.node("ignore").map(|node| paths(document, node)).transpose()?,
            tools: fields.node("tools").map(|node| tools(document, node, warnings)).transpose()?,
            extra: fields.node("extra").map(|node| extra(document, node)).transpose()?,
            never: fields.node("never").map(|node| globs(document, node, "never")).transpose()?,
            bind: fields.boolean("bind")?,
        };
        warnings.extend(fields.unknown());
        Ok(block)
    }

    /// This block's keys, and where it has none, those of `defaults`.
    pub fn over(self, defaults: &Self) -> Self {
        let defaults = defaults.clone();
        Self {
            order: self.order.or(defaults.order),
            before: self.before.or(defaults.before),
            ignore: self.ignore.or(defaults.ignore),
            tools: self.tools.or(defaults.tools),
            extra: self.extra.or(defaults.extra),
            never: self.never.or(defaults.never),
            bind: self.bind.or(defaults.bind),
        }
    }
}

/// The words of `order`.
pub const ORDERS: [(&str, Order); 4] = [
    ("strict", Order::Strict),
    ("unordered", Order::Unordered),
    ("subset", Order::Subset),
    ("superset", Order::Superset),
];

/// The words of `norm`.
pub const NORMS: [(&str, Norm); 5] = [
    ("path", Norm::Path),
    ("uuid", Norm::Uuid),
    ("time", Norm::Time),
    ("whitespace", Norm::Whitespace),
    ("json", Norm::Json),
];

impl Norm {
    /// As written.
    pub fn word(self) -> &'static str {
        NORMS.iter().find(|(_, norm)| *norm == self).map_or("", |(word, _)| word)
    }
}

impl Order {
    /// As written.
    pub fn word(self) -> &'static str {
        ORDERS.iter().find(|(_, order)| *order == self).map_or("", |(word, _)| word)
    }
}

fn word<T: Copy>(document: &Document, node: &Node, key: &str, known: &[(&str, T)]) -> Result<T> {
    let text = text(document, node, key)?;
    let found = known.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
    let words = || known.iter().map(|(word, _)| format!("`{word}`")).collect::<Vec<_>>().join(", ");
    found.ok_or_else(|| document.error(node.place, format!("`{key}` is {text:?}, expected one of {}", words())))
}

fn text<'n>(document: &Document, node: &'n Node, key: &str) -> Result<&'n str> {
    match &node.value {
        Value::Text(text) => Ok(text),
        _ => Err(document.error(node.place, format!("`{key}` has to be a text"))),
    }
}

fn list<'n>(document: &Document, node: &'n Node, key: &str) -> Result<&'n [Node]> {
    match &node.value {
        Value::List(items) => Ok(items),
        _ => Err(document.error(node.place, format!("`{key}` has to be a list"))),
    }
}

fn members<'n>(document: &Document, node: &'n Node, key: &str) -> Result<&'n [Member]> {
    match &node.value {
        Value::Map(members) => Ok(members),
        _ => Err(document.error(node.place, format!("`{key}` has to be a mapping"))),
    }
}

fn glob(document: &Document, place: Place, pattern: &str) -> Result<Glob> {
    if pattern.trim().is_empty() {
        return Err(document.error(place, "a tool name is empty"));
    }
    let glob = GlobBuilder::new(pattern).build();
    glob.map_err(|error| document.error(place, format!("glob `{pattern}`: {}", error.kind())))
}

fn globs(document: &Document, node: &Node, key: &str) -> Result<Vec<Glob>> {
    let items = list(document, node, key)?.iter();
    items.map(|item| glob(document, item.place, text(document, item, key)?)).collect()
}

fn path(document: &Document, place: Place, text: &str) -> Result<JsonPath> {
    JsonPath::parse(text).map_err(|error| document.error(place, error))
}

fn paths(document: &Document, node: &Node) -> Result<Vec<JsonPath>> {
    let items = list(document, node, "ignore")?.iter();
    items.map(|item| path(document, item.place, text(document, item, "ignore")?)).collect()
}

fn pairs(document: &Document, node: &Node) -> Result<Vec<(Glob, Glob)>> {
    let pair = |item: &Node| match globs(document, item, "before")?.as_slice() {
        [first, second] => Ok((first.clone(), second.clone())),
        _ => Err(document.error(item.place, "`before` lists pairs: [first tool, second tool]")),
    };
    list(document, node, "before")?.iter().map(pair).collect()
}

fn extra(document: &Document, node: &Node) -> Result<Extra> {
    match &node.value {
        Value::List(_) => Ok(Extra::Tools(globs(document, node, "extra")?)),
        Value::Text(word) if word == "deny" => Ok(Extra::Deny),
        Value::Text(word) if word == "allow" => Ok(Extra::Allow),
        _ => Err(document.error(node.place, "`extra` has to be `deny`, `allow` or a list of tools")),
    }
}

fn tools(document: &Document, node: &Node, warnings: &mut Vec<String>) -> Result<Vec<ToolRules>> {
    let mut out = Vec::new();
    for member in members(document, node, "tools")? {
        let mut fields = document.fields(&member.node, "a tool's rules")?;
        let args = fields.node("args").map(|node| members(document, node, "args")).transpose()?;
        let count = fields.node("count").map(|node| count(document, node, warnings)).transpose()?;
        let mut rules = ToolRules {
            tool: glob(document, member.place, &member.key)?,
            args: Vec::new(),
            count,
            status: fields.text("status")?.map(str::to_owned),
        };
        for member in args.unwrap_or_default() {
            let path = path(document, member.place, &member.key)?;
            rules.args.push((path, tolerance(document, &member.node, warnings)?));
        }
        warnings.extend(fields.unknown());
        out.push(rules);
    }
    Ok(out)
}

fn tolerance(document: &Document, node: &Node, warnings: &mut Vec<String>) -> Result<Tolerance> {
    const WANT: &str = "an argument's rule is `ignore`, or one of {within: N}, {norm: W}, {similar: R}";
    if let Value::Text(word) = &node.value {
        return if word == "ignore" { Ok(Tolerance::Ignore) } else { Err(document.error(node.place, WANT)) };
    }
    members(document, node, "an argument's rule").map_err(|_| document.error(node.place, WANT))?;
    let mut fields = document.fields(node, "an argument's rule")?;
    let mut found = Vec::new();
    if let Some(node) = fields.node("within") {
        let distance = number(node).filter(|n| *n >= 0.0);
        let wrong = || document.error(node.place, "`within` has to be a number, 0 or more");
        found.push(Tolerance::Within(distance.ok_or_else(wrong)?));
    }
    if let Some(node) = fields.node("norm") {
        found.push(Tolerance::Norm(word(document, node, "norm", &NORMS)?));
    }
    if let Some(node) = fields.node("similar") {
        let ratio = number(node).filter(|n| *n > 0.0 && *n <= 1.0);
        let wrong = || document.error(node.place, "`similar` has to be a number above 0, at most 1");
        found.push(Tolerance::Similar(ratio.ok_or_else(wrong)? as f32));
    }
    let unknown = fields.unknown();
    match found.as_slice() {
        [one] => {
            warnings.extend(unknown);
            Ok(*one)
        }
        _ => Err(unknown.first().map_or_else(|| document.error(node.place, WANT), Error::invalid)),
    }
}

/// A finite number.
pub fn number(node: &Node) -> Option<f64> {
    match node.value {
        Value::Integer(number) => Some(number as f64),
        Value::Float(number) => Some(number).filter(|n| n.is_finite()),
        _ => None,
    }
}

fn count(document: &Document, node: &Node, warnings: &mut Vec<String>) -> Result<Count> {
    let mut fields = document.fields(node, "`count`")?;
    let count = Count {
        eq: whole(document, &mut fields, "eq", 0)?,
        min: whole(document, &mut fields, "min", 0)?,
        max: whole(document, &mut fields, "max", 0)?,
    };
    let unknown = fields.unknown();
    if count == Count::default() {
        let empty = || document.error(node.place, "`count` has to say `eq`, `min` or `max`");
        return Err(unknown.first().map_or_else(empty, Error::invalid));
    }
    if matches!((count.min, count.max), (Some(min), Some(max)) if min > max) {
        return Err(document.error(node.place, "`min` is greater than `max`"));
    }
    warnings.extend(unknown);
    Ok(count)
}

/// A whole number of at least `least`.
pub fn whole(document: &Document, fields: &mut Fields<'_>, key: &'static str, least: u64) -> Result<Option<u64>> {
    let place = fields.node(key).map(|node| node.place);
    let Some(number) = fields.integer(key)? else { return Ok(None) };
    let found = u64::try_from(number).ok().filter(|number| *number >= least);
    let wrong = || document.error(place.unwrap_or(document.root.place), format!("`{key}` has to be {least} or more"));
    found.ok_or_else(wrong).map(Some)
}
