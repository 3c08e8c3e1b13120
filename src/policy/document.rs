//! A policy document, compared by meaning.

use std::sync::OnceLock;

use serde::{Serialize, Serializer};
use serde_json::Value as Json;

use super::canonical::{Canonical, one_or_many, statements};
use super::json::{self, JsonFault};

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
///
/// It can hold what AWS would refuse, so that what is wrong can be shown; `validate` says whether it does.
#[derive(Clone, Debug)]
pub struct Document {
    json: Json,
    /// Computed when it is first compared.
    canonical: OnceLock<Canonical>,
}

impl Document {
    pub fn from_json(json: Json) -> Self {
        Self { json, canonical: OnceLock::new() }
    }

    /// Reads a document. Numbers that a float cannot hold are kept as strings, which AWS reads alike.
    pub fn parse(text: &str) -> Result<Self, Vec<JsonFault>> {
        json::parse(text, 0).map(|node| Self::from_json(node.to_json()))
    }

    pub fn json(&self) -> &Json {
        &self.json
    }

    /// Returns every principal under `AWS` that an Allow statement names.
    pub fn principals(&self) -> impl Iterator<Item = &str> {
        statements(&self.json)
            .filter(|statement| has_effect(statement, "Allow"))
            .filter_map(|statement| statement.get("Principal")?.get("AWS"))
            .flat_map(one_or_many)
            .filter_map(Json::as_str)
    }

    /// Says whether any statement denies.
    pub fn has_deny(&self) -> bool {
        statements(&self.json).any(|statement| has_effect(statement, "Deny"))
    }

    /// Says whether a statement allows every action on every resource without a condition.
    pub fn allows_everything(&self) -> bool {
        let is_star = |statement: &Json, element: &str| {
            statement.get(element).into_iter().flat_map(one_or_many).any(|value| value == "*" || value == "*:*")
        };
        statements(&self.json).any(|statement| {
            has_effect(statement, "Allow")
                && is_star(statement, "Action")
                && is_star(statement, "Resource")
                && statement.get("Condition").is_none()
        })
    }

    /// Returns the text that is sent to AWS, without white space.
    pub fn to_compact(&self) -> String {
        self.json.to_string()
    }

    /// Returns the text for people, indented by two.
    pub fn to_pretty(&self) -> String {
        format!("{:#}", self.json)
    }

    /// Returns how many characters AWS counts: "IAM and AWS STS quotas" leaves white space out.
    pub fn size(&self) -> usize {
        self.to_compact().chars().filter(|c| !c.is_whitespace()).count()
    }

    fn canonical(&self) -> &Canonical {
        self.canonical.get_or_init(|| Canonical::of(&self.json))
    }
}

fn has_effect(statement: &Json, effect: &str) -> bool {
    statement.get("Effect").and_then(Json::as_str).is_some_and(|said| said.eq_ignore_ascii_case(effect))
}

impl PartialEq for Document {
    fn eq(&self, other: &Self) -> bool {
        self.json == other.json || self.canonical().means(other.canonical())
    }
}

impl Serialize for Document {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.json.serialize(serializer)
    }
}
