//! Puts values in the place of expressions, throughout a tree.

use std::collections::HashMap;
use std::ops::Range;

use super::expression::{self, Fault, Names, Piece};
use super::report::Report;
use super::yaml;
use crate::model::{Entry, Node, NodeValue};
use crate::problem::{Place, Problem, Sources};

/// Evaluates expressions with the names of one scope.
pub struct Expander<'a> {
    pub names: &'a dyn Names,
    pub sources: &'a Sources,
}

impl Expander<'_> {
    /// Returns the tree without expressions. One that fails is reported and leaves nothing, silently.
    pub fn node(&self, node: &Node, report: &mut Report) -> Node {
        let value = match &node.value {
            NodeValue::Text(text) if expression::is_in(text) => return self.text(text, node.place, report),
            NodeValue::List(items) => NodeValue::List(self.items(items, report)),
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

    /// A list in a list is spliced, so that a param can bring several items.
    fn items(&self, items: &[Node], report: &mut Report) -> Vec<Node> {
        let mut expanded = Vec::with_capacity(items.len());
        for item in items {
            let item = self.node(item, report);
            match item.value {
                NodeValue::List(inner) => expanded.extend(inner),
                _ => expanded.push(item),
            }
        }
        expanded
    }

    fn entries(&self, entries: &[Entry], report: &mut Report) -> Vec<Entry> {
        let computed = entries.iter().any(|entry| expression::is_in(&entry.key));
        let mut seen: HashMap<String, Place> = HashMap::new();
        let mut expanded = Vec::with_capacity(entries.len());
        for entry in entries {
            let Some(key) = self.key(entry, report) else { continue };
            if computed && let Some(first) = seen.insert(key.clone(), entry.key_place) {
                let text = &self.sources.get(first.file).text;
                report.push(yaml::duplicate_key(text, &key, entry.key_place, first));
                continue;
            }
            expanded.push(Entry { key, key_place: entry.key_place, value: self.node(&entry.value, report) });
        }
        expanded
    }

    fn text(&self, text: &str, place: Place, report: &mut Report) -> Node {
        let value = expression::pieces(text).map_err(|fault| (0..text.len(), fault)).and_then(|pieces| {
            if let [Piece::Expression(source, range)] = pieces.as_slice() {
                return expression::evaluate(source, self.names, place).map_err(|fault| (range.clone(), fault));
            }
            let mut joined = String::new();
            for piece in &pieces {
                match piece {
                    Piece::Plain(plain) => joined.push_str(plain),
                    Piece::Expression(source, range) => {
                        let value =
                            expression::evaluate(source, self.names, place).and_then(|node| spelled(source, node));
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
