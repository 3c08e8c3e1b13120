//! Conditions: operators, keys and the values that AWS reads at once, which are dates.

use serde_json::Value as Json;

use super::{Faults, Spot};
use crate::policy::condition::Operator;
use crate::policy::date;

pub(super) fn check(value: &Spot, faults: &mut Faults) {
    if !value.json.is_object() {
        return faults.syntax(value.path.clone(), "`Condition` is an object: operator, key, values");
    }
    for (operator, keys) in value.entries() {
        if !keys.json.is_object() {
            faults.syntax(keys.path, format!("`{operator}` is an object: key and values"));
            continue;
        }
        let entries = keys.entries();
        let known = Operator::parse(operator);
        // AWS does not look at an operator without keys.
        if known.is_none() && !entries.is_empty() {
            faults.syntax(keys.path, format!("`{operator}` is not a condition operator"));
        }
        let is_date = known.is_some_and(|operator| operator.test.is_date());
        for (key, values) in entries {
            for item in values.one_or_many() {
                condition_value(&item, key, is_date, faults);
            }
        }
    }
}

fn condition_value(item: &Spot, key: &str, is_date: bool, faults: &mut Faults) {
    let text = match item.json {
        Json::String(text) => text.clone(),
        Json::Bool(_) | Json::Number(_) => item.json.to_string(),
        Json::Null | Json::Array(_) | Json::Object(_) => {
            return faults.syntax(item.path.clone(), format!("the values of `{key}` are strings, numbers or bools"));
        }
    };
    if is_date && !text.contains("${") && date::parse(&text).is_none() {
        faults.legacy(item.path.clone(), format!("`{text}` is not a date: write `2026-01-31T00:00:00Z`"));
    }
}
