//! All entries by their addresses, in the manifest and in every use, and what is said of an address that names
//! nothing.

use std::cell::Cell;
use std::collections::HashMap;
use std::sync::Arc;

use indexmap::IndexMap;

use super::each::Each;
use super::namespace::{Absent, Child, Namespace};
use super::nearest::{listed, nearest};
use crate::kinds::Spec;
use crate::model::schema::Section;
use crate::model::{Address, Node};
use crate::problem::Place;

/// Comparisons of names that one run makes to suggest something; a hand-written manifest needs few.
const MOST_COMPARISONS: usize = 300_000;

/// One entry of a section, or one of those that its `for_each` makes, as far as others can refer to it.
pub struct Named<'m> {
    pub spec: &'static dyn Spec,
    pub section: &'static Section,
    /// Index of its namespace.
    pub at: usize,
    /// Of the report.
    pub turn: usize,
    pub address: Address,
    /// The address without what a `for_each` adds.
    pub written: Address,
    pub key_place: Place,
    /// What the entry says, expressions included.
    pub node: &'m Node,
    pub each: Option<Arc<Each>>,
    /// It is there already, and not ours.
    pub existing: bool,
    /// It may become several.
    pub split: bool,
    /// None when it is wrong; the problem was reported.
    pub name: Option<String>,
    pub path: Option<String>,
    pub arn: Option<String>,
}

/// All entries of all sections, of the manifest and of every use.
pub struct Declarations<'m> {
    /// Comparisons that were made to suggest something.
    compared: Cell<usize>,
    spaces: &'m [Namespace],
    /// By namespace.
    entries: Vec<Entries<'m>>,
}

/// The entries of one namespace.
#[derive(Default)]
pub struct Entries<'m> {
    pub sections: IndexMap<&'static str, IndexMap<String, Named<'m>>>,
    /// What is written and not there, by section and key.
    pub absent: HashMap<(&'static str, String), Absent>,
}

/// Why an address names nothing.
#[derive(Debug)]
pub enum Missing {
    /// What would be there is wrong, and was reported.
    Reported,
    /// It is written, and not there under this name.
    Absent(Reason),
    Unknown(Reason),
}

#[derive(Debug)]
pub struct Reason {
    message: String,
    /// What was probably meant.
    meant: Option<Address>,
    help: Option<String>,
}

impl Missing {
    /// Returns message and help; `tail` is what is written after the address.
    pub fn in_words(self, tail: &[String]) -> Option<(String, Option<String>)> {
        let (Missing::Absent(reason) | Missing::Unknown(reason)) = self else { return None };
        let meant = reason.meant.map(|meant| meant.child(tail.iter().map(String::as_str)));
        Some((reason.message, meant.map(|meant| format!("did you mean `{meant}`?")).or(reason.help)))
    }
}

impl<'m> Declarations<'m> {
    /// `entries` are those of each namespace.
    pub fn new(spaces: &'m [Namespace], entries: Vec<Entries<'m>>) -> Self {
        Self { compared: Cell::new(0), spaces, entries }
    }

    pub fn all(&self) -> impl Iterator<Item = &Named<'m>> {
        self.entries.iter().flat_map(|entries| entries.sections.values().flat_map(IndexMap::values))
    }

    /// Returns the entries of one namespace.
    pub fn of(&self, at: usize) -> impl Iterator<Item = &Named<'m>> {
        self.entries[at].sections.values().flat_map(IndexMap::values)
    }

    /// Follows `use.NAME` as often as it stands there. Returns the namespace and what is left.
    pub fn descend<'n>(&self, from: usize, names: &'n [String]) -> Result<(usize, &'n [String]), Missing> {
        let (mut at, mut rest) = (from, names);
        while let [root, name, below @ ..] = rest
            && root == "use"
        {
            let uses = &self.spaces[at].uses;
            let written = || Address::new(names[..names.len() - below.len()].iter().map(String::as_str));
            at = match uses.get(name) {
                Some(Child::Made(child)) => *child,
                Some(Child::Absent(absent)) => {
                    let first = |first: &String| sibling(&written(), first);
                    return Err(is_absent(&written(), absent, first));
                }
                None if self.is_broken_family(name, |family| uses_broken(uses, family)) => {
                    return Err(Missing::Reported);
                }
                None => {
                    let near = self.near(name, uses.len(), || uses.keys().map(String::as_str));
                    let meant = near.map(|near| sibling(&written(), near).child(below.iter().map(String::as_str)));
                    let before = &names[..names.len() - rest.len()];
                    let there = choice(before, "use", uses.keys().map(String::as_str));
                    return Err(self.unknown(&written(), from, meant, there));
                }
            };
            rest = below;
        }
        Ok((at, rest))
    }

    /// Returns the entry at an address, as it is written in the namespace `from`. Where it is missing, one
    /// of the sections that are wanted is suggested.
    pub fn find(&self, from: usize, names: &[String], wanted: &[&'static str]) -> Result<&Named<'m>, Missing> {
        let (at, rest) = self.descend(from, names)?;
        let written = || Address::new(names.iter().map(String::as_str));
        let [section, key, more @ ..] = rest else { return Err(self.unknown(&written(), from, None, None)) };
        let entries = &self.entries[at];
        let found = entries.sections.get(section.as_str()).and_then(|section| section.get(key));
        if let (Some(named), true) = (found, more.is_empty()) {
            return Ok(named);
        }
        let is_broken = |family: &str| matches!(entries.absent(section, family), Some(Absent::Broken));
        if let Some(absent) = entries.absent(section, key) {
            return Err(is_absent(&written(), absent, |first| sibling(&written(), first)));
        }
        if self.is_broken_family(key, is_broken) {
            return Err(Missing::Reported);
        }
        let section = match wanted.first() {
            Some(first) if !wanted.contains(&section.as_str()) => first,
            _ => section.as_str(),
        };
        let before = &names[..names.len() - rest.len()];
        let meant = self
            .nearest(at, section, key)
            .map(|(section, key)| Address::new(before.iter().map(String::as_str)).child([section, key]));
        let keys = entries.sections.get(section).into_iter().flat_map(IndexMap::keys);
        let there = choice(before, section, keys.map(String::as_str));
        Err(self.unknown(&written(), from, meant.filter(|meant| *meant != written()), there))
    }

    /// Says whether a section of this namespace has the key.
    pub fn has(&self, at: usize, section: &str, key: &str) -> bool {
        self.entries[at].sections.get(section).is_some_and(|entries| entries.contains_key(key))
    }

    fn unknown(&self, written: &Address, from: usize, meant: Option<Address>, help: Option<String>) -> Missing {
        let whole = if from == 0 { "manifest" } else { "blueprint" };
        Missing::Unknown(Reason { message: format!("there is no `{written}` in this {whole}"), meant, help })
    }

    /// Returns section and key of the entry that was probably meant; first within the same section.
    fn nearest(&self, at: usize, section: &str, key: &str) -> Option<(&'static str, &str)> {
        let sections = &self.entries[at].sections;
        if let Some((section, entries)) = sections.get_key_value(section)
            && let Some(near) = self.near(key, entries.len(), || entries.keys().map(String::as_str))
        {
            return Some((section, near));
        }
        sections.iter().find_map(|(section, entries)| Some((*section, entries.get_key_value(key)?.0.as_str())))
    }

    fn near<'c, I: Iterator<Item = &'c str>>(
        &self,
        word: &str,
        count: usize,
        among: impl Fn() -> I,
    ) -> Option<&'c str> {
        self.may_compare(count).then(|| nearest(word, among())).flatten()
    }

    /// Thousands of wrong references to thousands of entries are not compared each with each.
    pub fn may_compare(&self, candidates: usize) -> bool {
        self.compared.set(self.compared.get().saturating_add(candidates));
        self.compared.get() <= MOST_COMPARISONS
    }

    /// Says whether `KEY-EACHKEY` may be of a `for_each` that could not be read.
    fn is_broken_family(&self, key: &str, is_broken: impl Fn(&str) -> bool) -> bool {
        key.match_indices('-').any(|(at, _)| is_broken(&key[..at]))
    }
}

impl Entries<'_> {
    fn absent(&self, section: &str, key: &str) -> Option<&Absent> {
        let section = self.sections.get_key_value(section)?.0;
        self.absent.get(&(*section, key.to_owned()))
    }
}

fn uses_broken(uses: &IndexMap<String, Child>, name: &str) -> bool {
    matches!(uses.get(name), Some(Child::Absent(Absent::Broken)))
}

/// Returns the address beside this one.
fn sibling(address: &Address, last: &str) -> Address {
    let before = address.segments().split_last().map_or(&[][..], |(_, before)| before);
    Address::new(before.iter().map(String::as_str)).child([last])
}

fn is_absent(written: &Address, absent: &Absent, sibling: impl Fn(&String) -> Address) -> Missing {
    match absent {
        Absent::Broken => Missing::Reported,
        Absent::LeftOut => Missing::Absent(Reason {
            message: format!("`{written}` is left out: its `when` is false"),
            meant: None,
            help: Some("say the same `when` here: {when: …, value: …}".to_owned()),
        }),
        Absent::Repeated(first) => Missing::Absent(Reason {
            message: format!("`{written}` has a `for_each`: what it makes has keys of its own"),
            meant: first.as_ref().map(sibling),
            help: None,
        }),
    }
}

/// Returns what there is of a section, where that is little enough to choose from.
fn choice<'k>(before: &[String], section: &str, keys: impl Iterator<Item = &'k str>) -> Option<String> {
    const MOST: usize = 10;
    let there = |key| Address::new(before.iter().map(String::as_str)).child([section, key]).to_string();
    let there: Vec<String> = keys.take(MOST + 1).map(there).collect();
    let are = if there.len() == 1 { "is" } else { "are" };
    (1..=MOST).contains(&there.len()).then(|| format!("there {are} {}", listed(&there)))
}
