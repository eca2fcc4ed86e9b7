//! The exit codes, and what each one says in the error envelope.

use crate::kernel::error::{Error, Kind};

/// How the process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    Ok = 0,
    Internal = 1,
    VerificationFailed = 2,
    PolicyBlocked = 3,
    ApprovalRequired = 4,
    RegressFailed = 5,
    InvalidInput = 6,
    DependencyMissing = 7,
    UnsafeRefused = 8,
}

/// Every code, in order.
pub const ALL: [Exit; 9] = [
    Exit::Ok,
    Exit::Internal,
    Exit::VerificationFailed,
    Exit::PolicyBlocked,
    Exit::ApprovalRequired,
    Exit::RegressFailed,
    Exit::InvalidInput,
    Exit::DependencyMissing,
    Exit::UnsafeRefused,
];

impl From<Kind> for Exit {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::InvalidInput => Self::InvalidInput,
            Kind::VerificationFailed => Self::VerificationFailed,
            Kind::PolicyBlocked => Self::PolicyBlocked,
            Kind::ApprovalRequired => Self::ApprovalRequired,
            Kind::Regression => Self::RegressFailed,
            Kind::DependencyMissing => Self::DependencyMissing,
            Kind::UnsafeRefused => Self::UnsafeRefused,
            Kind::Io | Kind::Contention | Kind::Internal => Self::Internal,
        }
    }
}

impl Exit {
    /// The process's exit status.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// `error_code` unless the failing verb gave its own.
    pub fn error_code(self) -> &'static str {
        match self {
            Self::Ok => "",
            Self::Internal => "internal_failure",
            Self::VerificationFailed => "verification_failed",
            Self::PolicyBlocked => "policy_blocked",
            Self::ApprovalRequired => "approval_required",
            Self::RegressFailed => "regress_failed",
            Self::InvalidInput => "invalid_input",
            Self::DependencyMissing => "dependency_missing",
            Self::UnsafeRefused => "unsafe_operation",
        }
    }

    /// `error_category` of the code alone.
    pub fn category(self) -> &'static str {
        match self {
            Self::Ok => "none",
            Self::Internal | Self::RegressFailed | Self::UnsafeRefused => "internal_failure",
            Self::VerificationFailed => "verification_failed",
            Self::PolicyBlocked => "policy_blocked",
            Self::ApprovalRequired => "approval_required",
            Self::InvalidInput => "invalid_input",
            Self::DependencyMissing => "dependency_missing",
        }
    }

    /// `hint` unless the failing verb gave its own.
    pub fn hint(self) -> &'static str {
        match self {
            Self::Ok => "",
            Self::Internal | Self::RegressFailed => "retry after checking local environment and logs",
            Self::VerificationFailed => "re-run verify after checking artifact integrity",
            Self::PolicyBlocked => "inspect reason_codes and adjust policy or intent",
            Self::ApprovalRequired => "provide a valid approval token and retry",
            Self::InvalidInput => "check command usage and input schema",
            Self::DependencyMissing => "install or configure the missing dependency and retry",
            Self::UnsafeRefused => "pass explicit unsafe flags only for approved replay paths",
        }
    }
}

/// `error_category` of an error: finer than the exit code's where the machine is at fault.
pub fn category(error: &Error) -> &'static str {
    match error.kind() {
        Kind::Io => "io_failure",
        Kind::Contention => "state_contention",
        kind => Exit::from(kind).category(),
    }
}

/// Whether trying again later may help.
pub fn retryable(category: &str) -> bool {
    matches!(category, "network_transient" | "state_contention")
}
