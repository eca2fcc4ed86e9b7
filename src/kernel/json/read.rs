//! Strict bytes to typed values: duplicate keys refused, sizes bounded, errors with line and column.

use crate::kernel::error::{Error, Result};
use crate::kernel::json::canon;
use serde::de::DeserializeOwned;

/// Reads one JSON document into `T`, refusing duplicate keys. Errors name line and column.
pub fn typed<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    let canonical = canon::canonicalize(bytes)?;
    from_canonical(&canonical).map_err(|error| {
        // The canonical text has other lines than the one the caller wrote: look again there for the place.
        match serde_json::from_slice::<T>(bytes) {
            Err(first) if first.is_data() => Error::invalid(first.to_string()),
            _ => Error::invalid(error.to_string()),
        }
    })
}

/// Deserialises canonical text at any depth the parser accepts.
fn from_canonical<T: DeserializeOwned>(canonical: &[u8]) -> serde_json::Result<T> {
    serde_json::from_slice(canonical)
}
