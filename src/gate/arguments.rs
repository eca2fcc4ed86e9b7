//! The arguments of a call: keys and texts trimmed at every level, as digests cover them and as conditions see them.

use crate::kernel::error::{Error, Kind, Result};
use crate::kernel::json::canon;
use crate::kernel::json::scan::{self, Shape, Tape};
use crate::kernel::json::tree::{self, Json};
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

/// Arguments. What is serialised is what the digest covers.
#[derive(Debug, Clone)]
pub struct Arguments {
    text: Box<RawValue>,
    pub value: Json,
    /// `value` does not go down as deep as the arguments do.
    pub deep: bool,
}

impl Arguments {
    /// Those at a place of the intent; nothing there, or `null`, is no arguments.
    pub fn at(tape: &Tape<'_>, place: &[&str]) -> Result<Self> {
        let text = trimmed(tape, place)?.map_or_else(|| raw(b"{}"), Ok)?;
        let tape = scan::parse(text.get().as_bytes())?;
        Ok(Self { value: tree::of(&tape)?, deep: tape.depth() > tree::TREE_DEPTH, text })
    }
}

impl Serialize for Arguments {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.text.serialize(serializer)
    }
}

/// The value at a place of the intent, trimmed, numbers as written; none where there is nothing, or `null`.
pub fn trimmed(tape: &Tape<'_>, place: &[&str]) -> Result<Option<Box<RawValue>>> {
    let mut at = 0;
    for name in place {
        let member = tape.members(at)?.into_iter().find(|member| member.key == *name);
        match member.filter(|member| tape.nodes[member.value as usize].shape != Shape::Null) {
            Some(member) => at = member.value,
            None => return Ok(None),
        }
    }
    let mut text = Vec::new();
    canon::write_trimmed(tape, at, &mut text).map_err(|error| error.at(place.join(".")))?;
    raw(&text).map(Some)
}

fn raw(text: &[u8]) -> Result<Box<RawValue>> {
    serde_json::from_slice(text).map_err(|e| Error::new(Kind::Internal, format!("cannot encode JSON: {e}")))
}
