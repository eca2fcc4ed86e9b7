//! One error for the whole library: a kind that decides the exit code, a message that says what and where,
//! and a hint that says what to do.

use std::fmt::Display;
use std::io;
use std::path::Path;

/// What went wrong, as far as a caller has to act differently. The command line maps it to an exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Arguments, files or settings the caller gave cannot be used.
    InvalidInput,
    /// An artifact was read and does not hold.
    VerificationFailed,
    /// A policy forbids the call.
    PolicyBlocked,
    /// A policy wants an approval first.
    ApprovalRequired,
    /// A recorded behaviour changed.
    Regression,
    /// Something that has to be installed or configured is not there.
    DependencyMissing,
    /// Refused for safety until an explicit flag allows it.
    UnsafeRefused,
    /// The operating system refused a read or write for a reason that is not the caller's path.
    Io,
    /// Somebody else holds the lock.
    Contention,
    /// A bug in this program.
    Internal,
}

/// The error every verb of the library returns.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    kind: Kind,
    code: Option<&'static str>,
    message: String,
    hint: Option<String>,
    #[source]
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// `Result` with [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error of `kind` with a message that names what and where.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, code: None, message: message.into(), hint: None, source: None }
    }

    /// The caller's input cannot be used.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(Kind::InvalidInput, message)
    }

    /// An artifact does not hold.
    pub fn verification(message: impl Into<String>) -> Self {
        Self::new(Kind::VerificationFailed, message)
    }

    /// An operating-system error while doing `action` to `path`. A path that is missing, of the wrong type,
    /// taken or not permitted is the caller's to mend (`InvalidInput`); the rest is `Io`.
    pub fn io(action: &str, path: impl AsRef<Path>, source: io::Error) -> Self {
        use io::ErrorKind as K;
        let kind = match source.kind() {
            K::NotFound
            | K::PermissionDenied
            | K::AlreadyExists
            | K::IsADirectory
            | K::NotADirectory
            | K::InvalidInput
            | K::InvalidFilename
            | K::ReadOnlyFilesystem => Kind::InvalidInput,
            _ => Kind::Io,
        };
        let message = format!("cannot {action} {}: {source}", path.as_ref().display());
        Self { kind, code: None, message, hint: None, source: Some(Box::new(source)) }
    }

    /// The same error with a hint: what to do now.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same error with a stable reason code of its own, in place of the kind's.
    #[must_use]
    pub fn code(mut self, code: &'static str) -> Self {
        self.code = Some(code);
        self
    }

    /// The same error with its place in front of the message: `place: message`.
    #[must_use]
    pub fn at(mut self, place: impl Display) -> Self {
        self.message = format!("{place}: {}", self.message);
        self
    }

    /// The same error as another kind: a reader may know better what a failure means.
    #[must_use]
    pub fn as_kind(mut self, kind: Kind) -> Self {
        self.kind = kind;
        self
    }

    /// What kind of failure this is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The reason code the failing verb gave, if any.
    pub fn reason(&self) -> Option<&'static str> {
        self.code
    }

    /// What to do now, if the failing verb knew.
    pub fn hint_text(&self) -> Option<&str> {
        self.hint.as_deref()
    }
}
