//! Which fixtures one of several machines runs: by the name alone, so that a new fixture moves no other.

use crate::kernel::digest::Digest;
use crate::kernel::error::{Error, Result};
use crate::kernel::json::canon;
use crate::regress::judge::Rules;
use crate::regress::select::Selected;
use crate::runpack::record::PRODUCER;
use crate::runpack::verify::Trust;
use std::str::FromStr;

/// Most shards a run is cut into.
const MOST: usize = 10_000;

/// One of several shards: `index` from 1 to `total`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    pub index: usize,
    pub total: usize,
}

impl Part {
    /// Whether the fixture `name` is this shard's.
    pub fn holds(&self, name: &str) -> bool {
        let mut start = [0; 8];
        start.copy_from_slice(&Digest::of(name.as_bytes()).bytes()[..8]);
        u64::from_be_bytes(start) % self.total as u64 == self.index as u64 - 1
    }
}

impl FromStr for Part {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let numbers = text.split_once('/').and_then(|(k, n)| Some((k.trim().parse().ok()?, n.trim().parse().ok()?)));
        match numbers {
            Some((index, total)) if (1..=total).contains(&index) && total <= MOST => Ok(Self { index, total }),
            _ => Err(Error::invalid(format!("{text:?} is no shard: write K/N, such as 1/4, with K from 1 to N"))),
        }
    }
}

/// Digest of everything that was selected, before it is cut into shards.
pub fn list_digest(fixture_set: &str, fixtures: &[Selected]) -> Result<String> {
    let listed = |selected: &Selected| {
        let listed = &selected.listed;
        serde_json::json!([listed.name, listed.run_id, selected.graders, selected.load])
    };
    let told = serde_json::json!([fixture_set, fixtures.iter().map(listed).collect::<Vec<_>>()]);
    Ok(Digest::of(&canon::of(&told)?).to_string())
}

/// Digest of what decides verdicts: the config's text (whatever its line ends), flags, and who judges. Where candidates
/// come from is each machine's own business.
pub fn rules_digest(config: &str, rules: &Rules) -> Result<String> {
    let Rules { demands, require_candidate, unchanged, policies, candidates: _, agents: _ } = rules;
    let key = match &demands.trust {
        Trust::Given(key) => Some(key.id()),
        Trust::Known(_) => None,
    };
    let config = config.replace("\r\n", "\n");
    let flags = (require_candidate, unchanged, demands.require_signature, demands.strict);
    let policies = policies.values().map(|policy| Ok(policy.digest()?.to_string())).collect::<Result<Vec<_>>>()?;
    let told = match policies.is_empty() {
        true => canon::of(&(PRODUCER, config, flags, key))?,
        false => canon::of(&(PRODUCER, config, flags, key, policies))?,
    };
    Ok(Digest::of(&told).to_string())
}
