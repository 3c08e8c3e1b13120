//! What a YAML or JSON file says, with the place of every key and value.

use crate::problem::Place;

#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    pub value: NodeValue,
    pub place: Place,
}

#[derive(Clone, Debug, PartialEq)]
pub enum NodeValue {
    Null,
    Bool(bool),
    /// As it is spelled in the file, so that `012345678901` and `1.10` survive where text is wanted.
    Number(String),
    Text(String),
    List(Vec<Node>),
    /// In the file's order; keys are unique (duplicates were reported and dropped).
    Map(Vec<Entry>),
}

/// One key of a map and its value.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    pub key: String,
    pub key_place: Place,
    pub value: Node,
}

/// One step from a node to one inside it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum PathSegment {
    Key(String),
    Index(usize),
}

impl Node {
    pub fn new(value: NodeValue, place: Place) -> Self {
        Self { value, place }
    }

    /// Returns the entry of `key` when this is a map that has it.
    pub fn get(&self, key: &str) -> Option<&Entry> {
        match &self.value {
            NodeValue::Map(entries) => entries.iter().find(|e| e.key == key),
            _ => None,
        }
    }

    /// Names the type in the words of the manifest's documentation.
    pub fn type_name(&self) -> &'static str {
        match self.value {
            NodeValue::Null => "nothing",
            NodeValue::Bool(_) => "a bool",
            NodeValue::Number(_) => "a number",
            NodeValue::Text(_) => "a string",
            NodeValue::List(_) => "a list",
            NodeValue::Map(_) => "a map",
        }
    }

    /// Returns the node at the end of `path`, or the deepest one on the way that exists.
    pub fn at(&self, path: &[PathSegment]) -> &Node {
        let mut node = self;
        for segment in path {
            let next = match (segment, &node.value) {
                (PathSegment::Key(key), NodeValue::Map(_)) => node.get(key).map(|entry| &entry.value),
                (PathSegment::Index(index), NodeValue::List(items)) => items.get(*index),
                _ => None,
            };
            match next {
                Some(next) => node = next,
                None => break,
            }
        }
        node
    }

    /// Returns the value without its places. A number whose spelling JSON cannot keep, such as
    /// `012345678901` or one with more digits than a float has, becomes a string.
    pub fn to_json(&self) -> serde_json::Value {
        use serde_json::Value as Json;
        match &self.value {
            NodeValue::Null => Json::Null,
            NodeValue::Bool(b) => Json::Bool(*b),
            NodeValue::Number(spelled) => {
                let number = serde_json::from_str(spelled).ok().filter(|n: &Json| n.to_string() == *spelled);
                number.unwrap_or_else(|| Json::String(spelled.clone()))
            }
            NodeValue::Text(text) => Json::String(text.clone()),
            NodeValue::List(items) => items.iter().map(Node::to_json).collect(),
            NodeValue::Map(entries) => entries.iter().map(|e| (e.key.clone(), e.value.to_json())).collect(),
        }
    }
}
