//! `gait regress merge`: the results of all shards joined to one verdict.

use crate::cli::output::Answer;
use crate::cli::regress::reports::ReportArgs;
use crate::cli::regress::run::Ran;
use crate::kernel::error::Result;
use crate::report::{join, result};
use camino::Utf8PathBuf;
use clap::Args;

/// Join the results of all shards of a run to one; ends 5 if any case failed, 6 if a shard is missing
#[derive(Debug, Args)]
pub struct MergeCmd {
    /// Result files, one of every shard
    #[arg(value_name = "RESULT", required = true)]
    results: Vec<Utf8PathBuf>,
    #[command(flatten)]
    reports: ReportArgs,
}

impl MergeCmd {
    /// Joins the results and writes the reports.
    pub fn run(self, json: bool) -> Result<Answer> {
        let inputs: Vec<&str> = self.results.iter().map(|path| path.as_str()).collect();
        let reports = self.reports.reports(&inputs)?;
        reports.clear()?;
        let read = |path: &Utf8PathBuf| Ok((path.to_string(), result::open(path)?));
        let report = join::join(self.results.iter().map(read).collect::<Result<_>>()?)?;
        reports.write(&report)?;
        Ran::merged(report, reports).answer(json)
    }
}
