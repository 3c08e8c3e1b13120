//! Second pass: every entry, key by key, to what its kind can declare.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use indexmap::IndexMap;

use super::declarations::Named;
use super::declared::{Declared, Inline, Reference, Said};
use super::document::{self, DOCUMENT_KEYS, Owner};
use super::expand::Expander;
use super::files::Loaded;
use super::namespace::{Child, Settled, related};
use super::nearest::{listed, nearest};
use super::reference::{self, References, Target};
use super::report::Report;
use super::{each, findings, issuer, shape, tags};
use crate::model::schema::{Accepts, Key};
use crate::model::{Entry, Node, NodeValue};
use crate::policy::{Host, limits};
use crate::problem::{Place, Problem};

/// All that entries are read with.
pub struct Reading<'a> {
    pub files: &'a Loaded,
    pub references: References<'a>,
    pub expander: Expander<'a>,
    pub settled: &'a Settled,
    pub report: Report,
    /// Findings that the entry does not want to hear of.
    pub silenced: Vec<String>,
    /// ARN of the entry that is read.
    pub arn: Option<String>,
    /// Warnings about what policies grant.
    pub granting: Vec<findings::Granting>,
    /// Findings that were told, by place and code.
    pub warned: BTreeSet<(Place, &'static str)>,
}

impl Reading<'_> {
    /// Goes to a namespace: from now on it is its values that are read.
    pub fn enter(&mut self, at: usize) {
        self.expander.scope = self.expander.scope.at(at);
        self.references.tree.at = at;
        self.report.relate(related(self.references.tree.spaces, at));
        self.report.turn(at);
    }

    /// Finds the values of a namespace that need the names of entries, and those of all that it uses.
    pub fn settle(&mut self, at: usize) {
        let space = &self.references.tree.spaces[at];
        if let Some(used) = &space.used {
            self.enter(used.by);
            let round = self.expander.round(used.each.as_ref(), used.place);
            let params = space.params.settled(&used.with, &round, &self.references, &mut self.report);
            self.settled.set_params(at, params);
        }
        for child in space.uses.values() {
            if let Child::Made(child) = child {
                self.settle(*child);
            }
        }
        self.split(at);
        self.enter(at);
        let outputs = self.outputs(&space.root);
        self.settled.set_outputs(at, outputs);
    }

    fn outputs(&mut self, root: &Node) -> IndexMap<String, Option<Node>> {
        let Some(entry) = root.get("outputs") else { return IndexMap::new() };
        let entries = shape::map(&entry.value, "`outputs`", &mut self.report).unwrap_or_default();
        let mut outputs: IndexMap<String, (Place, Option<Node>)> = IndexMap::new();
        for entry in entries {
            let Some(key) = self.expander.key(entry, &mut self.report) else { continue };
            if let Some((first, _)) = outputs.get(&key) {
                self.report.push(self.expander.duplicate_key(&key, entry.key_place, *first));
                continue;
            }
            let node = self.expander.node(&entry.value, &mut self.report);
            let value = Some(node).filter(|node| !self.report.is_broken(node.place));
            outputs.insert(key, (entry.key_place, value));
        }
        outputs.into_iter().map(|(key, (_, value))| (key, value)).collect()
    }

    /// Reads one entry in its namespace and in its round.
    pub fn named(&mut self, named: &Named) -> Declared {
        self.enter(named.at);
        self.report.turn(named.turn);
        self.report.subject(&named.address, &named.written);
        self.expander = self.expander.round(named.each.as_ref(), named.key_place);
        self.entry(named)
    }

    /// Reads one entry. What is wrong is reported and left out.
    fn entry(&mut self, named: &Named) -> Declared {
        let entries = match &named.node.value {
            NodeValue::Map(entries) => entries.as_slice(),
            _ => &[],
        };
        let what = named.address.to_string();
        let known: Vec<&str> = named.section.keys.iter().map(|key| key.name).chain(each::KEYS).collect();
        shape::known_keys(entries, &what, &known, &mut self.report);
        let refused = self.not_of_existing(named, entries);
        self.silenced = findings::silenced(entries, &self.expander);
        self.arn.clone_from(&named.arn);
        let mut said = BTreeMap::new();
        for key in named.section.keys {
            let entry = entries.iter().find(|entry| entry.key == key.name);
            let value = match entry {
                _ if refused.contains(&key.name) => None,
                Some(entry) => self.said(key, entry, named, &what),
                None => self.unsaid(key, named, shape::is_meant(entries, &known, key.name), &what),
            };
            said.extend(value.map(|value| (key.name, value)));
        }
        let of_document = |key: &&Key| matches!(key.accepts, Accepts::Document(_));
        if let Some(Key { name, accepts: Accepts::Document(host), .. }) = named.section.keys.iter().find(of_document) {
            let owner = Owner { what: &what, place: named.key_place, entries, known: &known };
            let document = match named.split {
                true => self.parts(&owner, *host, named).map(Said::Parts),
                false => self.document(&owner, *host).map(Said::Document),
            };
            said.extend(document.map(|document| (*name, document)));
        }
        let entry = Declared { address: named.address.clone(), place: named.key_place, said };
        self.look_together(&entry);
        entry
    }

    fn said(&mut self, key: &Key, entry: &Entry, named: &Named, what: &str) -> Option<Said> {
        let what = format!("{what}.{}", key.name);
        match key.accepts {
            // Read before, as references need them.
            Accepts::Name { .. } => return named.name.clone().map(Said::Text),
            Accepts::Issuer => return named.name.as_deref().map(issuer::url).map(Said::Text),
            Accepts::Path => return named.path.clone().map(Said::Text),
            // Both make one document.
            Accepts::Document(_) | Accepts::Statements(_) => return None,
            Accepts::Trust => return self.trust(entry, &what).map(Said::Document),
            Accepts::Inline(host) => return self.inline(entry, &what, host).map(Said::Inline),
            _ => {}
        }
        let node = self.expander.node(&entry.value, &mut self.report);
        match key.accepts {
            Accepts::Text { longest, latin1 } => self.text(&node, &what, longest, latin1).map(Said::Text),
            Accepts::Bool | Accepts::Split | Accepts::Existing(_) => {
                shape::flag(&node, &what, &mut self.report).map(Said::Bool)
            }
            Accepts::Duration { least, most } => self.duration(&node, &what, least, most).map(Said::Seconds),
            Accepts::Tags => {
                let defaults = &self.references.tree.space().defaults.tags;
                tags::read(&node, &what, defaults, &mut self.report)
            }
            .map(Said::Tags),
            Accepts::Policies => self.policies(&node, &what).map(Said::Policies),
            Accepts::Audiences => self.audiences(&node, &what).map(Said::Texts),
            Accepts::Thumbprints => self.thumbprints(&node, &what).map(Said::Texts),
            Accepts::Groups => self.groups(&node, &what).map(Said::Groups),
            Accepts::AccessKeys => self.access_keys(&node, &what).map(Said::AccessKeys),
            Accepts::Boundary => self.boundary(&node, &what).map(Said::Boundary),
            Accepts::Role => self.references.resolve(&node, &what, &reference::ROLE, &mut self.report).map(Said::Role),
            Accepts::Keep(words) => self.keep(&node, &what, words).map(Said::Keep),
            Accepts::Ignore => self.ignore(&node, &what, named).map(Said::Ignore),
            Accepts::Name { .. }
            | Accepts::Issuer
            | Accepts::Path
            | Accepts::Document(_)
            | Accepts::Statements(_)
            | Accepts::Trust
            | Accepts::Inline(_) => None,
        }
    }

    /// Returns what an entry gets that does not say this key.
    fn unsaid(&mut self, key: &Key, named: &Named, is_meant: bool, what: &str) -> Option<Said> {
        if key.required && !is_meant {
            let problem = Problem::error("missing-key", format!("{what} lacks `{}`", key.name));
            let problem = problem.at(named.key_place).note(key.doc);
            self.report.push(match key.accepts {
                Accepts::Trust => problem.help("for example   trust: {services: [ec2.amazonaws.com]}"),
                _ => problem,
            });
        }
        match key.accepts {
            Accepts::Name { .. } => named.name.clone().map(Said::Text),
            Accepts::Path => named.path.clone().map(Said::Text),
            Accepts::Tags => Some(Said::Tags(self.references.tree.space().defaults.tags.clone())),
            Accepts::Boundary => {
                let (home, node) = self.references.tree.space().defaults.boundary.as_ref()?;
                let at = std::mem::replace(&mut self.references.tree.at, *home);
                // As a default, `none` is what one gets without it.
                let reference = self.boundary(node, "defaults.boundary");
                self.references.tree.at = at;
                Some(Said::Boundary(Some(reference??)))
            }
            _ => None,
        }
    }

    /// Returns the keys that what exists already cannot say, and reports those that stand there.
    fn not_of_existing(&mut self, named: &Named, entries: &[Entry]) -> Vec<&'static str> {
        let keys = named.section.keys;
        let allowed = keys.iter().find_map(|key| match key.accepts {
            Accepts::Existing(allowed) if named.existing => Some(allowed),
            _ => None,
        });
        let Some(allowed) = allowed else { return Vec::new() };
        let refused: Vec<&str> = keys.iter().map(|key| key.name).filter(|name| !allowed.contains(name)).collect();
        for entry in entries.iter().filter(|entry| refused.contains(&entry.key.as_str())) {
            let message = format!("{} exists already: its `{}` is not ours to say", named.address, entry.key);
            let problem = Problem::error("existing", message).at(entry.key_place);
            self.report.push(problem.help(format!("with `existing: true` it takes {}", listed(allowed))));
        }
        refused
    }

    /// Reads names of fields; of tags also single ones.
    fn ignore(&mut self, node: &Node, what: &str, named: &Named) -> Option<Vec<String>> {
        let fields = named.spec.schema().fields.iter().map(|field| field.name);
        // An object is known by these.
        let fields: Vec<&str> = fields.filter(|field| !["name", "path"].contains(field)).collect();
        let mut ignored = Vec::new();
        for item in shape::list(node, what, &mut self.report)? {
            let Some(text) = shape::text(item, what, &mut self.report) else { continue };
            let tag = text.strip_prefix("tags.").filter(|tag| !tag.is_empty() && fields.contains(&"tags"));
            if tag.is_some() || fields.contains(&text) {
                self.add_once(&mut ignored, text.to_owned(), item, what);
                continue;
            }
            if findings::is_code(text) {
                continue;
            }
            if let Some(problem) = findings::unknown_code(text, what, item.place) {
                self.report.push(problem);
                continue;
            }
            let problem = Problem::error("unknown-word", format!("{what}: there is no field `{text}`")).at(item.place);
            self.report.push(match nearest(text, fields.iter().copied()) {
                Some(near) => problem.help(format!("did you mean `{near}`?")),
                None if fields.is_empty() => problem.help("it takes findings that are meant: `findings.CODE`"),
                None => problem.help(format!("it takes {}, or one tag: `tags.KEY`", listed(&fields))),
            });
        }
        Some(ignored)
    }

    fn inline(&mut self, entry: &Entry, what: &str, host: Host) -> Option<Vec<Inline>> {
        let mut inline: Vec<Inline> = Vec::new();
        let mut names: HashMap<String, Place> = HashMap::new();
        for entry in shape::map(&entry.value, what, &mut self.report)? {
            let Some(key) = self.expander.key(entry, &mut self.report) else { continue };
            for each in self.expander.rounds(&entry.value, &format!("{what}.{key}"), &mut self.report).made {
                let name = each::key_of(&key, each.as_deref());
                if let Some(first) = names.insert(name.clone(), entry.key_place) {
                    self.report.push(self.expander.duplicate_key(&name, entry.key_place, first));
                    continue;
                }
                let round = self.expander.round(each.as_ref(), entry.key_place);
                let outside = std::mem::replace(&mut self.expander, round);
                let one = self.one_inline(entry, name, what, host);
                self.expander = outside;
                inline.extend(one);
            }
        }
        let sum: usize = inline.iter().map(|one| one.document.size()).sum();
        let longest = limits::longest(host);
        // One that is too large alone has been reported.
        if inline.len() > 1 && sum > longest && inline.iter().all(|one| one.document.size() <= longest) {
            let problem = document::too_large(&format!("{what}: the policies together"), sum, longest);
            self.report.push(problem.at(entry.key_place));
        }
        Some(inline)
    }

    fn one_inline(&mut self, entry: &Entry, name: String, what: &str, host: Host) -> Option<Inline> {
        let what = format!("{what}.{name}");
        if name.is_empty()
            || name.len() > 128
            || name.contains(|c: char| !c.is_ascii_alphanumeric() && !"_+=,.@-".contains(c))
        {
            let problem = Problem::error("bad-name", format!("{what}: AWS takes no such policy name"));
            self.report.push(problem.at(entry.key_place).note("1 to 128 letters, digits and _ + = , . @ -"));
        }
        let keys = shape::map(&entry.value, &what, &mut self.report)?;
        let known: Vec<&str> = DOCUMENT_KEYS.into_iter().chain(each::KEYS).collect();
        shape::known_keys(keys, &what, &known, &mut self.report);
        let owner = Owner { what: &what, place: entry.key_place, entries: keys, known: &known };
        let document = self.document(&owner, host)?;
        Some(Inline { name, document, place: entry.key_place })
    }

    fn text(&mut self, node: &Node, what: &str, longest: usize, latin1: bool) -> Option<String> {
        let text = shape::text(node, what, &mut self.report)?;
        let odd = |c: &char| !matches!(*c, '\t' | '\n' | '\r' | ' '..='~' | '\u{a1}'..='\u{ff}');
        if latin1 && let Some(odd) = text.chars().find(odd) {
            let problem = Problem::error("bad-text", format!("{what}: AWS takes no `{odd}` here")).at(node.place);
            self.report.push(problem.note("letters of western Europe, digits and the signs of ASCII are allowed"));
            return None;
        }
        let length = text.chars().count();
        if length > longest {
            let problem = Problem::error("too-long", format!("{what} has {length} characters, AWS takes {longest}"));
            self.report.push(problem.at(node.place));
            return None;
        }
        Some(text.to_owned())
    }

    fn duration(&mut self, node: &Node, what: &str, least: u64, most: u64) -> Option<u64> {
        let text = shape::text(node, what, &mut self.report)?;
        let problem = |message: String| Problem::error("bad-duration", message).at(node.place);
        match seconds(text) {
            Some(seconds) if (least..=most).contains(&seconds) => return Some(seconds),
            Some(seconds) => {
                let field = what.rsplit('.').next().unwrap_or(what);
                let nearest = in_words(seconds.clamp(least, most));
                let (least, most) = (in_words(least), in_words(most));
                let problem = problem(format!("{what} is {least} to {most}, not {text}"));
                self.report.push(problem.help(format!("{field}: {nearest}")));
            }
            None => {
                let problem = problem(format!("{what} takes a duration, `{text}` is none"));
                self.report.push(problem.help("written 4h, 90m, 1h30m or in seconds"));
            }
        }
        None
    }

    /// Reads a list of references; one that stands there twice, however it is written, is one.
    fn list_of(&mut self, node: &Node, what: &str, target: &Target) -> Option<Vec<Reference>> {
        let mut references: Vec<Reference> = Vec::new();
        for item in shape::list(node, what, &mut self.report)? {
            let Some(reference) = self.references.resolve(item, what, target, &mut self.report) else { continue };
            if references.iter().any(|other| other.arn == reference.arn) {
                let problem = Problem::warning("duplicate-item", format!("{what} names {} twice", reference.arn));
                self.report.push(problem.at(item.place).help("remove one of them"));
            } else {
                references.push(reference);
            }
        }
        Some(references)
    }

    fn groups(&mut self, node: &Node, what: &str) -> Option<Vec<Reference>> {
        let groups = self.list_of(node, what, &reference::GROUP)?;
        if let Some(extra) = groups.get(limits::GROUPS_OF_USER) {
            let message =
                format!("{what} has {} groups, a user is in {} at most", groups.len(), limits::GROUPS_OF_USER);
            self.report.push(Problem::error("too-many-groups", message).at(extra.place));
        }
        Some(groups)
    }

    fn policies(&mut self, node: &Node, what: &str) -> Option<Vec<Reference>> {
        let policies = self.list_of(node, what, &reference::POLICY)?;
        if let Some(extra) = policies.get(limits::ATTACHMENTS) {
            let message = format!("{what} has {} policies", policies.len());
            let problem = self.too_many_attachments(policies.len(), &message, extra.place);
            problem.into_iter().for_each(|problem| self.report.push(problem));
        }
        Some(policies)
    }

    /// Returns `Some(None)` for `none`.
    fn boundary(&mut self, node: &Node, what: &str) -> Option<Option<Reference>> {
        if matches!(&node.value, NodeValue::Text(text) if text == "none") {
            return Some(None);
        }
        self.references.resolve(node, what, &reference::POLICY, &mut self.report).map(Some)
    }

    fn keep(&mut self, node: &Node, what: &str, words: &'static [&'static str]) -> Option<Vec<&'static str>> {
        match &node.value {
            NodeValue::Bool(true) => return Some(words.to_vec()),
            NodeValue::Bool(false) => return Some(Vec::new()),
            NodeValue::List(_) => {}
            _ => {
                let expected = format!("`true` or a list of {}", listed(words));
                self.report.push(shape::wrong_type(node, what, &expected));
                return None;
            }
        }
        let mut kept = Vec::new();
        for item in shape::list(node, what, &mut self.report)? {
            let Some(text) = shape::text(item, what, &mut self.report) else { continue };
            match words.iter().find(|word| **word == text) {
                Some(word) if kept.contains(word) => {
                    let problem = Problem::error("duplicate-item", format!("{what} says `{word}` twice"));
                    self.report.push(problem.at(item.place));
                }
                Some(word) => kept.push(*word),
                None => {
                    let problem = Problem::error("unknown-word", format!("{what} has no `{text}`")).at(item.place);
                    let near = nearest(text, words.iter().copied());
                    self.report.push(match near {
                        Some(near) => problem.help(format!("did you mean `{near}`?")),
                        None => problem.help(format!("it takes {}", listed(words))),
                    });
                }
            }
        }
        Some(kept)
    }
}

/// Reads `4h`, `90m`, `1h30m`, `3600s` or `3600`.
fn seconds(text: &str) -> Option<u64> {
    if let Ok(seconds) = text.parse() {
        return Some(seconds);
    }
    let mut rest = text;
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let count: u64 = rest[..digits].parse().ok()?;
        let unit = match rest.as_bytes().get(digits)? {
            b'h' => 3600,
            b'm' => 60,
            b's' => 1,
            _ => return None,
        };
        total = total.checked_add(count.checked_mul(unit)?)?;
        rest = &rest[digits + 1..];
    }
    (!text.is_empty()).then_some(total)
}

fn in_words(seconds: u64) -> String {
    match seconds {
        s if s % 3600 == 0 => format!("{}h", s / 3600),
        s if s % 60 == 0 => format!("{}m", s / 60),
        s => format!("{s}s"),
    }
}
