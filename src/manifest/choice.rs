//! `{choose: ${{ … }}, CASE: …, else: …}`: one of several values, all of which a reader sees side by side.

use super::expand::Expander;
use super::expression;
use super::nearest::{listed, nearest};
use super::report::Report;
use crate::model::{Entry, Node, NodeValue};
use crate::problem::Problem;

/// What decides.
const CHOOSE: &str = "choose";
/// What stands for every other case.
const ELSE: &str = "else";

/// Says whether a map is a choice. A tag may have that name; of a choice, what decides is an expression.
pub fn is_one(entries: &[Entry]) -> bool {
    entries.iter().any(|entry| {
        entry.key == CHOOSE && matches!(&entry.value.value, NodeValue::Text(text) if expression::is_in(text))
    })
}

impl Expander<'_> {
    /// Returns the value of the case that is chosen; the others are not evaluated.
    pub fn chosen(&self, node: &Node, entries: &[Entry], report: &mut Report) -> Node {
        let nothing = |report: &mut Report| {
            report.silence(node.place);
            Node::new(NodeValue::Null, node.place)
        };
        let Some(decides) = node.get(CHOOSE) else { return nothing(report) };
        let decided = self.node(&decides.value, report);
        let case = match &decided.value {
            NodeValue::Text(text) | NodeValue::Number(text) => text.clone(),
            NodeValue::Bool(value) => value.to_string(),
            NodeValue::Null if report.is_broken(decided.place) => return nothing(report),
            _ => {
                let message = format!("`{CHOOSE}` takes a string, a number or a flag, this is {}", decided.type_name());
                report.push(Problem::error("expression-value", message).at(decides.value.place));
                return nothing(report);
            }
        };
        let found = entries.iter().find(|entry| entry.key == case && entry.key != CHOOSE);
        match found.or_else(|| node.get(ELSE)) {
            Some(entry) => self.node(&entry.value, report),
            None => {
                let cases: Vec<&str> =
                    entries.iter().map(|entry| entry.key.as_str()).filter(|key| *key != CHOOSE).collect();
                let problem =
                    Problem::error("no-case", format!("there is no case for `{case}`")).at(decides.value.place);
                report.push(match nearest(&case, cases.iter().copied()) {
                    Some(near) => problem.help(format!("did you mean `{near}`?")),
                    None if cases.is_empty() => problem.help(format!("{ELSE}: VALUE")),
                    None => problem.note(format!("there are {}; `{ELSE}` is for all others", listed(&cases))),
                });
                nothing(report)
            }
        }
    }
}
