//! Conditions that cannot hold, or that hold for what they should keep out.
//!
//! Which key a request carries is in the Service Authorization Reference; what an operator does with a key that
//! is absent in "IAM JSON policy elements: Condition operators".

use super::super::Host;
use super::super::condition::Test;
use super::super::reference::{self, ConditionKey, KeyType};
use super::statement::{Condition, Entry, Means, Statement};
use super::{Found, listed};

pub(super) fn check(statement: &Statement, host: Host, found: &mut Found) {
    for condition in &statement.conditions {
        // Identity providers name their keys themselves, and a placeholder is no name yet.
        if condition.key.split(':').next().is_some_and(|prefix| prefix.contains(['.', '<', '{'])) {
            continue;
        }
        let key = key_of(condition, statement);
        if let Some(key) = key {
            types(condition, key, found);
        }
        carried(condition, statement, host, key, found);
        if statement.allows {
            if_exists(condition, found);
            without_mfa(condition, found);
        }
    }
}

/// Returns the key: as the actions carry it, else as any request or any of the service does.
fn key_of(condition: &Condition, statement: &Statement) -> Option<&'static ConditionKey> {
    let name = condition.key;
    let of_actions = statement
        .actions
        .iter()
        .flat_map(Entry::known)
        .find_map(|(service, action)| service.keys_of(action).find(|key| key.is(name)));
    let global = || reference::global_keys().iter().find(|key| key.is(name));
    let of_service = || reference::service(name.split(':').next()?)?.keys().iter().find(|key| key.is(name));
    of_actions.or_else(global).or_else(of_service)
}

/// The keys about tags are global by name, and yet only some actions carry them.
fn is_about_tags(key: &str) -> bool {
    ["aws:ResourceTag/", "aws:RequestTag/", "aws:TagKeys"]
        .iter()
        .any(|start| key.get(..start.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(start)))
}

fn carried(condition: &Condition, statement: &Statement, host: Host, key: Option<&ConditionKey>, found: &mut Found) {
    let name = condition.key;
    let date = reference::date();
    if key.is_none() {
        let message = format!("`{name}` is no condition key in the reference of {date}");
        return found.add("unknown-condition-for-action", &condition.spot, message, nearest(condition, statement));
    }
    if reference::global_keys().iter().any(|key| key.is(name)) && !is_about_tags(name) {
        return;
    }
    // What is under `NotAction`, and what the reference does not know, can carry anything.
    let is_open =
        |entry: &Entry| matches!(entry.means, Means::Anything | Means::NoService) || entry.known().next().is_none();
    if statement.actions.is_empty() || statement.actions.iter().any(is_open) {
        return;
    }
    let carries =
        |entry: &&Entry| entry.known().any(|(service, action)| service.keys_of(action).any(|key| key.is(name)));
    let (with, without): (Vec<&Entry>, Vec<&Entry>) = statement.actions.iter().partition(carries);
    // One request to assume a role is asked for under several names, with one context.
    let partly = condition.holds_without_key() || host == Host::Trust;
    if without.is_empty() || partly && !with.is_empty() || condition.holds_without_key() && is_about_tags(name) {
        return;
    }
    let actions = listed(without.iter().map(|entry| entry.text));
    let so = match (condition.holds_without_key() || condition.is_negated(), statement.allows) {
        (true, true) => "the statement grants it whatever the key",
        (true, false) => "the statement denies it whatever the key",
        (false, _) => statement_is_mute(statement),
    };
    let message = format!("requests for {actions} do not carry `{name}` (reference of {date}): {so}");
    let fix = if with.is_empty() {
        nearest(condition, statement)
    } else {
        format!("put {actions} into a statement without this condition")
    };
    // Which actions carry tags is where the reference has its gaps.
    if is_about_tags(name) && !with.is_empty() {
        found.advise("unknown-condition-for-action", &condition.spot, message, fix);
    } else {
        found.add("unknown-condition-for-action", &condition.spot, message, fix);
    }
}

fn statement_is_mute(statement: &Statement) -> &'static str {
    if statement.allows { "the statement does not grant it" } else { "the statement does not deny it" }
}

/// Returns the key that was probably meant, of those that the actions carry.
fn nearest(condition: &Condition, statement: &Statement) -> String {
    let own = statement.actions.iter().flat_map(Entry::known).flat_map(|(service, action)| service.keys_of(action));
    let all = own.chain(reference::global_keys()).map(|key| key.name).filter(|name| !name.contains(['$', '<']));
    let lower = condition.key.to_ascii_lowercase();
    let near = all.map(|name| (strsim::osa_distance(&name.to_ascii_lowercase(), &lower), name)).min();
    match near {
        Some((distance, name)) if distance > 0 && distance * 4 <= lower.len() => format!("did you mean `{name}`?"),
        _ => "remove it, or look up which keys the action has in the Service Authorization Reference".to_owned(),
    }
}

/// An operator of another type, or a value that the type does not have.
fn types(condition: &Condition, key: &ConditionKey, found: &mut Found) {
    let Some(operator) = condition.parsed else { return };
    let (said, name) = (condition.operator, condition.key);
    match compared(operator.test) {
        None => {}
        Some(KeyType::Text) if key.holds == KeyType::Arn => {
            let arn = said.replace("String", "Arn").replace("IgnoreCase", "");
            let message = format!("`{name}` is an ARN, and `{said}` compares it as text");
            return found.add("mismatched-type-but-usable", &condition.spot, message, format!("`{arn}`"));
        }
        Some(class) if class == key.holds || is_usable(class, condition, key) => {}
        Some(_) => {
            let message = format!("`{said}` does not fit `{name}`, which is {}", what(key.holds));
            return found.add("mismatched-type", &condition.spot, message, format!("use {}", operators(key.holds)));
        }
    }
    let (is_value, wanted): (fn(&str) -> bool, _) = match compared(operator.test) {
        Some(KeyType::Number) => (|value| value.parse::<f64>().is_ok(), "a number"),
        Some(KeyType::Bool) | None => (is_bool, "`true` or `false`"),
        Some(_) => return,
    };
    if let Some(odd) = condition.values.iter().find(|value| !value.contains("${") && !is_value(value)) {
        let message = format!("`{odd}` is nothing that `{said}` can compare: it takes {wanted}");
        found.add("mismatched-type", &condition.spot, message, format!("write {wanted}"));
    }
}

fn is_bool(value: &str) -> bool {
    value.eq_ignore_ascii_case("true") || value.eq_ignore_ascii_case("false")
}

/// Returns what an operator compares; `Null` looks at no value of the request.
fn compared(test: Test) -> Option<KeyType> {
    Some(match test {
        Test::StringEquals | Test::StringEqualsIgnoreCase | Test::StringLike => KeyType::Text,
        Test::NumericEquals
        | Test::NumericLessThan
        | Test::NumericLessThanEquals
        | Test::NumericGreaterThan
        | Test::NumericGreaterThanEquals => KeyType::Number,
        test if test.is_date() => KeyType::Date,
        Test::Bool => KeyType::Bool,
        Test::BinaryEquals => KeyType::Binary,
        Test::IpAddress => KeyType::Ip,
        Test::Arn => KeyType::Arn,
        _ => return None,
    })
}

/// Some keys are filed as text and hold ARNs; a date may be compared as seconds.
fn is_usable(class: KeyType, condition: &Condition, key: &ConditionKey) -> bool {
    let is_arn = condition.key.to_ascii_lowercase().ends_with("arn");
    match (class, key.holds) {
        (KeyType::Number, KeyType::Date) => true,
        (KeyType::Arn, KeyType::Text) => is_arn || condition.values.iter().all(|value| value.starts_with("arn:")),
        _ => false,
    }
}

fn what(holds: KeyType) -> &'static str {
    match holds {
        KeyType::Text => "text",
        KeyType::Arn => "an ARN",
        KeyType::Bool => "true or false",
        KeyType::Number => "a number",
        KeyType::Date => "a date",
        KeyType::Ip => "an address",
        KeyType::Binary => "binary",
    }
}

fn operators(holds: KeyType) -> &'static str {
    match holds {
        KeyType::Text => "`StringEquals` or `StringLike`",
        KeyType::Arn => "`ArnEquals` or `ArnLike`",
        KeyType::Bool => "`Bool`",
        KeyType::Number => "`NumericEquals` or its like",
        KeyType::Date => "`DateGreaterThan` or its like",
        KeyType::Ip => "`IpAddress`",
        KeyType::Binary => "`BinaryEquals`",
    }
}

/// A tag that is absent is just what such a condition should keep out.
fn if_exists(condition: &Condition, found: &mut Found) {
    let is_tag = condition.key.to_ascii_lowercase().contains("tag/");
    let Some(operator) = condition.parsed else { return };
    if operator.if_exists && is_tag && !operator.negated {
        let (said, key) = (condition.operator, condition.key);
        let bare = said.get(..said.len() - "IfExists".len()).unwrap_or(said);
        let message = format!("`{said}` also allows what has no such tag: `{key}` enforces nothing");
        let fix = format!("`{bare}`, in a statement of the actions that carry the key");
        found.add("if-exists-on-tag", &condition.spot, message, fix);
    }
}

/// "AWS: Allows MFA-authenticated IAM users …" asks for `true`; `false` is whoever has none.
fn without_mfa(condition: &Condition, found: &mut Found) {
    let says_false = condition.values.iter().any(|value| value.eq_ignore_ascii_case("false"));
    let is_bool = condition.parsed.is_some_and(|operator| operator.test == Test::Bool);
    if is_bool && condition.is_key("aws:MultiFactorAuthPresent") && says_false {
        let message = "this Allow holds for those who signed in without a second factor".to_owned();
        found.add("bad-pattern-for-mfa", &condition.spot, message, "`true`, or a Deny with `BoolIfExists` and `false`");
    }
}
