//! `gait migrate` and `gait demo`: packs this program writes on its own.

use crate::cli::args::SigningArgs;
use crate::cli::demo::live;
use crate::cli::exit::Exit;
use crate::cli::output::Answer;
use crate::kernel::clock::Clock;
use crate::kernel::error::{Error, Result};
use crate::runpack::demo;
use crate::runpack::locate;
use crate::runpack::migrate::{self, Options};
use crate::runpack::verify::Trust;
use camino::{Utf8Path, Utf8PathBuf};
use clap::Args;

/// Write a runpack again in canonical form
#[derive(Debug, Args)]
pub struct MigrateCmd {
    /// The same as the argument
    #[arg(long, value_name = "RUN_ID|PATH")]
    input: Option<String>,
    /// Run id, or path of a runpack
    #[arg(value_name = "RUN_ID|PATH", conflicts_with = "input", required_unless_present = "input")]
    source: Option<String>,
    /// Where the new runpack goes [default: beside the input]
    #[arg(long, value_name = "ZIP")]
    out: Option<String>,
    /// Format version to write
    #[arg(long, value_name = "VERSION", default_value = "v1")]
    target: String,
    #[command(flatten)]
    signing: SigningArgs,
}

impl MigrateCmd {
    /// Rewrites the pack.
    pub fn run(self, clock: Clock) -> Result<Answer> {
        if self.target.trim() != "v1" {
            return Err(Error::invalid(format!("--target {:?} is not known", self.target)).hint("use v1"));
        }
        let source = self.input.or(self.source).unwrap_or_default();
        let input = locate::resolve(&source)?;
        let key = self.signing.key()?;
        let options = Options { out: self.out, trust: Trust::ambient()?, key: key.as_ref(), clock };
        let migrated = migrate::migrate(&input, &options)?;
        let text = format!("migrate ok: {} -> {} ({})", migrated.input, migrated.output, migrated.status.word());
        let notes = migrated.warnings.iter().map(|warning| format!("warning: {warning}")).collect::<Vec<_>>();
        Ok(Answer::new(&migrated, Exit::Ok)?.text(text).notes(notes))
    }
}

/// Write a small signed demo run to gait-out and verify it
#[derive(Debug, Args)]
pub struct DemoCmd {
    /// Tell the whole story instead, with real processes: record, test, change, accept, forge; under ten seconds
    #[arg(long)]
    live: bool,
    /// The folder of the live demo, which must not be there yet
    #[arg(long, value_name = "DIR", default_value = live::DIR, requires = "live")]
    dir: Utf8PathBuf,
    #[command(flatten)]
    signing: SigningArgs,
}

impl DemoCmd {
    /// Writes the demo pack, or tells the story.
    pub fn run(self) -> Result<Answer> {
        if self.live {
            return live::run(&self.dir);
        }
        let key = self.signing.key()?;
        let made = demo::demo(Utf8Path::new(locate::OUT_DIR), key.as_ref())?;
        let text = format!(
            "run_id={}\nbundle={}\nticket_footer={}\nverify={}",
            made.run_id, made.bundle, made.ticket_footer, made.verify
        );
        Ok(Answer::new(&made, Exit::Ok)?.text(text))
    }
}
