//! Files that a manifest names: paths, and documents, read once while it is parsed.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::{Component, Path, PathBuf};

use super::Files;
use super::each;
use super::expand::Expander;
use super::report::Report;
use super::yaml;
use crate::model::{Node, NodeValue};
use crate::policy::{self, json::JsonFault};
use crate::problem::{FileId, Place, Problem, Sources};

/// Returns a path that stands in the file `from`, as it would be typed where `from` was.
pub fn resolved(from: &str, path: &str) -> String {
    plain(&Path::new(from).parent().unwrap_or(Path::new("")).join(path))
}

/// Spells a path without `./`.
pub fn plain(path: &Path) -> String {
    let parts = path.components().filter(|part| *part != Component::CurDir);
    parts.collect::<PathBuf>().display().to_string()
}

/// Spells a path without `.` and `..`, so that two ways to write it compare equal. What links point to is not looked at.
pub fn folded(path: &str) -> PathBuf {
    let mut folded = PathBuf::new();
    for part in Path::new(path).components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if matches!(folded.components().next_back(), Some(Component::Normal(_))) => {
                folded.pop();
            }
            _ => folded.push(part),
        }
    }
    folded
}

/// Reads a YAML file, named at `place`. The problems are those that leave a value.
pub fn parse(
    path: &str,
    place: Place,
    disk: &dyn Files,
    sources: &mut Sources,
) -> Result<(FileId, Node, Vec<Problem>), Problem> {
    let text = disk.read(path).map_err(|why| unreadable(path, &why, place))?;
    let file = sources.add(path, text);
    let mut problems = Vec::new();
    let node = yaml::parse(&sources.get(file).text, file, &mut problems)?;
    Ok((file, node, problems))
}

fn unreadable(path: &str, why: &str, place: Place) -> Problem {
    Problem::error("unreadable-file", format!("{path} cannot be read: {why}")).at(place)
}

/// What the documents hold, by path.
#[derive(Clone, Debug, Default)]
pub struct Loaded(HashMap<String, Result<Node, Unread>>);

/// Why a document has no content.
#[derive(Clone, Debug)]
enum Unread {
    Missing(String),
    Faulty(Vec<Problem>),
}

impl Loaded {
    /// Returns what the file holds, expressions included; `None` for one that was not read.
    pub fn get(&self, path: &str, place: Place) -> Option<Result<&Node, Vec<Problem>>> {
        Some(match self.0.get(path)? {
            Ok(node) => Ok(node),
            Err(Unread::Missing(why)) => Err(vec![unreadable(path, why, place)]),
            Err(Unread::Faulty(problems)) => Err(problems.clone()),
        })
    }

    /// Reads the files, each once however often it is named.
    pub fn read(paths: Vec<String>, disk: &dyn Files, sources: &mut Sources) -> Self {
        let mut loaded = Self::default();
        for path in paths {
            if let Entry::Vacant(unread) = loaded.0.entry(path) {
                let content = read(unread.key(), disk, sources);
                unread.insert(content);
            }
        }
        loaded
    }
}

/// Finds every `document: {file: F}`. The path sees params, account, region, partition and each only; one that fails
/// is reported when the document is read.
pub fn named(node: &Node, early: &Expander, found: &mut Vec<String>) {
    match &node.value {
        NodeValue::List(items) => items.iter().for_each(|item| named(item, early, found)),
        NodeValue::Map(_) if each::is_conditional(node) => {
            let rounds = early.rounds(node, "", &mut Report::default());
            let place = node.get("for_each").map_or(node.place, |entry| entry.key_place);
            for each in rounds.made {
                entries(node, &early.round(each.as_ref(), place), found);
            }
        }
        NodeValue::Map(_) => entries(node, early, found),
        _ => {}
    }
}

fn entries(node: &Node, early: &Expander, found: &mut Vec<String>) {
    let NodeValue::Map(entries) = &node.value else { return };
    for entry in entries {
        match entry.value.get("file") {
            Some(file) if entry.key == "document" => found.extend(path(&file.value, early, &mut Report::default())),
            _ => named(&entry.value, early, found),
        }
    }
}

/// Returns the path that `file:` names.
pub fn path(node: &Node, early: &Expander, report: &mut Report) -> Option<String> {
    match early.node(node, report).value {
        NodeValue::Text(path) => Some(resolved(&early.sources.get(node.place.file).name, &path)),
        _ => None,
    }
}

fn read(path: &str, disk: &dyn Files, sources: &mut Sources) -> Result<Node, Unread> {
    let text = disk.read(path).map_err(Unread::Missing)?;
    let file = sources.add(path, text);
    let text = &sources.get(file).text;
    if path.ends_with(".yaml") || path.ends_with(".yml") {
        let mut problems = Vec::new();
        let node = yaml::parse(text, file, &mut problems).map_err(|problem| Unread::Faulty(vec![problem]))?;
        return if problems.is_empty() { Ok(node) } else { Err(Unread::Faulty(problems)) };
    }
    json(text, file).map_err(Unread::Faulty)
}

fn json(text: &str, file: FileId) -> Result<Node, Vec<Problem>> {
    let problem = |fault: JsonFault| {
        Problem::error("policy-json", format!("this is no strict JSON: {}", fault.message)).at(fault.place)
    };
    policy::json::parse(text, file).map_err(|faults| faults.into_iter().map(problem).collect())
}
