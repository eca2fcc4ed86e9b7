//! `match.args` as written: typed conditions, each error with its place.

use crate::config::document::{Document, Member, Node, Value};
use crate::gate::args::{ArgRule, Bound, Condition};
use crate::gate::number::Limit;
use crate::gate::pattern::Pattern;
use crate::kernel::error::Result;
use crate::kernel::fs;
use crate::kernel::json::path::JsonPath;
use crate::kernel::json::tree::Json;
use std::collections::HashMap;

/// The conditions there are.
pub const WORDS: [&str; 13] =
    ["eq", "ne", "gt", "gte", "lt", "lte", "in", "not_in", "glob", "regex", "under", "not_under", "exists"];
/// Largest compiled regular expression, in bytes.
const REGEX_LIMIT: usize = 1 << 20;

/// Reads the map from JSON path to condition; sorted by path. `paths` numbers the different paths of the policy.
pub fn rules(document: &Document, node: &Node, paths: &mut HashMap<String, usize>) -> Result<Vec<ArgRule>> {
    let mut rules = Vec::new();
    for member in members(document, node, "`args`")? {
        let path = JsonPath::parse(member.key.trim()).map_err(|error| document.error(member.place, error))?;
        let mut conditions = Vec::new();
        for word in WORDS {
            let found = members(document, &member.node, "a condition")?.iter().find(|given| given.key == word);
            if let Some(given) = found {
                conditions.push(condition(document, word, &given.node)?);
            }
        }
        let strange =
            members(document, &member.node, "a condition")?.iter().find(|given| !WORDS.contains(&given.key.as_str()));
        if let Some(strange) = strange {
            let what = format!("unknown condition `{}`, expected one of {}", strange.key, WORDS.join(", "));
            return Err(document.error(strange.place, what));
        }
        if conditions.is_empty() {
            return Err(document.error(member.node.place, "the condition says nothing"));
        }
        if let Some(what) = contradiction(&conditions) {
            return Err(document.error(member.place, format!("no value can fulfil this: {what}")));
        }
        let next = paths.len();
        let slot = *paths.entry(path.text().to_owned()).or_insert(next);
        rules.push(ArgRule { path, slot, conditions });
    }
    rules.sort_by_key(|rule| rule.path.to_string());
    Ok(rules)
}

fn members<'d>(document: &Document, node: &'d Node, what: &str) -> Result<&'d [Member]> {
    match &node.value {
        Value::Map(members) => Ok(members),
        _ => Err(document.error(node.place, format!("{what} has to be a mapping"))),
    }
}

fn condition(document: &Document, word: &str, node: &Node) -> Result<Condition> {
    let bad = |what: &str| document.error(node.place, format!("`{word}` {what}"));
    let one = || value(document, node).ok_or_else(|| bad("has to be a text, a number, true or false"));
    let text = || match &node.value {
        Value::Text(text) => Ok(text.trim()),
        _ => Err(bad("has to be a text")),
    };
    let list = || match &node.value {
        Value::List(items) if !items.is_empty() => items
            .iter()
            .map(|item| value(document, item).ok_or_else(|| bad("lists texts, numbers, true or false")))
            .collect(),
        _ => Err(bad("has to be a list that is not empty")),
    };
    let bound = |bound| match one()? {
        Json::Number(limit) => Ok(Condition::Compare(bound, Limit::new(limit))),
        _ => Err(bad("has to be a number")),
    };
    Ok(match word {
        "eq" => Condition::Eq(one()?),
        "ne" => Condition::Ne(one()?),
        "gt" => bound(Bound::Gt)?,
        "gte" => bound(Bound::Gte)?,
        "lt" => bound(Bound::Lt)?,
        "lte" => bound(Bound::Lte)?,
        "in" => Condition::In(list()?),
        "not_in" => Condition::NotIn(list()?),
        "glob" => Condition::Glob(Pattern::new(text()?).ok_or_else(|| bad("is a malformed pattern"))?),
        "regex" => {
            let source = text()?;
            let wrong = |error| bad(&format!("is no regular expression: {}", last_line(&error)));
            // On its own first: `a)|(b` only looks like one once it is anchored.
            let built = |text: &str| regex::RegexBuilder::new(text).size_limit(REGEX_LIMIT).build().map_err(wrong);
            built(source)?;
            Condition::Regex(source.to_owned(), built(&format!("^(?:{source})$"))?)
        }
        "under" => Condition::Under(folders(document, word, node)?),
        "not_under" => Condition::NotUnder(folders(document, word, node)?),
        _ => match node.value {
            Value::Bool(truth) => Condition::Exists(truth),
            _ => return Err(bad("has to be true or false")),
        },
    })
}

fn last_line(error: &regex::Error) -> String {
    error.to_string().lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned()
}

/// One folder or several, cleaned.
fn folders(document: &Document, word: &str, node: &Node) -> Result<Vec<Pattern>> {
    let items = match &node.value {
        Value::List(items) => items.as_slice(),
        _ => std::slice::from_ref(node),
    };
    let mut out = Vec::new();
    for item in items {
        let bad = |what: &str| document.error(item.place, format!("`{word}` {what}"));
        let Value::Text(text) = &item.value else { return Err(bad("has to be a folder, or a list of folders")) };
        let cleaned = fs::clean(text.trim());
        if text.trim().is_empty() || cleaned.starts_with("..") || cleaned == "." {
            return Err(bad("has to name a folder that does not climb"));
        }
        let folder = cleaned.as_str().trim_end_matches('/');
        out.push(Pattern::new(&format!("{folder}/**")).ok_or_else(|| bad("is no folder"))?);
    }
    if out.is_empty() {
        return Err(document.error(node.place, format!("`{word}` has to name a folder")));
    }
    out.sort_unstable();
    out.dedup();
    Ok(out)
}

/// A scalar as JSON; a number with its digits as written.
fn value(document: &Document, node: &Node) -> Option<Json> {
    match &node.value {
        Value::Bool(truth) => Some(Json::Bool(*truth)),
        Value::Text(text) => Some(Json::String(text.trim().to_owned())),
        Value::Integer(number) => Some(Json::Number(number.to_string().into())),
        Value::Float(number) => {
            let written = document.plain_at(node.place).unwrap_or_default();
            let number = if is_json(written) { written.to_owned() } else { number.to_string() };
            is_json(&number).then(|| Json::Number(number.into()))
        }
        _ => None,
    }
}

fn is_json(number: &str) -> bool {
    serde_json::from_str::<serde_json::Number>(number).is_ok()
}

/// Why no value fulfils all of these, if none does.
fn contradiction(conditions: &[Condition]) -> Option<String> {
    let absent = conditions.iter().any(|condition| matches!(condition, Condition::Exists(false)));
    if absent && conditions.len() > 1 {
        return Some("`exists: false` stands beside a condition on the value".to_owned());
    }
    let wanted = conditions.iter().find_map(|condition| match condition {
        Condition::Eq(value) => Some(vec![value]),
        Condition::In(values) => Some(values.iter().collect()),
        _ => None,
    });
    if let Some(values) = wanted {
        let others = |value: &Json| conditions.iter().find(|condition| !condition.admits(value));
        let blockers: Vec<_> = values.iter().map(|value| others(value)).collect();
        if let Some(Some(first)) = blockers.first()
            && blockers.iter().all(Option::is_some)
        {
            return Some(format!("`{}` excludes every value that is asked for", first.word()));
        }
    }
    for low in conditions {
        for high in conditions {
            if let (
                Condition::Compare(a @ (Bound::Gt | Bound::Gte), least),
                Condition::Compare(b @ (Bound::Lt | Bound::Lte), most),
            ) = (low, high)
            {
                let order = most.order_of(least.text());
                let (least, most) = (least.text(), most.text());
                if order.is_gt() || order.is_eq() && !(*a == Bound::Gte && *b == Bound::Lte) {
                    return Some(format!("nothing lies between `{}` {least} and `{}` {most}", low.word(), high.word()));
                }
            }
            if let (Condition::Under(inside), Condition::NotUnder(outside)) = (low, high)
                && inside.iter().all(|folder| outside.iter().any(|other| other.holds_all_of(folder)))
            {
                return Some("`not_under` excludes every folder of `under`".to_owned());
            }
        }
    }
    None
}
