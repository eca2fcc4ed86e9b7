//! Keys as flags name them: one source each, for their owner's eyes only, and a pair.

use crate::doctor::check::{Check, quoted};
use crate::kernel::error::{Error, Result};
use crate::sign::keyring::KeySource;

/// What the key flags say; blanks are gone.
#[derive(Debug, Default)]
pub struct Keys {
    /// In lower case; empty is `dev`.
    pub mode: String,
    pub private: Option<String>,
    pub private_env: Option<String>,
    pub public: Option<String>,
    pub public_env: Option<String>,
}

/// The three checks of keys.
pub fn checks(keys: &Keys) -> Vec<Check> {
    vec![keys.ambiguity(), keys.permissions(), keys.config()]
}

impl Keys {
    fn ambiguity(&self) -> Check {
        const NAME: &str = "key_source_ambiguity";
        for (path, env, flag) in
            [(&self.private, &self.private_env, "private-key"), (&self.public, &self.public_env, "public-key")]
        {
            if path.is_some() && env.is_some() {
                return Check::fail(NAME, format!("--{flag} and --{flag}-env are both given"))
                    .fix(format!("give one of --{flag} and --{flag}-env"));
            }
        }
        Check::pass(NAME, "each key has one source at most")
    }

    /// Every path that is wrong is told; the command mends the first.
    fn permissions(&self) -> Check {
        const NAME: &str = "key_permissions";
        let private = self.private.as_deref().and_then(|path| exposed(path, 0o077, "go-rwx"));
        let public = self.public.as_deref().and_then(|path| exposed(path, 0o022, "go-w"));
        let found: Vec<(String, String)> = private.into_iter().chain(public).collect();
        match found.first() {
            None => Check::pass(NAME, "no named key file can be used by others"),
            Some((_, fix)) => {
                let told: Vec<&str> = found.iter().map(|(what, _)| what.as_str()).collect();
                Check::warn(NAME, told.join("; ")).fix(fix)
            }
        }
    }

    fn config(&self) -> Check {
        const NAME: &str = "key_config";
        let named = [&self.private, &self.private_env, &self.public, &self.public_env].into_iter().any(Option::is_some);
        match self.mode.as_str() {
            "" | "dev" if named => Check::warn(NAME, "key mode dev makes its own key and takes none")
                .fix("use --key-mode prod, or leave the keys away"),
            "" | "dev" => Check::pass(NAME, "key mode dev: signatures do not verify across machines"),
            "prod" => match self.pair() {
                Ok(id) => Check::pass(NAME, format!("key mode prod, key {id}")),
                Err(error) => Check::fail(NAME, error.to_string())
                    .fix("gait keys init, then --private-key or --private-key-env with the key it made"),
            },
            mode => Check::fail(NAME, format!("key mode {mode:?} is neither dev nor prod"))
                .fix("use --key-mode dev or --key-mode prod"),
        }
    }

    /// The id of the private key, which the public one has to belong to.
    fn pair(&self) -> Result<String> {
        let pick =
            |path: &Option<String>, env: &Option<String>, flag| KeySource::pick(path.as_deref(), env.as_deref(), flag);
        let private = pick(&self.private, &self.private_env, "private-key")?
            .ok_or_else(|| Error::invalid("key mode prod needs --private-key or --private-key-env"))?;
        let id = private.private()?.public().id();
        if let Some(public) = pick(&self.public, &self.public_env, "public-key")?
            && public.public()?.id() != id
        {
            return Err(Error::invalid("the public key is not that of the private key"));
        }
        Ok(id)
    }
}

/// What is wrong with a key file whose mode may have none of `bits`, and what mends it.
fn exposed(path: &str, bits: u32, change: &str) -> Option<(String, String)> {
    let file = quoted(path);
    match std::fs::metadata(path) {
        Err(error) => Some((format!("{path}: {error}"), format!("ls -l {file}"))),
        Ok(found) if found.is_dir() => Some((format!("{path} is a directory"), "name a key file".to_owned())),
        Ok(found) if mode(&found) & bits != 0 => Some((
            format!("others can use {path}: its mode is {:o}", mode(&found) & 0o777),
            format!("chmod {change} {file}"),
        )),
        Ok(_) => None,
    }
}

#[cfg(unix)]
fn mode(found: &std::fs::Metadata) -> u32 {
    std::os::unix::fs::MetadataExt::mode(found)
}

#[cfg(not(unix))]
fn mode(_: &std::fs::Metadata) -> u32 {
    0
}
