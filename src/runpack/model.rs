//! What is on disk: the JSON entries of a runpack. Missing fields and `null` read as empty, unknown keys are dropped.

use crate::kernel::archive::layout::MAX_ENTRIES;
use crate::kernel::clock::Timestamp;
use crate::kernel::digest::Digest;
use crate::kernel::json::canon;
use crate::kernel::json::read::{self, nullable};
use crate::sign::envelope::Signature;
use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use std::fmt;

pub const MANIFEST: &str = "manifest.json";
pub const RUN: &str = "run.json";
pub const REFS: &str = "refs.json";
pub const INTENTS: &str = "intents.jsonl";
pub const RESULTS: &str = "results.jsonl";
/// The entries every manifest has to declare, in the order it declares them.
pub const DECLARED: [&str; 4] = [INTENTS, REFS, RESULTS, RUN];

pub const SCHEMA_VERSION: &str = "1.0.0";
pub const MANIFEST_SCHEMA: &str = "gait.runpack.manifest";
pub const RUN_SCHEMA: &str = "gait.runpack.run";
pub const REFS_SCHEMA: &str = "gait.runpack.refs";
pub const INTENT_SCHEMA: &str = "gait.runpack.intent";
pub const RESULT_SCHEMA: &str = "gait.runpack.result";

/// Most signatures of one manifest.
const MAX_SIGNATURES: usize = 64;
/// Most timeline events of one run.
const MAX_EVENTS: usize = 1 << 20;
/// Most receipts of one run.
const MAX_RECEIPTS: usize = 1 << 18;

/// A list of at most `MOST` items whose `null` elements read as all-empty records: a few bytes of text may not
/// become any amount of memory.
fn items<'de, const MOST: usize, D, T>(deserializer: D) -> Result<Option<Vec<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    struct Items<const MOST: usize, T>(std::marker::PhantomData<T>);
    impl<'de, const MOST: usize, T: Deserialize<'de> + Default> Visitor<'de> for Items<MOST, T> {
        type Value = Option<Vec<T>>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "a list of at most {MOST} items")
        }

        fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
            Ok(None)
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
            let mut items = Vec::new();
            while let Some(item) = list.next_element::<Option<T>>()? {
                if items.len() == MOST {
                    return Err(Error::invalid_length(MOST + 1, &self));
                }
                items.push(item.unwrap_or_default());
            }
            Ok(Some(items))
        }
    }
    deserializer.deserialize_any(Items::<MOST, T>(std::marker::PhantomData))
}

/// Signatures, where no list is an empty one.
fn signatures<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Signature>, D::Error> {
    Ok(items::<MAX_SIGNATURES, D, Signature>(deserializer)?.unwrap_or_default())
}

/// `manifest.json`: what the pack holds and the digest that stands for all of it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Manifest {
    #[serde(deserialize_with = "nullable")]
    pub schema_id: String,
    #[serde(deserialize_with = "nullable")]
    pub schema_version: String,
    #[serde(deserialize_with = "nullable")]
    pub created_at: Timestamp,
    #[serde(deserialize_with = "nullable")]
    pub producer_version: String,
    #[serde(deserialize_with = "nullable")]
    pub run_id: String,
    #[serde(deserialize_with = "nullable")]
    pub capture_mode: String,
    #[serde(deserialize_with = "items::<MAX_ENTRIES, _, _>")]
    pub files: Option<Vec<FileDigest>>,
    #[serde(deserialize_with = "nullable")]
    pub manifest_digest: String,
    #[serde(deserialize_with = "signatures", skip_serializing_if = "Vec::is_empty")]
    pub signatures: Vec<Signature>,
}

/// One declared entry: its name and the SHA-256 of its bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FileDigest {
    #[serde(deserialize_with = "nullable")]
    pub path: String,
    #[serde(deserialize_with = "nullable")]
    pub sha256: String,
}

impl Manifest {
    /// The declared entries.
    pub fn files(&self) -> &[FileDigest] {
        self.files.as_deref().unwrap_or_default()
    }

    /// The digest over the known fields, with `manifest_digest` empty and no signatures.
    pub fn digest(&self) -> crate::kernel::error::Result<Digest> {
        Ok(Digest::of(&canon::of(&self.bare())?))
    }

    /// As [`Manifest::digest`], in hex, with the time spelled as it stands in `bytes`: some producers hash that.
    pub fn digest_as_spelled(&self, bytes: &[u8]) -> crate::kernel::error::Result<String> {
        #[derive(Deserialize)]
        struct Spelled {
            created_at: Option<String>,
        }
        let Spelled { created_at } = read::typed(bytes)?;
        let mut bare = serde_json::json!(self.bare());
        bare["created_at"] = created_at.into();
        Ok(Digest::of(&canon::of(&bare)?).to_string())
    }

    fn bare(&self) -> Self {
        Self { manifest_digest: String::new(), signatures: Vec::new(), ..self.clone() }
    }
}

/// `run.json`: the run and where it took place.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Run {
    #[serde(deserialize_with = "nullable")]
    pub schema_id: String,
    #[serde(deserialize_with = "nullable")]
    pub schema_version: String,
    #[serde(deserialize_with = "nullable")]
    pub created_at: Timestamp,
    #[serde(deserialize_with = "nullable")]
    pub producer_version: String,
    #[serde(deserialize_with = "nullable")]
    pub run_id: String,
    #[serde(deserialize_with = "nullable")]
    pub env: Env,
    #[serde(deserialize_with = "items::<MAX_EVENTS, _, _>")]
    pub timeline: Option<Vec<TimelineEvent>>,
}

/// The machine a run took place on; `os` and `arch` by their Go names (`linux`, `amd64`).
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Env {
    #[serde(deserialize_with = "nullable")]
    pub os: String,
    #[serde(deserialize_with = "nullable")]
    pub arch: String,
    #[serde(deserialize_with = "nullable")]
    pub runtime: String,
}

/// Something that happened at a time, about a call or about nothing (`reference` empty).
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct TimelineEvent {
    #[serde(deserialize_with = "nullable")]
    pub event: String,
    #[serde(deserialize_with = "nullable")]
    pub ts: Timestamp,
    #[serde(rename = "ref", deserialize_with = "nullable", skip_serializing_if = "String::is_empty")]
    pub reference: String,
}

/// `refs.json`: what the run looked up.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Refs {
    #[serde(deserialize_with = "nullable")]
    pub schema_id: String,
    #[serde(deserialize_with = "nullable")]
    pub schema_version: String,
    #[serde(deserialize_with = "nullable")]
    pub created_at: Timestamp,
    #[serde(deserialize_with = "nullable")]
    pub producer_version: String,
    #[serde(deserialize_with = "nullable")]
    pub run_id: String,
    #[serde(deserialize_with = "items::<MAX_RECEIPTS, _, _>")]
    pub receipts: Option<Vec<Receipt>>,
}

/// One thing looked up: where, what for, and the digest of what came back.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Receipt {
    #[serde(deserialize_with = "nullable")]
    pub ref_id: String,
    #[serde(deserialize_with = "nullable")]
    pub source_type: String,
    #[serde(deserialize_with = "nullable")]
    pub source_locator: String,
    #[serde(deserialize_with = "nullable")]
    pub query_digest: String,
    #[serde(deserialize_with = "nullable")]
    pub content_digest: String,
    #[serde(deserialize_with = "nullable")]
    pub retrieved_at: Timestamp,
    #[serde(deserialize_with = "nullable")]
    pub redaction_mode: String,
    #[serde(deserialize_with = "nullable", skip_serializing_if = "String::is_empty")]
    pub sensitivity_label: String,
    #[serde(deserialize_with = "object_or_nothing", skip_serializing_if = "Option::is_none")]
    pub retrieval_params: Option<Box<RawValue>>,
}

/// An object that is not empty; `null` and `{}` are nothing, anything else is an error.
fn object_or_nothing<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Box<RawValue>>, D::Error> {
    let raw = Option::<Box<RawValue>>::deserialize(deserializer)?;
    match raw {
        Some(raw) if raw.get() == "null" || raw.get() == "{}" => Ok(None),
        Some(raw) if !raw.get().starts_with('{') => Err(Error::custom("expected an object")),
        other => Ok(other),
    }
}
