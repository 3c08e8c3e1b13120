//! What a manifest says about addresses: which to take over, which have moved, which to leave in AWS.

use std::collections::BTreeSet;

use indexmap::IndexMap;

use super::declarations::{Declarations, Missing};
use super::nearest::nearest;
use super::reading::Reading;
use super::shape;
use crate::graph::Desired;
use crate::kinds;
use crate::model::schema::Accepts;
use crate::model::{Address, Node, NodeValue};
use crate::problem::{Place, Problem};

const MOVED: [&str; 2] = ["from", "to"];

/// The addresses of a wish, ordered, so that what stands within one is found at once.
struct Known<'d>(BTreeSet<&'d Address>);

impl<'d> Known<'d> {
    fn of(desired: &'d Desired) -> Self {
        Self(desired.resources.keys().collect())
    }

    /// Says whether a resource stands at the address or within it.
    fn has(&self, address: &Address) -> bool {
        self.0.range::<&Address, _>(address..).next().is_some_and(|first| first.is_within(address))
    }

    fn unknown(&self, text: &str, place: Place, declared: &Declarations) -> Problem {
        let problem = Problem::error("unknown-reference", format!("there is no `{text}` in this manifest")).at(place);
        if !declared.may_compare(self.0.len()) {
            return problem;
        }
        let known: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        match nearest(text, known.iter().map(String::as_str)) {
            Some(near) => problem.help(format!("did you mean `{near}`?")),
            None => problem,
        }
    }
}

impl Reading<'_> {
    /// Puts `import`, `moved` and `removed` on the wish.
    pub fn addresses(&mut self, root: &Node, desired: &mut Desired) {
        let known = Known::of(desired);
        let imports = self.imports(root, desired, &known);
        let moved = self.moved(root, &known);
        let removed = self.removed(root, desired, &known);
        drop(known);
        (desired.imports, desired.moved, desired.removed) = (imports, moved, removed);
    }

    fn imports(&mut self, root: &Node, desired: &Desired, known: &Known) -> Vec<(Address, Place)> {
        let mut imports: IndexMap<Address, Place> = IndexMap::new();
        for item in self.listed(root, "import") {
            let Some(text) = shape::text(&item, "`import`", &mut self.report) else { continue };
            let resource = text.parse().ok().and_then(|address: Address| desired.resources.get(&address));
            let Some(resource) = resource else {
                let problem = self.missing(text, item.place, known);
                problem.into_iter().for_each(|problem| self.report.push(problem));
                continue;
            };
            let address = &resource.address;
            if resource.existing {
                let message = format!("{address} says `existing: true`, so it is not taken over");
                self.report.push(Problem::error("existing", message).at(item.place).help("keep one of the two"));
            } else if imports.insert(address.clone(), item.place).is_some() {
                self.twice("import", address, item.place);
            }
        }
        imports.into_iter().collect()
    }

    fn moved(&mut self, root: &Node, known: &Known) -> Vec<(Address, Address, Place)> {
        let mut moved: IndexMap<Address, (Address, Place)> = IndexMap::new();
        for item in self.listed(root, "moved") {
            let NodeValue::Map(keys) = &item.value else {
                self.report.push(shape::wrong_type(&item, "`moved`", "items such as {from: roles.a, to: roles.b}"));
                continue;
            };
            shape::known_keys(keys, "`moved`", &MOVED, &mut self.report);
            let place = keys.first().map_or(item.place, |key| key.key_place);
            for key in MOVED.iter().filter(|key| item.get(key).is_none() && !shape::is_meant(keys, &MOVED, key)) {
                let problem = Problem::error("missing-key", format!("an item of `moved` lacks `{key}`")).at(place);
                self.report.push(problem.help("moved: [{from: roles.old, to: roles.new}]"));
            }
            let [Some(from), Some(to)] = MOVED.map(|key| item.get(key)) else { continue };
            let from_address = self.gone(&from.value, "moved", known);
            let to_address = self.there(&to.value, "moved", known);
            let (Some(from_address), Some(to_address)) = (from_address, to_address) else { continue };
            if section_of(&from_address) != section_of(&to_address) {
                let message = format!("{from_address} cannot move to {to_address}: that is another kind of object");
                let problem = Problem::error("wrong-reference", message).at(to.value.place);
                self.report.push(problem.note("an address moves within its section, into a use or out of one"));
                continue;
            }
            if moved.contains_key(&from_address) {
                self.twice("moved", &from_address, from.value.place);
            } else if let Some((other, _)) = moved.iter().find(|(_, (taken, _))| *taken == to_address) {
                let message = format!("{other} and {from_address} cannot both move to {to_address}");
                let help = "give one of them an address of its own, or drop its line";
                self.report.push(Problem::error("duplicate-item", message).at(to.value.place).help(help));
            } else {
                moved.insert(from_address, (to_address, place));
            }
        }
        moved.into_iter().map(|(from, (to, place))| (from, to, place)).collect()
    }

    fn removed(&mut self, root: &Node, desired: &Desired, known: &Known) -> Vec<(Address, Place)> {
        let mut removed: IndexMap<Address, Place> = IndexMap::new();
        for item in self.listed(root, "removed") {
            let Some(address) = self.gone(&item, "removed", known) else { continue };
            if let Some(problem) = hangs_there(&address, desired) {
                self.report.push(problem.at(item.place));
            } else if removed.insert(address.clone(), item.place).is_some() {
                self.twice("removed", &address, item.place);
            }
        }
        removed.into_iter().collect()
    }

    /// Reads an address that the manifest no longer has.
    fn gone(&mut self, node: &Node, what: &str, known: &Known) -> Option<Address> {
        let address = self.parsed(node, what)?;
        if known.has(&address) {
            let message = format!("{address} is still in this manifest, so it was not {what}");
            let help = format!("delete {address}, or this line");
            self.report.push(Problem::error("still-declared", message).at(node.place).help(help));
            return None;
        }
        Some(address)
    }

    /// Reads an address that stands in the manifest.
    fn there(&mut self, node: &Node, what: &str, known: &Known) -> Option<Address> {
        let address = self.parsed(node, what)?;
        if !known.has(&address) {
            let problem = self.missing(&address.to_string(), node.place, known);
            problem.into_iter().for_each(|problem| self.report.push(problem));
            return None;
        }
        Some(address)
    }

    fn parsed(&mut self, node: &Node, what: &str) -> Option<Address> {
        let text = shape::text(node, &format!("`{what}`"), &mut self.report)?;
        match text.parse() {
            Ok(address) => Some(address),
            Err(why) => {
                self.report.push(Problem::error("bad-address", why).at(node.place).note("it is written roles.KEY"));
                None
            }
        }
    }

    fn listed(&mut self, root: &Node, key: &str) -> Vec<Node> {
        let Some(entry) = root.get(key) else { return Vec::new() };
        let node = self.expander.node(&entry.value, &mut self.report);
        shape::list(&node, &format!("`{key}`"), &mut self.report).unwrap_or_default().to_vec()
    }

    fn twice(&mut self, what: &str, address: &Address, place: Place) {
        self.report.push(Problem::error("duplicate-item", format!("`{what}` names {address} twice")).at(place));
    }

    /// Says that an address is not in the manifest; `None` where what is wrong there was reported.
    fn missing(&self, text: &str, place: Place, known: &Known) -> Option<Problem> {
        let declared = self.references.declared;
        let unknown = || Some(known.unknown(text, place, declared));
        let Ok(address) = text.parse::<Address>() else { return unknown() };
        for length in 2..=address.segments().len() {
            match declared.find(0, &address.segments()[..length], &[]) {
                Ok(named) if named.name.is_none() || named.path.is_none() => return None,
                Err(Missing::Reported) => return None,
                Err(missing @ Missing::Absent(_)) => {
                    let (message, help) = missing.in_words(&address.segments()[length..])?;
                    let mut problem = Problem::error("unknown-reference", message).at(place);
                    problem.helps.extend(help);
                    return Some(problem);
                }
                Ok(_) | Err(Missing::Unknown(_)) => {}
            }
        }
        unknown()
    }
}

/// Says so where an address is of something on an owner that the manifest manages: what such a one holds and the manifest
/// does not say is taken away, so it would stay in AWS until the next apply only.
fn hangs_there(address: &Address, desired: &Desired) -> Option<Problem> {
    let segments = address.segments();
    let mut owners = (2..segments.len()).rev().filter_map(|length| {
        let owner = desired.resources.get(&Address::new(segments[..length].iter().cloned()))?;
        Some((owner, &segments[length]))
    });
    let (owner, held) = owners.find(|(owner, _)| !owner.existing)?;
    let keys = kinds::spec(&owner.id.kind)?.schema().section.as_ref()?.keys;
    let hangs = |accepts| matches!(accepts, Accepts::Policies | Accepts::Inline(_) | Accepts::Groups | Accepts::Role);
    let held = keys.iter().find(|key| key.name == held && hangs(key.accepts))?.name;
    if owner.keep_undeclared.contains(&held) {
        return None;
    }
    let owner = &owner.address;
    let message = format!("{address} does not stay in AWS: {owner} keeps nothing that this manifest does not say");
    let problem = Problem::error("not-kept", message);
    let keeps = keys.iter().any(|key| matches!(key.accepts, Accepts::Keep(words) if words.contains(&held)));
    let keep = keeps.then(|| format!("to leave it there, say so instead:   {owner}: {{keep_undeclared: [{held}]}}"));
    let problem = keep.into_iter().fold(problem, Problem::help);
    Some(problem.help("to destroy it, drop this line"))
}

/// Returns the section of an address, wherever it is used; `use` itself for a whole use.
fn section_of(address: &Address) -> &str {
    let mut segments = address.segments();
    while let [first, _, rest @ ..] = segments
        && first == "use"
        && !rest.is_empty()
    {
        segments = rest;
    }
    segments.first().map_or("", String::as_str)
}
