//! `gait keys`: make, rotate, check and trust signing keys.

use crate::cli::exit::Exit;
use crate::cli::output::Answer;
use crate::kernel::clock::Clock;
use crate::kernel::error::{Error, Result};
use crate::kernel::fs;
use crate::sign::keyring::{self, KeySource, Pair};
use camino::Utf8PathBuf;
use clap::{Args, Subcommand};
use serde_json::json;

/// Make, rotate, check and trust signing keys
#[derive(Debug, Args)]
pub struct KeysCmd {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Init(InitCmd),
    Rotate(RotateCmd),
    Verify(VerifyCmd),
    Trust(TrustCmd),
}

/// Make a key pair: <out-dir>/<prefix>_private.key and <prefix>_public.key
#[derive(Debug, Args)]
struct InitCmd {
    #[command(flatten)]
    place: PlaceArgs,
    /// Replace an existing pair; the old private key is kept beside it
    #[arg(long)]
    force: bool,
}

/// Make the next key pair, named by the time; earlier keys stay
#[derive(Debug, Args)]
struct RotateCmd {
    #[command(flatten)]
    place: PlaceArgs,
}

#[derive(Debug, Args)]
struct PlaceArgs {
    /// Folder of the keys
    #[arg(long, value_name = "DIR", default_value = "gait-out/keys")]
    out_dir: String,
    /// First part of the file names
    #[arg(long, value_name = "NAME", default_value = "gait")]
    prefix: String,
}

/// Check that a private key is well-formed, and that a public key belongs to it
#[derive(Debug, Args)]
struct VerifyCmd {
    /// Private key file
    #[arg(long, value_name = "PATH")]
    private_key: Option<String>,
    /// Name of the environment variable that holds the private key
    #[arg(long, value_name = "VAR")]
    private_key_env: Option<String>,
    /// Public key file that has to belong to it
    #[arg(long, value_name = "PATH")]
    public_key: Option<String>,
    /// Name of the environment variable that holds that public key
    #[arg(long, value_name = "VAR")]
    public_key_env: Option<String>,
}

/// Trust a public key in this project: copy it to .gait/trust
#[derive(Debug, Args)]
struct TrustCmd {
    /// Public key file
    #[arg(value_name = "FILE")]
    file: Utf8PathBuf,
}

impl KeysCmd {
    /// Runs the verb.
    pub fn run(self, clock: Clock) -> Result<Answer> {
        match self.verb {
            Verb::Init(cmd) => {
                let dir = cmd.place.dir()?;
                pair(&keyring::write_pair(&dir, cmd.place.prefix.trim(), cmd.force)?)
            }
            Verb::Rotate(cmd) => pair(&keyring::rotate(&cmd.place.dir()?, cmd.place.prefix.trim(), clock)?),
            Verb::Verify(cmd) => cmd.run(),
            Verb::Trust(cmd) => {
                let (key, path) = keyring::trust(&cmd.file)?;
                let text = format!("keys trust ok: key_id={} path={path}", key.id());
                Ok(Answer::new(&json!({ "key_id": key.id(), "path": path }), Exit::Ok)?.text(text))
            }
        }
    }
}

impl PlaceArgs {
    fn dir(&self) -> Result<Utf8PathBuf> {
        match self.out_dir.trim() {
            "" => Err(Error::invalid("--out-dir is empty")),
            dir => Ok(fs::clean(dir)),
        }
    }
}

fn pair(pair: &Pair) -> Result<Answer> {
    let value = json!({
        "prefix": pair.prefix,
        "key_id": pair.key_id,
        "public_key_path": pair.public_path,
        "private_key_path": pair.private_path,
    });
    let text =
        format!("keys init ok: key_id={} public={} private={}", pair.key_id, pair.public_path, pair.private_path);
    Ok(Answer::new(&value, Exit::Ok)?.text(text))
}

impl VerifyCmd {
    fn run(self) -> Result<Answer> {
        let private = KeySource::pick(self.private_key.as_deref(), self.private_key_env.as_deref(), "private-key")?;
        let public = KeySource::pick(self.public_key.as_deref(), self.public_key_env.as_deref(), "public-key")?;
        let source = private.ok_or_else(|| {
            Error::invalid("no private key to verify").hint("name it with --private-key or --private-key-env")
        })?;
        let key = source.private()?.public();
        if let Some(public) = &public
            && public.public()? != key
        {
            return Err(Error::invalid(format!("the public key {public} does not belong to the private key {source}")));
        }
        let value = json!({
            "key_id": key.id(),
            "private_key_source": source.to_string(),
            "public_key_source": public.map_or_else(|| "derived".to_owned(), |source| source.to_string()),
        });
        Ok(Answer::new(&value, Exit::Ok)?.text(format!("keys verify ok: key_id={}", key.id())))
    }
}
