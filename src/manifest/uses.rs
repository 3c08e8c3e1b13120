//! `use`: blueprints, read and put under the manifest, each with its params.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use indexmap::IndexMap;

use super::each::{self, Each};
use super::expand::Expander;
use super::header::{self, Header};
use super::namespace::{Absent, Child, Namespace, Used, related};
use super::nearest::nearest;
use super::params::Params;
use super::report::Report;
use super::scope::{Scope, Tree};
use super::{Files, builtin, features, files, names, overrides, shape, yaml};
use crate::model::{Entry, Node, NodeValue};
use crate::problem::{FileId, Place, Problem, Sources};

pub const KEYS: [&str; 5] = ["blueprint", "with", "for_each", "when", "override"];

/// What a blueprint says beside its sections.
const OF_BLUEPRINT: [&str; 6] = ["apiVersion", "blueprint", "params", "defaults", "use", "outputs"];
const ABOUT: [&str; 4] = ["title", "source", "date", "features"];

/// Keeps a small file from standing for millions of entries.
const MOST: usize = 20_000;
const DEEPEST: usize = 16;

/// A blueprint as it was read.
struct Blueprint {
    file: FileId,
    root: Node,
}

/// One thing to make of an entry of `use`.
struct Wanted {
    name: String,
    /// The name without what a `for_each` adds.
    written: String,
    place: Place,
    each: Option<Arc<Each>>,
    /// As it is written, and where; `None` when it is wrong.
    blueprint: Option<(String, Place)>,
    with: Vec<Entry>,
    over: Option<Node>,
}

/// What namespaces are made with.
pub struct Growth<'a> {
    pub header: &'a Header,
    pub disk: &'a dyn Files,
    pub sources: &'a mut Sources,
    pub report: &'a mut Report,
    pub spaces: Vec<Namespace>,
    blueprints: HashMap<String, Option<Rc<Blueprint>>>,
}

impl<'a> Growth<'a> {
    pub fn new(
        manifest: Namespace,
        header: &'a Header,
        disk: &'a dyn Files,
        sources: &'a mut Sources,
        report: &'a mut Report,
    ) -> Self {
        Self { header, disk, sources, report, spaces: vec![manifest], blueprints: HashMap::new() }
    }

    /// Returns the manifest and all uses, whoever uses before what is used.
    pub fn all(mut self) -> Vec<Namespace> {
        self.set_defaults(0);
        let mut at = 0;
        while at < self.spaces.len() {
            let before = self.report.relate(related(&self.spaces, at));
            let turn = self.report.turn(at);
            for wanted in self.wanted(at) {
                self.plant(at, wanted);
            }
            self.report.turn(turn);
            self.report.relate(before);
            at += 1;
        }
        self.spaces
    }

    /// Returns what evaluates in a namespace as long as no entry has a name.
    fn early(&self, at: usize) -> Expander<'_> {
        early(&self.spaces, at, self.header, self.sources)
    }

    /// Reads the entries of `use`.
    fn wanted(&mut self, at: usize) -> Vec<Wanted> {
        let mut report = std::mem::take(self.report);
        let mut all: Vec<Wanted> = Vec::new();
        let mut absent: Vec<(String, Absent)> = Vec::new();
        let space = &self.spaces[at];
        let early = self.early(at);
        let section = space.root.get("use");
        let entries = section.and_then(|section| shape::map(&section.value, "`use`", &mut report)).unwrap_or_default();
        let mut seen: HashMap<String, Place> = HashMap::new();
        for entry in entries {
            let Some(key) = early.key(entry, &mut report) else { continue };
            let what = space.address_of_use(&key).to_string();
            let Some(keys) = shape::map(&entry.value, &what, &mut report) else {
                absent.push((key, Absent::Broken));
                continue;
            };
            shape::known_keys(keys, &what, &KEYS, &mut report);
            let rounds = early.rounds(&entry.value, &what, &mut report);
            absent.extend(rounds.absent(&key, entry.value.get("for_each").is_some()));
            for each in rounds.made {
                let name = each::key_of(&key, each.as_deref());
                if let Some(first) = seen.insert(name.clone(), entry.key_place) {
                    report.push(early.duplicate_key(&name, entry.key_place, first));
                    continue;
                }
                let round = early.round(each.as_ref(), entry.key_place);
                all.push(wanted(entry, (name, key.clone()), each, &round, &mut report));
            }
        }
        drop(early);
        let absent = absent.into_iter().map(|(name, absent)| (name, Child::Absent(absent)));
        self.spaces[at].uses.extend(absent);
        *self.report = report;
        all
    }

    /// Puts one use under its namespace.
    fn plant(&mut self, by: usize, wanted: Wanted) {
        let name = wanted.name.clone();
        let blueprint = wanted.blueprint.clone().and_then(|(text, place)| self.blueprint(by, &text, place));
        let child = match blueprint {
            Some(_) if self.spaces.len() >= MOST => {
                let problem = Problem::error("too-many-uses", format!("this asks for more than {MOST} uses"));
                self.report.push(problem.at(wanted.place));
                None
            }
            Some(blueprint) => Some(self.namespace(by, &blueprint, wanted)),
            None => None,
        };
        let child = child.map_or(Child::Absent(Absent::Broken), Child::Made);
        self.spaces[by].uses.insert(name, child);
    }

    fn namespace(&mut self, by: usize, blueprint: &Blueprint, wanted: Wanted) -> usize {
        let mut root = blueprint.root.clone();
        if let Some(over) = &wanted.over {
            overrides::merge(&mut root, over, self.report);
        }
        let mut report = std::mem::take(self.report);
        let round = self.early(by).round(wanted.each.as_ref(), wanted.place);
        let params = Params::of_use(root.get("params"), &wanted.with, wanted.place, &round, &mut report);
        drop(round);
        *self.report = report;
        let parent = &self.spaces[by];
        let mut prefix = parent.prefix.clone();
        prefix.extend(["use".to_owned(), wanted.name.clone()]);
        let mut written = parent.written.clone();
        written.extend(["use".to_owned(), wanted.written]);
        self.spaces.push(Namespace {
            prefix,
            written,
            names: format!("{}{}-", parent.names, wanted.name),
            files: vec![blueprint.file],
            root,
            params,
            defaults: parent.defaults.clone(),
            used: Some(Used { by, place: wanted.place, each: wanted.each, with: wanted.with }),
            uses: IndexMap::new(),
        });
        let child = self.spaces.len() - 1;
        self.set_defaults(child);
        child
    }

    fn set_defaults(&mut self, at: usize) {
        let mut report = std::mem::take(self.report);
        let before = report.relate(related(&self.spaces, at));
        let turn = report.turn(at);
        let space = &self.spaces[at];
        let defaults = header::defaults(&space.root, at, space.defaults.clone(), &self.early(at), &mut report);
        report.turn(turn);
        report.relate(before);
        *self.report = report;
        self.spaces[at].defaults = defaults;
    }

    /// Returns the blueprint of this name or path, read once.
    fn blueprint(&mut self, by: usize, text: &str, place: Place) -> Option<Rc<Blueprint>> {
        let is_path = text.contains('/') || text.ends_with(".yaml") || text.ends_with(".yml");
        let built_in = builtin::find(text).filter(|_| !is_path);
        let name = match built_in {
            Some(built_in) => built_in.source_name(),
            None if is_path => files::resolved(&self.sources.get(place.file).name, text),
            None => {
                self.report.push(unknown(text, place));
                return None;
            }
        };
        if self.is_circular(by, &name, place) {
            return None;
        }
        if let Some(read) = self.blueprints.get(&name) {
            return read.clone();
        }
        let read = match built_in {
            Some(built_in) => {
                let file = self.sources.add(name.as_str(), built_in.text);
                let mut problems = Vec::new();
                yaml::parse(built_in.text, file, &mut problems).map(|root| (file, root, problems))
            }
            None => files::parse(&name, place, self.disk, self.sources),
        };
        let report = &mut *self.report;
        let blueprint = report.relating(place, "used here", |report| match read {
            Ok((file, root, problems)) => {
                problems.into_iter().for_each(|problem| report.push(problem));
                check(&root, report).then(|| Rc::new(Blueprint { file, root }))
            }
            Err(problem) => {
                report.push(problem);
                None
            }
        });
        self.blueprints.insert(name, blueprint.clone());
        blueprint
    }

    /// A blueprint that uses itself, directly or by others, would never end.
    fn is_circular(&mut self, by: usize, name: &str, place: Place) -> bool {
        let mut way = vec![name.to_owned()];
        let mut at = Some(by);
        while let Some(space) = at {
            let file = self.spaces[space].files.first();
            way.extend(file.map(|file| self.sources.get(*file).name.clone()));
            at = self.spaces[space].used.as_ref().map(|used| used.by);
        }
        way.reverse();
        let circle = way.split_last().is_some_and(|(last, before)| before.contains(last));
        if circle {
            let message = format!("{name} uses itself: {}", way.join(" -> "));
            self.report.push(Problem::error("cycle", message).at(place));
        } else if way.len() > DEEPEST {
            let message = format!("more than {DEEPEST} blueprints use each other");
            self.report.push(Problem::error("too-deep", message).at(place));
        }
        circle || way.len() > DEEPEST
    }
}

/// Returns what evaluates in a namespace as long as no entry has a name.
pub fn early<'a>(spaces: &'a [Namespace], at: usize, header: &'a Header, sources: &'a Sources) -> Expander<'a> {
    let tree = Tree { spaces, at, declared: None, settled: None };
    let scope = Scope {
        params: &spaces[at].params,
        account: Some(&header.account),
        region: Some(&header.region),
        each: None,
        tree: Some(tree),
    };
    Expander { scope, sources }
}

fn wanted(
    entry: &Entry,
    (name, written): (String, String),
    each: Option<Arc<Each>>,
    round: &Expander,
    report: &mut Report,
) -> Wanted {
    let what = format!("use.{written}");
    let value = |key: &str| entry.value.get(key);
    let blueprint = match value("blueprint") {
        Some(blueprint) => {
            let node = round.node(&blueprint.value, report);
            let text = shape::text(&node, &format!("{what}.blueprint"), report);
            text.map(|text| (text.to_owned(), node.place))
        }
        None => {
            if !shape::is_meant(shape::entries(&entry.value), &KEYS, "blueprint") {
                let problem = Problem::error("missing-key", format!("{what} lacks `blueprint`")).at(entry.key_place);
                report.push(problem.help("blueprint: NAME, or the path of a file: ./NAME.yaml"));
            }
            None
        }
    };
    let with = value("with").map(|with| match &with.value.value {
        NodeValue::Text(_) => round.node(&with.value, report),
        _ => with.value.clone(),
    });
    let with = with.and_then(|with| shape::map(&with, &format!("{what}.with"), report).map(<[Entry]>::to_vec));
    let over = value("override").map(|over| over.value.clone());
    Wanted { name, written, place: entry.key_place, each, blueprint, with: with.unwrap_or_default(), over }
}

fn unknown(text: &str, place: Place) -> Problem {
    let problem = Problem::error("unknown-blueprint", format!("there is no blueprint `{text}`")).at(place);
    let names: Vec<&str> = builtin::BUILTINS.iter().map(|builtin| builtin.name).collect();
    match nearest(text, names.iter().copied()) {
        Some(near) => problem.help(format!("did you mean `{near}`?")),
        None => problem.note(format!("built in: {}", names.join(", "))).help(format!("for a file: ./{text}.yaml")),
    }
}

/// Checks what a blueprint says beside its entries.
fn check(root: &Node, report: &mut Report) -> bool {
    let NodeValue::Map(entries) = &root.value else {
        report.push(shape::wrong_type(root, "a blueprint", "a map, as a manifest is"));
        return false;
    };
    let known: Vec<&str> = OF_BLUEPRINT.into_iter().chain(names::sections().map(|(_, section)| section.name)).collect();
    header::api_version(root, &known, report);
    for entry in entries {
        let key = entry.key.as_str();
        if header::KEYS.contains(&key) && !OF_BLUEPRINT.contains(&key) {
            let message = format!("a blueprint has no `{key}`: that of the manifest that uses it counts");
            report.push(Problem::error("unknown-key", message).at(entry.key_place).help("remove it"));
        } else {
            shape::known_keys(std::slice::from_ref(entry), "a blueprint", &known, report);
        }
    }
    if let Some(about) = root.get("blueprint") {
        let keys = shape::map(&about.value, "`blueprint`", report).unwrap_or_default();
        shape::known_keys(keys, "`blueprint`", &ABOUT, report);
        features::read(&about.value, report);
    }
    true
}
