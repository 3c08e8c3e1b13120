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

    /// Returns every principal of a type, such as `AWS` or `Federated`, that an Allow statement names.
    pub fn principals<'s>(&'s self, of_type: &'s str) -> impl Iterator<Item = &'s str> {
        statements(&self.json)
            .filter(|statement| has_effect(statement, "Allow"))
            .filter_map(move |statement| statement.get("Principal")?.get(of_type))
            .flat_map(one_or_many)
            .filter_map(Json::as_str)
    }

    pub fn has_statements(&self) -> bool {
        statements(&self.json).next().is_some()
    }

    /// Says whether any statement denies.
    pub fn has_deny(&self) -> bool {
        statements(&self.json).any(|statement| has_effect(statement, "Deny"))
    }

    /// Says whether the document takes permissions away and gives none.
    pub fn only_denies(&self) -> bool {
        self.has_deny() && statements(&self.json).all(|statement| has_effect(statement, "Deny"))
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

    /// Returns a text that documents have in common which mean the same, an account's id apart, which also
    /// equals the ARN of its root. It is for digests; nobody reads it.
    pub fn meaning(&self) -> String {
        format!("{:?}", self.canonical())
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::policy::diff;

    #[test]
    fn documents_are_equal_when_they_mean_the_same() {
        let cases: Vec<Json> = serde_json::from_str(include_str!("../../tests/vectors/equivalence.json")).unwrap();
        assert!(cases.len() > 80);
        for case in cases.iter().filter(|case| case["tier"] != "choice") {
            let [a, b] = ["a", "b"].map(|side| Document::parse(case[side].as_str().unwrap()).unwrap());
            let expected = case["equivalent"].as_bool().unwrap();
            assert_eq!((a == b, b == a), (expected, expected), "{} {}", case["id"], case["name"]);
            assert_eq!(diff(&a, &b).is_empty(), expected, "the difference of {} {}", case["id"], case["name"]);
        }
    }

    #[test]
    fn principals_are_those_that_an_allow_names() {
        let document = Document::from_json(json!({"Statement": [
            {"Effect": "Allow", "Principal": {"AWS": ["a", "b"], "Service": "s"}},
            {"Effect": "Deny", "Principal": {"AWS": "c"}},
            {"Effect": "Allow", "Principal": {"AWS": "d"}},
            {"Effect": "Allow", "Principal": "*"},
        ]}));
        assert_eq!(document.principals("AWS").collect::<Vec<_>>(), ["a", "b", "d"]);
        assert_eq!(document.principals("Service").collect::<Vec<_>>(), ["s"]);
    }

    #[test]
    fn a_deny_is_found_in_any_statement() {
        let with = |effects: &[&str]| {
            let statements: Vec<_> = effects.iter().map(|effect| json!({"Effect": effect})).collect();
            Document::from_json(json!({"Statement": statements})).has_deny()
        };
        assert!(with(&["Allow", "Deny"]) && !with(&["Allow"]) && !with(&[]));
        assert!(Document::from_json(json!({"Statement": {"Effect": "Deny"}})).has_deny());
        assert!(Document::from_json(json!({"Statement": {"Effect": "Deny"}})).only_denies());
        let mixed = Document::from_json(json!({"Statement": [{"Effect": "Deny"}, {"Effect": "Allow"}]}));
        assert!(mixed.has_deny() && !mixed.only_denies());
    }

    #[test]
    fn size_leaves_out_white_space() {
        let text = "{ \"Id\" : \"a b\",\n \"Statement\": [] }";
        assert_eq!(Document::parse(text).unwrap().size(), r#"{"Id":"ab","Statement":[]}"#.len());
    }

    #[test]
    fn texts_keep_order_and_numbers() {
        let text = r#"{"Z":18446744073709551616,"A":[1.10,10]}"#;
        let document = Document::parse(text).unwrap();
        assert_eq!(document.to_compact(), r#"{"Z":"18446744073709551616","A":["1.10",10]}"#);
        assert!(document.to_pretty().starts_with("{\n  \"Z\": "));
        assert_eq!(serde_json::to_string(&document).unwrap(), document.to_compact());
    }

    #[test]
    fn a_text_with_faults_is_no_document() {
        let faults = Document::parse(r#"{"Id":"a","Id":"b"}"#).unwrap_err();
        assert_eq!(faults[0].message, "key `Id` is written twice");
    }
}
