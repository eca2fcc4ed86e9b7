//! This program as its own helper: the roles in which it starts itself, whether it is `gait` or a test of somebody's crate.

use crate::kernel::error::{Error, Result};
#[cfg(unix)]
use crate::mcp::relay;
#[cfg(unix)]
use crate::regress::warden;
use std::path::PathBuf;
use std::process::ExitCode;

/// The argument that makes a [`warden`] of this program.
pub const WARDEN: &str = "__warden";

/// The running program, absolute.
pub fn program() -> Result<PathBuf> {
    std::env::current_exe().map_err(|e| Error::io("find", "the running program", e))
}

/// The arguments that make this program a relay between its standard streams and `server` behind `socket`.
pub fn relay(socket: &str, server: &str) -> Vec<String> {
    ["mcp", "replay", "--attach", socket, "--server", server].map(str::to_owned).to_vec()
}

/// Plays the role that `args`, without the program's name, ask for; `None` where they ask for none.
pub fn play(args: &[String]) -> Option<ExitCode> {
    #[cfg(unix)]
    let done = match args.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [WARDEN] => warden::serve().is_some(),
        ["mcp", "replay", "--attach", socket, "--server", server] => relay::run(socket, server).is_ok(),
        _ => return None,
    };
    #[cfg(not(unix))]
    let done = args.first().filter(|word| *word == WARDEN).map(|_| false)?;
    Some(if done { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
