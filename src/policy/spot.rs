//! Walking a document with the way to each of its values.

use serde_json::Value as Json;

use crate::model::PathSegment;

/// A value and the way to it.
#[derive(Clone)]
pub(super) struct Spot<'a> {
    pub json: &'a Json,
    pub path: Vec<PathSegment>,
}

impl<'a> Spot<'a> {
    /// Begins at the document itself.
    pub fn root(json: &'a Json) -> Self {
        Self { json, path: Vec::new() }
    }

    pub fn get(&self, key: &str) -> Option<Spot<'a>> {
        self.json.get(key).map(|json| self.inside(PathSegment::Key(key.to_owned()), json))
    }

    /// Returns the items of a list, or the value itself when it is none.
    pub fn one_or_many(&self) -> Vec<Spot<'a>> {
        match self.json {
            Json::Array(items) => {
                items.iter().enumerate().map(|(i, json)| self.inside(PathSegment::Index(i), json)).collect()
            }
            _ => vec![self.clone()],
        }
    }

    /// Returns the values of an object under their keys.
    pub fn entries(&self) -> Vec<(&'a str, Spot<'a>)> {
        let entries = self.json.as_object().into_iter().flatten();
        entries.map(|(key, json)| (key.as_str(), self.inside(PathSegment::Key(key.clone()), json))).collect()
    }

    fn inside(&self, segment: PathSegment, json: &'a Json) -> Spot<'a> {
        let mut path = self.path.clone();
        path.push(segment);
        Spot { json, path }
    }

    pub fn text(&self) -> Option<&'a str> {
        self.json.as_str()
    }
}
