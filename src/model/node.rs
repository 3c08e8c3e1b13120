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
                let number = spelled.parse::<serde_json::Number>().ok().filter(|n| n.to_string() == *spelled);
                number.map_or_else(|| Json::String(spelled.clone()), Json::Number)
            }
            NodeValue::Text(text) => Json::String(text.clone()),
            NodeValue::List(items) => items.iter().map(Node::to_json).collect(),
            NodeValue::Map(entries) => entries.iter().map(|e| (e.key.clone(), e.value.to_json())).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(value: NodeValue) -> Node {
        Node::new(value, Place { file: 0, start: 0, end: 0 })
    }

    fn number(spelled: &str) -> Node {
        node(NodeValue::Number(spelled.to_owned()))
    }

    #[test]
    fn a_path_leads_to_the_deepest_node_that_exists() {
        let list = node(NodeValue::List(vec![number("1"), number("2")]));
        let entry = Entry { key: "a".to_owned(), key_place: list.place, value: list.clone() };
        let map = node(NodeValue::Map(vec![entry]));
        let a = PathSegment::Key("a".to_owned());
        assert_eq!(map.at(&[a.clone(), PathSegment::Index(1)]), &number("2"));
        assert_eq!(map.at(&[a.clone(), PathSegment::Index(2)]), &list);
        assert_eq!(map.at(&[PathSegment::Index(0), a]), &map);
    }

    #[test]
    fn numbers_keep_their_spelling_as_json() {
        for kept in ["0", "-7", "2.5", "18446744073709551615"] {
            assert!(number(kept).to_json().is_number(), "{kept}");
            assert_eq!(number(kept).to_json().to_string(), kept);
        }
        for text in ["012345678901", "1.10", "1e3", "18446744073709551616", "0x1f", "-0"] {
            assert_eq!(number(text).to_json(), serde_json::Value::from(text));
        }
    }
}
