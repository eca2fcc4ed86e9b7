//! Freeze windows: times in which calls are stopped whatever the rules say.

use crate::gate::model::Verdict;
use crate::gate::policy::Match;
use crate::kernel::clock::Timestamp;
use serde::Serialize;

/// One window, from `start` on and until right before `end`.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Freeze {
    pub name: String,
    pub start: Timestamp,
    pub end: Timestamp,
    /// `block` or `require_approval`.
    pub effect: Verdict,
    #[serde(rename = "Match")]
    pub matching: Match,
    pub reason_code: String,
    pub violation: String,
}

impl Freeze {
    /// Whether the window is open at a time.
    pub fn is_open(&self, now: &Timestamp) -> bool {
        now.since(&self.start).is_some() && now.since(&self.end).is_none()
    }
}
