//! `schema`: the JSON Schema of the manifest.

use super::{Exit, Output};
use crate::error::Result;
use crate::manifest::json_schema;

pub fn run(output: &Output) -> Result<Exit> {
    output.document(&json_schema())?;
    Ok(Exit::Done)
}
