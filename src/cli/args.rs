//! Arguments that several commands share, and what they mean.

use crate::cli::output;
use crate::config::project::Project;
use crate::gate::signing::Signing;
use crate::kernel::archive::read::Limits;
use crate::kernel::error::{Error, Result};
use crate::runpack::verify::{Demands, Trust};
use crate::sign::key::{PrivateKey, PublicKey};
use crate::sign::keyring::{self, KeySource};
use camino::Utf8PathBuf;
use clap::Args;

/// The key to sign with.
#[derive(Debug, Args)]
pub struct SigningArgs {
    /// Private key file to sign with [default: $GAIT_PRIVATE_KEY, else a local key made once in ~/.gait/keys]
    #[arg(long, value_name = "PATH", conflicts_with = "private_key_env")]
    private_key: Option<String>,
    /// Name of the environment variable that holds the private key
    #[arg(long, value_name = "VAR")]
    private_key_env: Option<String>,
    /// Leave the runpack unsigned
    #[arg(long, conflicts_with_all = ["private_key", "private_key_env"])]
    no_sign: bool,
}

impl SigningArgs {
    /// The key, or none under `--no-sign` and where there is no home to keep one in.
    pub fn key(&self) -> Result<Option<PrivateKey>> {
        if self.no_sign {
            return Ok(None);
        }
        let given = KeySource::pick(self.private_key.as_deref(), self.private_key_env.as_deref(), "private-key")?;
        let key = match given {
            Some(source) => source.private().map(Some),
            None => keyring::default_private(),
        };
        if matches!(key, Ok(None)) {
            output::stderr("warning: the runpack is not signed: there is no home folder to keep a key in");
        }
        key
    }
}

/// The keys that count when a signature is checked.
#[derive(Debug, Args)]
pub struct TrustArgs {
    /// Public key file it has to be signed with
    #[arg(long, global = true, value_name = "PATH", conflicts_with = "public_key_env")]
    public_key: Option<String>,
    /// Name of the environment variable that holds the public key
    #[arg(long, global = true, value_name = "VAR")]
    public_key_env: Option<String>,
    /// Private key file whose public half it has to be signed with
    #[arg(long, global = true, value_name = "PATH", conflicts_with = "private_key_env")]
    private_key: Option<String>,
    /// Name of the environment variable that holds that private key
    #[arg(long, global = true, value_name = "VAR")]
    private_key_env: Option<String>,
    /// Folder of further trusted public keys (*.pub, *_public.key) besides .gait/trust and ~/.gait/keys
    #[arg(long, global = true, value_name = "DIR")]
    trust: Vec<Utf8PathBuf>,
}

impl TrustArgs {
    /// The one key the flags name. Both a public and a private key: they have to belong together.
    fn given(&self) -> Result<Option<PublicKey>> {
        let public = KeySource::pick(self.public_key.as_deref(), self.public_key_env.as_deref(), "public-key")?;
        let private = KeySource::pick(self.private_key.as_deref(), self.private_key_env.as_deref(), "private-key")?;
        let public = public.map(|source| source.public()).transpose()?;
        let derived = private.map(|source| source.private()).transpose()?.map(|key| key.public());
        match (public, derived) {
            (Some(public), Some(derived)) if public != derived => {
                Err(Error::invalid("the public key does not belong to the private key").hint("name only one of them"))
            }
            (public, derived) => Ok(public.or(derived)),
        }
    }

    /// Whose signatures count.
    pub fn trust(&self) -> Result<Trust> {
        if let Some(key) = self.given()? {
            return Ok(Trust::Given(key));
        }
        let mut keys = keyring::trusted()?;
        keys.extend(self.folders()?);
        Ok(Trust::Known(keys))
    }

    /// The keys the flags name, and no other.
    pub fn keys(&self) -> Result<Vec<PublicKey>> {
        match self.given()? {
            Some(key) => Ok(vec![key]),
            None => self.folders(),
        }
    }

    fn folders(&self) -> Result<Vec<PublicKey>> {
        let mut keys = Vec::new();
        for dir in &self.trust {
            let found = keyring::trust_dir(dir)?;
            if found.is_empty() {
                return Err(Error::invalid(format!("--trust {dir}: no public key in this folder")));
            }
            keys.extend(found);
        }
        Ok(keys)
    }

    /// Whether a flag says whose signature counts.
    pub fn names_a_key(&self) -> bool {
        let flags = [&self.public_key, &self.public_key_env, &self.private_key, &self.private_key_env];
        flags.into_iter().any(Option::is_some) || !self.trust.is_empty()
    }
}

/// How strictly a runpack is verified.
#[derive(Debug, Args)]
pub struct DemandArgs {
    /// How strict: `strict` requires a signature, a key flag, and record digests that hold
    #[arg(long, global = true, value_name = "standard|strict", default_value = "standard")]
    profile: String,
    /// Fail unless a trusted key signed the runpack
    #[arg(long, global = true)]
    require_signature: bool,
    #[command(flatten)]
    trust: TrustArgs,
    #[command(flatten)]
    limits: LimitArgs,
}

impl DemandArgs {
    /// The keys that count.
    pub fn trust(&self) -> &TrustArgs {
        &self.trust
    }

    /// What the flags and the project's settings demand.
    pub fn demands(&self) -> Result<Demands> {
        let strict = match self.profile.trim().to_lowercase().as_str() {
            "" | "standard" => false,
            "strict" => true,
            _ => {
                let what = format!("--profile {:?} is neither standard nor strict", self.profile);
                return Err(Error::invalid(what));
            }
        };
        if strict && !self.trust.names_a_key() {
            return Err(Error::invalid("profile strict needs a key to check the signature with")
                .hint("add --public-key, --public-key-env, --private-key, --private-key-env or --trust"));
        }
        let require_signature = strict || self.require_signature || Project::load()?.require_signature;
        Ok(Demands { trust: self.trust.trust()?, require_signature, strict, limits: self.limits.limits() })
    }
}

/// How much is read out of an archive.
#[derive(Debug, Args)]
pub struct LimitArgs {
    /// Largest entry read, in bytes uncompressed
    #[arg(long, global = true, value_name = "BYTES", default_value_t = Limits::default().entry, hide_short_help = true)]
    max_entry_bytes: u64,
    /// Largest archive read, in bytes uncompressed
    #[arg(long, global = true, value_name = "BYTES", default_value_t = Limits::default().total, hide_short_help = true)]
    max_total_bytes: u64,
}

impl LimitArgs {
    /// The limits.
    pub fn limits(&self) -> Limits {
        Limits { entry: self.max_entry_bytes, total: self.max_total_bytes, ..Limits::default() }
    }
}

/// One thing named by a flag or as the only positional.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct FromArg {
    /// The same as the argument
    #[arg(long, value_name = "RUN_ID|PATH")]
    from: Option<String>,
    /// Run id, or path of a runpack
    #[arg(value_name = "RUN_ID|PATH")]
    source: Option<String>,
}

impl FromArg {
    /// What was named.
    pub fn value(&self) -> &str {
        self.from.as_deref().or(self.source.as_deref()).unwrap_or_default()
    }
}

/// The key of a token or trace: one of this process, or the caller's own.
#[derive(Debug, Args)]
pub struct KeyModeArgs {
    /// dev signs with a key of this process, prod with yours
    #[arg(long, value_name = "MODE", default_value = "dev")]
    key_mode: String,
    /// Private key file to sign with
    #[arg(long, value_name = "FILE")]
    private_key: Option<String>,
    /// Name of the environment variable that holds it
    #[arg(long, value_name = "VAR")]
    private_key_env: Option<String>,
}

impl KeyModeArgs {
    /// The same as the gate takes it.
    pub fn signing(&self) -> Signing {
        Signing { mode: self.key_mode.clone(), path: self.private_key.clone(), env: self.private_key_env.clone() }
    }
}
