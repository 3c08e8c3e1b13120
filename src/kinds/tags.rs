//! Tags, as attributes and as the SDK has them.

use aws_sdk_iam::types::Tag;

use crate::model::{Attributes, Tags, Value};

/// What to call for a change of tags; `None` where no call is needed.
pub struct Change {
    pub removed: Option<Vec<String>>,
    pub set: Option<Vec<Tag>>,
}

pub fn change(live: &Attributes, wanted: &Attributes) -> Change {
    let none = Tags::new();
    let live = live.get("tags").and_then(Value::tags).unwrap_or(&none);
    let wanted = wanted.get("tags").and_then(Value::tags).unwrap_or(&none);
    let removed: Vec<String> = live.keys().filter(|key| !wanted.contains_key(*key)).cloned().collect();
    let set: Vec<Tag> = wanted
        .iter()
        .filter(|(key, value)| live.get(*key) != Some(value))
        .map(|(key, value)| tag(key, value))
        .collect();
    Change { removed: (!removed.is_empty()).then_some(removed), set: (!set.is_empty()).then_some(set) }
}

/// Returns the tags of a create call.
pub fn sdk(wanted: &Attributes) -> Option<Vec<Tag>> {
    Some(wanted.get("tags")?.tags()?.iter().map(|(key, value)| tag(key, value)).collect())
}

/// Adds the tags that AWS holds.
pub fn insert(attributes: &mut Attributes, tags: &[Tag]) {
    if !tags.is_empty() {
        let tags = tags.iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned())).collect();
        attributes.insert("tags", Value::Tags(tags));
    }
}

fn tag(key: &str, value: &str) -> Tag {
    // Both are set, so that the builder cannot fail.
    Tag::builder().key(key).value(value).build().expect("a tag with key and value")
}
