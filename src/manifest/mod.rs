//! `seqera.yaml`: from text to the resources it asks for. All problems of a manifest come in one run.
//!
//! [`Manifest::parse`] reads text, header, params and document files, and fails only when there is no YAML
//! to speak of. [`Manifest::resolve`] knows the account: it names every entry, then reads each key by what
//! its kind's schema says that it accepts. Everything that is wrong anywhere comes from `resolve`.

mod addresses;
pub mod declared;
mod document;
mod expand;
mod expression;
mod files;
mod header;
mod lexer;
mod names;
mod nearest;
mod param_type;
mod params;
mod reading;
mod reference;
mod report;
mod scope;
mod shape;
mod tags;
mod trust;
mod yaml;
mod yaml_traps;

use indexmap::IndexMap;

pub use declared::{Declared, Reference, Said};
pub use params::{Inputs, ParamValue};

use crate::graph::Desired;
use crate::model::{Account, Node, NodeValue};
use crate::problem::{Place, Problem, Severity, Sources};
use expand::Expander;
use files::Loaded;
use header::Header;
use names::Naming;
use params::Params;
use reading::Reading;
use reference::References;
use report::Report;
use scope::Scope;

/// Reads files for the manifest: path as written, relative to the file that names it.
pub trait Files {
    fn read(&self, path: &str) -> Result<String, String>;
}

impl<F: Fn(&str) -> Result<String, String>> Files for F {
    fn read(&self, path: &str) -> Result<String, String> {
        self(path)
    }
}

/// A manifest with its header read; its entries still wait for an account.
#[derive(Clone, Debug)]
pub struct Manifest {
    sources: Sources,
    root: Node,
    header: Header,
    params: Params,
    files: Loaded,
    /// What was wrong so far.
    report: Report,
}

impl Manifest {
    /// Reads header, params and document files. `name` is the path as typed. `Err` only where the text is
    /// no YAML map; everything else that is wrong comes with [`Manifest::resolve`].
    pub fn parse(
        name: &str,
        text: &str,
        inputs: &Inputs,
        files: &dyn Files,
    ) -> Result<Manifest, (Vec<Problem>, Sources)> {
        let mut sources = Sources::default();
        let file = sources.add(name, text);
        let mut problems = Vec::new();
        let root = match yaml::parse(text, file, &mut problems) {
            Ok(root) => root,
            Err(problem) => {
                problems.push(problem);
                return Err((problems, sources));
            }
        };
        if !matches!(root.value, NodeValue::Map(_)) {
            problems.push(no_map(&root));
            return Err((problems, sources));
        }
        let mut report = Report::default();
        problems.into_iter().for_each(|problem| report.push(problem));
        let params = Params::read(root.get("params"), inputs, &mut sources, &mut report);
        let header = header::read(&root, &params, &sources, &mut report);
        let paths = {
            let sections = section_names();
            let scope = early(&params, &header, &sections);
            let early = Expander { names: &scope, sources: &sources };
            let written = sections.iter().filter_map(|section| root.get(section));
            written.flat_map(|section| files::paths(&section.value, &early, &mut report)).collect()
        };
        let files = files::load(paths, files, &mut sources);
        Ok(Manifest { sources, root, header, params, files, report })
    }

    /// The header's `name`; empty when it is wrong, which `resolve` reports.
    pub fn deployment(&self) -> &str {
        self.header.deployment.text().unwrap_or_default()
    }

    /// The header's `account`: any other is refused.
    pub fn account(&self) -> Option<&str> {
        self.header.account.text()
    }

    pub fn account_place(&self) -> Option<Place> {
        self.header.account_place
    }

    pub fn region(&self) -> Option<&str> {
        self.header.region.text()
    }

    /// The header's `state`, as written.
    pub fn state(&self) -> Option<&str> {
        self.header.state.as_deref()
    }

    /// Every param with its value in this run.
    pub fn params(&self) -> impl Iterator<Item = (&str, serde_json::Value)> {
        self.params.values()
    }

    pub fn sources(&self) -> &Sources {
        &self.sources
    }

    /// Returns everything that the manifest asks for in this account, with warnings, or all problems of
    /// the whole manifest.
    pub fn resolve(&self, account: &Account) -> Result<(Desired, Vec<Problem>), Vec<Problem>> {
        let mut report = self.report.clone();
        let sections = section_names();
        let early = early(&self.params, &self.header, &sections);
        let early = Expander { names: &early, sources: &self.sources };
        let naming = Naming { account, default_path: self.header.defaults.path.as_deref(), early: &early };
        let declared = naming.read(&self.root, &mut report);
        let scope = Scope {
            params: &self.params,
            account: Some(&self.header.account),
            region: Some(&self.header.region),
            declared: Some(&declared),
            sections: &sections,
        };
        let mut reading = Reading {
            header: &self.header,
            files: &self.files,
            references: References { account, guard: self.header.account.text(), declared: &declared },
            expander: Expander { names: &scope, sources: &self.sources },
            report,
        };
        let mut desired = Desired::nothing(self.deployment(), account.clone());
        for named in declared.all() {
            let entry = reading.entry(named);
            // Half an entry would be blamed again for what it lacks.
            if named.name.is_none() || named.path.is_none() {
                continue;
            }
            for resource in named.spec.declare(account, &entry) {
                if let Err(problem) = desired.insert(resource) {
                    reading.report.push(problem);
                }
            }
        }
        reading.addresses(&self.root, &mut desired);
        desired.outputs = self.outputs(&mut reading);
        let mut report = reading.report;
        desired.dependencies().cycle_problems(&desired).into_iter().for_each(|problem| report.push(problem));
        let failed = report.has_errors();
        let problems = report.into_sorted();
        if failed { Err(problems) } else { Ok((desired, problems.into_iter().filter(is_warning).collect())) }
    }

    fn outputs(&self, reading: &mut Reading) -> IndexMap<String, serde_json::Value> {
        let Some(entry) = self.root.get("outputs") else { return IndexMap::new() };
        let node = reading.expander.node(&entry.value, &mut reading.report);
        let entries = shape::map(&node, "`outputs`", &mut reading.report).unwrap_or_default();
        entries.iter().map(|entry| (entry.key.clone(), expression::to_json(&entry.value))).collect()
    }
}

fn is_warning(problem: &Problem) -> bool {
    problem.severity == Severity::Warning
}

fn section_names() -> Vec<&'static str> {
    names::sections().map(|(_, section)| section.name).collect()
}

/// The scope of names, paths and the header.
fn early<'a>(params: &'a Params, header: &'a Header, sections: &'a [&'static str]) -> Scope<'a> {
    Scope { params, account: Some(&header.account), region: Some(&header.region), declared: None, sections }
}

fn no_map(root: &Node) -> Problem {
    let start = format!("apiVersion: {}", header::API_VERSION);
    match root.value {
        NodeValue::Null => Problem::error("wrong-type", "the manifest is empty").at(root.place).help(start),
        _ => Problem::error("wrong-type", format!("a manifest is a map, this is {}", root.type_name()))
            .at(root.place)
            .help(start),
    }
}

#[cfg(test)]
mod tests;
