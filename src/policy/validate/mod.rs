//! Whether AWS takes a document, and what it says when it does not.
//!
//! The grammar is "Grammar of the IAM JSON policy language" in the IAM User Guide; what the guide leaves
//! open is as lenient as AWS has been seen to be, since a document refused here cannot be tried at all.
//! Sizes are in `limits`, as inline policies are counted together.

pub(super) mod condition;
mod principal;
mod resource;
mod statement;

use std::collections::HashSet;

pub use principal::is_service;
use serde_json::Value as Json;

use super::canonical::DEFAULT_VERSION;
use super::spot::Spot;
use super::{Host, json};
use crate::model::{Node, PathSegment};
use crate::problem::Place;

/// The version that a managed policy must have.
pub(super) const VERSION: &str = "2012-10-17";

/// What an element holds, said where it holds something else.
const STRINGS_ONLY: &str = "holds strings only";

/// Why AWS would refuse a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Stable, kebab-case: `policy-syntax`, `policy-action` …
    pub code: &'static str,
    /// AWS's wording, which says "Syntax errors in policy." for most of them.
    pub message: String,
    /// What is wrong, in one clause without a full stop.
    pub detail: String,
    /// The way to the node that is wrong, or to the one that lacks something.
    pub path: Vec<PathSegment>,
}

impl Fault {
    /// Returns the error code that AWS answers with.
    pub fn aws_code(&self) -> &'static str {
        if self.code == Check::Characters.code() { "ValidationError" } else { "MalformedPolicyDocument" }
    }

    /// Returns what to type, where that is sure.
    pub fn help(&self, document: &Json) -> Option<String> {
        let said = self.path.iter().try_fold(document, |json, segment| match segment {
            PathSegment::Key(key) => json.get(key),
            PathSegment::Index(index) => json.get(index),
        })?;
        let is_unquoted = self.detail.ends_with(STRINGS_ONLY) && (said.is_number() || said.is_boolean());
        match self.path.last() {
            _ if is_unquoted => Some("quote it".to_owned()),
            Some(PathSegment::Key(key)) if key == "Effect" => Some("Effect: Allow, or Effect: Deny".to_owned()),
            _ => None,
        }
    }

    /// Returns its place in the document as it was written: that of a key where the key is what is wrong.
    pub fn place(&self, document: &Node) -> Place {
        if let [way @ .., PathSegment::Key(key)] = self.path.as_slice()
            && self.detail.starts_with(&format!("`{key}` is not a"))
            && let Some(entry) = document.at(way).get(key)
        {
            return entry.key_place;
        }
        document.at(&self.path).place
    }

    /// Says whether an element is missing only because its name has a slip, which is a fault of its own.
    pub fn is_slip_of_another(&self, all: &[Fault]) -> bool {
        let Some(missing) = self.detail.strip_suffix(" is missing") else { return false };
        let meant = format!("did you mean {missing}?");
        let beside = |other: &Fault| other.path.split_last().is_some_and(|(_, way)| way == self.path);
        all.iter().any(|other| beside(other) && other.detail.ends_with(&meant))
    }
}

/// Returns why AWS would refuse the document; the first is what AWS would say.
pub fn validate(document: &Json, host: Host) -> Vec<Fault> {
    let mut faults = Faults::default();
    let spot = Spot::root(document);
    characters(&spot, &mut faults);
    whole(&spot, host, &mut faults);
    faults.sorted()
}

/// Validates a text as it is sent to AWS.
pub fn validate_text(text: &str, host: Host) -> Vec<Fault> {
    match json::parse(text, 0) {
        Ok(node) => validate(&node.to_json(), host),
        Err(found) => {
            let mut faults = Faults::default();
            found.into_iter().for_each(|fault| faults.syntax(Vec::new(), fault.message));
            faults.sorted()
        }
    }
}

/// AWS's checks, in the order in which it makes them: it answers with the first that fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Check {
    Characters,
    Syntax,
    Version,
    Legacy,
    Sid,
    Elements,
    Vendor,
    ResourceMissing,
    Resource,
    Action,
    Principal,
}

impl Check {
    fn code(self) -> &'static str {
        match self {
            Check::Characters => "policy-characters",
            Check::Syntax => "policy-syntax",
            Check::Version => "policy-version",
            Check::Legacy => "policy-legacy",
            Check::Sid => "policy-sid",
            Check::Elements => "policy-elements",
            Check::Vendor | Check::Action => "policy-action",
            Check::ResourceMissing | Check::Resource => "policy-resource",
            Check::Principal => "policy-principal",
        }
    }
}

/// Collects faults, so that all are shown at once.
#[derive(Default)]
struct Faults(Vec<(Check, Fault)>);

impl Faults {
    fn add(&mut self, check: Check, path: Vec<PathSegment>, message: impl Into<String>, detail: impl Into<String>) {
        let fault = Fault { code: check.code(), message: message.into(), detail: detail.into(), path };
        self.0.push((check, fault));
    }

    fn syntax(&mut self, path: Vec<PathSegment>, detail: impl Into<String>) {
        self.add(Check::Syntax, path, "Syntax errors in policy.", detail);
    }

    fn legacy(&mut self, path: Vec<PathSegment>, detail: impl Into<String>) {
        self.add(Check::Legacy, path, "The policy failed legacy parsing", detail);
    }

    fn sorted(mut self) -> Vec<Fault> {
        self.0.sort_by_key(|(check, _)| *check);
        self.0.into_iter().map(|(_, fault)| fault).collect()
    }
}

fn whole(document: &Spot, host: Host, faults: &mut Faults) {
    if !document.json.is_object() {
        return faults.syntax(Vec::new(), "a policy document is an object");
    }
    for (element, value) in document.entries() {
        match element {
            "Version" => {}
            "Statement" => statements(&value, host, faults),
            "Id" if value.json.is_string() => {}
            "Id" => faults.syntax(value.path, "`Id` is a string"),
            _ => faults.syntax(value.path, format!("`{element}` is not an element of a policy document")),
        }
    }
    if document.get("Statement").is_none() {
        faults.syntax(Vec::new(), "`Statement` is missing");
    }
    version(document, host, faults);
}

fn version(document: &Spot, host: Host, faults: &mut Faults) {
    let said = document.get("Version");
    let path = said.as_ref().map(|version| version.path.clone()).unwrap_or_default();
    match said.map(|version| version.text()) {
        Some(Some(VERSION)) => {}
        Some(Some(DEFAULT_VERSION)) | None => {
            if host == Host::Managed {
                let message = "Policy document must be version 2012-10-17 or greater.";
                faults.add(Check::Version, path, message, format!("`Version` must be \"{VERSION}\""));
            }
        }
        Some(_) => faults.syntax(path, format!("`Version` is \"{VERSION}\"")),
    }
}

fn statements(list: &Spot, host: Host, faults: &mut Faults) {
    if list.json.as_array().is_some_and(Vec::is_empty) {
        return faults.syntax(list.path.clone(), "`Statement` is empty");
    }
    let mut sids = HashSet::new();
    for one in list.one_or_many() {
        statement::check(&one, host, faults);
        let Some(sid) = one.get("Sid") else { continue };
        if sid.text().is_some_and(|text| !text.is_empty() && !sids.insert(text)) {
            let message = "Statement IDs (SID) in a single policy must be unique.";
            faults.add(Check::Sid, sid.path, message, "another statement has this `Sid`");
        }
    }
}

/// The API reference of CreatePolicy: tab, line feed, carriage return, U+0020 to U+00FF.
fn characters(spot: &Spot, faults: &mut Faults) {
    match spot.json {
        Json::String(text) => latin(text, spot, faults),
        Json::Array(_) => spot.one_or_many().iter().for_each(|item| characters(item, faults)),
        Json::Object(_) => {
            for (key, value) in spot.entries() {
                latin(key, &value, faults);
                characters(&value, faults);
            }
        }
        Json::Null | Json::Bool(_) | Json::Number(_) => {}
    }
}

fn latin(text: &str, spot: &Spot, faults: &mut Faults) {
    if let Some(c) = text.chars().find(|c| *c > '\u{ff}') {
        let message = "The specified value for policyDocument is invalid. \
                       It must contain only printable ASCII characters.";
        let detail = format!("`{c}` (U+{:04X}) cannot stand in a policy document", u32::from(c));
        faults.add(Check::Characters, spot.path.clone(), message, detail);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn host(case: &Json) -> Host {
        match (case["policy_type"].as_str(), case["host"].as_str()) {
            (Some("trust"), _) => Host::Trust,
            (_, Some("managed")) => Host::Managed,
            (_, Some("inline-user")) => Host::InlineUser,
            (_, Some("inline-group")) => Host::InlineGroup,
            _ => Host::InlineRole,
        }
    }

    #[test]
    fn documents_are_taken_or_refused_as_by_aws() {
        let cases: Vec<Json> = serde_json::from_str(include_str!("../../../tests/vectors/grammar.json")).unwrap();
        assert!(cases.len() > 60);
        for case in &cases {
            let faults = validate_text(case["document"].as_str().unwrap(), host(case));
            let name = format!("{} {}: {faults:?}", case["id"], case["name"]);
            assert_eq!(faults.is_empty(), case["valid"].as_bool().unwrap(), "{name}");
            if let Some(message) = case["aws_error_message"].as_str() {
                assert_eq!(faults[0].message, message, "{name}");
            }
        }
    }

    #[test]
    fn all_faults_are_found_and_the_first_is_that_of_aws() {
        let document = json!({"Statement": [
            {"Effect": "Allow", "Action": "GetObject", "Resource": "*"},
            {"Effect": "Maybe", "Actions": "s3:GetObject", "Resource": "x"},
        ]});
        let faults = validate(&document, Host::Managed);
        let codes: Vec<_> = faults.iter().map(|fault| fault.code).collect();
        let expected =
            ["policy-syntax", "policy-syntax", "policy-version", "policy-elements", "policy-action", "policy-resource"];
        assert_eq!(codes, expected);
        assert_eq!(faults[1].detail, "`Actions` is not an element of a statement; did you mean `Action`?");
        assert!(faults.iter().all(|fault| fault.aws_code() == "MalformedPolicyDocument"));
    }

    #[test]
    fn faults_lead_to_their_node() {
        let text =
            r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:Get","bad"],"Resource":"*"}]}"#;
        let node = json::parse(text, 0).unwrap();
        let fault = &validate(&node.to_json(), Host::Managed)[0];
        let place = node.at(&fault.path).place;
        assert_eq!(&text[place.start..place.end], r#""bad""#);
    }

    #[test]
    fn characters_beyond_latin_1_are_an_error_of_their_own() {
        let document = json!({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "s3:x", "Resource": "arn:aws:s3:::\u{4e2d}/é"}});
        let faults = validate(&document, Host::Managed);
        assert_eq!(faults.iter().map(Fault::aws_code).collect::<Vec<_>>(), ["ValidationError"]);
        assert!(faults[0].detail.contains("U+4E2D"));
    }

    #[test]
    fn every_fault_of_a_text_is_a_syntax_error() {
        let faults = validate_text(r#"{"Id":"a","Id":"b",}"#, Host::Trust);
        let details: Vec<_> = faults.iter().map(|fault| fault.detail.as_str()).collect();
        assert_eq!(details, ["key `Id` is written twice", "trailing comma before `}`"]);
    }
}
