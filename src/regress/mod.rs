//! Recorded runs as test cases: a fixture is a runpack, a case is one grader on it.
//!
//! Verbs: `init` (a runpack becomes a fixture), `discover` (what there is to run), `compare` (two runs call by call:
//! `align`, then accept or fail by `tolerance`), `agent` (today's agent run against the recording, under `supervise`), `harness` (load, grade, report; as libtest cases too), `accept` (a
//! candidate becomes the baseline, `baselines` the signed chain of such decisions).
//!
//! **Invariant:** never green on nothing: what could not be loaded, selected or compared is said, and fails.

pub mod accept;
pub mod agent;
pub mod align;
pub mod allowed;
pub mod assign;
pub mod baselines;
pub mod candidate;
pub mod case;
pub mod compare;
pub mod discover;
pub mod evidence;
pub mod features;
pub mod fixture;
pub mod grade;
pub mod graders;
pub mod harness;
pub mod helper;
pub mod init;
pub mod job;
pub mod judge;
pub mod likeness;
pub mod links;
pub mod mishap;
pub mod pool;
pub mod produce;
pub mod run;
pub mod select;
pub mod shard;
pub mod supervise;
pub mod tolerance;
pub mod trials;
pub mod verdict;
#[cfg(unix)]
pub mod warden;
