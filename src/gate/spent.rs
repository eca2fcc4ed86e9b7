//! Approvals that have let a call through. Where they are kept, each does so once.

use crate::gate::model::SCHEMA_VERSION;
use crate::gate::state::{self, State};
use crate::kernel::clock::Timestamp;
use crate::kernel::error::Result;
use camino::Utf8Path;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::time::Duration;

/// Where profile oss-prod keeps them unless told otherwise.
pub const DEFAULT_STATE: &str = ".gait-out/gate_spent_approvals.json";
/// How long an ended approval is kept: another process may have found it valid just before, or has a clock that is behind.
const KEPT: Duration = Duration::from_secs(24 * 60 * 60);
const SCHEMA: &str = "gait.gate.spent_approvals";

/// An approval that counts once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spent {
    pub token_id: String,
    /// What its signature covers: the approval however its file is called or spelled.
    pub signed_digest: String,
    /// From then on it is refused anyway, and a day later forgotten here.
    pub expires_at: Timestamp,
}

#[derive(Debug, Serialize, Deserialize)]
struct Ledger {
    schema_id: String,
    schema_version: String,
    spent: Vec<Spent>,
}

impl Default for Ledger {
    fn default() -> Self {
        Self { schema_id: SCHEMA.to_owned(), schema_version: SCHEMA_VERSION.to_owned(), spent: Vec::new() }
    }
}

impl State for Ledger {
    const BROKEN: &'static str =
        "the ledger of spent approvals is broken: mend it, or remove it once no approval in it can be shown again";
    const BUSY: &'static str = "approval_ledger_lock_timeout";

    fn is_known(&self) -> bool {
        self.schema_id == SCHEMA && self.schema_version == SCHEMA_VERSION
    }
}

/// The signed digests of the approvals that are spent.
pub fn digests(path: &Utf8Path) -> Result<BTreeSet<String>> {
    Ok(state::read::<Ledger>(path)?.spent.into_iter().map(|spent| spent.signed_digest).collect())
}

/// Spends approvals, all or none: false when one of them is spent already.
pub fn spend(path: &Utf8Path, approvals: &[Spent], now: &Timestamp) -> Result<bool> {
    state::change(path, |ledger: &mut Ledger| {
        let known = |new: &Spent| ledger.spent.iter().any(|old| old.signed_digest == new.signed_digest);
        if approvals.iter().any(known) {
            return (false, false);
        }
        ledger.spent.retain(|old| now.since(&old.expires_at).is_none_or(|ended| ended < KEPT));
        ledger.spent.extend_from_slice(approvals);
        (true, true)
    })
}
