//! Conditions: operators, keys and the values that AWS reads at once, which are dates.

use serde_json::Value as Json;

use super::{Faults, Spot};

/// "IAM JSON policy elements: Condition operators".
const OPERATORS: &[&str] = &[
    "StringEquals",
    "StringNotEquals",
    "StringEqualsIgnoreCase",
    "StringNotEqualsIgnoreCase",
    "StringLike",
    "StringNotLike",
    "NumericEquals",
    "NumericNotEquals",
    "NumericLessThan",
    "NumericLessThanEquals",
    "NumericGreaterThan",
    "NumericGreaterThanEquals",
    "DateEquals",
    "DateNotEquals",
    "DateLessThan",
    "DateLessThanEquals",
    "DateGreaterThan",
    "DateGreaterThanEquals",
    "Bool",
    "BinaryEquals",
    "IpAddress",
    "NotIpAddress",
    "ArnEquals",
    "ArnNotEquals",
    "ArnLike",
    "ArnNotLike",
    "Null",
];

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
        let known = known(operator);
        // AWS does not look at an operator without keys.
        if known.is_none() && !entries.is_empty() {
            faults.syntax(keys.path, format!("`{operator}` is not a condition operator"));
        }
        let is_date = known.is_some_and(|operator| operator.starts_with("Date"));
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
    if is_date && !text.contains("${") && !is_date_text(&text) {
        faults.legacy(item.path.clone(), format!("`{text}` is not a date: write `2026-01-31T00:00:00Z`"));
    }
}

/// Returns the operator without what says how to treat many values or none.
pub(in crate::policy) fn known(operator: &str) -> Option<&'static str> {
    let bare = strip_start(operator, "ForAllValues:").or_else(|| strip_start(operator, "ForAnyValue:"));
    let bare = bare.unwrap_or(operator);
    let find = |name: &str| OPERATORS.iter().copied().find(|known| known.eq_ignore_ascii_case(name));
    let if_exists = || {
        let name = bare.get(..bare.len().checked_sub("IfExists".len())?)?;
        let ends = bare.get(name.len()..)?.eq_ignore_ascii_case("IfExists");
        // `Null` asks whether the key exists itself.
        find(name).filter(|known| ends && *known != "Null")
    };
    find(bare).or_else(if_exists)
}

fn strip_start<'a>(text: &'a str, start: &str) -> Option<&'a str> {
    text.get(..start.len()).filter(|found| found.eq_ignore_ascii_case(start)).and(text.get(start.len()..))
}

/// Seconds since 1970 or ISO 8601, of which AWS takes less than the whole: `2026-01`, `2026-01-31T2:00`.
fn is_date_text(text: &str) -> bool {
    if text.parse::<i64>().is_ok() {
        return true;
    }
    let (day, time) = match text.find(['T', 't']) {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    };
    is_day(day) && time.is_none_or(|time| time.is_empty() || is_time(time))
}

fn is_day(text: &str) -> bool {
    let parts: Vec<&str> = text.strip_prefix('-').unwrap_or(text).split('-').collect();
    let year = |part: &str| (1..=9).contains(&part.len()) && is_digits(part);
    match parts[..] {
        [y] => year(y),
        [y, month] => year(y) && within(month, 1, 12),
        [y, month, day] => year(y) && within(month, 1, 12) && within(day, 1, 31),
        _ => false,
    }
}

fn is_time(text: &str) -> bool {
    let zone = text.find(['Z', 'z', '+', '-']).unwrap_or(text.len());
    let (clock, zone) = text.split_at(zone);
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    let parts: Vec<&str> = clock.split(':').collect();
    let is_clock = match parts[..] {
        [hour] => within(hour, 0, 24),
        [hour, minute] => within(hour, 0, 24) && within(minute, 0, 59),
        [hour, minute, second] => within(hour, 0, 24) && within(minute, 0, 59) && within(second, 0, 60),
        _ => false,
    };
    is_clock && (1..=9).contains(&fraction.len()) && is_digits(fraction) && is_zone(zone)
}

/// Nothing, `Z`, `+02`, `+0200` or `+02:00`.
fn is_zone(text: &str) -> bool {
    let Some(offset) = text.strip_prefix(['+', '-']) else { return matches!(text, "" | "Z" | "z") };
    let (hours, minutes) = match offset.split_once(':') {
        Some(parts) => parts,
        None if offset.len() == 2 => (offset, "00"),
        None => offset.split_at_checked(2).unwrap_or_default(),
    };
    hours.len() == 2 && within(hours, 0, 23) && minutes.len() == 2 && within(minutes, 0, 59)
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

fn within(text: &str, least: u8, most: u8) -> bool {
    is_digits(text) && text.len() <= 2 && text.parse::<u8>().is_ok_and(|number| (least..=most).contains(&number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_are_known_by_their_bare_name() {
        assert_eq!(known("ForAnyValue:StringLikeIfExists"), Some("StringLike"));
        assert_eq!(known("forallvalues:bool"), Some("Bool"));
        assert_eq!(known("Null"), Some("Null"));
        for wrong in ["NullIfExists", "IfExists", "ForAnyValue::StringLike", "StringMatches", "", "Stringé"] {
            assert_eq!(known(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn dates_are_those_of_iso_8601_or_seconds() {
        for date in
            ["2026-01-31T00:00:00Z", "2026-01", "1767225600", "-1", "2026-1-1t2:00+0130", "2026-01-31T12:00:00.5+02:00"]
        {
            assert!(is_date_text(date), "{date}");
        }
        for wrong in [
            "",
            "soon",
            "2026-00",
            "2026-01-32",
            "2026-01-31T25:00",
            "2026-01-31T00:00+2",
            "T00:00",
            "2026-01-31T00:00:00.",
            "2026-01-31T00:00+1:",
            "2026-01-31T00:00+02:",
            "1-1-1-1",
            "2026-01-01T00:00+é1",
        ] {
            assert!(!is_date_text(wrong), "{wrong}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_is_too_odd_to_judge(text in "[0-9tTzZ:.é+-]{0,14}") {
            proptest::prop_assert!(!is_date_text(&text) || text.contains(|c: char| c.is_ascii_digit()));
        }
    }
}
