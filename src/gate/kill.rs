//! The kill switch: a file that stops calls at once, whatever the policy says. What cannot be read stops everything.

use crate::config::document::{Document, Node, Value};
use crate::gate::evaluate::Outcome;
use crate::gate::intent::Intent;
use crate::gate::model::Verdict;
use crate::gate::pattern::{self, PathReadings, Pattern};
use crate::gate::target::Target;
use crate::gate::text;
use crate::kernel::clock::Timestamp;
use crate::kernel::error::{Error, Result};
use crate::kernel::fs::SETTINGS_LIMIT;
use std::io::ErrorKind;
use std::path::Path;

pub const DEFAULT_STATE: &str = ".gait/kill_switch.yaml";

/// What is stopped. An entry stops the calls that each of its selectors names.
#[derive(Debug, Clone, Default)]
pub struct KillSwitch {
    entries: Vec<Entry>,
}

#[derive(Debug, Clone, Default)]
struct Entry {
    name: String,
    /// Every call.
    all: bool,
    agents: Vec<Pattern>,
    identities: Vec<Pattern>,
    tools: Vec<Pattern>,
    targets: Vec<Pattern>,
    /// The same in lower case.
    hosts: Vec<Pattern>,
    paths: Vec<Pattern>,
    environments: Vec<Pattern>,
    workspaces: Vec<String>,
    /// Open end when it is the zero time.
    expires_at: Timestamp,
}

impl KillSwitch {
    /// Reads the state. No file at the default place stops nothing; a file that was named has to be there.
    pub fn read(path: &str, named: bool) -> Result<Self> {
        let absent = matches!(Path::new(path).symlink_metadata(), Err(error) if error.kind() == ErrorKind::NotFound);
        if absent && !named {
            return Ok(Self::default());
        }
        Self::of(&Document::read(path, SETTINGS_LIMIT)?)
    }

    fn of(document: &Document) -> Result<Self> {
        let mut fields = document.fields(&document.root, "a kill switch")?;
        // An empty file may be one that was cut short, or all that somebody in a hurry made.
        if !matches!(&document.root.value, Value::Map(members) if members.iter().any(|member| member.key == "stop")) {
            return Err(document.error(document.root.place, "there is no `stop`: write `stop: []` to stop nothing"));
        }
        let entries = fields.list("stop")?.iter().map(|node| entry(document, node)).collect::<Result<_>>()?;
        fields.refuse_unknown()?;
        Ok(Self { entries })
    }

    /// The name of the first entry that stops a call.
    pub fn stops(&self, intent: &Intent, now: &Timestamp) -> Option<&str> {
        let live = |entry: &&Entry| entry.expires_at.is_zero() || now.since(&entry.expires_at).is_none();
        self.entries.iter().filter(live).find(|entry| entry.stops(intent)).map(|entry| entry.name.as_str())
    }
}

fn entry(document: &Document, node: &Node) -> Result<Entry> {
    let mut fields = document.fields(node, "an entry")?;
    let f = &mut fields;
    let name = f.scalar("name")?.unwrap_or_default().trim().to_owned();
    let mut list = |key, lower: bool| {
        let mut patterns = Vec::new();
        for (place, text) in f.scalars(key)? {
            let text = if lower { text::lower(&text) } else { text.trim().to_owned() };
            if !text.is_empty() {
                patterns.push(Pattern::new(&text).ok_or_else(|| document.error(place, "malformed pattern"))?);
            }
        }
        Ok::<_, Error>(patterns)
    };
    let (agents, identities, tools) = (list("agents", false)?, list("identities", false)?, list("tools", true)?);
    let (targets, hosts) = (list("targets", false)?, list("targets", true)?);
    let (paths, environments) = (list("paths", false)?, list("environments", false)?);
    let workspaces = text::sorted(f.scalars("workspaces")?.into_iter().map(|(_, text)| text));
    let all = f.boolean("all")?.unwrap_or_default();
    let expires =
        f.scalar("expires_at")?.map(|text| text.trim().parse::<Timestamp>().map_err(|e| document.error(node.place, e)));
    f.scalar("reason")?;
    let expires_at = expires.transpose()?.unwrap_or_default().utc();
    fields.refuse_unknown()?;
    let entry =
        Entry { name, all, agents, identities, tools, targets, hosts, paths, workspaces, environments, expires_at };
    if entry.name.is_empty() {
        return Err(document.error(node.place, "the entry has no `name`"));
    }
    if !all && entry.is_bare() {
        let what = "the entry names nothing: write `all: true` to stop every call, or say which";
        return Err(document.error(node.place, what));
    }
    Ok(entry)
}

impl Entry {
    fn is_bare(&self) -> bool {
        let lists = [&self.agents, &self.identities, &self.tools, &self.targets, &self.paths, &self.environments];
        lists.iter().all(|list| list.is_empty()) && self.workspaces.is_empty()
    }

    fn stops(&self, intent: &Intent) -> bool {
        if self.all {
            return true;
        }
        let context = &intent.context;
        let globbed = |list: &[Pattern], value: &str| list.iter().any(|pattern| pattern.is_like(value));
        let fits = |list: &[Pattern], value: &str| list.is_empty() || globbed(list, value);
        let agents = || {
            let delegation = intent.delegation.iter();
            let links = delegation
                .clone()
                .flat_map(|d| &d.chain)
                .flat_map(|link| [&link.delegator_identity, &link.delegate_identity]);
            std::iter::once(&context.identity).chain(delegation.map(|d| &d.requester_identity)).chain(links)
        };
        let below = |folder: &String| {
            let folder = folder.trim_end_matches('/');
            let patterns = Pattern::new(&format!("{folder}/**"));
            PathReadings::of(&context.workspace).any(&patterns)
        };
        let targets = &intent.targets;
        let path =
            |target: &Target, paths: &[Pattern]| target.kind == "path" && PathReadings::of(&target.value).any(paths);
        let named = |target: &Target| {
            globbed(&self.targets, &target.value)
                || pattern::domain_denied(target, &self.hosts)
                || path(target, &self.targets)
        };
        (self.agents.is_empty() || agents().any(|name| globbed(&self.agents, name)))
            && fits(&self.identities, &context.identity)
            && fits(&self.tools, &intent.tool_name)
            && (self.targets.is_empty() || targets.iter().any(named))
            && (self.paths.is_empty() || targets.iter().any(|target| path(target, &self.paths)))
            && (self.workspaces.is_empty() || self.workspaces.iter().any(below))
            && fits(&self.environments, &context.environment_fingerprint)
    }
}

/// Blocks an outcome for the kill switch, or for its being unreadable.
pub fn engage(
    outcome: &mut Outcome<'_>,
    state: &Result<KillSwitch>,
    intent: &Intent,
    now: &Timestamp,
) -> Option<String> {
    match state {
        Ok(switch) => {
            let name = switch.stops(intent, now)?.to_owned();
            outcome.tighten(Verdict::Block, "kill_switch_engaged", "kill_switch");
            Some(format!("kill switch entry {name:?} stops this call"))
        }
        Err(error) => {
            outcome.tighten(Verdict::Block, "kill_switch_state_unreadable", "kill_switch");
            Some(format!("the kill switch cannot be read, so it is taken as thrown: {error}"))
        }
    }
}
