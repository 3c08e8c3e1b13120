//! One entry of a section after reading: every value checked and resolved.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{Address, Attributes, ObjectId, Resource, Tags, Value};
use crate::policy::Document;
use crate::policy::split::Part;
use crate::problem::Place;

/// What one entry of a section says. A kind turns it into resources; problems were reported before.
#[derive(Clone, Debug)]
pub struct Declared {
    pub address: Address,
    /// Of the entry's key.
    pub place: Place,
    /// By key; a key that is absent was not said and has no default.
    pub said: BTreeMap<&'static str, Said>,
}

/// The value of one key, in the form that [`crate::model::schema::Accepts`] names.
#[derive(Clone, Debug)]
pub enum Said {
    Text(String),
    Bool(bool),
    Seconds(u64),
    Tags(Tags),
    Texts(BTreeSet<String>),
    Document(Document),
    /// A document as several, the first first.
    Parts(Vec<Part>),
    Policies(Vec<Reference>),
    Groups(Vec<Reference>),
    /// `None` for `boundary: none`.
    Boundary(Option<Reference>),
    Role(Reference),
    Inline(Vec<Inline>),
    Keep(Vec<&'static str>),
    Ignore(Vec<String>),
    AccessKeys(Vec<KeyWish>),
}

/// One access key of a user.
#[derive(Clone, Debug)]
pub struct KeyWish {
    pub label: String,
    /// `terminal`, or the path of a file, from the manifest's folder.
    pub deliver_to: String,
    pub place: Place,
}

/// A reference, resolved.
#[derive(Clone, Debug, PartialEq)]
pub struct Reference {
    pub arn: String,
    pub place: Place,
}

/// One inline policy of an owner.
#[derive(Clone, Debug)]
pub struct Inline {
    pub name: String,
    pub document: Document,
    pub place: Place,
}

impl Declared {
    pub fn text(&self, key: &str) -> Option<&str> {
        match self.said.get(key) {
            Some(Said::Text(text)) => Some(text),
            _ => None,
        }
    }

    pub fn flag(&self, key: &str) -> bool {
        matches!(self.said.get(key), Some(Said::Bool(true)))
    }

    pub fn seconds(&self, key: &str) -> Option<u64> {
        match self.said.get(key) {
            Some(Said::Seconds(seconds)) => Some(*seconds),
            _ => None,
        }
    }

    pub fn tags(&self) -> Tags {
        match self.said.get("tags") {
            Some(Said::Tags(tags)) => tags.clone(),
            _ => Tags::new(),
        }
    }

    pub fn texts(&self, key: &str) -> Option<&BTreeSet<String>> {
        match self.said.get(key) {
            Some(Said::Texts(texts)) => Some(texts),
            _ => None,
        }
    }

    pub fn document(&self, key: &str) -> Option<&Document> {
        match self.said.get(key) {
            Some(Said::Document(document)) => Some(document),
            _ => None,
        }
    }

    /// Returns the documents of a policy that may be several.
    pub fn parts(&self) -> &[Part] {
        match self.said.get("document") {
            Some(Said::Parts(parts)) => parts,
            _ => &[],
        }
    }

    /// Returns the address of one of its parts; the first has the entry's own.
    pub fn part_address(&self, part: &Part) -> Address {
        let mut segments = self.address.segments().to_vec();
        if let Some(last) = segments.last_mut() {
            *last = part.named(last);
        }
        Address::new(segments)
    }

    pub fn policies(&self) -> &[Reference] {
        match self.said.get("policies") {
            Some(Said::Policies(references)) => references,
            _ => &[],
        }
    }

    pub fn groups(&self) -> &[Reference] {
        match self.said.get("groups") {
            Some(Said::Groups(references)) => references,
            _ => &[],
        }
    }

    pub fn access_keys(&self) -> &[KeyWish] {
        match self.said.get("access_keys") {
            Some(Said::AccessKeys(keys)) => keys,
            _ => &[],
        }
    }

    /// Returns `Some(None)` for `boundary: none`.
    pub fn boundary(&self) -> Option<Option<&Reference>> {
        match self.said.get("boundary") {
            Some(Said::Boundary(reference)) => Some(reference.as_ref()),
            _ => None,
        }
    }

    pub fn role(&self) -> Option<&Reference> {
        match self.said.get("role") {
            Some(Said::Role(reference)) => Some(reference),
            _ => None,
        }
    }

    pub fn inline(&self) -> &[Inline] {
        match self.said.get("inline") {
            Some(Said::Inline(inline)) => inline,
            _ => &[],
        }
    }

    pub fn keep(&self) -> Vec<&'static str> {
        match self.said.get("keep_undeclared") {
            Some(Said::Keep(words)) => words.clone(),
            _ => Vec::new(),
        }
    }

    pub fn ignore(&self) -> Vec<String> {
        match self.said.get("ignore") {
            Some(Said::Ignore(fields)) => fields.clone(),
            _ => Vec::new(),
        }
    }

    /// Returns the attributes that every named resource has: name, path and tags.
    pub fn named(&self) -> Attributes {
        let mut attributes = Attributes::from([
            ("name", self.text("name").unwrap_or_default().into()),
            ("path", self.text("path").unwrap_or("/").into()),
        ]);
        let tags = self.tags();
        if !tags.is_empty() {
            attributes.insert("tags", Value::Tags(tags));
        }
        attributes
    }

    /// Returns the resource of the entry itself.
    pub fn resource(&self, id: ObjectId, wanted: Attributes) -> Resource {
        Resource {
            address: self.address.clone(),
            id,
            wanted,
            place: self.place,
            keep_undeclared: self.keep(),
            removed: Vec::new(),
            ignore: self.ignore(),
            existing: self.flag("existing"),
            prevent_destroy: self.flag("prevent_destroy"),
        }
    }

    /// Returns the resource of something that hangs on the entry.
    pub fn hanging<'s>(
        &self,
        segments: impl IntoIterator<Item = &'s str>,
        place: Place,
        id: ObjectId,
        wanted: Attributes,
    ) -> Resource {
        Resource {
            address: self.address.child(segments),
            id,
            wanted,
            place,
            keep_undeclared: Vec::new(),
            removed: Vec::new(),
            ignore: Vec::new(),
            existing: false,
            prevent_destroy: false,
        }
    }
}
