//! What an expression can name: params, account, region, the round of a `for_each`, the ARN and name of every
//! entry, and the outputs of uses.

use super::each::Each;
use super::expression::{Fault, Found, Names};
use super::lexer::{Path, Step};
use std::sync::Arc;

use super::declarations::{Declarations, Missing, Named};
use super::names;
use super::namespace::{Namespace, Settled};
use super::nearest::nearest;
use super::params::Params;
use super::report;
use crate::model::{Account, Address, Node, NodeValue};
use crate::problem::Place;

/// A value of the header that expressions can name.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Given {
    #[default]
    Absent,
    /// It is there and wrong; the problem was reported.
    Broken,
    Text(String),
}

impl Given {
    pub fn text(&self) -> Option<&str> {
        match self {
            Given::Text(text) => Some(text),
            Given::Absent | Given::Broken => None,
        }
    }
}

/// The names of one place in the manifest.
#[derive(Clone)]
pub struct Scope<'a> {
    pub params: &'a Params,
    /// None where they are not known yet: in the header itself.
    pub account: Option<&'a Given>,
    pub region: Option<&'a Given>,
    /// The round of the nearest `for_each`, and the namespace in whose file that stands.
    pub each: Option<(Arc<Each>, usize)>,
    /// None in the header.
    pub tree: Option<Tree<'a>>,
}

/// Where in the tree of uses a scope stands.
#[derive(Clone, Copy)]
pub struct Tree<'a> {
    pub spaces: &'a [Namespace],
    pub at: usize,
    /// None where names and paths are still being read.
    pub declared: Option<&'a Declarations<'a>>,
    pub settled: Option<&'a Settled>,
}

impl<'a> Tree<'a> {
    pub fn space(&self) -> &'a Namespace {
        &self.spaces[self.at]
    }

    /// Returns the namespace in whose file `place` stands: this one, or one that overrides it.
    pub fn written_in(&self, place: Place) -> usize {
        let mut at = self.at;
        // Files are in the order in which they were read.
        while self.spaces[at].files.binary_search(&place.file).is_err() {
            match &self.spaces[at].used {
                Some(used) => at = used.by,
                None => return self.at,
            }
        }
        at
    }

    fn params(&self, at: usize) -> &'a Params {
        self.settled.and_then(|settled| settled.params(at)).unwrap_or(&self.spaces[at].params)
    }
}

impl<'a> Scope<'a> {
    /// Returns the scope of a namespace, outside any `for_each`.
    pub fn at(&self, at: usize) -> Scope<'a> {
        match self.tree {
            Some(tree) => Scope { params: tree.params(at), each: None, tree: Some(Tree { at, ..tree }), ..*self },
            None => self.clone(),
        }
    }

    /// Returns what is seen where names are still being read.
    pub fn early(&self) -> Scope<'a> {
        Scope { tree: self.tree.map(|tree| Tree { declared: None, ..tree }), ..self.clone() }
    }

    /// An expression sees what the file that it stands in sees: one in an `override` that of the user.
    pub fn of(&self, place: Place) -> Scope<'a> {
        let Some(tree) = self.tree else { return self.clone() };
        let home = tree.written_in(place);
        if home == tree.at {
            return self.clone();
        }
        let mut below = tree.at;
        while let Some(used) = tree.spaces[below].used.as_ref().filter(|used| used.by != home) {
            below = used.by;
        }
        let of_use = tree.spaces[below].used.as_ref().and_then(|used| used.each.as_ref());
        let own = self.each.clone().filter(|(_, at)| *at == home);
        let each = own.or(of_use.map(|each| (Arc::clone(each), home)));
        Scope { each, ..self.at(home) }
    }
}

impl Names for Scope<'_> {
    fn look_up(&self, path: &Path) -> Found {
        match path.root.as_str() {
            "params" => self.param(path),
            "account" => header(path, self.account),
            "region" => header(path, self.region),
            "partition" => self.partition(path),
            "each" => self.round(path),
            root if root == "use" || names::is_section(root) => match self.tree.zip(self.tree.and_then(|t| t.declared))
            {
                Some((tree, declared)) => entry(path, tree, declared),
                None => Found::Unknown(not_yet(path)),
            },
            _ => Found::Unknown(self.unknown(path)),
        }
    }
}

fn not_yet(path: &Path) -> Fault {
    let seen = "`name`, `path`, `when`, `for_each` and the header see params, account, region, partition and each only";
    Fault::new("unknown-reference", format!("`{path}` is not known here: {seen}"))
}

impl Scope<'_> {
    /// Says whether a path is known only when all names are.
    pub fn is_late(&self, path: &Path) -> bool {
        match (path.root.as_str(), path.steps.first()) {
            ("params", Some(Step::Name(name))) => self.params.is_late(name),
            (root, _) => root == "use" || names::is_section(root),
        }
    }

    fn param(&self, path: &Path) -> Found {
        let Some(Step::Name(name)) = path.steps.first() else {
            return Found::Unknown(Fault::new("unknown-reference", "`params` needs the name of one: `params.NAME`"));
        };
        if self.params.is_broken(name) {
            return Found::Unknown(Fault::Reported);
        }
        if self.params.is_late(name) {
            return Found::Unknown(not_yet(path));
        }
        match self.params.get(name) {
            Some(value) => descend(path, 1, value),
            None => {
                let fault = Fault::new("unknown-reference", format!("there is no param `{name}`"));
                Found::Unknown(match nearest(name, self.params.names()) {
                    Some(near) => fault.with_help(format!("did you mean `params.{near}`?")),
                    None => fault.with_help(format!("declare it: params: {{{name}: {{type: string}}}}")),
                })
            }
        }
    }

    /// It follows from the region, so that a manifest means the same whoever reads it.
    fn partition(&self, path: &Path) -> Found {
        let known = match self.region {
            Some(Given::Absent) => Given::Text(Account::partition_of(None).to_owned()),
            Some(Given::Text(region)) => Given::Text(Account::partition_of(Some(region)).to_owned()),
            Some(Given::Broken) => Given::Broken,
            None => return header(path, None),
        };
        header(path, Some(&known))
    }

    fn round(&self, path: &Path) -> Found {
        let fault = |message: String| Found::Unknown(Fault::new("unknown-reference", message));
        let Some((each, _)) = &self.each else {
            return fault(format!("`{path}` has a value only beside or under a `for_each`"));
        };
        match path.steps.split_first() {
            Some((Step::Name(field), [])) if field == "key" => {
                Found::Value(Node::new(NodeValue::Text(each.key.clone()), each.value.place))
            }
            Some((Step::Name(field), _)) if field == "value" => descend(path, 1, &each.value),
            _ => fault(format!("`{path}` names nothing: a round has `each.key` and `each.value`")),
        }
    }

    fn unknown(&self, path: &Path) -> Fault {
        let fault = Fault::new("unknown-reference", format!("`{path}` names nothing"));
        let sections = names::sections().map(|(_, section)| section.name);
        let roots = ["params", "account", "region", "partition", "each", "use"].into_iter().chain(sections);
        if let Some(near) = nearest(&path.root, roots) {
            let meant = Path { root: near.to_owned(), steps: path.steps.clone() };
            return fault.with_help(format!("did you mean `{meant}`?"));
        }
        match nearest(&path.root, self.params.names()) {
            Some(near) => fault.with_help(format!("did you mean `params.{near}`?")),
            None => fault.with_help("an expression names params.NAME, account, region, or SECTION.KEY.arn"),
        }
    }
}

fn header(path: &Path, given: Option<&Given>) -> Found {
    let name = &path.root;
    if !path.steps.is_empty() {
        return Found::Unknown(Fault::new(
            "unknown-reference",
            format!("`{name}` is a string: `{path}` names nothing"),
        ));
    }
    match given {
        None => Found::Unknown(Fault::new("unknown-reference", format!("`{name}` is not known yet here"))),
        Some(Given::Broken) => Found::Unknown(Fault::Reported),
        Some(Given::Absent) => Found::Missing(
            Fault::new(report::NOT_SET, format!("`{name}` is not set: the manifest has no `{name}:`"))
                .with_help(format!("{name}: {}", if name == "account" { "\"123456789012\"" } else { "eu-west-1" })),
        ),
        Some(Given::Text(text)) => {
            // The caller moves it to where the expression stands.
            Found::Value(Node::new(NodeValue::Text(text.clone()), Place { file: 0, start: 0, end: 0 }))
        }
    }
}

/// Follows a path into a value, from that step on.
fn descend(path: &Path, from: usize, value: &Node) -> Found {
    let mut node = value;
    for (i, step) in path.steps.iter().enumerate().skip(from) {
        let here = Path { root: path.root.clone(), steps: path.steps[..i].to_vec() };
        let fault = |message: String| Fault::new("unknown-reference", message);
        match (step, &node.value) {
            (Step::Name(name), NodeValue::Map(entries)) => match node.get(name) {
                Some(entry) => node = &entry.value,
                None => {
                    let fault = fault(format!("`{here}` has no `{name}`"));
                    return Found::Missing(match nearest(name, entries.iter().map(|e| e.key.as_str())) {
                        Some(near) => fault.with_help(format!("did you mean `{here}.{near}`?")),
                        None => fault,
                    });
                }
            },
            (Step::Index(index), NodeValue::List(items)) => match items.get(*index) {
                Some(item) => node = item,
                None => {
                    return Found::Missing(fault(format!("`{here}` has {} items, the first is [0]", items.len())));
                }
            },
            (Step::Name(name), _) => {
                return Found::Unknown(fault(format!("`{here}` is {}, it has no `{name}`", node.type_name())));
            }
            (Step::Index(_), _) => {
                return Found::Unknown(fault(format!("`{here}` is {}, it has no items", node.type_name())));
            }
        }
    }
    Found::Value(node.clone())
}

/// Finds `SECTION.KEY.arn` and `SECTION.KEY.name`, in this namespace or in a use, and outputs of a use.
fn entry(path: &Path, tree: Tree, declared: &Declarations) -> Found {
    let unknown = |message: String| Fault::new("unknown-reference", message);
    let names: Vec<String> = std::iter::once(path.root.clone()).chain(path.steps.iter().map_while(name)).collect();
    let (at, rest) = match declared.descend(tree.at, &names) {
        Ok(found) => found,
        Err(missing) => return Found::Unknown(fault(missing, &[])),
    };
    if let ([root, output, ..], true) = (rest, at != tree.at)
        && root == "outputs"
    {
        return self::output(path, names.len() - rest.len() + 1, tree, at, output);
    }
    let length = names.len() - rest.len() + 2;
    if rest.len() < 2 {
        return Found::Unknown(unknown(format!("`{path}` needs the key of an entry: `{path}.KEY.arn`")));
    }
    let named = match declared.find(tree.at, &names[..length], &[]) {
        Ok(named) => named,
        Err(missing) => return Found::Unknown(fault(missing, &names[length..])),
    };
    let written = || Address::new(names[..length].iter().map(String::as_str));
    let field = rest.get(2).filter(|_| path.steps.len() == length);
    let value = match field.map(String::as_str) {
        Some("arn") if named.split => {
            let fault = unknown(format!("{} has `split: true`, so that it may be several", written()));
            return Found::Unknown(fault.with_help(format!("${{{{ {}.arns | join(\", \") }}}}", written())));
        }
        Some("arn") => named.arn.as_ref(),
        Some("arns") if named.section.name == "policies" => return arns(path, named, tree),
        Some("name") => named.name.as_ref(),
        _ => {
            let fault = unknown(format!("an expression can name the `arn` and the `name` of {}", written()));
            return Found::Unknown(fault.with_help(format!("${{{{ {}.arn }}}}", written())));
        }
    };
    match value {
        Some(text) => Found::Value(Node::new(NodeValue::Text(text.clone()), named.key_place)),
        None => Found::Unknown(Fault::Reported),
    }
}

/// Returns the ARNs of all policies that an entry stands for: several, where it was split.
fn arns(path: &Path, named: &Named, tree: Tree) -> Found {
    let Some(arn) = &named.arn else { return Found::Unknown(Fault::Reported) };
    let all = match tree.settled.and_then(|settled| settled.split.arns(arn)) {
        Some(all) => all,
        None if named.split => {
            let message = format!("`{path}` is not known here: in `outputs` it is");
            return Found::Unknown(Fault::new("unknown-reference", message));
        }
        None => vec![arn.clone()],
    };
    let items = all.into_iter().map(|arn| Node::new(NodeValue::Text(arn), named.key_place));
    Found::Value(Node::new(NodeValue::List(items.collect()), named.key_place))
}

fn name(step: &Step) -> Option<String> {
    match step {
        Step::Name(name) => Some(name.clone()),
        Step::Index(_) => None,
    }
}

/// Finds `use.NAME.outputs.OUTPUT`; what follows is followed into its value.
fn output(path: &Path, from: usize, tree: Tree, at: usize, name: &str) -> Found {
    let fault = |message: String| Found::Unknown(Fault::new("unknown-reference", message));
    let Some(outputs) = tree.settled.and_then(|settled| settled.outputs(at)) else {
        return fault(format!("`{path}` is not known here: outputs are, in the `with` of what is used further down"));
    };
    match outputs.get(name) {
        Some(Some(value)) => descend(path, from, value),
        Some(None) => Found::Unknown(Fault::Reported),
        None => {
            let used = tree.spaces[at].address([]);
            let fault = Fault::new("unknown-reference", format!("{used} has no output `{name}`"));
            Found::Unknown(match nearest(name, outputs.keys().map(String::as_str)) {
                Some(near) => fault.with_help(format!("did you mean `{near}`?")),
                None => fault,
            })
        }
    }
}

fn fault(missing: Missing, tail: &[String]) -> Fault {
    match missing.in_words(tail) {
        None => Fault::Reported,
        Some((message, help)) => Fault::Wrong { code: "unknown-reference", message, help },
    }
}
