//! A call that asks to proceed: read strictly, normalised, and the digests that stand for it.

use crate::gate::arguments::{self, Arguments};
use crate::gate::fields::Fields;
use crate::gate::target::{self, Target};
use crate::gate::text;
use crate::gate::trace::SkillProvenance;
use crate::kernel::clock::Timestamp;
use crate::kernel::digest::Digest;
use crate::kernel::error::{Error, Result};
use crate::kernel::json::canon;
use crate::kernel::json::scan::{self, Tape};
use crate::kernel::json::tree;
use serde::Serialize;
use serde_json::value::RawValue;

/// Largest intent: 8 MiB.
pub const LIMIT: u64 = 8 << 20;

/// A normalised intent. What is serialised is what the digest covers.
#[derive(Debug, Clone, Serialize)]
pub struct Intent {
    pub tool_name: String,
    pub args: Arguments,
    pub targets: Vec<Target>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub arg_provenance: Vec<ArgProvenance>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skill_provenance: Option<SkillProvenance>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delegation: Option<Delegation>,
    pub context: Context,
    /// In UTC; the zero time when the caller gave none.
    #[serde(skip)]
    pub created_at: Timestamp,
    /// What a reader of the decision should know about this intent.
    #[serde(skip)]
    pub warnings: Vec<String>,
}

/// Where an argument came from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct ArgProvenance {
    pub arg_path: String,
    pub source: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub source_ref: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub integrity_digest: String,
}

/// On whose behalf the caller says it acts.
#[derive(Debug, Clone, Serialize)]
pub struct Delegation {
    pub requester_identity: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub scope_class: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub token_refs: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub chain: Vec<Link>,
    pub issued_at: Timestamp,
    pub expires_at: Timestamp,
}

/// One step of a delegation.
#[derive(Debug, Clone, Serialize)]
pub struct Link {
    pub delegator_identity: String,
    pub delegate_identity: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub scope_class: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub token_ref: String,
    pub issued_at: Timestamp,
    pub expires_at: Timestamp,
}

/// Who calls, and from where.
#[derive(Debug, Clone, Serialize)]
pub struct Context {
    pub identity: String,
    pub workspace: String,
    pub risk_class: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub session_id: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub request_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth_context: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub credential_scopes: Vec<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub environment_fingerprint: String,
    /// The workspace as given, only trimmed: what a credential broker is told.
    #[serde(skip)]
    pub workspace_as_given: String,
}

impl Intent {
    /// Reads and normalises one intent. Errors name the field.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let tape = scan::parse(bytes)?;
        let value = tree::of(&tape)?;
        let root = Fields::of(&value, "")?;
        let created_at = root.time("created_at")?;
        for key in ["schema_id", "schema_version", "producer_version", "args_digest", "intent_digest"] {
            root.text(key)?;
        }
        let tool_name = text::lower(&root.text("tool_name")?);
        if tool_name.is_empty() {
            return Err(Error::invalid("tool_name is required"));
        }
        root.object("args")?;
        let args = Arguments::at(&tape, &["args"])?;
        let (targets, mut warnings) = target::normalise(&tool_name, &root.records("targets")?)?;
        let arg_provenance = provenance(&root.records("arg_provenance")?)?;
        let skill = root.object("skill_provenance")?.map(|value| Fields::of(value, "skill_provenance")).transpose()?;
        let skill_provenance = skill.map(|fields| skill_of(&fields)).transpose()?;
        let context = match root.object("context")? {
            Some(value) => Context::read(&Fields::of(value, "context")?, &tape)?,
            None => return Err(Error::invalid("context is required: identity, workspace and risk_class")),
        };
        let delegation = root.object("delegation")?.map(|value| Fields::of(value, "delegation")).transpose()?;
        let delegation = delegation.map(|fields| Delegation::read(&fields)).transpose()?;
        if tape.inexact {
            warnings.push("a number in the intent is larger than a double can hold exactly: the digest does not tell it from its neighbours".to_owned());
        }
        if args.deep {
            warnings.push(format!("the arguments are nested deeper than {} levels: rules with conditions on them take them for whatever lets the call through least", tree::TREE_DEPTH));
        }
        warnings.sort_unstable();
        let created_at = created_at.utc();
        Ok(Self {
            tool_name,
            args,
            targets,
            arg_provenance,
            skill_provenance,
            delegation,
            context,
            created_at,
            warnings,
        })
    }

    /// The digest that stands for the whole call.
    pub fn digest(&self) -> Result<Digest> {
        Ok(Digest::of(&canon::of(self)?))
    }

    /// The digest of the arguments alone.
    pub fn args_digest(&self) -> Result<Digest> {
        Ok(Digest::of(&canon::of(&self.args)?))
    }

    /// The digest that binds a token to this delegation; none without one.
    pub fn delegation_digest(&self) -> Result<Option<Digest>> {
        self.delegation.as_ref().map(|delegation| Ok(Digest::of(&canon::of(delegation)?))).transpose()
    }

    /// When the call was made; a fixed time where it does not say.
    pub fn decided_at(&self) -> Timestamp {
        if self.created_at.is_zero() { Timestamp::date(1980, 1, 1) } else { self.created_at }
    }
}

/// The risk class an intent claims, however broken the rest of it is.
pub fn claimed_risk_class(bytes: &[u8]) -> Option<String> {
    let value = tree::parse(bytes).ok()?;
    Some(text::lower(value.get("context")?.get("risk_class")?.as_str()?))
}

fn provenance(items: &[Fields<'_>]) -> Result<Vec<ArgProvenance>> {
    let mut out = Vec::with_capacity(items.len());
    for item in items {
        let one = ArgProvenance {
            arg_path: item.required("arg_path")?,
            source: text::lower(&item.required("source")?),
            source_ref: item.text("source_ref")?.trim().to_owned(),
            integrity_digest: item.digest("integrity_digest")?,
        };
        if !["user", "tool_output", "external", "system"].contains(&one.source.as_str()) {
            return Err(item.error("source", "is none of user, tool_output, external, system"));
        }
        out.push(one);
    }
    out.sort_unstable();
    out.dedup();
    Ok(out)
}

fn skill_of(fields: &Fields<'_>) -> Result<SkillProvenance> {
    Ok(SkillProvenance {
        skill_name: fields.required("skill_name")?,
        source: text::lower(&fields.required("source")?),
        publisher: fields.required("publisher")?,
        skill_version: fields.text("skill_version")?.trim().to_owned(),
        digest: fields.digest("digest")?,
        signature_key_id: fields.text("signature_key_id")?.trim().to_owned(),
        ..SkillProvenance::default()
    })
}

impl Context {
    fn read(fields: &Fields<'_>, tape: &Tape<'_>) -> Result<Self> {
        let identity = fields.required("identity")?;
        let workspace_as_given = fields.required("workspace")?;
        fields.object("auth_context")?;
        let auth = arguments::trimmed(tape, &["context", "auth_context"])?;
        Ok(Self {
            identity,
            workspace: workspace_as_given.replace('\\', "/"),
            workspace_as_given,
            risk_class: text::lower(&fields.required("risk_class")?),
            session_id: fields.text("session_id")?.trim().to_owned(),
            request_id: fields.text("request_id")?.trim().to_owned(),
            auth_context: auth.filter(|text| text.get() != "{}"),
            credential_scopes: text::sorted(fields.texts("credential_scopes")?),
            environment_fingerprint: fields.text("environment_fingerprint")?.trim().to_owned(),
        })
    }
}

impl Delegation {
    fn read(fields: &Fields<'_>) -> Result<Self> {
        let requester_identity = fields.required("requester_identity")?;
        let links = fields.records("chain")?;
        let chain = links.iter().map(Link::read).collect::<Result<_>>()?;
        let (issued_at, expires_at) = fields.span()?;
        Ok(Self {
            requester_identity,
            scope_class: text::lower(&fields.text("scope_class")?),
            token_refs: text::sorted(fields.texts("token_refs")?),
            chain,
            issued_at,
            expires_at,
        })
    }
}

impl Link {
    fn read(fields: &Fields<'_>) -> Result<Self> {
        let (issued_at, expires_at) = fields.span()?;
        Ok(Self {
            delegator_identity: fields.required("delegator_identity")?,
            delegate_identity: fields.required("delegate_identity")?,
            scope_class: text::lower(&fields.text("scope_class")?),
            token_ref: fields.text("token_ref")?.trim().to_owned(),
            issued_at,
            expires_at,
        })
    }
}
