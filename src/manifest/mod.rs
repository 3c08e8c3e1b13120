//! `seqera.yaml`: from text to the resources it asks for. All problems of a manifest come in one run.
//!
//! [`Manifest::parse`] reads text, header, params and document files, and fails only when there is no YAML
//! to speak of. [`Manifest::resolve`] knows the account: it names every entry, then reads each key by what
//! its kind's schema says that it accepts. Everything that is wrong anywhere comes from `resolve`.

mod access_keys;
mod addresses;
pub mod blueprint;
pub mod builtin;
mod choice;
mod declarations;
pub mod declared;
mod document;
mod each;
mod expand;
mod expression;
pub mod features;
mod files;
mod findings;
mod header;
mod include;
mod issuer;
mod json_schema;
mod layout;
mod lexer;
mod names;
mod namespace;
mod nearest;
mod overrides;
mod param;
mod param_type;
mod params;
mod parts;
mod reading;
mod reference;
mod report;
mod scope;
mod shape;
pub mod start;
mod tags;
pub mod takeover;
mod trust;
mod trust_rules;
mod uses;
mod within;
mod yaml;
mod yaml_traps;

pub use declared::{Declared, KeyWish, Reference, Said};
pub use json_schema::json_schema;
pub use names::{RESERVED, is_of_forge};
pub use nearest::nearest;
pub use params::{Inputs, ParamValue};
pub use yaml::parse as parse_yaml;

use std::collections::BTreeSet;

use crate::graph::Desired;
use crate::model::{Account, Node, NodeValue};
use crate::problem::{Problem, Severity, Sources};
use expand::Expander;
use files::Loaded;
use header::Header;
use names::Naming;
use namespace::{Namespace, Settled};
use params::Params;
use reading::Reading;
use reference::References;
use report::Report;
use scope::{Scope, Tree};
use uses::Growth;

/// The files beside a manifest. Paths are as the manifest's own was typed.
pub trait Files {
    fn read(&self, path: &str) -> Result<String, String>;

    /// Returns the names in a folder; the folder of a manifest that was typed without one is empty.
    fn list(&self, folder: &str) -> Result<Vec<String>, String>;
}

/// Files that are known by their paths alone.
impl<F: Fn(&str) -> Result<String, String>> Files for F {
    fn read(&self, path: &str) -> Result<String, String> {
        self(path)
    }

    fn list(&self, folder: &str) -> Result<Vec<String>, String> {
        Err(format!("the names in {folder} are not known"))
    }
}

/// A manifest with its header read; its entries still wait for an account.
#[derive(Clone, Debug)]
pub struct Manifest {
    sources: Sources,
    header: Header,
    /// The manifest itself first.
    spaces: Vec<Namespace>,
    files: Loaded,
    /// What was wrong so far.
    report: Report,
}

impl Manifest {
    /// Reads header, params, included files, blueprints and document files. `name` is the path as typed.
    /// `Err` only where the text is no YAML map; everything else that is wrong comes with
    /// [`Manifest::resolve`].
    pub fn parse(
        name: &str,
        text: &str,
        inputs: &Inputs,
        files: &dyn Files,
    ) -> Result<Manifest, (Vec<Problem>, Sources)> {
        let mut sources = Sources::default();
        let file = sources.add(name, text);
        let mut problems = Vec::new();
        let mut root = match yaml::parse(text, file, &mut problems) {
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
        let patterns = {
            let scope = header.scope(&params);
            include::patterns(&root, &Expander { scope, sources: &sources }, &mut report)
        };
        let mut own = vec![file];
        own.extend(include::merge(&mut root, &patterns, files, &mut sources, &mut report));
        let manifest = Namespace::manifest(root, own, params);
        let spaces = Growth::new(manifest, &header, files, &mut sources, &mut report).all();
        let paths = documents(&spaces, &header, &sources);
        let files = Loaded::read(paths, files, &mut sources);
        Ok(Manifest { sources, header, spaces, files, report })
    }

    /// The header's `name`; empty when it is wrong, which `resolve` reports.
    pub fn deployment(&self) -> &str {
        self.header.deployment.text().unwrap_or_default()
    }

    /// The header's `account`: any other is refused.
    pub fn account(&self) -> Option<&str> {
        self.header.account.text()
    }

    pub fn region(&self) -> Option<&str> {
        self.header.region.text()
    }

    /// The partition that the header's `region` is in: what `${{ partition }}` is.
    pub fn partition(&self) -> &'static str {
        Account::partition_of(self.region())
    }

    /// The header's `state`, as written.
    pub fn state(&self) -> Option<&str> {
        self.header.state.as_deref()
    }

    /// Every param with its value in this run.
    pub fn params(&self) -> impl Iterator<Item = (&str, serde_json::Value)> {
        self.spaces.iter().take(1).flat_map(|manifest| manifest.params.values())
    }

    pub fn sources(&self) -> &Sources {
        &self.sources
    }

    /// Returns problems as whoever wrote this manifest can mend them.
    pub fn told(&self, problems: Vec<Problem>) -> Vec<Problem> {
        problems.into_iter().map(|problem| within::told(problem, &self.spaces, &self.sources)).collect()
    }

    /// Returns everything that the manifest asks for in this account, with warnings, or all problems of
    /// the whole manifest.
    pub fn resolve(&self, account: &Account) -> Result<(Desired, Vec<Problem>), Vec<Problem>> {
        let mut report = self.report.clone();
        let early = uses::early(&self.spaces, 0, &self.header, &self.sources);
        let declared = Naming::new(account, &self.spaces, early.clone()).read(&mut report);
        let settled = Settled::nothing(self.spaces.len());
        let tree = Tree { spaces: &self.spaces, at: 0, declared: Some(&declared), settled: Some(&settled) };
        let scope = Scope { tree: Some(tree), ..early.scope };
        let mut reading = Reading {
            files: &self.files,
            references: References { account, guard: self.header.account.text(), declared: &declared, tree },
            expander: Expander { scope, sources: &self.sources },
            settled: &settled,
            report,
            silenced: Vec::new(),
            arn: None,
            granting: Vec::new(),
            warned: BTreeSet::new(),
        };
        reading.settle(0);
        let mut desired = Desired::nothing(self.deployment(), account.clone());
        desired.manifest.clone_from(&self.sources.get(0).name);
        for named in declared.all() {
            let read = settled.split.take(&named.address);
            let mut entry = read.unwrap_or_else(|| reading.named(named));
            reading.with_all_parts(&mut entry);
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
        reading.enter(0);
        reading.addresses(&self.spaces[0].root, &mut desired);
        let json = |node: &Option<Node>| node.as_ref().map_or(serde_json::Value::Null, expression::to_json);
        let outputs = settled.outputs(0).into_iter().flatten();
        desired.outputs = outputs.map(|(name, node)| (name.clone(), json(node))).collect();
        let Reading { mut report, granting, .. } = reading;
        desired.dependencies().cycle_problems(&desired).into_iter().for_each(|problem| report.push(problem));
        access_keys::shared_files(&desired).into_iter().for_each(|problem| report.push(problem));
        let failed = report.has_errors();
        let problems = findings::without_boundaries(report.into_sorted(), &granting, &desired);
        let said = |problem: &Problem| !within::follows(problem, &self.spaces, &settled, &self.sources);
        let problems = self.told(problems.into_iter().filter(said).collect());
        if failed { Err(problems) } else { Ok((desired, problems.into_iter().filter(is_warning).collect())) }
    }
}

/// Returns the paths of all documents that the entries name.
fn documents(spaces: &[Namespace], header: &Header, sources: &Sources) -> Vec<String> {
    let mut found = Vec::new();
    for (at, space) in spaces.iter().enumerate() {
        let early = uses::early(spaces, at, header, sources);
        let written = names::sections().filter_map(|(_, section)| space.root.get(section.name));
        written.for_each(|section| files::named(&section.value, &early, &mut found));
    }
    found
}

fn is_warning(problem: &Problem) -> bool {
    problem.severity == Severity::Warning
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
