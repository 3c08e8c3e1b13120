//! `override`: what a use says over the entries of its blueprint.
//!
//! Maps are merged, anything else is replaced, null removes. What is named (an entry, a statement, an inline
//! policy) has to be there, so that a blueprint that renames it does not silently lose what was said over it.

use std::collections::HashMap;

use super::nearest::nearest;
use super::report::Report;
use super::{names, shape};
use crate::model::{Address, Entry, Node, NodeValue};
use crate::problem::Problem;

/// Maps whose keys are names, beside sections.
const NAMED: [&str; 2] = ["statements", "inline"];

/// Merges the override over the sections of a blueprint.
pub fn merge(blueprint: &mut Node, over: &Node, report: &mut Report) {
    let Some(entries) = shape::map(over, "`override`", report) else { return };
    let sections: Vec<&str> = names::sections().map(|(_, section)| section.name).collect();
    shape::known_keys(entries, "`override`", &sections, report);
    let NodeValue::Map(there) = &mut blueprint.value else { return };
    for entry in entries.iter().filter(|entry| sections.contains(&entry.key.as_str())) {
        let Some(section) = there.iter_mut().find(|section| section.key == entry.key) else {
            let message = format!("the blueprint has no `{}` to override", entry.key);
            report.push(Problem::error("unknown-override", message).at(entry.key_place));
            continue;
        };
        let is_list = names::sections().any(|(_, known)| known.name == entry.key && known.is_list());
        if is_list {
            section.value = entry.value.clone();
        } else if entry.value.value == NodeValue::Null {
            section.value.value = NodeValue::Map(Vec::new());
        } else if shape::map(&entry.value, &format!("override.{}", entry.key), report).is_some() {
            into(&mut section.value, &entry.value, &mut vec![entry.key.as_str()], report);
        }
    }
}

fn into<'o>(base: &mut Node, over: &'o Node, way: &mut Vec<&'o str>, report: &mut Report) {
    let (NodeValue::Map(base), NodeValue::Map(over)) = (&mut base.value, &over.value) else { return };
    let index: HashMap<String, usize> = base.iter().enumerate().map(|(i, entry)| (entry.key.clone(), i)).collect();
    let mut slots: Vec<Option<Entry>> = base.drain(..).map(Some).collect();
    for entry in over {
        let slot = index.get(&entry.key).and_then(|i| slots.get_mut(*i));
        match slot {
            Some(slot) if entry.value.value == NodeValue::Null => *slot = None,
            Some(Some(there)) if both_are_maps(&there.value, &entry.value) => {
                way.push(&entry.key);
                into(&mut there.value, &entry.value, way, report);
                way.pop();
            }
            Some(slot) => *slot = Some(entry.clone()),
            None if entry.value.value == NodeValue::Null || holds_names(way) => {
                report.push(absent(entry, way, index.keys().map(String::as_str)));
            }
            None => slots.push(Some(entry.clone())),
        }
    }
    base.extend(slots.into_iter().flatten());
}

fn both_are_maps(one: &Node, other: &Node) -> bool {
    matches!((&one.value, &other.value), (NodeValue::Map(_), NodeValue::Map(_)))
}

fn holds_names(way: &[&str]) -> bool {
    way.len() == 1 || way.last().is_some_and(|last| NAMED.contains(last))
}

fn absent<'k>(entry: &Entry, way: &[&str], there: impl Iterator<Item = &'k str>) -> Problem {
    let touched = Address::new(way.iter().copied()).child([entry.key.as_str()]);
    let message = format!("the blueprint has no `{touched}` to override");
    let problem = Problem::error("unknown-override", message).at(entry.key_place);
    let mut there: Vec<&str> = there.collect();
    there.sort_unstable();
    match nearest(&entry.key, there.iter().copied()) {
        Some(near) => problem.help(format!("did you mean `{near}`?")),
        None if there.is_empty() => problem,
        None => problem.help(format!("it has {}", super::nearest::listed(&there))),
    }
}
