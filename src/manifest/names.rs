//! First pass over the sections: key, name, path and ARN of every entry, so that the second pass can
//! resolve every reference whatever the order.

use std::collections::HashMap;
use std::sync::Arc;

use indexmap::IndexMap;

use super::declarations::{Declarations, Entries, Named};
use super::each::{self, Each};
use super::expand::Expander;
use super::issuer;
use super::namespace::{Namespace, related};
use super::report::Report;
use super::{shape, trust};
use crate::kinds::{self, Spec};
use crate::model::schema::{Accepts, Key, Section};
use crate::model::{Account, Address, Entry, Node, NodeValue};
use crate::problem::{Place, Problem};

/// Returns every section that a manifest can have, with the kind that reads it.
pub fn sections() -> impl Iterator<Item = (&'static dyn Spec, &'static Section)> {
    kinds::specs().filter_map(|spec| Some((spec, spec.schema().section.as_ref()?)))
}

pub fn is_section(name: &str) -> bool {
    sections().any(|(_, section)| section.name == name)
}

/// What names are read with.
pub struct Naming<'a> {
    pub account: &'a Account,
    pub spaces: &'a [Namespace],
    /// Sees params, account and region only.
    pub early: Expander<'a>,
    /// Names of AWS are one across letter case and paths.
    taken: HashMap<(&'static str, String), Address>,
    turns: usize,
}

/// An entry that is being named.
struct Written<'a, 'm> {
    spec: &'static dyn Spec,
    section: &'static Section,
    at: usize,
    key: &'a str,
    entry: &'m Entry,
}

impl<'a> Naming<'a> {
    pub fn new(account: &'a Account, spaces: &'a [Namespace], early: Expander<'a>) -> Self {
        // The first turns are those of the namespaces.
        Self { account, spaces, early, taken: HashMap::new(), turns: spaces.len() }
    }

    /// Reads the names of all entries.
    pub fn read(mut self, report: &mut Report) -> Declarations<'a> {
        let mut all = Vec::with_capacity(self.spaces.len());
        for (at, space) in self.spaces.iter().enumerate() {
            let before = report.relate(related(self.spaces, at));
            report.turn(at);
            self.early.scope = self.early.scope.at(at);
            let mut entries = Entries::default();
            for (spec, section) in sections() {
                let Some(entry) = space.root.get(section.name) else { continue };
                let what = format!("`{}`", section.name);
                entries.sections.insert(section.name, IndexMap::new());
                if section.is_list() {
                    self.list(spec, section, at, entry, &mut entries, report);
                    continue;
                }
                for entry in shape::map(&entry.value, &what, report).unwrap_or_default() {
                    report.turn(at);
                    let Some(key) = self.early.key(entry, report) else { continue };
                    self.entry(&Written { spec, section, at, key: &key, entry }, &mut entries, report);
                }
            }
            all.push(entries);
            report.relate(before);
        }
        report.turn(0);
        Declarations::new(self.spaces, all)
    }

    /// Names the items of a section that lists services.
    fn list(
        &mut self,
        spec: &'static dyn Spec,
        section: &'static Section,
        at: usize,
        entry: &'a Entry,
        entries: &mut Entries<'a>,
        report: &mut Report,
    ) {
        let what = format!("`{}`", section.name);
        let list = self.early.node(&entry.value, report);
        let mut places: HashMap<String, Place> = HashMap::new();
        for item in shape::list(&list, &what, report).unwrap_or_default() {
            let Some(key) = shape::text(item, &what, report) else { continue };
            if let Err(problem) = trust::service(key, &what) {
                report.push(problem.at(item.place));
                continue;
            }
            if let Some(problem) = spec.doubt(key, &what) {
                report.push(problem.at(item.place));
            }
            if let Some(first) = places.insert(key.to_owned(), item.place) {
                let problem = Problem::error("duplicate-item", format!("{what} names {key} twice")).at(item.place);
                report.push(problem.related(first, "the first"));
                continue;
            }
            self.turns += 1;
            report.turn(self.turns);
            let address = self.spaces[at].address([section.name, key]);
            let written = Address::new(self.spaces[at].written.iter().map(String::as_str)).child([section.name, key]);
            let (name, path) = (Some(key.to_owned()), Some("/".to_owned()));
            let arn = spec.arn(self.account, "/", key);
            // An item says nothing but its key.
            let node = &entry.value;
            let named = Named {
                spec,
                section,
                at,
                turn: self.turns,
                address,
                written,
                key_place: item.place,
                node,
                each: None,
                existing: false,
                split: false,
                name,
                path,
                arn,
            };
            entries.sections.entry(section.name).or_default().insert(key.to_owned(), named);
        }
    }

    /// Names an entry, or all that its `for_each` makes.
    fn entry(&mut self, written: &Written<'_, 'a>, entries: &mut Entries<'a>, report: &mut Report) {
        let Written { section, key, entry, .. } = *written;
        let address = self.spaces[written.at].address([section.name, key]);
        let rounds = self.early.rounds(&entry.value, &address.to_string(), report);
        let absent = rounds.absent(key, entry.value.get("for_each").is_some());
        entries.absent.extend(absent.into_iter().map(|(key, absent)| ((section.name, key), absent)));
        let original =
            Address::new(self.spaces[written.at].written.iter().map(String::as_str)).child([section.name, key]);
        for each in rounds.made {
            let key = each::key_of(key, each.as_deref());
            let section = entries.sections.entry(section.name).or_default();
            if let Some(first) = section.get(&key) {
                report.push(self.early.duplicate_key(&key, entry.key_place, first.key_place));
                continue;
            }
            self.turns += 1;
            report.turn(self.turns);
            let named = self.named(&Written { key: &key, ..*written }, each, original.clone(), report);
            section.insert(key, named);
        }
    }

    fn named(
        &mut self,
        written: &Written<'_, 'a>,
        each: Option<Arc<Each>>,
        original: Address,
        report: &mut Report,
    ) -> Named<'a> {
        let Written { spec, section, at, key, entry } = *written;
        let space = &self.spaces[at];
        let address = space.address([section.name, key]);
        report.subject(&address, &original);
        shape::map(&entry.value, &address.to_string(), report);
        let early = self.early.round(each.as_ref(), entry.key_place);
        let said =
            |key: &Key, report: &mut Report| entry.value.get(key.name).map(|entry| early.node(&entry.value, report));
        // What is no flag is reported when the entry is read.
        let mut flag = |accepts: fn(&Accepts) -> bool| {
            let key = section.keys.iter().find(|key| accepts(&key.accepts));
            key.and_then(|key| said(key, report)).is_some_and(|node| node.value == NodeValue::Bool(true))
        };
        let existing = flag(|accepts| matches!(accepts, Accepts::Existing(_)));
        let split = flag(|accepts| matches!(accepts, Accepts::Split));
        let (mut name, mut path) = (Some(key.to_owned()), Some("/".to_owned()));
        let mut name_place = entry.key_place;
        for field in section.keys {
            match field.accepts {
                Accepts::Name { longest } => {
                    let given = said(field, report);
                    let text = match &given {
                        Some(node) => {
                            name_place = node.place;
                            shape::text(node, &format!("{address}.name"), report).map(str::to_owned)
                        }
                        None => Some(format!("{}{key}", space.names)),
                    };
                    name = text.filter(|name| name_is_well(name, longest, name_place, &address, report));
                    if let Some(name) = name.as_ref().filter(|name| !existing && is_of_forge(name)) {
                        report.push(of_forge(name, name_place, &address));
                    }
                }
                Accepts::Issuer => {
                    name = said(field, report).and_then(|node| issuer::read(&node, &format!("{address}.url"), report));
                }
                Accepts::Path => {
                    path = match said(field, report) {
                        Some(node) => self::path(&node, &format!("{address}.path"), report),
                        // What is not ours does not follow our defaults.
                        None if existing => Some("/".to_owned()),
                        None => Some(space.defaults.path.clone().unwrap_or_else(|| "/".to_owned())),
                    };
                }
                _ => {}
            }
        }
        // What all share may be asked for in several namespaces; the wish tells whether they agree.
        name = name.filter(|name| spec.is_shared() || self.take(section.name, name, &address, name_place, report));
        let arn = name.as_ref().zip(path.as_ref()).and_then(|(name, path)| spec.arn(self.account, path, name));
        let (turn, node, key_place) = (self.turns, &entry.value, entry.key_place);
        Named {
            spec,
            section,
            at,
            turn,
            address,
            written: original,
            key_place,
            node,
            each,
            existing,
            split,
            name,
            path,
            arn,
        }
    }

    /// Two of one name are one object.
    fn take(
        &mut self,
        section: &'static str,
        name: &str,
        address: &Address,
        place: Place,
        report: &mut Report,
    ) -> bool {
        if let Some(first) = self.taken.insert((section, name.to_lowercase()), address.clone()) {
            let message = format!("{address} and {first} have the name {name}");
            let problem = Problem::error("duplicate-name", message).at(place);
            report.push(problem.note("AWS does not tell names apart by letter case or path"));
            return false;
        }
        true
    }
}

fn of_forge(name: &str, place: Place, address: &Address) -> Problem {
    Problem::error(
        "bad-name",
        format!("{address}: names that start with {FORGE} are Batch Forge's, {name} is never taken"),
    )
    .at(place)
    .note("Seqera Platform makes and deletes what has such a name")
    .help("name: OTHER")
}

fn name_is_well(name: &str, longest: usize, place: Place, address: &Address, report: &mut Report) -> bool {
    let is_odd = |c: char| !c.is_ascii_alphanumeric() && !"_+=,.@-".contains(c);
    let odd = name.chars().find(|c| is_odd(*c));
    let problem = |message: String| Problem::error("bad-name", message).at(place);
    if name.is_empty() {
        report.push(problem(format!("the name of {address} is empty")).help("name: OTHER"));
    } else if let Some(odd) = odd {
        report.push(
            problem(format!("AWS takes no `{odd}` in a name: {address}"))
                .note("letters, digits and _ + = , . @ - are allowed")
                .help(format!("name: {}", name.replace(is_odd, "-"))),
        );
    } else if name.len() > longest {
        let length = name.len();
        let problem = problem(format!("the name of {address} has {length} characters, AWS takes {longest}"));
        report.push(problem.help(format!("name: {}", &name[..longest])));
    } else {
        return true;
    }
    false
}

/// Paths of what only AWS changes.
pub const RESERVED: [&str; 2] = ["/aws-service-role/", "/aws-reserved/"];

/// What the names begin with that Seqera Platform gives to what Batch Forge makes. It deletes them as well.
const FORGE: &str = "TowerForge";

/// Says whether Seqera Platform makes and deletes what has such a name.
pub fn is_of_forge(name: &str) -> bool {
    name.starts_with(FORGE)
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
    } else if RESERVED.iter().any(|reserved| text.starts_with(reserved)) {
        report.push(problem(format!("{what}: what is in {text} is AWS's own, it is never taken")));
    } else if let Some(odd) = text.chars().find(|c| !('!'..='\u{7e}').contains(c)) {
        report.push(problem(format!("AWS takes no `{odd}` in a path: {what}")));
    } else if text.contains("//") {
        report.push(problem(format!("{what} has an empty part")).help(text.replace("//", "/")));
    } else {
        return Some(text.to_owned());
    }
    None
}
