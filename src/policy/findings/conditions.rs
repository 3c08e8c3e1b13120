//! Conditions that cannot hold, or that hold for what they should keep out.
//!
//! Which key a request carries is in the Service Authorization Reference; what an operator does with a key that
//! is absent in "IAM JSON policy elements: Condition operators".

use super::super::Host;
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
    let negated = condition.base.is_some_and(|base| base.contains("Not"));
    let so = match (condition.holds_without_key() || negated, statement.allows) {
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
    let Some(base) = condition.base else { return };
    let class = ["String", "Numeric", "Date", "Bool", "Binary", "IpAddress", "NotIpAddress", "Arn"];
    let class = class.into_iter().find(|class| base.starts_with(class)).unwrap_or("Null");
    let name = condition.key;
    let is_arn_in_all_but_name =
        || name.to_ascii_lowercase().ends_with("arn") || condition.values.iter().all(|value| value.starts_with("arn:"));
    let fits = match (class, key.holds) {
        ("String", KeyType::Text) | ("Numeric", KeyType::Number | KeyType::Date) | ("Null", _) => true,
        ("Date", KeyType::Date) | ("Bool", KeyType::Bool) | ("Binary", KeyType::Binary) | ("Arn", KeyType::Arn) => true,
        ("IpAddress" | "NotIpAddress", KeyType::Ip) => true,
        ("Arn", KeyType::Text) => is_arn_in_all_but_name(),
        ("String", KeyType::Arn) => {
            let operator = base.replace("String", "Arn").replace("IgnoreCase", "");
            let message = format!("`{name}` is an ARN, and `{}` compares it as text", condition.operator);
            return found.add("mismatched-type-but-usable", &condition.spot, message, format!("`{operator}`"));
        }
        _ => false,
    };
    if !fits {
        let operators = operators(key.holds);
        let message = format!("`{}` does not fit `{name}`, which is {}", condition.operator, what(key.holds));
        return found.add("mismatched-type", &condition.spot, message, format!("use {operators}"));
    }
    let is_number = |value: &str| value.parse::<f64>().is_ok();
    let is_value = |value: &String| match class {
        _ if value.contains("${") => true,
        "Numeric" => is_number(value),
        "Bool" | "Null" => matches!(value.to_ascii_lowercase().as_str(), "true" | "false"),
        _ => true,
    };
    if let Some(odd) = condition.values.iter().find(|value| !is_value(value)) {
        let wanted = if class == "Numeric" { "a number" } else { "`true` or `false`" };
        let message = format!("`{odd}` is nothing that `{}` can compare: it takes {wanted}", condition.operator);
        found.add("mismatched-type", &condition.spot, message, format!("write {wanted}"));
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
    let negated = condition.base.is_some_and(|base| base.contains("Not"));
    let is_tag = condition.key.to_ascii_lowercase().contains("tag/");
    if condition.if_exists && is_tag && !negated {
        let operator = condition.operator;
        let bare = &operator[..operator.len() - "IfExists".len()];
        let message = format!("`{operator}` also allows what has no such tag: `{}` enforces nothing", condition.key);
        found.add(
            "if-exists-on-tag",
            &condition.spot,
            message,
            format!("`{bare}`, in a statement of the actions that carry the key"),
        );
    }
}

/// "AWS: Allows MFA-authenticated IAM users …" asks for `true`; `false` is whoever has none.
fn without_mfa(condition: &Condition, found: &mut Found) {
    let says_false = condition.values.iter().any(|value| value.eq_ignore_ascii_case("false"));
    if condition.base == Some("Bool") && condition.is_key("aws:MultiFactorAuthPresent") && says_false {
        let message = "this Allow holds for those who signed in without a second factor".to_owned();
        found.add("bad-pattern-for-mfa", &condition.spot, message, "`true`, or a Deny with `BoolIfExists` and `false`");
    }
}
