//! `for_each` and `when`: how often something stands in the manifest.

use std::collections::HashSet;
use std::sync::Arc;

use super::expand::Expander;
use super::namespace::Absent;
use super::report::Report;
use super::shape;
use crate::model::{Entry, Node, NodeValue};
use crate::problem::Problem;

/// The keys that make rounds, wherever they stand.
pub const KEYS: [&str; 2] = ["for_each", "when"];

/// One round of a `for_each`: `${{ each.key }}` and `${{ each.value }}`.
#[derive(Clone, Debug)]
pub struct Each {
    /// Of a map the key; of a list the item where it is a scalar, the `name` of an item that has one (as a
    /// bucket has), else the index from 0.
    pub key: String,
    pub value: Node,
}

/// What something with `for_each` and `when` stands for.
#[derive(Debug, Default)]
pub struct Rounds {
    /// Each is `None` where there is no `for_each`.
    pub made: Vec<Option<Arc<Each>>>,
    /// What a `when` leaves out.
    pub skipped: Vec<Option<Arc<Each>>>,
    /// The `for_each` is wrong, which was reported: what it would make is unknown.
    pub broken: bool,
}

impl Rounds {
    /// Returns what is written as `key` and not there under that name.
    pub fn absent(&self, key: &str, repeated: bool) -> Vec<(String, Absent)> {
        let whole = match self.made.first() {
            _ if self.broken => Some(Absent::Broken),
            first if repeated => Some(Absent::Repeated(first.map(|each| key_of(key, each.as_deref())))),
            Some(_) => None,
            None => Some(Absent::LeftOut),
        };
        let skipped = self.skipped.iter().flatten().map(|each| (key_of(key, Some(each)), Absent::LeftOut));
        whole.map(|absent| (key.to_owned(), absent)).into_iter().chain(skipped).collect()
    }
}

/// Says whether a map has `for_each` or `when`.
pub fn is_conditional(node: &Node) -> bool {
    KEYS.iter().any(|key| node.get(key).is_some())
}

/// Returns the map without `for_each` and `when`.
pub fn without_keys(node: &Node) -> Node {
    match &node.value {
        NodeValue::Map(entries) => {
            let rest = entries.iter().filter(|entry| !KEYS.contains(&entry.key.as_str())).cloned();
            Node::new(NodeValue::Map(rest.collect()), node.place)
        }
        _ => node.clone(),
    }
}

/// Returns the key of one of several: `KEY-EACHKEY`.
pub fn key_of(key: &str, each: Option<&Each>) -> String {
    match each {
        Some(each) => format!("{key}-{}", each.key),
        None => key.to_owned(),
    }
}

impl Expander<'_> {
    /// Reads `for_each` and `when` of something that has a name, which see neither entries nor uses. Two that are made
    /// under one key are a problem.
    pub fn rounds(&self, node: &Node, what: &str, report: &mut Report) -> Rounds {
        let mut rounds = self.nameless_rounds(node, what, report);
        let mut seen: HashSet<String> = HashSet::new();
        rounds.made.retain(|each| {
            let Some(each) = each else { return true };
            let is_new = seen.insert(each.key.clone());
            if !is_new {
                let message = format!("{what}.for_each has `{}` twice", each.key);
                let problem = Problem::error("duplicate-key", message).at(each.value.place);
                report.push(problem.note("each gives its key to what it makes"));
            }
            is_new
        });
        rounds
    }

    /// The same of an item of a list, which nothing is called by.
    pub fn nameless_rounds(&self, node: &Node, what: &str, report: &mut Report) -> Rounds {
        let early = self.early();
        let mut rounds = Rounds::default();
        let all = match node.get("for_each") {
            None => vec![None],
            Some(entry) => match early.each(&entry.value, &format!("{what}.for_each"), report) {
                Some(all) => all.into_iter().map(|each| Some(Arc::new(each))).collect(),
                None => {
                    rounds.broken = true;
                    return rounds;
                }
            },
        };
        let place = node.get("for_each").map_or(node.place, |entry| entry.key_place);
        for each in all {
            let made = early.round(each.as_ref(), place).when(node, what, report);
            if made { &mut rounds.made } else { &mut rounds.skipped }.push(each);
        }
        rounds
    }

    fn when(&self, node: &Node, what: &str, report: &mut Report) -> bool {
        let Some(entry) = node.get("when") else { return true };
        let value = self.node(&entry.value, report);
        // What is wrong counts as made, so that who refers to it is not blamed as well.
        shape::flag(&value, &format!("{what}.when"), report).unwrap_or(true)
    }

    fn each(&self, node: &Node, what: &str, report: &mut Report) -> Option<Vec<Each>> {
        let value = self.node(node, report);
        match value.value {
            NodeValue::Map(entries) => {
                Some(entries.into_iter().map(|Entry { key, value, .. }| Each { key, value }).collect())
            }
            NodeValue::List(items) => {
                let keyed = |(i, value)| Each { key: key_of_item(&value, i), value };
                Some(items.into_iter().enumerate().map(keyed).collect())
            }
            _ => {
                report.push(shape::wrong_type(&value, what, "a list or a map"));
                None
            }
        }
    }
}

fn key_of_item(item: &Node, index: usize) -> String {
    let text = |node: &Node| match &node.value {
        NodeValue::Text(text) | NodeValue::Number(text) if !text.is_empty() => Some(text.clone()),
        NodeValue::Bool(value) => Some(value.to_string()),
        _ => None,
    };
    let named = item.get("name").and_then(|entry| text(&entry.value));
    text(item).or(named).unwrap_or_else(|| index.to_string())
}
