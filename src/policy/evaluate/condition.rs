//! Whether a condition holds: "IAM JSON policy elements: Condition operators" and "Creating a condition with
//! multiple keys or values".

use std::borrow::Cow;
use std::cmp::Ordering;

use super::super::condition::{Condition, Quantifier, Test};
use super::super::date;
use super::super::pattern::Pattern;
use super::request::Context;
use super::{address, number};

/// Says whether a condition holds for a request with this context.
pub fn holds(condition: &Condition, context: &Context) -> bool {
    let operator = condition.operator;
    let said = context.values(&condition.key);
    if operator.test == Test::Null {
        return condition.values.iter().any(|wanted| truth(wanted.as_str()) == Some(said.is_empty()));
    }
    if operator.if_exists && said.is_empty() {
        return true;
    }
    // To a set operator a key that says nothing is absent: "a null data set, such as an empty string".
    let is_absent = match operator.quantifier {
        Some(_) => said.iter().all(String::is_empty),
        None => said.is_empty(),
    };
    let fits = |value: &String| takes(condition, value, context) != operator.negated;
    match operator.quantifier {
        Some(Quantifier::ForAllValues) => is_absent || said.iter().all(fits),
        Some(Quantifier::ForAnyValue) => !is_absent && said.iter().any(fits),
        None if is_absent => operator.negated,
        // Several values under a key that the policy takes for one: undocumented. What is forbidden is so for each.
        None if operator.negated => said.iter().all(fits),
        None => said.iter().any(fits),
    }
}

/// Says whether any value of the condition takes a value of the request; negation is the caller's.
fn takes(condition: &Condition, said: &str, context: &Context) -> bool {
    condition.values.iter().any(|wanted| compares(condition.operator.test, wanted, said, context))
}

fn compares(test: Test, wanted: &Pattern, said: &str, context: &Context) -> bool {
    let resolved = || resolved(wanted, context);
    let literal = || resolved().and_then(|pattern| pattern.to_literal());
    let order = |a: Option<Ordering>, of: fn(Ordering) -> bool| a.is_some_and(of);
    let numbers = || number::compare(said, wanted.as_str());
    let dates = || Some(date::parse(said)?.cmp(&date::parse(wanted.as_str())?));
    match test {
        Test::StringEquals | Test::StringLike => resolved().is_some_and(|pattern| pattern.matches(said)),
        Test::StringEqualsIgnoreCase => literal().is_some_and(|text| text.to_lowercase() == said.to_lowercase()),
        Test::BinaryEquals => wanted.as_str() == said,
        Test::Bool => literal().and_then(|text| truth(&text)).is_some_and(|wanted| truth(said) == Some(wanted)),
        Test::IpAddress => address::is_within(wanted.as_str(), said),
        Test::Arn => resolved().is_some_and(|pattern| pattern.matches_arn(said)),
        Test::NumericEquals => order(numbers(), Ordering::is_eq),
        Test::NumericLessThan => order(numbers(), Ordering::is_lt),
        Test::NumericLessThanEquals => order(numbers(), Ordering::is_le),
        Test::NumericGreaterThan => order(numbers(), Ordering::is_gt),
        Test::NumericGreaterThanEquals => order(numbers(), Ordering::is_ge),
        Test::DateEquals => order(dates(), Ordering::is_eq),
        Test::DateLessThan => order(dates(), Ordering::is_lt),
        Test::DateLessThanEquals => order(dates(), Ordering::is_le),
        Test::DateGreaterThan => order(dates(), Ordering::is_gt),
        Test::DateGreaterThanEquals => order(dates(), Ordering::is_ge),
        // It looks at keys, not at their values.
        Test::Null => false,
    }
}

/// Puts the values of the context in place of variables; `None` when one has no value, as such a text is like no
/// other ("IAM policy elements: Variables and tags").
pub(super) fn resolved<'p>(pattern: &'p Pattern, context: &Context) -> Option<Cow<'p, Pattern>> {
    match pattern.variables().next() {
        None => Some(Cow::Borrowed(pattern)),
        Some(_) => pattern.resolve(&|key| context.variable(key)).map(Cow::Owned),
    }
}

fn truth(text: &str) -> Option<bool> {
    [true, false].into_iter().find(|truth| text.eq_ignore_ascii_case(if *truth { "true" } else { "false" }))
}
