//! `gait.yaml` as written: the fixtures listed, and the globs that find more.

use crate::config::agent::Agent;
use crate::config::document::{Document, Fields, Node};
use crate::config::graders::{Budget, PolicyFile, Program};
use crate::config::place::Place;
use crate::config::rules::{self, Match};
use crate::kernel::error::{Error, Result};
use crate::kernel::fs::DOCUMENT_LIMIT;
use std::collections::HashMap;
use std::path::Path;

/// `schema_id` of a `gait.yaml`.
pub const SCHEMA_ID: &str = "gait.regress.config";
/// `schema_version` of a `gait.yaml`.
pub const SCHEMA_VERSION: &str = "1.0.0";
/// Where the config is unless told otherwise.
pub const DEFAULT_PATH: &str = "gait.yaml";

/// A `gait.yaml`.
#[derive(Debug)]
pub struct Suite {
    pub document: Document,
    /// Name of the set; `default` where none is given.
    pub fixture_set: String,
    /// Globs of runpacks, relative to the file's folder.
    pub discover: Vec<String>,
    /// Where `discover` stands.
    pub discover_place: Option<Place>,
    pub fixtures: Vec<Entry>,
    /// What holds for fixtures that do not say otherwise, found ones included.
    pub defaults: Settings,
    /// Unknown keys and odd names, one line each.
    pub warnings: Vec<String>,
}

/// One fixture as listed.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    pub name: String,
    /// What the runpack's run id has to be, where it is given.
    pub run_id: Option<String>,
    /// The baseline, absolute or relative to the working directory.
    pub runpack: String,
    /// Its own, over the suite's defaults.
    pub settings: Settings,
    pub place: Place,
}

/// How a fixture is judged.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Settings {
    /// How many runs of today's agent are judged; as many as there are unless given.
    pub trials: Option<u64>,
    /// How many of them have to pass; all unless given.
    pub min_pass: Option<u64>,
    /// Which differences are accepted.
    pub rules: Option<Match>,
    /// Adds the grader `budget`.
    pub budget: Option<Budget>,
    /// Adds the grader `policy_verdicts`.
    pub policy: Option<PolicyFile>,
    /// Graders of one's own.
    pub graders: Option<Vec<Program>>,
    /// How today's behaviour is produced.
    pub agent: Option<Agent>,
}

impl Settings {
    fn read(document: &Document, fields: &mut Fields<'_>, warnings: &mut Vec<String>) -> Result<Self> {
        let rules = fields.node("match").map(|node| Match::read(document, node, warnings)).transpose()?;
        let trials = rules::whole(document, fields, "trials", 1)?;
        let min_pass = rules::whole(document, fields, "min_pass", 1)?;
        let agent = fields.node("agent").map(|node| Agent::read(document, node, warnings)).transpose()?;
        let budget = fields.node("budget").map(|node| Budget::read(document, node, warnings)).transpose()?;
        let policy = fields.node("policy").map(|node| PolicyFile::read(document, node, warnings)).transpose()?;
        let graders = Program::read(document, fields, warnings)?;
        Ok(Self { trials, min_pass, rules, agent, budget, policy, graders })
    }

    /// These settings, and where they say nothing, `defaults`.
    fn over(self, defaults: &Self) -> Self {
        let rules = match (self.rules, &defaults.rules) {
            (Some(own), Some(theirs)) => Some(own.over(theirs)),
            (own, theirs) => own.or_else(|| theirs.clone()),
        };
        let agent = match (self.agent, &defaults.agent) {
            (Some(own), Some(theirs)) => Some(own.over(theirs)),
            (own, theirs) => own.or_else(|| theirs.clone()),
        };
        Self {
            trials: self.trials.or(defaults.trials),
            min_pass: self.min_pass.or(defaults.min_pass),
            rules,
            agent,
            budget: self.budget.or(defaults.budget),
            policy: self.policy.or_else(|| defaults.policy.clone()),
            graders: self.graders.or_else(|| defaults.graders.clone()),
        }
    }

    /// The agent to be run, and its command; none where nothing says which.
    pub fn agent(&self) -> Option<(&Agent, &[String])> {
        self.agent.as_ref().and_then(|agent| Some((agent, agent.command.as_deref()?)))
    }

    fn check(&self, document: &Document, node: &Node) -> Result<()> {
        match (self.min_pass, self.trials) {
            (Some(_), None) => Err(document.error(node.place, "`min_pass` without `trials`")),
            (Some(pass), Some(trials)) if pass > trials => {
                Err(document.error(node.place, format!("`min_pass` is {pass}, but there are only {trials} `trials`")))
            }
            _ => Ok(()),
        }
    }
}

impl Suite {
    /// Reads the file at `path`. Errors name file, line and column.
    pub fn read(path: &str) -> Result<Self> {
        let hint = "make a first fixture with `gait regress bootstrap --from <run_id|path>`, or name the config with \
                    --config";
        let document = Document::read(path, DOCUMENT_LIMIT);
        Self::of(document.map_err(|e| if Path::new(path).exists() { e } else { e.hint(hint) })?)
    }

    /// Reads a parsed file.
    pub fn of(document: Document) -> Result<Self> {
        let mut fields = document.fields(&document.root, "gait.yaml")?;
        for (key, want) in [("schema_id", SCHEMA_ID), ("schema_version", SCHEMA_VERSION)] {
            let found = fields.text(key)?.unwrap_or_default();
            if !found.is_empty() && found != want {
                let place = fields.node(key).map_or(document.root.place, |node| node.place);
                return Err(document.error(place, format!("`{key}` is {found:?}, expected {want:?}")));
            }
        }
        let fixture_set = fields.text("fixture_set")?.filter(|set| !set.is_empty()).unwrap_or("default").to_owned();
        let discover = fields.texts("discover")?.into_iter().map(str::to_owned).collect();
        let discover_place = fields.node("discover").map(|node| node.place);
        let mut warnings = Vec::new();
        let defaults = fields.node("defaults").map(|node| defaults(&document, node, &mut warnings)).transpose()?;
        let defaults = defaults.unwrap_or_default();
        let mut fixtures = Vec::new();
        let mut lines = HashMap::new();
        for node in fields.list("fixtures")? {
            let mut item = document.fields(node, "a fixture")?;
            let missing = |key: &str| document.error(node.place, format!("a fixture has to have a `{key}`"));
            let name = item.text("name")?.filter(|name| !name.trim().is_empty()).ok_or_else(|| missing("name"))?;
            let runpack = item.text("runpack")?.filter(|p| !p.trim().is_empty()).ok_or_else(|| missing("runpack"))?;
            let run_id = item.text("run_id")?.filter(|id| !id.is_empty()).map(str::to_owned);
            let name_place = item.node("name").map_or(node.place, |name| name.place);
            check_name(name).map_err(|why| document.error(name_place, &why).hint(NAME_HINT))?;
            if let Some(first) = lines.insert(name, node.place.line) {
                let what = format!("fixture {name:?} is listed twice, first at line {first}");
                return Err(document.error(node.place, what));
            }
            let own = Settings::read(&document, &mut item, &mut warnings)?;
            let names_agent = own.agent.is_some();
            let settings = own.over(&defaults);
            if names_agent && settings.agent().is_none() {
                return Err(
                    document.error(item.node("agent").map_or(node.place, |n| n.place), "`agent` without `command`")
                );
            }
            settings.check(&document, node)?;
            warnings.extend(item.unknown());
            let (name, runpack) = (name.to_owned(), runpack.to_owned());
            fixtures.push(Entry { name, run_id, runpack, settings, place: node.place });
        }
        warnings.extend(fields.unknown());
        Ok(Self { fixture_set, discover, discover_place, fixtures, defaults, warnings, document })
    }

    /// Refuses graders of one's own that are called like one of `taken`.
    pub fn refuse_grader_names(&self, taken: &[&str]) -> Result<()> {
        let all = self.fixtures.iter().map(|entry| &entry.settings).chain([&self.defaults]);
        let mut programs = all.flat_map(|settings| settings.graders.iter().flatten());
        match programs.find(|program| taken.contains(&program.name.as_str())) {
            None => Ok(()),
            Some(Program { name, place, .. }) => {
                Err(self.document.error(*place, format!("{name:?} is a grader of gait: choose another name")))
            }
        }
    }
}

fn defaults(document: &Document, node: &Node, warnings: &mut Vec<String>) -> Result<Settings> {
    let mut fields = document.fields(node, "`defaults`")?;
    let settings = Settings::read(document, &mut fields, warnings)?;
    settings.check(document, node)?;
    warnings.extend(fields.unknown());
    Ok(settings)
}

const NAME_HINT: &str = "use lower-case letters, digits, `.`, `_` and `-`";

/// A fixture's name goes into case names, reports and paths: no `/`, nothing that cannot be seen or turns the writing
/// direction, no surrounding blanks.
pub fn check_name(name: &str) -> Result<()> {
    let unseen = |c: char| {
        c.is_control()
            || matches!(c, '\u{61C}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}')
    };
    let bad = name.contains(['/', '\\']) || name.chars().any(unseen) || name.trim() != name;
    if bad || matches!(name, "" | "." | "..") {
        return Err(Error::invalid(format!("fixture name {name:?} cannot be used")).hint(NAME_HINT));
    }
    Ok(())
}
