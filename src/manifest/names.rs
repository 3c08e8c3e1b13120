//! First pass over the sections: key, name, path and ARN of every entry, so that the second pass can
//! resolve every reference whatever the order.

use std::cell::Cell;
use std::collections::HashMap;

use indexmap::IndexMap;

use super::expand::Expander;
use super::nearest::nearest;
use super::report::Report;
use super::{shape, yaml};
use crate::kinds::{self, Spec};
use crate::model::schema::{Accepts, Key, Section};
use crate::model::{Account, Address, Entry, Node, NodeValue};
use crate::problem::{Place, Problem};

/// Comparisons of names that one run makes to suggest something; a hand-written manifest needs few.
const MOST_COMPARISONS: usize = 300_000;

/// One entry of a section, as far as others can refer to it.
pub struct Named<'m> {
    pub spec: &'static dyn Spec,
    pub section: &'static Section,
    pub address: Address,
    pub key_place: Place,
    /// What the entry says, expressions included.
    pub node: &'m Node,
    /// It is there already, and not ours.
    pub existing: bool,
    /// None when it is wrong; the problem was reported.
    pub name: Option<String>,
    pub path: Option<String>,
    pub arn: Option<String>,
}

/// All entries of all sections.
#[derive(Default)]
pub struct Declarations<'m> {
    /// Comparisons that were made to suggest something.
    compared: Cell<usize>,
    sections: IndexMap<&'static str, IndexMap<String, Named<'m>>>,
}

impl<'m> Declarations<'m> {
    pub fn get(&self, section: &str, key: &str) -> Option<&Named<'m>> {
        self.sections.get(section)?.get(key)
    }

    pub fn all(&self) -> impl Iterator<Item = &Named<'m>> {
        self.sections.values().flat_map(IndexMap::values)
    }

    /// Returns section and key of the entry that was probably meant; first within the same section.
    pub fn nearest(&self, section: &str, key: &str) -> Option<(&'static str, &str)> {
        let own = self.sections.get_key_value(section);
        if let Some((section, entries)) = own
            && self.may_compare(entries.len())
            && let Some(near) = nearest(key, entries.keys().map(String::as_str))
        {
            return Some((section, near));
        }
        self.sections.iter().find_map(|(section, entries)| Some((*section, entries.get_key_value(key)?.0.as_str())))
    }

    /// Thousands of wrong references to thousands of entries are not compared each with each.
    pub fn may_compare(&self, candidates: usize) -> bool {
        self.compared.set(self.compared.get().saturating_add(candidates));
        self.compared.get() <= MOST_COMPARISONS
    }
}

/// Returns every section that a manifest can have, with the kind that reads it.
pub fn sections() -> impl Iterator<Item = (&'static dyn Spec, &'static Section)> {
    kinds::specs().filter_map(|spec| Some((spec, spec.schema().section.as_ref()?)))
}

/// What names are read with.
pub struct Naming<'a> {
    pub account: &'a Account,
    pub default_path: Option<&'a str>,
    /// Sees params, account and region only.
    pub early: &'a Expander<'a>,
}

impl Naming<'_> {
    /// Reads the names of all entries.
    pub fn read<'m>(&self, root: &'m Node, report: &mut Report) -> Declarations<'m> {
        let mut declared = Declarations::default();
        for (spec, section) in sections() {
            let Some(entry) = root.get(section.name) else { continue };
            let entries = shape::map(&entry.value, &format!("`{}`", section.name), report).unwrap_or_default();
            declared.sections.insert(section.name, self.section(spec, section, entries, report));
        }
        declared
    }

    fn section<'m>(
        &self,
        spec: &'static dyn Spec,
        section: &'static Section,
        entries: &'m [Entry],
        report: &mut Report,
    ) -> IndexMap<String, Named<'m>> {
        let mut named: IndexMap<String, Named> = IndexMap::new();
        // Names of AWS are one across letter case and paths.
        let mut taken: HashMap<String, Address> = HashMap::new();
        for entry in entries {
            let Some(key) = self.early.key(entry, report) else { continue };
            if let Some(first) = named.get(&key) {
                let text = &self.early.sources.get(first.key_place.file).text;
                report.push(yaml::duplicate_key(text, &key, entry.key_place, first.key_place));
                continue;
            }
            let one = self.entry(spec, section, &key, entry, report);
            if let Some(name) = &one.name
                && let Some(first) = taken.insert(name.to_lowercase(), one.address.clone())
            {
                let place = entry.value.get("name").map_or(entry.key_place, |name| name.value.place);
                let message = format!("{} and {first} have the name {name}", one.address);
                let problem = Problem::error("duplicate-name", message).at(place);
                report.push(problem.note("AWS does not tell names apart by letter case or path"));
            }
            named.insert(key, one);
        }
        named
    }

    fn entry<'m>(
        &self,
        spec: &'static dyn Spec,
        section: &'static Section,
        key: &str,
        entry: &'m Entry,
        report: &mut Report,
    ) -> Named<'m> {
        let address = Address::new([section.name, key]);
        shape::map(&entry.value, &address.to_string(), report);
        let said = |key: &Key, report: &mut Report| {
            entry.value.get(key.name).map(|entry| self.early.node(&entry.value, report))
        };
        let (mut name, mut path) = (Some(key.to_owned()), Some("/".to_owned()));
        let existing = section.keys.iter().find(|key| matches!(key.accepts, Accepts::Existing(_)));
        let existing =
            existing.and_then(|key| said(key, report)).is_some_and(|node| node.value == NodeValue::Bool(true));
        // What is not ours does not follow our defaults.
        let default_path = self.default_path.filter(|_| !existing).unwrap_or("/");
        for field in section.keys {
            match field.accepts {
                Accepts::Name { longest } => {
                    let given = said(field, report);
                    let (text, place) = match &given {
                        Some(node) => (shape::text(node, &format!("{address}.name"), report), node.place),
                        None => (Some(key), entry.key_place),
                    };
                    name = text.filter(|name| name_is_well(name, longest, place, &address, report)).map(str::to_owned);
                }
                Accepts::Path => {
                    path = match said(field, report) {
                        Some(node) => self::path(&node, &format!("{address}.path"), report),
                        None => Some(default_path.to_owned()),
                    };
                }
                _ => {}
            }
        }
        let arn = name.as_ref().zip(path.as_ref()).and_then(|(name, path)| spec.arn(self.account, path, name));
        Named { spec, section, address, key_place: entry.key_place, node: &entry.value, existing, name, path, arn }
    }
}

fn name_is_well(name: &str, longest: usize, place: Place, address: &Address, report: &mut Report) -> bool {
    let odd = name.chars().find(|c| !c.is_ascii_alphanumeric() && !"_+=,.@-".contains(*c));
    let problem = |message: String| Problem::error("bad-name", message).at(place);
    if name.is_empty() {
        report.push(problem(format!("the name of {address} is empty")));
    } else if let Some(odd) = odd {
        report.push(
            problem(format!("AWS takes no `{odd}` in a name: {address}"))
                .note("letters, digits and _ + = , . @ - are allowed"),
        );
    } else if name.len() > longest {
        let length = name.len();
        report.push(problem(format!("the name of {address} has {length} characters, AWS takes {longest}")));
    } else {
        return true;
    }
    false
}

/// Reads an IAM path.
pub fn path(node: &Node, what: &str, report: &mut Report) -> Option<String> {
    let text = shape::text(node, what, report)?;
    let problem = |message: String| Problem::error("bad-path", message).at(node.place);
    if !text.starts_with('/') || !text.ends_with('/') {
        let inner = text.trim_matches('/');
        let typed = if inner.is_empty() { "/".to_owned() } else { format!("/{inner}/") };
        report.push(problem(format!("{what} starts and ends with a slash")).help(typed));
    } else if text.len() > 512 {
        report.push(problem(format!("{what} has {} characters, AWS takes 512", text.len())));
    } else if let Some(odd) = text.chars().find(|c| !('!'..='\u{7e}').contains(c)) {
        report.push(problem(format!("AWS takes no `{odd}` in a path: {what}")));
    } else if text.contains("//") {
        report.push(problem(format!("{what} has an empty part")).help(text.replace("//", "/")));
    } else {
        return Some(text.to_owned());
    }
    None
}
