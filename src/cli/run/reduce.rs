//! `gait run reduce`: the smallest pack that still shows the failure.

use crate::cli::args::{FromArg, SigningArgs};
use crate::cli::exit::Exit;
use crate::cli::output::Answer;
use crate::kernel::error::Result;
use crate::runpack::locate;
use crate::runpack::reduce::{self, Options};
use crate::runpack::verify::Trust;
use clap::Args;

/// Shrink a runpack to the first call that fails
#[derive(Debug, Args)]
pub struct ReduceCmd {
    #[command(flatten)]
    from: FromArg,
    /// What makes a call a failing one: missing_result or non_ok_status
    #[arg(long, value_name = "PREDICATE", default_value = "missing_result")]
    predicate: String,
    /// Where the reduced runpack goes [default: beside the input]
    #[arg(long, value_name = "ZIP")]
    out: Option<String>,
    /// Where the report goes [default: beside the reduced runpack]
    #[arg(long, value_name = "JSON")]
    report_out: Option<String>,
    #[command(flatten)]
    signing: SigningArgs,
}

impl ReduceCmd {
    /// Reduces the pack.
    pub fn run(self) -> Result<Answer> {
        let predicate = self.predicate.parse()?;
        let input = locate::resolve(self.from.value())?;
        let key = self.signing.key()?;
        let options = Options {
            predicate,
            out: self.out,
            report_out: self.report_out,
            trust: Trust::ambient()?,
            key: key.as_ref(),
        };
        let reduced = reduce::reduce(&input, &options)?;
        let text = format!("run reduce ok: {} -> {}\nreport: {}", reduced.input, reduced.output, reduced.report_path);
        let notes = reduced.warnings.iter().map(|warning| format!("warning: {warning}")).collect::<Vec<_>>();
        Ok(Answer::new(&reduced, Exit::Ok)?.text(text).notes(notes))
    }
}
