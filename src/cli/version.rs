//! `gait version` and `gait completions`.

use crate::cli::exit::Exit;
use crate::cli::output::Answer;
use crate::kernel::error::Result;
use clap::Args;
use clap_complete::Shell;
use serde_json::json;

/// `gait <version>`.
pub fn answer() -> Result<Answer> {
    let version = env!("CARGO_PKG_VERSION");
    Ok(Answer::new(&json!({ "version": version }), Exit::Ok)?.text(format!("gait {version}")))
}

/// Print the completion script of a shell
#[derive(Debug, Args)]
pub struct CompletionsCmd {
    /// The shell to complete in
    #[arg(value_enum)]
    shell: Shell,
}

impl CompletionsCmd {
    /// The script for `root`.
    pub fn run(self, mut root: clap::Command) -> Result<Answer> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut root, "gait", &mut script);
        let script = String::from_utf8_lossy(&script).into_owned();
        Ok(Answer::new(&json!({ "shell": self.shell.to_string(), "script": script }), Exit::Ok)?.text(script))
    }
}
