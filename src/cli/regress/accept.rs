//! `gait regress accept`: what the agent does today becomes the baseline.

use crate::cli::exit::Exit;
use crate::cli::output::{self, Answer};
use crate::cli::regress::reports::DEFAULT_OUTPUT;
use crate::config::project::Project;
use crate::config::suite;
use crate::kernel::clock::Clock;
use crate::kernel::error::{Error, Kind, Result};
use crate::regress::accept::{self, Accepted, Outlook, Plan, Request};
use crate::regress::fixture::Demands;
use crate::runpack::locate;
use crate::runpack::story::visible;
use crate::runpack::verify::Trust;
use crate::sign::key::PrivateKey;
use crate::sign::keyring::{self, KeySource};
use clap::Args;

/// Make a run of today's agent the baseline of a fixture, with a signed record of who and why
#[derive(Debug, Args)]
pub struct AcceptCmd {
    /// The fixture
    #[arg(value_name = "NAME")]
    name: String,
    /// Why the new behaviour is right
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// The new baseline [default: the first failing trial of the last run]
    #[arg(long, value_name = "RUN_ID|PATH")]
    candidate: Option<String>,
    /// Accept although the environment says this is CI
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    place: AcceptArgs,
}

/// Where the last run is, and who accepts.
#[derive(Debug, Args)]
pub struct AcceptArgs {
    /// Who accepts [default: the user's name]
    #[arg(long = "as", value_name = "WHO")]
    who: Option<String>,
    /// The suite
    #[arg(long, value_name = "FILE", default_value = suite::DEFAULT_PATH)]
    config: String,
    /// Result file of the last run
    #[arg(long, value_name = "FILE", default_value = DEFAULT_OUTPUT)]
    pub result: String,
    /// Private key file to sign with [default: $GAIT_PRIVATE_KEY, else a local key made once in ~/.gait/keys]
    #[arg(long, value_name = "PATH", conflicts_with = "private_key_env")]
    private_key: Option<String>,
    /// Name of the environment variable that holds the private key
    #[arg(long, value_name = "VAR")]
    private_key_env: Option<String>,
}

impl AcceptArgs {
    /// The key that signs the record.
    pub fn key(&self) -> Result<PrivateKey> {
        let given = KeySource::pick(self.private_key.as_deref(), self.private_key_env.as_deref(), "private-key")?;
        let key = match given {
            Some(source) => Some(source.private()?),
            None => keyring::default_private()?,
        };
        key.ok_or_else(|| Error::invalid("there is no key to sign with").hint("name one with --private-key"))
    }

    /// The request to accept `candidate` for the fixture `name`.
    pub fn request(&self, name: &str, reason: &str, candidate: Option<&str>, key: &PrivateKey) -> Result<Request> {
        let user = || ["USER", "USERNAME"].iter().find_map(|name| std::env::var(name).ok());
        Ok(Request {
            config: self.config.clone(),
            fixture: name.to_owned(),
            reason: reason.to_owned(),
            who: self.who.clone().or_else(user).unwrap_or_default().trim().to_owned(),
            candidate: candidate.map(locate::resolve).transpose()?,
            result: self.result.clone().into(),
            demands: Demands {
                trust: Trust::ambient()?,
                require_signature: Project::load()?.require_signature,
                strict: false,
            },
            signer: key.public(),
        })
    }
}

/// Refuses where nobody looks at what is accepted.
pub fn refuse_in_ci(hint: &str) -> Result<()> {
    let ci = std::env::var("CI").unwrap_or_default();
    if matches!(ci.trim().to_lowercase().as_str(), "" | "0" | "false") {
        return Ok(());
    }
    let what = "a baseline is accepted by a person, and the environment says this is CI";
    Err(Error::new(Kind::UnsafeRefused, what).hint(hint))
}

/// What differs, or that nothing that counts does; then how the other trials stand.
pub fn told(plan: &Plan) -> String {
    let differs = match (&plan.candidate, plan.evidence.as_str()) {
        (None, _) => "an acceptance was cut off: finishing it, and nothing else\n".to_owned(),
        (Some(_), "") => "nothing differs that the fixture does not allow\n".to_owned(),
        (Some(_), evidence) => output::coloured(evidence),
    };
    let outlook = plan.outlook.map_or_else(String::new, |outlook| {
        let Outlook { passes, trials, min_pass } = outlook;
        let warning = if passes < min_pass {
            format!("warning: {min_pass} have to pass: name another trial with --candidate, or mend the agent\n")
        } else {
            String::new()
        };
        format!("with the new baseline {passes} of {trials} trials of the last run pass\n{warning}")
    });
    format!("{differs}{outlook}")
}

impl AcceptCmd {
    /// Shows the diff and accepts it.
    pub fn run(self, clock: Clock) -> Result<Answer> {
        if !self.force {
            refuse_in_ci("accept on a machine of your own and commit the fixture; or pass --force")?;
        }
        let key = self.place.key()?;
        let request = self.place.request(&self.name, &self.reason, self.candidate.as_deref(), &key)?;
        let plan = accept::plan(&request)?;
        let (evidence, candidate, shown) = (plan.evidence.clone(), plan.candidate.clone(), told(&plan));
        let outlook = plan.outlook;
        let accepted = plan.apply(&key, clock)?;
        let mut answer = Answer::new(&accepted, Exit::Ok)?.with("evidence", &evidence)?;
        if let Some(candidate) = &candidate {
            answer = answer.with("candidate", candidate)?;
        }
        if let Some(outlook) = &outlook {
            answer = answer.with("outlook", outlook)?;
        }
        Ok(answer.text(format!("{shown}{}", text(&accepted))))
    }
}

/// What was accepted, in lines.
pub fn text(accepted: &Accepted) -> String {
    let Accepted { fixture, run_id, previous_run_id, manifest_digest, diff_digest, key_id, baselines, .. } = accepted;
    let told = |n: usize| {
        format!(
            "warning: {n} of its calls had no recorded answer, and are answered by that tool error from now on; record the \
             run anew with `gait run capture` for real ones\n"
        )
    };
    let unanswered = accepted.unanswered.map_or_else(String::new, told);
    let [fixture, run_id, previous_run_id] = [fixture, run_id, previous_run_id].map(|text| visible(text));
    format!(
        "regress accept ok: fixture={fixture} run_id={run_id} previous_run_id={previous_run_id}\n\
         manifest_digest: {manifest_digest}\ndiff_digest: {diff_digest}\nsigned by: {key_id}\nrecord: {baselines}\n\
         {unanswered}next: gait regress run\n"
    )
}
