//! Credential brokers: what has to be there before an allowed call gets its secret, and proof that it was.

use crate::gate::intent::Intent;
use crate::gate::text;
use crate::kernel::clock::Stopwatch;
use crate::kernel::digest::{Digest, hex};
use crate::kernel::error::{Error, Result};
use crate::kernel::fs;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use std::env::consts::EXE_SUFFIX;
use std::fmt;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

/// Environment variable that names the commands a broker may be: a comma list of paths.
pub const ALLOWLIST_VAR: &str = "GAIT_CREDENTIAL_COMMAND_ALLOWLIST";
pub const DEFAULT_PREFIX: &str = "GAIT_BROKER_TOKEN_";
const OUTPUT_LIMIT: u64 = 16_384;
const PATIENCE: Duration = Duration::from_secs(5);

/// Shortest key of a keyed hash, in bytes.
const SHORTEST_KEY: usize = 16;

/// Where credentials come from.
#[derive(Debug, Clone)]
pub enum Broker {
    Off,
    Stub,
    /// An environment variable of this prefix; with a key, its reference shows a keyed hash.
    Env {
        prefix: String,
        hash_key: Option<HashKey>,
    },
    Command {
        program: String,
        args: Vec<String>,
    },
}

/// What keys the hash of a secret. It is never shown.
#[derive(Clone)]
pub struct HashKey(Zeroizing<Vec<u8>>);

impl fmt::Debug for HashKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HashKey")
    }
}

impl HashKey {
    /// The trimmed value of an environment variable, at least 16 bytes.
    pub fn from_env(variable: &str) -> Result<Self> {
        let value = Zeroizing::new(std::env::var(variable).unwrap_or_default());
        let hint = "set it to random text, or leave --credential-hash-key-env out";
        match value.trim().as_bytes() {
            [] => {
                Err(Error::invalid(format!("environment variable {variable} (--credential-hash-key-env) holds no key"))
                    .hint(hint))
            }
            short if short.len() < SHORTEST_KEY => Err(Error::invalid(format!(
                "environment variable {variable} (--credential-hash-key-env) holds {} bytes, a key has at least \
                 {SHORTEST_KEY}",
                short.len()
            ))
            .hint(hint)),
            key => Ok(Self(Zeroizing::new(key.to_vec()))),
        }
    }

    /// The first 128 bits of the secret's HMAC-SHA256, in hex. A secret that is the key itself could be guessed and has none.
    fn mark(&self, secret: &str) -> Result<String> {
        if bool::from(self.0.ct_eq(secret.as_bytes())) {
            return Err(Error::invalid("the key of --credential-hash-key-env is the credential itself"));
        }
        let mut mac = Hmac::<sha2::Sha256>::new_from_slice(&self.0)
            .map_err(|error| Error::invalid(format!("the key of --credential-hash-key-env: {error}")))?;
        mac.update(secret.as_bytes());
        Ok(format!("hmac-sha256:{}", hex(&mac.finalize().into_bytes()[..16])))
    }
}

/// What a broker is asked for.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    pub tool_name: String,
    pub identity: String,
    pub workspace: String,
    #[serde(rename = "SessionID")]
    pub session_id: String,
    #[serde(rename = "RequestID")]
    pub request_id: String,
    pub reference: String,
    pub scope: Vec<String>,
}

/// That a credential was issued; the credential itself is not here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issued {
    pub issuer: String,
    pub reference: String,
}

impl Broker {
    /// The broker a word names. `command` needs a program, which is looked up once; where `allowlist` names any, its whole
    /// path has to be one of them.
    pub fn resolve(word: &str, prefix: &str, program: &str, args: &str, allowlist: Option<&str>) -> Result<Self> {
        match text::lower(word).as_str() {
            "" | "off" | "none" => Ok(Self::Off),
            "stub" => Ok(Self::Stub),
            "env" => Ok(Self::Env { prefix: prefix.trim().to_owned(), hash_key: None }),
            "command" => {
                let program = program.trim();
                if program.is_empty() || program.contains(char::is_whitespace) {
                    return Err(Error::invalid(
                        "--credential-broker command needs a --credential-command without white space",
                    ));
                }
                let allowed = allowlist.map(text::csv).unwrap_or_default();
                let found = located(program);
                let same = |entry: &String| !is_bare(entry) && absolute(entry.into()) == found;
                if !allowed.is_empty() && (found.is_none() || !allowed.iter().any(same)) {
                    let what = format!("{program} is not among the commands that {ALLOWLIST_VAR} names");
                    let hint = found.map_or_else(
                        || {
                            format!(
                                "there is no program {program} in PATH: name it by its path, in {ALLOWLIST_VAR} too"
                            )
                        },
                        |found| format!("write {found} into {ALLOWLIST_VAR}: a command is allowed by its whole path"),
                    );
                    return Err(Error::invalid(what).hint(hint));
                }
                Ok(Self::Command { program: found.unwrap_or_else(|| program.to_owned()), args: text::csv(args) })
            }
            other => Err(Error::invalid(format!("--credential-broker {other:?} is none of off, stub, env, command"))),
        }
    }

    /// Asks for a credential; why there is none is an error that the caller counts as a block.
    pub fn issue(&self, request: &Request) -> Result<Issued> {
        match self {
            Self::Off => Err(Error::invalid("no broker is configured")),
            Self::Stub => {
                let r = request;
                let parts = [
                    &r.tool_name,
                    &r.identity,
                    &r.workspace,
                    &r.session_id,
                    &r.request_id,
                    &r.reference,
                    &r.scope.join(","),
                ];
                let digest = Digest::of(parts.map(String::as_str).join("|").as_bytes());
                Ok(Issued { issuer: "stub".to_owned(), reference: format!("stub:{}", hex(&digest.bytes()[..12])) })
            }
            Self::Env { prefix, hash_key } => {
                let named = if request.reference.is_empty() { &request.tool_name } else { &request.reference };
                let variable = format!("{prefix}{}", variable(named));
                let secret = Zeroizing::new(std::env::var(&variable).unwrap_or_default());
                let secret = secret.trim();
                if secret.is_empty() {
                    return Err(Error::invalid(format!("environment variable {variable} holds no credential")));
                }
                let mark = match hash_key {
                    Some(key) => key.mark(secret)?,
                    None => hex(&Digest::of(secret.as_bytes()).bytes()[..8]),
                };
                Ok(Issued { issuer: "env".to_owned(), reference: format!("env:{variable}:{mark}") })
            }
            Self::Command { program, args } => run(program, args, request),
        }
    }
}

/// Whether a program is named without a folder, so that `PATH` says which one it is.
fn is_bare(program: &str) -> bool {
    !program.contains(std::path::is_separator)
}

/// The whole path of the program that would run.
fn located(program: &str) -> Option<String> {
    if !is_bare(program) {
        return absolute(program.into());
    }
    let name = format!("{}{EXE_SUFFIX}", program.strip_suffix(EXE_SUFFIX).unwrap_or(program));
    let path = std::env::var_os("PATH")?;
    let mut places = std::env::split_paths(&path).map(|folder| folder.join(&name));
    places.find(|place| runs(place)).and_then(absolute)
}

#[cfg(unix)]
fn runs(place: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    place.metadata().is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn runs(place: &Path) -> bool {
    place.is_file()
}

/// A path from the root on, without `.` and `..`.
fn absolute(path: PathBuf) -> Option<String> {
    Some(fs::clean(std::path::absolute(path).ok()?.to_str()?).into_string())
}

impl Request {
    /// What is asked for an intent, with the reference and the merged scopes.
    pub fn of(intent: &Intent, reference: &str, scopes: &[String]) -> Self {
        let mut scope: Vec<String> = Vec::new();
        for one in scopes.iter().map(|scope| text::lower(scope)) {
            if !scope.contains(&one) {
                scope.push(one);
            }
        }
        let context = &intent.context;
        Self {
            tool_name: intent.tool_name.clone(),
            identity: context.identity.clone(),
            workspace: context.workspace_as_given.clone(),
            session_id: context.session_id.clone(),
            request_id: context.request_id.clone(),
            reference: reference.to_owned(),
            scope,
        }
    }
}

/// A reference as the end of a variable's name.
fn variable(named: &str) -> String {
    let mut out = String::new();
    for c in named.trim().chars().flat_map(char::to_uppercase) {
        let c = if c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_' { Some(c) } else { None };
        match c {
            Some(c) => out.push(c),
            None if out.ends_with('\u{0}') => {}
            None => out.push('\u{0}'),
        }
    }
    let out = out.replace('\u{0}', "_");
    let out = out.trim_matches('_');
    if out.is_empty() { "DEFAULT".to_owned() } else { out.to_owned() }
}

#[derive(Deserialize)]
struct Reply {
    credential_ref: String,
    #[serde(default)]
    issued_by: Option<String>,
}

/// Runs a broker: the request on its standard input, one JSON object on its standard output, 5 seconds.
fn run(program: &str, args: &[String], request: &Request) -> Result<Issued> {
    let failed = |what: &str| Error::invalid(format!("credential command {program}: {what}"));
    let watch = Stopwatch::start();
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    // The gate's own keys are none of the broker's business.
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("GAIT_")) {
        command.env_remove(name);
    }
    let mut child = command.spawn().map_err(|error| failed(&error.to_string()))?;
    let asked = serde_json::to_vec(request).map_err(|error| failed(&error.to_string()))?;
    let (mut stdin, stdout) = (child.stdin.take(), child.stdout.take());
    std::thread::spawn(move || stdin.as_mut().map(|pipe| pipe.write_all(&asked)));
    let (send, receive) = mpsc::channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let read = stdout.map(|pipe| pipe.take(OUTPUT_LIMIT + 1).read_to_end(&mut bytes));
        let _ = send.send(read.map(|read| read.map(|_| bytes)));
    });
    let Ok(Some(Ok(bytes))) = receive.recv_timeout(PATIENCE) else {
        end(&mut child);
        return Err(failed("no answer within 5 seconds"));
    };
    if bytes.len() as u64 > OUTPUT_LIMIT {
        end(&mut child);
        return Err(failed("more than 16384 bytes of output"));
    }
    while child.try_wait().map_err(|error| failed(&error.to_string()))?.is_none() {
        if watch.elapsed() > PATIENCE {
            end(&mut child);
            return Err(failed("it did not end within 5 seconds"));
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    let status = child.wait().map_err(|error| failed(&error.to_string()))?;
    if !status.success() {
        return Err(failed(&status.to_string()));
    }
    let reply: Reply = serde_json::from_slice(&bytes)
        .map_err(|_| failed("its output is not one JSON object with `credential_ref`"))?;
    let reference = reply.credential_ref.trim().to_owned();
    if reference.is_empty() || reference.len() > 256 || reference.contains(['\r', '\n', '\t']) {
        return Err(failed("its `credential_ref` is empty, longer than 256 bytes or of several lines"));
    }
    let issuer = reply.issued_by.map(|by| by.trim().to_owned()).filter(|by| !by.is_empty());
    Ok(Issued { issuer: issuer.unwrap_or_else(|| "command".to_owned()), reference })
}

fn end(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}
