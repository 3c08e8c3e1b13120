//! What a blueprint says its statements are for: `blueprint: {features: {NAME: {title, need, statements}}}`.
//!
//! It is data about the blueprint and asks for nothing. A feature whose name is a value of the param `features` is
//! there only when it is named; one whose name is a value of `without`, unless it is named.

use serde_json::{Map, Value as Json, json};

use super::report::Report;
use super::{names, shape};
use crate::model::{Address, Entry, Node};
use crate::problem::{Place, Problem};

const KEYS: [&str; 3] = ["title", "need", "statements"];
const SECTIONS_WITH_INLINE: [&str; 3] = ["roles", "users", "groups"];

/// Whether Seqera Platform works without a feature's statements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    Mandatory,
    Optional,
}

/// Something that Seqera Platform can do, and the statements that let it.
#[derive(Clone, Debug)]
pub struct Feature {
    pub name: String,
    pub title: String,
    pub need: Need,
    pub statements: Vec<Statement>,
}

/// A statement as a blueprint writes it; of one with a `for_each`, the name before what that adds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Statement {
    /// `policies.identity`, `roles.head.inline.logs`: within the blueprint.
    pub document: Address,
    pub sid: String,
}

impl Need {
    pub fn word(self) -> &'static str {
        match self {
            Need::Mandatory => "mandatory",
            Need::Optional => "optional",
        }
    }
}

impl Feature {
    pub fn to_json(&self) -> Json {
        let mut statements: Map<String, Json> = Map::new();
        for statement in &self.statements {
            let sids = statements.entry(statement.document.to_string()).or_insert_with(|| json!([]));
            if let Json::Array(sids) = sids {
                sids.push(json!(statement.sid));
            }
        }
        json!({"name": self.name, "title": self.title, "need": self.need.word(), "statements": statements})
    }
}

/// Reads the features that stand in what a blueprint says of itself.
pub fn read(about: &Node, report: &mut Report) -> Vec<Feature> {
    let entries = about.get("features").and_then(|entry| shape::map(&entry.value, "`features`", report));
    entries.unwrap_or_default().iter().filter_map(|entry| feature(entry, report)).collect()
}

fn feature(entry: &Entry, report: &mut Report) -> Option<Feature> {
    let what = format!("features.{}", entry.key);
    let keys = shape::map(&entry.value, &what, report)?;
    shape::known_keys(keys, &what, &KEYS, report);
    let text = |key: &str, report: &mut Report| match entry.value.get(key) {
        Some(said) => Some((shape::text(&said.value, &format!("{what}.{key}"), report)?.to_owned(), said.value.place)),
        None => {
            report.push(Problem::error("missing-key", format!("{what} lacks `{key}`")).at(entry.key_place));
            None
        }
    };
    let (title, need) = (text("title", report), text("need", report));
    let (title, (need, place)) = (title?.0, need?);
    let statements = entry.value.get("statements").and_then(|entry| shape::map(&entry.value, &what, report));
    let statements = statements.unwrap_or_default().iter().flat_map(|entry| of_document(entry, &what, report));
    let statements = statements.collect();
    Some(Feature { name: entry.key.clone(), title, need: needed(&need, &what, place, report)?, statements })
}

fn needed(word: &str, what: &str, place: Place, report: &mut Report) -> Option<Need> {
    let all = [Need::Mandatory, Need::Optional];
    let found = all.into_iter().find(|need| need.word() == word);
    if found.is_none() {
        let problem = Problem::error("unknown-word", format!("{what}.need is no `{word}`")).at(place);
        report.push(problem.note("it is `mandatory` or `optional`"));
    }
    found
}

fn of_document(entry: &Entry, what: &str, report: &mut Report) -> Vec<Statement> {
    let what = format!("{what}.statements");
    let document: Address = match entry.key.parse() {
        Ok(document) => document,
        Err(_) => {
            let problem = Problem::error("unknown-reference", format!("{what}: `{}` is no address", entry.key));
            report.push(problem.at(entry.key_place).help("policies.identity"));
            return Vec::new();
        }
    };
    let sids = shape::list(&entry.value, &what, report).unwrap_or_default();
    let sids = sids.iter().filter_map(|sid| shape::text(sid, &what, report));
    sids.map(|sid| Statement { document: document.clone(), sid: sid.to_owned() }).collect()
}

/// Returns every statement that a blueprint writes under `statements`, trust left out.
pub fn written(root: &Node) -> Vec<Statement> {
    let mut all = Vec::new();
    for (_, section) in names::sections() {
        let Some(entries) = root.get(section.name) else { continue };
        for entry in shape::entries(&entries.value) {
            let address = Address::new([section.name, entry.key.as_str()]);
            add(&address, &entry.value, &mut all);
            if !SECTIONS_WITH_INLINE.contains(&section.name) {
                continue;
            }
            let inline = entry.value.get("inline").map(|inline| shape::entries(&inline.value)).unwrap_or_default();
            for one in inline {
                add(&address.child(["inline", one.key.as_str()]), &one.value, &mut all);
            }
        }
    }
    all
}

fn add(document: &Address, owner: &Node, all: &mut Vec<Statement>) {
    let statements = owner.get("statements").map(|entry| shape::entries(&entry.value)).unwrap_or_default();
    all.extend(statements.iter().map(|entry| Statement { document: document.clone(), sid: entry.key.clone() }));
}
