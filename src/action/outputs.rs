//! What later steps read: outputs, and the job summary.

use crate::action::context::Context;
use crate::kernel::digest::hex;
use crate::kernel::error::{Error, Kind, Result};
use crate::kernel::fs;
use camino::Utf8Path;
use std::io::Write as _;

/// Largest summary of a step, in bytes; the runner drops one above 1,048,576 whole.
pub const SUMMARY_LIMIT: usize = 900_000;

/// 128 random bits in hex: nobody can guess it, so nobody can end what it delimits.
pub fn random() -> Result<String> {
    let mut bytes = [0u8; 16];
    getrandom::fill(&mut bytes).map_err(|e| Error::new(Kind::Internal, format!("no random numbers: {e}")))?;
    Ok(hex(&bytes))
}

/// Appends outputs. Without a runner there is nowhere to put them, and nothing happens.
pub fn set(context: &Context, outputs: &[(&str, String)]) -> Result<()> {
    let Some(path) = &context.output else { return Ok(()) };
    let mut text = String::new();
    for (name, value) in outputs {
        let end = format!("gait_{}", random()?);
        text.push_str(&format!("{name}<<{end}\n{value}\n{end}\n"));
    }
    append(path, &text)
}

/// Appends markdown to the job summary.
pub fn summarize(context: &Context, markdown: &str) -> Result<()> {
    context.summary.as_ref().map_or(Ok(()), |path| append(path, markdown))
}

fn append(path: &Utf8Path, text: &str) -> Result<()> {
    fs::open_private(path.as_std_path())?.write_all(text.as_bytes()).map_err(|e| Error::io("append to", path, e))
}
