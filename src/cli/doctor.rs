//! `gait doctor`: is this machine, and this project, ready?

use crate::cli::args::KeyModeArgs;
use crate::cli::exit::Exit;
use crate::cli::output::Answer;
use crate::doctor::check::{Report, Status};
use crate::doctor::keys::Keys;
use crate::doctor::{folders, keys, production};
use crate::kernel::clock::Clock;
use crate::kernel::error::Result;
use crate::report::text::visible;
use camino::Utf8Path;
use clap::Args;

/// Look whether this machine and this project are ready, and say what mends what is not
///
/// Exit: 0 unless something failed and --strict or --production-readiness asks for more, then 2.
#[derive(Debug, Args)]
pub struct DoctorCmd {
    /// Directory to look at
    #[arg(long, value_name = "DIR", default_value = ".")]
    workdir: String,
    /// Directory that artifacts go to
    #[arg(long, value_name = "DIR", default_value = "./gait-out")]
    output_dir: String,
    #[command(flatten)]
    signing: KeyModeArgs,
    /// Public key file
    #[arg(long, value_name = "FILE")]
    public_key: Option<String>,
    /// Name of the environment variable that holds it
    #[arg(long, value_name = "VAR")]
    public_key_env: Option<String>,
    /// Hold .gait/config.yaml to what production asks for
    #[arg(long)]
    production_readiness: bool,
    /// End 2 when a check failed
    #[arg(long)]
    strict: bool,
}

impl DoctorCmd {
    /// Looks, and tells.
    pub fn run(self, clock: Clock) -> Result<Answer> {
        let named = |text: Option<String>| text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        let or = |text: String, usual: &str| named(Some(text)).unwrap_or_else(|| usual.to_owned());
        let (workdir, output) = (or(self.workdir, "."), or(self.output_dir, "./gait-out"));
        let workdir = Utf8Path::new(&workdir);
        let signing = self.signing.signing();
        let keys = Keys {
            mode: signing.mode.trim().to_lowercase(),
            private: named(signing.path),
            private_env: named(signing.env),
            public: named(self.public_key),
            public_env: named(self.public_key_env),
        };
        let mut checks = folders::checks(workdir, Utf8Path::new(&output));
        checks.extend(keys::checks(&keys));
        if self.production_readiness {
            checks.extend(production::checks(workdir));
        }
        let report = Report::of(checks, clock);
        let failed = report.status == Status::Fail && (self.strict || self.production_readiness);
        let exit = if failed { Exit::VerificationFailed } else { Exit::Ok };
        let text = text(&report);
        Ok(Answer::new(&report, exit)?.text(text))
    }
}

fn text(report: &Report) -> String {
    let mut out = format!("{}\n", report.summary);
    for check in &report.checks {
        out.push_str(&format!("- {}: {} ({})\n", check.name, check.status.word(), visible(&check.message)));
        if let Some(fix) = &check.fix_command {
            out.push_str(&format!("  fix: {}\n", visible(fix)));
        }
    }
    out
}
