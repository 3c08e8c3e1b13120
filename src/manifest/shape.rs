//! Takes a value as the type it has to have, or says what it is instead.

use super::nearest::{listed, nearest};
use super::report::Report;
use crate::model::{Entry, Node, NodeValue};
use crate::problem::Problem;

/// Returns a string. A number gives its spelling, so that account ids need no quotes.
pub fn text<'n>(node: &'n Node, what: &str, report: &mut Report) -> Option<&'n str> {
    match &node.value {
        NodeValue::Text(text) | NodeValue::Number(text) => Some(text),
        NodeValue::Bool(value) => {
            report.push(wrong_type(node, what, "a string").help(format!("quote it: \"{value}\"")));
            None
        }
        NodeValue::Null | NodeValue::List(_) | NodeValue::Map(_) => wrong(node, what, "a string", report),
    }
}

pub fn flag(node: &Node, what: &str, report: &mut Report) -> Option<bool> {
    match &node.value {
        NodeValue::Bool(value) => Some(*value),
        NodeValue::Text(word) if ["yes", "on", "True", "TRUE"].contains(&word.as_str()) => {
            report.push(wrong_type(node, what, "`true` or `false`").help("write `true`"));
            None
        }
        NodeValue::Text(word) if ["no", "off", "False", "FALSE"].contains(&word.as_str()) => {
            report.push(wrong_type(node, what, "`true` or `false`").help("write `false`"));
            None
        }
        _ => wrong(node, what, "`true` or `false`", report),
    }
}

/// Returns the entries of what may be a map.
pub fn entries(node: &Node) -> &[Entry] {
    match &node.value {
        NodeValue::Map(entries) => entries,
        _ => &[],
    }
}

/// Returns the entries of a map; nothing at all is an empty map.
pub fn map<'n>(node: &'n Node, what: &str, report: &mut Report) -> Option<&'n [Entry]> {
    match &node.value {
        NodeValue::Map(entries) => Some(entries),
        NodeValue::Null => Some(&[]),
        _ => wrong(node, what, "a map", report),
    }
}

/// Returns the items of a list; nothing at all is an empty list.
pub fn list<'n>(node: &'n Node, what: &str, report: &mut Report) -> Option<&'n [Node]> {
    match &node.value {
        NodeValue::List(items) => Some(items),
        NodeValue::Null => Some(&[]),
        NodeValue::Text(one) | NodeValue::Number(one) => {
            report.push(wrong_type(node, what, "a list").help(format!("for a list of one:   [{}]", spelled(one))));
            None
        }
        NodeValue::Bool(_) | NodeValue::Map(_) => wrong(node, what, "a list", report),
    }
}

/// Returns a text as an item of a list in brackets.
fn spelled(text: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./*+=".contains(c);
    if text.starts_with(char::is_alphanumeric) && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("{text:?}")
    }
}

/// Reports every key that is not among `known`.
pub fn known_keys(entries: &[Entry], what: &str, known: &[&str], report: &mut Report) {
    for entry in entries.iter().filter(|entry| !known.contains(&entry.key.as_str())) {
        report.push(unknown_key(entry, what, known));
    }
}

/// Says whether an unknown key is a slip of `key`, which then is not missing as well.
pub fn is_meant(entries: &[Entry], known: &[&str], key: &str) -> bool {
    let slip =
        |entry: &Entry| !known.contains(&entry.key.as_str()) && nearest(&entry.key, known.iter().copied()) == Some(key);
    entries.iter().any(slip)
}

fn unknown_key(entry: &Entry, what: &str, known: &[&str]) -> Problem {
    let problem = Problem::error("unknown-key", format!("{what} has no key `{}`", entry.key)).at(entry.key_place);
    match nearest(&entry.key, known.iter().copied()) {
        Some(near) => problem.help(format!("did you mean `{near}`?")),
        None => problem.help(format!("it takes {}", listed(known))),
    }
}

pub fn wrong_type(node: &Node, what: &str, expected: &str) -> Problem {
    Problem::error("wrong-type", format!("{what} takes {expected}, this is {}", node.type_name())).at(node.place)
}

fn wrong<T>(node: &Node, what: &str, expected: &str, report: &mut Report) -> Option<T> {
    report.push(wrong_type(node, what, expected));
    None
}
