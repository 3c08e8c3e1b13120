//! Conditions: operators, the key they look at, the values that they compare it with.

use std::fmt;

use serde_json::Value as Json;

use super::canonical::one_or_many;
use super::pattern::{Pattern, Variables};

/// One operator on one key: `"StringLike": {"s3:prefix": ["a/*", "b/*"]}`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Condition {
    pub operator: Operator,
    /// As it is written; its letter case does not count.
    pub key: String,
    /// A negated operator must hold for all of them, any other for one.
    pub values: Vec<Pattern>,
}

/// `ForAllValues:StringNotLikeIfExists` and the like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Operator {
    pub quantifier: Option<Quantifier>,
    pub test: Test,
    pub negated: bool,
    pub if_exists: bool,
}

/// What a key with several values in the request has to fulfil.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Quantifier {
    ForAllValues,
    ForAnyValue,
}

/// How one value of the request is compared with one of the policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Test {
    StringEquals,
    StringEqualsIgnoreCase,
    StringLike,
    NumericEquals,
    NumericLessThan,
    NumericLessThanEquals,
    NumericGreaterThan,
    NumericGreaterThanEquals,
    DateEquals,
    DateLessThan,
    DateLessThanEquals,
    DateGreaterThan,
    DateGreaterThanEquals,
    Bool,
    BinaryEquals,
    IpAddress,
    /// `ArnEquals` and `ArnLike`, which are one.
    Arn,
    Null,
}

/// "IAM JSON policy elements: Condition operators": name, test, negated.
const OPERATORS: &[(&str, Test, bool)] = &[
    ("StringEquals", Test::StringEquals, false),
    ("StringNotEquals", Test::StringEquals, true),
    ("StringEqualsIgnoreCase", Test::StringEqualsIgnoreCase, false),
    ("StringNotEqualsIgnoreCase", Test::StringEqualsIgnoreCase, true),
    ("StringLike", Test::StringLike, false),
    ("StringNotLike", Test::StringLike, true),
    ("NumericEquals", Test::NumericEquals, false),
    ("NumericNotEquals", Test::NumericEquals, true),
    ("NumericLessThan", Test::NumericLessThan, false),
    ("NumericLessThanEquals", Test::NumericLessThanEquals, false),
    ("NumericGreaterThan", Test::NumericGreaterThan, false),
    ("NumericGreaterThanEquals", Test::NumericGreaterThanEquals, false),
    ("DateEquals", Test::DateEquals, false),
    ("DateNotEquals", Test::DateEquals, true),
    ("DateLessThan", Test::DateLessThan, false),
    ("DateLessThanEquals", Test::DateLessThanEquals, false),
    ("DateGreaterThan", Test::DateGreaterThan, false),
    ("DateGreaterThanEquals", Test::DateGreaterThanEquals, false),
    ("Bool", Test::Bool, false),
    ("BinaryEquals", Test::BinaryEquals, false),
    ("IpAddress", Test::IpAddress, false),
    ("NotIpAddress", Test::IpAddress, true),
    ("ArnLike", Test::Arn, false),
    ("ArnNotLike", Test::Arn, true),
    ("ArnEquals", Test::Arn, false),
    ("ArnNotEquals", Test::Arn, true),
    ("Null", Test::Null, false),
];

impl Test {
    /// Says whether the values of a policy have to be dates.
    pub fn is_date(self) -> bool {
        use Test::{DateEquals, DateGreaterThan, DateGreaterThanEquals, DateLessThan, DateLessThanEquals};
        matches!(self, DateEquals | DateGreaterThan | DateGreaterThanEquals | DateLessThan | DateLessThanEquals)
    }
}

impl Operator {
    /// Reads an operator, whatever its letter case.
    pub fn parse(text: &str) -> Option<Operator> {
        let (quantifier, bare) = match text.split_once(':') {
            None => (None, text),
            Some((word, bare)) if word.eq_ignore_ascii_case("ForAllValues") => (Some(Quantifier::ForAllValues), bare),
            Some((word, bare)) if word.eq_ignore_ascii_case("ForAnyValue") => (Some(Quantifier::ForAnyValue), bare),
            Some(_) => return None,
        };
        let find = |name: &str| OPERATORS.iter().find(|(known, ..)| known.eq_ignore_ascii_case(name));
        let operator = |(_, test, negated): &(&str, Test, bool), if_exists| Operator {
            quantifier,
            test: *test,
            negated: *negated,
            if_exists,
        };
        if let Some(found) = find(bare) {
            return Some(operator(found, false));
        }
        let name = bare.get(..bare.len().checked_sub("IfExists".len())?)?;
        let ends = bare.get(name.len()..)?.eq_ignore_ascii_case("IfExists");
        // `Null` asks whether the key exists itself.
        find(name).filter(|(_, test, _)| ends && *test != Test::Null).map(|found| operator(found, true))
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.quantifier {
            Some(Quantifier::ForAllValues) => f.write_str("ForAllValues:")?,
            Some(Quantifier::ForAnyValue) => f.write_str("ForAnyValue:")?,
            None => {}
        }
        let same = |(_, test, negated): &&(&str, Test, bool)| *test == self.test && *negated == self.negated;
        f.write_str(OPERATORS.iter().find(same).map_or("", |(name, ..)| name))?;
        f.write_str(if self.if_exists { "IfExists" } else { "" })
    }
}

/// Reads the `Condition` of a statement; why it cannot be read is one clause without a full stop.
pub(super) fn read(block: Option<&Json>, variables: Variables) -> Result<Vec<Condition>, String> {
    let entries = |json: &Json, name: &str| {
        json.as_object().cloned().ok_or_else(|| format!("`{name}` is not an object of keys and values"))
    };
    let mut conditions = Vec::new();
    let Some(block) = block else { return Ok(conditions) };
    for (name, keys) in entries(block, "Condition")? {
        let keys = entries(&keys, &name)?;
        // AWS does not look at an operator without keys.
        if keys.is_empty() {
            continue;
        }
        let operator = Operator::parse(&name).ok_or_else(|| format!("`{name}` is not a condition operator"))?;
        for (key, values) in keys {
            let values: Option<_> =
                one_or_many(&values).map(|value| pattern(value, operator.test, variables)).collect();
            let values = values.ok_or_else(|| format!("a value of `{key}` is neither string nor number nor bool"))?;
            conditions.push(Condition { operator, key, values });
        }
    }
    Ok(conditions)
}

/// "Grammar of the IAM JSON policy language": numbers and bools may be written without quotes. "IAM JSON policy
/// elements: Condition operators" says of each operator whether it knows wildcards and variables.
fn pattern(value: &Json, test: Test, variables: Variables) -> Option<Pattern> {
    let text = match value {
        Json::String(text) => text.clone(),
        Json::Bool(_) | Json::Number(_) => value.to_string(),
        _ => return None,
    };
    Some(match test {
        Test::StringLike => Pattern::text(&text, variables),
        Test::Arn => Pattern::arn(&text, variables),
        Test::StringEquals | Test::StringEqualsIgnoreCase | Test::Bool => Pattern::without_wildcards(&text, variables),
        _ => Pattern::literal(&text),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn operators_are_read_whatever_their_case() {
        let operator = |quantifier, test, negated, if_exists| Some(Operator { quantifier, test, negated, if_exists });
        for (text, expected) in [
            ("StringEquals", operator(None, Test::StringEquals, false, false)),
            ("stringnotlikeifexists", operator(None, Test::StringLike, true, true)),
            ("ForAllValues:ArnLike", operator(Some(Quantifier::ForAllValues), Test::Arn, false, false)),
            (
                "foranyvalue:NumericNotEqualsIfExists",
                operator(Some(Quantifier::ForAnyValue), Test::NumericEquals, true, true),
            ),
            ("Null", operator(None, Test::Null, false, false)),
            ("NullIfExists", None),
            ("ForSome:Bool", None),
            ("IfExists", None),
            ("ForAnyValue::StringLike", None),
            ("StringMatches", None),
            ("Stringé", None),
            ("", None),
        ] {
            assert_eq!(Operator::parse(text), expected, "{text}");
        }
    }

    #[test]
    fn operators_are_written_in_the_case_of_aws() {
        for name in ["ForAllValues:StringNotLikeIfExists", "ArnNotLike", "ForAnyValue:Bool", "NumericGreaterThan"] {
            assert_eq!(Operator::parse(&name.to_ascii_lowercase()).unwrap().to_string(), name);
        }
    }

    #[test]
    fn wildcards_are_those_of_the_operator() {
        let read_one = |operator: &str| {
            read(Some(&json!({operator: {"s3:prefix": "a*${aws:username}"}})), Variables::Read).unwrap().remove(0)
        };
        assert!(read_one("StringLike").values[0].has_wildcards());
        let equals = &read_one("StringEquals").values[0];
        assert!(!equals.has_wildcards() && equals.variables().count() == 1);
    }

    #[test]
    fn numbers_and_bools_are_texts() {
        let block =
            json!({"NumericLessThan": {"s3:max-keys": 10}, "Bool": {"aws:SecureTransport": [true]}, "Bool2": {}});
        let read = read(Some(&block), Variables::Read).unwrap();
        let values: Vec<&str> = read.iter().map(|condition| condition.values[0].as_str()).collect();
        assert_eq!(values, ["10", "true"]);
    }
}
