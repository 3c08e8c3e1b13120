//! Values of attributes. Two values are equal when they mean the same to AWS.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::policy::Document;

/// Tag keys and values.
pub type Tags = BTreeMap<String, String>;

/// One attribute of a resource. `==` is equivalence: documents compare by meaning.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Value {
    Text(String),
    /// Seconds, for `max_session`.
    Number(u64),
    /// A list whose order means nothing.
    Texts(BTreeSet<String>),
    Document(Document),
    Tags(Tags),
}

/// Field name to value; a field that is not set is absent, never empty.
pub type Attributes = BTreeMap<&'static str, Value>;

impl Value {
    pub fn text(&self) -> Option<&str> {
        match self {
            Value::Text(text) => Some(text),
            Value::Number(_) | Value::Texts(_) | Value::Document(_) | Value::Tags(_) => None,
        }
    }

    pub fn number(&self) -> Option<u64> {
        match self {
            Value::Number(number) => Some(*number),
            Value::Text(_) | Value::Texts(_) | Value::Document(_) | Value::Tags(_) => None,
        }
    }

    pub fn texts(&self) -> Option<&BTreeSet<String>> {
        match self {
            Value::Texts(texts) => Some(texts),
            Value::Text(_) | Value::Number(_) | Value::Document(_) | Value::Tags(_) => None,
        }
    }

    pub fn document(&self) -> Option<&Document> {
        match self {
            Value::Document(document) => Some(document),
            Value::Text(_) | Value::Number(_) | Value::Texts(_) | Value::Tags(_) => None,
        }
    }

    pub fn tags(&self) -> Option<&Tags> {
        match self {
            Value::Tags(tags) => Some(tags),
            Value::Text(_) | Value::Number(_) | Value::Texts(_) | Value::Document(_) => None,
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Value::Text(text)
    }
}

/// Returns the text in a field, where it has one.
pub fn text<'a>(attributes: &'a Attributes, field: &str) -> Option<&'a str> {
    attributes.get(field).and_then(Value::text)
}
