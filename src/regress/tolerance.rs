//! The rules of a `match` block made ready for judging, and the names they are known by in a report.

use crate::config::rules::{Count, Extra, Match, Order, Tolerance};
use crate::kernel::json::path::{self, JsonPath};
use crate::kernel::json::tree::Json;
use crate::regress::likeness;
use globset::{Glob, GlobMatcher};

/// What is accepted, and what holds regardless.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    pub order: Order,
    /// Whether links count as equal.
    pub bind: bool,
    extra: Option<Extra>,
    extra_tools: Vec<Tools>,
    pub never: Vec<Tools>,
    pub before: Vec<(Tools, Tools)>,
    ignore: Vec<JsonPath>,
    tools: Vec<Tool>,
}

/// The tools a glob names.
#[derive(Debug, Clone)]
pub struct Tools {
    /// As written.
    pub glob: String,
    matcher: GlobMatcher,
}

impl Tools {
    fn of(glob: &Glob) -> Self {
        Self { glob: glob.glob().to_owned(), matcher: glob.compile_matcher() }
    }

    /// Whether `tool` is one of them.
    pub fn hold(&self, tool: &str) -> bool {
        self.matcher.is_match(tool)
    }
}

#[derive(Debug, Clone)]
struct Tool {
    tools: Tools,
    args: Vec<(JsonPath, Tolerance)>,
    count: Option<Count>,
    status: Option<String>,
}

impl Rules {
    /// Without a `match` block: everything counts, and links are links.
    pub fn plain() -> Self {
        Self { bind: true, ..Self::default() }
    }

    /// Compiles a `match` block.
    pub fn of(block: &Match) -> Self {
        let globs = |list: &Option<Vec<Glob>>| list.iter().flatten().map(Tools::of).collect();
        let tool = |written: &crate::config::rules::ToolRules| Tool {
            tools: Tools::of(&written.tool),
            args: written.args.clone(),
            count: written.count,
            status: written.status.clone(),
        };
        let extra_tools = match &block.extra {
            Some(Extra::Tools(globs)) => globs.iter().map(Tools::of).collect(),
            _ => Vec::new(),
        };
        Self {
            order: block.order.unwrap_or_default(),
            bind: block.bind.unwrap_or(true),
            extra: block.extra.clone(),
            extra_tools,
            never: globs(&block.never),
            before: block.before.iter().flatten().map(|(a, b)| (Tools::of(a), Tools::of(b))).collect(),
            ignore: block.ignore.clone().unwrap_or_default(),
            tools: block.tools.iter().flatten().map(tool).collect(),
        }
    }

    /// Only which values may differ; everything else as recorded.
    #[must_use]
    pub fn tolerances(self) -> Self {
        let tool = |tool: Tool| Tool { count: None, status: None, ..tool };
        let tools = self.tools.into_iter().map(tool).collect();
        Self { bind: self.bind, ignore: self.ignore, tools, ..Self::default() }
    }

    /// The rule that accepts a call of `tool` the baseline does not have.
    pub fn accepts_extra(&self, tool: &str) -> Option<String> {
        match &self.extra {
            None if self.order == Order::Superset => Some("match.order: superset".to_owned()),
            None | Some(Extra::Deny) => None,
            Some(Extra::Allow) => Some("match.extra: allow".to_owned()),
            Some(Extra::Tools(_)) => {
                let tools = self.extra_tools.iter().find(|tools| tools.hold(tool))?;
                Some(format!("match.extra: [{}]", tools.glob))
            }
        }
    }

    /// The counts that are asked for: whose, how many, and the rule's name.
    pub fn counts(&self) -> impl Iterator<Item = (&Tools, Count, String)> {
        let counted = self.tools.iter().filter_map(|tool| Some((&tool.tools, tool.count?)));
        counted.map(|(tools, count)| {
            let parts = [("eq", count.eq), ("min", count.min), ("max", count.max)];
            let parts = parts.iter().filter_map(|(word, number)| Some(format!("{word}: {}", (*number)?)));
            let wanted = parts.collect::<Vec<_>>().join(", ");
            (tools, count, format!("match.tools.{}.count: {{{wanted}}}", tools.glob))
        })
    }

    /// What holds for the calls of one tool.
    pub fn for_tool(&self, tool: &str) -> ToolView<'_> {
        let mut view = ToolView { args: Vec::new(), status: None };
        let everywhere = self.ignore.iter().map(|path| (path, Tolerance::Ignore, format!("match.ignore: {path}")));
        view.args.extend(everywhere);
        for own in self.tools.iter().filter(|own| own.tools.hold(tool)) {
            let named = own.args.iter().map(|(path, tolerance)| {
                (path, *tolerance, format!("match.tools.{}.args: {path}: {}", own.tools.glob, written(*tolerance)))
            });
            view.args.extend(named);
            if let (None, Some(status)) = (&view.status, &own.status) {
                view.status = Some((status, format!("match.tools.{}.status: {status}", own.tools.glob)));
            }
        }
        view
    }
}

/// A tolerance as it is written in `gait.yaml`.
pub fn written(tolerance: Tolerance) -> String {
    match tolerance {
        Tolerance::Ignore => "ignore".to_owned(),
        Tolerance::Within(distance) => format!("{{within: {distance}}}"),
        Tolerance::Norm(norm) => format!("{{norm: {}}}", norm.word()),
        Tolerance::Similar(ratio) => format!("{{similar: {ratio}}}"),
    }
}

/// The rules for the calls of one tool, the first that accepts being the one that counts.
#[derive(Debug, Clone)]
pub struct ToolView<'r> {
    /// Place, tolerance, name of the rule.
    pub args: Vec<(&'r JsonPath, Tolerance, String)>,
    /// The status its calls have to have, and the name of that rule.
    pub status: Option<(&'r str, String)>,
}

impl ToolView<'_> {
    /// The rule that accepts a difference in the arguments; `pointer` is a JSON pointer into them.
    pub fn accepts(&self, pointer: &str, left: Option<&Json>, right: Option<&Json>) -> Option<&str> {
        let place = path::of_pointer(pointer);
        let fits = |(path, tolerance, _): &&(&JsonPath, Tolerance, String)| match (tolerance, left, right) {
            (Tolerance::Ignore, ..) => path.covers(&place),
            (_, Some(left), Some(right)) => path.names(&place) && likeness::alike(*tolerance, left, right),
            _ => false,
        };
        self.args.iter().find(fits).map(|(_, _, name)| name.as_str())
    }
}
