//! `params:` and the values they get: the default, then `--params` files, then `-p`; in a use, its `with`.

use std::collections::{HashMap, HashSet};

use indexmap::IndexMap;

use super::expand::Expander;
use super::nearest::nearest;
use super::param::Param;
use super::param_type::Type;
use super::reference::References;
use super::report::Report;
use super::{expression, shape, yaml};
use crate::model::{Entry, Node};
use crate::problem::{Place, Problem, Sources};

/// A value from outside the manifest.
#[derive(Clone, Debug, PartialEq)]
pub enum ParamValue {
    /// As typed after `-p NAME=`.
    Text(String),
    Json(serde_json::Value),
}

/// What is given to a manifest. Later entries win over earlier ones, `params` over `params_files`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Inputs {
    pub params: Vec<(String, ParamValue)>,
    /// Path as typed, and text.
    pub params_files: Vec<(String, String)>,
}

/// The values of all params.
#[derive(Clone, Debug, Default)]
pub struct Params {
    declared: IndexMap<String, Param>,
    values: IndexMap<String, Node>,
    /// Declared, but without a usable value; the problem was reported.
    broken: HashSet<String>,
    /// Those of a use whose values name entries: they are known when all names are.
    late: HashSet<String>,
}

/// `Some(None)` for a value that is there and wrong.
type Given = HashMap<String, Option<Node>>;

/// What the source of a value is named that was typed.
pub const TYPED: &str = "-p ";

impl Params {
    pub fn get(&self, name: &str) -> Option<&Node> {
        self.values.get(name)
    }

    pub fn declares(&self, name: &str) -> bool {
        self.declared.contains_key(name)
    }

    /// Says whether any of them is wrong, which was reported.
    pub fn are_broken(&self) -> bool {
        !self.broken.is_empty()
    }

    pub fn is_broken(&self, name: &str) -> bool {
        self.broken.contains(name)
    }

    pub fn is_late(&self, name: &str) -> bool {
        self.late.contains(name)
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.declared.keys().map(String::as_str)
    }

    /// Returns every param with the value it has in this run.
    pub fn values(&self) -> impl Iterator<Item = (&str, serde_json::Value)> {
        self.values.iter().map(|(name, node)| (name.as_str(), expression::to_json(node)))
    }

    /// Reads the declarations.
    pub fn declare(section: Option<&Entry>, report: &mut Report) -> IndexMap<String, Param> {
        let entries = section.and_then(|section| shape::map(&section.value, "`params`", report)).unwrap_or_default();
        entries.iter().map(|entry| (entry.key.clone(), Param::declare(entry, report))).collect()
    }

    /// Gives each param of the manifest its value.
    pub fn read(section: Option<&Entry>, inputs: &Inputs, sources: &mut Sources, report: &mut Report) -> Self {
        let declared = Self::declare(section, report);
        let mut given = Given::new();
        for (path, text) in &inputs.params_files {
            from_file(path, text, &declared, &mut given, sources, report);
        }
        for (name, value) in &inputs.params {
            let place = whole(&mut *sources, format!("{TYPED}{name}"), value);
            match declared.get(name) {
                Some(param) => {
                    let value = outside(param, name, value, place, sources, report);
                    given.insert(name.clone(), value);
                }
                None => report.push(unknown(name, &declared).at(place)),
            }
        }
        settle(declared, given, HashSet::new(), Way::Typed, report)
    }

    /// Gives each param of a blueprint its value from the `with` of a use, as far as that is known yet.
    /// `place` is where it is used.
    pub fn of_use(
        section: Option<&Entry>,
        with: &[Entry],
        place: Place,
        early: &Expander,
        report: &mut Report,
    ) -> Self {
        let declared = report.relating(place, "used here", |report| Self::declare(section, report));
        let mut given = Given::new();
        let mut late = HashSet::new();
        for entry in with {
            let Some(param) = declared.get(&entry.key) else {
                let mut problem = unknown(&entry.key, &declared).at(entry.key_place);
                problem.related.extend(section.map(|section| (section.key_place, "declared here".to_owned())));
                report.push(problem);
                // A slip of one that is required is not missing as well.
                if let Some(near) = nearest(&entry.key, declared.keys().map(String::as_str))
                    && declared.get(near).is_some_and(|param| param.default.is_none())
                {
                    given.entry(near.to_owned()).or_insert(None);
                }
                continue;
            };
            if early.is_late(&entry.value) {
                late.insert(entry.key.clone());
            } else {
                given.insert(entry.key.clone(), from_with(param, entry, early, report));
            }
        }
        settle(declared, given, late, Way::With(place), report)
    }

    /// Returns the params of a use with all values: those that name entries, and references as ARNs.
    pub fn settled(&self, with: &[Entry], expander: &Expander, references: &References, report: &mut Report) -> Self {
        let mut params = self.clone();
        params.late.clear();
        for entry in with {
            let Some(param) = self.declared.get(&entry.key) else { continue };
            let Some(of) = param.of.as_ref().filter(|of| self.is_late(&entry.key) || of.refers()) else { continue };
            if self.is_broken(&entry.key) {
                continue;
            }
            let value = from_with(param, entry, expander, report)
                .filter(|value| {
                    param.allows(
                        &entry.key,
                        value,
                        &|near| Way::With(entry.key_place).help(&entry.key, param, near),
                        report,
                    )
                })
                .and_then(|value| of.resolved(value, &format!("with.{}", entry.key), references, report));
            match value {
                Some(value) => {
                    params.values.insert(entry.key.clone(), value);
                }
                None => {
                    params.values.shift_remove(&entry.key);
                    params.broken.insert(entry.key.clone());
                }
            }
        }
        params
    }
}

/// How params of a namespace get their values.
#[derive(Clone, Copy)]
enum Way {
    /// With `-p` and `--params`.
    Typed,
    /// With `with`, in a use whose key stands there.
    With(Place),
}

impl Way {
    fn help(self, name: &str, param: &Param, value: &str) -> String {
        match self {
            Way::Typed => format!("-p {name}={value}"),
            Way::With(_) if matches!(param.of, Some(Type::List(_))) => format!("with: {{{name}: [{value}]}}"),
            Way::With(_) => format!("with: {{{name}: {value}}}"),
        }
    }

    fn missing(self, name: &str, param: &Param) -> Problem {
        let problem = Problem::error("missing-param", format!("params.{name} has no default and no value"));
        let mut problem = match self {
            Way::Typed => problem.at(param.place).help(self.help(name, param, "VALUE")),
            Way::With(place) => {
                problem.at(place).help(self.help(name, param, "…")).related(param.place, "declared here")
            }
        };
        problem.notes.extend(param.description.clone());
        problem
    }
}

/// Turns what was given into values; what is missing is a problem each.
fn settle(
    declared: IndexMap<String, Param>,
    mut given: Given,
    late: HashSet<String>,
    way: Way,
    report: &mut Report,
) -> Params {
    let (mut values, mut broken) = (IndexMap::new(), HashSet::new());
    for (name, param) in declared.iter().filter(|(name, _)| !late.contains(*name)) {
        match given.remove(name).or_else(|| param.default.clone()) {
            Some(Some(value)) if param.allows(name, &value, &|near| way.help(name, param, near), report) => {
                values.insert(name.clone(), value);
                continue;
            }
            Some(_) => {}
            None if param.of.is_none() => {}
            None => report.push(way.missing(name, param)),
        }
        broken.insert(name.clone());
    }
    Params { declared, values, broken, late }
}

/// Reads one value of a `with`.
fn from_with(param: &Param, entry: &Entry, expander: &Expander, report: &mut Report) -> Option<Node> {
    let of = param.of.as_ref()?;
    let node = expander.node(&entry.value, report);
    let what = format!("with.{}", entry.key);
    report.relating(param.place, "declared here", |report| of.take(&node, &what, report))
}

fn from_file(
    path: &str,
    text: &str,
    declared: &IndexMap<String, Param>,
    given: &mut Given,
    sources: &mut Sources,
    report: &mut Report,
) {
    let file = sources.add(path, text);
    let mut problems = Vec::new();
    let parsed = yaml::parse(text, file, &mut problems);
    problems.into_iter().for_each(|problem| report.push(problem));
    let root = match parsed {
        Ok(root) => root,
        Err(problem) => {
            report.push(problem);
            // What it might have given is unknown, so nothing is missing.
            for name in declared.keys() {
                given.insert(name.clone(), None);
            }
            return;
        }
    };
    for entry in shape::map(&root, "a params file", report).unwrap_or_default() {
        match declared.get(&entry.key) {
            Some(param) => {
                let what = format!("params.{}", entry.key);
                let value = param.of.as_ref().and_then(|of| of.take_literal(&entry.value, &what, report));
                given.insert(entry.key.clone(), value);
            }
            None => report.push(unknown(&entry.key, declared).at(entry.key_place)),
        }
    }
}

/// Makes the value a source of its own, so that problems can point into it.
fn whole(sources: &mut Sources, name: String, value: &ParamValue) -> Place {
    let text = match value {
        ParamValue::Text(text) => text.clone(),
        ParamValue::Json(json) => json.to_string(),
    };
    let end = text.len();
    Place { file: sources.add(name, text), start: 0, end }
}

fn outside(
    param: &Param,
    name: &str,
    value: &ParamValue,
    place: Place,
    sources: &Sources,
    report: &mut Report,
) -> Option<Node> {
    let of = param.of.as_ref()?;
    let what = format!("params.{name}");
    match value {
        ParamValue::Json(json) => of.take(&expression::from_json(json, place), &what, report),
        ParamValue::Text(text) if of.is_composite() && text.trim_start().starts_with(['[', '{']) => {
            let mut problems = Vec::new();
            let parsed = yaml::parse(&sources.get(place.file).text, place.file, &mut problems);
            problems.into_iter().for_each(|problem| report.push(problem));
            match parsed {
                Ok(node) => of.take(&node, &what, report),
                Err(problem) => {
                    report.push(problem);
                    None
                }
            }
        }
        ParamValue::Text(text) => {
            let node = of.read(text, place, report)?;
            of.take(&node, &what, report)
        }
    }
}

fn unknown(name: &str, declared: &IndexMap<String, Param>) -> Problem {
    let problem = Problem::error("unknown-param", format!("there is no param `{name}`"));
    match nearest(name, declared.keys().map(String::as_str)) {
        Some(near) => problem.help(format!("did you mean `{near}`?")),
        None if declared.is_empty() => problem.note("none is declared"),
        None => {
            problem.note(format!("there are {}", declared.keys().map(String::as_str).collect::<Vec<_>>().join(", ")))
        }
    }
}
