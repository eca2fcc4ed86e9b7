//! Policy files to policies: strict, every error with its place.

use crate::config::document::{Document, Fields, Node, Value};
use crate::config::place::Place;
use crate::gate::model::{SCHEMA_VERSION, Verdict};
use crate::gate::parse_args;
use crate::gate::pattern::Pattern;
use crate::gate::policy::{self, Dataflow, Endpoint, FailClosed, Freeze, Match, Policy, RateLimit, Rule};
use crate::gate::remark;
use crate::gate::target::CLASSES;
use crate::gate::text;
use crate::kernel::clock::Timestamp;
use crate::kernel::error::{Error, Result};
use std::collections::HashMap;

/// Reads the policy file at `path`.
pub fn read(path: &str) -> Result<Policy> {
    policy(&Document::read(path, policy::LIMIT)?)
}

/// Reads a parsed policy file.
pub fn policy(document: &Document) -> Result<Policy> {
    let empty = document.root.value == Value::Null && document.text.lines().any(is_content);
    if empty {
        return Err(document.error(document.root.place, "a policy has to be a mapping, not nothing"));
    }
    let mut reader = Reader { document, paths: HashMap::new(), warnings: Vec::new() };
    let mut fields = document.fields(&document.root, "a policy")?;
    for (key, want) in [("schema_id", policy::SCHEMA), ("schema_version", SCHEMA_VERSION)] {
        let given = reader.scalar(&mut fields, key)?;
        if let Some((place, given)) = given.filter(|(_, given)| !given.is_empty())
            && given != want
        {
            return Err(document.error(place, format!("`{key}` has to be {want}")));
        }
    }
    let default_verdict = reader.verdict(&mut fields, "default_verdict", &Verdict::ALL)?;
    let closed = fields.node("fail_closed").map(|node| reader.fail_closed(node)).transpose()?;
    let mut placed = Vec::new();
    for node in fields.list("rules")? {
        placed.push((reader.rule(node)?, node.place));
    }
    let windows = fields.list("freeze_windows")?.iter();
    let freeze_windows = windows.map(|node| reader.freeze(node)).collect::<Result<_>>()?;
    fields.refuse_unknown()?;
    placed.sort_by(|(a, _), (b, _)| (a.priority, &a.name).cmp(&(b.priority, &b.name)));
    let (paths, mut warnings) = (reader.paths.len(), reader.warnings);
    warnings.extend(remark::about(document, &placed)?);
    Ok(Policy {
        default_verdict: default_verdict.unwrap_or(Verdict::RequireApproval),
        fail_closed: closed.unwrap_or_default(),
        rules: placed.into_iter().map(|(rule, _)| rule).collect(),
        freeze_windows,
        paths,
        warnings,
        ..Policy::default()
    })
}

/// Whether a line is more than a comment or a document marker.
fn is_content(line: &str) -> bool {
    let line = line.split('#').next().unwrap_or_default().trim();
    !line.is_empty() && line != "---"
}

struct Reader<'d> {
    document: &'d Document,
    /// The different paths of conditions on arguments, numbered.
    paths: HashMap<String, usize>,
    warnings: Vec<String>,
}

/// What a constraint or a freeze window may do to a call.
pub const ACTIONS: [Verdict; 2] = [Verdict::Block, Verdict::RequireApproval];

impl<'d> Reader<'d> {
    fn scalar(&self, fields: &mut Fields<'d>, key: &'static str) -> Result<Option<(Place, String)>> {
        let place = fields.node(key).map(|node| node.place);
        Ok(place.zip(fields.scalar(key)?))
    }

    /// A trimmed text.
    fn trimmed(&self, fields: &mut Fields<'d>, key: &'static str) -> Result<String> {
        Ok(fields.scalar(key)?.unwrap_or_default().trim().to_owned())
    }

    /// One of these words, in any case; none where there is none.
    fn word(&self, fields: &mut Fields<'d>, key: &'static str, known: &[&str]) -> Result<String> {
        let Some((place, text)) = self.scalar(fields, key)? else { return Ok(String::new()) };
        let word = text::lower(&text);
        if word.is_empty() || known.contains(&word.as_str()) {
            return Ok(word);
        }
        Err(self.document.error(place, format!("`{key}` is {text:?}, expected one of {}", known.join(", "))))
    }

    fn verdict(&self, fields: &mut Fields<'d>, key: &'static str, known: &[Verdict]) -> Result<Option<Verdict>> {
        let words: Vec<&str> = known.iter().map(|verdict| verdict.word()).collect();
        Ok(Verdict::parse(&self.word(fields, key, &words)?))
    }

    fn count(&self, fields: &mut Fields<'d>, key: &'static str) -> Result<u64> {
        let place = fields.node(key).map(|node| node.place);
        let number = fields.whole(key)?.unwrap_or_default();
        let negative =
            || self.document.error(place.unwrap_or(self.document.root.place), format!("`{key}` has to be 0 or more"));
        u64::try_from(number).map_err(|_| negative())
    }

    fn sorted(&self, fields: &mut Fields<'d>, key: &'static str) -> Result<Vec<String>> {
        Ok(text::sorted(fields.scalars(key)?.into_iter().map(|(_, text)| text)))
    }

    fn lowered(&self, fields: &mut Fields<'d>, key: &'static str) -> Result<Vec<String>> {
        Ok(text::lowered(fields.scalars(key)?.into_iter().map(|(_, text)| text)))
    }

    /// A lowered list of words that have to be known.
    fn words(&self, fields: &mut Fields<'d>, key: &'static str, known: &[&str]) -> Result<Vec<String>> {
        for (place, text) in fields.scalars(key)? {
            let word = text::lower(&text);
            if !word.is_empty() && !known.contains(&word.as_str()) {
                return Err(self
                    .document
                    .error(place, format!("`{key}` lists {text:?}, expected one of {}", known.join(", "))));
            }
        }
        self.lowered(fields, key)
    }

    fn patterns(&self, fields: &mut Fields<'d>, key: &'static str, lower: bool) -> Result<Vec<Pattern>> {
        let mut out = Vec::new();
        for (place, given) in fields.scalars(key)? {
            let given = if lower { text::lower(&given) } else { given.trim().to_owned() };
            if given.is_empty() {
                continue;
            }
            let malformed = || {
                self.document
                    .error(place, format!("`{key}` lists the malformed pattern {given:?}: it would fit nothing"))
            };
            out.push(Pattern::new(&given).ok_or_else(malformed)?);
        }
        out.sort_unstable();
        out.dedup();
        Ok(out)
    }

    fn fail_closed(&self, node: &'d Node) -> Result<FailClosed> {
        let mut fields = self.document.fields(node, "`fail_closed`")?;
        let mut closed = FailClosed {
            enabled: fields.boolean("enabled")?.unwrap_or_default(),
            risk_classes: self.lowered(&mut fields, "risk_classes")?,
            required_fields: self.words(&mut fields, "required_fields", &REQUIRED)?,
            distrust_hints: fields.boolean("distrust_hints")?.unwrap_or_default(),
        };
        fields.refuse_unknown()?;
        if closed.enabled && closed.risk_classes.is_empty() {
            closed.risk_classes = vec!["critical".to_owned(), "high".to_owned()];
        }
        Ok(closed)
    }

    fn rule(&mut self, node: &'d Node) -> Result<Rule> {
        let document = self.document;
        let mut fields = document.fields(node, "a rule")?;
        let missing = |what: &str| document.error(node.place, format!("the rule has no `{what}`"));
        let name = self.trimmed(&mut fields, "name")?;
        if name.is_empty() {
            return Err(missing("name"));
        }
        let effect = self.verdict(&mut fields, "effect", &Verdict::ALL)?.ok_or_else(|| missing("effect"))?;
        let matching = fields.node("match").map(|node| self.matching(node)).transpose()?.unwrap_or_default();
        let min_approvals = self.count(&mut fields, "min_approvals")?;
        let rule = Rule {
            priority: fields.whole("priority")?.unwrap_or_default(),
            effect,
            matching,
            reason_codes: self.sorted(&mut fields, "reason_codes")?,
            violations: self.sorted(&mut fields, "violations")?,
            min_approvals,
            require_distinct_approvers: fields.boolean("require_distinct_approvers")?.unwrap_or_default()
                || min_approvals > 1,
            require_broker_credential: fields.boolean("require_broker_credential")?.unwrap_or_default(),
            broker_reference: self.trimmed(&mut fields, "broker_reference")?,
            broker_scopes: self.lowered(&mut fields, "broker_scopes")?,
            rate_limit: fields.node("rate_limit").map(|node| self.rate_limit(node)).transpose()?.unwrap_or_default(),
            dataflow: fields.node("dataflow").map(|node| self.dataflow(node)).transpose()?.unwrap_or_default(),
            endpoint: fields.node("endpoint").map(|node| self.endpoint(node)).transpose()?.unwrap_or_default(),
            name,
        };
        fields.refuse_unknown()?;
        Ok(rule)
    }

    fn matching(&mut self, node: &'d Node) -> Result<Match> {
        let mut fields = self.document.fields(node, "`match`")?;
        let f = &mut fields;
        let depth = f.node("max_delegation_depth").is_some();
        let args = f.node("args").map(|node| parse_args::rules(self.document, node, &mut self.paths));
        let matching = Match {
            tool_names: self.lowered(f, "tool_names")?,
            risk_classes: self.lowered(f, "risk_classes")?,
            target_kinds: self.lowered(f, "target_kinds")?,
            target_values: self.sorted(f, "target_values")?,
            endpoint_classes: self.words(f, "endpoint_classes", &CLASSES)?,
            skill_publishers: self.lowered(f, "skill_publishers")?,
            skill_sources: self.lowered(f, "skill_sources")?,
            data_classes: self.lowered(f, "data_classes")?,
            destination_kinds: self.lowered(f, "destination_kinds")?,
            destination_values: self.sorted(f, "destination_values")?,
            destination_operations: self.lowered(f, "destination_operations")?,
            provenance_sources: self.lowered(f, "provenance_sources")?,
            identities: self.sorted(f, "identities")?,
            workspace_prefixes: self.sorted(f, "workspace_prefixes")?,
            require_delegation: f.boolean("require_delegation")?.unwrap_or_default(),
            allowed_delegator_identities: self.sorted(f, "allowed_delegator_identities")?,
            allowed_delegate_identities: self.sorted(f, "allowed_delegate_identities")?,
            delegation_scopes: self.lowered(f, "delegation_scopes")?,
            max_delegation_depth: if depth { Some(self.count(f, "max_delegation_depth")?) } else { None },
            every_target: f.boolean("every_target")?.unwrap_or_default(),
            args: args.transpose()?.unwrap_or_default(),
        };
        fields.refuse_unknown()?;
        Ok(matching)
    }

    fn rate_limit(&self, node: &'d Node) -> Result<RateLimit> {
        let mut fields = self.document.fields(node, "`rate_limit`")?;
        let requests = self.count(&mut fields, "requests")?;
        let off = requests == 0;
        let mut word = |key, known: &[&str]| {
            let word =
                if off { text::lower(&self.trimmed(&mut fields, key)?) } else { self.word(&mut fields, key, known)? };
            Ok::<_, Error>(if off || !word.is_empty() { word } else { known[0].to_owned() })
        };
        let window = word("window", &["minute", "hour"])?;
        let scope = word("scope", &["tool_identity", "tool", "identity"])?;
        fields.refuse_unknown()?;
        Ok(RateLimit { requests, window, scope })
    }

    fn dataflow(&self, node: &'d Node) -> Result<Dataflow> {
        let mut fields = self.document.fields(node, "`dataflow`")?;
        let f = &mut fields;
        let mut flow = Dataflow {
            enabled: f.boolean("enabled")?.unwrap_or_default(),
            tainted_sources: self.lowered(f, "tainted_sources")?,
            destination_kinds: self.lowered(f, "destination_kinds")?,
            destination_values: self.sorted(f, "destination_values")?,
            destination_operations: self.lowered(f, "destination_operations")?,
            action: text::lower(&self.trimmed(f, "action")?),
            reason_code: self.trimmed(f, "reason_code")?,
            violation: self.trimmed(f, "violation")?,
        };
        let lists =
            [&flow.tainted_sources, &flow.destination_kinds, &flow.destination_values, &flow.destination_operations];
        flow.enabled |= lists.iter().any(|list| !list.is_empty());
        if flow.enabled {
            let action = self.verdict(f, "action", &ACTIONS)?;
            flow.action = action.unwrap_or(Verdict::RequireApproval).word().to_owned();
            if flow.tainted_sources.is_empty() {
                flow.tainted_sources = vec!["external".to_owned(), "tool_output".to_owned()];
            }
            fill(&mut flow.reason_code, "dataflow_tainted_destination");
            fill(&mut flow.violation, "tainted_dataflow");
        }
        fields.refuse_unknown()?;
        Ok(flow)
    }

    fn endpoint(&self, node: &'d Node) -> Result<Endpoint> {
        let mut fields = self.document.fields(node, "`endpoint`")?;
        let f = &mut fields;
        let net: Vec<&str> = CLASSES.into_iter().filter(|class| class.starts_with("net.")).collect();
        let mut endpoint = Endpoint {
            enabled: f.boolean("enabled")?.unwrap_or_default(),
            path_allowlist: self.patterns(f, "path_allowlist", false)?,
            path_denylist: self.patterns(f, "path_denylist", false)?,
            domain_allowlist: self.patterns(f, "domain_allowlist", true)?,
            domain_denylist: self.patterns(f, "domain_denylist", true)?,
            egress_classes: self.words(f, "egress_classes", &net)?,
            action: text::lower(&self.trimmed(f, "action")?),
            destructive_action: text::lower(&self.trimmed(f, "destructive_action")?),
            reason_code: self.trimmed(f, "reason_code")?,
            violation: self.trimmed(f, "violation")?,
        };
        let lists =
            [&endpoint.path_allowlist, &endpoint.path_denylist, &endpoint.domain_allowlist, &endpoint.domain_denylist];
        endpoint.enabled |= lists.iter().any(|list| !list.is_empty())
            || !endpoint.egress_classes.is_empty()
            || !endpoint.destructive_action.is_empty();
        if endpoint.enabled {
            let action = self.verdict(f, "action", &ACTIONS)?;
            endpoint.action = action.unwrap_or(Verdict::Block).word().to_owned();
            self.verdict(f, "destructive_action", &ACTIONS)?;
            fill(&mut endpoint.reason_code, "endpoint_constraint_violation");
            fill(&mut endpoint.violation, "endpoint_constraint_violation");
        }
        fields.refuse_unknown()?;
        Ok(endpoint)
    }

    fn freeze(&mut self, node: &'d Node) -> Result<Freeze> {
        let mut fields = self.document.fields(node, "a freeze window")?;
        let missing = |what: &str| self.document.error(node.place, format!("the freeze window has no `{what}`"));
        let mut time = |key| {
            let (place, text) = self.scalar(&mut fields, key)?.ok_or_else(|| missing(key))?;
            text.trim().parse::<Timestamp>().map_err(|error| self.document.error(place, error))
        };
        let (start, end) = (time("start")?.utc(), time("end")?.utc());
        if end.since(&start).is_none_or(|span| span.is_zero()) {
            return Err(self.document.error(node.place, "`end` has to be after `start`"));
        }
        let f = &mut fields;
        let mut window = Freeze {
            name: self.trimmed(f, "name")?,
            start,
            end,
            effect: self.verdict(f, "effect", &ACTIONS)?.unwrap_or(Verdict::Block),
            matching: f.node("match").map(|node| self.matching(node)).transpose()?.unwrap_or_default(),
            reason_code: self.trimmed(f, "reason_code")?,
            violation: self.trimmed(f, "violation")?,
        };
        if window.name.is_empty() {
            return Err(missing("name"));
        }
        fill(&mut window.reason_code, "freeze_window_active");
        fill(&mut window.violation, "freeze_window");
        fields.refuse_unknown()?;
        Ok(window)
    }
}

/// What `fail_closed.required_fields` may name.
pub const REQUIRED: [&str; 4] = ["targets", "arg_provenance", "endpoint_class", "delegation"];

fn fill(text: &mut String, default: &str) {
    if text.is_empty() {
        default.clone_into(text);
    }
}
