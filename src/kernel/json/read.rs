//! Strict bytes to typed values: duplicate keys refused, structs read from objects only, errors with line and column.

use crate::kernel::error::{Error, Result};
use crate::kernel::json::canon;
use crate::kernel::json::strict::Strict;
use serde::de::{Deserialize, DeserializeOwned, Deserializer};

/// Reads one JSON document into `T`, refusing duplicate keys, and lists where objects should be. Errors name line
/// and column.
pub fn typed<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    let canonical = canon::canonicalize(bytes)?;
    deserialize(&canonical).map_err(|error| {
        // The canonical text has other lines than the one the caller wrote: look again there for the place.
        match deserialize::<T>(bytes) {
            Err(first) if first.is_data() => Error::invalid(first.to_string()),
            _ => Error::invalid(error.to_string()),
        }
    })
}

/// For `#[serde(deserialize_with)]`: `null` reads as the default value.
pub fn nullable<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

fn deserialize<T: DeserializeOwned>(text: &[u8]) -> serde_json::Result<T> {
    let mut reader = serde_json::Deserializer::from_slice(text);
    let value = T::deserialize(Strict(&mut reader))?;
    reader.end()?;
    Ok(value)
}
