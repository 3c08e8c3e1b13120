//! Tags: what they may look like, and how they are set and removed.
//!
//! Keys of roles differ by more than letter case; those of policies and instance profiles may differ by
//! case alone, as documented.

use super::lists::Page;
use super::{Answer, Call, names};
use crate::sandbox::answer::Refusal;
use crate::sandbox::request::Request;
use crate::sandbox::world::Tags;
use crate::sandbox::xml::Xml;

const MOST: usize = 50;

/// Whether `Team` and `team` are one key.
#[derive(Clone, Copy, PartialEq)]
pub enum Case {
    Ignored,
    Told,
}

impl Case {
    fn same(self, a: &str, b: &str) -> bool {
        match self {
            Case::Ignored => a.to_lowercase() == b.to_lowercase(),
            Case::Told => a == b,
        }
    }
}

/// Returns the tags of a call that creates or tags.
pub fn given(request: &Request, case: Case) -> Result<Tags, Refusal> {
    let given = request.tags();
    if given.len() > MOST {
        return Err(Refusal::constraint(None, "tags", "Member must have length less than or equal to 50"));
    }
    let mut tags = Tags::new();
    for (n, (key, value)) in given.into_iter().enumerate() {
        check_key(key, &format!("tags.{}.member.key", n + 1))?;
        let parameter = format!("tags.{}.member.value", n + 1);
        names::length(&parameter, value, 0, 256)?;
        spelling(value, &parameter, '*')?;
        if tags.keys().any(|other: &String| case.same(other, key)) {
            let message = "Duplicate tag keys found. Please note that Tag keys are case insensitive.";
            return Err(Refusal::input(message));
        }
        tags.insert(key.to_owned(), value.to_owned());
    }
    Ok(tags)
}

/// Returns what `live` becomes with the tags of a call.
pub fn tagged(live: &Tags, request: &Request, case: Case) -> Result<Tags, Refusal> {
    let given = given(request, case)?;
    if given.is_empty() {
        return Err(Refusal::constraint(None, "tags", "Member must not be null"));
    }
    let mut tags = live.clone();
    tags.retain(|key, _| !given.keys().any(|other| case.same(key, other)));
    tags.extend(given);
    if tags.len() > MOST {
        return Err(Refusal::limit(format!("Cannot exceed quota for TagsPerResource: {MOST}")));
    }
    Ok(tags)
}

/// Returns what `live` becomes without the keys of a call. Keys that are not there are no error.
pub fn untagged(live: &Tags, request: &Request, case: Case) -> Result<Tags, Refusal> {
    let keys = request.texts("TagKeys");
    if keys.len() > MOST {
        return Err(Refusal::constraint(None, "tagKeys", "Member must have length less than or equal to 50"));
    }
    for key in &keys {
        check_key(key, "tagKeys")?;
    }
    let mut tags = live.clone();
    tags.retain(|key, _| !keys.iter().any(|other| case.same(key, other)));
    Ok(tags)
}

/// Answers with one page of tags.
pub fn list(call: &Call, tags: &Tags) -> Answer {
    let page = Page::of(call, tags.iter().map(|(key, value)| (key.clone(), (key, value))))?;
    Ok(page.answer("Tags", |xml, (key, value)| write_one(xml, key, value)))
}

pub fn write(xml: &mut Xml, tags: &Tags) {
    if !tags.is_empty() {
        xml.list("Tags", tags, |xml, (key, value)| write_one(xml, key, value));
    }
}

fn write_one(xml: &mut Xml, key: &str, value: &str) {
    xml.text("Key", key).text("Value", value);
}

fn check_key(key: &str, parameter: &str) -> Result<(), Refusal> {
    names::length(parameter, key, 1, 128)?;
    spelling(key, parameter, '+')?;
    if key.to_lowercase().starts_with("aws:") {
        return Err(Refusal::input("Tag keys that start with aws: are reserved for AWS."));
    }
    Ok(())
}

fn spelling(text: &str, parameter: &str, times: char) -> Result<(), Refusal> {
    let allowed = |c: char| c.is_alphanumeric() || is_separator(c) || "_.:/=+-@".contains(c);
    if text.chars().all(allowed) {
        return Ok(());
    }
    let pattern = r"Member must satisfy regular expression pattern: [\p{L}\p{Z}\p{N}_.:/=+\-@]";
    Err(Refusal::constraint(Some(text), parameter, &format!("{pattern}{times}")))
}

/// Unicode's separators: all white space but the control characters.
fn is_separator(c: char) -> bool {
    c.is_whitespace() && !c.is_control()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(tags: &[(&str, &str)]) -> Request {
        let mut form = form_urlencoded::Serializer::new(String::new());
        for (n, (key, value)) in tags.iter().enumerate() {
            form.append_pair(&format!("Tags.member.{}.Key", n + 1), key);
            form.append_pair(&format!("Tags.member.{}.Value", n + 1), value);
        }
        Request::parse(form.finish().as_bytes())
    }

    fn refused(tags: &[(&str, &str)]) -> Refusal {
        given(&request(tags), Case::Ignored).unwrap_err()
    }

    #[test]
    fn keys_and_values_have_rules() {
        assert!(given(&request(&[("Kosten Träger", "a:b/c=d+e-f@g.h_1"), ("empty", "")]), Case::Ignored).is_ok());
        assert_eq!(refused(&[("AWS:x", "1")]).code, "InvalidInput");
        assert_eq!(refused(&[("Team", "1"), ("team", "2")]).code, "InvalidInput");
        assert!(given(&request(&[("Team", "1"), ("team", "2")]), Case::Told).is_ok());
        for wrong in [("", "v"), ("a*b", "v"), ("a", "v\n"), (&*"k".repeat(129), "v"), ("k", &*"v".repeat(257))] {
            assert_eq!(refused(&[wrong]).code, "ValidationError", "{wrong:?}");
        }
    }

    #[test]
    fn fifty_tags_at_most() {
        let keys: Vec<String> = (0..51).map(|n| format!("k{n}")).collect();
        let tags: Vec<(&str, &str)> = keys.iter().map(|key| (key.as_str(), "")).collect();
        assert_eq!(refused(&tags).code, "ValidationError");
        let live = given(&request(&tags[..50]), Case::Ignored).unwrap();
        assert_eq!(tagged(&live, &request(&tags[50..]), Case::Ignored).unwrap_err().code, "LimitExceeded");
        assert!(tagged(&live, &request(&[("K7", "")]), Case::Ignored).unwrap().contains_key("K7"));
    }
}
