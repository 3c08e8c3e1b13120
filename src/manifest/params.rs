//! `params:` and the values they get: the default, then `--params` files, then `-p`.

use std::collections::{HashMap, HashSet};

use indexmap::IndexMap;

use super::nearest::nearest;
use super::param_type::Type;
use super::report::Report;
use super::{expression, shape, yaml};
use crate::model::{Entry, Node, NodeValue};
use crate::problem::{Place, Problem, Sources};

/// A value from outside the manifest.
#[derive(Clone, Debug, PartialEq)]
pub enum ParamValue {
    /// As typed after `-p NAME=`.
    Text(String),
    Json(serde_json::Value),
}

/// What is given to a manifest. Later entries win over earlier ones, `params` over `params_files`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Inputs {
    pub params: Vec<(String, ParamValue)>,
    /// Path as typed, and text.
    pub params_files: Vec<(String, String)>,
}

/// One declared param.
#[derive(Clone, Debug)]
struct Param {
    place: Place,
    /// None when the declaration itself is wrong.
    of: Option<Type>,
    allowed: Vec<Node>,
}

/// The values of all params.
#[derive(Clone, Debug, Default)]
pub struct Params {
    values: IndexMap<String, Node>,
    /// Declared, but without a usable value; the problem was reported.
    broken: HashSet<String>,
}

const KEYS: [&str; 4] = ["type", "default", "enum", "description"];

impl Params {
    pub fn get(&self, name: &str) -> Option<&Node> {
        self.values.get(name)
    }

    pub fn is_broken(&self, name: &str) -> bool {
        self.broken.contains(name)
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.values.keys().chain(&self.broken).map(String::as_str)
    }

    /// Returns every param with the value it has in this run.
    pub fn values(&self) -> impl Iterator<Item = (&str, serde_json::Value)> {
        self.values.iter().map(|(name, node)| (name.as_str(), expression::to_json(node)))
    }

    /// Reads the declarations and gives each param its value.
    pub fn read(section: Option<&Entry>, inputs: &Inputs, sources: &mut Sources, report: &mut Report) -> Self {
        let entries = section.and_then(|section| shape::map(&section.value, "`params`", report)).unwrap_or_default();
        let mut declared = IndexMap::new();
        let mut given: HashMap<String, Option<Node>> = HashMap::new();
        for entry in entries {
            let (param, default) = declare(entry, report);
            if let Some(default) = default {
                given.insert(entry.key.clone(), default);
            }
            declared.insert(entry.key.clone(), param);
        }
        for (path, text) in &inputs.params_files {
            from_file(path, text, &declared, &mut given, sources, report);
        }
        for (name, value) in &inputs.params {
            let place = whole(&mut *sources, format!("-p {name}"), value);
            match declared.get(name) {
                Some(param) => {
                    let value = outside(param, name, value, place, sources, report);
                    given.insert(name.clone(), value);
                }
                None => report.push(unknown(name, &declared).at(place)),
            }
        }
        settle(declared, given, report)
    }
}

/// Turns what was given into values; what is missing is a problem each.
fn settle(declared: IndexMap<String, Param>, given: HashMap<String, Option<Node>>, report: &mut Report) -> Params {
    let mut given = given;
    let mut params = Params::default();
    for (name, param) in declared {
        match given.remove(&name) {
            Some(Some(value)) if is_allowed(&name, &value, &param.allowed, report) => {
                params.values.insert(name, value);
                continue;
            }
            Some(_) => {}
            None if param.of.is_none() => {}
            None => report.push(
                Problem::error("missing-param", format!("params.{name} has no default and no value"))
                    .at(param.place)
                    .help(format!("-p {name}=VALUE")),
            ),
        }
        params.broken.insert(name);
    }
    params
}

/// Reads one declaration. The default is `Some(None)` when it is there and wrong.
fn declare(entry: &Entry, report: &mut Report) -> (Param, Option<Option<Node>>) {
    let what = format!("params.{}", entry.key);
    let mut param = Param { place: entry.key_place, of: None, allowed: Vec::new() };
    if !entry.key.starts_with(|c: char| c.is_alphabetic() || c == '_')
        || !entry.key.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-')
    {
        report.push(
            Problem::error("bad-name", format!("`{}` cannot be the name of a param", entry.key))
                .at(entry.key_place)
                .note("a letter, then letters, digits, - and _"),
        );
    }
    let Some(keys) = shape::map(&entry.value, &what, report) else { return (param, None) };
    shape::known_keys(keys, &what, &KEYS, report);
    param.of = declared_type(entry, &what, report);
    if let Some(description) = entry.value.get("description") {
        shape::text(&description.value, &format!("{what}.description"), report);
    }
    let Some(of) = &param.of else { return (param, None) };
    if let Some(allowed) = entry.value.get("enum") {
        let items = shape::list(&allowed.value, &format!("{what}.enum"), report).unwrap_or_default();
        let of = match of {
            Type::List(item) => item,
            of => of,
        };
        param.allowed = items.iter().filter_map(|item| of.take(item, &format!("{what}.enum"), report)).collect();
    }
    let default = entry.value.get("default").map(|default| {
        let what = format!("{what}.default");
        if has_expressions(&default.value) {
            let message = format!("{what} is taken as it stands: a default sees no other value");
            report.push(Problem::error("unknown-reference", message).at(default.value.place));
            return None;
        }
        of.take(&default.value, &what, report)
    });
    (param, default)
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

fn has_expressions(node: &Node) -> bool {
    match &node.value {
        NodeValue::Text(text) => expression::is_in(text),
        NodeValue::List(items) => items.iter().any(has_expressions),
        NodeValue::Map(entries) => entries.iter().any(|entry| has_expressions(&entry.value)),
        _ => false,
    }
}

fn from_file(
    path: &str,
    text: &str,
    declared: &IndexMap<String, Param>,
    given: &mut HashMap<String, Option<Node>>,
    sources: &mut Sources,
    report: &mut Report,
) {
    let file = sources.add(path, text);
    let mut problems = Vec::new();
    let parsed = yaml::parse(text, file, &mut problems);
    problems.into_iter().for_each(|problem| report.push(problem));
    let root = match parsed {
        Ok(root) => root,
        Err(problem) => {
            report.push(problem);
            // What it might have given is unknown, so nothing is missing.
            for name in declared.keys() {
                given.insert(name.clone(), None);
            }
            return;
        }
    };
    for entry in shape::map(&root, "a params file", report).unwrap_or_default() {
        match declared.get(&entry.key) {
            Some(param) => {
                let what = format!("params.{}", entry.key);
                let value = param.of.as_ref().and_then(|of| of.take(&entry.value, &what, report));
                given.insert(entry.key.clone(), value);
            }
            None => report.push(unknown(&entry.key, declared).at(entry.key_place)),
        }
    }
}

/// Makes the value a source of its own, so that problems can point into it.
fn whole(sources: &mut Sources, name: String, value: &ParamValue) -> Place {
    let text = match value {
        ParamValue::Text(text) => text.clone(),
        ParamValue::Json(json) => json.to_string(),
    };
    let end = text.len();
    Place { file: sources.add(name, text), start: 0, end }
}

fn outside(
    param: &Param,
    name: &str,
    value: &ParamValue,
    place: Place,
    sources: &Sources,
    report: &mut Report,
) -> Option<Node> {
    let of = param.of.as_ref()?;
    let what = format!("params.{name}");
    match value {
        ParamValue::Json(json) => of.take(&expression::from_json(json, place), &what, report),
        ParamValue::Text(text) if of.is_composite() && text.trim_start().starts_with(['[', '{']) => {
            let mut problems = Vec::new();
            let parsed = yaml::parse(&sources.get(place.file).text, place.file, &mut problems);
            problems.into_iter().for_each(|problem| report.push(problem));
            match parsed {
                Ok(node) => of.take(&node, &what, report),
                Err(problem) => {
                    report.push(problem);
                    None
                }
            }
        }
        ParamValue::Text(text) => {
            let node = of.read(text, place, report)?;
            of.take(&node, &what, report)
        }
    }
}

fn is_allowed(name: &str, value: &Node, allowed: &[Node], report: &mut Report) -> bool {
    if allowed.is_empty() {
        return true;
    }
    if let NodeValue::List(items) = &value.value {
        return items.iter().all(|item| is_allowed(name, item, allowed, report));
    }
    let json = value.to_json();
    if allowed.iter().any(|one| one.to_json() == json) {
        return true;
    }
    let shown = |node: &Node| match &node.value {
        NodeValue::Text(text) | NodeValue::Number(text) => text.clone(),
        _ => node.to_json().to_string(),
    };
    let words: Vec<String> = allowed.iter().map(shown).collect();
    let problem = Problem::error("not-allowed", format!("params.{name} cannot be `{}`", shown(value))).at(value.place);
    report.push(match nearest(&shown(value), words.iter().map(String::as_str)) {
        Some(near) => problem.help(format!("-p {name}={near}")),
        None => problem.note(format!("it is one of {}", words.join(", "))),
    });
    false
}

fn unknown(name: &str, declared: &IndexMap<String, Param>) -> Problem {
    let problem = Problem::error("unknown-param", format!("the manifest has no param `{name}`"));
    match nearest(name, declared.keys().map(String::as_str)) {
        Some(near) => problem.help(format!("did you mean `{near}`?")),
        None if declared.is_empty() => problem.note("it declares none"),
        None => problem.note(format!("it has {}", declared.keys().map(String::as_str).collect::<Vec<_>>().join(", "))),
    }
}
