//! Puts values in the place of expressions, throughout a tree.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

use super::choice;
use super::each::{self, Each};
use super::expression::{self, Fault, Piece};
use super::report::Report;
use super::scope::Scope;
use super::{shape, yaml};
use crate::model::{Entry, Node, NodeValue};
use crate::problem::{Place, Problem, Sources};

/// What stands in a list in the place of several items, or of one under a condition.
const ITEM: [&str; 3] = ["for_each", "when", "value"];

/// Evaluates expressions with the names of one scope.
#[derive(Clone)]
pub struct Expander<'a> {
    pub scope: Scope<'a>,
    pub sources: &'a Sources,
}

impl Expander<'_> {
    /// Sees no entries and no uses.
    pub fn early(&self) -> Self {
        Self { scope: self.scope.early(), ..*self }
    }

    /// Sees what the file sees that `place` is in.
    pub fn of(&self, place: Place) -> Self {
        Self { scope: self.scope.of(place), ..*self }
    }

    /// Sees one round of the `for_each` at `place`, if there is one.
    pub fn round(&self, each: Option<&Arc<Each>>, place: Place) -> Self {
        let Some(each) = each else { return self.clone() };
        let home = self.scope.tree.map_or(0, |tree| tree.written_in(place));
        Self { scope: Scope { each: Some((Arc::clone(each), home)), ..self.scope.clone() }, ..*self }
    }

    /// Returns the tree without expressions. One that fails is reported and leaves nothing, silently.
    pub fn node(&self, node: &Node, report: &mut Report) -> Node {
        let value = match &node.value {
            NodeValue::Text(text) if expression::is_in(text) => return self.text(text, node.place, report),
            NodeValue::List(items) => NodeValue::List(self.items(items, report)),
            NodeValue::Map(entries) if choice::is_one(entries) => return self.chosen(node, entries, report),
            NodeValue::Map(entries) => NodeValue::Map(self.entries(entries, report)),
            scalar => scalar.clone(),
        };
        Node::new(value, node.place)
    }

    /// Returns the key without expressions; `None` when one fails.
    pub fn key(&self, entry: &Entry, report: &mut Report) -> Option<String> {
        if !expression::is_in(&entry.key) {
            return Some(entry.key.clone());
        }
        match self.text(&entry.key, entry.key_place, report).value {
            NodeValue::Text(text) | NodeValue::Number(text) => Some(text),
            NodeValue::Null if report.is_broken(entry.key_place) => None,
            _ => {
                let problem = Problem::error("expression-value", format!("the key `{}` is no string", entry.key));
                report.push(problem.at(entry.key_place));
                None
            }
        }
    }

    /// Says whether a value names entries or uses, so that it is known only when all names are.
    pub fn is_late(&self, node: &Node) -> bool {
        let in_text = |text: &str, place: Place| {
            expression::is_in(text) && expression::paths(text).iter().any(|path| self.scope.of(place).is_late(path))
        };
        match &node.value {
            NodeValue::Text(text) => in_text(text, node.place),
            NodeValue::List(items) => items.iter().any(|item| self.is_late(item)),
            NodeValue::Map(entries) => {
                entries.iter().any(|entry| in_text(&entry.key, entry.key_place) || self.is_late(&entry.value))
            }
            NodeValue::Null | NodeValue::Bool(_) | NodeValue::Number(_) => false,
        }
    }

    /// A list in a list is spliced, so that a param can bring several items.
    fn items(&self, items: &[Node], report: &mut Report) -> Vec<Node> {
        let mut expanded = Vec::with_capacity(items.len());
        for item in items {
            if each::is_conditional(item) {
                self.repeated(item, &mut expanded, report);
            } else {
                splice(self.node(item, report), &mut expanded);
            }
        }
        expanded
    }

    /// `{for_each, when, value}`; without `value`, what else the map says is the item.
    fn repeated(&self, item: &Node, expanded: &mut Vec<Node>, report: &mut Report) {
        let NodeValue::Map(entries) = &item.value else { return };
        let stripped = each::without_keys(item);
        let value = item.get("value").map_or(&stripped, |entry| &entry.value);
        let only = matches!(&stripped.value, NodeValue::Map(rest) if rest.len() == 1);
        let is_slip = only && shape::is_meant(entries, &ITEM, "value");
        if item.get("value").is_some() || is_slip {
            shape::known_keys(entries, "an item", &ITEM, report);
        }
        if is_slip {
            return;
        }
        let place = item.get("for_each").map_or(item.place, |entry| entry.key_place);
        let rounds = self.nameless_rounds(item, "an item", report);
        if rounds.broken {
            // Nothing is known of what stands here; the list shall not be blamed for being empty.
            report.silence(item.place);
            expanded.push(Node::new(NodeValue::Null, item.place));
        }
        let first = expanded.len();
        for each in rounds.made {
            splice(self.round(each.as_ref(), place).node(value, report), expanded);
        }
        // Two prefixes of one bucket are one bucket.
        let mut seen = HashSet::new();
        let mut index = 0;
        expanded.retain(|item| {
            index += 1;
            index <= first || !matches!(&item.value, NodeValue::Text(text) if !seen.insert(text.clone()))
        });
    }

    fn entries(&self, entries: &[Entry], report: &mut Report) -> Vec<Entry> {
        let computed = entries.iter().any(|entry| expression::is_in(&entry.key));
        let mut seen: HashMap<String, Place> = HashMap::new();
        let mut expanded = Vec::with_capacity(entries.len());
        for entry in entries {
            let Some(key) = self.key(entry, report) else { continue };
            if computed && let Some(first) = seen.insert(key.clone(), entry.key_place) {
                report.push(self.duplicate_key(&key, entry.key_place, first));
                continue;
            }
            expanded.push(Entry { key, key_place: entry.key_place, value: self.node(&entry.value, report) });
        }
        expanded
    }

    /// Says that a key stands twice, perhaps in two files.
    pub fn duplicate_key(&self, key: &str, place: Place, first: Place) -> Problem {
        if place.file == first.file {
            return yaml::duplicate_key(&self.sources.get(first.file).text, key, place, first);
        }
        Problem::error("duplicate-key", format!("the key `{key}` stands in two files"))
            .at(place)
            .related(first, "the first")
            .help("remove or rename one of the two")
    }

    fn text(&self, text: &str, place: Place, report: &mut Report) -> Node {
        let scope = &self.scope.of(place);
        let value = expression::pieces(text).map_err(|fault| (0..text.len(), fault)).and_then(|pieces| {
            if let [Piece::Expression(source, range)] = pieces.as_slice() {
                return expression::evaluate(source, scope, place).map_err(|fault| (range.clone(), fault));
            }
            let mut joined = String::new();
            for piece in &pieces {
                match piece {
                    Piece::Plain(plain) => joined.push_str(plain),
                    Piece::Expression(source, range) => {
                        let value = expression::evaluate(source, scope, place).and_then(|node| spelled(source, node));
                        joined.push_str(&value.map_err(|fault| (range.clone(), fault))?);
                    }
                }
            }
            Ok(Node::new(NodeValue::Text(joined), place))
        });
        value.unwrap_or_else(|(range, fault)| {
            if let Fault::Wrong { code, message, help } = fault {
                let mut problem = Problem::error(code, message).at(self.within(place, text, range));
                problem.helps.extend(help);
                report.push(problem);
            }
            report.silence(place);
            Node::new(NodeValue::Null, place)
        })
    }

    /// Returns where a part of a scalar's text stands in the file; all of it where escapes hide that.
    fn within(&self, place: Place, text: &str, range: Range<usize>) -> Place {
        let part = &text[range.clone()];
        let source = self.sources.get(place.file).text.get(place.start..place.end).unwrap_or_default();
        let before = text[..range.start].matches(part).count();
        match source.match_indices(part).nth(before) {
            Some((at, _)) => Place { start: place.start + at, end: place.start + at + part.len(), ..place },
            None => place,
        }
    }
}

/// A list in a list is part of it.
fn splice(item: Node, into: &mut Vec<Node>) {
    match item.value {
        NodeValue::List(inner) => inner.into_iter().for_each(|item| splice(item, into)),
        _ => into.push(item),
    }
}

/// Returns a value as it stands inside text.
fn spelled(source: &str, node: Node) -> Result<String, Fault> {
    match &node.value {
        NodeValue::Text(text) | NodeValue::Number(text) => Ok(text.clone()),
        NodeValue::Bool(value) => Ok(value.to_string()),
        NodeValue::List(_) => {
            let fault =
                Fault::new("expression-value", format!("`{source}` is a list, it cannot stand inside a string"));
            Err(fault.with_help(format!("${{{{ {source} | join(\",\") }}}}")))
        }
        NodeValue::Null | NodeValue::Map(_) => {
            let kind = node.type_name();
            Err(Fault::new("expression-value", format!("`{source}` is {kind}, it cannot stand inside a string")))
        }
    }
}
