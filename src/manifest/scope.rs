//! What an expression can name: params, account, region, and the ARN and name of every entry.

use super::expression::{Fault, Found, Names};
use super::lexer::{Path, Step};
use super::names::Declarations;
use super::nearest::nearest;
use super::params::Params;
use crate::model::{Node, NodeValue};
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
pub struct Scope<'a> {
    pub params: &'a Params,
    /// None where they are not known yet: in the header itself.
    pub account: Option<&'a Given>,
    pub region: Option<&'a Given>,
    /// None where names and paths are still being read.
    pub declared: Option<&'a Declarations<'a>>,
    /// The sections' names, to tell an early reference from an unknown one.
    pub sections: &'a [&'static str],
}

impl Names for Scope<'_> {
    fn look_up(&self, path: &Path) -> Found {
        match path.root.as_str() {
            "params" => self.param(path),
            "account" => header(path, self.account),
            "region" => header(path, self.region),
            section if self.sections.contains(&section) => match self.declared {
                Some(declared) => entry(path, declared),
                None => Found::Unknown(Fault::new(
                    "unknown-reference",
                    format!(
                        "`{path}` is not known here: `name`, `path` and the header see params, account and region only"
                    ),
                )),
            },
            _ => Found::Unknown(self.unknown(path)),
        }
    }
}

impl Scope<'_> {
    fn param(&self, path: &Path) -> Found {
        let Some(Step::Name(name)) = path.steps.first() else {
            return Found::Unknown(Fault::new("unknown-reference", "`params` needs the name of one: `params.NAME`"));
        };
        if self.params.is_broken(name) {
            return Found::Unknown(Fault::Reported);
        }
        match self.params.get(name) {
            Some(value) => descend(path, value),
            None => {
                let fault = Fault::new("unknown-reference", format!("there is no param `{name}`"));
                Found::Unknown(match nearest(name, self.params.names()) {
                    Some(near) => fault.with_help(format!("did you mean `params.{near}`?")),
                    None => fault.with_help(format!("declare it: params: {{{name}: {{type: string}}}}")),
                })
            }
        }
    }

    fn unknown(&self, path: &Path) -> Fault {
        let fault = Fault::new("unknown-reference", format!("`{path}` names nothing"));
        let roots = ["params", "account", "region"].into_iter().chain(self.sections.iter().copied());
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
            Fault::new("unknown-reference", format!("`{name}` is not set: the manifest has no `{name}:`"))
                .with_help(format!("{name}: {}", if name == "account" { "\"123456789012\"" } else { "eu-west-1" })),
        ),
        Some(Given::Text(text)) => {
            // The caller moves it to where the expression stands.
            Found::Value(Node::new(NodeValue::Text(text.clone()), Place { file: 0, start: 0, end: 0 }))
        }
    }
}

/// Follows a path into the value of a param.
fn descend(path: &Path, value: &Node) -> Found {
    let mut node = value;
    for (i, step) in path.steps.iter().enumerate().skip(1) {
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

/// Finds `SECTION.KEY.arn` and `SECTION.KEY.name`.
fn entry(path: &Path, declared: &Declarations) -> Found {
    let unknown = |message: String| Fault::new("unknown-reference", message);
    let section = path.root.as_str();
    let Some(Step::Name(key)) = path.steps.first() else {
        return Found::Unknown(unknown(format!("`{section}` needs the key of an entry: `{section}.KEY.arn`")));
    };
    let Some(named) = declared.get(section, key) else {
        let fault = unknown(format!("there is no `{section}.{key}`"));
        return Found::Unknown(match declared.nearest(section, key) {
            Some(near) => {
                let mut meant = path.clone();
                meant.root = near.0.to_owned();
                meant.steps[0] = Step::Name(near.1.to_owned());
                fault.with_help(format!("did you mean `{meant}`?"))
            }
            None => fault,
        });
    };
    let value = match path.steps.get(1) {
        Some(Step::Name(field)) if field == "arn" && path.steps.len() == 2 => named.arn.as_ref(),
        Some(Step::Name(field)) if field == "name" && path.steps.len() == 2 => named.name.as_ref(),
        _ => {
            let fault = unknown(format!("an expression can name the `arn` and the `name` of {}", named.address));
            return Found::Unknown(fault.with_help(format!("${{{{ {}.arn }}}}", named.address)));
        }
    };
    match value {
        Some(text) => Found::Value(Node::new(NodeValue::Text(text.clone()), named.key_place)),
        None => Found::Unknown(Fault::Reported),
    }
}
