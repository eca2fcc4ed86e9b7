//! What holds for any input: canonical JSON, times, archives and signatures against their referees.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has to stop")]

mod archives;
mod canonical;
mod numbers;
mod paths;
mod signatures;
mod times;
