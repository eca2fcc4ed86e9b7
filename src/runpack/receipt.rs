//! The ticket footer: one line that names a run and the digest it can be checked against.

use crate::kernel::digest::is_hex64;
use crate::kernel::error::{Error, Kind, Result};
use crate::runpack::verify::{self, Demands, Trust};
use camino::Utf8Path;
use serde::Serialize;

/// A pack that holds, and the line to paste into a ticket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Receipt {
    pub manifest_digest: String,
    pub path: String,
    pub run_id: String,
    pub ticket_footer: String,
}

/// The footer of a run: `GAIT run_id=<id> manifest=sha256:<digest> verify="gait verify <id>"`.
///
/// Errors: `Internal` when the id has other characters than `[A-Za-z0-9_-]` or the digest is not 64 lower-case hex.
pub fn footer(run_id: &str, manifest_digest: &str) -> Result<String> {
    let id_fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
    if run_id.is_empty() || !run_id.bytes().all(id_fits) {
        return Err(Error::new(Kind::Internal, format!("run id {run_id:?} does not fit into a ticket footer")));
    }
    if !is_hex64(manifest_digest) || manifest_digest.bytes().any(|b| b.is_ascii_uppercase()) {
        return Err(Error::new(Kind::Internal, "the manifest digest does not fit into a ticket footer"));
    }
    Ok(format!(r#"GAIT run_id={run_id} manifest=sha256:{manifest_digest} verify="gait verify {run_id}""#))
}

/// The receipt of the pack at `path`. A pack that does not hold is `VerificationFailed` and gets no footer.
pub fn receipt(path: &Utf8Path, trust: &Trust) -> Result<Receipt> {
    let report = verify::verify(path.as_std_path(), &Demands::standard(trust.clone()))?;
    report.hold().map_err(|e| e.at(path))?;
    let ticket_footer = footer(&report.run_id, &report.manifest_digest)?;
    Ok(Receipt {
        manifest_digest: report.manifest_digest,
        path: path.to_string(),
        run_id: report.run_id,
        ticket_footer,
    })
}
