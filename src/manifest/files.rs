//! Document files that a manifest names, read once while it is parsed.

use std::collections::{BTreeMap, HashMap};

use super::Files;
use super::expand::Expander;
use super::report::Report;
use super::yaml;
use crate::model::{Node, NodeValue};
use crate::policy::{self, json::JsonFault};
use crate::problem::{FileId, Place, Problem, Sources};

/// What each `{file: F}` names, by the place of F.
#[derive(Clone, Debug, Default)]
pub struct Loaded(BTreeMap<Place, Result<Node, Vec<Problem>>>);

impl Loaded {
    /// Returns the file's content, expressions included.
    pub fn get(&self, place: Place) -> Option<&Result<Node, Vec<Problem>>> {
        self.0.get(&place)
    }
}

/// Finds every `document: {file: F}` of the manifest. The path sees params, account and region only.
pub fn paths(root: &Node, early: &Expander, report: &mut Report) -> Vec<(Place, String)> {
    let mut found = Vec::new();
    collect(root, early, report, &mut found);
    found
}

fn collect(node: &Node, early: &Expander, report: &mut Report, found: &mut Vec<(Place, String)>) {
    match &node.value {
        NodeValue::List(items) => items.iter().for_each(|item| collect(item, early, report, found)),
        NodeValue::Map(entries) => {
            for entry in entries {
                match entry.value.get("file") {
                    Some(file) if entry.key == "document" => {
                        let path = early.node(&file.value, report);
                        if let NodeValue::Text(path) = path.value {
                            found.push((file.value.place, path));
                        }
                    }
                    _ => collect(&entry.value, early, report, found),
                }
            }
        }
        _ => {}
    }
}

/// Reads the files, each once however often it is named.
pub fn load(paths: Vec<(Place, String)>, files: &dyn Files, sources: &mut Sources) -> Loaded {
    let mut loaded = Loaded::default();
    let mut by_path: HashMap<String, Result<Node, Vec<Problem>>> = HashMap::new();
    for (place, path) in paths {
        let content = match by_path.get(&path) {
            Some(content) => content.clone(),
            None => {
                let content = read(&path, place, files, sources);
                by_path.insert(path, content.clone());
                content
            }
        };
        loaded.0.insert(place, content);
    }
    loaded
}

fn read(path: &str, place: Place, files: &dyn Files, sources: &mut Sources) -> Result<Node, Vec<Problem>> {
    let text = files
        .read(path)
        .map_err(|why| vec![Problem::error("unreadable-file", format!("{path} cannot be read: {why}")).at(place)])?;
    let file = sources.add(path, text);
    let text = &sources.get(file).text;
    if path.ends_with(".yaml") || path.ends_with(".yml") {
        let mut problems = Vec::new();
        let node = yaml::parse(text, file, &mut problems).map_err(|problem| vec![problem])?;
        return if problems.is_empty() { Ok(node) } else { Err(problems) };
    }
    json(text, file)
}

fn json(text: &str, file: FileId) -> Result<Node, Vec<Problem>> {
    let problem = |fault: JsonFault| {
        Problem::error("policy-json", format!("this is no strict JSON: {}", fault.message)).at(fault.place)
    };
    policy::json::parse(text, file).map_err(|faults| faults.into_iter().map(problem).collect())
}
