//! Where keys come from: files, environment variables, the local key, and the folders of trusted keys.

use crate::kernel::clock::Clock;
use crate::kernel::error::{Error, Kind, Result};
use crate::kernel::fs;
use crate::sign::key::{PrivateKey, PublicKey};
use camino::{Utf8Path, Utf8PathBuf};
use zeroize::Zeroizing;

/// Environment variable that holds the private key to sign with, when no flag names one.
pub const PRIVATE_KEY_VAR: &str = "GAIT_PRIVATE_KEY";
/// The project's folder of trusted public keys.
pub const PROJECT_TRUST: &str = ".gait/trust";

/// A file or an environment variable that holds a key's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySource {
    Path(Utf8PathBuf),
    Env(String),
}

impl std::fmt::Display for KeySource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Path(path) => write!(f, "path:{path}"),
            Self::Env(name) => write!(f, "env:{name}"),
        }
    }
}

impl KeySource {
    /// The one source of two flags of the same kind; both together are an error.
    pub fn pick(path: Option<&str>, env: Option<&str>, flag: &str) -> Result<Option<Self>> {
        match (path, env) {
            (Some(_), Some(_)) => Err(Error::invalid(format!("--{flag} and --{flag}-env exclude each other"))),
            (Some(path), None) => Ok(Some(Self::Path(path.into()))),
            (None, Some(name)) => Ok(Some(Self::Env(name.to_owned()))),
            (None, None) => Ok(None),
        }
    }

    fn text(&self) -> Result<Zeroizing<String>> {
        match self {
            Self::Path(path) => fs::read(path, fs::SETTINGS_LIMIT)
                .and_then(|bytes| {
                    String::from_utf8(bytes).map_err(|_| Error::invalid(format!("key file {path} is not text")))
                })
                .map(Zeroizing::new),
            Self::Env(name) => match std::env::var(name) {
                Ok(value) if !value.trim().is_empty() => Ok(Zeroizing::new(value)),
                _ => Err(Error::invalid(format!("environment variable {name} holds no key"))),
            },
        }
    }

    /// The private key it holds.
    pub fn private(&self) -> Result<PrivateKey> {
        PrivateKey::from_text(&self.text()?).map_err(|e| e.at(self))
    }

    /// The public key it holds.
    pub fn public(&self) -> Result<PublicKey> {
        PublicKey::from_text(&self.text()?).map_err(|e| e.at(self))
    }
}

/// The key that signs what this user writes: `GAIT_PRIVATE_KEY`, else the local key, made once.
///
/// `None` when there is no home directory to keep a local key in.
pub fn default_private() -> Result<Option<PrivateKey>> {
    if std::env::var(PRIVATE_KEY_VAR).is_ok_and(|value| !value.trim().is_empty()) {
        return KeySource::Env(PRIVATE_KEY_VAR.to_owned()).private().map(Some);
    }
    fs::home().map(|home| local(&home.join(".gait/keys"))).transpose()
}

/// The local key in `dir`, made on first use. Two processes that make it at once end with the same key.
fn local(dir: &Utf8Path) -> Result<PrivateKey> {
    let private_path = dir.join("local_private.key");
    let public_path = dir.join("local_public.key");
    if !private_path.exists() {
        fs::make_dir(dir)?;
        let fresh = PrivateKey::generate()?;
        let text = Zeroizing::new(format!("{}\n", *fresh.to_text()));
        match fs::write_new(&private_path, text.as_bytes()) {
            Err(error) if !private_path.exists() => return Err(error),
            _ => {}
        }
    }
    let key = KeySource::Path(private_path).private()?;
    if !public_path.exists() {
        fs::write(&public_path, format!("{}\n", key.public().to_text()).as_bytes())?;
    }
    Ok(key)
}

/// The public keys trusted without a flag: the project's `.gait/trust` and the user's `~/.gait/keys`.
pub fn trusted() -> Result<Vec<PublicKey>> {
    let mut keys = trust_dir(Utf8Path::new(PROJECT_TRUST))?;
    if let Some(home) = fs::home() {
        keys.extend(trust_dir(&home.join(".gait/keys"))?);
    }
    Ok(keys)
}

/// The public keys in `dir`: every `*.pub` and `*_public.key`. A folder that is not there trusts nobody.
pub fn trust_dir(dir: &Utf8Path) -> Result<Vec<PublicKey>> {
    let listing = match dir.read_dir_utf8() {
        Ok(listing) => listing,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::io("read", dir, error)),
    };
    let mut paths = Vec::new();
    for entry in listing {
        let path = entry.map_err(|e| Error::io("read", dir, e))?.into_path();
        if path.extension() == Some("pub") || path.as_str().ends_with("_public.key") {
            paths.push(path);
        }
    }
    paths.sort();
    paths.into_iter().map(|path| KeySource::Path(path).public()).collect()
}

/// Copies a public key into the project's trust folder under its key id; the new file's path.
pub fn trust(source: &Utf8Path) -> Result<(PublicKey, Utf8PathBuf)> {
    let key = KeySource::Path(source.to_owned()).public()?;
    let path = Utf8Path::new(PROJECT_TRUST).join(format!("{}.pub", &key.id()[..16]));
    fs::make_dir(PROJECT_TRUST)?;
    fs::write(&path, format!("{}\n", key.to_text()).as_bytes())?;
    Ok((key, path))
}

/// A key pair on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    pub prefix: String,
    pub key_id: String,
    pub private_path: Utf8PathBuf,
    pub public_path: Utf8PathBuf,
}

/// Writes a new pair `<dir>/<prefix>_{private,public}.key`, both 0600, each whole or not at all.
///
/// Without `force` an existing file is an error and nothing is written. With `force` the old pair is kept beside
/// the new one as `<prefix>_old_<key id>_*.key`.
pub fn write_pair(dir: &Utf8Path, prefix: &str, force: bool) -> Result<Pair> {
    check_prefix(prefix)?;
    let private_path = dir.join(format!("{prefix}_private.key"));
    let public_path = dir.join(format!("{prefix}_public.key"));
    if !force && let Some(taken) = [&private_path, &public_path].into_iter().find(|path| path.exists()) {
        return Err(Error::invalid(format!("{taken} exists already"))
            .hint("give another --prefix, rotate with `gait keys rotate`, or replace it with --force"));
    }
    fs::make_dir(dir)?;
    let key = PrivateKey::generate()?;
    let private_text = Zeroizing::new(format!("{}\n", *key.to_text()));
    let public_text = format!("{}\n", key.public().to_text());
    if force {
        keep_old(dir, prefix, &private_path)?;
        fs::write(&private_path, private_text.as_bytes())?;
        fs::write(&public_path, public_text.as_bytes())?;
    } else {
        fs::write_new(&private_path, private_text.as_bytes())?;
        fs::write_new(&public_path, public_text.as_bytes())?;
    }
    Ok(Pair { prefix: prefix.to_owned(), key_id: key.public().id(), private_path, public_path })
}

/// Writes a further pair, `<prefix>_<YYYYMMDDTHHMMSSZ>`; a second one within a second gets `_2` and so on.
pub fn rotate(dir: &Utf8Path, prefix: &str, clock: Clock) -> Result<Pair> {
    let base = format!("{prefix}_{}", clock.now().compact());
    let taken = |name: &str| dir.join(format!("{name}_private.key")).exists();
    let numbered = (2..).map(|number| format!("{base}_{number}"));
    let name = std::iter::once(base.clone()).chain(numbered).find(|name| !taken(name));
    write_pair(dir, name.as_deref().unwrap_or(&base), false)
}

fn keep_old(dir: &Utf8Path, prefix: &str, private_path: &Utf8Path) -> Result<()> {
    if !private_path.exists() {
        return Ok(());
    }
    let text = KeySource::Path(private_path.to_owned()).text()?;
    let keep =
        |name: &str, half: &str, text: &[u8]| fs::write(dir.join(format!("{prefix}_old_{name}_{half}.key")), text);
    match PrivateKey::from_text(&text) {
        Ok(key) => {
            let (public, name) = (key.public(), &key.public().id()[..16]);
            keep(name, "public", format!("{}\n", public.to_text()).as_bytes())?;
            keep(name, "private", text.as_bytes())
        }
        Err(_) => keep("unreadable", "private", text.as_bytes()),
    }
}

/// A prefix becomes part of a file name, so it may not be a path.
fn check_prefix(prefix: &str) -> Result<()> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    if prefix.is_empty() || prefix.starts_with('.') || !prefix.chars().all(allowed) {
        return Err(Error::new(Kind::InvalidInput, format!("key prefix {prefix:?} is not a plain file name"))
            .hint("use letters, digits, `_`, `-` and `.`"));
    }
    Ok(())
}
