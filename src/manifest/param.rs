//! One declared param: its type, what values it allows, its default.

use regex_lite::Regex;

use super::nearest::nearest;
use super::param_type::Type;
use super::report::Report;
use super::shape;
use crate::model::{Entry, Node, NodeValue};
use crate::problem::{Place, Problem};

pub const KEYS: [&str; 5] = ["type", "default", "enum", "pattern", "description"];

#[derive(Clone, Debug)]
pub struct Param {
    pub place: Place,
    /// None when the declaration itself is wrong.
    pub of: Option<Type>,
    /// Empty where all are.
    pub allowed: Vec<Node>,
    pattern: Option<Regex>,
    pub description: Option<String>,
    /// `Some(None)` when it is there and wrong.
    pub default: Option<Option<Node>>,
}

impl Param {
    /// Reads one declaration.
    pub fn declare(entry: &Entry, report: &mut Report) -> Self {
        let what = format!("params.{}", entry.key);
        let place = entry.key_place;
        let mut param = Param { place, of: None, allowed: Vec::new(), pattern: None, description: None, default: None };
        if !entry.key.starts_with(|c: char| c.is_alphabetic() || c == '_')
            || !entry.key.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-')
        {
            report.push(
                Problem::error("bad-name", format!("`{}` cannot be the name of a param", entry.key))
                    .at(entry.key_place)
                    .note("a letter, then letters, digits, - and _"),
            );
        }
        let Some(keys) = shape::map(&entry.value, &what, report) else { return param };
        shape::known_keys(keys, &what, &KEYS, report);
        param.of = declared_type(entry, &what, report);
        if let Some(description) = entry.value.get("description") {
            let text = shape::text(&description.value, &format!("{what}.description"), report);
            param.description = text.map(str::to_owned);
        }
        let Some(of) = param.of.clone() else { return param };
        if let Some(allowed) = entry.value.get("enum") {
            let items = shape::list(&allowed.value, &format!("{what}.enum"), report).unwrap_or_default();
            let take = |item| of.item().take(item, &format!("{what}.enum"), report);
            param.allowed = items.iter().filter_map(take).collect();
        }
        if let Some(pattern) = entry.value.get("pattern") {
            param.pattern = compiled(&pattern.value, &format!("{what}.pattern"), &of, report);
        }
        param.default = entry
            .value
            .get("default")
            .map(|default| of.take_literal(&default.value, &format!("{what}.default"), report));
        param
    }

    /// Says whether `enum` and `pattern` allow a value; `help` says how to give another.
    pub fn allows(&self, name: &str, value: &Node, help: &dyn Fn(&str) -> String, report: &mut Report) -> bool {
        match &value.value {
            NodeValue::List(items) => items.iter().all(|item| self.allows(name, item, help, report)),
            NodeValue::Map(entries) if matches!(self.of, Some(Type::Map(_))) => {
                entries.iter().all(|entry| self.allows(name, &entry.value, help, report))
            }
            _ => self.is_listed(name, value, help, report) && self.fits(name, value, report),
        }
    }

    fn is_listed(&self, name: &str, value: &Node, help: &dyn Fn(&str) -> String, report: &mut Report) -> bool {
        let json = value.to_json();
        if self.allowed.is_empty() || self.allowed.iter().any(|one| one.to_json() == json) {
            return true;
        }
        let words: Vec<String> = self.allowed.iter().map(shown).collect();
        let message = format!("params.{name} cannot be `{}`", shown(value));
        let problem = Problem::error("not-allowed", message).at(value.place);
        report.push(match nearest(&shown(value), words.iter().map(String::as_str)) {
            Some(near) => problem.help(help(near)),
            None => problem.help(format!("it is one of {}", words.join(", "))),
        });
        false
    }

    fn fits(&self, name: &str, value: &Node, report: &mut Report) -> bool {
        let (Some(pattern), NodeValue::Text(text)) = (&self.pattern, &value.value) else { return true };
        if pattern.is_match(text) {
            return true;
        }
        let message = format!("params.{name} cannot be `{text}`");
        let mut problem = Problem::error("not-allowed", message).at(value.place);
        problem.notes.extend(self.description.clone());
        report.push(problem.help(format!("all of it has to match the pattern {}", written(pattern))));
        false
    }
}

fn shown(node: &Node) -> String {
    match &node.value {
        NodeValue::Text(text) | NodeValue::Number(text) => text.clone(),
        _ => node.to_json().to_string(),
    }
}

/// A pattern is of the whole value.
fn compiled(node: &Node, what: &str, of: &Type, report: &mut Report) -> Option<Regex> {
    let text = shape::text(node, what, report)?;
    if !matches!(of.item(), Type::Text | Type::Principal | Type::Policy) {
        report.push(Problem::error("wrong-type", format!("{what} is for strings, not for a {of}")).at(node.place));
        return None;
    }
    match Regex::new(&format!("^(?:{text})$")) {
        Ok(pattern) => Some(pattern),
        Err(error) => {
            report.push(Problem::error("bad-pattern", format!("{what} cannot be read: {error}")).at(node.place));
            None
        }
    }
}

fn written(pattern: &Regex) -> &str {
    let text = pattern.as_str();
    text.strip_prefix("^(?:").and_then(|text| text.strip_suffix(")$")).unwrap_or(text)
}

fn declared_type(entry: &Entry, what: &str, report: &mut Report) -> Option<Type> {
    let Some(of) = entry.value.get("type") else {
        if matches!(&entry.value.value, NodeValue::Map(keys) if shape::is_meant(keys, &KEYS, "type")) {
            return None;
        }
        report.push(
            Problem::error("missing-key", format!("{what} lacks `type`")).at(entry.key_place).help("type: string"),
        );
        return None;
    };
    let text = shape::text(&of.value, &format!("{what}.type"), report)?;
    match text.parse() {
        Ok(of) => Some(of),
        Err(near) => {
            let problem = Problem::error("unknown-type", format!("`{text}` is no type of a param")).at(of.value.place);
            report.push(match near {
                Some(near) => problem.help(format!("type: {near}")),
                None => problem.note("string, number, bool, list(T), map(T), principal, policy or bucket"),
            });
            None
        }
    }
}
