//! `include`: files that hold entries only, put beside those of the manifest.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::expand::Expander;
use super::header;
use super::report::Report;
use super::{Files, files, names, shape};
use crate::model::{Entry, Node, NodeValue};
use crate::policy::pattern;
use crate::problem::{FileId, Place, Problem, Sources};

/// Returns the patterns of a manifest, each with its place.
pub fn patterns(root: &Node, early: &Expander, report: &mut Report) -> Vec<(String, Place)> {
    let Some(entry) = root.get("include") else { return Vec::new() };
    let node = early.node(&entry.value, report);
    let items = shape::list(&node, "`include`", report).unwrap_or_default();
    let text = |item: &Node| Some((shape::text(item, "`include`", report)?.to_owned(), item.place));
    items.iter().filter_map(text).collect()
}

/// Puts the entries of all files that the patterns match into the manifest. Returns the files.
pub fn merge(
    root: &mut Node,
    patterns: &[(String, Place)],
    disk: &dyn Files,
    sources: &mut Sources,
    report: &mut Report,
) -> Vec<FileId> {
    let mut included = Vec::new();
    let mut seen: HashSet<String> = HashSet::from([sources.get(root.place.file).name.clone()]);
    for (pattern, place) in patterns {
        let paths = matching(&sources.get(place.file).name, pattern, disk);
        if paths.is_empty() {
            let problem = Problem::error("no-match", format!("`include`: no file matches {pattern}")).at(*place);
            report.push(problem.note("`*` is any name, `?` any character; neither crosses a slash"));
        }
        for path in paths.into_iter().filter(|path| seen.insert(path.clone())) {
            match files::parse(&path, *place, disk, sources) {
                Ok((file, node, problems)) => {
                    included.push(file);
                    problems.into_iter().for_each(|problem| report.push(problem));
                    take(node, root, report);
                }
                Err(problem) => report.push(problem),
            }
        }
    }
    included
}

/// Returns the files that a pattern matches, sorted. Without a wildcard it is the path of one file.
fn matching(from: &str, written: &str, disk: &dyn Files) -> Vec<String> {
    let mut found = vec![Path::new(from).parent().unwrap_or(Path::new("")).to_owned()];
    let mut listed = false;
    for part in Path::new(written).components() {
        let name = part.as_os_str().to_string_lossy();
        listed |= name.contains(['*', '?']);
        if !listed {
            found.iter_mut().for_each(|path| path.push(part));
            continue;
        }
        // As a shell does, a wildcard leaves out what is hidden.
        let fits = |entry: &String| {
            pattern::matches_exactly(&name, entry) && (name.starts_with('.') || !entry.starts_with('.'))
        };
        let inside = |folder: &PathBuf| {
            let names = disk.list(&folder.display().to_string()).unwrap_or_default();
            names.into_iter().filter(fits).map(|name| folder.join(name)).collect::<Vec<_>>()
        };
        found = found.iter().flat_map(inside).collect();
    }
    let mut paths: Vec<String> = found.iter().map(|path| files::plain(path)).collect();
    paths.sort();
    paths
}

fn take(node: Node, root: &mut Node, report: &mut Report) {
    let entries = match node.value {
        NodeValue::Map(entries) => entries,
        NodeValue::Null => return,
        _ => {
            report.push(shape::wrong_type(&node, "an included file", "a map of sections"));
            return;
        }
    };
    let known: Vec<&str> = names::sections().map(|(_, section)| section.name).chain(["use"]).collect();
    for entry in entries {
        if header::KEYS.contains(&entry.key.as_str()) && entry.key != "use" {
            let message = format!("an included file holds entries only: `{}` belongs in the manifest", entry.key);
            report.push(Problem::error("unknown-key", message).at(entry.key_place));
        } else if known.contains(&entry.key.as_str()) {
            add(entry, root, report);
        } else {
            shape::known_keys(&[entry], "an included file", &known, report);
        }
    }
}

/// Adds the entries of one section.
fn add(section: Entry, root: &mut Node, report: &mut Report) {
    let what = format!("`{}`", section.key);
    let is_list = names::sections().any(|(_, known)| known.name == section.key && known.is_list());
    let is_well = match is_list {
        true => shape::list(&section.value, &what, report).is_some(),
        false => shape::map(&section.value, &what, report).is_some(),
    };
    if !is_well {
        return;
    }
    let NodeValue::Map(all) = &mut root.value else { return };
    match all.iter_mut().find(|entry| entry.key == section.key) {
        None => all.push(section),
        Some(there) => match (&mut there.value.value, section.value.value) {
            (NodeValue::Map(entries), NodeValue::Map(more)) => entries.extend(more),
            (NodeValue::List(items), NodeValue::List(more)) => items.extend(more),
            (NodeValue::Null, value) => there.value.value = value,
            // What is no map was reported, or will be.
            _ => {}
        },
    }
}
