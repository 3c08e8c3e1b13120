//! What the statements of a document allow and deny, one action and resource at a time, as written.
//!
//! It reads text and does not evaluate: `s3:*` is one grant and contains no other. A grant that comes with
//! a Deny is not weighed against it.

use std::collections::BTreeSet;
use std::fmt;

use serde_json::Value as Json;

use super::Document;
use super::canonical::{one_or_many, statements};
use super::pattern;

/// One action on one resource, under one condition, allowed or denied.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Grant {
    pub allows: bool,
    /// `s3:GetObject`; `all but s3:*` for a `NotAction`.
    pub action: String,
    /// An ARN or `*`; `all but …` for a `NotResource`; empty in a trust policy.
    pub resource: String,
    /// The condition block as JSON.
    pub condition: Option<String>,
}

/// Returns every grant of a document once.
pub fn grants(document: &Document) -> BTreeSet<Grant> {
    statements(document.json()).flat_map(of_statement).collect()
}

fn of_statement(statement: &Json) -> Vec<Grant> {
    let allows = statement.get("Effect").and_then(Json::as_str).is_some_and(|e| e.eq_ignore_ascii_case("Allow"));
    let condition = statement.get("Condition").map(ToString::to_string);
    let resources = either(statement, "Resource", "NotResource");
    let grant = |action: &String, resource: &String| Grant {
        allows,
        action: action.clone(),
        resource: resource.clone(),
        condition: condition.clone(),
    };
    let actions = either(statement, "Action", "NotAction");
    actions.iter().flat_map(|action| resources.iter().map(|resource| grant(action, resource))).collect()
}

/// The values of an element, or all but those of its negation as one.
fn either(statement: &Json, element: &str, negation: &str) -> Vec<String> {
    let texts = |json: &Json| -> Vec<String> {
        one_or_many(json).map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned)).collect()
    };
    match (statement.get(element), statement.get(negation)) {
        (Some(said), _) => texts(said),
        (None, Some(negated)) => vec![format!("all but {}", texts(negated).join(", "))],
        (None, None) => vec![String::new()],
    }
}

impl Grant {
    /// Says whether it allows `action` on everything, whatever the circumstances.
    pub fn allows_everywhere(&self, action: &str) -> bool {
        self.allows && self.is_on_all() && self.condition.is_none() && pattern::matches(&self.action, action)
    }

    /// `*`, or every one of a type of IAM's: `arn:aws:iam::123456789012:role/*`.
    fn is_on_all(&self) -> bool {
        let resource = self.resource.splitn(6, ':').collect::<Vec<_>>();
        let every = |name: &str| name.split_once('/').is_some_and(|(_, name)| name == "*");
        self.resource == "*" || matches!(resource[..], ["arn", _, "iam", _, _, name] if every(name) || name == "*")
    }
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let deny = if self.allows { "" } else { "Deny " };
        write!(f, "{deny}{}", self.action)?;
        if !self.resource.is_empty() {
            write!(f, " on {}", self.resource)?;
        }
        match &self.condition {
            Some(condition) => write!(f, " if {condition}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(text: &str) -> Vec<String> {
        grants(&Document::parse(text).unwrap()).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn statements_are_taken_apart() {
        let text = r#"{"Statement": [
            {"Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject"], "Resource": "*"},
            {"Effect": "Deny", "NotAction": "iam:*", "Resource": ["a", "b"], "Condition": {"Bool": {"x": "true"}}}
        ]}"#;
        assert_eq!(
            listed(text),
            [
                r#"Deny all but iam:* on a if {"Bool":{"x":"true"}}"#,
                r#"Deny all but iam:* on b if {"Bool":{"x":"true"}}"#,
                "s3:GetObject on *",
                "s3:PutObject on *",
            ]
        );
    }

    #[test]
    fn only_an_unconditional_allow_on_everything_is_one() {
        let grant = |resource: &str, condition: Option<&str>| Grant {
            allows: true,
            action: "iam:Put*".to_owned(),
            resource: resource.to_owned(),
            condition: condition.map(str::to_owned),
        };
        assert!(grant("*", None).allows_everywhere("iam:PutRolePolicy"));
        assert!(!grant("*", None).allows_everywhere("iam:AttachRolePolicy"));
        assert!(grant("arn:aws:iam::*:role/*", None).allows_everywhere("iam:PutRolePolicy"));
        assert!(!grant("arn:aws:iam::1:role/x", None).allows_everywhere("iam:PutRolePolicy"));
        assert!(!grant("arn:aws:iam::1:role/x/*", None).allows_everywhere("iam:PutRolePolicy"));
        assert!(!grant("*", Some("{}")).allows_everywhere("iam:PutRolePolicy"));
    }
}
