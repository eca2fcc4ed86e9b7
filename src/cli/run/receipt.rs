//! `gait run receipt`: the ticket footer of a pack that holds.

use crate::cli::args::FromArg;
use crate::cli::exit::Exit;
use crate::cli::output::Answer;
use crate::kernel::error::Result;
use crate::runpack::locate;
use crate::runpack::receipt;
use crate::runpack::verify::Trust;
use clap::Args;

/// Print the one-line ticket footer of a runpack, after verifying it
#[derive(Debug, Args)]
pub struct ReceiptCmd {
    #[command(flatten)]
    from: FromArg,
}

impl ReceiptCmd {
    /// Verifies the pack and gives its footer.
    pub fn run(self) -> Result<Answer> {
        let path = locate::resolve(self.from.value())?;
        let receipt = receipt::receipt(&path, &Trust::ambient()?)?;
        Ok(Answer::new(&receipt, Exit::Ok)?.text(receipt.ticket_footer.as_str()))
    }
}
