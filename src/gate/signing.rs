//! Which key signs what the gate writes, and which keys count when it checks what others signed.

use crate::gate::text;
use crate::kernel::error::{Error, Result};
use crate::sign::key::{PrivateKey, PublicKey};
use crate::sign::keyring::{self, KeySource};
use camino::Utf8PathBuf;

/// What is said of every signature by a key that nobody keeps.
pub const DEV_WARNING: &str = "dev mode: ephemeral keypair generated; signatures will not verify across machines";

/// The key to sign with, as named.
#[derive(Debug, Clone, Default)]
pub struct Signing {
    /// `dev` or `prod`.
    pub mode: String,
    pub path: Option<String>,
    pub env: Option<String>,
}

impl Signing {
    /// Whether keys are the caller's own.
    pub fn is_prod(&self) -> bool {
        text::lower(&self.mode) == "prod"
    }

    pub fn names_a_key(&self) -> bool {
        self.path.is_some() || self.env.is_some()
    }

    /// The key, and a warning when it is one for this process only.
    pub fn key(&self) -> Result<(PrivateKey, Option<&'static str>)> {
        let source = KeySource::pick(self.path.as_deref(), self.env.as_deref(), "private-key")?;
        match (text::lower(&self.mode).as_str(), source) {
            ("dev", None) => Ok((PrivateKey::generate()?, Some(DEV_WARNING))),
            ("dev", Some(_)) => Err(Error::invalid("key mode dev makes its own key and takes none")
                .hint("use --key-mode prod with --private-key or --private-key-env")),
            ("prod", Some(source)) => Ok((source.private()?, None)),
            ("prod", None) => Err(Error::invalid("key mode prod needs --private-key or --private-key-env")),
            _ => Err(Error::invalid(format!("--key-mode {:?} is neither dev nor prod", self.mode))),
        }
    }
}

/// Keys whose signatures count, as named.
#[derive(Debug, Clone, Default)]
pub struct Verifying {
    /// What the flags begin with, for messages: `approval`, `delegation`.
    pub prefix: &'static str,
    pub public: Option<String>,
    pub public_env: Option<String>,
    pub private: Option<String>,
    pub private_env: Option<String>,
    /// Folder of further public keys.
    pub trust: Option<Utf8PathBuf>,
}

impl Verifying {
    /// The keys named; empty when none is.
    pub fn keys(&self) -> Result<Vec<PublicKey>> {
        let flag =
            |half: &str| if self.prefix.is_empty() { half.to_owned() } else { format!("{}-{half}", self.prefix) };
        let public = KeySource::pick(self.public.as_deref(), self.public_env.as_deref(), &flag("public-key"))?;
        let private = KeySource::pick(self.private.as_deref(), self.private_env.as_deref(), &flag("private-key"))?;
        let mut keys = match (public, private) {
            (Some(source), _) => vec![source.public()?],
            (None, Some(source)) => vec![source.private()?.public()],
            (None, None) => Vec::new(),
        };
        if let Some(dir) = &self.trust {
            let found = keyring::trust_dir(dir)?;
            if found.is_empty() {
                return Err(Error::invalid(format!("{dir} holds no public key")));
            }
            keys.extend(found);
        }
        Ok(keys)
    }
}
