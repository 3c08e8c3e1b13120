//! The access keys of a user, each with the one place where its secret goes.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::declared::KeyWish;
use super::files::{folded, plain, resolved};
use super::nearest::nearest;
use super::reading::Reading;
use super::shape;
use crate::graph::Desired;
use crate::model::issued::{DELIVER_TO, TERMINAL};
use crate::model::{Entry, Node, NodeValue, Value};
use crate::policy::limits;
use crate::problem::{Place, Problem};

const EXAMPLE: &str = "it is written  deliver_to: {file: ci.env}  or  deliver_to: terminal";

impl Reading<'_> {
    pub fn access_keys(&mut self, node: &Node, what: &str) -> Option<Vec<KeyWish>> {
        let entries = shape::map(node, what, &mut self.report)?;
        if let Some(extra) = entries.get(limits::ACCESS_KEYS_OF_USER) {
            let message =
                format!("{what} has {} keys, a user has {} at most", entries.len(), limits::ACCESS_KEYS_OF_USER);
            let problem = Problem::error("too-many-access-keys", message).at(extra.key_place);
            self.report.push(problem.note("a second one is what a rotation needs: leave room for it"));
        }
        Some(entries.iter().filter_map(|entry| self.access_key(entry, what)).collect())
    }

    fn access_key(&mut self, entry: &Entry, what: &str) -> Option<KeyWish> {
        let (label, place) = (entry.key.clone(), entry.key_place);
        let what = format!("{what}.{label}");
        if label.is_empty()
            || label.len() > 64
            || label.contains(|c: char| !c.is_ascii_alphanumeric() && !"-_".contains(c))
        {
            let problem = Problem::error("bad-name", format!("{what}: `{label}` is no label of a key")).at(place);
            self.report.push(problem.note("1 to 64 letters, digits, - and _"));
            return None;
        }
        if label.len() >= 16 && label.starts_with("AKIA") {
            let problem = Problem::error("bad-name", format!("{what}: a label is yours to choose, AWS names the key"));
            self.report.push(problem.at(place).help("call it what it is for, such as `primary`"));
            return None;
        }
        let keys = shape::map(&entry.value, &what, &mut self.report)?;
        shape::known_keys(keys, &what, &["deliver_to"], &mut self.report);
        let Some(to) = entry.value.get("deliver_to") else {
            if !shape::is_meant(keys, &["deliver_to"], "deliver_to") {
                let problem = Problem::error("missing-key", format!("{what} lacks `deliver_to`")).at(place);
                let problem = problem.note("AWS tells the secret of a key once, and nothing here keeps it");
                self.report.push(problem.help(EXAMPLE));
            }
            return None;
        };
        let deliver_to = self.destination(&to.value, &format!("{what}.deliver_to"))?;
        Some(KeyWish { label, deliver_to, place })
    }

    /// Returns `terminal`, or the path of a file as it is from the manifest's folder.
    fn destination(&mut self, node: &Node, what: &str) -> Option<String> {
        match &node.value {
            NodeValue::Text(word) if word == TERMINAL => Some(TERMINAL.to_owned()),
            NodeValue::Text(word) => {
                let problem = Problem::error("unknown-word", format!("{what} knows no `{word}`")).at(node.place);
                let problem = match nearest(word, [TERMINAL]) {
                    Some(near) => problem.help(format!("did you mean `{near}`?")),
                    None => problem.help(format!("for a file:   deliver_to: {{file: {word}}}")),
                };
                self.report.push(problem);
                None
            }
            NodeValue::List(_) => {
                let problem = Problem::error("wrong-type", format!("{what} takes one destination, this is a list"));
                self.report.push(problem.at(node.place).note("a secret is told once").help(EXAMPLE));
                None
            }
            NodeValue::Map(keys) => {
                shape::known_keys(keys, what, &["file"], &mut self.report);
                let Some(file) = node.get("file") else {
                    if !shape::is_meant(keys, &["file"], "file") {
                        let problem = Problem::error("missing-key", format!("{what} lacks `file`")).at(node.place);
                        self.report.push(problem.help(EXAMPLE));
                    }
                    return None;
                };
                let path = shape::text(&file.value, &format!("{what}.file"), &mut self.report)?;
                if path.is_empty() || path.ends_with('/') || path.contains('\0') {
                    let message = format!("{what}.file: `{path}` is not the path of a file");
                    self.report.push(Problem::error("bad-path", message).at(file.value.place));
                    return None;
                }
                Some(self.path_here(path, file.value.place))
            }
            _ => {
                let problem = shape::wrong_type(node, what, "`{file: F}` or `terminal`");
                self.report.push(problem);
                None
            }
        }
    }

    /// Returns a path of the file that says it, as it is from the manifest's folder.
    fn path_here(&self, path: &str, place: Place) -> String {
        let sources = self.expander.sources;
        let from_here = resolved(&sources.get(place.file).name, path);
        let folder = Path::new(&sources.get(0).name).parent().unwrap_or(Path::new(""));
        let folder = plain(folder);
        let inside = Path::new(&from_here).strip_prefix(&folder).map_or(from_here.clone(), plain);
        if inside == TERMINAL { format!("./{inside}") } else { inside }
    }
}

/// Returns a problem for every key that goes into a file of another one.
pub fn shared_files(desired: &Desired) -> Vec<Problem> {
    let mut taken: HashMap<PathBuf, (&crate::model::Address, Place)> = HashMap::new();
    let mut problems = Vec::new();
    for resource in desired.resources.values() {
        let Some(to) = resource.wanted.get(DELIVER_TO).and_then(Value::text).filter(|to| *to != TERMINAL) else {
            continue;
        };
        let file = folded(to);
        match taken.get(&file) {
            Some((first, place)) => problems.push(
                Problem::error("duplicate-file", format!("{} and {first} go into one file: {to}", resource.address))
                    .at(resource.place)
                    .related(*place, "the first one")
                    .note("a file holds one key")
                    .help("name a file for each"),
            ),
            None => drop(taken.insert(file, (&resource.address, resource.place))),
        }
    }
    problems
}
