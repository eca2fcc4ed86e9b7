//! This machine by the names the formats use.

/// The operating system: `linux`, `darwin`, `windows`, ...
pub fn os() -> &'static str {
    match std::env::consts::OS {
        "macos" => "darwin",
        other => other,
    }
}

/// The processor: `amd64`, `arm64`, `386`, ...
pub fn arch() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "x86" => "386",
        other => other,
    }
}
