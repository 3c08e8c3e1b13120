//! Statements and their parts in few words, as plans show them.

use std::fmt;

use serde_json::Value as Json;

use super::canonical::{Term, Text};

/// More names than these are counted instead.
const NAMED: usize = 2;

impl fmt::Display for Term<'_> {
    /// As the document spells it: `s3:GetObject`, `AWS: arn:…`, `StringEquals aws:SourceVpc: vpc-1`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.group.is_empty() {
            let space = if self.key.is_empty() { "" } else { " " };
            write!(f, "{}{space}{}: ", self.group, self.key)?;
        }
        match (&self.atom.text, self.value) {
            (Text::Nothing, _) | (_, None) => f.write_str("(no values)"),
            (_, Some(Json::String(text))) => f.write_str(text),
            (_, Some(value)) => write!(f, "{value}"),
        }
    }
}

/// Returns the Sid of a statement, else what it does: `Allow 3 actions on arn:aws:s3:::acme-work/*`.
pub(super) fn label(terms: &[Term]) -> String {
    let first = |element: &str| terms.iter().find(|term| term.atom.element == element).map(Term::to_string);
    if let Some(sid) = first("Sid") {
        return sid;
    }
    let mut words = vec![first("Effect").unwrap_or_else(|| "Statement".to_owned())];
    words.extend(named(terms, "Action", "actions"));
    if let Some(on) = on(terms) {
        words.push(format!("on {on}"));
    }
    if let Some(whom) = named(terms, "Principal", "principals") {
        words.push(format!("for {whom}"));
    }
    words.join(" ")
}

/// Returns what a statement's actions are on; a trust policy says nothing about it.
pub(super) fn on(terms: &[Term]) -> Option<String> {
    named(terms, "Resource", "resources")
}

fn named(terms: &[Term], element: &str, many: &str) -> Option<String> {
    let negated = format!("Not{element}");
    let list = |element: &str| -> Vec<String> {
        let own = terms.iter().filter(|term| term.atom.element == element);
        own.map(|term| term.value.and_then(Json::as_str).map_or_else(|| term.to_string(), str::to_owned)).collect()
    };
    let (names, but) = match list(element) {
        names if names.is_empty() => (list(&negated), "all but "),
        names => (names, ""),
    };
    match names.len() {
        0 => None,
        count if count <= NAMED => Some(format!("{but}{}", names.join(" and "))),
        count => Some(format!("{but}{count} {many}")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::policy::canonical::terms;

    #[test]
    fn a_statement_is_its_sid_or_what_it_does() {
        let said = |statement: Json| label(&terms(&statement));
        assert_eq!(said(json!({"Sid": "Read", "Effect": "Allow"})), "Read");
        assert_eq!(
            said(json!({"Effect": "Allow", "Action": ["a:A", "a:B", "a:C"], "Resource": "x"})),
            "Allow 3 actions on x"
        );
        assert_eq!(
            said(json!({"Effect": "Deny", "NotAction": "a:*", "NotResource": ["x", "y"]})),
            "Deny all but a:* on all but x and y"
        );
        assert_eq!(
            said(json!({"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"})),
            "Allow sts:AssumeRole for *"
        );
        assert_eq!(said(json!(7)), "Statement");
    }

    #[test]
    fn terms_keep_their_spelling() {
        let statement = json!({"Action": "S3:Get", "Condition": {"bool": {"AWS:x": true}}, "Principal": {"AWS": "*"}});
        let spelled: Vec<_> = terms(&statement).iter().map(Term::to_string).collect();
        assert_eq!(spelled, ["S3:Get", "bool AWS:x: true", "AWS: *"]);
    }
}
